/* SPDX-License-Identifier: MIT */
/* The sandbox's globals and its math: what is allowed, and the replacements of what is not. */
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* --- text of values ------------------------------------------------------------------------------- */

void text_push(lua_State *L, int idx)
{
	idx = lua_absindex(L, idx);
	switch (lua_type(L, idx)) {
	case LUA_TNIL:
		lua_pushliteral(L, "nil");
		break;
	case LUA_TBOOLEAN:
		lua_pushstring(L, lua_toboolean(L, idx) ? "true" : "false");
		break;
	case LUA_TNUMBER:
	case LUA_TSTRING:
		lua_pushvalue(L, idx);
		lua_tostring(L, -1);
		break;
	default:
		/* an address would differ from run to run */
		if (luaL_getmetafield(L, idx, "__tostring") != LUA_TNIL) {
			lua_pushvalue(L, idx);
			lua_call(L, 1, 1);
			if (lua_type(L, -1) != LUA_TSTRING) {
				luaL_error(L, "'__tostring' must return a string");
			}
		} else {
			lua_pushstring(L, luaL_typename(L, idx));
		}
	}
}

static int base_tostring(lua_State *L)
{
	luaL_checkany(L, 1);
	text_push(L, 1);
	return 1;
}

static int base_rawget(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	luaL_checkany(L, 2);
	lua_settop(L, 2);
	sandbox_content(L, 1);
	lua_insert(L, 2);
	lua_rawget(L, 2);
	return 1;
}

static int base_rawlen(lua_State *L)
{
	luaL_argexpected(L, lua_istable(L, 1) || lua_type(L, 1) == LUA_TSTRING, 1, "table or string");
	sandbox_content(L, 1);
	lua_pushinteger(L, (lua_Integer)lua_rawlen(L, -1));
	return 1;
}

static int base_print(lua_State *L)
{
	struct sandbox *s = sandbox_of(L);
	int args = lua_gettop(L);
	luaL_Buffer text;
	lua_Debug ar = { 0 };

	if (s->prints++ >= s->set.print_max) {
		s->count.prints_dropped++;
		return 0;
	}
	luaL_buffinit(L, &text);
	for (int i = 1; i <= args; i++) {
		if (i > 1) {
			luaL_addchar(&text, ' ');
		}
		text_push(L, i);
		sandbox_charge(L, lua_rawlen(L, -1) / 16);
		luaL_addvalue(&text);
	}
	luaL_pushresult(&text);
	if (s->set.log != NULL) {
		size_t len;
		const char *line = lua_tolstring(L, -1, &len);

		if (lua_getstack(L, 1, &ar)) {
			lua_getinfo(L, "Sl", &ar);
		}
		s->set.log(s->set.arg, ar.short_src, ar.currentline, line, len);
	}
	return 0;
}

/* --- pairs, in an order that is the same everywhere ------------------------------------------------ */

struct key {
	int is_text;
	lua_Number number;
	lua_Integer integer;
	const char *text;
	size_t len;
};

static int key_order(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	int order;

	if (x->is_text != y->is_text) {
		return x->is_text - y->is_text;
	}
	if (!x->is_text) {
		return (x->integer > y->integer) - (x->integer < y->integer);
	}
	order = memcmp(x->text, y->text, x->len < y->len ? x->len : y->len);
	return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

/* pairs_next: upvalues the keys in order, how many of them were given, the table to read */
int pairs_next(lua_State *L)
{
	lua_Integer at = lua_tointeger(L, lua_upvalueindex(2));

	for (;;) {
		lua_rawgeti(L, lua_upvalueindex(1), ++at);
		if (lua_isnil(L, -1)) {
			return 1;
		}
		lua_pushvalue(L, -1);
		if (lua_rawget(L, lua_upvalueindex(3)) != LUA_TNIL) {
			lua_pushinteger(L, at);
			lua_replace(L, lua_upvalueindex(2));
			return 2;
		}
		lua_pop(L, 2); /* removed since */
	}
}

static int base_pairs(lua_State *L)
{
	size_t count = 0;
	struct key *keys;

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	sandbox_content(L, 1);
	for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) {
		if (lua_type(L, -2) != LUA_TSTRING && !lua_isinteger(L, -2)) {
			return luaL_error(L, "pairs: a key is a %s; only whole numbers and strings have an order",
					  luaL_typename(L, -2));
		}
		sandbox_charge(L, 4);
		if (++count > TABLE_MAX) {
			return luaL_error(L, "pairs: more than %d entries", TABLE_MAX);
		}
	}
	keys = lua_newuserdatauv(L, count * sizeof(*keys) + 1, 0);
	count = 0;
	for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) {
		struct key *key = &keys[count++];

		key->is_text = lua_type(L, -2) == LUA_TSTRING;
		if (key->is_text) {
			key->text = lua_tolstring(L, -2, &key->len);
		} else {
			key->integer = lua_tointeger(L, -2);
		}
	}
	qsort(keys, count, sizeof(*keys), key_order);
	lua_createtable(L, (int)count, 0);
	for (size_t i = 0; i < count; i++) {
		if (keys[i].is_text) {
			lua_pushlstring(L, keys[i].text, keys[i].len);
		} else {
			lua_pushinteger(L, keys[i].integer);
		}
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	lua_pushinteger(L, 0);
	lua_pushvalue(L, 2);
	lua_pushcclosure(L, pairs_next, 3);
	lua_pushvalue(L, 1);
	lua_pushnil(L);
	return 3;
}

