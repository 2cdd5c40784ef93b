/* SPDX-License-Identifier: MIT */
/* Kinds of blocks, chunks in memory and stored, generated terrain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "world/chunk_pack.h"
#include "world/generate.h"
#include "world/seed.h"
#include "zip/zip.h"

/* What the hashes of test_golden are. */
#define GOLDEN_NEAR 0x7228516929045b04u
#define GOLDEN_WIDE 0xf03553f210fb5473u
#define GOLDEN_FLAT 0xd4da93a2825ce376u

static const struct generate_settings land = { .kind = GENERATE_LAND, .height = 64 };

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* --- kinds -------------------------------------------------------------------------------------------- */

static void test_kinds(void **state)
{
	struct block_table *table = block_table_new();
	struct block_type type = { .name = "stone", .flags = BLOCK_GROUND, .glyph = 's', .hardness = 7 };
	int32_t id;

	(void)state;
	assert_int_equal(block_count(table), BLOCK_BUILT_IN);
	assert_int_equal(block_find(table, "air"), BLOCK_AIR);
	assert_int_equal(block_find(table, "ladder"), BLOCK_LADDER);
	assert_int_equal(block_find(table, "ladde"), BLOCK_BAD);
	assert_int_equal(block_define(table, &type), BLOCK_STONE);
	assert_int_equal(block_type(table, BLOCK_STONE)->hardness, 7);
	id = block_meet(table, "old_machine");
	assert_int_equal(id, BLOCK_BUILT_IN);
	assert_int_equal(block_flags(table, (uint16_t)id), BLOCK_GROUND | BLOCK_FULL | BLOCK_STRANGE);
	assert_int_equal(block_meet(table, "old_machine"), id);
	strcpy(type.name, "old_machine");
	assert_int_equal(block_define(table, &type), id);
	assert_int_equal(block_flags(table, (uint16_t)id), BLOCK_GROUND);
	assert_int_equal(block_flags(table, (uint16_t)(id + 1)), BLOCK_GROUND | BLOCK_FULL);
	assert_int_equal(block_flags(table, BLOCK_OUTSIDE), BLOCK_GROUND | BLOCK_FULL);
	assert_null(block_type(table, BLOCK_UNAVAILABLE));
	assert_true(block_hash(table, BLOCK_AIR) == 0 && block_hash(table, BLOCK_DIRT) != 0);
	block_table_free(table);
}

static void test_kinds_refused(void **state)
{
	static const char *const names[] = { "", "Stone", "9lives", "two words", "a-b", "caf\xc3\xa9" };
	struct block_table *table = block_table_new();
	struct block_type type = { .name = "x", .glyph = 'x', .flags = BLOCK_HIDDEN };

	(void)state;
	assert_int_equal(block_define(table, &type), BLOCK_BAD);
	type.flags = BLOCK_FULL | BLOCK_HALF;
	assert_int_equal(block_define(table, &type), BLOCK_BAD);
	type.flags = 0;
	type.glyph = '\n';
	assert_int_equal(block_define(table, &type), BLOCK_BAD);
	type.glyph = 'x';
	memset(type.name, 'a', sizeof(type.name)); /* no end */
	assert_int_equal(block_define(table, &type), BLOCK_BAD);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(type.name, sizeof(type.name), "%s", names[i]);
		assert_int_equal(block_define(table, &type), BLOCK_BAD);
		assert_int_equal(block_meet(table, names[i]), BLOCK_BAD);
	}
	type = *block_type(table, BLOCK_AIR);
	type.flags = BLOCK_FULL;
	assert_int_equal(block_define(table, &type), BLOCK_BAD);
	for (uint32_t i = BLOCK_BUILT_IN; i < BLOCK_TYPES_MAX; i++) {
		char name[16];

		snprintf(name, sizeof(name), "kind%u", i);
		assert_int_equal(block_meet(table, name), i);
	}
	assert_int_equal(block_meet(table, "one_more"), BLOCK_FULL_TABLE);
	assert_int_equal(block_meet(table, "kind4095"), 4095);
	block_table_free(table);
}

/* --- chunks in memory --------------------------------------------------------------------------------- */

