/* SPDX-License-Identifier: MIT */
/* A process that a host starts for one isolated instance, watches, and starts again when it dies. */
#ifndef HOST_CONTROL_CHILD_H
#define HOST_CONTROL_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/core/loop.h"

/*
 * Conventions
 *  1. Everything here runs on the loop that child_start was given, and callbacks come from there: [loop].
 *  2. The process gets descriptors 0 (nothing to read), 1 and 2 of this one and 3, over which it tells its life
 *     (notify.h); a process group of its own, so that Ctrl-C reaches its host alone; and no blocked signals.
 *  3. It is started again when it ends with another code than 0, is killed, or has not said WATCHDOG=1 in time: after
 *     CHILD_PAUSE_MS, then twice as long each time up to CHILD_PAUSE_MAX_MS; a life of CHILD_WELL_MS starts that anew.
 */
#define CHILD_PAUSE_MS 100u
#define CHILD_PAUSE_MAX_MS 30000u
#define CHILD_WELL_MS 60000u
#define CHILD_SILENCE_MS 10000u

enum child_state {
	CHILD_STARTING, /* runs, and has not said READY=1 */
	CHILD_READY,
	CHILD_AWAY,	/* died; will be started again */
	CHILD_DRAINING, /* was told to end */
	CHILD_ENDED	/* for good */
};

struct child;

/* What is started and who wants to know. Zeroed times mean those above. */
struct child_setup {
	const char *name;    /* in the log; borrowed until child_free */
	char *const *argv;   /* argv[0] is the program's path; ends with NULL; borrowed until child_free */
	void (*on_change)(void *arg, enum child_state state, const char *why); /* why: "" or what happened; borrowed */
	void *arg;
	uint32_t pause_ms, pause_max_ms, well_ms, silence_ms;
};

/* child_start starts the process; NULL without memory. on_change follows in a later turn, also when it could not be
 * started. */
struct child *child_start(struct loop *loop, const struct child_setup *setup);
/* child_end lets it drain (SIGTERM), or with `now` kills it. on_change says when it has ended; it is not started again. */
void child_end(struct child *child, bool now);
/* child_signal sends a signal if it runs. */
void child_signal(struct child *child, int number);
/* child_free kills what still runs, waits for that, and releases everything; NULL is fine. Returns NULL. No on_change any
 * more. [loop] or after the loop has ended */
struct child *child_free(struct child *child);

/* child_restarts: how often it was started after the first time. child_pid: 0 while it does not run. */
uint64_t child_restarts(const struct child *child);
pid_t child_pid(const struct child *child);

/*
 * child_bind is for the process itself: it dies with the process that started it, also when that has died already.
 * Without one that watches it ($NOTIFY_SOCKET is no "fd:") nothing happens: somebody runs it by hand. Before notify_open
 * and before threads start. [main]
 */
void child_bind(void);
/* child_limit bounds the memory that this process may take for data, in bytes; beyond it no more is given to it, and it
 * ends of that. 0 or -errno. [main] */
int child_limit(uint64_t bytes);

#endif
