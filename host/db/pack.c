/* SPDX-License-Identifier: MIT */
/* Requests to databases on other hosts as bytes, and their answers: the messages of database.proto. */
#include "host/db/pack.h"

#include <stdlib.h>
#include <string.h>

#include "database.pb-c.h"
#include "host/core/buf.h"

#define KEY_HEAD 8u /* more than what packing adds to a key */

static struct troupe_buf *pack(const ProtobufCMessage *message)
{
	size_t len = protobuf_c_message_get_packed_size(message);
	uint8_t *bytes;
	struct troupe_buf *buf = len <= TROUPE_BODY_MAX ? buf_new(len, &bytes) : NULL;

	if (buf != NULL) {
		protobuf_c_message_pack(message, bytes);
	}
	return buf;
}

/* protobuf-c only reads what it packs. */
static ProtobufCBinaryData borrow(const void *bytes, size_t len)
{
	return (ProtobufCBinaryData){ .len = len, .data = (uint8_t *)(uintptr_t)bytes };
}

/* --- requests ------------------------------------------------------------------------------------- */

static void check_fill(Database__Check *to, const struct troupe_db_check *check)
{
	database__check__init(to);
	to->has_key = to->has_version = 1;
	to->key = borrow(check->key, check->key_len);
	to->version = check->version;
}

static void op_fill(Database__Op *to, const struct troupe_db_op *op)
{
	database__op__init(to);
	to->has_kind = to->has_key = 1;
	to->kind = op->kind;
	to->key = borrow(op->key, op->key_len);
	if (op->kind == TROUPE_DB_PUT) {
		to->has_value = 1;
		to->value = borrow(op->value, op->value_len);
	} else if (op->kind == TROUPE_DB_ADD) {
		to->has_delta = to->has_floor = 1;
		to->delta = op->delta;
		to->floor = op->floor;
	}
}

struct troupe_buf *pack_commit(const struct db_request *request)
{
	const struct troupe_driver_tx *tx = &request->u.commit.tx;
	size_t checks_size = tx->checks_len * (sizeof(Database__Check) + sizeof(Database__Check *));
	size_t ops_size = tx->ops_len * (sizeof(Database__Op) + sizeof(Database__Op *));
	Database__Check **checks = malloc(checks_size + ops_size + 1);
	Database__Check *check = (Database__Check *)(void *)(checks + tx->checks_len);
	Database__Op **ops = (Database__Op **)(void *)(check + tx->checks_len);
	Database__Op *op = (Database__Op *)(void *)(ops + tx->ops_len);
	Database__CommitRequest body = DATABASE__COMMIT_REQUEST__INIT;
	struct troupe_buf *buf;

	if (checks == NULL) {
		return NULL;
	}
	for (uint32_t i = 0; i < tx->checks_len; i++) {
		checks[i] = &check[i];
		check_fill(&check[i], &tx->checks[i]);
	}
	for (uint32_t i = 0; i < tx->ops_len; i++) {
		ops[i] = &op[i];
		op_fill(&op[i], &tx->ops[i]);
	}
	body.checks = checks;
	body.n_checks = tx->checks_len;
	body.ops = ops;
	body.n_ops = tx->ops_len;
	if (tx->fence != NULL) {
		body.has_fence = body.has_fence_epoch = 1;
		body.fence = borrow(tx->fence, strlen(tx->fence));
		body.fence_epoch = tx->fence_epoch;
	}
	body.has_stream = body.has_number = body.has_attempt = 1;
	body.stream = request->sent.stream;
	body.number = request->sent.number;
	body.attempt = request->sent.attempt;
	buf = pack(&body.base);
	free(checks);
	return buf;
}

struct troupe_buf *pack_get(const struct db_request *request, uint32_t first)
{
	uint32_t len = request->u.read.keys_len - first, fit = 0;
	ProtobufCBinaryData *keys = malloc(len * sizeof(*keys) + 1);
	Database__GetRequest body = DATABASE__GET_REQUEST__INIT;
	size_t bytes = 2 * KEY_HEAD;
	struct troupe_buf *buf;

