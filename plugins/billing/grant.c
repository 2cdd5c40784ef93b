/* SPDX-License-Identifier: MIT */
/* Grants: money that operators give, from a named source so that the books still add up to 0. */
#include <string.h>

#include "billing.h"
#include "json/json.h"

struct grant_tx {
	struct store_tx tx;
	uint8_t key[TROUPE_KEY_SIZE];
	uint64_t account;
	int64_t amount, posted;
	uint32_t command, again;
	char currency[BILLING_NAME_MAX + 1];
	char reason[BILLING_REASON_MAX + 1];
	char by[65];
};

static enum store_next grant_decide(struct store_tx *tx)
{
	struct grant_tx *t = (struct grant_tx *)tx;
	struct store_key key;
	const struct store_value *value = store_read(tx, billing_key_grant(&key, t->key));
	Billingdb__Balance *balance = ledger_balance(tx, t->account, t->currency);
	Billingdb__Grant *seen, grant = BILLINGDB__GRANT__INIT;
	struct ledger_move move = {
		.type = BILLINGDB__ENTRY_TYPE__GRANT,
		.account = t->account,
		.currency = t->currency,
		.amount = t->amount,
		.key = t->key,
		.reason = t->reason,
		.by = t->by[0] != '\0' ? t->by : NULL,
		.other = BILLING_SOURCE,
	};

	if (value == NULL || balance == NULL) {
		return STORE_READ;
	}
	seen = store_unpack(tx, value, &billingdb__grant__descriptor);
	t->again = seen != NULL;
	if (seen != NULL) {
		if (seen->account != t->account || seen->amount != t->amount || seen->currency == NULL ||
		    strcmp(seen->currency, t->currency) != 0) {
			return store_refuse(tx, TROUPE_ALREADY_EXISTS, "billing.key_reused");
		}
		t->posted = seen->posted;
		return STORE_DONE;
	}
	if (ledger_move(tx, balance, &move) != TROUPE_OK) {
		return store_refuse(tx, TROUPE_OUT_OF_RANGE, "billing.overflow");
	}
	t->posted = balance->posted;
	grant.has_account = grant.has_amount = grant.has_posted = 1;
	grant.account = t->account;
	grant.currency = t->currency;
	grant.amount = t->amount;
	grant.posted = t->posted;
	store_put(tx, &key, &grant.base);
	return STORE_COMMIT;
}

static void grant_done(struct store_tx *tx)
{
	struct grant_tx *t = (struct grant_tx *)tx;
	struct billing *billing = tx->store->instance;
	Billing__GrantReply reply = BILLING__GRANT_REPLY__INIT;
	struct json json = { 0 };

	if (tx->status != TROUPE_OK) {
		proto_refuse(billing->h, tx->request, tx->status, tx->reason);
		return;
	}
	billing->h->metric_add(billing->h, billing->m_granted, !t->again);
	if (!t->command) {
		reply.has_posted = 1;
		reply.posted = t->posted;
		billing_grant_reply(billing->h, tx->request, &reply);
		return;
	}
	json_open(&json, '{');
	json_key(&json, "account");
	json_id(&json, t->account);
	json_key(&json, "currency");
	json_text(&json, t->currency);
	json_key(&json, "amount");
	json_number(&json, t->amount);
	json_key(&json, "posted");
	json_number(&json, t->posted);
	json_key(&json, "again");
	json_bool(&json, (int)t->again);
	json_close(&json, '}');
	json_reply(&json, billing->h, tx->request);
}

/* refusal: why this cannot be a grant; NULL if it can. */
static const char *refusal(const struct billing *billing, const Billing__GrantRequest *grant)
{
	if (grant->key.len != TROUPE_KEY_SIZE) {
		return "billing.key";
	}
	if (grant->account == 0) {
		return "billing.account";
	}
	if (grant->amount <= 0) {
		return "billing.amount";
	}
	if (grant->currency == NULL || billing_currency(billing, grant->currency) == NULL) {
		return "billing.currency";
	}
	if (grant->reason == NULL || grant->reason[0] == '\0' || strlen(grant->reason) > BILLING_REASON_MAX) {
		return "billing.reason";
	}
	return NULL;
}

void billing_grant_start(struct billing *billing, const struct troupe_request *request, const Billing__GrantRequest *grant)
{
	static const struct store_kind kind = { sizeof(struct grant_tx), grant_decide, grant_done };
	const char *why = refusal(billing, grant);
	struct grant_tx *t;

	if (why != NULL) {
		proto_refuse(billing->h, request->id, TROUPE_INVALID_ARGUMENT, why);
		return;
	}
	t = store_new(&billing->store, &kind, request, 5000);
	if (t == NULL) {
		return;
	}
	memcpy(t->key, grant->key.data, TROUPE_KEY_SIZE);
	t->account = grant->account;
	t->amount = grant->amount;
	strcpy(t->currency, grant->currency);
	strcpy(t->reason, grant->reason);
	t->command = request->operator_name != NULL;
	if (t->command) {
		strncpy(t->by, request->operator_name, sizeof(t->by) - 1);
	}
	store_run(t, t->account);
}

void billing_on_grant(void *instance, const struct troupe_request *request, const Billing__GrantRequest *body)
{
	billing_grant_start(instance, request, body);
}
