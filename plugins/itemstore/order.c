/* SPDX-License-Identifier: MIT */
/* Orders of the mall: granted or refused, once and for ever. The grant here is what decides a purchase. */
#include <string.h>

#include "itemstore.h"
#include "secret/secret.h"

struct order_tx {
	struct store_tx tx;
	uint8_t order[TROUPE_KEY_SIZE];
	uint64_t account, avatar, item;
	uint32_t count, granted;
	char kind[ITEM_KIND_MAX + 1];
};

static struct store_key *key_order(struct store_key *key, const uint8_t *order)
{
	return store_key_bytes(store_key(key, "item/g/"), order, TROUPE_KEY_SIZE);
}

/* order_item: the id of an order's nth item: derived, so that a second grant could not even name another item. */
static uint64_t order_item(const uint8_t *order, uint8_t n)
{
	uint8_t bytes[TROUPE_KEY_SIZE + 1], hash[SECRET_HASH_SIZE];
	uint64_t id;

	memcpy(bytes, order, TROUPE_KEY_SIZE);
	bytes[TROUPE_KEY_SIZE] = n;
	secret_hash(bytes, sizeof(bytes), hash);
	id = store_u64_be(hash) >> 1; /* 63 bits: ids are signed numbers in some clients */
	return id != 0 ? id : 1;
}

/* --- grant ---------------------------------------------------------------------------------------- */

static void grant_done(struct store_tx *tx)
{
	struct order_tx *t = (struct order_tx *)tx;
	struct itemstore *itemstore = tx->store->instance;
	Item__GrantReply reply = ITEM__GRANT_REPLY__INIT;

	STRIKE("grant.written");
	if (tx->status != TROUPE_OK) {
		itemstore->h->metric_add(itemstore->h, itemstore->m_refused, 1);
		proto_refuse(itemstore->h, tx->request, tx->status, tx->reason);
		return;
	}
	itemstore->h->metric_add(itemstore->h, itemstore->m_granted, 1);
	reply.has_item = 1;
	reply.item = t->item;
	item_grant_reply(itemstore->h, tx->request, &reply);
	STRIKE("grant.answered");
}

static enum store_next grant_again(struct order_tx *t, const Itemdb__Order *order)
{
	if (order->account != 0 && (order->account != t->account || order->avatar != t->avatar ||
				    order->count != t->count || order->kind == NULL || strcmp(order->kind, t->kind) != 0)) {
		return store_refuse(&t->tx, TROUPE_ALREADY_EXISTS, "item.key_reused");
	}
	if (order->state != ITEMDB__ORDER_STATE__GRANTED) {
		return store_refuse(&t->tx, TROUPE_FAILED_PRECONDITION, order->reason != NULL ? order->reason : "");
	}
	t->item = order->item;
	return STORE_DONE;
}

static void put_item(struct order_tx *t, Itemdb__Bags *bags, int64_t now_ms)
{
	Itemdb__Item item = ITEMDB__ITEM__INIT;
	struct store_key key;

	item.kind = t->kind;
	item.has_count = item.has_order = item.has_created_ms = 1;
	item.count = t->count;
	item.bag = (char *)"mail";
	item.order.data = t->order;
	item.order.len = TROUPE_KEY_SIZE;
	item.created_ms = now_ms;
	store_put(&t->tx, item_key(&key, t->avatar, t->item), &item.base);
	bags->has_mail = 1;
	bags->mail++;
	store_put(&t->tx, item_key_bags(&key, t->avatar), &bags->base);
}

static enum store_next grant_decide(struct store_tx *tx)
{
	struct order_tx *t = (struct order_tx *)tx;
	struct store_key key;
	const struct store_value *value = store_read(tx, key_order(&key, t->order));
	int known;
	Itemdb__Avatar *avatar = avatar_read(tx, t->avatar, &known);
	Itemdb__Bags *bags = item_bags(tx, t->avatar);
	Itemdb__Order *seen, order = ITEMDB__ORDER__INIT;

