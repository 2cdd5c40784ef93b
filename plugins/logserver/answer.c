/* SPDX-License-Identifier: MIT */
/* Queries as they are asked. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "logserver.h"
#include "proto/proto.h"

#define MARGIN_MS 300u /* what is left of the asker's patience for the way back */

static const char undated[] = "no time given: the last 24 hours";

struct answer {
	uint64_t request, now_ms;
	struct logserver *ls;
	int counts;
};

static void reply_query(struct answer *answer, struct search *search)
{
	Log__QueryReply reply = LOG__QUERY_REPLY__INIT;
	Log__Found founds[QUERY_LIMIT_MAX], *pointers[QUERY_LIMIT_MAX];
	char *notices[] = { (char *)undated };

	for (uint32_t i = 0; i < search->found_len; i++) {
		log__found__init(&founds[i]);
		founds[i].has_place = founds[i].has_record = 1;
		founds[i].place.data = search->found[i].place;
		founds[i].place.len = PLACE_SIZE;
		founds[i].record.data = search->found[i].record;
		founds[i].record.len = search->found[i].len;
		pointers[i] = &founds[i];
	}
	reply.found = pointers;
	reply.n_found = search->found_len;
	reply.has_more = reply.has_reached = reply.has_now_ms = 1;
	reply.more = search->more;
	reply.reached.data = search->reached;
	reply.reached.len = PLACE_SIZE;
	reply.now_ms = answer->now_ms;
	reply.notices = notices;
	reply.n_notices = search->query.undated;
	log_query_reply(answer->ls->h, answer->request, &reply);
}

static void reply_count(struct answer *answer, struct search *search)
{
	Log__CountReply reply = LOG__COUNT_REPLY__INIT;
	char *notices[] = { (char *)undated };

	reply.has_count = reply.has_more = reply.has_reached_ms = 1;
	reply.count = search->counted;
	reply.more = search->more;
	reply.reached_ms = keys_place_ms(search->reached);
	reply.notices = notices;
	reply.n_notices = search->query.undated;
	log_count_reply(answer->ls->h, answer->request, &reply);
}

static void on_searched(struct search *search, void *arg)
{
	struct answer *answer = arg;

	if (search->status != TROUPE_OK) {
		proto_refuse(answer->ls->h, answer->request, TROUPE_UNAVAILABLE, "log.not_read");
	} else if (answer->counts) {
		reply_count(answer, search);
	} else {
		reply_query(answer, search);
	}
	free(answer);
	search_end(search);
}

static void reply_fault(struct logserver *ls, uint64_t request, const struct query_fault *fault, int counts)
{
	Log__Fault wrong = LOG__FAULT__INIT;
	Log__QueryReply query = LOG__QUERY_REPLY__INIT;
	Log__CountReply count = LOG__COUNT_REPLY__INIT;

	wrong.has_at = 1;
	wrong.at = fault->at;
	wrong.text = (char *)fault->text;
	wrong.help = (char *)fault->help;
	if (counts) {
		count.fault = &wrong;
		log_count_reply(ls->h, request, &count);
	} else {
		query.fault = &wrong;
		log_query_reply(ls->h, request, &query);
	}
}

static void begin(struct logserver *ls, const struct troupe_request *request, const Log__QueryRequest *body, int counts)
{
	struct search *search = search_new(ls);
	struct answer *answer = calloc(1, sizeof(*answer));
	struct query_fault fault;

	if (search == NULL || answer == NULL) {
		proto_refuse(ls->h, request->id, TROUPE_RESOURCE_EXHAUSTED, "log.busy");
		if (search != NULL) {
			search_end(search);
		}
		free(answer);
		return;
	}
	*answer = (struct answer){ .request = request->id, .ls = ls, .counts = counts };
	answer->now_ms = body->now_ms != 0 ? body->now_ms : (uint64_t)ls->h->wall_ms(ls->h);
	if (query_parse(body->query != NULL ? body->query : "", answer->now_ms, &search->query, &fault) != 0) {
		reply_fault(ls, request->id, &fault, counts);
		search_end(search);
		free(answer);
		return;
	}
	search->found_max = counts ? 0 : search->query.limit;
	search->deadline_us = ls->h->now_us(ls->h) +
			      1000ull * (request->timeout_ms > 2 * MARGIN_MS ? request->timeout_ms - MARGIN_MS : MARGIN_MS);
	search->done = on_searched;
	search->arg = answer;
	search_run(search, body->after.len == PLACE_SIZE ? body->after.data : NULL);
}

void answer_on_query(void *instance, const struct troupe_request *request, const Log__QueryRequest *body)
{
	begin(instance, request, body, 0);
}

void answer_on_count(void *instance, const struct troupe_request *request, const Log__QueryRequest *body)
{
	begin(instance, request, body, 1);
}
