/* SPDX-License-Identifier: MIT */
/* The LevelDB driver over stored bytes of any kind: a group of transactions is decided, or the store is found damaged. */
#include <stdlib.h>
#include <string.h>

#include "plugins/driver_leveldb/engine.h"
#include "plugins/driver_leveldb/group.h"
#include "plugins/driver_leveldb/record.h"

/*
 * Input: a byte n; 4 records for 4 keys, each a length byte and bytes (length 255 = absent); then transactions of one byte
 * each for what they do. The engine is an array, so that damaged records can be planted and puts be seen.
 */
#define KEYS 4
#define TXS_MAX 16

static struct {
	const uint8_t *bytes;
	size_t len;
	int there;
} records[KEYS];

static struct {
	uint32_t puts, own_puts, writes;
} wrote;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int slot_of(const void *key, size_t key_len)
{
	const uint8_t *bytes = key;

	/* the driver's own records are 0 'f'..., 0 'k'...: they get the records of keys 2 and 3 */
	return bytes[0] == 0 ? (bytes[1] == 'f' ? 2 : 3) : bytes[key_len - 1] % 2;
}

int32_t engine_get(struct engine *engine, struct engine_snapshot *snapshot, const void *key, size_t key_len,
		   char **ret_bytes, size_t *ret_len, struct troupe_error *reterr)
{
	int slot = slot_of(key, key_len);

	(void)engine, (void)snapshot, (void)reterr;
	*ret_bytes = NULL;
	*ret_len = 0;
	if (records[slot].there) {
		*ret_bytes = malloc(records[slot].len + 1);
		memcpy(*ret_bytes, records[slot].bytes, records[slot].len);
		*ret_len = records[slot].len;
	}
	return TROUPE_OK;
}

void engine_free(char *bytes)
{
	free(bytes);
}

void engine_put(struct engine *engine, const void *key, size_t key_len, uint64_t version, const void *value,
		size_t value_len)
{
	(void)engine, (void)value, (void)value_len;
	if (version == 0 || key_len == 0) {
		abort(); /* such a record could not be read again */
	}
	wrote.puts++;
	wrote.own_puts += *(const uint8_t *)key == 0;
}

void engine_delete(struct engine *engine, const void *key, size_t key_len)
{
	(void)engine;
	if (key_len == 0 || *(const uint8_t *)key == 0) {
		abort();
	}
}

void engine_clear(struct engine *engine)
{
	(void)engine;
	memset(&wrote, 0, sizeof(wrote));
}

int32_t engine_write(struct engine *engine, struct troupe_error *reterr)
{
	(void)engine, (void)reterr;
	wrote.writes++;
	return TROUPE_OK;
}

static void record_check(const uint8_t *bytes, size_t len)
{
	const uint8_t *value;
	uint64_t version;
	size_t value_len;
	int64_t number;
	uint8_t again[8];

	if (record_read(bytes, len, &version, &value, &value_len) == 0) {
		record_put64(again, version);
		if (memcmp(again, bytes, 8) != 0 || value + value_len != bytes + len) {
			abort();
		}
		if ((record_number(value, value_len, &number) == 0) != (value_len == 8)) {
			abort();
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct troupe_driver_tx txs[TXS_MAX] = { 0 };
	struct troupe_db_result results[TXS_MAX];
	struct troupe_db_check checks[TXS_MAX];
	struct troupe_db_op ops[TXS_MAX];
	static const char keys[2][3] = { "k0", "k1" };
	struct troupe_error error = { .size = sizeof(error) };
	struct group group = { .version = 7 };
	uint32_t count = 0, done = 0;
	size_t at = 0;

	record_check(data, size);
	for (int i = 0; i < KEYS; i++) {
		size_t len = at < size ? data[at++] : 255;

		records[i].there = len != 255;
		records[i].len = len < size - at ? len : size - at;
		records[i].bytes = data + at;
		at += records[i].there ? records[i].len : 0;
	}
	for (; at < size && count < TXS_MAX; at++, count++) {
		uint8_t what = data[at];

		checks[count] = (struct troupe_db_check){ .key = keys[what & 1], .key_len = 2, .version = what >> 6 };
		ops[count] = (struct troupe_db_op){ .kind = (what >> 1) & 3, .key = keys[what & 1], .key_len = 2,
						    .value = data, .value_len = (uint32_t)(size < 16 ? size : 8),
						    .delta = (int8_t)what, .floor = 0 };
		txs[count] = (struct troupe_driver_tx){ .ops = &ops[count], .ops_len = 1 };
		if (what & 8) {
			txs[count].checks = &checks[count];
			txs[count].checks_len = 1;
		}
		if (what & 16) {
			txs[count].fence = "f";
			txs[count].fence_epoch = what;
		}
		if (what & 32) {
			txs[count].key = (const uint8_t *)"0123456789abcdef";
			txs[count].fingerprint = what;
		}
	}
	int32_t status = group_commit(&group, txs, count, results, &error);

	if (status != TROUPE_OK && status != TROUPE_DATA_LOSS) {
		abort();
	}
	for (uint32_t i = 0; status == TROUPE_OK && i < count; i++) {
		if (results[i].status == TROUPE_OK && !results[i].repeated) {
			done++;
			if (results[i].version != 7 + done) {
				abort(); /* numbers are given out one by one */
			}
		}
	}
	if (status == TROUPE_OK && (group.version != 7 + done || wrote.writes != (done > 0))) {
		abort();
	}
	group_free(&group);
	return 0;
}
