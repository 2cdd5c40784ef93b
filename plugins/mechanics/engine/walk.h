/* SPDX-License-Identifier: MIT */
/* What the files of walks share: see walk.c. */
#ifndef ENGINE_WALK_H
#define ENGINE_WALK_H

#include "internal.h"

#define WALK_NEVER UINT32_MAX /* of `look`: nothing is due before the leg ends */

/* What few entities have: a way that bends, or a prey. */
struct way {
	uint64_t prey;
	double near;
	uint32_t searches;
	uint32_t len, at; /* waypoints, and the one it goes to next */
	uint8_t part;	  /* the goal lies beyond the last one */
	struct vec3i cells[PATH_WAYPOINTS];
};

/* walk_way: what it has of a way, made if it has none; NULL without memory. walk_cell: where it stands. */
struct way *walk_way(struct engine *e, uint32_t row);
struct vec3i walk_cell(const struct engine *e, uint32_t row);

/* --- legs (walk_leg.c) -------------------------------------------------------------------------------- */

struct march {
	uint32_t clear; /* ticks that nothing is in the way */
	uint32_t turn;	/* the first tick after which it stands elsewhere in height; 0 = none */
	int32_t turn_z;
};

/* march: what the leg meets in its next `max` ticks; up to the first turn alone if `turns` is 0. */
struct march march(const struct engine *e, uint32_t row, uint32_t max, int turns);
/* leg_begin: straight on towards a place; nothing is looked at yet. leg_halt: it stands.
 * leg_ticks: in which it goes that far. */
void leg_begin(struct entities *w, uint32_t row, double x, double y);
void leg_halt(struct entities *w, uint32_t row);
uint32_t leg_ticks(const struct entities *w, uint32_t row, double far);
/* leg_look: what was met says when it looks again.
 * leg_blocked: it stands, and looks for another way when it is its turn. */
void leg_look(struct entities *w, uint32_t row, const struct march *m);
void leg_blocked(struct engine *e, uint32_t row);

#endif
