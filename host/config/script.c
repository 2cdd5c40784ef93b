/* SPDX-License-Identifier: MIT */
/* Runs configuration files in a closed Lua and collects the blocks they write. */
#include "script.h"

#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>
#include <string.h>

#include "script_lua.h"
#include "words.h"

/* The name of the file a piece of Lua comes from and the line it runs; level 1 is our caller. */
static struct script_file *script_where(struct script *script, lua_State *lua, uint32_t *ret_line)
{
	lua_Debug ar;

	*ret_line = 0;
	for (int level = 1; lua_getstack(lua, level, &ar); level++) {
		lua_getinfo(lua, "Sl", &ar);
		if (ar.currentline <= 0 || ar.source[0] != '@') {
			continue;
		}
		for (uint32_t i = 0; i < script->files_len; i++) {
			if (strcmp(script->files[i].path, ar.source + 1) == 0) {
				*ret_line = (uint32_t)ar.currentline;
				return &script->files[i];
			}
		}
	}
	return &script->files[0];
}

/* The place of a word that our caller's line has. */
static struct place script_place(struct script *script, lua_State *lua, const char *word)
{
	uint32_t line;
	struct script_file *file = script_where(script, lua, &line);
	struct place place = { file->path, file->lex, line, LEX_NONE, 1 };

	if (word != NULL) {
		place.token = lex_word(file->lex, word, line);
	}
	return place;
}

static struct script *script_of(lua_State *lua)
{
	return *(struct script **)lua_getextraspace(lua);
}

/* Whatever is done with an unknown word gives the unknown word, so that the rest of the file is read. */
static int script_unknown_any(lua_State *lua)
{
	luaL_getmetatable(lua, SCRIPT_UNKNOWN);
	lua_getfield(lua, -1, "value");
	return 1;
}

static int script_unknown_less(lua_State *lua)
{
	lua_pushboolean(lua, 0);
	return 1;
}

static void script_unknown_make(lua_State *lua)
{
	static const char *const any[] = { "__index", "__call", "__concat", "__add", "__sub", "__mul", "__div",
					   "__mod", "__pow", "__unm", "__idiv", "__band", "__bor", "__bxor",
					   "__shl", "__shr", "__bnot" };

	luaL_newmetatable(lua, SCRIPT_UNKNOWN);
	for (size_t i = 0; i < sizeof(any) / sizeof(any[0]); i++) {
		lua_pushcfunction(lua, script_unknown_any);
		lua_setfield(lua, -2, any[i]);
	}
	lua_pushcfunction(lua, script_unknown_less);
	lua_setfield(lua, -2, "__lt");
	lua_pushcfunction(lua, script_unknown_less);
	lua_setfield(lua, -2, "__le");
	lua_pushinteger(lua, 0);
	lua_setfield(lua, -2, "__metatable");
	lua_newuserdatauv(lua, 1, 0);
	lua_pushvalue(lua, -2);
	lua_setmetatable(lua, -2);
	lua_setfield(lua, -2, "value");
	lua_pop(lua, 1);
}

/* word "name" { ... }: the second call. Upvalues: word, name, the line of the first, whether it was closed. */
static int script_block_body(lua_State *lua)
{
	struct script *script = script_of(lua);
	struct script_pending *pending = lua_touserdata(lua, lua_upvalueindex(1));

	pending->done = true;
	if (luaL_testudata(lua, 1, SCRIPT_UNKNOWN) != NULL) {
		return 0;
	}
	if (lua_type(lua, 1) != LUA_TTABLE) {
		struct diag *diag = diag_add(script->in->diags, DIAG_ERROR, "C0108",
					     "%s \"%s\" takes options in braces, not %s", pending->word,
					     pending->name, luaL_typename(lua, 1));

		place_show(script->in->diags, diag, &pending->place);
		return 0;
	}
	script_block_add(script, lua, pending->word, pending->name, &pending->place);
	return 0;
}

