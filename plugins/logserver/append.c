/* SPDX-License-Identifier: MIT */
/* Batches of records, each stored once: the mark of how far a host has come is in the same commit as its records. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "logserver.h"
#include "proto/proto.h"
#include "plugins/logserver/record.pb-c.h"

#define DAY_MS (24 * 3600 * 1000)
#define HOUR_MS (3600u * 1000u)
#define SKEW_SHOWN_MS 1000
#define PLACES_HOURS_MAX 32u /* hours that one batch may fall in; what is beyond waits for the next */

/* A batch that is being committed. */
struct batch {
	struct task task;
	struct logserver *ls;
	struct log_host *host;
	uint64_t request, seq, records;
	struct keys_ops ops;
	struct {
		uint64_t hour;
		int64_t bytes, records;
	} hours[PLACES_HOURS_MAX];
	uint32_t hours_len;
	uint8_t *values; /* packed records */
	uint64_t repeated, refused, cut;
};

static void refuse(struct logserver *ls, uint64_t request, int32_t status, const char *reason)
{
	proto_refuse(ls->h, request, status, reason);
}

static void answer(struct logserver *ls, uint64_t request, const struct log_host *host)
{
	Log__AppendReply reply = LOG__APPEND_REPLY__INIT;

	reply.has_durable = 1;
	reply.durable = host->seq;
	log_append_reply(ls->h, request, &reply);
}

/* --- hosts ---------------------------------------------------------------------------------------- */

static struct log_host *host_find(const struct logserver *ls, const char *name)
{
	struct log_host *host = map_get(&ls->hosts, troupe_fnv64(name, strlen(name)));

	return host != NULL && strcmp(host->name, name) == 0 ? host : NULL;
}

static struct log_host *host_learn(struct logserver *ls, const char *name)
{
	uint64_t id = troupe_fnv64(name, strlen(name));
	struct log_host *host = map_get(&ls->hosts, id);

	if (host != NULL) {
		return strcmp(host->name, name) == 0 ? host : NULL;
	}
	host = ls->hosts.count < LOG_HOSTS_MAX ? calloc(1, sizeof(*host)) : NULL;
	if (host == NULL || map_put(&ls->hosts, id, host) != 0) {
		free(host);
		return NULL;
	}
	strcpy(host->name, name);
	return host;
}

/* A mark is being read for a host that says where it stands. */
struct hello {
	struct task task;
	struct logserver *ls;
	uint64_t request, spool;
	int64_t skew_ms;
	char host[LOG_HOST_MAX + 1];
};

static void hello_mark(struct logserver *ls, const struct hello *hello, const struct troupe_db_value *value)
{
	const Logdb__Mark *mark = NULL;
	struct proto_arena arena;
	struct log_host *host = host_learn(ls, hello->host);

	if (host == NULL || host->busy) {
		refuse(ls, hello->request, host == NULL ? TROUPE_RESOURCE_EXHAUSTED : TROUPE_ABORTED,
		       host == NULL ? "log.too_many_hosts" : "log.busy");
		return;
	}
	proto_arena_init(&arena);
	if (value->version != 0) {
		mark = (const Logdb__Mark *)proto_unpack(&logdb__mark__descriptor, value->value, value->value_len, &arena);
	}
	host->version = value->version;
	host->records = mark != NULL ? mark->records : 0;
	host->received_ms = mark != NULL ? mark->received_ms : 0;
	host->seq = mark != NULL && mark->spool == hello->spool ? mark->seq : 0;
	host->spool = hello->spool;
	host->skew_ms = hello->skew_ms;
	proto_arena_free(&arena);
	answer(ls, hello->request, host);
}

static void on_mark(void *instance, void *arg, const struct troupe_db_page *page)
{
	struct logserver *ls = instance;
	struct hello *hello = arg;

	if (page->status != TROUPE_OK || page->count != 1) {
		refuse(ls, hello->request, TROUPE_UNAVAILABLE, "log.not_read");
	} else {
		hello_mark(ls, hello, &page->values[0]);
	}
	task_end(ls, &hello->task);
}

static void hello_begin(struct logserver *ls, const struct troupe_request *request, const Log__AppendRequest *body,
			int64_t skew_ms)
{
	struct hello *hello = task_new(ls, sizeof(*hello), NULL);
	struct store_key key;
	struct troupe_db_check check = { .key = key.bytes };
	struct troupe_db_get get = { .size = sizeof(get), .db = ls->store.db, .keys = &check, .keys_len = 1,
				     .on_page = on_mark, .arg = hello };

	if (hello == NULL) {
		refuse(ls, request->id, TROUPE_RESOURCE_EXHAUSTED, "log.no_memory");
		return;
	}
	hello->ls = ls;
	hello->request = request->id;
	hello->spool = body->spool;
	hello->skew_ms = skew_ms;
	strcpy(hello->host, body->host);
	keys_mark(&ls->keys, body->host, &key);
	check.key_len = key.len;
	ls->h->db_get(ls->h, &get);
}

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

