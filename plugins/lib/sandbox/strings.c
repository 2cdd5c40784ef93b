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
		i++;
		while (i < len && strchr("-+ #0123456789.", format[i]) != NULL && format[i] != '\0') {
			i++;
		}
		if (i >= len || format[i] == '%') {
			continue;
		}
		arg++;
		if (format[i] == 'p') {
			return luaL_error(L, "'%%p' shows addresses, which scripts may not see");
		}
		if (format[i] == 's' && arg <= top) {
			text_push(L, arg);
			sandbox_charge(L, lua_rawlen(L, -1) / 16);
			lua_replace(L, arg);
		}
	}
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, top, 1);
	return 1;
}

/* charged calls a stock function whose work grows with its first argument. */
static int string_charged(lua_State *L)
{
	size_t len;

	luaL_checklstring(L, 1, &len);
	sandbox_charge(L, len / 8);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
	return lua_gettop(L);
}

void string_push(lua_State *L)
{
	static const char *const plain[] = { "char", "len", NULL };
	static const char *const charged[] = { "byte", "lower", "reverse", "sub", "upper", NULL };
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
	lua_pushcfunction(L, string_rep);
	lua_setfield(L, to, "rep");
	luaL_setfuncs(L, pattern_functions, 0);
}
