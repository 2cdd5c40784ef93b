/* SPDX-License-Identifier: MIT */
/* Orders: their records, and the states they go through. */
#include <stdio.h>
#include <string.h>

#include "mall.h"
#include "secret/secret.h"

void mall_order_id(uint64_t account, const uint8_t *key, uint8_t ret_id[MALL_ID_SIZE])
{
	uint8_t bytes[8 + TROUPE_KEY_SIZE], hash[SECRET_HASH_SIZE];

	/* The account is part of it: nobody can name the order of another. */
	for (unsigned i = 0; i < 8; i++) {
		bytes[i] = (uint8_t)(account >> (56 - 8 * i));
	}
	memcpy(bytes + 8, key, TROUPE_KEY_SIZE);
	secret_hash(bytes, sizeof(bytes), hash);
	memcpy(ret_id, hash, MALL_ID_SIZE);
}

struct store_key *mall_key_order(struct store_key *key, const uint8_t *id)
{
	return store_key_bytes(store_key(key, "mall/o/"), id, MALL_ID_SIZE);
}

struct store_key *mall_key_open(struct store_key *key, const uint8_t *id)
{
	return store_key_bytes(store_key(key, "mall/p/"), id, MALL_ID_SIZE);
}

/* --- records -------------------------------------------------------------------------------------- */

static int load_text(char *to, size_t size, const char *from)
{
	return from != NULL && snprintf(to, size, "%s", from) >= (int)size ? -1 : 0;
}

int mall_order_load(const Malldb__Order *record, const uint8_t *id, struct mall_order *ret_order)
{
	struct mall_order *order = ret_order;
	uint8_t own[MALL_ID_SIZE]; /* `id` may be the one in ret_order */

	memcpy(own, id, MALL_ID_SIZE);
	memset(order, 0, sizeof(*order));
	memcpy(order->id, own, MALL_ID_SIZE);
	order->state = record->state;
	order->account = record->account;
	order->avatar = record->avatar;
	order->price = record->price;
	order->count = record->count;
	order->stocked = record->stocked != 0;
	order->created_ms = record->created_ms;
	order->changed_ms = record->changed_ms;
	if (load_text(order->offer, sizeof(order->offer), record->offer) != 0 ||
	    load_text(order->item, sizeof(order->item), record->item) != 0 ||
	    load_text(order->currency, sizeof(order->currency), record->currency) != 0 ||
	    load_text(order->part, sizeof(order->part), record->part) != 0) {
		return -1;
	}
	snprintf(order->reason, sizeof(order->reason), "%s", record->reason != NULL ? record->reason : "");
	return 0;
}

static char *text_or_null(const char *text)
{
	return text[0] != '\0' ? (char *)text : NULL;
}

void mall_order_put(struct store_tx *tx, const struct mall_order *order, int created)
{
	Malldb__Order record = MALLDB__ORDER__INIT;
	int back = order->stocked && (order->state == MALLDB__STATE__REJECTED || order->state == MALLDB__STATE__FAILED);
	struct store_key key;

	record.has_state = record.has_account = record.has_avatar = record.has_count = record.has_price = 1;
	record.has_stocked = record.has_created_ms = record.has_changed_ms = 1;
	record.state = order->state;
	record.account = order->account;
	record.avatar = order->avatar;
	record.offer = text_or_null(order->offer);
	record.item = text_or_null(order->item);
	record.count = order->count;
	record.currency = text_or_null(order->currency);
	record.price = order->price;
	record.stocked = order->stocked && !back;
	record.part = text_or_null(order->part);
	record.reason = text_or_null(order->reason);
	record.created_ms = order->created_ms;
	record.changed_ms = tx->store->h->wall_ms(tx->store->h);
	store_put(tx, mall_key_order(&key, order->id), &record.base);
	if (back) {
		store_add(tx, mall_key_stock(&key, order->offer), 1, INT64_MIN);
	}
	if (created) {
		store_key_bytes(store_key_u64(store_key_u64(store_key(&key, "mall/u/"), order->account),
					      (uint64_t)order->created_ms),
				order->id, MALL_ID_SIZE);
		store_put_bytes(tx, &key, "", 0);
	}
	mall_key_open(&key, order->id);
	if (created && mall_order_open(order->state)) {
		store_put_bytes(tx, &key, "", 0);
	} else if (!created && !mall_order_open(order->state)) {
		store_delete(tx, &key);
	}
}

/* --- states --------------------------------------------------------------------------------------- */

int mall_order_open(Malldb__State state)
{
	return state != MALLDB__STATE__DONE && state != MALLDB__STATE__FAILED && state != MALLDB__STATE__REJECTED;
}

int mall_order_settled(Malldb__State state)
{
	return !mall_order_open(state) || state == MALLDB__STATE__GRANTED;
}

const char *mall_state_name(Malldb__State state)
{
	const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(&malldb__state__descriptor, (int)state);

	return value != NULL ? value->name : "?";
}

/*
 * NEW --held--> HELD --granted--> GRANTED --posted--> DONE        The item store's grant decides. A cancel asks it first:
 * |   |          |  \--refused--> VOIDING                         CANCELLING goes to GRANTED if it comes too late, else to
 * |   \--cancel--+--> CANCELLING -> GRANTED or VOIDING            VOIDING. What was answered to a question of an earlier
 * \--refused--> REJECTED           VOIDING --voided--> FAILED     state means nothing any more.
 */