	if (value == NULL || !known || bags == NULL) {
		return STORE_READ;
	}
	seen = store_unpack(tx, value, &itemdb__order__descriptor);
	if (GRANT_SEEN(seen)) {
		return grant_again(t, seen);
	}
	order.has_state = order.has_account = order.has_avatar = order.has_count = order.has_time_ms = 1;
	order.account = t->account;
	order.avatar = t->avatar;
	order.kind = t->kind;
	order.count = t->count;
	order.time_ms = tx->store->h->wall_ms(tx->store->h);
	if (!avatar_owned(avatar, t->account)) {
		order.reason = (char *)"item.no_avatar";
	} else if (bags->mail >= ITEM_MAIL_MAX) {
		order.reason = (char *)"item.mail_full";
	}
	if (order.reason != NULL) {
		order.state = ITEMDB__ORDER_STATE__REFUSED;
		store_put(tx, &key, &order.base);
		store_refuse(tx, TROUPE_FAILED_PRECONDITION, order.reason);
		return STORE_COMMIT;
	}
	t->item = order_item(t->order, 0);
	order.state = ITEMDB__ORDER_STATE__GRANTED;
	order.has_item = 1;
	order.item = t->item;
	store_put(tx, &key, &order.base);
	put_item(t, bags, order.time_ms);
	ACK_EARLY(grant_done(tx));
	STRIKE("grant.unwritten");
	return STORE_COMMIT;
}

/* --- cancel --------------------------------------------------------------------------------------- */

static enum store_next cancel_decide(struct store_tx *tx)
{
	struct order_tx *t = (struct order_tx *)tx;
	struct store_key key;
	const struct store_value *value = store_read(tx, key_order(&key, t->order));
	Itemdb__Order *seen, order = ITEMDB__ORDER__INIT;

	if (value == NULL) {
		return STORE_READ;
	}
	seen = store_unpack(tx, value, &itemdb__order__descriptor);
	t->granted = seen != NULL && seen->state == ITEMDB__ORDER_STATE__GRANTED;
	if (seen != NULL) {
		return STORE_DONE;
	}
	/* The grant may still be on its way: it must find that it comes too late. */
	order.has_state = order.has_time_ms = 1;
	order.state = ITEMDB__ORDER_STATE__REFUSED;
	order.reason = (char *)"item.cancelled";
	order.time_ms = tx->store->h->wall_ms(tx->store->h);
	store_put(tx, &key, &order.base);
	return CANCEL_TOMBSTONE;
}

static void cancel_done(struct store_tx *tx)
{
	struct order_tx *t = (struct order_tx *)tx;
	struct itemstore *itemstore = tx->store->instance;
	Item__CancelReply reply = ITEM__CANCEL_REPLY__INIT;

	if (tx->status != TROUPE_OK) {
		proto_refuse(itemstore->h, tx->request, tx->status, tx->reason);
		return;
	}
	itemstore->h->metric_add(itemstore->h, itemstore->m_cancelled, !t->granted);
	reply.has_granted = 1;
	reply.granted = (int)t->granted;
	item_cancel_reply(itemstore->h, tx->request, &reply);
}

/* --- requests ------------------------------------------------------------------------------------- */

static struct order_tx *begin(struct itemstore *itemstore, const struct troupe_request *request,
			      const struct store_kind *kind, const ProtobufCBinaryData *order)
{
	struct order_tx *t;

	if (order->len != TROUPE_KEY_SIZE) {
		proto_refuse(itemstore->h, request->id, TROUPE_INVALID_ARGUMENT, "item.order");
		return NULL;
	}
	t = store_new(&itemstore->store, kind, request, 5000);
	if (t != NULL) {
		memcpy(t->order, order->data, TROUPE_KEY_SIZE);
	}
	return t;
}

void item_on_grant(void *instance, const struct troupe_request *request, const Item__GrantRequest *body)
{
	static const struct store_kind kind = { sizeof(struct order_tx), grant_decide, grant_done };
	struct itemstore *itemstore = instance;
	struct order_tx *t;

	if (body->account == 0 || body->avatar == 0) {
		proto_refuse(itemstore->h, request->id, TROUPE_INVALID_ARGUMENT, "item.no_avatar");
		return;
	}
	if (body->kind == NULL || body->kind[0] == '\0' || strlen(body->kind) > ITEM_KIND_MAX) {
		proto_refuse(itemstore->h, request->id, TROUPE_INVALID_ARGUMENT, "item.kind");
		return;
	}
	if (body->count == 0 || body->count > ITEM_COUNT_MAX) {
		proto_refuse(itemstore->h, request->id, TROUPE_INVALID_ARGUMENT, "item.count");
		return;
	}
	t = begin(itemstore, request, &kind, &body->order);
	if (t != NULL) {
		t->account = body->account;
		t->avatar = body->avatar;
		t->count = body->count;
		strcpy(t->kind, body->kind);
		store_run(t, body->avatar);
	}
}

void item_on_cancel(void *instance, const struct troupe_request *request, const Item__CancelRequest *body)
{
	static const struct store_kind kind = { sizeof(struct order_tx), cancel_decide, cancel_done };
	struct order_tx *t = begin(instance, request, &kind, &body->order);

	if (t != NULL) {
		store_run(t, 0);
	}
}
