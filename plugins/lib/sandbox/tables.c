/* SPDX-License-Identifier: MIT */
/* The sandbox's table library: raw access, raw length, bounded. */
#include <string.h>

#include "internal.h"

/* length of a list that is read: of its content if it is frozen, which then takes its place on the stack */
static lua_Integer length_read(lua_State *L, int idx)
{
	size_t len;

	luaL_checktype(L, idx, LUA_TTABLE);
	sandbox_content(L, idx);
	lua_replace(L, idx);
	len = lua_rawlen(L, idx);
	if (len > TABLE_MAX) {
		luaL_error(L, "the list is longer than %d", TABLE_MAX);
	}
	return (lua_Integer)len;
}

/* length of a list that is written */
static lua_Integer length(lua_State *L, int idx)
{
	table_writable(L, idx);
	return length_read(L, idx);
}

static int table_insert(lua_State *L)
{
	lua_Integer len = length(L, 1), at = len + 1;

	if (lua_gettop(L) == 3) {
		at = luaL_checkinteger(L, 2);
		luaL_argcheck(L, at >= 1 && at <= len + 1, 2, "position out of bounds");
		sandbox_charge(L, (uint64_t)(len + 1 - at));
		for (lua_Integer i = len; i >= at; i--) {
			lua_rawgeti(L, 1, i);
			lua_rawseti(L, 1, i + 1);
		}
	} else if (lua_gettop(L) != 2) {
		return luaL_error(L, "wrong number of arguments to 'insert'");
	}
	lua_rawseti(L, 1, at);
	return 0;
}

static int table_remove(lua_State *L)
{
	lua_Integer len = length(L, 1), at = luaL_optinteger(L, 2, len);

	if (len == 0 && lua_gettop(L) < 2) {
		lua_pushnil(L);
		return 1;
	}
	luaL_argcheck(L, at >= 1 && at <= len + 1, 2, "position out of bounds");
	lua_rawgeti(L, 1, at);
	sandbox_charge(L, (uint64_t)(len > at ? len - at : 0));
	for (lua_Integer i = at; i < len; i++) {
		lua_rawgeti(L, 1, i + 1);
		lua_rawseti(L, 1, i);
	}
	if (at <= len) {
		lua_pushnil(L);
		lua_rawseti(L, 1, len);
	}
	return 1;
}

static int table_concat(lua_State *L)
{
	lua_Integer len = length_read(L, 1), from, to;
	size_t between, total = 0, max = sandbox_of(L)->set.string_max;
	const char *separator = luaL_optlstring(L, 2, "", &between);
	luaL_Buffer out;

	from = luaL_optinteger(L, 3, 1);
	to = luaL_optinteger(L, 4, len);
	luaL_argcheck(L, from > to || (from >= 1 && to <= len), 4, "range out of bounds");
	luaL_buffinit(L, &out);
	for (lua_Integer i = from; i <= to; i++) {
		lua_rawgeti(L, 1, i);
		if (!lua_isstring(L, -1)) {
			return luaL_error(L, "entry %I of the list is a %s, not a string or number", i,
					  luaL_typename(L, -1));
		}
		total += lua_rawlen(L, -1) + between;
		if (total > max + between) {
			return luaL_error(L, "the result would be longer than %d bytes", (int)max);
		}
		sandbox_charge(L, 1 + (lua_rawlen(L, -1) + between) / 16 + (lua_type(L, -1) == LUA_TNUMBER ? 30 : 0));
		luaL_addvalue(&out);
		if (i < to) {
			luaL_addlstring(&out, separator, between);
		}
	}
	luaL_pushresult(&out);
	return 1;
}

static int table_unpack(lua_State *L)
{
	lua_Integer from = luaL_optinteger(L, 2, 1), to;

	luaL_checktype(L, 1, LUA_TTABLE);
	sandbox_content(L, 1);
	lua_replace(L, 1);
	to = luaL_optinteger(L, 3, (lua_Integer)lua_rawlen(L, 1));
	if (from > to) {
		return 0;
	}
	if ((uint64_t)to - (uint64_t)from >= RESULTS_MAX || !lua_checkstack(L, (int)(to - from + 1))) {
		return luaL_error(L, "too many values to unpack (at most %d)", RESULTS_MAX);
	}
	sandbox_charge(L, (uint64_t)(to - from) + 1);
	for (lua_Integer i = 0; i <= to - from; i++) { /* `to` may be the last number there is */
		lua_rawgeti(L, 1, from + i);
	}
	return (int)(to - from + 1);
}

