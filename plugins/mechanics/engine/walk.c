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

#include "internal.h"

#define SEARCH_EVERY 4u	   /* ticks */
#define SEARCHES_MAX 256u  /* of one walk */
#define CHASE_EVERY 8u	   /* ticks */
#define LINE_FAR 24.0	   /* blocks that are looked at before it goes straight */
#define LOOK_FAR 15.0	   /* and on the way: less than a chunk, so that changes of blocks find who must look again */
#define LOOK_TICKS 512u
#define NEVER UINT32_MAX

/* What few entities have: a way that bends, or a prey. */
struct way {
	uint64_t prey;
	double near;
	uint32_t searches;
	uint32_t len, at; /* waypoints, and the one it goes to next */
	uint8_t part;	  /* the goal lies beyond the last one */
	struct vec3i cells[PATH_WAYPOINTS];
};

static struct way *way_of(struct engine *e, uint32_t row)
{
	if (e->all.way[row] == NULL) {
		e->all.way[row] = calloc(1, sizeof(struct way));
		e->effects_full += e->all.way[row] == NULL;
	}
	return e->all.way[row];
}

static struct vec3i place_of(const struct engine *e, uint32_t row)
{
	const struct entities *w = &e->all;

	return (struct vec3i){ cell_of(e, w->x[row]), cell_of(e, w->y[row]), (int32_t)w->z[row] };
}

/* --- steps ------------------------------------------------------------------------------------------ */

struct march {
	uint32_t clear; /* ticks that nothing is in the way */
	uint32_t turn;	/* the first tick after which it stands elsewhere in height; 0 = none */
	int32_t turn_z;
};

/* march: what the leg meets in its next `max` ticks; up to the first turn alone if `turns` is 0. */
static struct march march(const struct engine *e, uint32_t row, uint32_t max, int turns)
{
	const struct entities *w = &e->all;
	double x = w->x[row], y = w->y[row], vx = w->vx[row], vy = w->vy[row];
	double most = (vx < 0 ? -vx : vx) > (vy < 0 ? -vy : vy) ? (vx < 0 ? -vx : vx) : (vy < 0 ? -vy : vy);
	uint32_t n = w->steps[row] < max ? w->steps[row] : max, pieces = (uint32_t)most + 1;
	struct vec3i at = place_of(e, row);
	struct march found = { 0 };
	double west = at.x, east = west + 1, south = at.y, north = south + 1; /* of the cell that it is in */
	int32_t z = at.z;

	for (uint32_t tick = 1; tick <= n; tick++) {
		for (uint32_t piece = 1; piece <= pieces; piece++) {
			int last = piece == pieces, arrives = last && tick == w->steps[row];
			double px = arrives ? w->aim_x[row] : last ? x + vx : x + vx * piece / pieces;
			double py = arrives ? w->aim_y[row] : last ? y + vy : y + vy * piece / pieces;
			int32_t cx, cy;

			if (px >= west && px < east && py >= south && py < north) {
				continue;
			}
			cx = cell_of(e, px);
			cy = cell_of(e, py);
			if ((cx != at.x || cy != at.y) && !path_step(e->terrain, &at, cx, cy)) {
				return found;
			}
			west = at.x;
			east = west + 1;
			south = at.y;
			north = south + 1;
		}
		x += vx;
		y += vy;
		found.clear = tick;
		if (at.z != z && found.turn == 0) {
			found.turn = tick;
			found.turn_z = at.z;
			if (!turns) {
				return found;
			}
		}
	}
	return found;
}

/* --- legs ------------------------------------------------------------------------------------------- */

static void halt(struct entities *w, uint32_t row)
{
	w->vx[row] = w->vy[row] = 0;
	w->steps[row] = 0;
	w->look[row] = NEVER;
}

