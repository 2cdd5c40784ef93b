/* SPDX-License-Identifier: MIT */
/* The straight legs of a walk: what they meet, and when it is looked at again. */
#include "walk.h"

#define LOOK_FAR 15.0 /* blocks on the way: less than a chunk, so that changes of blocks find who must look again */
#define LOOK_TICKS 512u

struct march march(const struct engine *e, uint32_t row, uint32_t max, int turns)
{
	const struct entities *w = &e->all;
	double x = w->x[row], y = w->y[row], vx = w->vx[row], vy = w->vy[row];
	double most = (vx < 0 ? -vx : vx) > (vy < 0 ? -vy : vy) ? (vx < 0 ? -vx : vx) : (vy < 0 ? -vy : vy);
	uint32_t n = w->steps[row] < max ? w->steps[row] : max, pieces = (uint32_t)most + 1;
	struct vec3i at = walk_cell(e, row);
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

void leg_halt(struct entities *w, uint32_t row)
{
	w->vx[row] = w->vy[row] = 0;
	w->steps[row] = 0;
	w->look[row] = WALK_NEVER;
}

void leg_begin(struct entities *w, uint32_t row, double x, double y)
{
	double dx = x - w->x[row], dy = y - w->y[row], far = vec_root(dx * dx + dy * dy);
	double ticks = w->speed[row] > 0 ? far / w->speed[row] : 0;

	leg_halt(w, row);
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

uint32_t leg_ticks(const struct entities *w, uint32_t row, double far)
{
	double ticks = far / w->speed[row];

	return ticks < 1 ? 1 : ticks < LOOK_TICKS ? (uint32_t)ticks : LOOK_TICKS;
}

void leg_look(struct entities *w, uint32_t row, const struct march *m)
{
	uint32_t due = m->turn != 0 ? m->turn : m->clear;

	w->look_z[row] = m->turn != 0 ? m->turn_z : w->z[row];
	w->look[row] = m->turn == 0 && m->clear == w->steps[row] ? WALK_NEVER : w->steps[row] - due;
}

void leg_blocked(struct engine *e, uint32_t row)
{
	leg_halt(&e->all, row);
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
	m = march(e, row, leg_ticks(w, row, LOOK_FAR), 0);
	if (m.clear == 0) {
		leg_blocked(e, row);
		return;
	}
	leg_look(w, row, &m);
}
