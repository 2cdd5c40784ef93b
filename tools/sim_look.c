/* SPDX-License-Identifier: MIT */
/* What a test of rules sees of a world. */
#include <stdlib.h>
#include <string.h>

#include "sim.h"
#include "world/terrain.h"

static void field_text(lua_State *L, const char *name, const char *text)
{
	lua_pushstring(L, text);
	lua_setfield(L, -2, name);
}

static void field_number(lua_State *L, const char *name, double number)
{
	lua_pushnumber(L, number);
	lua_setfield(L, -2, name);
}

static int world_outputs(lua_State *L)
{
	uint32_t len;
	const struct output *outputs = engine_outputs(world_at(L)->engine, &len);

	lua_newtable(L);
	for (uint32_t i = 0, n = 0; i < len; i++) {
		const struct output *out = &outputs[i];
		const char *kind = out->kind == OUTPUT_TELL ? "tell" : out->kind == OUTPUT_HEARD ? "heard" :
				   out->kind == OUTPUT_ANSWER ? "answer" : out->kind == OUTPUT_GRANT ? "grant" : NULL;

		if (kind == NULL) {
			continue;
		}
		lua_newtable(L);
		field_text(L, "kind", kind);
		field_text(L, "text", out->text);
		field_text(L, "name", out->name);
		field_text(L, "channel", out->channel);
		lua_pushinteger(L, (lua_Integer)out->id);
		lua_setfield(L, -2, "id");
		lua_pushinteger(L, (lua_Integer)out->token);
		lua_setfield(L, -2, "token");
		lua_pushinteger(L, out->status);
		lua_setfield(L, -2, "status");
		lua_pushinteger(L, out->count);
		lua_setfield(L, -2, "count");
		lua_rawseti(L, -2, ++n);
	}
	return 1;
}

/* The declared state and what is in the bag, as the record has them. */
static void record_push(lua_State *L, struct engine *e, uint64_t id)
{
	size_t len;
	uint8_t *bytes = engine_record(e, id, &len);
	Region__Record *record = bytes != NULL ? region__record__unpack(NULL, len, bytes) : NULL;

	lua_newtable(L);
	for (size_t i = 0; record != NULL && i < record->n_state; i++) {
		const Region__Value *value = record->state[i];

		if (value->has_integer) {
			lua_pushinteger(L, value->integer);
		} else if (value->has_number) {
			lua_pushnumber(L, value->number);
		} else if (value->has_truth) {
			lua_pushboolean(L, value->truth);
		} else {
			lua_pushstring(L, value->text);
		}
		lua_setfield(L, -2, value->name);
	}
	lua_setfield(L, -2, "state");
	lua_newtable(L);
	for (size_t i = 0; record != NULL && i < record->n_bag; i++) {
		lua_pushinteger(L, record->bag[i]->count);
		lua_setfield(L, -2, record->bag[i]->item);
	}
	lua_setfield(L, -2, "bag");
	if (record != NULL) {
		region__record__free_unpacked(record, NULL);
	}
	free(bytes);
}

static int world_see(lua_State *L)
{
	struct engine *e = world_at(L)->engine;
	uint64_t id = (uint64_t)luaL_checkinteger(L, 2);
	struct sight sight;

	if (engine_see(e, id, &sight) != 0) {
		lua_pushnil(L);
		return 1;
	}
	lua_newtable(L);
	field_text(L, "kind", sight.kind);
	field_text(L, "name", sight.name);
	field_number(L, "x", sight.x);
	field_number(L, "y", sight.y);
	field_number(L, "z", sight.z);
	lua_pushinteger(L, sight.health);
	lua_setfield(L, -2, "hp");
	lua_pushinteger(L, sight.health_max);
	lua_setfield(L, -2, "hp_max");
	lua_pushboolean(L, sight.walks);
	lua_setfield(L, -2, "walking");
	lua_pushboolean(L, sight.asleep);
	lua_setfield(L, -2, "asleep");
	record_push(L, e, id);
	return 1;
}

struct found {
	lua_State *L;
	const char *kind;
	lua_Integer n;
};

static int found_one(void *arg, const struct sight *sight)
{
	struct found *found = arg;

	if (strcmp(sight->kind, found->kind) == 0) {
		lua_pushinteger(found->L, (lua_Integer)sight->id);
		lua_rawseti(found->L, -2, ++found->n);
	}
	return 0;
}

static int world_find(lua_State *L)
{
	struct found found = { .L = L, .kind = luaL_checkstring(L, 2) };

	lua_newtable(L);
	engine_each(world_at(L)->engine, found_one, &found);
	return 1;
}

static int world_count(lua_State *L)
{
	world_find(L);
	lua_pushinteger(L, (lua_Integer)lua_rawlen(L, -1));
	return 1;
}

static int world_block(lua_State *L)
{
	struct terrain *t = engine_terrain(world_at(L)->engine);
	uint16_t id = t != NULL ? terrain_block(t, (int32_t)luaL_checknumber(L, 2), (int32_t)luaL_checknumber(L, 3),
						(int32_t)luaL_checknumber(L, 4))
				: 0;

	lua_pushstring(L, t != NULL ? block_type(terrain_table(t), id)->name : "air");
	return 1;
}

static int world_surface(lua_State *L)
{
	struct terrain *t = engine_terrain(world_at(L)->engine);

	lua_pushinteger(L, t != NULL ? terrain_surface(t, (int32_t)luaL_checknumber(L, 2), (int32_t)luaL_checknumber(L, 3)) : 0);
	return 1;
}

static int world_digest(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)engine_digest(world_at(L)->engine));
	return 1;
}

static int world_ticks(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)engine_tick(world_at(L)->engine));
	return 1;
}

static int world_errors(lua_State *L)
{
	struct engine_figures figures;

	engine_figures(world_at(L)->engine, &figures);
	lua_pushinteger(L, (lua_Integer)figures.script_errors);
	return 1;
}

const luaL_Reg sim_look_methods[] = {
	{ "outputs", world_outputs }, { "see", world_see },	    { "find", world_find },	{ "count", world_count },
	{ "block", world_block },     { "surface", world_surface }, { "digest", world_digest }, { "ticks", world_ticks },
	{ "errors", world_errors },   { NULL, NULL }
};
