/* SPDX-License-Identifier: MIT */
/* The audit of the ledger: everything is added up anew from the entries, in one walk over one moment. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "billing.h"
#include "findings/findings.h"

#define SUMS_MAX 64

/* What the entries say about one currency. */
struct sum {
	char currency[BILLING_NAME_MAX + 1];
	int64_t players;	/* posted, all accounts */
	int64_t pending, held;	/* pending of the accounts; amounts of the holds that are HELD */
	int64_t source, sink;	/* as the entries have it */
	int64_t counted_source, counted_sink; /* as stored */
};

struct verify {
	struct store_walk walk;
	struct findings findings;
	uint64_t accounts, entries, holds;
	struct sum sums[SUMS_MAX];
	uint32_t sums_len;
	/* the account and currency being added up: its balance record comes first, then its entries */
	int open;
	uint8_t prefix[STORE_KEY_MAX];
	uint32_t prefix_len;
	struct sum *sum;
	int64_t stored_posted, stored_pending, posted, pending;
	uint64_t stored_entries, serial;
	uint8_t stored_head[BILLING_HASH_SIZE], head[BILLING_HASH_SIZE];
	uint32_t stored_head_len, head_len;
};

static struct sum *sum_of(struct verify *v, const char *currency)
{
	for (uint32_t i = 0; i < v->sums_len; i++) {
		if (strcmp(v->sums[i].currency, currency) == 0) {
			return &v->sums[i];
		}
	}
	if (v->sums_len == SUMS_MAX || strlen(currency) > BILLING_NAME_MAX) {
		findings_add(&v->findings, "a currency too many, or of too long a name: %.40s", currency);
		return NULL;
	}
	strcpy(v->sums[v->sums_len].currency, currency);
	return &v->sums[v->sums_len++];
}

static void add(struct verify *v, int64_t *total, int64_t amount)
{
	if (__builtin_add_overflow(*total, amount, total)) {
		findings_add(&v->findings, "a total is above what fits 64 bits");
	}
}

/* --- accounts ------------------------------------------------------------------------------------- */

static void account_close(struct verify *v)
{
	char who[64];

	if (!v->open) {
		return;
	}
	v->open = 0;
	snprintf(who, sizeof(who), "account:%" PRIu64 " %s", store_u64_be(v->prefix + strlen("billing/a/")),
		 v->sum != NULL ? v->sum->currency : "?");
	if (v->stored_posted != v->posted || v->stored_pending != v->pending) {
		findings_add(&v->findings, "%s: stored %" PRId64 "/%" PRId64 ", its entries give %" PRId64 "/%" PRId64, who,
			v->stored_posted, v->stored_pending, v->posted, v->pending);
	}
	if (v->stored_entries != v->serial || v->stored_head_len != v->head_len ||
	    memcmp(v->stored_head, v->head, v->head_len) != 0) {
		findings_add(&v->findings, "%s: the chain of its entries does not end where its balance says", who);
	}
	if (v->stored_pending < 0 || v->stored_posted < v->stored_pending) {
		findings_add(&v->findings, "%s: less than nothing is free: %" PRId64 " - %" PRId64, who, v->stored_posted,
			v->stored_pending);
	}
	if (v->sum != NULL) {
		add(v, &v->sum->players, v->stored_posted);
		add(v, &v->sum->pending, v->stored_pending);
	}
}

static void account_open(struct verify *v, const struct troupe_db_value *value, struct proto_arena *arena)
{
	const Billingdb__Balance *balance = (const Billingdb__Balance *)proto_unpack(&billingdb__balance__descriptor,
										     value->value, value->value_len,
										     arena);

	account_close(v);
	if (balance == NULL || balance->head.len > BILLING_HASH_SIZE) {
		findings_add(&v->findings, "a balance cannot be read");
		return;
	}
	v->accounts++;
	v->open = 1;
	memcpy(v->prefix, value->key, value->key_len);
	v->prefix_len = value->key_len;
	v->sum = sum_of(v, (const char *)v->prefix + strlen("billing/a/") + 8);
	v->stored_posted = balance->posted;
	v->stored_pending = balance->pending;
	v->stored_entries = balance->entries;
	v->stored_head_len = (uint32_t)balance->head.len;
	if (balance->head.len > 0) {
		memcpy(v->stored_head, balance->head.data, balance->head.len);
	}
	v->posted = v->pending = 0;
	v->serial = 0;
	v->head_len = 0;
}

