/* SPDX-License-Identifier: MIT */
/*
 * Generated terrain: each chunk is a function of the seed, the settings and its place, made of whole numbers only. So it
 * is the same on every machine, alone or among others, in any order.
 *
 * The height of the ground is value noise (lattice values, smoothed between them) of several widths, and so are warmth and
 * moisture, which choose the biome of a column. A tree stands in its own column and belongs to it: a chunk looks at the
 * columns around it as far as leaves reach, and draws its part of their trees. Veins of ore stay in cells of 8 x 8 x 8.
 *
 * What a version of this program generates is part of a stored world, which keeps changed chunks only: a change of the
 * generator's results needs a new kind of map (GENERATE_...), never a change of an old one. A test holds them by a hash.
 */
#ifndef WORLD_GENERATE_H
#define WORLD_GENERATE_H

#include <stdint.h>

#include "world/chunk.h"

/* Kinds of maps. */
enum generate_kind {
	GENERATE_FLAT = 1,  /* grass at one height, for tests and for builders */
	GENERATE_LAND = 2,  /* meadows, forests, deserts and hills, lakes between them */
};

enum generate_biome {
	BIOME_MEADOW = 1,
	BIOME_FOREST,
	BIOME_DESERT,
	BIOME_HILLS,
	BIOME_LAKE,
};

struct generate_settings {
	enum generate_kind kind;
	uint32_t height; /* of the world: see chunk_new; at least 32 for GENERATE_LAND */
	uint32_t level;	 /* flat: z of the grass; land: z of the highest water. 0 = a quarter, three eighths of the height */
};

/* generate_check: 0 if terrain can be made with these settings, -1 if not. */
int generate_check(const struct generate_settings *settings);

/* generate_chunk: the chunk at x, y (in chunks) with good settings; NULL without memory. [any] */
struct chunk *generate_chunk(uint64_t seed, const struct generate_settings *settings, int32_t x, int32_t y);

/* generate_ground: z of the highest solid block of a column as generated, trees and the like left out. [any] */
uint32_t generate_ground(uint64_t seed, const struct generate_settings *settings, int32_t x, int32_t y);

/* generate_biome: the biome of a column, enum generate_biome. [any] */
uint8_t generate_biome(uint64_t seed, const struct generate_settings *settings, int32_t x, int32_t y);

#endif
