/* SPDX-License-Identifier: MIT */
/* Which link leads to whom: what peers report of instances, and what they are told of ours. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/bus/peer.h"
#include "host/config/config.h"
#include "host/core/buf.h"
#include "host/core/directory.h"
#include "host/core/le.h"

/*
 * A report is an event of method "host.report" between two hosts: a version byte (1), 3 zero bytes, then 16 bytes an
 * instance, little-endian: u64 id, u8 state, u8 ready, u16 zero, u32 load. Several say the same of one instance when it
 * is reached by several masters; nobody takes a report for what the sender may not speak for.
 */
#define REPORT_VERSION 1u
#define REPORT_HEAD 4u
#define REPORT_ENTRY 16u
#define REPORT_ENTRIES_MAX ((TROUPE_BODY_MAX - REPORT_HEAD) / REPORT_ENTRY)

/* --- who may speak, and who is reached how -------------------------------------------------------- */

bool routes_speaks_for(const struct peer *peer, const struct way *from)
{
	return from->home != NULL ? from->home == peer : peer->forwards && from->host != NULL;
}

/* Does it take a master here to lead the peer there? */
static bool by_master(const struct peer *peer, const struct way *to)
{
	return peer->kind == PEER_HOST && to->home != NULL && to->home->kind == PEER_HOST;
}

bool routes_forwards(const struct peer *peer, const struct way *to)
{
	if (to->home == peer || to->host == NULL) {
		return false;
	}
	if (!by_master(peer, to)) {
		/* a host stands for its isolated children, and is their way to everything */
		return peer->kind == PEER_CHILD || (to->home != NULL && to->home->kind == PEER_CHILD);
	}
	return peer->bus->forwards && !config_hosts_linked(core_config(peer->bus->core), peer->host, to->host);
}

static bool sees(const struct way *way, const struct peer *peer)
{
	return peer->up && routes_speaks_for(peer, way) && way->sights[peer->index].state != INSTANCE_NEW;
}

/* Keeps the way that is, while it leads there: so what one instance sends another stays in order. */
static struct peer *choose(const struct way *way)
{
	struct peer *best = NULL;
	uint64_t best_rank = 0;

	if (way->home != NULL) {
		return way->home->up ? way->home : NULL;
	}
	if (way->via != NULL && sees(way, way->via)) {
		return way->via;
	}
	for (uint32_t i = 0; i < way->bus->peers_len; i++) {
		struct peer *peer = &way->bus->peers[i];
		/* spread over the masters; the same for all instances of one host */
		uint64_t rank = (peer->id ^ way->host_id) * 0x9e3779b97f4a7c15u;
		if (sees(way, peer) && (best == NULL || rank > best_rank)) {
			best = peer;
			best_rank = rank;
		}
	}
	return best;
}

/* Shows the instance as it is seen by the way that leads to it now. */
static void way_update(struct way *way)
{
	struct instance *instance = way->instance;
	static const struct sight nothing = { .state = INSTANCE_NEW };
	const struct sight *sight = &nothing;

	way->via = choose(way);
	if (way->via != NULL) {
		sight = &way->sights[way->via->index];
	}
	int before = atomic_exchange_explicit(&instance->state, sight->state, memory_order_acq_rel);
	bool was_ready = atomic_exchange_explicit(&instance->ready, sight->ready != 0, memory_order_relaxed);
	atomic_store_explicit(&instance->load, sight->load, memory_order_relaxed);
	if (before != sight->state || was_ready != (sight->ready != 0)) {
		core_changed(way->bus->core);
	}
}

/* --- hearing -------------------------------------------------------------------------------------- */

