/* SPDX-License-Identifier: MIT */
/* Which of a part's schedulers runs the world: a record in its database, taken and renewed by compare-and-set. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler.h"

/*
 * Time lives in memory, since no two processes share a clock: one who stands by takes the lease when it has seen its record
 * unchanged for `lease` of its own time. That is safe at any speed of clocks, because the taker's commit raises the fence
 * "world", and what the sleeper before it still writes is refused.
 */

#define READ_MIN_MS 20u

int lease_held(const struct scheduler *s)
{
	return s->lease.state == LEASE_HELD;
}

/* --- holding -------------------------------------------------------------------------------------- */

static void look_in(struct scheduler *s, uint64_t ms);

/* Ticks renew it; where there are none, or few, this does. */
static void renew(struct scheduler *s)
{
	uint64_t quarter_us = (uint64_t)s->options->lease_ms * 1000 / 4;

	if (!lease_busy(s) && s->h->now_us(s->h) - s->lease.renewed_us >= quarter_us) {
		lease_write(s, s->lease.epoch, NULL);
	}
	look_in(s, (uint64_t)s->options->lease_ms / 4);
}

static void on_taken(struct scheduler *s, uint64_t turn)
{
	(void)turn;
	s->lease.state = LEASE_HELD;
	s->lease.shape_there = 1;
	log_line(s, TROUPE_LOG_NOTICE, NULL, "runs the world, with epoch %llu%s%s", (unsigned long long)s->lease.epoch,
		 s->lease.owner[0] != '\0' ? ", after " : "", s->lease.owner);
	metric_add(s, METRIC_TAKEOVERS, 1);
	look_in(s, (uint64_t)s->options->lease_ms / 4);
	reign_begin(s);
}

void lease_lost(struct scheduler *s, const char *why)
{
	struct lease *lease = &s->lease;

	if (lease->state != LEASE_HELD) {
		return;
	}
	log_line(s, TROUPE_LOG_WARNING, "S0441", "stands down: %s", why);
	lease_write_drop(s);
	lease->state = LEASE_STANDBY;
	lease->seen_us = 0;
	reign_end(s);
	lease_look(s);
}

static void on_released(struct scheduler *s, uint64_t turn)
{
	(void)turn;
	lease_stop(s);
	drain_done(s);
}

void lease_release(struct scheduler *s)
{
	if (lease_busy(s)) {
		lease_wait(s, lease_release);
	} else {
		lease_write_begin(s, s->lease.epoch, on_released, 1);
	}
}

/* --- standing by ---------------------------------------------------------------------------------- */

void lease_shape(struct scheduler *s, Region__Shape *ret_shape)
{
	const struct scheduler_options *o = s->options;

	region__shape__init(ret_shape);
	ret_shape->has_size = ret_shape->has_height = ret_shape->has_seed = ret_shape->has_region = ret_shape->has_tick_ms = 1;
	ret_shape->has_budget = ret_shape->has_quarantine = ret_shape->has_max_entities = ret_shape->has_speed = 1;
	ret_shape->size = (uint32_t)o->size;
	ret_shape->height = (uint32_t)o->height;
	ret_shape->map = (char *)o->map;
	ret_shape->seed = (uint64_t)o->seed;
	ret_shape->region = (uint32_t)o->region;
	ret_shape->tick_ms = s->settings.tick_ms;
	ret_shape->commit = s->settings.commit;
	ret_shape->budget = s->settings.budget;
	ret_shape->quarantine = s->settings.quarantine;
	ret_shape->max_entities = s->settings.max_entities;
	ret_shape->speed = s->settings.speed;
}

static void take(struct scheduler *s, uint64_t version)
{
	Region__Shape shape;

	s->lease.state = LEASE_TAKING;
	s->lease.version = version;
	s->h->random_bytes(s->h, &s->lease.beat, sizeof(s->lease.beat));
	s->lease.beat >>= 1;
	if (!s->lease.shape_there) {
		lease_shape(s, &shape);
		lease_op(s, WORLD_KEY_SHAPE, &shape.base);
	}
	lease_write(s, s->lease.epoch + 1, on_taken);
}

