/* SPDX-License-Identifier: MIT */
/* What avatars do with their items: look, and take from the mail. */
#include <string.h>

#include "itemstore.h"

struct store_key *item_key(struct store_key *key, uint64_t avatar, uint64_t item)
{
	return store_key_u64(store_key_u64(store_key(key, "item/i/"), avatar), item);
}

struct store_key *item_key_bags(struct store_key *key, uint64_t avatar)
{
	return store_key_u64(store_key(key, "item/b/"), avatar);
}

Itemdb__Bags *item_bags(struct store_tx *tx, uint64_t avatar)
{
	struct store_key key;
	const struct store_value *value = store_read(tx, item_key_bags(&key, avatar));
	Itemdb__Bags *bags;

	if (value == NULL) {
		return NULL;
	}
	bags = store_unpack(tx, value, &itemdb__bags__descriptor);
	if (bags == NULL) {
		bags = store_alloc(tx, sizeof(*bags));
		if (bags != NULL) {
			itemdb__bags__init(bags);
		}
	}
	return bags;
}

/* --- inventory ------------------------------------------------------------------------------------ */

struct look_tx {
	struct store_tx tx;
	uint64_t account, avatar;
};

struct look {
	struct store_walk walk;
	uint32_t len;
	Item__Item items[ITEM_MAIL_MAX + ITEM_BAG_MAX];
	char kinds[ITEM_MAIL_MAX + ITEM_BAG_MAX][ITEM_KIND_MAX + 1];
};

static int look_each(struct store_walk *walk, const struct troupe_db_value *value)
{
	struct look *look = (struct look *)walk;
	struct proto_arena arena;
	const Itemdb__Item *stored;
	Item__Item *item = &look->items[look->len];

	if (look->len == ITEM_MAIL_MAX + ITEM_BAG_MAX) {
		return 1;
	}
	proto_arena_init(&arena);
	stored = (const Itemdb__Item *)proto_unpack(&itemdb__item__descriptor, value->value, value->value_len, &arena);
	if (stored != NULL && stored->kind != NULL && stored->bag != NULL && strlen(stored->kind) <= ITEM_KIND_MAX) {
		item__item__init(item);
		item->has_id = item->has_count = 1;
		item->id = store_u64_be((const uint8_t *)value->key + value->key_len - 8);
		item->count = stored->count;
		item->kind = strcpy(look->kinds[look->len], stored->kind);
		item->bag = (char *)(strcmp(stored->bag, "mail") == 0 ? "mail" : "bag");
		look->len++;
	}
	proto_arena_free(&arena);
	return 0;
}

static void look_end(struct store_walk *walk, int32_t status)
{
	struct look *look = (struct look *)walk;
	struct itemstore *itemstore = walk->store->instance;
	Item__InventoryReply reply = ITEM__INVENTORY_REPLY__INIT;
	Item__Item *pointers[ITEM_MAIL_MAX + ITEM_BAG_MAX];

	if (status != TROUPE_OK) {
		proto_refuse(itemstore->h, walk->request, status, "store.not_read");
		return;
	}
	for (uint32_t i = 0; i < look->len; i++) {
		pointers[i] = &look->items[i];
	}
	reply.items = pointers;
	reply.n_items = look->len;
	reply.has_slots = 1;
	reply.slots = (uint32_t)itemstore->options->bag_slots;
	item_inventory_reply(itemstore->h, walk->request, &reply);
}

static enum store_next look_decide(struct store_tx *tx)
{
	struct look_tx *t = (struct look_tx *)tx;
	int known;
	Itemdb__Avatar *avatar = avatar_read(tx, t->avatar, &known);

	if (!known) {
		return STORE_READ;
	}
	/* The same answer for avatars of others and for none: ids are not to be tried out. */
	return avatar_owned(avatar, t->account) ? STORE_DONE
						: store_refuse(tx, TROUPE_NOT_FOUND, "item.no_avatar");
}

static void look_done(struct store_tx *tx)
{
	struct look_tx *t = (struct look_tx *)tx;
	struct look *look;

	if (tx->status != TROUPE_OK) {
		proto_refuse(tx->store->h, tx->request, tx->status, tx->reason);
		return;
	}
	look = store_walk_new(tx->store, sizeof(*look));
	if (look == NULL) {
		proto_refuse(tx->store->h, tx->request, TROUPE_RESOURCE_EXHAUSTED, "store.busy");
		return;
	}
	look->walk.request = tx->request;
	look->walk.each = look_each;
	look->walk.end = look_end;
	store_key_u64(store_key(&look->walk.from, "item/i/"), t->avatar);
	store_key_end(&look->walk.from, &look->walk.to);
	store_walk_run(look, NULL);
}