static void entry(struct verify *v, const struct troupe_db_value *value, struct proto_arena *arena)
{
	const Billingdb__Entry *e = (const Billingdb__Entry *)proto_unpack(&billingdb__entry__descriptor, value->value,
									  value->value_len, arena);
	char account[32];
	int to_account;
	const char *other;

	v->entries++;
	if (e == NULL || e->debit == NULL || e->credit == NULL) {
		findings_add(&v->findings, "an entry cannot be read");
		return;
	}
	if (!v->open || memcmp(v->prefix, value->key, v->prefix_len) != 0) {
		findings_add(&v->findings, "entry %" PRIu64 " of %s to %s has no balance", e->serial, e->debit, e->credit);
		return;
	}
	snprintf(account, sizeof(account), "account:%" PRIu64, store_u64_be(v->prefix + strlen("billing/a/")));
	if (e->serial != v->serial + 1 || e->previous.len != v->head_len ||
	    (v->head_len > 0 && memcmp(e->previous.data, v->head, v->head_len) != 0)) {
		findings_add(&v->findings, "%s: the chain is broken before entry %" PRIu64, account, e->serial);
	}
	v->serial = e->serial;
	ledger_entry_hash(value->value, value->value_len, v->head);
	v->head_len = BILLING_HASH_SIZE;
	to_account = strcmp(e->credit, account) == 0;
	if (!to_account && strcmp(e->debit, account) != 0) {
		findings_add(&v->findings, "%s: entry %" PRIu64 " is about others", account, e->serial);
	}
	if (ledger_apply(e->type, e->amount, to_account, &v->posted, &v->pending) != 0) {
		findings_add(&v->findings, "%s: entry %" PRIu64 " takes what is not there", account, e->serial);
	}
	if (e->type == BILLINGDB__ENTRY_TYPE__HOLD || e->type == BILLINGDB__ENTRY_TYPE__VOID || v->sum == NULL) {
		return;
	}
	other = to_account ? e->debit : e->credit;
	add(v, strcmp(other, BILLING_SINK) == 0 ? &v->sum->sink : &v->sum->source, to_account ? -e->amount : e->amount);
}

/* --- the rest ------------------------------------------------------------------------------------- */

static void counter(struct verify *v, const struct troupe_db_value *value)
{
	const char *currency = (const char *)value->key + strlen("billing/c/");
	const char *end = (const char *)value->key + value->key_len;
	const char *name = currency + strnlen(currency, (size_t)(end - currency)) + 1;
	struct sum *sum;

	if (name >= end || end[-1] != '\0') {
		findings_add(&v->findings, "a counter has a key that nobody wrote");
		return;
	}
	sum = sum_of(v, currency);
	if (sum != NULL) {
		add(v, strcmp(name, BILLING_SINK) == 0 ? &sum->counted_sink : &sum->counted_source,
		    store_i64(value->value, value->value_len));
	}
}

static void hold(struct verify *v, const struct troupe_db_value *value, struct proto_arena *arena)
{
	const Billingdb__Hold *h = (const Billingdb__Hold *)proto_unpack(&billingdb__hold__descriptor, value->value,
									value->value_len, arena);
	struct sum *sum;

	v->holds++;
	if (h == NULL) {
		findings_add(&v->findings, "a hold cannot be read");
		return;
	}
	if (h->state == BILLINGDB__HOLD_STATE__HELD) {
		sum = sum_of(v, h->currency != NULL ? h->currency : "");
		if (sum != NULL) {
			add(v, &sum->held, h->amount);
		}
	}
}