static int table_pack(lua_State *L)
{
	int n = lua_gettop(L);

	lua_createtable(L, n, 1);
	lua_insert(L, 1);
	for (int i = n; i >= 1; i--) {
		lua_rawseti(L, 1, i);
	}
	lua_pushinteger(L, n);
	lua_setfield(L, 1, "n");
	return 1;
}

static int table_move(lua_State *L)
{
	lua_Integer from = luaL_checkinteger(L, 2), to = luaL_checkinteger(L, 3), at = luaL_checkinteger(L, 4);
	int into = lua_isnoneornil(L, 5) ? 1 : 5;

	length(L, into);
	length_read(L, 1); /* behind the other: 1 may be both */
	if (to < from) {
		lua_pushvalue(L, into);
		return 1;
	}
	if ((uint64_t)to - (uint64_t)from >= TABLE_MAX || at > LUA_MAXINTEGER - TABLE_MAX) {
		return luaL_error(L, "too many elements to move (at most %d)", TABLE_MAX);
	}
	sandbox_charge(L, (uint64_t)(to - from) * 2 + 2);
	if (at > to || at <= from || into != 1) {
		for (lua_Integer i = 0; i <= to - from; i++) {
			lua_rawgeti(L, 1, from + i);
			lua_rawseti(L, into, at + i);
		}
	} else {
		for (lua_Integer i = to - from; i >= 0; i--) {
			lua_rawgeti(L, 1, from + i);
			lua_rawseti(L, into, at + i);
		}
	}
	lua_pushvalue(L, into);
	return 1;
}

/* before: is the value at index a smaller than that at b, by the function at index 2 or by <? Only numbers and
 * strings have an order of their own here: a metamethod would be one more way to run code. */
static int before(lua_State *L, int a, int b)
{
	int less;

	a = lua_absindex(L, a);
	b = lua_absindex(L, b);
	sandbox_charge(L, 4);
	if (!lua_isnoneornil(L, 2)) {
		lua_pushvalue(L, 2);
		lua_pushvalue(L, a);
		lua_pushvalue(L, b);
		lua_call(L, 2, 1);
		less = lua_toboolean(L, -1);
		lua_pop(L, 1);
		return less;
	}
	if (lua_type(L, a) != lua_type(L, b) || (lua_type(L, a) != LUA_TNUMBER && lua_type(L, a) != LUA_TSTRING)) {
		return luaL_error(L, "cannot order a %s and a %s", luaL_typename(L, a), luaL_typename(L, b));
	}
	return lua_compare(L, a, b, LUA_OPLT);
}

/* One merge of [from, middle) and [middle, to) of the table at index 3 into the one at 4. */
static void merge(lua_State *L, lua_Integer from, lua_Integer middle, lua_Integer to)
{
	lua_Integer a = from, b = middle;

	for (lua_Integer at = from; at < to; at++) {
		int take_b;

		if (a < middle && b < to) {
			lua_rawgeti(L, 3, a);
			lua_rawgeti(L, 3, b);
			take_b = before(L, -1, -2);
			lua_pop(L, 2);
		} else {
			take_b = a >= middle;
		}
		lua_rawgeti(L, 3, take_b ? b++ : a++);
		lua_rawseti(L, 4, at);
	}
}

/* A merge sort: its number of comparisons is bounded whatever the comparator answers, and equal elements keep their
 * order, so the result is the same everywhere. */
static int table_sort(lua_State *L)
{
	lua_Integer len = length(L, 1);

	lua_settop(L, 2);
	if (!lua_isnil(L, 2)) {
		luaL_checktype(L, 2, LUA_TFUNCTION);
	}
	lua_createtable(L, (int)len, 0);
	lua_createtable(L, (int)len, 0);
	for (lua_Integer i = 1; i <= len; i++) {
		lua_rawgeti(L, 1, i);
		lua_rawseti(L, 3, i);
	}
	for (lua_Integer width = 1; width < len; width *= 2) {
		for (lua_Integer from = 1; from <= len; from += 2 * width) {
			lua_Integer middle = from + width <= len ? from + width : len + 1;
			lua_Integer to = middle + width <= len ? middle + width : len + 1;

			merge(L, from, middle, to);
		}
		lua_pushvalue(L, 3);
		lua_copy(L, 4, 3);
		lua_replace(L, 4);
	}
	for (lua_Integer i = 1; i <= len; i++) {
		lua_rawgeti(L, 3, i);
		lua_rawseti(L, 1, i);
	}
	return 0;
}

void table_push(lua_State *L)
{
	static const luaL_Reg functions[] = { { "concat", table_concat }, { "insert", table_insert },
					      { "move", table_move },	  { "pack", table_pack },
					      { "remove", table_remove }, { "sort", table_sort },
					      { "unpack", table_unpack }, { NULL, NULL } };

	luaL_newlib(L, functions);
}
