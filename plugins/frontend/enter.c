/* SPDX-License-Identifier: MIT */
/* From the ticket to the session, from the avatar into the world, and out again. */
#include <stdlib.h>
#include <string.h>

#include "account.stub.h"
#include "avatar.stub.h"
#include "client.pb-c.h"
#include "frontend.h"
#include "master.stub.h"
#include "secret/secret.h"
#include "world.stub.h"

#define MASTERS_MAX 8u
#define WORLDS_MAX 64u
#define EXPECT_TTL_MAX_MS 60000u

/* One Enter, AvatarSelect or LeaveWorld. It outlives its client, so that what was begun is also undone. */
struct visit {
	struct frontend *fe;
	struct client *client; /* NULL: gone */
	uint64_t account, session, epoch, avatar;
	uint16_t tag;
	uint16_t announced; /* the ticket was expected */
	char *name;
};

static struct visit *visit_new(struct frontend *fe, struct client *client, uint16_t tag, enum client_state state)
{
	struct visit *visit = calloc(1, sizeof(*visit));

	if (visit == NULL) {
		return NULL;
	}
	*visit = (struct visit){ .fe = fe,
				 .client = client,
				 .account = client->account,
				 .session = client->session,
				 .epoch = client->epoch,
				 .tag = tag };
	client->visit = visit;
	client->state = (uint8_t)state;
	return visit;
}

static void visit_free(struct visit *visit)
{
	if (visit->client != NULL) {
		visit->client->visit = NULL;
	}
	free(visit->name);
	free(visit);
}

/* --- expected tickets ----------------------------------------------------------------------------- */

static uint64_t expected_key(const uint8_t *hash)
{
	uint64_t key;

	memcpy(&key, hash, sizeof(key));
	return key;
}

static struct expected *expected_take(struct frontend *fe, const uint8_t *hash)
{
	struct expected *expected = map_get(&fe->expected, expected_key(hash));

	if (expected == NULL || !secret_same(expected->hash, hash, TICKET_HASH_SIZE)) {
		return NULL;
	}
	return map_remove(&fe->expected, expected_key(hash));
}

void enter_on_expect(void *instance, const struct troupe_request *request, const Frontend__ExpectRequest *body)
{
	struct frontend *fe = instance;
	Frontend__ExpectReply reply = FRONTEND__EXPECT_REPLY__INIT;
	uint64_t ttl_ms = body->ttl_ms < EXPECT_TTL_MAX_MS ? body->ttl_ms : EXPECT_TTL_MAX_MS;
	struct expected *expected;

	if (body->account == 0 || body->ticket_hash.len != TICKET_HASH_SIZE) {
		proto_refuse(fe->h, request->id, TROUPE_INVALID_ARGUMENT, "frontend.bad_expect");
		return;
	}
	if (fe->draining) {
		proto_refuse(fe->h, request->id, TROUPE_FAILED_PRECONDITION, "frontend.draining");
		return;
	}
	if (fe->entered + fe->expected.count >= (uint64_t)fe->options->max_clients) {
		count(fe, METRIC_FULL);
		proto_refuse(fe->h, request->id, TROUPE_RESOURCE_EXHAUSTED, "frontend.full");
		return;
	}
	free(expected_take(fe, body->ticket_hash.data));
	expected = calloc(1, sizeof(*expected));
	if (expected == NULL || map_get(&fe->expected, expected_key(body->ticket_hash.data)) != NULL ||
	    map_put(&fe->expected, expected_key(body->ticket_hash.data), expected) != 0) {
		free(expected);
		proto_refuse(fe->h, request->id, TROUPE_RESOURCE_EXHAUSTED, "frontend.no_memory");
		return;
	}
	memcpy(expected->hash, body->ticket_hash.data, TICKET_HASH_SIZE);
	expected->account = body->account;
	expected->until_us = fe->h->now_us(fe->h) + ttl_ms * 1000;
	reply.host = fe->host;
	reply.has_port = 1;
	reply.port = fe->port;
	frontend_expect_reply(fe->h, request->id, &reply);
}

