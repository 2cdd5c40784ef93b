/* SPDX-License-Identifier: MIT */
/* Holds: money set aside for an order, then taken or set free. One order has one outcome, recorded for ever. */
#include <string.h>

#include "billing.h"

/* One request of the mall under way. */
struct hold_tx {
	struct store_tx tx;
	uint8_t order[TROUPE_KEY_SIZE];
	uint64_t account;
	int64_t amount;
	char currency[BILLING_NAME_MAX + 1];
};

/* hold_read: the hold of this order. 0: it is not read yet. */
static int hold_read(struct hold_tx *t, struct store_key *ret_key, Billingdb__Hold **ret_hold)
{
	const struct store_value *value = store_read(&t->tx, billing_key_hold(ret_key, t->order));

	if (value == NULL) {
		return 0;
	}
	*ret_hold = store_unpack(&t->tx, value, &billingdb__hold__descriptor);
	return 1;
}

/* finish: ends what is held: the same for post and void but for the entry. */
static enum store_next finish(struct hold_tx *t, const struct store_key *key, Billingdb__Hold *hold,
			      Billingdb__EntryType type, Billingdb__HoldState state)
{
	Billingdb__Balance *balance;
	struct ledger_move move = {
		.type = type,
		.account = hold->account,
		.currency = hold->currency,
		.amount = hold->amount,
		.key = t->order,
		.other = BILLING_SINK,
	};

	if (hold->currency == NULL || strlen(hold->currency) > BILLING_NAME_MAX) {
		t->tx.broken = 1;
		return STORE_DONE;
	}
	balance = ledger_balance(&t->tx, hold->account, hold->currency);
	if (balance == NULL) {
		return STORE_READ;
	}
	if (ledger_move(&t->tx, balance, &move) != TROUPE_OK) {
		/* A HELD hold is covered by its account's pending money: the records contradict each other. */
		t->tx.broken = 1;
		return STORE_DONE;
	}
	hold->state = state;
	HOLD_FINISH(&t->tx, key, hold);
	return STORE_COMMIT;
}

/* --- hold ----------------------------------------------------------------------------------------- */

static enum store_next hold_again(struct hold_tx *t, const Billingdb__Hold *hold)
{
	if (hold->account != 0 && (hold->account != t->account || hold->amount != t->amount ||
				   hold->currency == NULL || strcmp(hold->currency, t->currency) != 0)) {
		return store_refuse(&t->tx, TROUPE_ALREADY_EXISTS, "billing.key_reused");
	}
	switch (hold->state) {
	case BILLINGDB__HOLD_STATE__VOIDED:
		return store_refuse(&t->tx, TROUPE_FAILED_PRECONDITION, "billing.voided");
	case BILLINGDB__HOLD_STATE__REFUSED:
		return store_refuse(&t->tx, TROUPE_FAILED_PRECONDITION, hold->reason != NULL ? hold->reason : "");
	default:
		return STORE_DONE;
	}
}

static void hold_done(struct store_tx *tx)
{
	struct billing *billing = tx->store->instance;
	static const Billing__HoldReply reply = BILLING__HOLD_REPLY__INIT;

	if (tx->status == TROUPE_OK) {
		billing->h->metric_add(billing->h, billing->m_held, 1);
		billing_hold_reply(billing->h, tx->request, &reply);
	} else {
		billing->h->metric_add(billing->h, billing->m_refused, 1);
		proto_refuse(billing->h, tx->request, tx->status, tx->reason);
	}
}

static enum store_next hold_decide(struct store_tx *tx)
{
	struct hold_tx *t = (struct hold_tx *)tx;
	struct billing *billing = tx->store->instance;
	Billingdb__Hold *seen = NULL, hold = BILLINGDB__HOLD__INIT;
	Billingdb__Balance *balance = ledger_balance(tx, t->account, t->currency);
	struct store_key key;
	struct ledger_move move = {
		.type = BILLINGDB__ENTRY_TYPE__HOLD,
		.account = t->account,
		.currency = t->currency,
		.amount = t->amount,
		.key = t->order,
		.other = BILLING_SINK,
	};

	if (!hold_read(t, &key, &seen) || balance == NULL) {
		return STORE_READ;
	}
	if (HOLD_SEEN(seen)) {
		return hold_again(t, seen);
	}
	hold.has_state = hold.has_account = hold.has_amount = hold.has_time_ms = 1;
	hold.state = BILLINGDB__HOLD_STATE__HELD;
	hold.account = t->account;
	hold.currency = t->currency;
	hold.amount = t->amount;
	hold.time_ms = billing->h->wall_ms(billing->h);
	if (billing_currency(billing, t->currency) == NULL) {
		hold.reason = (char *)"billing.currency";
	} else if (ledger_move(tx, balance, &move) != TROUPE_OK) {
		hold.reason = (char *)"billing.insufficient";
	}
	if (hold.reason != NULL) {
		/* Recorded too: were it not, a hold that arrives late could still succeed after the order has failed. */
		hold.state = BILLINGDB__HOLD_STATE__REFUSED;
		store_put(tx, &key, &hold.base);
		store_refuse(tx, TROUPE_FAILED_PRECONDITION, hold.reason);
		return RECORD_REFUSAL;
	}
	store_put(tx, &key, &hold.base);
	ACK_EARLY(hold_done(tx));
	return STORE_COMMIT;
}

/* --- post ----------------------------------------------------------------------------------------- */

static enum store_next post_decide(struct store_tx *tx)
{
	struct hold_tx *t = (struct hold_tx *)tx;
	Billingdb__Hold *hold = NULL;
	struct store_key key;

