/* SPDX-License-Identifier: MIT */
/*
 * Ways of entities over the blocks.
 *
 * 1. Who walks goes in straight legs: vx, vy for `steps` ticks to its aim. On the way it stands higher or lower: `look` says at
 *    how many steps left something changes or was not looked at yet, look_z how high it stands then. Between two looks a tick
 *    is two additions.
 * 2. To a goal it goes straight if nothing is in the way. Else it waits for its turn to search (one of SEARCH_EVERY ticks, by
 *    its id, so that what a tick costs has a bound that does not depend on who owns what), and follows the waypoints. A way that
 *    ends nearer to the goal but not there is followed, and the rest is looked for from its end.
 * 3. The steps are those of path.h: one up, PATH_DOWN down, no corner cut, the head out of liquids.
 * 4. All is decided by blocks and by the entity itself. A hunter looks at its prey as it is at the start of the stage.
 */
#include <stdlib.h>
#include <string.h>

#include "walk.h"

#define SEARCH_EVERY 4u	   /* ticks */
#define SEARCHES_MAX 256u  /* of one walk */
#define CHASE_EVERY 8u	   /* ticks */
#define LINE_FAR 24.0	   /* blocks that are looked at before it goes straight */

struct way *walk_way(struct engine *e, uint32_t row)
{
	if (e->all.way[row] == NULL) {
		e->all.way[row] = calloc(1, sizeof(struct way));
		e->effects_full += e->all.way[row] == NULL;
	}
	return e->all.way[row];
}

struct vec3i walk_cell(const struct engine *e, uint32_t row)
{
	const struct entities *w = &e->all;

	return (struct vec3i){ cell_of(e, w->x[row]), cell_of(e, w->y[row]), (int32_t)w->z[row] };
}

/* --- towards a goal ----------------------------------------------------------------------------------- */

static void no_way(struct engine *e, uint32_t row)
{
	struct no_way *no_way = list_add(&e->no_way, sizeof(*no_way), UINT32_MAX);

	if (no_way != NULL) {
		*no_way = (struct no_way){ e->all.id[row], e->all.goal_x[row], e->all.goal_y[row] };
	}
	entities_stop(&e->all, row);
}

static struct vec3i goal_of(const struct engine *e, uint32_t row)
{
	const struct entities *w = &e->all;
	struct vec3i goal = { cell_of(e, w->goal_x[row]), cell_of(e, w->goal_y[row]), TERRAIN_NOWHERE };

	if (w->goal_z[row] >= 0 && w->goal_z[row] <= e->shape.height) {
		goal.z = terrain_stand(e->terrain, goal.x, goal.y, (int32_t)w->goal_z[row]);
	}
	if (goal.z == TERRAIN_NOWHERE) {
		goal.z = terrain_stand(e->terrain, goal.x, goal.y, (int32_t)w->z[row]);
	}
	if (goal.z == TERRAIN_NOWHERE) {
		goal.z = terrain_surface(e->terrain, goal.x, goal.y);
	}
	return goal;
}

/* start: straight to the goal if nothing is in the way, else it waits for its turn to search. */
static void start(struct engine *e, uint32_t row, double x, double y)
{
	struct entities *w = &e->all;
	struct march m;
	uint32_t max;

	if (e->all.way[row] != NULL) {
		e->all.way[row]->len = e->all.way[row]->at = 0;
	}
	leg_begin(w, row, x, y);
	if (w->steps[row] == 0) {
		return;
	}
	max = leg_ticks(w, row, LINE_FAR);
	m = march(e, row, max, 1);
	if (m.clear < max && m.clear < w->steps[row]) {
		leg_blocked(e, row);
		return;
	}
	leg_look(w, row, &m);
}

/* follow: to the next waypoint, or past the last one to the goal. */
static void follow(struct engine *e, uint32_t row)
{
	struct entities *w = &e->all;
	struct way *way = w->way[row];

	while (way != NULL && way->at < way->len && w->steps[row] == 0) {
		const struct vec3i *cell = &way->cells[way->at++];

		leg_begin(w, row, cell->x + 0.5, cell->y + 0.5);
	}
	if (w->steps[row] > 0) {
		walk_look(e, row);
		return;
	}
	if (way == NULL || way->len == 0) {
		return;
	}
	way->len = way->at = 0;
	if (way->part) {
		start(e, row, w->goal_x[row], w->goal_y[row]);
	} else if (cell_of(e, w->goal_x[row]) == cell_of(e, w->x[row]) && cell_of(e, w->goal_y[row]) == cell_of(e, w->y[row])) {
		leg_begin(w, row, w->goal_x[row], w->goal_y[row]); /* within its cell */
	}
}

static void search(struct engine *e, uint32_t row)
{
	struct entities *w = &e->all;
	struct way *way = walk_way(e, row);
	struct vec3i from = walk_cell(e, row);
	struct path_request request = { .from = from, .to = goal_of(e, row) };
	struct path path;

	w->gait[row] &= (uint8_t)~GAIT_SEEKS;
	if (way == NULL) {
		no_way(e, row);
		return;
	}
	request.near = (w->gait[row] & GAIT_CHASES) != 0 && way->near >= 1;
	way->len = way->at = 0;
	if (++way->searches > SEARCHES_MAX || path_find(e->terrain, e->search, &request, &path) == PATH_NONE) {
		no_way(e, row);
		return;
	}
	way->part = path.result == PATH_PART;
	way->len = path.count;
	memcpy(way->cells, path.at, path.count * sizeof(*path.at));
	if (path.count == 0) {
		way->part = 0; /* it is where it wants to be, but for a piece of its cell */
		leg_begin(w, row, w->goal_x[row], w->goal_y[row]);
		walk_look(e, row);
		return;
	}
	leg_begin(w, row, from.x + 0.5, from.y + 0.5); /* from the middle no corner is in the way */
	follow(e, row);
}

