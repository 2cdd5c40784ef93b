/* SPDX-License-Identifier: MIT */
/* Calls into the rules: budgeted, seeded, whole or not at all, and paused when they fail too often. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/internal.h"

#define SWEEP_KIB 256	/* that a tick collects after a reload */
#define SPAWN_EVERY 10u /* ticks between two of a kind that the world still lacks */

/* --- lists ---------------------------------------------------------------------------------------- */

struct handler *handlers_add(struct handlers *list)
{
	if (list->len == list->size) {
		uint32_t size = list->size == 0 ? 4 : list->size * 2;
		struct handler *items = realloc(list->items, size * sizeof(*items));

		if (items == NULL) {
			return NULL;
		}
		list->items = items;
		list->size = size;
	}
	memset(&list->items[list->len], 0, sizeof(*list->items));
	list->items[list->len].ref = LUA_NOREF;
	return &list->items[list->len++];
}

struct handler *handlers_find(const struct handlers *list, const char *name)
{
	for (uint32_t i = 0; i < list->len; i++) {
		if (strcmp(list->items[i].name, name) == 0) {
			return &list->items[i];
		}
	}
	return NULL;
}

void handlers_free(struct rules *r, struct handlers *list)
{
	for (uint32_t i = 0; i < list->len; i++) {
		sandbox_unref(r->sandbox, list->items[i].ref);
	}
	free(list->items);
	memset(list, 0, sizeof(*list));
}

void rules_entity_gone(struct rules *r, uint32_t row)
{
	timers_forget(r, row);
	if (r->e->all.kind[row] != 0 && (r->e->all.flags[row] & ENTITY_GHOST) == 0) {
		r->now->kinds[r->e->all.kind[row]].alive--;
	}
	if (r->e->all.ref[row] != 0) {
		sandbox_unref(r->sandbox, r->e->all.ref[row]);
		r->e->all.ref[row] = 0;
	}
}

/* --- what happens --------------------------------------------------------------------------------- */

static void event_all(struct rules *r, enum rule_event event, uint32_t row)
{
	for (uint32_t i = 0; i < r->now->events[event].len; i++) {
		call_row(r, &r->now->events[event].items[i], WHEN_1, row, NULL, 0);
	}
}

void rules_enter(struct rules *r, uint32_t row)
{
	event_all(r, RULE_ENTER, row);
}

void rules_leave(struct rules *r, uint32_t row)
{
	event_all(r, RULE_LEAVE, row);
}

int rules_chat(struct rules *r, uint32_t row, const char *text, const char *channel)
{
	struct value args[3] = { value_row(row), value_text(text, strlen(text)), value_text(channel, strlen(channel)) };
	int heard = 1;

	for (uint32_t i = 0; i < r->now->events[RULE_CHAT].len; i++) {
		struct answer answer;

		if (rules_call(r, &r->now->events[RULE_CHAT].items[i], WHEN_1, r->e->all.id[row], NULL, args, 3, &answer) == 0 &&
		    answer.type == LUA_TBOOLEAN && !answer.truth) {
			heard = 0;
		}
	}
	return heard;
}

static void act_push(lua_State *L, void *arg)
{
	const struct rules_act *in = arg;

	lua_createtable(L, 0, 2);
	lua_pushstring(L, in->text);
	lua_setfield(L, -2, "text");
	if (in->at != NULL) {
		place_push(L, in->at[0], in->at[1], in->at[2]);
		lua_setfield(L, -2, "at");
	}
}

static int32_t refusal(struct rules *r, const char *reason, size_t len, char *ret_text, size_t size, const char **ret_reason)
{
	if (len == 0 || len >= size || !proto_utf8(reason, len)) {
		*ret_reason = "world.rule_answer";
		return TROUPE_ABORTED;
	}
	memmove(ret_text, reason, len);
	ret_text[len] = '\0';
	*ret_reason = ret_text;
	(void)r;
	return TROUPE_FAILED_PRECONDITION;
}

