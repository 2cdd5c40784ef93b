/* SPDX-License-Identifier: MIT */
/* Requests of players: whose they are, how they are answered, and which wait for the end of a tick. */
#include <stdlib.h>
#include <string.h>

#include "mechanics.h"

#define PATIENCE_US 30000000u /* longer than any caller waits */

struct ask ask_of(const struct troupe_request *request)
{
	return (struct ask){ .request = request->id,
			     .account = request->account,
			     .actor = request->actor,
			     .session = request->session,
			     .frontend = request->from };
}

void ask_reply(struct mechanics *m, const struct ask *ask, const ProtobufCMessage *message)
{
	Region__PassReply reply = REGION__PASS_REPLY__INIT;
	struct troupe_buf *body;

	if (!ask->passed) {
		proto_reply(m->h, ask->request, message);
		return;
	}
	body = proto_pack(m->h, message);
	if (body == NULL) {
		proto_refuse(m->h, ask->request, TROUPE_INTERNAL, "host.too_large");
		return;
	}
	reply.has_body = 1;
	reply.body.data = (uint8_t *)body->data;
	reply.body.len = body->len;
	region_pass_reply(m->h, ask->request, &reply);
	m->h->buf_unref(m->h, body);
}

void ask_refuse(struct mechanics *m, const struct ask *ask, int32_t status, const char *reason)
{
	proto_refuse(m->h, ask->request, status, reason);
}

int ask_busy(struct mechanics *m, const struct ask *ask)
{
	if (m->phase == PHASE_RUNNING && m->paused[0] == '\0' && !m->adopting) {
		return 0;
	}
	count(m, METRIC_PAUSED_REFUSED);
	ask_refuse(m, ask, TROUPE_UNAVAILABLE, owner_refusal(m));
	return 1;
}

struct waiting *ask_wait(struct mechanics *m, const struct ask *ask, enum waiting_kind kind, uint64_t avatar)
{
	size_t size = sizeof(struct waiting) + (kind == WAITING_LINE ? LINE_SHOWN : 0);
	struct waiting *waiting = m->waiting.count < WAITING_MAX ? calloc(1, size) : NULL;

	m->token += 1 + (m->token == UINT64_MAX); /* never 0 */
	if (waiting == NULL || map_put(&m->waiting, m->token, waiting) != 0) {
		free(waiting);
		count(m, METRIC_WAITING_FULL);
		ask_refuse(m, ask, TROUPE_RESOURCE_EXHAUSTED, "world.busy");
		return NULL;
	}
	*waiting = (struct waiting){ .ask = *ask,
				     .token = m->token,
				     .avatar = avatar,
				     .at_us = m->h->now_us(m->h),
				     .kind = (uint8_t)kind };
	m->entering += kind == WAITING_ENTER;
	return waiting;
}

struct waiting *ask_take(struct mechanics *m, uint64_t token)
{
	struct waiting *waiting = token != 0 ? map_remove(&m->waiting, token) : NULL;

	if (waiting != NULL && waiting->kind == WAITING_ENTER) {
		m->entering--;
		waiting->frontend->entering--;
	}
	return waiting;
}

static void moved_reply(struct mechanics *m, const struct moved *moved)
{
	World__MoveReply reply = WORLD__MOVE_REPLY__INIT;

	reply.has_seq = reply.has_x = reply.has_y = 1;
	reply.seq = moved->seq;
	reply.x = moved->x;
	reply.y = moved->y;
	ask_reply(m, &moved->ask, &reply.base);
}

void ask_moved(struct mechanics *m, const struct ask *ask, const World__MoveRequest *body)
{
	struct moved moved = { .ask = *ask, .seq = body->seq, .x = body->x, .y = body->y };

	if (m->moved_len == m->moved_size) {
		uint32_t size = m->moved_size == 0 ? 64 : m->moved_size * 2;
		struct moved *list = size <= WAITING_MAX ? realloc(m->moved, size * sizeof(*list)) : NULL;

		if (list == NULL) {
			count(m, METRIC_WAITING_FULL);
			moved_reply(m, &moved); /* it costs a write of its own */
			return;
		}
		m->moved = list;
		m->moved_size = size;
	}
	m->moved[m->moved_len++] = moved;
}

void ask_moved_tell(struct mechanics *m)
{
	for (uint32_t i = 0; i < m->moved_len; i++) {
		moved_reply(m, &m->moved[i]);
	}
	m->moved_len = 0;
}

void ask_second(struct mechanics *m)
{
	uint64_t tokens[256], now_us = m->h->now_us(m->h);
	struct map_entry *entry;
	uint32_t at = 0, found = 0;

	while (found < 256 && (entry = map_next(&m->waiting, &at)) != NULL) {
		const struct waiting *waiting = entry->value;

		/* an operator's line is done in any case, and what came of it is logged */
		if (waiting->kind != WAITING_LINE && now_us - waiting->at_us > PATIENCE_US) {
			tokens[found++] = entry->key;
		}
	}
	for (uint32_t i = 0; i < found; i++) {
		free(ask_take(m, tokens[i]));
	}
}

void ask_free(struct mechanics *m)
{
	for (struct waiting *line = m->lines, *next; line != NULL; line = next) {
		next = line->next;
		free(line);
	}
	m->lines = NULL;
}

void ask_forget(struct mechanics *m)
{
	struct map_entry *entry;
	uint32_t at = 0;

	while ((entry = map_next(&m->waiting, &at)) != NULL) {
		struct waiting *waiting = entry->value;

		ask_refuse(m, &waiting->ask, TROUPE_UNAVAILABLE, "world.paused");
		if (waiting->kind == WAITING_LINE) {
			log_line(m, TROUPE_LOG_NOTICE, NULL, "a line of an operator is done if it is in the journal: %s", waiting->line);
			waiting->next = m->lines;
			m->lines = waiting;
		} else {
			free(waiting);
		}
	}
	map_free(&m->waiting);
	memset(&m->waiting, 0, sizeof(m->waiting));
	m->entering = 0;
	for (uint32_t i = 0; i < m->moved_len; i++) {
		ask_refuse(m, &m->moved[i].ask, TROUPE_UNAVAILABLE, "world.paused");
	}
	m->moved_len = 0;
}
