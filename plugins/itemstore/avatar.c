/* SPDX-License-Identifier: MIT */
/* Avatars: made, listed, deleted by their players. */
#include <string.h>

#include "itemstore.h"

/* One request about avatars under way. */
struct avatar_tx {
	struct store_tx tx;
	uint64_t account, avatar;
	Itemdb__Avatar found; /* its name is in `name` */
	char name[AVATAR_NAME_MAX + 1], folded[AVATAR_NAME_MAX + 1];
};

struct store_key *avatar_key(struct store_key *key, uint64_t avatar)
{
	return store_key_u64(store_key(key, "avatar/a/"), avatar);
}

static struct store_key *key_name(struct store_key *key, const char *folded)
{
	return store_key_text(store_key(key, "avatar/n/"), folded);
}

static struct store_key *key_account(struct store_key *key, uint64_t account)
{
	return store_key_u64(store_key(key, "avatar/u/"), account);
}

Itemdb__Avatar *avatar_read(struct store_tx *tx, uint64_t avatar, int *ret_known)
{
	struct store_key key;
	const struct store_value *value = store_read(tx, avatar_key(&key, avatar));
	Itemdb__Avatar *record;

	*ret_known = value != NULL;
	if (value == NULL) {
		return NULL;
	}
	record = store_unpack(tx, value, &itemdb__avatar__descriptor);
	if (record != NULL && (record->name == NULL || strlen(record->name) > AVATAR_NAME_MAX)) {
		tx->broken = 1;
		return NULL;
	}
	return record;
}

int avatar_owned(const Itemdb__Avatar *avatar, uint64_t account)
{
	return avatar != NULL && avatar->account == account && avatar->deleted_ms == 0;
}

/* account_read: an account's avatars; with *ret_known 0 they are not read yet. */
static Itemdb__Account *account_read(struct store_tx *tx, uint64_t account, int *ret_known)
{
	struct store_key key;
	const struct store_value *value = store_read(tx, key_account(&key, account));
	Itemdb__Account *record;

	*ret_known = value != NULL;
	if (value == NULL) {
		return NULL;
	}
	record = store_unpack(tx, value, &itemdb__account__descriptor);
	if (record == NULL) {
		record = store_alloc(tx, sizeof(*record));
		if (record != NULL) {
			itemdb__account__init(record);
		}
	}
	return record;
}

void avatar_fill(Avatar__Avatar *out, uint64_t id, const Itemdb__Avatar *record)
{
	avatar__avatar__init(out);
	out->has_id = out->has_account = out->has_x = out->has_y = out->has_z = 1;
	out->has_created_ms = out->has_deleted_ms = 1;
	out->id = id;
	out->name = record->name;
	out->account = record->account;
	out->x = record->x;
	out->y = record->y;
	out->z = record->z;
	out->created_ms = record->created_ms;
	out->deleted_ms = record->deleted_ms;
}

/* begin: a transaction for a player's own request; NULL: the request has been refused. */
static struct avatar_tx *begin(struct itemstore *itemstore, const struct troupe_request *request,
			       const struct store_kind *kind)
{
	struct avatar_tx *t;

	if (request->account == 0) {
		proto_refuse(itemstore->h, request->id, TROUPE_UNAUTHENTICATED, "avatar.no_account");
		return NULL;
	}
	t = store_new(&itemstore->store, kind, request, 5000);
	if (t != NULL) {
		t->account = request->account;
	}
	return t;
}

/* --- create --------------------------------------------------------------------------------------- */

/* name_fold: 0 and the name in small letters, or -1 if it is no name. Letters of ASCII alone: names that look alike
 * but differ are a way to pass for somebody else. */
static int name_fold(const char *name, char ret_folded[AVATAR_NAME_MAX + 1])
{
	size_t len = name != NULL ? strlen(name) : 0;

	if (len < AVATAR_NAME_MIN || len > AVATAR_NAME_MAX) {
		return -1;
	}
	for (size_t i = 0; i < len; i++) {
		char c = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] - 'A' + 'a') : name[i];

		if (c < 'a' || c > 'z') {
			return -1;
		}
		ret_folded[i] = c;
	}
	ret_folded[len] = '\0';
	return 0;
}

/* name_free: 1 if nobody has it, or only one who was deleted long ago. *ret_known as above. */
static int name_free(struct store_tx *tx, const char *folded, int64_t now_ms, int *ret_known)
{
	struct store_key key;
	const struct store_value *value = store_read(tx, key_name(&key, folded));
	const Itemdb__Name *name;
	const Itemdb__Avatar *holder;

	*ret_known = value != NULL;
	if (value == NULL) {
		return 0;
	}
	name = store_unpack(tx, value, &itemdb__name__descriptor);
	if (name == NULL) {
		return 1;
	}
	holder = avatar_read(tx, name->avatar, ret_known);
	return holder == NULL || (holder->deleted_ms != 0 && now_ms - holder->deleted_ms >= AVATAR_KEEP_MS);
}

