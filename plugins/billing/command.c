/* SPDX-License-Identifier: MIT */
/* The commands of operators: grant, balance, history, verify. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "billing.h"
#include "json/json.h"
#include "secret/secret.h"

#define HISTORY_MAX 500

/* --- grant, balance ------------------------------------------------------------------------------- */

struct grant_args {
	int64_t account;
	const char *currency;
	int64_t amount;
	const char *reason, *key;
};

static void command_grant(void *instance, const struct troupe_request *request, const void *args)
{
	struct billing *billing = instance;
	const struct grant_args *a = args;
	Billing__GrantRequest grant = BILLING__GRANT_REQUEST__INIT;
	uint8_t key[SECRET_HASH_SIZE];

	if (a->key != NULL && a->key[0] != '\0') {
		char text[160];

		secret_hash(text, (size_t)snprintf(text, sizeof(text), "operator:%s", a->key), key);
	} else if (request->key != NULL) {
		memcpy(key, request->key, TROUPE_KEY_SIZE);
	} else {
		billing->h->random_bytes(billing->h, key, TROUPE_KEY_SIZE);
	}
	grant.key.data = key;
	grant.key.len = TROUPE_KEY_SIZE;
	grant.account = (uint64_t)a->account;
	grant.currency = (char *)a->currency;
	grant.amount = a->amount;
	grant.reason = (char *)a->reason;
	billing_grant_start(billing, request, &grant);
}

struct balance_args {
	int64_t account;
};

static void command_balance(void *instance, const struct troupe_request *request, const void *args)
{
	billing_balances_start(instance, request, (uint64_t)((const struct balance_args *)args)->account);
}

/* --- history -------------------------------------------------------------------------------------- */

struct history_args {
	int64_t account;
	const char *currency;
	int64_t after, limit;
};

struct history {
	struct store_walk walk;
	struct json json;
};

static const char *type_name(Billingdb__EntryType type)
{
	const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(&billingdb__entry_type__descriptor, (int)type);

	return value != NULL ? value->name : "?";
}

static void write_hex(struct json *json, const ProtobufCBinaryData *bytes)
{
	char text[2 * TROUPE_KEY_SIZE + 1] = "";

	for (size_t i = 0; i < bytes->len && i < TROUPE_KEY_SIZE; i++) {
		snprintf(text + 2 * i, 3, "%02x", bytes->data[i]);
	}
	json_text(json, text);
}

static int history_each(struct store_walk *walk, const struct troupe_db_value *value)
{
	struct json *json = &((struct history *)walk)->json;
	struct proto_arena arena;
	const Billingdb__Entry *entry;

	proto_arena_init(&arena);
	entry = (const Billingdb__Entry *)proto_unpack(&billingdb__entry__descriptor, value->value, value->value_len,
						       &arena);
	if (entry != NULL) {
		json_open(json, '{');
		json_key(json, "serial");
		json_number(json, (int64_t)entry->serial);
		json_key(json, "time_ms");
		json_number(json, entry->time_ms);
		json_key(json, "type");
		json_text(json, type_name(entry->type));
		json_key(json, "debit");
		json_text(json, entry->debit);
		json_key(json, "credit");
		json_text(json, entry->credit);
		json_key(json, "amount");
		json_number(json, entry->amount);
		json_key(json, "key");
		write_hex(json, &entry->key);
		json_key(json, "reason");
		json_text(json, entry->reason);
		json_key(json, "by");
		json_text(json, entry->by);
		json_close(json, '}');
	}
	proto_arena_free(&arena);
	return 0;
}

static void history_end(struct store_walk *walk, int32_t status)
{
	struct history *history = (struct history *)walk;
	const struct troupe_host *h = walk->store->h;

	if (status != TROUPE_OK) {
		proto_refuse(h, walk->request, status, "store.not_read");
		return;
	}
	json_close(&history->json, ']');
	json_reply(&history->json, h, walk->request);
	memset(&history->json, 0, sizeof(history->json));
}

static void history_release(struct store_walk *walk)
{
	free(((struct history *)walk)->json.text);
}

