/* SPDX-License-Identifier: MIT */
/* Front-ends as they report themselves, the list of shards, and the placement of players. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend.stub.h"
#include "master.h"
#include "proto/proto.h"

#define PLACE_TRIES 3u
#define EXPECT_TIMEOUT_MS 1500u
#define TICKET_TTL_MS 30000u
#define LEARN_US 2500000u /* from the start: front-ends that are there have spoken by then */
#define LEARN_ROUND_MS 100u

/* --- shards --------------------------------------------------------------------------------------- */

static const struct shard_options *configured(const struct master *master, const char *name)
{
	const struct troupe_map *map = &master->options->shards;

	for (uint32_t i = 0; i < map->count; i++) {
		const struct shard_options *shard =
			(const void *)((const char *)map->items + (size_t)i * map->item_size);

		if (strcmp(shard->name, name) == 0) {
			return shard;
		}
	}
	return NULL;
}

static int shard_index(const struct master *master, const char *name)
{
	for (uint32_t i = 0; i < master->shard_count; i++) {
		if (strcmp(master->shards[i], name) == 0) {
			return (int)i;
		}
	}
	return -1;
}

static int shard_learn(struct master *master, const char *name)
{
	if (shard_index(master, name) >= 0) {
		return 0;
	}
	if (master->shard_count == SHARDS_MAX || strlen(name) >= SHARD_NAME_MAX || name[0] == '\0') {
		return -1;
	}
	strcpy(master->shards[master->shard_count++], name);
	return 0;
}

void registry_learn(struct master *master)
{
	const struct troupe_map *map = &master->options->shards;

	for (uint32_t i = 0; i < map->count; i++) {
		const struct shard_options *shard =
			(const void *)((const char *)map->items + (size_t)i * map->item_size);

		shard_learn(master, shard->name);
	}
}

void registry_shard(const struct master *master, uint32_t index, Master__ShardInfo *ret_info)
{
	const struct shard_options *shard = configured(master, master->shards[index]);

	master__shard_info__init(ret_info);
	ret_info->name = master->shards[index];
	ret_info->has_population = ret_info->has_limit = ret_info->has_ready = ret_info->has_locked = 1;
	for (uint32_t i = 0; i < master->frontend_count; i++) {
		const struct frontend *fe = &master->frontends[i];

		if (strcmp(fe->shard, ret_info->name) == 0) {
			ret_info->population += fe->clients;
			ret_info->limit += fe->clients_max;
			ret_info->ready |= !fe->draining;
		}
	}
	if (shard != NULL) {
		ret_info->comment = (char *)shard->comment;
		ret_info->locked = shard->locked != 0;
		if (shard->limit > 0 && (uint64_t)shard->limit < ret_info->limit) {
			ret_info->limit = (uint32_t)shard->limit;
		}
	}
}

void registry_on_shards(void *instance, const struct troupe_request *request, const Master__ShardsRequest *body)
{
	struct master *master = instance;
	Master__ShardsReply reply = MASTER__SHARDS_REPLY__INIT;
	Master__ShardInfo *infos;

	(void)body;
	infos = calloc(master->shard_count + 1, sizeof(*infos) + sizeof(*reply.shards));
	if (infos == NULL) {
		proto_refuse(master->h, request->id, TROUPE_RESOURCE_EXHAUSTED, "master.no_memory");
		return;
	}
	reply.shards = (Master__ShardInfo **)(infos + master->shard_count + 1);
	reply.n_shards = master->shard_count;
	for (uint32_t i = 0; i < master->shard_count; i++) {
		registry_shard(master, i, &infos[i]);
		reply.shards[i] = &infos[i];
	}
	master_shards_reply(master->h, request->id, &reply);
	free(infos);
}

/* --- front-ends ----------------------------------------------------------------------------------- */

static struct frontend *frontend_find(const struct master *master, uint64_t id)
{
	for (uint32_t i = 0; i < master->frontend_count; i++) {
		if (master->frontends[i].id == id) {
			return &master->frontends[i];
		}
	}
	return NULL;
}

static void frontends_changed(const struct master *master)
{
	master->h->metric_set(master->h, master->metrics[METRIC_FRONTENDS], master->frontend_count);
}

