/* SPDX-License-Identifier: MIT */
/* The scheduler role: its descriptor, options and life. */
#include "scheduler.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RETRY_MS 100u

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

/* --- a reign -------------------------------------------------------------------------------------- */

static void load(struct scheduler *s);

static void on_load_later(void *instance, void *arg)
{
	struct scheduler *s = instance;

	(void)arg;
	s->restore_timer = 0;
	load(s);
}

static void load_beat(struct scheduler *s, const Tick__Beat *beat)
{
	if (beat == NULL) {
		return;
	}
	s->beat.begun = beat->tick;
	s->beat.told = beat->told;
	s->paused = beat->paused;
	snprintf(s->reason, sizeof(s->reason), "%s", beat->reason != NULL ? beat->reason : "");
}

static void load_checkpoint(struct scheduler *s, const Tick__Checkpoint *record)
{
	struct checkpoint *c = &s->checkpoint;

	memset(c, 0, sizeof(*c));
	c->due_us = s->h->now_us(s->h) + (uint64_t)s->options->checkpoint_ms * 1000u;
	if (record == NULL) {
		return;
	}
	c->tick = record->tick;
	c->generation = record->has_rules && record->rules.len == WORLD_DIGEST_SIZE ? record->generation : 0;
	if (c->generation != 0) {
		memcpy(c->rules, record->rules.data, WORLD_DIGEST_SIZE);
	}
}

static void on_loaded(void *instance, void *arg, const struct troupe_db_page *page)
{
	static const ProtobufCMessageDescriptor *const types[3] = { &tick__beat__descriptor, &tick__checkpoint__descriptor,
								    &tick__generations__descriptor };
	struct scheduler *s = instance;
	struct proto_arena arena;
	ProtobufCMessage *records[3] = { NULL };
	int damaged = 0;

	if (s->stopped || s->phase != PHASE_LOAD || s->turn != (uint64_t)(uintptr_t)arg) {
		return;
	}
	if (page->status != TROUPE_OK || page->count != 3) {
		s->restore_timer = s->h->timer_start(s->h, RETRY_MS, on_load_later, NULL);
		return;
	}
	proto_arena_init(&arena);
	for (int i = 0; i < 3; i++) {
		const struct troupe_db_value *value = &page->values[i];

		records[i] = value->version != 0 ? proto_unpack(types[i], value->value, value->value_len, &arena) : NULL;
		damaged |= value->version != 0 && records[i] == NULL;
	}
	if (damaged) {
		log_line(s, TROUPE_LOG_ERROR, "S0405", "the world's records in database %s cannot be read: restore a backup of it",
			 s->options->database);
		s->h->state(s->h, 0, 0, "the world's records cannot be read");
	} else {
		load_beat(s, (const Tick__Beat *)records[0]);
		load_checkpoint(s, (const Tick__Checkpoint *)records[1]);
		rules_load(s, (const Tick__Generations *)records[2]);
		s->phase = PHASE_GATHER;
		tell_state(s);
		rules_begin(s);
		owners_begin(s);
	}
	proto_arena_free(&arena);
}

static void load(struct scheduler *s)
{
	static const char *const names[3] = { WORLD_KEY_TICK, WORLD_KEY_CHECKPOINT, WORLD_KEY_RULES };
	struct troupe_db_check keys[3] = { 0 };
	struct troupe_db_get get = { .size = sizeof(get), .db = s->db, .keys = keys, .keys_len = 3, .on_page = on_loaded,
				     .arg = (void *)(uintptr_t)s->turn };

	for (int i = 0; i < 3; i++) {
		keys[i].key = names[i];
		keys[i].key_len = (uint32_t)strlen(names[i]);
	}
	s->h->db_get(s->h, &get);
}

void reign_begin(struct scheduler *s)
{
	s->turn++;
	s->phase = PHASE_LOAD;
	s->hold = 0;
	memset(&s->beat, 0, sizeof(s->beat));
	s->paused = s->pause_wanted = s->epoch_used = s->restored = s->has_digest = 0;
	s->failures = 0;
	s->restore_began = moment_now(s);
	s->restore_us = s->balanced_us = s->h->now_us(s->h);
	metric_set(s, METRIC_PAUSED, 1);
	load(s);
}

