/* SPDX-License-Identifier: MIT */
/* What owners tell each other after each stage: sent at once, taken when the stage has run here too. */
#include <stdlib.h>
#include <string.h>

#include "mechanics.h"

/* --- sending -------------------------------------------------------------------------------------- */

void exchange_send(struct mechanics *m)
{
	uint64_t others = owner_others(m);
	uint32_t count;
	const struct engine_part *parts;

	if (others == 0) {
		return;
	}
	parts = engine_exchange(m->engine, m->epoch, &count);
	if (count == 0 || count > PARTS_MAX) {
		log_line(m, TROUPE_LOG_ERROR, "S0403", "an exchange of %u parts cannot be sent: 1 to %u can", count, PARTS_MAX);
		stage_broken(m);
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		uint8_t *bytes;
		struct troupe_buf *buf = m->h->buf_new(m->h, parts[i].len, &bytes);

		if (buf == NULL) { /* the others will miss it */
			log_line(m, TROUPE_LOG_ERROR, "S0403", "an exchange of %zu bytes cannot be sent", parts[i].len);
			stage_broken(m);
			return;
		}
		memcpy(bytes, parts[i].bytes, parts[i].len);
		for (uint32_t owner = 0; owner < m->now.len; owner++) {
			struct troupe_call call = { .size = sizeof(call), .method = REGION_EXCHANGE_ID, .service = "region" };

			if ((others >> owner & 1) == 0) {
				continue;
			}
			call.to = m->now.owners[owner];
			call.body = m->h->buf_ref(m->h, buf);
			m->h->call(m->h, &call);
			STRIKE("exchange.some_sent");
		}
		m->h->buf_unref(m->h, buf);
	}
}

/* later: 1 if it is of a stage, or round of one, that has not run here yet. */
static int later(const struct mechanics *m, uint64_t tick, uint32_t stage, uint32_t round)
{
	const struct ticking *t = &m->ticking;

	if (m->phase == PHASE_RESTORING || tick != t->tick) {
		return m->phase == PHASE_RESTORING || tick > t->tick;
	}
	return stage != t->stage ? stage > t->stage : round > t->round;
}

/* --- taking --------------------------------------------------------------------------------------- */

/* take: one part for the stage that ran last; 0, or -1 if it makes no sense. */
static int take(struct mechanics *m, uint32_t owner, const Region__Exchange *body)
{
	struct ticking *t = &m->ticking;
	uint32_t bit = owner * PARTS_MAX + body->part;

	if (body->part >= PARTS_MAX) {
		return -1;
	}
	if ((t->seen[bit / 8] >> bit % 8 & 1) != 0) {
		return 0; /* it came twice */
	}
	if (engine_receive(m->engine, body) != 0) {
		return -1;
	}
	t->seen[bit / 8] |= (uint8_t)(1u << bit % 8);
	t->parts[owner]++;
	if (body->last) {
		t->parts_all[owner] = body->part + 1;
	}
	if (t->parts[owner] == t->parts_all[owner]) {
		t->got |= (uint64_t)1 << owner;
	}
	count(m, METRIC_EXCHANGES);
	return 0;
}

/* broken: what an owner said of the tick that runs, or of one after it, is of no use: that tick cannot end. The scheduler hears so at
 * once, instead of waiting for an answer until it takes us for dead, and has the world restored. */
static void broken(struct mechanics *m, uint64_t from, uint64_t tick, uint32_t stage, const char *why)
{
	struct troupe_peer peers[PEERS_MAX];
	uint32_t found = m->h->peers(m->h, "region", peers, PEERS_MAX);
	const char *name = "an owner";

	for (uint32_t i = 0; i < found && i < PEERS_MAX; i++) {
		name = peers[i].id == from ? peers[i].name : name;
	}
	log_line(m, TROUPE_LOG_ERROR, "S0424", "what %s says of stage %u of tick %llu is refused: %s; the world is to be restored", name,
		 stage, (unsigned long long)tick, why);
	stage_broken(m);
}

static void early_free(struct mechanics *m, uint32_t at)
{
	m->early_bytes -= m->early[at].len;
	m->h->buf_unref(m->h, m->early[at].buf);
	m->early[at] = m->early[--m->early_len];
}

void exchange_begin(struct mechanics *m)
{
	struct ticking *t = &m->ticking;

	t->got = 0;
	memset(t->parts, 0, sizeof(t->parts));
	memset(t->parts_all, 0, sizeof(t->parts_all));
	memset(t->seen, 0, OWNERS_MAX * PARTS_MAX / 8);
	for (uint32_t i = 0; i < m->early_len;) {
		struct early *early = &m->early[i];
		struct proto_arena arena;
		const Region__Exchange *body;
		uint32_t owner = owner_number(m, early->from);

		if (later(m, early->tick, early->stage, early->round)) {
			i++;
			continue;
		}
		proto_arena_init(&arena);
		body = (const Region__Exchange *)proto_unpack(&region__exchange__descriptor, early->body, early->len, &arena);
		if (early->tick != t->tick || early->stage != t->stage || early->round != t->round || owner == UINT32_MAX) {
			count(m, METRIC_EXCHANGE_REFUSED);
		} else if (body == NULL || take(m, owner, body) != 0) {
			count(m, METRIC_EXCHANGE_REFUSED);
			broken(m, early->from, early->tick, early->stage, "it makes no sense");
		}
		proto_arena_free(&arena);
		early_free(m, i);
	}
}

int exchange_all(const struct mechanics *m)
{
	uint64_t others = owner_others(m);

	return (m->ticking.got & others) == others;
}

void exchange_forget(struct mechanics *m)
{
	while (m->early_len > 0) {
		early_free(m, m->early_len - 1);
	}
}

/* keep: it is for a stage that has not run here yet. */
static void keep(struct mechanics *m, const struct troupe_request *request, const Region__Exchange *body)
{
	struct early *early = &m->early[m->early_len];

	if (m->early_len == EARLY_MAX || m->early_bytes + request->body_len > EARLY_BYTES || request->buf == NULL) {
		count(m, METRIC_EARLY_FULL);
		broken(m, request->from, body->tick, body->stage, "too much waits here already");
		return;
	}
	*early = (struct early){ .from = request->from,
				 .tick = body->tick,
				 .stage = body->stage,
				 .round = body->round,
				 .buf = m->h->buf_ref(m->h, request->buf),
				 .body = request->body,
				 .len = request->body_len };
	m->early_len++;
	m->early_bytes += request->body_len;
}

void exchange_on_exchange(void *instance, const struct troupe_request *request, const Region__Exchange *body)
{
	struct mechanics *m = instance;
	struct ticking *t = &m->ticking;
	uint32_t owner;

	/* While we restore, others may be further already. */
	if (m->phase == PHASE_OUTSIDE || body->epoch != m->epoch) {
		count(m, METRIC_EXCHANGE_REFUSED);
		return;
	}
	if (later(m, body->tick, body->stage, body->round)) {
		keep(m, request, body);
		return;
	}
	owner = owner_number(m, request->from);
	if (body->tick != t->tick || body->stage != t->stage || body->round != t->round || t->ended || owner == UINT32_MAX) {
		count(m, METRIC_EXCHANGE_REFUSED);
		return;
	}
	if (take(m, owner, body) != 0) {
		count(m, METRIC_EXCHANGE_REFUSED);
		broken(m, request->from, body->tick, body->stage, "it makes no sense");
		return;
	}
	stage_go_on(m);
}
