/* SPDX-License-Identifier: MIT */
/* Messages between instances here and instances on other hosts. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/bus/peer.h"
#include "host/core/buf.h"
#include "host/core/call.h"
#include "host/core/directory.h"
#include "host/core/mailbox.h"

#define TIMEOUT_MAX_MS (60u * 60u * 1000u)

/* --- from here ------------------------------------------------------------------------------------ */

static void envelope_from(const struct bus *bus, const struct message *message, uint64_t id, struct envelope *ret)
{
	uint64_t now_us = loop_now_us(bus->loop);
	uint64_t left_us = message->deadline_us > now_us ? message->deadline_us - now_us : 0;

	*ret = (struct envelope){
		.kind = message->kind,
		.method = message->method,
		.call = id,
		.source = message->from->host.id,
		.target = message->to->host.id,
		.timeout_ms = id != 0 ? (uint32_t)((left_us + 999) / 1000) : 0,
		.body_len = message->body != NULL ? message->body->len : 0,
		.epoch = bus->incarnation,
		.account = message->context.account,
		.actor = message->context.actor,
		.session = message->context.session,
	};
	memcpy(ret->trace, message->context.trace, sizeof(ret->trace));
	if (message->has_key) {
		memcpy(ret->key, message->key, sizeof(ret->key));
	}
}

static int way_send(struct remote *remote, struct message *message, uint64_t id)
{
	struct way *way = (struct way *)(void *)remote;
	struct envelope envelope;

	if (way->via == NULL) {
		return -ENOTCONN;
	}
	envelope_from(way->bus, message, id, &envelope);
	message->link = way->via;
	return peer_push(way->via, &envelope, message->body);
}

static void way_cancel(struct remote *remote, uint64_t id)
{
	struct way *way = (struct way *)(void *)remote;
	struct message *message = request_find(way->bus->mailbox, id);
	struct envelope envelope;

	envelope_from(way->bus, message, id, &envelope);
	envelope.kind = TROUPE_MESSAGE_CANCEL;
	envelope.body_len = 0;
	peer_push((struct peer *)(uintptr_t)message->link, &envelope, NULL); /* one that does not fit is a kindness less: the callee's deadline stands */
}

const struct remote way_remote = { .send = way_send, .cancel = way_cancel };

/* The answer to a call of ours. */
static void receive_reply(struct peer *peer, const struct envelope *envelope, const uint8_t *body)
{
	struct mailbox *mailbox = peer->bus->mailbox;
	struct message *message = request_find(mailbox, envelope->call);
	struct troupe_buf *copy = NULL;

	if (message == NULL || message->to->remote == NULL || message->to->host.id != envelope->source ||
	    message->from->host.id != envelope->target || message->link != peer) {
		return; /* it was cancelled or has timed out; or never asked of this peer */
	}
	if (envelope->body_len > 0) {
		copy = buf_copy(body, envelope->body_len);
		if (copy == NULL) {
			call_answer(mailbox, message, TROUPE_UNKNOWN, NULL, "host.memory");
			return;
		}
	}
	call_answer(mailbox, message, envelope->status, copy, NULL);
}

/* --- from elsewhere ------------------------------------------------------------------------------- */

static struct inbound **bucket(struct bus *bus, const struct way *from, uint64_t wire_call)
{
	uint64_t hash = (wire_call ^ from->instance->host.id) * 0x9e3779b97f4a7c15u;

	return &bus->inbound[(hash >> 32) % INBOUND_BUCKETS];
}

static struct inbound *inbound_new(struct bus *bus)
{
	struct inbound *inbound = bus->inbound_free;

	if (inbound != NULL) {
		bus->inbound_free = inbound->next;
	} else {
		inbound = malloc(sizeof(*inbound));
		if (inbound == NULL) {
			abort(); /* out of memory: as good as a crash, and handled as one */
		}
	}
	bus->inbound_len++;
	return inbound;
}

