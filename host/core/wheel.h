/* SPDX-License-Identifier: MIT */
/* A hierarchical timing wheel: deadlines in milliseconds, constant time to start and stop one. */
#ifndef HOST_CORE_WHEEL_H
#define HOST_CORE_WHEEL_H

#include <stdint.h>

#define WHEEL_LEVELS 4u
#define WHEEL_SLOTS 256u

/* One deadline, embedded in what waits for it. Zeroed = not started. */
struct wheel_node {
	struct wheel_node *next, *prev;
	uint64_t at_ms;
	void (*expire)(struct wheel_node *node); /* runs once, after the node has left the wheel */
};

/*
 * Four levels of 256 slots (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels"): a deadline sits at the
 * level that its distance needs and moves down as time comes near. Deadlines farther than 2^32 ms wait in the
 * last level and are looked at again. Deadlines of the same millisecond mostly expire in the order they were
 * started. Not thread-safe.
 */
struct wheel {
	uint64_t now_ms; /* the next millisecond to be worked off */
	uint64_t count;
	uint64_t used[WHEEL_LEVELS][WHEEL_SLOTS / 64]; /* may say 1 for a slot that became empty */
	struct wheel_node slots[WHEEL_LEVELS][WHEEL_SLOTS];
};

/* wheel_init sets up an empty wheel whose time is `now_ms`. */
void wheel_init(struct wheel *wheel, uint64_t now_ms);

/* wheel_start lets `node` expire at `at_ms`, or in the next wheel_advance if that is past. `expire` is set before. */
void wheel_start(struct wheel *wheel, struct wheel_node *node, uint64_t at_ms);

/* wheel_stop takes `node` out; a node that is not started is left alone. */
void wheel_stop(struct wheel *wheel, struct wheel_node *node);

/* wheel_next returns the earliest millisecond at which there may be something to do, UINT64_MAX if never. */
uint64_t wheel_next(struct wheel *wheel);

/* wheel_advance runs what is due at `now_ms` or earlier. Returns how many expired. */
unsigned wheel_advance(struct wheel *wheel, uint64_t now_ms);

#endif
