/* SPDX-License-Identifier: MIT */
/* What a test of rules does with a world: opens it, lets players act, runs ticks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim.h"
#include "troupe/host.h"

static void line(void *arg, uint32_t level, const char *code, const char *text)
{
	const struct world *w = arg;

	if (w->run->verbose || level <= TROUPE_LOG_WARNING) {
		printf("    %s%s%s\n", code != NULL ? code : "", code != NULL ? ": " : "", text);
	}
}

uint64_t sim_clock_ns(void *arg)
{
	struct timespec now;

	(void)arg;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* --- a world -------------------------------------------------------------------------------------- */

static lua_Integer setting(lua_State *L, const char *name, lua_Integer otherwise)
{
	lua_Integer value = otherwise;

	if (lua_getfield(L, 1, name) != LUA_TNIL) {
		value = luaL_checkinteger(L, -1);
	}
	lua_pop(L, 1);
	return value;
}

static int rules_take(struct world *w, const struct engine_file *files, uint32_t len)
{
	if (engine_rules_try(w->engine, ++w->generation, files, len, w->problem, sizeof(w->problem)) != 1) {
		return -1;
	}
	engine_rules_take(w->engine);
	return 0;
}

int world_open(lua_State *L)
{
	struct run *run = *(struct run **)lua_getextraspace(L);
	struct engine_settings settings = { .log = line, .clock_ns = sim_clock_ns, .budget_ms = 1000 };
	struct world *w;
	const char *map;

	luaL_checktype(L, 1, LUA_TTABLE);
	w = lua_newuserdatauv(L, sizeof(*w), 0);
	memset(w, 0, sizeof(*w));
	luaL_setmetatable(L, SIM_WORLD);
	w->run = run;
	lua_getfield(L, 1, "map");
	map = luaL_optstring(L, -1, "flat");
	snprintf(settings.shape.map, sizeof(settings.shape.map), "%s", map);
	settings.shape.size = (uint32_t)setting(L, "size", 128);
	settings.shape.height = (uint32_t)setting(L, "height", 64);
	settings.shape.tick_ms = (uint32_t)setting(L, "tick_ms", 50);
	settings.shape.seed = (uint64_t)setting(L, "seed", run->seed);
	settings.shape.quarantine = (uint32_t)setting(L, "quarantine", 10);
	settings.arg = w;
	w->engine = engine_open(&settings);
	if (w->engine == NULL) {
		return luaL_error(L, "no such world: size is a multiple of 64, map \"flat\" or \"hills\"");
	}
	if (rules_take(w, run->rules.files, run->rules.len) != 0) {
		return luaL_error(L, "the rules are refused:\n%s", w->problem);
	}
	lua_settop(L, 2);
	return 1;
}

static int world_gc(lua_State *L)
{
	struct world *w = luaL_checkudata(L, 1, SIM_WORLD);

	w->engine = engine_close(w->engine);
	for (uint32_t i = 0; i < w->inputs_len; i++) {
		region__input__free_unpacked(w->inputs[i], NULL);
	}
	free(w->inputs);
	w->inputs = NULL;
	w->inputs_len = 0;
	return 0;
}

static int world_reload(lua_State *L)
{
	struct world *w = world_at(L);
	struct engine_file files[FOLDER_FILES_MAX];
	struct folder again = { .len = 0 };
	uint32_t len = 0;
	int refused;

	if (lua_istable(L, 2)) {
		for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) {
			if (len == FOLDER_FILES_MAX) {
				return luaL_error(L, "reload: more than %d files", (int)FOLDER_FILES_MAX);
			}
			files[len].name = luaL_checkstring(L, -2);
			files[len].text = luaL_checklstring(L, -1, &files[len].len);
			len++;
		}
		refused = rules_take(w, files, len);
	} else {
		refused = folder_read(&again, w->run->folder) != 0 || rules_take(w, again.files, again.len) != 0;
		folder_free(&again);
	}
	lua_pushboolean(L, !refused);
	lua_pushstring(L, refused ? w->problem : "");
	return 2;
}

/* --- inputs --------------------------------------------------------------------------------------- */