void reign_end(struct scheduler *s)
{
	s->turn++;
	s->phase = PHASE_NONE;
	beat_end(s);
	checkpoint_drop(s);
	rules_end(s);
	owners_end(s);
	command_drop(s);
	timer_clear(s, &s->restore_timer);
	s->restore_us = 0;
	s->db_away = AWAY_NOT;
	metric_set(s, METRIC_PAUSED, 0);
}

/* --- life ----------------------------------------------------------------------------------------- */

static int32_t fail(struct troupe_error *reterr, int32_t status, const char *text, const char *help)
{
	reterr->status = status;
	snprintf(reterr->text, sizeof(reterr->text), "%s", text);
	snprintf(reterr->help, sizeof(reterr->help), "%s", help);
	return status;
}

static uint32_t side_of(const struct scheduler_options *options)
{
	return (uint32_t)((options->size + options->region - 1) / options->region);
}

static int32_t scheduler_check(const struct troupe_check_in *in, struct troupe_error *reterr)
{
	const struct scheduler_options *options = in->options;
	uint64_t side = side_of(options);

	if (options->region % 16 != 0) {
		return fail(reterr, TROUPE_INVALID_ARGUMENT, "`region` is not a multiple of 16",
			    "a region is made of whole chunks: 16, 32, 48, 64 ...");
	}
	if (options->size % 32 != 0) {
		return fail(reterr, TROUPE_INVALID_ARGUMENT, "`size` is not a multiple of 32",
			    "a world is made of whole chunks on both sides of its middle: 32, 64, 96 ... 256");
	}
	if (options->height % 16 != 0) {
		return fail(reterr, TROUPE_INVALID_ARGUMENT, "`height` is not a multiple of 16", "make it 16, 32, 48, 64 ...");
	}
	if (side * side > REGIONS_MAX) {
		return fail(reterr, TROUPE_INVALID_ARGUMENT, "the world has more than 16384 regions",
			    "make region larger or size smaller");
	}
	if (strcmp(options->map, "hills") != 0 && strcmp(options->map, "flat") != 0) {
		return fail(reterr, TROUPE_INVALID_ARGUMENT, "`map` is neither \"hills\" nor \"flat\"", "choose one of them");
	}
	if (strcmp(options->commit, "queue") != 0 && strcmp(options->commit, "lock") != 0) {
		return fail(reterr, TROUPE_INVALID_ARGUMENT, "`commit` is neither \"queue\" nor \"lock\"",
			    "choose one of them: the world is the same with both");
	}
	return TROUPE_OK;
}

static int32_t scheduler_create(void *instance, const struct troupe_host *host, const void *options,
				struct troupe_error *reterr)
{
	struct scheduler *s = instance;

