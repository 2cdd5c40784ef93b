/* SPDX-License-Identifier: MIT */
/* A line of Lua of an operator: it looks at the world, and leaves all that ticks depend on as it was. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/internal.h"

#define FILE_NAME "(line)"
#define LOOK_LINE_MAX 4096u /* bytes */
#define FOUND_MAX 20u  /* entities that find gives */
#define FIELDS_MAX 64u /* of a table that is shown */
#define RESULTS_SHOWN 8
#define HEAD "return function(w, e, find) local g = require 'game' "

struct look {
	struct rules *r;
	int function_ref;
	char *text;
	size_t size, len;
};

static void put(struct look *look, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct look *look, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(look->text + look->len, look->size - look->len, format, args);
	va_end(args);
	look->len += n > 0 ? (size_t)n : 0;
	look->len = look->len < look->size ? look->len : look->size - 1;
}

/* --- what a line has besides the rules' API ---------------------------------------------------------- */

static int look_entity(lua_State *L)
{
	struct rules *r = rules_of(L);
	uint64_t id = (uint64_t)luaL_checkinteger(L, 1);
	uint32_t row = entities_row(&r->e->all, id);

	if (row == NO_ROW) {
		return sandbox_raise(L, "S0109", "ask another owner, by its instance, or find(KIND)", "there is no entity #%llu here",
				     (unsigned long long)id);
	}
	handle_push(L, r, row);
	return 1;
}

