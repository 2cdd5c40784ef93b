/* SPDX-License-Identifier: MIT */
/* Chunks stored: to and from worlddb.Chunk. */
#include "world/chunk_pack.h"

#include <stdlib.h>
#include <string.h>

#include "plugins/lib/world/record.pb-c.h"
#include "proto/proto.h"
#include "zip/zip.h"

/* cell_at: cells are stored by columns, since columns are alike; the number in a section of the stored cell `n`. */
static uint32_t cell_at(uint32_t n)
{
	return (n >> 4 & 15) + 16 * ((n >> 8) + 16 * (n & 15));
}

/* --- packing ------------------------------------------------------------------------------------------ */

/* The places of kinds in a palette under construction, +1; 0 = not in it. By id. */
struct palette {
	uint16_t place[BLOCK_TYPES_MAX];
	uint16_t ids[BLOCK_TYPES_MAX];
	uint32_t count;
};

struct packing {
	struct palette chunk, section;
	uint16_t ids[CHUNK_SECTION_CELLS];
	char *names[BLOCK_TYPES_MAX];
	Worlddb__Section sections[CHUNK_SECTIONS_MAX], *section_list[CHUNK_SECTIONS_MAX];
};

static uint16_t palette_place(struct palette *palette, uint16_t id)
{
	if (palette->place[id] == 0) {
		palette->ids[palette->count++] = id;
		palette->place[id] = (uint16_t)palette->count;
	}
	return palette->place[id] - 1;
}

static int section_pack(struct packing *p, const struct chunk *chunk, uint32_t n)
{
	Worlddb__Section *section = &p->sections[n];
	uint32_t width;

	worlddb__section__init(section);
	p->section_list[n] = section;
	chunk_section_read(chunk, n, p->ids);
	memset(&p->section, 0, sizeof(p->section));
	for (uint32_t i = 0; i < CHUNK_SECTION_CELLS; i++) {
		palette_place(&p->section, p->ids[cell_at(i)]);
	}
	section->n_kinds = p->section.count;
	section->kinds = calloc(p->section.count, sizeof(*section->kinds));
	if (section->kinds == NULL) {
		return CHUNK_NO_MEMORY;
	}
	for (uint32_t i = 0; i < p->section.count; i++) {
		section->kinds[i] = palette_place(&p->chunk, p->section.ids[i]);
	}
	if (p->section.count == 1) {
		return 0;
	}
	width = p->section.count > 256 ? 2 : 1;
	section->has_cells = 1;
	section->cells.len = (size_t)CHUNK_SECTION_CELLS * width;
	section->cells.data = malloc(section->cells.len);
	if (section->cells.data == NULL) {
		return CHUNK_NO_MEMORY;
	}
	for (uint32_t i = 0; i < CHUNK_SECTION_CELLS; i++) {
		uint16_t place = palette_place(&p->section, p->ids[cell_at(i)]);

		section->cells.data[i * width] = (uint8_t)place;
		if (width == 2) {
			section->cells.data[i * 2 + 1] = (uint8_t)(place >> 8);
		}
	}
	return 0;
}

/* record_zip: packs the record, the fields of other programs behind it, and compresses both. */
static int record_zip(const Worlddb__Chunk *record, const struct chunk *chunk, uint8_t **ret_bytes, size_t *ret_len)
{
	size_t len = worlddb__chunk__get_packed_size(record);
	uint8_t *bytes = malloc(len + chunk->strange_len);
	int rc;

	if (bytes == NULL) {
		return CHUNK_NO_MEMORY;
	}
	worlddb__chunk__pack(record, bytes);
	if (chunk->strange_len > 0) {
		memcpy(bytes + len, chunk->strange, chunk->strange_len);
	}
	rc = zip_pack(bytes, len + chunk->strange_len, ret_bytes, ret_len);
	free(bytes);
	if (rc != 0) {
		return CHUNK_NO_MEMORY;
	}
	if (*ret_len > CHUNK_PACKED_MAX) {
		free(*ret_bytes);
		return CHUNK_NO_ROOM;
	}
	return 0;
}

int chunk_pack(const struct chunk *chunk, const struct block_table *table, uint8_t **ret_bytes, size_t *ret_len)
{
	Worlddb__Chunk record = WORLDDB__CHUNK__INIT;
	struct packing *p = calloc(1, sizeof(*p));
	uint32_t count = chunk->height / CHUNK_WIDTH;
	int rc = p != NULL ? 0 : CHUNK_NO_MEMORY;

	for (uint32_t n = 0; n < count && rc == 0; n++) {
		rc = section_pack(p, chunk, n);
	}
	if (rc == 0) {
		for (uint32_t i = 0; i < p->chunk.count; i++) {
			p->names[i] = (char *)block_type(table, p->chunk.ids[i])->name; /* only read */
		}
		record.has_biome = record.has_potency = record.has_x = record.has_y = record.has_rev = record.has_epoch =
			record.has_height = 1;
		record.biome = chunk->biome;
		record.potency = chunk->potency;
		record.x = chunk->x;
		record.y = chunk->y;
		record.rev = chunk->rev;
		record.epoch = chunk->epoch;
		record.height = chunk->height;
		record.palette = p->names;
		record.n_palette = p->chunk.count;
		record.sections = p->section_list;
		record.n_sections = count;
		rc = record_zip(&record, chunk, ret_bytes, ret_len);
	}
	for (uint32_t n = 0; p != NULL && n < count; n++) {
		free(p->sections[n].kinds);
		free(p->sections[n].cells.data);
	}
	free(p);
	return rc;
}

/* --- unpacking ---------------------------------------------------------------------------------------- */