/* --- errors ------------------------------------------------------------------------------------ */

/* error_charge: Lua looks at every frame of the stack when an error was caught (luaD_shrinkstack in ldo.c) */
static void error_charge(lua_State *L)
{
	lua_Debug ar;

	for (int depth = 64; lua_getstack(L, depth, &ar); depth *= 2) {
		sandbox_charge(L, (uint64_t)depth / 2);
	}
}

static int pcall_after(lua_State *L, int status, lua_KContext context)
{
	(void)context;
	sandbox_of(L)->pcalls--;
	if (status == LUA_ERRMEM && !sandbox_stopped(sandbox_of(L))) {
		sandbox_of(L)->stop = SANDBOX_MEMORY; /* where memory ends differs by the machine: rules may not go on from it */
	}
	if (sandbox_stopped(sandbox_of(L))) {
		return stop_raise(L); /* the end of a call is not an error to be caught */
	}
	if (status != LUA_OK && status != LUA_YIELD) {
		error_charge(L);
		sandbox_of(L)->raised_code[0] = '\0'; /* caught: not the code of a later error */
		lua_pushboolean(L, 0);
		lua_pushvalue(L, -2);
		return 2;
	}
	return lua_gettop(L);
}

static int base_pcall(lua_State *L)
{
	luaL_checkany(L, 1);
	if (sandbox_of(L)->pcalls >= PCALLS_MAX) {
		return luaL_error(L, "pcall inside pcall, more than %d deep", PCALLS_MAX);
	}
	sandbox_charge(L, 20); /* an error that is caught costs far more than an instruction */
	sandbox_of(L)->pcalls++;
	lua_pushboolean(L, 1);
	lua_insert(L, 1);
	return pcall_after(L, lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, pcall_after), 0);
}

