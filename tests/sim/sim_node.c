/* SPDX-License-Identifier: MIT */
/* Simulated hosts: instances that crash together, and the links between them over a wire that loses, repeats and delays frames
 * and is cut. */
#include "sim_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/bus/link.h"

#define FRAME_US 50	   /* a frame takes this long ... */
#define FRAME_MORE_US 200  /* ... and up to so much more */
#define MASTER "master"

/* --- who is linked with whom --------------------------------------------------------------------------------------- */

static int runs(const struct sim_node *node, const struct sim_instance *instance)
{
	return instance->node == node;
}

static int share_part(const struct sim *sim, const struct sim_node *a, const struct sim_node *b)
{
	for (unsigned i = 0; i < sim->config->instances_len; i++) {
		const struct config_instance *one = &sim->config->instances[i];

		for (unsigned j = 0; j < sim->config->instances_len; j++) {
			const struct config_instance *other = &sim->config->instances[j];

			if (strcmp(one->part, other->part) == 0 &&
			    (a->part != NULL ? strcmp(a->part, one->part) == 0 : one->host == a->index) &&
			    (b->part != NULL ? strcmp(b->part, other->part) == 0 : other->host == b->index)) {
				return 1;
			}
		}
	}
	return 0;
}

static int has_master(const struct sim *sim, const struct sim_node *node)
{
	for (unsigned i = 0; node->part == NULL && i < sim->config->instances_len; i++) {
		const struct config_instance *instance = &sim->config->instances[i];

		if (instance->host == node->index && strcmp(instance->role, MASTER) == 0) {
			return 1;
		}
	}
	return 0;
}

int sim_node_linked(const struct sim_node *a, const struct sim_node *b)
{
	return a->peers[b->index].node != NULL;
}

/* --- the wire ------------------------------------------------------------------------------------------------------ */

struct frame {
	struct sim_node *to;
	unsigned from;
	size_t len;
	uint8_t bytes[];
};

static void frame_run(struct sim *sim, struct sim_event *event)
{
	struct frame *frame = event->payload;
	struct sim_peer *peer = &frame->to->peers[frame->from];

	if (!frame->to->alive) {
		return;
	}
	if (frame->to->frozen_us > sim->now_us) {
		event->payload = NULL;
		sim_schedule(sim, NULL, frame->to->frozen_us - sim->now_us, SIM_FRAME, frame_run, frame);
		return;
	}
	link_receive(peer->link, frame->bytes, frame->len, sim->now_us);
	sim_peer_wake(peer);
}

static bool on_send(void *arg, uint8_t *bytes, size_t len)
{
	struct sim_peer *peer = arg;
	struct sim *sim = peer->node->sim;
	int copies = sim_chance(sim, sim->faults.lost) ? 0 : sim_chance(sim, sim->faults.repeated) ? 2 : 1;

	if (peer->cut_until_us > sim->now_us) {
		copies = 0;
	}
	for (int i = 0; i < copies; i++) {
		struct frame *frame = malloc(sizeof(*frame) + len);
		uint64_t delay = FRAME_US + sim_below(sim, FRAME_MORE_US);

		if (sim_chance(sim, sim->faults.late)) {
			delay += sim_below(sim, sim->faults.late_us);
		}
		frame->to = peer->other;
		frame->from = peer->node->index;
		frame->len = len;
		memcpy(frame->bytes, bytes, len);
		sim_schedule(sim, NULL, delay, SIM_FRAME, frame_run, frame);
	}
	sim->wire.frames++;
	return true;
}

/* --- the links' time ----------------------------------------------------------------------------------------------- */

static void nothing(struct sim_event *event)
{
	(void)event;
}

static void tick_run(struct sim *sim, struct sim_event *event)
{
	struct sim_peer *peer = event->payload;

	if (peer->tick_us != event->at_us || event->id != peer->node->incarnation || !peer->node->alive) {
		return;
	}
	peer->tick_us = UINT64_MAX;
	if (peer->node->frozen_us <= sim->now_us) {
		link_tick(peer->link, sim->now_us);
	}
	sim_peer_wake(peer);
}

void sim_peer_wake(struct sim_peer *peer)
{
	struct sim *sim = peer->node->sim;
	uint64_t due = link_due(peer->link);
	struct sim_event *event;

	due = due > peer->node->frozen_us ? due : peer->node->frozen_us;
	due = due > sim->now_us ? due : sim->now_us;
	if (due < peer->tick_us) {
		peer->tick_us = due;
		event = sim_schedule(sim, NULL, due - sim->now_us, SIM_TICK, tick_run, peer);
		event->id = peer->node->incarnation;
		event->drop = nothing;
	}
}

static void peer_log(struct sim_peer *peer, const char *what, const char *why)
{
	char text[160];

	if (peer->node->sim->verbose) {
		snprintf(text, sizeof(text), "(link with %s is %s%s)", peer->other->name, what, why);
		sim_logf(peer->node->sim, peer->node->name, text);
	}
}

static void on_up(void *arg, uint64_t incarnation)
{
	(void)incarnation;
	peer_log(arg, "up", "");
}

static void on_down(void *arg, const char *why)
{
	struct sim_peer *peer = arg;

	peer_log(peer, "down: ", why);
	peer->node->sim->wire.downs++;
	sim_post_down(peer);
}

/* --- life ---------------------------------------------------------------------------------------------------------- */

