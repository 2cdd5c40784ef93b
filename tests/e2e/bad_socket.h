/* SPDX-License-Identifier: MIT */
/* Sockets for clients that misbehave, and what a server said to them as one line. */
#ifndef TESTS_E2E_BAD_SOCKET_H
#define TESTS_E2E_BAD_SOCKET_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/*
 * What a server sent: the events in their order, several in a row of one kind once, with the reason after a colon
 * ("HelloOk Pong Error:client.rate"), and at the end "open" or "closed".
 */
struct transcript {
	int fd;
	char text[1024];
	uint8_t bytes[65536];
	size_t len;
};

/* bad_connect: connected to 127.0.0.1:port from the address `from`, with a small receive buffer. Ends the program if the
 * server does not take it. */
int bad_connect(unsigned port, const char *from);
/* bad_send: sends it, or as much as goes before the server closes. */
void bad_send(int fd, const uint8_t *bytes, size_t len);
/* bad_shut: says that nothing more comes. */
void bad_shut(int fd);
/* bad_now_ms: a clock that only goes forward. */
uint64_t bad_now_ms(void);

/* transcript_read: reads until the server closed, until `expected` was read and quiet_ms passed, or for patience_ms. */
void transcript_read(struct transcript *transcript, const char *expected, int patience_ms, int quiet_ms);

#endif
