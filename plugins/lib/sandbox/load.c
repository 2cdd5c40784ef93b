/* SPDX-License-Identifier: MIT */
/* The sandbox's files: compiling, starting, generations, require. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "prototype.h"

static size_t stem_len(const char *name)
{
	size_t len = strlen(name);

	return len > 4 && strcmp(name + len - 4, ".lua") == 0 ? len - 4 : len;
}

/* The whole name, or what `require` says: without ".lua", and leading folders may be left out. The first one
 * loaded wins. */
struct script_file *file_find(const struct sandbox *s, uint32_t generation, const char *name)
{
	size_t len = stem_len(name);

	for (struct script_file *file = s->files; file != NULL; file = file->next) {
		size_t whole = stem_len(file->name);

		if (file->generation == generation && len > 0 && whole >= len &&
		    memcmp(file->name + whole - len, name, len) == 0 &&
		    (whole == len || file->name[whole - len - 1] == '/')) {
			return file;
		}
	}
	return NULL;
}

static int is_loaded(const struct sandbox *s, uint32_t generation, const char *name)
{
	for (const struct script_file *file = s->files; file != NULL; file = file->next) {
		if (file->generation == generation && strcmp(file->name, name) == 0) {
			return 1;
		}
	}
	return 0;
}

const struct script_file *file_latest(const struct sandbox *s, const char *name)
{
	const struct script_file *latest = NULL;

	for (const struct script_file *file = s->files; file != NULL; file = file->next) {
		if (strcmp(file->name, name) == 0 && (latest == NULL || file->generation >= latest->generation)) {
			latest = file;
		}
	}
	return latest;
}

uint32_t sandbox_generation_open(struct sandbox *s)
{
	for (unsigned i = 0; i < GENERATIONS_MAX; i++) {
		if (s->generations[i] == 0) {
			return s->generations[i] = ++s->generation_last;
		}
	}
	return 0;
}

static int env_newindex(lua_State *L)
{
	return sandbox_raise(L, "S0104", "write `local` in front of its first assignment",
			     "assignment to the undeclared global '%s'", luaL_tolstring(L, 2, NULL));
}

static int env_index(lua_State *L)
{
	lua_rawgeti(L, LUA_REGISTRYINDEX, sandbox_of(L)->base_ref);
	lua_pushvalue(L, 2);
	if (lua_rawget(L, -2) == LUA_TNIL) {
		return sandbox_raise(L, "S0105", "scripts see their own locals, the libraries, and what they `require`",
				     "there is no global '%s'", luaL_tolstring(L, 2, NULL));
	}
	return 1;
}

/* stateless_check: a function may change its own variables and those of functions around it, but not the file's. */
static void stateless_check(lua_State *L, const struct script_file *file)
{
	static const char help[] = "declare it in state = { ... }: a variable of the file differs between those that run it";
	struct sandbox *s = sandbox_of(L);
	struct outer_write write;

	if (prototype_writes_file(L, &write) != 0) {
		luaL_error(L, "%s: what it assigns cannot be found out", file->name);
	}
	if (write.line == 0) {
		return;
	}
	snprintf(s->raised_code, sizeof(s->raised_code), "S0104");
	snprintf(s->raised_help, sizeof(s->raised_help), "%s",
		 write.global ? "write `local` in front of its first assignment" : help);
	lua_pushfstring(L, write.global ? "%s:%d: assignment to the undeclared global '%s'"
					: "%s:%d: a function assigns to '%s', which is the file's",
			file->name, write.line, write.name);
	lua_error(L);
}

/* The compiler gets the text in pieces: some texts take it time by the square of their length, and no hook comes. */
struct reading {
	const char *at, *end;
};

static const char *read_piece(lua_State *L, void *arg, size_t *ret_len)
{
	struct reading *reading = arg;
	size_t left = (size_t)(reading->end - reading->at);
	const char *at = reading->at;

	clock_check(L);
	*ret_len = left < PIECE ? left : PIECE;
	reading->at += *ret_len;
	return at;
}

