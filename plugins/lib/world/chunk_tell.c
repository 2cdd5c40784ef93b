/* SPDX-License-Identifier: MIT */
/* Blocks as clients are told of them. */
#include "world/chunk_tell.h"

#include <stdlib.h>
#include <string.h>

#include "world.pb-c.h"
#include "zip/zip.h"

/* Kinds in the order in which they were met, and their places, + 1, by id. Both grow no larger than the table. */
struct kinds {
	uint16_t place[BLOCK_TYPES_MAX];
	uint32_t ids[BLOCK_TYPES_MAX];
	uint32_t len;
};

static uint32_t kinds_place(struct kinds *kinds, uint32_t id)
{
	id = id < BLOCK_TYPES_MAX ? id : BLOCK_AIR;
	if (kinds->place[id] == 0) {
		kinds->ids[kinds->len++] = id;
		kinds->place[id] = (uint16_t)kinds->len;
	}
	return kinds->place[id] - 1u;
}

/* kinds_list: what the client is told of them, and pointers to it in front, in one piece of memory. */
static World__BlockKind **kinds_list(const struct kinds *kinds, const struct block_table *table)
{
	World__BlockKind **list = malloc((kinds->len + 1) * (sizeof(*list) + sizeof(**list)));
	World__BlockKind *items = list != NULL ? (World__BlockKind *)(list + kinds->len + 1) : NULL;

	for (uint32_t i = 0; list != NULL && i < kinds->len; i++) {
		const struct block_type *type = block_type(table, (uint16_t)kinds->ids[i]);

		world__block_kind__init(&items[i]);
		items[i].name = type != NULL ? (char *)type->name : NULL; /* only read */
		items[i].has_flags = items[i].has_glyph = items[i].has_color = type != NULL;
		items[i].flags = type != NULL ? type->flags : 0;
		items[i].glyph = type != NULL ? (uint8_t)type->glyph : 0;
		items[i].color = type != NULL ? type->color : 0;
		list[i] = &items[i];
	}
	return list;
}

/* message_pack: `message` in memory of its own. */
static int message_pack(const ProtobufCMessage *message, uint8_t **ret_bytes, size_t *ret_len)
{
	size_t len = protobuf_c_message_get_packed_size(message);
	uint8_t *bytes = len <= CHUNK_TELL_MAX ? malloc(len + 1) : NULL;

	if (bytes == NULL) {
		return len <= CHUNK_TELL_MAX ? CHUNK_NO_MEMORY : CHUNK_NO_ROOM;
	}
	*ret_len = protobuf_c_message_pack(message, bytes);
	*ret_bytes = bytes;
	return 0;
}

/* --- whole chunks ----------------------------------------------------------------------------------- */

struct telling {
	struct kinds chunk, section;
	uint16_t ids[CHUNK_SECTION_CELLS];
	uint32_t kinds[CHUNK_SECTIONS_MAX][CHUNK_SECTION_CELLS];
	uint8_t cells[CHUNK_SECTIONS_MAX][CHUNK_SECTION_CELLS * 2];
	World__ChunkSection sections[CHUNK_SECTIONS_MAX], *list[CHUNK_SECTIONS_MAX];
};

static void section_tell(struct telling *t, const struct chunk *chunk, uint32_t n)
{
	World__ChunkSection *section = &t->sections[n];
	uint32_t width;

	world__chunk_section__init(section);
	t->list[n] = section;
	chunk_section_read(chunk, n, t->ids);
	memset(&t->section, 0, sizeof(t->section));
	for (uint32_t i = 0; i < CHUNK_SECTION_CELLS; i++) {
		kinds_place(&t->section, t->ids[i]);
	}
	for (uint32_t i = 0; i < t->section.len; i++) {
		t->kinds[n][i] = kinds_place(&t->chunk, t->section.ids[i]);
	}
	section->kinds = t->kinds[n];
	section->n_kinds = t->section.len;
	if (t->section.len == 1) {
		return;
	}
	width = t->section.len > 256 ? 2 : 1;
	for (uint32_t i = 0; i < CHUNK_SECTION_CELLS; i++) {
		uint32_t place = kinds_place(&t->section, t->ids[i]);

		t->cells[n][i * width] = (uint8_t)place;
		if (width == 2) {
			t->cells[n][i * 2 + 1] = (uint8_t)(place >> 8);
		}
	}
	section->has_cells = 1;
	section->cells.data = t->cells[n];
	section->cells.len = (size_t)CHUNK_SECTION_CELLS * width;
}

