/* SPDX-License-Identifier: MIT */
/* Keys of records and their indexes. */
#include "keys.h"

#include <stdlib.h>
#include <string.h>

#include "troupe/message.h"

void keys_init(struct keys *keys, uint64_t instance)
{
	store_key_u64(store_key(&keys->prefix, "log/"), instance);
}

static struct store_key *begin(const struct keys *keys, char kind, struct store_key *key)
{
	*key = keys->prefix;
	return store_key_bytes(key, &kind, 1);
}

void keys_mark(const struct keys *keys, const char *host, struct store_key *ret_key)
{
	store_key_bytes(begin(keys, 'm', ret_key), host, strlen(host));
}

void keys_bucket(const struct keys *keys, char what, uint64_t hour, struct store_key *ret_key)
{
	store_key_u64(begin(keys, what, ret_key), hour);
}

uint64_t keys_bucket_hour(const struct troupe_db_value *value)
{
	return store_u64_be((const uint8_t *)value->key + value->key_len - 8);
}

void keys_records(const struct keys *keys, struct store_key *ret_key)
{
	begin(keys, 'r', ret_key);
}

void keys_record(const struct keys *keys, const uint8_t place[PLACE_SIZE], struct store_key *ret_key)
{
	store_key_bytes(begin(keys, 'r', ret_key), place, PLACE_SIZE);
}

void keys_place(const Log__Record *record, uint8_t ret_place[PLACE_SIZE])
{
	const char *host = record->host != NULL ? record->host : "";
	struct store_key key = { .len = 0 };

	store_key_u64(&key, ~record->time_ms);
	store_key_u64(&key, troupe_fnv64(host, strlen(host)));
	store_key_u64(&key, ~record->seq);
	memcpy(ret_place, key.bytes, PLACE_SIZE);
}

uint64_t keys_place_ms(const uint8_t place[PLACE_SIZE])
{
	return ~store_u64_be(place);
}

void keys_index(const struct keys *keys, enum key_index index, const char *text, uint64_t number,
		struct store_key *ret_key)
{
	char field = (char)index;

	store_key_bytes(begin(keys, 'x', ret_key), &field, 1);
	if (index == INDEX_TRACE) {
		store_key_bytes(ret_key, text, TROUPE_TRACE_SIZE);
	} else if (text != NULL) {
		/* the NUL keeps "mall" apart from "mallet" */
		store_key_bytes(ret_key, text, strnlen(text, INDEX_TEXT_MAX));
		store_key_bytes(ret_key, "", 1);
	} else {
		store_key_u64(ret_key, number);
	}
}

void keys_range(const struct store_key *base, uint64_t from_ms, uint64_t to_ms, struct store_key *ret_from,
		struct store_key *ret_to)
{
	*ret_from = *base;
	store_key_u64(ret_from, to_ms > 0 ? ~(to_ms - 1) : UINT64_MAX);
	if (from_ms > 0) {
		*ret_to = *base;
		store_key_u64(ret_to, ~(from_ms - 1));
	} else {
		store_key_end(base, ret_to);
	}
}

/* --- changes -------------------------------------------------------------------------------------- */

static struct troupe_db_op *op_new(struct keys_ops *ops, const struct store_key *key)
{
	if (ops->len == ops->size) {
		uint32_t size = ops->size * 2 + 64;
		struct troupe_db_op *more = realloc(ops->ops, size * sizeof(*more));
		struct store_key *keys = more != NULL ? realloc(ops->keys, size * sizeof(*keys)) : NULL;

		ops->ops = more != NULL ? more : ops->ops;
		ops->keys = keys != NULL ? keys : ops->keys;
		if (keys == NULL) {
			ops->failed = 1;
			return NULL;
		}
		ops->size = size;
	}
	ops->keys[ops->len] = *key;
	ops->ops[ops->len] = (struct troupe_db_op){ .key_len = key->len };
	return &ops->ops[ops->len++];
}

