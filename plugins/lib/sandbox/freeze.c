/* SPDX-License-Identifier: MIT */
/*
 * Makes what functions share read-only. Lua has no such mark for a table, and writes to a field that exists ask no
 * metatable. So a table is emptied into another one, its content, and gets a metatable that reads from there and
 * refuses writes: it stays the same table for all who have it, and no script can get at the content.
 */
#include <stdio.h>
#include <string.h>

#include "internal.h"
#include "prototype.h"

static const char content_key; /* its address names the content in a metatable of ours */

int sandbox_content(lua_State *L, int idx)
{
	idx = lua_absindex(L, idx);
	if (lua_type(L, idx) == LUA_TTABLE && lua_getmetatable(L, idx)) {
		if (lua_rawgetp(L, -1, &content_key) == LUA_TTABLE) {
			lua_remove(L, -2);
			return 1;
		}
		lua_pop(L, 2);
	}
	lua_pushvalue(L, idx);
	return 0;
}

int frozen_raise(lua_State *L)
{
	return sandbox_raise(L, "S0104", "declare what changes in state = { ... }",
			     "this table is read-only: it belongs to a file, and outlives the call");
}

static int frozen_len(lua_State *L)
{
	sandbox_content(L, 1);
	lua_pushinteger(L, (lua_Integer)lua_rawlen(L, -1));
	return 1;
}

/* frozen_index: upvalues content, the function that the script's metatable has for what is not there */
static int frozen_index(lua_State *L)
{
	lua_settop(L, 2);
	lua_pushvalue(L, 2);
	if (lua_rawget(L, lua_upvalueindex(1)) == LUA_TNIL) {
		lua_pushvalue(L, lua_upvalueindex(2));
		lua_pushvalue(L, 1);
		lua_pushvalue(L, 2);
		lua_call(L, 2, 1);
	}
	return 1;
}

/* content_make: pushes a copy of the table at idx */
static void content_make(lua_State *L, int idx)
{
	lua_Unsigned list = lua_rawlen(L, idx), all = 0;

	for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1)) {
		all++;
	}
	lua_createtable(L, (int)list, (int)(all > list ? all - list : 0));
	for (lua_pushnil(L); lua_next(L, idx);) {
		lua_pushvalue(L, -2);
		lua_insert(L, -2);
		lua_rawset(L, -4);
	}
}

/* index_make: sets __index of the metatable on top, below it the content: there first, then where the script said */
static void index_make(lua_State *L)
{
	int content = lua_absindex(L, -2);

	if (lua_getfield(L, -1, "__index") == LUA_TFUNCTION) {
		lua_pushvalue(L, content);
		lua_insert(L, -2);
		lua_pushcclosure(L, frozen_index, 2);
	} else {
		if (!lua_isnil(L, -1)) {
			lua_createtable(L, 0, 1);
			lua_pushvalue(L, -2);
			lua_setfield(L, -2, "__index");
			lua_setmetatable(L, content);
		}
		lua_pop(L, 1);
		lua_pushvalue(L, content);
	}
	lua_setfield(L, -2, "__index");
}

static void freeze_table(lua_State *L, int idx)
{
	content_make(L, idx);
	lua_createtable(L, 0, 5);
	if (lua_getmetatable(L, idx)) { /* the copy of what the script gave, and what getmetatable answers */
		for (lua_pushnil(L); lua_next(L, -2);) {
			lua_pushvalue(L, -2);
			lua_insert(L, -2);
			lua_rawset(L, -5);
		}
		lua_pop(L, 1);
	}
	index_make(L);
	lua_pushcfunction(L, frozen_raise);
	lua_setfield(L, -2, "__newindex");
	if (lua_getfield(L, -1, "__len") == LUA_TNIL) {
		lua_pushcfunction(L, frozen_len);
		lua_setfield(L, -3, "__len");
	}
	lua_pop(L, 1);
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_pushvalue(L, -2);
	lua_rawsetp(L, -2, &content_key);
	for (lua_pushnil(L); lua_next(L, idx);) { /* allocates nothing: all or nothing of a table moves */
		lua_pop(L, 1);
		lua_pushvalue(L, -1);
		lua_pushnil(L);
		lua_rawset(L, idx);
	}
	lua_setmetatable(L, idx);
	lua_pop(L, 1);
}

/* --- what can be reached --------------------------------------------------------------------------- */

/* On the stack of freeze_body: value -> true; values in the order they were met, and for each the function or the
 * name of the file that it belongs to; that of the value looked at; the value */
enum { SEEN = 2, QUEUE, PLACES, HERE, VALUE };

struct freeze {
	uint32_t generation;
	const int *refs;
	size_t refs_len;
	lua_Integer len; /* of the queue */
	char file[SANDBOX_NAME_MAX + 1]; /* the first place of something that keeps a value */
	struct outer_write kept;
};

static void kept_add(struct freeze *in, const char *file, const struct outer_write *kept)
{
	int order = strcmp(file, in->file);

	if (in->kept.line == 0 || order < 0 || (order == 0 && kept->line < in->kept.line)) {
		snprintf(in->file, sizeof(in->file), "%s", file);
		in->kept = *kept;
	}
}

