/* SPDX-License-Identifier: MIT */
/* LevelDB, wrapped: the only part that knows its types. */
#include "engine.h"

#include <leveldb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"

#define BLOOM_BITS 10
#define OPEN_FILES_MAX 500

struct engine {
	leveldb_t *db;
	leveldb_options_t *options;
	leveldb_filterpolicy_t *filter;
	leveldb_cache_t *cache;
	leveldb_readoptions_t *read;
	leveldb_writeoptions_t *write;
	leveldb_writebatch_t *batch;
	uint8_t *scratch; /* where a record is put together */
	size_t scratch_size;
};

struct engine_snapshot {
	const leveldb_snapshot_t *snapshot;
	leveldb_readoptions_t *read;
};

struct engine_iter {
	leveldb_iterator_t *iter;
};

/* LevelDB tells its errors apart by their text alone. */
static int32_t status_of(const char *text)
{
	if (strstr(text, "No space left on device") != NULL || strstr(text, "Disk quota exceeded") != NULL) {
		return TROUPE_RESOURCE_EXHAUSTED;
	}
	if (strstr(text, "IO error: lock ") != NULL || strstr(text, "/LOCK: ") != NULL) {
		return TROUPE_UNAVAILABLE;
	}
	/* A missing table or an unreadable CURRENT are "IO error" or "Invalid argument" at open. */
	if (strncmp(text, "Corruption:", 11) == 0 || strncmp(text, "Invalid argument:", 17) == 0 ||
	    strstr(text, "checksum mismatch") != NULL) {
		return TROUPE_DATA_LOSS;
	}
	return TROUPE_UNKNOWN;
}

static int32_t error_take(char *text, struct troupe_error *reterr)
{
	if (text == NULL) {
		return TROUPE_OK;
	}
	int32_t status = status_of(text);

	if (reterr != NULL) {
		reterr->status = status;
		snprintf(reterr->text, sizeof(reterr->text), "%s", text);
		reterr->help[0] = '\0';
	}
	leveldb_free(text);
	return status;
}

int32_t engine_open(const struct engine_options *options, struct engine **ret_engine, struct troupe_error *reterr)
{
	struct engine *engine = calloc(1, sizeof(*engine));
	char *text = NULL;

	if (engine == NULL) {
		return TROUPE_UNKNOWN;
	}
	engine->options = leveldb_options_create();
	engine->filter = leveldb_filterpolicy_create_bloom(BLOOM_BITS);
	engine->cache = leveldb_cache_create_lru(options->cache);
	engine->read = leveldb_readoptions_create();
	engine->write = leveldb_writeoptions_create();
	engine->batch = leveldb_writebatch_create();
	leveldb_options_set_create_if_missing(engine->options, 1);
	leveldb_options_set_paranoid_checks(engine->options, 1);
	leveldb_options_set_filter_policy(engine->options, engine->filter);
	leveldb_options_set_cache(engine->options, engine->cache);
	leveldb_options_set_write_buffer_size(engine->options, options->write_buffer);
	leveldb_options_set_max_open_files(engine->options, OPEN_FILES_MAX);
	leveldb_readoptions_set_verify_checksums(engine->read, 1);
	leveldb_writeoptions_set_sync(engine->write, 1);
	engine->db = leveldb_open(engine->options, options->path, &text);
	int32_t status = error_take(text, reterr);

	if (status != TROUPE_OK) {
		engine_close(engine);
		return status;
	}
	*ret_engine = engine;
	return TROUPE_OK;
}

void engine_close(struct engine *engine)
{
	if (engine == NULL) {
		return;
	}
	if (engine->db != NULL) {
		leveldb_close(engine->db);
	}
	leveldb_writebatch_destroy(engine->batch);
	leveldb_writeoptions_destroy(engine->write);
	leveldb_readoptions_destroy(engine->read);
	leveldb_options_destroy(engine->options);
	leveldb_cache_destroy(engine->cache);
	leveldb_filterpolicy_destroy(engine->filter);
	free(engine->scratch);
	free(engine);
}