/* account_add: puts the avatar on its account's list, which forgets those deleted long ago. A reason if it is full. */
static const char *account_add(struct avatar_tx *t, const Itemdb__Account *account, int64_t slots, int64_t now_ms)
{
	Itemdb__Owned *kept[AVATAR_KEPT_MAX], added = ITEMDB__OWNED__INIT;
	Itemdb__Account record = ITEMDB__ACCOUNT__INIT;
	struct store_key key;
	int64_t alive = 0;

	for (size_t i = 0; i < account->n_avatars; i++) {
		Itemdb__Owned *owned = account->avatars[i];

		if (owned->deleted_ms != 0 && now_ms - owned->deleted_ms >= AVATAR_KEEP_MS) {
			continue;
		}
		alive += owned->deleted_ms == 0;
		if (record.n_avatars == AVATAR_KEPT_MAX - 1) {
			return "avatar.deleted_too_many";
		}
		kept[record.n_avatars++] = owned;
	}
	if (alive >= slots) {
		return "avatar.slots";
	}
	added.has_avatar = 1;
	added.avatar = t->avatar;
	kept[record.n_avatars++] = &added;
	record.avatars = kept;
	store_put(&t->tx, key_account(&key, t->account), &record.base);
	return NULL;
}

static enum store_next create_decide(struct store_tx *tx)
{
	struct avatar_tx *t = (struct avatar_tx *)tx;
	struct itemstore *itemstore = tx->store->instance;
	int64_t now_ms = itemstore->h->wall_ms(itemstore->h);
	int name_known, account_known, id_known;
	int free_name = name_free(tx, t->folded, now_ms, &name_known);
	const Itemdb__Account *account = account_read(tx, t->account, &account_known);
	const Itemdb__Avatar *same_id = avatar_read(tx, t->avatar, &id_known);
	Itemdb__Name name = ITEMDB__NAME__INIT;
	Itemdb__Avatar record = ITEMDB__AVATAR__INIT;
	struct store_key key;
	const char *full;

	if (!name_known || !account_known || !id_known) {
		return STORE_READ;
	}
	if (!free_name) {
		return store_refuse(tx, TROUPE_ALREADY_EXISTS, "avatar.name_taken");
	}
	if (same_id != NULL || account == NULL) {
		return store_refuse(tx, TROUPE_ABORTED, "avatar.again");
	}
	full = account_add(t, account, itemstore->options->avatar_slots, now_ms);
	if (full != NULL) {
		return store_refuse(tx, TROUPE_FAILED_PRECONDITION, full);
	}
	record.name = t->name;
	record.has_account = record.has_created_ms = 1;
	record.account = t->account;
	record.created_ms = now_ms;
	store_put(tx, avatar_key(&key, t->avatar), &record.base);
	name.has_avatar = 1;
	name.avatar = t->avatar;
	store_put(tx, key_name(&key, t->folded), &name.base);
	t->found = record;
	return STORE_COMMIT;
}

static void create_done(struct store_tx *tx)
{
	struct avatar_tx *t = (struct avatar_tx *)tx;
	Avatar__CreateReply reply = AVATAR__CREATE_REPLY__INIT;
	Avatar__Avatar avatar;

	if (tx->status != TROUPE_OK) {
		proto_refuse(tx->store->h, tx->request, tx->status, tx->reason);
		return;
	}
	avatar_fill(&avatar, t->avatar, &t->found);
	reply.avatar = &avatar;
	avatar_create_reply(tx->store->h, tx->request, &reply);
}

void avatar_on_create(void *instance, const struct troupe_request *request, const Avatar__CreateRequest *body)
{
	static const struct store_kind kind = { sizeof(struct avatar_tx), create_decide, create_done };
	struct itemstore *itemstore = instance;
	char folded[AVATAR_NAME_MAX + 1];
	struct avatar_tx *t;

	if (name_fold(body->name, folded) != 0) {
		proto_refuse(itemstore->h, request->id, TROUPE_INVALID_ARGUMENT, "avatar.name");
		return;
	}
	t = begin(itemstore, request, &kind);
	if (t != NULL) {
		strcpy(t->name, body->name);
		strcpy(t->folded, folded);
		itemstore->h->random_bytes(itemstore->h, &t->avatar, sizeof(t->avatar));
		t->avatar = t->avatar >> 1 | 1; /* 63 bits, not 0 */
		store_run(t, t->account);
	}
}

