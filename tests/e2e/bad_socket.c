/* SPDX-License-Identifier: MIT */
/* Sockets for clients that misbehave. */
#include "bad_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client.pb-c.h"

int bad_connect(unsigned port, const char *from)
{
	struct sockaddr_in local = { .sin_family = AF_INET };
	struct sockaddr_in server = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1, small = 4096;

	inet_pton(AF_INET, from, &local.sin_addr);
	inet_pton(AF_INET, "127.0.0.1", &server.sin_addr);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	if (fd < 0 || bind(fd, (struct sockaddr *)&local, sizeof(local)) != 0 ||
	    connect(fd, (struct sockaddr *)&server, sizeof(server)) != 0) {
		printf("not ok - connect to port %u from %s\n# %s\n", port, from, strerror(errno));
		exit(1);
	}
	return fd;
}

void bad_send(int fd, const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);

		if (sent <= 0) {
			return;
		}
		bytes += sent;
		len -= (size_t)sent;
	}
}

void bad_shut(int fd)
{
	shutdown(fd, SHUT_WR);
}

uint64_t bad_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* note: adds a word unless it is the last one already. */
static void note(struct transcript *transcript, const char *word, const char *reason)
{
	char text[160];
	size_t len = strlen(transcript->text);
	const char *last = strrchr(transcript->text, ' ');

	snprintf(text, sizeof(text), "%s%s%s", word, reason != NULL ? ":" : "", reason != NULL ? reason : "");
	if (strcmp(last != NULL ? last + 1 : transcript->text, text) != 0) {
		snprintf(transcript->text + len, sizeof(transcript->text) - len, "%s%s", len > 0 ? " " : "", text);
	}
}

static void note_frame(struct transcript *transcript, unsigned event, const uint8_t *body, size_t len)
{
	static const char *const names[] = { [2] = "HelloOk", [4] = "Pong", [6] = "RegisterResult", [11] = "LoginResult",
					     [21] = "EnterOk" };
	char number[16];

	if (event == 90) {
		Client__Error *error = client__error__unpack(NULL, len, body);

		note(transcript, "Error", error != NULL ? error->reason : "(does not unpack)");
		client__error__free_unpacked(error, NULL);
	} else if (event == 92) {
		Client__Bye *bye = client__bye__unpack(NULL, len, body);

		note(transcript, "Bye", bye != NULL ? bye->reason : "(does not unpack)");
		client__bye__free_unpacked(bye, NULL);
	} else if (event < sizeof(names) / sizeof(names[0]) && names[event] != NULL) {
		note(transcript, names[event], NULL);
	} else {
		snprintf(number, sizeof(number), "%u", event);
		note(transcript, number, NULL);
	}
}

static void note_frames(struct transcript *transcript)
{
	const uint8_t *at = transcript->bytes;
	size_t left = transcript->len;

	while (left >= 8) {
		size_t len = at[4] | (size_t)at[5] << 8 | (size_t)at[6] << 16 | (size_t)at[7] << 24;

		if (left - 8 < len) {
			break;
		}
		note_frame(transcript, at[0] | (unsigned)at[1] << 8, at + 8, len);
		at += 8 + len;
		left -= 8 + len;
	}
	memmove(transcript->bytes, at, left);
	transcript->len = left;
}

void transcript_read(struct transcript *transcript, const char *expected, int patience_ms, int quiet_ms)
{
	uint64_t until = bad_now_ms() + (uint64_t)patience_ms;
	int is_open = 1;

	while (is_open && bad_now_ms() < until) {
		struct pollfd wait = { .fd = transcript->fd, .events = POLLIN };
		size_t seen = strlen(transcript->text);
		int done = strncmp(expected, transcript->text, seen) == 0 && strcmp(expected + seen, " open") == 0;
		ssize_t len;

		if (poll(&wait, 1, done ? quiet_ms : 100) == 0) {
			if (done) {
				break;
			}
			continue;
		}
		len = recv(transcript->fd, transcript->bytes + transcript->len,
			   sizeof(transcript->bytes) - transcript->len, 0);
		if (len <= 0) {
			is_open = 0;
		} else {
			transcript->len += (size_t)len;
			note_frames(transcript);
		}
	}
	note(transcript, is_open ? "open" : "closed", NULL);
}
