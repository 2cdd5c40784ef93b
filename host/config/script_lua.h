/* SPDX-License-Identifier: MIT */
/* The inside of script.c: the closed Lua state, files, and Lua's values as a tree. */
#ifndef HOST_CONFIG_SCRIPT_LUA_H
#define HOST_CONFIG_SCRIPT_LUA_H

#include <lua.h>
#include <stdbool.h>
#include <time.h>

#include "script.h"

#define SCRIPT_STEPS_HOOK 10000
#define SCRIPT_UNKNOWN "troupe.unknown" /* the metatable of what an unknown word returns */

struct script_file {
	const char *path;
	const struct lex *lex;
	bool running;
};

/* `word "name"` whose braces have not come yet. */
struct script_pending {
	struct script_pending *next;
	const char *word, *name;
	struct place place;
	bool done;
};

struct script {
	const struct script_in *in;
	const char *part;
	struct script_file files[SCRIPT_FILES_MAX];
	uint32_t files_len;
	struct script_pending *pending;
	struct block *blocks;
	uint32_t blocks_len, blocks_room;
	struct value *table; /* script_table: where the file's result goes */
	bool hide_source;    /* secrets: no message may show a line */
	size_t memory;
	int steps;
	clock_t started;
	uint32_t values_len;
};

/* script_lua_open returns a state without libraries, with limits on memory and steps; close it with lua_close. It ends
 * the process when there is no memory. */
lua_State *script_lua_open(struct script *script);
/* script_file_run runs a file (its text when given); `from` is the include that asks, or NULL. */
void script_file_run(struct script *script, lua_State *lua, const char *path, const char *text, size_t len,
		     const struct place *from);
/* script_block_add takes the table on top of the stack as a block. */
void script_block_add(struct script *script, lua_State *lua, const char *word, const char *name,
		      const struct place *place);

#endif
