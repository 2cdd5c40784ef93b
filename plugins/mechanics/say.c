/* SPDX-License-Identifier: MIT */
/* What front-ends are told: gathered, and sent as few large messages. */
#include <stdlib.h>
#include <string.h>

#include "frontend.stub.h"
#include "mechanics.h"

#define SAID_MAX 4096u

enum said_kind { SAID_SUBSCRIBE, SAID_SEND, SAID_PUBLISH, SAID_KINDS };

struct said {
	uint64_t session, channel;
	uint32_t event;
	uint8_t droppable, add;
	struct troupe_buf *payload;
};

struct say {
	struct said *list[SAID_KINDS];
	uint32_t len[SAID_KINDS];
	uint32_t bytes;
	/* what the message is made of, kept so that a tick allocates nothing */
	union {
		Frontend__Subscribe subscribe;
		Frontend__Send send;
		Frontend__Publish publish;
	} *messages;
	void **pointers;
};

static void drop(const struct troupe_host *h, struct say *say)
{
	for (int i = 0; i < SAID_KINDS; i++) {
		for (uint32_t n = 0; n < say->len[i]; n++) {
			h->buf_unref(h, say->list[i][n].payload);
		}
		say->len[i] = 0;
	}
	say->bytes = 0;
}

int say_open(const struct troupe_host *h, struct frontend *frontend)
{
	struct say *say = calloc(1, sizeof(*say));
	int failed = say == NULL;

	for (int i = 0; !failed && i < SAID_KINDS; i++) {
		say->list[i] = malloc(SAID_MAX * sizeof(*say->list[i]));
		failed = say->list[i] == NULL;
	}
	if (!failed) {
		say->messages = malloc(SAID_MAX * sizeof(*say->messages));
		say->pointers = malloc(SAID_MAX * sizeof(*say->pointers));
		failed = say->messages == NULL || say->pointers == NULL;
	}
	frontend->say = say;
	if (failed) {
		say_free(h, frontend);
		return -1;
	}
	return 0;
}

void say_free(const struct troupe_host *h, struct frontend *frontend)
{
	struct say *say = frontend->say;

	if (say == NULL) {
		return;
	}
	drop(h, say);
	for (int i = 0; i < SAID_KINDS; i++) {
		free(say->list[i]);
	}
	free(say->messages);
	free(say->pointers);
	free(say);
	frontend->say = NULL;
}

static struct said *append(struct mechanics *m, struct frontend *frontend, enum said_kind kind,
			   struct troupe_buf *payload)
{
	struct say *say = frontend->say;
	uint32_t len = payload != NULL ? payload->len + 32 : 32;
	struct said *said;

	if (say->bytes + len > SAY_BYTES || say->len[kind] == SAID_MAX) {
		say_flush(m, frontend);
	}
	said = &say->list[kind][say->len[kind]++];
	memset(said, 0, sizeof(*said));
	said->payload = payload;
	say->bytes += len;
	return said;
}

void say_subscribe(struct mechanics *m, const struct player *player, uint64_t channel, int add)
{
	struct said *said = append(m, player->frontend, SAID_SUBSCRIBE, NULL);

	said->session = player->session;
	said->channel = channel;
	said->add = add != 0;
}

void say_send_buf(struct mechanics *m, const struct player *player, uint32_t event, struct troupe_buf *payload)
{
	struct said *said;

	if (player->frontend == NULL || payload == NULL) {
		if (payload == NULL) {
			count(m, METRIC_FULL);
		}
		m->h->buf_unref(m->h, payload);
		return;
	}
	said = append(m, player->frontend, SAID_SEND, payload);
	said->session = player->session;
	said->event = event;
}

void say_send(struct mechanics *m, const struct player *player, uint32_t event, const ProtobufCMessage *message)
{
	if (player->frontend != NULL) {
		say_send_buf(m, player, event, proto_pack(m->h, message));
	}
}

