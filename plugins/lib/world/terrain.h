/* SPDX-License-Identifier: MIT */
/*
 * The blocks of a world: generated terrain and what was changed of it.
 *
 * 1. The world reaches from -size/2 to size/2 - 1 in x and y and from 0 to height - 1 in z. Beyond its sides and below it
 *    all is BLOCK_OUTSIDE, above it all is air.
 * 2. A chunk is generated when a cell of it is first asked for. Only changed chunks are worth storing: the owner of the
 *    terrain hands over what is stored (terrain_put_packed) and stores what terrain_next names with TERRAIN_DIRTY
 *    (terrain_pack, then terrain_saved). What a cell holds does not depend on when or in which order cells were asked for.
 * 3. At most open_max chunks are unpacked at a time: the one longest not touched gives way, a changed one in packed form.
 *    A pointer to a chunk is good until the next call on its terrain, "const" ones included.
 * 4. A stored chunk that cannot be read is quarantined, not replaced by generated terrain: its cells are
 *    BLOCK_UNAVAILABLE, changes of it are refused, and its bytes are kept for terrain_pack until others are put.
 * 5. No clock, no randomness but that of the seed. One thread at a time. [loop]
 */
#ifndef WORLD_TERRAIN_H
#define WORLD_TERRAIN_H

#include <stddef.h>
#include <stdint.h>

#include "vec/vec.h"
#include "world/block.h"
#include "world/chunk.h"
#include "world/generate.h"

#define TERRAIN_SIZE_MAX (1 << 20)
#define TERRAIN_OPEN_MIN 16u

/* Why something was refused; nothing has changed then. */
enum {
	TERRAIN_NO_MEMORY = -1,
	TERRAIN_OUTSIDE = -2,	  /* there is no such cell or chunk in this world */
	TERRAIN_UNAVAILABLE = -3, /* the chunk is quarantined */
	TERRAIN_BAD = -4,	  /* the settings, the id or the bytes are not allowed */
};

struct terrain_settings {
	uint64_t seed;
	struct generate_settings map;
	uint32_t size;	   /* in cells, an even number of chunks: a multiple of 32, at most TERRAIN_SIZE_MAX */
	uint32_t open_max; /* chunks unpacked at a time; 0 = 4096; at least TERRAIN_OPEN_MIN */
};

struct terrain_counts {
	uint32_t open;		 /* chunks unpacked now */
	uint32_t edited, dirty;	 /* chunks that differ from the generated ones; and those of them to be stored */
	uint32_t quarantined;	 /* now */
	uint64_t bytes, packed_bytes; /* memory of open chunks; stored forms held */
	uint64_t generated, unpacked, evicted, refused, failures; /* ever; failures: for want of memory */
};

struct terrain;

/* terrain_open: 0 and the terrain, TERRAIN_BAD for settings that are not allowed, or TERRAIN_NO_MEMORY. The table stays
 * the caller's and outlives the terrain; stored chunks may add kinds to it (block_meet). terrain_close takes NULL. */
int terrain_open(const struct terrain_settings *settings, struct block_table *table, struct terrain **ret_terrain);
struct terrain *terrain_close(struct terrain *t);

const struct terrain_settings *terrain_settings(const struct terrain *t);
struct block_table *terrain_table(const struct terrain *t);

/* terrain_block: the id in a cell; see 1 and 4 for those that hold none. */
uint16_t terrain_block(struct terrain *t, int32_t x, int32_t y, int32_t z);

/* terrain_set: puts a block into a cell at `tick`, which becomes the chunk's rev. 1 if the cell has changed, 0 if it held
 * that block already (then the chunk is not marked), or why not: TERRAIN_OUTSIDE (above the world too), UNAVAILABLE,
 * BAD for an id that is not in the table, NO_MEMORY. */
int terrain_set(struct terrain *t, int32_t x, int32_t y, int32_t z, uint16_t id, uint64_t tick);

/* --- whole chunks ------------------------------------------------------------------------------------- */

/* terrain_chunk: the chunk at cx, cy (in chunks; that of a cell is vec_div(x, CHUNK_WIDTH)); NULL if it is outside,
 * quarantined, or there is no memory. */
const struct chunk *terrain_chunk(struct terrain *t, int32_t cx, int32_t cy);

/* terrain_put_packed: what is stored of a changed chunk, copied; replaces what was there. It is unpacked when it is first
 * touched; only then is a damaged one found. 0, TERRAIN_OUTSIDE, TERRAIN_BAD (no bytes, or more than CHUNK_PACKED_MAX) or
 * TERRAIN_NO_MEMORY. */
