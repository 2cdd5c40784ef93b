/* SPDX-License-Identifier: MIT */
/* A rule that has stopped at a line, as people see it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "rules/internal.h"
#include "rules/show.h"

#define AROUND 2	/* lines shown before and after it */
#define VALUE_TEXT_MAX 200u
#define VALUE_DEPTH 2
#define VARIABLES_MAX 60

static void stopped(void *arg, const struct sandbox_stop *stop)
{
	struct rules *r = arg;

	r->stop = stop;
	r->stopped(r->stopped_arg, r->e, stop->at);
	r->stop = NULL;
}

void rules_stops(struct rules *r, const struct sandbox_line *lines, size_t len,
		 void (*on_stop)(void *arg, struct engine *e, const struct sandbox_line *at), void *arg)
{
	r->stopped = on_stop;
	r->stopped_arg = arg;
	sandbox_stops(r->sandbox, lines, len, on_stop != NULL ? stopped : NULL, r);
}

void rules_step(struct rules *r, int on)
{
	sandbox_step(r->sandbox, on);
}

/* --- its text ------------------------------------------------------------------------------------------- */

struct stop_text {
	struct rules *r;
	struct text *text;
};

/* put_variable: the value on top of the stack, which is taken off. */
static void put_variable(lua_State *L, const struct stop_text *in, const char *name)
{
	char value[VALUE_TEXT_MAX];
	struct text text = { value, sizeof(value), 0 };
	uint64_t id = handle_get(L, lua_gettop(L));
	uint32_t row = id != 0 ? entities_row(&in->r->e->all, id) : NO_ROW;

	value[0] = '\0';
	show_value(L, in->r, &text, lua_gettop(L), VALUE_DEPTH, 1);
	if (row != NO_ROW) {
		show_put(&text, ", %d hp", (int)in->r->e->all.health[row]);
		if (in->r->now->kinds[in->r->e->all.kind[row]].state_ref != LUA_NOREF) {
			show_put(&text, ", state ");
			state_snapshot(L, lua_gettop(L), row);
			show_value(L, in->r, &text, lua_gettop(L), 1, 1);
		}
	}
	lua_settop(L, 1);
	show_put(in->text, "    %s = %s%s\n", name, value, text.len + 1 >= text.size ? "..." : "");
}

static int variables_body(lua_State *L)
{
	const struct stop_text *in = lua_touserdata(L, 1);
	const char *name;
	int any = 0;

	for (int i = 1; i <= VARIABLES_MAX && (name = sandbox_stop_local(L, i)) != NULL; i++) {
		if (name[0] == '(') {
			lua_pop(L, 1); /* of Lua's own */
		} else {
			put_variable(L, in, name);
		}
	}
	for (int i = 1; i <= VARIABLES_MAX && (name = sandbox_stop_upvalue(L, i)) != NULL; i++) {
		if (strcmp(name, "_ENV") == 0) {
			lua_pop(L, 1);
			continue;
		}
		if (!any) {
			show_put(in->text, "  = from around it:\n");
		}
		any = 1;
		put_variable(L, in, name);
	}
	return 0;
}

static void put_variables(void *arg)
{
	struct stop_text *in = arg;
	struct sandbox_error error;

	if (sandbox_run(in->r->sandbox, variables_body, in, "the variables", &error) != 0) {
		show_put(in->text, "    ... the rest cannot be shown: %s\n", error.message);
	}
}

static void put_source(struct text *text, const struct sandbox *s, const struct sandbox_stop *stop)
{
	char line[200];

	for (int at = stop->line - AROUND; at <= stop->line + AROUND; at++) {
		if (sandbox_source(s, stop->file, at, line, sizeof(line)) == 0) {
			show_put(text, "%c %4d | %s\n", at == stop->line ? '>' : ' ', at, line);
		}
	}
}

static void put_traceback(struct text *text, const struct sandbox *s)
{
	char frames[1024];
	const char *at = frames;

	sandbox_stop_traceback(s, frames, sizeof(frames));
	show_put(text, "  = called:\n");
	while (*at != '\0') {
		size_t len = strcspn(at, "\n");

		show_put(text, "    %.*s\n", (int)len, at);
		at += len + (at[len] == '\n');
	}
}

size_t rules_stop_text(struct rules *r, char *buf, size_t size)
{
	struct text text = { buf, size, 0 };
	struct stop_text in = { r, &text };
	uint32_t row = r->subject != 0 ? entities_row(&r->e->all, r->subject) : NO_ROW;

	buf[0] = '\0';
	if (r->stop == NULL) {
		return 0;
	}
	show_put(&text, "%s:%d in %s, gen %u, ", r->stop->file, r->stop->line, r->stop->what,
		 r->loading != NULL ? r->loading->number : r->now->number);
	if (r->loading != NULL) {
		show_put(&text, "while the rules are loaded\n");
	} else {
		show_put(&text, "tick %" PRIu64 ", stage %u\n", r->e->tick, (unsigned)r->e->stage);
	}
	put_source(&text, r->sandbox, r->stop);
	if (row != NO_ROW) {
		show_put(&text, "  = entity %" PRIu64 " (%s) at (%.1f, %.1f, %.1f)\n", r->subject,
			 kind_word(r->now, r->e->all.kind[row]), r->e->all.x[row], r->e->all.y[row], r->e->all.z[row]);
	}
	show_put(&text, "  = variables:\n");
	sandbox_apart(r->sandbox, put_variables, &in);
	put_traceback(&text, r->sandbox);
	return text.len;
}