int say_wanted(const struct mechanics *m, uint32_t channel)
{
	for (uint32_t i = 0; i < m->frontends_len; i++) {
		const struct frontend *frontend = &m->frontends[i];

		if (frontend->id != 0 && frontend->players > 0 && (channel == 0 || frontend->watch[channel] > 0)) {
			return 1;
		}
	}
	return 0;
}

void say_publish_buf(struct mechanics *m, uint32_t channel, uint32_t event, struct troupe_buf *payload, int droppable)
{
	if (payload == NULL) {
		count(m, METRIC_FULL);
		return;
	}
	for (uint32_t i = 0; i < m->frontends_len; i++) {
		struct frontend *frontend = &m->frontends[i];
		struct said *said;

		if (frontend->id == 0 || frontend->players == 0 || (channel != 0 && frontend->watch[channel] == 0)) {
			continue;
		}
		said = append(m, frontend, SAID_PUBLISH, m->h->buf_ref(m->h, payload));
		said->channel = channel;
		said->event = event;
		said->droppable = droppable != 0;
	}
	m->h->buf_unref(m->h, payload);
}

void say_publish(struct mechanics *m, uint32_t channel, uint32_t event, const ProtobufCMessage *message, int droppable)
{
	if (say_wanted(m, channel)) {
		say_publish_buf(m, channel, event, proto_pack(m->h, message), droppable);
	}
}

static ProtobufCBinaryData payload_of(const struct said *said)
{
	return (ProtobufCBinaryData){ .len = said->payload->len, .data = (uint8_t *)said->payload->data };
}

static void fill_subscribe(Frontend__Subscribe *message, struct said *said)
{
	frontend__subscribe__init(message);
	message->has_session = 1;
	message->session = said->session;
	if (said->add) {
		message->n_add = 1;
		message->add = &said->channel;
	} else {
		message->n_remove = 1;
		message->remove = &said->channel;
	}
}

static void fill_send(Frontend__Send *message, const struct said *said)
{
	frontend__send__init(message);
	message->has_session = message->has_event = message->has_payload = 1;
	message->session = said->session;
	message->event = said->event;
	message->payload = payload_of(said);
}

static void fill_publish(Frontend__Publish *message, const struct said *said)
{
	frontend__publish__init(message);
	message->has_channel = message->has_event = message->has_payload = message->has_droppable = 1;
	message->channel = said->channel;
	message->event = said->event;
	message->droppable = said->droppable;
	message->payload = payload_of(said);
}

void say_flush(struct mechanics *m, struct frontend *frontend)
{
	struct say *say = frontend->say;
	struct proto_to to = { .instance = frontend->id };

	/* One kind after the other, in the order in which the front-end would take them from one message. */
	for (int kind = 0; kind < SAID_KINDS; kind++) {
		Frontend__Batch batch = FRONTEND__BATCH__INIT;

		for (uint32_t i = 0; i < say->len[kind]; i++) {
			say->pointers[i] = &say->messages[i];
			if (kind == SAID_SUBSCRIBE) {
				fill_subscribe(&say->messages[i].subscribe, &say->list[kind][i]);
			} else if (kind == SAID_SEND) {
				fill_send(&say->messages[i].send, &say->list[kind][i]);
			} else {
				fill_publish(&say->messages[i].publish, &say->list[kind][i]);
			}
		}
		if (say->len[kind] == 0) {
			continue;
		}
		if (kind == SAID_SUBSCRIBE) {
			batch.n_subscribe = say->len[kind];
			batch.subscribe = (Frontend__Subscribe **)say->pointers;
		} else if (kind == SAID_SEND) {
			batch.n_send = say->len[kind];
			batch.send = (Frontend__Send **)say->pointers;
		} else {
			batch.n_publish = say->len[kind];
			batch.publish = (Frontend__Publish **)say->pointers;
		}
		frontend_batch(m->h, &batch, &to);
	}
	drop(m->h, say);
}