int terrain_put_packed(struct terrain *t, int32_t cx, int32_t cy, const void *bytes, size_t len);

/* terrain_pack: the stored form of a chunk, in memory that the caller frees; *ret_edit (may be NULL) is for terrain_saved.
 * Of a quarantined chunk the bytes that were put. 0, TERRAIN_OUTSIDE or TERRAIN_NO_MEMORY. */
int terrain_pack(struct terrain *t, int32_t cx, int32_t cy, uint8_t **ret_bytes, size_t *ret_len, uint64_t *ret_edit);

/* terrain_saved: what was packed with this edit is stored. The chunk stays dirty if it has changed since. */
void terrain_saved(struct terrain *t, int32_t cx, int32_t cy, uint64_t edit);

/* terrain_epoch: the epoch that chunks are marked with when they change from now on (0 at first). */
void terrain_epoch(struct terrain *t, uint64_t epoch);

/* terrain_forget: drops what is known of a chunk, changes included: it is generated again, or put. */
void terrain_forget(struct terrain *t, int32_t cx, int32_t cy);

#define TERRAIN_EDITED 1u
#define TERRAIN_DIRTY 2u
#define TERRAIN_QUARANTINED 4u

struct terrain_place {
	int32_t cx, cy;
	uint32_t flags; /* TERRAIN_... */
	uint64_t edit;	/* grows with each change in this terrain: the youngest of the chunk, 0 if none since it was put */
};

/* terrain_next: walks the chunks that have one of the flags, in no particular order: start with *at = 0, ends with 0.
 * Meanwhile chunks may be packed, saved and digested, but no cell be asked for. */
int terrain_next(const struct terrain *t, uint32_t flags, uint32_t *at, struct terrain_place *ret_place);

/* terrain_trim: makes chunks that were not touched for longest give way until at most `keep` are unpacked. */
void terrain_trim(struct terrain *t, uint32_t keep);

/* terrain_digest_chunk: what a chunk's cells differ from generated ones, as a number: 0 for no difference. It depends on
 * the places and the names of the blocks only: not on ids, the order of changes, revs or epochs. The digest of a world,
 * whoever owns its parts, is the sum of its chunks' digests (modulo 2^64); terrain_digest adds up those that this terrain
 * knows to be changed. Changes keep it up to date; only of a chunk that was put it is counted once, from its cells, when it
 * is first asked for (about as long as generating it). A quarantined chunk counts with its place, so that it is never taken for an unchanged one. */
uint64_t terrain_digest_chunk(struct terrain *t, int32_t cx, int32_t cy);
uint64_t terrain_digest(struct terrain *t);

void terrain_counts(const struct terrain *t, struct terrain_counts *ret_counts);

/* --- looking (look.c) ----------------------------------------------------------------------------------- */

#define TERRAIN_NOWHERE (-1)

/* terrain_stand: where something stands that comes to the column x, y at height z: z is the cell of its feet, and it is
 * two cells tall. It enters one cell higher if it can, else at z, and falls from there until BLOCK_GROUND carries it;
 * TERRAIN_NOWHERE if both ways in are closed. So no wall is passed through to a cave below it. */
int32_t terrain_stand(struct terrain *t, int32_t x, int32_t y, int32_t z);

/* terrain_surface: where something stands that falls down from above: one above the highest BLOCK_GROUND; 0 without any;
 * TERRAIN_NOWHERE outside of the world or in a chunk that is unavailable. */
int32_t terrain_surface(struct terrain *t, int32_t x, int32_t y);

/* terrain_hidden: 1 if all six neighbours are BLOCK_FULL, across the borders of chunks too. The outside is full, what is
 * unavailable is not (nobody can say so). */
int terrain_hidden(struct terrain *t, int32_t x, int32_t y, int32_t z);

#define TERRAIN_SIGHT_MAX 256u /* cells between the two ends; what is further apart is not seen */

/* terrain_sight: 1 if no BLOCK_FULL is on the line between two places; the cells of its ends do not count, so that a block
 * can be looked at and from. Who is seen sees: the ends may be changed for each other. 0 for NaN and infinities. Cells are
 * walked as in Amanatides and Woo, "A fast voxel traversal algorithm for ray tracing", 1987. */
int terrain_sight(struct terrain *t, struct vec3f from, struct vec3f to);

#endif