void expected_sweep(struct frontend *fe)
{
	uint64_t keys[256], now_us = fe->h->now_us(fe->h);
	struct map_entry *entry;
	uint32_t at = 0, found = 0;

	while (found < 256 && (entry = map_next(&fe->expected, &at)) != NULL) {
		if (((const struct expected *)entry->value)->until_us < now_us) {
			keys[found++] = entry->key;
		}
	}
	for (uint32_t i = 0; i < found; i++) {
		free(map_remove(&fe->expected, keys[i]));
	}
}

void expected_free(struct frontend *fe)
{
	struct map_entry *entry;
	uint32_t at = 0;

	while ((entry = map_next(&fe->expected, &at)) != NULL) {
		free(entry->value);
	}
	map_free(&fe->expected);
}

/* --- presence ------------------------------------------------------------------------------------- */

uint32_t masters(const struct frontend *fe, uint64_t *ret_ids, uint32_t max)
{
	struct troupe_peer peers[MASTERS_MAX];
	uint32_t found = fe->h->peers(fe->h, "master", peers, MASTERS_MAX), ready = 0;

	for (uint32_t i = 0; i < found && i < MASTERS_MAX && ready < max; i++) {
		if (peers[i].ready) {
			ret_ids[ready++] = peers[i].id;
		}
	}
	return ready;
}

void session_announce(struct frontend *fe, const struct client *client)
{
	uint64_t ids[MASTERS_MAX];
	uint32_t n = masters(fe, ids, MASTERS_MAX);
	Master__PresenceSet event = MASTER__PRESENCE_SET__INIT;

	event.has_account = event.has_epoch = event.has_session = 1;
	event.account = client->account;
	event.epoch = client->epoch;
	event.session = client->session;
	for (uint32_t i = 0; i < n; i++) {
		struct proto_to to = { .instance = ids[i] };

		master_presence_set(fe->h, &event, &to);
	}
}

static void session_unannounce(struct frontend *fe, const struct client *client)
{
	uint64_t ids[MASTERS_MAX];
	uint32_t n = masters(fe, ids, MASTERS_MAX);
	Master__PresenceClear event = MASTER__PRESENCE_CLEAR__INIT;

	event.has_account = event.has_epoch = 1;
	event.account = client->account;
	event.epoch = client->epoch;
	for (uint32_t i = 0; i < n; i++) {
		struct proto_to to = { .instance = ids[i] };

		master_presence_clear(fe->h, &event, &to);
	}
}

static void kick(struct frontend *fe, struct client *client, const char *reason)
{
	Client__Kick message = CLIENT__KICK__INIT;

	count(fe, METRIC_KICKED);
	message.reason = (char *)reason;
	wire_send(fe->h, client->conn, WIRE_KICK, 0, &message.base);
	client_end(fe, client, reason, 0);
}

void enter_on_kick(void *instance, const struct troupe_request *request, const Frontend__KickRequest *body)
{
	struct frontend *fe = instance;
	struct client *client = map_get(&fe->by_account, body->account);
	Frontend__KickReply reply = FRONTEND__KICK_REPLY__INIT;

	reply.has_kicked = 1;
	if (client != NULL && client->epoch <= body->epoch) {
		kick(fe, client, body->reason != NULL ? body->reason : "client.kicked");
		reply.kicked = 1;
	}
	frontend_kick_reply(fe->h, request->id, &reply);
}

/* --- the ticket ----------------------------------------------------------------------------------- */

static void enter_refuse(struct frontend *fe, struct client *client, uint16_t tag, int32_t status, const char *reason)
{
	count(fe, METRIC_TICKET_REFUSED);
	client_refuse(fe, client, WIRE_ENTER, tag, status, reason);
}

