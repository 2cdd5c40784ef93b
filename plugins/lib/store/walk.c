/* SPDX-License-Identifier: MIT */
/* Walks over a range of records. */
#include <stdlib.h>
#include <string.h>

#include "store/store.h"

static void walk_end(struct store_walk *walk, int32_t status)
{
	struct store *store = walk->store;

	if (walk->has_snapshot) {
		store->h->db_snapshot_close(store->h, store->db, walk->snapshot);
	}
	walk->end(walk, status);
	if (walk->release != NULL) {
		walk->release(walk);
	}
	if (walk->prev != NULL) {
		walk->prev->next = walk->next;
	} else {
		store->walks = walk->next;
	}
	if (walk->next != NULL) {
		walk->next->prev = walk->prev;
	}
	free(walk);
}

static void walk_page(struct store_walk *walk);

static void on_page(void *instance, void *arg, const struct troupe_db_page *page)
{
	struct store_walk *walk = arg;

	(void)instance;
	if (page->status != TROUPE_OK) {
		walk_end(walk, page->status);
		return;
	}
	for (uint32_t i = 0; i < page->count; i++) {
		const struct troupe_db_value *value = &page->values[i];

		if (value->key_len > STORE_KEY_MAX) {
			walk_end(walk, TROUPE_DATA_LOSS); /* no key of ours is that long */
			return;
		}
		if (walk->each(walk, value)) {
			walk_end(walk, TROUPE_OK);
			return;
		}
		walk->seen++;
		walk->from.len = 0;
		store_key_bytes(&walk->from, value->key, value->key_len);
		walk->after = 1;
	}
	if (!page->more || page->count == 0 || (walk->max > 0 && walk->seen >= walk->max)) {
		walk_end(walk, TROUPE_OK);
		return;
	}
	walk_page(walk);
}

static void walk_page(struct store_walk *walk)
{
	struct store *store = walk->store;
	struct troupe_db_scan scan = {
		.size = sizeof(scan),
		.db = store->db,
		.from = walk->from.bytes,
		.from_len = walk->from.len,
		.to = walk->to.bytes,
		.to_len = walk->to.len,
		.limit = walk->page > 0 ? walk->page : 256,
		.after = walk->after,
		.snapshot = walk->snapshot,
		.on_page = on_page,
		.arg = walk,
	};

	if (walk->max > 0 && walk->max - walk->seen < scan.limit) {
		scan.limit = (uint32_t)(walk->max - walk->seen);
	}
	store->h->db_scan(store->h, &scan);
}

static void on_snapshot(void *instance, void *arg, int32_t status, uint64_t snapshot)
{
	struct store_walk *walk = arg;

	(void)instance;
	if (status != TROUPE_OK) {
		walk_end(walk, status);
		return;
	}
	walk->snapshot = snapshot;
	walk->has_snapshot = 1;
	walk_page(walk);
}

void *store_walk_new(struct store *store, size_t size)
{
	struct store_walk *walk = calloc(1, size);

	if (walk == NULL) {
		return NULL;
	}
	walk->store = store;
	walk->next = store->walks;
	if (walk->next != NULL) {
		walk->next->prev = walk;
	}
	store->walks = walk;
	return walk;
}

void store_walk_run(void *arg, const char *prefix)
{
	struct store_walk *walk = arg;
	struct store *store = walk->store;

	if (prefix != NULL) {
		store_key(&walk->from, prefix);
		store_key_end(&walk->from, &walk->to);
	}
	if (walk->with_snapshot) {
		store->h->db_snapshot(store->h, store->db, on_snapshot, walk);
	} else {
		walk_page(walk);
	}
}