static void record_stamp(Log__Record *record, const struct log_host *host, uint64_t now_ms, int64_t skew_ms)
{
	uint64_t time_ms = record->time_ms;

	record->host = (char *)host->name;
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
	record->has_said_ms = time_ms != record->time_ms;
	record->said_ms = record->time_ms;
	record->time_ms = time_ms;
	record->has_time_ms = record->has_level = 1;
	if (record->level < TROUPE_LOG_ERROR || record->level > TROUPE_LOG_DEBUG) {
		record->level = TROUPE_LOG_INFO;
	}
}

/* What an hour holds more. 0, or -1: the batch falls in too many. */
static int batch_hour(struct batch *batch, uint64_t hour, int64_t bytes)
{
	uint32_t at = 0;

	while (at < batch->hours_len && batch->hours[at].hour != hour) {
		at++;
	}
	if (at == PLACES_HOURS_MAX) {
		return -1;
	}
	if (at == batch->hours_len) {
		batch->hours[batch->hours_len++].hour = hour;
	}
	batch->hours[at].bytes += bytes;
	batch->hours[at].records++;
	return 0;
}

/* Adds one record; 0, or -1 when the batch has to end before it. */
static int batch_add(struct batch *batch, Log__Record *record, uint8_t **at)
{
	struct logserver *ls = batch->ls;
	uint32_t before = batch->ops.len, len;
	int64_t bytes;

	len = (uint32_t)log__record__pack(record, *at);
	bytes = keys_put(&batch->ops, &ls->keys, record, *at, len);
	if (batch_hour(batch, record->time_ms / HOUR_MS, bytes) != 0) {
		batch->ops.len = before;
		return -1;
	}
	*at += len;
	batch->records++;
	return 0;
}

/* --- the commit ----------------------------------------------------------------------------------- */

static void batch_release(struct task *task)
{
	struct batch *batch = (struct batch *)task;

	keys_ops_free(&batch->ops);
	free(batch->values);
}

/* Whatever was under way: the host has to ask where it stands. */
static void host_forget(struct logserver *ls, struct log_host *host)
{
	map_remove(&ls->hosts, troupe_fnv64(host->name, strlen(host->name)));
	free(host);
}

static void on_committed(void *instance, void *arg, const struct troupe_db_result *result)
{
	struct logserver *ls = instance;
	struct batch *batch = arg;
	struct log_host *host = batch->host;

	host->busy = 0;
	if (result->status != TROUPE_OK) {
		count(ls, METRIC_FAILED, 1);
		refuse(ls, batch->request, result->status == TROUPE_RESOURCE_EXHAUSTED ? result->status : TROUPE_UNAVAILABLE,
		       "log.not_saved");
		host_forget(ls, host);
		task_end(ls, &batch->task);
		return;
	}
	host->version = result->version;
	host->seq = batch->seq;
	host->records += batch->records;
	host->received_ms = (uint64_t)ls->h->wall_ms(ls->h);
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
	count(ls, METRIC_STORED, (int64_t)batch->records);
	count(ls, METRIC_REPEATED, (int64_t)batch->repeated);
	count(ls, METRIC_CUT, (int64_t)batch->cut);
	answer(ls, batch->request, host);
	task_end(ls, &batch->task);
}

