/* SPDX-License-Identifier: MIT */
/* Chunks in memory: sections of indices into palettes. */
#include "world/chunk.h"

#include <stdlib.h>
#include <string.h>

/* --- sections --------------------------------------------------------------------------------------- */

static size_t index_bytes(uint8_t bits)
{
	return CHUNK_SECTION_CELLS / 8 * bits;
}

/* A palette has room for all that its index can say. */
static size_t section_bytes(uint8_t bits)
{
	if (bits == 0 || bits == 16) {
		return index_bytes(bits);
	}
	return index_bytes(bits) + ((size_t)2 << bits);
}

static uint16_t *palette_of(const struct chunk_section *section)
{
	return (uint16_t *)(void *)(section->cells + index_bytes(section->bits));
}

static uint16_t *ids_of(const struct chunk_section *section)
{
	return (uint16_t *)(void *)section->cells;
}

static uint32_t index_get(const uint8_t *cells, uint8_t bits, uint32_t at)
{
	uint32_t bit = at * bits;

	return (uint32_t)(cells[bit >> 3] >> (bit & 7)) & ((1u << bits) - 1);
}

static void index_set(uint8_t *cells, uint8_t bits, uint32_t at, uint32_t index)
{
	uint32_t bit = at * bits, mask = ((1u << bits) - 1) << (bit & 7);

	cells[bit >> 3] = (uint8_t)((cells[bit >> 3] & ~mask) | index << (bit & 7));
}

static uint16_t section_get(const struct chunk_section *section, uint32_t at)
{
	if (section->cells == NULL) {
		return section->only;
	}
	if (section->bits == 16) {
		return ids_of(section)[at];
	}
	return palette_of(section)[index_get(section->cells, section->bits, at)];
}

static void section_read(const struct chunk_section *section, uint16_t ids[CHUNK_SECTION_CELLS])
{
	for (uint32_t at = 0; at < CHUNK_SECTION_CELLS; at++) {
		ids[at] = section_get(section, at);
	}
}

/* kinds_find: fills a palette with the kinds among the ids; how many there are, or 257 for more than 256. */
static uint32_t kinds_find(const uint16_t ids[CHUNK_SECTION_CELLS], uint16_t palette[256])
{
	uint32_t kinds = 0, last = 0;

	for (uint32_t at = 0; at < CHUNK_SECTION_CELLS; at++) {
		uint32_t i = last; /* neighbours are mostly alike */

		if (kinds == 0 || palette[i] != ids[at]) {
			for (i = 0; i < kinds && palette[i] != ids[at]; i++) {
			}
		}
		if (i == kinds) {
			if (kinds == 256) {
				return 257;
			}
			palette[kinds++] = ids[at];
		}
		last = i;
	}
	return kinds;
}

static uint8_t bits_for(uint32_t kinds)
{
	return kinds > 256 ? 16 : kinds > 16 ? 8 : kinds > 4 ? 4 : kinds > 2 ? 2 : kinds > 1 ? 1 : 0;
}

static void indices_write(struct chunk_section *section, const uint16_t ids[CHUNK_SECTION_CELLS],
			  const uint16_t *palette)
{
	uint32_t index = 0;

	for (uint32_t at = 0; at < CHUNK_SECTION_CELLS; at++) {
		if (palette[index] != ids[at]) {
			for (index = 0; palette[index] != ids[at]; index++) {
			}
		}
		index_set(section->cells, section->bits, at, index);
	}
}

/* section_write: replaces a section by one that holds the ids and has room for `more` further kinds. */
static int section_write(struct chunk_section *section, const uint16_t ids[CHUNK_SECTION_CELLS], uint32_t more)
{
	uint16_t palette[256];
	uint32_t kinds = kinds_find(ids, palette);
	struct chunk_section made = { .bits = bits_for(kinds + more), .kinds = (uint16_t)kinds, .only = palette[0] };

	if (made.bits != 0) {
		made.cells = calloc(1, section_bytes(made.bits));
		if (made.cells == NULL) {
			return CHUNK_NO_MEMORY;
		}
	}
	if (made.bits == 16) {
		memcpy(made.cells, ids, section_bytes(16));
	} else if (made.bits != 0) {
		memcpy(palette_of(&made), palette, kinds * sizeof(*palette));
		indices_write(&made, ids, palette_of(&made));
	}
	free(section->cells);
	*section = made;
	return 0;
}