static struct sim_node *node_add(struct sim *sim, const char *name, const char *part)
{
	struct sim_node *node = calloc(1, sizeof(*node));

	if (sim->nodes_len == SIM_NODES_MAX) {
		fprintf(stderr, "sim: more than %d hosts\n", SIM_NODES_MAX);
		abort();
	}
	node->sim = sim;
	node->index = sim->nodes_len;
	node->name = name;
	node->part = part;
	sim->nodes[sim->nodes_len++] = node;
	node->master = has_master(sim, node);
	for (unsigned i = 0; i + 1 < sim->nodes_len; i++) {
		struct sim_node *other = sim->nodes[i];

		if (node->master || other->master || share_part(sim, node, other)) {
			node->peers[i] = (struct sim_peer){ .node = node, .other = other };
			other->peers[node->index] = (struct sim_peer){ .node = other, .other = node };
		}
	}
	return node;
}

static void peer_open(struct sim_peer *peer)
{
	struct link_setup setup = { .incarnation = sim_random(peer->node->sim) | 1, .send = on_send,
				    .on_message = sim_post_message, .on_up = on_up, .on_down = on_down, .arg = peer };

	peer->link = link_new(&setup, peer->node->sim->now_us);
	peer->tick_us = UINT64_MAX;
	sim_peer_wake(peer);
}

static void links_open(struct sim *sim, struct sim_node *node)
{
	for (unsigned i = 0; i < sim->nodes_len; i++) {
		if (node->peers[i].node != NULL && node->peers[i].link == NULL) {
			peer_open(&node->peers[i]);
		}
	}
}

static void node_start(struct sim *sim, struct sim_node *node)
{
	node->alive = 1;
	node->frozen_us = 0;
	links_open(sim, node);
}

static void node_stop(struct sim *sim, struct sim_node *node)
{
	node->alive = 0;
	node->incarnation++;
	for (unsigned i = 0; i < sim->nodes_len; i++) {
		node->peers[i].link = link_free(node->peers[i].link);
	}
}

static void restart_run(struct sim *sim, struct sim_event *event)
{
	struct sim_node *node = sim->nodes[event->id];

	node_start(sim, node);
	for (unsigned i = 0; i < sim->instances_len; i++) {
		if (runs(node, sim->instances[i])) {
			sim_instance_create(sim, sim->instances[i]);
		}
	}
	sim_try_start(sim);
}

void sim_node_crash(struct sim *sim, struct sim_node *node)
{
	uint64_t restart_us = sim->faults.restart_us ? sim->faults.restart_us : 1000;

	if (!node->alive || node->part != NULL) {
		return;
	}
	sim->wire.crashes++;
	sim_logf(sim, node->name, "(the host crashes)");
	for (unsigned i = 0; i < sim->instances_len; i++) {
		if (runs(node, sim->instances[i])) {
			sim_instance_end(sim, sim->instances[i]);
		}
	}
	node_stop(sim, node);
	sim_db_crashed(sim, node);
	sim->context = (struct sim_context){ 0 };
	sim_schedule(sim, NULL, restart_us + sim_below(sim, restart_us), SIM_RESTART, restart_run, NULL)->id = node->index;
}

void sim_node_freeze(struct sim *sim, struct sim_node *node, uint64_t us)
{
	if (node->part != NULL) {
		return;
	}
	sim->wire.stops++;
	node->frozen_us = sim->now_us + us;
	for (unsigned i = 0; i < sim->instances_len; i++) {
		if (runs(node, sim->instances[i])) {
			sim->instances[i]->frozen_us = node->frozen_us;
		}
	}
}

void sim_node_cut(struct sim *sim)
{
	struct sim_node *node = sim->nodes[sim_below(sim, sim->nodes_len)];
	struct sim_peer *peer = &node->peers[sim_below(sim, sim->nodes_len)];
	uint64_t until_us = sim->now_us + sim_below(sim, sim->faults.cut_us);

	if (peer->node != NULL) {
		sim->wire.cuts++;
		peer->cut_until_us = until_us;
		if (sim_chance(sim, 500000)) {
			peer->other->peers[node->index].cut_until_us = until_us;
		}
	}
}

void sim_nodes_heal(struct sim *sim)
{
	for (unsigned i = 0; i < sim->nodes_len; i++) {
		for (unsigned j = 0; j < sim->nodes_len; j++) {
			sim->nodes[i]->peers[j].cut_until_us = 0;
		}
	}
}

struct sim_node *sim_node_actor(struct sim *sim, const char *name, const char *part)
{
	struct sim_node *node;

	if (sim->nodes_len == 0) {
		return NULL;
	}
	node = node_add(sim, name, part);
	node_start(sim, node);
	for (unsigned i = 0; i < sim->nodes_len; i++) {
		if (sim->nodes[i]->alive) {
			links_open(sim, sim->nodes[i]);
		}
	}
	return node;
}

void sim_nodes_open(struct sim *sim)
{
	if (sim->config->hosts_len < 2) {
		return;
	}
	for (unsigned i = 0; i < sim->config->hosts_len; i++) {
		node_add(sim, sim->config->hosts[i].name, NULL);
	}
	for (unsigned i = 0; i < sim->nodes_len; i++) {
		node_start(sim, sim->nodes[i]);
	}
}

void sim_nodes_close(struct sim *sim)
{
	for (unsigned i = 0; i < sim->nodes_len; i++) {
		node_stop(sim, sim->nodes[i]);
		free(sim->nodes[i]);
	}
}
