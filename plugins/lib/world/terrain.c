/* SPDX-License-Identifier: MIT */
/* The chunks of a world: a map of places, a list of the unpacked ones with the one touched last in front. */
#include <stdlib.h>

#include "map/map.h"
#include "world/chunk_pack.h"
#include "world/seed.h"
#include "world/terrain_place.h"

#define OPEN_DEFAULT 4096u

/* --- the list of unpacked chunks ---------------------------------------------------------------------- */

static void list_remove(struct terrain *t, struct place *p)
{
	*(p->newer != NULL ? &p->newer->older : &t->newest) = p->older;
	*(p->older != NULL ? &p->older->newer : &t->oldest) = p->newer;
	p->newer = p->older = NULL;
}

static void list_add(struct terrain *t, struct place *p)
{
	p->older = t->newest;
	p->newer = NULL;
	*(t->newest != NULL ? &t->newest->newer : &t->oldest) = p;
	t->newest = p;
}

static void bytes_count(struct terrain *t, struct place *p)
{
	size_t bytes = p->chunk != NULL ? chunk_bytes(p->chunk) : 0;

	t->counts.bytes += bytes - p->bytes;
	p->bytes = bytes;
}

static void chunk_attach(struct terrain *t, struct place *p, struct chunk *chunk)
{
	p->chunk = chunk;
	list_add(t, p);
	t->counts.open++;
	bytes_count(t, p);
}

void place_detach(struct terrain *t, struct place *p)
{
	p->chunk = chunk_free(p->chunk);
	list_remove(t, p);
	t->counts.open--;
	bytes_count(t, p);
}

static void packed_drop(struct terrain *t, struct place *p)
{
	t->counts.packed_bytes -= p->packed_len;
	free(p->packed);
	p->packed = NULL;
	p->packed_len = 0;
}

void place_keep(struct terrain *t, struct place *p, uint8_t *bytes, size_t len)
{
	packed_drop(t, p);
	p->packed = bytes;
	p->packed_len = len;
	t->counts.packed_bytes += len;
}

void place_flags(struct terrain *t, struct place *p, uint32_t flags)
{
	uint32_t *counted[] = { &t->counts.edited, &t->counts.dirty, &t->counts.quarantined };

	for (uint32_t i = 0; i < 3; i++) {
		*counted[i] += (flags >> i & 1) - (p->flags >> i & 1);
	}
	p->flags = flags;
}

/* --- places ------------------------------------------------------------------------------------------- */

int place_inside(const struct terrain *t, int32_t cx, int32_t cy)
{
	int32_t half = (int32_t)t->settings.size / CHUNK_WIDTH / 2;

	return cx >= -half && cx < half && cy >= -half && cy < half;
}

struct place *place_find(const struct terrain *t, int32_t cx, int32_t cy)
{
	return map_get(&t->places, seed_key(cx, cy));
}

struct place *place_get(struct terrain *t, int32_t cx, int32_t cy)
{
	struct place *p = place_find(t, cx, cy);

	if (p != NULL) {
		return p;
	}
	p = calloc(1, sizeof(*p));
	if (p == NULL || map_put(&t->places, seed_key(cx, cy), p) != 0) {
		free(p);
		t->counts.failures++;
		return NULL;
	}
	p->cx = cx;
	p->cy = cy;
	return p;
}

void place_free(struct terrain *t, struct place *p)
{
	if (p->chunk != NULL) {
		place_detach(t, p);
	}
	packed_drop(t, p);
	place_flags(t, p, 0);
	map_remove(&t->places, seed_key(p->cx, p->cy));
	free(p);
}

/* place_close: makes an unpacked chunk give way; 0, or -1 if there is no memory to pack it. */
static int place_close(struct terrain *t, struct place *p)
{
	if (p->flags & TERRAIN_EDITED) {
		uint8_t *bytes;
		size_t len;

		if (chunk_pack(p->chunk, t->table, &bytes, &len) != 0) {
			t->counts.failures++;
			return -1;
		}
		place_detach(t, p);
		place_keep(t, p, bytes, len);
	} else {
		place_free(t, p);
	}
	t->counts.evicted++;
	return 0;
}