	(void)reterr;
	s->h = host;
	s->options = options;
	s->side = side_of(options);
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
		return fail(reterr, TROUPE_NOT_FOUND, "the database is not there", "name a database block of this part");
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

#define AT(member) .offset = offsetof(struct scheduler_options, member)
#define AT_BALANCE(member) .offset = offsetof(struct balance_options, member)
#define LIVE .flags = TROUPE_OPTION_LIVE

static const struct troupe_option balance_table[] = {
	{ .name = "threshold", .help = "Percent that the owner with most entities may be above the mean of all.", .fallback = "25",
	  .type = TROUPE_OPTION_INT, LIVE, AT_BALANCE(threshold), .min = 1, .max = 10000 },
	{ .name = "every", .help = "One region moves at most so often.", .fallback = "5s", .type = TROUPE_OPTION_DURATION,
	  LIVE, AT_BALANCE(every_ms), .min = 100, .max = 3600000 },
	{ 0 }
};

static const struct troupe_option options[] = {
	{ .name = "database", .help = "Where the world is kept.", .type = TROUPE_OPTION_DATABASE,
	  .flags = TROUPE_OPTION_REQUIRED, AT(database) },
	{ .name = "tick", .help = "From one tick of the world to the next.", .fallback = "50ms", .type = TROUPE_OPTION_DURATION,
	  LIVE, AT(tick_ms), .min = 5, .max = 5000 },
	{ .name = "size", .help = "The world's width and depth in blocks, a multiple of 32; (0, 0) is its middle. Cannot change later.",
	  .fallback = "256", .type = TROUPE_OPTION_INT, AT(size), .min = 32, .max = 8192 },
	{ .name = "height", .help = "The world's height in blocks, a multiple of 16. Cannot change later.", .fallback = "64",
	  .type = TROUPE_OPTION_INT, AT(height), .min = 16, .max = 256 },
	{ .name = "map", .help = "What the world is made of before anybody changes it: \"hills\" or \"flat\". Cannot change later.",
	  .fallback = "hills", .type = TROUPE_OPTION_STRING, AT(map), .min = 1, .max = 15 },
	{ .name = "seed", .help = "What the map and all randomness of the world come from. Cannot change later.", .fallback = "1",
	  .type = TROUPE_OPTION_INT, AT(seed), .min = 0, .max = INT64_MAX },
	{ .name = "region", .help = "The side of a region in blocks, a multiple of 16: what one mechanics instance owns as a whole. "
				    "Cannot change later.",
	  .fallback = "64", .type = TROUPE_OPTION_INT, AT(region), .min = 16, .max = 1024 },
	{ .name = "commit", .help = "How edits of blocks that meet are decided: \"queue\" or \"lock\"; the outcome is the same.",
	  .fallback = "queue", .type = TROUPE_OPTION_STRING, LIVE, AT(commit), .min = 1, .max = 15 },
	{ .name = "scripts", .help = "The folder with the rules: all its .lua files.", .type = TROUPE_OPTION_SOURCE, AT(scripts) },
	{ .name = "watch", .help = "Whether the rules are loaded again when a file in the folder changes.", .fallback = "true",
	  .type = TROUPE_OPTION_BOOL, AT(watch) },
	{ .name = "keep", .help = "Generations of rules that are kept for a rollback.", .fallback = "10",
	  .type = TROUPE_OPTION_INT, LIVE, AT(keep), .min = 1, .max = HISTORY_MAX },
	{ .name = "budget", .help = "Instructions that one call of a rule may take.", .fallback = "200000",
	  .type = TROUPE_OPTION_INT, LIVE, AT(budget), .min = 1000, .max = 1000000000 },
	{ .name = "quarantine", .help = "Errors of one rule after which it is paused until the scripts change; "
	  "those in calls about one player count once.", .fallback = "10",
	  .type = TROUPE_OPTION_INT, LIVE, AT(quarantine), .min = 1, .max = 1000000 },
	{ .name = "max_entities", .help = "Entities in the world at once, avatars among them.", .fallback = "20000",
	  .type = TROUPE_OPTION_INT, LIVE, AT(max_entities), .min = 1, .max = 1000000 },
	{ .name = "speed", .help = "How far an avatar walks in a second.", .fallback = "4", .type = TROUPE_OPTION_INT, LIVE,
	  AT(speed), .min = 1, .max = 1000 },
	{ .name = "checkpoint", .help = "From one checkpoint of the world to the next.", .fallback = "10s",
	  .type = TROUPE_OPTION_DURATION, LIVE, AT(checkpoint_ms), .min = 100, .max = 3600000 },
	{ .name = "lease", .help = "How long after its last word a scheduler, or an owner of regions, is taken for dead.",
	  .fallback = "2s", .type = TROUPE_OPTION_DURATION, LIVE, AT(lease_ms), .min = 300, .max = 60000 },
	{ .name = "balance", .help = "When regions move so that owners have about equally much to do.",
	  .type = TROUPE_OPTION_BLOCK, LIVE, AT(balance), .fields = balance_table },
	{ 0 }
};

static const struct troupe_method methods[] = { TICK_JOIN(owners_on_join), TICK_SAVED(checkpoint_on_saved), { 0 } };

static const struct troupe_role role = {
	.size = sizeof(role),
	.instance_size = sizeof(struct scheduler),
	.options_size = sizeof(struct scheduler_options),
	.check = scheduler_check,
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
	.options = options,
	.commands = scheduler_commands,
	.methods = methods,
	.role = &role,
};