/* --- list ----------------------------------------------------------------------------------------- */

struct list_tx {
	struct avatar_tx base; /* begin makes its first part */
	uint32_t len;
	uint64_t ids[AVATAR_KEPT_MAX];
	Itemdb__Avatar *records[AVATAR_KEPT_MAX]; /* live as long as the transaction */
};

static enum store_next list_decide(struct store_tx *tx)
{
	struct list_tx *t = (struct list_tx *)tx;
	int known;
	const Itemdb__Account *account = account_read(tx, t->base.account, &known);
	int waiting = 0;

	if (!known || account == NULL) {
		return STORE_READ;
	}
	t->len = 0;
	for (size_t i = 0; i < account->n_avatars && t->len < AVATAR_KEPT_MAX; i++) {
		Itemdb__Avatar *avatar = avatar_read(tx, account->avatars[i]->avatar, &known);

		waiting |= !known;
		if (avatar_owned(avatar, t->base.account)) {
			t->ids[t->len] = account->avatars[i]->avatar;
			t->records[t->len++] = avatar;
		}
	}
	return waiting ? STORE_READ : STORE_DONE;
}

static void list_done(struct store_tx *tx)
{
	struct list_tx *t = (struct list_tx *)tx;
	struct itemstore *itemstore = tx->store->instance;
	Avatar__ListReply reply = AVATAR__LIST_REPLY__INIT;
	Avatar__Avatar avatars[AVATAR_KEPT_MAX], *pointers[AVATAR_KEPT_MAX];

	if (tx->status != TROUPE_OK) {
		proto_refuse(itemstore->h, tx->request, tx->status, tx->reason);
		return;
	}
	for (uint32_t i = 0; i < t->len; i++) {
		avatar_fill(&avatars[i], t->ids[i], t->records[i]);
		pointers[i] = &avatars[i];
	}
	reply.avatars = pointers;
	reply.n_avatars = t->len;
	reply.has_slots = 1;
	reply.slots = (uint32_t)itemstore->options->avatar_slots;
	avatar_list_reply(itemstore->h, tx->request, &reply);
}

void avatar_on_list(void *instance, const struct troupe_request *request, const Avatar__ListRequest *body)
{
	static const struct store_kind kind = { sizeof(struct list_tx), list_decide, list_done };
	struct avatar_tx *t = begin(instance, request, &kind);

	(void)body;
	if (t != NULL) {
		store_run(t, 0);
	}
}

/* --- delete --------------------------------------------------------------------------------------- */

static enum store_next delete_decide(struct store_tx *tx)
{
	struct avatar_tx *t = (struct avatar_tx *)tx;
	int64_t now_ms = tx->store->h->wall_ms(tx->store->h);
	int known, account_known;
	Itemdb__Avatar *avatar = avatar_read(tx, t->avatar, &known);
	Itemdb__Account *account = account_read(tx, t->account, &account_known);
	struct store_key key;

	if (!known || !account_known || account == NULL) {
		return STORE_READ;
	}
	if (avatar == NULL || avatar->account != t->account) {
		return store_refuse(tx, TROUPE_NOT_FOUND, "avatar.no_avatar");
	}
	if (avatar->deleted_ms != 0) {
		return STORE_DONE; /* deleted before: the same answer */
	}
	avatar->has_deleted_ms = 1;
	avatar->deleted_ms = now_ms > 0 ? now_ms : 1;
	store_put(tx, avatar_key(&key, t->avatar), &avatar->base);
	for (size_t i = 0; i < account->n_avatars; i++) {
		if (account->avatars[i]->avatar == t->avatar) {
			account->avatars[i]->has_deleted_ms = 1;
			account->avatars[i]->deleted_ms = avatar->deleted_ms;
		}
	}
	store_put(tx, key_account(&key, t->account), &account->base);
	return STORE_COMMIT;
}

static void delete_done(struct store_tx *tx)
{
	static const Avatar__DeleteReply reply = AVATAR__DELETE_REPLY__INIT;

	if (tx->status != TROUPE_OK) {
		proto_refuse(tx->store->h, tx->request, tx->status, tx->reason);
		return;
	}
	avatar_delete_reply(tx->store->h, tx->request, &reply);
}

void avatar_on_delete(void *instance, const struct troupe_request *request, const Avatar__DeleteRequest *body)
{
	static const struct store_kind kind = { sizeof(struct avatar_tx), delete_decide, delete_done };
	struct avatar_tx *t = begin(instance, request, &kind);

	if (t != NULL) {
		t->avatar = body->avatar;
		store_run(t, t->account);
	}
}
