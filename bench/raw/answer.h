/* SPDX-License-Identifier: MIT */
/* The answer of the raw servers: one Lua call on an opaque body, the way a role's Lua handler gets it. */
#ifndef BENCH_RAW_ANSWER_H
#define BENCH_RAW_ANSWER_H

#include <errno.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

/* answer_open makes a Lua with the function; NULL without memory. */
static inline lua_State *answer_open(void)
{
	lua_State *lua = luaL_newstate();

	if (lua != NULL) {
		luaL_openlibs(lua);
		if (luaL_dostring(lua, "return function(event, body) return body end") != LUA_OK) {
			lua_close(lua);
			return NULL;
		}
	}
	return lua; /* the function stays at index 1 */
}

/* answer_call writes the answer to `out` and returns its length, or -EPROTO. */
static inline ssize_t answer_call(lua_State *lua, uint32_t event, const uint8_t *body, size_t body_len, uint8_t *out,
				  size_t out_size)
{
	size_t len = 0;

	lua_pushvalue(lua, 1);
	lua_pushinteger(lua, event);
	lua_pushlstring(lua, (const char *)body, body_len);
	const char *answer = lua_pcall(lua, 2, 1, 0) == LUA_OK ? lua_tolstring(lua, -1, &len) : NULL;
	if (answer != NULL && len <= out_size) {
		memcpy(out, answer, len);
	}
	lua_settop(lua, 1);
	return answer != NULL && len <= out_size ? (ssize_t)len : -EPROTO;
}

#endif