void routes_hear(struct peer *peer, const uint8_t *body, uint32_t len)
{
	if (len < REPORT_HEAD || body[0] != REPORT_VERSION || (len - REPORT_HEAD) % REPORT_ENTRY != 0) {
		peer->refused++;
		return;
	}
	for (uint32_t at = REPORT_HEAD; at < len; at += REPORT_ENTRY) {
		const uint8_t *entry = body + at;
		struct instance *instance = directory_instance(core_directory(peer->bus->core), le_get(entry, 8));
		if (instance == NULL || instance->remote == NULL || !routes_speaks_for(peer, way_of(instance))) {
			peer->refused++;
			continue;
		}
		struct sight *sight = &way_of(instance)->sights[peer->index];
		bool known = entry[8] >= INSTANCE_RUNNING && entry[8] <= INSTANCE_DRAINED;
		*sight = (struct sight){ .state = known ? entry[8] : INSTANCE_NEW, .ready = known && entry[9] == 1,
					 .load = (uint32_t)le_get(entry + 12, 4) };
		way_update(way_of(instance));
	}
}

void routes_up(struct peer *peer)
{
	/* it knows nothing of us yet */
	for (uint32_t i = 0; i < peer->told_len; i++) {
		peer->told[i].sight = (struct sight){ .state = INSTANCE_NEW };
	}
	for (uint32_t i = 0; i < peer->bus->ways_len; i++) {
		way_update(&peer->bus->ways[i]);
	}
	routes_tell(peer->bus, true);
}

void routes_down(struct peer *peer)
{
	for (uint32_t i = 0; i < peer->bus->ways_len; i++) {
		struct way *way = &peer->bus->ways[i];
		way->sights[peer->index] = (struct sight){ .state = INSTANCE_NEW };
		way_update(way);
	}
	routes_tell(peer->bus, false);
}

/* --- telling -------------------------------------------------------------------------------------- */

static struct sight sight_of(const struct instance *instance)
{
	int state = atomic_load_explicit(&instance->state, memory_order_acquire);
	bool known = state >= INSTANCE_RUNNING && state <= INSTANCE_DRAINED;

	return (struct sight){ .state = known ? (uint8_t)state : INSTANCE_NEW,
			       .ready = known && atomic_load_explicit(&instance->ready, memory_order_relaxed),
			       .load = atomic_load_explicit(&instance->load, memory_order_relaxed) };
}

/* Others are led on only while a master here is ready: it is the one that accounts for what passes. */
static bool master_ready(struct bus *bus)
{
	const struct service *service = directory_service(core_directory(bus->core), "master");

	for (uint32_t i = 0; service != NULL && i < service->instances_len; i++) {
		if (service->instances[i]->remote == NULL && directory_ready(service->instances[i])) {
			return true;
		}
	}
	return false;
}

/* Notes what there is to tell; returns how many entries. */
static uint32_t look(struct peer *peer, bool loads)
{
	bool leads = master_ready(peer->bus);
	uint32_t changed = 0;

	for (uint32_t i = 0; i < peer->told_len; i++) {
		struct told *told = &peer->told[i];
		struct sight now = { .state = INSTANCE_NEW };
		if (told->instance->remote == NULL || leads || !by_master(peer, way_of(told->instance))) {
			now = sight_of(told->instance);
		}
		told->changed = now.state != told->sight.state || now.ready != told->sight.ready ||
				(loads && now.load != told->sight.load);
		if (told->changed) {
			told->sight = now;
			changed++;
		}
	}
	return changed;
}

static void tell(struct peer *peer, bool loads)
{
	uint32_t changed = look(peer, loads);
	uint8_t *bytes;
	struct troupe_buf *body;
	struct envelope envelope = {
		.kind = TROUPE_MESSAGE_EVENT,
		.method = BUS_REPORT,
		.source = core_self(peer->bus->core)->host.id,
		.target = peer->instance_id,
		.epoch = peer->bus->incarnation,
	};

	if (changed == 0) {
		return;
	}
	body = buf_new(REPORT_HEAD + (size_t)changed * REPORT_ENTRY, &bytes);
	if (body == NULL) {
		abort(); /* out of memory: as good as a crash, and handled as one */
	}
	memset(bytes, 0, REPORT_HEAD);
	bytes[0] = REPORT_VERSION;
	bytes += REPORT_HEAD;
	for (uint32_t i = 0; i < peer->told_len; i++) {
		const struct told *told = &peer->told[i];
		if (told->changed) {
			le_put(bytes, told->instance->host.id, 8);
			le_put(bytes + 8, told->sight.state, 1);
			le_put(bytes + 9, told->sight.ready, 1);
			le_put(bytes + 10, 0, 2);
			le_put(bytes + 12, told->sight.load, 4);
			bytes += REPORT_ENTRY;
		}
	}
	envelope.body_len = body->len;
	peer_reply(peer, &envelope, body); /* it may wait, but not be lost */
	buf_unref(body);
}

