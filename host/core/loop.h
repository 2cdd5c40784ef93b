/* SPDX-License-Identifier: MIT */
/* Event loops, one thread each: tasks from other threads, file descriptors, deadlines. The wrapper of libev. */
#ifndef HOST_CORE_LOOP_H
#define HOST_CORE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "host/core/wheel.h"

/*
 * Conventions
 *  1. [loop] = on the loop's own thread; [any] = any thread; [main] = the main thread while no loop runs.
 *  2. A turn: wait for descriptors, deadlines and wake-ups; run their callbacks; then, before the next wait, tasks,
 *     the work hooks (mailboxes) in bounded rounds, and last the end hooks: what was collected in the turn leaves
 *     as one batch.
 */
struct loop;

/* Work for a loop, embedded in what it is about. It may be freed or posted again by its own `run`. */
struct loop_task {
	struct loop_task *next;
	void (*run)(struct loop_task *task);
};

/* Something that runs in every turn. */
struct loop_hook {
	struct loop_hook *next;
	bool (*run)(struct loop_hook *hook); /* true = there is more to do: the next wait must not block */
};

#define LOOP_READ 1u
#define LOOP_WRITE 2u

/* A watched file descriptor, embedded in its connection. Zeroed = not started. */
struct loop_io {
	uint64_t watcher[8]; /* libev's, opaque */
	struct loop *loop;
	void (*ready)(struct loop_io *io, unsigned events); /* LOOP_READ | LOOP_WRITE */
};

/* A deadline on a loop, embedded. Zeroed = not started. */
struct loop_timer {
	struct wheel_node node;
	struct loop *loop;
	void (*expire)(struct loop_timer *timer);
};

/* loop_new makes a loop that is not running; `name` is copied. NULL if the system has no more descriptors. [main] */
struct loop *loop_new(unsigned index, const char *name);
/* loop_free releases a loop that has stopped; NULL is fine. Posted tasks that have not run are dropped. [main] */
struct loop *loop_free(struct loop *loop);

/* loop_start runs the loop in a thread of its own; 0 or -errno. loop_join waits until it has stopped. [main] */
int loop_start(struct loop *loop);
void loop_join(struct loop *loop);
/* loop_run runs the loop in the calling thread until loop_stop. */
void loop_run(struct loop *loop);
/* loop_stop ends the loop after its current turn. [any] */
void loop_stop(struct loop *loop);

/* loop_post runs task->run on the loop's thread in its next turn, in the order of posting. The task belongs to the
 * loop until then. One wake-up is sent however many tasks are posted in between. [any] */
void loop_post(struct loop *loop, struct loop_task *task);
/* loop_settle runs what was posted to a loop that has ended, in the calling thread. [main] */
void loop_settle(struct loop *loop);
/* loop_wake makes the loop go through a turn. [any] */
void loop_wake(struct loop *loop);

/* loop_current returns the loop of the calling thread, or NULL. [any] */
struct loop *loop_current(void);
unsigned loop_index(const struct loop *loop);
const char *loop_name(const struct loop *loop);

/* loop_now_us is monotonic and the same all through a callback; loop_clock_us asks the clock. */
uint64_t loop_now_us(const struct loop *loop);
uint64_t loop_clock_us(void); /* [any] */

/* loop_hook_work adds a hook to the middle of the turn, loop_hook_end one to its end, in order. The hook must stay
 * valid until loop_free. [loop] or [main] */
void loop_hook_work(struct loop *loop, struct loop_hook *hook);
void loop_hook_end(struct loop *loop, struct loop_hook *hook);

/* loop_io_start watches `fd` (level-triggered); io->ready is set before. loop_io_change sets what is waited for (0 =
 * nothing for now). loop_io_stop ends it and may be called twice; the descriptor stays the caller's. [loop] */
void loop_io_start(struct loop *loop, struct loop_io *io, int fd, unsigned events);
void loop_io_change(struct loop_io *io, unsigned events);
void loop_io_stop(struct loop_io *io);

/* loop_timer_start calls timer->expire once after `ms` (never early; late by a millisecond or the length of the turn);
 * started again it is moved. loop_timer_stop may be called at any time. [loop] */
void loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t ms);
void loop_timer_stop(struct loop_timer *timer);

/* loop_enter says that `who` (must stay valid for ever) begins a callback on this loop, loop_leave that it ended: so
 * the watchdog can name who stalls. Callbacks do not nest. [loop] */
void loop_enter(struct loop *loop, const char *who);
void loop_leave(struct loop *loop);

/* What a watchdog saw. */
struct loop_stall {
	const char *who; /* NULL = none */
	uint64_t for_us;
};

/*
 * loop_watch looks whether one callback has been running for `limit_us` or more; ret_stall->who says which, once for
 * each, else it is NULL. Returns after how many microseconds to look again at the latest, so that none is missed: the
 * limit while nothing runs, else what is left of it. By one thread.
 */
uint64_t loop_watch(struct loop *loop, uint64_t limit_us, struct loop_stall *ret_stall);
/* loop_running returns who runs now, or NULL. [any] */
const char *loop_running(struct loop *loop);
/* loop_turns, loop_stalls: how many turns there were, and how many stalls loop_watch has reported. [any] */
uint64_t loop_turns(const struct loop *loop);
uint64_t loop_stalls(const struct loop *loop);

#endif
