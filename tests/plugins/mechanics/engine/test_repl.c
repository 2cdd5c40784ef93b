/* SPDX-License-Identifier: MIT */
/* A line of an operator: what it sees, and that the world and its later ticks are as without it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "troupe/status.h"
#include "worlds.h"

static const char *const files[] = { "world.lua",
				     "local g = require 'game'\n"
				     "g.edit 'heap' { apply = function(w, e) w:set(e.at, 'stone') end }\n"
				     "g.monster 'rabbit' { count = 12, hp = 9, speed = 9, every = 2, home = { x = 0, y = 0, radius = 60 },\n"
				     "  state = { hops = 0, tired = false },\n"
				     "  hop = function(self, w) self.state.hops = self.state.hops + 1 self:hurt { amount = 1 } end,\n"
				     "  think = function(self, w)\n"
				     "    self.state.hops = self.state.hops + self.rng:int(1, 6)\n"
				     "    self:walk_to(w:spot_near(self, 9, self.rng)) end }\n",
				     NULL };
static const struct engine_shape shape = { .size = 256, .region = 32, .map = "flat", .seed = 7 };
static char text[4096];

static int look(struct worlds *w, uint32_t owner, const char *line)
{
	return engine_look(w->engines[owner], line, text, sizeof(text));
}

static void ticks(struct worlds *w, int n)
{
	while (n-- > 0) {
		worlds_tick(w, NULL, 0);
	}
}

static void gives(struct worlds *w, const char *line, const char *result)
{
	if (look(w, 0, line) != 0 || strcmp(text, result) != 0) {
		fail_msg("%s gives %s, not %s", line, text, result);
	}
}

static void fails(struct worlds *w, const char *line, const char *with)
{
	if (look(w, 0, line) == 0 || strstr(text, with) == NULL) {
		fail_msg("%s does not fail with %s: %s", line, with, text);
	}
}

static void test_values(void **state)
{
	struct worlds w;
	unsigned long id = 0;
	char line[200];

	(void)state;
	worlds_open(&w, 1, &shape, files);
	ticks(&w, 300);
	gives(&w, "g.players()", "0");
	gives(&w, "1 + 1, 'a', nil, true -- more", "2, a, nil, true");
	gives(&w, "local n = 0 for i = 1, 4 do n = n + i end return n", "10");
	gives(&w, "local x = 1", "");
	gives(&w, "{ 1, 'b', z = 3, a = {}, [0.5] = 1 }", "{ 1, \"b\", a = {...}, z = 3, ... 1 more }");
	gives(&w, "#find('rabbit')", "12");
	gives(&w, "find('rabbit')[1].state.hops > 0", "true");
	gives(&w, "w:block { x = 90, y = 90, z = 200 }.name", "air");
	assert_int_equal(look(&w, 0, "find('rabbit')[1]"), 0);
	assert_int_equal(sscanf(text, "rabbit rabbit #%lu at (", &id), 1);
	assert_true(id != 0);
	snprintf(line, sizeof(line), "e(%lu) == find('rabbit')[1], e(%lu).hp, #w:around(e(%lu), 16) >= 0", id, id, id);
	gives(&w, line, "true, 9, true");
	worlds_close(&w);
}

static void test_errors(void **state)
{
	struct worlds w;

	(void)state;
	worlds_open(&w, 1, &shape, files);
	ticks(&w, 40);
	fails(&w, "1 +", "error[S0102]");
	fails(&w, "g.playrs()", "error[S01");
	assert_non_null(strstr(text, "1 | g.playrs()\n"));
	fails(&w, "find('rabit')", "did you mean");
	fails(&w, "e(1)", "error[S0109]");
	fails(&w, "while true do end", "error[S0420]");
	fails(&w, "('x'):rep(1e9)", "error[S0101]");
	fails(&w, "os.exit()", "error[S0105]");
	fails(&w, "rabbits = 1", "error[S0104]");
	fails(&w, "g.tell_all('x')", "error[S0413]");
	fails(&w, "g.on('enter', function() end)", "error[S0112]");
	fails(&w, "w:spawn('rabbit', { x = 0, y = 0 })", "error[S0413]");
	fails(&w, "find('rabbit')[1]:hop(w)", "error[S0413]");
	for (int i = 0; i < 50; i++) {
		gives(&w, "1", "1"); /* nothing is left open */
	}
	worlds_close(&w);
}

