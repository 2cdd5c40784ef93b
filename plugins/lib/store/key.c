/* SPDX-License-Identifier: MIT */
/* Keys of records, built so that bytewise order is the order wanted. */
#include <stdlib.h>
#include <string.h>

#include "store/store.h"

struct store_key *store_key_bytes(struct store_key *key, const void *bytes, size_t len)
{
	/* A shortened key would name another record, so there is nothing sane to go on with. */
	if (len > sizeof(key->bytes) - key->len) {
		abort();
	}
	if (len > 0) {
		memcpy(key->bytes + key->len, bytes, len);
	}
	key->len += (uint32_t)len;
	return key;
}

struct store_key *store_key(struct store_key *key, const char *prefix)
{
	key->len = 0;
	return store_key_bytes(key, prefix, strlen(prefix));
}

struct store_key *store_key_u64(struct store_key *key, uint64_t number)
{
	uint8_t bytes[8];

	for (unsigned i = 0; i < 8; i++) {
		bytes[i] = (uint8_t)(number >> (56 - 8 * i));
	}
	return store_key_bytes(key, bytes, sizeof(bytes));
}

struct store_key *store_key_text(struct store_key *key, const char *text)
{
	return store_key_bytes(key, text, strlen(text) + 1);
}

void store_key_end(const struct store_key *prefix, struct store_key *ret_end)
{
	*ret_end = *prefix;
	while (ret_end->len > 0 && ret_end->bytes[ret_end->len - 1] == 0xFF) {
		ret_end->len--;
	}
	if (ret_end->len > 0) {
		ret_end->bytes[ret_end->len - 1]++;
	}
}

int64_t store_i64(const void *value, uint32_t len)
{
	const uint8_t *p = value;
	uint64_t number = 0;

	for (unsigned i = 0; i < 8 && i < len; i++) {
		number |= (uint64_t)p[i] << (8 * i);
	}
	return (int64_t)number;
}

uint64_t store_u64_be(const uint8_t *bytes)
{
	uint64_t number = 0;

	for (unsigned i = 0; i < 8; i++) {
		number = number << 8 | bytes[i];
	}
	return number;
}
