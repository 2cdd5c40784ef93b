/* SPDX-License-Identifier: MIT */
/* A driver in memory that fails when it is told to. */
#include "tests/support/fake_driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fake_disk_init(struct fake_disk *disk)
{
	memset(disk, 0, sizeof(*disk));
	pthread_mutex_init(&disk->mutex, NULL);
	pthread_cond_init(&disk->cond, NULL);
}

void fake_hold(struct fake_disk *disk)
{
	pthread_mutex_lock(&disk->mutex);
	disk->hold = 1;
	pthread_mutex_unlock(&disk->mutex);
}

void fake_wait_held(struct fake_disk *disk)
{
	pthread_mutex_lock(&disk->mutex);
	while (!disk->holding) {
		pthread_cond_wait(&disk->cond, &disk->mutex);
	}
	pthread_mutex_unlock(&disk->mutex);
}

void fake_release(struct fake_disk *disk)
{
	pthread_mutex_lock(&disk->mutex);
	disk->hold = 0;
	pthread_cond_broadcast(&disk->cond);
	pthread_mutex_unlock(&disk->mutex);
}

static int32_t fake_open(const struct troupe_driver_open *open, void **ret_store, struct troupe_error *reterr)
{
	struct fake_disk *disk = (struct fake_disk *)(uintptr_t)open->options;
	int32_t status = TROUPE_OK;

	pthread_mutex_lock(&disk->mutex);
	disk->opens++;
	if (disk->fail_opens > 0) {
		disk->fail_opens--;
		status = disk->fail_open;
		snprintf(reterr->text, sizeof(reterr->text), "planted failure of open");
		reterr->help[0] = '\0';
	}
	pthread_mutex_unlock(&disk->mutex);
	*ret_store = disk;
	return status;
}

static void fake_close(void *store)
{
	struct fake_disk *disk = store;

	pthread_mutex_lock(&disk->mutex);
	disk->closes++;
	pthread_mutex_unlock(&disk->mutex);
}

static int entry_find(const struct fake_disk *disk, const void *key, uint32_t key_len)
{
	for (uint32_t i = 0; i < disk->entries_len; i++) {
		if (disk->entries[i].key_len == key_len && memcmp(disk->entries[i].key, key, key_len) == 0) {
			return (int)i;
		}
	}
	return -1;
}

static void entry_put(struct fake_disk *disk, const struct troupe_db_op *op, uint64_t version)
{
	int at = entry_find(disk, op->key, op->key_len);

	if (at < 0) {
		at = (int)disk->entries_len++;
		if (at == FAKE_ENTRIES) {
			abort();
		}
		memcpy(disk->entries[at].key, op->key, op->key_len);
		disk->entries[at].key_len = op->key_len;
	}
	memcpy(disk->entries[at].value, op->value, op->value_len);
	disk->entries[at].value_len = op->value_len;
	disk->entries[at].version = version;
}

static int key_find(const struct fake_disk *disk, const uint8_t *key)
{
	for (uint32_t i = 0; i < disk->keys_len; i++) {
		if (memcmp(disk->keys[i].key, key, TROUPE_KEY_SIZE) == 0) {
			return (int)i;
		}
	}
	return -1;
}

static void tx_apply(struct fake_disk *disk, const struct troupe_driver_tx *tx, struct troupe_db_result *result)
{
	int at = tx->key != NULL ? key_find(disk, tx->key) : -1;

	memset(result, 0, sizeof(*result));
	if (at >= 0) {
		result->repeated = 1;
		result->version = disk->keys[at].version;
		return;
	}
	result->version = ++disk->version;
	for (uint32_t i = 0; i < tx->ops_len; i++) {
		entry_put(disk, &tx->ops[i], disk->version);
	}
	if (tx->key != NULL) {
		memcpy(disk->keys[disk->keys_len].key, tx->key, TROUPE_KEY_SIZE);
		disk->keys[disk->keys_len].fingerprint = tx->fingerprint;
		disk->keys[disk->keys_len++].version = disk->version;
	}
}

static int32_t fake_commit(void *store, const struct troupe_driver_tx *txs, uint32_t count,
			   struct troupe_db_result *results, struct troupe_error *reterr)
{
	struct fake_disk *disk = store;