static void inbound_end(struct bus *bus, struct inbound *inbound)
{
	struct inbound **at = bucket(bus, inbound->from, inbound->wire_call);

	while (*at != inbound) {
		at = &(*at)->next;
	}
	*at = inbound->next;
	inbound->next = bus->inbound_free;
	bus->inbound_free = inbound;
	bus->inbound_len--;
}

static void reply_to(struct peer *peer, uint64_t wire_call, uint64_t source, uint64_t target, int32_t status,
		     struct troupe_buf *body)
{
	struct envelope envelope = {
		.kind = TROUPE_MESSAGE_REPLY,
		.status = (uint16_t)status,
		.call = wire_call,
		.source = source,
		.target = target,
		.epoch = peer->bus->incarnation,
		.body_len = body != NULL ? body->len : 0,
	};

	peer_reply(peer, &envelope, body);
}

static void on_reply(void *instance, void *arg, const struct troupe_reply *reply, troupe_any_fn typed)
{
	struct inbound *inbound = arg;
	struct peer *peer = inbound->peer;
	struct troupe_buf *body = NULL;

	(void)instance;
	(void)typed;
	if (reply->status == TROUPE_OK) {
		body = buf_ref(reply->buf);
	} else if (reply->reason[0] != '\0') {
		body = buf_copy(reply->reason, strlen(reply->reason));
	}
	reply_to(peer, inbound->wire_call, inbound->target, inbound->from->instance->host.id, reply->status, body);
	buf_unref(body);
	inbound_end(peer->bus, inbound);
}

static void refuse(struct peer *peer, const struct envelope *envelope, int32_t status, const char *reason)
{
	struct troupe_buf *body;

	if (envelope->kind == TROUPE_MESSAGE_CALL) {
		body = buf_copy(reason, strlen(reason));
		reply_to(peer, envelope->call, envelope->target, envelope->source, status, body);
		buf_unref(body);
	}
}

/* Who sends it and who gets it, or NULL when it is refused. */
static struct instance *admit(struct peer *peer, const struct envelope *envelope, struct instance **ret_from)
{
	struct directory *directory = core_directory(peer->bus->core);
	struct instance *from = directory_instance(directory, envelope->source);
	struct instance *to = directory_instance(directory, envelope->target);

	if (from == NULL || from->remote == NULL || !routes_speaks_for(peer, way_of(from))) {
		peer->refused++;
		refuse(peer, envelope, TROUPE_PERMISSION_DENIED, "host.not_allowed");
		return NULL;
	}
	if (to == NULL || (to->remote != NULL && !routes_forwards(peer, way_of(to)))) {
		refuse(peer, envelope, TROUPE_NOT_FOUND, "host.no_instance");
		return NULL;
	}
	if (to->remote != NULL) {
		peer->forwarded++;
	}
	*ret_from = from;
	return to;
}

