/* SPDX-License-Identifier: MIT */
/* The blocks of a world: generated when asked for, changed, stored, given way to others; and what stands on them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "world/terrain.h"

static struct terrain_counts counts_of(const struct terrain *t)
{
	struct terrain_counts counts;

	terrain_counts(t, &counts);
	return counts;
}

static struct block_table *table;

static struct terrain *make(enum generate_kind kind, uint32_t size, uint32_t open_max)
{
	struct terrain_settings settings = { .seed = 1, .map = { .kind = kind, .height = 64 }, .size = size,
					     .open_max = open_max };
	struct terrain *t = NULL;

	assert_int_equal(terrain_open(&settings, table, &t), 0);
	return t;
}

static int set_up(void **state)
{
	(void)state;
	table = block_table_new();
	return table == NULL;
}

static int tear_down(void **state)
{
	(void)state;
	table = block_table_free(table);
	return 0;
}

static void test_settings_refused(void **state)
{
	static const struct terrain_settings bad[] = {
		{ .map = { .kind = GENERATE_LAND, .height = 64 }, .size = 0 },
		{ .map = { .kind = GENERATE_LAND, .height = 64 }, .size = 48 },
		{ .map = { .kind = GENERATE_LAND, .height = 64 }, .size = TERRAIN_SIZE_MAX + 32 },
		{ .map = { .kind = GENERATE_LAND, .height = 63 }, .size = 64 },
		{ .map = { .kind = GENERATE_LAND, .height = 64 }, .size = 64, .open_max = 3 },
	};
	struct terrain *t;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(terrain_open(&bad[i], table, &t), TERRAIN_BAD);
	}
}

static void test_edges(void **state)
{
	struct terrain *t = make(GENERATE_FLAT, 64, 0);

	(void)state;
	assert_int_equal(terrain_block(t, -32, 31, 16), BLOCK_GRASS);
	assert_int_equal(terrain_block(t, -33, 0, 16), BLOCK_OUTSIDE);
	assert_int_equal(terrain_block(t, 0, 32, 16), BLOCK_OUTSIDE);
	assert_int_equal(terrain_block(t, INT32_MIN, INT32_MAX, 16), BLOCK_OUTSIDE);
	assert_int_equal(terrain_block(t, 0, 0, -1), BLOCK_OUTSIDE);
	assert_int_equal(terrain_block(t, 0, 0, 64), BLOCK_AIR);
	assert_int_equal(terrain_block(t, 32, 0, 64), BLOCK_OUTSIDE);
	assert_int_equal(terrain_set(t, 32, 0, 5, BLOCK_STONE, 1), TERRAIN_OUTSIDE);
	assert_int_equal(terrain_set(t, 0, 0, 64, BLOCK_STONE, 1), TERRAIN_OUTSIDE);
	assert_int_equal(terrain_set(t, 0, 0, -1, BLOCK_STONE, 1), TERRAIN_OUTSIDE);
	assert_int_equal(terrain_set(t, 0, 0, 5, BLOCK_BUILT_IN, 1), TERRAIN_BAD);
	assert_int_equal(terrain_set(t, 0, 0, 5, BLOCK_OUTSIDE, 1), TERRAIN_BAD);
	assert_int_equal(counts_of(t).refused, 5);
	assert_null(terrain_chunk(t, 2, 0));
	assert_non_null(terrain_chunk(t, -2, 1));
	terrain_close(t);
}

/* Random changes under a bound of few open chunks, against a terrain that keeps all open. */
static void test_giving_way_shows_nowhere(void **state)
{
	struct terrain *wide = make(GENERATE_LAND, 256, 0), *narrow = make(GENERATE_LAND, 256, TERRAIN_OPEN_MIN);
	uint32_t seed = 5;

	(void)state;
	for (uint64_t i = 0; i < 20000; i++) {
		int32_t x, y, z;
		uint16_t id;

		seed = seed * 1664525u + 1013904223u;
		x = (int32_t)(seed >> 24) - 128;
		y = (int32_t)(seed >> 16 & 255) - 128;
		seed = seed * 1664525u + 1013904223u;
		z = (int32_t)(seed >> 26);
		id = (uint16_t)((seed >> 10) % BLOCK_BUILT_IN);
		if (i % 4 == 0) {
			assert_int_equal(terrain_set(wide, x, y, z, id, i), terrain_set(narrow, x, y, z, id, i));
		} else {
			assert_int_equal(terrain_block(wide, x, y, z), terrain_block(narrow, x, y, z));
		}
		assert_true(counts_of(narrow).open <= TERRAIN_OPEN_MIN);
	}
	assert_true(counts_of(narrow).evicted > 1000);
	assert_int_equal(counts_of(narrow).edited, counts_of(wide).edited);
	assert_int_equal(counts_of(narrow).dirty, counts_of(wide).dirty);
	assert_true(terrain_digest(wide) != 0 && terrain_digest(narrow) == terrain_digest(wide));
	terrain_trim(narrow, 0);
	assert_int_equal(counts_of(narrow).bytes, 0);
	assert_true(terrain_digest(narrow) == terrain_digest(wide));
	terrain_close(wide);
	terrain_close(narrow);
}

