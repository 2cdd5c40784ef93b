/* SPDX-License-Identifier: MIT */
/* Messages between simulated hosts, over their links. A link carries the number and the size of a message; what it means stays
 * here, so that a message that a link loses, repeats or mixes up is seen at once. */
#include "sim_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/bus/link.h"
#include "host/core/buf.h"

#define METHOD 0x706f7374u

/* --- ways ---------------------------------------------------------------------------------------------------------- */

static int link_is_up(const struct sim_node *from, const struct sim_node *to)
{
	const struct sim_peer *peer = &from->peers[to->index];

	return from->alive && peer->node != NULL && link_up(peer->link);
}

/* A host without a link is reached through one with a master; the choice is kept while it lasts. */
static struct sim_node *way(struct sim *sim, struct sim_node *from, const struct sim_node *to)
{
	struct sim_node *via = from->ways[to->index];

	if (sim_node_linked(from, to)) {
		return link_is_up(from, to) ? sim->nodes[to->index] : NULL;
	}
	if (via != NULL && link_is_up(from, via) && link_is_up(via, to)) {
		return via;
	}
	from->ways[to->index] = NULL;
	for (unsigned i = 0; i < sim->nodes_len; i++) {
		via = sim->nodes[(i + from->index) % sim->nodes_len];
		if (via->master && link_is_up(from, via) && link_is_up(via, to)) {
			from->ways[to->index] = via;
			return via;
		}
	}
	return NULL;
}

int sim_reaches(struct sim *sim, const struct sim_instance *from, const struct sim_instance *to)
{
	return from->node == to->node || from->node == NULL || to->node == NULL || way(sim, from->node, to->node) != NULL;
}

/* --- asks: what waits for an answer from another host --------------------------------------------------------------- */

void sim_ask_add(struct sim *sim, const struct sim_ask *ask)
{
	struct sim_ask *copy = malloc(sizeof(*copy));

	*copy = *ask;
	copy->context = sim->context;
	sim_table_add(&sim->asks, copy);
}

int sim_ask_end(struct sim *sim, uint64_t id)
{
	struct sim_ask *ask = sim_table_take(&sim->asks, id);

	if (ask != NULL) {
		free(ask->arg);
	}
	free(ask);
	return ask != NULL;
}

static void ask_lose(struct sim *sim, uint64_t id)
{
	struct sim_ask *ask = sim_table_take(&sim->asks, id);

	if (ask != NULL) {
		sim->context = ask->context;
		ask->lost(sim, ask);
		free(ask->arg);
		free(ask);
	}
}

void sim_asks_forget(struct sim *sim, const struct sim_instance *asker)
{
	size_t kept = 0;

	for (size_t i = 0; i < sim->asks.len; i++) {
		struct sim_ask *ask = sim->asks.items[i];

		if (ask->asker == asker) {
			free(ask->arg);
			free(ask);
		} else {
			sim->asks.items[kept++] = ask;
		}
	}
	sim->asks.len = kept;
}

/* --- posting ------------------------------------------------------------------------------------------------------- */

static uint8_t body_byte(uint64_t id, uint32_t at)
{
	return (uint8_t)(id * 7 + at);
}

/* push puts a parcel on the link from `from` to `next`. */
static int push(struct sim_node *from, const struct sim_node *next, const struct sim_parcel *parcel)
{
	struct sim_peer *peer = &from->peers[next->index];
	struct envelope envelope = { .kind = TROUPE_MESSAGE_CALL, .method = METHOD, .call = parcel->id,
				     .source = from->index, .target = parcel->to->index, .body_len = parcel->len };
	uint8_t *bytes = NULL;
	struct troupe_buf *body = parcel->len > 0 ? buf_new(parcel->len, &bytes) : NULL;
	int r;

	for (uint32_t i = 0; i < parcel->len; i++) {
		bytes[i] = body_byte(parcel->id, i);
	}
	r = link_push(peer->link, &envelope, body);
	buf_unref(body);
	sim_peer_wake(peer);
	return r;
}

static struct sim_parcel *parcel_keep(struct sim *sim, const struct sim_parcel *in)
{
	struct sim_parcel *parcel = malloc(sizeof(*parcel));

	*parcel = *in;
	sim_table_add(&sim->parcels, parcel);
	return parcel;
}

static void parcel_free(struct sim_parcel *parcel)
{
	if (parcel->payload != NULL) {
		parcel->drop(parcel->payload);
	}
	free(parcel);
}