/* Random sets against a plain array, with ever more kinds, so that all widths of index are met and left. */
static void test_chunk_against_array(void **state)
{
	static uint16_t wanted[CHUNK_SECTION_CELLS * 2], ids[CHUNK_SECTION_CELLS];
	static const uint32_t kinds[] = { 1, 2, 3, 4, 5, 16, 17, 256, 257, 4000, 2, 2, 2, 2 };
	struct chunk *chunk = chunk_new(0, 0, 32);
	uint32_t seed = 7;

	(void)state;
	memset(wanted, 0, sizeof(wanted));
	for (size_t phase = 0; phase < sizeof(kinds) / sizeof(kinds[0]); phase++) {
		for (uint32_t i = 0; i < 20000; i++) {
			uint32_t at = next_random(&seed) % (CHUNK_SECTION_CELLS * 2);
			uint16_t id = (uint16_t)(next_random(&seed) % kinds[phase]);

			assert_int_equal(chunk_set(chunk, at & 15, at >> 4 & 15, at >> 8, id), 0);
			wanted[at] = id;
			at = next_random(&seed) % (CHUNK_SECTION_CELLS * 2);
			assert_int_equal(chunk_get(chunk, at & 15, at >> 4 & 15, at >> 8), wanted[at]);
		}
	}
	for (uint32_t n = 0; n < 2; n++) {
		chunk_section_read(chunk, n, ids);
		assert_memory_equal(ids, wanted + n * CHUNK_SECTION_CELLS, sizeof(ids));
		assert_int_equal(chunk_section_write(chunk, n, ids), 0);
		assert_true(chunk->sections[n].bits < 16); /* as good as all hold one of two kinds by now */
	}
	chunk_free(chunk);
}

static void test_chunk_forms(void **state)
{
	static const uint32_t kinds[] = { 1, 2, 3, 4, 5, 16, 17, 256, 257, 4096 };
	static const uint8_t bits[] = { 0, 1, 2, 2, 4, 4, 8, 8, 16, 16 };
	static uint16_t ids[CHUNK_SECTION_CELLS], read[CHUNK_SECTION_CELLS];
	struct chunk *chunk = chunk_new(0, 0, 16);
	size_t empty = chunk_bytes(chunk);

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		for (uint32_t at = 0; at < CHUNK_SECTION_CELLS; at++) {
			ids[at] = (uint16_t)(at % kinds[i]);
		}
		assert_int_equal(chunk_section_write(chunk, 0, ids), 0);
		assert_int_equal(chunk->sections[0].bits, bits[i]);
		assert_in_range(chunk_bytes(chunk), empty + 512u * bits[i], empty + 512u * bits[i] + 512u);
		chunk_section_read(chunk, 0, read);
		assert_memory_equal(ids, read, sizeof(ids));
	}
	chunk_free(chunk);
	assert_null(chunk_new(0, 0, 0));
	assert_null(chunk_new(0, 0, 24));
	assert_null(chunk_new(0, 0, 272));
}

/* --- chunks stored ------------------------------------------------------------------------------------ */

static void chunks_equal(const struct chunk *a, const struct chunk *b)
{
	assert_int_equal(a->height, b->height);
	assert_true(a->x == b->x && a->y == b->y && a->rev == b->rev && a->epoch == b->epoch);
	assert_true(a->biome == b->biome && a->potency == b->potency);
	for (uint32_t z = 0; z < a->height; z++) {
		for (uint32_t at = 0; at < 256; at++) {
			assert_int_equal(chunk_get(a, at & 15, at >> 4, z), chunk_get(b, at & 15, at >> 4, z));
		}
	}
}

static void test_stored_and_read(void **state)
{
	struct block_table *table = block_table_new();
	struct chunk *chunk = generate_chunk(1, &land, -3, 5), *again;
	uint8_t *bytes;
	size_t len;

	(void)state;
	chunk->rev = 1234567890123;
	chunk->epoch = 42;
	chunk->potency = 9;
	assert_int_equal(chunk_pack(chunk, table, &bytes, &len), 0);
	assert_int_equal(chunk_unpack(bytes, len, table, -3, 5, 64, &again), 0);
	chunks_equal(chunk, again);
	chunk_free(again);
	assert_int_equal(chunk_unpack(bytes, len, table, -3, 4, 64, &again), CHUNK_FOREIGN);
	assert_int_equal(chunk_unpack(bytes, len, table, -3, 5, 80, &again), CHUNK_FOREIGN);
	free(bytes);
	chunk_free(chunk);
	block_table_free(table);
}