/* differs: 1 if what the configuration says is not what the world is; *ret_text says what. */
static int differs(const struct scheduler *s, const Region__Shape *there, char *ret_text, size_t size)
{
	const struct {
		const char *name;
		uint64_t there, here;
	} numbers[] = { { "size", there->size, (uint64_t)s->options->size },
			{ "height", there->height, (uint64_t)s->options->height },
			{ "region", there->region, (uint64_t)s->options->region },
			{ "seed", there->seed, (uint64_t)s->options->seed } };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (numbers[i].there != numbers[i].here) {
			snprintf(ret_text, size, "the world in database %s has %s = %llu, the configuration says %llu: set it back, or "
				 "give the world another database", s->options->database, numbers[i].name,
				 (unsigned long long)numbers[i].there, (unsigned long long)numbers[i].here);
			return 1;
		}
	}
	if (strcmp(there->map != NULL ? there->map : "", s->options->map) != 0) {
		snprintf(ret_text, size, "the world in database %s has map = \"%s\", the configuration says \"%s\": set it back, or "
			 "give the world another database", s->options->database, there->map != NULL ? there->map : "",
			 s->options->map);
		return 1;
	}
	return 0;
}

static void refuse_world(struct scheduler *s, const char *text)
{
	log_line(s, TROUPE_LOG_ERROR, "S0440", "%s", text);
	snprintf(s->lease.refused, sizeof(s->lease.refused), "%s", text);
	s->h->state(s->h, 0, 0, text);
}

/* shape_fits: 0 = the world that is there is another one, and everybody has been told. */
static int shape_fits(struct scheduler *s, const struct troupe_db_value *value)
{
	struct proto_arena arena;
	const Region__Shape *there;
	char text[TEXT_LEN];
	int fits = 1;

	s->lease.shape_there = value->version != 0;
	if (value->version == 0) {
		return 1;
	}
	proto_arena_init(&arena);
	there = (const Region__Shape *)proto_unpack(&region__shape__descriptor, value->value, value->value_len, &arena);
	if (there != NULL) {
		s->settings = (struct settings){ there->tick_ms, there->quarantine, there->max_entities, there->speed,
						 there->budget, "" };
		snprintf(s->settings.commit, sizeof(s->settings.commit), "%s", there->commit != NULL ? there->commit : "");
	}
	if (there == NULL) {
		snprintf(text, sizeof(text), "the record world/shape in database %s cannot be read: restore a backup of it",
			 s->options->database);
		fits = 0;
	} else if (differs(s, there, text, sizeof(text))) {
		fits = 0;
	}
	proto_arena_free(&arena);
	if (!fits) {
		refuse_world(s, text);
	}
	return fits;
}

/* is_foreign: 1 if a scheduler of another part runs the world there: two shards share a database. What the second would take when
 * the first stops is the first one's world, with its avatars. */
static int is_foreign(struct scheduler *s)
{
	const char *owner = s->lease.owner, *slash = strchr(owner, '/'), *here = strchr(s->h->name, '/');
	char text[TEXT_LEN];

	if (slash == NULL || here == NULL ||
	    (slash - owner == here - s->h->name && memcmp(owner, s->h->name, (size_t)(slash - owner)) == 0)) {
		return 0;
	}
	snprintf(text, sizeof(text), "the world in database %s is that of %s: give each shard a database of its own",
		 s->options->database, owner);
	refuse_world(s, text);
	return 1;
}

/* free_now: nobody renews it any more, or it was given back, or it was ours before this process began. */
static int free_now(struct scheduler *s, const struct troupe_db_value *value)
{
	struct lease *lease = &s->lease;
	uint64_t now_us = s->h->now_us(s->h);
	const Tick__Lease *record;
	struct proto_arena arena;

	if (value->version == 0) {
		lease->epoch = 0;
		lease->owner[0] = '\0';
		return 1;
	}
	if (lease->seen_us == 0 || value->version != lease->version) {
		lease->seen_us = now_us;
		lease->version = value->version;
	}
	proto_arena_init(&arena);
	record = (const Tick__Lease *)proto_unpack(&tick__lease__descriptor, value->value, value->value_len, &arena);
	lease->epoch = record != NULL && record->epoch > lease->epoch ? record->epoch : lease->epoch;
	snprintf(lease->owner, sizeof(lease->owner), "%s", record != NULL && record->owner != NULL ? record->owner : "");
	proto_arena_free(&arena);
	return lease->owner[0] == '\0' || strcmp(lease->owner, s->h->name) == 0 ||
	       now_us - lease->seen_us >= (uint64_t)s->options->lease_ms * 1000;
}