static void session_begin(struct frontend *fe, struct client *client, uint16_t tag, uint64_t account, uint64_t epoch)
{
	struct client *earlier = map_get(&fe->by_account, account);
	Client__EnterOk answer = CLIENT__ENTER_OK__INIT;
	uint32_t random;

	if (earlier != NULL && earlier->epoch >= epoch) {
		enter_refuse(fe, client, tag, TROUPE_ABORTED, "client.other_login"); /* a newer ticket was quicker */
		return;
	}
	if (earlier != NULL) {
		kick(fe, earlier, "client.other_login");
	}
	if (map_put(&fe->by_account, account, client) != 0) {
		enter_refuse(fe, client, tag, TROUPE_RESOURCE_EXHAUSTED, "frontend.no_memory");
		return;
	}
	fe->h->random_bytes(fe->h, &random, sizeof(random));
	client->account = account;
	client->epoch = epoch;
	/* the place in our table, under a number that a later client in that place will not have */
	client->session = (uint64_t)(random & INT32_MAX) << 32 | (client->index + 1);
	client->state = CLIENT_ENTERED;
	fe->entered++;
	fe->h->metric_set(fe->h, fe->metrics[METRIC_SESSIONS], fe->entered);
	fe->h->conn_idle(fe->h, client->conn, (uint64_t)fe->options->idle_ms + 5000);
	session_announce(fe, client);
	answer.has_account = answer.has_session = 1;
	answer.account = account;
	answer.session = client->session;
	answer.shard = fe->shard;
	wire_send(fe->h, client->conn, WIRE_ENTER_OK, tag, &answer.base);
}

static void on_redeemed(void *instance, void *arg, const struct troupe_reply *reply, const Account__RedeemReply *body)
{
	struct frontend *fe = instance;
	struct visit *visit = arg;
	struct client *client = visit->client;
	uint16_t tag = visit->tag;

	if (!visit->announced) {
		fe->redeeming--;
	}
	visit_free(visit);
	if (client == NULL) {
		return; /* the ticket is spent: the player logs in again */
	}
	if (reply->status != TROUPE_OK) {
		enter_refuse(fe, client, tag, reply->status, reply->reason);
	} else if (fe->draining) {
		client_end(fe, client, "frontend.draining", 1);
	} else if (fe->entered >= (uint64_t)fe->options->max_clients) {
		count(fe, METRIC_FULL);
		enter_refuse(fe, client, tag, TROUPE_RESOURCE_EXHAUSTED, "frontend.full");
	} else {
		session_begin(fe, client, tag, body->account, body->epoch);
	}
}

void enter_begin(struct frontend *fe, struct client *client, uint16_t tag, const uint8_t *ticket, size_t len)
{
	Account__RedeemRequest request = ACCOUNT__REDEEM_REQUEST__INIT;
	uint8_t hash[SECRET_HASH_SIZE];
	struct expected *expected;
	struct visit *visit;

	if (len != TICKET_SIZE) {
		enter_refuse(fe, client, tag, TROUPE_NOT_FOUND, "account.ticket_unknown");
		return;
	}
	secret_hash(ticket, len, hash);
	expected = expected_take(fe, hash);
	/* Nobody announced it: a second use, another front-end's, ours from before a restart, or a guess. Account
	 * knows, but is not asked for more than a few of these at once. */
	if (expected == NULL && fe->redeeming >= REDEEMS_MAX) {
		enter_refuse(fe, client, tag, TROUPE_RESOURCE_EXHAUSTED, "frontend.busy");
		return;
	}
	visit = visit_new(fe, client, tag, CLIENT_ENTERING);
	if (visit == NULL) {
		free(expected);
		enter_refuse(fe, client, tag, TROUPE_RESOURCE_EXHAUSTED, "frontend.no_memory");
		return;
	}
	visit->announced = expected != NULL;
	if (!visit->announced) {
		fe->redeeming++;
	}
	free(expected);
	request.has_ticket = 1;
	request.ticket.data = (uint8_t *)ticket;
	request.ticket.len = len;
	account_redeem(fe->h, &request, NULL, on_redeemed, visit);
}

/* --- into the world and out ----------------------------------------------------------------------- */

static void on_leave_done(void *instance, void *arg, const struct troupe_reply *reply, const World__LeaveReply *body)
{
	(void)instance;
	(void)arg;
	(void)reply; /* if mechanics is gone, so is the avatar in it */
	(void)body;
}

