/* SPDX-License-Identifier: MIT */
/* The client's Lua, embedded. */
#include "scripts.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>

static const char words_text[] = {
#include "client/words.inc"
};
static const char player_text[] = {
#include "client/player.inc"
};
static const char session_text[] = {
#include "client/session.inc"
};
static const char bots_text[] = {
#include "client/bots.inc"
};
static const char view_text[] = {
#include "client/view.inc"
};
static const char blocks_text[] = {
#include "client/blocks.inc"
};
static const char keys_text[] = {
#include "client/keys.inc"
};
static const char prompt_text[] = {
#include "client/prompt.inc"
};

static const struct {
	const char *name, *text;
	size_t len;
} files[] = { /* in the order in which they need each other */
	{ "@words.lua", words_text, sizeof(words_text) },
	{ "@player.lua", player_text, sizeof(player_text) },
	{ "@session.lua", session_text, sizeof(session_text) },
	{ "@bots.lua", bots_text, sizeof(bots_text) },
	{ "@view.lua", view_text, sizeof(view_text) },
	{ "@blocks.lua", blocks_text, sizeof(blocks_text) },
	{ "@keys.lua", keys_text, sizeof(keys_text) },
	{ "@prompt.lua", prompt_text, sizeof(prompt_text) },
};

void scripts_open(lua_State *L)
{
	lua_newtable(L);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		int failed = luaL_loadbufferx(L, files[i].text, files[i].len, files[i].name, "t") != LUA_OK;

		if (!failed) {
			lua_pushvalue(L, -2);
			failed = lua_pcall(L, 1, 0, 0) != LUA_OK;
		}
		if (failed) {
			fprintf(stderr, "error: %s\n", lua_tostring(L, -1));
			abort(); /* our own text, embedded at build time */
		}
	}
	lua_pop(L, 1);
}