/* Two worlds, one of which is looked at between all ticks, stay the same. */
static void test_nothing_changes(void **state)
{
	static const char *const lines[] = {
		"g.now() + g.daylight()", "find('rabbit')[1].rng:int(1, 1000000)", "math.random(1000)",
		"find('rabbit')[1]:hop(w)", "find('rabbit')[1].state.hops", "(function() find('rabbit')[1].state.hops = 99 end)()",
		"find('rabbit')[1]:walk_to { x = 0, y = 0 }", "pcall(find('rabbit')[1].hop, find('rabbit')[1], w)",
		"pcall(w.spawn, w, 'rabbit', { x = 0, y = 0 })", "find('rabbit')[1].target",
		"w:spot_near({ x = 0, y = 0 }, 9, find('rabbit')[1].rng)",
		"while true do end", "1 +", "find('rabbit')[1]:bag()"
	};
	struct worlds looked, alone;

	(void)state;
	worlds_open(&looked, 2, &shape, files);
	worlds_open(&alone, 2, &shape, files);
	for (int tick = 0; tick < 150; tick++) {
		ticks(&looked, 1);
		ticks(&alone, 1);
		for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
			uint64_t before = worlds_digest(&looked);

			look(&looked, (uint32_t)tick % 2, lines[i]);
			if (worlds_digest(&looked) != before) {
				fail_msg("%s changes the world: %s", lines[i], text);
			}
		}
		assert_int_equal(worlds_digest(&looked), worlds_digest(&alone));
	}
	gives(&looked, "#find('rabbit') > 0", "true");
	worlds_close(&looked);
	worlds_close(&alone);
}

/* --- lines that write ------------------------------------------------------------------------------- */

/* writes: a tick with a line at (x, y); its answer's status is returned, its text is in `text`. */
static int32_t writes(struct worlds *w, double x, double y, const char *line)
{
	Region__Input in = REGION__INPUT__INIT;
	const Region__Input *list[1] = { &in };
	int32_t status = -1;

	in.has_kind = in.has_avatar = in.has_token = in.has_x = in.has_y = in.has_place = 1;
	in.kind = REGION__INPUT_KIND__INPUT_WRITE;
	in.avatar = engine_line_id(w->tick, 7);
	in.token = 77;
	in.x = x;
	in.y = y;
	in.text = (char *)line;
	worlds_tick(w, list, 1);
	for (uint32_t i = 0; i < w->len; i++) {
		uint32_t len;
		const struct output *outputs = engine_outputs(w->engines[i], &len);

		for (uint32_t n = 0; n < len; n++) {
			if (outputs[n].kind == OUTPUT_ANSWER && outputs[n].token == 77) {
				assert_int_equal(status, -1); /* one owner runs it, and answers */
				status = outputs[n].status;
				snprintf(text, sizeof(text), "%s", outputs[n].text);
			}
		}
	}
	assert_int_not_equal(status, -1);
	return status;
}

static void test_write(void **state)
{
	struct worlds w;

	(void)state;
	worlds_open(&w, 1, &shape, files);
	ticks(&w, 300);
	assert_int_equal(writes(&w, 8, 9, "set({ x = 8, y = 9, z = 40 }, 'stone') set({ x = 100, y = -90, z = 41 }, 'dirt') return 6 * 7"),
			 TROUPE_OK);
	assert_string_equal(text, "42");
	assert_int_equal(writes(&w, 8, 9, "set({ x = 8, y = 9, z = 63 }, 'stone') w:ask { edit = 'heap', at = { x = 127.5, y = 9, z = 0.5 } }"),
			 TROUPE_OK);
	ticks(&w, 2);
	gives(&w, "w:block({ 8, 9, 63 }).name, w:block({ 127, 9, 0 }).name", "stone, stone");
	gives(&w, "w:block({ 8, 9, 40 }).name, w:block({ 100, -90, 41 }).name", "stone, dirt");
	assert_int_equal(writes(&w, 8, 9, "w:spawn('rabbit', { x = 8, y = 9 })"), TROUPE_OK);
	ticks(&w, 3);
	gives(&w, "#find('rabbit')", "13");
	assert_int_equal(writes(&w, 8, 9, "for _, r in ipairs(find('rabbit')) do r:hurt { amount = 100 } end return 1"), TROUPE_OK);
	ticks(&w, 3);
	assert_int_equal(look(&w, 0, "#find('rabbit')"), 0);
	assert_true(strcmp(text, "13") != 0);
	worlds_close(&w);
}

