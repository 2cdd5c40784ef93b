/* SPDX-License-Identifier: MIT */
/* What operators ask of the world. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/json.h"
#include "mechanics.h"
#include "rules/rules.h"

#define PROFILE_MAX 500u /* rows that fit in an answer */

#define REPL_TEXT_MAX 8192u /* bytes of what a line gives; the rest is cut off */

static int time_order(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void put(struct json *json, const char *key, int64_t number)
{
	json_key(json, key);
	json_number(json, number);
}

static void put_ms(struct json *json, const char *key, uint32_t us)
{
	char text[32];

	snprintf(text, sizeof(text), "%u.%03u", us / 1000, us % 1000);
	json_key(json, key);
	json_text(json, text);
}

static const char *world_state(const struct mechanics *m)
{
	static const char *const names[] = { "outside", "restoring", "running" };

	return m->paused[0] != '\0' ? "paused" : names[m->phase];
}

static void put_figures(const struct mechanics *m, struct json *json)
{
	struct engine_figures figures = { 0 };

	if (m->engine != NULL) {
		engine_figures(m->engine, &figures);
	}
	put(json, "entities", figures.entities);
	put(json, "ghosts", figures.ghosts);
	put(json, "avatars", figures.avatars);
	put(json, "players", m->players_len);
	put(json, "lost", m->lost);
	put(json, "leaving", m->asleep);
	put(json, "saves", m->saves);
	put(json, "generation", figures.generation);
	put(json, "files", figures.files);
	put(json, "timers", figures.timers);
	put(json, "script_errors", (int64_t)figures.script_errors);
	put(json, "script_paused", (int64_t)figures.script_quarantined);
	put(json, "script_memory", (int64_t)figures.script_memory);
	put(json, "edits_won", (int64_t)figures.edits_won);
	put(json, "edits_lost", (int64_t)figures.edits_lost);
}

static void command_status(void *instance, const struct troupe_request *request, const void *args)
{
	struct mechanics *m = instance;
	uint32_t times[TIMES_LEN], len = m->times_len < TIMES_LEN ? m->times_len : TIMES_LEN;
	struct json json = { 0 };

	(void)args;
	memcpy(times, m->times, len * sizeof(*times));
	qsort(times, len, sizeof(*times), time_order);
	json_open(&json, '{');
	json_key(&json, "world");
	json_text(&json, world_state(m));
	json_key(&json, "why");
	json_text(&json, m->paused);
	put(&json, "epoch", (int64_t)m->epoch);
	put(&json, "regions", m->engine != NULL ? m->now.count[m->now.self] : 0);
	put(&json, "owners", m->now.len);
	put(&json, "tick", m->engine != NULL ? (int64_t)m->ticking.tick : 0);
	put_ms(&json, "tick_p50_ms", len > 0 ? times[len / 2] : 0);
	put_ms(&json, "tick_p99_ms", len > 0 ? times[len - 1 - len / 100] : 0);
	put(&json, "late", (int64_t)m->late);
	put(&json, "inputs", m->inbox_len);
	put(&json, "waiting", m->waiting.count);
	put(&json, "journal", m->entries_len);
	put_figures(m, &json);
	json_key(&json, "rules_problem");
	json_text(&json, m->problem);
	json_close(&json, '}');
	json_reply(&json, m->h, request->id);
}

static void script_row(void *arg, const struct rule_figures *f)
{
	struct json *json = arg;
	char place[128];

	snprintf(place, sizeof(place), "%s:%d", f->file, f->line);
	json_open(json, '{');
	json_key(json, "rule");
	json_text(json, f->what);
	json_key(json, "at");
	json_text(json, place);
	put(json, "calls", f->calls);
	put(json, "errors", f->errors);
	put(json, "instructions", (int64_t)f->instructions);
	put(json, "us", (int64_t)(f->ns / 1000));
	json_key(json, "paused");
	json_bool(json, f->quarantined);
	json_close(json, '}');
}

static void command_scripts(void *instance, const struct troupe_request *request, const void *args)
{
	struct mechanics *m = instance;
	struct json json = { 0 };

	(void)args;
	json_open(&json, '[');
	if (m->engine != NULL) {
		engine_profile(m->engine, script_row, &json);
	}
	json_close(&json, ']');
	json_reply(&json, m->h, request->id);
}

struct entities_args {
	const char *kind;
	int64_t limit;
};

static const struct troupe_option entities_options[] = {
	{ .name = "kind", .help = "Only entities of this kind.", .type = TROUPE_OPTION_STRING,
	  .offset = offsetof(struct entities_args, kind), .max = 31 },
	{ .name = "limit", .help = "At most so many.", .fallback = "100", .type = TROUPE_OPTION_INT,
	  .offset = offsetof(struct entities_args, limit), .min = 1, .max = 1000 },
	{ 0 }
};

struct entities {
	struct json json;
	const struct entities_args *wanted;
	int64_t shown;
};

static int entity_row(void *arg, const struct sight *sight)
{
	struct entities *entities = arg;
	const struct entities_args *wanted = entities->wanted;
	struct json *json = &entities->json;
	char place[64];

	if (wanted->kind != NULL && wanted->kind[0] != '\0' && strcmp(wanted->kind, sight->kind) != 0) {
		return 0;
	}
	snprintf(place, sizeof(place), "(%.1f, %.1f, %.1f)", sight->x, sight->y, sight->z);
	json_open(json, '{');
	json_key(json, "id");
	json_id(json, sight->id);
	json_key(json, "kind");
	json_text(json, sight->kind);
	json_key(json, "name");
	json_text(json, sight->name);
	json_key(json, "at");
	json_text(json, place);
	put(json, "health", sight->health);
	json_key(json, "walking");
	json_bool(json, sight->walks);
	json_key(json, "asleep");
	json_bool(json, sight->asleep);
	json_close(json, '}');
	return ++entities->shown >= wanted->limit;
}

static void command_entities(void *instance, const struct troupe_request *request, const void *args)
{
	struct mechanics *m = instance;
	struct entities entities = { .wanted = args };

	json_open(&entities.json, '[');
	if (m->engine != NULL) {
		engine_each(m->engine, entity_row, &entities);
	}
	json_close(&entities.json, ']');
	json_reply(&entities.json, m->h, request->id);
}

struct repl_args {
	const char *line;
	int64_t write;
	const char *at;
};

/* --- what rules cost ------------------------------------------------------------------------------ */

struct profile {
	struct rule_figures rows[PROFILE_MAX];
	uint32_t len;
	uint64_t ns;
};

static void profile_row(void *arg, const struct rule_figures *figures)
{
	struct profile *profile = arg;

	profile->ns += figures->ns;
	if (figures->calls == 0) {
		return;
	}
	if (profile->len == PROFILE_MAX) {
		return; /* a generation of that many rules shows those that it defined first */
	}
	profile->rows[profile->len++] = *figures;
}

static int dearest_first(const void *a, const void *b)
{
	const struct rule_figures *x = a, *y = b;

	return (x->ns < y->ns) - (x->ns > y->ns);
}

static void put_tenths(struct json *json, const char *key, uint64_t tenths)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu.%llu", (unsigned long long)(tenths / 10), (unsigned long long)(tenths % 10));
	json_key(json, key);
	json_text(json, text);
}