/* Who is touched stays: a chunk used all the time is never generated again while others come and go. */
static void test_longest_untouched_gives_way(void **state)
{
	struct terrain *t = make(GENERATE_FLAT, 2048, TERRAIN_OPEN_MIN);

	(void)state;
	for (int32_t i = 0; i < 100; i++) {
		terrain_block(t, 0, 0, 5);
		terrain_block(t, i * 16 - 1000, 500, 5);
	}
	assert_int_equal(counts_of(t).generated, 101);
	assert_int_equal(counts_of(t).evicted, 101 - TERRAIN_OPEN_MIN);
	terrain_close(t);
}

static void test_stored_and_opened_again(void **state)
{
	struct terrain *t = make(GENERATE_LAND, 256, 0), *again = make(GENERATE_LAND, 256, 0);
	struct terrain_place place;
	uint32_t at = 0, chunks = 0;

	(void)state;
	terrain_epoch(t, 3);
	assert_int_equal(terrain_set(t, 5, -5, 60, BLOCK_PLANKS, 77), 1);
	assert_int_equal(terrain_set(t, 5, -5, 60, BLOCK_PLANKS, 78), 0);
	assert_int_equal(terrain_set(t, -100, 100, 61, BLOCK_TORCH, 79), 1);
	terrain_block(t, 64, 64, 10);
	while (terrain_next(t, TERRAIN_DIRTY, &at, &place)) {
		uint8_t *bytes;
		size_t len;
		uint64_t edit;

		assert_int_equal(terrain_pack(t, place.cx, place.cy, &bytes, &len, &edit), 0);
		assert_int_equal(terrain_put_packed(again, place.cx, place.cy, bytes, len), 0);
		terrain_saved(t, place.cx, place.cy, edit);
		free(bytes);
		chunks++;
	}
	assert_int_equal(chunks, 2);
	assert_true(counts_of(t).dirty == 0 && counts_of(t).edited == 2);
	assert_int_equal(counts_of(again).unpacked, 0);
	assert_true(terrain_digest(t) == terrain_digest(again) && terrain_digest(t) != 0);
	assert_int_equal(terrain_block(again, 5, -5, 60), BLOCK_PLANKS);
	assert_int_equal(terrain_block(again, -100, 100, 61), BLOCK_TORCH);
	assert_true(counts_of(again).unpacked == 2 && counts_of(again).dirty == 0 && counts_of(again).edited == 2);
	assert_int_equal(terrain_chunk(again, 0, -1)->rev, 77);
	assert_int_equal(terrain_chunk(again, 0, -1)->epoch, 3);
	terrain_close(t);
	terrain_close(again);
}

/* A change between packing and the word that it is stored keeps the chunk dirty. */
static void test_no_change_is_lost(void **state)
{
	struct terrain *t = make(GENERATE_FLAT, 64, 0);
	uint64_t edit;
	uint8_t *bytes;
	size_t len;

	(void)state;
	assert_int_equal(terrain_set(t, 1, 1, 20, BLOCK_STONE, 9), 1);
	assert_int_equal(terrain_pack(t, 0, 0, &bytes, &len, &edit), 0);
	free(bytes);
	assert_int_equal(terrain_set(t, 1, 1, 21, BLOCK_STONE, 9), 1); /* in the same tick */
	terrain_saved(t, 0, 0, edit);
	assert_int_equal(counts_of(t).dirty, 1);
	terrain_trim(t, 0); /* dirty chunks give way as well, packed */
	assert_int_equal(counts_of(t).dirty, 1);
	assert_int_equal(terrain_pack(t, 0, 0, &bytes, &len, &edit), 0);
	free(bytes);
	terrain_saved(t, 0, 0, edit);
	assert_int_equal(counts_of(t).dirty, 0);
	assert_int_equal(terrain_block(t, 1, 1, 21), BLOCK_STONE);
	terrain_close(t);
}

