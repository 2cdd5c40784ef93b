/* SPDX-License-Identifier: MIT */
/* The commands of operators: orders, retry, audit. */
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "findings/findings.h"
#include "mall.h"

#define ORDERS_MAX 200
#define LATE_MS 60000

static void order_hex(const uint8_t *id, char ret_text[2 * MALL_ID_SIZE + 1])
{
	static const char digits[] = "0123456789abcdef";

	for (unsigned i = 0; i < MALL_ID_SIZE; i++) {
		ret_text[2 * i] = digits[id[i] >> 4];
		ret_text[2 * i + 1] = digits[id[i] & 15];
	}
	ret_text[2 * MALL_ID_SIZE] = '\0';
}

static int order_unhex(const char *text, uint8_t ret_id[MALL_ID_SIZE])
{
	if (strlen(text) != 2 * MALL_ID_SIZE || strspn(text, "0123456789abcdefABCDEF") != 2 * MALL_ID_SIZE) {
		return -1;
	}
	for (unsigned i = 0; i < MALL_ID_SIZE; i++) {
		char byte[3] = { text[2 * i], text[2 * i + 1], '\0' };

		ret_id[i] = (uint8_t)strtoul(byte, NULL, 16);
	}
	return 0;
}

static int load(const struct troupe_db_value *value, struct mall_order *ret_order)
{
	struct proto_arena arena;
	const Malldb__Order *record;
	int result = -1;

	proto_arena_init(&arena);
	record = (const Malldb__Order *)proto_unpack(&malldb__order__descriptor, value->value, value->value_len, &arena);
	if (record != NULL) {
		result = mall_order_load(record, (const uint8_t *)value->key + value->key_len - MALL_ID_SIZE, ret_order);
	}
	proto_arena_free(&arena);
	return result;
}

/* --- orders --------------------------------------------------------------------------------------- */

struct orders_args {
	int64_t account;
	int64_t open;
	int64_t limit;
};

struct orders {
	struct store_walk walk;
	struct orders_args args;
	int64_t shown;
	struct json json;
};

static int orders_each(struct store_walk *walk, const struct troupe_db_value *value)
{
	struct orders *orders = (struct orders *)walk;
	struct json *json = &orders->json;
	struct mall_order order;
	char hex[2 * MALL_ID_SIZE + 1];

	if (value->key_len != strlen("mall/o/") + MALL_ID_SIZE || load(value, &order) != 0 ||
	    (orders->args.account != 0 && order.account != (uint64_t)orders->args.account) ||
	    (orders->args.open && !mall_order_open(order.state))) {
		return 0;
	}
	order_hex(order.id, hex);
	json_open(json, '{');
	json_key(json, "order");
	json_text(json, hex);
	json_key(json, "state");
	json_text(json, mall_state_name(order.state));
	json_key(json, "account");
	json_id(json, order.account);
	json_key(json, "avatar");
	json_id(json, order.avatar);
	json_key(json, "offer");
	json_text(json, order.offer);
	json_key(json, "currency");
	json_text(json, order.currency);
	json_key(json, "price");
	json_number(json, order.price);
	json_key(json, "reason");
	json_text(json, order.reason);
	json_key(json, "created_ms");
	json_number(json, order.created_ms);
	json_key(json, "changed_ms");
	json_number(json, order.changed_ms);
	json_close(json, '}');
	return ++orders->shown >= orders->args.limit;
}

static void orders_end(struct store_walk *walk, int32_t status)
{
	struct orders *orders = (struct orders *)walk;
	const struct troupe_host *h = walk->store->h;

	if (status != TROUPE_OK) {
		proto_refuse(h, walk->request, status, "store.not_read");
		return;
	}
	json_close(&orders->json, ']');
	json_reply(&orders->json, h, walk->request);
}

static void orders_release(struct store_walk *walk)
{
	free(((struct orders *)walk)->json.text);
}

static void command_orders(void *instance, const struct troupe_request *request, const void *args)
{
	struct mall *mall = instance;
	struct orders *orders = store_walk_new(&mall->store, sizeof(*orders));

	if (orders == NULL) {
		proto_refuse(mall->h, request->id, TROUPE_RESOURCE_EXHAUSTED, "store.busy");
		return;
	}
	orders->args = *(const struct orders_args *)args;
	orders->walk.request = request->id;
	orders->walk.each = orders_each;
	orders->walk.end = orders_end;
	orders->walk.release = orders_release;
	json_open(&orders->json, '[');
	store_walk_run(orders, "mall/o/");
}