static int verify_each(struct store_walk *walk, const struct troupe_db_value *value)
{
	struct verify *v = (struct verify *)walk;
	const char *key = value->key;
	size_t head = strlen("billing/a/");
	struct proto_arena arena;

	proto_arena_init(&arena);
	if (value->key_len <= head) {
		findings_add(&v->findings, "a record has a key that nobody wrote");
	} else if (key[head - 2] == 'a') {
		/* ACCOUNT(8) CURRENCY\0, and for an entry e SERIAL(8) */
		size_t name = head + 8;
		size_t used = name < value->key_len ? name + strnlen(key + name, value->key_len - name) + 1 : 0;

		if (used == value->key_len) {
			account_open(v, value, &arena);
		} else if (used > 0 && used + 9 == value->key_len) {
			entry(v, value, &arena);
		} else {
			findings_add(&v->findings, "a record has a key that nobody wrote");
		}
	} else if (key[head - 2] == 'c') {
		counter(v, value);
	} else if (key[head - 2] == 'h') {
		hold(v, value, &arena);
	}
	proto_arena_free(&arena);
	return 0;
}

static void sums(struct verify *v, struct json *json)
{
	json_key(json, "currencies");
	json_open(json, '[');
	for (uint32_t i = 0; i < v->sums_len; i++) {
		struct sum *s = &v->sums[i];
		int64_t total = 0;

		if (s->source != s->counted_source || s->sink != s->counted_sink) {
			findings_add(&v->findings, "%s: source and sink hold %" PRId64 " and %" PRId64 ", the entries give %" PRId64
				   " and %" PRId64,
				s->currency, s->counted_source, s->counted_sink, s->source, s->sink);
		}
		add(v, &total, s->players);
		add(v, &total, s->counted_source);
		add(v, &total, s->counted_sink);
		if (total != 0) {
			findings_add(&v->findings, "%s: the books are off by %" PRId64, s->currency, total);
		}
		if (s->pending != s->held) {
			findings_add(&v->findings, "%s: %" PRId64 " is pending, %" PRId64 " is held by orders", s->currency, s->pending,
				s->held);
		}
		json_open(json, '{');
		json_key(json, "currency");
		json_text(json, s->currency);
		json_key(json, "players");
		json_number(json, s->players);
		json_key(json, "held");
		json_number(json, s->held);
		json_key(json, "source");
		json_number(json, s->counted_source);
		json_key(json, "sink");
		json_number(json, s->counted_sink);
		json_key(json, "sum");
		json_number(json, total);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void verify_end(struct store_walk *walk, int32_t status)
{
	struct verify *v = (struct verify *)walk;
	const struct troupe_host *h = walk->store->h;
	struct json json = { 0 };

	if (status != TROUPE_OK) {
		proto_refuse(h, walk->request, status, "store.not_read");
		return;
	}
	account_close(v);
	json_open(&json, '{');
	sums(v, &json);
	json_key(&json, "accounts");
	json_number(&json, (int64_t)v->accounts);
	json_key(&json, "entries");
	json_number(&json, (int64_t)v->entries);
	json_key(&json, "holds");
	json_number(&json, (int64_t)v->holds);
	findings_write(&v->findings, &json);
	json_close(&json, '}');
	json_reply(&json, h, walk->request);
}

void billing_verify(struct billing *billing, const struct troupe_request *request)
{
	struct verify *v = store_walk_new(&billing->store, sizeof(*v));

	if (v == NULL) {
		proto_refuse(billing->h, request->id, TROUPE_RESOURCE_EXHAUSTED, "store.busy");
		return;
	}
	v->walk.request = request->id;
	v->walk.with_snapshot = 1;
	v->walk.page = 1000;
	v->walk.each = verify_each;
	v->walk.end = verify_end;
	store_walk_run(v, "billing/");
}
