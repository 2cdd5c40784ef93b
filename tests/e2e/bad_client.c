/* SPDX-License-Identifier: MIT */
/* A client of no good will, for bad_input.sh: sends bytes as no client should and says what came back. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bad_socket.h"

#define PATIENCE_MS 10000
#define QUIET_MS 150

/* Bytes with their length; a string literal may hold NULs. */
#define BYTES(text) (const uint8_t *)(text), sizeof(text) - 1
#define HELLO "\1\0\1\0\2\0\0\0\10\1"
#define PING "\3\0\2\0\0\0\0\0"
#define REFUSED(reason) "Error:" reason " Bye:" reason " closed"

enum how { WHOLE, BYTEWISE, THEN_SHUT };

static const struct conversation {
	const char *server, *name;
	const uint8_t *bytes;
	size_t len;
	enum how how;
	const char *expected; /* each event once in a row; ends with "open" or "closed" */
} conversations[] = {
	{ "both", "one byte at a time", BYTES(HELLO PING PING), BYTEWISE, "HelloOk Pong open" },
	{ "both", "half a head", BYTES(HELLO "\3\0\1\0\2"), THEN_SHUT, "HelloOk closed" },
	{ "both", "half a body", BYTES(HELLO "\3\0\1\0\12\0\0\0\10"), THEN_SHUT, "HelloOk closed" },
	{ "both", "nothing at all", BYTES(""), THEN_SHUT, "closed" },
	{ "both", "length 0 where that is fine", BYTES(HELLO PING), WHOLE, "HelloOk Pong open" },
	{ "both", "Hello of length 0", BYTES("\1\0\1\0\0\0\0\0"), WHOLE, REFUSED("client.wrong_version") },
	{ "both", "length 0xFFFFFFFF", BYTES(HELLO "\3\0\1\0\377\377\377\377"), WHOLE,
	  "HelloOk " REFUSED("client.frame_too_long") },
	{ "both", "length 0xFFFFFFFF in the first frame", BYTES("\1\0\1\0\377\377\377\377"), WHOLE,
	  REFUSED("client.frame_too_long") },
	{ "both", "one byte above the bound", BYTES(HELLO "\3\0\1\0\1\20\0\0"), WHOLE,
	  "HelloOk " REFUSED("client.frame_too_long") },
	{ "both", "another protocol version", BYTES("\1\0\1\0\2\0\0\0\10\2"), WHOLE, REFUSED("client.wrong_version") },
	{ "both", "a web browser", BYTES("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), WHOLE,
	  REFUSED("client.frame_too_long") },
	{ "both", "Hello twice", BYTES(HELLO HELLO), WHOLE, "HelloOk " REFUSED("client.wrong_state") },
	{ "both", "Ping that does not unpack", BYTES(HELLO "\3\0\1\0\1\0\0\0\377"), WHOLE,
	  "HelloOk " REFUSED("client.malformed") },
	{ "both", "a varint without end", BYTES(HELLO "\3\0\1\0\14\0\0\0\10\377\377\377\377\377\377\377\377\377\377\377"),
	  WHOLE, "HelloOk " REFUSED("client.malformed") },
	{ "both", "Hello that is not UTF-8", BYTES("\1\0\1\0\6\0\0\0\10\1\22\2\377\376"), WHOLE,
	  REFUSED("client.malformed") },
	{ "account", "an unknown event", BYTES(HELLO "\347\3\1\0\0\0\0\0"), WHOLE,
	  "HelloOk " REFUSED("client.unknown_event") },
	{ "account", "event 0", BYTES(HELLO "\0\0\0\0\0\0\0\0"), WHOLE, "HelloOk " REFUSED("client.unknown_event") },
	{ "account", "a server's own event", BYTES(HELLO "\2\0\1\0\0\0\0\0"), WHOLE,
	  "HelloOk " REFUSED("client.unknown_event") },
	{ "account", "Login before Hello", BYTES("\12\0\1\0\0\0\0\0"), WHOLE, REFUSED("client.wrong_state") },
	{ "account", "ChooseShard before Login", BYTES(HELLO "\17\0\1\0\3\0\0\0\12\1m"), WHOLE,
	  "HelloOk " REFUSED("client.wrong_state") },
	{ "account", "Login that is not UTF-8", BYTES(HELLO "\12\0\1\0\6\0\0\0\12\4\303\50\303\50"), WHOLE,
	  "HelloOk " REFUSED("client.malformed") },
	{ "frontend", "Enter before Hello", BYTES("\24\0\1\0\0\0\0\0"), WHOLE, REFUSED("client.wrong_state") },
	{ "frontend", "an avatar before a ticket", BYTES(HELLO "\31\0\1\0\2\0\0\0\10\1"), WHOLE,
	  "HelloOk " REFUSED("client.wrong_state") },
	{ "frontend", "a purchase before a ticket", BYTES(HELLO "\121\0\1\0\0\0\0\0"), WHOLE,
	  "HelloOk " REFUSED("client.wrong_state") },
	{ "frontend", "an unknown event before a ticket", BYTES(HELLO "\347\3\1\0\0\0\0\0"), WHOLE,
	  "HelloOk " REFUSED("client.wrong_state") },
	{ "frontend", "Enter without a ticket", BYTES(HELLO "\24\0\1\0\0\0\0\0"), WHOLE,
	  "HelloOk " REFUSED("account.ticket_unknown") },
	{ "frontend", "a ticket of 3 bytes", BYTES(HELLO "\24\0\1\0\5\0\0\0\12\3abc"), WHOLE,
	  "HelloOk " REFUSED("account.ticket_unknown") },
	{ "frontend", "a guessed ticket",
	  BYTES(HELLO "\24\0\1\0\42\0\0\0\12\40" "0123456789abcdef0123456789abcdef"), WHOLE,
	  "HelloOk " REFUSED("account.ticket_unknown") },
};

static int talk(const struct conversation *talk, const char *server, unsigned port)
{
	struct transcript transcript = { .fd = bad_connect(port, "127.0.0.9") };
	size_t piece = talk->how == BYTEWISE ? 1 : talk->len;
	int fine;

	for (size_t at = 0; at < talk->len; at += piece) {
		bad_send(transcript.fd, talk->bytes + at, piece);
		if (talk->how == BYTEWISE) {
			poll(NULL, 0, 2); /* so that each comes alone */
		}
	}
	if (talk->how == THEN_SHUT) {
		bad_shut(transcript.fd);
	}
	transcript_read(&transcript, talk->expected, PATIENCE_MS, QUIET_MS);
	fine = strcmp(transcript.text, talk->expected) == 0;
	printf("%sok - %s: %s\n", fine ? "" : "not ", server, talk->name);
	if (!fine) {
		printf("# expected: %s\n# got: %s\n", talk->expected, transcript.text);
	}
	close(transcript.fd);
	return fine;
}

static int talk_all(const char *server, unsigned port)
{
	int fine = 1;

	for (size_t i = 0; i < sizeof(conversations) / sizeof(conversations[0]); i++) {
		const struct conversation *one = &conversations[i];

		if (strcmp(one->server, "both") == 0 || strcmp(one->server, server) == 0) {
			fine &= talk(one, server, port);
		}
	}
	return fine;
}

/* silent: connections that say nothing, or one byte of a frame. All must be told why, and closed. */
static int silent(const char *server, unsigned port, unsigned count)
{
	struct pollfd *fds = calloc(count, sizeof(*fds));
	unsigned told = 0, left = count;
	uint64_t until;
	char address[32];

	for (unsigned i = 0; i < count; i++) {
		/* from 8 connections an address, for servers that bound what comes from one network */
		snprintf(address, sizeof(address), "127.1.%u.%u", i / 8 / 250, 1 + i / 8 % 250);
		fds[i] = (struct pollfd){ .fd = bad_connect(port, address), .events = POLLIN };
		if (i % 2 == 0) {
			bad_send(fds[i].fd, BYTES("\1"));
		}
	}
	until = bad_now_ms() + 6 * PATIENCE_MS;
	while (left > 0 && bad_now_ms() < until && poll(fds, count, 100) >= 0) {
		for (unsigned i = 0; i < count; i++) {
			uint8_t bytes[256];
			ssize_t len = fds[i].fd >= 0 && fds[i].revents != 0 ? read(fds[i].fd, bytes, sizeof(bytes)) : -2;

			if (len > 0) {
				told += bytes[0] == 92; /* Bye */
			} else if (len != -2 && (len == 0 || errno != EAGAIN)) {
				close(fds[i].fd);
				fds[i].fd = -1;
				left--;
			}
		}
	}
	printf("%sok - %s: %u silent connections\n", told == count && left == 0 ? "" : "not ", server, count);
	printf("# %u were told why, %u were left open\n", told, left);
	free(fds);
	return told == count && left == 0;
}

/* pour: sends a frame again and again and reads nothing until the server closes; 1 if it does. */
static int pour(int fd, const uint8_t *frame, size_t frame_len, unsigned pause_us)
{
	uint64_t until = bad_now_ms() + 6 * PATIENCE_MS;
	uint8_t block[4096];
	size_t len = sizeof(block) / frame_len * frame_len;

	for (size_t at = 0; at < len; at += frame_len) {
		memcpy(block + at, frame, frame_len);
	}
	while (bad_now_ms() < until) {
		struct pollfd wait = { .fd = fd, .events = POLLOUT };

		poll(&wait, 1, 1000);
		if (wait.revents & (POLLERR | POLLHUP)) {
			return 1;
		}
		/* a whole block or a piece of it: the rest goes first then, so that frames stay whole */
		for (size_t at = 0; (wait.revents & POLLOUT) && at < len;) {
			ssize_t sent = send(fd, block + at, len - at, MSG_NOSIGNAL | MSG_DONTWAIT);

			if (sent < 0 && errno != EAGAIN) {
				return 1;
			}
			at += sent > 0 ? (size_t)sent : 0;
			if (sent < 0 && poll(&wait, 1, 1000) == 1 && (wait.revents & (POLLERR | POLLHUP))) {
				return 1;
			} else if (bad_now_ms() > until) {
				return 0;
			}
		}
		usleep(pause_us);
	}
	return 0;
}

static int never_reads(const char *server, unsigned port)
{
	int fd = bad_connect(port, "127.0.0.9"), fine;

	bad_send(fd, BYTES(HELLO));
	fine = pour(fd, BYTES(PING), 0);
	printf("%sok - %s: a client that never reads\n", fine ? "" : "not ", server);
	close(fd);
	return fine;
}

/* enter: connects with a ticket, 64 hexadecimal digits; 1 if the front-end takes it. */
static int enter(struct transcript *transcript, unsigned port, const char *ticket)
{
	uint8_t frame[10 + 32] = { 20, 0, 1, 0, 34, 0, 0, 0, 10, 32 };

	for (unsigned i = 0, byte; i < 32 && sscanf(ticket + 2 * i, "%2x", &byte) == 1; i++) {
		frame[10 + i] = (uint8_t)byte;
	}
	*transcript = (struct transcript){ .fd = bad_connect(port, "127.0.0.9") };
	bad_send(transcript->fd, BYTES(HELLO));
	bad_send(transcript->fd, frame, sizeof(frame));
	transcript_read(transcript, "HelloOk EnterOk open", PATIENCE_MS, QUIET_MS);
	return strcmp(transcript->text, "HelloOk EnterOk open") == 0;
}

/* inside: a player's session ends with an event that nobody knows. */
static int inside(unsigned port, const char *ticket)
{
	static const char expected[] = "HelloOk EnterOk open " REFUSED("client.unknown_event");
	struct transcript transcript;
	int fine = enter(&transcript, port, ticket);

	bad_send(transcript.fd, BYTES("\347\3\1\0\0\0\0\0"));
	transcript_read(&transcript, expected, PATIENCE_MS, QUIET_MS);
	fine = fine && strcmp(transcript.text, expected) == 0;
	printf("%sok - frontend: an unknown event from a player\n# %s\n", fine ? "" : "not ", transcript.text);
	close(transcript.fd);
	return fine;
}

/* slow: has a session, asks for what is long, within its rate, and reads nothing. */
static int slow(unsigned port, const char *ticket)
{
	struct transcript transcript;
	int fine = enter(&transcript, port, ticket) && pour(transcript.fd, BYTES("\120\0\2\0\0\0\0\0"), 400000); /* offers */

	printf("%sok - frontend: a player who never reads\n# %s\n", fine ? "" : "not ", transcript.text);
	close(transcript.fd);
	return fine;
}

/* overrun: sends a frame again and again as fast as it can, and reads all answers, until the server closes; 1 if it does. */
static int overrun(int fd, const uint8_t *frame, size_t frame_len)
{
	uint64_t until = bad_now_ms() + 6 * PATIENCE_MS;
	size_t at = 0;
	char answers[65536];

	while (bad_now_ms() < until) {
		struct pollfd wait = { .fd = fd, .events = POLLOUT | POLLIN };
		ssize_t got;

		poll(&wait, 1, 1000);
		got = recv(fd, answers, sizeof(answers), MSG_DONTWAIT);
		if (got == 0 || (got < 0 && errno != EAGAIN)) {
			return 1;
		}
		for (int i = 0; i < 1000; i++) {
			ssize_t sent = send(fd, frame + at, frame_len - at, MSG_NOSIGNAL | MSG_DONTWAIT);

			if (sent <= 0) {
				break;
			}
			at = (at + (size_t)sent) % frame_len;
		}
	}
	return 0;
}

/* flood: has a session, and says far more than its rate allows: long lines, which cost much and are answered in few bytes. */
static int flood(unsigned port, const char *ticket)
{
	static uint8_t line[8 + 4 + 60000] = "\106\0\2\0\144\352\0\0\022\340\324\3"; /* chat, its field 2 of 60000 bytes */
	struct transcript transcript;
	int fine;

	memset(line + 12, 'x', sizeof(line) - 12);
	fine = enter(&transcript, port, ticket) && overrun(transcript.fd, line, sizeof(line));

	printf("%sok - frontend: a player who sends too much\n# %s\n", fine ? "" : "not ", transcript.text);
	close(transcript.fd);
	return fine;
}

int main(int argc, char **argv)
{
	unsigned port = argc > 3 ? (unsigned)atoi(argv[3]) : 0;
	struct rlimit files;
	int fine;

	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	if (port == 0) {
		fprintf(stderr, "usage: bad_client talk|silent|never_reads|inside|flood|slow SERVER PORT [COUNT|TICKET]\n");
		return 2;
	}
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	if (strcmp(argv[1], "talk") == 0) {
		fine = talk_all(argv[2], port);
	} else if (strcmp(argv[1], "silent") == 0) {
		fine = silent(argv[2], port, argc > 4 ? (unsigned)atoi(argv[4]) : 1);
	} else if (strcmp(argv[1], "never_reads") == 0) {
		fine = never_reads(argv[2], port);
	} else if (strcmp(argv[1], "inside") == 0) {
		fine = inside(port, argc > 4 ? argv[4] : "");
	} else if (strcmp(argv[1], "flood") == 0) {
		fine = flood(port, argc > 4 ? argv[4] : "");
	} else {
		fine = slow(port, argc > 4 ? argv[4] : "");
	}
	return fine ? 0 : 1;
}