int stock_call(lua_State *L)
{
	return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* charged_call: upvalue a stock function whose work grows with its first argument */
static int charged_call(lua_State *L)
{
	sandbox_charge(L, lua_type(L, 1) == LUA_TSTRING ? lua_rawlen(L, 1) / 2 : 0);
	return stock_call(L);
}

/* take copies functions of a stock library, which is opened for this alone */
static void take(lua_State *L, lua_CFunction open, const char *const *names, int charged)
{
	int to = lua_gettop(L);

	lua_pushcfunction(L, open);
	lua_pushliteral(L, "");
	lua_call(L, 1, 1);
	for (; *names != NULL; names++) {
		lua_getfield(L, -1, *names);
		if (charged) {
			lua_pushcclosure(L, charged_call, 1);
		}
		lua_setfield(L, to, *names);
	}
	lua_settop(L, to);
}

void base_push(lua_State *L)
{
	static const char *const stock[] = { "assert", "error", "ipairs", "rawequal", "select", "type", NULL };
	static const char *const charged[] = { "tonumber", NULL };
	static const luaL_Reg own[] = { { "getmetatable", metatable_get },
					{ "pairs", base_pairs },
					{ "pcall", base_pcall },
					{ "print", base_print },
					{ "rawget", base_rawget },
					{ "rawlen", base_rawlen },
					{ "rawset", table_rawset },
					{ "require", file_require },
					{ "setmetatable", metatable_set },
					{ "tostring", base_tostring },
					{ NULL, NULL } };

	/* luaopen_base fills the table of globals, which scripts never see */
	lua_newtable(L);
	take(L, luaopen_base, stock, 0);
	take(L, luaopen_base, charged, 1);
	luaL_setfuncs(L, own, 0);
}

/* --- math ----------------------------------------------------------------------------------------- */

uint64_t sandbox_random(struct sandbox *s)
{
	/* xoshiro256** (Blackman, Vigna 2018) */
	uint64_t *r = s->random, result = r[1] * 5, t = r[1] << 17;

	result = ((result << 7) | (result >> 57)) * 9;
	r[2] ^= r[0];
	r[3] ^= r[1];
	r[1] ^= r[2];
	r[0] ^= r[3];
	r[2] ^= t;
	r[3] = (r[3] << 45) | (r[3] >> 19);
	return result;
}

void sandbox_seed(struct sandbox *s, uint64_t seed)
{
	for (int i = 0; i < 4; i++) { /* splitmix64, as the authors advise */
		uint64_t z = seed += 0x9E3779B97F4A7C15u;

		z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
		z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
		s->random[i] = z ^ (z >> 31);
	}
}

uint64_t sandbox_random_below(struct sandbox *s, uint64_t bound)
{
	uint64_t value = sandbox_random(s), uneven = bound != 0 ? (0 - bound) % bound : 0;

	while (value < uneven) { /* 2^64 mod bound: with them the lowest results would come once more than the others */
		value = sandbox_random(s);
	}
	return bound != 0 ? value % bound : value;
}

static int math_random(lua_State *L)
{
	struct sandbox *s = sandbox_of(L);
	lua_Integer low = 1, high;

	if (lua_gettop(L) == 0) {
		lua_pushnumber(L, (lua_Number)(sandbox_random(s) >> 11) * (0.5 / ((uint64_t)1 << 52)));
		return 1;
	}
	high = luaL_checkinteger(L, 1);
	if (lua_gettop(L) > 1) {
		low = high;
		high = luaL_checkinteger(L, 2);
	}
	luaL_argcheck(L, low <= high, lua_gettop(L), "interval is empty");
	lua_pushinteger(L, (lua_Integer)((uint64_t)low + sandbox_random_below(s, (uint64_t)high - (uint64_t)low + 1)));
	return 1;
}

void math_push(lua_State *L)
{
	/* exact by IEEE 754; what libm approximates may differ between machines and is left out */
	static const char *const stock[] = { "abs",  "ceil", "floor",	   "fmod",	 "huge",       "max",	    "min", "modf",
					     "pi",   "sqrt", "tointeger", "maxinteger", "mininteger", "type", "ult", NULL };

	lua_newtable(L);
	take(L, luaopen_math, stock, 0);
	lua_pushcfunction(L, math_random);
	lua_setfield(L, -2, "random");
}

/* utf8_codepoint: upvalue the stock function, which returns as many values as there are characters */
static int utf8_codepoint(lua_State *L)
{
	size_t len;
	lua_Integer from, to;

	luaL_checklstring(L, 1, &len);
	from = luaL_optinteger(L, 2, 1);
	to = luaL_optinteger(L, 3, from);
	from = from < 0 ? from + (lua_Integer)len + 1 : from;
	to = to < 0 ? to + (lua_Integer)len + 1 : to;
	if (from >= 1 && to >= from && to - from >= RESULTS_MAX) {
		return luaL_error(L, "too many values (from at most %d bytes)", RESULTS_MAX);
	}
	return stock_call(L);
}

void utf8_push(lua_State *L)
{
	static const char *const stock[] = { "char", "charpattern", "codepoint", "codes", NULL };
	static const char *const charged[] = { "len", "offset", NULL };

	lua_newtable(L);
	take(L, luaopen_utf8, stock, 0);
	take(L, luaopen_utf8, charged, 1);
	lua_getfield(L, -1, "codepoint");
	lua_pushcclosure(L, utf8_codepoint, 1);
	lua_setfield(L, -2, "codepoint");
}
