/* SPDX-License-Identifier: MIT */
/* Edits of blocks: who wins, the same whoever owns what, in whatever order they were asked for, by a queue or by locks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "edits.h"

/* Flat ground: grass at z 16, air from 17 on; 4 x 4 regions, the border between the middle ones at 0. */
static const struct engine_shape flat = { .map = "flat", .size = 128, .region = 32, .height = 64 };
static const struct engine_shape flat_locks = { .map = "flat", .size = 128, .region = 32, .height = 64, .lock = 1 };
static const struct engine_shape *const both[] = { &flat, &flat_locks };

#define GROUND 17 /* z of the first air */

static uint16_t block_at(struct edit_world *w, int32_t x, int32_t y, int32_t z)
{
	uint16_t block = terrain_block(w->engines[0]->terrain, x, y, z);

	for (uint32_t i = 1; i < w->len; i++) {
		assert_int_equal(terrain_block(w->engines[i]->terrain, x, y, z), block);
	}
	return block;
}

static struct engine_figures figures_of(const struct edit_world *w)
{
	struct engine_figures sum = { 0 };

	for (uint32_t i = 0; i < w->len; i++) {
		struct engine_figures one;

		engine_figures(w->engines[i], &one);
		sum.edits_won += one.edits_won;
		sum.edits_lost += one.edits_lost;
		sum.edits_refused += one.edits_refused;
	}
	return sum;
}

/* Two build on one block: the one with the lower id wins, whoever asked first; the other is told why not. */
static void test_one_block(void **state)
{
	(void)state;
	for (uint32_t len = 1; len <= 4; len++) {
		for (int lock = 0; lock < 2; lock++) {
			struct edit_world w;

			edit_world_open(&w, len, both[lock]);
			edit_actor(&w, 1, -1, 2);
			edit_actor(&w, 2, 40, 2);
			edit_begin(&w);
			edit_ask(&w, 2, "put", 0, 2, GROUND, BLOCK_BRICKS, 0, 0);
			edit_ask(&w, 1, "put", 0, 2, GROUND, BLOCK_STONE, 0, 0);
			edit_end(&w);
			assert_int_equal(block_at(&w, 0, 2, GROUND), BLOCK_STONE);
			assert_string_equal(edit_answer(&w, 1), "");
			assert_string_equal(edit_answer(&w, 2), "conflict");
			assert_int_equal(figures_of(&w).edits_won, 1);
			assert_int_equal(figures_of(&w).edits_lost, 1);

			edit_begin(&w); /* a tick later it is no conflict, but a block that is there */
			edit_ask(&w, 2, "put", 0, 2, GROUND, BLOCK_BRICKS, 0, 0);
			edit_end(&w);
			assert_string_equal(edit_answer(&w, 2), "occupied");
			assert_int_equal(figures_of(&w).edits_refused, 1);
			edit_world_close(&w);
		}
	}
}

/* An edit over the borders of chunks and owners: all of it, or nothing. */
static void test_all_or_nothing(void **state)
{
	(void)state;
	for (int lock = 0; lock < 2; lock++) {
		struct edit_world w;

		edit_world_open(&w, 4, both[lock]);
		edit_actor(&w, 5, -6, 0);
		edit_actor(&w, 6, 6, 0);
		edit_begin(&w);
		edit_ask(&w, 5, "row", -6, 3, GROUND, BLOCK_STONE, 13, 0);
		edit_ask(&w, 6, "row", 6, 3, GROUND, BLOCK_BRICKS, 8, 0); /* shares one cell: x = 6 */
		edit_end(&w);
		for (int32_t x = -6; x <= 13; x++) {
			assert_int_equal(block_at(&w, x, 3, GROUND), x <= 6 ? BLOCK_STONE : BLOCK_AIR);
		}
		assert_string_equal(edit_answer(&w, 6), "conflict");
		edit_begin(&w);
		edit_ask(&w, 6, "row", 7, 3, GROUND, BLOCK_BRICKS, 8, 0);
		edit_end(&w);
		assert_int_equal(block_at(&w, 14, 3, GROUND), BLOCK_BRICKS);
		edit_world_close(&w);
	}
}