void terrain_trim(struct terrain *t, uint32_t keep)
{
	while (t->counts.open > keep && place_close(t, t->oldest) == 0) {
	}
}

/* place_unpack: reads what is stored; a chunk that cannot be read is quarantined, one for which there is no memory stays. */
static void place_unpack(struct terrain *t, struct place *p)
{
	struct chunk *chunk;
	int rc = chunk_unpack(p->packed, p->packed_len, t->table, p->cx, p->cy, t->settings.map.height, &chunk);

	if (rc == CHUNK_NO_MEMORY) {
		t->counts.failures++;
	} else if (rc != 0) {
		place_flags(t, p, p->flags | TERRAIN_QUARANTINED);
	} else {
		packed_drop(t, p);
		chunk_attach(t, p, chunk);
		t->counts.unpacked++;
	}
}

static void place_generate(struct terrain *t, struct place *p)
{
	struct chunk *chunk = generate_chunk(t->settings.seed, &t->settings.map, p->cx, p->cy);

	if (chunk == NULL) {
		t->counts.failures++;
		place_free(t, p);
		return;
	}
	chunk_attach(t, p, chunk);
	t->counts.generated++;
}

struct place *place_open(struct terrain *t, int32_t cx, int32_t cy)
{
	struct place *p = t->newest;

	if (p != NULL && p->cx == cx && p->cy == cy) {
		return p;
	}
	if (!place_inside(t, cx, cy)) {
		return NULL;
	}
	p = place_find(t, cx, cy);
	if (p != NULL && p->chunk != NULL) {
		list_remove(t, p);
		list_add(t, p);
		return p;
	}
	if (p != NULL && p->flags & TERRAIN_QUARANTINED) {
		return NULL;
	}
	terrain_trim(t, t->settings.open_max - 1);
	p = place_get(t, cx, cy);
	if (p == NULL) {
		return NULL;
	}
	if (p->packed != NULL) {
		place_unpack(t, p);
	} else {
		place_generate(t, p);
	}
	return t->newest != NULL && t->newest->cx == cx && t->newest->cy == cy ? t->newest : NULL;
}

/* --- opening and closing ------------------------------------------------------------------------------ */

int terrain_open(const struct terrain_settings *settings, struct block_table *table, struct terrain **ret_terrain)
{
	struct terrain *t;

	if (generate_check(&settings->map) != 0 || settings->size == 0 || settings->size > TERRAIN_SIZE_MAX ||
	    settings->size % (2 * CHUNK_WIDTH) != 0 ||
	    (settings->open_max != 0 && settings->open_max < TERRAIN_OPEN_MIN)) {
		return TERRAIN_BAD;
	}
	t = calloc(1, sizeof(*t));
	if (t == NULL) {
		return TERRAIN_NO_MEMORY;
	}
	t->settings = *settings;
	t->settings.open_max = settings->open_max != 0 ? settings->open_max : OPEN_DEFAULT;
	t->table = table;
	*ret_terrain = t;
	return 0;
}

struct terrain *terrain_close(struct terrain *t)
{
	struct map_entry *entry;
	uint32_t at = 0;

	if (t == NULL) {
		return NULL;
	}
	while ((entry = map_next(&t->places, &at)) != NULL) {
		struct place *p = entry->value;

		chunk_free(p->chunk);
		free(p->packed);
		free(p);
	}
	map_free(&t->places);
	free(t);
	return NULL;
}

const struct terrain_settings *terrain_settings(const struct terrain *t)
{
	return &t->settings;
}

struct block_table *terrain_table(const struct terrain *t)
{
	return t->table;
}