static void put_profile(struct json *json, const struct rule_figures *f, uint64_t whole_ns)
{
	char place[128];

	snprintf(place, sizeof(place), "%s:%d", f->file, f->line);
	json_open(json, '{');
	json_key(json, "rule");
	json_text(json, f->what);
	json_key(json, "at");
	json_text(json, place);
	put_tenths(json, "percent", whole_ns > 0 ? f->ns * 1000 / whole_ns : 0);
	put(json, "calls", f->calls);
	put_tenths(json, "us_per_call", f->ns / 100 / f->calls);
	put(json, "instructions_per_call", (int64_t)(f->instructions / f->calls));
	put(json, "errors", f->errors);
	json_key(json, "paused");
	json_bool(json, f->quarantined);
	json_close(json, '}');
}

static void command_profile(void *instance, const struct troupe_request *request, const void *args)
{
	struct mechanics *m = instance;
	struct profile *profile = calloc(1, sizeof(*profile));
	struct json json = { 0 };

	(void)args;
	if (m->engine == NULL || profile == NULL) {
		proto_refuse(m->h, request->id, TROUPE_FAILED_PRECONDITION, "world.not_here");
		free(profile);
		return;
	}
	engine_profile(m->engine, profile_row, profile);
	qsort(profile->rows, profile->len, sizeof(*profile->rows), dearest_first);
	json_open(&json, '[');
	for (uint32_t i = 0; i < profile->len; i++) {
		put_profile(&json, &profile->rows[i], profile->ns);
	}
	json_close(&json, ']');
	json_reply(&json, m->h, request->id);
	free(profile);
}

/* --- a line of Lua --------------------------------------------------------------------------------- */