/* Nothing changes in stage 1; with a queue nothing changes before stage 3 either. */
static void test_stages(void **state)
{
	struct edit_world w;

	(void)state;
	edit_world_open(&w, 2, &flat);
	edit_actor(&w, 1, 0, 0);
	edit_begin(&w);
	edit_ask(&w, 1, "put", 0, 0, GROUND, BLOCK_STONE, 0, 0);
	assert_int_equal(block_at(&w, 0, 0, GROUND), BLOCK_AIR);
	edit_stage(&w, 2);
	assert_int_equal(block_at(&w, 0, 0, GROUND), BLOCK_AIR);
	assert_non_null(edit_ask(&w, 1, "put", 0, 0, GROUND + 1, BLOCK_STONE, 0, 0)); /* from now on for the next tick */
	edit_stage(&w, 3);
	assert_int_equal(block_at(&w, 0, 0, GROUND), BLOCK_STONE);
	assert_int_equal(block_at(&w, 0, 0, GROUND + 1), BLOCK_AIR);
	edit_begin(&w);
	edit_end(&w);
	assert_int_equal(block_at(&w, 0, 0, GROUND + 1), BLOCK_STONE);
	edit_world_close(&w);
}

/* Edits see the blocks of the start of the stage: two that copy from each other change places. */
static void test_reads(void **state)
{
	(void)state;
	for (int lock = 0; lock < 2; lock++) {
		struct edit_world w;

		edit_world_open(&w, 2, both[lock]);
		edit_actor(&w, 1, -2, 0);
		edit_actor(&w, 2, 2, 0);
		edit_begin(&w);
		edit_ask(&w, 1, "set", -2, 0, GROUND, BLOCK_STONE, 0, 0);
		edit_ask(&w, 2, "set", 2, 0, GROUND, BLOCK_BRICKS, 0, 0);
		edit_end(&w);
		edit_begin(&w);
		edit_ask(&w, 1, "copy", -2, 0, GROUND, 4, 0, 0);
		edit_ask(&w, 2, "copy", 2, 0, GROUND, -4, 0, 0);
		edit_end(&w);
		assert_int_equal(block_at(&w, -2, 0, GROUND), BLOCK_BRICKS);
		assert_int_equal(block_at(&w, 2, 0, GROUND), BLOCK_STONE);
		edit_begin(&w); /* and what they have set themselves */
		edit_ask(&w, 1, "twice", -2, 0, GROUND, BLOCK_SAND, BLOCK_CLAY, 0);
		edit_end(&w);
		assert_string_equal(edit_answer(&w, 1), "");
		assert_int_equal(block_at(&w, -2, 0, GROUND), BLOCK_CLAY);
		edit_world_close(&w);
	}
}

/* Who goes first: priority, then actor, then number; a loser takes nothing away from those behind it. */
static void test_order(void **state)
{
	static const struct {
		uint64_t actor;
		int32_t priority, x, n; /* a row of n cells from x */
		const char *outcome;
	} table[] = {
		{ 9, -1, 0, 4, "" },	     /* the lowest priority goes first, whoever it is */
		{ 2, 0, 3, 4, "conflict" },  /* touches its last cell */
		{ 3, 0, 4, 3, "" },	     /* what the loser wanted is free */
		{ 3, 0, 6, 2, "conflict" },  /* its own earlier one is in the way */
		{ 1, 1, 6, 1, "conflict" },
		{ 8, 5, 7, 1, "" },
		{ 7, 5, 9, 99, "far" },
	};
	enum { ROWS = sizeof(table) / sizeof(*table) };

	(void)state;
	for (int turn = 0; turn < ROWS * 4; turn++) {
		struct edit_world w;

		edit_world_open(&w, (uint32_t)turn / ROWS % 2 * 2 + 1, both[turn % 2]);
		for (uint64_t id = 1; id <= 9; id++) {
			edit_actor(&w, id, (double)id * 10 - 50, 0);
		}
		edit_begin(&w);
		for (int i = 0; i < ROWS; i++) {
			int row = (i + turn) % ROWS;
			struct ask *ask;

			if (table[row].actor == 3 && row == 3) {
				continue; /* the second one of 3 comes right behind its first */
			}
			ask = edit_ask(&w, table[row].actor, "row", table[row].x, 0, GROUND, BLOCK_STONE, table[row].n, 0);
			ask->priority = table[row].priority;
			if (table[row].actor == 3) {
				ask = edit_ask(&w, 3, "row", table[3].x, 0, GROUND, BLOCK_BRICKS, table[3].n, 0);
				ask->token = 1003;
			}
		}
		edit_end(&w);
		for (int row = 0; row < ROWS; row++) {
			assert_string_equal(edit_answer(&w, row == 3 ? 1003 : table[row].actor), table[row].outcome);
		}
		assert_int_equal(block_at(&w, 6, 0, GROUND), BLOCK_STONE);
		edit_world_close(&w);
	}
}

