/* SPDX-License-Identifier: MIT */
/* How the driver writes keys and values: versions before values, its own records below the others' keys. */
#ifndef DRIVER_LEVELDB_RECORD_H
#define DRIVER_LEVELDB_RECORD_H

#include <stddef.h>
#include <stdint.h>

/*
 * A stored value is its version, 8 bytes little-endian, and then the value itself. The driver's own keys
 * are a zero byte, one byte that says what it is, and a name:
 *
 *   0 'c'        the commit counter: the version is the newest number; no value
 *   0 'f' NAME   a fence: the value is its epoch, 8 bytes little-endian
 *   0 'k' KEY    an idempotency key: the version is that commit's; the value is its fingerprint, 8 bytes
 *   0 'm'        what made the store: the value is RECORD_FORMAT, 8 bytes
 *
 * Every function may be called from any thread.
 */
enum record_kind {
	RECORD_PLAIN = 0, /* a key of the database's users; it stands for itself */
	RECORD_COUNTER = 'c',
	RECORD_FENCE = 'f',
	RECORD_KEY = 'k',
	RECORD_META = 'm'
};

#define RECORD_VERSION_SIZE 8u
#define RECORD_NUMBER_SIZE 8u
#define RECORD_FORMAT 1u
#define RECORD_NAME_MAX 255u /* bytes in a fence's name */
#define RECORD_OWN_KEY_MAX (2u + RECORD_NAME_MAX)

/* record_put64, record_get64: 8 bytes little-endian. */
void record_put64(uint8_t *ret_bytes, uint64_t number);
uint64_t record_get64(const uint8_t *bytes);

/* record_own_key: writes the driver's own key of `kind` for `name` (at most RECORD_NAME_MAX bytes) and
 * returns its length. */
size_t record_own_key(uint8_t ret_key[RECORD_OWN_KEY_MAX], enum record_kind kind, const void *name, size_t len);

/* record_read: takes a stored value apart; *ret_value points into `bytes`. 0, or -1: it is damaged. */
int record_read(const void *bytes, size_t len, uint64_t *ret_version, const uint8_t **ret_value, size_t *ret_len);

/* record_number: the number that a value holds. 0, or -1: it is none. */
int record_number(const uint8_t *value, size_t len, int64_t *ret_number);

#endif
