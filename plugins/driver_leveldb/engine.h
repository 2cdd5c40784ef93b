/* SPDX-License-Identifier: MIT */
/* LevelDB, wrapped: the only part that knows its types. */
#ifndef DRIVER_LEVELDB_ENGINE_H
#define DRIVER_LEVELDB_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#include "troupe/status.h"

/*
 * Functions that return int32_t give an enum troupe_status: OK; RESOURCE_EXHAUSTED: the disk is full;
 * DATA_LOSS: stored bytes are damaged; UNAVAILABLE: another process has the folder; UNKNOWN: anything else, as
 * LevelDB words it in reterr->text. The batch belongs to one thread; reading is safe from any thread.
 */
struct engine;
struct engine_snapshot;
struct engine_iter;

struct engine_options {
	const char *path;
	size_t write_buffer, cache; /* bytes */
};

/* engine_open: opens or creates the store in the folder, which must exist. */
int32_t engine_open(const struct engine_options *options, struct engine **ret_engine, struct troupe_error *reterr);
/* engine_close: releases it; NULL is fine. Snapshots and iterators must be closed before. */
void engine_close(struct engine *engine);

/* engine_get: *ret_bytes is the stored record (release it with engine_free), or NULL if there is none. */
int32_t engine_get(struct engine *engine, struct engine_snapshot *snapshot, const void *key, size_t key_len,
		   char **ret_bytes, size_t *ret_len, struct troupe_error *reterr);
void engine_free(char *bytes);

/* engine_put, engine_delete: add to the batch; the record is `version` and then `value`. */
void engine_put(struct engine *engine, const void *key, size_t key_len, uint64_t version, const void *value,
		size_t value_len);
void engine_delete(struct engine *engine, const void *key, size_t key_len);
/* engine_clear: empties the batch. */
void engine_clear(struct engine *engine);
/* engine_write: writes the batch, all or nothing, and syncs it. After an error the store must be closed and
 * opened again: LevelDB 1.23 otherwise loses later writes that it acknowledges. */
int32_t engine_write(struct engine *engine, struct troupe_error *reterr);

struct engine_snapshot *engine_snapshot_open(struct engine *engine);
void engine_snapshot_close(struct engine *engine, struct engine_snapshot *snapshot);

/* engine_iter_open: stands at the first entry with key >= `from`. snapshot NULL = the newest. */
struct engine_iter *engine_iter_open(struct engine *engine, struct engine_snapshot *snapshot, const void *from,
				     size_t from_len);
/* engine_iter_read: the entry it stands at, borrowed until the next call. 1, or 0: at the end. */
int engine_iter_read(struct engine_iter *iter, const char **ret_key, size_t *ret_key_len, const char **ret_bytes,
		     size_t *ret_len);
void engine_iter_next(struct engine_iter *iter);
/* engine_iter_close: says whether the iteration was whole. */
int32_t engine_iter_close(struct engine_iter *iter, struct troupe_error *reterr);

#endif