	pthread_mutex_lock(&disk->mutex);
	while (disk->hold) {
		disk->holding = 1;
		pthread_cond_broadcast(&disk->cond);
		pthread_cond_wait(&disk->cond, &disk->mutex);
	}
	disk->holding = 0;
	disk->groups[disk->commits++ % 256] = count;
	int32_t status = disk->fail_commit;

	disk->fail_commit = TROUPE_OK;
	if (status == TROUPE_OK || disk->survives) {
		for (uint32_t i = 0; i < count; i++) {
			tx_apply(disk, &txs[i], &results[i]);
		}
	}
	pthread_mutex_unlock(&disk->mutex);
	snprintf(reterr->text, sizeof(reterr->text), "planted failure of commit");
	return status;
}

static int32_t fake_find_key(void *store, const uint8_t *key, uint64_t fingerprint, uint64_t *ret_version)
{
	struct fake_disk *disk = store;

	pthread_mutex_lock(&disk->mutex);
	int at = key_find(disk, key);

	if (at >= 0) {
		*ret_version = disk->keys[at].version;
	}
	pthread_mutex_unlock(&disk->mutex);
	return at < 0 ? TROUPE_NOT_FOUND : disk->keys[at].fingerprint == fingerprint ? TROUPE_OK : TROUPE_ALREADY_EXISTS;
}

static void value_fill(const struct fake_disk *disk, uint32_t at, struct troupe_db_value *ret_value)
{
	ret_value->key = disk->entries[at].key;
	ret_value->key_len = disk->entries[at].key_len;
	ret_value->value = disk->entries[at].value;
	ret_value->value_len = disk->entries[at].value_len;
	ret_value->version = disk->entries[at].version;
}

static int32_t fake_get(void *store, void *snapshot, const struct troupe_db_check *keys, uint32_t keys_len,
			troupe_driver_emit_fn emit, void *arg)
{
	struct fake_disk *disk = store;

	(void)snapshot;
	pthread_mutex_lock(&disk->mutex);
	for (uint32_t i = 0; i < keys_len; i++) {
		struct troupe_db_value value = { .key = keys[i].key, .key_len = keys[i].key_len };
		int at = entry_find(disk, keys[i].key, keys[i].key_len);

		if (at >= 0) {
			value_fill(disk, (uint32_t)at, &value);
			value.key = keys[i].key;
		}
		if (emit(arg, &value)) {
			break;
		}
	}
	pthread_mutex_unlock(&disk->mutex);
	return TROUPE_OK;
}

/* In the order of writing, which tests of the service may rely on. */
static int32_t fake_scan(void *store, void *snapshot, const void *from, uint32_t from_len, const void *to,
			 uint32_t to_len, troupe_driver_emit_fn emit, void *arg)
{
	struct fake_disk *disk = store;

	(void)snapshot, (void)from, (void)from_len, (void)to, (void)to_len;
	pthread_mutex_lock(&disk->mutex);
	for (uint32_t i = 0; i < disk->entries_len; i++) {
		struct troupe_db_value value;

		value_fill(disk, i, &value);
		if (emit(arg, &value)) {
			break;
		}
	}
	pthread_mutex_unlock(&disk->mutex);
	return TROUPE_OK;
}

static int32_t fake_snapshot_open(void *store, void **ret_snapshot)
{
	struct fake_disk *disk = store;

	pthread_mutex_lock(&disk->mutex);
	disk->snapshots++;
	pthread_mutex_unlock(&disk->mutex);
	*ret_snapshot = disk;
	return TROUPE_OK;
}

static void fake_snapshot_close(void *store, void *snapshot)
{
	struct fake_disk *disk = store;

	(void)snapshot;
	pthread_mutex_lock(&disk->mutex);
	disk->snapshots--;
	pthread_mutex_unlock(&disk->mutex);
}

const struct troupe_driver fake_driver = {
	.size = sizeof(struct troupe_driver),
	.scope = TROUPE_SCOPE_DATABASE,
	.key_max = 32,
	.value_max = 32,
	.ops_max = 16,
	.group_max = 256,
	.group_bytes = 4096,
	.open = fake_open,
	.close = fake_close,
	.commit = fake_commit,
	.find_key = fake_find_key,
	.get = fake_get,
	.scan = fake_scan,
	.snapshot_open = fake_snapshot_open,
	.snapshot_close = fake_snapshot_close,
};
