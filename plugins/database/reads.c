/* SPDX-License-Identifier: MIT */
/* Reads of instances on other hosts. */
#include <stdlib.h>

#include "database.h"

#define VALUE_HEAD 32u /* more than what packing adds to a key and its value, and ... */
#define PAGE_HEAD 64u  /* ... to a page */

static void answer_status(struct database *database, uint64_t request, int32_t status)
{
	Database__Page reply = DATABASE__PAGE__INIT;

	reply.has_status = 1;
	reply.status = status;
	database_get_reply(database->host, request, &reply); /* get and scan answer alike */
	asked_end(database);
}

/* How many of a page's values fit in a message. */
static uint32_t values_fit(const struct troupe_db_page *page, int with_keys)
{
	size_t bytes = PAGE_HEAD;
	uint32_t fit = 0;

	while (fit < page->count) {
		const struct troupe_db_value *value = &page->values[fit];

		bytes += VALUE_HEAD + (size_t)value->value_len + (with_keys ? value->key_len : 0);
		if (bytes > TROUPE_BODY_MAX) {
			break;
		}
		fit++;
	}
	return fit;
}

static void answer_page(struct database *database, uint64_t request, const struct troupe_db_page *page, int is_scan)
{
	Database__Page reply = DATABASE__PAGE__INIT;
	uint32_t fit = page->status == TROUPE_OK ? values_fit(page, is_scan) : 0;
	Database__Value **list = calloc(fit + 1, sizeof(Database__Value *) + sizeof(Database__Value));
	Database__Value *values = (Database__Value *)(void *)(list + fit + 1);

	if (page->status != TROUPE_OK || list == NULL || (fit == 0 && page->count > 0)) {
		/* the last: a value from before there was a bound on what a commit may bring */
		free(list);
		answer_status(database, request,
			      page->status != TROUPE_OK ? page->status : (int32_t)TROUPE_RESOURCE_EXHAUSTED);
		return;
	}
	for (uint32_t i = 0; i < fit; i++) {
		const struct troupe_db_value *value = &page->values[i];

		database__value__init(&values[i]);
		list[i] = &values[i];
		values[i].has_version = value->version != 0;
		values[i].version = value->version;
		values[i].has_value = value->value_len > 0;
		values[i].value.data = (uint8_t *)(uintptr_t)value->value;
		values[i].value.len = value->value_len;
		values[i].has_key = is_scan;
		values[i].key.data = (uint8_t *)(uintptr_t)value->key;
		values[i].key.len = value->key_len;
	}
	reply.values = list;
	reply.n_values = fit;
	reply.has_status = 1;
	reply.has_more = is_scan;
	reply.more = page->more != 0 || fit < page->count;
	database_get_reply(database->host, request, &reply);
	free(list);
	asked_end(database);
}

static void on_got(void *instance, void *arg, const struct troupe_db_page *page)
{
	answer_page(instance, (uint64_t)(uintptr_t)arg, page, 0);
}

static void on_scanned(void *instance, void *arg, const struct troupe_db_page *page)
{
	answer_page(instance, (uint64_t)(uintptr_t)arg, page, 1);
}

/* The snapshot that a request names as the store knows it; 0 = none is named. False: it is gone. */
static int snapshot_of(struct database *database, uint64_t from, uint64_t id, uint64_t *ret_local)
{
	*ret_local = id != 0 ? snapshots_use(database, from, id) : 0;
	return id == 0 || *ret_local != 0;
}

void reads_on_get(void *instance, const struct troupe_request *request, const Database__GetRequest *body)
{
	struct database *database = instance;
	struct troupe_db_get get = { .size = sizeof(get), .db = database->db, .keys_len = (uint32_t)body->n_keys,
				     .on_page = on_got, .arg = (void *)(uintptr_t)request->id };

	if (!asked_begin(database, request)) {
		return;
	}
	if (!snapshot_of(database, request->from, body->snapshot, &get.snapshot)) {
		answer_status(database, request->id, TROUPE_FAILED_PRECONDITION);
		return;
	}
	struct troupe_db_check *keys = calloc(body->n_keys + 1, sizeof(*keys));

	if (keys == NULL) {
		answer_status(database, request->id, TROUPE_RESOURCE_EXHAUSTED);
		return;
	}
	for (size_t i = 0; i < body->n_keys; i++) {
		keys[i].key = body->keys[i].data;
		keys[i].key_len = (uint32_t)body->keys[i].len;
	}
	get.keys = keys;
	database->host->db_get(database->host, &get);
	free(keys);
}

void reads_on_scan(void *instance, const struct troupe_request *request, const Database__ScanRequest *body)
{
	struct database *database = instance;
	struct troupe_db_scan scan = {
		.size = sizeof(scan),
		.db = database->db,
		.from = body->from.data,
		.from_len = (uint32_t)body->from.len,
		.to = body->to.data,
		.to_len = (uint32_t)body->to.len,
		.limit = body->limit,
		.on_page = on_scanned,
		.arg = (void *)(uintptr_t)request->id,
	};

	if (!asked_begin(database, request)) {
		return;
	}
	if (!snapshot_of(database, request->from, body->snapshot, &scan.snapshot)) {
		answer_status(database, request->id, TROUPE_FAILED_PRECONDITION);
		return;
	}
	database->host->db_scan(database->host, &scan);
}
