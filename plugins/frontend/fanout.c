/* SPDX-License-Identifier: MIT */
/* Channels: what a mechanics instance publishes once goes to every client that listens, as one shared buffer. */
#include <stdlib.h>
#include <string.h>

#include "frontend.h"

/* Below this a copy into the connection's queue is cheaper than one more reference. */
#define SHARE_MIN 512u
#define SLOW_MS 50u

/* --- who listens ---------------------------------------------------------------------------------- */

static struct publisher *publisher_find(const struct frontend *fe, uint64_t instance)
{
	for (uint32_t i = 0; i < fe->publisher_count; i++) {
		if (fe->publishers[i].instance == instance) {
			return &fe->publishers[i];
		}
	}
	return NULL;
}

static struct publisher *publisher_get(struct frontend *fe, uint64_t instance)
{
	struct publisher *publisher = publisher_find(fe, instance);

	for (uint32_t i = 0; publisher == NULL && i < fe->publisher_count; i++) {
		if (fe->publishers[i].channels.count == 0) {
			map_free(&fe->publishers[i].channels);
			publisher = &fe->publishers[i]; /* nobody listens to that one any more */
		}
	}
	if (publisher == NULL && fe->publisher_count < PUBLISHERS_MAX) {
		publisher = &fe->publishers[fe->publisher_count++];
	}
	if (publisher != NULL) {
		publisher->instance = instance;
	}
	return publisher;
}

static struct channel *channel_get(struct publisher *publisher, uint64_t number)
{
	struct channel *channel = map_get(&publisher->channels, number);

	if (channel == NULL) {
		channel = calloc(1, sizeof(*channel));
		if (channel == NULL || map_put(&publisher->channels, number, channel) != 0) {
			free(channel);
			return NULL;
		}
		channel->number = number;
		channel->publisher = publisher;
	}
	return channel;
}

static void channel_drop_empty(struct channel *channel)
{
	if (channel->len == 0) {
		map_remove(&channel->publisher->channels, channel->number);
		free(channel->subscribers);
		free(channel);
	}
}

static int grow(void **array, uint32_t len, uint32_t *size, size_t item)
{
	uint32_t wider = *size == 0 ? 4 : *size * 2;
	void *bytes;

	if (len < *size) {
		return 0;
	}
	bytes = realloc(*array, wider * item);
	if (bytes == NULL) {
		return -1;
	}
	*array = bytes;
	*size = wider;
	return 0;
}

static int member_find(const struct client *client, const struct channel *channel)
{
	for (int i = 0; i < client->members_len; i++) {
		if (client->members[i].channel == channel) {
			return i;
		}
	}
	return -1;
}

int fanout_join(struct frontend *fe, struct client *client, uint64_t instance, uint64_t number)
{
	struct publisher *publisher = publisher_get(fe, instance);
	struct channel *channel = publisher != NULL ? channel_get(publisher, number) : NULL;
	uint32_t members_size = client->members_size;

	if (channel == NULL) {
		count(fe, METRIC_MEMBERS);
		return -1;
	}
	if (member_find(client, channel) >= 0) {
		return 0;
	}
	if (client->members_len >= MEMBERS_MAX ||
	    grow((void **)&client->members, client->members_len, &members_size, sizeof(*client->members)) != 0 ||
	    grow((void **)&channel->subscribers, channel->len, &channel->size, sizeof(*channel->subscribers)) != 0) {
		client->members_size = (uint16_t)members_size;
		count(fe, METRIC_MEMBERS);
		channel_drop_empty(channel);
		return -1;
	}
	client->members_size = (uint16_t)members_size;
	client->members[client->members_len] = (struct member){ .channel = channel, .at = channel->len };
	channel->subscribers[channel->len] =
		(struct subscriber){ .client = client->index, .member = client->members_len };
	client->members_len++;
	channel->len++;
	return 0;
}

/* leave: both lists close the gap with their last entry, and the entry that moved is told of its new place. */
static void leave(struct frontend *fe, struct client *client, uint32_t member)
{
	struct channel *channel = client->members[member].channel;
	uint32_t at = client->members[member].at;

	channel->len--;
	if (at != channel->len) {
		struct subscriber moved = channel->subscribers[channel->len];

		channel->subscribers[at] = moved;
		fe->clients[moved.client]->members[moved.member].at = at;
	}
	client->members_len--;
	if (member != client->members_len) {
		struct member moved = client->members[client->members_len];

		client->members[member] = moved;
		moved.channel->subscribers[moved.at].member = member;
	}
	channel_drop_empty(channel);
}