/* tell_actions: what there is, to a player who asked for something else. */
static void tell_actions(struct rules *r, uint32_t row)
{
	struct output *out = output(r->e, OUTPUT_TELL, r->e->all.id[row]);
	char text[TEXT_MAX] = "the game has these actions:";
	size_t len = strlen(text);

	for (uint32_t i = 0; i < r->now->actions.len && len < sizeof(text) - WORD_MAX - 8; i++) {
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s %s", i > 0 ? "," : "", r->now->actions.items[i].name);
	}
	if (out != NULL) {
		out->text = output_text(r->e, r->now->actions.len > 0 ? text : "the game has no actions");
	}
}

int32_t rules_act(struct rules *r, uint32_t row, const struct rules_act *in, char *ret_text, size_t size, const char **ret_reason)
{
	struct handler *action = handlers_find(&r->now->actions, in->action);
	struct value args[3] = { value_row(row), value_row(in->target),
				 { .type = VALUE_PUSH, .push = act_push, .arg = (void *)(uintptr_t)in } };
	struct answer answer;
	int failed;

	*ret_reason = action == NULL ? "world.no_action" : fallen(r, row) ? "world.fallen" : "world.rule_paused";
	if (action == NULL) {
		tell_actions(r, row);
		return TROUPE_NOT_FOUND;
	}
	if (action->quarantined || fallen(r, row)) {
		return TROUPE_FAILED_PRECONDITION;
	}
	r->token = in->token;
	r->act_key = in->key;
	r->asked = 0;
	r->ask_reason = NULL;
	failed = rules_call(r, action, WHEN_1, r->e->all.id[row], NULL, args, 3, &answer);
	r->token = 0;
	if (failed) {
		*ret_reason = "world.rule_failed"; /* and so did nothing; to try again would not help */
		return TROUPE_FAILED_PRECONDITION;
	}
	if (r->ask_reason != NULL && !r->asked) {
		*ret_reason = r->ask_reason;
		return TROUPE_FAILED_PRECONDITION;
	}
	if (answer.second > 0) {
		return refusal(r, r->ret_text, answer.second, ret_text, size, ret_reason);
	}
	quest_count(r, row, "do", in->action);
	if (r->asked) {
		return RULES_LATER;
	}
	if (answer.type == LUA_TSTRING) {
		if (answer.len >= size || !proto_utf8(r->ret_text, answer.len)) {
			*ret_reason = "world.rule_answer";
			return TROUPE_ABORTED;
		}
		memcpy(ret_text, r->ret_text, answer.len + 1);
	}
	return TROUPE_OK;
}

int32_t rules_echo(struct rules *r, uint64_t avatar, const void *bytes, size_t len, const char **ret_bytes,
		   size_t *ret_len, const char **ret_reason)
{
	const struct handlers *echo = &r->now->events[RULE_ECHO];
	struct value body = value_text(len > 0 ? bytes : "", len);
	struct answer answer;

	if (echo->len == 0) {
		*ret_reason = "world.no_echo";
		return TROUPE_UNIMPLEMENTED;
	}
	if (rules_call(r, &echo->items[0], WHEN_ECHO, avatar, NULL, &body, 1, &answer) != 0) {
		*ret_reason = echo->items[0].quarantined ? "world.rule_paused" : "world.rule_failed";
		return TROUPE_ABORTED;
	}
	*ret_bytes = answer.type == LUA_TSTRING ? r->ret_text : "";
	*ret_len = answer.type == LUA_TSTRING ? answer.len : 0;
	return TROUPE_OK;
}

/* --- stage 1 -------------------------------------------------------------------------------------- */

/* Kinds say how many of them there should be: so a reload or a restart neither doubles nor loses them. Done once for the
 * whole world, whoever has the place where one appears. */