/* Ids belong to a table; names bring the same blocks into another one, and unknown ones are not lost. */
static void test_stored_by_name(void **state)
{
	struct block_table *here = block_table_new(), *there = block_table_new();
	struct chunk *chunk = chunk_new(0, 0, 16), *again;
	uint16_t a = (uint16_t)block_meet(here, "alpha"), b = (uint16_t)block_meet(here, "beta");
	uint8_t *bytes;
	size_t len;

	(void)state;
	assert_int_equal(block_meet(there, "beta"), BLOCK_BUILT_IN);
	assert_int_equal(chunk_set(chunk, 1, 2, 3, a), 0);
	assert_int_equal(chunk_set(chunk, 4, 5, 6, b), 0);
	assert_int_equal(chunk_pack(chunk, here, &bytes, &len), 0);
	assert_int_equal(chunk_unpack(bytes, len, there, 0, 0, 16, &again), 0);
	assert_string_equal(block_type(there, chunk_get(again, 1, 2, 3))->name, "alpha");
	assert_string_equal(block_type(there, chunk_get(again, 4, 5, 6))->name, "beta");
	assert_true(block_flags(there, chunk_get(again, 1, 2, 3)) & BLOCK_STRANGE);
	free(bytes);
	chunk_free(chunk);
	chunk_free(again);
	block_table_free(here);
	block_table_free(there);
}

/* Fields of a later version, or of fortia, come out as they went in. */
static void test_strange_fields_stay(void **state)
{
	static const uint8_t strange[] = { 0x10, 5, 0xB2, 1, 3, 'a', 'b', 'c' }; /* field 2 = 5, field 22 = "abc" */
	struct block_table *table = block_table_new();
	struct chunk *chunk = chunk_new(0, 0, 16), *again;
	uint8_t *bytes, *record, *packed;
	size_t len, record_len, packed_len;

	(void)state;
	assert_int_equal(chunk_pack(chunk, table, &bytes, &len), 0);
	assert_int_equal(zip_unpack(bytes, len, CHUNK_RECORD_MAX, &record, &record_len), 0);
	record = realloc(record, record_len + sizeof(strange));
	memcpy(record + record_len, strange, sizeof(strange));
	assert_int_equal(chunk_record_unpack(record, record_len + sizeof(strange), table, 0, 0, 16, &again), 0);
	assert_int_equal(again->strange_len, sizeof(strange));
	assert_memory_equal(again->strange, strange, sizeof(strange));
	free(record);
	assert_int_equal(chunk_pack(again, table, &packed, &packed_len), 0);
	chunk_free(again);
	assert_int_equal(chunk_unpack(packed, packed_len, table, 0, 0, 16, &again), 0);
	assert_int_equal(again->strange_len, sizeof(strange));
	chunk_free(again);
	chunk_free(chunk);
	free(bytes);
	free(packed);
	block_table_free(table);
}

static void test_damaged_refused(void **state)
{
	struct block_table *table = block_table_new();
	struct chunk *chunk = generate_chunk(1, &land, 0, 0), *again = NULL;
	uint8_t *bytes, *zeros = calloc(1, 64u << 20), *bomb, *out;
	size_t len, bomb_len, out_len;

	(void)state;
	assert_int_equal(chunk_pack(chunk, table, &bytes, &len), 0);
	for (size_t cut = 0; cut < len; cut++) {
		assert_int_equal(chunk_unpack(bytes, cut, table, 0, 0, 64, &again), CHUNK_DAMAGED);
	}
	for (size_t at = 0; at < len; at++) {
		for (int bit = 0; bit < 8; bit++) {
			int rc;

			bytes[at] ^= (uint8_t)(1 << bit);
			rc = chunk_unpack(bytes, len, table, 0, 0, 64, &again);
			if (rc == 0) { /* the flag that says whether a checksum follows, and the like: harmless ones */
				chunks_equal(chunk, again);
				again = chunk_free(again);
			} else {
				assert_int_equal(rc, CHUNK_DAMAGED);
			}
			bytes[at] ^= (uint8_t)(1 << bit);
		}
	}
	assert_int_equal(zip_pack(zeros, 64u << 20, &bomb, &bomb_len), 0);
	assert_true(bomb_len < CHUNK_PACKED_MAX);
	assert_int_equal(chunk_unpack(bomb, bomb_len, table, 0, 0, 64, &again), CHUNK_DAMAGED);
	assert_int_equal(zip_unpack(bomb, bomb_len, (64u << 20) - 1, &out, &out_len), ZIP_TOO_LARGE);
	assert_int_equal(zip_unpack(bomb, bomb_len, 64u << 20, &out, &out_len), 0);
	assert_int_equal(out_len, 64u << 20);
	free(out);
	assert_int_equal(block_count(table), BLOCK_BUILT_IN);
	free(bomb);
	free(zeros);
	free(bytes);
	chunk_free(chunk);
	block_table_free(table);
}

