/* SPDX-License-Identifier: MIT */
/* Entities with the rules of the sample: what a tick costs for a thousand, ten thousand and a hundred thousand of them, and beside
 * it the same number of Lua tables that do bare arithmetic. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "crowd.h"
#include "engine/engine.h"
#include "measure.h"

#define TICK_MS 50u

static void fail(const char *what)
{
	fprintf(stderr, "entities: %s\n", what);
	exit(1);
}

static void tick(struct engine *e, uint64_t n)
{
	engine_begin(e, n);
	for (unsigned stage = 1; stage <= 3; stage++) {
		uint32_t count;

		engine_stage(e, stage);
		engine_exchange(e, 1, &count);
	}
	engine_end(e);
}

/* ours: the percent of a core that so many entities take at 20 ticks a second, when they have had as many ticks to settle as are
 * measured. */
static double ours(uint32_t count, uint32_t ticks)
{
	uint32_t side = 32;
	struct engine_settings settings = { .memory = (size_t)2 << 30 };
	struct engine_file file = { "rabbit.lua", crowd_rules, strlen(crowd_rules) };
	struct engine *e;
	char report[1024];
	uint32_t seed = 1;
	uint64_t began, n = 0;
	double percent;

	while (side * side < count * 20u) { /* as many on each piece of ground, however many there are */
		side += 32;
	}
	settings.shape = (struct engine_shape){ .size = side, .map = "flat", .tick_ms = TICK_MS, .max_entities = count + 1 };
	e = engine_open(&settings);
	if (e == NULL || engine_rules_try(e, 1, &file, 1, report, sizeof(report)) != 1) {
		fail("the engine does not open");
	}
	engine_rules_take(e);
	for (uint32_t i = 0; i < count; i++) {
		double x = (crowd_share(&seed) - 0.5) * side, y = (crowd_share(&seed) - 0.5) * side;

		engine_spawn(e, "rabbit", x, y);
	}
	while (n < ticks) {
		tick(e, ++n);
	}
	began = cpu_ns();
	while (n < 2 * ticks) {
		tick(e, ++n);
	}
	percent = (double)(cpu_ns() - began) / ticks / (TICK_MS * 1e6) * 100;
	engine_close(e);
	return percent;
}

/* raw: the least that a script language can do for them: a fifth thinks in each tick, all take a step, in one loop. */
static const char bare[] =
	"local count = ...\n"
	"local all = {}\n"
	"for i = 1, count do all[i] = { x = i, y = -i, vx = 0.1, vy = 0.1, hops = 0, scared = false } end\n"
	"return function(n) for i = 1, count do local e = all[i]\n"
	"  e.x = e.x + e.vx e.y = e.y + e.vy\n"
	"  if (n + i) % 5 == 0 then e.scared = e.x * e.x + e.y * e.y < 25 end\n"
	"  if (n + i) % 80 == 0 then e.hops = e.hops + 1 e.vx = -e.vx e.vy = -e.vy end end end\n";

static double raw(uint32_t count, uint32_t ticks)
{
	lua_State *L = luaL_newstate();
	uint64_t began;

	luaL_openlibs(L);
	if (luaL_loadstring(L, bare) != LUA_OK) {
		fail("the raw script does not compile");
	}
	lua_pushinteger(L, count);
	lua_call(L, 1, 1);
	began = cpu_ns();
	for (uint32_t n = 1; n <= ticks; n++) {
		lua_pushvalue(L, -1);
		lua_pushinteger(L, n);
		lua_call(L, 1, 0);
	}
	began = cpu_ns() - began;
	lua_close(L);
	return (double)began / ticks / (TICK_MS * 1e6) * 100;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "ticks", required_argument, NULL, 't' }, { "raw", no_argument, NULL, 'r' }, { 0 } };
	static const uint32_t counts[] = { 1000, 10000, 100000 };
	double percent[3];
	long ticks = 100;
	int is_raw = 0;

	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		is_raw |= option == 'r';
		if (option == '?' || (option == 't' && number_parse(optarg, 1, 100000, &ticks) != 0)) {
			fputs("usage: entities [--ticks N] [--raw]\n", stderr);
			return 2;
		}
	}
	for (int i = 0; i < 3; i++) {
		percent[i] = is_raw ? raw(counts[i], (uint32_t)ticks) : ours(counts[i], (uint32_t)ticks);
	}
	printf("{\"k1_percent\":%.4g,\"k10_percent\":%.4g,\"k100_percent\":%.4g,\"exponent\":%.3f}\n", percent[0], percent[1], percent[2],
	       log10(percent[2] / percent[0]) / 2);
	return 0;
}