static const struct troupe_option repl_options[] = {
	{ .name = "line", .help = "Lua, with g, w, e(ID) and find(KIND); with --write also set(POS, BLOCK).", .type = TROUPE_OPTION_STRING,
	  .flags = TROUPE_OPTION_REQUIRED, .offset = offsetof(struct repl_args, line), .min = 1, .max = 4096 },
	{ .name = "write", .help = "Whether it may change the world: it runs in the next tick, and if it fails nothing is done. Blocks are asked for: each "
	  "is decided with the other edits of the tick, of which one of a higher priority wins.",
	  .type = TROUPE_OPTION_BOOL, .offset = offsetof(struct repl_args, write) },
	{ .name = "at", .help = "With --write: the place X,Y from where it looks 16 blocks far; without, one in a region of the instance.",
	  .type = TROUPE_OPTION_STRING, .offset = offsetof(struct repl_args, at), .max = 40 },
	{ 0 }
};

void line_answer(struct mechanics *m, uint64_t request, int failed, const char *text)
{
	struct json json = { 0 };

	if (failed) {
		proto_refuse_text(m->h, request, TROUPE_FAILED_PRECONDITION, "script.failed", text);
		return;
	}
	json_open(&json, '{');
	json_key(&json, "result");
	json_text(&json, text);
	json_close(&json, '}');
	json_reply(&json, m->h, request);
}

/* place_of: "12,-7.5", or a place in a region of ours; 0, or -1 and the request is refused. */
static int place_of(struct mechanics *m, uint64_t request, const char *at, double *ret_x, double *ret_y)
{
	char rest;
	uint32_t region = 0;

	if (at != NULL && at[0] != '\0') {
		if (sscanf(at, "%lf,%lf%c", ret_x, ret_y, &rest) != 2 || !engine_inside(m->engine, *ret_x, *ret_y)) {
			proto_refuse_text(m->h, request, TROUPE_INVALID_ARGUMENT, "world.outside",
					  "--at is a place in the world: --at 12,-7\n");
			return -1;
		}
		region = engine_region_at(m->engine, *ret_x, *ret_y);
		if (m->now.owner_of[region] != m->now.self) {
			proto_refuse_text(m->h, request, TROUPE_FAILED_PRECONDITION, "world.not_here",
					  "another instance has that place: `troupe regions` says which; name it before `repl`\n");
			return -1;
		}
		return 0;
	}
	while (region < engine_regions(m->engine) && m->now.owner_of[region] != m->now.self) {
		region++;
	}
	if (region == engine_regions(m->engine)) {
		proto_refuse(m->h, request, TROUPE_FAILED_PRECONDITION, "world.not_here");
		return -1;
	}
	engine_region_middle(m->engine, region, ret_x, ret_y);
	return 0;
}

static void command_repl(void *instance, const struct troupe_request *request, const void *args)
{
	struct mechanics *m = instance;
	const struct repl_args *repl = args;
	const struct ask ask = { .request = request->id };
	char text[REPL_TEXT_MAX];
	double x, y;

	if (m->engine == NULL) {
		proto_refuse(m->h, request->id, TROUPE_FAILED_PRECONDITION, "world.not_here");
	} else if (!repl->write) {
		int failed = engine_look(m->engine, repl->line, text, sizeof(text));

		line_answer(m, request->id, failed, text);
	} else if (m->phase != PHASE_RUNNING || m->paused[0] != '\0' || m->adopting) {
		proto_refuse(m->h, request->id, TROUPE_FAILED_PRECONDITION, owner_refusal(m));
	} else if (place_of(m, request->id, repl->at, &x, &y) == 0) {
		ask_line(m, &ask, repl->line, x, y);
	}
}

const struct troupe_command mechanics_commands[] = {
	{ .verb = "status", .help = "Its part of the world: regions, ticks and how long they take, who is there, its rules.",
	  .right = "read", .run = command_status },
	{ .verb = "scripts", .help = "Every rule: where it is written, its calls and errors.", .right = "read",
	  .run = command_scripts },
	{ .verb = "entities", .help = "What is in its part of the world, and where.", .right = "read", .args = entities_options,
	  .args_size = sizeof(struct entities_args), .run = command_entities },
	{ .verb = "script profile", .help = "What the rules of its part of the world cost since they are in force, the dearest first.",
	  .right = "read", .run = command_profile },
	{ .verb = "repl", .help = "Evaluates a line of Lua in the rules of its part of the world; it changes nothing without --write.",
	  .right = "operate", .args = repl_options, .args_size = sizeof(struct repl_args),
	  .flags = TROUPE_COMMAND_NOUN | TROUPE_COMMAND_CHANGES, .run = command_repl },
	{ 0 }
};