static void receive_request(struct peer *peer, const struct envelope *envelope, const uint8_t *body)
{
	static const uint8_t none[TROUPE_KEY_SIZE];
	struct bus *bus = peer->bus;
	struct call_relay relay = { .method = envelope->method };
	struct inbound *inbound = NULL;

	if (envelope->kind == TROUPE_MESSAGE_CALL && peer_chokes(peer)) {
		peer->refused++;
		return;
	}
	relay.to = admit(peer, envelope, &relay.from);
	if (relay.to == NULL) {
		return;
	}
	if (bus->inbound_len >= BUS_INBOUND_MAX && envelope->kind == TROUPE_MESSAGE_CALL) {
		atomic_fetch_add_explicit(&bus->inbound_full, 1, memory_order_relaxed);
		refuse(peer, envelope, TROUPE_RESOURCE_EXHAUSTED, "host.queue_full");
		return;
	}
	if (envelope->body_len > 0) {
		relay.body = buf_copy(body, envelope->body_len);
		if (relay.body == NULL) {
			refuse(peer, envelope, TROUPE_RESOURCE_EXHAUSTED, "host.memory");
			return;
		}
	}
	relay.key = memcmp(envelope->key, none, sizeof(none)) != 0 ? envelope->key : NULL;
	memcpy(relay.context.trace, envelope->trace, sizeof(relay.context.trace));
	relay.context.account = envelope->account;
	relay.context.actor = envelope->actor;
	relay.context.session = envelope->session;
	if (envelope->kind == TROUPE_MESSAGE_CALL) {
		struct inbound **at = bucket(bus, way_of(relay.from), envelope->call);
		inbound = inbound_new(bus);
		*inbound = (struct inbound){ .next = *at, .peer = peer, .from = way_of(relay.from), .target = envelope->target,
					     .wire_call = envelope->call };
		*at = inbound;
		relay.timeout_ms = envelope->timeout_ms == 0 ? 1 : envelope->timeout_ms;
		relay.timeout_ms = relay.timeout_ms < TIMEOUT_MAX_MS ? relay.timeout_ms : TIMEOUT_MAX_MS;
		relay.on_reply = on_reply;
		relay.arg = inbound;
	}
	uint64_t call = call_relay(&relay);
	if (inbound != NULL) {
		inbound->call = call; /* its answer comes in a later round at the earliest */
	}
}

static void receive_cancel(struct peer *peer, const struct envelope *envelope)
{
	struct instance *from = directory_instance(core_directory(peer->bus->core), envelope->source);
	struct inbound *inbound;

	if (from == NULL || from->remote == NULL) {
		return;
	}
	inbound = *bucket(peer->bus, way_of(from), envelope->call);
	while (inbound != NULL && (inbound->wire_call != envelope->call || inbound->from != way_of(from) ||
				   inbound->peer != peer)) {
		inbound = inbound->next;
	}
	if (inbound != NULL) {
		call_cancel(from, inbound->call);
		inbound_end(peer->bus, inbound);
	}
}

void messages_receive(struct peer *peer, const struct envelope *envelope, const uint8_t *body)
{
	switch (envelope->kind) {
	case TROUPE_MESSAGE_REPLY:
		receive_reply(peer, envelope, body);
		break;
	case TROUPE_MESSAGE_CANCEL:
		receive_cancel(peer, envelope);
		break;
	default:
		receive_request(peer, envelope, body);
		break;
	}
}

/* --- a link ends ---------------------------------------------------------------------------------- */

void messages_down(struct peer *peer)
{
	struct bus *bus = peer->bus;
	struct mailbox *mailbox = bus->mailbox;

	for (uint32_t i = 0; i < mailbox->request_chunks * CHUNK; i++) {
		struct message *message = request_at(mailbox, i);
		if (message != NULL && message->to->remote != NULL && message->link == peer) {
			call_answer(mailbox, message, TROUPE_UNAVAILABLE, NULL, "host.lost");
		}
	}
	for (uint32_t i = 0; i < INBOUND_BUCKETS; i++) {
		struct inbound *inbound = bus->inbound[i], *next;
		for (; inbound != NULL; inbound = next) {
			next = inbound->next;
			if (inbound->peer == peer) {
				call_cancel(inbound->from->instance, inbound->call);
				inbound_end(bus, inbound);
			}
		}
	}
}

void messages_fini(struct bus *bus)
{
	for (uint32_t i = 0; bus->inbound != NULL && i < INBOUND_BUCKETS; i++) {
		while (bus->inbound[i] != NULL) {
			struct inbound *inbound = bus->inbound[i];
			bus->inbound[i] = inbound->next;
			free(inbound);
		}
	}
	while (bus->inbound_free != NULL) {
		struct inbound *inbound = bus->inbound_free;
		bus->inbound_free = inbound->next;
		free(inbound);
	}
	free(bus->inbound);
}