/* Records that are messages, but not of chunks. */
static void test_bad_records_refused(void **state)
{
	/* x = 0, y = 0, height = 16, palette "air" (and "dirt"), a section */
#define PLACE 0x30, 0, 0x38, 0, 0xB8, 1, 16
#define AIR 0xC2, 1, 3, 'a', 'i', 'r'
	static const struct {
		const char *what;
		int rc;
		uint8_t len, bytes[40];
	} cases[] = {
		{ "good", 0, 19, { PLACE, AIR, 0xCA, 1, 3, 0x0A, 1, 0 } },
		{ "nothing", CHUNK_DAMAGED, 0, { 0 } },
		{ "no sections", CHUNK_DAMAGED, 13, { PLACE, AIR } },
		{ "a section of no kind", CHUNK_DAMAGED, 16, { PLACE, AIR, 0xCA, 1, 0 } },
		{ "a kind beyond the palette", CHUNK_DAMAGED, 19, { PLACE, AIR, 0xCA, 1, 3, 0x0A, 1, 1 } },
		{ "a kind far beyond it", CHUNK_DAMAGED, 23, { PLACE, AIR, 0xCA, 1, 7, 0x0A, 5, 0xFF, 0xFF, 0xFF, 0xFF, 15 } },
		{ "two kinds and no cells", CHUNK_DAMAGED, 20, { PLACE, AIR, 0xCA, 1, 4, 0x0A, 2, 0, 0 } },
		{ "one kind and a cell", CHUNK_DAMAGED, 22, { PLACE, AIR, 0xCA, 1, 6, 0x0A, 1, 0, 0x12, 1, 0 } },
		{ "two sections", CHUNK_DAMAGED, 25, { PLACE, AIR, 0xCA, 1, 3, 0x0A, 1, 0, 0xCA, 1, 3, 0x0A, 1, 0 } },
		{ "no palette", CHUNK_DAMAGED, 13, { PLACE, 0xCA, 1, 3, 0x0A, 1, 0 } },
		{ "a name that is none", CHUNK_DAMAGED, 19, { PLACE, 0xC2, 1, 3, 'A', 'i', 'r', 0xCA, 1, 3, 0x0A, 1, 0 } },
		{ "no place", CHUNK_DAMAGED, 15, { 0xB8, 1, 16, AIR, 0xCA, 1, 3, 0x0A, 1, 0 } },
		{ "another height", CHUNK_FOREIGN, 25, { 0x30, 0, 0x38, 0, 0xB8, 1, 32, AIR, 0xCA, 1, 3, 0x0A, 1, 0, 0xCA, 1, 3, 0x0A, 1, 0 } },
		{ "a biome that is none", CHUNK_DAMAGED, 22, { 0x20, 0x80, 2, PLACE, AIR, 0xCA, 1, 3, 0x0A, 1, 0 } },
		{ "a cut record", CHUNK_DAMAGED, 18, { PLACE, AIR, 0xCA, 1, 3, 0x0A, 1, 0 } },
	};
#undef PLACE
#undef AIR
	struct block_table *table = block_table_new();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct chunk *chunk = NULL;
		int rc = chunk_record_unpack(cases[i].bytes, cases[i].len, table, 0, 0, 16, &chunk);

		if (rc != cases[i].rc) {
			print_error("%s: %d\n", cases[i].what, rc);
		}
		assert_int_equal(rc, cases[i].rc);
		chunk_free(chunk);
	}
	block_table_free(table);
}

/* The worst chunk there can be is still one that a database takes. */
static void test_worst_chunk_fits(void **state)
{
	static uint16_t ids[CHUNK_SECTION_CELLS];
	struct block_table *table = block_table_new();
	struct chunk *chunk = chunk_new(0, 0, CHUNK_HEIGHT_MAX), *again;
	uint32_t seed = 3;
	uint8_t *bytes;
	size_t len;

	(void)state;
	while (block_count(table) < BLOCK_TYPES_MAX) {
		char name[BLOCK_NAME_MAX + 1] = { 0 };

		for (uint32_t i = 0; i < BLOCK_NAME_MAX; i++) {
			name[i] = (char)('a' + next_random(&seed) % 26);
		}
		assert_true(block_meet(table, name) > 0);
	}
	for (uint32_t n = 0; n < CHUNK_SECTIONS_MAX; n++) {
		for (uint32_t at = 0; at < CHUNK_SECTION_CELLS; at++) {
			ids[at] = (uint16_t)(next_random(&seed) % BLOCK_TYPES_MAX);
		}
		assert_int_equal(chunk_section_write(chunk, n, ids), 0);
	}
	assert_int_equal(chunk_pack(chunk, table, &bytes, &len), 0);
	assert_int_equal(chunk_unpack(bytes, len, table, 0, 0, CHUNK_HEIGHT_MAX, &again), 0);
	chunks_equal(chunk, again);
	free(bytes);
	chunk_free(chunk);
	chunk_free(again);
	block_table_free(table);
}

