/* SPDX-License-Identifier: MIT */
/* What buyers ask: buy, look at an order, cancel. One key is one order, however often it is sent. */
#include <stdio.h>
#include <string.h>

#include "mall.h"

#define PEERS_MAX 256u

struct buy_tx {
	struct store_tx tx;
	uint64_t version;
	struct mall_order order; /* as asked for, then as it is */
};

void mall_answer(const struct mall *mall, uint64_t request, uint32_t method, const struct mall_order *order)
{
	Mall__Order out = MALL__ORDER__INIT;
	Mall__BuyReply buy = MALL__BUY_REPLY__INIT;
	Mall__OrderReply look = MALL__ORDER_REPLY__INIT;
	Mall__CancelReply cancel = MALL__CANCEL_REPLY__INIT;

	out.has_id = out.has_state = out.has_account = out.has_avatar = out.has_count = 1;
	out.has_price = out.has_created_ms = 1;
	out.id.data = (uint8_t *)order->id;
	out.id.len = MALL_ID_SIZE;
	out.state = (Mall__OrderState)order->state;
	out.account = order->account;
	out.avatar = order->avatar;
	out.offer = (char *)order->offer;
	out.item = (char *)order->item;
	out.count = order->count;
	out.currency = (char *)order->currency;
	out.price = order->price;
	out.reason = (char *)order->reason;
	out.created_ms = order->created_ms;
	buy.order = look.order = cancel.order = &out;
	if (method == MALL_BUY_ID) {
		mall_buy_reply(mall->h, request, &buy);
	} else if (method == MALL_CANCEL_ID) {
		mall_cancel_reply(mall->h, request, &cancel);
	} else {
		mall_order_reply(mall->h, request, &look);
	}
}

/* --- buy ------------------------------------------------------------------------------------------ */

static enum store_next buy_again(struct buy_tx *t, const Malldb__Order *record)
{
	struct mall_order seen;

	if (mall_order_load(record, t->order.id, &seen) != 0) {
		t->tx.broken = 1;
		return STORE_DONE;
	}
	/* A tombstone has no offer: it is the answer to whatever comes. */
	if (seen.offer[0] != '\0' && (strcmp(seen.offer, t->order.offer) != 0 || seen.price != t->order.price ||
				      seen.avatar != t->order.avatar)) {
		return store_refuse(&t->tx, TROUPE_ALREADY_EXISTS, "mall.key_reused");
	}
	t->order = seen;
	return STORE_DONE;
}

static enum store_next buy_new(struct buy_tx *t, const struct mall_offer *offer)
{
	struct mall_order *order = &t->order;
	const struct troupe_host *h = t->tx.store->h;
	struct store_key key;

	order->state = MALLDB__STATE__NEW;
	order->created_ms = h->wall_ms(h);
	order->count = (uint32_t)offer->count;
	snprintf(order->item, sizeof(order->item), "%s", offer->item);
	snprintf(order->currency, sizeof(order->currency), "%s", offer->currency);
	order->stocked = offer->stock >= 0;
	order->reason[0] = '\0';
	if (t->tx.floored) {
		/* Sold out. Recorded, so that this key's outcome does not change when there is stock again. */
		order->stocked = 0;
		order->state = MALLDB__STATE__REJECTED;
		strcpy(order->reason, "mall.sold_out");
	}
	mall_order_put(&t->tx, order, 1);
	if (order->stocked) {
		store_add(&t->tx, mall_key_stock(&key, order->offer), -1, 0);
	}
	return STORE_COMMIT;
}

static enum store_next buy_decide(struct store_tx *tx)
{
	struct buy_tx *t = (struct buy_tx *)tx;
	struct mall *mall = tx->store->instance;
	const struct mall_offer *offer = mall_offer(mall, t->order.offer);
	struct store_key key;
	const struct store_value *value = store_read(tx, mall_key_order(&key, t->order.id)), *stock = NULL;
	Malldb__Order *record;

	if (offer != NULL && offer->stock >= 0) {
		stock = store_read(tx, store_key_text(store_key(&key, "mall/t/"), offer->name));
		if (stock == NULL) {
			return STORE_READ;
		}
	}
	if (value == NULL) {
		return STORE_READ;
	}
	t->version = value->version;
	record = store_unpack(tx, value, &malldb__order__descriptor);
	if (record != NULL) {
		return buy_again(t, record);
	}
	if (offer == NULL) {
		return store_refuse(tx, TROUPE_NOT_FOUND, "mall.offer");
	}
	if (offer->price != t->order.price) {
		return store_refuse(tx, TROUPE_FAILED_PRECONDITION, "mall.price");
	}
	if (stock != NULL && stock->version == 0) {
		return store_refuse(tx, TROUPE_RESOURCE_EXHAUSTED, "mall.not_ready"); /* its stock is being put in */
	}
	return buy_new(t, offer);
}