/* What fails leaves the world as one in which it was not said. */
static void test_write_fails(void **state)
{
	static const struct {
		const char *line, *said;
	} cases[] = {
		{ "set({ x = 8, y = 9, z = 40 }, 'stone') w:spawn('rabbit', { x = 8, y = 9 }) error('no')", "error[S0101]: no\n  --> (line)" },
		{ "set({ x = 8, y = 9, z = 40 }, 'stone') while true do end", "error[S0420]" },
		{ "set({ x = 8, y = 9, z = 40 }, 'ston')", "did you mean" },
		{ "set({ x = 8000, y = 9, z = 40 }, 'stone')", "error[S0119]" },
		{ "set({ x = 8, y = 9, z = 40 }, 'stone') set({ x = 0, y = 0, z = 9999 }, 'stone')",
		  "there is no block at (0, 0, 9999): x and y go from -128 to 127, z from 0 to 63" },
		{ "set({ x = 8, y = 9, z = 64 }, 'stone')", "error[S0119]" },
		{ "set({ x = 8, y = 9, z = -1 }, 'stone')", "error[S0119]" },
		{ "w:ask { edit = 'heap', at = { x = 8, y = 9, z = 64 } }", "error[S0119]" },
		{ "set(7, 'stone')", "error[S0118]" },
		{ "g.tell_all('x') 1 +", "error[S0102]" },
		{ "x = 1", "error[S0104]" },
		{ "g.on('enter', function() end)", "error[S0112]" },
		{ "w:set({ x = 8, y = 9, z = 40 }, 'stone')", "error[S0412]" },
		{ "e(1):hurt { amount = 1 }", "error[S0109]" },
		{ "for i = 1, 300 do set({ x = 8, y = 9, z = 40 }, 'stone') end", "error[S0111]" },
	};
	struct worlds w, alone;

	(void)state;
	worlds_open(&w, 2, &shape, files);
	worlds_open(&alone, 2, &shape, files);
	ticks(&w, 30);
	ticks(&alone, 30);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (writes(&w, 8, 9, cases[i].line) == TROUPE_OK || strstr(text, cases[i].said) == NULL) {
			fail_msg("%s does not fail with %s: %s", cases[i].line, cases[i].said, text);
		}
		ticks(&alone, 1);
		assert_int_equal(worlds_digest(&w), worlds_digest(&alone));
	}
	worlds_close(&w);
	worlds_close(&alone);
}

/* Lines do the same to a world of any number of owners. */
static void test_write_anywhere(void **state)
{
	static const char *const lines[] = {
		"for i = 1, 9 do set({ x = i * 9 - 40, y = i, z = 40 }, 'stone') end",
		"w:spawn('rabbit', { x = w.x or 30, y = 31 })",
		"for _, r in ipairs(find('rabbit')) do r:hurt { amount = math.random(1, 2) } r:say('ouch') end",
		"error('no')",
		"for _, r in ipairs(w:around({ x = 31, y = 31 }, 15)) do w:spawn('rabbit', r) end",
	};
	struct worlds w[3];
	uint64_t before = 0;
	int changed = 0;

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		worlds_open(&w[i], 1 + i * 2, &shape, files);
	}
	for (size_t tick = 0; tick < 200; tick++) {
		for (uint32_t i = 0; i < 3; i++) {
			writes(&w[i], 31, 31.5, lines[tick % (sizeof(lines) / sizeof(lines[0]))]);
			assert_int_equal(worlds_digest(&w[i]), worlds_digest(&w[0]));
		}
		changed += worlds_digest(&w[0]) != before;
		before = worlds_digest(&w[0]);
	}
	assert_true(changed > 0);
	gives(&w[0], "w:block({ -31, 1, 40 }).name", "stone");
	for (uint32_t i = 0; i < 3; i++) {
		worlds_close(&w[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_values), cmocka_unit_test(test_errors),
					    cmocka_unit_test(test_nothing_changes), cmocka_unit_test(test_write),
					    cmocka_unit_test(test_write_fails), cmocka_unit_test(test_write_anywhere) };

	return cmocka_run_group_tests_name("engine/repl", tests, NULL, NULL);
}