/* word "name", word { ... } */
static int script_block(lua_State *lua)
{
	struct script *script = script_of(lua);
	const char *word = lua_tostring(lua, lua_upvalueindex(1));
	struct place place = script_place(script, lua, word);

	if (luaL_testudata(lua, 1, SCRIPT_UNKNOWN) != NULL) {
		return script_unknown_any(lua);
	}
	if (lua_type(lua, 1) == LUA_TTABLE) {
		script_block_add(script, lua, word, NULL, &place);
		return 0;
	}
	if (lua_type(lua, 1) != LUA_TSTRING) {
		struct diag *diag = diag_add(script->in->diags, DIAG_ERROR, "C0108",
					     "%s takes a name or options in braces, not %s", word,
					     luaL_typename(lua, 1));

		place_show(script->in->diags, diag, &place);
		return script_unknown_any(lua);
	}
	struct script_pending *pending = arena_alloc(script->in->arena, sizeof(*pending));

	pending->word = arena_copy(script->in->arena, word, strlen(word));
	pending->name = arena_copy(script->in->arena, lua_tostring(lua, 1), strlen(lua_tostring(lua, 1)));
	pending->place = place;
	pending->next = script->pending;
	script->pending = pending;
	lua_pushlightuserdata(lua, pending);
	lua_pushcclosure(lua, script_block_body, 1);
	return 1;
}

static int script_part(lua_State *lua)
{
	struct script *script = script_of(lua);
	const char *name = lua_type(lua, 1) == LUA_TSTRING ? lua_tostring(lua, 1) : "";
	const char *shard = strncmp(name, "shard:", 6) == 0 ? name + 6 : NULL;

	if (strcmp(name, "base") == 0 || strcmp(name, "torrent") == 0 ||
	    (shard != NULL && script_is_name(shard) && strcmp(shard, "base") != 0 && strcmp(shard, "torrent") != 0)) {
		script->part = arena_copy(script->in->arena, name, strlen(name));
	} else if (luaL_testudata(lua, 1, SCRIPT_UNKNOWN) == NULL) {
		struct place place = script_place(script, lua, "part");
		struct diag *diag = diag_add(script->in->diags, DIAG_ERROR, "C0109", "there is no part \"%s\"", name);

		place_show(script->in->diags, diag, &place);
		diag_help(script->in->diags, diag,
			  "a part is \"base\", \"torrent\" or \"shard:NAME\" with a NAME of a-z, 0-9 and _");
	}
	return 0;
}

static int script_env(lua_State *lua)
{
	struct script *script = script_of(lua);
	const char *name = lua_type(lua, 1) == LUA_TSTRING ? lua_tostring(lua, 1) : "";
	const char *value = getenv(name);

	if (value != NULL) {
		lua_pushstring(lua, value);
		return 1;
	}
	if (lua_gettop(lua) > 1) {
		lua_settop(lua, 2);
		return 1;
	}
	struct place place = script_place(script, lua, "env");
	struct diag *diag = diag_add(script->in->diags, DIAG_ERROR, "C0105", "the environment variable `%s` is not set",
				     name);

	place_show(script->in->diags, diag, &place);
	diag_help(script->in->diags, diag, "set it, or give a default: env(\"%s\", \"...\")", name);
	return script_unknown_any(lua);
}

static int script_include(lua_State *lua)
{
	struct script *script = script_of(lua);
	struct place place = script_place(script, lua, "include");
	const char *part = script->part;

	if (lua_type(lua, 1) != LUA_TSTRING) {
		struct diag *diag = diag_add(script->in->diags, DIAG_ERROR, "C0104", "include takes a file's name");

		place_show(script->in->diags, diag, &place);
		return 0;
	}
	const char *name = lua_tostring(lua, 1), *slash = strrchr(place.file, '/');
	int folder_len = name[0] == '/' || slash == NULL ? 0 : (int)(slash - place.file) + 1;
	char *path = arena_print(script->in->arena, "%.*s%s", folder_len, place.file, name);

	script_file_run(script, lua, path, NULL, 0, &place);
	script->part = part;
	return 0;
}

