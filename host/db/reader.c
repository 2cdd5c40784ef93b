/* SPDX-License-Identifier: MIT */
/* A store's reader thread: gets, scans and snapshots, beside the writer. */
#include <stdlib.h>

#include "host/db/store.h"

#define READS_PER_GATE 32u /* reads before the writer may close the store */

struct reading {
	struct db_request *request;
	size_t bytes_max;
	int copy_key;
	int32_t status;
};

static int reading_add(void *arg, const struct troupe_db_value *value)
{
	struct reading *reading = arg;
	struct db_page *page = &reading->request->u.read.page;

	if (page->bytes_len + value->value_len > reading->bytes_max && reading->request->kind == DB_GET) {
		reading->status = TROUPE_RESOURCE_EXHAUSTED;
		return 1;
	}
	if (db_page_add(page, value, reading->copy_key) < 0) {
		reading->status = TROUPE_RESOURCE_EXHAUSTED;
		return 1;
	}
	if (reading->request->kind == DB_SCAN &&
	    (page->count == reading->request->u.read.limit || page->bytes_len >= reading->bytes_max)) {
		page->more = 1;
	}
	return page->more != 0;
}

static struct store_snapshot *snapshot_find(struct store *store, uint64_t id)
{
	for (uint32_t i = 0; i < STORE_SNAPSHOTS_MAX; i++) {
		if (store->snapshots[i].id == id) {
			return &store->snapshots[i];
		}
	}
	return NULL;
}

static void snapshot_close(struct store *store, struct store_snapshot *snapshot)
{
	store->params.driver->snapshot_close(store->handle, snapshot->snapshot);
	*snapshot = (struct store_snapshot){ 0 };
}

static int32_t snapshot_open(struct store *store, struct db_request *request)
{
	struct store_snapshot *slot = snapshot_find(store, 0);

	if (slot == NULL) {
		return TROUPE_RESOURCE_EXHAUSTED;
	}
	int32_t status = store->params.driver->snapshot_open(store->handle, &slot->snapshot);

	if (status == TROUPE_OK) {
		slot->id = ++store->snapshot_last;
		slot->owner = request->owner;
		request->u.read.snapshot = slot->id;
	}
	return status;
}

static void snapshots_drop(struct store *store, const void *owner)
{
	for (uint32_t i = 0; i < STORE_SNAPSHOTS_MAX; i++) {
		if (store->snapshots[i].id != 0 && store->snapshots[i].owner == owner) {
			snapshot_close(store, &store->snapshots[i]);
		}
	}
}

static int32_t page_read(struct store *store, struct db_request *request)
{
	const struct troupe_driver *driver = store->params.driver;
	struct reading reading = { .request = request };
	struct store_snapshot *snapshot = NULL;
	int32_t status;

	if (request->u.read.snapshot != 0) {
		snapshot = snapshot_find(store, request->u.read.snapshot);
		if (snapshot == NULL) {
			return TROUPE_FAILED_PRECONDITION;
		}
	}
	void *view = snapshot != NULL ? snapshot->snapshot : NULL;

	if (request->kind == DB_GET) {
		if (request->u.read.keys_len > DB_READ_KEYS_MAX) {
			return TROUPE_INVALID_ARGUMENT;
		}
		reading.bytes_max = DB_GET_BYTES;
		status = driver->get(store->handle, view, request->u.read.keys, request->u.read.keys_len, reading_add,
				     &reading);
		store_count(store, &store->counts.gets, store->metrics.gets, 1);
	} else {
		reading.bytes_max = DB_PAGE_BYTES;
		reading.copy_key = 1;
		status = driver->scan(store->handle, view, request->u.read.from, request->u.read.from_len,
				      request->u.read.to, request->u.read.to_len, reading_add, &reading);
		store_count(store, &store->counts.scans, store->metrics.scans, 1);
	}
	status = status != TROUPE_OK ? status : reading.status;
	if (status != TROUPE_OK) {
		request->u.read.page.count = 0;
	} else {
		db_page_close(&request->u.read.page);
	}
	if (status == TROUPE_DATA_LOSS) {
		store_log(store, TROUPE_LOG_ERROR, "database \"%s\": stored data is damaged; the read was refused, restore a backup",
			  store->name);
	}
	return status;
}

/* Answers one request. The gate is held. */
static void request_read(struct store *store, struct db_request *request)
{
	struct store_snapshot *snapshot;

	if (store->handle == NULL) {
		request->status = TROUPE_UNAVAILABLE;
		return;
	}
	request->status = TROUPE_OK;
	switch (request->kind) {
	case DB_SNAPSHOT_OPEN:
		request->status = snapshot_open(store, request);
		break;
	case DB_SNAPSHOT_CLOSE:
		snapshot = request->u.read.snapshot != 0 ? snapshot_find(store, request->u.read.snapshot) : NULL;
		if (snapshot != NULL && snapshot->owner == request->owner) {
			snapshot_close(store, snapshot);
		}
		break;
	case DB_SNAPSHOT_DROP:
		snapshots_drop(store, request->owner);
		break;
	default:
		request->status = page_read(store, request);
	}
}

void *store_reader(void *arg)
{
	struct store *store = arg;
	struct db_request *todo = NULL;

	for (;;) {
		struct db_request *done = todo != NULL ? todo : db_queue_take(&store->reads), *last = NULL;
		unsigned count = 0;

		if (done == NULL) {
			if (atomic_load(&store->state) == STORE_CLOSING && db_queue_close(&store->reads)) {
				return NULL;
			}
			db_queue_wait(&store->reads, 0);
			continue;
		}
		pthread_mutex_lock(&store->gate);
		todo = done;
		while (todo != NULL && count < READS_PER_GATE) {
			if (atomic_load_explicit(&store->gate_wanted, memory_order_relaxed)) {
				db_request_refuse(todo, TROUPE_UNAVAILABLE);
			} else {
				request_read(store, todo);
			}
			last = todo;
			todo = todo->next;
			count++;
		}
		pthread_mutex_unlock(&store->gate);
		last->next = NULL;
		atomic_fetch_sub_explicit(&store->reads.waiting, count, memory_order_relaxed);
		store_reply(done);
	}
}
