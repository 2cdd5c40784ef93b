/* SPDX-License-Identifier: MIT */
/* Metatables that cannot be turned against the host, and writes by raw access. */
#include <string.h>

#include "internal.h"

/* What a script's metatable may hold. Not: __gc, __close (code while an error unwinds, or with the hook off), __mode
 * (results that depend on the collector), __metatable (marks tables of our own). */
static const char *const events[] = { "__index", "__newindex", "__call", "__tostring", "__name", "__len", "__eq",
				      "__lt",	 "__le",       "__concat", "__unm",	"__add",  "__sub", "__mul",
				      "__div",	 "__mod",      "__pow",	   "__idiv",	"__band", "__bor", "__bxor",
				      "__shl",	 "__shr",      "__bnot",   NULL };
static const char *const refused[] = { "__gc", "__close", "__mode", "__metatable", NULL };

static const char original_key; /* its address names, in a copy, the table it was made of */

int is_protected(lua_State *L, int idx)
{
	int found = 0;

	if (lua_getmetatable(L, idx)) {
		lua_pushliteral(L, "__metatable");
		found = lua_rawget(L, -2) != LUA_TNIL;
		lua_pop(L, 2);
	}
	return found;
}

void table_writable(lua_State *L, int idx)
{
	luaL_checktype(L, idx, LUA_TTABLE);
	if (is_protected(L, idx)) {
		if (sandbox_content(L, idx)) {
			frozen_raise(L);
		}
		luaL_error(L, "this table is read-only");
	}
}

/* A script keeps the table it gave; Lua sees a copy of the allowed fields, so that nothing can be slipped in later. The
 * copy is shared by all tables with this metatable, and each setmetatable brings it up to date. */
static void copy_push(lua_State *L, int idx, int content)
{
	lua_rawgeti(L, LUA_REGISTRYINDEX, sandbox_of(L)->copies_ref);
	lua_pushvalue(L, idx);
	if (lua_rawget(L, -2) != LUA_TTABLE) {
		lua_pop(L, 1);
		lua_newtable(L);
		lua_pushvalue(L, idx);
		lua_rawsetp(L, -2, &original_key);
		lua_pushvalue(L, idx);
		lua_pushvalue(L, -2);
		lua_rawset(L, -4);
	}
	lua_remove(L, -2);
	for (const char *const *event = events; *event != NULL; event++) {
		lua_pushstring(L, *event);
		lua_pushvalue(L, -1);
		lua_rawget(L, content);
		if (strcmp(*event, "__call") == 0 && !lua_isnil(L, -1) && !lua_isfunction(L, -1)) {
			/* a table that calls itself keeps one instruction busy for seconds */
			luaL_error(L, "'__call' must be a function");
		}
		lua_rawset(L, -3);
	}
}

int metatable_set(lua_State *L)
{
	table_writable(L, 1);
	luaL_argexpected(L, lua_isnil(L, 2) || lua_istable(L, 2), 2, "nil or table");
	sandbox_charge(L, 64);
	lua_settop(L, 2);
	if (lua_istable(L, 2)) {
		sandbox_content(L, 2);
		for (const char *const *name = refused; *name != NULL; name++) {
			lua_pushstring(L, *name);
			if (lua_rawget(L, 3) != LUA_TNIL) {
				return luaL_error(L, "scripts may not use '%s'", *name);
			}
			lua_pop(L, 1);
		}
		copy_push(L, 2, 3);
	}
	lua_setmetatable(L, 1);
	lua_settop(L, 1);
	return 1;
}

int metatable_get(lua_State *L)
{
	luaL_checkany(L, 1);
	if (lua_type(L, 1) != LUA_TTABLE || !lua_getmetatable(L, 1)) {
		lua_pushnil(L);
	} else {
		lua_rawgetp(L, -1, &original_key); /* nil for tables of our own */
	}
	return 1;
}

int table_rawset(lua_State *L)
{
	table_writable(L, 1);
	luaL_checkany(L, 2);
	luaL_checkany(L, 3);
	lua_settop(L, 3);
	lua_rawset(L, 1);
	return 1;
}

void metatables_init(lua_State *L, struct sandbox *s)
{
	lua_newtable(L);
	lua_newtable(L);
	lua_pushliteral(L, "k"); /* a metatable nobody has any more drops its copy */
	lua_setfield(L, -2, "__mode");
	lua_setmetatable(L, -2);
	s->copies_ref = luaL_ref(L, LUA_REGISTRYINDEX);
}