Malldb__State mall_order_step(Malldb__State state, enum mall_event event)
{
	switch (state) {
	case MALLDB__STATE__NEW:
		return event == MALL_HELD	    ? MALLDB__STATE__HELD
		       : event == MALL_HOLD_REFUSED ? MALLDB__STATE__REJECTED
		       : event == MALL_CANCEL_WISH	    ? CANCEL_STATE
						    : state;
	case MALLDB__STATE__HELD:
		return event == MALL_GRANTED	     ? MALLDB__STATE__GRANTED
		       : event == MALL_GRANT_REFUSED ? MALLDB__STATE__VOIDING
		       : event == MALL_CANCEL_WISH	     ? CANCEL_STATE
						     : state;
	case MALLDB__STATE__CANCELLING:
		return event == MALL_CANCEL_TOO_LATE ? MALLDB__STATE__GRANTED
		       : event == MALL_CANCEL_DONE     ? MALLDB__STATE__VOIDING
						     : state;
	case MALLDB__STATE__VOIDING:
		return event == MALL_VOIDED ? MALLDB__STATE__FAILED : state;
	case MALLDB__STATE__GRANTED:
		return event == MALL_POSTED ? MALLDB__STATE__DONE : state;
	default:
		return state;
	}
}

/* --- events --------------------------------------------------------------------------------------- */

struct event_tx {
	struct store_tx tx;
	struct mall_work *work; /* NULL: a request's own */
	enum mall_event event;
	uint8_t id[MALL_ID_SIZE];
	uint32_t missing, changed;
	uint64_t account, version;
	struct mall_order order;
	char reason[MALL_REASON_SIZE];
};

static enum store_next event_missing(struct event_tx *t)
{
	t->missing = 1;
	if (t->event != MALL_CANCEL_WISH) {
		return store_refuse(&t->tx, TROUPE_NOT_FOUND, "mall.no_order");
	}
	/* The order may still be on its way: it must find that it was cancelled. */
	memset(&t->order, 0, sizeof(t->order));
	memcpy(t->order.id, t->id, MALL_ID_SIZE);
	t->order.account = t->account;
	t->order.state = MALLDB__STATE__FAILED;
	t->order.created_ms = t->tx.store->h->wall_ms(t->tx.store->h);
	strcpy(t->order.reason, t->reason);
	mall_order_put(&t->tx, &t->order, 1);
	return STORE_COMMIT;
}

static enum store_next event_decide(struct store_tx *tx)
{
	struct event_tx *t = (struct event_tx *)tx;
	struct store_key key;
	const struct store_value *value = store_read(tx, mall_key_order(&key, t->id));
	Malldb__Order *record;
	Malldb__State next;

	if (value == NULL) {
		return STORE_READ;
	}
	t->version = value->version;
	t->missing = t->changed = 0;
	record = store_unpack(tx, value, &malldb__order__descriptor);
	if (record == NULL) {
		return event_missing(t);
	}
	if (mall_order_load(record, t->id, &t->order) != 0) {
		tx->broken = 1;
		return STORE_DONE;
	}
	next = mall_order_step(t->order.state, t->event);
	if (next == t->order.state) {
		return STORE_DONE;
	}
	t->changed = 1;
	t->order.state = next;
	if (next == MALLDB__STATE__GRANTED) {
		t->order.reason[0] = '\0';
	} else if (t->reason[0] != '\0') {
		strcpy(t->order.reason, t->reason);
	}
	mall_order_put(tx, &t->order, 0);
	t->order.stocked &= mall_order_open(next) || next == MALLDB__STATE__DONE;
	return STORE_COMMIT;
}

static void count(struct mall *mall, const struct event_tx *t)
{
	if (t->changed && t->order.state == MALLDB__STATE__DONE) {
		mall->h->metric_add(mall->h, mall->m_done, 1);
	} else if (t->changed && !mall_order_open(t->order.state)) {
		mall->h->metric_add(mall->h, mall->m_failed, 1);
	}
}

static void event_done(struct store_tx *tx)
{
	struct event_tx *t = (struct event_tx *)tx;
	struct mall *mall = tx->store->instance;

	if (tx->version != 0) {
		t->version = tx->version;
	}
	if (tx->status == TROUPE_OK) {
		count(mall, t);
	}
	if (t->work != NULL) {
		t->work->txs--;
		if (tx->status == TROUPE_OK) {
			mall_work_learn(t->work, &t->order, t->version);
			mall_work_act(t->work);
		} else {
			mall_work_failed(t->work);
		}
		return;
	}
	if (tx->status != TROUPE_OK) {
		proto_refuse(mall->h, tx->request, tx->status, tx->reason);
		return;
	}
	mall_order_reached(mall, tx->request, MALL_CANCEL_ID, &t->order, t->version);
}

static const struct store_kind event_kind = { sizeof(struct event_tx), event_decide, event_done };

void mall_event_post(struct mall_work *work, enum mall_event event, const char *reason)
{
	struct event_tx *t = store_new(&work->mall->store, &event_kind, NULL, 10000);

	if (t == NULL) {
		mall_work_failed(work);
		return;
	}
	t->work = work;
	t->event = event;
	memcpy(t->id, work->id, MALL_ID_SIZE);
	snprintf(t->reason, sizeof(t->reason), "%s", reason);
	work->txs++;
	store_run(t, 0);
}

void mall_cancel_post(struct mall *mall, const struct troupe_request *request, const uint8_t *id)
{
	struct event_tx *t = store_new(&mall->store, &event_kind, request, 5000);

	if (t != NULL) {
		t->event = MALL_CANCEL_WISH;
		t->account = request->account;
		memcpy(t->id, id, MALL_ID_SIZE);
		strcpy(t->reason, "mall.cancelled");
		store_run(t, 0);
	}
}
