/* SPDX-License-Identifier: MIT */
/*
 * A chunk: a column of 16 x 16 cells and the height of its world, in memory and stored.
 *
 * 1. In memory it is a pile of sections of 16 x 16 x 16 cells. A section names the kinds it holds once (its palette) and
 *    keeps an index of 0, 1, 2, 4 or 8 bits for each cell, or with more than 256 kinds the ids themselves: what is all
 *    stone or all air takes no array at all.
 * 2. A cell has the coordinates x, y in 0 .. 15 and z in 0 .. height-1, z up; its number is x + w * (y + w * z).
 *    Coordinates outside are a mistake of the caller: they are cut off, not checked.
 * 3. Chunks are not shared between threads. Functions that return int give 0, or a negative number below.
 */
#ifndef WORLD_CHUNK_H
#define WORLD_CHUNK_H

#include <stddef.h>
#include <stdint.h>

#include "world/block.h"

#define CHUNK_WIDTH 16
#define CHUNK_HEIGHT_MAX 256u
#define CHUNK_SECTIONS_MAX (CHUNK_HEIGHT_MAX / CHUNK_WIDTH)
#define CHUNK_SECTION_CELLS 4096u

enum {
	CHUNK_NO_MEMORY = -1,
	CHUNK_DAMAGED = -2,  /* the bytes are no stored chunk: cut, changed, or larger than one can be */
	CHUNK_FOREIGN = -3,  /* they are one, but of another place or height */
	CHUNK_NO_ROOM = -4,  /* they name kinds of blocks that do not fit into the table */
};

struct chunk_section {
	uint8_t *cells;	    /* indices, behind them the palette; NULL = all cells are `only` */
	uint16_t only;
	uint16_t kinds;	    /* entries of the palette in use */
	uint8_t bits;	    /* of an index: 0, 1, 2, 4, 8; 16 = the ids themselves, no palette */
};

struct chunk {
	int32_t x, y;	    /* in chunks: that of the cells x * 16 .. x * 16 + 15 */
	uint32_t height;    /* in cells: a multiple of 16, at most CHUNK_HEIGHT_MAX */
	uint64_t rev;	    /* the tick of the last change that was made by a player or a rule; 0 = as generated */
	uint64_t epoch;	    /* of the lease under which it was made */
	uint8_t biome, potency;
	uint8_t *strange;   /* fields of the stored form that this program does not know; packed again as they came */
	size_t strange_len;
	struct chunk_section sections[]; /* from below */
};

/* chunk_new: a chunk of air; NULL without memory or for a bad height. chunk_free takes NULL. */
struct chunk *chunk_new(int32_t x, int32_t y, uint32_t height);
struct chunk *chunk_free(struct chunk *chunk);

/* chunk_get, chunk_set: the kind in a cell. chunk_set: 0, or CHUNK_NO_MEMORY (then nothing changed). */
uint16_t chunk_get(const struct chunk *chunk, uint32_t x, uint32_t y, uint32_t z);
int chunk_set(struct chunk *chunk, uint32_t x, uint32_t y, uint32_t z, uint16_t id);

/* chunk_section_read, chunk_section_write: all cells of the section at height n * 16, by their numbers in it. Writing
 * chooses the smallest form: 0, or CHUNK_NO_MEMORY (then nothing changed). */
void chunk_section_read(const struct chunk *chunk, uint32_t n, uint16_t ret_ids[CHUNK_SECTION_CELLS]);
int chunk_section_write(struct chunk *chunk, uint32_t n, const uint16_t ids[CHUNK_SECTION_CELLS]);

/* chunk_bytes: the memory it takes; chunk_raw_bytes: what an array of ids would. */
size_t chunk_bytes(const struct chunk *chunk);
size_t chunk_raw_bytes(const struct chunk *chunk);

#endif