int32_t engine_get(struct engine *engine, struct engine_snapshot *snapshot, const void *key, size_t key_len,
		   char **ret_bytes, size_t *ret_len, struct troupe_error *reterr)
{
	char *text = NULL;

	*ret_bytes = leveldb_get(engine->db, snapshot != NULL ? snapshot->read : engine->read, key, key_len, ret_len,
				 &text);
	return error_take(text, reterr);
}

void engine_free(char *bytes)
{
	leveldb_free(bytes);
}

void engine_put(struct engine *engine, const void *key, size_t key_len, uint64_t version, const void *value,
		size_t value_len)
{
	size_t len = RECORD_VERSION_SIZE + value_len;

	if (len > engine->scratch_size) {
		uint8_t *scratch = realloc(engine->scratch, len * 2);

		if (scratch == NULL) {
			abort(); /* LevelDB itself ends the process when memory is gone */
		}
		engine->scratch = scratch;
		engine->scratch_size = len * 2;
	}
	record_put64(engine->scratch, version);
	if (value_len > 0) {
		memcpy(engine->scratch + RECORD_VERSION_SIZE, value, value_len);
	}
	leveldb_writebatch_put(engine->batch, key, key_len, (const char *)engine->scratch, len);
}

void engine_delete(struct engine *engine, const void *key, size_t key_len)
{
	leveldb_writebatch_delete(engine->batch, key, key_len);
}

void engine_clear(struct engine *engine)
{
	leveldb_writebatch_clear(engine->batch);
}

int32_t engine_write(struct engine *engine, struct troupe_error *reterr)
{
	char *text = NULL;

	leveldb_write(engine->db, engine->write, engine->batch, &text);
	return error_take(text, reterr);
}

struct engine_snapshot *engine_snapshot_open(struct engine *engine)
{
	struct engine_snapshot *snapshot = calloc(1, sizeof(*snapshot));

	if (snapshot != NULL) {
		snapshot->snapshot = leveldb_create_snapshot(engine->db);
		snapshot->read = leveldb_readoptions_create();
		leveldb_readoptions_set_verify_checksums(snapshot->read, 1);
		leveldb_readoptions_set_snapshot(snapshot->read, snapshot->snapshot);
	}
	return snapshot;
}

void engine_snapshot_close(struct engine *engine, struct engine_snapshot *snapshot)
{
	leveldb_readoptions_destroy(snapshot->read);
	leveldb_release_snapshot(engine->db, snapshot->snapshot);
	free(snapshot);
}

struct engine_iter *engine_iter_open(struct engine *engine, struct engine_snapshot *snapshot, const void *from,
				     size_t from_len)
{
	struct engine_iter *iter = malloc(sizeof(*iter));

	if (iter != NULL) {
		iter->iter = leveldb_create_iterator(engine->db, snapshot != NULL ? snapshot->read : engine->read);
		leveldb_iter_seek(iter->iter, from, from_len);
	}
	return iter;
}

int engine_iter_read(struct engine_iter *iter, const char **ret_key, size_t *ret_key_len, const char **ret_bytes,
		     size_t *ret_len)
{
	if (!leveldb_iter_valid(iter->iter)) {
		return 0;
	}
	*ret_key = leveldb_iter_key(iter->iter, ret_key_len);
	*ret_bytes = leveldb_iter_value(iter->iter, ret_len);
	return 1;
}

void engine_iter_next(struct engine_iter *iter)
{
	leveldb_iter_next(iter->iter);
}

int32_t engine_iter_close(struct engine_iter *iter, struct troupe_error *reterr)
{
	char *text = NULL;

	leveldb_iter_get_error(iter->iter, &text);
	leveldb_iter_destroy(iter->iter);
	free(iter);
	return error_take(text, reterr);
}
