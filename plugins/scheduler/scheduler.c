/* SPDX-License-Identifier: MIT */
/* The scheduler role: its descriptor, metrics and life. */
#include "scheduler.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

static const struct troupe_metric metric_table[METRIC_COUNT] = {
#define METRIC_OF(type, text, what, label) \
	{ .size = sizeof(struct troupe_metric), .kind = type, .name = text, .help = what, .labels = label }
#define METRIC(id, ...) [id] = METRIC_OF(__VA_ARGS__)
#define DURATION "troupe_tick_duration_seconds", "How long a stage of a tick took, until the last owner had ended it."
#define RELOADS "troupe_world_reloads_total", "Rules that were tried, by result."
	METRIC(METRIC_STAGE_1, TROUPE_HISTOGRAM, DURATION, "stage=\"entities\""),
	METRIC(METRIC_STAGE_2, TROUPE_HISTOGRAM, DURATION, "stage=\"edits\""),
	METRIC(METRIC_STAGE_3, TROUPE_HISTOGRAM, DURATION, "stage=\"movement\""),
	METRIC(METRIC_LAG, TROUPE_HISTOGRAM, "troupe_tick_lag_seconds", "How late ticks began.", NULL),
	METRIC(METRIC_OVERRUNS, TROUPE_COUNTER, "troupe_tick_overruns_total",
	       "Ticks left out because those before took too long.", NULL),
	METRIC(METRIC_TICKS, TROUPE_COUNTER, "troupe_world_ticks_total", "Ticks of the world.", NULL),
	METRIC(METRIC_AGAIN, TROUPE_COUNTER, "troupe_world_ticks_again_total", "Ticks run again from the journal.", NULL),
	METRIC(METRIC_OWNERS, TROUPE_GAUGE, "troupe_world_owners", "Instances that own regions of the world.", NULL),
	METRIC(METRIC_ENTITIES, TROUPE_GAUGE, "troupe_world_entities", "Entities in the world, of all its owners.", NULL),
	METRIC(METRIC_AVATARS, TROUPE_GAUGE, "troupe_world_avatars", "Avatars in the world, of all its owners.", NULL),
	METRIC(METRIC_PAUSED, TROUPE_GAUGE, "troupe_world_paused", "1 while no tick of the world begins.", NULL),
	METRIC(METRIC_RESTORES, TROUPE_COUNTER, "troupe_world_recoveries_total",
	       "Times that the world was brought back from its last checkpoint and journal.", NULL),
	METRIC(METRIC_RESTORE_TIME, TROUPE_HISTOGRAM, "troupe_world_restore_duration_seconds",
	       "How long the world stood for a restore.", NULL),
	METRIC(METRIC_TAKEOVERS, TROUPE_COUNTER, "troupe_world_takeovers_total", "Times that this instance took the world over.",
	       NULL),
	METRIC(METRIC_MOVES, TROUPE_COUNTER, "troupe_world_region_moves_total",
	       "Regions that went to another owner to share the work.", NULL),
	METRIC(METRIC_CHECKPOINTS, TROUPE_COUNTER, "troupe_world_checkpoints_total", "Checkpoints of the world.", NULL),
	METRIC(METRIC_CHECKPOINT_TIME, TROUPE_HISTOGRAM, "troupe_world_checkpoint_duration_seconds",
	       "How long a checkpoint took beside the ticks.", NULL),
	METRIC(METRIC_GENERATION, TROUPE_GAUGE, "troupe_world_generation", "The generation of rules that is in force.", NULL),
	METRIC(METRIC_RELOADED, TROUPE_COUNTER, RELOADS, "result=\"accepted\""),
	METRIC(METRIC_RELOAD_REFUSED, TROUPE_COUNTER, RELOADS, "result=\"refused\""),
	METRIC(METRIC_FULL, TROUPE_COUNTER, "troupe_world_schedule_limits_total", "Times that a bound of the scheduler was reached.",
	       NULL),
};

void metric_add(struct scheduler *s, enum metric metric, int64_t delta)
{
	s->h->metric_add(s->h, s->metrics[metric], delta);
}

void metric_set(struct scheduler *s, enum metric metric, int64_t value)
{
	s->h->metric_set(s->h, s->metrics[metric], value);
}

void metric_time(struct scheduler *s, enum metric metric, uint64_t us)
{
	s->h->metric_observe(s->h, s->metrics[metric], us);
}

void log_line(struct scheduler *s, uint32_t level, const char *code, const char *format, ...)
{
	char text[1024];
	struct troupe_log line = { .size = sizeof(line), .level = level, .text = text, .code = code };
	va_list args;

	if (!s->h->log_wanted(s->h, level)) {
		return;
	}
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	s->h->log(s->h, &line);
}

struct moment moment_now(const struct scheduler *s)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (struct moment){ s->h->now_us(s->h), (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u };
}

