/* SPDX-License-Identifier: MIT */
/* Offers: from the configuration; and the stock of limited ones, in the database. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mall.h"

#define STOCK_RETRY_MS 1000u

static const struct mall_offer *nth(const struct mall_options *options, uint32_t i)
{
	return (const struct mall_offer *)options->offers.items + i;
}

const struct mall_offer *mall_offer(const struct mall *mall, const char *id)
{
	for (uint32_t i = 0; i < mall->options->offers.count; i++) {
		if (strcmp(nth(mall->options, i)->name, id) == 0) {
			return nth(mall->options, i);
		}
	}
	return NULL;
}

struct store_key *mall_key_stock(struct store_key *key, const char *offer)
{
	return store_key_text(store_key(key, "mall/s/"), offer);
}

int32_t mall_offers_check(const struct mall_options *options, struct troupe_error *reterr)
{
	reterr->status = TROUPE_INVALID_ARGUMENT;
	if (options->offers.count > MALL_OFFERS_MAX) {
		snprintf(reterr->text, sizeof(reterr->text), "offers: there are more than %u", MALL_OFFERS_MAX);
		snprintf(reterr->help, sizeof(reterr->help), "leave some out");
		return TROUPE_INVALID_ARGUMENT;
	}
	for (uint32_t i = 0; i < options->offers.count; i++) {
		if (strlen(nth(options, i)->name) > MALL_OFFER_MAX) {
			snprintf(reterr->text, sizeof(reterr->text), "offers: the name %.80s is longer than %u letters",
				 nth(options, i)->name, MALL_OFFER_MAX);
			snprintf(reterr->help, sizeof(reterr->help), "shorten it");
			return TROUPE_INVALID_ARGUMENT;
		}
	}
	return TROUPE_OK;
}

/* --- the list ------------------------------------------------------------------------------------- */

struct list {
	struct store_walk walk;
	uint32_t count;
	struct list_offer {
		Mall__Offer out;
	} offers[MALL_OFFERS_MAX];
};

static int list_each(struct store_walk *walk, const struct troupe_db_value *value)
{
	struct list *list = (struct list *)walk;
	struct store_key key;

	for (uint32_t i = 0; i < list->count; i++) {
		Mall__Offer *offer = &list->offers[i].out;

		mall_key_stock(&key, offer->id);
		if (offer->stock >= 0 && key.len == value->key_len && memcmp(key.bytes, value->key, key.len) == 0) {
			int64_t left = store_i64(value->value, value->value_len);

			offer->stock = left > 0 ? left : 0;
		}
	}
	return 0;
}

static void list_end(struct store_walk *walk, int32_t status)
{
	struct list *list = (struct list *)walk;
	const struct troupe_host *h = walk->store->h;
	Mall__OffersReply reply = MALL__OFFERS_REPLY__INIT;
	Mall__Offer **pointers;

	if (status != TROUPE_OK) {
		proto_refuse(h, walk->request, status, "store.not_read");
		return;
	}
	pointers = calloc(list->count + 1, sizeof(*pointers));
	if (pointers == NULL) {
		proto_refuse(h, walk->request, TROUPE_RESOURCE_EXHAUSTED, "store.busy");
		return;
	}
	for (uint32_t i = 0; i < list->count; i++) {
		pointers[i] = &list->offers[i].out;
	}
	reply.offers = pointers;
	reply.n_offers = list->count;
	mall_offers_reply(h, walk->request, &reply);
	free(pointers);
}

static void list_release(struct store_walk *walk)
{
	struct list *list = (struct list *)walk;

	for (uint32_t i = 0; i < list->count; i++) {
		free(list->offers[i].out.id);
		free(list->offers[i].out.item);
		free(list->offers[i].out.currency);
	}
}

void mall_on_offers(void *instance, const struct troupe_request *request, const Mall__OffersRequest *body)
{
	struct mall *mall = instance;
	struct list *list = store_walk_new(&mall->store, sizeof(*list));

	(void)body;
	if (list == NULL) {
		proto_refuse(mall->h, request->id, TROUPE_RESOURCE_EXHAUSTED, "store.busy");
		return;
	}
	/* Copied, since the configuration may change before the answer is complete. */
	for (uint32_t i = 0; i < mall->options->offers.count && i < MALL_OFFERS_MAX; i++) {
		const struct mall_offer *offer = nth(mall->options, i);
		Mall__Offer *out = &list->offers[list->count].out;

		mall__offer__init(out);
		out->id = strdup(offer->name);
		out->item = strdup(offer->item);
		out->currency = strdup(offer->currency);
		list->count++;
		out->has_count = out->has_price = out->has_stock = 1;
		out->count = (uint32_t)offer->count;
		out->price = offer->price;
		out->stock = offer->stock < 0 ? -1 : 0;
		if (out->id == NULL || out->item == NULL || out->currency == NULL) {
			break;
		}
	}
	list->walk.request = request->id;
	list->walk.each = list_each;
	list->walk.end = list_end;
	list->walk.release = list_release;
	store_walk_run(list, "mall/s/");
}

/* --- stock ---------------------------------------------------------------------------------------- */

struct stock_tx {
	struct store_tx tx;
	int64_t stock;
	char offer[MALL_OFFER_MAX + 1];
};

static enum store_next stock_decide(struct store_tx *tx)
{
	struct stock_tx *t = (struct stock_tx *)tx;
	struct store_key key, counter;
	const struct store_value *value = store_read(tx, store_key_text(store_key(&key, "mall/t/"), t->offer));
	Malldb__Stock *seen, record = MALLDB__STOCK__INIT;

	if (value == NULL) {
		return STORE_READ;
	}
	seen = store_unpack(tx, value, &malldb__stock__descriptor);
	if (seen != NULL && seen->given == t->stock) {
		return STORE_DONE;
	}
	record.has_given = 1;
	record.given = t->stock;
	store_put(tx, &key, &record.base);
	/* Less than was sold already leaves the counter below 0: then nothing is sold until more is put in. */
	store_add(tx, mall_key_stock(&counter, t->offer), t->stock - (seen != NULL ? seen->given : 0), INT64_MIN);
	return STORE_COMMIT;
}

static void on_retry(void *instance, void *arg)
{
	(void)arg;
	mall_stock_apply(instance);
}

static void stock_done(struct store_tx *tx)
{
	struct mall *mall = tx->store->instance;

	if (tx->status != TROUPE_OK && !tx->store->draining) {
		mall->h->timer_start(mall->h, STOCK_RETRY_MS, on_retry, NULL);
	}
}

void mall_stock_apply(struct mall *mall)
{
	static const struct store_kind kind = { sizeof(struct stock_tx), stock_decide, stock_done };

	for (uint32_t i = 0; i < mall->options->offers.count; i++) {
		const struct mall_offer *offer = nth(mall->options, i);
		struct stock_tx *t;

		if (offer->stock < 0) {
			continue;
		}
		t = store_new(&mall->store, &kind, NULL, 10000);
		if (t == NULL) {
			mall->h->timer_start(mall->h, STOCK_RETRY_MS, on_retry, NULL);
			return;
		}
		t->stock = offer->stock;
		strcpy(t->offer, offer->name);
		store_run(t, troupe_fnv64(offer->name, strlen(offer->name)));
	}
}
