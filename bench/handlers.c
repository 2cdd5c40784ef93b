/* SPDX-License-Identifier: MIT */
/* What it costs to call a handler of the rules: the sandbox, the budget, `self` and `w`; --raw is lua_pcall of the same bodies. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lualib.h>

#include "measure.h"
#include "rules/internal.h"

#define BATCH 10000u

/* Nothing; and some hundred instructions, as a small rule has. */
static const char bodies[] = "local bodies = {\n"
			     "  empty = function(self, w) end,\n"
			     "  small = function(self, w) local sum = 0 for i = 1, 50 do sum = sum + i * i end return sum end }\n";

static void fail(const char *what)
{
	fprintf(stderr, "handlers: %s\n", what);
	exit(1);
}

/* A clock, as owners have one: it is read before and after each call. */
static uint64_t engine_clock(void *arg)
{
	(void)arg;
	return clock_ns();
}

/* measure: nanoseconds of a call. */
static double measure(void (*call)(void *arg), void *arg, uint64_t time_ns)
{
	uint64_t began = cpu_ns(), calls = 0;

	do {
		for (uint32_t i = 0; i < BATCH; i++) {
			call(arg);
		}
		calls += BATCH;
	} while (cpu_ns() - began < time_ns);
	return (double)(cpu_ns() - began) / (double)calls;
}

struct ours {
	struct engine *e;
	struct handler *handler;
};

static void ours_call(void *arg)
{
	const struct ours *in = arg;

	if (call_row(in->e->rules, in->handler, WHEN_1, 0, NULL, 0) != 0) {
		fail("the call fails");
	}
}

static void ours(uint64_t time_ns, double ret_ns[2])
{
	struct engine_settings settings = { .shape = { .map = "flat" }, .clock_ns = engine_clock };
	struct engine_file file = { .name = "bodies.lua" };
	char text[1024];
	struct ours in;
	struct handlers *methods;

	snprintf(text, sizeof(text), "%s%s", bodies, "require 'game'.monster 'one' { count = 0, empty = bodies.empty, small = bodies.small }\n");
	file.text = text;
	file.len = strlen(text);
	in.e = engine_open(&settings);
	if (in.e == NULL || engine_rules_try(in.e, 1, &file, 1, NULL, 0) != 1) {
		fail("the rules are refused");
	}
	engine_rules_take(in.e);
	engine_begin(in.e, 1);
	if (engine_spawn(in.e, "one", 0, 0) == 0) {
		fail("no monster");
	}
	in.e->stage = 1;
	methods = &in.e->rules->now->kinds[in.e->all.kind[0]].methods;
	in.handler = handlers_find(methods, "empty");
	ret_ns[0] = measure(ours_call, &in, time_ns);
	in.handler = handlers_find(methods, "small");
	ret_ns[1] = measure(ours_call, &in, time_ns);
	engine_close(in.e);
}

static void raw_call(void *arg)
{
	lua_State *L = arg;

	lua_pushvalue(L, -1);
	lua_pushnil(L);
	lua_pushnil(L);
	if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
		fail("the raw call fails");
	}
}

static void raw(uint64_t time_ns, double ret_ns[2])
{
	lua_State *L = luaL_newstate();
	char text[1024];

	snprintf(text, sizeof(text), "%sreturn bodies.small, bodies.empty\n", bodies);
	if (L == NULL || luaL_dostring(L, text) != LUA_OK) {
		fail("the raw script does not run");
	}
	ret_ns[0] = measure(raw_call, L, time_ns);
	lua_pop(L, 1);
	ret_ns[1] = measure(raw_call, L, time_ns);
	lua_close(L);
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "time", required_argument, NULL, 't' }, { "raw", no_argument, NULL, 'r' }, { 0 } };
	uint64_t time_ns = 500000000;
	int is_raw = 0;
	double ns[2];

	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		is_raw |= option == 'r';
		if (option == '?' || (option == 't' && seconds_parse(optarg, &time_ns) != 0)) {
			fputs("usage: handlers [--time S] [--raw]\n", stderr);
			return 2;
		}
	}
	if (is_raw) {
		raw(time_ns, ns);
	} else {
		ours(time_ns, ns);
	}
	printf("{\"empty_ns\": %.1f, \"small_ns\": %.1f}\n", ns[0], ns[1]);
	return 0;
}
