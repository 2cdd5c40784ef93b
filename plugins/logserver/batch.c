/* SPDX-License-Identifier: MIT */
/* Records on their way into the database, with their index entries and what their hours hold, in one commit. */
#include <stdlib.h>
#include <string.h>

#include "logserver.h"

#define DAY_MS (24 * 3600 * 1000)
#define HOUR_MS (3600u * 1000u)
#define SKEW_SHOWN_MS 1000
#define RECORD_MORE (LOG_HOST_MAX + 96u) /* bytes that a record gains here: names, stamps, their tags */

/* --- records -------------------------------------------------------------------------------------- */

/* The beginning of `text` that fits in `max` bytes and ends with a whole character. */
static size_t cut_len(const char *text, size_t max)
{
	while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80) {
		max--;
	}
	return max;
}

/* Makes one record fit to be stored; 1 if it was cut. */
static int record_fit(Log__Record *record, size_t max)
{
	size_t len = record->text != NULL ? strlen(record->text) : 0, fields = 0, kept = 0;

	for (size_t i = 0; i < record->n_fields; i++) {
		const Log__Field *field = record->fields[i];

		fields += (field->name != NULL ? strlen(field->name) : 0) + (field->value != NULL ? strlen(field->value) : 0);
		kept += fields <= max;
	}
	if (len <= max && kept == record->n_fields) {
		return 0;
	}
	record->n_fields = kept;
	if (!record->has_cut_from) {
		record->has_cut_from = 1;
		record->cut_from = len + fields > UINT32_MAX ? UINT32_MAX : (uint32_t)(len + fields);
	}
	if (len > max) {
		record->text[cut_len(record->text, max)] = '\0';
	}
	return 1;
}

static void record_stamp(Log__Record *record, uint64_t now_ms, int64_t skew_ms)
{
	uint64_t time_ms = record->has_time_ms ? record->time_ms : now_ms;

	record->has_received_ms = 1;
	record->received_ms = now_ms;
	record->has_skew_ms = skew_ms >= SKEW_SHOWN_MS || skew_ms <= -SKEW_SHOWN_MS;
	record->skew_ms = skew_ms;
	if (skew_ms > DAY_MS || skew_ms < -DAY_MS) {
		time_ms -= (uint64_t)skew_ms;
	}
	if (time_ms > now_ms + DAY_MS) {
		time_ms = now_ms; /* it would never expire */
	}
	record->has_said_ms = record->has_time_ms && time_ms != record->time_ms;
	record->said_ms = record->time_ms;
	record->time_ms = time_ms;
	record->has_time_ms = record->has_level = 1;
	if (record->level < TROUPE_LOG_ERROR || record->level > TROUPE_LOG_DEBUG) {
		record->level = TROUPE_LOG_INFO;
	}
}

/* What an hour holds more. 0, or -1: the batch falls in too many. */
static int hour_add(struct batch *batch, uint64_t hour, int64_t bytes)
{
	uint32_t at = 0;

	while (at < batch->hours_len && batch->hours[at].hour != hour) {
		at++;
	}
	if (at == BATCH_HOURS_MAX) {
		return -1;
	}
	if (at == batch->hours_len) {
		batch->hours[batch->hours_len++].hour = hour;
	}
	batch->hours[at].bytes += bytes;
	batch->hours[at].records++;
	return 0;
}

int batch_add(struct batch *batch, Log__Record *record)
{
	struct logserver *ls = batch->ls;
	uint32_t before = batch->ops.len, len;
	uint64_t source;

	record_stamp(record, batch->now_ms, batch->skew_ms);
	source = quota_admit(ls, record);
	if (source == 0) {
		batch->over++;
		return 0;
	}
	batch->cut += (uint64_t)record_fit(record, (size_t)ls->options->record_max);
	len = (uint32_t)log__record__get_packed_size(record);
	if (batch->records == BATCH_MAX || len > (size_t)(batch->end - batch->at)) {
		quota_refund(ls, source);
		return -1;
	}
	log__record__pack(record, batch->at);
	if (hour_add(batch, record->time_ms / HOUR_MS, keys_put(&batch->ops, &ls->keys, record, batch->at, len)) != 0) {
		batch->ops.len = before;
		quota_refund(ls, source);
		return -1;
	}
	batch->sources[batch->records++] = source;
	batch->at += len;
	return 0;
}

