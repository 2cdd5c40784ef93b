/* SPDX-License-Identifier: MIT */
/*
 * Ways over the ground: A* (Hart, Nilsson, Raphael 1968) from one cell to stand in to another, at a bounded price.
 *
 * 1. What walks is two cells tall. A step leads to one of the eight columns around (four on request), up by one cell or
 *    down by up to PATH_DOWN; terrain_stand says where it ends. Corners are not cut: beside a step across both columns
 *    are free. Heads stay out of BLOCK_LIQUID.
 * 2. A search looks at cells within PATH_WINDOW of its start only, and opens at most `budget` nodes. So its result is a
 *    function of those cells and the request, whatever else is known of the world, and of no order: equal ways are
 *    decided by fixed rules.
 * 3. A way that does not end within the budget or the window is given as far as it comes nearest to the goal: walk there
 *    and ask again. So a long way is found in parts; a part that leads into a bag stays there (PATH_NONE).
 * 4. Nothing is allocated: a search works in a struct of the caller's. [loop]
 */
#ifndef WORLD_PATH_H
#define WORLD_PATH_H

#include <stdint.h>

#include "vec/vec.h"
#include "world/terrain.h"

#define PATH_WINDOW 24	    /* cells from the start in x and y */
#define PATH_BUDGET 256u    /* nodes opened, when the request does not say */
#define PATH_BUDGET_MAX 512u
#define PATH_DOWN 3	    /* cells that a step may fall */
#define PATH_WAYPOINTS 32u
#define PATH_NODES_MAX 2048u /* nodes met; further ones are left out, as if the budget had ended there */

enum path_result {
	PATH_NONE,  /* the goal cannot be reached, or no step brings it nearer */
	PATH_PART,  /* the way leads nearer to the goal */
	PATH_WHOLE, /* the way ends at the goal */
};

struct path_request {
	struct vec3i from, to; /* cells of the feet */
	uint32_t budget;       /* 0 = PATH_BUDGET; at most PATH_BUDGET_MAX */
	uint8_t near;	       /* the way may end this many cells beside the goal, in each direction */
	uint8_t straight;      /* 1 = no steps across */
};

struct path {
	enum path_result result;
	uint32_t count; /* of waypoints; 0 for PATH_NONE, or when the start is good enough */
	uint32_t cost;	/* of the way, in tenths of a cell: a step is 10, across 14, and 4 more up, 2 more for each cell down */
	uint32_t opened; /* nodes: what the search did cost */
	struct vec3i at[PATH_WAYPOINTS]; /* where the way bends, without the start; straight between them, on one level */
};

struct path_node {
	struct vec3i at;
	int64_t rest;	 /* what the way to the goal costs at least */
	uint32_t cost;	 /* of the way from the start */
	uint16_t parent; /* for the start: itself */
	uint16_t next;	 /* in the same column; later: on the way */
	uint16_t place;	 /* in the heap, +1; 0 = not in it: opened */
};

#define PATH_SIDE (2 * PATH_WINDOW + 1)

/* About 90 KiB that are written anew by each search; the counts are the caller's to zero and to read. */
struct path_search {
	uint64_t searches, ended; /* ever; those that ended at the budget or at PATH_NODES_MAX */
	uint32_t count, heap_len;
	struct path_node nodes[PATH_NODES_MAX];
	uint16_t heap[PATH_NODES_MAX];
	uint16_t columns[PATH_SIDE * PATH_SIDE]; /* the first node of a column, +1 */
};

/* path_step: the step from the cell `at` to the column x, y beside it or across: 1 and the cell where it ends, or 0 if it
 * cannot be taken (then `at` stays). What walks a way asks it again, since blocks may have changed. */
int path_step(struct terrain *t, struct vec3i *at, int32_t x, int32_t y);

/* path_find: the way of a request; the result is in ret_path too. A goal outside of the world, in the air or in a wall is
 * no mistake: the way leads near it, if it leads anywhere. */
enum path_result path_find(struct terrain *t, struct path_search *search, const struct path_request *request,
			   struct path *ret_path);

#endif
