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
#define LIMITS "troupe_world_limits_total", "Times that a bound was reached."
#define SAVES "troupe_avatar_saves_total", "Saves of avatars, by result."
#define RULES "troupe_script_prepared_total", "Bundles of rules that were tried, by result."
#define CROSSED "troupe_world_crossed_total", "Avatars that went to another owner or came from one, and what was passed on."
#define WRITTEN "troupe_world_written_bytes_total", "Bytes that this owner wrote about its regions."
	METRIC(METRIC_TICKS, TROUPE_COUNTER, "troupe_ticks_total", "Ticks of the world.", NULL),
	METRIC(METRIC_LATE, TROUPE_COUNTER, "troupe_ticks_late_total", "Ticks after which the world ran slower than it should.",
	       NULL),
	METRIC(METRIC_TICK_TIME, TROUPE_HISTOGRAM, "troupe_tick_seconds", "How long this owner computed for a tick.", NULL),
	METRIC(METRIC_ENTITIES, TROUPE_GAUGE, "troupe_entities", "Entities in this owner's regions.", NULL),
	METRIC(METRIC_AVATARS, TROUPE_GAUGE, "troupe_avatars", "Avatars in this owner's regions.", NULL),
	METRIC(METRIC_REGIONS, TROUPE_GAUGE, "troupe_regions", "Regions that this owner has.", NULL),
	METRIC(METRIC_MOVE_REFUSED, TROUPE_COUNTER, REFUSED, "what=\"move\""),
	METRIC(METRIC_CHAT_REFUSED, TROUPE_COUNTER, REFUSED, "what=\"chat\""),
	METRIC(METRIC_ENTER_REFUSED, TROUPE_COUNTER, REFUSED, "what=\"enter\""),
	METRIC(METRIC_PAUSED_REFUSED, TROUPE_COUNTER, REFUSED, "what=\"paused\""),
	METRIC(METRIC_SAVED, TROUPE_COUNTER, SAVES, "result=\"saved\""),
	METRIC(METRIC_SAVE_FAILED, TROUPE_COUNTER, SAVES, "result=\"failed\""),
	METRIC(METRIC_FENCED, TROUPE_COUNTER, SAVES, "result=\"fenced\""),
	METRIC(METRIC_RULE_ERRORS, TROUPE_COUNTER, "troupe_script_errors_total", "Calls of rules that failed.", NULL),
	METRIC(METRIC_QUARANTINED, TROUPE_COUNTER, "troupe_script_quarantined_total",
	       "Rules paused because they failed too often.", NULL),
	METRIC(METRIC_RULES_ACCEPTED, TROUPE_COUNTER, RULES, "result=\"accepted\""),
	METRIC(METRIC_RULES_REFUSED, TROUPE_COUNTER, RULES, "result=\"refused\""),
	METRIC(METRIC_EFFECTS_FULL, TROUPE_COUNTER, LIMITS, "limit=\"effects\""),
	METRIC(METRIC_FULL, TROUPE_COUNTER, LIMITS, "limit=\"memory\""),
	METRIC(METRIC_INBOX_FULL, TROUPE_COUNTER, LIMITS, "limit=\"inputs\""),
	METRIC(METRIC_WAITING_FULL, TROUPE_COUNTER, LIMITS, "limit=\"waiting\""),
	METRIC(METRIC_EARLY_FULL, TROUPE_COUNTER, LIMITS, "limit=\"early\""),
	METRIC(METRIC_GRANTS_FULL, TROUPE_COUNTER, LIMITS, "limit=\"grants\""),
	METRIC(METRIC_EXCHANGES, TROUPE_COUNTER, "troupe_world_exchanges_total", "Parts of exchanges from other owners.", NULL),
	METRIC(METRIC_EXCHANGE_REFUSED, TROUPE_COUNTER, "troupe_world_exchanges_dropped_total",
	       "Parts of exchanges that were of another epoch or tick, or made no sense.", NULL),
	METRIC(METRIC_JOURNAL_BYTES, TROUPE_COUNTER, WRITTEN, "what=\"journal\""),
	METRIC(METRIC_CHECKPOINT_BYTES, TROUPE_COUNTER, WRITTEN, "what=\"checkpoint\""),
	METRIC(METRIC_HANDED, TROUPE_COUNTER, CROSSED, "what=\"handed\""),
	METRIC(METRIC_TAKEN, TROUPE_COUNTER, CROSSED, "what=\"taken\""),
	METRIC(METRIC_PASSED, TROUPE_COUNTER, CROSSED, "what=\"passed\""),
	METRIC(METRIC_RESTORES, TROUPE_COUNTER, "troupe_world_restores_total", "Times that regions were taken up.", NULL),
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

static int32_t mechanics_create(void *instance, const struct troupe_host *host, const void *options,
				struct troupe_error *reterr)
{
	struct mechanics *m = instance;

