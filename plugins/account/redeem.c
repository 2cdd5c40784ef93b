/* SPDX-License-Identifier: MIT */
/* The single use of a ticket, and the removal of old ones. */
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "account.stub.h"
#include "proto/proto.h"

/* How long a used or expired ticket is remembered, to tell its second use from a guess. */
#define REMEMBER_MS 3600000
#define SWEEP_LIMIT 200u
#define SWEEP_PATIENCE_MS 5000u

struct redeem {
	struct account *account;
	uint64_t request, from;
	uint64_t id, epoch;
	uint32_t by_resume;
	uint8_t hash[SECRET_HASH_SIZE]; /* of the ticket or token */
	char user[USER_MAX + 1];
	struct resume_token next; /* of the session that begins */
};

static void refuse(struct redeem *redeem, int32_t status, const char *reason)
{
	struct account *account = redeem->account;

	count(account, strcmp(reason, "account.ticket_used") == 0 ? METRIC_TICKET_USED
		       : redeem->by_resume			  ? METRIC_RESUME_REFUSED
								  : METRIC_TICKET_REFUSED);
	proto_refuse(account->h, redeem->request, status, reason);
	free(redeem);
}

static void on_saved(struct account *account, void *arg, int32_t status, const char *reason,
		     const Accountdb__Record *record)
{
	struct redeem *redeem = arg;
	Account__RedeemReply reply = ACCOUNT__REDEEM_REPLY__INIT;

	(void)record;
	if (status != TROUPE_OK) {
		refuse(redeem, status, reason);
		return;
	}
	count(account, redeem->by_resume ? METRIC_RESUMED : METRIC_TICKET_REDEEMED);
	reply.has_account = reply.has_epoch = reply.has_resume = reply.has_resume_ms = 1;
	reply.resume.data = redeem->next.bytes;
	reply.resume.len = sizeof(redeem->next.bytes);
	reply.resume_ms = (uint64_t)account->options->resume_ms;
	reply.account = redeem->id;
	reply.epoch = redeem->epoch;
	reply.user = redeem->user;
	account_redeem_reply(account->h, redeem->request, &reply);
	secret_wipe(redeem, sizeof(*redeem));
	free(redeem);
}

/* A new session of the account begins. */
static enum store_next begin(struct store_tx *tx, struct redeem *redeem, const Accountdb__Record *record)
{
	struct account *account = redeem->account;
	Accountdb__Record next = *record;

	redeem->epoch = record->epoch + 1;
	strncpy(redeem->user, record->user, USER_MAX);
	next.has_epoch = 1;
	next.epoch = redeem->epoch;
	resume_fresh(account, &next, &redeem->next);
	if (!redeem->by_resume) {
		next.has_ticket = 0;
	}
	record_put(tx, &next);
	return STORE_COMMIT;
}

static enum store_next resume_decide(struct store_tx *tx, void *arg, const Accountdb__Record *record)
{
	struct redeem *redeem = arg;
	const char *reason = "account.resume_unknown";
	int32_t status = record != NULL ? resume_judge(redeem->account, record, redeem->hash, &reason) : TROUPE_NOT_FOUND;

	if (status == TROUPE_OK && strcmp(record->resume_shard, redeem->next.shard) != 0) {
		status = TROUPE_PERMISSION_DENIED;
		reason = "account.resume_wrong_shard";
	}
	return status == TROUPE_OK ? begin(tx, redeem, record) : store_refuse(tx, status, reason);
}

/* Why the ticket is not good; NULL if it is. */
static const char *ticket_wrong(const struct redeem *redeem, const Accountdb__Ticket *ticket, int32_t *ret_status)
{
	struct account *account = redeem->account;
	int64_t now_ms = account->h->wall_ms(account->h);

	*ret_status = TROUPE_PERMISSION_DENIED;
	if (ticket->used_ms != 0) {
		account_log(account, TROUPE_LOG_WARNING, "S0210", ticket->account,
			    "a ticket came a second time: it was stolen, or a client is broken; it was refused");
		return "account.ticket_used";
	}
	if (ticket->frontend != redeem->from) {
		account_log(account, TROUPE_LOG_WARNING, "S0211", ticket->account,
			    "a ticket came to a front-end that it was not made for; it was refused");
		return "account.ticket_wrong_frontend";
	}
	*ret_status = TROUPE_FAILED_PRECONDITION;
	return now_ms > ticket->expires_ms || now_ms < ticket->issued_ms - SKEW_MS ? "account.ticket_expired" : NULL;
}

/* The ticket is remembered as used, and nobody else uses it. */
static void spend(struct store_tx *tx, const struct redeem *redeem, const Accountdb__Ticket *ticket)
{
	const struct troupe_host *h = redeem->account->h;
	Accountdb__Ticket spent = *ticket;
	struct store_key key;

	spent.has_used_ms = 1;
	spent.used_ms = h->wall_ms(h);
	spent.used_ms += spent.used_ms == 0;
	store_put(tx, record_key_ticket(&key, redeem->hash), &spent.base);
}

static enum store_next ticket_decide(struct store_tx *tx, void *arg, const Accountdb__Record *nobody)
{
	struct redeem *redeem = arg;
	struct store_key key;
	const struct store_value *value = store_read(tx, record_key_ticket(&key, redeem->hash));
	const Accountdb__Ticket *ticket = value != NULL ? store_unpack(tx, value, &accountdb__ticket__descriptor) : NULL;
	const Accountdb__Record *record;
	const char *reason;
	int32_t status;

