/* SPDX-License-Identifier: MIT */
/* What clients are told of blocks, read as world.proto says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "world.pb-c.h"
#include "world/chunk_tell.h"
#include "world/generate.h"
#include "zip/zip.h"

/* The names of all cells of a message as a client finds them out; borrowed from `data`. */
static const char **read_chunk(const World__ChunkData *data)
{
	const char **names = calloc((size_t)data->height * 256, sizeof(*names));
	uint8_t *raw = data->sections.data;
	size_t len = data->sections.len;
	World__ChunkSections *sections;

	if (data->has_unpacked_len) {
		assert_int_equal(zip_unpack(data->sections.data, data->sections.len, data->unpacked_len, &raw, &len), 0);
		assert_int_equal(len, data->unpacked_len);
	}
	sections = world__chunk_sections__unpack(NULL, len, raw);
	assert_non_null(sections);
	assert_int_equal(sections->n_sections, data->height / 16);
	for (size_t s = 0; s < sections->n_sections; s++) {
		const World__ChunkSection *section = sections->sections[s];

		for (uint32_t n = 0; n < 4096; n++) {
			uint32_t place = 0;

			if (section->n_kinds > 256) {
				place = section->cells.data[n * 2] | (uint32_t)section->cells.data[n * 2 + 1] << 8;
			} else if (section->n_kinds > 1) {
				place = section->cells.data[n];
			}
			assert_true(place < section->n_kinds && section->kinds[place] < data->n_kinds);
			names[s * 4096 + n] = data->kinds[section->kinds[place]]->name;
		}
	}
	world__chunk_sections__free_unpacked(sections, NULL);
	if (data->has_unpacked_len) {
		free(raw);
	}
	return names;
}

static size_t compare(const struct chunk *chunk, const struct block_table *table)
{
	World__ChunkData *data;
	const char **names;
	uint8_t *bytes;
	size_t len;

	assert_int_equal(chunk_tell(chunk, table, 77, &bytes, &len), 0);
	assert_true(len <= CHUNK_TELL_MAX);
	data = world__chunk_data__unpack(NULL, len, bytes);
	assert_non_null(data);
	assert_int_equal(data->x, chunk->x);
	assert_int_equal(data->y, chunk->y);
	assert_int_equal(data->tick, 77);
	assert_int_equal(data->height, chunk->height);
	names = read_chunk(data);
	for (uint32_t z = 0; z < chunk->height; z++) {
		for (uint32_t i = 0; i < 256; i++) {
			const struct block_type *type = block_type(table, chunk_get(chunk, i % 16, i / 16, z));

			assert_string_equal(names[z * 256 + i], type->name);
		}
	}
	for (size_t i = 0; i < data->n_kinds; i++) {
		const struct block_type *type = block_type(table, (uint16_t)block_find(table, data->kinds[i]->name));

		assert_int_equal(data->kinds[i]->flags, type->flags);
		assert_int_equal(data->kinds[i]->glyph, type->glyph);
		assert_int_equal(data->kinds[i]->color, type->color);
	}
	free(names);
	world__chunk_data__free_unpacked(data, NULL);
	free(bytes);
	return len;
}

static void test_chunks(void **state)
{
	static const struct generate_settings land = { .kind = GENERATE_LAND, .height = 128 };
	struct block_table *table = block_table_new();
	struct chunk *chunk = generate_chunk(5, &land, -3, 2);
	size_t len;

	(void)state;
	len = compare(chunk, table);
	print_message("# generated land: %zu bytes\n", len);
	assert_true(len < 8192);
	chunk_free(chunk);
	chunk = chunk_new(0, 0, 16);
	len = compare(chunk, table);
	print_message("# air: %zu bytes\n", len);
	assert_true(len < 100);
	chunk_free(chunk);
	block_table_free(table);
}

/* Every kind there can be, at random: the most that a chunk can take. */
static void test_most(void **state)
{
	struct block_table *table = block_table_new();
	struct chunk *chunk = chunk_new(7, -8, CHUNK_HEIGHT_MAX);
	static uint16_t ids[CHUNK_SECTION_CELLS];
	uint32_t seed = 1;
	char name[40];

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "kind_with_a_name_that_is_l_%04u", i);
		assert_true(block_meet(table, name) >= 0);
	}
	for (uint32_t n = 0; n < CHUNK_SECTIONS_MAX; n++) {
		for (uint32_t i = 0; i < CHUNK_SECTION_CELLS; i++) {
			seed = seed * 1664525u + 1013904223u;
			ids[i] = (uint16_t)((seed >> 8) % (n == 0 ? 300 : block_count(table)));
		}
		assert_int_equal(chunk_section_write(chunk, n, ids), 0);
	}
	print_message("# %u kinds at random: %zu bytes\n", block_count(table), compare(chunk, table));
	chunk_free(chunk);
	block_table_free(table);
}

static void test_changes(void **state)
{
	static const struct chunk_change changes[] = { { 5, BLOCK_STONE }, { 65535, BLOCK_AIR }, { 256, BLOCK_STONE } };
	struct block_table *table = block_table_new();
	World__BlocksChanged *data;
	uint8_t *bytes;
	size_t len;

	(void)state;
	assert_int_equal(chunk_tell_changes(-1, 4, changes, 3, table, 9, &bytes, &len), 0);
	data = world__blocks_changed__unpack(NULL, len, bytes);
	assert_true(data->x == -1 && data->y == 4 && data->tick == 9 && data->n_kinds == 2);
	assert_int_equal(data->n_cells, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(data->cells[i], changes[i].cell);
		assert_string_equal(data->kinds[data->cell_kinds[i]]->name, block_type(table, changes[i].id)->name);
	}
	world__blocks_changed__free_unpacked(data, NULL);
	free(bytes);
	assert_int_equal(chunk_tell_changes(0, 0, changes, CHUNK_TELL_CELLS + 1, table, 9, &bytes, &len), CHUNK_NO_ROOM);
	block_table_free(table);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_most),
		cmocka_unit_test(test_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
