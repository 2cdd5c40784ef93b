/* SPDX-License-Identifier: MIT */
/* What operators ask of the world. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/json.h"
#include "mechanics.h"

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

static void command_status(void *instance, const struct troupe_request *request, const void *args)
{
	struct mechanics *m = instance;
	uint32_t times[TIMES_LEN], len = m->tick < TIMES_LEN ? (uint32_t)m->tick : TIMES_LEN;
	struct rules_figures figures;
	struct json json = { 0 };

	(void)args;
	for (uint32_t i = 0; i < len; i++) {
		times[i] = m->times[(m->tick - i) % TIMES_LEN];
	}
	qsort(times, len, sizeof(*times), time_order);
	rules_figures(m->rules, &figures);
	json_open(&json, '{');
	json_key(&json, "world");
	json_text(&json, lease_state_name(m));
	put(&json, "lease_epoch", (int64_t)m->lease.epoch);
	put(&json, "tick", (int64_t)m->tick);
	put_ms(&json, "tick_p50_ms", len > 0 ? times[len / 2] : 0);
	put_ms(&json, "tick_p99_ms", len > 0 ? times[len - 1 - len / 100] : 0);
	put(&json, "late", (int64_t)m->late);
	put(&json, "entities", m->world.count);
	put(&json, "avatars", m->players_len);
	put(&json, "lost", m->lost);
	put(&json, "leaving", m->gone != NULL);
	put(&json, "saves", m->saves);
	put(&json, "generation", figures.generation);
	put(&json, "files", figures.files);
	put(&json, "timers", figures.timers);
	put(&json, "script_errors", (int64_t)figures.errors);
	put(&json, "script_paused", (int64_t)figures.quarantined);
	put(&json, "script_memory", (int64_t)figures.memory_used);
	put(&json, "reloads", (int64_t)figures.accepted);
	put(&json, "reloads_refused", (int64_t)figures.refused);
	json_key(&json, "reload_problem");
	json_text(&json, figures.problem);
	json_close(&json, '}');
	json_reply(&json, m->h, request->id);
}

static void script_row(void *arg, const char *what, const char *file, int line, uint32_t calls, uint32_t errors,
		       int quarantined)
{
	struct json *json = arg;
	char place[128];

	snprintf(place, sizeof(place), "%s:%d", file, line);
	json_open(json, '{');
	json_key(json, "rule");
	json_text(json, what);
	json_key(json, "at");
	json_text(json, place);
	put(json, "calls", calls);
	put(json, "errors", errors);
	json_key(json, "paused");
	json_bool(json, quarantined);
	json_close(json, '}');
}

static void command_scripts(void *instance, const struct troupe_request *request, const void *args)
{
	struct mechanics *m = instance;
	struct json json = { 0 };

	(void)args;
	json_open(&json, '[');
	rules_each(m->rules, script_row, &json);
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

static void command_entities(void *instance, const struct troupe_request *request, const void *args)
{
	struct mechanics *m = instance;
	const struct entities_args *wanted = args;
	const struct world *w = &m->world;
	struct json json = { 0 };
	int64_t shown = 0;

	json_open(&json, '[');
	for (uint32_t row = 0; row < w->count && shown < wanted->limit; row++) {
		const char *kind = rules_kind_name(m->rules, w->kind[row]);
		char place[64];

		if (wanted->kind != NULL && wanted->kind[0] != '\0' && strcmp(wanted->kind, kind) != 0) {
			continue;
		}
		snprintf(place, sizeof(place), "(%.1f, %.1f)", w->x[row], w->y[row]);
		json_open(&json, '{');
		json_key(&json, "id");
		json_id(&json, w->id[row]);
		json_key(&json, "kind");
		json_text(&json, kind);
		json_key(&json, "name");
		json_text(&json, w->name[row]);
		json_key(&json, "at");
		json_text(&json, place);
		json_key(&json, "walking");
		json_bool(&json, w->steps[row] > 0);
		json_close(&json, '}');
		shown++;
	}
	json_close(&json, ']');
	json_reply(&json, m->h, request->id);
}

static void command_reload(void *instance, const struct troupe_request *request, const void *args)
{
	struct mechanics *m = instance;

	(void)args;
	rules_read(m->rules, request->id);
}

void command_reloaded(struct mechanics *m, uint64_t request, int accepted)
{
	struct rules_figures figures;
	struct json json = { 0 };

	if (!accepted) {
		proto_refuse(m->h, request, TROUPE_FAILED_PRECONDITION, "world.reload_refused"); /* the log says why */
		return;
	}
	rules_figures(m->rules, &figures);
	json_open(&json, '{');
	put(&json, "generation", figures.generation);
	put(&json, "files", figures.files);
	put(&json, "rules", figures.handlers);
	json_close(&json, '}');
	json_reply(&json, m->h, request);
}

const struct troupe_command mechanics_commands[] = {
	{ .verb = "status", .help = "The tick, how long ticks take, who is there, and the rules that run.", .right = "read",
	  .run = command_status },
	{ .verb = "scripts", .help = "Every rule: where it is written, its calls and errors.", .right = "read",
	  .run = command_scripts },
	{ .verb = "entities", .help = "What is in the world, and where.", .right = "read", .args = entities_options,
	  .args_size = sizeof(struct entities_args), .run = command_entities },
	{ .verb = "reload", .help = "Reads the rules again.", .right = "operate", .flags = TROUPE_COMMAND_CHANGES,
	  .run = command_reload },
	{ 0 }
};
