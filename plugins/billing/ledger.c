/* SPDX-License-Identifier: MIT */
/* The ledger: entries in a chain for each account and currency, and the balances they add up to. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "billing.h"
#include "secret/secret.h"

struct store_key *billing_key_balance(struct store_key *key, uint64_t account, const char *currency)
{
	return store_key_text(store_key_u64(store_key(key, "billing/a/"), account), currency);
}

struct store_key *billing_key_entry(struct store_key *key, uint64_t account, const char *currency, uint64_t serial)
{
	return store_key_u64(store_key_bytes(billing_key_balance(key, account, currency), "e", 1), serial);
}

struct store_key *billing_key_counter(struct store_key *key, const char *currency, const char *name)
{
	return store_key_text(store_key_text(store_key(key, "billing/c/"), currency), name);
}

struct store_key *billing_key_hold(struct store_key *key, const uint8_t *order)
{
	return store_key_bytes(store_key(key, "billing/h/"), order, TROUPE_KEY_SIZE);
}

struct store_key *billing_key_grant(struct store_key *key, const uint8_t *id)
{
	return store_key_bytes(store_key(key, "billing/k/"), id, TROUPE_KEY_SIZE);
}

void ledger_entry_hash(const void *packed, size_t len, uint8_t ret_hash[BILLING_HASH_SIZE])
{
	_Static_assert(BILLING_HASH_SIZE == SECRET_HASH_SIZE, "the chain is made of BLAKE2b-256");
	secret_hash(packed, len, ret_hash);
}

Billingdb__Balance *ledger_balance(struct store_tx *tx, uint64_t account, const char *currency)
{
	struct store_key key;
	const struct store_value *value = store_read(tx, billing_key_balance(&key, account, currency));
	Billingdb__Balance *balance;

	if (value == NULL) {
		return NULL;
	}
	balance = store_unpack(tx, value, &billingdb__balance__descriptor);
	if (balance == NULL && !tx->broken) {
		balance = store_alloc(tx, sizeof(*balance));
		if (balance != NULL) {
			billingdb__balance__init(balance);
		}
	}
	return balance;
}

int ledger_apply(Billingdb__EntryType type, int64_t amount, int to_account, int64_t *posted, int64_t *pending)
{
	int64_t new_posted = *posted, new_pending = *pending;
	int over = amount <= 0;

	switch (type) {
	case BILLINGDB__ENTRY_TYPE__HOLD:
		over |= __builtin_add_overflow(new_pending, amount, &new_pending);
		break;
	case BILLINGDB__ENTRY_TYPE__VOID:
		over |= __builtin_sub_overflow(new_pending, amount, &new_pending);
		break;
	case BILLINGDB__ENTRY_TYPE__POST:
		over |= __builtin_sub_overflow(new_pending, amount, &new_pending);
		over |= __builtin_sub_overflow(new_posted, amount, &new_posted);
		break;
	default:
		over |= to_account ? __builtin_add_overflow(new_posted, amount, &new_posted)
				   : __builtin_sub_overflow(new_posted, amount, &new_posted);
		break;
	}
	if (over || new_pending < 0 || new_posted < new_pending) {
		return -1;
	}
	*posted = new_posted;
	*pending = new_pending;
	return 0;
}

/* Which way a movement goes, seen from the account. */
static int gives_to_account(Billingdb__EntryType type)
{
	return type == BILLINGDB__ENTRY_TYPE__GRANT || type == BILLINGDB__ENTRY_TYPE__REFUND ||
	       type == BILLINGDB__ENTRY_TYPE__VOID;
}

int32_t ledger_move(struct store_tx *tx, Billingdb__Balance *balance, const struct ledger_move *move)
{
	const struct troupe_host *h = tx->store->h;
	int to_account = gives_to_account(move->type);
	char account[32];
	Billingdb__Entry entry = BILLINGDB__ENTRY__INIT;
	struct store_key key;
	uint8_t *head = store_alloc(tx, BILLING_HASH_SIZE);

	if (head == NULL || ledger_apply(move->type, move->amount, to_account, &balance->posted, &balance->pending) != 0) {
		return TROUPE_OUT_OF_RANGE;
	}
	snprintf(account, sizeof(account), "account:%" PRIu64, move->account);
	entry.has_serial = entry.has_type = entry.has_amount = entry.has_time_ms = 1;
	entry.serial = balance->entries + 1;
	entry.type = move->type;
	entry.debit = to_account ? (char *)move->other : account;
	entry.credit = to_account ? account : (char *)move->other;
	entry.amount = move->amount;
	entry.has_key = 1;
	entry.key.data = (uint8_t *)move->key;
	entry.key.len = TROUPE_KEY_SIZE;
	entry.reason = (char *)move->reason;
	entry.by = (char *)move->by;
	entry.time_ms = h->wall_ms(h);
	entry.has_previous = balance->head.len > 0;
	entry.previous = balance->head;
	store_put(tx, billing_key_entry(&key, move->account, move->currency, entry.serial), &entry.base);
	if (tx->broken) {
		return TROUPE_DATA_LOSS;
	}
	ledger_entry_hash(tx->ops[tx->ops_len - 1].value, tx->ops[tx->ops_len - 1].value_len, head);
	balance->has_posted = balance->has_pending = balance->has_entries = balance->has_head = 1;
	balance->entries = entry.serial;
	balance->head.data = head;
	balance->head.len = BILLING_HASH_SIZE;
	store_put(tx, billing_key_balance(&key, move->account, move->currency), &balance->base);
	if (move->type != BILLINGDB__ENTRY_TYPE__HOLD && move->type != BILLINGDB__ENTRY_TYPE__VOID) {
		store_add(tx, billing_key_counter(&key, move->currency, move->other),
			  to_account ? -move->amount : move->amount, INT64_MIN);
	}
	return TROUPE_OK;
}
