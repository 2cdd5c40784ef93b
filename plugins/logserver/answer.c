/* SPDX-License-Identifier: MIT */
/* The methods that ask: what came together, packed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "logserver.h"
#include "proto/proto.h"

static const char undated[] = "no time given: the last 24 hours";

static void fault_fill(const struct ask *ask, Log__Fault *fault)
{
	log__fault__init(fault);
	fault->has_at = 1;
	fault->at = ask->fault.at;
	fault->text = (char *)ask->fault.text;
	fault->help = (char *)ask->fault.help;
}

/* Names of the servers that did not answer. */
static size_t missing_fill(const struct ask *ask, char *names[PEERS_MAX + 1])
{
	const char *name;
	uint32_t len = 0;

	for (; len <= PEERS_MAX && ask_missing(ask, len, &name); len++) {
		names[len] = (char *)name;
	}
	return len;
}

/* What was found as messages, in one block to be freed; NULL without memory. */
static Log__Found **found_fill(const struct ask *ask)
{
	Log__Found **pointers = calloc(ask->found_len + 1, sizeof(*pointers) + sizeof(Log__Found));
	Log__Found *founds = (Log__Found *)(pointers + ask->found_len + 1);

	for (uint32_t i = 0; pointers != NULL && i < ask->found_len; i++) {
		pointers[i] = &founds[i];
		log__found__init(&founds[i]);
		founds[i].has_place = founds[i].has_record = 1;
		founds[i].place.data = ask->found[i].place;
		founds[i].place.len = PLACE_SIZE;
		founds[i].record.data = ask->found[i].record;
		founds[i].record.len = ask->found[i].len;
		founds[i].has_context = ask->found[i].context != 0;
		founds[i].context = ask->found[i].context != 0;
	}
	return pointers;
}

/* --- query, count --------------------------------------------------------------------------------- */

static void answer_query(struct ask *ask)
{
	Log__QueryReply reply = LOG__QUERY_REPLY__INIT;
	Log__Fault fault;
	char *names[PEERS_MAX + 1], *notices[] = { (char *)undated };

	if (ask->has_fault) {
		fault_fill(ask, &fault);
		reply.fault = &fault;
		log_query_reply(ask->ls->h, ask->request, &reply);
		return;
	}
	reply.found = found_fill(ask);
	if (reply.found == NULL) {
		proto_refuse(ask->ls->h, ask->request, TROUPE_RESOURCE_EXHAUSTED, "log.no_memory");
		return;
	}
	reply.n_found = ask->found_len;
	reply.has_more = reply.has_now_ms = 1;
	reply.more = ask->more != 0;
	reply.has_reached = reply.more;
	reply.reached.data = ask->reached;
	reply.reached.len = PLACE_SIZE;
	reply.now_ms = ask->now_ms;
	reply.missing = names;
	reply.n_missing = missing_fill(ask, names);
	reply.notices = notices;
	reply.n_notices = ask->query.undated;
	log_query_reply(ask->ls->h, ask->request, &reply);
	free(reply.found);
}

static void answer_count(struct ask *ask)
{
	Log__CountReply reply = LOG__COUNT_REPLY__INIT;
	Log__Fault fault;
	char *names[PEERS_MAX + 1], *notices[] = { (char *)undated };

	if (ask->has_fault) {
		fault_fill(ask, &fault);
		reply.fault = &fault;
	} else {
		reply.has_count = reply.has_more = reply.has_reached_ms = 1;
		reply.count = ask->count;
		reply.more = ask->more != 0;
		reply.reached_ms = ask->reached_ms;
		reply.missing = names;
		reply.n_missing = missing_fill(ask, names);
		reply.notices = notices;
		reply.n_notices = ask->query.undated;
	}
	log_count_reply(ask->ls->h, ask->request, &reply);
}

static void query_begin(struct logserver *ls, const struct troupe_request *request, const Log__QueryRequest *body,
			enum ask_kind kind)
{
	struct ask *ask = ask_new(ls, kind, request);

	if (ask == NULL) {
		return;
	}
	snprintf(ask->text, sizeof(ask->text), "%s", body->query != NULL ? body->query : "");
	ask->local = body->local != 0;
	ask->now_ms = body->now_ms != 0 ? body->now_ms : ask->now_ms;
	if (body->after.len == PLACE_SIZE) {
		memcpy(ask->after, body->after.data, PLACE_SIZE);
		ask->has_after = 1;
	}
	ask->answer = kind == ASK_QUERY ? answer_query : answer_count;
	ask_run(ask);
}

void answer_on_query(void *instance, const struct troupe_request *request, const Log__QueryRequest *body)
{
	query_begin(instance, request, body, ASK_QUERY);
}

void answer_on_count(void *instance, const struct troupe_request *request, const Log__QueryRequest *body)
{
	query_begin(instance, request, body, ASK_COUNT);
}

