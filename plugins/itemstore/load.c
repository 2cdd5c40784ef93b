/* SPDX-License-Identifier: MIT */
/* Avatars on their way into the world and back: where they stood, and what they carried. */
#include <math.h>
#include <string.h>

#include "itemstore.h"

/* What an avatar carries has a key of its own: lists of avatars need not read it. */
static struct store_key *key_state(struct store_key *key, uint64_t avatar)
{
	return store_key_u64(store_key(key, "avatar/s/"), avatar);
}

/* --- load ----------------------------------------------------------------------------------------- */

struct load_tx {
	struct store_tx tx;
	uint64_t account, avatar, epoch;
	Itemdb__Avatar *found; /* these live as long as the try that found them */
	const struct store_value *state;
};

static enum store_next load_decide(struct store_tx *tx)
{
	struct load_tx *t = (struct load_tx *)tx;
	int known;
	struct store_key key;

	t->found = avatar_read(tx, t->avatar, &known);
	t->state = store_read(tx, key_state(&key, t->avatar));
	if (!known || t->state == NULL) {
		return STORE_READ;
	}
	if (!avatar_owned(t->found, t->account)) {
		return store_refuse(tx, TROUPE_NOT_FOUND, "avatar.no_avatar");
	}
	if (t->epoch < t->found->epoch) {
		return store_refuse(tx, TROUPE_FAILED_PRECONDITION, "avatar.stale");
	}
	if (t->epoch == t->found->epoch) {
		return STORE_DONE;
	}
	t->found->has_epoch = 1;
	t->found->epoch = t->epoch;
	store_put(tx, avatar_key(&key, t->avatar), &t->found->base);
	return STORE_COMMIT;
}

static void load_done(struct store_tx *tx)
{
	struct load_tx *t = (struct load_tx *)tx;
	Avatar__LoadReply reply = AVATAR__LOAD_REPLY__INIT;
	Avatar__Avatar avatar;

	if (tx->status != TROUPE_OK) {
		proto_refuse(tx->store->h, tx->request, tx->status, tx->reason);
		return;
	}
	avatar_fill(&avatar, t->avatar, t->found);
	if (t->state->version != 0) {
		avatar.has_state = 1;
		avatar.state.data = (uint8_t *)t->state->value;
		avatar.state.len = t->state->len;
	}
	reply.avatar = &avatar;
	avatar_load_reply(tx->store->h, tx->request, &reply);
}

void avatar_on_load(void *instance, const struct troupe_request *request, const Avatar__LoadRequest *body)
{
	static const struct store_kind kind = { sizeof(struct load_tx), load_decide, load_done };
	struct itemstore *itemstore = instance;
	struct load_tx *t;

	if (body->account == 0 || (request->account != 0 && request->account != body->account)) {
		proto_refuse(itemstore->h, request->id, TROUPE_PERMISSION_DENIED, "avatar.not_yours");
		return;
	}
	t = store_new(&itemstore->store, &kind, request, 5000);
	if (t != NULL) {
		t->account = body->account;
		t->avatar = body->avatar;
		t->epoch = body->epoch;
		store_run(t, 0);
	}
}

/* --- save ----------------------------------------------------------------------------------------- */

struct save_tx {
	struct store_tx tx;
	uint64_t avatar, epoch;
	double x, y, z;
	uint32_t has_state, state_len;
	uint8_t state[]; /* as many as its kind has room for */
};

static enum store_next save_decide(struct store_tx *tx)
{
	struct save_tx *t = (struct save_tx *)tx;
	int known;
	Itemdb__Avatar *avatar = avatar_read(tx, t->avatar, &known);
	struct store_key key;

	if (!known) {
		return STORE_READ;
	}
	if (avatar == NULL) {
		return store_refuse(tx, TROUPE_NOT_FOUND, "avatar.no_avatar");
	}
	if (t->epoch < avatar->epoch) {
		return store_refuse(tx, TROUPE_FAILED_PRECONDITION, "avatar.stale");
	}
	avatar->has_x = avatar->has_y = avatar->has_z = 1;
	avatar->x = t->x;
	avatar->y = t->y;
	avatar->z = t->z;
	store_put(tx, avatar_key(&key, t->avatar), &avatar->base);
	if (t->has_state) {
		store_put_bytes(tx, key_state(&key, t->avatar), t->state, t->state_len);
	}
	return STORE_COMMIT;
}

static void save_done(struct store_tx *tx)
{
	static const Avatar__SaveReply reply = AVATAR__SAVE_REPLY__INIT;

	if (tx->status != TROUPE_OK) {
		proto_refuse(tx->store->h, tx->request, tx->status, tx->reason);
		return;
	}
	avatar_save_reply(tx->store->h, tx->request, &reply);
}

/* save_new: with room for so many bytes of state. */
static struct save_tx *save_new(struct itemstore *itemstore, const struct troupe_request *request, size_t len)
{
#define ROOM(bytes) { sizeof(struct save_tx) + (bytes), save_decide, save_done }
	static const struct store_kind kinds[] = { ROOM(0), ROOM(1024), ROOM(8192), ROOM(AVATAR_STATE_MAX) };
#undef ROOM
	const struct store_kind *kind = kinds;

	while (kind->size < sizeof(struct save_tx) + len) {
		kind++;
	}
	return store_new(&itemstore->store, kind, request, 5000);
}

/* Several owners of a world save under one epoch, the scheduler's. The fence takes equal ones, and records a higher one in
 * the same commit, so that what an earlier reign still saves is refused. */
void avatar_on_save(void *instance, const struct troupe_request *request, const Avatar__SaveRequest *body)
{
	struct itemstore *itemstore = instance;
	struct save_tx *t;

	/* Written so that a NaN fails it too. */
	if (!(fabs(body->x) <= AVATAR_FAR && fabs(body->y) <= AVATAR_FAR && fabs(body->z) <= AVATAR_FAR)) {
		proto_refuse(itemstore->h, request->id, TROUPE_INVALID_ARGUMENT, "avatar.position");
		return;
	}
	if (body->has_state && body->state.len > AVATAR_STATE_MAX) {
		proto_refuse(itemstore->h, request->id, TROUPE_INVALID_ARGUMENT, "avatar.state_too_long");
		return;
	}
	t = save_new(itemstore, request, body->has_state ? body->state.len : 0);
	if (t == NULL) {
		return;
	}
	t->avatar = body->avatar;
	t->epoch = body->epoch;
	t->x = body->x;
	t->y = body->y;
	t->z = body->z;
	t->has_state = body->has_state != 0;
	if (body->has_state && body->state.len > 0) {
		t->state_len = (uint32_t)body->state.len;
		memcpy(t->state, body->state.data, body->state.len);
	}
	if (body->world_epoch != 0) {
		t->tx.fence = WORLD_FENCE;
		t->tx.fence_epoch = body->world_epoch;
	}
	store_run(t, body->avatar);
}