static void batch_commit(struct batch *batch, uint64_t now_ms)
{
	struct logserver *ls = batch->ls;
	struct log_host *host = batch->host;
	Logdb__Mark mark = LOGDB__MARK__INIT;
	uint8_t value[96];
	struct store_key key;
	struct troupe_db_check check = { .key = key.bytes, .version = host->version };
	struct troupe_db_commit commit = { .size = sizeof(commit), .db = ls->store.db, .checks = &check, .checks_len = 1,
					   .on_done = on_committed, .arg = batch };

	for (uint32_t i = 0; i < batch->hours_len; i++) {
		retention_touch(ls, batch->hours[i].hour);
		keys_bucket(&ls->keys, 'b', batch->hours[i].hour, &key);
		keys_add(&batch->ops, &key, batch->hours[i].bytes);
		keys_bucket(&ls->keys, 'n', batch->hours[i].hour, &key);
		keys_add(&batch->ops, &key, batch->hours[i].records);
	}
	mark.has_spool = mark.has_seq = mark.has_records = mark.has_received_ms = mark.has_skew_ms = 1;
	mark.spool = host->spool;
	mark.seq = batch->seq;
	mark.records = host->records + batch->records;
	mark.received_ms = now_ms;
	mark.skew_ms = host->skew_ms;
	keys_mark(&ls->keys, host->name, &key);
	check.key_len = key.len;
	keys_set(&batch->ops, &key, value, (uint32_t)logdb__mark__pack(&mark, value));
	if (batch->ops.failed) {
		refuse(ls, batch->request, TROUPE_RESOURCE_EXHAUSTED, "log.no_memory");
		task_end(ls, &batch->task);
		return;
	}
	commit.ops = keys_ops_get(&batch->ops);
	commit.ops_len = batch->ops.len;
	host->busy = 1;
	ls->h->db_commit(ls->h, &commit);
}

static void batch_begin(struct logserver *ls, const struct troupe_request *request, const Log__AppendRequest *body,
			struct log_host *host)
{
	uint64_t now_ms = (uint64_t)ls->h->wall_ms(ls->h);
	size_t max = (size_t)ls->options->record_max;
	struct batch *batch = task_new(ls, sizeof(*batch), batch_release);
	/* each record grows by a few numbers and the host's name, and only shrinks in its texts */
	size_t size = request->body_len + body->n_records * (LOG_HOST_MAX + 64u);
	uint8_t *at = batch != NULL ? batch->values = malloc(size) : NULL;

	if (at == NULL) {
		refuse(ls, request->id, TROUPE_RESOURCE_EXHAUSTED, "log.no_memory");
		if (batch != NULL) {
			task_end(ls, &batch->task);
		}
		return;
	}
	batch->ls = ls;
	batch->host = host;
	batch->request = request->id;
	batch->seq = host->seq;
	for (size_t i = 0; i < body->n_records; i++) {
		Log__Record *record = body->records[i];

		if (record->seq <= batch->seq) {
			batch->repeated++;
			continue;
		}
		record_stamp(record, host, now_ms, host->skew_ms);
		batch->cut += (uint64_t)record_fit(record, max);
		if (batch_add(batch, record, &at) != 0) {
			break;
		}
		batch->seq = record->seq;
	}
	if (batch->seq == host->seq) {
		count(ls, METRIC_REPEATED, (int64_t)batch->repeated);
		answer(ls, request->id, host);
		task_end(ls, &batch->task);
		return;
	}
	batch_commit(batch, now_ms);
}

/* Is it this host that asks? Its instance is "host.NAME"; the process of an isolated instance is "NAME:INSTANCE". */
static int is_own(const struct troupe_request *request, const char *host)
{
	char name[LOG_HOST_MAX + 8];
	int len = snprintf(name, sizeof(name), "host.%.*s", (int)strcspn(host, ":"), host);

	return request->from == troupe_fnv64(name, (size_t)len);
}

void append_on_append(void *instance, const struct troupe_request *request, const Log__AppendRequest *body)
{
	struct logserver *ls = instance;
	uint64_t now_ms = (uint64_t)ls->h->wall_ms(ls->h);
	int64_t skew_ms = body->has_now_ms ? (int64_t)(body->now_ms - now_ms) : 0;
	struct log_host *host;

	if (body->host == NULL || body->host[0] == '\0' || strlen(body->host) > LOG_HOST_MAX || body->spool == 0 ||
	    body->n_records > BATCH_MAX) {
		refuse(ls, request->id, TROUPE_INVALID_ARGUMENT, "log.bad_batch");
		return;
	}
	if (!is_own(request, body->host)) {
		refuse(ls, request->id, TROUPE_PERMISSION_DENIED, "log.other_host");
		return;
	}
	if (body->n_records == 0) {
		hello_begin(ls, request, body, skew_ms);
		return;
	}
	host = host_find(ls, body->host);
	if (host == NULL || host->spool != body->spool) {
		refuse(ls, request->id, TROUPE_FAILED_PRECONDITION, "log.unknown_spool");
	} else if (host->busy) {
		refuse(ls, request->id, TROUPE_ABORTED, "log.busy");
	} else {
		host->skew_ms = skew_ms;
		batch_begin(ls, request, body, host);
	}
}

void append_free(struct logserver *ls)
{
	struct map_entry *entry;
	uint32_t at = 0;

	while ((entry = map_next(&ls->hosts, &at)) != NULL) {
		free(entry->value);
	}
	map_free(&ls->hosts);
}
