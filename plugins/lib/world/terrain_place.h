/* SPDX-License-Identifier: MIT */
/* What the files of a terrain share: its chunks, each with its place in the world. [loop] */
#ifndef WORLD_TERRAIN_PLACE_H
#define WORLD_TERRAIN_PLACE_H

#include "map/map.h"
#include "world/terrain.h"

struct place {
	int32_t cx, cy;
	uint32_t flags;	     /* TERRAIN_... */
	struct chunk *chunk; /* NULL = not unpacked */
	uint8_t *packed;     /* of an edited chunk that is not unpacked */
	size_t packed_len;
	size_t bytes;	     /* of the chunk, as counted */
	uint64_t edit;
	uint64_t digest;
	int digest_known;
	struct place *newer, *older; /* while unpacked */
};

struct terrain {
	struct terrain_settings settings;
	struct block_table *table;
	struct map places; /* seed_key of the place */
	struct place *newest, *oldest;
	uint64_t edits, epoch;
	struct terrain_counts counts;
};

/* place_inside: 1 if the world has such a chunk. place_find: NULL = all of it is as generated, and not unpacked.
 * place_get: likewise, but then it is made; NULL without memory. place_free: forgets it. */
int place_inside(const struct terrain *t, int32_t cx, int32_t cy);
struct place *place_find(const struct terrain *t, int32_t cx, int32_t cy);
struct place *place_get(struct terrain *t, int32_t cx, int32_t cy);
void place_free(struct terrain *t, struct place *p);
/* place_open: the place with its chunk unpacked; NULL if it is outside, quarantined, or there is no memory.
 * place_detach: frees the unpacked chunk. place_keep: these malloc'ed bytes are its packed form, and the terrain's now. */
struct place *place_open(struct terrain *t, int32_t cx, int32_t cy);
void place_detach(struct terrain *t, struct place *p);
void place_keep(struct terrain *t, struct place *p, uint8_t *bytes, size_t len);
/* place_flags: sets TERRAIN_... and counts them. */
void place_flags(struct terrain *t, struct place *p, uint32_t flags);
/* terrain_refuse: counts it, and returns `why`. */
int terrain_refuse(struct terrain *t, int why);
/* terrain_cell: the part of a digest that one cell has. It adds up: that of a and b, and that of b and c, is that of a
 * and c. */
uint64_t terrain_cell(const struct terrain *t, const struct chunk *chunk, uint32_t cell, uint16_t was, uint16_t now);

#endif