	if (keys == NULL) {
		return NULL;
	}
	while (fit < len) {
		const struct troupe_db_check *key = &request->u.read.keys[first + fit];

		bytes += KEY_HEAD + (size_t)key->key_len;
		if (bytes > TROUPE_BODY_MAX && fit > 0) {
			break;
		}
		keys[fit++] = borrow(key->key, key->key_len);
	}
	body.keys = keys;
	body.n_keys = fit;
	body.has_snapshot = request->u.read.snapshot != 0;
	body.snapshot = request->u.read.snapshot;
	buf = pack(&body.base);
	free(keys);
	return buf;
}

struct troupe_buf *pack_scan(const struct db_request *request)
{
	Database__ScanRequest body = DATABASE__SCAN_REQUEST__INIT;

	body.has_from = body.has_to = body.has_limit = 1;
	body.from = borrow(request->u.read.from, request->u.read.from_len); /* `after` is in it already */
	body.to = borrow(request->u.read.to, request->u.read.to_len);
	body.limit = request->u.read.limit;
	body.has_snapshot = request->u.read.snapshot != 0;
	body.snapshot = request->u.read.snapshot;
	return pack(&body.base);
}

struct troupe_buf *pack_snapshot(uint64_t snapshot)
{
	Database__Snapshot body = DATABASE__SNAPSHOT__INIT;

	body.has_snapshot = snapshot != 0; /* without it it is a SnapshotRequest too */
	body.snapshot = snapshot;
	return pack(&body.base);
}

/* --- answers -------------------------------------------------------------------------------------- */

static const void *unpack(const ProtobufCMessageDescriptor *type, const struct troupe_reply *reply)
{
	static const uint8_t none[1];

	return protobuf_c_message_unpack(type, NULL, reply->body_len, reply->body_len > 0 ? reply->body : none);
}

static void release(const void *message)
{
	protobuf_c_message_free_unpacked((ProtobufCMessage *)(uintptr_t)message, NULL);
}

int unpack_commit(const struct troupe_reply *reply, struct troupe_db_result *ret_result)
{
	const Database__CommitReply *body = unpack(&database__commit_reply__descriptor, reply);
	int fine = body != NULL && body->has_status;

	if (fine) {
		*ret_result = (struct troupe_db_result){ .size = sizeof(*ret_result), .status = body->status,
							 .index = body->index, .repeated = body->known != 0,
							 .version = body->version };
	}
	release(body);
	return fine ? 0 : -1;
}

static int values_add(const Database__Page *body, struct db_request *request)
{
	struct db_page *page = &request->u.read.page;
	int is_get = request->kind == DB_GET;

	if (is_get && body->n_values > request->u.read.keys_len - page->count) {
		return -1;
	}
	for (size_t i = 0; i < body->n_values; i++) {
		const Database__Value *from = body->values[i];
		struct troupe_db_value value = { .key = from->key.data, .key_len = (uint32_t)from->key.len,
						 .value = from->value.data, .value_len = (uint32_t)from->value.len,
						 .version = from->version };

		if (is_get) {
			value.key = request->u.read.keys[page->count].key;
			value.key_len = request->u.read.keys[page->count].key_len;
		}
		if (db_page_add(page, &value, !is_get) < 0) {
			return -1;
		}
	}
	page->more = body->more != 0;
	return 0;
}

int unpack_page(const struct troupe_reply *reply, struct db_request *request, int32_t *ret_status)
{
	const Database__Page *body = unpack(&database__page__descriptor, reply);
	int r = -1;

	if (body != NULL && body->has_status) {
		*ret_status = body->status;
		r = body->status == TROUPE_OK ? values_add(body, request) : 0;
	}
	release(body);
	return r;
}

int unpack_snapshot(const struct troupe_reply *reply, uint64_t *ret_snapshot, int32_t *ret_status)
{
	const Database__SnapshotReply *body = unpack(&database__snapshot_reply__descriptor, reply);
	int fine = body != NULL && body->has_status && (body->status != TROUPE_OK || body->snapshot != 0);

	if (fine) {
		*ret_status = body->status;
		*ret_snapshot = body->snapshot;
	}
	release(body);
	return fine ? 0 : -1;
}
