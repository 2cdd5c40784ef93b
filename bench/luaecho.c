/* SPDX-License-Identifier: MIT */
/* A role for the benchmarks: answers a client's opaque body with one Lua call, as bench/raw/echo --lua does. */
#include <lauxlib.h>
#include <lua.h>
#include <string.h>

#include "troupe/host.h"
#include "troupe/role.h"

#define LUAECHO_EVENT 110u
#define LUAECHO_REPLY 111u

struct luaecho {
	const struct troupe_host *h;
	lua_State *lua;
	int answer_ref;
};

static int32_t luaecho_create(void *instance, const struct troupe_host *host, const void *options,
			      struct troupe_error *reterr)
{
	struct luaecho *self = instance;

	(void)options;
	(void)reterr;
	self->h = host;
	self->lua = luaL_newstate();
	if (self->lua == NULL ||
	    luaL_loadstring(self->lua, "return function(event, body) return body end") != LUA_OK ||
	    lua_pcall(self->lua, 0, 1, 0) != LUA_OK) {
		return TROUPE_RESOURCE_EXHAUSTED;
	}
	self->answer_ref = luaL_ref(self->lua, LUA_REGISTRYINDEX);
	return TROUPE_OK;
}

static void luaecho_destroy(void *instance)
{
	struct luaecho *self = instance;

	if (self->lua != NULL) {
		lua_close(self->lua);
	}
}

static int32_t luaecho_serve(void *instance, const struct troupe_request *request, troupe_any_fn typed)
{
	struct luaecho *self = instance;
	struct troupe_buf *body;
	const char *answer;
	uint8_t *bytes;
	size_t len;

	(void)typed;
	lua_rawgeti(self->lua, LUA_REGISTRYINDEX, self->answer_ref);
	lua_pushinteger(self->lua, LUAECHO_EVENT);
	lua_pushlstring(self->lua, (const char *)request->body, request->body_len);
	if (lua_pcall(self->lua, 2, 1, 0) != LUA_OK) {
		lua_settop(self->lua, 0);
		return TROUPE_INVALID_ARGUMENT;
	}
	answer = lua_tolstring(self->lua, -1, &len);
	body = self->h->buf_new(self->h, len, &bytes);
	if (body != NULL) {
		memcpy(bytes, answer, len);
	}
	lua_settop(self->lua, 0);
	self->h->reply(self->h, request->id, body != NULL ? TROUPE_OK : TROUPE_RESOURCE_EXHAUSTED, body);
	return TROUPE_OK;
}

static const char *const allow[] = { "frontend", NULL };
static const char *const provides[] = { "luaecho", NULL };
static const char *const parts[] = { "shard", NULL };
static const struct troupe_method methods[] = {
	{ .name = "luaecho.answer", .id = 0xe98678ccu, .client_event = LUAECHO_EVENT, .client_reply = LUAECHO_REPLY,
	  .client_to = TROUPE_ROUTE_ANY, .allow = allow, .serve = luaecho_serve },
	{ .name = NULL },
};
static const struct troupe_role role = {
	.size = sizeof(role),
	.instance_size = sizeof(struct luaecho),
	.create = luaecho_create,
	.destroy = luaecho_destroy,
};

TROUPE_EXPORT const struct troupe_plugin troupe_entry = {
	TROUPE_PLUGIN_HEAD,
	.kind = TROUPE_PLUGIN_ROLE,
	.name = "luaecho",
	.version = "1.0",
	.summary = "Answers a client's opaque body with one Lua call.",
	.parts = parts,
	.provides = provides,
	.methods = methods,
	.role = &role,
};
