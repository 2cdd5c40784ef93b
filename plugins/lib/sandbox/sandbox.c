/* SPDX-License-Identifier: MIT */
/* Making and releasing a sandbox, and the libraries that scripts see. */
#include "sandbox.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static int readonly_newindex(lua_State *L)
{
	return luaL_error(L, "%s is read-only", lua_tostring(L, lua_upvalueindex(1)));
}

void sandbox_readonly(lua_State *L, const char *name)
{
	lua_newtable(L); /* the view: always empty, so every write comes to __newindex */
	lua_createtable(L, 0, 3);
	lua_pushvalue(L, -3);
	lua_setfield(L, -2, "__index");
	lua_pushstring(L, name);
	lua_pushcclosure(L, readonly_newindex, 1);
	lua_setfield(L, -2, "__newindex");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, -2);
	lua_remove(L, -2);
}

static void library(lua_State *L, const char *name, void (*push)(lua_State *L))
{
	push(L);
	if (strcmp(name, "string") == 0) {
		lua_pushliteral(L, ""); /* "x":upper() finds the same functions, and nothing of them can be changed */
		lua_createtable(L, 0, 2);
		lua_pushvalue(L, -3);
		lua_setfield(L, -2, "__index");
		lua_pushboolean(L, 0);
		lua_setfield(L, -2, "__metatable");
		lua_setmetatable(L, -2);
		lua_pop(L, 1);
	}
	sandbox_readonly(L, name);
	lua_setfield(L, -2, name);
}

static int open_body(lua_State *L)
{
	struct sandbox *s = lua_touserdata(L, 1);

	budget_find_left(L, s);
	metatables_init(L, s);
	base_push(L);
	library(L, "math", math_push);
	library(L, "string", string_push);
	library(L, "table", table_push);
	library(L, "utf8", utf8_push);
	s->base_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	lua_newtable(L);
	s->libraries_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	return 0;
}

static void defaults(struct sandbox_settings *set)
{
	if (set->memory_max == 0) {
		set->memory_max = 8u * 1024 * 1024;
	}
	if (set->string_max == 0) {
		set->string_max = 64u * 1024;
	}
	if (set->text_max == 0) {
		set->text_max = 256u * 1024;
	}
	if (set->instructions_max == 0) {
		set->instructions_max = 1000000;
	}
	if (set->wall_ms_max == 0) {
		set->wall_ms_max = 100;
	}
	if (set->print_max == 0) {
		set->print_max = 32;
	}
}

struct sandbox *sandbox_create(const struct sandbox_settings *settings)
{
	struct sandbox *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		return NULL;
	}
	s->set = *settings;
	defaults(&s->set);
	s->co_ref = LUA_NOREF;
	s->L = lua_newstate(sandbox_alloc, s);
	if (s->L == NULL) {
		free(s);
		return NULL;
	}
	*(struct sandbox **)lua_getextraspace(s->L) = s; /* new threads copy it */
	sandbox_seed(s, s->set.seed);
	lua_pushcfunction(s->L, open_body);
	lua_pushlightuserdata(s->L, s);
	if (lua_pcall(s->L, 1, 0, 0) != LUA_OK) {
		return sandbox_free(s);
	}
	return s;
}

struct sandbox *sandbox_free(struct sandbox *s)
{
	if (s == NULL) {
		return NULL;
	}
	while (s->files != NULL) {
		sandbox_generation_close(s, s->files->generation);
	}
	lua_close(s->L);
	free(s);
	return NULL;
}

void sandbox_counters_read(const struct sandbox *s, struct sandbox_counters *ret_counters)
{
	*ret_counters = s->count;
	ret_counters->memory_used = s->memory;
	ret_counters->memory_max = s->set.memory_max;
}

void sandbox_last(const struct sandbox *s, uint64_t *ret_instructions, uint64_t *ret_ns)
{
	*ret_instructions = s->last_used;
	*ret_ns = s->last_ns;
}

void sandbox_budget_set(struct sandbox *s, uint64_t instructions_max, uint32_t wall_ms_max)
{
	s->set.instructions_max = instructions_max ? instructions_max : s->set.instructions_max;
	s->set.wall_ms_max = wall_ms_max ? wall_ms_max : s->set.wall_ms_max;
}

void sandbox_collect(struct sandbox *s, int kib)
{
	if (!s->running) {
		lua_gc(s->L, kib > 0 ? LUA_GCSTEP : LUA_GCCOLLECT, kib);
	}
}

void *sandbox_arg(const struct sandbox *s)
{
	return s->set.arg;
}

void sandbox_unref(struct sandbox *s, int ref)
{
	luaL_unref(s->L, LUA_REGISTRYINDEX, ref);
}

struct registration {
	const char *name;
	const struct sandbox_function *functions;
	lua_CFunction fill;
	void *arg;
	unsigned flags;
};

static int register_body(lua_State *L)
{
	const struct registration *in = lua_touserdata(L, 1);
	struct sandbox *s = sandbox_of(L);

	lua_newtable(L);
	for (const struct sandbox_function *f = in->functions; f != NULL && f->name != NULL; f++) {
		lua_pushcfunction(L, f->call);
		lua_setfield(L, -2, f->name);
	}
	if (in->fill != NULL) {
		lua_pushcfunction(L, in->fill);
		lua_pushlightuserdata(L, in->arg);
		lua_pushvalue(L, -3);
		lua_call(L, 2, 0);
	}
	sandbox_readonly(L, in->name);
	if (in->flags & SANDBOX_LIBRARY_GLOBAL) {
		lua_rawgeti(L, LUA_REGISTRYINDEX, s->base_ref);
		lua_pushvalue(L, -2);
		lua_setfield(L, -2, in->name);
		lua_pop(L, 1);
	}
	if (in->flags & SANDBOX_LIBRARY_REQUIRE) {
		lua_rawgeti(L, LUA_REGISTRYINDEX, s->libraries_ref);
		lua_pushvalue(L, -2);
		lua_setfield(L, -2, in->name);
	}
	return 0;
}

static int register_protected(struct sandbox *s, struct registration *in)
{
	int status;

	lua_pushcfunction(s->L, register_body);
	lua_pushlightuserdata(s->L, in);
	status = lua_pcall(s->L, 1, 0, 0);
	lua_settop(s->L, 0);
	return status == LUA_OK ? 0 : -1;
}

int sandbox_register(struct sandbox *s, const char *name, const struct sandbox_function *functions, unsigned flags)
{
	struct registration in = { .name = name, .functions = functions, .flags = flags };

	return register_protected(s, &in);
}

int sandbox_library(struct sandbox *s, const char *name, lua_CFunction fill, void *arg, unsigned flags)
{
	struct registration in = { .name = name, .fill = fill, .arg = arg, .flags = flags };

	return register_protected(s, &in);
}

int sandbox_raise(lua_State *L, const char *code, const char *help, const char *format, ...)
{
	struct sandbox *s = sandbox_of(L);
	char text[320];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	snprintf(s->raised_code, sizeof(s->raised_code), "%s", code);
	snprintf(s->raised_help, sizeof(s->raised_help), "%s", help != NULL ? help : "");
	return luaL_error(L, "%s", text);
}
