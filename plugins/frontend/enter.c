/* SPDX-License-Identifier: MIT */
/* From the ticket to the session, and its end. */
#include <stdlib.h>
#include <string.h>

#include "account.stub.h"
#include "client.pb-c.h"
#include "frontend.h"
#include "master.stub.h"
#include "secret/secret.h"

#define MASTERS_MAX 8u
#define EXPECT_TTL_MAX_MS 60000u
#define KEEPS 4u /* words to account in the time that a token is good */

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

static void announce(const struct frontend *fe, const struct client *client, uint64_t master)
{
	Master__PresenceSet event = MASTER__PRESENCE_SET__INIT;
	struct proto_to to = { .instance = master };

	event.has_account = event.has_epoch = event.has_session = 1;
	event.account = client->account;
	event.epoch = client->epoch;
	event.session = client->session;
	master_presence_set(fe->h, &event, &to);
}

void session_announce(struct frontend *fe, const struct client *client)
{
	uint64_t ids[MASTERS_MAX];
	uint32_t n = masters(fe, ids, MASTERS_MAX);

	for (uint32_t i = 0; i < n; i++) {
		announce(fe, client, ids[i]);
	}
}

void enter_on_announce(void *instance, const struct troupe_request *request, const Frontend__AnnounceRequest *body)
{
	struct frontend *fe = instance;

	(void)body;
	for (uint32_t i = 0; i < fe->clients_top; i++) {
		if (fe->clients[i] != NULL && fe->clients[i]->session != 0) {
			announce(fe, fe->clients[i], request->from);
		}
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

static const char other_login[] = "client.other_login";

/* kick: another session of the account takes its avatar over where it stands; any other reason makes it leave. */
static void kick(struct frontend *fe, struct client *client, const char *reason)
{
	Client__Kick message = CLIENT__KICK__INIT;

	count(fe, METRIC_KICKED);
	message.reason = (char *)reason;
	wire_send(fe->h, client->conn, WIRE_KICK, 0, &message.base);
	session_end(fe, client, strcmp(reason, other_login) == 0 ? SESSION_LOST : SESSION_UNWANTED);
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

static void session_begin(struct frontend *fe, struct client *client, uint16_t tag, const Account__RedeemReply *body)
{
	struct client *earlier = map_get(&fe->by_account, body->account);
	Client__EnterOk answer = CLIENT__ENTER_OK__INIT;
	uint32_t random;

	if (earlier != NULL && earlier->epoch >= body->epoch) {
		enter_refuse(fe, client, tag, TROUPE_ABORTED, other_login); /* a newer ticket was quicker */
		return;
	}
	if (earlier != NULL) {
		kick(fe, earlier, other_login);
	}
	if (map_put(&fe->by_account, body->account, client) != 0) {
		enter_refuse(fe, client, tag, TROUPE_RESOURCE_EXHAUSTED, "frontend.no_memory");
		return;
	}
	fe->h->random_bytes(fe->h, &random, sizeof(random));
	client->account = body->account;
	client->epoch = body->epoch;
	client->keep_s = body->resume_ms >= KEEPS * 1000 ? (uint32_t)(body->resume_ms / KEEPS / 1000) : 1;
	/* the place in our table, under a number that a later client in that place will not have */
	client->session = (uint64_t)(random & INT32_MAX) << 32 | (client->index + 1);
	client->state = CLIENT_ENTERED;
	fe->entered++;
	fe->h->metric_set(fe->h, fe->metrics[METRIC_SESSIONS], fe->entered);
	fe->h->conn_idle(fe->h, client->conn, (uint64_t)fe->options->idle_ms + 5000);
	session_announce(fe, client);
	answer.has_account = answer.has_session = answer.has_resume = answer.has_resume_ms = 1;
	answer.account = client->account;
	answer.session = client->session;
	answer.shard = fe->shard;
	answer.resume = body->resume;
	answer.resume_ms = body->resume_ms - body->resume_ms / KEEPS;
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
	if (reply->status == TROUPE_OK && visit->resumes) {
		count(fe, METRIC_RESUMED);
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
		session_begin(fe, client, tag, body);
	}
}

/* redeem: `announced` = a master had us expect it. What nobody announced is a second use, another front-end's, ours from
 * before a restart, a session that resumes, or a guess: account knows, but is not asked for more than a few of these at
 * once. */
static void redeem(struct frontend *fe, struct client *client, uint16_t tag, const Account__RedeemRequest *request,
		   int announced)
{
	struct visit *visit = NULL;

	if (!announced && fe->redeeming >= REDEEMS_MAX) {
		enter_refuse(fe, client, tag, TROUPE_RESOURCE_EXHAUSTED, "frontend.busy");
		return;
	}
	visit = visit_new(fe, client, tag, CLIENT_ENTERING);
	if (visit == NULL) {
		enter_refuse(fe, client, tag, TROUPE_RESOURCE_EXHAUSTED, "frontend.no_memory");
		return;
	}
	visit->announced = announced != 0;
	visit->resumes = request->has_resume != 0;
	fe->redeeming += !announced;
	account_redeem(fe->h, request, NULL, on_redeemed, visit);
}

void enter_ticket(struct frontend *fe, struct client *client, uint16_t tag, const uint8_t *ticket, size_t len)
{
	Account__RedeemRequest request = ACCOUNT__REDEEM_REQUEST__INIT;
	uint8_t hash[SECRET_HASH_SIZE];
	struct expected *expected;

	if (len != TICKET_SIZE) {
		enter_refuse(fe, client, tag, TROUPE_NOT_FOUND, "account.ticket_unknown");
		return;
	}
	secret_hash(ticket, len, hash);
	expected = expected_take(fe, hash);
	request.has_ticket = 1;
	request.ticket.data = (uint8_t *)ticket;
	request.ticket.len = len;
	redeem(fe, client, tag, &request, expected != NULL);
	free(expected);
}

void enter_resume(struct frontend *fe, struct client *client, uint16_t tag, uint64_t account, const uint8_t *token,
		  size_t len)
{
	Account__RedeemRequest request = ACCOUNT__REDEEM_REQUEST__INIT;

	if (len != TICKET_SIZE) {
		enter_refuse(fe, client, tag, TROUPE_NOT_FOUND, "account.resume_unknown");
		return;
	}
	request.has_account = request.has_resume = 1;
	request.account = account;
	request.resume.data = (uint8_t *)token;
	request.resume.len = len;
	request.shard = fe->shard;
	redeem(fe, client, tag, &request, 0);
}

/* --- the session's life --------------------------------------------------------------------------- */

static void on_kept(void *instance, void *arg, const struct troupe_reply *reply, const Account__KeepReply *body)
{
	struct frontend *fe = instance;
	struct client *client = client_by_session(fe, (uint64_t)(uintptr_t)arg);

	(void)body;
	if (client != NULL && reply->status == TROUPE_FAILED_PRECONDITION) {
		kick(fe, client, other_login); /* a newer session has begun, and nobody had told us */
	}
}

void session_keep(struct frontend *fe, struct client *client)
{
	Account__KeepRequest request = ACCOUNT__KEEP_REQUEST__INIT;

	request.has_account = request.has_epoch = 1;
	request.account = client->account;
	request.epoch = client->epoch;
	account_keep(fe->h, &request, NULL, on_kept, (void *)(uintptr_t)client->session);
}

void session_end(struct frontend *fe, struct client *client, enum session_end why)
{
	forward_cancel(fe, client);
	world_end(fe, client, why);
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
