/* SPDX-License-Identifier: MIT */
/* Blocks as players see them: a chunk whole when it comes into view, then what changes in it. */
#include <stdlib.h>
#include <string.h>

#include "mechanics.h"
#include "vec/vec.h"
#include "world/chunk_tell.h"
#include "world/terrain.h"

#define EVENT_CHUNK_DATA 36u
#define EVENT_BLOCKS_CHANGED 37u

void blocks_place(const struct mechanics *m, uint32_t cell, int32_t *ret_cx, int32_t *ret_cy)
{
	int32_t columns = (int32_t)(engine_shape(m->engine)->size / CHUNK_WIDTH);

	*ret_cx = (int32_t)(cell - 1) % columns - columns / 2;
	*ret_cy = (int32_t)(cell - 1) / columns - columns / 2;
}

/* payload: packed bytes as a body; frees them. */
static struct troupe_buf *payload(struct mechanics *m, uint8_t *packed, size_t len)
{
	uint8_t *bytes;
	struct troupe_buf *buf = m->h->buf_new(m->h, len, &bytes);

	if (buf != NULL) {
		memcpy(bytes, packed, len);
	}
	free(packed);
	return buf;
}

/* whole: the message about all of a cell's blocks; NULL if they cannot be read or packed. */
static struct troupe_buf *whole(struct mechanics *m, uint32_t cell)
{
	struct terrain *terrain = engine_terrain(m->engine);
	const struct chunk *chunk;
	int32_t cx, cy;
	uint8_t *packed;
	size_t len;

	blocks_place(m, cell, &cx, &cy);
	chunk = terrain_chunk(terrain, cx, cy);
	if (chunk == NULL || chunk_tell(chunk, terrain_table(terrain), m->ticking.tick, &packed, &len) != 0) {
		return NULL;
	}
	return payload(m, packed, len);
}

void blocks_seen(struct mechanics *m, const struct player *player, uint32_t cell)
{
	struct troupe_buf *buf = engine_terrain(m->engine) != NULL && player->frontend != NULL ? whole(m, cell) : NULL;

	if (buf != NULL) { /* a chunk that is damaged shows nothing */
		say_send_buf(m, player, EVENT_CHUNK_DATA, buf);
	}
}

void blocks_changed(struct mechanics *m, uint32_t cell, int32_t x, int32_t y, int32_t z)
{
	uint32_t in_x = (uint32_t)vec_mod(x, CHUNK_WIDTH), in_y = (uint32_t)vec_mod(y, CHUNK_WIDTH);

	if (cell == 0 || !say_wanted(m, cell)) {
		return;
	}
	if (m->blocks_len == m->blocks_size) {
		uint32_t size = m->blocks_size == 0 ? 256 : m->blocks_size * 2;
		struct block_change *blocks = realloc(m->blocks, size * sizeof(*blocks));

		if (blocks == NULL) {
			count(m, METRIC_FULL);
			return;
		}
		m->blocks = blocks;
		m->blocks_size = size;
	}
	m->blocks[m->blocks_len++] = (struct block_change){ .chunk = cell,
							    .cell = in_x + CHUNK_WIDTH * (in_y + CHUNK_WIDTH * (uint32_t)z),
							    .block = terrain_block(engine_terrain(m->engine), x, y, z) };
}

static int block_order(const void *a, const void *b)
{
	const struct block_change *x = a, *y = b;

	if (x->chunk != y->chunk) {
		return x->chunk < y->chunk ? -1 : 1;
	}
	return (x->cell > y->cell) - (x->cell < y->cell);
}

static void flush_one(struct mechanics *m, const struct block_change *blocks, uint32_t len)
{
	struct chunk_change *changes = len <= CHUNK_TELL_CELLS ? malloc(len * sizeof(*changes)) : NULL;
	struct terrain *terrain = engine_terrain(m->engine);
	int32_t cx, cy;
	uint8_t *packed;
	size_t packed_len;

	if (changes == NULL) { /* too many to be named */
		say_publish_buf(m, blocks->chunk, EVENT_CHUNK_DATA, whole(m, blocks->chunk), 0);
		return;
	}
	for (uint32_t i = 0; i < len; i++) {
		changes[i] = (struct chunk_change){ .cell = blocks[i].cell, .id = blocks[i].block };
	}
	blocks_place(m, blocks->chunk, &cx, &cy);
	if (chunk_tell_changes(cx, cy, changes, len, terrain_table(terrain), m->ticking.tick, &packed, &packed_len) == 0) {
		say_publish_buf(m, blocks->chunk, EVENT_BLOCKS_CHANGED, payload(m, packed, packed_len), 0);
	} else {
		count(m, METRIC_FULL);
	}
	free(changes);
}

void blocks_flush(struct mechanics *m)
{
	if (m->blocks_len > 1) {
		qsort(m->blocks, m->blocks_len, sizeof(*m->blocks), block_order);
	}
	for (uint32_t i = 0, end; i < m->blocks_len; i = end) {
		for (end = i; end < m->blocks_len && m->blocks[end].chunk == m->blocks[i].chunk; end++) {
		}
		flush_one(m, &m->blocks[i], end - i);
	}
	m->blocks_len = 0;
}