void fanout_leave_all(struct frontend *fe, struct client *client)
{
	while (client->members_len > 0) {
		leave(fe, client, client->members_len - 1u);
	}
	free(client->members);
	client->members = NULL;
	client->members_size = 0;
}

void fanout_leave_others(struct frontend *fe, struct client *client, uint64_t instance)
{
	for (uint32_t i = client->members_len; i > 0; i--) {
		if (client->members[i - 1].channel->publisher->instance != instance) {
			leave(fe, client, i - 1);
		}
	}
}

/* --- slow readers --------------------------------------------------------------------------------- */

static void slow_unlink(struct frontend *fe, struct client *client)
{
	if (!client->is_slow) {
		return;
	}
	if (client->slow_prev != NULL) {
		client->slow_prev->slow_next = client->slow_next;
	} else {
		fe->slow = client->slow_next;
	}
	if (client->slow_next != NULL) {
		client->slow_next->slow_prev = client->slow_prev;
	}
	client->slow_prev = client->slow_next = NULL;
	client->is_slow = 0;
}

void fanout_forget(struct frontend *fe, struct client *client)
{
	for (uint32_t i = 0; i < client->pending_len; i++) {
		fe->h->buf_unref(fe->h, client->pending[i].frame);
	}
	free(client->pending);
	client->pending = NULL;
	client->pending_len = 0;
	slow_unlink(fe, client);
}

static int32_t frame_send(const struct frontend *fe, uint64_t conn, struct troupe_buf *frame)
{
	if (frame->len < SHARE_MIN) {
		return fe->h->conn_send(fe->h, conn, frame->data, frame->len, NULL);
	}
	return fe->h->conn_send(fe->h, conn, NULL, 0, fe->h->buf_ref(fe->h, frame));
}

static void on_slow(void *instance, void *arg)
{
	struct frontend *fe = instance;

	fe->slow_timer = 0;
	for (struct client *client = fe->slow, *next; client != NULL; client = next) {
		next = client->slow_next;
		if (fe->h->conn_queued(fe->h, client->conn) > fe->out_soft / 2) {
			continue;
		}
		for (uint32_t i = 0; i < client->pending_len; i++) {
			frame_send(fe, client->conn, client->pending[i].frame);
		}
		fanout_forget(fe, client);
	}
	if (fe->slow != NULL) {
		fe->slow_timer = fe->h->timer_start(fe->h, SLOW_MS, on_slow, arg);
	}
}

/* keep: the newest droppable frame of each channel and event waits; older ones of the same are let go. */
static void keep(struct frontend *fe, struct client *client, const struct channel *channel, uint16_t event,
		 struct troupe_buf *frame)
{
	uint32_t at = 0;

	if (!client->is_slow) {
		client->is_slow = 1;
		client->slow_next = fe->slow;
		if (fe->slow != NULL) {
			fe->slow->slow_prev = client;
		}
		fe->slow = client;
		count(fe, METRIC_SLOW);
		if (fe->slow_timer == 0) {
			fe->slow_timer = fe->h->timer_start(fe->h, SLOW_MS, on_slow, NULL);
		}
	}
	if (client->pending == NULL) {
		client->pending = calloc(PENDING_MAX, sizeof(*client->pending));
		if (client->pending == NULL) {
			return;
		}
	}
	while (at < client->pending_len &&
	       (client->pending[at].channel != channel->number || client->pending[at].event != event ||
		client->pending[at].publisher != channel->publisher->instance)) {
		at++;
	}
	if (at == PENDING_MAX) {
		at = 0; /* no room: the one that waits longest goes */
	}
	if (at < client->pending_len) {
		count(fe, METRIC_COALESCED);
		fe->h->buf_unref(fe->h, client->pending[at].frame);
		/* the newest goes last, as it was said last */
		memmove(&client->pending[at], &client->pending[at + 1],
			(client->pending_len - at - 1) * sizeof(*client->pending));
		client->pending_len--;
	}
	client->pending[client->pending_len++] = (struct pending){ .publisher = channel->publisher->instance,
								   .channel = channel->number,
								   .event = event,
								   .frame = fe->h->buf_ref(fe->h, frame) };
}

/* --- what mechanics says -------------------------------------------------------------------------- */