/* A word that is not set yet: a block of a plugin, or one that nobody knows. */
static int script_global(lua_State *lua)
{
	struct script *script = script_of(lua);
	const char *word = lua_type(lua, 2) == LUA_TSTRING ? lua_tostring(lua, 2) : "?";
	static const char *const own[] = { "part", "include", "env", NULL };
	struct words words;

	words_begin(&words, word);
	for (const char *const *known = script->in->words; known != NULL && *known != NULL; known++) {
		words_offer(&words, *known);
	}
	for (const char *const *known = own; *known != NULL; known++) {
		words_offer(&words, *known);
	}
	struct place place = script_place(script, lua, word);
	struct diag *diag = diag_add(script->in->diags, DIAG_ERROR, "C0106", "unknown word `%s`", word);

	place_show(script->in->diags, diag, &place);
	if (words.best != NULL) {
		diag_label(script->in->diags, diag, "did you mean `%s`?", words.best);
	}
	if (script->in->plugins != NULL) {
		diag_note(script->in->diags, diag, "a block is named after a plugin; plugins come from %s",
			  script->in->plugins);
	}
	return script_unknown_any(lua);
}

static int script_global_set(lua_State *lua)
{
	struct script *script = script_of(lua);
	const char *word = lua_type(lua, 2) == LUA_TSTRING ? lua_tostring(lua, 2) : "?";
	struct place place = script_place(script, lua, word);
	struct diag *diag = diag_add(script->in->diags, DIAG_ERROR, "C0107", "`%s` is set outside of any block", word);

	place_show(script->in->diags, diag, &place);
	diag_help(script->in->diags, diag, "move it into a block's braces, or write: local %s = ...", word);
	lua_rawset(lua, 1);
	return 0;
}

/* Fills the globals of a configuration file. */
static int script_open(lua_State *lua)
{
	struct script *script = script_of(lua);

	script_unknown_make(lua);
	lua_pushglobaltable(lua);
	for (const char *const *word = script->in->words; word != NULL && *word != NULL; word++) {
		lua_pushstring(lua, *word);
		lua_pushcclosure(lua, script_block, 1);
		lua_setfield(lua, -2, *word);
	}
	lua_pushcfunction(lua, script_part);
	lua_setfield(lua, -2, "part");
	lua_pushcfunction(lua, script_env);
	lua_setfield(lua, -2, "env");
	lua_pushcfunction(lua, script_include);
	lua_setfield(lua, -2, "include");
	lua_newtable(lua);
	lua_pushcfunction(lua, script_global);
	lua_setfield(lua, -2, "__index");
	lua_pushcfunction(lua, script_global_set);
	lua_setfield(lua, -2, "__newindex");
	lua_setmetatable(lua, -2);
	return 0;
}

void script_run(const struct script_in *in, struct script_out *ret_out)
{
	struct script script = { .in = in, .part = "base" };
	lua_State *lua = script_lua_open(&script);

	lua_pushcfunction(lua, script_open);
	if (lua_pcall(lua, 0, 0, 0) == LUA_OK) {
		script_file_run(&script, lua, in->path, in->text, in->text_len, NULL);
	} else {
		diag_add(in->diags, DIAG_ERROR, "C0102", "%s", lua_tostring(lua, -1));
	}
	for (struct script_pending *pending = script.pending; pending != NULL; pending = pending->next) {
		if (!pending->done) {
			struct diag *diag = diag_add(in->diags, DIAG_ERROR, "C0108", "%s \"%s\" has no braces",
						     pending->word, pending->name);

			place_show(in->diags, diag, &pending->place);
			diag_help(in->diags, diag, "write %s \"%s\" { }", pending->word, pending->name);
		}
	}
	lua_close(lua);
	ret_out->blocks = script.blocks;
	ret_out->blocks_len = script.blocks_len;
}

int script_table(const struct script_in *in, struct value *ret_value)
{
	struct script script = { .in = in, .part = "base", .hide_source = true };
	lua_State *lua = script_lua_open(&script);
	uint32_t before = diag_count(in->diags, DIAG_ERROR);

	script.table = ret_value;
	script_file_run(&script, lua, in->path, in->text, in->text_len, NULL);
	lua_close(lua);
	return diag_count(in->diags, DIAG_ERROR) == before ? 0 : -EINVAL;
}
