/* SPDX-License-Identifier: MIT */
/* What the map in the terminal needs of C. */
#include "screen.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>

#include "plugins/lib/zip/zip.h"
#include "terminal.h"
#include "value.h"
#include "world.pb-c.h"

#define SECTIONS_MAX (512u * 1024u) /* bytes: more than the most that a chunk can take */

static int net_screen(lua_State *L)
{
	if (!lua_toboolean(L, 1)) {
		terminal_close();
		return 0;
	}
	lua_pushboolean(L, terminal_open() == 0);
	return 1;
}

static int net_size(lua_State *L)
{
	unsigned columns, rows;

	terminal_size(&columns, &rows);
	lua_pushinteger(L, columns);
	lua_pushinteger(L, rows);
	return 2;
}

static int net_sections(lua_State *L)
{
	size_t len;
	const uint8_t *bytes = (const uint8_t *)luaL_checklstring(L, 1, &len);
	lua_Integer unpacked = luaL_optinteger(L, 2, 0);
	uint8_t *raw = NULL;
	World__ChunkSections *sections = NULL;

	if (unpacked > 0 && zip_unpack(bytes, len, SECTIONS_MAX, &raw, &len) != 0) {
		return 0;
	}
	if (len <= SECTIONS_MAX) {
		sections = world__chunk_sections__unpack(NULL, len, raw != NULL ? raw : bytes);
	}
	free(raw);
	if (sections == NULL) {
		return 0;
	}
	value_push(L, &sections->base);
	world__chunk_sections__free_unpacked(sections, NULL);
	lua_getfield(L, -1, "sections");
	return 1;
}

void screen_open(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "screen", net_screen }, { "size", net_size }, { "sections", net_sections }, { NULL, NULL }
	};

	lua_getglobal(L, "net");
	luaL_setfuncs(L, functions, 0);
	lua_pop(L, 1);
}