	(void)nobody;
	if (value == NULL) {
		return STORE_READ;
	}
	if (ticket == NULL) {
		return store_refuse(tx, TROUPE_NOT_FOUND, "account.ticket_unknown");
	}
	reason = ticket_wrong(redeem, ticket, &status);
	if (reason != NULL) {
		return store_refuse(tx, status, reason);
	}
	if (!record_get(tx, ticket->account, &record)) {
		return STORE_READ;
	}
	if (record == NULL || strcmp(record->status, "active") != 0) {
		return store_refuse(tx, TROUPE_PERMISSION_DENIED, "account.banned");
	}
	redeem->id = ticket->account;
	strncpy(redeem->next.shard, ticket->shard != NULL ? ticket->shard : "", sizeof(redeem->next.shard) - 1);
	spend(tx, redeem, ticket);
	return begin(tx, redeem, record);
}

void ticket_on_redeem(void *instance, const struct troupe_request *request, const Account__RedeemRequest *body)
{
	struct account *account = instance;
	const ProtobufCBinaryData *secret = body->has_resume ? &body->resume : &body->ticket;
	struct redeem *redeem;

	if (secret->len != TICKET_SIZE) {
		count(account, body->has_resume ? METRIC_RESUME_REFUSED : METRIC_TICKET_REFUSED);
		proto_refuse(account->h, request->id, TROUPE_NOT_FOUND,
			     body->has_resume ? "account.resume_unknown" : "account.ticket_unknown");
		return;
	}
	redeem = calloc(1, sizeof(*redeem));
	if (redeem == NULL) {
		proto_refuse(account->h, request->id, TROUPE_RESOURCE_EXHAUSTED, "account.no_memory");
		return;
	}
	redeem->account = account;
	redeem->request = request->id;
	redeem->from = request->from;
	redeem->by_resume = body->has_resume != 0;
	secret_hash(secret->data, secret->len, redeem->hash);
	if (redeem->by_resume) {
		redeem->id = body->account;
		strncpy(redeem->next.shard, body->shard != NULL ? body->shard : "", sizeof(redeem->next.shard) - 1);
	}
	record_run(account, request, NULL, redeem->id, redeem->by_resume ? resume_decide : ticket_decide, on_saved, redeem);
}

/* --- removal of old tickets ----------------------------------------------------------------------- */

/* A damaged one is as good as old: nobody can use it. */
static int is_old(const struct account *account, const void *bytes, uint32_t len)
{
	struct proto_arena arena;
	const Accountdb__Ticket *ticket;
	int old;

	proto_arena_init(&arena);
	ticket = (const Accountdb__Ticket *)proto_unpack(&accountdb__ticket__descriptor, bytes, len, &arena);
	old = ticket == NULL || ticket->expires_ms + REMEMBER_MS < account->h->wall_ms(account->h);
	proto_arena_free(&arena);
	return old;
}

/* One that is removed, if it is still old. */
struct removal {
	struct store_tx tx;
	struct store_key key;
};

static enum store_next removal_decide(struct store_tx *tx)
{
	const struct removal *removal = (const struct removal *)tx;
	const struct store_value *value = store_read(tx, &removal->key);

	if (value == NULL) {
		return STORE_READ;
	}
	if (value->version == 0 || !is_old(tx->store->instance, value->value, value->len)) {
		return STORE_DONE;
	}
	store_delete(tx, &removal->key);
	return STORE_COMMIT;
}

static void removal_done(struct store_tx *tx)
{
	(void)tx; /* what was not removed now is found again by the next round */
}

static const struct store_kind removal_kind = { sizeof(struct removal), removal_decide, removal_done };

static int sweep_one(struct store_walk *walk, const struct troupe_db_value *value)
{
	struct removal *removal = is_old(walk->store->instance, value->value, value->value_len) ?
					  store_new(walk->store, &removal_kind, NULL, SWEEP_PATIENCE_MS) : NULL;

	if (removal != NULL) {
		store_key_bytes(&removal->key, value->key, value->key_len);
		store_run(removal, 0);
	}
	return 0;
}

static void sweep_end(struct store_walk *walk, int32_t status)
{
	struct account *account = walk->store->instance;

	(void)status;
	account->sweeping = 0;
}

void ticket_sweep(struct account *account)
{
	uint8_t hash[SECRET_HASH_SIZE];
	struct store_walk *walk = account->sweeping ? NULL : store_walk_new(&account->store, sizeof(*walk));

	if (walk == NULL) {
		return;
	}
	/* Hashes are random: from a random place, every ticket is met in time, however many there are. The last
	 * page of the range may be short, so its beginning is taken every other time. */
	account->h->random_bytes(account->h, hash, sizeof(hash));
	if (hash[31] & 1) {
		memset(hash, 0, sizeof(hash));
	}
	account->sweeping = 1;
	store_key_end(store_key(&walk->from, "account:t:"), &walk->to);
	record_key_ticket(&walk->from, hash);
	walk->max = walk->page = SWEEP_LIMIT;
	walk->each = sweep_one;
	walk->end = sweep_end;
	store_walk_run(walk, NULL);
}
