/* SPDX-License-Identifier: MIT */
/* The folder of key files. */
#include "host/bus/key_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "host/paths.h"

int key_refuse(const struct key_folder *folder, int error, const char *suffix, const char *why, const char *help, ...)
{
	struct troupe_error *reterr = folder->reterr;
	va_list list;

	reterr->status = error == -ENOENT   ? TROUPE_NOT_FOUND
			 : error == -EACCES ? TROUPE_PERMISSION_DENIED
			 : error == -ENOSPC ? TROUPE_RESOURCE_EXHAUSTED
					    : TROUPE_FAILED_PRECONDITION;
	snprintf(reterr->text, sizeof(reterr->text), "%.120s%s/%s%s: %s", folder->state, folder->given ? "" : "/keys",
		 folder->name, suffix, why);
	va_start(list, help);
	vsnprintf(reterr->help, sizeof(reterr->help), help, list);
	va_end(list);
	return error;
}

int key_refuse_errno(const struct key_folder *folder, int error, const char *suffix)
{
	return key_refuse(folder, error, suffix, strerror(-error),
			  error == -ENOSPC ? "free some space" :
					     "run this as the user who runs the host, and see who may use the folder");
}

int key_folder_open(struct key_folder *folder, const char *state, const char *name, bool make,
		    struct troupe_error *reterr)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.");
	char path[PATH_MAX];
	int r = 0;

	*folder = (struct key_folder){ .state = state, .name = name, .fd = -1, .reterr = reterr };
	if (len == 0 || len > KEY_NAME_MAX || name[len] != '\0' || name[0] == '.') {
		reterr->status = TROUPE_INVALID_ARGUMENT;
		snprintf(reterr->text, sizeof(reterr->text), "\"%.80s\" is no name of a host", name);
		snprintf(reterr->help, sizeof(reterr->help), "names are made of a-z, 0-9 and _");
		return -EINVAL;
	}
	if (snprintf(path, sizeof(path), "%s/keys", state) >= (int)sizeof(path)) {
		return key_refuse(folder, -ENAMETOOLONG, "", "the path is too long", "use a state folder with a shorter path");
	}
	if (make) {
		r = paths_make_folder(state);
		r = r == 0 ? paths_make_folder(path) : r;
	}
	folder->fd = r == 0 ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (folder->fd >= 0) {
		return 0;
	}
	r = r < 0 ? r : -errno;
	if (r == -ENOENT) {
		return key_refuse(folder, r, ".key", "there is no key", "make one: troupe key new %s --state %.100s", name,
				  state);
	}
	return key_refuse_errno(folder, r, "");
}

int key_folder_lock(struct key_folder *folder, const char *state, const char *name, struct troupe_error *reterr)
{
	int r = key_folder_open(folder, state, name, true, reterr);

	while (r == 0 && flock(folder->fd, LOCK_EX) < 0) {
		if (errno != EINTR) {
			r = key_refuse_errno(folder, -errno, "");
			close(folder->fd);
		}
	}
	return r;
}

int key_file_read(const struct key_folder *folder, const char *suffix, char *bytes, size_t size, struct stat *ret_stat)
{
	char file[KEY_NAME_MAX + 16];
	size_t len = 0;
	ssize_t n = 1;

	snprintf(file, sizeof(file), "%s%s", folder->name, suffix);
	int fd = openat(folder->fd, file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 || fstat(fd, ret_stat) < 0) {
		int r = -errno;

		if (fd >= 0) {
			close(fd);
		}
		return r;
	}
	while (n > 0 && len < size) {
		n = read(fd, bytes + len, size - len);
		len += n > 0 ? (size_t)n : 0;
	}
	int r = n < 0 ? -errno : (int)len;

	close(fd);
	return r;
}

int key_file_write(const struct key_folder *folder, const char *suffix, mode_t mode, const char *bytes, size_t len)
{
	char file[KEY_NAME_MAX + 16], made[KEY_NAME_MAX + 32];
	int r = 0;

	snprintf(file, sizeof(file), "%s%s", folder->name, suffix);
	snprintf(made, sizeof(made), "%s.new", file);
	unlinkat(folder->fd, made, 0); /* what a crash has left */
	int fd = openat(folder->fd, made, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

	if (fd < 0) {
		return key_refuse_errno(folder, -errno, suffix);
	}
	ssize_t n = write(fd, bytes, len);

	if (n != (ssize_t)len) {
		r = n < 0 ? -errno : -ENOSPC;
	}
	if (r == 0 && fsync(fd) < 0) {
		r = -errno;
	}
	close(fd);
	if (r == 0 && (renameat(folder->fd, made, folder->fd, file) < 0 || fsync(folder->fd) < 0)) {
		r = -errno;
	}
	if (r < 0) {
		unlinkat(folder->fd, made, 0);
		return key_refuse_errno(folder, r, suffix);
	}
	return 0;
}