/* world_left: mechanics is told that the avatar leaves; instance 0 = wherever it is. */
static void world_left(struct frontend *fe, uint64_t instance, uint64_t account, uint64_t session, uint64_t avatar)
{
	World__LeaveRequest request = WORLD__LEAVE_REQUEST__INIT;
	struct proto_to to = { .instance = instance, .account = account, .actor = avatar, .session = session };

	if (instance == 0) {
		to.route = TROUPE_ROUTE_AVATAR;
		to.route_key = avatar;
	}
	request.has_avatar = 1;
	request.avatar = avatar;
	world_leave(fe->h, &request, &to, on_leave_done, NULL);
}

static void select_refuse(struct frontend *fe, struct visit *visit, const struct troupe_reply *reply)
{
	struct client *client = visit->client;

	if (client != NULL) {
		fanout_leave_all(fe, client);
		client->state = CLIENT_ENTERED;
		wire_error(fe->h, client->conn, WIRE_AVATAR_SELECT, visit->tag, reply->status, reply->reason, NULL);
	}
	visit_free(visit);
}

static void on_world_entered(void *instance, void *arg, const struct troupe_reply *reply, const World__EnterReply *body)
{
	struct frontend *fe = instance;
	struct visit *visit = arg;
	struct client *client = visit->client;
	Client__AvatarSelected answer = CLIENT__AVATAR_SELECTED__INIT;

	if (reply->status != TROUPE_OK) {
		if (troupe_outcome_of(reply->status) == TROUPE_UNDECIDED) {
			world_left(fe, 0, visit->account, visit->session, visit->avatar);
		}
		select_refuse(fe, visit, reply);
		return;
	}
	if (client == NULL) {
		world_left(fe, reply->from, visit->account, visit->session, visit->avatar);
		visit_free(visit);
		return;
	}
	client->state = CLIENT_WORLD;
	client->avatar = visit->avatar;
	client->mechanics = reply->from;
	fanout_join(fe, client, reply->from, 0);
	answer.has_avatar = answer.has_x = answer.has_y = answer.has_z = answer.has_tick = answer.has_tick_ms = 1;
	answer.avatar = visit->avatar;
	answer.name = visit->name;
	answer.x = body->x;
	answer.y = body->y;
	answer.z = body->z;
	answer.tick = body->tick;
	answer.tick_ms = body->tick_ms;
	wire_send(fe->h, client->conn, WIRE_AVATAR_SELECTED, visit->tag, &answer.base);
	visit_free(visit);
}

static void on_avatar_loaded(void *instance, void *arg, const struct troupe_reply *reply, const Avatar__LoadReply *body)
{
	struct frontend *fe = instance;
	struct visit *visit = arg;
	World__EnterRequest request = WORLD__ENTER_REQUEST__INIT;
	struct proto_to to = { .account = visit->account, .actor = visit->avatar, .session = visit->session };

	if (reply->status != TROUPE_OK || visit->client == NULL) {
		select_refuse(fe, visit, reply);
		return;
	}
	if (body->avatar == NULL || body->avatar->name == NULL) {
		struct troupe_reply broken = { .status = TROUPE_INTERNAL, .reason = "avatar.malformed" };

		select_refuse(fe, visit, &broken);
		return;
	}
	visit->name = strdup(body->avatar->name);
	request.has_avatar = request.has_x = request.has_y = request.has_z = request.has_epoch = 1;
	request.avatar = visit->avatar;
	request.name = body->avatar->name;
	request.x = body->avatar->x;
	request.y = body->avatar->y;
	request.z = body->avatar->z;
	request.epoch = visit->epoch;
	world_enter(fe->h, &request, &to, on_world_entered, visit);
}

