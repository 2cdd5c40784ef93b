/* SPDX-License-Identifier: MIT */
/* The embedded database driver: one LevelDB store in one folder. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "group.h"
#include "owner.h"
#include "record.h"
#include "space.h"
#include "troupe/driver.h"

struct driver_leveldb_options {
	const char *path;
	int64_t write_buffer, cache, reserve;
};

struct store {
	struct space space;
	struct group group;
};

static const struct troupe_option option_table[] = {
	{ .name = "path", .help = "The folder that holds the store; one process at a time may have it open.",
	  .type = TROUPE_OPTION_PATH, .flags = TROUPE_OPTION_REQUIRED,
	  .offset = offsetof(struct driver_leveldb_options, path) },
	{ .name = "write_buffer", .help = "How much is gathered in memory, and in the log, before it becomes a table.",
	  .fallback = "4mb", .type = TROUPE_OPTION_SIZE, .offset = offsetof(struct driver_leveldb_options, write_buffer),
	  .min = 64 << 10, .max = 1 << 30 },
	{ .name = "cache", .help = "Memory for blocks that were read.", .fallback = "32mb", .type = TROUPE_OPTION_SIZE,
	  .offset = offsetof(struct driver_leveldb_options, cache), .min = 64 << 10, .max = (int64_t)64 << 30 },
	{ .name = "reserve",
	  .help = "Disk space kept aside so that a store whose disk is full can be opened again; at least twice write_buffer.",
	  .fallback = "16mb", .type = TROUPE_OPTION_SIZE, .offset = offsetof(struct driver_leveldb_options, reserve),
	  .min = 128 << 10, .max = (int64_t)4 << 30 },
	{ .name = NULL }
};

static int32_t fail(struct troupe_error *reterr, int32_t status, const char *path, const char *text, const char *help)
{
	reterr->status = status;
	snprintf(reterr->text, sizeof(reterr->text), "%.90s: %.160s", path, text);
	snprintf(reterr->help, sizeof(reterr->help), "%s", help);
	return status;
}

/* Puts the remedy beside what LevelDB says. */
static int32_t open_explain(int32_t status, const char *path, struct troupe_error *reterr)
{
	char text[sizeof(reterr->text)];

	memcpy(text, reterr->text, sizeof(text));
	if (status == TROUPE_UNAVAILABLE && strstr(text, "already held by process") != NULL) {
		return fail(reterr, status, path, "already owned by another database of this process",
			    "give this database another `path`");
	}
	if (status == TROUPE_UNAVAILABLE) {
		return fail(reterr, status, path, owner_tell(path, text, sizeof(text)),
			    "stop that process (a host that is still ending?), or give this database another `path`");
	}
	if (status == TROUPE_DATA_LOSS) {
		return fail(reterr, status, path, text,
			    "stored files are damaged or missing: nothing was changed; restore the folder from a backup");
	}
	if (status == TROUPE_RESOURCE_EXHAUSTED) {
		return fail(reterr, status, path, text, "free space on this disk; the store then opens by itself");
	}
	return fail(reterr, status, path, text, "see that this user may read and write the folder");
}

/* Reads the store's own records: what made it, and the newest number. */
static int32_t store_verify(struct store *store, const char *path, struct troupe_error *reterr)
{
	struct overlay_state meta, counter;
	struct group *group = &store->group;
	uint32_t entry;

	overlay_reset(&group->overlay, 2);
	int32_t status = group_state(group, RECORD_META, "", 0, &entry, &meta, reterr);

	if (status == TROUPE_OK) {
		status = group_state(group, RECORD_COUNTER, "", 0, &entry, &counter, reterr);
	}
	if (status != TROUPE_OK) {
		return open_explain(status, path, reterr);
	}
	if (meta.version != 0) {
		if (!meta.is_number || meta.number != RECORD_FORMAT || counter.version == 0) {
			return fail(reterr, TROUPE_FAILED_PRECONDITION, path, "this store has a format that is not known here",
				    "run the version of Troupe that wrote it, or one that is newer");
		}
		group->version = counter.version;
		return TROUPE_OK;
	}
	struct engine_iter *iter = engine_iter_open(group->engine, NULL, "", 0);
	const char *key, *bytes;
	size_t key_len, len;
	int used = iter != NULL && engine_iter_read(iter, &key, &key_len, &bytes, &len);

	if (iter == NULL || engine_iter_close(iter, reterr) != TROUPE_OK || used) {
		return fail(reterr, TROUPE_FAILED_PRECONDITION, path, "there is a LevelDB store here that Troupe did not make",
			    "give this database a `path` of its own");
	}
	uint8_t own[RECORD_OWN_KEY_MAX], number[RECORD_NUMBER_SIZE];

	record_put64(number, RECORD_FORMAT);
	engine_clear(group->engine);
	engine_put(group->engine, own, record_own_key(own, RECORD_META, NULL, 0), 1, number, sizeof(number));
	engine_put(group->engine, own, record_own_key(own, RECORD_COUNTER, NULL, 0), 1, NULL, 0);
	status = engine_write(group->engine, reterr);
	group->version = 1;
	return status == TROUPE_OK ? status : open_explain(status, path, reterr);
}