static int load_body(lua_State *L)
{
	struct script_file *file = lua_touserdata(L, 1);
	char chunk[SANDBOX_NAME_MAX + 2];
	struct reading reading = { file->text, file->text + file->text_len };

	snprintf(chunk, sizeof(chunk), "@%s", file->name);
	if (lua_load(L, read_piece, &reading, chunk, "t") != LUA_OK) {
		return lua_error(L);
	}
	if (sandbox_of(L)->set.stateless) {
		stateless_check(L, file);
	}
	lua_newtable(L); /* a fresh environment: what a file sets globally is an error, what it reads is the base */
	lua_newtable(L);
	lua_pushcfunction(L, env_index);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, env_newindex);
	lua_setfield(L, -2, "__newindex");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, -2);
	lua_setupvalue(L, -2, 1);
	file->function_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	return 0;
}

static void file_free(struct sandbox *s, struct script_file *file)
{
	luaL_unref(s->L, LUA_REGISTRYINDEX, file->function_ref);
	luaL_unref(s->L, LUA_REGISTRYINDEX, file->result_ref);
	free(file);
}

/* refuse_text: an error about the text of a file, before the compiler sees it */
static int refuse_text(struct sandbox *s, const struct script_file *file, const char *at, const char *message,
		       struct sandbox_error *reterr)
{
	const char *line = file->text;

	misuse(s, reterr, "load", "%s", message);
	s->count.ended[SANDBOX_MISUSE]--;
	s->count.ended[SANDBOX_SYNTAX]++;
	reterr->kind = SANDBOX_SYNTAX;
	snprintf(reterr->code, sizeof(reterr->code), "S0102");
	snprintf(reterr->file, sizeof(reterr->file), "%s", file->name);
	reterr->generation = file->generation;
	reterr->line = 1;
	for (const char *p = file->text; p < at; p++) {
		if (*p == '\n') {
			reterr->line++;
			line = p + 1;
		}
	}
	text_clean(reterr->source, sizeof(reterr->source), line, strcspn(line, "\n"), 0);
	return -1;
}

static int text_check(struct sandbox *s, const struct script_file *file, struct sandbox_error *reterr)
{
	const char *word = NULL, *at;
	char message[64];

	if (file->text[0] == LUA_SIGNATURE[0]) {
		return refuse_text(s, file, file->text, "this is compiled Lua; give the source text", reterr);
	}
	at = forbidden_find(file->text, file->text + file->text_len, &word);
	if (at == NULL) {
		return 0;
	}
	snprintf(message, sizeof(message), "scripts may not use `%s`", word);
	return refuse_text(s, file, at, message, reterr);
}

int sandbox_load(struct sandbox *s, uint32_t generation, const char *name, const char *text, size_t text_len,
		 struct sandbox_error *reterr)
{
	struct script_file *file, **last = &s->files;

	if (strlen(name) > SANDBOX_NAME_MAX) {
		return misuse(s, reterr, "load", "the file's name is longer than %d bytes: %.40s...", SANDBOX_NAME_MAX,
			      name);
	}
	if (text_len > s->set.text_max) {
		return misuse(s, reterr, "load", "%s has %zu bytes, more than %zu", name, text_len, s->set.text_max);
	}
	if (is_loaded(s, generation, name)) {
		return misuse(s, reterr, "load", "two files of one generation are called %s", name);
	}
	if (text_len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* the mark some editors put in front */
		text += 3;
		text_len -= 3;
	}
	file = malloc(sizeof(*file) + text_len + 1);
	if (file == NULL) {
		return misuse(s, reterr, "load", "no memory for %s", name);
	}
	*file = (struct script_file){ .generation = generation, .function_ref = LUA_NOREF, .result_ref = LUA_REFNIL };
	snprintf(file->name, sizeof(file->name), "%s", name);
	file->text = (char *)(file + 1);
	memcpy(file->text, text, text_len);
	file->text[text_len] = '\0';
	file->text_len = text_len;
	while (*last != NULL) {
		last = &(*last)->next;
	}
	*last = file; /* before it is compiled, so that an error can show its line */
	s->loading = file->name;
	int rc = text_check(s, file, reterr);

