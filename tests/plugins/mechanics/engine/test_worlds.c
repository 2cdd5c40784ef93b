/* SPDX-License-Identifier: MIT */
/* One world in one engine or in several: the same, bit for bit, whoever owns what and whatever happens to an owner. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "trial.h"

#define SEEDS 3u

static struct trial_figures run(struct trial trial)
{
	struct trial_figures figures, sum = { 0 };

	trial.ticks = 150;
	for (trial.seed = 1; trial.seed <= SEEDS; trial.seed++) {
		assert_string_equal(trial_run(&trial, &figures), "");
		assert_true(figures.entities > 50 && figures.errors > 0 && figures.heard > 20);
		assert_true(figures.edits > 20 && figures.hurts > 20);
		sum.handed += figures.handed;
		sum.ghosts += figures.ghosts;
		sum.moves += figures.moves;
		sum.crashes += figures.crashes;
		sum.aborts += figures.aborts;
		sum.paused += figures.paused;
	}
	return sum;
}

static void test_numbers(void **state)
{
	(void)state;
	for (uint32_t len = 1; len <= 4; len++) {
		struct trial_figures sum = run((struct trial){ .len = len });

		assert_true(len == 1 || (sum.handed > 8 && sum.ghosts > 20 && sum.paused > 0));
	}
}

static void test_dealt(void **state)
{
	(void)state;
	run((struct trial){ .deal = 1, .shuffles = 1 });
}

static void test_moves(void **state)
{
	(void)state;
	assert_true(run((struct trial){ .len = 3, .deal = 1, .moves = 1 }).moves > 20);
}

static void test_crashes(void **state)
{
	(void)state;
	assert_true(run((struct trial){ .deal = 1, .crashes = 1 }).crashes > 8);
}

static void test_reloads(void **state)
{
	(void)state;
	run((struct trial){ .len = 3, .deal = 1, .reloads = 1, .crashes = 1 });
}

static void test_aborts(void **state)
{
	(void)state;
	assert_true(run((struct trial){ .len = 2, .deal = 1, .aborts = 1, .crashes = 1 }).aborts > 2);
}

static void test_all(void **state)
{
	(void)state;
	run((struct trial){ .deal = 1, .moves = 1, .crashes = 1, .shuffles = 1, .reloads = 1, .aborts = 1 });
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_numbers), cmocka_unit_test(test_dealt),
					    cmocka_unit_test(test_moves),   cmocka_unit_test(test_crashes),
					    cmocka_unit_test(test_reloads), cmocka_unit_test(test_aborts),
					    cmocka_unit_test(test_all) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
