/* SPDX-License-Identifier: MIT */
/* Batches of records, each stored once: the mark of how far a host has come is in the same commit as its records. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "logserver.h"
#include "proto/proto.h"
#include "plugins/logserver/record.pb-c.h"

/* A batch of a host that is being committed. */
struct append {
	struct batch batch;
	struct log_host *host;
	uint64_t request, seq, repeated;
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

/* Whatever was under way: the host has to ask where it stands. */
static void host_forget(struct logserver *ls, struct log_host *host)
{
	map_remove(&ls->hosts, troupe_fnv64(host->name, strlen(host->name)));
	free(host);
}

static void on_committed(struct batch *batch, int32_t status, uint64_t version)
{
	struct append *append = (struct append *)batch;
	struct logserver *ls = batch->ls;
	struct log_host *host = append->host;

	host->busy = 0;
	if (status != TROUPE_OK) {
		refuse(ls, append->request, status == TROUPE_RESOURCE_EXHAUSTED ? status : TROUPE_UNAVAILABLE,
		       "log.not_saved");
		host_forget(ls, host);
		return;
	}
	host->version = version;
	host->seq = append->seq;
	host->records += batch->records;
	host->received_ms = (uint64_t)ls->h->wall_ms(ls->h);
	count(ls, METRIC_REPEATED, (int64_t)append->repeated);
	answer(ls, append->request, host);
}

static void append_commit(struct append *append)
{
	struct logserver *ls = append->batch.ls;
	struct log_host *host = append->host;
	Logdb__Mark mark = LOGDB__MARK__INIT;
	uint8_t value[96];
	struct store_key key;
	struct troupe_db_check check = { .key = key.bytes, .version = host->version };

	mark.has_spool = mark.has_seq = mark.has_records = mark.has_received_ms = mark.has_skew_ms = 1;
	mark.spool = host->spool;
	mark.seq = append->seq;
	mark.records = host->records + append->batch.records;
	mark.received_ms = append->batch.now_ms;
	mark.skew_ms = host->skew_ms;
	keys_mark(&ls->keys, host->name, &key);
	check.key_len = key.len;
	keys_set(&append->batch.ops, &key, value, (uint32_t)logdb__mark__pack(&mark, value));
	host->busy = 1;
	batch_commit(&append->batch, &check, on_committed);
}

static void append_begin(struct logserver *ls, const struct troupe_request *request, const Log__AppendRequest *body,
			 struct log_host *host)
{
	struct append *append = batch_new(ls, sizeof(*append), request->body_len, (uint32_t)body->n_records);

	if (append == NULL) {
		refuse(ls, request->id, TROUPE_RESOURCE_EXHAUSTED, "log.no_memory");
		return;
	}
	append->host = host;
	append->request = request->id;
	append->seq = host->seq;
	append->batch.skew_ms = host->skew_ms;
	for (size_t i = 0; i < body->n_records; i++) {
		Log__Record *record = body->records[i];

		if (record->seq <= append->seq) {
			append->repeated++;
			continue;
		}
		record->host = host->name;
		if (batch_add(&append->batch, record) != 0) {
			break;
		}
		append->seq = record->seq;
	}
	if (append->seq == host->seq) {
		count(ls, METRIC_REPEATED, (int64_t)append->repeated);
		answer(ls, request->id, host);
		task_end(ls, &append->batch.task);
		return;
	}
	append_commit(append);
}

/* Is it this host that asks? Its own instance is "host.NAME". */
static int is_own(const struct troupe_request *request, const char *host)
{
	char name[LOG_HOST_MAX + 8];
	int len = snprintf(name, sizeof(name), "host.%s", host);

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
		append_begin(ls, request, body, host);
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