/* ask_sessions: a front-end that we did not know, or not any more, tells us who is there. */
static void ask_sessions(const struct master *master, uint64_t frontend)
{
	static const Frontend__AnnounceRequest event = FRONTEND__ANNOUNCE_REQUEST__INIT;
	struct proto_to to = { .instance = frontend };

	frontend_announce(master->h, &event, &to);
}

void registry_on_register(void *instance, const struct troupe_request *request, const Master__Register *body)
{
	struct master *master = instance;
	struct frontend *fe = frontend_find(master, request->from);

	if (body->shard == NULL || body->host == NULL || strlen(body->host) >= sizeof(fe->host) ||
	    shard_learn(master, body->shard) != 0) {
		count(master, METRIC_FULL);
		return;
	}
	if (fe == NULL) {
		if (master->frontend_count == FRONTENDS_MAX) {
			count(master, METRIC_FULL);
			return;
		}
		fe = &master->frontends[master->frontend_count++];
		memset(fe, 0, sizeof(*fe));
		fe->id = request->from;
		frontends_changed(master);
		ask_sessions(master, fe->id);
	}
	fe->seen_us = master->h->now_us(master->h);
	fe->clients = body->clients;
	fe->clients_max = body->clients_max;
	fe->port = body->port;
	fe->draining = body->draining;
	fe->placed = 0;
	strcpy(fe->shard, body->shard);
	strcpy(fe->host, body->host);
}

void registry_tick(struct master *master)
{
	uint64_t now_us = master->h->now_us(master->h);

	for (uint32_t i = 0; i < master->frontend_count;) {
		struct frontend *fe = &master->frontends[i];
		struct troupe_log line = { .size = sizeof(line), .level = TROUPE_LOG_WARNING, .code = "S0301" };
		char text[160];

		if (now_us - fe->seen_us <= GONE_AFTER_US) {
			i++;
			continue;
		}
		snprintf(text, sizeof(text),
			 "a front-end of shard %s has been silent for 3 s; no more players are sent there", fe->shard);
		line.text = text;
		master->h->log(master->h, &line);
		count(master, METRIC_FRONTENDS_GONE);
		presence_forget_frontend(master, fe->id);
		*fe = master->frontends[--master->frontend_count];
		frontends_changed(master);
	}
}

/* --- placement ------------------------------------------------------------------------------------ */

struct place {
	struct master *master;
	struct place *next; /* of master->waiting */
	uint64_t request, account;
	uint64_t tried[PLACE_TRIES];
	uint32_t tries;
	uint8_t hash[32];
	char shard[SHARD_NAME_MAX];
};

static void place_next(struct place *place);

static void place_refuse(struct place *place, int32_t status, const char *reason)
{
	count(place->master, METRIC_PLACE_REFUSED);
	proto_refuse(place->master->h, place->request, status, reason);
	free(place);
}

static void on_expected(void *instance, void *arg, const struct troupe_reply *reply, const Frontend__ExpectReply *body)
{
	struct master *master = instance;
	struct place *place = arg;
	Master__PlaceReply answer = MASTER__PLACE_REPLY__INIT;

	if (reply->status != TROUPE_OK) {
		place_next(place); /* at worst it waits for a ticket that never comes */
		return;
	}
	count(master, METRIC_PLACED);
	answer.has_frontend = answer.has_port = 1;
	answer.frontend = place->tried[place->tries - 1];
	answer.host = body->host;
	answer.port = body->port;
	master_place_reply(master->h, place->request, &answer);
	free(place);
}

/* away: the host knows that it is gone, before it has been silent for long enough here. */
static int away(const struct troupe_peer *peers, uint32_t len, uint64_t id)
{
	for (uint32_t i = 0; i < len && i < FRONTENDS_MAX; i++) {
		if (peers[i].id == id) {
			return !peers[i].ready;
		}
	}
	return 0;
}

static int was_tried(const struct place *place, uint64_t id)
{
	for (uint32_t i = 0; i < place->tries; i++) {
		if (place->tried[i] == id) {
			return 1;
		}
	}
	return 0;
}

static void on_wait(void *instance, void *arg)
{
	struct master *master = instance;
	struct place *waiting = master->waiting;

	(void)arg;
	master->wait_timer = 0;
	master->waiting = NULL;
	while (waiting != NULL) {
		struct place *place = waiting;

		waiting = place->next;
		place_next(place);
	}
}

