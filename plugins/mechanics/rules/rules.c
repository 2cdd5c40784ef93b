/* SPDX-License-Identifier: MIT */
/* Calls into the rules: budgeted, seeded, whole or not at all, and paused when they fail too often. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/internal.h"

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

/* --- one call ------------------------------------------------------------------------------------- */

/* log_block: a message of several lines, line by line: the log keeps to one line each, and shows the code itself. */
void log_block(struct engine *e, const char *code, const char *block)
{
	const char *text = strncmp(block, "error[", 6) == 0 ? strstr(block, "]: ") : NULL;

	if (code != NULL && text != NULL) {
		block = text + 3;
	}
	while (*block != '\0') {
		size_t len = strcspn(block, "\n");

		if (len > 0) {
			say_log(e, TROUPE_LOG_ERROR, code, "%.*s", (int)len, block);
		}
		code = NULL;
		block += len + (block[len] == '\n');
	}
}

static void failed(struct rules *r, struct handler *handler, const struct sandbox_error *error)
{
	char block[2048], place[512];
	uint64_t digest;

	r->errors++;
	if (r->e->stage != 0) { /* an echo is nobody's tick */
		handler->failed++;
		r->failed++;
	}
	snprintf(place, sizeof(place), "%s:%d %s", error->file, error->line, error->message);
	digest = troupe_fnv64(place, strlen(place));
	if (digest != handler->logged) { /* the same again is only counted */
		handler->logged = digest;
		sandbox_error_format(error, block, sizeof(block));
		log_block(r->e, error->code, block);
	}
}

/* number_of: which call about this entity in this tick it is: other randomness for each, the same wherever it runs. */
static uint32_t number_of(struct rules *r, uint64_t entity)
{
	uint32_t row = entity != 0 ? entities_row(&r->e->all, entity) : NO_ROW;

	return row != NO_ROW ? r->e->all.calls[row]++ : r->calls++;
}

/* aborted: the call was ended by what differs from machine to machine: whoever runs the tick again must be told. */
static void aborted(struct rules *r, uint64_t entity, uint32_t number, enum sandbox_kind kind)
{
	struct output *out = r->e->stage != 0 ? output(r->e, OUTPUT_ABORT, entity) : NULL;

	if (out != NULL) {
		out->key[0] = number;
		out->status = kind;
		out->count = r->e->stage;
	}
}

int rules_call(struct rules *r, struct handler *handler, uint64_t entity, const struct sandbox_value *args,
	       size_t args_len, struct sandbox_value *ret, size_t ret_len)
{
	struct sandbox_error error;
	uint32_t number;

	if (handler->quarantined) {
		return -1;
	}
	number = number_of(r, entity);
	r->effects_len = r->text_len = r->undo_len = 0;
	r->subject = entity;
	handler->calls++;
	sandbox_seed(r->sandbox, mix(mix(mix(r->e->shape.seed, r->e->tick), entity), number));
	sandbox_abort_next(r->sandbox, (enum sandbox_kind)input_abort(r->e, entity, number));
	if (sandbox_call(r->sandbox, handler->ref, handler->what, args, args_len, ret, ret_len, &error) != 0) {
		undo_run(r);
		r->effects_len = r->text_len = 0;
		failed(r, handler, &error);
		if (error.kind == SANDBOX_CLOCK || error.kind == SANDBOX_MEMORY) {
			aborted(r, entity, number, error.kind);
		}
		return -1;
	}
	if (r->e->stage == 0) { /* outside of a tick nothing changes */
		undo_run(r);
		r->effects_len = r->text_len = 0;
	}
	effects_apply(r);
	return 0;
}

struct push {
	struct rules *r;
	uint32_t row;
};

static int push_body(lua_State *L)
{
	const struct push *in = lua_touserdata(L, 1);

	handle_push(L, in->r, in->row);
	return 0;
}

struct sandbox_value entity_value(struct rules *r, uint32_t row)
{
	struct push in = { r, row };
	struct sandbox_error error;

	if (row == NO_ROW) {
		return (struct sandbox_value){ .type = SANDBOX_NIL };
	}
	if (r->e->all.ref[row] == 0 && sandbox_run(r->sandbox, push_body, &in, "an entity", &error) != 0) {
		return (struct sandbox_value){ .type = SANDBOX_NIL };
	}
	return (struct sandbox_value){ .type = SANDBOX_REF, .u.ref = r->e->all.ref[row] };
}

