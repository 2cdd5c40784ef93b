/* SPDX-License-Identifier: MIT */
/* Exchanges, pages and records that make no sense: refused, or taken as what they say, but an engine lives on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "worlds.h"

#define ROUNDS 3000u

static const char *const files[] = { "world.lua",
				     "local g = require 'game'\n"
				     "g.monster 'rabbit' { count = 40, speed = 9, every = '150ms', home = { x = 0, y = 0, radius = 110 },\n"
				     "  state = { hops = 0, name = 'none', tired = false, sum = 0.5 },\n"
				     "  on_spawn = function(self) self:every('300ms', 'look') self:after('2s', 'look') end,\n"
				     "  think = function(self) self.state.hops = self.state.hops + 1 self:say('hop') end,\n"
				     "  look = function(self) self:walk_to { x = -self.x, y = -self.y } end }\n",
				     NULL };

static const struct engine_shape shape = { .size = 256, .region = 32, .map = "flat" };

static uint64_t random_state = 1;

static uint32_t any(uint32_t below)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(random_state >> 33) % below;
}

/* mutate: a few bytes are others. */
static uint8_t *mutate(const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);

	memcpy(copy, bytes, len);
	for (uint32_t n = 1 + any(4); n > 0 && len > 0; n--) {
		copy[any((uint32_t)len)] = (uint8_t)(any(3) == 0 ? 0xFF : any(256));
	}
	return copy;
}

/* The exchange of each stage in one engine, changed, for the other; then as it is, so that the world goes on. */
static void test_exchanges(void **state)
{
	struct worlds w;
	uint32_t refused = 0, taken = 0;

	(void)state;
	for (uint32_t world = 0; world < ROUNDS / 100; world++) {
		worlds_open(&w, 2, &shape, files);
		for (int i = 0; i < 30; i++) {
			worlds_tick(&w, NULL, 0);
		}
		for (uint32_t i = 0; i < 2; i++) {
			engine_begin(w.engines[i], w.tick + 1);
		}
		for (unsigned stage = 1; stage <= 3; stage++) {
			uint32_t count;
			const struct engine_part *parts;

			engine_stage(w.engines[0], stage);
			engine_stage(w.engines[1], stage);
			parts = engine_exchange(w.engines[0], 1, &count);
			for (uint32_t n = 0; n < 100 && count > 0; n++) {
				uint8_t *bytes = mutate(parts[0].bytes, parts[0].len);
				Region__Exchange *message = region__exchange__unpack(NULL, parts[0].len, bytes);

				if (message != NULL) {
					*(engine_receive(w.engines[1], message) != 0 ? &refused : &taken) += 1;
					region__exchange__free_unpacked(message, NULL);
				}
				free(bytes);
			}
		}
		for (uint32_t i = 0; i < 2; i++) {
			engine_end(w.engines[i]);
			engine_begin(w.engines[i], w.tick + 2);
			engine_stage(w.engines[i], 1);
			engine_stage(w.engines[i], 2);
			engine_stage(w.engines[i], 3);
			engine_end(w.engines[i]);
			engine_digest(w.engines[i]);
		}
		worlds_close(&w);
	}
	assert_true(refused > 100 && taken > 100);
}

static void test_pages(void **state)
{
	struct engine_settings settings = { .shape = shape };
	uint32_t refused = 0, taken = 0;
	struct worlds w, other;

	(void)state;
	worlds_open(&w, 1, &shape, files);
	for (int i = 0; i < 100; i++) {
		worlds_tick(&w, NULL, 0);
	}
	worlds_save(&w);
	assert_true(w.pages_len > 10);
	for (uint32_t n = 0; n < ROUNDS / 30; n++) {
		worlds_open_as(&other, 1, &settings, NULL, files, 1);
		for (uint32_t i = 0; i < 30; i++) {
			const struct worlds_page *from = &w.pages[any(w.pages_len)];
			uint8_t *bytes = mutate(from->bytes, from->len);
			Region__Page *page = region__page__unpack(NULL, from->len, bytes);

			if (page != NULL) {
				*(engine_load(other.engines[0], page) != 0 ? &refused : &taken) += 1;
				region__page__free_unpacked(page, NULL);
			}
			free(bytes);
		}
		engine_loaded(other.engines[0], 100);
		other.tick = 100;
		for (int i = 0; i < 20; i++) {
			worlds_tick(&other, NULL, 0);
		}
		worlds_close(&other);
	}
	worlds_close(&w);
	assert_true(refused > 100 && taken > 100);
}

/* Each of these alone makes a record one that cannot be. */
static void test_records(void **state)
{
	static char kind[] = "rabbit", long_name[] = "0123456789012345678901234567890123456789012345678901234567890123456789";
	struct worlds w;

	(void)state;
	worlds_open(&w, 1, &shape, files);
	for (int wrong = 0; wrong <= 9; wrong++) {
		Region__Record record = REGION__RECORD__INIT, *records[1] = { &record };
		Region__Page page = REGION__PAGE__INIT;
		Region__Timer timer = REGION__TIMER__INIT, *timers[1] = { &timer };
		Region__Walk walk = REGION__WALK__INIT;

		page.records = records;
		page.n_records = 1;
		record.id = wrong != 1 ? 100 + (uint64_t)wrong : 0;
		record.kind = wrong != 2 ? kind : NULL;
		record.name = wrong != 3 ? kind : long_name;
		record.x = wrong == 4 ? NAN : wrong == 5 ? 128.5 : 1;
		record.z = wrong == 6 ? INFINITY : 1;
		record.health = wrong == 7 ? 5 : 0;
		timer.method = wrong == 8 ? long_name : kind;
		record.timers = timers;
		record.n_timers = 1;
		record.walk = wrong == 9 ? &walk : NULL;
		walk.goal_x = 1e9;
		assert_int_equal(engine_load(w.engines[0], &page), wrong == 0 ? 0 : -1);
	}
	worlds_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_exchanges), cmocka_unit_test(test_pages),
					    cmocka_unit_test(test_records) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