/* sections_zip: the sections, compressed if that makes them smaller. */
static int sections_zip(struct telling *t, uint32_t count, World__ChunkData *data)
{
	World__ChunkSections sections = WORLD__CHUNK_SECTIONS__INIT;
	uint8_t *raw, *zipped;
	size_t len, zipped_len;

	sections.sections = t->list;
	sections.n_sections = count;
	len = world__chunk_sections__get_packed_size(&sections);
	raw = malloc(len + 1);
	if (raw == NULL) {
		return CHUNK_NO_MEMORY;
	}
	world__chunk_sections__pack(&sections, raw);
	data->has_sections = 1;
	data->sections.data = raw;
	data->sections.len = len;
	if (zip_pack(raw, len, &zipped, &zipped_len) != 0) {
		return CHUNK_NO_MEMORY;
	}
	if (zipped_len >= len) {
		free(zipped);
		return 0;
	}
	free(raw);
	data->sections.data = zipped;
	data->sections.len = zipped_len;
	data->has_unpacked_len = 1;
	data->unpacked_len = (uint32_t)len;
	return 0;
}

int chunk_tell(const struct chunk *chunk, const struct block_table *table, uint64_t tick, uint8_t **ret_bytes,
	       size_t *ret_len)
{
	World__ChunkData data = WORLD__CHUNK_DATA__INIT;
	struct telling *t = calloc(1, sizeof(*t));
	uint32_t count = chunk->height / CHUNK_WIDTH;
	int rc;

	if (t == NULL) {
		return CHUNK_NO_MEMORY;
	}
	for (uint32_t n = 0; n < count; n++) {
		section_tell(t, chunk, n);
	}
	data.has_x = data.has_y = data.has_tick = data.has_height = 1;
	data.x = chunk->x;
	data.y = chunk->y;
	data.tick = tick;
	data.height = chunk->height;
	data.kinds = kinds_list(&t->chunk, table);
	data.n_kinds = t->chunk.len;
	rc = data.kinds != NULL ? sections_zip(t, count, &data) : CHUNK_NO_MEMORY;
	if (rc == 0) {
		rc = message_pack(&data.base, ret_bytes, ret_len);
	}
	free(data.sections.data);
	free(data.kinds);
	free(t);
	return rc;
}

/* --- changes ---------------------------------------------------------------------------------------- */

int chunk_tell_changes(int32_t x, int32_t y, const struct chunk_change *changes, uint32_t len,
		       const struct block_table *table, uint64_t tick, uint8_t **ret_bytes, size_t *ret_len)
{
	World__BlocksChanged data = WORLD__BLOCKS_CHANGED__INIT;
	struct kinds *kinds = calloc(1, sizeof(*kinds));
	uint32_t *cells = malloc((len + 1) * 2 * sizeof(*cells));
	int rc = CHUNK_NO_MEMORY;

	if (len > CHUNK_TELL_CELLS) {
		rc = CHUNK_NO_ROOM;
	} else if (kinds != NULL && cells != NULL) {
		for (uint32_t i = 0; i < len; i++) {
			cells[i] = changes[i].cell;
			cells[len + i] = kinds_place(kinds, changes[i].id);
		}
		data.has_x = data.has_y = data.has_tick = 1;
		data.x = x;
		data.y = y;
		data.tick = tick;
		data.cells = cells;
		data.cell_kinds = cells + len;
		data.n_cells = data.n_cell_kinds = len;
		data.kinds = kinds_list(kinds, table);
		data.n_kinds = kinds->len;
		rc = data.kinds != NULL ? message_pack(&data.base, ret_bytes, ret_len) : CHUNK_NO_MEMORY;
	}
	free(data.kinds);
	free(kinds);
	free(cells);
	return rc;
}