/* leg: straight on towards a place; nothing is looked at yet. */
static void leg(struct entities *w, uint32_t row, double x, double y)
{
	double dx = x - w->x[row], dy = y - w->y[row], far = vec_root(dx * dx + dy * dy);
	double ticks = w->speed[row] > 0 ? far / w->speed[row] : 0;

	halt(w, row);
	if (!(ticks > 0) || ticks > 1e9) {
		return;
	}
	w->steps[row] = (uint32_t)ticks;
	w->steps[row] += (double)w->steps[row] < ticks; /* the last step may be shorter than the others */
	w->aim_x[row] = x;
	w->aim_y[row] = y;
	w->vx[row] = dx / far * w->speed[row];
	w->vy[row] = dy / far * w->speed[row];
}

/* ticks_for: in which it goes that far. */
static uint32_t ticks_for(const struct entities *w, uint32_t row, double far)
{
	double ticks = far / w->speed[row];

	return ticks < 1 ? 1 : ticks < LOOK_TICKS ? (uint32_t)ticks : LOOK_TICKS;
}

static void look_set(struct entities *w, uint32_t row, const struct march *m)
{
	uint32_t due = m->turn != 0 ? m->turn : m->clear;

	w->look_z[row] = m->turn != 0 ? m->turn_z : w->z[row];
	w->look[row] = m->turn == 0 && m->clear == w->steps[row] ? NEVER : w->steps[row] - due;
}

/* blocked: it stands, and looks for another way when it is its turn. */
static void blocked(struct engine *e, uint32_t row)
{
	halt(&e->all, row);
	e->all.gait[row] |= GAIT_SEEKS;
	if (e->all.way[row] != NULL) {
		e->all.way[row]->len = e->all.way[row]->at = 0;
	}
}

void walk_look(struct engine *e, uint32_t row)
{
	struct entities *w = &e->all;
	struct march m;

	if (w->steps[row] == 0) {
		return;
	}
	m = march(e, row, ticks_for(w, row, LOOK_FAR), 0);
	if (m.clear == 0) {
		blocked(e, row);
		return;
	}
	look_set(w, row, &m);
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
	leg(w, row, x, y);
	if (w->steps[row] == 0) {
		return;
	}
	max = ticks_for(w, row, LINE_FAR);
	m = march(e, row, max, 1);
	if (m.clear < max && m.clear < w->steps[row]) {
		blocked(e, row);
		return;
	}
	look_set(w, row, &m);
}

/* follow: to the next waypoint, or past the last one to the goal. */
static void follow(struct engine *e, uint32_t row)
{
	struct entities *w = &e->all;
	struct way *way = w->way[row];

	while (way != NULL && way->at < way->len && w->steps[row] == 0) {
		const struct vec3i *cell = &way->cells[way->at++];

		leg(w, row, cell->x + 0.5, cell->y + 0.5);
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
		leg(w, row, w->goal_x[row], w->goal_y[row]); /* within its cell */
	}
}

static void search(struct engine *e, uint32_t row)
{
	struct entities *w = &e->all;
	struct way *way = way_of(e, row);
	struct vec3i from = place_of(e, row);
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
		leg(w, row, w->goal_x[row], w->goal_y[row]);
		walk_look(e, row);
		return;
	}
	leg(w, row, from.x + 0.5, from.y + 0.5); /* from the middle no corner is in the way */
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
		halt(w, row);
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
		leg(w, row, w->aim_x[row], w->aim_y[row]);
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
		w->look[row] = NEVER;
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
	halt(w, row);
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
			halt(w, row);
			w->gait[row] |= GAIT_PLANS; /* it goes on when it can */
		}
	}
}

int entity_chase(struct engine *e, uint32_t row, uint64_t prey, double near)
{
	struct way *way = way_of(e, row);

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

/* --- as records --------------------------------------------------------------------------------------- */

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
	to->has_look = to->has_look_z = w->look[row] != NEVER;
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
	struct way *way = needed ? way_of(e, row) : NULL;

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
	w->look[row] = from->has_look ? from->look : NEVER;
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
