/* SPDX-License-Identifier: MIT */
/* Which hosts this server holds, and how it is. */
#include <stdio.h>
#include <string.h>

#include "logserver.h"
#include "plugins/logserver/record.pb-c.h"
#include "proto/proto.h"

#define HOUR_MS (3600u * 1000u)

struct marks {
	struct store_walk walk;
	struct ask *ask;
};

static int marks_each(struct store_walk *walk, const struct troupe_db_value *value)
{
	struct ask *ask = ((struct marks *)walk)->ask;
	uint32_t head = ask->ls->keys.prefix.len + 1, len = value->key_len - head;
	const char *host = (const char *)value->key + head;
	struct proto_arena arena;
	const Logdb__Mark *mark;
	struct holder *holder;

	if (len > LOG_HOST_MAX || (ask->host[0] != '\0' && (len != strlen(ask->host) || memcmp(host, ask->host, len) != 0))) {
		return 0;
	}
	holder = ask_holder(ask);
	if (holder == NULL) {
		return 1;
	}
	proto_arena_init(&arena);
	mark = (const Logdb__Mark *)proto_unpack(&logdb__mark__descriptor, value->value, value->value_len, &arena);
	snprintf(holder->server, sizeof(holder->server), "%s", ask->ls->h->name);
	memcpy(holder->host, host, len);
	if (mark != NULL) {
		holder->records = mark->records;
		holder->seq = mark->seq;
		holder->received_ms = mark->received_ms;
		holder->skew_ms = mark->skew_ms;
	}
	proto_arena_free(&arena);
	return 0;
}

static void marks_end(struct store_walk *walk, int32_t status)
{
	struct ask *ask = ((struct marks *)walk)->ask;

	ask->here_missing = status != TROUPE_OK;
	ask_part_done(ask);
}

static void server_add(struct ask *ask)
{
	const struct logserver *ls = ask->ls;
	struct server_status *server = ask_server(ask);

	if (server == NULL) {
		return;
	}
	snprintf(server->name, sizeof(server->name), "%s", ls->h->name);
	server->records = (uint64_t)ls->records;
	server->bytes = (uint64_t)ls->bytes;
	server->oldest_ms = ls->buckets_len > 0 ? ls->buckets[0].hour * HOUR_MS : 0;
	server->keep_ms = (uint64_t)ls->options->keep;
	server->keep_bytes = (uint64_t)ls->options->keep_bytes;
	server->quota = (uint64_t)ls->options->quota;
	server->over_quota = ls->over_quota;
	server->expired = ls->expired;
}

void where_begin(struct ask *ask)
{
	struct logserver *ls = ask->ls;
	struct marks *marks = store_walk_new(&ls->store, sizeof(*marks));

	server_add(ask);
	if (marks == NULL) {
		ask->here_missing = 1;
		ask_part_done(ask);
		return;
	}
	marks->ask = ask;
	marks->walk.each = marks_each;
	marks->walk.end = marks_end;
	keys_mark(&ls->keys, "", &marks->walk.from);
	store_key_end(&marks->walk.from, &marks->walk.to);
	store_walk_run(marks, NULL);
}
