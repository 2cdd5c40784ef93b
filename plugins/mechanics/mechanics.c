/* SPDX-License-Identifier: MIT */
/* The mechanics role: its descriptor, options and life. */
#include "mechanics.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct troupe_metric metric_table[METRIC_COUNT] = {
#define METRIC_OF(type, text, what, label) \
	{ .size = sizeof(struct troupe_metric), .kind = type, .name = text, .help = what, .labels = label }
#define METRIC(id, ...) [id] = METRIC_OF(__VA_ARGS__)
#define REFUSED "troupe_world_refused_total", "What players asked of the world and was refused."
	METRIC(METRIC_TICKS, TROUPE_COUNTER, "troupe_ticks_total", "Ticks of the world.", NULL),
	METRIC(METRIC_LATE, TROUPE_COUNTER, "troupe_ticks_late_total", "Ticks left out because the one before took too long.",
	       NULL),
	METRIC(METRIC_TICK_TIME, TROUPE_HISTOGRAM, "troupe_tick_seconds", "How long a tick took.", NULL),
	METRIC(METRIC_ENTITIES, TROUPE_GAUGE, "troupe_entities", "Entities in the world.", NULL),
	METRIC(METRIC_AVATARS, TROUPE_GAUGE, "troupe_avatars", "Avatars in the world.", NULL),
	METRIC(METRIC_MOVE_REFUSED, TROUPE_COUNTER, REFUSED, "what=\"move\""),
	METRIC(METRIC_CHAT_REFUSED, TROUPE_COUNTER, REFUSED, "what=\"chat\""),
	METRIC(METRIC_ENTER_REFUSED, TROUPE_COUNTER, REFUSED, "what=\"enter\""),
	METRIC(METRIC_SAVED, TROUPE_COUNTER, "troupe_avatar_saves_total", "Places of avatars saved, by result.",
	       "result=\"saved\""),
	METRIC(METRIC_SAVE_FAILED, TROUPE_COUNTER, "troupe_avatar_saves_total", "Places of avatars saved, by result.",
	       "result=\"failed\""),
	METRIC(METRIC_FENCED, TROUPE_COUNTER, "troupe_avatar_saves_total", "Places of avatars saved, by result.",
	       "result=\"fenced\""),
	METRIC(METRIC_RULE_ERRORS, TROUPE_COUNTER, "troupe_script_errors_total", "Calls of rules that failed.", NULL),
	METRIC(METRIC_QUARANTINED, TROUPE_COUNTER, "troupe_script_quarantined_total",
	       "Rules paused because they failed too often.", NULL),
	METRIC(METRIC_RELOADED, TROUPE_COUNTER, "troupe_script_reloads_total", "Reloads of the scripts, by result.",
	       "result=\"accepted\""),
	METRIC(METRIC_RELOAD_REFUSED, TROUPE_COUNTER, "troupe_script_reloads_total", "Reloads of the scripts, by result.",
	       "result=\"refused\""),
	METRIC(METRIC_EFFECTS_FULL, TROUPE_COUNTER, "troupe_world_limits_total", "Times that a bound was reached.",
	       "limit=\"effects\""),
	METRIC(METRIC_FULL, TROUPE_COUNTER, "troupe_world_limits_total", "Times that a bound was reached.",
	       "limit=\"memory\""),
};

void count(struct mechanics *m, enum metric metric)
{
	m->h->metric_add(m->h, m->metrics[metric], 1);
}

uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void log_line(struct mechanics *m, uint32_t level, const char *code, const char *format, ...)
{
	char text[1024];
	struct troupe_log line = { .size = sizeof(line), .level = level, .text = text, .code = code };
	va_list args;

	if (!m->h->log_wanted(m->h, level)) {
		return;
	}
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	m->h->log(m->h, &line);
}

/* --- life ----------------------------------------------------------------------------------------- */

static int32_t fail(struct troupe_error *reterr, int32_t status, const char *text, const char *help)
{
	reterr->status = status;
	snprintf(reterr->text, sizeof(reterr->text), "%s", text);
	snprintf(reterr->help, sizeof(reterr->help), "%s", help);
	return status;
}

