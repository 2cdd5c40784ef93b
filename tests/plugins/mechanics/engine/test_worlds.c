/* SPDX-License-Identifier: MIT */
/* One world in one engine or in several: the same, bit for bit, whoever owns what and whatever happens to an owner. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "trial.h"
#include "worlds.h"

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

/* --- many players whose calls fail ------------------------------------------------------------------------ */

#define PLAYERS 60u
#define INPUTS (3 * PLAYERS)

static const char *const failing[] = { "world.lua",
				       "local g = require 'game'\n"
				       "g.action 'slip' { run = function(self, w) error('slips') end }\n"
				       "g.edit 'crack' { apply = function(w, e) error('cracks') end }\n"
				       "g.action 'ask' { run = function(self, w) w:ask { edit = 'crack', at = w:surface(self) } "
				       "w:ask { edit = 'crack', at = { x = -self.x, y = -self.y, z = 9 } } end }\n",
				       NULL };

static Region__Input *asks(Region__Input *in, Region__InputKind kind, uint64_t avatar, const char *name)
{
	region__input__init(in);
	in->has_kind = in->has_avatar = in->has_token = 1;
	in->kind = kind;
	in->avatar = in->token = avatar;
	in->name = (char *)name;
	return in;
}

/* fail_tick: all come in the first tick; then some fail, the higher ids first, most of them twice, some in two rules. */
static void fail_tick(struct worlds *w)
{
	Region__Input inputs[INPUTS];
	const Region__Input *list[INPUTS];
	uint32_t len = 0, first = w->tick < 6 ? PLAYERS - 5 * (uint32_t)w->tick : 1;

	for (uint32_t i = 1; w->tick == 0 && i <= PLAYERS; i++) {
		Region__Input *in = asks(&inputs[len], REGION__INPUT_KIND__INPUT_ENTER, i, "somebody");

		in->has_x = in->has_y = 1;
		in->x = (i * 37) % 200 - 100.0;
		in->y = (i * 53) % 200 - 100.0;
		list[len++] = in;
	}
	for (uint32_t i = first; w->tick > 0 && i <= PLAYERS; i++) {
		for (uint32_t n = 0; n <= (i % 3 != 0); n++, len++) {
			list[len] = asks(&inputs[len], REGION__INPUT_KIND__INPUT_ACT, i, "slip");
		}
		if (i % 2 == 0) {
			list[len] = asks(&inputs[len], REGION__INPUT_KIND__INPUT_ACT, i, "ask");
			len++;
		}
	}
	worlds_tick(w, list, len);
}

/* paused_at: the tick in which both rules were paused; each owner has the digest of a world of one, also after a restart. */
static uint64_t paused_at(uint32_t quarantine, uint32_t len)
{
	struct engine_shape shape = { .size = 256, .region = 32, .map = "flat", .quarantine = quarantine };
	struct worlds one, many;
	uint64_t at = 0;

	worlds_open(&one, 1, &shape, failing);
	worlds_open(&many, len, &shape, failing);
	for (uint32_t tick = 1; tick <= 30; tick++) {
		struct engine_figures figures, theirs;

		fail_tick(&one);
		fail_tick(&many);
		if (tick % 4 == 0) {
			worlds_save(&many);
			worlds_load(&many, len, NULL, failing, 1);
		}
		engine_figures(one.engines[0], &figures);
		at = at == 0 && figures.script_quarantined == 2 ? tick : at;
		for (uint32_t i = 0; i < len; i++) {
			engine_figures(many.engines[i], &theirs);
			assert_int_equal(theirs.script_quarantined, figures.script_quarantined);
		}
		assert_int_equal(worlds_digest(&many), worlds_digest(&one));
	}
	worlds_close(&one);
	worlds_close(&many);
	return at;
}

static void test_pauses(void **state)
{
	static const uint32_t quarantines[] = { 10, 17, 18, 40, 59, 60, 300 };

	(void)state;
	for (size_t i = 0; i < sizeof(quarantines) / sizeof(quarantines[0]); i++) {
		uint64_t at = paused_at(quarantines[i], 1);

		assert_true(at > 1 && at < 30);
		for (uint32_t len = 2; len <= 4; len++) {
			assert_int_equal(paused_at(quarantines[i], len), at);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_numbers), cmocka_unit_test(test_dealt),
					    cmocka_unit_test(test_moves),   cmocka_unit_test(test_crashes),
					    cmocka_unit_test(test_reloads), cmocka_unit_test(test_aborts),
					    cmocka_unit_test(test_all), cmocka_unit_test(test_pauses) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
