/* SPDX-License-Identifier: MIT */
/* The inside of script.c: the closed Lua state, files, and Lua's values as a tree. */
#include "script_lua.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void *script_alloc(void *ud, void *ptr, size_t old_size, size_t new_size)
{
	struct script *script = ud;
	size_t old = ptr != NULL ? old_size : 0;

	if (new_size == 0) {
		free(ptr);
		script->memory -= old;
		return NULL;
	}
	if (new_size > old && script->memory + (new_size - old) > SCRIPT_MEMORY_MAX) {
		return NULL;
	}
	void *memory = realloc(ptr, new_size);

	if (memory != NULL) {
		script->memory += new_size - old;
	}
	return memory;
}

/* Counts the steps of all files together. The clock is for steps that take long, such as joining long strings. */
static void script_tired(lua_State *lua, lua_Debug *ar)
{
	struct script *script = *(struct script **)lua_getextraspace(lua);

	script->steps += SCRIPT_STEPS_HOOK;
	if (script->steps >= SCRIPT_STEPS_MAX || clock() - script->started > SCRIPT_SECONDS_MAX * CLOCKS_PER_SEC) {
		/* luaL_error would say where our caller's caller is: a hook has none. */
		lua_getinfo(lua, "Sl", ar);
		lua_pushfstring(lua, "%s:%d: the configuration runs too long (more than %d steps or %d s)", ar->short_src,
				ar->currentline, SCRIPT_STEPS_MAX, SCRIPT_SECONDS_MAX);
		lua_error(lua);
	}
}

lua_State *script_lua_open(struct script *script)
{
	lua_State *lua = lua_newstate(script_alloc, script);

	if (lua == NULL) {
		fputs("troupe: no memory for Lua\n", stderr);
		exit(1);
	}
	*(struct script **)lua_getextraspace(lua) = script;
	script->started = clock();
	lua_sethook(lua, script_tired, LUA_MASKCOUNT, SCRIPT_STEPS_HOOK);
	return lua;
}

bool script_is_name(const char *text)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");

	return len > 0 && len <= 64 && text[len] == '\0';
}

/* Reads a whole file into the arena. Returns 0 or -errno. */
static int script_read(struct config_arena *arena, const char *path, char **ret_text, size_t *ret_len)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0) {
		return -errno;
	}
	int r = fstat(fd, &st) < 0 ? -errno : 0;

	if (r == 0 && !S_ISREG(st.st_mode)) {
		r = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	}
	if (r == 0 && st.st_size > (off_t)SCRIPT_FILE_MAX) {
		r = -EFBIG;
	}
	if (r == 0) {
		char *text = arena_alloc(arena, (size_t)st.st_size + 1);
		size_t len = 0;
		ssize_t n;

		while ((n = read(fd, text + len, (size_t)st.st_size - len)) > 0) {
			len += (size_t)n;
		}
		r = n < 0 ? -errno : 0;
		*ret_text = text;
		*ret_len = len;
	}
	close(fd);
	return r;
}

/* Lua says "path:12: text"; takes that apart. A path with a colon in it is ours, so it is known. */
static void script_failed(struct script *script, lua_State *lua, const char *code)
{
	struct diag_list *diags = script->in->diags;
	const char *text = lua_type(lua, -1) == LUA_TSTRING ? lua_tostring(lua, -1) : "an error without text";
	struct place place = { script->files[0].path, NULL, 0, LEX_NONE, 1 };

	for (uint32_t i = 0; i < script->files_len; i++) {
		size_t len = strlen(script->files[i].path);
		char *rest;

		if (strncmp(text, script->files[i].path, len) == 0 && text[len] == ':') {
			place = (struct place){ script->files[i].path, script->files[i].lex, 0, LEX_NONE, 1 };
			place.line = (uint32_t)strtoul(text + len + 1, &rest, 10);
			text = *rest == ':' ? rest + 1 + strspn(rest + 1, " ") : rest;
			break;
		}
	}
	struct diag *diag;

	if (script->hide_source) {
		/* Lua's text quotes what it stumbled over, which may be the secret itself. */
		place.lex = NULL;
		diag = diag_add(diags, DIAG_ERROR, code, "this file is not valid Lua, or does not return a table");
		diag_help(diags, diag, "write: return { name = \"value\" }");
	} else {
		diag = diag_add(diags, DIAG_ERROR, code, "%s", text);
	}
	place_show(diags, diag, &place);
}