static int32_t mechanics_check(const struct troupe_check_in *in, struct troupe_error *reterr)
{
	const struct mechanics_options *options = in->options;

	if (options->size < options->cell) {
		return fail(reterr, TROUPE_INVALID_ARGUMENT, "`size` is smaller than `cell`",
			    "a world has room for at least one cell: make size larger or cell smaller");
	}
	if (options->size / options->cell > 2000) {
		return fail(reterr, TROUPE_INVALID_ARGUMENT, "the world has more than 2000 x 2000 cells",
			    "make cell larger or size smaller");
	}
	return TROUPE_OK;
}

static int32_t mechanics_create(void *instance, const struct troupe_host *host, const void *options,
				struct troupe_error *reterr)
{
	struct mechanics *m = instance;

	m->h = host;
	m->options = options;
	for (int i = 0; i < METRIC_COUNT; i++) {
		m->metrics[i] = host->metric(host, &metric_table[i]);
	}
	if (world_open(&m->world, (double)m->options->size, (double)m->options->cell) != 0) {
		return fail(reterr, TROUPE_RESOURCE_EXHAUSTED, "no memory for the world", "make size smaller or cell larger");
	}
	m->rules = rules_open(m);
	if (m->rules == NULL) {
		return fail(reterr, TROUPE_RESOURCE_EXHAUSTED, "no memory for the rules",
			    "give scripts more: memory = \"16mb\"");
	}
	return TROUPE_OK;
}

static int32_t mechanics_start(void *instance, struct troupe_error *reterr)
{
	struct mechanics *m = instance;

	(void)reterr;
	rules_start(m->rules); /* the first tick comes once they are there */
	return TROUPE_OK;
}

static int32_t mechanics_configure(void *instance, const void *options, struct troupe_error *reterr)
{
	struct mechanics *m = instance;

	(void)reterr;
	m->options = options;
	return TROUPE_OK;
}

static int32_t mechanics_reload(void *instance, struct troupe_error *reterr)
{
	struct mechanics *m = instance;

	(void)reterr;
	rules_read(m->rules, 0);
	return TROUPE_OK;
}

static void owner_ready(struct mechanics *m)
{
	m->h->state(m->h, 1, m->players_len, NULL);
	tick_begin(m);
}

void owner_begin(struct mechanics *m)
{
	m->paused = 0;
	owner_ready(m);
}

void owner_goes_on(struct mechanics *m)
{
	m->paused = 0;
	log_line(m, TROUPE_LOG_NOTICE, NULL, "the world goes on: its lease holds");
	owner_ready(m);
}

void owner_end(struct mechanics *m)
{
	m->paused = 0;
	tick_end(m);
	players_forget(m);
}

static void mechanics_drain(void *instance)
{
	struct mechanics *m = instance;

	m->draining = 1;
	m->h->state(m->h, 0, m->players_len, "draining");
	tick_end(m); /* from here on nobody moves, so what is saved is the last word */
	interest_flush(m);
	players_drain(m);
}

static void mechanics_stop(void *instance)
{
	struct mechanics *m = instance;

	m->stopped = 1;
	lease_stop(m);
	tick_end(m);
	rules_stop(m->rules);
}

static void mechanics_destroy(void *instance)
{
	struct mechanics *m = instance;

	if (m->h == NULL) {
		return;
	}
	players_free(m);
	m->rules = rules_free(m->rules);
	world_close(&m->world);
	free(m->changes);
}

/* --- tables --------------------------------------------------------------------------------------- */

#define AT(member) .offset = offsetof(struct mechanics_options, member)