void select_begin(struct frontend *fe, struct client *client, uint16_t tag, uint64_t avatar)
{
	Avatar__LoadRequest request = AVATAR__LOAD_REQUEST__INIT;
	struct visit *visit = visit_new(fe, client, tag, CLIENT_SELECTING);
	struct proto_to to = { .account = client->account, .session = client->session };

	if (visit == NULL) {
		wire_error(fe->h, client->conn, WIRE_AVATAR_SELECT, tag, TROUPE_RESOURCE_EXHAUSTED,
			   "frontend.no_memory", NULL);
		return;
	}
	visit->avatar = avatar;
	request.has_avatar = request.has_account = request.has_epoch = 1;
	request.avatar = avatar;
	request.account = client->account;
	request.epoch = client->epoch;
	avatar_load(fe->h, &request, &to, on_avatar_loaded, visit);
}

static void on_world_left(void *instance, void *arg, const struct troupe_reply *reply, const World__LeaveReply *body)
{
	struct frontend *fe = instance;
	struct visit *visit = arg;
	Client__LeftWorld answer = CLIENT__LEFT_WORLD__INIT;

	(void)reply; /* whatever it said: the client does not listen there any more */
	(void)body;
	if (visit->client != NULL) {
		visit->client->state = CLIENT_ENTERED;
		wire_send(fe->h, visit->client->conn, WIRE_LEFT_WORLD, visit->tag, &answer.base);
	}
	visit_free(visit);
}

void leave_begin(struct frontend *fe, struct client *client, uint16_t tag)
{
	World__LeaveRequest request = WORLD__LEAVE_REQUEST__INIT;
	struct proto_to to = { .instance = client->mechanics,
			       .account = client->account,
			       .actor = client->avatar,
			       .session = client->session };
	struct visit *visit = visit_new(fe, client, tag, CLIENT_LEAVING);

	if (visit == NULL) {
		wire_error(fe->h, client->conn, WIRE_LEAVE_WORLD, tag, TROUPE_RESOURCE_EXHAUSTED, "frontend.no_memory",
			   NULL);
		return;
	}
	request.has_avatar = 1;
	request.avatar = client->avatar;
	fanout_leave_all(fe, client);
	fanout_forget(fe, client);
	client->avatar = client->mechanics = 0;
	world_leave(fe->h, &request, &to, on_world_left, visit);
}

static int world_ready(const struct troupe_peer *peers, uint32_t len, uint64_t instance)
{
	for (uint32_t i = 0; i < len; i++) {
		if (peers[i].id == instance) {
			return (int)peers[i].ready;
		}
	}
	return 0;
}

void world_watch(struct frontend *fe)
{
	struct troupe_peer peers[WORLDS_MAX];
	uint32_t found = fe->h->peers(fe->h, "world", peers, WORLDS_MAX);
	Client__LeftWorld left = CLIENT__LEFT_WORLD__INIT;

	if (found > WORLDS_MAX) {
		return; /* more than can be told apart here: their own answers say who is gone */
	}
	left.reason = "frontend.world_gone";
	for (uint32_t i = 0; i < fe->clients_top; i++) {
		struct client *client = fe->clients[i];

		if (client == NULL || client->mechanics == 0 || world_ready(peers, found, client->mechanics)) {
			continue;
		}
		/* one that drains saves its players itself; one that is gone holds none */
		fanout_leave_all(fe, client);
		fanout_forget(fe, client);
		client->avatar = client->mechanics = 0;
		client->state = CLIENT_ENTERED;
		count(fe, METRIC_WORLD_GONE);
		wire_send(fe->h, client->conn, WIRE_LEFT_WORLD, 0, &left.base);
	}
}

void session_end(struct frontend *fe, struct client *client)
{
	if (client->visit != NULL) {
		client->visit->client = NULL;
		client->visit = NULL;
	}
	forward_cancel(fe, client);
	fanout_leave_all(fe, client);
	fanout_forget(fe, client);
	if (client->mechanics != 0) {
		world_left(fe, client->mechanics, client->account, client->session, client->avatar);
		client->mechanics = client->avatar = 0;
	}
	if (client->session != 0) {
		if (map_get(&fe->by_account, client->account) == client) {
			map_remove(&fe->by_account, client->account);
		}
		session_unannounce(fe, client);
		client->session = 0;
		fe->entered--;
		fe->h->metric_set(fe->h, fe->metrics[METRIC_SESSIONS], fe->entered);
	}
}