void lease_waits(struct scheduler *s, int32_t status)
{
	char text[TEXT_LEN];

	snprintf(text, sizeof(text), status == TROUPE_RESOURCE_EXHAUSTED ? "database %s has no room" : "waiting for database %s",
		 s->options->database);
	s->h->state(s->h, 0, 0, text);
}

static void tell_standby(struct scheduler *s)
{
	char text[TEXT_LEN];

	snprintf(text, sizeof(text), "standing by: %s runs the world", s->lease.owner);
	s->h->state(s->h, TROUPE_STANDBY, 0, text);
}

static void on_looked(void *instance, void *arg, const struct troupe_db_page *page)
{
	struct scheduler *s = instance;
	struct lease *lease = &s->lease;
	uint64_t quarter_ms = (uint64_t)s->options->lease_ms / 4, age_ms, before;

	if (s->stopped || lease->reading != (uint64_t)(uintptr_t)arg || lease->state != LEASE_STANDBY) {
		return;
	}
	if (page->status != TROUPE_OK || page->count != 2) {
		lease->seen_us = 0; /* its owner cannot renew it now either */
		lease_waits(s, page->status);
		look_in(s, quarter_ms);
		return;
	}
	if (!shape_fits(s, &page->values[1])) {
		lease->state = LEASE_REFUSED;
		return;
	}
	if (s->draining) {
		return;
	}
	before = lease->seen_us != 0 ? lease->version : 0;
	if (free_now(s, &page->values[0])) {
		take(s, page->values[0].version);
		return;
	}
	if (before != 0 && before != lease->version && is_foreign(s)) { /* it lives: it has renewed it since */
		lease->state = LEASE_REFUSED;
		return;
	}
	tell_standby(s);
	age_ms = (s->h->now_us(s->h) - lease->seen_us) / 1000;
	look_in(s, (uint64_t)s->options->lease_ms - age_ms < quarter_ms ? (uint64_t)s->options->lease_ms - age_ms : quarter_ms);
}

void lease_look(struct scheduler *s)
{
	struct troupe_db_check keys[2] = {
		{ .key = WORLD_KEY_LEASE, .key_len = (uint32_t)strlen(WORLD_KEY_LEASE) },
		{ .key = WORLD_KEY_SHAPE, .key_len = (uint32_t)strlen(WORLD_KEY_SHAPE) }
	};
	struct troupe_db_get get = { .size = sizeof(get),
				     .db = s->db,
				     .keys = keys,
				     .keys_len = 2,
				     .on_page = on_looked,
				     .arg = (void *)(uintptr_t)++s->lease.reading };

	s->h->db_get(s->h, &get);
}

static void on_timer(void *instance, void *arg)
{
	struct scheduler *s = instance;

	(void)arg;
	s->lease.timer = 0;
	if (s->lease.state == LEASE_HELD) {
		renew(s);
	} else if (s->lease.state == LEASE_STANDBY) {
		lease_look(s);
	}
}

static void look_in(struct scheduler *s, uint64_t ms)
{
	timer_clear(s, &s->lease.timer);
	s->lease.timer = s->h->timer_start(s->h, ms > READ_MIN_MS ? ms : READ_MIN_MS, on_timer, NULL);
}

void lease_begin(struct scheduler *s)
{
	s->lease.state = LEASE_STANDBY;
	lease_waits(s, TROUPE_UNAVAILABLE);
	lease_look(s);
}

void lease_stop(struct scheduler *s)
{
	s->lease.state = LEASE_OFF;
	timer_clear(s, &s->lease.timer);
	lease_write_drop(s);
}
