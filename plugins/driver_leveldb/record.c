/* SPDX-License-Identifier: MIT */
/* How the driver writes keys and values: versions before values, its own records below the others' keys. */
#include "record.h"

#include <string.h>

void record_put64(uint8_t *ret_bytes, uint64_t number)
{
	for (int i = 0; i < 8; i++) {
		ret_bytes[i] = (uint8_t)(number >> (8 * i));
	}
}

uint64_t record_get64(const uint8_t *bytes)
{
	uint64_t number = 0;

	for (int i = 0; i < 8; i++) {
		number |= (uint64_t)bytes[i] << (8 * i);
	}
	return number;
}

size_t record_own_key(uint8_t ret_key[RECORD_OWN_KEY_MAX], enum record_kind kind, const void *name, size_t len)
{
	ret_key[0] = 0;
	ret_key[1] = (uint8_t)kind;
	if (len > 0) {
		memcpy(ret_key + 2, name, len);
	}
	return 2 + len;
}

int record_read(const void *bytes, size_t len, uint64_t *ret_version, const uint8_t **ret_value, size_t *ret_len)
{
	if (len < RECORD_VERSION_SIZE) {
		return -1;
	}
	uint64_t version = record_get64(bytes);

	if (version == 0) {
		return -1; /* 0 means absent, so no commit has this number */
	}
	*ret_version = version;
	*ret_value = (const uint8_t *)bytes + RECORD_VERSION_SIZE;
	*ret_len = len - RECORD_VERSION_SIZE;
	return 0;
}

int record_number(const uint8_t *value, size_t len, int64_t *ret_number)
{
	if (len != RECORD_NUMBER_SIZE) {
		return -1;
	}
	uint64_t number = record_get64(value);

	memcpy(ret_number, &number, sizeof(*ret_number));
	return 0;
}
