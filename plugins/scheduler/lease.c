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
 *
 * A write whose outcome is not known is looked up: the record says who wrote it and the number of the write. It has no
 * idempotency key, since databases remember those for ever and there is a write for every tick.
 */

#define RETRY_MS 50u
#define TELL_AFTER 20u /* tries: then players are told */
#define READ_MIN_MS 20u

static void look(struct scheduler *s);
static void commit(struct scheduler *s);

int lease_held(const struct scheduler *s)
{
	return s->lease.state == LEASE_HELD;
}

int lease_busy(const struct scheduler *s)
{
	return s->lease.write.active;
}

/* --- writing -------------------------------------------------------------------------------------- */

static void write_clear(struct lease *lease)
{
	for (uint32_t i = 0; i < lease->write.ops_len; i++) {
		free(lease->write.ops[i].value);
	}
	lease->write.ops_len = 0;
}

static void away(struct scheduler *s, int is)
{
	if (s->db_away != is) {
		s->db_away = is;
		log_line(s, is ? TROUPE_LOG_WARNING : TROUPE_LOG_NOTICE, NULL,
			 is ? "the world stands: database %s does not say what became of a commit; it is asked again"
			    : "database %s answers again",
			 s->options->database);
		metric_set(s, METRIC_PAUSED, beat_stands(s) != NULL);
		tell_state(s);
	}
}

static void written(struct scheduler *s, uint64_t version)
{
	struct lease *lease = &s->lease;
	void (*waiting)(struct scheduler *s) = lease->waiting;

	lease->version = version;
	lease->epoch = lease->write.epoch;
	lease->renewed_us = lease->write.asked_us;
	lease->write.active = 0;
	lease->waiting = NULL;
	write_clear(lease);
	away(s, 0);
	if (lease->write.done != NULL) {
		lease->write.done(s, lease->write.turn);
	}
	if (waiting != NULL) {
		waiting(s);
	}
	checkpoint_check(s);
}

static void refused(struct scheduler *s, const char *why)
{
	struct lease *lease = &s->lease;

	lease->write.active = 0;
	lease->waiting = NULL;
	write_clear(lease);
	if (lease->state == LEASE_TAKING) {
		lease->state = LEASE_STANDBY;
		lease->seen_us = 0;
		look(s);
	} else if (lease->write.release) {
		lease->write.done(s, lease->write.turn);
	} else {
		lease_lost(s, why);
	}
}

static void on_read_back(void *instance, void *arg, const struct troupe_db_page *page);

static void read_back(struct scheduler *s)
{
	struct troupe_db_check key = { .key = WORLD_KEY_LEASE, .key_len = (uint32_t)strlen(WORLD_KEY_LEASE) };
	struct troupe_db_get get = { .size = sizeof(get),
				     .db = s->db,
				     .keys = &key,
				     .keys_len = 1,
				     .on_page = on_read_back,
				     .arg = (void *)(uintptr_t)s->lease.write.number };

	s->h->db_get(s->h, &get);
}

static void on_retry(void *instance, void *arg)
{
	struct scheduler *s = instance;

	(void)arg;
	s->lease.write.timer = 0;
	read_back(s);
}

static void retry(struct scheduler *s)
{
	if (++s->lease.write.waits == TELL_AFTER && s->lease.state == LEASE_HELD) {
		owners_tell_paused(s, "the database does not answer"); /* the next stage says that it goes on */
	}
	timer_clear(s, &s->lease.write.timer);
	s->lease.write.timer = s->h->timer_start(s->h, RETRY_MS, on_retry, NULL);
}

static int is_stale(const struct scheduler *s, const void *arg)
{
	return s->stopped || !s->lease.write.active || s->lease.write.number != (uint64_t)(uintptr_t)arg;
}

static void on_read_back(void *instance, void *arg, const struct troupe_db_page *page)
{
	struct scheduler *s = instance;
	struct lease *lease = &s->lease;
	const struct troupe_db_value *value = page->values;
	struct proto_arena arena;
	const Tick__Lease *record;

	if (is_stale(s, arg)) {
		return;
	}
	if (page->status != TROUPE_OK || page->count != 1) {
		away(s, s->lease.state == LEASE_HELD);
		retry(s);
		return;
	}
	if (value->version == lease->version) {
		commit(s); /* it did not happen, or will not be the first */
		return;
	}
	proto_arena_init(&arena);
	record = (const Tick__Lease *)proto_unpack(&tick__lease__descriptor, value->value, value->value_len, &arena);
	if (record != NULL && record->epoch == lease->write.epoch && record->beat == lease->beat && record->owner != NULL &&
	    strcmp(record->owner, lease->write.release ? "" : s->h->name) == 0) {
		written(s, value->version);
	} else {
		refused(s, "its record was written by another");
	}
	proto_arena_free(&arena);
}

static void on_committed(void *instance, void *arg, const struct troupe_db_result *result)
{
	struct scheduler *s = instance;

	if (is_stale(s, arg)) {
		return;
	}
	if (result->status == TROUPE_OK) {
		written(s, result->version);
	} else if (result->status == TROUPE_FAILED_PRECONDITION) {
		refused(s, "a newer epoch runs the world");
	} else if (result->status == TROUPE_ABORTED && result->index != UINT32_MAX) {
		read_back(s); /* written by another, or by a try of ours whose outcome was not known */
	} else if (s->lease.write.tries++ == 0) {
		read_back(s);
	} else {
		away(s, s->lease.state == LEASE_HELD);
		retry(s);
	}
}