static struct sandbox_value text_value(const char *text, size_t len)
{
	return (struct sandbox_value){ .type = SANDBOX_STRING, .u.string = { text, len } };
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

void rules_enter(struct rules *r, uint32_t row)
{
	uint64_t id = r->e->all.id[row];
	struct sandbox_value self = entity_value(r, row);

	for (uint32_t i = 0; i < r->now->events[RULE_ENTER].len; i++) {
		rules_call(r, &r->now->events[RULE_ENTER].items[i], id, &self, 1, NULL, 0);
	}
}

void rules_leave(struct rules *r, uint32_t row)
{
	uint64_t id = r->e->all.id[row];
	struct sandbox_value self = entity_value(r, row);

	for (uint32_t i = 0; i < r->now->events[RULE_LEAVE].len; i++) {
		rules_call(r, &r->now->events[RULE_LEAVE].items[i], id, &self, 1, NULL, 0);
	}
}

int rules_chat(struct rules *r, uint32_t row, const char *text, const char *channel)
{
	uint64_t id = r->e->all.id[row];
	struct sandbox_value args[3] = { entity_value(r, row), text_value(text, strlen(text)),
					 text_value(channel, strlen(channel)) };
	int heard = 1;

	for (uint32_t i = 0; i < r->now->events[RULE_CHAT].len; i++) {
		struct sandbox_value ret = { .type = SANDBOX_NIL };

		if (rules_call(r, &r->now->events[RULE_CHAT].items[i], id, args, 3, &ret, 1) == 0 &&
		    ret.type == SANDBOX_BOOLEAN && !ret.u.boolean) {
			heard = 0;
		}
	}
	return heard;
}

int32_t rules_act(struct rules *r, uint32_t row, const char *name, uint32_t target, const char *text,
		  char *ret_text, size_t size, const char **ret_reason)
{
	struct handler *action = handlers_find(&r->now->actions, name);
	struct sandbox_value args[3], ret = { .type = SANDBOX_NIL };

	if (action == NULL) {
		*ret_reason = "world.no_action";
		return TROUPE_NOT_FOUND;
	}
	if (action->quarantined) {
		*ret_reason = "world.rule_paused";
		return TROUPE_FAILED_PRECONDITION;
	}
	args[0] = entity_value(r, row);
	args[1] = entity_value(r, target);
	args[2] = text_value(text, strlen(text));
	if (rules_call(r, action, r->e->all.id[row], args, 3, &ret, 1) != 0) {
		*ret_reason = "world.rule_failed"; /* and so did nothing */
		return TROUPE_ABORTED;
	}
	if (ret.type == SANDBOX_STRING) {
		if (ret.u.string.len >= size || !proto_utf8(ret.u.string.text, ret.u.string.len)) {
			*ret_reason = "world.rule_answer";
			return TROUPE_ABORTED;
		}
		memcpy(ret_text, ret.u.string.text, ret.u.string.len);
		ret_text[ret.u.string.len] = '\0';
	}
	return TROUPE_OK;
}

int32_t rules_echo(struct rules *r, uint64_t avatar, const void *bytes, size_t len, const char **ret_bytes,
		   size_t *ret_len, const char **ret_reason)
{
	const struct handlers *echo = &r->now->events[RULE_ECHO];
	struct sandbox_value body = text_value(len > 0 ? bytes : "", len), ret = { .type = SANDBOX_NIL };

	if (echo->len == 0) {
		*ret_reason = "world.no_echo";
		return TROUPE_UNIMPLEMENTED;
	}
	if (rules_call(r, &echo->items[0], avatar, &body, 1, &ret, 1) != 0) {
		*ret_reason = echo->items[0].quarantined ? "world.rule_paused" : "world.rule_failed";
		return TROUPE_ABORTED;
	}
	*ret_bytes = ret.type == SANDBOX_STRING ? ret.u.string.text : "";
	*ret_len = ret.type == SANDBOX_STRING ? ret.u.string.len : 0;
	return TROUPE_OK;
}

/* --- stage 1 -------------------------------------------------------------------------------------- */

/* A number in [0, 1) that depends on what it is for alone. */
static double fraction(const struct rules *r, uint64_t a, uint64_t b)
{
	uint64_t mixed = mix(mix(r->e->shape.seed, r->e->tick), mix(a, b));

	return (double)(mixed >> 11) * (1.0 / 9007199254740992.0);
}

/* Kinds say how many of them there should be: so a reload or a restart neither doubles nor loses them. Done once for the
 * whole world, whoever has the place where one appears. */
static void populate(struct rules *r)
{
	const struct entities *w = &r->e->all;

	if (r->e->tick % SPAWN_EVERY != 0 || !first_owner(r->e)) {
		return;
	}
	for (uint32_t i = 1; i < r->now->kinds_len; i++) {
		const struct kind *kind = &r->now->kinds[i];
		uint32_t lack = kind->total < kind->population ? kind->population - kind->total : 0;
		uint32_t now = lack > 0 ? 1 + lack / 16 : 0; /* many come soon, the last ones by and by */

		for (uint32_t n = 0; n < now; n++) {
			double x = kind->home_x + (fraction(r, i, 2 * n) * 2 - 1) * kind->home_radius;
			double y = kind->home_y + (fraction(r, i, 2 * n + 1) * 2 - 1) * kind->home_radius;
			struct wish *wish = wish_add(r->e, 0, 0, "spawn");

			if (wish == NULL) {
				break;
			}
			wish->name = arena_text(arena_now(r->e), kind->name);
			wish->x = entities_inside(w, x, 0) ? x : 0;
			wish->y = entities_inside(w, 0, y) ? y : 0;
		}
	}
}

/* runs: 1 if the rules run for the entity of this row. */
static int runs(const struct entities *w, uint32_t row)
{
	return (w->flags[row] & (ENTITY_GHOST | ENTITY_ASLEEP | ENTITY_LEAVES)) == 0;
}

/* Those that appeared in the tick before. */
static void spawned(struct rules *r)
{
	const struct entities *w = &r->e->all;

	for (uint32_t row = 0, len = w->count; row < len; row++) {
		struct kind *kind = &r->now->kinds[w->kind[row]];

		if (kind->on_spawn >= 0 && w->kind[row] != 0 && w->born[row] + 1 == r->e->tick && runs(w, row)) {
			struct sandbox_value self = entity_value(r, row);

			rules_call(r, &kind->methods.items[kind->on_spawn], w->id[row], &self, 1, NULL, 0);
		}
	}
}

static void think(struct rules *r)
{
	const struct entities *w = &r->e->all;
	uint32_t len = w->count;

	for (uint32_t row = 0; row < len; row++) {
		struct kind *kind = &r->now->kinds[w->kind[row]];
		struct sandbox_value self;

		/* by id, so that not all of a kind think in the same tick */
		if (kind->think < 0 || (r->e->tick + w->id[row]) % kind->every != 0 || !runs(w, row)) {
			continue;
		}
		self = entity_value(r, row);
		rules_call(r, &kind->methods.items[kind->think], w->id[row], &self, 1, NULL, 0);
	}
}

void rules_tick(struct rules *r)
{
	struct sandbox_value tick = { .type = SANDBOX_INTEGER, .u.integer = (int64_t)r->e->tick };

	r->calls = 0;
	spawned(r);
	for (uint32_t i = 0; i < r->now->events[RULE_TICK].len && first_owner(r->e); i++) {
		rules_call(r, &r->now->events[RULE_TICK].items[i], 0, &tick, 1, NULL, 0);
	}
	timers_tick(r);
	think(r);
	populate(r);
}

void rules_no_way(struct rules *r, uint32_t row)
{
	struct handler *handler = handlers_find(&r->now->kinds[r->e->all.kind[row]].methods, "on_no_path");
	struct sandbox_value self;

	if (handler != NULL) {
		self = entity_value(r, row);
		rules_call(r, handler, r->e->all.id[row], &self, 1, NULL, 0);
	}
}

void rules_edit(struct rules *r, struct claim *claim)
{
	(void)r;
	claim->refused = "world.no_edit";
}

/* --- figures -------------------------------------------------------------------------------------- */

const char *rules_kind_name(const struct rules *r, uint16_t kind)
{
	return r->now->kinds[kind].name;
}

void rules_each(const struct rules *r, void (*each)(void *arg, const char *what, const char *file, int line,
						    uint32_t calls, uint32_t errors, int quarantined), void *arg)
{
	const struct handlers *lists[RULE_EVENTS + 1 + KINDS_MAX];
	uint32_t n = 0;

	for (int i = 0; i < RULE_EVENTS; i++) {
		lists[n++] = &r->now->events[i];
	}
	lists[n++] = &r->now->actions;
	for (uint32_t i = 0; i < r->now->kinds_len; i++) {
		lists[n++] = &r->now->kinds[i].methods;
	}
	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t at = 0; at < lists[i]->len; at++) {
			const struct handler *h = &lists[i]->items[at];

			each(arg, h->what, h->file, h->line, h->calls, h->errors, h->quarantined);
		}
	}
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
					       .kinds = r->now->kinds_len - 1,
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

struct rules *rules_open(struct engine *e)
{
	struct rules *r = calloc(1, sizeof(*r));
	struct sandbox_settings settings = { .memory_max = e->settings.memory,
					     .instructions_max = e->shape.budget,
					     .wall_ms_max = e->settings.budget_ms,
					     .seed = e->shape.seed,
					     .arg = r,
					     .clock_ns = e->settings.clock_ns != NULL ? sandbox_clock : NULL,
					     .log = sandbox_line };

	if (r == NULL) {
		return NULL;
	}
	r->e = e;
	timers_open(r);
	r->sandbox = sandbox_create(&settings);
	if (r->sandbox == NULL || sandbox_register(r->sandbox, "game", game_functions, SANDBOX_LIBRARY_REQUIRE) != 0 ||
	    handles_open(r) != 0) {
		return rules_free(r);
	}
	r->now = generation_new(0, 0);
	return r->now != NULL ? r : rules_free(r);
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
	free(r->timers);
	free(r);
	return NULL;
}