static void populate(struct rules *r)
{
	const struct entities *w = &r->e->all;

	if (r->e->tick % SPAWN_EVERY != 0 || !first_owner(r->e)) {
		return;
	}
	for (uint32_t i = KIND_FIRST; i < r->now->kinds_len; i++) {
		const struct kind *kind = &r->now->kinds[i];
		uint32_t lack = kind->total < kind->population ? kind->population - kind->total : 0;
		uint32_t now = lack > 0 ? 1 + lack / 16 : 0; /* many come soon, the last ones by and by */

		for (uint32_t n = 0; n < now; n++) {
			double x = kind->home_x + (fraction(r, i, 2 * n) * 2 - 1) * kind->home_radius;
			double y = kind->home_y + (fraction(r, i, 2 * n + 1) * 2 - 1) * kind->home_radius;
			struct wish *wish = wish_to(r, WISH_SPAWN, 0, 0, kind->name, 1);

			if (wish == NULL) {
				break;
			}
			wish->x = entities_inside(w, x, 0) ? x : 0;
			wish->y = entities_inside(w, 0, y) ? y : 0;
		}
	}
}

/* Those that appeared in the tick before, those whose time to think has come, and those who follow others. */
static void think(struct rules *r)
{
	struct entities *w = &r->e->all;
	uint32_t len = w->count;

	for (uint32_t row = 0; row < len; row++) {
		struct kind *kind = &r->now->kinds[w->kind[row]];

		if (!runs(w, row) || fallen(r, row)) {
			continue;
		}
		if (kind->on_spawn >= 0 && w->born[row] + 1 == r->e->tick) {
			call_row(r, &kind->methods.items[kind->on_spawn], WHEN_1, row, NULL, 0);
		}
		/* by id, so that not all of a kind think in the same tick */
		if (kind->think >= 0 && (r->e->tick + w->id[row]) % kind->every == 0) {
			call_row(r, &kind->methods.items[kind->think], WHEN_1, row, NULL, 0);
		}
	}
}

void rules_tick(struct rules *r)
{
	r->calls = 0;
	if (r->sweeps > 0) {
		r->sweeps--;
		sandbox_collect(r->sandbox, SWEEP_KIB);
	}
	asks_tick(r);
	beats_tick(r);
	timers_tick(r);
	think(r);
	skills_tick(r);
	bags_tick(r);
	populate(r);
}

void rules_no_way(struct rules *r, uint32_t row)
{
	struct kind *kind = &r->now->kinds[r->e->all.kind[row]];

	if (kind->on_no_path >= 0) {
		call_row(r, &kind->methods.items[kind->on_no_path], WHEN_3, row, NULL, 0);
	}
}

/* --- figures -------------------------------------------------------------------------------------- */

const char *rules_kind_name(const struct rules *r, uint16_t kind)
{
	return r->now->kinds[kind].name; /* "avatar" for players: what clients know */
}

uint32_t handler_lists(struct generation *generation, struct handlers *ret_lists[HANDLER_LISTS])
{
	uint32_t n = 0;

	for (int i = 0; i < RULE_EVENTS; i++) {
		ret_lists[n++] = &generation->events[i];
	}
	ret_lists[n++] = &generation->actions;
	ret_lists[n++] = &generation->defs;
	for (uint32_t i = 0; i < generation->kinds_len; i++) {
		ret_lists[n++] = &generation->kinds[i].methods;
	}
	return n;
}

void rules_profile(const struct rules *r, void (*each)(void *arg, const struct rule_figures *figures), void *arg)
{
	struct handlers *lists[HANDLER_LISTS];
	uint32_t n = handler_lists(r->now, lists);

	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t at = 0; at < lists[i]->len; at++) {
			const struct handler *h = &lists[i]->items[at];

			each(arg, &(struct rule_figures){ h->what, h->file, h->line, h->calls, h->errors + h->failed, h->quarantined,
							  h->instructions, h->ns });
		}
	}
}

struct each {
	void (*call)(void *arg, const char *what, const char *file, int line, uint32_t calls, uint32_t errors, int quarantined);
	void *arg;
};

static void each_of(void *arg, const struct rule_figures *f)
{
	const struct each *each = arg;

	each->call(each->arg, f->what, f->file, f->line, f->calls, f->errors, f->quarantined);
}

void rules_each(const struct rules *r, void (*call)(void *arg, const char *what, const char *file, int line,
						    uint32_t calls, uint32_t errors, int quarantined), void *arg)
{
	struct each each = { call, arg };

	rules_profile(r, each_of, &each);
}