/* A thousand edits by actors of eight engines in one chunk: none is lost. */
static void test_one_chunk(void **state)
{
	(void)state;
	for (int lock = 0; lock < 2; lock++) {
		struct edit_world w;
		uint32_t found = 0;

		edit_world_open(&w, 8, both[lock]);
		for (uint64_t id = 1; id <= 100; id++) {
			edit_actor(&w, id, (double)(id % 16) * 8 - 64, (double)(id / 16) * 16 - 60);
		}
		edit_begin(&w);
		for (uint32_t i = 0; i < 1000; i++) {
			assert_non_null(edit_ask(&w, 1 + i / 10, "put", (int32_t)(i % 16), (int32_t)(i / 16 % 16),
						 GROUND + (int32_t)(i / 256), BLOCK_STONE, 0, 0));
		}
		edit_end(&w);
		for (uint32_t i = 0; i < 1024; i++) {
			found += block_at(&w, (int32_t)(i % 16), (int32_t)(i / 16 % 16), GROUND + (int32_t)(i / 256)) ==
				 BLOCK_STONE;
		}
		assert_int_equal(found, 1000);
		assert_int_equal(figures_of(&w).edits_won, 1000);
		edit_world_close(&w);
	}
}

static void test_bounds(void **state)
{
	struct edit_world w;

	(void)state;
	edit_world_open(&w, 1, &flat);
	edit_actor(&w, 1, 0, 0);
	edit_begin(&w);
	assert_null(edit_ask(&w, 1, "put", 64, 0, GROUND, BLOCK_STONE, 0, 0));
	assert_string_equal(edit_reason(), "world.outside");
	assert_null(edit_ask(&w, 77, "put", 0, 0, GROUND, BLOCK_STONE, 0, 0));
	assert_string_equal(edit_reason(), "world.not_here");
	edit_ask(&w, 1, "far", 0, 0, GROUND, BLOCK_STONE, 0, 0)->token = 1;
	edit_ask(&w, 1, "set", 0, 0, GROUND, 4095, 0, 0)->token = 2;
	edit_ask(&w, 1, "row", 60, 0, GROUND, BLOCK_STONE, 5, 0)->token = 3;
	for (uint32_t i = 3; i < ASKS_OF_ONE; i++) {
		assert_non_null(edit_ask(&w, 1, "set", 0, 5, (int32_t)i, BLOCK_AIR, 0, 0));
	}
	assert_null(edit_ask(&w, 1, "set", 0, 0, GROUND, BLOCK_STONE, 0, 0));
	assert_string_equal(edit_reason(), "world.too_many_edits");
	edit_end(&w);
	assert_string_equal(edit_answer(&w, 2), "bad");
	assert_string_equal(edit_answer(&w, 3), "outside");
	assert_int_equal(block_at(&w, 60, 0, GROUND), BLOCK_AIR);
	assert_int_equal(figures_of(&w).edits_refused, 6);
	edit_world_close(&w);
}

/* What the world asks for may have one number: at different places it is done, at one place it is done once. */
static void test_one_number(void **state)
{
	(void)state;
	for (int lock = 0; lock < 2; lock++) {
		struct edit_world w;

		edit_world_open(&w, 4, both[lock]);
		edit_begin(&w);
		for (int32_t i = 0; i < 6; i++) {
			edit_ask(&w, 0, "put", i % 3 * 20 - 20, 0, GROUND, BLOCK_STONE, 0, 0)->number = 7;
		}
		edit_ask(&w, 0, "put", 0, 0, GROUND, BLOCK_BRICKS, 0, 0)->number = 7; /* another edit: it comes too late */
		edit_end(&w);
		for (int32_t x = -20; x <= 20; x += 20) {
			assert_int_equal(block_at(&w, x, 0, GROUND), BLOCK_STONE);
		}
		assert_int_equal(figures_of(&w).edits_won, 3);
		assert_int_equal(figures_of(&w).edits_lost, 1);
		edit_world_close(&w);
	}
}