	if (!hold_read(t, &key, &hold)) {
		return STORE_READ;
	}
	if (hold == NULL) {
		return store_refuse(tx, TROUPE_FAILED_PRECONDITION, "billing.not_held");
	}
	if (HOLD_EXPIRED(hold, tx->store->h->wall_ms(tx->store->h))) {
		return finish(t, &key, hold, BILLINGDB__ENTRY_TYPE__VOID, BILLINGDB__HOLD_STATE__VOIDED);
	}
	if (POST_SEEN(hold)) {
		return STORE_DONE;
	}
	if (hold->state == BILLINGDB__HOLD_STATE__VOIDED) {
		return store_refuse(tx, TROUPE_FAILED_PRECONDITION, "billing.voided");
	}
	if (hold->state == BILLINGDB__HOLD_STATE__REFUSED) {
		return store_refuse(tx, TROUPE_FAILED_PRECONDITION, "billing.not_held");
	}
	return finish(t, &key, hold, BILLINGDB__ENTRY_TYPE__POST, BILLINGDB__HOLD_STATE__POSTED);
}

static void post_done(struct store_tx *tx)
{
	struct billing *billing = tx->store->instance;
	static const Billing__PostReply reply = BILLING__POST_REPLY__INIT;

	if (tx->status == TROUPE_OK) {
		billing->h->metric_add(billing->h, billing->m_posted, 1);
		billing_post_reply(billing->h, tx->request, &reply);
	} else {
		proto_refuse(billing->h, tx->request, tx->status, tx->reason);
	}
}

/* --- void ----------------------------------------------------------------------------------------- */

static enum store_next void_decide(struct store_tx *tx)
{
	struct hold_tx *t = (struct hold_tx *)tx;
	Billingdb__Hold *hold = NULL, tombstone = BILLINGDB__HOLD__INIT;
	struct store_key key;

	if (!hold_read(t, &key, &hold)) {
		return STORE_READ;
	}
	if (hold == NULL) {
		/* The hold may still be on its way: it must find that it comes too late. */
		tombstone.has_state = tombstone.has_time_ms = 1;
		tombstone.state = BILLINGDB__HOLD_STATE__VOIDED;
		tombstone.time_ms = tx->store->h->wall_ms(tx->store->h);
		store_put(tx, &key, &tombstone.base);
		return VOID_TOMBSTONE;
	}
	switch (hold->state) {
	case BILLINGDB__HOLD_STATE__POSTED:
		return store_refuse(tx, TROUPE_FAILED_PRECONDITION, "billing.posted");
	case BILLINGDB__HOLD_STATE__HELD:
		return finish(t, &key, hold, BILLINGDB__ENTRY_TYPE__VOID, BILLINGDB__HOLD_STATE__VOIDED);
	default:
		return STORE_DONE; /* voided or refused before: nothing is held */
	}
}

static void void_done(struct store_tx *tx)
{
	struct billing *billing = tx->store->instance;
	static const Billing__VoidReply reply = BILLING__VOID_REPLY__INIT;

	if (tx->status == TROUPE_OK) {
		billing->h->metric_add(billing->h, billing->m_voided, 1);
		billing_void_reply(billing->h, tx->request, &reply);
	} else {
		proto_refuse(billing->h, tx->request, tx->status, tx->reason);
	}
}

/* --- requests ------------------------------------------------------------------------------------- */

static const struct store_kind hold_kind = { sizeof(struct hold_tx), hold_decide, hold_done };
static const struct store_kind post_kind = { sizeof(struct hold_tx), post_decide, post_done };
static const struct store_kind void_kind = { sizeof(struct hold_tx), void_decide, void_done };

/* begin: a transaction about `order`; NULL: the request has been refused. */
static struct hold_tx *begin(struct billing *billing, const struct troupe_request *request,
			     const struct store_kind *kind, const ProtobufCBinaryData *order)
{
	struct hold_tx *t;

	if (order->len != TROUPE_KEY_SIZE) {
		proto_refuse(billing->h, request->id, TROUPE_INVALID_ARGUMENT, "billing.order");
		return NULL;
	}
	t = store_new(&billing->store, kind, request, 5000);
	if (t != NULL) {
		memcpy(t->order, order->data, TROUPE_KEY_SIZE);
	}
	return t;
}

void billing_on_hold(void *instance, const struct troupe_request *request, const Billing__HoldRequest *body)
{
	struct billing *billing = instance;
	struct hold_tx *t;

	if (body->amount <= 0) {
		proto_refuse(billing->h, request->id, TROUPE_INVALID_ARGUMENT, "billing.amount");
		return;
	}
	if (body->account == 0) {
		proto_refuse(billing->h, request->id, TROUPE_INVALID_ARGUMENT, "billing.account");
		return;
	}
	if (body->currency == NULL || body->currency[0] == '\0' || strlen(body->currency) > BILLING_NAME_MAX) {
		proto_refuse(billing->h, request->id, TROUPE_INVALID_ARGUMENT, "billing.currency");
		return;
	}
	t = begin(billing, request, &hold_kind, &body->order);
	if (t != NULL) {
		t->account = body->account;
		t->amount = body->amount;
		strcpy(t->currency, body->currency);
		store_run(t, body->account);
	}
}

void billing_on_post(void *instance, const struct troupe_request *request, const Billing__PostRequest *body)
{
	struct hold_tx *t = begin(instance, request, &post_kind, &body->order);

	if (t != NULL) {
		store_run(t, 0);
	}
}

void billing_on_void(void *instance, const struct troupe_request *request, const Billing__VoidRequest *body)
{
	struct hold_tx *t = begin(instance, request, &void_kind, &body->order);

	if (t != NULL) {
		store_run(t, 0);
	}
}