static void one_more(void *arg, const char *what, const char *file, int line, uint32_t calls, uint32_t errors,
		     int quarantined)
{
	(void)what;
	(void)file;
	(void)line;
	(void)calls;
	(void)errors;
	(void)quarantined;
	++*(uint32_t *)arg;
}

void rules_figures(const struct rules *r, struct rules_figures *ret_figures)
{
	struct sandbox_counters counters;

	sandbox_counters_read(r->sandbox, &counters);
	*ret_figures = (struct rules_figures){ .generation = r->now->number,
					       .files = r->now->files,
					       .actions = r->now->actions.len,
					       .kinds = r->now->kinds_len - KIND_FIRST,
					       .timers = r->timers_used,
					       .errors = r->errors,
					       .quarantined = r->quarantined,
					       .prints_dropped = counters.prints_dropped,
					       .memory_used = counters.memory_used,
					       .memory_peak = counters.memory_peak };
	rules_each(r, one_more, &ret_figures->handlers);
}

/* --- life ----------------------------------------------------------------------------------------- */

static void sandbox_line(void *arg, const char *file, int line, const char *text, size_t text_len)
{
	const struct rules *r = arg;

	say_log(r->e, TROUPE_LOG_INFO, NULL, "%s:%d: %.*s (gen %u)", file, line, (int)text_len, text,
		 r->loading != NULL ? r->loading->number : r->now->number);
}

/* sandbox_clock: the engine's, whose argument the sandbox does not know. */
static uint64_t sandbox_clock(void *arg)
{
	const struct rules *r = arg;

	return r->e->settings.clock_ns(r->e->settings.arg);
}

/* game_index: what `g` does not have. */
static int game_index(lua_State *L)
{
	const struct api_entry *entry = NULL;
	const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?", *near = NULL;
	char help[64];

	while ((entry = api_next(entry, ON_GAME)) != NULL) {
		near = api_near(near, name, entry->name);
	}
	snprintf(help, sizeof(help), near != NULL ? "did you mean `%s`?" : "docs/reference/lua.md lists what it has", near);
	return sandbox_raise(L, "S0117", help, "`game` has no `%s`", name);
}

static int game_fill(lua_State *L)
{
	lua_settop(L, 2);
	bind_thing(L, lua_touserdata(L, 1), ON_GAME);
	lua_createtable(L, 0, 2);
	lua_pushcfunction(L, game_index);
	lua_setfield(L, -2, "__index");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, 2);
	return 0;
}

struct rules *rules_open(struct engine *e)
{
	struct rules *r = calloc(1, sizeof(*r));
	struct sandbox_settings settings = { .memory_max = e->settings.memory,
					     .instructions_max = e->shape.budget,
					     .wall_ms_max = e->settings.budget_ms,
					     .seed = e->shape.seed,
					     .stateless = 1,
					     .arg = r,
					     .clock_ns = e->settings.clock_ns != NULL ? sandbox_clock : NULL,
					     .log = sandbox_line };

	const char *wrong = NULL;

	if (r == NULL) {
		return NULL;
	}
	r->e = e;
	timers_open(r);
	r->sandbox = sandbox_create(&settings);
	if (r->sandbox == NULL || bind_open(r, &wrong) != 0) {
		if (wrong != NULL) {
			say_log(e, TROUPE_LOG_ERROR, NULL, "the description of `%s` is not well formed", wrong);
		}
		return rules_free(r);
	}
	if (sandbox_library(r->sandbox, "game", game_fill, r, SANDBOX_LIBRARY_REQUIRE) != 0 || handles_open(r) != 0) {
		return rules_free(r);
	}
	r->now = generation_new(0, 0);
	return r->now != NULL && kinds_open(r, r->now) == 0 ? r : rules_free(r);
}

struct rules *rules_free(struct rules *r)
{
	if (r == NULL) {
		return NULL;
	}
	if (r->sandbox != NULL) {
		generation_free(r, r->now);
		generation_free(r, r->tried);
		sandbox_free(r->sandbox);
	}
	list_free(&r->blames);
	free(r->bound);
	free(r->timers);
	free(r);
	return NULL;
}
