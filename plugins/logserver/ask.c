/* SPDX-License-Identifier: MIT */
/* A question goes to all log servers of the cluster, and their answers become one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "logserver.h"
#include "proto/proto.h"

#define ASKS_MAX 32u
#define TIME_MAX_MS 20000u
#define MARGIN_MS 250u /* what is left of the asker's patience for the way back */
#define CONTEXT_LIMIT 500u
#define CONTEXT_TRACES_MAX 30u

/* --- together ------------------------------------------------------------------------------------- */

struct holder *ask_holder(struct ask *ask)
{
	if (ask->holders == NULL) {
		ask->holders = calloc(HOLDERS_MAX, sizeof(*ask->holders));
	}
	return ask->holders != NULL && ask->holders_len < HOLDERS_MAX ? &ask->holders[ask->holders_len++] : NULL;
}

struct server_status *ask_server(struct ask *ask)
{
	return ask->servers_len <= PEERS_MAX ? &ask->servers[ask->servers_len++] : NULL;
}

int ask_missing(const struct ask *ask, uint32_t n, const char **ret_name)
{
	if (ask->here_missing && n-- == 0) {
		*ret_name = ask->ls->h->name;
		return 1;
	}
	for (uint32_t i = 0; i < ask->peers_len; i++) {
		if (ask->peers[i].missing && n-- == 0) {
			*ret_name = ask->peers[i].name;
			return 1;
		}
	}
	return 0;
}

/* Takes the record over. */
static void found_add(struct ask *ask, const uint8_t *place, uint8_t *record, uint32_t len)
{
	if (ask->found_len == ask->found_size) {
		uint32_t size = ask->found_size * 2 + 64;
		struct found *more = realloc(ask->found, size * sizeof(*more));

		if (more == NULL) {
			free(record);
			ask->more = 1;
			return;
		}
		ask->found = more;
		ask->found_size = size;
	}
	ask->found[ask->found_len] = (struct found){ .len = len, .context = ask->second, .record = record };
	memcpy(ask->found[ask->found_len++].place, place, PLACE_SIZE);
}

/* A part has looked no further than `reached`: what the others found behind it has to wait. */
static void frontier_set(struct ask *ask, const uint8_t *reached)
{
	if (!ask->has_frontier || memcmp(reached, ask->frontier, PLACE_SIZE) < 0) {
		memcpy(ask->frontier, reached, PLACE_SIZE);
		ask->has_frontier = 1;
	}
}

static int found_order(const void *a, const void *b)
{
	const struct found *x = a, *y = b;
	int order = memcmp(x->place, y->place, PLACE_SIZE);

	return order != 0 ? order : (int)x->context - (int)y->context;
}

/* Sorts, and leaves out what was found twice, lies behind the frontier, or has no room in an answer. */
static void found_settle(struct ask *ask)
{
	uint32_t kept = 0, limit = ask->second || ask->kind == ASK_TAIL ? UINT32_MAX : ask->query.limit;
	size_t bytes = 0;
	int full = 0;

	if (ask->found_len > 0) {
		qsort(ask->found, ask->found_len, sizeof(*ask->found), found_order);
	}
	for (uint32_t i = 0; i < ask->found_len; i++) {
		struct found *one = &ask->found[i];
		int behind = !ask->second && ask->has_frontier && memcmp(one->place, ask->frontier, PLACE_SIZE) > 0;
		int twice = kept > 0 && memcmp(ask->found[kept - 1].place, one->place, PLACE_SIZE) == 0;

		if (!behind && !twice && (kept == limit || bytes + one->len > FOUND_BYTES_MAX)) {
			full = 1;
		}
		ask->passed += !behind && !twice && full;
		if (behind || twice || full) {
			free(one->record);
			continue;
		}
		bytes += one->len + PLACE_SIZE + 8;
		ask->found[kept++] = *one;
	}
	ask->found_len = kept;
	if (ask->second) {
		return;
	}
	ask->more = full || ask->has_frontier;
	if (full && kept > 0) {
		memcpy(ask->reached, ask->found[kept - 1].place, PLACE_SIZE);
	} else {
		memcpy(ask->reached, ask->frontier, PLACE_SIZE);
	}
}

/* --- parts ---------------------------------------------------------------------------------------- */

static void finish(struct ask *ask);

void ask_part_done(struct ask *ask)
{
	if (--ask->waiting == 0) {
		finish(ask);
	}
}

static void on_searched(struct search *search, void *arg)
{
	struct ask *ask = arg;

	for (uint32_t i = 0; i < search->found_len; i++) {
		found_add(ask, search->found[i].place, search->found[i].record, search->found[i].len);
	}
	search->found_len = 0;
	if (search->status != TROUPE_OK) {
		ask->here_missing = 1;
	} else if (search->more) {
		frontier_set(ask, search->reached);
	}
	ask->count += search->counted;
	search_end(search);
	ask_part_done(ask);
}