static void driver_close(void *arg)
{
	struct store *store = arg;

	if (store == NULL) {
		return;
	}
	engine_close(store->group.engine);
	group_free(&store->group);
	space_close(&store->space);
	free(store);
}

static int32_t driver_open(const struct troupe_driver_open *open, void **ret_store, struct troupe_error *reterr)
{
	const struct driver_leveldb_options *options = open->options;
	struct engine_options engine_options = { .path = options->path, .write_buffer = (size_t)options->write_buffer,
						 .cache = (size_t)options->cache };

	if (options->reserve < 2 * options->write_buffer) {
		return fail(reterr, TROUPE_INVALID_ARGUMENT, options->path, "`reserve` is smaller than twice `write_buffer`",
			    "raise `reserve`, or lower `write_buffer`");
	}
	struct store *store = calloc(1, sizeof(*store));

	if (store == NULL) {
		return fail(reterr, TROUPE_UNKNOWN, options->path, "no memory", "");
	}
	int32_t status = space_open(&store->space, options->path, options->reserve, options->write_buffer, reterr);

	if (status == TROUPE_OK) {
		status = engine_open(&engine_options, &store->group.engine, reterr);
		if (status == TROUPE_RESOURCE_EXHAUSTED) {
			/* This is what the reserve is for: the log becomes a table in its place. */
			space_give_up(&store->space);
			status = engine_open(&engine_options, &store->group.engine, reterr);
		}
		status = status == TROUPE_OK ? store_verify(store, options->path, reterr)
					     : open_explain(status, options->path, reterr);
	}
	if (status != TROUPE_OK) {
		driver_close(store);
		return status;
	}
	owner_note(options->path, open->name);
	*ret_store = store;
	return TROUPE_OK;
}

static int32_t driver_commit(void *arg, const struct troupe_driver_tx *txs, uint32_t count,
			     struct troupe_db_result *results, struct troupe_error *reterr)
{
	struct store *store = arg;

	if (!space_ready(&store->space)) {
		for (uint32_t i = 0; i < count; i++) {
			results[i] = (struct troupe_db_result){ .size = sizeof(results[i]), .index = UINT32_MAX,
								.status = TROUPE_RESOURCE_EXHAUSTED };
		}
		return TROUPE_OK;
	}
	int32_t status = group_commit(&store->group, txs, count, results, reterr);

	if (status == TROUPE_RESOURCE_EXHAUSTED) {
		space_give_up(&store->space);
	}
	return status;
}

static int32_t driver_find_key(void *arg, const uint8_t *key, uint64_t fingerprint, uint64_t *ret_version)
{
	struct store *store = arg;
	struct troupe_error error = { .size = sizeof(error) };
	struct overlay_state state;
	uint32_t entry;

	overlay_reset(&store->group.overlay, 1);
	int32_t status = group_state(&store->group, RECORD_KEY, key, TROUPE_KEY_SIZE, &entry, &state, &error);

	if (status != TROUPE_OK) {
		return status;
	}
	if (state.version == 0) {
		return TROUPE_NOT_FOUND;
	}
	if ((uint64_t)state.number != fingerprint) {
		return TROUPE_ALREADY_EXISTS;
	}
	*ret_version = state.version;
	return TROUPE_OK;
}

