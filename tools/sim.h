/* SPDX-License-Identifier: MIT */
/* The world that tests of rules have by require "sim". */
#ifndef TOOLS_SIM_H
#define TOOLS_SIM_H

#include <lauxlib.h>
#include <lua.h>

#include "engine/engine.h"
#include "folder.h"

#define SIM_WORLD "world" /* the name of its metatable */

/* The tests of a folder while they run. A Lua state of theirs has it in its extra space. */
struct run {
	const char *folder;
	const char *only;
	lua_Integer seed;
	int verbose;
	struct folder rules;
};

/* A userdata of the test. */
struct world {
	struct engine *engine;
	struct run *run;
	uint32_t generation;
	char problem[8192];
	/* inputs of the next tick */
	Region__Input **inputs;
	uint32_t inputs_len;
};

static inline struct world *world_at(lua_State *L)
{
	return luaL_checkudata(L, 1, SIM_WORLD);
}

/* world_open: the function of sim.lua that makes one. */
int world_open(lua_State *L);
/* What is done with one (sim_world.c), and what is seen of it (sim_look.c): methods, without a name at the end. */
extern const luaL_Reg sim_world_methods[], sim_look_methods[];

/* sim_clock_ns: monotonic. [any] */
uint64_t sim_clock_ns(void *arg);

#endif
