/* SPDX-License-Identifier: MIT */
/* What the parts of the item store share. */
#ifndef ITEMSTORE_ITEMSTORE_H
#define ITEMSTORE_ITEMSTORE_H

#include "avatar.stub.h"
#include "item.stub.h"
#include "plugins/itemstore/record.pb-c.h"
#include "store/store.h"
#include "strike/strike.h"

/*
 * Keys in the database:
 *   avatar/a/ AVATAR(8)          Avatar        item/i/ AVATAR(8) ITEM(8)    Item
 *   avatar/n/ NAME\0             Name          item/b/ AVATAR(8)            Bags
 *   avatar/u/ ACCOUNT(8)         Account       item/g/ ORDER(16)            Order
 *   avatar/s/ AVATAR(8)          what it carries in the world: bytes of the world's own
 */
#define AVATAR_NAME_MIN 2u
#define AVATAR_NAME_MAX 16u
#define AVATAR_SLOTS_MAX 16u
#define AVATAR_KEPT_MAX 32u			 /* of one account, with those deleted lately */
#define AVATAR_KEEP_MS (7 * 24 * 3600 * INT64_C(1000)) /* a deleted avatar's name is free after this */
#define WORLD_FENCE "world"			 /* the database's fence: the epoch of the world's lease */
#define AVATAR_STATE_MAX (64u * 1024u)		 /* bytes that it carries in the world */
#define AVATAR_FAR 1e9				 /* metres: positions beyond are no positions */
#define ITEM_KIND_MAX 64u
#define ITEM_COUNT_MAX 1000000u
#define ITEM_MAIL_MAX 500u /* items in one avatar's mail; an inventory must fit in one message */
#define ITEM_BAG_MAX 500u

struct itemstore_options {
	const char *database;
	int64_t avatar_slots, bag_slots;
};

struct itemstore {
	const struct troupe_host *h;
	const struct itemstore_options *options;
	struct store store;
	uint32_t m_granted, m_refused, m_cancelled;
};

/* Mistakes that the simulator must find; see tests/sim. Each is one macro here and its use in one place. */
#ifdef MUTANT_ACK_BEFORE_DURABLE
#define ACK_EARLY(answer) (answer)
#else
#define ACK_EARLY(answer) ((void)0)
#endif
#ifdef MUTANT_NO_CANCEL_TOMBSTONE
#define CANCEL_TOMBSTONE STORE_DONE
#else
#define CANCEL_TOMBSTONE STORE_COMMIT
#endif
#ifdef MUTANT_NO_GRANT_DEDUPE
#define GRANT_SEEN(order) 0
#else
#define GRANT_SEEN(order) ((order) != NULL)
#endif

/* avatar.c: keys, and the avatar read: NULL = not read yet (then *ret_known is 0), or there is none. */
struct store_key *avatar_key(struct store_key *key, uint64_t avatar);
Itemdb__Avatar *avatar_read(struct store_tx *tx, uint64_t avatar, int *ret_known);
/* avatar_fill: a record as others are told it; borrows its name. */
void avatar_fill(Avatar__Avatar *out, uint64_t id, const Itemdb__Avatar *record);
/* avatar_owned: 1 if it is alive and the account's own. */
int avatar_owned(const Itemdb__Avatar *avatar, uint64_t account);
void avatar_on_create(void *instance, const struct troupe_request *request, const Avatar__CreateRequest *body);
void avatar_on_list(void *instance, const struct troupe_request *request, const Avatar__ListRequest *body);
void avatar_on_delete(void *instance, const struct troupe_request *request, const Avatar__DeleteRequest *body);

/* load.c: the world's side. */
void avatar_on_load(void *instance, const struct troupe_request *request, const Avatar__LoadRequest *body);
void avatar_on_save(void *instance, const struct troupe_request *request, const Avatar__SaveRequest *body);

/* item.c: keys, and what avatars do with their items. */
struct store_key *item_key(struct store_key *key, uint64_t avatar, uint64_t item);
struct store_key *item_key_bags(struct store_key *key, uint64_t avatar);
/* item_bags: how full the bags are, zeroes if nobody counted yet; NULL = not read yet. */
Itemdb__Bags *item_bags(struct store_tx *tx, uint64_t avatar);
void item_on_inventory(void *instance, const struct troupe_request *request, const Item__InventoryRequest *body);
void item_on_take(void *instance, const struct troupe_request *request, const Item__TakeRequest *body);

/* order.c: what the mall asks for. */
void item_on_grant(void *instance, const struct troupe_request *request, const Item__GrantRequest *body);
void item_on_cancel(void *instance, const struct troupe_request *request, const Item__CancelRequest *body);

/* command.c */
extern const struct troupe_command itemstore_commands[];

#endif
