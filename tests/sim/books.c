/* SPDX-License-Identifier: MIT */
/* Purchases under faults: the invariants, read from the databases by code that shares nothing with the roles. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/billing/record.pb-c.h"
#include "plugins/itemstore/record.pb-c.h"
#include "plugins/mall/record.pb-c.h"
#include "purchase.h"

#define ORDERS_MAX (PLAYERS * WISHES_MAX * 2)

/* What the three stores say about one order. */
struct order {
	uint8_t id[16];
	int in_mall, in_billing, in_items;
	Malldb__State state;
	Billingdb__HoldState hold;
	Itemdb__OrderState grant;
	uint64_t account, item;
	int64_t price, held;
	unsigned items; /* that carry its id */
	int rare;
};

struct books {
	struct purchase *run;
	struct order orders[ORDERS_MAX];
	unsigned orders_len;
	int64_t posted[PLAYERS + 1], pending[PLAYERS + 1], counters, stock;
	int has_stock;
	uint64_t item_ids[ORDERS_MAX];
	unsigned items_len;
};

static struct order *order_of(struct books *books, const void *id)
{
	for (unsigned i = 0; i < books->orders_len; i++) {
		if (memcmp(books->orders[i].id, id, 16) == 0) {
			return &books->orders[i];
		}
	}
	if (books->orders_len == ORDERS_MAX) {
		broken(books->run, "more orders than were ever made");
		return &books->orders[0];
	}
	memcpy(books->orders[books->orders_len].id, id, 16);
	return &books->orders[books->orders_len++];
}

static int64_t number(const struct troupe_db_value *value)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < 8 && i < value->value_len; i++) {
		n |= (uint64_t)((const uint8_t *)value->value)[i] << (8 * i);
	}
	return (int64_t)n;
}

static void each_balance(void *arg, const struct troupe_db_value *value)
{
	struct books *books = arg;
	size_t head = strlen("billing/a/") + 8 + strlen(CURRENCY) + 1;
	const uint8_t *key = value->key;
	uint64_t account = 0;
	Billingdb__Balance *balance;

	if (value->key_len != head) {
		return; /* an entry below it */
	}
	for (unsigned i = 0; i < 8; i++) {
		account = account << 8 | key[strlen("billing/a/") + i];
	}
	balance = billingdb__balance__unpack(NULL, value->value_len, value->value);
	if (balance == NULL || account > PLAYERS) {
		broken(books->run, "a balance is damaged or nobody's");
	} else {
		books->posted[account] = balance->posted;
		books->pending[account] = balance->pending;
		if (balance->posted - balance->pending < 0) {
			broken(books->run, "I2: account %llu has %lld posted and %lld pending",
			       (unsigned long long)account, (long long)balance->posted, (long long)balance->pending);
		}
	}
	billingdb__balance__free_unpacked(balance, NULL);
}

static void each_counter(void *arg, const struct troupe_db_value *value)
{
	((struct books *)arg)->counters += number(value);
}

static void each_hold(void *arg, const struct troupe_db_value *value)
{
	struct order *order = order_of(arg, (const uint8_t *)value->key + strlen("billing/h/"));
	Billingdb__Hold *hold = billingdb__hold__unpack(NULL, value->value_len, value->value);

	if (hold == NULL) {
		broken(((struct books *)arg)->run, "a hold is damaged");
		return;
	}
	order->in_billing = 1;
	order->hold = hold->state;
	order->held = hold->amount;
	billingdb__hold__free_unpacked(hold, NULL);
}

static void each_grant(void *arg, const struct troupe_db_value *value)
{
	struct order *order = order_of(arg, (const uint8_t *)value->key + strlen("item/g/"));
	Itemdb__Order *grant = itemdb__order__unpack(NULL, value->value_len, value->value);

	if (grant == NULL) {
		broken(((struct books *)arg)->run, "an item order is damaged");
		return;
	}
	order->in_items = 1;
	order->grant = grant->state;
	order->item = grant->item;
	itemdb__order__free_unpacked(grant, NULL);
}

static void each_item(void *arg, const struct troupe_db_value *value)
{
	struct books *books = arg;
	Itemdb__Item *item = itemdb__item__unpack(NULL, value->value_len, value->value);
	uint64_t id = 0;

	if (item == NULL || item->order.len != 16) {
		broken(books->run, "an item is damaged, or came from no order");
		return;
	}
	for (unsigned i = 0; i < 8; i++) {
		id = id << 8 | ((const uint8_t *)value->key)[value->key_len - 8 + i];
	}
	for (unsigned i = 0; i < books->items_len; i++) {
		if (books->item_ids[i] == id) {
			broken(books->run, "I4: item %llx is in two places", (unsigned long long)id);
		}
	}
	if (books->items_len < ORDERS_MAX) {
		books->item_ids[books->items_len++] = id;
	}
	order_of(books, item->order.data)->items++;
	itemdb__item__free_unpacked(item, NULL);
}

static void each_order(void *arg, const struct troupe_db_value *value)
{
	struct books *books = arg;
	struct order *order = order_of(books, (const uint8_t *)value->key + strlen("mall/o/"));
	Malldb__Order *record = malldb__order__unpack(NULL, value->value_len, value->value);

	if (record == NULL) {
		broken(books->run, "an order is damaged");
		return;
	}
	order->in_mall = 1;
	order->state = record->state;
	order->account = record->account;
	order->price = record->price;
	order->rare = record->stocked;
	malldb__order__free_unpacked(record, NULL);
}