static void buy_done(struct store_tx *tx)
{
	struct buy_tx *t = (struct buy_tx *)tx;
	struct mall *mall = tx->store->instance;

	if (tx->status != TROUPE_OK) {
		proto_refuse(mall->h, tx->request, tx->status, tx->reason);
		return;
	}
	if (tx->version != 0) {
		t->version = tx->version;
		mall->h->metric_add(mall->h, mall->m_orders, 1);
	}
	mall_order_reached(mall, tx->request, MALL_BUY_ID, &t->order, t->version);
}

/* part_of: the part that the calling front-end lives in: the buyer's shard. "" if it is not known. */
static void part_of(const struct mall *mall, uint64_t from, char ret_part[MALL_PART_MAX + 1])
{
	struct troupe_peer peers[PEERS_MAX];
	uint32_t count = mall->h->peers(mall->h, "frontend", peers, PEERS_MAX);

	ret_part[0] = '\0';
	for (uint32_t i = 0; i < count && i < PEERS_MAX; i++) {
		if (peers[i].id == from && strlen(peers[i].part) <= MALL_PART_MAX) {
			strcpy(ret_part, peers[i].part);
		}
	}
}

/* key_refused: 1 if the request cannot be about an order; it has been refused then. */
static int key_refused(const struct mall *mall, const struct troupe_request *request, const ProtobufCBinaryData *key)
{
	if (request->account == 0) {
		proto_refuse(mall->h, request->id, TROUPE_UNAUTHENTICATED, "mall.no_account");
		return 1;
	}
	if (key->len != TROUPE_KEY_SIZE) {
		proto_refuse(mall->h, request->id, TROUPE_INVALID_ARGUMENT, "mall.key");
		return 1;
	}
	return 0;
}

void mall_on_buy(void *instance, const struct troupe_request *request, const Mall__BuyRequest *body)
{
	static const struct store_kind kind = { sizeof(struct buy_tx), buy_decide, buy_done };
	struct mall *mall = instance;
	struct buy_tx *t;

	if (key_refused(mall, request, &body->key)) {
		return;
	}
	if (body->offer == NULL || body->offer[0] == '\0' || strlen(body->offer) > MALL_OFFER_MAX) {
		proto_refuse(mall->h, request->id, TROUPE_NOT_FOUND, "mall.offer");
		return;
	}
	if (body->price <= 0) {
		proto_refuse(mall->h, request->id, TROUPE_INVALID_ARGUMENT, "mall.price");
		return;
	}
	if (body->avatar == 0) {
		proto_refuse(mall->h, request->id, TROUPE_INVALID_ARGUMENT, "mall.avatar");
		return;
	}
	t = store_new(&mall->store, &kind, request, 5000);
	if (t == NULL) {
		return;
	}
	mall_order_id(request->account, body->key.data, t->order.id);
	t->order.account = request->account;
	t->order.avatar = body->avatar;
	t->order.price = body->price;
	strcpy(t->order.offer, body->offer);
	part_of(mall, request->from, t->order.part);
	store_run(t, 0);
}

/* --- order, cancel -------------------------------------------------------------------------------- */

static enum store_next look_decide(struct store_tx *tx)
{
	struct buy_tx *t = (struct buy_tx *)tx;
	struct store_key key;
	const struct store_value *value = store_read(tx, mall_key_order(&key, t->order.id));
	Malldb__Order *record;

	if (value == NULL) {
		return STORE_READ;
	}
	record = store_unpack(tx, value, &malldb__order__descriptor);
	if (record == NULL) {
		return store_refuse(tx, TROUPE_NOT_FOUND, "mall.no_order");
	}
	tx->broken |= mall_order_load(record, t->order.id, &t->order) != 0;
	return STORE_DONE;
}

static void look_done(struct store_tx *tx)
{
	struct buy_tx *t = (struct buy_tx *)tx;
	struct mall *mall = tx->store->instance;

	if (tx->status != TROUPE_OK) {
		proto_refuse(mall->h, tx->request, tx->status, tx->reason);
		return;
	}
	mall_answer(mall, tx->request, MALL_ORDER_ID, &t->order);
}

void mall_on_order(void *instance, const struct troupe_request *request, const Mall__OrderRequest *body)
{
	static const struct store_kind kind = { sizeof(struct buy_tx), look_decide, look_done };
	struct mall *mall = instance;
	struct buy_tx *t;

	if (key_refused(mall, request, &body->key)) {
		return;
	}
	t = store_new(&mall->store, &kind, request, 5000);
	if (t != NULL) {
		mall_order_id(request->account, body->key.data, t->order.id);
		store_run(t, 0);
	}
}

void mall_on_cancel(void *instance, const struct troupe_request *request, const Mall__CancelRequest *body)
{
	struct mall *mall = instance;
	uint8_t id[MALL_ID_SIZE];

	if (key_refused(mall, request, &body->key)) {
		return;
	}
	mall_order_id(request->account, body->key.data, id);
	mall_cancel_post(mall, request, id);
}