static void test_damaged_is_quarantined(void **state)
{
	struct terrain *t = make(GENERATE_FLAT, 64, 0), *good = make(GENERATE_FLAT, 64, 0);
	struct terrain_place place;
	uint32_t at = 0;
	uint8_t *bytes, *back;
	size_t len, back_len;

	(void)state;
	assert_int_equal(terrain_set(good, 1, 1, 20, BLOCK_STONE, 9), 1);
	assert_int_equal(terrain_pack(good, 0, 0, &bytes, &len, NULL), 0);
	bytes[len / 2] ^= 4;
	assert_int_equal(terrain_put_packed(t, 0, 0, bytes, len), 0);
	assert_int_equal(terrain_block(t, 1, 1, 20), BLOCK_UNAVAILABLE);
	assert_int_equal(terrain_block(t, 1, 1, 64), BLOCK_AIR);
	assert_int_equal(terrain_set(t, 1, 1, 20, BLOCK_STONE, 9), TERRAIN_UNAVAILABLE);
	assert_int_equal(terrain_block(t, -1, 1, 16), BLOCK_GRASS);
	assert_int_equal(counts_of(t).quarantined, 1);
	assert_true(terrain_next(t, TERRAIN_QUARANTINED, &at, &place) && place.cx == 0 && place.cy == 0);
	assert_true(terrain_digest_chunk(t, 0, 0) != 0);
	assert_int_equal(terrain_pack(t, 0, 0, &back, &back_len, NULL), 0);
	assert_int_equal(back_len, len);
	assert_memory_equal(back, bytes, len);
	free(back);
	bytes[len / 2] ^= 4;
	assert_int_equal(terrain_put_packed(t, 0, 0, bytes, len), 0); /* repaired from elsewhere */
	assert_int_equal(terrain_block(t, 1, 1, 20), BLOCK_STONE);
	assert_int_equal(counts_of(t).quarantined, 0);
	assert_true(terrain_digest(t) == terrain_digest(good));
	assert_int_equal(terrain_put_packed(t, 1, 1, bytes, len), 0); /* of another place */
	assert_int_equal(terrain_block(t, 17, 17, 20), BLOCK_UNAVAILABLE);
	terrain_forget(t, 1, 1);
	assert_int_equal(terrain_block(t, 17, 17, 16), BLOCK_GRASS);
	assert_int_equal(counts_of(t).quarantined, 0);
	assert_int_equal(terrain_put_packed(t, 2, 0, bytes, len), TERRAIN_OUTSIDE);
	assert_int_equal(terrain_put_packed(t, 1, 0, bytes, 0), TERRAIN_BAD);
	free(bytes);
	terrain_close(t);
	terrain_close(good);
}

/* The digest is of the differences: their order, and what was undone, do not show. */
static void test_digest(void **state)
{
	struct terrain *a = make(GENERATE_LAND, 64, 0), *b = make(GENERATE_LAND, 64, 0);
	uint16_t was = terrain_block(b, 9, 9, 40);
	uint8_t *bytes;
	size_t len;

	(void)state;
	assert_true(terrain_digest(a) == 0);
	terrain_set(a, 1, 2, 50, BLOCK_PLANKS, 1);
	terrain_set(a, -20, 2, 50, BLOCK_BRICKS, 2);
	terrain_set(b, -20, 2, 50, BLOCK_BRICKS, 7);
	assert_true(terrain_digest(a) != terrain_digest(b));
	terrain_set(b, 9, 9, 40, BLOCK_GLASS, 8);
	assert_true(terrain_digest_chunk(b, 0, 0) != 0);
	terrain_set(b, 1, 2, 50, BLOCK_PLANKS, 8);
	assert_true(terrain_digest(a) != terrain_digest(b));
	terrain_set(b, 9, 9, 40, was, 9);
	assert_true(terrain_digest(a) == terrain_digest(b));
	assert_true(terrain_digest(a) == terrain_digest_chunk(a, 0, 0) + terrain_digest_chunk(a, -2, 0));
	terrain_set(b, 1, 2, 50, BLOCK_COBBLE, 10);
	assert_true(terrain_digest(a) != terrain_digest(b));
	assert_int_equal(terrain_pack(b, 0, 0, &bytes, &len, NULL), 0);
	assert_int_equal(terrain_put_packed(a, 0, 0, bytes, len), 0);
	assert_true(terrain_digest(a) == terrain_digest(b));
	terrain_block(a, 1, 2, 50); /* unpacks it */
	terrain_set(b, 1, 2, 50, BLOCK_GLASS, 11);
	free(bytes);
	assert_int_equal(terrain_pack(b, 0, 0, &bytes, &len, NULL), 0);
	assert_int_equal(terrain_put_packed(a, 0, 0, bytes, len), 0);
	assert_true(terrain_digest(a) == terrain_digest(b));
	free(bytes);
	terrain_close(a);
	terrain_close(b);
}