static void here_search(struct ask *ask, const struct query *query)
{
	struct logserver *ls = ask->ls;
	struct search *search = search_new(ls);

	if (search == NULL) {
		ask->here_missing = 1;
		ask_part_done(ask);
		return;
	}
	search->query = *query;
	search->found_max = ask->kind == ASK_COUNT ? 0 : query->limit;
	search->deadline_us = ask->deadline_us;
	search->done = on_searched;
	search->arg = ask;
	search_run(search, ask->has_after && !ask->second ? ask->after : NULL);
}

static void here_tail(struct ask *ask)
{
	struct found *found = calloc(ask->query.limit, sizeof(*found));
	uint64_t arrival = 0;
	uint32_t len, at = 0;

	while (at < ask->follows_len && ask->follows[at].server != ask->ls->h->id) {
		at++;
	}
	arrival = at < ask->follows_len ? ask->follows[at].arrival : 0;
	len = found != NULL ? tail_follow(ask->ls, &ask->query, &arrival, &ask->passed, found, ask->query.limit) : 0;
	for (uint32_t i = 0; i < len; i++) {
		found_add(ask, found[i].place, found[i].record, found[i].len);
	}
	free(found);
	if (at <= PEERS_MAX) {
		ask->follows[at].server = ask->ls->h->id;
		ask->follows[at].arrival = arrival;
		ask->follows_len += at == ask->follows_len;
	}
	ask_part_done(ask);
}

static void on_here(void *instance, void *arg)
{
	struct ask *ask = arg;

	(void)instance;
	if (ask->kind == ASK_TAIL) {
		here_tail(ask);
	} else {
		where_begin(ask);
	}
}

/* --- other servers -------------------------------------------------------------------------------- */

/* 1 if a peer's answer can be used. */
static int peer_answered(struct ask_peer *peer, const struct troupe_reply *reply, const Log__Fault *fault)
{
	peer->missing = reply->status != TROUPE_OK || fault != NULL;
	return !peer->missing;
}

static void peer_found(struct ask *ask, Log__Found **found, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		uint8_t *record = found[i]->place.len == PLACE_SIZE ? malloc(found[i]->record.len + 1) : NULL;

		if (record != NULL) {
			memcpy(record, found[i]->record.data, found[i]->record.len);
			found_add(ask, found[i]->place.data, record, (uint32_t)found[i]->record.len);
		}
	}
}

static void on_peer_query(void *instance, void *arg, const struct troupe_reply *reply, const Log__QueryReply *body)
{
	struct ask_peer *peer = arg;
	struct ask *ask = peer->ask;

	(void)instance;
	if (peer_answered(peer, reply, body != NULL ? body->fault : NULL)) {
		peer_found(ask, body->found, body->n_found);
		if (body->more && body->reached.len == PLACE_SIZE) {
			frontier_set(ask, body->reached.data);
		}
		peer->missing = body->n_missing > 0;
	}
	ask_part_done(ask);
}

static void on_peer_count(void *instance, void *arg, const struct troupe_reply *reply, const Log__CountReply *body)
{
	struct ask_peer *peer = arg;
	struct ask *ask = peer->ask;

	(void)instance;
	if (peer_answered(peer, reply, body != NULL ? body->fault : NULL)) {
		ask->count += body->count;
		ask->more |= body->more;
		ask->reached_ms = body->more && body->reached_ms > ask->reached_ms ? body->reached_ms : ask->reached_ms;
		peer->missing = body->n_missing > 0;
	}
	ask_part_done(ask);
}

static void on_peer_tail(void *instance, void *arg, const struct troupe_reply *reply, const Log__TailReply *body)
{
	struct ask_peer *peer = arg;
	struct ask *ask = peer->ask;

	(void)instance;
	if (peer_answered(peer, reply, body != NULL ? body->fault : NULL)) {
		peer_found(ask, body->found, body->n_found);
		ask->passed += body->passed;
		peer->missing = body->n_missing > 0;
	}
	for (size_t i = 0; body != NULL && i < body->n_follows; i++) {
		uint32_t at = 0;

		while (at < ask->follows_len && ask->follows[at].server != body->follows[i]->server) {
			at++;
		}
		if (at <= PEERS_MAX && body->follows[i]->server == peer->id) {
			ask->follows[at].server = peer->id;
			ask->follows[at].arrival = body->follows[i]->arrival;
			ask->follows_len += at == ask->follows_len;
		}
	}
	ask_part_done(ask);
}

