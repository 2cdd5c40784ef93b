/* SPDX-License-Identifier: MIT */
/* The protocol of sd_notify(3): datagrams to $NOTIFY_SOCKET. */
#include "host/control/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* "/run/systemd/notify", or "@name" in the abstract name space, where a zero stands for the '@' (unix(7)). */
static int address_of(const char *name, struct sockaddr_un *address, socklen_t *ret_len)
{
	size_t len = strlen(name);

	if ((name[0] != '/' && name[0] != '@') || len < 2 || len >= sizeof(address->sun_path)) {
		return -EINVAL;
	}
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(address->sun_path, name, len);
	if (name[0] == '@') {
		address->sun_path[0] = '\0';
	}
	*ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (name[0] == '/'));
	return 0;
}

static uint64_t watchdog_wanted(void)
{
	const char *us = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	char *end = NULL;
	unsigned long long value = us != NULL ? strtoull(us, &end, 10) : 0;

	if (us == NULL || end == us || *end != '\0' || (pid != NULL && strtol(pid, NULL, 10) != (long)getpid())) {
		return 0;
	}
	return value;
}

/* "fd:3". */
static int inherited(const char *text)
{
	char *end = NULL;
	long fd = strtol(text, &end, 10);
	struct sockaddr_un address;
	socklen_t len = sizeof(address);

	if (end == text || *end != '\0' || fd < 3 || fd > INT_MAX ||
	    getsockname((int)fd, (struct sockaddr *)&address, &len) != 0 || address.sun_family != AF_UNIX) {
		return -EINVAL;
	}
	fcntl((int)fd, F_SETFD, FD_CLOEXEC);
	fcntl((int)fd, F_SETFL, O_NONBLOCK);
	return (int)fd;
}

static int connected(const char *name)
{
	struct sockaddr_un address;
	socklen_t len;
	int r = address_of(name, &address, &len), fd;

	if (r < 0) {
		return r;
	}
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, len) != 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd >= 0 ? fd : -errno;
}

int notify_open(struct notify *ret_notify)
{
	const char *name = getenv("NOTIFY_SOCKET");
	int fd = -ENODATA;

	if (name != NULL && name[0] != '\0') {
		fd = strncmp(name, "fd:", 3) == 0 ? inherited(name + 3) : connected(name);
	}
	*ret_notify = (struct notify){ .fd = fd >= 0 ? fd : -1, .watchdog_us = fd >= 0 ? watchdog_wanted() : 0 };
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return fd >= 0 ? 0 : fd;
}

void notify_close(struct notify *notify)
{
	if (notify->fd >= 0) {
		close(notify->fd);
	}
	notify->fd = -1;
}

bool notify_send(const struct notify *notify, const char *message)
{
	size_t len = strlen(message);

	return notify->fd >= 0 && send(notify->fd, message, len, MSG_NOSIGNAL) == (ssize_t)len;
}

size_t notify_receive(int fd, char *ret_message, size_t size)
{
	ssize_t got = recv(fd, ret_message, size - 1, MSG_DONTWAIT);

	got = got > 0 ? got : 0;
	ret_message[got] = '\0';
	return (size_t)got;
}

bool notify_value(const char *message, const char *name, char *ret_value, size_t size)
{
	size_t name_len = strlen(name);

	for (const char *line = message; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, name_len) == 0 && line[name_len] == '=') {
			const char *value = line + name_len + 1;
			snprintf(ret_value, size, "%.*s", (int)strcspn(value, "\n"), value);
			return true;
		}
	}
	return false;
}
