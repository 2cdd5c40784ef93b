/* SPDX-License-Identifier: MIT */
/* Writes of the scheduler that renew its lease: one at a time, until their outcome is known. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler.h"

/*
 * A write whose outcome is not known is looked up: the record says who wrote it and the number of the write. It has no
 * idempotency key, since databases remember those for ever and there is a write for every tick.
 */

#define RETRY_MS 50u
#define TELL_AFTER 20u /* tries: then players are told */

static void commit(struct scheduler *s);

int lease_busy(const struct scheduler *s)
{
	return s->lease.write.active;
}

static void write_clear(struct lease *lease)
{
	for (uint32_t i = 0; i < lease->write.ops_len; i++) {
		free(lease->write.ops[i].value);
	}
	lease->write.ops_len = 0;
}

void lease_write_drop(struct scheduler *s)
{
	s->lease.write.active = 0;
	s->lease.waiting_len = 0;
	timer_clear(s, &s->lease.write.timer);
	write_clear(&s->lease);
}

/* away: status is how the last try ended; OK: it is there. */
static void away(struct scheduler *s, int32_t status)
{
	enum away is = status == TROUPE_OK ? AWAY_NOT : status == TROUPE_RESOURCE_EXHAUSTED ? AWAY_FULL : AWAY_SILENT;
	const char *text = is == AWAY_NOT    ? "database %s takes commits again"
			   : is == AWAY_FULL ? "the world stands: database %s has no room; it is asked again"
					     : "the world stands: database %s does not say what became of a commit; it is asked again";

	if (s->db_away != is) {
		s->db_away = is;
		log_line(s, is == AWAY_NOT ? TROUPE_LOG_NOTICE : TROUPE_LOG_WARNING, NULL, text, s->options->database);
		metric_set(s, METRIC_PAUSED, beat_stands(s) != NULL);
		tell_state(s);
	}
}

void lease_wait(struct scheduler *s, lease_fn then)
{
	struct lease *lease = &s->lease;

	for (uint32_t i = 0; i < lease->waiting_len; i++) {
		if (lease->waiting[i] == then) {
			return;
		}
	}
	if (lease->waiting_len == LEASE_WAITING_MAX) {
		abort(); /* there are no others that wait */
	}
	lease->waiting[lease->waiting_len++] = then;
}

static void waiting_run(struct scheduler *s)
{
	struct lease *lease = &s->lease;
	lease_fn waiting[LEASE_WAITING_MAX];
	uint32_t len = lease->waiting_len;

	memcpy(waiting, lease->waiting, sizeof(waiting));
	lease->waiting_len = 0;
	for (uint32_t i = 0; i < len && lease->state == LEASE_HELD; i++) {
		waiting[i](s);
	}
}

static void written(struct scheduler *s, uint64_t version)
{
	struct lease *lease = &s->lease;

	lease->version = version;
	lease->epoch = lease->write.epoch;
	lease->renewed_us = lease->write.asked_us;
	lease->write.active = 0;
	write_clear(lease);
	away(s, TROUPE_OK);
	if (lease->write.done != NULL) {
		lease->write.done(s, lease->write.turn);
	}
	waiting_run(s);
	checkpoint_check(s);
}

static void refused(struct scheduler *s, const char *why)
{
	struct lease *lease = &s->lease;

	lease->write.active = 0;
	lease->waiting_len = 0;
	write_clear(lease);
	if (lease->state == LEASE_TAKING) {
		lease->state = LEASE_STANDBY;
		lease->seen_us = 0;
		lease_look(s);
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
		owners_tell_paused(s, beat_stands(s), NULL); /* the next stage says that it goes on */
	}
	timer_clear(s, &s->lease.write.timer);
	s->lease.write.timer = s->h->timer_start(s->h, RETRY_MS, on_retry, NULL);
}

/* unsure: the database cannot say, or will not have it now. */
static void unsure(struct scheduler *s, int32_t status)
{
	if (s->lease.state == LEASE_HELD) {
		away(s, status);
	} else {
		lease_waits(s, status);
	}
	retry(s);
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
		unsure(s, page->status != TROUPE_OK ? page->status : TROUPE_UNKNOWN);
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
		unsure(s, result->status);
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

void lease_write_begin(struct scheduler *s, uint64_t epoch, write_done_fn done, int release)
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
	lease_write_begin(s, epoch, done, 0);
}