/* --- generated terrain -------------------------------------------------------------------------------- */

/* chunk_hash: over the names of all cells, so that neither ids nor forms show. */
static uint64_t chunk_hash(const struct chunk *chunk, const struct block_table *table)
{
	uint64_t hash = seed_key(chunk->x, chunk->y);

	for (uint32_t z = 0; z < chunk->height; z++) {
		for (uint32_t at = 0; at < 256; at++) {
			hash = seed_mix(hash, block_hash(table, chunk_get(chunk, at & 15, at >> 4, z)));
		}
	}
	return seed_mix(hash, chunk->biome);
}

/* Stored worlds hold changed chunks only: the rest is what these numbers stand for. They never change. */
static void test_golden(void **state)
{
	static const struct generate_settings flat = { .kind = GENERATE_FLAT, .height = 32, .level = 7 };
	struct block_table *table = block_table_new();
	uint64_t sum = 0, wide = 0, flat_hash;

	(void)state;
	for (int32_t y = -1; y <= 1; y++) {
		for (int32_t x = -1; x <= 1; x++) {
			struct chunk *chunk = generate_chunk(1, &land, x, y);

			sum = seed_mix(sum, chunk_hash(chunk, table));
			chunk_free(chunk);
		}
	}
	for (int32_t i = 0; i < 64; i++) { /* and wider apart, so that all biomes are among them */
		struct chunk *chunk = generate_chunk(1, &land, i % 8 * 5 - 20, i / 8 * 5 - 20);

		wide = seed_mix(wide, chunk_hash(chunk, table));
		chunk_free(chunk);
	}
	struct chunk *chunk = generate_chunk(1, &flat, 0, 0);

	flat_hash = chunk_hash(chunk, table);
	assert_int_equal(chunk_get(chunk, 3, 4, 7), BLOCK_GRASS);
	assert_int_equal(chunk_get(chunk, 3, 4, 8), BLOCK_AIR);
	chunk_free(chunk);
	block_table_free(table);
	printf("# golden: near 0x%016llx wide 0x%016llx flat 0x%016llx\n", (unsigned long long)sum, (unsigned long long)wide,
	       (unsigned long long)flat_hash);
	assert_true(sum == GOLDEN_NEAR);
	assert_true(wide == GOLDEN_WIDE);
	assert_true(flat_hash == GOLDEN_FLAT);
}

/* What stands over a border is one tree: its leaves are where the trunk says, whichever side is generated first. So no
 * leaf hangs without a trunk in reach, and trees at borders have leaves on both sides. */
static void test_trees_cross_borders(void **state)
{
	enum { SIDE = 8, CELLS = SIDE * 16 };
	struct chunk *chunks[SIDE * SIDE];
	uint32_t across = 0;

	(void)state;
	for (int32_t i = 0; i < SIDE * SIDE; i++) {
		chunks[i] = generate_chunk(1, &land, i % SIDE, i / SIDE);
	}
#define AT(x, y, z) \
	chunk_get(chunks[(y) / 16 * SIDE + (x) / 16], (uint32_t)(x) & 15, (uint32_t)(y) & 15, (uint32_t)(z))
	for (int32_t at = 0; at < CELLS * CELLS * 64; at++) {
		int32_t x = at % CELLS, y = at / CELLS % CELLS, z = at / CELLS / CELLS;
		int found = 0;

		if (x < 2 || y < 2 || x >= CELLS - 2 || y >= CELLS - 2 || z < 2) {
			continue;
		}
		if (AT(x, y, z) == BLOCK_LOG && AT(x, y, z + 1) == BLOCK_LEAVES) { /* the top: it is wide there */
			for (int32_t far = 1; far <= 2; far++) {
				assert_true(AT(x + far, y, z) != BLOCK_AIR && AT(x - far, y, z) != BLOCK_AIR);
				assert_true(AT(x, y + far, z) != BLOCK_AIR && AT(x, y - far, z) != BLOCK_AIR);
			}
		}
		if (AT(x, y, z) != BLOCK_LEAVES) {
			continue;
		}
		for (int32_t i = 0; i < 25 * 4 && !found; i++) {
			int32_t tx = x + i % 5 - 2, ty = y + i / 5 % 5 - 2, tz = z - i / 25;

			found = AT(tx, ty, tz) == BLOCK_LOG;
			across += found && (tx / 16 != x / 16 || ty / 16 != y / 16);
		}
		assert_true(found);
	}
#undef AT
	assert_true(across > 100);
	for (int32_t i = 0; i < SIDE * SIDE; i++) {
		chunk_free(chunks[i]);
	}
}

