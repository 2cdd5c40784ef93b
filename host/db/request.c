/* SPDX-License-Identifier: MIT */
/* One request to a store: a commit or a read, with everything it was given copied into it. */
#include "host/db/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct db_request *request_new(enum db_request_kind kind, size_t more)
{
	struct db_request *request = malloc(sizeof(*request) + more);

	if (request == NULL) {
		fprintf(stderr, "troupe: no memory for a database request of %zu bytes\n", more);
		abort();
	}
	memset(request, 0, sizeof(*request));
	request->kind = kind;
	return request;
}

static void *copy(uint8_t **at, const void *bytes, size_t len)
{
	void *copied = *at;

	if (len > 0) {
		memcpy(copied, bytes, len);
	}
	*at += len;
	return copied;
}

static size_t commit_bytes(const struct troupe_db_commit *commit)
{
	size_t bytes = 0;

	for (uint32_t i = 0; i < commit->checks_len; i++) {
		bytes += commit->checks[i].key_len;
	}
	for (uint32_t i = 0; i < commit->ops_len; i++) {
		bytes += commit->ops[i].key_len;
		bytes += commit->ops[i].kind == TROUPE_DB_PUT ? commit->ops[i].value_len : 0;
	}
	return bytes;
}

struct db_request *db_request_commit(const struct troupe_db_commit *commit)
{
	size_t bytes = commit_bytes(commit), fence_len = commit->fence != NULL ? strlen(commit->fence) + 1 : 0;
	size_t checks_size = commit->checks_len * sizeof(struct troupe_db_check);
	size_t ops_size = commit->ops_len * sizeof(struct troupe_db_op);
	struct db_request *request = request_new(DB_COMMIT, checks_size + ops_size + bytes + fence_len);
	struct troupe_driver_tx *tx = &request->u.commit.tx;
	struct troupe_db_check *checks = (struct troupe_db_check *)(request + 1);
	struct troupe_db_op *ops = (struct troupe_db_op *)(checks + commit->checks_len);
	uint8_t *at = (uint8_t *)(ops + commit->ops_len);

	for (uint32_t i = 0; i < commit->checks_len; i++) {
		checks[i] = commit->checks[i];
		checks[i].key = copy(&at, checks[i].key, checks[i].key_len);
	}
	for (uint32_t i = 0; i < commit->ops_len; i++) {
		ops[i] = commit->ops[i];
		ops[i].key = copy(&at, ops[i].key, ops[i].key_len);
		if (ops[i].kind == TROUPE_DB_PUT) {
			ops[i].value = copy(&at, ops[i].value, ops[i].value_len);
		}
	}
	tx->checks = checks;
	tx->checks_len = commit->checks_len;
	tx->ops = ops;
	tx->ops_len = commit->ops_len;
	if (commit->fence != NULL) {
		tx->fence = copy(&at, commit->fence, fence_len);
		tx->fence_epoch = commit->fence_epoch;
	}
	if (commit->key != NULL) {
		memcpy(request->u.commit.key, commit->key, TROUPE_KEY_SIZE);
		tx->key = request->u.commit.key;
		tx->fingerprint = db_fingerprint(commit);
	}
	request->bytes = bytes;
	return request;
}

struct db_request *db_request_get(const struct troupe_db_get *get)
{
	size_t bytes = 0;

	for (uint32_t i = 0; i < get->keys_len; i++) {
		bytes += get->keys[i].key_len;
	}
	struct db_request *request = request_new(DB_GET, get->keys_len * sizeof(*get->keys) + bytes);
	struct troupe_db_check *keys = (struct troupe_db_check *)(request + 1);
	uint8_t *at = (uint8_t *)(keys + get->keys_len);

	for (uint32_t i = 0; i < get->keys_len; i++) {
		keys[i] = get->keys[i];
		keys[i].key = copy(&at, keys[i].key, keys[i].key_len);
	}
	request->u.read.keys = keys;
	request->u.read.keys_len = get->keys_len;
	request->u.read.snapshot = get->snapshot;
	return request;
}

struct db_request *db_request_scan(const struct troupe_db_scan *scan)
{
	struct db_request *request = request_new(DB_SCAN, (size_t)scan->from_len + scan->to_len + 1);
	uint8_t *at = (uint8_t *)(request + 1);

	request->u.read.from = copy(&at, scan->from, scan->from_len);
	request->u.read.from_len = scan->from_len;
	if (scan->after) {
		*at++ = 0; /* the key right behind `from` */
		request->u.read.from_len++;
	}
	request->u.read.to = copy(&at, scan->to, scan->to_len);
	request->u.read.to_len = scan->to_len;
	request->u.read.limit = scan->limit == 0 ? 100 : scan->limit;
	if (request->u.read.limit > DB_READ_KEYS_MAX) {
		request->u.read.limit = DB_READ_KEYS_MAX;
	}
	request->u.read.snapshot = scan->snapshot;
	return request;
}