void item_on_inventory(void *instance, const struct troupe_request *request, const Item__InventoryRequest *body)
{
	static const struct store_kind kind = { sizeof(struct look_tx), look_decide, look_done };
	struct itemstore *itemstore = instance;
	struct look_tx *t;

	if (request->account == 0) {
		proto_refuse(itemstore->h, request->id, TROUPE_UNAUTHENTICATED, "item.no_account");
		return;
	}
	t = store_new(&itemstore->store, &kind, request, 5000);
	if (t != NULL) {
		t->account = request->account;
		t->avatar = body->avatar != 0 ? body->avatar : request->actor;
		store_run(t, 0);
	}
}

/* --- take ----------------------------------------------------------------------------------------- */

struct take_tx {
	struct store_tx tx;
	uint64_t account, avatar, item;
	uint32_t count;
	char kind[ITEM_KIND_MAX + 1];
};

static enum store_next take_decide(struct store_tx *tx)
{
	struct take_tx *t = (struct take_tx *)tx;
	struct itemstore *itemstore = tx->store->instance;
	struct store_key key;
	const struct store_value *value = store_read(tx, item_key(&key, t->avatar, t->item));
	int known;
	Itemdb__Avatar *avatar = avatar_read(tx, t->avatar, &known);
	Itemdb__Bags *bags = item_bags(tx, t->avatar);
	Itemdb__Item *item;

	if (value == NULL || !known || bags == NULL) {
		return STORE_READ;
	}
	if (!avatar_owned(avatar, t->account)) {
		return store_refuse(tx, TROUPE_NOT_FOUND, "item.no_avatar");
	}
	item = store_unpack(tx, value, &itemdb__item__descriptor);
	if (item == NULL || item->kind == NULL || item->bag == NULL || strlen(item->kind) > ITEM_KIND_MAX) {
		tx->broken |= value->version != 0 && item != NULL;
		return store_refuse(tx, TROUPE_NOT_FOUND, "item.no_item");
	}
	strcpy(t->kind, item->kind);
	t->count = item->count;
	if (strcmp(item->bag, "bag") == 0) {
		return STORE_DONE; /* taken before: the same answer */
	}
	if (bags->bag >= (uint32_t)itemstore->options->bag_slots) {
		return store_refuse(tx, TROUPE_FAILED_PRECONDITION, "item.bag_full");
	}
	item->bag = (char *)"bag";
	store_put(tx, &key, &item->base);
	bags->has_mail = bags->has_bag = 1;
	bags->mail -= bags->mail > 0;
	bags->bag++;
	store_put(tx, item_key_bags(&key, t->avatar), &bags->base);
	return STORE_COMMIT;
}

static void take_done(struct store_tx *tx)
{
	struct take_tx *t = (struct take_tx *)tx;
	Item__TakeReply reply = ITEM__TAKE_REPLY__INIT;
	Item__Item item = ITEM__ITEM__INIT;

	if (tx->status != TROUPE_OK) {
		proto_refuse(tx->store->h, tx->request, tx->status, tx->reason);
		return;
	}
	item.has_id = item.has_count = 1;
	item.id = t->item;
	item.kind = t->kind;
	item.count = t->count;
	item.bag = (char *)"bag";
	reply.item = &item;
	item_take_reply(tx->store->h, tx->request, &reply);
}

void item_on_take(void *instance, const struct troupe_request *request, const Item__TakeRequest *body)
{
	static const struct store_kind kind = { sizeof(struct take_tx), take_decide, take_done };
	struct itemstore *itemstore = instance;
	struct take_tx *t;

	if (request->account == 0) {
		proto_refuse(itemstore->h, request->id, TROUPE_UNAUTHENTICATED, "item.no_account");
		return;
	}
	t = store_new(&itemstore->store, &kind, request, 5000);
	if (t != NULL) {
		t->account = request->account;
		t->avatar = body->avatar != 0 ? body->avatar : request->actor;
		t->item = body->item;
		store_run(t, t->avatar);
	}
}