	if (rc == 0) {
		rc = run_protected(s, load_body, file, "load", SANDBOX_SYNTAX, reterr);
	}
	s->loading = NULL;
	if (rc != 0) {
		*last = NULL;
		file_free(s, file);
	}
	return rc;
}

/* start_file runs the body of a file and keeps what it returned. Random numbers of a body follow from the file's
 * name: not from what this state has run before, nor from who requires it first. */
static int start_file(lua_State *L, struct script_file *file)
{
	struct sandbox *s = sandbox_of(L);
	uint64_t random[4], hash = 14695981039346656037u; /* FNV-1a */

	memcpy(random, s->random, sizeof(random));
	for (const char *c = file->name; *c != '\0'; c++) {
		hash = (hash ^ (unsigned char)*c) * 1099511628211u;
	}
	sandbox_seed(s, s->set.seed ^ hash);
	file->started = 1;
	lua_rawgeti(L, LUA_REGISTRYINDEX, file->function_ref);
	lua_pushstring(L, file->name);
	lua_call(L, 1, 1);
	file->result_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	file->started = 2;
	memcpy(s->random, random, sizeof(random));
	return 0;
}

static int start_body(lua_State *L)
{
	return start_file(L, lua_touserdata(L, 1));
}

int sandbox_start(struct sandbox *s, uint32_t generation, const char *name, struct sandbox_error *reterr)
{
	struct script_file *file = file_find(s, generation, name);

	if (file == NULL) {
		return misuse(s, reterr, "start", "no file %s in generation %u", name, generation);
	}
	return file->started == 2 ? 0 : run_protected(s, start_body, file, "its body", SANDBOX_RUNTIME, reterr);
}

/* caller_generation: of the file whose function calls `require` */
static uint32_t caller_generation(lua_State *L, struct sandbox *s)
{
	lua_Debug ar;
	const struct script_file *file;

	if (lua_getstack(L, 1, &ar) && lua_getinfo(L, "S", &ar)) {
		file = file_latest(s, ar.short_src);
		return file != NULL ? file->generation : 0;
	}
	return 0;
}

int file_require(lua_State *L)
{
	struct sandbox *s = sandbox_of(L);
	const char *name = luaL_checkstring(L, 1);
	struct script_file *file;

	lua_rawgeti(L, LUA_REGISTRYINDEX, s->libraries_ref);
	if (lua_getfield(L, -1, name) != LUA_TNIL) {
		return 1;
	}
	file = file_find(s, caller_generation(L, s), name);
	if (file == NULL) {
		return sandbox_raise(L, "S0106", "require names a library of the host or a file beside this one",
				     "there is nothing called '%s' to require", name);
	}
	if (file->started == 1) {
		return sandbox_raise(L, "S0107", "move what both need into a third file",
				     "'%s' requires itself, by way of this file", name);
	}
	if (file->started == 0) {
		start_file(L, file);
	}
	lua_rawgeti(L, LUA_REGISTRYINDEX, file->result_ref);
	return 1;
}

int sandbox_module(const struct sandbox *s, uint32_t generation, const char *name)
{
	const struct script_file *file = file_find(s, generation, name);

	return file != NULL && file->started == 2 ? file->result_ref : LUA_REFNIL;
}

void sandbox_generation_close(struct sandbox *s, uint32_t generation)
{
	for (struct script_file **at = &s->files; *at != NULL;) {
		struct script_file *file = *at;

		if (file->generation == generation) {
			*at = file->next;
			file_free(s, file);
		} else {
			at = &file->next;
		}
	}
	for (unsigned i = 0; i < GENERATIONS_MAX; i++) {
		if (s->generations[i] == generation) {
			s->generations[i] = 0;
		}
	}
}
