/* SPDX-License-Identifier: MIT */
/* Two links over a wire that loses, repeats, delays and reorders by a seed, and an oracle that sees all that is pushed and
 * delivered. */
#ifndef TESTS_HOST_LINK_WORLD_H
#define TESTS_HOST_LINK_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "host/bus/link.h"

/* What the wire does to frames, in parts per million, and how long they take. */
struct faults {
	uint32_t lost, repeated, refused;
	uint32_t late;		/* frames that take up to late_us more */
	uint64_t late_us, delay_us; /* delay_us: each frame takes up to that long */
};

/* One life of a side: a process, from one start to the next. */
struct side {
	struct world *world;
	unsigned index;
	struct link *link;
	uint64_t incarnation, tick_us, stopped_until_us;
	bool refusing; /* `send` says no until link_writable */
	/* the oracle: what this side's link says of itself */
	bool up;
	uint32_t session;      /* times up, of all lives: what is pushed carries it */
	uint64_t pushed;       /* messages accepted in this session */
	uint32_t heard_session; /* whose messages came since this side is up; 0 = none */
	uint64_t heard;	       /* how many */
	uint64_t downs;
	uint64_t full; /* times that link_push said -EAGAIN */
	uint32_t queue_messages, queue_bytes;
	bool window_moved; /* link_credit was called */
	uint32_t answers; /* parts per million of messages answered from within on_message */
	unsigned frames;  /* that left */
};

#define SESSIONS_MAX 4096u

struct world {
	uint64_t now_us, random;
	struct faults faults;
	bool cut[2]; /* frames that side 0, side 1 sends are lost */
	struct side sides[2];
	struct flight *flights; /* frames under way: a heap by time */
	size_t flights_len, flights_cap;
	uint64_t order;
	uint32_t heard_by[2][SESSIONS_MAX]; /* the session in which the other side's session was heard; 0 = not */
	uint64_t delivered;
	char broken[256]; /* the first thing that does not hold; "" = all holds */
};

/* world_init makes two sides that begin to speak; world_fini frees all. */
void world_init(struct world *world, uint64_t seed);
void world_fini(struct world *world);

uint64_t world_random(struct world *world);
/* world_below: a number below `bound`; 0 for 0. */
uint64_t world_below(struct world *world, uint64_t bound);
bool world_chance(struct world *world, uint32_t ppm);
void world_broken(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* world_run lets time pass. */
void world_run(struct world *world, uint64_t us);
/* world_push lets a side push one message with a body of `len` bytes and flush: what link_push said. */
int world_push(struct world *world, unsigned side, uint32_t len);
/* world_restart ends a side's process and starts the next one, after a bye if asked. */
void world_restart(struct world *world, unsigned side, bool bye);
/* world_stop holds a side's process for that long: frames wait for it. */
void world_stop(struct world *world, unsigned side, uint64_t us);
/* world_damage changes a byte of the frame that arrives next. */
void world_damage(struct world *world, size_t at);
/* world_settled: both sides are up with each other, and all that was pushed has arrived; else it is broken. */
void world_settled(struct world *world);

#endif