static void holder_take(struct ask *ask, const Log__Holder *from)
{
	struct holder *holder = ask_holder(ask);

	if (holder != NULL) {
		snprintf(holder->server, sizeof(holder->server), "%s", from->server != NULL ? from->server : "");
		snprintf(holder->host, sizeof(holder->host), "%s", from->host != NULL ? from->host : "");
		holder->records = from->records;
		holder->seq = from->seq;
		holder->received_ms = from->received_ms;
		holder->skew_ms = from->skew_ms;
	}
}

static void server_take(struct ask *ask, const Log__Server *from)
{
	struct server_status *server = ask_server(ask);

	if (server != NULL) {
		snprintf(server->name, sizeof(server->name), "%s", from->name != NULL ? from->name : "");
		server->records = from->records;
		server->bytes = from->bytes;
		server->oldest_ms = from->oldest_ms;
		server->keep_ms = from->keep_ms;
		server->keep_bytes = from->keep_bytes;
		server->quota = from->quota;
		server->over_quota = from->over_quota;
		server->expired = from->expired;
	}
}

static void on_peer_where(void *instance, void *arg, const struct troupe_reply *reply, const Log__WhereReply *body)
{
	struct ask_peer *peer = arg;
	struct ask *ask = peer->ask;

	(void)instance;
	if (peer_answered(peer, reply, NULL)) {
		for (size_t i = 0; i < body->n_holders; i++) {
			holder_take(ask, body->holders[i]);
		}
		for (size_t i = 0; i < body->n_servers; i++) {
			server_take(ask, body->servers[i]);
		}
		peer->missing = body->n_missing > 0;
	}
	ask_part_done(ask);
}

static void peer_tail(struct ask *ask, struct ask_peer *peer, const struct proto_to *to)
{
	Log__TailRequest request = LOG__TAIL_REQUEST__INIT;
	Log__Follow follow = LOG__FOLLOW__INIT, *follows[] = { &follow };

	request.query = ask->text;
	request.has_local = request.local = 1;
	for (uint32_t i = 0; i < ask->follows_len; i++) {
		if (ask->follows[i].server == peer->id) {
			follow.has_server = follow.has_arrival = 1;
			follow.server = peer->id;
			follow.arrival = ask->follows[i].arrival;
			request.follows = follows;
			request.n_follows = 1;
		}
	}
	log_tail(ask->ls->h, &request, to, on_peer_tail, peer);
}

static void peer_ask(struct ask *ask, struct ask_peer *peer, const char *text)
{
	const struct troupe_host *h = ask->ls->h;
	uint64_t now_us = h->now_us(h), left_us = ask->deadline_us > now_us ? ask->deadline_us - now_us : 0;
	struct proto_to to = { .instance = peer->id, .timeout_ms = (uint32_t)(left_us / 1000) + MARGIN_MS / 2 };
	Log__QueryRequest query = LOG__QUERY_REQUEST__INIT;
	Log__WhereRequest where = LOG__WHERE_REQUEST__INIT;

	query.query = (char *)text;
	query.has_now_ms = query.has_local = query.local = 1;
	query.now_ms = ask->now_ms;
	query.has_after = ask->has_after && !ask->second;
	query.after.data = ask->after;
	query.after.len = PLACE_SIZE;
	where.has_local = where.local = 1;
	where.host = ask->host;
	switch (ask->kind) {
	case ASK_QUERY: log_query(h, &query, &to, on_peer_query, peer); break;
	case ASK_COUNT: log_count(h, &query, &to, on_peer_count, peer); break;
	case ASK_TAIL: peer_tail(ask, peer, &to); break;
	case ASK_WHERE: log_where(h, &where, &to, on_peer_where, peer); break;
	}
}

static void peers_find(struct ask *ask)
{
	const struct troupe_host *h = ask->ls->h;
	struct troupe_peer peers[PEERS_MAX];
	uint32_t len = h->peers(h, "log", peers, PEERS_MAX);

	for (uint32_t i = 0; i < len && i < PEERS_MAX; i++) {
		struct ask_peer *peer = &ask->peers[ask->peers_len];

		if (peers[i].id != h->id) {
			peer->ask = ask;
			peer->id = peers[i].id;
			snprintf(peer->name, sizeof(peer->name), "%s", peers[i].name);
			ask->peers_len++;
		}
	}
}

/* --- rounds --------------------------------------------------------------------------------------- */