/* find: those with the lowest ids, whatever the order of the rows is. */
static int look_find(lua_State *L)
{
	struct rules *r = rules_of(L);
	const struct entities *w = &r->e->all;
	const char *names[KINDS_MAX + 1], *word = luaL_checkstring(L, 1);
	int kind = kind_find(r->now, word);
	uint32_t rows[FOUND_MAX], len = 0;

	if (kind < 0) {
		for (uint32_t i = 0; i < r->now->kinds_len; i++) {
			names[i] = kind_word(r->now, i);
		}
		names[r->now->kinds_len] = NULL;
		return unknown_raise(L, "kind of entity", word, names);
	}
	sandbox_charge(L, w->count);
	for (uint32_t row = 0; row < w->count; row++) {
		uint32_t at = len;

		if (w->kind[row] != kind || (w->flags[row] & ENTITY_GHOST) != 0 ||
		    (len == FOUND_MAX && w->id[row] > w->id[rows[len - 1]])) {
			continue;
		}
		at -= len == FOUND_MAX;
		for (; at > 0 && w->id[rows[at - 1]] > w->id[row]; at--) {
			rows[at] = rows[at - 1];
		}
		rows[at] = row;
		len += len < FOUND_MAX;
	}
	lua_createtable(L, (int)len, 0);
	for (uint32_t i = 0; i < len; i++) {
		handle_push(L, r, rows[i]);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	return 1;
}

/* --- what is shown ------------------------------------------------------------------------------------ */

static void show_entity(struct look *look, uint64_t id)
{
	const struct entities *w = &look->r->e->all;
	uint32_t row = entities_row(w, id);

	if (row == NO_ROW) {
		put(look, "(gone) #%" PRIu64, id);
		return;
	}
	put(look, "%s %s #%" PRIu64 " at (%.1f, %.1f, %.1f)", kind_word(look->r->now, w->kind[row]), w->name[row], id, w->x[row],
	    w->y[row], w->z[row]);
}

/* show: one value without what is in it; `quoted` texts are those inside of tables. */
static void show(lua_State *L, struct look *look, int at, int quoted)
{
	uint64_t id = handle_get(L, at);

	if (id != 0) {
		show_entity(look, id);
		return;
	}
	switch (lua_type(L, at)) {
	case LUA_TSTRING:
		put(look, quoted ? "\"%s\"" : "%s", lua_tostring(L, at));
		break;
	case LUA_TNUMBER:
		if (lua_isinteger(L, at)) {
			put(look, "%" PRId64, (int64_t)lua_tointeger(L, at));
		} else {
			put(look, "%.14g", lua_tonumber(L, at));
		}
		break;
	case LUA_TBOOLEAN:
		put(look, lua_toboolean(L, at) ? "true" : "false");
		break;
	case LUA_TTABLE:
		put(look, "{...}");
		break;
	default:
		put(look, "%s", luaL_typename(L, at)); /* without addresses */
	}
}

static int name_order(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* show_table: its list, then its names in order, then how many others there are. */
static void show_table(lua_State *L, struct look *look, int at)
{
	const char *names[FIELDS_MAX];
	lua_Integer len, shown;
	uint32_t names_len = 0, others = 0;
	int table;

	sandbox_content(L, at);
	table = lua_gettop(L);
	len = (lua_Integer)lua_rawlen(L, table);
	shown = len < (lua_Integer)FIELDS_MAX ? len : (lua_Integer)FIELDS_MAX;
	put(look, "{");
	for (lua_Integer i = 1; i <= shown; i++) {
		put(look, i > 1 ? ", " : " ");
		lua_rawgeti(L, table, i);
		show(L, look, lua_gettop(L), 1);
		lua_pop(L, 1);
	}
	for (lua_pushnil(L); lua_next(L, table) != 0; lua_pop(L, 1)) {
		int in_list = lua_isinteger(L, -2) && lua_tointeger(L, -2) >= 1 && lua_tointeger(L, -2) <= shown;

		sandbox_charge(L, 1);
		if (lua_type(L, -2) == LUA_TSTRING && names_len < FIELDS_MAX) {
			names[names_len++] = lua_tostring(L, -2);
		} else {
			others += !in_list;
		}
	}
	qsort(names, names_len, sizeof(*names), name_order);
	for (uint32_t i = 0; i < names_len; i++) {
		put(look, "%s%s = ", shown > 0 || i > 0 ? ", " : " ", names[i]);
		lua_pushstring(L, names[i]);
		lua_rawget(L, table);
		show(L, look, lua_gettop(L), 1);
		lua_pop(L, 1);
	}
	if (others > 0) {
		put(look, ", ... %u more", others);
	}
	put(look, " }");
	lua_pop(L, 1);
}

/* --- running ------------------------------------------------------------------------------------------ */

static int show_all(lua_State *L, int status, lua_KContext context)
{
	struct look *look = (struct look *)context;
	int top = lua_gettop(L), last = top < 1 + RESULTS_SHOWN ? top : 1 + RESULTS_SHOWN;

	(void)status;
	luaL_checkstack(L, 10, "too many results");
	for (int at = 2; at <= last; at++) {
		put(look, at > 2 ? ", " : "");
		if (lua_istable(L, at)) {
			show_table(L, look, at);
		} else {
			show(L, look, at, 0);
		}
	}
	return 0;
}

static int look_body(lua_State *L)
{
	struct look *look = lua_touserdata(L, 1);

	lua_rawgeti(L, LUA_REGISTRYINDEX, look->function_ref);
	view_push(L, look->r);
	lua_pushcfunction(L, look_entity);
	lua_pushcfunction(L, look_find);
	lua_callk(L, 3, LUA_MULTRET, (lua_KContext)look, show_all); /* as in call.c: may be left by a yield */
	return show_all(L, LUA_OK, (lua_KContext)look);
}

/* compile: as a function of `set`, a generation of its own; 0, or -1. */
static int compile(struct look *look, uint32_t set, const char *word, const char *line, struct sandbox_error *reterr)
{
	struct sandbox *s = look->r->sandbox;
	char text[sizeof(HEAD) + LOOK_LINE_MAX + 32];
	int len = snprintf(text, sizeof(text), HEAD "%s%s\nend", word, line);

	if (sandbox_load(s, set, FILE_NAME, text, (size_t)len, reterr) != 0 || sandbox_start(s, set, FILE_NAME, reterr) != 0) {
		return -1;
	}
	look->function_ref = sandbox_module(s, set, FILE_NAME);
	return 0;
}

/* without_head: the line as it was given. */
static void without_head(struct sandbox_error *error, const char *word)
{
	size_t len = strlen(HEAD), word_len = strlen(word);

	if (strncmp(error->source, HEAD, len) == 0) {
		len += strncmp(error->source + len, word, word_len) == 0 ? word_len : 0;
		memmove(error->source, error->source + len, strlen(error->source + len) + 1);
	}
}

static int evaluate(struct look *look, uint32_t set, const char *line, struct sandbox_error *reterr)
{
	const char *word = "return ";
	int failed = compile(look, set, word, line, reterr);

	if (failed && reterr->kind == SANDBOX_SYNTAX) {
		word = "";
		failed = compile(look, set, word, line, reterr);
	}
	if (!failed) {
		failed = sandbox_run(look->r->sandbox, look_body, look, "a line of an operator", reterr);
	}
	if (failed) {
		without_head(reterr, word);
	}
	return failed;
}

/* What a tick could see of it is put back or begun anew by each call of a rule: its seed, its effects, its serial. */
int rules_look(struct rules *r, const char *line, char *ret_text, size_t size)
{
	struct look look = { .r = r, .function_ref = LUA_NOREF, .text = ret_text, .size = size };
	struct sandbox_error error;
	uint32_t set;
	int failed;

	ret_text[0] = '\0';
	if (strlen(line) > LOOK_LINE_MAX) {
		put(&look, "error: a line has up to %u bytes\n", LOOK_LINE_MAX);
		return -1;
	}
	set = sandbox_generation_open(r->sandbox);
	if (set == 0) {
		put(&look, "error: too many generations are open: try again\n");
		return -1;
	}
	r->effects_len = r->text_len = r->undo_len = 0;
	r->subject = 0;
	r->target_set = 0;
	r->when = WHEN_CHECK;
	r->serial++;
	r->looks = r->everywhere = 1;
	sandbox_abort_next(r->sandbox, SANDBOX_OK);
	sandbox_seed(r->sandbox, seed_mix(r->e->shape.seed, r->e->tick));
	failed = evaluate(&look, set, line, &error);
	sandbox_generation_close(r->sandbox, set);
	undo_run(r);
	r->effects_len = r->text_len = 0;
	r->looks = r->everywhere = r->when = 0;
	r->serial++;
	if (failed) {
		error_block(&error, r->now->number, "", ret_text, size);
	}
	return failed;
}
