/* SPDX-License-Identifier: MIT */
/* Entities as rows of arrays, in a grid of chunks. Knows no players, messages or scripts. */
#ifndef ENGINE_ENTITIES_H
#define ENGINE_ENTITIES_H

#include <stdint.h>

#include "map/map.h"
#include "world/seed.h"

/* Tests build these files with a MUTANT that plants mistakes which they must find. */
#ifndef MUTANT
#define MUTANT(name) 0
#endif

#define ENTITY_NAME_MAX 63u
#define NO_ROW UINT32_MAX
#define AROUND_MAX 9u

/*
 * Entities are rows of parallel arrays without gaps: one that is removed gives its row to the last. So a row is good
 * only until the next removal; an id is good for ever. The world reaches from -half to half in x and y.
 */
struct entities {
	double half, per_cell; /* cells a block: cells are a power of two wide, so that it is exact */
	uint32_t columns, cells; /* chunks = columns * columns */
	uint32_t count, size;
	/* one element for each entity */
	uint64_t *id;
	double *x, *y, *z, *vx, *vy; /* vx, vy: the way of one tick; 0 = stands */
	double *goal_x, *goal_y, *goal_z; /* where it goes in the end; goal_z below 0: at whatever height */
	double *speed;		    /* blocks a tick */
	double *aim_x, *aim_y, *look_z; /* the end of the straight leg it is on; see walk.c */
	uint32_t *steps, *look;	    /* ticks until it is at its aim; at how many steps left something is due */
	uint8_t *gait;		    /* enum entity_gait */
	struct way **way;	    /* what few have of a walk, malloc'ed; NULL = nothing */
	uint32_t *chunk_of, *next, *prev; /* the cell's number and its list of rows */
	uint16_t *kind;	    /* 0 = avatar, else as the rules number them */
	uint8_t *flags;	    /* enum entity_flags */
	int32_t *ref;	    /* what scripts hold of it: theirs alone */
	int32_t *health, *health_max; /* 0 of 0 = cannot be hurt */
	int32_t *seen_health; /* what others read in this tick: see entities_settle */
	uint8_t *seen;	      /* enum entity_seen */
	uint64_t *born;	    /* tick */
	uint32_t *calls;    /* of rules about it in this tick: so that the second has other randomness than the first */
	uint32_t *asks;	    /* edits that it has asked for in this tick */
	uint64_t *wish;	    /* numbers what it does to others, for ever */
	uint32_t *timers;   /* the first of its timers; NO_ROW = none */
	struct extra **extra; /* what few entities have; NULL = nothing of it */
	char (*name)[ENTITY_NAME_MAX + 1];
	/* one element for each cell, by number (1 ...) */
	uint32_t *first, *populace;
	uint64_t *kinds; /* bit kind % 64 is set if one of the kind is in it, or was: see entities_has_kind */
	struct map rows; /* id -> row + 1 */
	uint32_t *crossed, crossed_len; /* rows that changed their cell in the last entities_step, cell before */
	uint32_t *crossed_from;
	uint32_t *moved, moved_len; /* rows that moved in it */
	uint32_t *due, due_len;	    /* and of those, for which something is due, or which are at their aims */
};

enum entity_flags {
	ENTITY_GHOST = 1,  /* another owner's: seen, not run */
	ENTITY_ASLEEP = 2, /* a player that left: nobody sees it, and it does nothing */
	ENTITY_LEAVES = 4, /* it is removed in stage 3, and does nothing any more */
	ENTITY_WALKS = 8,  /* of a ghost: its owner says so */
	ENTITY_MARK = 16   /* for the time of one loop */
};

enum entity_seen {
	SEEN = 1,
	SEEN_WALKS = 2
};

enum entity_gait {
	GAIT_PLANS = 1,	 /* it has a new goal */
	GAIT_SEEKS = 2,	 /* something is in the way: it waits for its turn to search */
	GAIT_CHASES = 4,
	GAIT_SPEED = 8,	 /* its speed has changed */
	GAIT_ALL = 15
};

struct extra;
struct way;

/* entities_open: an empty world of size x size in cells of `cell`, a power of two; 0, or -1 without memory. */
int entities_open(struct entities *w, double size, double cell);
void entities_close(struct entities *w);

/* entities_add: a new one that stands at x, y (inside the world); its row, or NO_ROW without memory. */
uint32_t entities_add(struct entities *w, uint64_t id, uint16_t kind, const char *name, double x, double y, double speed);
void entities_remove(struct entities *w, uint32_t row);
/* entities_row: NO_ROW if there is no such entity. */
uint32_t entities_row(const struct entities *w, uint64_t id);

/* entities_settle: what an entity is now is what others read of it until the next call: done at the beginning of a tick, so that
 * nothing that is read of another depends on the order in which things happen, or on who owns it. Who comes in a tick is not
 * seen in it, who goes is; places change in stage 3 alone. */
void entities_settle(struct entities *w);
/* entities_near: the row of `id` if it is seen and in the chunk of `row` or one that touches it: all that a rule about `row` may
 * look up. NO_ROW if not; `row` itself is always found. */
uint32_t entities_near(const struct entities *w, uint32_t row, uint64_t id);

/* entities_kind: it is of this kind from now on. entities_has_kind: 0 if no entity of the kind is in the cell; else one may be. */
void entities_kind(struct entities *w, uint32_t row, uint16_t kind);
static inline int entities_has_kind(const struct entities *w, uint32_t cell, uint16_t kind)
{
	return (w->kinds[cell] >> kind % 64 & 1) != 0;
}

/* entities_inside: a place that can be walked on; false for NaN and infinities. */
int entities_inside(const struct entities *w, double x, double y);
/* entities_chunk: the number of the cell that holds a place inside. */
uint32_t entities_chunk(const struct entities *w, double x, double y);
/* entities_apart: 1 if no place of the cell is at most `radius` from x, y in both directions. */
int entities_apart(const struct entities *w, uint32_t cell, double x, double y, double radius);
/* entities_around: the cell and those that touch it, in rising order; returns how many. */
uint32_t entities_around(const struct entities *w, uint32_t cell, uint32_t ret_cells[AROUND_MAX]);
/* entities_touching: 1 if b is a or touches it. */
int entities_touching(const struct entities *w, uint32_t a, uint32_t b);

/* entities_place: puts it somewhere inside, standing still or not; returns the chunk where it was. */
uint32_t entities_place(struct entities *w, uint32_t row, double x, double y, double z);
/* walk.c: from stage 3 on: entities_walk: towards a place inside (goal_z may be set then); entities_stop: at once; entities_speed:
 * blocks a tick, 0 = it waits. entities_walks: 1 if it is on its way somewhere. */
void entities_walk(struct entities *w, uint32_t row, double x, double y);
void entities_stop(struct entities *w, uint32_t row);
void entities_speed(struct entities *w, uint32_t row, double speed);
static inline int entities_walks(const struct entities *w, uint32_t row)
{
	return w->steps[row] > 0 || (w->gait[row] & (GAIT_PLANS | GAIT_SEEKS)) != 0;
}
/* entities_step: one tick of movement for all; fills moved, due and crossed. */
void entities_step(struct entities *w);

#endif
