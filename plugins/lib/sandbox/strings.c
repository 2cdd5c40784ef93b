/* SPDX-License-Identifier: MIT */
/* The sandbox's string library but for patterns: stock functions where they are bounded, own ones where not. */
#include <lualib.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

static int string_rep(lua_State *L)
{
	size_t len, between;
	const char *text = luaL_checklstring(L, 1, &len);
	lua_Integer n = luaL_checkinteger(L, 2);
	const char *separator = luaL_optlstring(L, 3, "", &between);
	size_t max = sandbox_of(L)->set.string_max;
	luaL_Buffer out;

	/* also of an empty string: 2^33 times nothing still takes 2^33 steps */
	if (n > 0 && ((uint64_t)n > max || (len + between) > max / (size_t)n)) {
		return luaL_error(L, "the result would be longer than %d bytes", (int)max);
	}
	sandbox_charge(L, n > 0 ? (uint64_t)n * (len + between) / 16 + (uint64_t)n : 0);
	luaL_buffinit(L, &out);
	for (lua_Integer i = 0; i < n; i++) {
		if (i > 0) {
			luaL_addlstring(&out, separator, between);
		}
		luaL_addlstring(&out, text, len);
	}
	luaL_pushresult(&out);
	return 1;
}

/* string_byte: at most RESULTS_MAX of them */
static int string_byte(lua_State *L)
{
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);
	lua_Integer from = luaL_optinteger(L, 2, 1), to = luaL_optinteger(L, 3, from), size = (lua_Integer)len;

	from = from > 0 ? from : from == 0 || from < -size ? 1 : from + size + 1;
	to = to > size ? size : to >= 0 ? to : to < -size ? 0 : to + size + 1;
	if (from > to) {
		return 0;
	}
	if (to - from >= RESULTS_MAX) {
		return luaL_error(L, "too many bytes (at most %d)", RESULTS_MAX);
	}
	sandbox_charge(L, (uint64_t)(to - from) + 1);
	luaL_checkstack(L, (int)(to - from) + 1, NULL);
	for (lua_Integer i = from; i <= to; i++) {
		lua_pushinteger(L, (unsigned char)text[i - 1]);
	}
	return (int)(to - from) + 1;
}

/* directive_charge: what %f and its like cost; all digits of a large number are made, and up to 99 behind the point */
static void directive_charge(lua_State *L, const char *directive, size_t len, int arg)
{
	lua_Number value = lua_type(L, arg) == LUA_TNUMBER ? lua_tonumber(L, arg) : 0;
	uint64_t cost = 20;

	if (lua_type(L, arg) == LUA_TSTRING) {
		cost += lua_rawlen(L, arg) / 2; /* to be quoted, or to become a number */
	}
	if (strchr("aAeEfFgG", directive[len - 1]) != NULL) {
		cost += (memchr(directive, '.', len) != NULL ? 400 : 0) + (value > 1e17 || value < -1e17 ? 1000 : 0);
	}
	sandbox_charge(L, cost);
}

/* string_format converts the arguments of %s to text without addresses, then leaves the rest to the stock
 * function, which allows at most two digits of width and precision. */
static int string_format(lua_State *L)
{
	size_t len;
	const char *format = luaL_checklstring(L, 1, &len);
	int arg = 1, top = lua_gettop(L);

	sandbox_charge(L, len / 4);
	for (size_t i = 0; i < len; i++) {
		if (format[i] != '%') {
			continue;
		}
		size_t begin = ++i;

		while (i < len && strchr("-+ #0123456789.", format[i]) != NULL && format[i] != '\0') {
			i++;
		}
		if (i >= len || format[i] == '%') {
			continue;
		}
		arg++;
		directive_charge(L, format + begin, i + 1 - begin, arg);
		if (format[i] == 'p') {
			return luaL_error(L, "'%%p' shows addresses, which scripts may not see");
		}
		if (format[i] == 's' && arg <= top) {
			text_push(L, arg);
			sandbox_charge(L, lua_rawlen(L, -1) / 16);
			lua_replace(L, arg);
		}
	}
	return stock_call(L);
}

/* string_charged calls a stock function whose work grows with its first argument. */
static int string_charged(lua_State *L)
{
	size_t len;

	luaL_checklstring(L, 1, &len);
	sandbox_charge(L, len / 8);
	return stock_call(L);
}

void string_push(lua_State *L)
{
	static const char *const plain[] = { "char", "len", NULL };
	static const char *const charged[] = { "lower", "reverse", "sub", "upper", NULL };
	int to;

	lua_newtable(L);
	to = lua_gettop(L);
	lua_pushcfunction(L, luaopen_string);
	lua_pushliteral(L, "");
	lua_call(L, 1, 1);
	for (int i = 0; plain[i] != NULL; i++) {
		lua_getfield(L, -1, plain[i]);
		lua_setfield(L, to, plain[i]);
	}
	for (int i = 0; charged[i] != NULL; i++) {
		lua_getfield(L, -1, charged[i]);
		lua_pushcclosure(L, string_charged, 1);
		lua_setfield(L, to, charged[i]);
	}
	lua_getfield(L, -1, "format");
	lua_pushcclosure(L, string_format, 1);
	lua_setfield(L, to, "format");
	lua_settop(L, to);
	lua_pushcfunction(L, string_byte);
	lua_setfield(L, to, "byte");
	lua_pushcfunction(L, string_rep);
	lua_setfield(L, to, "rep");
	luaL_setfuncs(L, pattern_functions, 0);
}
