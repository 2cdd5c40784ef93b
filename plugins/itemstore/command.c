/* SPDX-License-Identifier: MIT */
/* The audit of a shard's items: each in exactly one place, each from an order that was granted. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "findings/findings.h"
#include "itemstore.h"

#define NUMBERS_MAX (4u * 1024u * 1024u)

/* A growing list of numbers, for comparing what two kinds of records say. */
struct numbers {
	uint64_t *items;
	uint32_t len, cap;
};

struct verify {
	struct store_walk walk;
	struct findings findings;
	struct numbers items, granted; /* ids of the items; ids that granted orders name */
	uint64_t avatars, orders;
	/* bags are read before items: sums over all avatars are compared */
	uint64_t counted_mail, counted_bag, mail, bag;
};

static void numbers_add(struct verify *v, struct numbers *numbers, uint64_t number)
{
	if (numbers->len == numbers->cap) {
		uint32_t cap = numbers->cap > 0 ? numbers->cap * 2 : 1024;
		uint64_t *items = cap <= NUMBERS_MAX ? realloc(numbers->items, cap * sizeof(*items)) : NULL;

		if (items == NULL) {
			findings_add(&v->findings, "more records than this check can hold: not everything was compared");
			return;
		}
		numbers->items = items;
		numbers->cap = cap;
	}
	numbers->items[numbers->len++] = number;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void numbers_sort(struct numbers *numbers)
{
	if (numbers->len > 0) {
		qsort(numbers->items, numbers->len, sizeof(*numbers->items), by_number);
	}
}

static void see_item(struct verify *v, const struct troupe_db_value *value, struct proto_arena *arena)
{
	const Itemdb__Item *item = (const Itemdb__Item *)proto_unpack(&itemdb__item__descriptor, value->value,
								     value->value_len, arena);
	uint64_t id = store_u64_be((const uint8_t *)value->key + value->key_len - 8);

	if (item == NULL || item->bag == NULL) {
		findings_add(&v->findings, "item %" PRIu64 " cannot be read", id);
		return;
	}
	numbers_add(v, &v->items, id);
	if (strcmp(item->bag, "mail") == 0) {
		v->mail++;
	} else if (strcmp(item->bag, "bag") == 0) {
		v->bag++;
	} else {
		findings_add(&v->findings, "item %" PRIu64 " lies in a bag that there is not: %s", id, item->bag);
	}
}

static void see_bags(struct verify *v, const struct troupe_db_value *value, struct proto_arena *arena)
{
	const Itemdb__Bags *bags = (const Itemdb__Bags *)proto_unpack(&itemdb__bags__descriptor, value->value,
								     value->value_len, arena);

	if (bags == NULL) {
		findings_add(&v->findings, "the count of a bag cannot be read");
		return;
	}
	v->counted_mail += bags->mail;
	v->counted_bag += bags->bag;
}

static void see_order(struct verify *v, const struct troupe_db_value *value, struct proto_arena *arena)
{
	const Itemdb__Order *order = (const Itemdb__Order *)proto_unpack(&itemdb__order__descriptor, value->value,
									value->value_len, arena);

	v->orders++;
	if (order == NULL) {
		findings_add(&v->findings, "an order cannot be read");
	} else if (order->state == ITEMDB__ORDER_STATE__GRANTED) {
		numbers_add(v, &v->granted, order->item);
	}
}

static int verify_each(struct store_walk *walk, const struct troupe_db_value *value)
{
	struct verify *v = (struct verify *)walk;
	const char *key = value->key;
	struct proto_arena arena;

	proto_arena_init(&arena);
	if (value->key_len == 7 + 16 && key[5] == 'i') {
		see_item(v, value, &arena);
	} else if (value->key_len == 7 + 8 && key[5] == 'b') {
		see_bags(v, value, &arena);
	} else if (value->key_len == 7 + TROUPE_KEY_SIZE && key[5] == 'g') {
		see_order(v, value, &arena);
	} else {
		findings_add(&v->findings, "a record has a key that nobody wrote");
	}
	proto_arena_free(&arena);
	return 0;
}

static void compare(struct verify *v)
{
	uint32_t item = 0, granted = 0;

	numbers_sort(&v->items);
	numbers_sort(&v->granted);
	for (uint32_t i = 1; i < v->items.len; i++) {
		if (v->items.items[i] == v->items.items[i - 1]) {
			findings_add(&v->findings, "item %" PRIu64 " is in two places", v->items.items[i]);
		}
	}
	while (item < v->items.len || granted < v->granted.len) {
		uint64_t a = item < v->items.len ? v->items.items[item] : UINT64_MAX;
		uint64_t b = granted < v->granted.len ? v->granted.items[granted] : UINT64_MAX;

		if (a < b) {
			findings_add(&v->findings, "item %" PRIu64 " comes from no order", a);
		} else if (b < a) {
			findings_add(&v->findings, "item %" PRIu64 " was granted and is nowhere", b);
		}
		item += a <= b;
		granted += b <= a;
	}
	if (v->mail != v->counted_mail || v->bag != v->counted_bag) {
		findings_add(&v->findings, "%" PRIu64 " items are in mails and %" PRIu64 " in bags, %" PRIu64 " and %" PRIu64
					   " were counted",
			     v->mail, v->bag, v->counted_mail, v->counted_bag);
	}
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
	compare(v);
	json_open(&json, '{');
	json_key(&json, "items");
	json_number(&json, v->items.len);
	json_key(&json, "in_mail");
	json_number(&json, (int64_t)v->mail);
	json_key(&json, "orders");
	json_number(&json, (int64_t)v->orders);
	findings_write(&v->findings, &json);
	json_close(&json, '}');
	json_reply(&json, h, walk->request);
}

static void verify_release(struct store_walk *walk)
{
	struct verify *v = (struct verify *)walk;

	free(v->items.items);
	free(v->granted.items);
}

static void command_verify(void *instance, const struct troupe_request *request, const void *args)
{
	struct itemstore *itemstore = instance;
	struct verify *v = store_walk_new(&itemstore->store, sizeof(*v));

	(void)args;
	if (v == NULL) {
		proto_refuse(itemstore->h, request->id, TROUPE_RESOURCE_EXHAUSTED, "store.busy");
		return;
	}
	v->walk.request = request->id;
	v->walk.with_snapshot = 1;
	v->walk.page = 1000;
	v->walk.each = verify_each;
	v->walk.end = verify_end;
	v->walk.release = verify_release;
	store_walk_run(v, "item/");
}

const struct troupe_command itemstore_commands[] = {
	{ .verb = "verify", .help = "Checks that every item is in exactly one place.", .right = "read",
	  .run = command_verify },
	{ 0 },
};