static void test_stand(void **state)
{
	struct terrain *t = make(GENERATE_FLAT, 64, 0); /* grass at 16 */

	(void)state;
	assert_int_equal(terrain_surface(t, 0, 0), 17);
	assert_int_equal(terrain_surface(t, 40, 0), TERRAIN_NOWHERE);
	assert_int_equal(terrain_stand(t, 0, 0, 17), 17);
	assert_int_equal(terrain_stand(t, 0, 0, 60), 17);	 /* falls */
	assert_int_equal(terrain_stand(t, 0, 0, INT32_MAX), 17);
	assert_int_equal(terrain_stand(t, 0, 0, -1), TERRAIN_NOWHERE);
	assert_int_equal(terrain_stand(t, 0, 0, 5), TERRAIN_NOWHERE); /* inside of the ground */
	terrain_set(t, 1, 0, 17, BLOCK_STONE, 1);
	assert_int_equal(terrain_stand(t, 1, 0, 17), 18);	 /* a step */
	terrain_set(t, 1, 0, 18, BLOCK_STONE, 1);
	assert_int_equal(terrain_stand(t, 1, 0, 17), TERRAIN_NOWHERE); /* a wall */
	assert_int_equal(terrain_surface(t, 1, 0), 19);
	terrain_set(t, 2, 0, 17, BLOCK_STONE, 1);
	terrain_set(t, 2, 0, 19, BLOCK_STONE, 1);
	assert_int_equal(terrain_stand(t, 2, 0, 17), TERRAIN_NOWHERE); /* a step under a ceiling */
	terrain_set(t, 3, 0, 19, BLOCK_STONE, 1);
	assert_int_equal(terrain_stand(t, 3, 0, 17), 17);	 /* a door */
	terrain_set(t, 3, 0, 18, BLOCK_STONE, 1);
	assert_int_equal(terrain_stand(t, 3, 0, 17), TERRAIN_NOWHERE); /* too low */
	/* a wall over a cave is no way into the cave */
	terrain_set(t, 4, 0, 17, BLOCK_STONE, 1);
	terrain_set(t, 4, 0, 18, BLOCK_STONE, 1);
	for (int32_t z = 8; z < 14; z++) {
		terrain_set(t, 4, 0, z, BLOCK_AIR, 1);
	}
	assert_int_equal(terrain_stand(t, 4, 0, 17), TERRAIN_NOWHERE);
	terrain_set(t, 5, 0, 17, BLOCK_TORCH, 1);
	assert_int_equal(terrain_stand(t, 5, 0, 17), 17);	 /* nothing that is in the way */
	for (int32_t z = 0; z < 64; z++) {
		terrain_set(t, 6, 0, z, BLOCK_AIR, 1);
	}
	assert_int_equal(terrain_stand(t, 6, 0, 17), 0);	 /* the bottom of the world */
	assert_int_equal(terrain_surface(t, 6, 0), 0);
	assert_int_equal(terrain_stand(t, 32, 0, 17), TERRAIN_NOWHERE);
	terrain_close(t);
}

/* Hidden cells against the definition, over a border of chunks, before and after changes there. */
static void test_hidden(void **state)
{
	struct terrain *t = make(GENERATE_FLAT, 64, 0);

	(void)state;
	assert_true(terrain_hidden(t, 0, 0, 10) && terrain_hidden(t, -1, 0, 10) && terrain_hidden(t, 0, 0, 15));
	assert_false(terrain_hidden(t, 0, 0, 16));
	assert_true(terrain_hidden(t, 31, -32, 0)); /* the outside is full */
	terrain_set(t, -1, 0, 10, BLOCK_AIR, 1);
	assert_false(terrain_hidden(t, 0, 0, 10)); /* of the chunk beside */
	assert_true(terrain_hidden(t, 1, 0, 10));
	terrain_set(t, -1, 0, 10, BLOCK_GLASS, 1);
	assert_false(terrain_hidden(t, 0, 0, 10)); /* glass is solid, not full */
	terrain_set(t, -1, 0, 10, BLOCK_STONE, 1);
	assert_true(terrain_hidden(t, 0, 0, 10));
	terrain_set(t, 0, 0, 17, BLOCK_STONE, 1);
	assert_true(terrain_hidden(t, 0, 0, 16));
	assert_int_equal(terrain_put_packed(t, -1, 0, "damaged", 7), 0);
	assert_false(terrain_hidden(t, 0, 0, 10));
	terrain_close(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_settings_refused),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_giving_way_shows_nowhere),
		cmocka_unit_test(test_longest_untouched_gives_way),
		cmocka_unit_test(test_stored_and_opened_again),
		cmocka_unit_test(test_no_change_is_lost),
		cmocka_unit_test(test_damaged_is_quarantined),
		cmocka_unit_test(test_digest),
		cmocka_unit_test(test_stand),
		cmocka_unit_test(test_hidden),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