static void test_biomes_and_bounds(void **state)
{
	static const uint32_t heights[] = { 32, 64, 128, 256 };
	uint32_t seen[BIOME_LAKE + 1] = { 0 };

	(void)state;
	for (int32_t y = -800; y < 800; y += 8) {
		for (int32_t x = -800; x < 800; x += 8) {
			seen[generate_biome(1, &land, x, y)]++;
		}
	}
	for (uint32_t biome = BIOME_MEADOW; biome <= BIOME_LAKE; biome++) {
		assert_true(seen[biome] > 40000 / 50); /* at least 2 % of it each */
	}
	for (size_t i = 0; i < 4; i++) {
		struct generate_settings settings = { .kind = GENERATE_LAND, .height = heights[i] };

		for (int32_t at = 0; at < 64; at++) {
			struct chunk *chunk = generate_chunk(at % 3, &settings, at * 999 - 32000, at * 77);

			for (uint32_t cell = 0; cell < 256; cell++) {
				uint32_t ground = generate_ground(at % 3, &settings, chunk->x * 16 + (int32_t)(cell & 15),
								  chunk->y * 16 + (int32_t)(cell >> 4));

				assert_in_range(ground, 3, heights[i] - 12);
				assert_int_equal(chunk_get(chunk, cell & 15, cell >> 4, 0), BLOCK_BEDROCK);
				assert_int_equal(chunk_get(chunk, cell & 15, cell >> 4, heights[i] - 1), BLOCK_AIR);
			}
			chunk_free(chunk);
		}
	}
	assert_int_equal(generate_check(&(struct generate_settings){ .kind = GENERATE_LAND, .height = 16 }), -1);
	assert_int_equal(generate_check(&(struct generate_settings){ .kind = GENERATE_LAND, .height = 64, .level = 49 }), -1);
	assert_int_equal(generate_check(&(struct generate_settings){ .kind = 7, .height = 64 }), -1);
	assert_int_equal(generate_check(&(struct generate_settings){ .kind = GENERATE_FLAT, .height = 16 }), 0);
}

/* The targets: in memory at most a quarter, stored at most a twentieth of an array of ids. */
static void test_sizes(void **state)
{
	struct block_table *table = block_table_new();
	size_t raw = 0, memory = 0, stored = 0;

	(void)state;
	for (int32_t i = 0; i < 256; i++) {
		struct chunk *chunk = generate_chunk(1, &land, i % 16 * 3 - 24, i / 16 * 3 - 24);
		uint8_t *bytes;
		size_t len;

		assert_int_equal(chunk_pack(chunk, table, &bytes, &len), 0);
		raw += chunk_raw_bytes(chunk);
		memory += chunk_bytes(chunk);
		stored += len;
		assert_true(chunk_bytes(chunk) * 4 <= chunk_raw_bytes(chunk));
		assert_true(len * 20 <= chunk_raw_bytes(chunk));
		free(bytes);
		chunk_free(chunk);
	}
	printf("# generated terrain: in memory 1/%.1f, stored 1/%.1f of %zu bytes a chunk\n", (double)raw / (double)memory,
	       (double)raw / (double)stored, raw / 256);
	block_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_kinds_refused),
		cmocka_unit_test(test_chunk_against_array),
		cmocka_unit_test(test_chunk_forms),
		cmocka_unit_test(test_stored_and_read),
		cmocka_unit_test(test_stored_by_name),
		cmocka_unit_test(test_strange_fields_stay),
		cmocka_unit_test(test_damaged_refused),
		cmocka_unit_test(test_bad_records_refused),
		cmocka_unit_test(test_worst_chunk_fits),
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_trees_cross_borders),
		cmocka_unit_test(test_biomes_and_bounds),
		cmocka_unit_test(test_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
