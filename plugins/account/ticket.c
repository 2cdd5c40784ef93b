/* SPDX-License-Identifier: MIT */
/* The list of shards, and the choice of one: a place at a front-end and the ticket for it. */
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "client.pb-c.h"
#include "master.stub.h"

/* One ShardListRequest, ChooseShard or Resume. */
struct ask {
	struct account *account;
	struct conn *conn; /* NULL: the connection is gone */
	uint64_t id;	   /* the account */
	uint64_t frontend;
	uint32_t port;
	uint16_t tag, event;
	char shard[SHARD_MAX];
	char host[256];
	uint8_t ticket[TICKET_SIZE];
	uint8_t hash[SECRET_HASH_SIZE];
	uint8_t resume[SECRET_HASH_SIZE]; /* Resume: hash of its token */
};

static struct ask *ask_new(struct account *account, struct conn *conn, uint16_t tag, uint16_t event)
{
	struct ask *ask = calloc(1, sizeof(*ask));

	if (ask == NULL) {
		wire_error(account->h, conn->id, event, tag, TROUPE_RESOURCE_EXHAUSTED, "account.no_memory", NULL);
		return NULL;
	}
	*ask = (struct ask){ .account = account, .conn = conn, .id = conn->account, .tag = tag, .event = event };
	conn->ask = ask;
	conn->state = CONN_ASKING;
	return ask;
}

void ask_orphan(struct ask *ask)
{
	ask->conn = NULL;
}

static void ask_free(struct ask *ask)
{
	if (ask->conn != NULL) {
		ask->conn->ask = NULL;
		if (ask->conn->state == CONN_ASKING) {
			ask->conn->state = ask->event == WIRE_RESUME ? CONN_OPEN : CONN_IN;
		}
		ask->conn->seen_us = ask->account->h->now_us(ask->account->h);
	}
	secret_wipe(ask, sizeof(*ask));
	free(ask);
}

static void ask_refuse(struct ask *ask, int32_t status, const char *reason)
{
	if (ask->event == WIRE_RESUME) {
		count(ask->account, METRIC_RESUME_REFUSED);
	}
	if (ask->conn != NULL) {
		wire_error(ask->account->h, ask->conn->id, ask->event, ask->tag, status, reason, NULL);
	}
	ask_free(ask);
}

/* --- the list ------------------------------------------------------------------------------------- */

static void on_shards(void *instance, void *arg, const struct troupe_reply *reply, const Master__ShardsReply *body)
{
	struct account *account = instance;
	struct ask *ask = arg;
	Client__ShardList list = CLIENT__SHARD_LIST__INIT;
	Client__Shard *shards;

	if (reply->status != TROUPE_OK) {
		ask_refuse(ask, reply->status, reply->reason);
		return;
	}
	shards = calloc(body->n_shards + 1, sizeof(*shards) + sizeof(*list.shards));
	if (shards == NULL) {
		ask_refuse(ask, TROUPE_RESOURCE_EXHAUSTED, "account.no_memory");
		return;
	}
	list.shards = (Client__Shard **)(shards + body->n_shards + 1);
	for (size_t i = 0; i < body->n_shards; i++) {
		const Master__ShardInfo *info = body->shards[i];

		client__shard__init(&shards[i]);
		shards[i].name = info->name;
		shards[i].comment = info->comment;
		shards[i].has_population = shards[i].has_limit = shards[i].has_ready = shards[i].has_locked = 1;
		shards[i].population = info->population;
		shards[i].limit = info->limit;
		shards[i].ready = info->ready;
		shards[i].locked = info->locked;
		list.shards[i] = &shards[i];
	}
	list.n_shards = body->n_shards;
	if (ask->conn != NULL) {
		wire_send(account->h, ask->conn->id, WIRE_SHARD_LIST, ask->tag, &list.base);
	}
	free(shards);
	ask_free(ask);
}

void shards_begin(struct account *account, struct conn *conn, uint16_t tag)
{
	Master__ShardsRequest request = MASTER__SHARDS_REQUEST__INIT;
	struct ask *ask = ask_new(account, conn, tag, WIRE_SHARD_LIST_REQUEST);

	if (ask != NULL) {
		master_shards(account->h, &request, NULL, on_shards, ask);
	}
}

/* --- the choice ----------------------------------------------------------------------------------- */

static void on_ticket_saved(struct account *account, void *arg, int32_t status, const char *reason,
			    const Accountdb__Record *record)
{
	struct ask *ask = arg;
	Client__HostPort answer = CLIENT__HOST_PORT__INIT;

	(void)record;
	if (status != TROUPE_OK) {
		ask_refuse(ask, status, reason);
		return;
	}
	count(account, METRIC_TICKETS);
	if (ask->conn != NULL) {
		answer.host = ask->host;
		answer.has_port = answer.has_ticket = 1;
		answer.port = ask->port;
		answer.ticket.data = ask->ticket;
		answer.ticket.len = sizeof(ask->ticket);
		wire_send(account->h, ask->conn->id, WIRE_HOST_PORT, ask->tag, &answer.base);
		ask->conn->state = CONN_CLOSING;
		account->h->conn_close(account->h, ask->conn->id, 0);
	}
	ask_free(ask);
}

