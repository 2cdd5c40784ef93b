/* SPDX-License-Identifier: MIT */
/* Account records in the database: their keys, and transactions about one account. */
#include <string.h>

#include "account.h"

#define PATIENCE_MS 5000u /* with the database, where no caller says otherwise */

struct store_key *record_key_name(struct store_key *key, const char *user)
{
	return store_key_bytes(store_key(key, "account:n:"), user, strnlen(user, USER_MAX));
}

struct store_key *record_key_id(struct store_key *key, uint64_t id)
{
	return store_key_u64(store_key(key, "account:i:"), id);
}

struct store_key *record_key_ticket(struct store_key *key, const uint8_t hash[SECRET_HASH_SIZE])
{
	return store_key_bytes(store_key(key, "account:t:"), hash, SECRET_HASH_SIZE);
}

void record_put_name(struct store_tx *tx, const char *user, uint64_t id)
{
	struct store_key key, number = { .len = 0 };

	store_key_u64(&number, id);
	store_put_bytes(tx, record_key_name(&key, user), number.bytes, number.len);
}

void record_put(struct store_tx *tx, const Accountdb__Record *record)
{
	struct store_key key;

	store_put(tx, record_key_id(&key, record->id), &record->base);
}

int record_get(struct store_tx *tx, uint64_t id, const Accountdb__Record **ret_record)
{
	struct store_key key;
	const struct store_value *value = store_read(tx, record_key_id(&key, id));
	const Accountdb__Record *record;

	*ret_record = NULL;
	if (value == NULL) {
		return 0;
	}
	record = store_unpack(tx, value, &accountdb__record__descriptor);
	if (value->version != 0 &&
	    (record == NULL || record->user == NULL || record->password == NULL || record->status == NULL)) {
		account_log(tx->store->instance, TROUPE_LOG_ERROR, "S0201", id,
			    "the record of account %llu is damaged; restore it from a backup", (unsigned long long)id);
		tx->broken = 1;
		return 1;
	}
	*ret_record = record;
	return 1;
}

/* --- transactions --------------------------------------------------------------------------------- */

struct record_tx {
	struct store_tx tx;
	record_decide_fn decide;
	record_done_fn done;
	void *arg;
	const Accountdb__Record *record; /* as last read */
	uint64_t id;
	char user[USER_MAX + 1]; /* "" = by id */
};

/* The id that a name stands for; 0, which no account has, if there is none. Returns 0 until it is known. */
static int name_get(struct record_tx *t, uint64_t *ret_id)
{
	struct store_key key;
	const struct store_value *value = store_read(&t->tx, record_key_name(&key, t->user));

	if (value == NULL) {
		return 0;
	}
	*ret_id = value->version != 0 && value->len == 8 ? store_u64_be(value->value) : 0;
	return 1;
}

static enum store_next record_decide(struct store_tx *tx)
{
	struct record_tx *t = (struct record_tx *)tx;
	uint64_t id = t->id;

	t->record = NULL;
	/* a name without account goes on to id 0, which nobody has: both take two reads */
	if (t->user[0] != '\0' && !name_get(t, &id)) {
		return STORE_READ;
	}
	if ((t->user[0] != '\0' || id != 0) && !record_get(tx, id, &t->record)) {
		return STORE_READ;
	}
	if (tx->broken) {
		return STORE_DONE;
	}
	return t->decide(tx, t->arg, t->record);
}

static void record_done(struct store_tx *tx)
{
	struct record_tx *t = (struct record_tx *)tx;

	t->done(tx->store->instance, t->arg, tx->status, tx->reason, tx->status == TROUPE_OK ? t->record : NULL);
}

static const struct store_kind record_kind = { sizeof(struct record_tx), record_decide, record_done };

void record_run(struct account *account, const struct troupe_request *request, const char *user, uint64_t id,
		record_decide_fn decide, record_done_fn done, void *arg)
{
	uint32_t timeout_ms = request != NULL && request->timeout_ms > 0 ? request->timeout_ms : PATIENCE_MS;
	struct record_tx *t = store_new(&account->store, &record_kind, NULL, timeout_ms);

	if (t == NULL) {
		done(account, arg, TROUPE_RESOURCE_EXHAUSTED, "account.busy", NULL);
		return;
	}
	t->decide = decide;
	t->done = done;
	t->arg = arg;
	t->id = id;
	if (user != NULL) {
		strncpy(t->user, user, USER_MAX);
	}
	store_run(t, id);
}

enum store_next record_look(struct store_tx *tx, void *arg, const Accountdb__Record *record)
{
	(void)arg;
	return record != NULL ? STORE_DONE : store_refuse(tx, TROUPE_NOT_FOUND, "account.no_user");
}
