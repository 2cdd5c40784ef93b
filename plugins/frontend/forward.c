/* SPDX-License-Identifier: MIT */
/* The short way: a client's message goes to the role that declared it and the answer comes back, both unopened. */
#include <stdlib.h>
#include <string.h>

#include "frontend.h"

#define SLAB 128u

struct slab {
	struct slab *next;
	struct slot slots[SLAB];
};

const struct route *route_of(struct frontend *fe, uint16_t event)
{
	struct route **page = &fe->routes[event >> 8];
	struct route *route = *page != NULL ? &(*page)[event & 0xFF] : NULL;
	struct troupe_route found = { .size = sizeof(found) };

	if (route != NULL && route->service != NULL) {
		return route;
	}
	if (fe->h->route(fe->h, event, &found) != TROUPE_OK) {
		return NULL;
	}
	if (*page == NULL) {
		*page = calloc(256, sizeof(**page));
		if (*page == NULL) {
			return NULL;
		}
		route = &(*page)[event & 0xFF];
	}
	route->service = found.service;
	route->method = found.method;
	route->reply_event = (uint16_t)found.reply_event;
	route->to = (uint16_t)found.to;
	return route;
}

/* Slots come from slabs that are kept: a message costs no malloc of ours. */
static struct slot *slot_new(struct frontend *fe, struct client *client)
{
	struct slot *slot = fe->free_slots;

	if (slot == NULL) {
		struct slab *slab = malloc(sizeof(*slab));

		if (slab == NULL) {
			return NULL;
		}
		slab->next = fe->slabs;
		fe->slabs = slab;
		for (uint32_t i = 0; i < SLAB; i++) {
			slab->slots[i].next = fe->free_slots;
			fe->free_slots = &slab->slots[i];
		}
		slot = fe->free_slots;
	}
	fe->free_slots = slot->next;
	slot->client = client;
	slot->prev = NULL;
	slot->next = client->slots;
	if (slot->next != NULL) {
		slot->next->prev = slot;
	}
	client->slots = slot;
	client->in_flight++;
	return slot;
}

static void slot_free(struct frontend *fe, struct slot *slot)
{
	struct client *client = slot->client;

	if (slot->prev != NULL) {
		slot->prev->next = slot->next;
	} else {
		client->slots = slot->next;
	}
	if (slot->next != NULL) {
		slot->next->prev = slot->prev;
	}
	client->in_flight--;
	slot->next = fe->free_slots;
	fe->free_slots = slot;
}

static void on_answer(void *instance, void *arg, const struct troupe_reply *reply, troupe_any_fn typed)
{
	struct frontend *fe = instance;
	struct slot *slot = arg;
	struct client *client = slot->client;
	uint64_t conn = client->conn;
	uint16_t tag = slot->tag, event = slot->event, reply_event = slot->reply_event;

	(void)typed;
	slot_free(fe, slot);
	if (reply->status == TROUPE_OK) {
		wire_send_bytes(fe->h, conn, reply_event, tag, reply->body, reply->body_len, reply->buf);
	} else {
		count(fe, METRIC_ANSWERED_ERROR);
		wire_error(fe->h, conn, event, tag, reply->status, reply->reason, NULL);
		if (reply->from != 0 && reply->from == client->mechanics && strcmp(reply->reason, "world.not_here") == 0) {
			world_lost(fe, client);
		}
	}
}

void forward(struct frontend *fe, struct client *client, const struct wire_frame *frame, const struct route *route)
{
	const struct troupe_host *h = fe->h;
	struct troupe_call call = {
		.size = sizeof(call),
		.method = route->method,
		.service = route->service,
		/* where it entered, not where some host believes its avatar to be */
		.to = route->to == TROUPE_ROUTE_AVATAR ? client->mechanics : 0,
		.route = route->to == TROUPE_ROUTE_ACCOUNT ? TROUPE_ROUTE_ACCOUNT : TROUPE_ROUTE_ANY,
		.route_key = route->to == TROUPE_ROUTE_ACCOUNT ? client->account : 0,
		.account = client->account,
		.actor = client->avatar,
		.session = client->session,
		.on_reply = on_answer,
	};
	struct slot *slot;
	uint8_t *bytes;

	if (frame->len > 0) {
		call.body = h->buf_new(h, frame->len, &bytes);
		if (call.body == NULL) {
			wire_error(h, client->conn, frame->event, frame->tag, TROUPE_RESOURCE_EXHAUSTED,
				   "frontend.no_memory", NULL);
			return;
		}
		memcpy(bytes, frame->body, frame->len);
	}
	slot = slot_new(fe, client);
	if (slot == NULL) {
		h->buf_unref(h, call.body);
		wire_error(h, client->conn, frame->event, frame->tag, TROUPE_RESOURCE_EXHAUSTED, "frontend.no_memory",
			   NULL);
		return;
	}
	slot->event = frame->event;
	slot->tag = frame->tag;
	slot->reply_event = route->reply_event;
	call.arg = slot;
	h->metric_add(h, fe->metrics[METRIC_FORWARDED], 1);
	slot->call = h->call(h, &call);
}

void forward_cancel(struct frontend *fe, struct client *client)
{
	while (client->slots != NULL) {
		struct slot *slot = client->slots;

		fe->h->cancel(fe->h, slot->call);
		slot_free(fe, slot);
	}
}

void forward_free(struct frontend *fe)
{
	struct slab *slab = fe->slabs;

	while (slab != NULL) {
		struct slab *next = slab->next;

		free(slab);
		slab = next;
	}
	for (int i = 0; i < 256; i++) {
		free(fe->routes[i]);
	}
}