static Region__Input *input(lua_State *L, Region__InputKind kind)
{
	struct world *w = world_at(L);
	Region__Input in = REGION__INPUT__INIT, **inputs = realloc(w->inputs, (w->inputs_len + 1) * sizeof(*inputs));
	uint8_t bytes[64];
	size_t len;

	if (inputs == NULL) {
		luaL_error(L, "no memory");
		return NULL;
	}
	w->inputs = inputs;
	in.has_kind = in.has_avatar = in.has_token = 1;
	in.kind = kind;
	in.avatar = (uint64_t)luaL_checkinteger(L, 2);
	in.token = 1;
	len = region__input__pack(&in, bytes);
	inputs[w->inputs_len] = region__input__unpack(NULL, len, bytes);
	return inputs[w->inputs_len++];
}

static void place(Region__Input *in, double x, double y, double z)
{
	in->has_x = in->has_y = in->has_z = in->has_place = 1;
	in->x = x;
	in->y = y;
	in->z = z;
	in->place = 1;
}

static int world_enter(lua_State *L)
{
	Region__Input *in = input(L, REGION__INPUT_KIND__INPUT_ENTER);

	in->name = strdup(luaL_checkstring(L, 3));
	place(in, luaL_checknumber(L, 4), luaL_checknumber(L, 5), 0);
	return 0;
}

static int world_leave(lua_State *L)
{
	input(L, REGION__INPUT_KIND__INPUT_LEAVE);
	return 0;
}

static int world_move(lua_State *L)
{
	place(input(L, REGION__INPUT_KIND__INPUT_MOVE), luaL_checknumber(L, 3), luaL_checknumber(L, 4), 0);
	return 0;
}

static int world_chat(lua_State *L)
{
	Region__Input *in = input(L, REGION__INPUT_KIND__INPUT_CHAT);

	in->text = strdup(luaL_checkstring(L, 3));
	in->channel = strdup(luaL_checkstring(L, 4));
	return 0;
}

static int world_act(lua_State *L)
{
	Region__Input *in = input(L, REGION__INPUT_KIND__INPUT_ACT);

	in->token = (uint64_t)luaL_checkinteger(L, 3);
	in->name = strdup(luaL_checkstring(L, 4));
	in->has_target = 1;
	in->target = (uint64_t)luaL_checkinteger(L, 5);
	in->text = strdup(luaL_checkstring(L, 6));
	if (!lua_isnoneornil(L, 7)) {
		place(in, luaL_checknumber(L, 7), luaL_checknumber(L, 8), luaL_optnumber(L, 9, 0));
	}
	return 0;
}

static int world_spawn(lua_State *L)
{
	uint64_t id = engine_spawn(world_at(L)->engine, luaL_checkstring(L, 2), luaL_checknumber(L, 3), luaL_checknumber(L, 4));

	if (id == 0) {
		lua_pushnil(L);
	} else {
		lua_pushinteger(L, (lua_Integer)id);
	}
	return 1;
}

static int world_give(lua_State *L)
{
	if (engine_give(world_at(L)->engine, (uint64_t)luaL_checkinteger(L, 2), luaL_checkstring(L, 3),
			(uint32_t)luaL_checkinteger(L, 4)) != 0) {
		return luaL_error(L, "there is no such entity");
	}
	return 0;
}

static int world_set(lua_State *L)
{
	if (engine_put(world_at(L)->engine, (int32_t)luaL_checknumber(L, 2), (int32_t)luaL_checknumber(L, 3),
		       (int32_t)luaL_checknumber(L, 4), luaL_checkstring(L, 5)) != 0) {
		return luaL_error(L, "there is no block \"%s\", or no such cell", lua_tostring(L, 5));
	}
	return 0;
}

static int world_tick(lua_State *L)
{
	struct world *w = world_at(L);

	engine_begin(w->engine, engine_tick(w->engine) + 1);
	for (uint32_t i = 0; i < w->inputs_len; i++) {
		engine_input(w->engine, w->inputs[i]);
		region__input__free_unpacked(w->inputs[i], NULL);
	}
	w->inputs_len = 0;
	for (unsigned stage = 1; stage <= 3; stage++) {
		uint32_t count;

		engine_stage(w->engine, stage);
		engine_exchange(w->engine, 1, &count);
	}
	engine_end(w->engine);
	return 0;
}

const luaL_Reg sim_world_methods[] = {
	{ "reload", world_reload }, { "enter", world_enter }, { "leave", world_leave }, { "move", world_move },
	{ "chat", world_chat },	    { "act", world_act },     { "spawn", world_spawn }, { "tick", world_tick },
	{ "give", world_give },	    { "set", world_set },     { "__gc", world_gc },	{ NULL, NULL }
};
