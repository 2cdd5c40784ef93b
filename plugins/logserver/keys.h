/* SPDX-License-Identifier: MIT */
/* The keys of a log server: a record under its place, and under what it is about. */
#ifndef LOGSERVER_KEYS_H
#define LOGSERVER_KEYS_H

#include <stddef.h>
#include <stdint.h>

#include "log.pb-c.h"
#include "store/store.h"

/*
 * Every key starts with "log/" and the instance's id, so that several servers may use one database. Then:
 *
 *   m HOST			mark: how far the host's records are stored
 *   b HOUR, n HOUR		bytes and records of an hour, numbers that TROUPE_DB_ADD keeps
 *   r PLACE			a record
 *   x FIELD VALUE PLACE	nothing: the record at PLACE has this value
 *
 * PLACE is ~time_ms, fnv64 of the host's name, ~seq, each eight bytes big-endian: newest first, and the same
 * order whichever server holds it.
 */
#define PLACE_SIZE 24u
#define INDEX_TEXT_MAX 64u /* bytes of a value that the index holds; the rest is compared with the record */

enum key_index {
	INDEX_PART = 'p',
	INDEX_ROLE = 'r',
	INDEX_LEVEL = 'l',
	INDEX_ACCOUNT = 'a',
	INDEX_ORDER = 'o',
	INDEX_TRACE = 't'
};

/* The server's part of each key. */
struct keys {
	struct store_key prefix;
};

/* Changes of one commit, with their keys and values. Zeroed = empty; keys_ops_free when the commit has been handed over. */
struct keys_ops {
	struct troupe_db_op *ops;
	struct store_key *keys; /* as many */
	uint32_t len, size;
	int failed; /* no memory */
};

void keys_init(struct keys *keys, uint64_t instance);

void keys_mark(const struct keys *keys, const char *host, struct store_key *ret_key);
/* keys_bucket: `what` is 'b' or 'n'. keys_bucket_hour: the hour of such a key. */
void keys_bucket(const struct keys *keys, char what, uint64_t hour, struct store_key *ret_key);
uint64_t keys_bucket_hour(const struct troupe_db_value *value);
void keys_record(const struct keys *keys, const uint8_t place[PLACE_SIZE], struct store_key *ret_key);

/* keys_place: where a record belongs. keys_place_ms: the time in a place. */
void keys_place(const Log__Record *record, uint8_t ret_place[PLACE_SIZE]);
uint64_t keys_place_ms(const uint8_t place[PLACE_SIZE]);

/* keys_index: the beginning of the entries of one value; text of the fields that have one, else number; a trace is
 * TROUPE_TRACE_SIZE bytes of text. */
void keys_index(const struct keys *keys, enum key_index index, const char *text, uint64_t number,
		struct store_key *ret_key);

/*
 * keys_range: the entries of `base` (keys_index, or the records with keys_records) from the newest below to_ms down to
 * from_ms included, as the bounds of a scan.
 */
void keys_records(const struct keys *keys, struct store_key *ret_key);
void keys_range(const struct store_key *base, uint64_t from_ms, uint64_t to_ms, struct store_key *ret_from,
		struct store_key *ret_to);

/* keys_put: stores a packed record and its index entries, keys_delete removes them; `value` stays valid until the
 * commit is handed over. Each returns how many bytes of keys and values that are. */
int64_t keys_put(struct keys_ops *ops, const struct keys *keys, const Log__Record *record, const uint8_t *value,
		 uint32_t len);
int64_t keys_delete(struct keys_ops *ops, const struct keys *keys, const Log__Record *record, uint32_t len);
/* keys_is_record: the place of the record that this change stores; NULL if it does something else. */
const uint8_t *keys_is_record(const struct keys *keys, const struct troupe_db_op *op);
/* keys_add, keys_set: a change of a counter, a value. */
void keys_add(struct keys_ops *ops, const struct store_key *key, int64_t delta);
void keys_set(struct keys_ops *ops, const struct store_key *key, const void *value, uint32_t len);
void keys_remove(struct keys_ops *ops, const struct store_key *key);
/* keys_ops_get: the ops with their keys in place. */
const struct troupe_db_op *keys_ops_get(struct keys_ops *ops);
void keys_ops_free(struct keys_ops *ops);

#endif