static struct troupe_buf *frame_make(const struct frontend *fe, uint16_t event, const ProtobufCBinaryData *payload)
{
	uint8_t *bytes;
	struct troupe_buf *frame = fe->h->buf_new(fe->h, WIRE_HEAD_SIZE + payload->len, &bytes);

	if (frame != NULL) {
		wire_head(bytes, event, 0, (uint32_t)payload->len);
		if (payload->len > 0) {
			memcpy(bytes + WIRE_HEAD_SIZE, payload->data, payload->len);
		}
	}
	return frame;
}

static void publish(struct frontend *fe, uint64_t from, const Frontend__Publish *body)
{
	struct publisher *publisher = publisher_find(fe, from);
	const struct channel *channel =
		publisher != NULL ? map_get(&publisher->channels, body->channel) : NULL;
	struct troupe_buf *frame;

	if (channel == NULL) {
		return; /* nobody listens */
	}
	frame = frame_make(fe, (uint16_t)body->event, &body->payload);
	if (frame == NULL) {
		return;
	}
	count(fe, METRIC_PUBLISHED);
	fe->h->metric_add(fe->h, fe->metrics[METRIC_DELIVERED], channel->len);
	for (uint32_t i = 0; i < channel->len; i++) {
		struct client *client = fe->clients[channel->subscribers[i].client];

		if (body->droppable &&
		    (client->is_slow || fe->h->conn_queued(fe->h, client->conn) > fe->out_soft)) {
			keep(fe, client, channel, (uint16_t)body->event, frame);
		} else {
			frame_send(fe, client->conn, frame); /* above out_max the host ends the connection */
		}
	}
	fe->h->buf_unref(fe->h, frame);
}

/* Does mechanics speak for this client? Not once its avatar has left or crossed over while the message was on the way. */
static int is_heard(const struct client *client, uint64_t from)
{
	return client != NULL && client->state != CLIENT_CLOSING &&
	       (client->mechanics == from || (client->visit != NULL && client->visit->world == from));
}

static void send_one(struct frontend *fe, const struct troupe_request *request, const Frontend__Send *body)
{
	const struct client *client = client_by_session(fe, body->session);

	if (client == NULL || (strcmp(request->from_role, "mechanics") == 0 && !is_heard(client, request->from))) {
		count(fe, METRIC_STALE);
		return;
	}
	wire_send_bytes(fe->h, client->conn, (uint16_t)body->event, 0, body->payload.data, (uint32_t)body->payload.len,
			NULL);
}

static void subscribe(struct frontend *fe, uint64_t from, const Frontend__Subscribe *body)
{
	struct client *client = client_by_session(fe, body->session);
	struct publisher *publisher;

	if (!is_heard(client, from)) {
		count(fe, METRIC_STALE);
		return;
	}
	for (size_t i = 0; i < body->n_remove; i++) {
		const struct channel *channel;
		int member;

		publisher = publisher_find(fe, from);
		channel = publisher != NULL ? map_get(&publisher->channels, body->remove[i]) : NULL;
		member = channel != NULL ? member_find(client, channel) : -1;
		if (member >= 0) {
			leave(fe, client, (uint32_t)member);
		}
	}
	for (size_t i = 0; i < body->n_add; i++) {
		fanout_join(fe, client, from, body->add[i]);
	}
}

void fanout_on_batch(void *instance, const struct troupe_request *request, const Frontend__Batch *body)
{
	struct frontend *fe = instance;

	for (size_t i = 0; i < body->n_subscribe; i++) {
		subscribe(fe, request->from, body->subscribe[i]);
	}
	for (size_t i = 0; i < body->n_send; i++) {
		send_one(fe, request, body->send[i]);
	}
	for (size_t i = 0; i < body->n_publish; i++) {
		publish(fe, request->from, body->publish[i]);
	}
}

void fanout_on_send(void *instance, const struct troupe_request *request, const Frontend__Send *body)
{
	send_one(instance, request, body);
}

void fanout_free(struct frontend *fe)
{
	for (uint32_t i = 0; i < fe->publisher_count; i++) {
		struct map_entry *entry;
		uint32_t at = 0;

		while ((entry = map_next(&fe->publishers[i].channels, &at)) != NULL) {
			struct channel *channel = entry->value;

			free(channel->subscribers);
			free(channel);
		}
		map_free(&fe->publishers[i].channels);
	}
	free(fe->publishers);
}
