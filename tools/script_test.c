/* SPDX-License-Identifier: MIT */
/* `troupe script test`: rules tried without a server, in virtual time. */
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/command.h"
#include "number.h"
#include "sim.h"
#include "tools.h"

const char script_test_usage[] =
	"usage: troupe script test [--seed N] [--only PART] [--verbose] [FOLDER]\n"
	"\n"
	"Runs FOLDER/tests/*.lua, tests of the rules in FOLDER: without a server, in virtual time. The default is\n"
	"the game that ships, and in a folder of `troupe init`, which does not have it, scripts.\n"
	"\n"
	"  troupe script test                          all tests of the game\n"
	"  troupe script test mygame --only slime      those whose name holds `slime`\n"
	"\n"
	"  --seed N       the seed of worlds that do not name one (7); a failed test prints its own\n"
	"  --verbose      print what rules log\n"
	"\n"
	"exit codes: 0 all passed, 1 some failed, 2 wrong usage, 3 the rules do not load\n";

#define SEED_DEFAULT 7
#define SHIPPED "scripts/lua/meadow"

static const unsigned char sim_text[] = {
#include "tools/sim.inc"
};

static int require(lua_State *L)
{
	if (strcmp(luaL_checkstring(L, 1), "sim") == 0) {
		lua_pushvalue(L, lua_upvalueindex(1));
		return 1;
	}
	return luaL_error(L, "a test requires \"sim\", nothing else: rules are loaded by the world");
}

/* setup: the state with `sim`, its tests' list at index 2 of the stack. */
static lua_State *setup(struct run *run)
{
	lua_State *L = luaL_newstate();

	if (L == NULL) {
		return NULL;
	}
	*(struct run **)lua_getextraspace(L) = run;
	luaL_openlibs(L);
	luaL_newmetatable(L, SIM_WORLD);
	luaL_setfuncs(L, sim_world_methods, 0);
	luaL_setfuncs(L, sim_look_methods, 0);
	lua_pushvalue(L, -1);
	lua_setfield(L, -2, "__index");
	lua_settop(L, 0);
	if (luaL_loadbuffer(L, (const char *)sim_text, sizeof(sim_text), "=sim") != LUA_OK) {
		fprintf(stderr, "%s\n", lua_tostring(L, -1));
		lua_close(L);
		return NULL;
	}
	lua_newtable(L);
	lua_pushcfunction(L, world_open);
	lua_setfield(L, -2, "open");
	lua_call(L, 1, 2);
	lua_pushvalue(L, 1);
	lua_pushcclosure(L, require, 1);
	lua_setglobal(L, "require");
	return L;
}

static int traceback(lua_State *L)
{
	luaL_traceback(L, L, lua_tostring(L, 1), 1);
	return 1;
}

static int read_tests(lua_State *L, const struct folder *tests)
{
	for (uint32_t i = 0; i < tests->len; i++) {
		char name[512];

		snprintf(name, sizeof(name), "@%s", tests->files[i].name);
		if (luaL_loadbuffer(L, tests->files[i].text, tests->files[i].len, name) != LUA_OK ||
		    lua_pcall(L, 0, 0, 0) != LUA_OK) {
			fprintf(stderr, "%s\n", lua_tostring(L, -1));
			return -1;
		}
	}
	return 0;
}

/* run_one: the test on top of the stack, which is taken off. */
static int run_one(lua_State *L, const struct run *run)
{
	uint64_t began = sim_clock_ns(NULL);
	const char *name;
	int failed;

	lua_getfield(L, -1, "name");
	name = lua_tostring(L, -1);
	if (run->only != NULL && strstr(name, run->only) == NULL) {
		lua_pop(L, 2);
		return -1;
	}
	lua_pushcfunction(L, traceback);
	lua_getfield(L, -3, "run");
	failed = lua_pcall(L, 0, 0, -2) != LUA_OK;
	printf("%s  %s (%.0f ms)\n", failed ? "FAIL" : "ok  ", name, (double)(sim_clock_ns(NULL) - began) / 1e6);
	if (failed) {
		printf("    %s\n    with --seed %lld\n", lua_tostring(L, -1), (long long)run->seed);
		lua_pop(L, 1);
	}
	lua_pop(L, 3);
	lua_gc(L, LUA_GCCOLLECT);
	return failed;
}

static int run_all(struct run *run, const struct folder *tests)
{
	lua_State *L = setup(run);
	unsigned passed = 0, failed = 0;
	lua_Integer len;

	if (L == NULL) {
		return EXIT_FAILED;
	}
	if (read_tests(L, tests) != 0) {
		lua_close(L);
		return EXIT_INVALID;
	}
	len = luaL_len(L, 2);
	for (lua_Integer i = 1; i <= len; i++) {
		int result;

		lua_rawgeti(L, 2, i);
		result = run_one(L, run);
		passed += result == 0;
		failed += result > 0;
	}
	lua_close(L);
	printf("%u passed, %u failed\n", passed, failed);
	return failed > 0 ? EXIT_FAILED : EXIT_DONE;
}

int script_test_main(int argc, char **argv)
{
	static const char *const known[] = { "--seed", "--only", "--verbose", NULL };
	struct run run = { .folder = access(SHIPPED, R_OK) == 0 ? SHIPPED : "scripts", .seed = SEED_DEFAULT };
	struct folder tests = { .len = 0 };
	const char *value;
	char path[4096];
	uint64_t seed;
	int result = EXIT_INVALID;

	for (int at = 1; at < argc;) {
		int taken = command_option(argc, argv, &at, "seed", &value);

		if (taken < 0) {
			return EXIT_USAGE;
		}
		if (taken) {
			if (number_read("script test", "--seed", value, 0, INT64_MAX, &seed) != 0) {
				return EXIT_USAGE;
			}
			run.seed = (lua_Integer)seed;
			continue;
		}
		taken = command_option(argc, argv, &at, "only", &value);
		if (taken < 0) {
			return EXIT_USAGE;
		}
		if (taken) {
			run.only = value;
		} else if (strcmp(argv[at], "--verbose") == 0) {
			run.verbose = 1;
			at++;
		} else if (argv[at][0] == '-') {
			return command_unknown("script test", argv[at], known);
		} else {
			run.folder = argv[at++];
		}
	}
	snprintf(path, sizeof(path), "%s/tests", run.folder);
	if (folder_read(&run.rules, run.folder) == 0 && folder_read(&tests, path) == 0) {
		result = run_all(&run, &tests);
	}
	folder_free(&run.rules);
	folder_free(&tests);
	return result;
}