/* --- retry ---------------------------------------------------------------------------------------- */

struct retry_args {
	const char *order;
};

static void command_retry(void *instance, const struct troupe_request *request, const void *args)
{
	struct mall *mall = instance;
	const struct retry_args *a = args;
	uint8_t id[MALL_ID_SIZE];
	struct mall_work *work;
	struct json json = { 0 };

	if (order_unhex(a->order, id) != 0) {
		proto_refuse(mall->h, request->id, TROUPE_INVALID_ARGUMENT, "mall.order");
		return;
	}
	work = mall_work(mall, id);
	if (work == NULL) {
		proto_refuse(mall->h, request->id, TROUPE_RESOURCE_EXHAUSTED, "mall.full");
		return;
	}
	mall_event_post(work, MALL_LOOK, "");
	json_open(&json, '{');
	json_key(&json, "order");
	json_text(&json, a->order);
	json_key(&json, "asked");
	json_bool(&json, 1);
	json_close(&json, '}');
	json_reply(&json, mall->h, request->id);
}

/* --- audit ---------------------------------------------------------------------------------------- */

#define STATES 9

struct audit {
	struct store_walk walk;
	struct findings findings;
	uint64_t orders, open, marked, states[STATES];
	uint32_t stocks_len;
	struct stock {
		char offer[MALL_OFFER_MAX + 1];
		int64_t taken, left, given;
	} stocks[MALL_OFFERS_MAX];
};

static struct stock *stock_of(struct audit *audit, const char *offer)
{
	for (uint32_t i = 0; i < audit->stocks_len; i++) {
		if (strcmp(audit->stocks[i].offer, offer) == 0) {
			return &audit->stocks[i];
		}
	}
	if (audit->stocks_len == MALL_OFFERS_MAX || strlen(offer) > MALL_OFFER_MAX) {
		findings_add(&audit->findings, "more limited offers than this check can hold");
		return NULL;
	}
	strcpy(audit->stocks[audit->stocks_len].offer, offer);
	return &audit->stocks[audit->stocks_len++];
}

static void audit_order(struct audit *audit, const struct troupe_db_value *value)
{
	const struct troupe_host *h = audit->walk.store->h;
	struct mall_order order;
	struct stock *stock;
	char hex[2 * MALL_ID_SIZE + 1];

	audit->orders++;
	order_hex((const uint8_t *)value->key + value->key_len - MALL_ID_SIZE, hex);
	if (load(value, &order) != 0 || order.state < 1 || (unsigned)order.state >= STATES) {
		findings_add(&audit->findings, "order %s cannot be read", hex);
		return;
	}
	audit->states[order.state]++;
	audit->open += (uint64_t)mall_order_open(order.state);
	if (mall_order_open(order.state) && h->wall_ms(h) - order.changed_ms > LATE_MS) {
		findings_add(&audit->findings, "order %s has been %s for more than a minute", hex,
			     mall_state_name(order.state));
	}
	if (order.stocked) {
		if (order.state == MALLDB__STATE__FAILED || order.state == MALLDB__STATE__REJECTED) {
			findings_add(&audit->findings, "order %s ended without giving back its stock", hex);
		}
		stock = stock_of(audit, order.offer);
		if (stock != NULL) {
			stock->taken++;
		}
	}
}

/* name_of: the offer in a key of stock; NULL if it is not one. */
static const char *name_of(const struct troupe_db_value *value)
{
	const char *key = value->key;

	return value->key_len > strlen("mall/s/") && key[value->key_len - 1] == '\0' ? key + strlen("mall/s/") : NULL;
}

static void audit_stock(struct audit *audit, const struct troupe_db_value *value, int given)
{
	const char *name = name_of(value);
	struct stock *stock = name != NULL ? stock_of(audit, name) : NULL;
	struct proto_arena arena;
	const Malldb__Stock *record;

	if (stock == NULL) {
		findings_add(&audit->findings, "a record has a key that nobody wrote");
		return;
	}
	if (!given) {
		stock->left = store_i64(value->value, value->value_len);
		return;
	}
	proto_arena_init(&arena);
	record = (const Malldb__Stock *)proto_unpack(&malldb__stock__descriptor, value->value, value->value_len, &arena);
	if (record == NULL) {
		findings_add(&audit->findings, "the stock of %s cannot be read", name);
	} else {
		stock->given = record->given;
	}
	proto_arena_free(&arena);
}