/* Asks here and elsewhere; none of the answers comes inside. */
static void round_begin(struct ask *ask, const struct query *query, const char *text)
{
	ask->waiting = 2; /* this server, and the beginning itself */
	for (uint32_t i = 0; i < ask->peers_len; i++) {
		ask->waiting += !(ask->second && ask->peers[i].missing);
	}
	if (ask->kind == ASK_QUERY || ask->kind == ASK_COUNT) {
		here_search(ask, query);
	} else {
		ask->ls->h->timer_start(ask->ls->h, 0, on_here, ask);
	}
	for (uint32_t i = 0; i < ask->peers_len; i++) {
		if (!(ask->second && ask->peers[i].missing)) {
			peer_ask(ask, &ask->peers[i], text);
		}
	}
	ask_part_done(ask);
}

/* The query for all records of the traces that were found; 0 if there are none. */
static int context_text(const struct ask *ask, char *text, size_t size)
{
	size_t at = (size_t)snprintf(text, size, "(any_time, limit = %u)", CONTEXT_LIMIT);
	uint32_t traces = 0;

	for (uint32_t i = 0; i < ask->found_len && traces < CONTEXT_TRACES_MAX; i++) {
		struct proto_arena arena;
		const Log__Record *record;
		char hex[2 * TROUPE_TRACE_SIZE + 1] = "";

		proto_arena_init(&arena);
		record = (const Log__Record *)proto_unpack(&log__record__descriptor, ask->found[i].record,
							   ask->found[i].len, &arena);
		for (size_t k = 0; record != NULL && record->trace.len == TROUPE_TRACE_SIZE && k < TROUPE_TRACE_SIZE; k++) {
			snprintf(hex + 2 * k, 3, "%02x", record->trace.data[k]);
		}
		proto_arena_free(&arena);
		if (hex[0] != '\0' && strstr(text, hex) == NULL) {
			at += (size_t)snprintf(text + at, size - at, "%s trace = %s", traces > 0 ? " or" : "", hex);
			traces++;
		}
	}
	return traces > 0;
}

static void ask_end(struct ask *ask)
{
	ask->ls->asks--;
	count(ask->ls, METRIC_QUERIES, 1);
	ask->answer(ask);
	task_end(ask->ls, &ask->task);
}

static void finish(struct ask *ask)
{
	char text[QUERY_TEXT_MAX];

	if (ask->kind == ASK_QUERY || ask->kind == ASK_TAIL) {
		found_settle(ask);
	}
	if (ask->kind == ASK_COUNT && ask->has_frontier) {
		uint64_t reached_ms = keys_place_ms(ask->frontier);

		ask->more = 1;
		ask->reached_ms = reached_ms > ask->reached_ms ? reached_ms : ask->reached_ms;
	}
	if (ask->kind == ASK_QUERY && ask->query.full_context && !ask->local && !ask->second &&
	    context_text(ask, text, sizeof(text))) {
		struct query *query = malloc(sizeof(*query));
		struct query_fault fault;

		if (query != NULL && query_parse(text, ask->now_ms, query, &fault) == 0) {
			ask->second = 1;
			round_begin(ask, query, text);
			free(query);
			return;
		}
		free(query);
	}
	ask_end(ask);
}

/* --- life ----------------------------------------------------------------------------------------- */

static void ask_release(struct task *task)
{
	struct ask *ask = (struct ask *)task;

	for (uint32_t i = 0; i < ask->found_len; i++) {
		free(ask->found[i].record);
	}
	free(ask->found);
	free(ask->holders);
}

struct ask *ask_new(struct logserver *ls, enum ask_kind kind, const struct troupe_request *request)
{
	struct ask *ask = ls->asks < ASKS_MAX ? task_new(ls, sizeof(*ask), ask_release) : NULL;
	uint32_t left_ms = request->timeout_ms < TIME_MAX_MS ? request->timeout_ms : TIME_MAX_MS;

	if (ask == NULL) {
		count(ls, METRIC_QUERIES_REFUSED, 1);
		proto_refuse(ls->h, request->id, TROUPE_RESOURCE_EXHAUSTED, "log.busy");
		return NULL;
	}
	ls->asks++;
	ask->ls = ls;
	ask->kind = kind;
	ask->request = request->id;
	ask->now_ms = (uint64_t)ls->h->wall_ms(ls->h);
	ask->deadline_us = ls->h->now_us(ls->h) + 1000ull * (left_ms > 2 * MARGIN_MS ? left_ms - MARGIN_MS : MARGIN_MS);
	return ask;
}

void ask_fail(struct ask *ask)
{
	ask->has_fault = 1;
	ask_end(ask);
}

void ask_run(struct ask *ask)
{
	if (ask->kind != ASK_WHERE && query_parse(ask->text, ask->now_ms, &ask->query, &ask->fault) != 0) {
		ask_fail(ask);
		return;
	}
	if (!ask->local) {
		peers_find(ask);
	}
	round_begin(ask, &ask->query, ask->text);
}
