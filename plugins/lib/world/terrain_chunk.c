/* SPDX-License-Identifier: MIT */
/* Whole chunks of a terrain: those that come from storage and go there, and their digests. */
#include <stdlib.h>
#include <string.h>

#include "map/map.h"
#include "world/chunk_pack.h"
#include "world/seed.h"
#include "world/terrain_place.h"

const struct chunk *terrain_chunk(struct terrain *t, int32_t cx, int32_t cy)
{
	struct place *p = place_open(t, cx, cy);

	return p != NULL ? p->chunk : NULL;
}

int terrain_put_packed(struct terrain *t, int32_t cx, int32_t cy, const void *bytes, size_t len)
{
	struct place *p;
	uint8_t *copy;

	if (!place_inside(t, cx, cy)) {
		return terrain_refuse(t, TERRAIN_OUTSIDE);
	}
	if (len == 0 || len > CHUNK_PACKED_MAX) {
		return terrain_refuse(t, TERRAIN_BAD);
	}
	copy = malloc(len);
	p = copy != NULL ? place_get(t, cx, cy) : NULL;
	if (p == NULL) {
		free(copy);
		return terrain_refuse(t, TERRAIN_NO_MEMORY);
	}
	memcpy(copy, bytes, len);
	if (p->chunk != NULL) {
		place_detach(t, p);
	}
	place_keep(t, p, copy, len);
	place_flags(t, p, TERRAIN_EDITED);
	p->edit = 0;
	p->digest_known = 0;
	return 0;
}

static int copy_out(const struct place *p, uint8_t **ret_bytes, size_t *ret_len)
{
	uint8_t *copy = malloc(p->packed_len);

	if (copy == NULL) {
		return TERRAIN_NO_MEMORY;
	}
	memcpy(copy, p->packed, p->packed_len);
	*ret_bytes = copy;
	*ret_len = p->packed_len;
	return 0;
}

int terrain_pack(struct terrain *t, int32_t cx, int32_t cy, uint8_t **ret_bytes, size_t *ret_len, uint64_t *ret_edit)
{
	struct place *p = place_find(t, cx, cy);
	int rc;

	if (!place_inside(t, cx, cy)) {
		return terrain_refuse(t, TERRAIN_OUTSIDE);
	}
	if (p == NULL || (p->chunk == NULL && p->packed == NULL)) {
		p = place_open(t, cx, cy);
		if (p == NULL) {
			return terrain_refuse(t, TERRAIN_NO_MEMORY);
		}
	}
	rc = p->chunk == NULL ? copy_out(p, ret_bytes, ret_len) : chunk_pack(p->chunk, t->table, ret_bytes, ret_len);
	if (rc != 0) {
		t->counts.failures++;
		return terrain_refuse(t, TERRAIN_NO_MEMORY);
	}
	if (ret_edit != NULL) {
		*ret_edit = p->edit;
	}
	return 0;
}

void terrain_saved(struct terrain *t, int32_t cx, int32_t cy, uint64_t edit)
{
	struct place *p = place_find(t, cx, cy);

	if (p != NULL && p->edit == edit) {
		place_flags(t, p, p->flags & ~TERRAIN_DIRTY);
	}
}

void terrain_forget(struct terrain *t, int32_t cx, int32_t cy)
{
	struct place *p = place_find(t, cx, cy);

	if (p != NULL) {
		place_free(t, p);
	}
}

int terrain_next(const struct terrain *t, uint32_t flags, uint32_t *at, struct terrain_place *ret_place)
{
	struct map_entry *entry;

	while ((entry = map_next(&t->places, at)) != NULL) {
		const struct place *p = entry->value;

		if (p->flags & flags) {
			*ret_place = (struct terrain_place){ .cx = p->cx, .cy = p->cy, .flags = p->flags, .edit = p->edit };
			return 1;
		}
	}
	return 0;
}

/* --- digests ------------------------------------------------------------------------------------------ */

static uint64_t section_digest(const struct terrain *t, const struct chunk *now, const struct chunk *was, uint32_t n)
{
	uint16_t ids[CHUNK_SECTION_CELLS], old[CHUNK_SECTION_CELLS];
	uint64_t digest = 0;

	if (now->sections[n].bits == 0 && was->sections[n].bits == 0 && now->sections[n].only == was->sections[n].only) {
		return 0;
	}
	chunk_section_read(now, n, ids);
	chunk_section_read(was, n, old);
	for (uint32_t at = 0; at < CHUNK_SECTION_CELLS; at++) {
		if (ids[at] != old[at]) {
			digest += terrain_cell(t, now, n * CHUNK_SECTION_CELLS + at, old[at], ids[at]);
		}
	}
	return digest;
}

/* digest_count: 1, or 0 without memory. */
static int digest_count(const struct terrain *t, const struct chunk *chunk, uint64_t *ret_digest)
{
	struct chunk *was = generate_chunk(t->settings.seed, &t->settings.map, chunk->x, chunk->y);

	if (was == NULL) {
		return 0;
	}
	*ret_digest = 0;
	for (uint32_t n = 0; n < chunk->height / CHUNK_WIDTH; n++) {
		*ret_digest += section_digest(t, chunk, was, n);
	}
	chunk_free(was);
	return 1;
}

/* digest_packed: of a chunk that is not unpacked, and stays so. */
static int digest_packed(struct terrain *t, struct place *p)
{
	struct chunk *chunk;
	int counted, rc;

	if (p->flags & TERRAIN_QUARANTINED) {
		return 0;
	}
	rc = chunk_unpack(p->packed, p->packed_len, t->table, p->cx, p->cy, t->settings.map.height, &chunk);
	if (rc != 0) {
		if (rc != CHUNK_NO_MEMORY) {
			place_flags(t, p, p->flags | TERRAIN_QUARANTINED);
		}
		return 0;
	}
	counted = digest_count(t, chunk, &p->digest);
	chunk_free(chunk);
	return counted;
}

static uint64_t place_digest(struct terrain *t, struct place *p)
{
	if (!(p->flags & TERRAIN_EDITED)) {
		return 0;
	}
	if (!p->digest_known) {
		if (!(p->chunk != NULL ? digest_count(t, p->chunk, &p->digest) : digest_packed(t, p))) {
			return seed_mix(UINT64_MAX, seed_key(p->cx, p->cy));
		}
		p->digest_known = 1;
	}
	return p->digest;
}

uint64_t terrain_digest_chunk(struct terrain *t, int32_t cx, int32_t cy)
{
	struct place *p = place_find(t, cx, cy);

	return p != NULL ? place_digest(t, p) : 0;
}

uint64_t terrain_digest(struct terrain *t)
{
	struct map_entry *entry;
	uint64_t digest = 0;
	uint32_t at = 0;

	while ((entry = map_next(&t->places, &at)) != NULL) {
		digest += place_digest(t, entry->value);
	}
	return digest;
}
