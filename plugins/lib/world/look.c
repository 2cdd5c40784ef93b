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
