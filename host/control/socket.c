/* SPDX-License-Identifier: MIT */
/* The state folder's lock and control socket. */
#include "host/control/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define NAME "control.sock"

int socket_lock(const char *state, pid_t *ret_pid)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[PATH_MAX];

	*ret_pid = 0;
	if (snprintf(path, sizeof(path), "%s/host.lock", state) >= (int)sizeof(path)) {
		return -ENAMETOOLONG;
	}
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0) {
		return -errno;
	}
	if (fcntl(fd, F_SETLK, &lock) == 0) {
		return fd;
	}
	int error = errno == EACCES || errno == EAGAIN ? EBUSY : errno;
	if (fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK) {
		*ret_pid = lock.l_pid;
	}
	close(fd);
	return -error;
}

/* An address holds 108 bytes and folders can be deeper; so the folder is opened and named by its descriptor. Returns
 * the folder's descriptor or -errno. */
static int address_of(const char *state, struct sockaddr_un *address)
{
	int folder = open(state, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (folder < 0) {
		return -errno;
	}
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/" NAME, folder);
	return folder;
}

int socket_listen(const char *state)
{
	struct sockaddr_un address;
	int folder = address_of(state, &address), fd, r = 0;

	if (folder < 0) {
		return folder;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	unlinkat(folder, NAME, 0);
	mode_t mask = umask(0177);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 16) != 0) {
		r = -errno;
	}
	umask(mask);
	close(folder);
	if (r < 0 && fd >= 0) {
		close(fd);
	}
	return r < 0 ? r : fd;
}

void socket_remove(const char *state)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/" NAME, state) < (int)sizeof(path)) {
		unlink(path);
	}
}

int socket_connect(const char *state)
{
	static const struct timeval patience = { .tv_sec = 1 }, endless = { 0 };
	struct sockaddr_un address;
	int folder = address_of(state, &address);

	if (folder < 0) {
		return folder;
	}
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* A process that is stopped accepts nobody; when its queue is full, connect waits for as long as one may send. */
	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	}
	int r = fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ? -errno : fd;
	if (r < 0 && fd >= 0) {
		close(fd);
	} else if (r >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &endless, sizeof(endless));
	}
	close(folder);
	return r;
}

static void uid_name(uid_t uid, char *ret_name, size_t size)
{
	snprintf(ret_name, size, uid == 0 ? "root" : "uid %u", (unsigned)uid);
}

void socket_user(char *ret_name, size_t size)
{
	struct passwd entry, *user = NULL;
	char bytes[4096];

	if (getpwuid_r(geteuid(), &entry, bytes, sizeof(bytes), &user) == 0 && user != NULL) {
		snprintf(ret_name, size, "%s", user->pw_name);
	} else {
		uid_name(geteuid(), ret_name, size);
	}
}

void socket_operator(uid_t uid, const char *claimed, const char *own, char *ret_name, size_t size)
{
	if (uid == 0 && claimed[0] != '\0') {
		snprintf(ret_name, size, "%s", claimed);
	} else if (uid == geteuid()) {
		snprintf(ret_name, size, "%s", own);
	} else {
		uid_name(uid, ret_name, size);
	}
}