struct db_request *db_request_other(enum db_request_kind kind, uint64_t snapshot)
{
	struct db_request *request = request_new(kind, 0);

	request->u.read.snapshot = snapshot;
	return request;
}

void db_request_free(struct db_request *request)
{
	if (request->kind != DB_COMMIT) {
		free(request->u.read.page.values);
		free(request->u.read.page.bytes);
	}
	free(request);
}

void db_request_refuse(struct db_request *request, int32_t status)
{
	request->status = status;
	if (request->kind == DB_COMMIT) {
		request->u.commit.result = (struct troupe_db_result){ .size = sizeof(struct troupe_db_result),
								      .status = status, .index = UINT32_MAX };
	}
}

/* --- fingerprint -------------------------------------------------------------------------------- */

static uint64_t fnv_bytes(uint64_t hash, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < len; i++) {
		hash = (hash ^ p[i]) * 1099511628211u;
	}
	return hash;
}

static uint64_t fnv_number(uint64_t hash, uint64_t number)
{
	for (int i = 0; i < 8; i++) {
		hash = (hash ^ (uint8_t)(number >> (8 * i))) * 1099511628211u;
	}
	return hash;
}

static uint64_t fnv_string(uint64_t hash, const void *bytes, size_t len)
{
	return fnv_bytes(fnv_number(hash, len), bytes, len);
}

uint64_t db_fingerprint(const struct troupe_db_commit *commit)
{
	uint64_t hash = fnv_number(14695981039346656037u, commit->checks_len);

	for (uint32_t i = 0; i < commit->checks_len; i++) {
		hash = fnv_string(hash, commit->checks[i].key, commit->checks[i].key_len);
		hash = fnv_number(hash, commit->checks[i].version);
	}
	hash = fnv_number(hash, commit->ops_len);
	for (uint32_t i = 0; i < commit->ops_len; i++) {
		const struct troupe_db_op *op = &commit->ops[i];

		hash = fnv_string(fnv_number(hash, op->kind), op->key, op->key_len);
		if (op->kind == TROUPE_DB_PUT) {
			hash = fnv_string(hash, op->value, op->value_len);
		} else if (op->kind == TROUPE_DB_ADD) {
			hash = fnv_number(fnv_number(hash, (uint64_t)op->delta), (uint64_t)op->floor);
		}
	}
	if (commit->fence != NULL) {
		hash = fnv_string(hash, commit->fence, strlen(commit->fence));
		hash = fnv_number(hash, commit->fence_epoch);
	}
	return hash;
}

/* --- pages -------------------------------------------------------------------------------------- */

static int page_reserve(struct db_page *page, size_t bytes)
{
	if (page->count == page->size) {
		uint32_t size = page->size == 0 ? 16 : page->size * 2;
		void *values = realloc(page->values, size * sizeof(*page->values));

		if (values == NULL) {
			return -1;
		}
		page->values = values;
		page->size = size;
	}
	if (page->bytes_len + bytes > page->bytes_size) {
		size_t size = (page->bytes_len + bytes) * 2;
		void *grown = realloc(page->bytes, size);

		if (grown == NULL) {
			return -1;
		}
		page->bytes = grown;
		page->bytes_size = size;
	}
	return 0;
}

int db_page_add(struct db_page *page, const struct troupe_db_value *value, int copy_key)
{
	size_t key_len = copy_key ? value->key_len : 0;

	if (page_reserve(page, key_len + value->value_len) < 0) {
		return -1;
	}
	struct troupe_db_value *to = &page->values[page->count++];

	*to = *value;
	if (key_len > 0) {
		memcpy(page->bytes + page->bytes_len, value->key, key_len);
		to->key = NULL; /* until the page is whole */
	}
	if (value->value_len > 0) {
		memcpy(page->bytes + page->bytes_len + key_len, value->value, value->value_len);
	}
	page->bytes_len += key_len + value->value_len;
	return 0;
}

void db_page_close(struct db_page *page)
{
	static uint8_t none[1]; /* a page of empty values has no bytes, and NULL is no place to count from */
	uint8_t *at = page->bytes != NULL ? page->bytes : none;

	for (uint32_t i = 0; i < page->count; i++) {
		struct troupe_db_value *value = &page->values[i];

		if (value->key == NULL) {
			value->key = at;
			at += value->key_len;
		}
		value->value = value->version != 0 ? at : NULL;
		at += value->value_len;
	}
}