/* Lua shortens a chunk's name in messages past 60 bytes, so a file with a long path gets a short name at once. */
static const char *script_chunk_path(struct script *script, const char *path)
{
	size_t len = strlen(path);

	return len < LUA_IDSIZE - 2 ? path : arena_print(script->in->arena, "...%s", path + len - (LUA_IDSIZE - 8));
}

static void value_from_lua(struct script *script, lua_State *lua, struct value *value, uint32_t brace, unsigned depth);

void script_file_run(struct script *script, lua_State *lua, const char *path, const char *text, size_t len,
		     const struct place *from)
{
	struct diag_list *diags = script->in->diags;
	char *read_text = NULL;
	int r = 0;

	for (uint32_t i = 0; i < script->files_len && r == 0; i++) {
		if (strcmp(script->files[i].path, script_chunk_path(script, path)) == 0) {
			r = script->files[i].running ? -ELOOP : -EEXIST;
		}
	}
	r = r == 0 && script->files_len == SCRIPT_FILES_MAX ? -EMFILE : r;
	if (r == 0 && text == NULL) {
		r = script_read(script->in->arena, path, &read_text, &len);
		text = read_text;
	}
	if (r < 0) {
		struct diag *diag = diag_add(diags, DIAG_ERROR, from != NULL ? "C0104" : "C0100",
					     "cannot read %s: %s", path,
					     r == -ELOOP    ? "it includes itself"
					     : r == -EEXIST ? "it is included twice"
					     : r == -EMFILE ? "too many files"
							    : strerror(-r));

		if (from != NULL) {
			place_show(diags, diag, from);
			diag_note(diags, diag, "a file is looked for beside the one that includes it");
		}
		return;
	}
	struct script_file *file = &script->files[script->files_len++];

	file->path = script_chunk_path(script, path);
	file->lex = lex_read(script->in->arena, text, len);
	file->running = true;
	char *chunk = arena_print(script->in->arena, "@%s", file->path);
	int top = lua_gettop(lua);

	if (!lua_checkstack(lua, 20) || luaL_loadbufferx(lua, text, len, chunk, "t") != LUA_OK) {
		script_failed(script, lua, "C0101");
	} else if (lua_pcall(lua, 0, script->table != NULL ? 1 : 0, 0) != LUA_OK) {
		script_failed(script, lua, "C0102");
	} else if (script->table != NULL) {
		if (lua_type(lua, -1) != LUA_TTABLE) {
			script_failed(script, lua, "C0102");
		} else {
			value_from_lua(script, lua, script->table, LEX_NONE, 0);
		}
	}
	lua_settop(lua, top);
	file->running = false;
}

/* Finds the field of a table constructor: by key, or the index-th list item (from 1). */
static bool script_field(const struct lex *lex, uint32_t brace, const char *key, lua_Integer index,
			 struct lex_field *ret_field)
{
	uint32_t cursor = brace + 1;
	lua_Integer item = 0;

	while (brace != LEX_NONE && lex_field_next(lex, &cursor, ret_field)) {
		if (key != NULL ? ret_field->key != LEX_NONE && lex_is(lex, ret_field->key, key)
				: ret_field->key == LEX_NONE && ++item == index) {
			return true;
		}
	}
	return false;
}

/* Says where an item stands: its own place if the source shows it, else its table's. */
static void value_locate(struct script *script, const struct place *table, uint32_t brace, lua_Integer index,
			 struct value *item, uint32_t *ret_brace)
{
	const struct lex *lex = table->lex;
	struct lex_field field;