/* still_may: may the account have a ticket? Else it is refused. */
static int still_may(struct store_tx *tx, const struct ask *ask, const Accountdb__Record *record)
{
	const char *reason = ask->event == WIRE_RESUME ? "account.resume_unknown" : "account.no_user";
	int32_t status = TROUPE_NOT_FOUND;

	if (record != NULL && ask->event == WIRE_RESUME) {
		status = resume_judge(ask->account, record, ask->resume, &reason);
	} else if (record != NULL) {
		status = strcmp(record->status, "active") == 0 ? TROUPE_OK : TROUPE_PERMISSION_DENIED;
		reason = "account.banned";
	}
	if (status != TROUPE_OK) {
		store_refuse(tx, status, reason);
	}
	return status == TROUPE_OK;
}

/*
 * The ticket goes into the database by its hash, so that who reads the database cannot enter. Its end is wall-clock
 * time, since another process may redeem it and monotonic clocks begin anywhere; redeem.c bounds what a clock that
 * jumps can do. An older ticket that was not used goes in the same commit: one account, one ticket.
 */
static enum store_next ticket_decide(struct store_tx *tx, void *arg, const Accountdb__Record *record)
{
	struct ask *ask = arg;
	struct account *account = ask->account;
	Accountdb__Ticket ticket = ACCOUNTDB__TICKET__INIT;
	Accountdb__Record next;
	struct store_key key;

	if (!still_may(tx, ask, record)) {
		return STORE_DONE;
	}
	ticket.has_account = ticket.has_frontend = ticket.has_issued_ms = ticket.has_expires_ms = 1;
	ticket.account = ask->id;
	ticket.frontend = ask->frontend;
	ticket.shard = ask->shard;
	ticket.issued_ms = account->h->wall_ms(account->h);
	ticket.expires_ms = ticket.issued_ms + account->options->ticket_ms;
	next = *record;
	next.has_ticket = 1;
	next.ticket.data = ask->hash;
	next.ticket.len = sizeof(ask->hash);
	record_put(tx, &next);
	store_put(tx, record_key_ticket(&key, ask->hash), &ticket.base);
	if (record->has_ticket && record->ticket.len == SECRET_HASH_SIZE) {
		store_delete(tx, record_key_ticket(&key, record->ticket.data));
	}
	return STORE_COMMIT;
}

static void on_placed(void *instance, void *arg, const struct troupe_reply *reply, const Master__PlaceReply *body)
{
	struct ask *ask = arg;

	(void)instance;
	if (reply->status != TROUPE_OK) {
		ask_refuse(ask, reply->status, reply->reason);
		return;
	}
	if (body->host == NULL || strlen(body->host) >= sizeof(ask->host)) {
		ask_refuse(ask, TROUPE_INTERNAL, "account.no_host");
		return;
	}
	strcpy(ask->host, body->host);
	ask->port = body->port;
	ask->frontend = body->frontend;
	record_run(ask->account, NULL, NULL, ask->id, ticket_decide, on_ticket_saved, ask);
}

/* place: asks for a front-end of ask->shard, which will be shown the ticket. */
static void place(struct ask *ask)
{
	const struct troupe_host *h = ask->account->h;
	Master__PlaceRequest request = MASTER__PLACE_REQUEST__INIT;

	h->random_bytes(h, ask->ticket, sizeof(ask->ticket));
	secret_hash(ask->ticket, sizeof(ask->ticket), ask->hash);
	request.has_account = request.has_ticket_hash = 1;
	request.account = ask->id;
	request.shard = ask->shard;
	request.ticket_hash.data = ask->hash;
	request.ticket_hash.len = sizeof(ask->hash);
	master_place(h, &request, NULL, on_placed, ask);
}

void choose_begin(struct account *account, struct conn *conn, uint16_t tag, const char *shard)
{
	struct ask *ask;

	if (strlen(shard) >= sizeof(ask->shard)) {
		wire_error(account->h, conn->id, WIRE_CHOOSE_SHARD, tag, TROUPE_NOT_FOUND, "master.no_shard", NULL);
		return;
	}
	ask = ask_new(account, conn, tag, WIRE_CHOOSE_SHARD);
	if (ask != NULL) {
		strcpy(ask->shard, shard);
		place(ask);
	}
}

static enum store_next resume_decide(struct store_tx *tx, void *arg, const Accountdb__Record *record)
{
	still_may(tx, arg, record); /* whether there is such an account is nobody's business */
	return STORE_DONE;
}

static void on_resume_judged(struct account *account, void *arg, int32_t status, const char *reason,
			     const Accountdb__Record *record)
{
	struct ask *ask = arg;

	(void)account;
	if (status != TROUPE_OK) {
		ask_refuse(ask, status, reason);
		return;
	}
	strncpy(ask->shard, record->resume_shard, sizeof(ask->shard) - 1);
	place(ask);
}

void resume_begin(struct account *account, struct conn *conn, uint16_t tag, uint64_t id, const uint8_t *token, size_t len)
{
	struct ask *ask = ask_new(account, conn, tag, WIRE_RESUME);

	if (ask == NULL) {
		return;
	}
	if (len != TICKET_SIZE) {
		ask_refuse(ask, TROUPE_NOT_FOUND, "account.resume_unknown");
		return;
	}
	ask->id = id;
	secret_hash(token, len, ask->resume);
	record_run(account, NULL, NULL, id, resume_decide, on_resume_judged, ask);
}