/* iterator_look: is the value on top an iterator, which counts? `name` is what holds it. */
static void iterator_look(lua_State *L, struct freeze *in, const char *name)
{
	lua_CFunction function = lua_tocfunction(L, -1);
	struct outer_write kept = { .line = 1 };
	lua_Debug ar = { 0 };

	if (function == NULL || (function != pairs_next && function != gmatch_next)) {
		return;
	}
	if (lua_isfunction(L, HERE)) {
		lua_pushvalue(L, HERE);
		lua_getinfo(L, ">S", &ar);
		kept.line = ar.linedefined > 0 ? ar.linedefined : 1;
	}
	snprintf(kept.name, sizeof(kept.name), "%s", name);
	kept_add(in, lua_isfunction(L, HERE) ? ar.short_src : lua_tostring(L, HERE), &kept);
}

/* meet: takes the value on top off the stack, into the queue if it is new */
static void meet(lua_State *L, struct freeze *in, const char *name)
{
	iterator_look(L, in, name);
	if (lua_type(L, -1) == LUA_TTABLE || lua_type(L, -1) == LUA_TFUNCTION) {
		lua_pushvalue(L, -1);
		if (lua_rawget(L, SEEN) == LUA_TNIL) {
			lua_pushvalue(L, -2);
			lua_pushboolean(L, 1);
			lua_rawset(L, SEEN);
			lua_pushvalue(L, -2);
			lua_rawseti(L, QUEUE, ++in->len);
			lua_pushvalue(L, HERE);
			lua_rawseti(L, PLACES, in->len);
		}
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
}

/* function_look: at the Lua function at VALUE and what it captured */
static void function_look(lua_State *L, struct freeze *in)
{
	struct outer_write kept;
	lua_Debug ar;
	const char *name;

	lua_copy(L, VALUE, HERE);
	lua_pushvalue(L, VALUE);
	lua_getinfo(L, ">S", &ar);
	if (prototype_writes_upvalue(L, &kept) != 0) {
		luaL_error(L, "%s:%d: what it assigns cannot be found out", ar.short_src, ar.linedefined);
	}
	if (kept.line != 0) {
		kept_add(in, ar.short_src, &kept);
	}
	for (int i = 1; (name = lua_getupvalue(L, VALUE, i)) != NULL; i++) {
		meet(L, in, name);
	}
}

/* fields_look: at keys and values of the table on top */
static void fields_look(lua_State *L, struct freeze *in)
{
	for (lua_pushnil(L); lua_next(L, -2);) {
		meet(L, in, lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "an iterator");
		lua_pushvalue(L, -1);
		meet(L, in, "an iterator");
	}
}

static void roots(lua_State *L, struct freeze *in)
{
	for (const struct script_file *file = sandbox_of(L)->files; file != NULL; file = file->next) {
		if (file->generation == in->generation) {
			lua_pushstring(L, file->name);
			lua_replace(L, HERE);
			lua_rawgeti(L, LUA_REGISTRYINDEX, file->result_ref);
			meet(L, in, "the file's result");
		}
	}
	for (size_t i = 0; i < in->refs_len; i++) {
		lua_rawgeti(L, LUA_REGISTRYINDEX, in->refs[i]);
		meet(L, in, "an iterator");
	}
}

static int freeze_body(lua_State *L)
{
	struct freeze *in = lua_touserdata(L, 1);

	luaL_checkstack(L, 20, NULL);
	lua_newtable(L);
	lua_newtable(L);
	lua_newtable(L);
	lua_pushliteral(L, "");
	roots(L, in);
	for (lua_Integer i = 1; i <= in->len; i++) {
		clock_check(L); /* many closures of one large function are each looked at as a whole */
		lua_rawgeti(L, PLACES, i);
		lua_replace(L, HERE);
		lua_rawgeti(L, QUEUE, i);
		if (lua_type(L, VALUE) == LUA_TFUNCTION && !lua_iscfunction(L, VALUE)) {
			function_look(L, in);
		} else if (lua_type(L, VALUE) == LUA_TTABLE && !is_protected(L, VALUE)) {
			fields_look(L, in);
			if (lua_getmetatable(L, VALUE)) {
				fields_look(L, in);
			}
		}
		lua_settop(L, HERE);
	}
	if (in->kept.line != 0) {
		struct sandbox *s = sandbox_of(L);

		snprintf(s->raised_code, sizeof(s->raised_code), "S0104");
		snprintf(s->raised_help, sizeof(s->raised_help), "declare it in state = { ... }, or make it anew in each call");
		lua_pushfstring(L, "%s:%d: '%s' keeps a value from call to call", in->file, in->kept.line, in->kept.name);
		return lua_error(L);
	}
	for (lua_Integer i = 1; i <= in->len; i++) {
		lua_rawgeti(L, QUEUE, i);
		if (lua_type(L, VALUE) == LUA_TTABLE && !is_protected(L, VALUE)) {
			freeze_table(L, VALUE);
		}
		lua_settop(L, HERE);
	}
	return 0;
}

int sandbox_freeze(struct sandbox *s, uint32_t generation, const int *refs, size_t refs_len,
		   struct sandbox_error *reterr)
{
	struct freeze in = { .generation = generation, .refs = refs, .refs_len = refs_len };

	for (const struct script_file *file = s->files; file != NULL; file = file->next) {
		if (file->generation == generation && file->started != 2) {
			return misuse(s, reterr, "freeze", "%s was not started", file->name);
		}
	}
	return run_protected(s, freeze_body, &in, "freeze", SANDBOX_SYNTAX, reterr);
}