/* --- the commit ----------------------------------------------------------------------------------- */

static void batch_release(struct task *task)
{
	struct batch *batch = (struct batch *)task;

	keys_ops_free(&batch->ops);
	free(batch->values);
}

static void stored(struct batch *batch)
{
	struct logserver *ls = batch->ls;

	for (uint32_t i = 0; i < batch->hours_len; i++) {
		retention_add(ls, batch->hours[i].hour, batch->hours[i].bytes, batch->hours[i].records);
	}
	for (uint32_t i = 0; i < batch->ops.len; i++) {
		const struct troupe_db_op *op = &batch->ops.ops[i];
		const uint8_t *place = keys_is_record(&ls->keys, op);

		if (place != NULL) {
			tail_add(ls, place, op->value, op->value_len);
		}
	}
	count(ls, METRIC_STORED, batch->records);
	count(ls, METRIC_CUT, (int64_t)batch->cut);
	count(ls, METRIC_QUOTA, (int64_t)batch->over);
	ls->over_quota += batch->over;
}

static void finish(struct batch *batch, int32_t status, uint64_t version)
{
	struct logserver *ls = batch->ls;

	if (status == TROUPE_OK) {
		stored(batch);
	} else {
		/* they come again, and are not to count twice against their quota */
		count(ls, METRIC_FAILED, 1);
		for (uint32_t i = 0; i < batch->records; i++) {
			quota_refund(ls, batch->sources[i]);
		}
	}
	batch->done(batch, status, version);
	task_end(ls, &batch->task);
}

static void on_committed(void *instance, void *arg, const struct troupe_db_result *result)
{
	(void)instance;
	finish(arg, result->status, result->version);
}

void batch_commit(struct batch *batch, const struct troupe_db_check *check,
		  void (*done)(struct batch *batch, int32_t status, uint64_t version))
{
	struct logserver *ls = batch->ls;
	struct troupe_db_commit commit = { .size = sizeof(commit), .db = ls->store.db, .checks = check,
					   .checks_len = check != NULL, .on_done = on_committed, .arg = batch };
	struct store_key key;

	batch->done = done;
	for (uint32_t i = 0; i < batch->hours_len; i++) {
		retention_touch(ls, batch->hours[i].hour);
		keys_bucket(&ls->keys, 'b', batch->hours[i].hour, &key);
		keys_add(&batch->ops, &key, batch->hours[i].bytes);
		keys_bucket(&ls->keys, 'n', batch->hours[i].hour, &key);
		keys_add(&batch->ops, &key, batch->hours[i].records);
	}
	if (batch->ops.failed) {
		finish(batch, TROUPE_RESOURCE_EXHAUSTED, 0);
		return;
	}
	commit.ops = keys_ops_get(&batch->ops);
	commit.ops_len = batch->ops.len;
	ls->h->db_commit(ls->h, &commit);
}

void *batch_new(struct logserver *ls, size_t size, size_t bytes, uint32_t records)
{
	struct batch *batch = task_new(ls, size, batch_release);

	if (batch == NULL) {
		return NULL;
	}
	batch->ls = ls;
	batch->now_ms = (uint64_t)ls->h->wall_ms(ls->h);
	bytes += (size_t)records * RECORD_MORE + 1;
	batch->at = batch->values = malloc(bytes);
	if (batch->values == NULL) {
		task_end(ls, &batch->task);
		return NULL;
	}
	batch->end = batch->values + bytes;
	return batch;
}