static int section_unpack(struct chunk *chunk, uint32_t n, const Worlddb__Section *record, const uint16_t *palette,
			  size_t palette_len)
{
	uint16_t ids[CHUNK_SECTION_CELLS];
	size_t width = record->n_kinds > 256 ? 2 : record->n_kinds > 1 ? 1 : 0;

	if (record->n_kinds == 0 || record->n_kinds > CHUNK_SECTION_CELLS ||
	    record->cells.len != CHUNK_SECTION_CELLS * width) {
		return CHUNK_DAMAGED;
	}
	for (size_t i = 0; i < record->n_kinds; i++) {
		if (record->kinds[i] >= palette_len) {
			return CHUNK_DAMAGED;
		}
	}
	for (uint32_t i = 0; i < CHUNK_SECTION_CELLS; i++) {
		const uint8_t *cell = width > 0 ? record->cells.data + i * width : NULL;
		uint32_t place = width == 0 ? 0 : width == 1 ? cell[0] : cell[0] | (uint32_t)cell[1] << 8;

		if (place >= record->n_kinds) {
			return CHUNK_DAMAGED;
		}
		ids[cell_at(i)] = palette[record->kinds[place]];
	}
	return chunk_section_write(chunk, n, ids);
}

static int palette_unpack(const Worlddb__Chunk *record, struct block_table *table, uint16_t *palette)
{
	for (size_t i = 0; i < record->n_palette; i++) {
		int32_t id = block_meet(table, record->palette[i]);

		if (id < 0) {
			return id == BLOCK_FULL_TABLE  ? CHUNK_NO_ROOM
			       : id == BLOCK_NO_MEMORY ? CHUNK_NO_MEMORY
						       : CHUNK_DAMAGED;
		}
		palette[i] = (uint16_t)id;
	}
	return 0;
}

/* strange_keep: keeps the fields that other programs wrote, as a message that holds nothing else. */
static int strange_keep(struct chunk *chunk, const Worlddb__Chunk *record)
{
	Worlddb__Chunk rest = WORLDDB__CHUNK__INIT;
	size_t len;

	rest.base.unknown_fields = record->base.unknown_fields;
	rest.base.n_unknown_fields = record->base.n_unknown_fields;
	len = worlddb__chunk__get_packed_size(&rest);
	if (len == 0) {
		return 0;
	}
	if (len > CHUNK_STRANGE_MAX) {
		return CHUNK_DAMAGED;
	}
	chunk->strange = malloc(len);
	if (chunk->strange == NULL) {
		return CHUNK_NO_MEMORY;
	}
	chunk->strange_len = worlddb__chunk__pack(&rest, chunk->strange);
	return 0;
}

/* record_check: the fields by themselves. */
static int record_check(const Worlddb__Chunk *record, int32_t x, int32_t y, uint32_t height)
{
	if (!record->has_x || !record->has_y || !record->has_height || record->n_palette == 0 ||
	    record->n_palette > BLOCK_TYPES_MAX || record->n_sections != record->height / CHUNK_WIDTH ||
	    record->biome < 0 || record->biome > UINT8_MAX || record->potency < 0 || record->potency > UINT8_MAX) {
		return CHUNK_DAMAGED;
	}
	return record->x == x && record->y == y && record->height == height ? 0 : CHUNK_FOREIGN;
}

static int chunk_fill(struct chunk *chunk, const Worlddb__Chunk *record, struct block_table *table)
{
	uint16_t palette[BLOCK_TYPES_MAX];
	int rc = palette_unpack(record, table, palette);

	for (uint32_t n = 0; n < record->n_sections && rc == 0; n++) {
		rc = section_unpack(chunk, n, record->sections[n], palette, record->n_palette);
	}
	if (rc == 0) {
		rc = strange_keep(chunk, record);
	}
	chunk->biome = (uint8_t)record->biome;
	chunk->potency = (uint8_t)record->potency;
	chunk->rev = record->rev;
	chunk->epoch = record->epoch;
	return rc;
}

int chunk_record_unpack(const uint8_t *bytes, size_t len, struct block_table *table, int32_t x, int32_t y, uint32_t height,
			struct chunk **ret_chunk)
{
	struct proto_arena arena;
	Worlddb__Chunk *record;
	struct chunk *chunk = NULL;
	int rc = CHUNK_DAMAGED;

	proto_arena_init(&arena);
	record = (Worlddb__Chunk *)proto_unpack(&worlddb__chunk__descriptor, bytes, len, &arena);
	if (record != NULL) {
		rc = record_check(record, x, y, height);
	} else if (arena.starved) {
		rc = CHUNK_NO_MEMORY;
	}
	if (rc == 0) {
		chunk = chunk_new(x, y, height);
		rc = chunk != NULL ? chunk_fill(chunk, record, table) : CHUNK_NO_MEMORY;
	}
	proto_arena_free(&arena);
	if (rc != 0) {
		chunk_free(chunk);
		return rc;
	}
	*ret_chunk = chunk;
	return 0;
}

int chunk_unpack(const uint8_t *bytes, size_t len, struct block_table *table, int32_t x, int32_t y, uint32_t height,
		 struct chunk **ret_chunk)
{
	uint8_t *record;
	size_t record_len;
	int rc;

	if (len > CHUNK_PACKED_MAX) {
		return CHUNK_DAMAGED;
	}
	rc = zip_unpack(bytes, len, CHUNK_RECORD_MAX, &record, &record_len);
	if (rc != 0) {
		return rc == ZIP_NO_MEMORY ? CHUNK_NO_MEMORY : CHUNK_DAMAGED;
	}
	rc = chunk_record_unpack(record, record_len, table, x, y, height, ret_chunk);
	free(record);
	return rc;
}