uint64_t moment_us(const struct scheduler *s, const struct moment *from)
{
	struct moment now = moment_now(s);
	uint64_t host_us = now.host_us - from->host_us, machine_us = now.machine_us - from->machine_us;

	return host_us > machine_us ? host_us : machine_us;
}

void timer_clear(struct scheduler *s, uint64_t *timer)
{
	if (*timer != 0) {
		s->h->timer_stop(s->h, *timer);
		*timer = 0;
	}
}

/* Owners speak to it whether the world stands or not, so it takes calls as long as it holds the lease. */
void tell_state(struct scheduler *s)
{
	const char *why = beat_stands(s);
	char text[TEXT_LEN + 16];

	if (!lease_held(s) || s->draining) {
		return;
	}
	snprintf(text, sizeof(text), "paused: %s", why != NULL ? why : "");
	s->h->state(s->h, 1, s->owners_len, why != NULL ? text : NULL);
}

/* --- life ----------------------------------------------------------------------------------------- */

static int32_t scheduler_create(void *instance, const struct troupe_host *host, const void *options,
				struct troupe_error *reterr)
{
	struct scheduler *s = instance;

	(void)reterr;
	s->h = host;
	s->options = options;
	s->side = options_side(options);
	s->regions = s->side * s->side;
	for (int i = 0; i < METRIC_COUNT; i++) {
		s->metrics[i] = host->metric(host, &metric_table[i]);
	}
	return TROUPE_OK;
}

static int32_t scheduler_start(void *instance, struct troupe_error *reterr)
{
	struct scheduler *s = instance;

	if (s->h->db_find(s->h, s->options->database, &s->db) != TROUPE_OK) {
		return options_fail(reterr, TROUPE_NOT_FOUND, "the database is not there", "name a database block of this part");
	}
	lease_begin(s);
	return TROUPE_OK;
}

static int32_t scheduler_configure(void *instance, const void *options, struct troupe_error *reterr)
{
	struct scheduler *s = instance;

	(void)reterr;
	s->options = options;
	restore_settings(s);
	return TROUPE_OK;
}

static int32_t scheduler_reload(void *instance, struct troupe_error *reterr)
{
	(void)reterr;
	rules_read(instance, 0, "a reload", 0);
	return TROUPE_OK;
}

void drain_done(struct scheduler *s)
{
	if (!s->drained) {
		s->drained = 1;
		s->h->drained(s->h);
	}
}

static void on_drain_saved(struct scheduler *s)
{
	if (!lease_held(s)) {
		drain_done(s);
		return;
	}
	owners_tell_paused(s, "the scheduler stops", NULL);
	s->h->state(s->h, 0, 0, "draining");
	reign_end(s);
	lease_release(s);
}

static void scheduler_drain(void *instance)
{
	struct scheduler *s = instance;

	s->draining = 1;
	if (!lease_held(s)) {
		s->h->state(s->h, 0, 0, "draining");
		lease_stop(s);
		drain_done(s);
	} else {
		checkpoint_now(s, on_drain_saved); /* until then it goes on: owners speak to it */
	}
}

static void scheduler_stop(void *instance)
{
	struct scheduler *s = instance;

	s->stopped = 1;
	beat_end(s);
	rules_stop(s);
	owners_end(s);
	lease_stop(s);
	timer_clear(s, &s->restore_timer);
}

static void scheduler_destroy(void *instance)
{
	struct scheduler *s = instance;

	if (s->h == NULL) {
		return;
	}
	if (!s->stopped) {
		scheduler_stop(s);
	}
	command_free(s);
}

/* --- tables --------------------------------------------------------------------------------------- */

static const struct troupe_method methods[] = { TICK_JOIN(owners_on_join), TICK_SAVED(checkpoint_on_saved), { 0 } };

static const struct troupe_role role = {
	.size = sizeof(role),
	.instance_size = sizeof(struct scheduler),
	.options_size = sizeof(struct scheduler_options),
	.check = options_check,
	.create = scheduler_create,
	.start = scheduler_start,
	.configure = scheduler_configure,
	.reload = scheduler_reload,
	.drain = scheduler_drain,
	.stop = scheduler_stop,
	.destroy = scheduler_destroy,
};

static const char *const parts[] = { "shard", NULL };
static const char *const provides[] = { "tick", NULL };
static const char *const uses[] = { "region", NULL };

TROUPE_EXPORT const struct troupe_plugin troupe_entry = {
	TROUPE_PLUGIN_HEAD,
	.kind = TROUPE_PLUGIN_ROLE,
	.name = "scheduler",
	.version = "0.1.0",
	.summary = "The clock of a world: its ticks, who owns which region, checkpoints, and the rules in force.",
	.parts = parts,
	.provides = provides,
	.uses = uses,
	.options = scheduler_option_table,
	.commands = scheduler_commands,
	.methods = methods,
	.role = &role,
};