static const struct troupe_option options[] = {
	{ .name = "size", .help = "The world's width and depth; (0, 0) is its middle.", .fallback = "256",
	  .type = TROUPE_OPTION_INT, AT(size), .min = 8, .max = 100000 },
	{ .name = "cell", .help = "The side of a cell; players see the cell they are in and those around it.",
	  .fallback = "16", .type = TROUPE_OPTION_INT, AT(cell), .min = 1, .max = 1000 },
	{ .name = "tick", .help = "From one tick of the world to the next.", .fallback = "50ms",
	  .type = TROUPE_OPTION_DURATION, AT(tick_ms), .min = 5, .max = 5000 },
	{ .name = "speed", .help = "How far an avatar walks in a second.", .fallback = "4", .type = TROUPE_OPTION_INT,
	  AT(speed), .min = 1, .max = 1000 },
	{ .name = "save", .help = "The place of each avatar that moved is saved at least so often.", .fallback = "30s",
	  .type = TROUPE_OPTION_DURATION, .flags = TROUPE_OPTION_LIVE, AT(save_ms), .min = 1000, .max = 3600000 },
	{ .name = "max_avatars", .help = "Avatars in the world at once.", .fallback = "5000", .type = TROUPE_OPTION_INT,
	  .flags = TROUPE_OPTION_LIVE, AT(max_avatars), .min = 1, .max = 60000 },
	{ .name = "max_entities", .help = "Entities in the world at once, avatars among them.", .fallback = "20000",
	  .type = TROUPE_OPTION_INT, .flags = TROUPE_OPTION_LIVE, AT(max_entities), .min = 1, .max = 1000000 },
	{ .name = "seed", .help = "What all randomness of the world comes from.", .fallback = "1",
	  .type = TROUPE_OPTION_INT, AT(seed), .min = 0, .max = INT64_MAX },
	{ .name = "scripts", .help = "The folder with the rules: all its .lua files.", .type = TROUPE_OPTION_SOURCE,
	  AT(scripts) },
	{ .name = "watch", .help = "Whether the rules are loaded again when a file in the folder changes.",
	  .fallback = "true", .type = TROUPE_OPTION_BOOL, AT(watch) },
	{ .name = "linger", .help = "How long an avatar whose connection is lost stays in the world, for a session that resumes.",
	  .fallback = "60s", .type = TROUPE_OPTION_DURATION, .flags = TROUPE_OPTION_LIVE, AT(linger_ms), .max = 3600000 },
	{ .name = "lease", .help = "Where several instances share a shard: how long after the owner's last word another takes "
				   "the world over.",
	  .fallback = "3s", .type = TROUPE_OPTION_DURATION, AT(lease_ms), .min = 300, .max = 60000 },
	{ .name = "budget", .help = "Instructions that one call of a rule may take.", .fallback = "200000",
	  .type = TROUPE_OPTION_INT, AT(budget), .min = 1000, .max = 1000000000 },
	{ .name = "budget_time", .help = "Time after which a call is ended even within its instructions.",
	  .fallback = "100ms", .type = TROUPE_OPTION_DURATION, AT(budget_ms), .min = 1, .max = 10000 },
	{ .name = "memory", .help = "Memory of all the rules together.", .fallback = "32mb", .type = TROUPE_OPTION_SIZE,
	  AT(memory), .min = 1048576, .max = 4294967296 },
	{ .name = "quarantine", .help = "Errors of one rule after which it is paused until the scripts change.",
	  .fallback = "10", .type = TROUPE_OPTION_INT, .flags = TROUPE_OPTION_LIVE, AT(quarantine), .min = 1,
	  .max = 1000000 },
	{ 0 }
};

static const struct troupe_method methods[] = {
	WORLD_ENTER(players_on_enter), WORLD_LEAVE(players_on_leave), WORLD_LOOK(method_look), WORLD_MOVE(method_move),
	WORLD_ACT(method_act),	       WORLD_ECHO(method_echo),	      WORLD_CHAT(method_chat), { 0 }
};

static const struct troupe_role role = {
	.size = sizeof(role),
	.instance_size = sizeof(struct mechanics),
	.options_size = sizeof(struct mechanics_options),
	.check = mechanics_check,
	.create = mechanics_create,
	.start = mechanics_start,
	.configure = mechanics_configure,
	.reload = mechanics_reload,
	.drain = mechanics_drain,
	.stop = mechanics_stop,
	.destroy = mechanics_destroy,
};

static const char *const parts[] = { "shard", NULL };
static const char *const provides[] = { "world", NULL };
static const char *const uses[] = { "avatar", "frontend", "master", NULL };

TROUPE_EXPORT const struct troupe_plugin troupe_entry = {
	TROUPE_PLUGIN_HEAD,
	.kind = TROUPE_PLUGIN_ROLE,
	.name = "mechanics",
	.version = "0.1.0",
	.summary = "The world: avatars and other entities, movement, who sees whom, and rules in Lua.",
	.parts = parts,
	.provides = provides,
	.uses = uses,
	.options = options,
	.commands = mechanics_commands,
	.methods = methods,
	.role = &role,
};