/* --- tail ----------------------------------------------------------------------------------------- */

static void answer_tail(struct ask *ask)
{
	Log__TailReply reply = LOG__TAIL_REPLY__INIT;
	Log__Follow follows[PEERS_MAX + 1], *pointers[PEERS_MAX + 1];
	Log__Fault fault;
	char *names[PEERS_MAX + 1];

	if (ask->has_fault) {
		fault_fill(ask, &fault);
		reply.fault = &fault;
	}
	reply.found = found_fill(ask);
	reply.n_found = reply.found != NULL ? ask->found_len : 0;
	for (uint32_t i = 0; i < ask->follows_len; i++) {
		log__follow__init(&follows[i]);
		follows[i].has_server = follows[i].has_arrival = 1;
		follows[i].server = ask->follows[i].server;
		follows[i].arrival = ask->follows[i].arrival;
		pointers[i] = &follows[i];
	}
	reply.follows = pointers;
	reply.n_follows = ask->follows_len;
	reply.has_passed = reply.has_now_ms = 1;
	reply.passed = ask->passed;
	reply.now_ms = ask->now_ms;
	reply.missing = names;
	reply.n_missing = missing_fill(ask, names);
	log_tail_reply(ask->ls->h, ask->request, &reply);
	free(reply.found);
}

void answer_on_tail(void *instance, const struct troupe_request *request, const Log__TailRequest *body)
{
	struct ask *ask = ask_new(instance, ASK_TAIL, request);

	if (ask == NULL) {
		return;
	}
	snprintf(ask->text, sizeof(ask->text), "%s", body->query != NULL ? body->query : "");
	ask->local = body->local != 0;
	for (size_t i = 0; i < body->n_follows && i <= PEERS_MAX; i++) {
		ask->follows[i].server = body->follows[i]->server;
		ask->follows[i].arrival = body->follows[i]->arrival;
		ask->follows_len++;
	}
	ask->answer = answer_tail;
	ask_run(ask);
}

/* --- where ---------------------------------------------------------------------------------------- */

static void holder_fill(const struct holder *from, Log__Holder *to)
{
	log__holder__init(to);
	to->server = (char *)from->server;
	to->host = (char *)from->host;
	to->has_records = to->has_seq = to->has_received_ms = to->has_skew_ms = 1;
	to->records = from->records;
	to->seq = from->seq;
	to->received_ms = from->received_ms;
	to->skew_ms = from->skew_ms;
}

static void server_fill(const struct server_status *from, Log__Server *to)
{
	log__server__init(to);
	to->name = (char *)from->name;
	to->has_records = to->has_bytes = to->has_oldest_ms = to->has_keep_ms = to->has_keep_bytes = to->has_quota =
		to->has_over_quota = to->has_expired = 1;
	to->records = from->records;
	to->bytes = from->bytes;
	to->oldest_ms = from->oldest_ms;
	to->keep_ms = from->keep_ms;
	to->keep_bytes = from->keep_bytes;
	to->quota = from->quota;
	to->over_quota = from->over_quota;
	to->expired = from->expired;
}

static void answer_where(struct ask *ask)
{
	Log__WhereReply reply = LOG__WHERE_REPLY__INIT;
	Log__Holder *holders = calloc(ask->holders_len + 1, sizeof(*holders) + sizeof(Log__Holder *));
	Log__Server servers[PEERS_MAX + 1], *server_pointers[PEERS_MAX + 1];
	char *names[PEERS_MAX + 1];

	if (holders == NULL) {
		proto_refuse(ask->ls->h, ask->request, TROUPE_RESOURCE_EXHAUSTED, "log.no_memory");
		return;
	}
	reply.holders = (Log__Holder **)(holders + ask->holders_len + 1);
	reply.n_holders = ask->holders_len;
	for (uint32_t i = 0; i < ask->holders_len; i++) {
		holder_fill(&ask->holders[i], &holders[i]);
		reply.holders[i] = &holders[i];
	}
	reply.servers = server_pointers;
	reply.n_servers = ask->servers_len;
	for (uint32_t i = 0; i < ask->servers_len; i++) {
		server_fill(&ask->servers[i], &servers[i]);
		server_pointers[i] = &servers[i];
	}
	reply.missing = names;
	reply.n_missing = missing_fill(ask, names);
	log_where_reply(ask->ls->h, ask->request, &reply);
	free(holders);
}

void answer_on_where(void *instance, const struct troupe_request *request, const Log__WhereRequest *body)
{
	struct ask *ask = ask_new(instance, ASK_WHERE, request);

	if (ask == NULL) {
		return;
	}
	snprintf(ask->host, sizeof(ask->host), "%s", body->host != NULL ? body->host : "");
	ask->local = body->local != 0;
	ask->answer = answer_where;
	ask_run(ask);
}