/* Wishes of an edit are the next tick's if it wins, and nothing if it does not. */
static void test_wishes(void **state)
{
	struct edit_world w;

	(void)state;
	edit_world_open(&w, 1, &flat);
	edit_actor(&w, 1, 0, 0);
	edit_actor(&w, 2, 0, 0);
	edit_begin(&w);
	edit_ask(&w, 2, "wish", 0, 0, GROUND, BLOCK_STONE, 0, 0);
	edit_ask(&w, 1, "wish", 0, 0, GROUND, BLOCK_STONE, 0, 0);
	edit_end(&w);
	assert_int_equal(w.engines[0]->pending.len, 1);
	assert_int_equal(((struct wish *)w.engines[0]->pending.items)->target, 1);
	edit_world_close(&w);
}

/* --- the same end, by every way ------------------------------------------------------------------- */

struct end {
	uint64_t blocks, answers;
};

static uint32_t draw(uint64_t *seed, uint32_t below)
{
	*seed = seed_mix(*seed, 1);
	return (uint32_t)(*seed >> 33) % below;
}

/* A few ticks of edits around the corner of four regions, made by `seed`; asked for in another order for another `order`. */
static struct end run(uint64_t seed, uint64_t order, uint32_t len, int lock)
{
	static const char *const edits[] = { "set", "put", "row", "copy", "far", "wish" };
	struct edit_world w;
	struct end end = { 0 };

	edit_world_open(&w, len, both[lock]);
	for (uint64_t id = 1; id <= 60; id++) {
		edit_actor(&w, id, draw(&seed, 120) - 60.0, draw(&seed, 120) - 60.0);
	}
	for (int tick = 0; tick < 3; tick++) {
		uint64_t drawn[60][8];
		uint32_t places[60];

		for (uint32_t i = 0; i < 60; i++) {
			for (uint32_t n = 0; n < 8; n++) {
				drawn[i][n] = draw(&seed, 1 << 20);
			}
			places[i] = i;
		}
		for (uint32_t i = 59; i > 0; i--) {
			uint32_t other = draw(&order, i + 1), kept = places[i];

			places[i] = places[other];
			places[other] = kept;
		}
		edit_begin(&w);
		for (uint32_t i = 0; i < 60; i++) {
			const uint64_t *of = drawn[places[i]];
			int32_t spread = tick == 0 ? 4 : 30;
			struct ask *ask = edit_ask(&w, 1 + places[i], edits[of[0] % 6], (int32_t)(of[1] % (uint64_t)spread) - spread / 2,
						   (int32_t)(of[2] % (uint64_t)spread) - spread / 2,
						   GROUND - 1 + (int32_t)(of[3] % 3), (int32_t)(of[4] % 9),
						   (int32_t)(of[5] % 3), (int32_t)(of[6] % 3));

			ask->priority = (int32_t)(of[7] % 3) - 1;
		}
		edit_end(&w);
		end.answers = seed_mix(end.answers, edit_answers(&w));
	}
	end.blocks = edit_digest(&w);
	edit_world_close(&w);
	return end;
}

static void test_same(void **state)
{
	const char *seeds = getenv("EDIT_SEEDS");

	(void)state;
	for (uint64_t seed = 1; seed <= (seeds != NULL ? strtoull(seeds, NULL, 10) : 25); seed++) {
		struct end first = run(seed, 1, 1, 0);

		for (uint32_t way = 1; way < 10; way++) {
			struct end other = run(seed, way, way % 5 + 1, way >= 5);

			assert_int_equal(other.blocks, first.blocks);
			assert_int_equal(other.answers, first.answers);
		}
	}
	assert_int_not_equal(run(1, 1, 1, 0).blocks, run(2, 1, 1, 0).blocks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_block), cmocka_unit_test(test_all_or_nothing), cmocka_unit_test(test_stages),
		cmocka_unit_test(test_reads),	  cmocka_unit_test(test_order),		 cmocka_unit_test(test_one_chunk),
		cmocka_unit_test(test_bounds),	  cmocka_unit_test(test_wishes),	 cmocka_unit_test(test_same),
		cmocka_unit_test(test_one_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
