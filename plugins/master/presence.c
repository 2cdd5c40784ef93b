/* SPDX-License-Identifier: MIT */
/* Which player is where. It is kept in memory alone: front-ends say it again all the time. */
#include <stdlib.h>

#include "frontend.stub.h"
#include "master.h"
#include "proto/proto.h"

#define FORGET_ROUND 256u
#define LOOK_ROUND 20000u /* presences looked at in a second */
#define OLD_US 100000000u /* front-ends speak of each every 30 s */

static void present_changed(const struct master *master)
{
	master->h->metric_set(master->h, master->metrics[METRIC_PRESENT], master->presences.count);
}

static void on_kicked(void *instance, void *arg, const struct troupe_reply *reply, const Frontend__KickReply *body)
{
	(void)instance;
	(void)arg;
	(void)reply; /* a front-end that does not answer is gone, and its sessions with it */
	(void)body;
}

static void kick(struct master *master, uint64_t frontend, uint64_t account, uint64_t epoch)
{
	Frontend__KickRequest request = FRONTEND__KICK_REQUEST__INIT;
	struct proto_to to = { .instance = frontend };

	request.has_account = request.has_epoch = 1;
	request.account = account;
	request.epoch = epoch;
	request.reason = "client.other_login";
	count(master, METRIC_KICKED);
	frontend_kick(master->h, &request, &to, on_kicked, NULL);
}

void presence_on_set(void *instance, const struct troupe_request *request, const Master__PresenceSet *body)
{
	struct master *master = instance;
	struct presence *presence = map_get(&master->presences, body->account);

	if (presence != NULL && body->epoch < presence->epoch) {
		kick(master, request->from, body->account, body->epoch); /* it is the older one */
		return;
	}
	if (presence != NULL && body->epoch > presence->epoch) {
		kick(master, presence->frontend, body->account, presence->epoch);
	}
	if (presence == NULL) {
		presence = master->presences.count < PRESENCES_MAX ? malloc(sizeof(*presence)) : NULL;
		if (presence == NULL || map_put(&master->presences, body->account, presence) != 0) {
			count(master, METRIC_FULL);
			free(presence);
			return;
		}
		present_changed(master);
	}
	*presence = (struct presence){ .account = body->account,
				       .frontend = request->from,
				       .session = body->session,
				       .epoch = body->epoch,
				       .seen_us = master->h->now_us(master->h) };
}

void presence_on_clear(void *instance, const struct troupe_request *request, const Master__PresenceClear *body)
{
	struct master *master = instance;
	struct presence *presence = map_get(&master->presences, body->account);

	if (presence != NULL && presence->epoch == body->epoch && presence->frontend == request->from) {
		free(map_remove(&master->presences, body->account));
		present_changed(master);
	}
}

void presence_on_who(void *instance, const struct troupe_request *request, const Master__WhoRequest *body)
{
	struct master *master = instance;
	const struct presence *presence = map_get(&master->presences, body->account);
	Master__WhoReply reply = MASTER__WHO_REPLY__INIT;

	reply.has_frontend = reply.has_session = reply.has_epoch = 1;
	if (presence != NULL) {
		reply.frontend = presence->frontend;
		reply.session = presence->session;
		reply.epoch = presence->epoch;
	}
	master_who_reply(master->h, request->id, &reply);
}

/* A word that somebody left may be lost with a link, and then nothing else would tell. */
void presence_tick(struct master *master)
{
	uint64_t old[FORGET_ROUND], now_us = master->h->now_us(master->h);
	struct map_entry *entry = NULL;
	uint32_t found = 0, looked = 0;

	while (looked++ < LOOK_ROUND && found < FORGET_ROUND &&
	       (entry = map_next(&master->presences, &master->presence_at)) != NULL) {
		if (now_us - ((const struct presence *)entry->value)->seen_us > OLD_US) {
			old[found++] = entry->key;
		}
	}
	if (entry == NULL) {
		master->presence_at = 0; /* once more from the start */
	}
	for (uint32_t i = 0; i < found; i++) {
		free(map_remove(&master->presences, old[i]));
	}
	if (found > 0) {
		present_changed(master);
	}
}

void presence_forget_frontend(struct master *master, uint64_t frontend)
{
	uint64_t accounts[FORGET_ROUND];
	uint32_t found;

	do {
		struct map_entry *entry;
		uint32_t at = 0;

		found = 0;
		while (found < FORGET_ROUND && (entry = map_next(&master->presences, &at)) != NULL) {
			if (((const struct presence *)entry->value)->frontend == frontend) {
				accounts[found++] = entry->key;
			}
		}
		for (uint32_t i = 0; i < found; i++) {
			free(map_remove(&master->presences, accounts[i]));
		}
	} while (found == FORGET_ROUND);
	present_changed(master);
}

void presence_free(struct master *master)
{
	struct map_entry *entry;
	uint32_t at = 0;

	while ((entry = map_next(&master->presences, &at)) != NULL) {
		free(entry->value);
	}
	map_free(&master->presences);
}
