/* SPDX-License-Identifier: MIT */
/* The two queues of a link. */
#include "host/bus/link_queue.h"

#include <stdlib.h>
#include <string.h>

#include "host/core/buf.h"

#define SLOTS_FIRST 64u
#define SLOTS_KEPT 1024u /* over the end of a connection */

/* --- what was pushed --------------------------------------------------------------------------------------------- */

static uint32_t slot_size(const struct link_slot *slot)
{
	return TROUPE_ENVELOPE_SIZE + (slot->body != NULL ? slot->body->len : 0);
}

struct link_slot *link_queue_at(const struct link_queue *queue, uint64_t number)
{
	return &queue->slots[number & (queue->cap - 1)];
}

static bool queue_grow(struct link_queue *queue)
{
	uint64_t cap = queue->cap > 0 ? queue->cap * 2 : SLOTS_FIRST;
	struct link_slot *slots = malloc(cap * sizeof(*slots));

	if (slots == NULL) {
		return false;
	}
	for (uint64_t number = queue->base; number < queue->end; number++) {
		slots[number & (cap - 1)] = *link_queue_at(queue, number);
	}
	free(queue->slots);
	queue->slots = slots;
	queue->cap = cap;
	return true;
}

bool link_queue_push(struct link_queue *queue, const struct envelope *envelope, struct troupe_buf *body)
{
	struct link_slot *slot;

	if (queue->end - queue->base == queue->cap && !queue_grow(queue)) {
		return false;
	}
	slot = link_queue_at(queue, queue->end++);
	envelope_encode(envelope, slot->envelope);
	slot->body = buf_ref(body);
	slot->sent_us = 0;
	queue->bytes += slot_size(slot);
	return true;
}

uint64_t link_queue_drop(struct link_queue *queue, uint64_t next)
{
	uint64_t bytes = 0;

	for (; queue->base < next; queue->base++) {
		struct link_slot *slot = link_queue_at(queue, queue->base);

		bytes += slot_size(slot);
		buf_unref(slot->body);
	}
	queue->bytes -= bytes;
	return bytes;
}

void link_queue_clear(struct link_queue *queue)
{
	link_queue_drop(queue, queue->end);
	queue->base = queue->sent = queue->end = 1;
	if (queue->cap > SLOTS_KEPT) {
		free(queue->slots);
		queue->slots = NULL;
		queue->cap = 0;
	}
}

void link_queue_free(struct link_queue *queue)
{
	link_queue_drop(queue, queue->end);
	free(queue->slots);
}

uint16_t link_queue_measure(const struct link_queue *queue, uint64_t from, uint64_t to, size_t room, size_t *ret_size)
{
	uint64_t at = from;
	size_t size = 0;

	for (; at < to && at - from < UINT16_MAX; at++) {
		size_t more = slot_size(link_queue_at(queue, at));

		if (size + more > room) {
			break;
		}
		size += more;
	}
	*ret_size = size;
	return (uint16_t)(at - from);
}

void link_queue_write(struct link_queue *queue, uint64_t from, uint16_t count, uint64_t now_us, uint8_t *to)
{
	for (uint16_t i = 0; i < count; i++) {
		struct link_slot *slot = link_queue_at(queue, from + i);

		memcpy(to, slot->envelope, TROUPE_ENVELOPE_SIZE);
		to += TROUPE_ENVELOPE_SIZE;
		if (slot->body != NULL) {
			memcpy(to, slot->body->data, slot->body->len);
			to += slot->body->len;
		}
		slot->sent_us = now_us;
	}
}

/* --- what came before its turn ----------------------------------------------------------------------------------- */

static struct link_early *early_at(const struct link_room *room, uint64_t number)
{
	return &room->slots[number & (LINK_EARLY_MESSAGES - 1)];
}

int link_room_put(struct link_room *room, uint64_t next, uint64_t number, const struct envelope *envelope,
		  const uint8_t *body)
{
	struct link_early *early;

	if (number - next >= LINK_EARLY_MESSAGES) {
		return -1;
	}
	if (room->slots == NULL) {
		room->slots = calloc(LINK_EARLY_MESSAGES, sizeof(*room->slots));
		if (room->slots == NULL) {
			return -1;
		}
	}
	early = early_at(room, number);
	if (early->held) {
		return 0;
	}
	if (room->bytes + envelope->body_len > LINK_EARLY_BYTES) {
		return -1;
	}
	*early = (struct link_early){ .envelope = *envelope, .held = true };
	if (envelope->body_len > 0) {
		early->body = buf_copy(body, envelope->body_len);
		early->held = early->body != NULL;
	}
	if (!early->held) {
		return -1;
	}
	room->lowest = room->held == 0 || number < room->lowest ? number : room->lowest;
	room->held++;
	room->bytes += envelope->body_len;
	return 1;
}

bool link_room_take(struct link_room *room, uint64_t number, struct envelope *ret_envelope, struct troupe_buf **ret_body)
{
	struct link_early *early;

	if (room->held == 0 || room->lowest != number) {
		return false; /* they are taken from the lowest on */
	}
	early = early_at(room, number);
	*ret_envelope = early->envelope;
	*ret_body = early->body;
	early->held = false;
	room->held--;
	room->bytes -= early->envelope.body_len;
	while (room->held > 0 && !early_at(room, ++room->lowest)->held) {
	}
	return true;
}

void link_room_clear(struct link_room *room)
{
	for (uint32_t i = 0; room->held > 0 && i < LINK_EARLY_MESSAGES; i++) {
		if (room->slots[i].held) {
			buf_unref(room->slots[i].body);
		}
	}
	free(room->slots);
	*room = (struct link_room){ 0 };
}
