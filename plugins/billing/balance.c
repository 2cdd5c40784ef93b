/* SPDX-License-Identifier: MIT */
/* What an account has, in every currency. */
#include <string.h>

#include "billing.h"
#include "json/json.h"

struct balance_tx {
	struct store_tx tx;
	uint64_t account;
	uint32_t command;
	int64_t posted[BILLING_CURRENCIES_MAX], pending[BILLING_CURRENCIES_MAX];
};

static const struct billing_currency *nth(const struct billing *billing, uint32_t i)
{
	return (const struct billing_currency *)billing->options->currencies.items + i;
}

static enum store_next balance_decide(struct store_tx *tx)
{
	struct balance_tx *t = (struct balance_tx *)tx;
	struct billing *billing = tx->store->instance;
	int waiting = 0;

	for (uint32_t i = 0; i < billing->options->currencies.count; i++) {
		const Billingdb__Balance *balance = ledger_balance(tx, t->account, nth(billing, i)->name);

		waiting |= balance == NULL;
		if (balance != NULL) {
			t->posted[i] = balance->posted;
			t->pending[i] = balance->pending;
		}
	}
	return waiting ? STORE_READ : STORE_DONE;
}

static void reply_json(struct billing *billing, const struct balance_tx *t)
{
	struct json json = { 0 };

	json_open(&json, '[');
	for (uint32_t i = 0; i < billing->options->currencies.count; i++) {
		json_open(&json, '{');
		json_key(&json, "currency");
		json_text(&json, nth(billing, i)->name);
		json_key(&json, "posted");
		json_number(&json, t->posted[i]);
		json_key(&json, "pending");
		json_number(&json, t->pending[i]);
		json_key(&json, "available");
		json_number(&json, t->posted[i] - t->pending[i]);
		json_close(&json, '}');
	}
	json_close(&json, ']');
	json_reply(&json, billing->h, t->tx.request);
}

static void balance_done(struct store_tx *tx)
{
	struct balance_tx *t = (struct balance_tx *)tx;
	struct billing *billing = tx->store->instance;
	Billing__Balance balances[BILLING_CURRENCIES_MAX], *pointers[BILLING_CURRENCIES_MAX];
	Billing__BalanceReply reply = BILLING__BALANCE_REPLY__INIT;

	if (tx->status != TROUPE_OK) {
		proto_refuse(billing->h, tx->request, tx->status, tx->reason);
		return;
	}
	if (t->command) {
		reply_json(billing, t);
		return;
	}
	reply.balances = pointers;
	reply.n_balances = billing->options->currencies.count;
	for (uint32_t i = 0; i < reply.n_balances; i++) {
		billing__balance__init(&balances[i]);
		balances[i].currency = (char *)nth(billing, i)->name;
		balances[i].has_posted = balances[i].has_pending = 1;
		balances[i].posted = t->posted[i];
		balances[i].pending = t->pending[i];
		pointers[i] = &balances[i];
	}
	billing_balance_reply(billing->h, tx->request, &reply);
}

void billing_balances_start(struct billing *billing, const struct troupe_request *request, uint64_t account)
{
	static const struct store_kind kind = { sizeof(struct balance_tx), balance_decide, balance_done };
	struct balance_tx *t = store_new(&billing->store, &kind, request, 5000);

	if (t != NULL) {
		t->account = account;
		t->command = request->operator_name != NULL;
		store_run(t, 0);
	}
}

void billing_on_balance(void *instance, const struct troupe_request *request, const Billing__BalanceRequest *body)
{
	struct billing *billing = instance;

	(void)body;
	if (request->account == 0) {
		proto_refuse(billing->h, request->id, TROUPE_UNAUTHENTICATED, "billing.no_account");
		return;
	}
	billing_balances_start(billing, request, request->account);
}