static int32_t driver_get(void *arg, void *snapshot, const struct troupe_db_check *keys, uint32_t keys_len,
			  troupe_driver_emit_fn emit, void *emit_arg)
{
	struct store *store = arg;

	for (uint32_t i = 0; i < keys_len; i++) {
		if (keys[i].key_len < 1 || keys[i].key_len > KEY_MAX || *(const uint8_t *)keys[i].key == 0) {
			return TROUPE_INVALID_ARGUMENT;
		}
	}
	for (uint32_t i = 0; i < keys_len; i++) {
		struct troupe_db_value value = { .key = keys[i].key, .key_len = keys[i].key_len };
		const uint8_t *bytes = NULL;
		char *record;
		size_t len;
		int32_t status = engine_get(store->group.engine, snapshot, keys[i].key, keys[i].key_len, &record, &len, NULL);

		if (status != TROUPE_OK) {
			return status;
		}
		if (record != NULL) {
			if (record_read(record, len, &value.version, &bytes, &len) < 0) {
				engine_free(record);
				return TROUPE_DATA_LOSS;
			}
			value.value = bytes;
			value.value_len = (uint32_t)len;
		}
		int enough = emit(emit_arg, &value);

		if (record != NULL) {
			engine_free(record);
		}
		if (enough) {
			break;
		}
	}
	return TROUPE_OK;
}

static int32_t driver_scan(void *arg, void *snapshot, const void *from, uint32_t from_len, const void *to,
			   uint32_t to_len, troupe_driver_emit_fn emit, void *emit_arg)
{
	struct store *store = arg;

	if (from_len == 0 || *(const uint8_t *)from == 0) {
		from = "\1"; /* past the driver's own keys */
		from_len = 1;
	}
	struct engine_iter *iter = engine_iter_open(store->group.engine, snapshot, from, from_len);
	const char *key, *record;
	size_t key_len, len;
	int32_t status = TROUPE_OK;

	if (iter == NULL) {
		return TROUPE_UNKNOWN;
	}
	for (; engine_iter_read(iter, &key, &key_len, &record, &len); engine_iter_next(iter)) {
		struct troupe_db_value value = { .key = key, .key_len = (uint32_t)key_len };
		const uint8_t *bytes;

		if (to_len > 0) {
			int order = memcmp(key, to, key_len < to_len ? key_len : to_len);

			if (order > 0 || (order == 0 && key_len >= to_len)) {
				break;
			}
		}
		if (record_read(record, len, &value.version, &bytes, &len) < 0) {
			status = TROUPE_DATA_LOSS;
			break;
		}
		value.value = bytes;
		value.value_len = (uint32_t)len;
		if (emit(emit_arg, &value)) {
			break;
		}
	}
	int32_t whole = engine_iter_close(iter, NULL);

	return status != TROUPE_OK ? status : whole;
}

static int32_t driver_snapshot_open(void *arg, void **ret_snapshot)
{
	struct store *store = arg;
	struct engine_snapshot *snapshot = engine_snapshot_open(store->group.engine);

	if (snapshot == NULL) {
		return TROUPE_RESOURCE_EXHAUSTED;
	}
	*ret_snapshot = snapshot;
	return TROUPE_OK;
}

static void driver_snapshot_close(void *arg, void *snapshot)
{
	struct store *store = arg;

	engine_snapshot_close(store->group.engine, snapshot);
}

static const struct troupe_driver driver = {
	.size = sizeof(struct troupe_driver),
	.scope = TROUPE_SCOPE_DATABASE,
	.options_size = sizeof(struct driver_leveldb_options),
	.key_max = KEY_MAX,
	.value_max = VALUE_MAX,
	.ops_max = OPS_MAX,
	.group_max = 1024,
	.group_bytes = 1 << 20,
	.open = driver_open,
	.close = driver_close,
	.commit = driver_commit,
	.find_key = driver_find_key,
	.get = driver_get,
	.scan = driver_scan,
	.snapshot_open = driver_snapshot_open,
	.snapshot_close = driver_snapshot_close,
};

TROUPE_EXPORT const struct troupe_plugin troupe_entry = {
	TROUPE_PLUGIN_HEAD,
	.kind = TROUPE_PLUGIN_DRIVER,
	.name = "driver_leveldb",
	.version = "1.0",
	.summary = "Keeps a database in a folder on this machine's disk, with LevelDB.",
	.options = option_table,
	.driver = &driver,
};