static void commit(struct scheduler *s)
{
	struct lease *lease = &s->lease;
	struct troupe_db_check check = { .key = WORLD_KEY_LEASE,
					 .key_len = (uint32_t)strlen(WORLD_KEY_LEASE),
					 .version = lease->version };
	struct troupe_db_op ops[WRITE_OPS_MAX];
	struct troupe_db_commit request = { .size = sizeof(request),
					    .db = s->db,
					    .checks = &check,
					    .checks_len = 1,
					    .ops = ops,
					    .ops_len = lease->write.ops_len,
					    .fence = WORLD_FENCE,
					    .fence_epoch = lease->write.epoch,
					    .on_done = on_committed,
					    .arg = (void *)(uintptr_t)lease->write.number };

	for (uint32_t i = 0; i < lease->write.ops_len; i++) {
		const struct write_op *op = &lease->write.ops[i];

		ops[i] = (struct troupe_db_op){ .kind = TROUPE_DB_PUT,
						.key = op->key,
						.key_len = (uint32_t)strlen(op->key),
						.value = op->value,
						.value_len = op->value_len };
	}
	lease->write.asked_us = s->h->now_us(s->h);
	s->h->db_commit(s->h, &request);
}

void lease_op(struct scheduler *s, const char *key, const ProtobufCMessage *message)
{
	struct lease *lease = &s->lease;
	struct write_op *op = &lease->write.ops[lease->write.ops_len];
	size_t len = protobuf_c_message_get_packed_size(message);

	if (lease->write.ops_len == WRITE_OPS_MAX || (op->value = malloc(len + 1)) == NULL) {
		abort(); /* a write without it would be another one; the host treats it as a crash */
	}
	op->value_len = (uint32_t)protobuf_c_message_pack(message, op->value);
	snprintf(op->key, sizeof(op->key), "%s", key);
	lease->write.ops_len++;
}

static void write_begin(struct scheduler *s, uint64_t epoch, write_done_fn done, int release)
{
	Tick__Lease record = TICK__LEASE__INIT;
	struct lease *lease = &s->lease;

	lease->beat++;
	lease->write.number++;
	record.has_epoch = record.has_beat = 1;
	record.epoch = epoch;
	record.beat = lease->beat;
	record.owner = (char *)(release ? "" : s->h->name);
	lease_op(s, WORLD_KEY_LEASE, &record.base);
	lease->write.active = 1;
	lease->write.release = release;
	lease->write.tries = lease->write.waits = 0;
	lease->write.epoch = epoch;
	lease->write.turn = s->turn;
	lease->write.done = done;
	commit(s);
}

void lease_write(struct scheduler *s, uint64_t epoch, write_done_fn done)
{
	write_begin(s, epoch, done, 0);
}

static void on_released(struct scheduler *s, uint64_t turn)
{
	(void)turn;
	lease_stop(s);
	drain_done(s);
}

static void release_now(struct scheduler *s)
{
	write_begin(s, s->lease.epoch, on_released, 1);
}

void lease_release(struct scheduler *s)
{
	if (lease_busy(s)) {
		s->lease.waiting = release_now;
	} else {
		release_now(s);
	}
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
	log_line(s, TROUPE_LOG_WARNING, "S0404", "stands down: %s", why);
	lease->write.active = 0;
	lease->waiting = NULL;
	write_clear(lease);
	timer_clear(s, &lease->write.timer);
	lease->state = LEASE_STANDBY;
	lease->seen_us = 0;
	reign_end(s);
	look(s);
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
		log_line(s, TROUPE_LOG_ERROR, "S0403", "%s", text);
		s->h->state(s->h, 0, 0, text);
	}
	return fits;
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
	uint64_t quarter_ms = (uint64_t)s->options->lease_ms / 4, age_ms;
	char text[TEXT_LEN];

	if (s->stopped || lease->reading != (uint64_t)(uintptr_t)arg || lease->state != LEASE_STANDBY) {
		return;
	}
	if (page->status != TROUPE_OK || page->count != 2) {
		lease->seen_us = 0; /* its owner cannot renew it now either */
		snprintf(text, sizeof(text), "waiting for database %s", s->options->database);
		s->h->state(s->h, 0, 0, text);
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
	if (free_now(s, &page->values[0])) {
		take(s, page->values[0].version);
		return;
	}
	tell_standby(s);
	age_ms = (s->h->now_us(s->h) - lease->seen_us) / 1000;
	look_in(s, (uint64_t)s->options->lease_ms - age_ms < quarter_ms ? (uint64_t)s->options->lease_ms - age_ms : quarter_ms);
}

static void look(struct scheduler *s)
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
		look(s);
	}
}

static void look_in(struct scheduler *s, uint64_t ms)
{
	timer_clear(s, &s->lease.timer);
	s->lease.timer = s->h->timer_start(s->h, ms > READ_MIN_MS ? ms : READ_MIN_MS, on_timer, NULL);
}

void lease_begin(struct scheduler *s)
{
	char text[TEXT_LEN];

	s->lease.state = LEASE_STANDBY;
	snprintf(text, sizeof(text), "waiting for database %s", s->options->database);
	s->h->state(s->h, 0, 0, text);
	look(s);
}

void lease_stop(struct scheduler *s)
{
	s->lease.state = LEASE_OFF;
	s->lease.write.active = 0;
	s->lease.waiting = NULL;
	timer_clear(s, &s->lease.timer);
	timer_clear(s, &s->lease.write.timer);
	write_clear(&s->lease);
}
