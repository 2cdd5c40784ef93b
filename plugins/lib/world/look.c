/* SPDX-License-Identifier: MIT */
/* Questions about the blocks around a place. */
#include "world/terrain.h"

static uint8_t flags_at(struct terrain *t, int32_t x, int32_t y, int32_t z)
{
	return block_flags(terrain_table(t), terrain_block(t, x, y, z));
}

static int solid(struct terrain *t, int32_t x, int32_t y, int32_t z)
{
	return flags_at(t, x, y, z) & BLOCK_GROUND;
}

int32_t terrain_stand(struct terrain *t, int32_t x, int32_t y, int32_t z)
{
	int32_t top = (int32_t)terrain_settings(t)->map.height;

	z = z < top ? z : top; /* above the world there is air only */
	if (z < 0 || solid(t, x, y, z + 1)) {
		return TERRAIN_NOWHERE;
	}
	if (!solid(t, x, y, z + 2)) {
		z++; /* one higher there is room too */
	} else if (solid(t, x, y, z)) {
		return TERRAIN_NOWHERE;
	}
	while (!solid(t, x, y, z - 1)) { /* below the world is BLOCK_OUTSIDE, which is solid */
		z--;
	}
	return z;
}

int32_t terrain_surface(struct terrain *t, int32_t x, int32_t y)
{
	int32_t z = (int32_t)terrain_settings(t)->map.height;

	if (terrain_block(t, x, y, 0) >= BLOCK_UNAVAILABLE) {
		return TERRAIN_NOWHERE;
	}
	while (!solid(t, x, y, z - 1)) {
		z--;
	}
	return z;
}

int terrain_hidden(struct terrain *t, int32_t x, int32_t y, int32_t z)
{
	static const int8_t sides[6][3] = { { 0, 0, 1 }, { 0, 0, -1 }, { 1, 0, 0 }, { -1, 0, 0 }, { 0, 1, 0 }, { 0, -1, 0 } };

	for (int i = 0; i < 6; i++) {
		uint16_t id = terrain_block(t, vec_add(x, sides[i][0]), vec_add(y, sides[i][1]), vec_add(z, sides[i][2]));

		if (id == BLOCK_UNAVAILABLE || !(block_flags(terrain_table(t), id) & BLOCK_FULL)) {
			return 0;
		}
	}
	return 1;
}

/* --- lines of sight ----------------------------------------------------------------------------------- */

/* One axis of a line: steps of +1 or -1 from cell to cell, each at its share of the way (0 .. 1). */
struct axis {
	int32_t cell, step;
	uint32_t left;	    /* steps to the last cell */
	double next, every; /* the share at which the next border is crossed, and that between two borders */
};

static int32_t floor_of(double a)
{
	int32_t cell = (int32_t)a; /* towards 0 */

	return (double)cell > a ? cell - 1 : cell;
}

static struct axis axis_of(double from, double to)
{
	struct axis axis = { .cell = floor_of(from), .step = to < from ? -1 : 1 };
	int32_t last = floor_of(to);

	axis.left = (uint32_t)((last - axis.cell) * axis.step);
	if (axis.left > 0) {
		double border = axis.step > 0 ? axis.cell + 1 : axis.cell;

		axis.next = (border - from) / (to - from);
		axis.every = axis.step / (to - from);
	}
	return axis;
}

/* place_good: finite, and so near to the world that cells have numbers. */
static int place_good(struct vec3f p)
{
	const double far = 2.0 * TERRAIN_SIZE_MAX;

	return p.x > -far && p.x < far && p.y > -far && p.y < far && p.z > -far && p.z < far;
}

static int comes_before(struct vec3f a, struct vec3f b)
{
	return a.x != b.x ? a.x < b.x : a.y != b.y ? a.y < b.y : a.z < b.z;
}

int terrain_sight(struct terrain *t, struct vec3f from, struct vec3f to)
{
	struct vec3f first = comes_before(from, to) ? from : to, last = comes_before(from, to) ? to : from;
	struct axis x, y, z;
	uint32_t left;

	if (!place_good(from) || !place_good(to)) {
		return 0;
	}
	x = axis_of(first.x, last.x);
	y = axis_of(first.y, last.y);
	z = axis_of(first.z, last.z);
	left = x.left + y.left + z.left;
	if (left > TERRAIN_SIGHT_MAX) {
		return 0;
	}
	for (; left > 1; left--) { /* the last step would be into the cell of the end */
		struct axis *axis = x.left > 0 ? &x : y.left > 0 ? &y : &z;

		if (y.left > 0 && y.next < axis->next) {
			axis = &y;
		}
		if (z.left > 0 && z.next < axis->next) {
			axis = &z;
		}
		axis->cell += axis->step;
		axis->next += axis->every;
		axis->left--;
		if (flags_at(t, x.cell, y.cell, z.cell) & BLOCK_FULL) {
			return 0;
		}
	}
	return 1;
}