void routes_tell(struct bus *bus, bool loads)
{
	for (uint32_t i = 0; i < bus->peers_len; i++) {
		if (bus->peers[i].up && bus->peers[i].held == NULL) { /* else it is told what has changed when they are gone */
			tell(&bus->peers[i], loads);
		}
	}
}

/* --- making it ------------------------------------------------------------------------------------ */

/* Is `peer` to be told of this instance: one of ours, or one that only we can lead it to? */
static bool tells(const struct peer *peer, const struct instance *instance)
{
	return instance->remote == NULL || routes_forwards(peer, way_of(instance));
}

static int told_fill(struct peer *peer)
{
	struct core *core = peer->bus->core;
	uint32_t len, remotes_len;
	struct instance *const *instances = core_instances(core, &len);
	struct instance *const *remotes = core_remotes(core, &remotes_len);

	peer->told = calloc((size_t)len + remotes_len + 1, sizeof(*peer->told));
	if (peer->told == NULL) {
		return -ENOMEM;
	}
	peer->told[peer->told_len++].instance = core_self(core);
	for (uint32_t i = 0; i < len; i++) {
		peer->told[peer->told_len++].instance = instances[i];
	}
	for (uint32_t i = 0; i < remotes_len; i++) {
		if (tells(peer, remotes[i])) {
			peer->told[peer->told_len++].instance = remotes[i];
		}
	}
	return peer->told_len <= REPORT_ENTRIES_MAX ? 0 : -E2BIG;
}

/* The link that ends where the instance runs. */
static struct peer *home_of(struct bus *bus, const struct way *way)
{
	for (uint32_t i = 0; i < bus->peers_len; i++) {
		struct peer *peer = &bus->peers[i];
		const struct instance *instance = way->instance;
		if (peer->kind == PEER_PARENT ||
		    (peer->kind == PEER_HOST && peer->host == way->host) ||
		    (peer->kind == PEER_CHILD && (peer->instance_id == instance->host.id ||
						  strcmp(peer->isolated->name, instance->host.name) == 0))) {
			return peer;
		}
	}
	return NULL;
}

int routes_init(struct bus *bus)
{
	const struct config *config = core_config(bus->core);
	struct instance *const *remotes = core_remotes(bus->core, &bus->ways_len);
	int r = 0;

	bus->ways = calloc((size_t)bus->ways_len + 1, sizeof(*bus->ways));
	if (bus->ways == NULL) {
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < bus->ways_len; i++) {
		struct way *way = &bus->ways[i];
		way->remote = way_remote;
		way->bus = bus;
		way->instance = remotes[i];
		way->sights = calloc((size_t)bus->peers_len + 1, sizeof(*way->sights));
		if (way->sights == NULL) {
			return -ENOMEM;
		}
		way->host = config_host_of(config, remotes[i]->config);
		if (way->host != NULL) {
			way->host_id = troupe_fnv64(way->host->name, strlen(way->host->name));
			way->home = home_of(bus, way);
		}
		remotes[i]->remote = &way->remote;
	}
	for (uint32_t i = 0; i < bus->peers_len && r == 0; i++) {
		r = told_fill(&bus->peers[i]);
	}
	return r;
}

void routes_fini(struct bus *bus)
{
	for (uint32_t i = 0; i < bus->ways_len && bus->ways != NULL; i++) {
		free(bus->ways[i].sights);
	}
	for (uint32_t i = 0; i < bus->peers_len; i++) {
		free(bus->peers[i].told);
	}
	free(bus->ways);
}
