/* SPDX-License-Identifier: MIT */
/* The flat world: entities as arrays, a grid of cells, movement in batches. Knows no players, messages or scripts. */
#ifndef MECHANICS_WORLD_H
#define MECHANICS_WORLD_H

#include <stdint.h>

#include "map/map.h"

#define WORLD_NAME_MAX 63u
#define NO_ROW UINT32_MAX
#define AROUND_MAX 9u

/*
 * Entities are rows of parallel arrays without gaps: one that is removed gives its row to the last. So a row is good
 * only until the next removal; an id is good for ever. The world reaches from -half to half in x and y.
 */
struct world {
	double half, cell;
	uint32_t columns, cells; /* cells = columns * columns */
	uint32_t count, size;
	/* one element for each entity */
	uint64_t *id;
	double *x, *y, *vx, *vy; /* vx, vy: the way of one tick; 0 = stands */
	double *goal_x, *goal_y, *speed; /* speed: units a tick */
	uint32_t *steps;	    /* ticks until it arrives; 0 = stands */
	uint32_t *cell_of, *next, *prev; /* the cell's number and its list of rows */
	uint16_t *kind;	    /* 0 = avatar, else as the rules number them */
	int32_t *ref;	    /* what scripts hold of it: theirs alone */
	char (*name)[WORLD_NAME_MAX + 1];
	/* one element for each cell, by number (1 ...) */
	uint32_t *first, *populace;
	struct map rows; /* id -> row + 1 */
	uint32_t *crossed, crossed_len; /* rows that changed their cell in the last world_step, cell before */
	uint32_t *crossed_from;
	uint32_t *moved, moved_len; /* rows that moved in it; the highest bit: and arrived */
};

#define WORLD_ARRIVED 0x80000000u

/* world_open: an empty world of size x size in cells of `cell`; 0, or -1 without memory. */
int world_open(struct world *w, double size, double cell);
void world_close(struct world *w);

/* world_add: a new entity that stands at x, y (inside the world); its row, or NO_ROW without memory. */
uint32_t world_add(struct world *w, uint64_t id, uint16_t kind, const char *name, double x, double y, double speed);
void world_remove(struct world *w, uint32_t row);
/* world_row: NO_ROW if there is no such entity. */
uint32_t world_row(const struct world *w, uint64_t id);

/* world_inside: a place that can be walked on; false for NaN and infinities. */
int world_inside(const struct world *w, double x, double y);
/* world_cell: the number of the cell that holds a place inside. */
uint32_t world_cell(const struct world *w, double x, double y);
/* world_around: the cell and those that touch it, in rising order; returns how many. */
uint32_t world_around(const struct world *w, uint32_t cell, uint32_t ret_cells[AROUND_MAX]);
/* world_touching: 1 if b is a or touches it. */
int world_touching(const struct world *w, uint32_t a, uint32_t b);

/* world_walk: from now on towards a place inside. world_stop: stands. */
void world_walk(struct world *w, uint32_t row, double x, double y);
void world_stop(struct world *w, uint32_t row);
/* world_step: one tick of movement for all; fills moved and crossed. */
void world_step(struct world *w);

/* world_root: the square root by Newton's method in basic operations, the same on every machine. */
double world_root(double a);
/* world_mix: mixes numbers into one (splitmix64's finalizer, Steele, Lea, Flood 2014). */
uint64_t world_mix(uint64_t a, uint64_t b);

#endif
