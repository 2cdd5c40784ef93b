/* SPDX-License-Identifier: MIT */
/* The single use of a ticket, and the removal of old ones. */
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "account.stub.h"
#include "proto/proto.h"

#define RETRIES_MAX 3u
/* How long a used or expired ticket is remembered, to tell its second use from a guess. */
#define REMEMBER_MS 3600000
#define SWEEP_LIMIT 200u

struct redeem {
	struct account *account;
	uint64_t request, from;
	uint64_t id, epoch, ticket_version;
	uint32_t tries, by_resume;
	uint8_t hash[SECRET_HASH_SIZE]; /* of the ticket or token */
	char user[USER_MAX + 1];
	struct resume_token next; /* of the session that begins */
	int64_t issued_ms, expires_ms;
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

static void look(struct redeem *redeem);

static void on_saved(struct account *account, void *arg, int32_t status, uint32_t index)
{
	struct redeem *redeem = arg;
	Account__RedeemReply reply = ACCOUNT__REDEEM_REPLY__INIT;

	(void)index;
	if (status == TROUPE_ABORTED && redeem->tries++ < RETRIES_MAX) {
		look(redeem); /* the ticket or the record changed: look again */
		return;
	}
	if (status != TROUPE_OK) {
		refuse(redeem, status, "account.not_saved");
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

/* spend: the ticket is remembered as used, and nobody else uses it. */
static void spend(struct redeem *redeem, struct store_write *write)
{
	struct account *account = redeem->account;
	struct store_key key = store_key_ticket(redeem->hash);
	Accountdb__Ticket spent = ACCOUNTDB__TICKET__INIT;

	spent.has_account = spent.has_frontend = spent.has_issued_ms = spent.has_expires_ms = spent.has_used_ms = 1;
	spent.account = redeem->id;
	spent.frontend = redeem->from;
	spent.shard = redeem->next.shard;
	spent.issued_ms = redeem->issued_ms;
	spent.expires_ms = redeem->expires_ms;
	spent.used_ms = account->h->wall_ms(account->h);
	spent.used_ms += spent.used_ms == 0;
	store_check(write, &key, redeem->ticket_version);
	store_put(write, &key, &spent.base);
}

static void on_record(struct account *account, void *arg, int32_t status, const Accountdb__Record *record,
		      uint64_t version)
{
	struct redeem *redeem = arg;
	Accountdb__Record next;
	struct store_key by_id = store_key_id(redeem->id);
	struct store_write *write;
	const char *reason = "account.not_read";

	if (status == TROUPE_OK && redeem->by_resume) {
		status = resume_judge(account, record, redeem->hash, &reason);
		if (status == TROUPE_OK && strcmp(record->resume_shard, redeem->next.shard) != 0) {
			status = TROUPE_PERMISSION_DENIED;
			reason = "account.resume_wrong_shard";
		}
	} else if (status == TROUPE_OK && strcmp(record->status, "active") != 0) {
		status = TROUPE_PERMISSION_DENIED;
		reason = "account.banned";
	} else if (status == TROUPE_NOT_FOUND && redeem->by_resume) {
		reason = "account.resume_unknown";
	}
	if (status != TROUPE_OK) {
		refuse(redeem, status, reason);
		return;
	}
	redeem->epoch = record->epoch + 1;
	strncpy(redeem->user, record->user, USER_MAX);
	next = *record;
	next.has_epoch = 1;
	next.epoch = redeem->epoch;
	resume_fresh(account, &next, &redeem->next);
	write = store_write_new(account);
	store_check(write, &by_id, version);
	if (!redeem->by_resume) {
		next.has_ticket = 0;
		spend(redeem, write);
	}
	store_put(write, &by_id, &next.base);
	store_write_commit(account, write, on_saved, redeem);
}

static void judge(struct redeem *redeem, const Accountdb__Ticket *ticket)
{
	struct account *account = redeem->account;
	int64_t now_ms = account->h->wall_ms(account->h);

	if (ticket->used_ms != 0) {
		account_log(account, TROUPE_LOG_WARNING, "S0210", ticket->account,
			    "a ticket came a second time: it was stolen, or a client is broken; it was refused");
		refuse(redeem, TROUPE_PERMISSION_DENIED, "account.ticket_used");
		return;
	}
	if (ticket->frontend != redeem->from) {
		account_log(account, TROUPE_LOG_WARNING, "S0211", ticket->account,
			    "a ticket came to a front-end that it was not made for; it was refused");
		refuse(redeem, TROUPE_PERMISSION_DENIED, "account.ticket_wrong_frontend");
		return;
	}
	if (now_ms > ticket->expires_ms || now_ms < ticket->issued_ms - SKEW_MS) {
		refuse(redeem, TROUPE_FAILED_PRECONDITION, "account.ticket_expired");
		return;
	}
	redeem->id = ticket->account;
	redeem->issued_ms = ticket->issued_ms;
	redeem->expires_ms = ticket->expires_ms;
	strncpy(redeem->next.shard, ticket->shard != NULL ? ticket->shard : "", sizeof(redeem->next.shard) - 1);
	store_load(account, NULL, redeem->id, on_record, redeem);
}

static void on_ticket(void *instance, void *arg, const struct troupe_db_page *page)
{
	struct redeem *redeem = arg;
	struct proto_arena arena;
	const Accountdb__Ticket *ticket;

	(void)instance;
	if (page->status != TROUPE_OK) {
		refuse(redeem, page->status, "account.not_read");
		return;
	}
	if (page->count == 0 || page->values[0].version == 0) {
		refuse(redeem, TROUPE_NOT_FOUND, "account.ticket_unknown");
		return;
	}
	proto_arena_init(&arena);
	ticket = (const Accountdb__Ticket *)proto_unpack(&accountdb__ticket__descriptor, page->values[0].value,
							 page->values[0].value_len, &arena);
	redeem->ticket_version = page->values[0].version;
	if (ticket == NULL) {
		refuse(redeem, TROUPE_DATA_LOSS, "account.ticket_damaged");
	} else {
		judge(redeem, ticket);
	}
	proto_arena_free(&arena);
}

static void read_ticket(struct redeem *redeem)
{
	const struct troupe_host *h = redeem->account->h;
	struct store_key key = store_key_ticket(redeem->hash);
	struct troupe_db_check keys = { .key = key.bytes, .key_len = key.len };
	struct troupe_db_get get = {
		.size = sizeof(get),
		.db = redeem->account->db,
		.keys = &keys,
		.keys_len = 1,
		.on_page = on_ticket,
		.arg = redeem,
	};

	h->db_get(h, &get);
}

static void look(struct redeem *redeem)
{
	if (redeem->by_resume) {
		store_load(redeem->account, NULL, redeem->id, on_record, redeem);
	} else {
		read_ticket(redeem);
	}
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
	look(redeem);
}

/* --- removal of old tickets ----------------------------------------------------------------------- */

static void on_swept(struct account *account, void *arg, int32_t status, uint32_t index)
{
	(void)account;
	(void)arg;
	(void)status; /* what was not removed now is found again by the next round */
	(void)index;
}

static void on_tickets(void *instance, void *arg, const struct troupe_db_page *page)
{
	struct account *account = instance;
	int64_t now_ms = account->h->wall_ms(account->h);

	(void)arg;
	account->sweeping = 0;
	for (uint32_t i = 0; page->status == TROUPE_OK && i < page->count; i++) {
		const struct troupe_db_value *value = &page->values[i];
		struct proto_arena arena;
		const Accountdb__Ticket *ticket;

		proto_arena_init(&arena);
		ticket = (const Accountdb__Ticket *)proto_unpack(&accountdb__ticket__descriptor, value->value,
								 value->value_len, &arena);
		if (value->key_len <= STORE_KEY_MAX && (ticket == NULL || ticket->expires_ms + REMEMBER_MS < now_ms)) {
			struct store_write *write = store_write_new(account);
			struct store_key key = { .len = value->key_len };

			memcpy(key.bytes, value->key, value->key_len);
			store_check(write, &key, value->version);
			store_put(write, &key, NULL);
			store_write_commit(account, write, on_swept, NULL);
		}
		proto_arena_free(&arena);
	}
}

void ticket_sweep(struct account *account)
{
	uint8_t hash[SECRET_HASH_SIZE];
	struct store_key from;
	static const char to[] = "account:t;";
	struct troupe_db_scan scan = {
		.size = sizeof(scan),
		.db = account->db,
		.to = to,
		.to_len = sizeof(to) - 1,
		.limit = SWEEP_LIMIT,
		.on_page = on_tickets,
	};

	if (account->sweeping) {
		return;
	}
	/* Hashes are random: from a random place, every ticket is met in time, however many there are. The last
	 * page of the range may be short, so its beginning is taken every other time. */
	account->h->random_bytes(account->h, hash, sizeof(hash));
	if (hash[31] & 1) {
		memset(hash, 0, sizeof(hash));
	}
	from = store_key_ticket(hash);
	scan.from = from.bytes;
	scan.from_len = from.len;
	account->sweeping = 1;
	account->h->db_scan(account->h, &scan);
}
