/* SPDX-License-Identifier: MIT */
/* Walks as records: what of them goes to other owners and into checkpoints. */
#include "walk.h"

Region__Walk *walk_make(const struct engine *e, uint32_t row, struct arena *a)
{
	const struct entities *w = &e->all;
	const struct way *way = w->way[row];
	Region__Walk *to = arena_get(a, sizeof(*to));

	if (to == NULL) {
		return NULL;
	}
	region__walk__init(to);
	/* what is left of a leg, a look, a way or a chase that ended says nothing, and is left out */
	to->has_gait = 1;
	to->has_goal_x = to->has_goal_y = to->has_goal_z = entities_walks(w, row) != 0;
	to->has_aim_x = to->has_aim_y = to->has_vx = to->has_vy = to->has_steps = w->steps[row] > 0;
	to->has_look = to->has_look_z = w->look[row] != WALK_NEVER;
	to->goal_x = w->goal_x[row];
	to->goal_y = w->goal_y[row];
	to->goal_z = w->goal_z[row];
	to->aim_x = w->aim_x[row];
	to->aim_y = w->aim_y[row];
	to->vx = w->vx[row];
	to->vy = w->vy[row];
	to->steps = w->steps[row];
	to->look = w->look[row];
	to->look_z = w->look_z[row];
	to->gait = w->gait[row];
	if (way != NULL) {
		to->has_prey = to->has_near = (w->gait[row] & GAIT_CHASES) != 0;
		to->has_searches = way->searches > 0;
		to->has_at = to->has_part = way->len > 0;
		to->prey = way->prey;
		to->near = way->near;
		to->searches = way->searches;
		to->at = way->at;
		to->part = way->part;
		to->path = arena_get(a, way->len * 3 * sizeof(*to->path));
		for (uint32_t i = 0; i < way->len && to->path != NULL; i++) {
			to->path[to->n_path++] = way->cells[i].x;
			to->path[to->n_path++] = way->cells[i].y;
			to->path[to->n_path++] = way->cells[i].z;
		}
		if (to->path == NULL) {
			return NULL;
		}
	}
	return to;
}

static int within(double value, double bound)
{
	return value >= -bound && value <= bound; /* false for NaN */
}

int walk_check(const struct engine *e, const Region__Walk *from)
{
	int good = entities_inside(&e->all, from->goal_x, from->goal_y) && within(from->goal_z, e->shape.height) &&
		   within(from->look_z, e->shape.height) && within(from->vx, WALK_SPEED_MAX) && within(from->vy, WALK_SPEED_MAX) &&
		   from->gait <= GAIT_ALL && from->n_path % 3 == 0 && from->n_path / 3 <= PATH_WAYPOINTS &&
		   from->at <= from->n_path / 3 && within(from->near, CHUNK) && from->steps <= 1000000000u &&
		   (from->steps == 0 || entities_inside(&e->all, from->aim_x, from->aim_y)) &&
		   ((from->gait & GAIT_CHASES) == 0 || from->has_prey);

	for (size_t i = 0; i < from->n_path && good; i++) {
		good = within(from->path[i], e->all.half);
	}
	return good ? 0 : -1;
}

int walk_goes(const Region__Walk *walk)
{
	return walk->steps > 0 || (walk->gait & (GAIT_PLANS | GAIT_SEEKS)) != 0;
}

int walk_take(struct engine *e, uint32_t row, const Region__Walk *from)
{
	struct entities *w = &e->all;
	int needed = from->has_prey || from->has_searches || from->n_path > 0;
	struct way *way = needed ? walk_way(e, row) : NULL;

	if (from->has_goal_x) {
		w->goal_x[row] = from->goal_x;
		w->goal_y[row] = from->goal_y;
		w->goal_z[row] = from->goal_z;
	}
	w->aim_x[row] = from->aim_x;
	w->aim_y[row] = from->aim_y;
	w->vx[row] = from->vx;
	w->vy[row] = from->vy;
	w->steps[row] = from->steps;
	w->look[row] = from->has_look ? from->look : WALK_NEVER;
	w->look_z[row] = from->look_z;
	w->gait[row] = way != NULL ? (uint8_t)from->gait : (uint8_t)from->gait & (uint8_t)~GAIT_CHASES;
	if (way == NULL) {
		return needed ? -1 : 0;
	}
	way->prey = from->prey;
	way->near = from->near;
	way->searches = from->searches;
	way->at = from->at;
	way->part = from->part != 0;
	way->len = (uint32_t)(from->n_path / 3);
	for (uint32_t i = 0; i < way->len; i++) {
		way->cells[i] = (struct vec3i){ from->path[3 * i], from->path[3 * i + 1], from->path[3 * i + 2] };
	}
	return 0;
}
