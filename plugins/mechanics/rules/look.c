/* SPDX-License-Identifier: MIT */
/* A line of Lua of an operator: it looks at the world, and leaves all that ticks depend on as it was. */
#include <stdio.h>
#include <string.h>

#include "rules/internal.h"
#include "rules/show.h"

#define FILE_NAME "(line)"
#define LOOK_LINE_MAX 4096u /* bytes */
#define FOUND_MAX 20u  /* entities that find gives */
#define RESULTS_SHOWN 8
#define FIND_CHARGE 1000u /* of a line in a tick: how many there are differs from owner to owner */
#define HEAD "local g = require 'game' return function(w, e, find%s) "
#define NAMES_TEXT_MAX 2048u /* bytes of the names of a stopped function's variables */
#define NAMES_MAX 150u       /* of them; Lua has up to 200 parameters */

struct look {
	struct rules *r;
	int function_ref;
	struct text text;
	char names[NAMES_TEXT_MAX]; /* ", name" of each variable of a stopped function, or "" */
	uint32_t names_len;
	int failed;
	enum sandbox_kind kind; /* how it failed */
};

/* --- what a line has besides the rules' API ---------------------------------------------------------- */

static int look_entity(lua_State *L)
{
	struct rules *r = rules_of(L);
	uint64_t id = (uint64_t)luaL_checkinteger(L, 1);
	uint32_t row = visible_row(r, id);

	if (row == NO_ROW && r->line != 0) { /* a line in a tick sees the same whoever runs it */
		return sandbox_raise(L, "S0109", "give its place with --at", "there is no entity #%llu within %d blocks",
				     (unsigned long long)id, (int)SIGHT);
	}
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
	sandbox_charge(L, r->line != 0 ? FIND_CHARGE : w->count);
	for (uint32_t row = 0; row < w->count; row++) {
		uint32_t at = len;

		if (w->kind[row] != kind || (r->line != 0 ? visible_row(r, w->id[row]) == NO_ROW : (w->flags[row] & ENTITY_GHOST) != 0) ||
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

/* set: asks for a block, as an edit of its own. */
static int look_set(lua_State *L)
{
	struct rules *r = rules_of(L);
	const char *name = luaL_checkstring(L, 2);
	struct wish *wish;
	double at[3];

	if (!place_read(L, 1, at, 0)) {
		return sandbox_raise(L, "S0118", "set({ x = 1, y = 2, z = 8 }, 'stone')", "set: the first argument is a place, not %s",
				     luaL_typename(L, 1));
	}
	if (block_find(r->e->blocks, name) < 0) {
		return unknown_block(L, name);
	}
	line_ask_check(L, at);
	sandbox_charge(L, 50);
	wish = effect_new(L, WISH_ASK, 0);
	wish->name = EDIT_SET;
	wish->text = effect_text(L, name, strlen(name));
	wish->x = at[0];
	wish->y = at[1];
	wish->z = at[2];
	return 0;
}

/* --- running ------------------------------------------------------------------------------------------ */

static int show_all(lua_State *L, int status, lua_KContext context)
{
	struct look *look = (struct look *)context;
	int top = lua_gettop(L), last = top < 1 + RESULTS_SHOWN ? top : 1 + RESULTS_SHOWN;

	(void)status;
	luaL_checkstack(L, 10, "too many results");
	for (int at = 2; at <= last; at++) {
		show_put(&look->text, at > 2 ? ", " : "");
		show_value(L, look->r, &look->text, at, 1, 0);
	}
	return 0;
}

/* each_variable: calls `take` with each variable of the stopped function on the stack, which it takes off, the innermost of a
 * name last; until it returns 0. */
static void each_variable(lua_State *L, int (*take)(lua_State *L, struct look *look, const char *name), struct look *look)
{
	const char *name;
	int go_on = 1;

	for (int i = 1; go_on && (name = sandbox_stop_upvalue(L, i)) != NULL; i++) {
		go_on = take(L, look, name);
	}
	for (int i = 1; go_on && (name = sandbox_stop_local(L, i)) != NULL; i++) {
		go_on = take(L, look, name);
	}
}

/* is_named: scripts can say its name; others are Lua's own. */
static int is_named(const char *name)
{
	return name[0] != '(' && strcmp(name, "_ENV") != 0;
}

static int take_name(lua_State *L, struct look *look, const char *name)
{
	size_t len = strlen(look->names);

	lua_pop(L, 1);
	if (is_named(name) && len + strlen(name) + 3 < sizeof(look->names) && look->names_len < NAMES_MAX) {
		snprintf(look->names + len, sizeof(look->names) - len, ", %s", name);
		look->names_len++;
	}
	return look->names_len < NAMES_MAX;
}

static int take_value(lua_State *L, struct look *look, const char *name)
{
	if (!is_named(name)) {
		lua_pop(L, 1);
	} else {
		look->names_len++;
	}
	return look->names_len < NAMES_MAX;
}

static int names_body(lua_State *L)
{
	each_variable(L, take_name, lua_touserdata(L, 1));
	return 0;
}

static void variables_push(lua_State *L, struct look *look)
{
	if (look->names_len > 0) {
		look->names_len = 0;
		luaL_checkstack(L, NAMES_MAX + 1, "too many variables");
		each_variable(L, take_value, look);
	}
}

static int look_body(lua_State *L)
{
	struct look *look = lua_touserdata(L, 1);

	lua_rawgeti(L, LUA_REGISTRYINDEX, look->function_ref);
	view_push(L, look->r);
	lua_pushcfunction(L, look_entity);
	lua_pushcfunction(L, look_find);
	variables_push(L, look);
	if (look->r->line != 0) {
		lua_pushcfunction(L, look_set);
	}
	lua_callk(L, 3 + (int)look->names_len + (look->r->line != 0), LUA_MULTRET, (lua_KContext)look, show_all); /* as in call.c: may be left by a yield */
	return show_all(L, LUA_OK, (lua_KContext)look);
}

/* compile: as a function of `set`, a generation of its own; 0, or -1. */
static int compile(struct look *look, uint32_t set, const char *word, const char *line, struct sandbox_error *reterr)
{
	struct sandbox *s = look->r->sandbox;
	char text[sizeof(HEAD) + NAMES_TEXT_MAX + LOOK_LINE_MAX + 32];
	int len = snprintf(text, sizeof(text), HEAD "%s%s\nend", look->names, word, line);

	if (sandbox_load(s, set, FILE_NAME, text, (size_t)len, reterr) != 0 || sandbox_start(s, set, FILE_NAME, reterr) != 0) {
		return -1;
	}
	look->function_ref = sandbox_module(s, set, FILE_NAME);
	return 0;
}

/* source_is: what is shown of the program that was made of the line is the line. */
static void source_is(struct sandbox_error *error, const char *line)
{
	if (strcmp(error->file, FILE_NAME) == 0 && error->line == 1) {
		snprintf(error->source, sizeof(error->source), "%.*s", (int)strcspn(line, "\r\n\t"), line);
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
		source_is(reterr, line);
	}
	return failed;
}

/* look_run: the line in a generation of its own; look->failed. */
static void look_run(struct look *look, const char *line)
{
	struct sandbox *s = look->r->sandbox;
	struct sandbox_error error;
	uint32_t set;

	look->failed = -1;
	look->kind = SANDBOX_MEMORY;
	look->text.to[0] = '\0';
	if (strlen(line) > LOOK_LINE_MAX) {
		show_put(&look->text, "error: a line has up to %u bytes\n", LOOK_LINE_MAX);
		return;
	}
	set = sandbox_generation_open(s);
	if (set == 0) {
		show_put(&look->text, "error: too many generations are open: try again\n");
		return;
	}
	look->failed = evaluate(look, set, line, &error);
	look->kind = look->failed ? error.kind : SANDBOX_OK;
	sandbox_generation_close(s, set);
	if (look->failed) {
		error_block(&error, look->r->now->number, "", look->text.to, look->text.size);
	}
}

/* line_ended: by what differs from machine to machine: whoever runs the tick again must be told, and says the same. */
static void line_ended(struct rules *r, uint64_t id, enum sandbox_kind kind, struct look *look)
{
	struct output *out = output(r->e, OUTPUT_ABORT, id);

	if (out != NULL) {
		out->status = kind;
		out->count = r->e->stage;
	}
	look->text.len = 0;
	show_put(&look->text, kind == SANDBOX_CLOCK ? "error[S0421]: the line took too long; nothing was done\n"
						    : "error[S0430]: the line found no memory; nothing was done\n");
}

/* What it wishes is the line's, numbered from 0: the same whoever runs it, and whatever else ran there before. A line that the
 * clock or memory ended has done nothing when it is run again either. */
int rules_line(struct rules *r, uint64_t id, double x, double y, const char *line, char *ret_text, size_t size)
{
	struct look look = { .r = r, .function_ref = LUA_NOREF, .text = { ret_text, size, 0 }, .names = ", set" };
	uint32_t wishes = r->e->wish;
	enum sandbox_kind ended = (enum sandbox_kind)input_abort(r->e, id, 0);

	if (ended != SANDBOX_OK) {
		line_ended(r, id, ended, &look);
		return -1;
	}
	r->effects_len = r->text_len = r->undo_len = r->line_asks = 0;
	r->subject = 0;
	r->target_set = 0;
	r->line = id;
	r->when = WHEN_1;
	r->serial++;
	r->looks = 1;
	r->center[0] = x;
	r->center[1] = y;
	r->center[2] = 0;
	sandbox_abort_next(r->sandbox, SANDBOX_OK);
	sandbox_seed(r->sandbox, seed_mix(seed_mix(r->e->shape.seed, r->e->tick), id));
	look_run(&look, line);
	if (look.failed) {
		undo_run(r);
		r->effects_len = r->text_len = 0;
	} else {
		r->e->wish = 0;
		effects_apply(r);
		r->e->wish = wishes;
	}
	if (look.kind == SANDBOX_CLOCK || look.kind == SANDBOX_MEMORY) {
		line_ended(r, id, look.kind, &look);
	}
	r->line = 0;
	r->looks = r->when = 0;
	r->serial++;
	return look.failed;
}

/* What a tick could see of it is put back or begun anew by each call of a rule: its seed, its effects, its serial. */
int rules_look(struct rules *r, const char *line, char *ret_text, size_t size)
{
	struct look look = { .r = r, .function_ref = LUA_NOREF, .text = { ret_text, size, 0 } };

	r->effects_len = r->text_len = r->undo_len = 0;
	r->subject = 0;
	r->target_set = 0;
	r->when = WHEN_CHECK;
	r->serial++;
	r->looks = r->everywhere = 1;
	sandbox_abort_next(r->sandbox, SANDBOX_OK);
	sandbox_seed(r->sandbox, seed_mix(r->e->shape.seed, r->e->tick));
	look_run(&look, line);
	undo_run(r);
	r->effects_len = r->text_len = 0;
	r->looks = r->everywhere = r->when = 0;
	r->serial++;
	return look.failed;
}

/* --- where a call has stopped --------------------------------------------------------------------------- */

struct stopped_line {
	struct look look;
	const char *line;
};

static void stopped_body(void *arg)
{
	struct stopped_line *in = arg;
	struct sandbox_error error;

	sandbox_run(in->look.r->sandbox, names_body, &in->look, "the names of variables", &error);
	look_run(&in->look, in->line);
}

/* It keeps whom the call is about, its serial and where it looks from: what it may see can be seen. */
int rules_stop_look(struct rules *r, const char *line, char *ret_text, size_t size)
{
	struct stopped_line in = { { .r = r, .function_ref = LUA_NOREF, .text = { ret_text, size, 0 } }, line };

	r->when = WHEN_CHECK;
	r->looks = r->everywhere = 1;
	sandbox_apart(r->sandbox, stopped_body, &in);
	return in.look.failed;
}
