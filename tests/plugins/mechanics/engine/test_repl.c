/* SPDX-License-Identifier: MIT */
/* A line of an operator: what it sees, and that the world and its later ticks are as without it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "worlds.h"

static const char *const files[] = { "world.lua",
				     "local g = require 'game'\n"
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

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_values), cmocka_unit_test(test_errors),
					    cmocka_unit_test(test_nothing_changes) };

	return cmocka_run_group_tests_name("engine/repl", tests, NULL, NULL);
}