void terrain_epoch(struct terrain *t, uint64_t epoch)
{
	t->epoch = epoch;
}

void terrain_counts(const struct terrain *t, struct terrain_counts *ret_counts)
{
	*ret_counts = t->counts;
}

/* --- cells -------------------------------------------------------------------------------------------- */

static int cell_beside(const struct terrain *t, int32_t x, int32_t y)
{
	int32_t half = (int32_t)t->settings.size / 2;

	return x < -half || x >= half || y < -half || y >= half;
}

uint16_t terrain_block(struct terrain *t, int32_t x, int32_t y, int32_t z)
{
	struct place *p;

	if (cell_beside(t, x, y) || z < 0) {
		return BLOCK_OUTSIDE;
	}
	if (z >= (int32_t)t->settings.map.height) {
		return BLOCK_AIR;
	}
	p = place_open(t, vec_div(x, CHUNK_WIDTH), vec_div(y, CHUNK_WIDTH));
	return p != NULL ? chunk_get(p->chunk, (uint32_t)x, (uint32_t)y, (uint32_t)z) : BLOCK_UNAVAILABLE;
}

int terrain_refuse(struct terrain *t, int why)
{
	t->counts.refused++;
	return why;
}

/* not_open: why place_open gave nothing for a place inside. */
static int not_open(struct terrain *t, int32_t cx, int32_t cy)
{
	struct place *p = place_find(t, cx, cy);

	return terrain_refuse(t, p != NULL && p->flags & TERRAIN_QUARANTINED ? TERRAIN_UNAVAILABLE : TERRAIN_NO_MEMORY);
}

uint64_t terrain_cell(const struct terrain *t, const struct chunk *chunk, uint32_t cell, uint16_t was, uint16_t now)
{
	uint64_t place = seed_mix(seed_key(chunk->x, chunk->y), cell);

	return seed_mix(place, block_hash(t->table, now)) - seed_mix(place, block_hash(t->table, was));
}

/* edit_note: a cell of the chunk has changed at `tick`. */
static void edit_note(struct terrain *t, struct place *p, uint32_t cell, uint16_t was, uint16_t now, uint64_t tick)
{
	if (!(p->flags & TERRAIN_EDITED)) {
		p->digest = 0;
		p->digest_known = 1;
	}
	if (p->digest_known) {
		p->digest += terrain_cell(t, p->chunk, cell, was, now);
	}
	bytes_count(t, p);
	p->chunk->rev = tick;
	p->chunk->epoch = t->epoch;
	p->edit = ++t->edits;
	place_flags(t, p, p->flags | TERRAIN_EDITED | TERRAIN_DIRTY);
}

int terrain_set(struct terrain *t, int32_t x, int32_t y, int32_t z, uint16_t id, uint64_t tick)
{
	int32_t cx = vec_div(x, CHUNK_WIDTH), cy = vec_div(y, CHUNK_WIDTH);
	struct place *p;
	uint16_t was;

	if (cell_beside(t, x, y) || z < 0 || z >= (int32_t)t->settings.map.height) {
		return terrain_refuse(t, TERRAIN_OUTSIDE);
	}
	if (id >= block_count(t->table)) {
		return terrain_refuse(t, TERRAIN_BAD);
	}
	p = place_open(t, cx, cy);
	if (p == NULL) {
		return not_open(t, cx, cy);
	}
	was = chunk_get(p->chunk, (uint32_t)x, (uint32_t)y, (uint32_t)z);
	if (was == id) {
		return 0;
	}
	if (chunk_set(p->chunk, (uint32_t)x, (uint32_t)y, (uint32_t)z, id) != 0) {
		t->counts.failures++;
		return terrain_refuse(t, TERRAIN_NO_MEMORY);
	}
	edit_note(t, p, ((uint32_t)x & 15) + 16 * (((uint32_t)y & 15) + 16 * (uint32_t)z), was, id, tick);
	return 1;
}