static int audit_each(struct store_walk *walk, const struct troupe_db_value *value)
{
	struct audit *audit = (struct audit *)walk;
	char kind = value->key_len > 7 ? ((const char *)value->key)[5] : '\0';

	if (kind == 'o' && value->key_len == 7 + MALL_ID_SIZE) {
		audit_order(audit, value);
	} else if (kind == 'p' && value->key_len == 7 + MALL_ID_SIZE) {
		audit->marked++;
	} else if (kind == 's' || kind == 't') {
		audit_stock(audit, value, kind == 't');
	} else if (kind != 'u') {
		findings_add(&audit->findings, "a record has a key that nobody wrote");
	}
	return 0;
}

static void audit_write(struct audit *audit, struct json *json)
{
	json_key(json, "orders");
	json_number(json, (int64_t)audit->orders);
	json_key(json, "open");
	json_number(json, (int64_t)audit->open);
	for (unsigned i = 1; i < STATES; i++) {
		json_key(json, mall_state_name((Malldb__State)i));
		json_number(json, (int64_t)audit->states[i]);
	}
	for (uint32_t i = 0; i < audit->stocks_len; i++) {
		struct stock *stock = &audit->stocks[i];

		if (stock->left != stock->given - stock->taken) {
			findings_add(&audit->findings,
				     "%s: %" PRId64 " left, but %" PRId64 " were put in and orders took %" PRId64,
				     stock->offer, stock->left, stock->given, stock->taken);
		}
	}
	if (audit->open != audit->marked) {
		findings_add(&audit->findings, "%" PRIu64 " orders are open, the outbox knows %" PRIu64, audit->open,
			     audit->marked);
	}
	findings_write(&audit->findings, json);
}

static void audit_end(struct store_walk *walk, int32_t status)
{
	struct audit *audit = (struct audit *)walk;
	const struct troupe_host *h = walk->store->h;
	struct json json = { 0 };

	if (status != TROUPE_OK) {
		proto_refuse(h, walk->request, status, "store.not_read");
		return;
	}
	json_open(&json, '{');
	audit_write(audit, &json);
	json_close(&json, '}');
	json_reply(&json, h, walk->request);
}

static void command_audit(void *instance, const struct troupe_request *request, const void *args)
{
	struct mall *mall = instance;
	struct audit *audit = store_walk_new(&mall->store, sizeof(*audit));

	(void)args;
	if (audit == NULL) {
		proto_refuse(mall->h, request->id, TROUPE_RESOURCE_EXHAUSTED, "store.busy");
		return;
	}
	audit->walk.request = request->id;
	audit->walk.with_snapshot = 1;
	audit->walk.page = 1000;
	audit->walk.each = audit_each;
	audit->walk.end = audit_end;
	store_walk_run(audit, "mall/");
}

/* --- tables --------------------------------------------------------------------------------------- */

static const struct troupe_option orders_table[] = {
	{ .name = "account", .help = "Only those of this account; 0 = all.", .fallback = "0", .type = TROUPE_OPTION_INT,
	  .offset = offsetof(struct orders_args, account), .max = INT64_MAX },
	{ .name = "open", .help = "Only those that have not ended.", .fallback = "false", .type = TROUPE_OPTION_BOOL,
	  .offset = offsetof(struct orders_args, open) },
	{ .name = "limit", .help = "How many.", .fallback = "50", .type = TROUPE_OPTION_INT,
	  .offset = offsetof(struct orders_args, limit), .min = 1, .max = ORDERS_MAX },
	{ 0 },
};

static const struct troupe_option retry_table[] = {
	{ .name = "order", .help = "The order's id, 32 hexadecimal digits.", .type = TROUPE_OPTION_STRING,
	  .flags = TROUPE_OPTION_REQUIRED, .offset = offsetof(struct retry_args, order), .min = 32, .max = 32 },
	{ 0 },
};

const struct troupe_command mall_commands[] = {
	{ .verb = "orders", .help = "Shows orders.", .right = "read", .args = orders_table,
	  .args_size = sizeof(struct orders_args), .run = command_orders },
	{ .verb = "retry", .help = "Asks about an open order at once.", .right = "operate", .args = retry_table,
	  .args_size = sizeof(struct retry_args), .flags = TROUPE_COMMAND_CHANGES, .run = command_retry },
	{ .verb = "audit", .help = "Checks every order, the outbox and the stocks.", .right = "read",
	  .run = command_audit },
	{ 0 },
};
