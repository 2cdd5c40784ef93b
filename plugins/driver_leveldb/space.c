/* SPDX-License-Identifier: MIT */
/* Room on the disk: a file that is given up so that a full store can still be opened again. */
#include "space.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define RESERVE_NAME "RESERVE"

static int folder_make(const char *path)
{
	char *copy = strdup(path);
	int r = 0;

	if (copy == NULL) {
		return -ENOMEM;
	}
	for (char *slash = strchr(copy + 1, '/'); r == 0 && slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		r = mkdir(copy, 0700) < 0 && errno != EEXIST ? -errno : 0;
		*slash = '/';
	}
	if (r == 0 && mkdir(copy, 0700) < 0 && errno != EEXIST) {
		r = -errno;
	}
	free(copy);
	return r;
}

static int path_make(const struct space *space, const char *name, char *ret_path, size_t size)
{
	int len = snprintf(ret_path, size, "%s/%s", space->folder, name);

	return len < 0 || (size_t)len >= size ? -ENAMETOOLONG : 0;
}

static int reserve_there(const struct space *space)
{
	char path[4096];
	struct stat st;

	return path_make(space, RESERVE_NAME, path, sizeof(path)) == 0 && stat(path, &st) == 0 &&
	       st.st_size >= space->reserve;
}

/* Under another name until it is whole, so that a reserve that is there is a whole one. */
static int reserve_make(const struct space *space)
{
	char path[4096], made[4096];

	if (path_make(space, RESERVE_NAME, path, sizeof(path)) < 0 ||
	    path_make(space, RESERVE_NAME ".new", made, sizeof(made)) < 0) {
		return -ENAMETOOLONG;
	}
	int fd = open(made, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0) {
		return -errno;
	}
	int r = -posix_fallocate(fd, 0, space->reserve);

	close(fd);
	if (r == 0 && rename(made, path) < 0) {
		r = -errno;
	}
	if (r < 0) {
		unlink(made);
	}
	return r;
}

int32_t space_open(struct space *space, const char *folder, int64_t reserve, int64_t margin,
		   struct troupe_error *reterr)
{
	int r = folder_make(folder);

	if (r < 0) {
		reterr->status = TROUPE_UNKNOWN;
		snprintf(reterr->text, sizeof(reterr->text), "%.180s: cannot make this folder: %s", folder, strerror(-r));
		snprintf(reterr->help, sizeof(reterr->help), "set `path` to a folder that this user may write");
		return TROUPE_UNKNOWN;
	}
	space->folder = strdup(folder);
	if (space->folder == NULL) {
		return TROUPE_UNKNOWN;
	}
	space->reserve = reserve;
	space->margin = margin;
	space->full = !reserve_there(space);
	space_ready(space);
	return TROUPE_OK;
}

void space_close(struct space *space)
{
	free(space->folder);
	space->folder = NULL;
}

int space_ready(struct space *space)
{
	struct statvfs fs;

	if (!space->full) {
		return 1;
	}
	if (statvfs(space->folder, &fs) < 0 ||
	    fs.f_bavail * (uint64_t)fs.f_frsize < (uint64_t)(space->reserve + space->margin)) {
		return 0;
	}
	space->full = reserve_make(space) < 0;
	return !space->full;
}

void space_give_up(struct space *space)
{
	char path[4096];

	space->full = 1;
	if (path_make(space, RESERVE_NAME, path, sizeof(path)) == 0) {
		unlink(path);
	}
}
