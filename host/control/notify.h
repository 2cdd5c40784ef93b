/* SPDX-License-Identifier: MIT */
/* What a process tells the one that started it: the protocol of sd_notify(3), without libsystemd. Both sides. */
#ifndef HOST_CONTROL_NOTIFY_H
#define HOST_CONTROL_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A message is one datagram on a Unix socket, lines NAME=VALUE: READY=1, STATUS=text, RELOADING=1 with MONOTONIC_USEC,
 * STOPPING=1, WATCHDOG=1, EXTEND_TIMEOUT_USEC. systemd reads them, and a host reads those of its isolated instances.
 * NOTIFY_SOCKET is "/path", "@name" in the abstract name space, or, between hosts, "fd:3": an inherited socket, to which no
 * stranger can write.
 */
#define NOTIFY_MESSAGE_MAX 1024u

/* The sender's side. */
struct notify {
	int fd;		      /* -1: nobody listens */
	uint64_t watchdog_us; /* WATCHDOG=1 is wanted at least this often; 0 = not at all */
};

/*
 * notify_open takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of the environment, so that no child speaks for
 * this process, and connects. 0; -ENODATA if nobody wants to know; -EINVAL if the address is none; -errno. *ret_notify
 * is set in any case. Before threads start. [main]
 */
int notify_open(struct notify *ret_notify);
void notify_close(struct notify *notify);

/* notify_send sends one message; never blocks. False if it could not be handed over: send it again later. [any] */
bool notify_send(const struct notify *notify, const char *message);

/*
 * notify_receive reads one message as a string from the other end of "fd:N", non-blocking. Returns its length, 0 if none
 * waits. Longer ones are cut. [any]
 */
size_t notify_receive(int fd, char *ret_message, size_t size);
/* notify_value finds "NAME=" in a message and copies what follows, up to the end of the line. [any] */
bool notify_value(const char *message, const char *name, char *ret_value, size_t size);

#endif