/* place_later: a master that has just begun waits for the word of the front-ends, which comes each second. */
static void place_later(struct place *place)
{
	struct master *master = place->master;

	place->next = master->waiting;
	master->waiting = place;
	if (master->wait_timer == 0) {
		master->wait_timer = master->h->timer_start(master->h, LEARN_ROUND_MS, on_wait, NULL);
	}
}

void registry_free(struct master *master)
{
	while (master->waiting != NULL) {
		struct place *place = master->waiting;

		master->waiting = place->next;
		free(place);
	}
}

static void place_next(struct place *place)
{
	struct master *master = place->master;
	struct frontend *best = NULL;
	Frontend__ExpectRequest expect = FRONTEND__EXPECT_REQUEST__INIT;
	struct proto_to to = { .timeout_ms = EXPECT_TIMEOUT_MS };
	struct troupe_peer peers[FRONTENDS_MAX];
	uint32_t len = master->h->peers(master->h, "frontend", peers, FRONTENDS_MAX);
	int ready = 0;

	for (uint32_t i = 0; place->tries < PLACE_TRIES && i < master->frontend_count; i++) {
		struct frontend *fe = &master->frontends[i];

		if (strcmp(fe->shard, place->shard) != 0 || fe->draining || was_tried(place, fe->id) ||
		    away(peers, len, fe->id)) {
			continue;
		}
		ready = 1;
		if (fe->clients + fe->placed < fe->clients_max &&
		    (best == NULL || fe->clients + fe->placed < best->clients + best->placed)) {
			best = fe;
		}
	}
	if (best == NULL && !ready && place->tries == 0 &&
	    master->h->now_us(master->h) - master->started_us < LEARN_US) {
		place_later(place);
		return;
	}
	if (best == NULL) {
		if (ready) {
			place_refuse(place, TROUPE_RESOURCE_EXHAUSTED, "master.shard_full");
		} else if (shard_index(master, place->shard) < 0) {
			place_refuse(place, TROUPE_NOT_FOUND, "master.no_shard");
		} else {
			place_refuse(place, TROUPE_FAILED_PRECONDITION, "master.no_frontend");
		}
		return;
	}
	best->placed++;
	place->tried[place->tries++] = best->id;
	to.instance = best->id;
	expect.has_account = expect.has_ticket_hash = expect.has_ttl_ms = 1;
	expect.account = place->account;
	expect.ticket_hash.data = place->hash;
	expect.ticket_hash.len = sizeof(place->hash);
	expect.ttl_ms = TICKET_TTL_MS;
	frontend_expect(master->h, &expect, &to, on_expected, place);
}

void registry_on_place(void *instance, const struct troupe_request *request, const Master__PlaceRequest *body)
{
	struct master *master = instance;
	struct place *place;
	const struct shard_options *shard;
	Master__ShardInfo info;
	int index = body->shard != NULL ? shard_index(master, body->shard) : -1;

	if (body->account == 0 || body->ticket_hash.len != sizeof(place->hash)) {
		proto_refuse(master->h, request->id, TROUPE_INVALID_ARGUMENT, "master.bad_place");
		return;
	}
	place = calloc(1, sizeof(*place));
	if (place == NULL) {
		proto_refuse(master->h, request->id, TROUPE_RESOURCE_EXHAUSTED, "master.no_memory");
		return;
	}
	*place = (struct place){ .master = master, .request = request->id, .account = body->account };
	memcpy(place->hash, body->ticket_hash.data, sizeof(place->hash));
	shard = body->shard != NULL ? configured(master, body->shard) : NULL;
	if (body->shard == NULL || strlen(body->shard) >= sizeof(place->shard)) {
		place_refuse(place, TROUPE_NOT_FOUND, "master.no_shard");
		return;
	}
	strcpy(place->shard, body->shard);
	if (shard != NULL && shard->locked) {
		place_refuse(place, TROUPE_PERMISSION_DENIED, "master.shard_locked");
		return;
	}
	if (index >= 0) {
		registry_shard(master, (uint32_t)index, &info);
		if (info.limit > 0 && info.population >= info.limit) {
			place_refuse(place, TROUPE_RESOURCE_EXHAUSTED, "master.shard_full");
			return;
		}
	}
	place_next(place);
}