void keys_set(struct keys_ops *ops, const struct store_key *key, const void *value, uint32_t len)
{
	struct troupe_db_op *op = op_new(ops, key);

	if (op != NULL) {
		op->kind = TROUPE_DB_PUT;
		op->value = value;
		op->value_len = len;
	}
}

void keys_remove(struct keys_ops *ops, const struct store_key *key)
{
	struct troupe_db_op *op = op_new(ops, key);

	if (op != NULL) {
		op->kind = TROUPE_DB_DELETE;
	}
}

void keys_add(struct keys_ops *ops, const struct store_key *key, int64_t delta)
{
	struct troupe_db_op *op = op_new(ops, key);

	if (op != NULL) {
		op->kind = TROUPE_DB_ADD;
		op->delta = delta;
		op->floor = INT64_MIN;
	}
}

/* One index entry of a record. */
static int64_t entry(struct keys_ops *ops, const struct store_key *value, const uint8_t *place, int put)
{
	struct store_key key = *value;

	store_key_bytes(&key, place, PLACE_SIZE);
	if (put) {
		keys_set(ops, &key, "", 0);
	} else {
		keys_remove(ops, &key);
	}
	return key.len;
}

/* All entries of a record, and the key it lies under. */
static int64_t entries(struct keys_ops *ops, const struct keys *keys, const Log__Record *record, int put,
		       struct store_key *ret_record)
{
	const struct {
		enum key_index index;
		const char *text;
	} texts[] = { { INDEX_PART, record->part }, { INDEX_ROLE, record->role }, { INDEX_ORDER, record->order } };
	uint8_t place[PLACE_SIZE];
	struct store_key key;
	int64_t bytes = 0;

	keys_place(record, place);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		if (texts[i].text != NULL && texts[i].text[0] != '\0') {
			keys_index(keys, texts[i].index, texts[i].text, 0, &key);
			bytes += entry(ops, &key, place, put);
		}
	}
	keys_index(keys, INDEX_LEVEL, NULL, record->level, &key);
	bytes += entry(ops, &key, place, put);
	if (record->account != 0) {
		keys_index(keys, INDEX_ACCOUNT, NULL, record->account, &key);
		bytes += entry(ops, &key, place, put);
	}
	if (record->trace.len == TROUPE_TRACE_SIZE) {
		keys_index(keys, INDEX_TRACE, (const char *)record->trace.data, 0, &key);
		bytes += entry(ops, &key, place, put);
	}
	keys_record(keys, place, ret_record);
	return bytes + ret_record->len;
}

int64_t keys_put(struct keys_ops *ops, const struct keys *keys, const Log__Record *record, const uint8_t *value,
		 uint32_t len)
{
	struct store_key key;
	int64_t bytes = entries(ops, keys, record, 1, &key);

	keys_set(ops, &key, value, len);
	return bytes + len;
}

int64_t keys_delete(struct keys_ops *ops, const struct keys *keys, const Log__Record *record, uint32_t len)
{
	struct store_key key;
	int64_t bytes = entries(ops, keys, record, 0, &key);

	keys_remove(ops, &key);
	return bytes + len;
}

const uint8_t *keys_is_record(const struct keys *keys, const struct troupe_db_op *op)
{
	uint32_t head = keys->prefix.len + 1;
	const uint8_t *key = op->key;

	return op->kind == TROUPE_DB_PUT && op->key_len == head + PLACE_SIZE && key[head - 1] == 'r' ? key + head : NULL;
}

const struct troupe_db_op *keys_ops_get(struct keys_ops *ops)
{
	for (uint32_t i = 0; i < ops->len; i++) {
		ops->ops[i].key = ops->keys[i].bytes;
	}
	return ops->ops;
}

void keys_ops_free(struct keys_ops *ops)
{
	free(ops->ops);
	free(ops->keys);
	*ops = (struct keys_ops){ 0 };
}