static void command_history(void *instance, const struct troupe_request *request, const void *args)
{
	struct billing *billing = instance;
	const struct history_args *a = args;
	struct history *history;

	if (billing_currency(billing, a->currency) == NULL) {
		proto_refuse(billing->h, request->id, TROUPE_INVALID_ARGUMENT, "billing.currency");
		return;
	}
	history = store_walk_new(&billing->store, sizeof(*history));
	if (history == NULL) {
		proto_refuse(billing->h, request->id, TROUPE_RESOURCE_EXHAUSTED, "store.busy");
		return;
	}
	history->walk.request = request->id;
	history->walk.max = (uint64_t)a->limit;
	history->walk.each = history_each;
	history->walk.end = history_end;
	history->walk.release = history_release;
	billing_key_entry(&history->walk.from, (uint64_t)a->account, a->currency, (uint64_t)a->after + 1);
	billing_key_entry(&history->walk.to, (uint64_t)a->account, a->currency, UINT64_MAX);
	json_open(&history->json, '[');
	store_walk_run(history, NULL);
}

static void command_verify(void *instance, const struct troupe_request *request, const void *args)
{
	(void)args;
	billing_verify(instance, request);
}

/* --- tables --------------------------------------------------------------------------------------- */

#define ACCOUNT(args) \
	{ .name = "account", .help = "The account's number: `troupe account show NAME` tells it.", .type = TROUPE_OPTION_INT, .flags = TROUPE_OPTION_REQUIRED, \
	  .offset = offsetof(args, account), .min = 1, .max = INT64_MAX }
#define CURRENCY(args) \
	{ .name = "currency", .help = "The currency's short name.", .type = TROUPE_OPTION_STRING, \
	  .flags = TROUPE_OPTION_REQUIRED, .offset = offsetof(args, currency), .min = 1, .max = BILLING_NAME_MAX }

static const struct troupe_option grant_table[] = {
	ACCOUNT(struct grant_args),
	CURRENCY(struct grant_args),
	{ .name = "amount", .help = "In the smallest unit.", .type = TROUPE_OPTION_INT, .flags = TROUPE_OPTION_REQUIRED,
	  .offset = offsetof(struct grant_args, amount), .min = 1, .max = INT64_MAX },
	{ .name = "reason", .help = "Why; it stands in the history.", .type = TROUPE_OPTION_STRING,
	  .flags = TROUPE_OPTION_REQUIRED, .offset = offsetof(struct grant_args, reason), .min = 1, .max = BILLING_REASON_MAX },
	{ .name = "key", .help = "A text of your own: the same key is the same grant, however often it is asked for.",
	  .fallback = "", .type = TROUPE_OPTION_STRING, .offset = offsetof(struct grant_args, key), .max = 100 },
	{ 0 },
};

static const struct troupe_option balance_table[] = { ACCOUNT(struct balance_args), { 0 } };

static const struct troupe_option history_table[] = {
	ACCOUNT(struct history_args),
	CURRENCY(struct history_args),
	{ .name = "after", .help = "Show what follows this entry.", .fallback = "0", .type = TROUPE_OPTION_INT,
	  .offset = offsetof(struct history_args, after), .max = INT64_MAX - 1 },
	{ .name = "limit", .help = "How many.", .fallback = "100", .type = TROUPE_OPTION_INT,
	  .offset = offsetof(struct history_args, limit), .min = 1, .max = HISTORY_MAX },
	{ 0 },
};

const struct troupe_command billing_commands[] = {
	{ .verb = "grant", .help = "Gives money to an account.", .right = "money", .args = grant_table,
	  .args_size = sizeof(struct grant_args), .flags = TROUPE_COMMAND_CHANGES, .run = command_grant },
	{ .verb = "balance", .help = "Shows what an account has.", .right = "read", .args = balance_table,
	  .args_size = sizeof(struct balance_args), .run = command_balance },
	{ .verb = "history", .help = "Shows the movements of an account in one currency.", .right = "read",
	  .args = history_table, .args_size = sizeof(struct history_args), .run = command_history },
	{ .verb = "verify", .help = "Adds up the whole ledger and checks its chains.", .right = "read",
	  .run = command_verify },
	{ 0 },
};
