/* SPDX-License-Identifier: MIT */
/* notify_print PATH: a service manager that only listens; prints each message as a line, `READY=1|STATUS=...`. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char message[4096];
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ssize_t got;

	if (argc != 2 || snprintf(address.sun_path, sizeof(address.sun_path), "%s", argv[1]) >=
				 (int)sizeof(address.sun_path)) {
		fputs("usage: notify_print PATH\n", stderr);
		return 2;
	}
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		perror(argv[1]);
		return 1;
	}
	while ((got = recv(fd, message, sizeof(message) - 1, 0)) >= 0) {
		message[got] = '\0';
		for (char *end = message; (end = strchr(end, '\n')) != NULL;) {
			*end = '|';
		}
		puts(message);
		fflush(stdout);
	}
	return 1;
}