int sim_post(struct sim *sim, struct sim_node *from, struct sim_parcel *in)
{
	struct sim_node *next = in->through != NULL && in->through != from ? in->through : NULL;
	int r;

	if (next == NULL) {
		next = in->answer ? in->to : way(sim, from, in->to);
	}
	in->id = sim->next_id++;
	in->context = sim->context;
	r = next != NULL && link_is_up(from, next) ? push(from, next, in) : -ENOTCONN;
	if (r == 0) {
		in->through = next != in->to ? next : NULL;
		parcel_keep(sim, in);
	}
	return r;
}

/* --- forwarding and the end of a link ------------------------------------------------------------------------------- */

static void lost_arrive(struct sim *sim, struct sim_parcel *parcel)
{
	ask_lose(sim, parcel->ask);
}

/* tell_lost: a master's host tells the asker's host that the ask did not get through it, or that its answer will not. */
static void tell_lost(struct sim *sim, struct sim_node *from, const struct sim_ask *ask)
{
	struct sim_parcel notice = { .to = ask->asker->node, .ask = ask->id, .answer = 1, .arrive = lost_arrive };

	sim_post(sim, from, &notice); /* if it cannot go, the asker's own link is down */
}

static void forward(struct sim *sim, struct sim_node *at, struct sim_parcel *parcel)
{
	struct sim_ask *ask = sim_table_find(&sim->asks, parcel->ask);
	int r = link_is_up(at, parcel->to) ? push(at, parcel->to, parcel) : -ENOTCONN;

	sim->wire.forwarded++;
	if (r == 0) {
		parcel->through = at;
		parcel->forwarded = 1;
		sim_table_add(&sim->parcels, parcel);
		if (ask != NULL && !parcel->answer) {
			ask->forwarder = at;
		}
		return;
	}
	if (ask != NULL && !parcel->answer) {
		tell_lost(sim, at, ask);
	}
	parcel_free(parcel);
}

void sim_post_message(void *arg, const struct envelope *envelope, const uint8_t *body)
{
	struct sim_peer *peer = arg;
	struct sim *sim = peer->node->sim;
	struct sim_parcel *parcel = sim_table_take(&sim->parcels, envelope->call);
	int whole = parcel != NULL && envelope->body_len == parcel->len && envelope->source == peer->other->index;

	for (uint32_t i = 0; whole && i < envelope->body_len; i++) {
		whole = body[i] == body_byte(parcel->id, i);
	}
	if (!whole) {
		fprintf(stderr, "sim: the link from %s to %s delivers message %llu %s\n", peer->other->name, peer->node->name,
			(unsigned long long)envelope->call, parcel == NULL ? "twice" : "damaged");
		abort();
	}
	sim->wire.messages++;
	if (parcel->to != peer->node) {
		parcel->id = sim->next_id++;
		forward(sim, peer->node, parcel);
		return;
	}
	if (!parcel->forwarded) {
		parcel->through = NULL;
	}
	sim->context = parcel->context;
	parcel->arrive(sim, parcel);
	parcel_free(parcel);
}

void sim_post_down(struct sim_peer *peer)
{
	struct sim *sim = peer->node->sim;
	size_t len = sim->asks.len;
	uint64_t *ids = malloc((len + 1) * sizeof(*ids));

	for (size_t i = 0; i < len; i++) {
		ids[i] = ((struct sim_ask *)sim->asks.items[i])->id;
	}
	for (size_t i = 0; i < len; i++) {
		struct sim_ask *ask = sim_table_find(&sim->asks, ids[i]);

		if (ask != NULL && ask->asker->node == peer->node && ask->via == peer->other) {
			ask_lose(sim, ids[i]);
		} else if (ask != NULL && ask->forwarder == peer->node && ask->to == peer->other) {
			ask->forwarder = NULL;
			tell_lost(sim, peer->node, ask);
		}
	}
	free(ids);
}

void sim_post_close(struct sim *sim)
{
	for (size_t i = 0; i < sim->parcels.len; i++) {
		parcel_free(sim->parcels.items[i]);
	}
	for (size_t i = 0; i < sim->asks.len; i++) {
		free(((struct sim_ask *)sim->asks.items[i])->arg);
		free(sim->asks.items[i]);
	}
	free(sim->parcels.items);
	free(sim->asks.items);
}