	*ret_brace = LEX_NONE;
	item->place = item->key_place = *table;
	if (lex == NULL || !script_field(lex, brace, item->key, index, &field) || field.value == LEX_NONE) {
		return;
	}
	item->place.token = field.value;
	item->place.tokens = field.value_len;
	item->place.line = lex->tokens[field.value].line;
	item->key_place = item->place;
	if (field.key != LEX_NONE) {
		item->key_place.token = field.key;
		item->key_place.tokens = 1;
		item->key_place.line = lex->tokens[field.key].line;
	}
	if (lex_is(lex, field.value, "{") && lex->tokens[field.value].kind == LEX_PUNCT) {
		*ret_brace = field.value;
	}
	for (uint32_t i = 0; i + 1 < field.value_len && item->env == NULL; i++) {
		uint32_t name = field.value + i + 1 + (lex_is(lex, field.value + i + 1, "(") ? 1 : 0);

		if (lex_is(lex, field.value + i, "env") && name < lex->tokens_len &&
		    lex->tokens[name].kind == LEX_STRING && lex->tokens[name].len >= 2) {
			item->env = arena_copy(script->in->arena, lex->text + lex->tokens[name].start + 1,
					       lex->tokens[name].len - 2);
		}
	}
}

/* The same key twice: Lua keeps the last one silently, the source shows both. */
static void script_duplicates(struct script *script, const struct place *table, uint32_t brace)
{
	const struct lex *lex = table->lex;
	uint32_t cursor = brace + 1;
	struct lex_field field, other;
	char key[65];

	while (lex_field_next(lex, &cursor, &field)) {
		const struct lex_token *token = field.key != LEX_NONE ? &lex->tokens[field.key] : NULL;
		uint32_t quoted = token != NULL && token->kind == LEX_STRING;

		if (token == NULL || token->len - 2 * quoted >= sizeof(key)) {
			continue;
		}
		memcpy(key, lex->text + token->start + quoted, token->len - 2 * quoted);
		key[token->len - 2 * quoted] = '\0';
		if (script_field(lex, brace, key, 0, &other) && other.key < field.key) {
			struct place place = { table->file, lex, token->line, field.key, 1 };
			struct diag *diag = diag_add(script->in->diags, DIAG_ERROR, "C0110", "`%s` is set twice",
						     key);

			place_show(script->in->diags, diag, &place);
			diag_note(script->in->diags, diag, "first on line %u", lex->tokens[other.key].line);
		}
	}
}

/* Orders items as they stand in the file; those that it does not show come last, by key. */
static int value_order(const void *a, const void *b)
{
	const struct value *x = a, *y = b;
	uint32_t xt = x->key_place.token, yt = y->key_place.token;

	if (xt != yt) {
		return xt < yt ? -1 : 1;
	}
	if (x->key == NULL || y->key == NULL) {
		return x->integer < y->integer ? -1 : x->integer > y->integer;
	}
	return strcmp(x->key, y->key);
}

static uint32_t script_table_len(lua_State *lua)
{
	uint32_t count = 0;

	for (lua_pushnil(lua); lua_next(lua, -2) != 0; lua_pop(lua, 1)) {
		count++;
	}
	return count;
}

static void value_table(struct script *script, lua_State *lua, struct value *value, uint32_t brace, unsigned depth)
{
	struct config_arena *arena = script->in->arena;
	uint32_t list = (uint32_t)lua_rawlen(lua, -1), at = list;

	value->items_len = script_table_len(lua);
	if (value->items_len > SCRIPT_VALUES_MAX) {
		value->items_len = SCRIPT_VALUES_MAX; /* the bound on values reports it */
	}
	value->items = arena_alloc(arena, value->items_len * sizeof(*value->items));
	if (brace != LEX_NONE) {
		script_duplicates(script, &value->place, brace);
	}
	list = at = list <= value->items_len ? list : value->items_len;
	for (lua_pushnil(lua); lua_next(lua, -2) != 0; lua_pop(lua, 1)) {
		lua_Integer index = lua_isinteger(lua, -2) ? lua_tointeger(lua, -2) : 0;
		struct value *item;
		uint32_t inner;

		if (index >= 1 && index <= list) {
			item = &value->items[index - 1];
		} else if (at < value->items_len) {
			item = &value->items[at++];
			if (lua_type(lua, -2) == LUA_TSTRING) {
				item->key = arena_copy(arena, lua_tostring(lua, -2), strlen(lua_tostring(lua, -2)));
			} else {
				/* A hole in a list, a key that is no name: reported as an unknown key. */
				item->key = index != 0 ? arena_print(arena, "[%lld]", (long long)index)
						       : arena_print(arena, "[%s]", luaL_typename(lua, -2));
			}
		} else {
			continue;
		}
		value_locate(script, &value->place, brace, index, item, &inner);
		value_from_lua(script, lua, item, inner, depth + 1);
	}
	if (value->items_len > list) {
		qsort(value->items + list, value->items_len - list, sizeof(*value->items), value_order);
	}
}