	m->h = host;
	m->options = options;
	for (int i = 0; i < METRIC_COUNT; i++) {
		m->metrics[i] = host->metric(host, &metric_table[i]);
	}
	m->ticking.seen = malloc(OWNERS_MAX * PARTS_MAX / 8);
	if (m->ticking.seen == NULL) {
		return fail(reterr, TROUPE_RESOURCE_EXHAUSTED, "no memory", "give the host more memory");
	}
	if (host->db_find(host, m->options->database, &m->db) != TROUPE_OK) {
		return fail(reterr, TROUPE_NOT_FOUND, "the database is not there", "`database` names one of the same part");
	}
	m->deferred_last = &m->deferred;
	/* Tokens of an earlier life are in the journal: ours are none of them. */
	host->random_bytes(host, &m->token, sizeof(m->token));
	return TROUPE_OK;
}

static int32_t mechanics_start(void *instance, struct troupe_error *reterr)
{
	struct mechanics *m = instance;

	(void)reterr;
	owner_join(m); /* and wait for what the scheduler gives us */
	return TROUPE_OK;
}

static int32_t mechanics_configure(void *instance, const void *options, struct troupe_error *reterr)
{
	struct mechanics *m = instance;

	(void)reterr;
	m->options = options;
	return TROUPE_OK;
}

static void mechanics_drain(void *instance)
{
	owner_drain(instance);
}

static void mechanics_stop(void *instance)
{
	struct mechanics *m = instance;

	m->stopped = 1;
	owner_forget(m);
	if (m->join_timer != 0) {
		m->h->timer_stop(m->h, m->join_timer);
	}
	if (m->drain_timer != 0) {
		m->h->timer_stop(m->h, m->drain_timer);
	}
}

static void mechanics_destroy(void *instance)
{
	struct mechanics *m = instance;

	if (m->h == NULL) {
		return;
	}
	owner_forget(m); /* a process that dies runs no stop */
	players_free(m);
	journal_free(m);
	bundle_free(m);
	restore_free(m);
	checkpoint_free(m);
	items_free(m);
	pass_free(m);
	free(m->ticking.seen);
	free(m->changes);
	ask_free(m);
	free(m->moved);
	free(m->blocks);
	free(m->sights);
}

/* --- tables --------------------------------------------------------------------------------------- */

#define AT(member) .offset = offsetof(struct mechanics_options, member)

static const struct troupe_option options[] = {
	{ .name = "database", .help = "The shard's database: the world lies in it.", .type = TROUPE_OPTION_DATABASE,
	  .flags = TROUPE_OPTION_REQUIRED, AT(database) },
	{ .name = "save", .help = "Each avatar that changed is saved at least so often.", .fallback = "30s",
	  .type = TROUPE_OPTION_DURATION, .flags = TROUPE_OPTION_LIVE, AT(save_ms), .min = 1000, .max = 3600000 },
	{ .name = "max_avatars", .help = "Avatars in this instance's regions at once.", .fallback = "5000",
	  .type = TROUPE_OPTION_INT, .flags = TROUPE_OPTION_LIVE, AT(max_avatars), .min = 1, .max = 60000 },
	{ .name = "linger", .help = "How long an avatar whose connection is lost stays in the world, for a session that resumes.",
	  .fallback = "60s", .type = TROUPE_OPTION_DURATION, .flags = TROUPE_OPTION_LIVE, AT(linger_ms), .max = 3600000 },
	{ .name = "budget_time", .help = "Time after which a call of a rule is ended even within its instructions.",
	  .fallback = "100ms", .type = TROUPE_OPTION_DURATION, AT(budget_ms), .min = 1, .max = 10000 },
	{ .name = "memory", .help = "Memory of all the rules together.", .fallback = "32mb", .type = TROUPE_OPTION_SIZE,
	  AT(memory), .min = 1048576, .max = 4294967296 },
	{ 0 }
};

static const struct troupe_method methods[] = {
	REGION_RESTORE(restore_on_restore),
	REGION_STAGE(stage_on_stage),
	REGION_DONE(stage_on_done),
	REGION_PAUSED(owner_on_paused),
	REGION_PREPARE(bundle_on_prepare),
	REGION_EXCHANGE(exchange_on_exchange),
	REGION_PASS(serve_pass),
	WORLD_ENTER(serve_enter),
	WORLD_LEAVE(serve_leave),
	WORLD_LOOK(serve_look),
	WORLD_MOVE(serve_move),
	WORLD_ACT(serve_act),
	WORLD_ECHO(serve_echo),
	WORLD_CHAT(serve_chat),
	{ 0 }
};

static const struct troupe_role role = {
	.size = sizeof(role),
	.instance_size = sizeof(struct mechanics),
	.options_size = sizeof(struct mechanics_options),
	.create = mechanics_create,
	.start = mechanics_start,
	.configure = mechanics_configure,
	.drain = mechanics_drain,
	.stop = mechanics_stop,
	.destroy = mechanics_destroy,
};

static const char *const parts[] = { "shard", NULL };
static const char *const provides[] = { "world", "region", NULL };
static const char *const uses[] = { "avatar", "item", "frontend", "tick", "region", NULL };

TROUPE_EXPORT const struct troupe_plugin troupe_entry = {
	TROUPE_PLUGIN_HEAD,
	.kind = TROUPE_PLUGIN_ROLE,
	.name = "mechanics",
	.version = "0.1.0",
	.summary = "The world: the regions of it that the scheduler gives this instance, and the players in them.",
	.parts = parts,
	.provides = provides,
	.uses = uses,
	.options = options,
	.commands = mechanics_commands,
	.methods = methods,
	.role = &role,
};