/* chase: towards the prey as far as it may be near; it is lost when it is not in a chunk that touches ours. */
static void chase(struct engine *e, uint32_t row)
{
	struct entities *w = &e->all;
	struct way *way = w->way[row];
	uint32_t prey = entities_near(w, row, way->prey);
	double dx, dy, far, near = way->near;

	if (prey == NO_ROW || prey == row) {
		w->gait[row] &= (uint8_t)~GAIT_CHASES;
		return;
	}
	dx = w->x[prey] - w->x[row];
	dy = w->y[prey] - w->y[row];
	far = vec_root(dx * dx + dy * dy);
	if (w->goal_x[row] == w->x[prey] && w->goal_y[row] == w->y[prey] && entities_walks(w, row)) {
		return; /* it is on its way there */
	}
	w->gait[row] &= (uint8_t)~GAIT_SEEKS;
	if (far <= near) {
		leg_halt(w, row);
		return;
	}
	w->goal_x[row] = w->x[prey];
	w->goal_y[row] = w->y[prey];
	w->goal_z[row] = w->z[prey];
	way->searches = 0;
	start(e, row, w->x[prey] - dx / far * near, w->y[prey] - dy / far * near);
}

static void plan(struct engine *e, uint32_t row)
{
	struct entities *w = &e->all;
	uint8_t gait = w->gait[row];

	if ((w->flags[row] & (ENTITY_GHOST | ENTITY_ASLEEP)) != 0 || !(w->speed[row] > 0)) {
		return;
	}
	w->gait[row] &= (uint8_t)~(GAIT_PLANS | GAIT_SPEED);
	if ((gait & GAIT_CHASES) != 0 && ((gait & GAIT_PLANS) != 0 || (e->tick + w->id[row]) % CHASE_EVERY == 0)) {
		chase(e, row);
	} else if ((gait & GAIT_PLANS) != 0 && entities_inside(w, w->goal_x[row], w->goal_y[row])) {
		start(e, row, w->goal_x[row], w->goal_y[row]);
	} else if ((gait & GAIT_SPEED) != 0 && w->steps[row] > 0) {
		leg_begin(w, row, w->aim_x[row], w->aim_y[row]);
		walk_look(e, row);
	}
	if ((w->gait[row] & GAIT_SEEKS) != 0 && (e->tick + w->id[row]) % SEARCH_EVERY == 0) {
		search(e, row);
	}
}

void walks_plan(struct engine *e)
{
	for (uint32_t row = 0; row < e->all.count; row++) {
		if (e->all.gait[row] != 0) {
			plan(e, row);
		}
	}
}

void walk_due(struct engine *e, uint32_t row)
{
	struct entities *w = &e->all;

	if (w->steps[row] == w->look[row]) {
		w->z[row] = w->look_z[row];
		w->look[row] = WALK_NEVER;
	}
	if (w->steps[row] > 0) {
		walk_look(e, row);
		return;
	}
	follow(e, row);
	if (!entities_walks(w, row) && (w->gait[row] & GAIT_CHASES) == 0) {
		free(w->way[row]);
		w->way[row] = NULL;
	}
}

/* --- what rules and players want ---------------------------------------------------------------------- */

void entities_stop(struct entities *w, uint32_t row)
{
	leg_halt(w, row);
	w->gait[row] = 0;
	w->goal_x[row] = w->x[row];
	w->goal_y[row] = w->y[row];
	w->goal_z[row] = w->z[row];
	free(w->way[row]);
	w->way[row] = NULL;
}

void entities_walk(struct entities *w, uint32_t row, double x, double y)
{
	w->goal_x[row] = x;
	w->goal_y[row] = y;
	w->goal_z[row] = -1;
	w->gait[row] = GAIT_PLANS;
	if (w->way[row] != NULL) {
		w->way[row]->searches = 0;
		w->way[row]->len = w->way[row]->at = 0;
	}
}

void entities_speed(struct entities *w, uint32_t row, double speed)
{
	if (w->speed[row] != speed) {
		w->speed[row] = speed;
		w->gait[row] |= w->steps[row] == 0 ? 0 : GAIT_SPEED;
		if (!(speed > 0) && w->steps[row] > 0) {
			leg_halt(w, row);
			w->gait[row] |= GAIT_PLANS; /* it goes on when it can */
		}
	}
}

int entity_chase(struct engine *e, uint32_t row, uint64_t prey, double near)
{
	struct way *way = walk_way(e, row);

	if (way == NULL) {
		return -1;
	}
	if ((e->all.gait[row] & GAIT_CHASES) == 0 || way->prey != prey) {
		e->all.gait[row] = GAIT_PLANS | GAIT_CHASES;
		e->all.goal_x[row] = e->all.x[row]; /* until it is planned; what it wanted before is forgotten */
		e->all.goal_y[row] = e->all.y[row];
		e->all.goal_z[row] = e->all.z[row];
		way->len = way->at = way->searches = 0;
	}
	way->prey = prey;
	way->near = near;
	return 0;
}

uint64_t entity_prey(const struct engine *e, uint32_t row)
{
	return (e->all.gait[row] & GAIT_CHASES) != 0 ? e->all.way[row]->prey : 0;
}