static void each_stock(void *arg, const struct troupe_db_value *value)
{
	struct books *books = arg;

	books->stock = number(value);
	books->has_stock = 1;
}

/* --- what must hold ------------------------------------------------------------------------------- */

static int ended(const struct order *order)
{
	return order->state == MALLDB__STATE__DONE || order->state == MALLDB__STATE__FAILED ||
	       order->state == MALLDB__STATE__REJECTED;
}

/* always: at every moment, whatever is under way */
static void check_always(struct books *books, const struct order *order)
{
	struct purchase *run = books->run;
	int granted = order->in_items && order->grant == ITEMDB__ORDER_STATE__GRANTED;
	int held = order->in_billing && order->hold == BILLINGDB__HOLD_STATE__HELD;
	int posted = order->in_billing && order->hold == BILLINGDB__HOLD_STATE__POSTED;

	if (order->items > 1 || (order->items == 1 && !granted)) {
		broken(run, "I4: an order has %u items and is %s", order->items, granted ? "granted" : "not granted");
	}
	if (order->items > 0 && !held && !posted) {
		broken(run, "I5: an item without payment");
	}
	if (posted && !granted) {
		broken(run, "I6: payment without an item");
	}
	if (order->in_mall && order->state == MALLDB__STATE__DONE && (!posted || !granted)) {
		broken(run, "I7: an order is done, but not %s", posted ? "granted" : "paid");
	}
	if (order->in_mall && ended(order) && order->state != MALLDB__STATE__DONE && (granted || held || posted)) {
		broken(run, "I7: an order failed, but %s", granted ? "the item is there" : "money is held or gone");
	}
}

static void check_money(struct books *books)
{
	int64_t sum = books->counters, held[PLAYERS + 1] = { 0 };

	for (unsigned a = 0; a <= PLAYERS; a++) {
		sum += books->posted[a];
	}
	if (sum != 0) {
		broken(books->run, "I1: all balances add up to %lld, not 0", (long long)sum);
	}
	for (unsigned i = 0; i < books->orders_len; i++) {
		const struct order *order = &books->orders[i];

		if (order->in_billing && order->hold == BILLINGDB__HOLD_STATE__HELD && order->account <= PLAYERS) {
			held[order->account] += order->held;
		}
	}
	for (unsigned a = 1; a <= PLAYERS; a++) {
		if (held[a] != books->pending[a]) {
			broken(books->run, "I3: account %u has %lld pending, its holds are %lld", a,
			       (long long)books->pending[a], (long long)held[a]);
		}
	}
}

static void check_final(struct books *books)
{
	struct purchase *run = books->run;
	int64_t spent[PLAYERS + 1] = { 0 }, rare = 0;

	for (unsigned i = 0; i < books->orders_len; i++) {
		const struct order *order = &books->orders[i];

		if (order->in_mall && !ended(order)) {
			broken(run, "liveness: an order stays in state %d", (int)order->state);
		}
		if (order->in_mall && order->state == MALLDB__STATE__DONE && order->account <= PLAYERS) {
			spent[order->account] += order->price;
			rare += order->rare;
		}
	}
	if (books->has_stock && books->stock != RARE_STOCK - rare) {
		broken(run, "stock: %lld left of %d, but %lld were sold", (long long)books->stock, RARE_STOCK,
		       (long long)rare);
	}
	for (unsigned p = 0; p < PLAYERS; p++) {
		int64_t granted = 0, yours = 0;

		for (unsigned w = 0; w < run->players[p].wishes_len; w++) {
			const struct wish *wish = &run->players[p].wishes[w];

			if (wish->told == TOLD_YOURS) {
				*(wish->is_grant ? &granted : &yours) += wish->price;
			}
		}
		if (yours != spent[p + 1]) {
			broken(run, "told: player %u was told that things for %lld are his, the orders say %lld", p + 1,
			       (long long)yours, (long long)spent[p + 1]);
		}
		if (books->posted[p + 1] != granted - spent[p + 1] || books->pending[p + 1] != 0) {
			broken(run, "books: player %u got %lld, spent %lld, has %lld and %lld pending", p + 1,
			       (long long)granted, (long long)spent[p + 1], (long long)books->posted[p + 1],
			       (long long)books->pending[p + 1]);
		}
	}
}

void books_check(struct purchase *run, int final)
{
	struct books *books = calloc(1, sizeof(*books));

	books->run = run;
	sim_db_each(run->sim, "base", "billing/a/", each_balance, books);
	sim_db_each(run->sim, "base", "billing/c/", each_counter, books);
	sim_db_each(run->sim, "base", "billing/h/", each_hold, books);
	sim_db_each(run->sim, "base", "mall/o/", each_order, books);
	sim_db_each(run->sim, "base", "mall/s/", each_stock, books);
	for (unsigned i = 0; i < run->parts_len; i++) {
		const char *shard = strchr(run->parts[i], ':') + 1;

		sim_db_each(run->sim, shard, "item/g/", each_grant, books);
		sim_db_each(run->sim, shard, "item/i/", each_item, books);
	}
	for (unsigned i = 0; i < books->orders_len; i++) {
		check_always(books, &books->orders[i]);
	}
	check_money(books);
	if (final && run->broken[0] == '\0') {
		check_final(books);
	}
	free(books);
}