/* Takes the value on top of the stack. Places are filled in before. */
static void value_from_lua(struct script *script, lua_State *lua, struct value *value, uint32_t brace, unsigned depth)
{
	struct config_arena *arena = script->in->arena;

	if (depth > SCRIPT_DEPTH_MAX || script->values_len++ >= SCRIPT_VALUES_MAX || !lua_checkstack(lua, 8)) {
		struct diag *diag = diag_add(script->in->diags, DIAG_ERROR, "C0111",
					     "tables nested deeper than %u, or more than %u values", SCRIPT_DEPTH_MAX,
					     SCRIPT_VALUES_MAX);

		place_show(script->in->diags, diag, &value->place);
		value->kind = VALUE_BAD;
		return;
	}
	switch (lua_type(lua, -1)) {
	case LUA_TBOOLEAN:
		value->kind = VALUE_BOOL;
		value->integer = lua_toboolean(lua, -1);
		break;
	case LUA_TNUMBER:
		value->kind = lua_isinteger(lua, -1) ? VALUE_INT : VALUE_FLOAT;
		value->integer = lua_tointeger(lua, -1);
		value->string = arena_print(arena, "%.14g", lua_tonumber(lua, -1));
		break;
	case LUA_TSTRING:
		value->kind = VALUE_STRING;
		value->string = lua_tolstring(lua, -1, &value->len);
		value->string = arena_copy(arena, value->string, value->len);
		break;
	case LUA_TTABLE:
		value->kind = VALUE_TABLE;
		value_table(script, lua, value, brace, depth);
		break;
	default:
		value->kind = luaL_testudata(lua, -1, SCRIPT_UNKNOWN) != NULL ? VALUE_BAD : VALUE_OTHER;
		value->string = luaL_typename(lua, -1);
		break;
	}
}

void script_block_add(struct script *script, lua_State *lua, const char *word, const char *name,
		      const struct place *place)
{
	struct config_arena *arena = script->in->arena;

	if (script->blocks_len == SCRIPT_BLOCKS_MAX) {
		luaL_error(lua, "more than %d blocks", SCRIPT_BLOCKS_MAX);
	}
	if (script->blocks_len == script->blocks_room) {
		uint32_t room = script->blocks_room > 0 ? script->blocks_room * 2 : 16;
		struct block *blocks = arena_alloc(arena, room * sizeof(*blocks));

		if (script->blocks_len > 0) {
			memcpy(blocks, script->blocks, script->blocks_len * sizeof(*blocks));
		}
		script->blocks = blocks;
		script->blocks_room = room;
	}
	struct block *block = &script->blocks[script->blocks_len++];
	uint32_t word_token = place->token;
	uint32_t brace = place->lex != NULL ? lex_block(place->lex, word, name, place->line, &word_token) : LEX_NONE;

	block->word = arena_copy(arena, word, strlen(word));
	block->name = name;
	block->part = script->part;
	block->place = *place;
	block->place.token = word_token;
	block->value.place = block->place;
	lua_settop(lua, 1);
	value_from_lua(script, lua, &block->value, brace, 0);
}

int script_compile(struct diag_list *diags, const char *path)
{
	struct config_arena *arena = arena_create();
	struct script_in in = { .arena = arena, .diags = diags, .path = path };
	struct script script = { .in = &in };
	lua_State *lua = script_lua_open(&script);
	char *text = NULL;
	size_t len = 0;
	int r = script_read(arena, path, &text, &len);

	if (r < 0) {
		diag_add(diags, DIAG_ERROR, "C0304", "cannot read %s: %s", path, strerror(-r));
		r = -EINVAL;
	} else {
		script.files[0].path = script_chunk_path(&script, path);
		script.files[0].lex = lex_read(arena, text, len);
		script.files_len = 1;
		if (luaL_loadbufferx(lua, text, len, arena_print(arena, "@%s", script.files[0].path), "t") != LUA_OK) {
			script_failed(&script, lua, "S0102");
			r = -EINVAL;
		}
	}
	lua_close(lua);
	arena_free(arena);
	return r;
}
