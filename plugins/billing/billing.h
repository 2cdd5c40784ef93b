/* SPDX-License-Identifier: MIT */
/* What the parts of billing share. */
#ifndef BILLING_BILLING_H
#define BILLING_BILLING_H

#include "billing.stub.h"
#include "plugins/billing/record.pb-c.h"
#include "store/store.h"

/*
 * Keys in the database, all under "billing/":
 *   a/ ACCOUNT(8) CURRENCY\0                Balance
 *   a/ ACCOUNT(8) CURRENCY\0 e SERIAL(8)    Entry
 *   c/ CURRENCY\0 NAME\0                    a counter of TROUPE_DB_ADD: the balance of a source or sink. Everybody's
 *                                           movements meet there, so it is no record that rivals would fight for.
 *   h/ ORDER(16)                            Hold
 *   k/ KEY(16)                              Grant
 */
#define BILLING_SOURCE "source:operator"
#define BILLING_SINK "sink:mall"
#define BILLING_NAME_MAX 16u	/* bytes of a currency's name */
#define BILLING_CURRENCIES_MAX 16u
#define BILLING_REASON_MAX 200u
#define BILLING_HASH_SIZE 32u

struct billing_currency {
	const char *name;
	const char *title;
	int64_t decimals;
};

struct billing_options {
	const char *database;
	struct troupe_map currencies;
};

struct billing {
	const struct troupe_host *h;
	const struct billing_options *options;
	struct store store;
	uint32_t m_held, m_refused, m_posted, m_voided, m_granted;
};

/* Mistakes that the simulator must find; see tests/sim. Each is one macro here and its use in one place. */
#ifdef MUTANT_ACK_BEFORE_DURABLE
#define ACK_EARLY(answer) (answer)
#else
#define ACK_EARLY(answer) ((void)0)
#endif
#ifdef MUTANT_NO_VOID_TOMBSTONE
#define VOID_TOMBSTONE STORE_DONE
#else
#define VOID_TOMBSTONE STORE_COMMIT
#endif
#ifdef MUTANT_LOST_REFUSAL
#define RECORD_REFUSAL STORE_DONE
#else
#define RECORD_REFUSAL STORE_COMMIT
#endif
#ifdef MUTANT_PRUNED_KEY
#define HOLD_FINISH(tx, key, hold) store_delete((tx), (key))
#else
#define HOLD_FINISH(tx, key, hold) store_put((tx), (key), &(hold)->base)
#endif
#ifdef MUTANT_NO_HOLD_DEDUPE
#define HOLD_SEEN(hold) ((hold) != NULL && (hold)->state != BILLINGDB__HOLD_STATE__HELD)
#else
#define HOLD_SEEN(hold) ((hold) != NULL)
#endif
#ifdef MUTANT_NO_POST_DEDUPE
#define POST_SEEN(hold) 0
#else
#define POST_SEEN(hold) ((hold)->state == BILLINGDB__HOLD_STATE__POSTED)
#endif
#ifdef MUTANT_HOLD_TIMER
#define HOLD_EXPIRED(hold, now_ms) ((hold)->state == BILLINGDB__HOLD_STATE__HELD && (now_ms) - (hold)->time_ms > 200)
#else
#define HOLD_EXPIRED(hold, now_ms) 0
#endif

/* billing_currency: the configured currency of this name; NULL if there is none. */
const struct billing_currency *billing_currency(const struct billing *billing, const char *name);

/* Keys of records. */
struct store_key *billing_key_balance(struct store_key *key, uint64_t account, const char *currency);
struct store_key *billing_key_entry(struct store_key *key, uint64_t account, const char *currency, uint64_t serial);
struct store_key *billing_key_counter(struct store_key *key, const char *currency, const char *name);
struct store_key *billing_key_hold(struct store_key *key, const uint8_t *order);
struct store_key *billing_key_grant(struct store_key *key, const uint8_t *id);

/* A movement of one account, as ledger_move writes it. */
struct ledger_move {
	Billingdb__EntryType type;
	uint64_t account;
	const char *currency;
	int64_t amount;
	const uint8_t *key; /* TROUPE_KEY_SIZE bytes */
	const char *reason, *by;
	const char *other; /* BILLING_SOURCE or BILLING_SINK */
};

/* ledger_balance: the balance read, zeroes if there is none; NULL: not read yet, or damaged. Lives as long as tx. */
Billingdb__Balance *ledger_balance(struct store_tx *tx, uint64_t account, const char *currency);
/* ledger_move: adds entry, new balance and the other side to tx. `balance` is from ledger_balance and is changed.
 * OUT_OF_RANGE, and nothing added, if a balance would overflow or what is free would be below 0. */
int32_t ledger_move(struct store_tx *tx, Billingdb__Balance *balance, const struct ledger_move *move);
/* ledger_apply: what an entry does to a balance: 0, or -1 for what ledger_move refuses. */
int ledger_apply(Billingdb__EntryType type, int64_t amount, int to_account, int64_t *posted, int64_t *pending);
/* ledger_entry_hash: the link of the chain. */
void ledger_entry_hash(const void *packed, size_t len, uint8_t ret_hash[BILLING_HASH_SIZE]);

/* hold.c, grant.c, balance.c: handlers of methods. */
void billing_on_hold(void *instance, const struct troupe_request *request, const Billing__HoldRequest *body);
void billing_on_post(void *instance, const struct troupe_request *request, const Billing__PostRequest *body);
void billing_on_void(void *instance, const struct troupe_request *request, const Billing__VoidRequest *body);
void billing_on_grant(void *instance, const struct troupe_request *request, const Billing__GrantRequest *body);
void billing_on_balance(void *instance, const struct troupe_request *request, const Billing__BalanceRequest *body);

/* billing_grant_start: moves money from the source to an account, once for each `key`; answers the request with JSON
 * if it is a command, else with the reply of its method. billing_balances_start: all balances of an account; likewise. */
void billing_grant_start(struct billing *billing, const struct troupe_request *request, const Billing__GrantRequest *grant);
void billing_balances_start(struct billing *billing, const struct troupe_request *request, uint64_t account);

/* command.c, verify.c */
extern const struct troupe_command billing_commands[];
void billing_verify(struct billing *billing, const struct troupe_request *request);

#endif