/* widen: makes room for one more kind; drops the kinds that no cell has any more. */
static int widen(struct chunk_section *section)
{
	uint16_t ids[CHUNK_SECTION_CELLS];

	section_read(section, ids);
	return section_write(section, ids, 1);
}

static int section_set(struct chunk_section *section, uint32_t at, uint16_t id)
{
	uint32_t index;
	int rc;

	if (section_get(section, at) == id) {
		return 0;
	}
	if (section->bits < 16) {
		for (index = 0; section->bits > 0 && index < section->kinds && palette_of(section)[index] != id; index++) {
		}
		if (section->bits > 0 && index < section->kinds) {
			index_set(section->cells, section->bits, at, index);
			return 0;
		}
		if (section->bits == 0 || section->kinds == 1u << section->bits) {
			rc = widen(section);
			if (rc != 0) {
				return rc;
			}
		}
	}
	if (section->bits == 16) {
		ids_of(section)[at] = id;
		return 0;
	}
	palette_of(section)[section->kinds] = id;
	index_set(section->cells, section->bits, at, section->kinds++);
	return 0;
}

/* --- chunks ----------------------------------------------------------------------------------------- */

struct chunk *chunk_new(int32_t x, int32_t y, uint32_t height)
{
	struct chunk *chunk;

	if (height == 0 || height > CHUNK_HEIGHT_MAX || height % CHUNK_WIDTH != 0) {
		return NULL;
	}
	chunk = calloc(1, sizeof(*chunk) + height / CHUNK_WIDTH * sizeof(chunk->sections[0]));
	if (chunk != NULL) {
		chunk->x = x;
		chunk->y = y;
		chunk->height = height;
	}
	return chunk;
}

struct chunk *chunk_free(struct chunk *chunk)
{
	if (chunk != NULL) {
		for (uint32_t n = 0; n < chunk->height / CHUNK_WIDTH; n++) {
			free(chunk->sections[n].cells);
		}
		free(chunk->strange);
		free(chunk);
	}
	return NULL;
}

static uint32_t cell_in_section(uint32_t x, uint32_t y, uint32_t z)
{
	return (x & 15) + 16 * ((y & 15) + 16 * (z & 15));
}

uint16_t chunk_get(const struct chunk *chunk, uint32_t x, uint32_t y, uint32_t z)
{
	return z < chunk->height ? section_get(&chunk->sections[z / CHUNK_WIDTH], cell_in_section(x, y, z)) : BLOCK_AIR;
}

int chunk_set(struct chunk *chunk, uint32_t x, uint32_t y, uint32_t z, uint16_t id)
{
	return z < chunk->height ? section_set(&chunk->sections[z / CHUNK_WIDTH], cell_in_section(x, y, z), id) : 0;
}

void chunk_section_read(const struct chunk *chunk, uint32_t n, uint16_t ret_ids[CHUNK_SECTION_CELLS])
{
	section_read(&chunk->sections[n], ret_ids);
}

int chunk_section_write(struct chunk *chunk, uint32_t n, const uint16_t ids[CHUNK_SECTION_CELLS])
{
	return section_write(&chunk->sections[n], ids, 0);
}

size_t chunk_bytes(const struct chunk *chunk)
{
	uint32_t sections = chunk->height / CHUNK_WIDTH;
	size_t bytes = sizeof(*chunk) + sections * sizeof(chunk->sections[0]) + chunk->strange_len;

	for (uint32_t n = 0; n < sections; n++) {
		bytes += section_bytes(chunk->sections[n].bits);
	}
	return bytes;
}

size_t chunk_raw_bytes(const struct chunk *chunk)
{
	return (size_t)chunk->height * CHUNK_WIDTH * CHUNK_WIDTH * 2;
}
