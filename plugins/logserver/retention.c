/* SPDX-License-Identifier: MIT */
/* What each hour of the records' time holds, and how old hours end: by age, or because all of it is too much. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "logserver.h"
#include "proto/proto.h"

#define HOUR_MS (3600u * 1000u)
#define LOOK_MS 60000u /* between two looks for what is old */
#define CHUNK 200u     /* records that one commit removes */

/* --- buckets -------------------------------------------------------------------------------------- */

/* Where the hour is, or would be. */
static uint32_t bucket_at(const struct logserver *ls, uint64_t hour)
{
	uint32_t low = 0, high = ls->buckets_len;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (ls->buckets[middle].hour < hour) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

static struct log_bucket *bucket_make(struct logserver *ls, uint64_t hour)
{
	uint32_t at = bucket_at(ls, hour);

	if (at < ls->buckets_len && ls->buckets[at].hour == hour) {
		return &ls->buckets[at];
	}
	if (ls->buckets_len == ls->buckets_size) {
		uint32_t size = ls->buckets_size * 2 + 64;
		struct log_bucket *more = realloc(ls->buckets, size * sizeof(*more));

		if (more == NULL) {
			return NULL; /* found again when the server starts */
		}
		ls->buckets = more;
		ls->buckets_size = size;
	}
	memmove(ls->buckets + at + 1, ls->buckets + at, (ls->buckets_len - at) * sizeof(*ls->buckets));
	ls->buckets_len++;
	ls->buckets[at] = (struct log_bucket){ .hour = hour };
	return &ls->buckets[at];
}

static void tell(const struct logserver *ls)
{
	ls->h->metric_set(ls->h, ls->metrics[METRIC_HELD], ls->records);
	ls->h->metric_set(ls->h, ls->metrics[METRIC_BYTES], ls->bytes);
}

void retention_add(struct logserver *ls, uint64_t hour, int64_t bytes, int64_t records)
{
	struct log_bucket *bucket = bucket_make(ls, hour);

	if (bucket != NULL) {
		bucket->bytes += bytes;
		bucket->records += records;
		ls->bytes += bytes;
		ls->records += records;
	}
	tell(ls);
}

void retention_touch(struct logserver *ls, uint64_t hour)
{
	ls->touched |= ls->removing == hour;
}

static void bucket_remove(struct logserver *ls, uint64_t hour)
{
	uint32_t at = bucket_at(ls, hour);

	if (at < ls->buckets_len && ls->buckets[at].hour == hour) {
		ls->bytes -= ls->buckets[at].bytes;
		ls->records -= ls->buckets[at].records;
		ls->buckets_len--;
		memmove(ls->buckets + at, ls->buckets + at + 1, (ls->buckets_len - at) * sizeof(*ls->buckets));
	}
	tell(ls);
}

/* --- removing ------------------------------------------------------------------------------------- */

/* A chunk of one hour that is on its way out. */
struct removal {
	struct task task;
	struct keys_ops ops;
	uint64_t hour;
	int64_t bytes, records;
	int last; /* the hour is empty after it */
};

static void look(void *instance, void *arg);

static void removal_release(struct task *task)
{
	keys_ops_free(&((struct removal *)task)->ops);
}

static void look_later(struct logserver *ls, uint64_t ms)
{
	ls->timer = ls->h->timer_start(ls->h, ms, look, NULL);
}

static void on_removed(void *instance, void *arg, const struct troupe_db_result *result)
{
	struct logserver *ls = instance;
	struct removal *removal = arg;

	if (result->status == TROUPE_OK) {
		retention_add(ls, removal->hour, -removal->bytes, -removal->records);
		count(ls, METRIC_EXPIRED, removal->records);
		ls->expired += (uint64_t)removal->records;
		if (removal->last) {
			bucket_remove(ls, removal->hour);
		}
	}
	look_later(ls, result->status == TROUPE_OK ? 0 : LOOK_MS);
	task_end(ls, &removal->task);
}

static void removal_add(struct logserver *ls, struct removal *removal, const struct troupe_db_value *value)
{
	struct proto_arena arena;
	const Log__Record *record;

	proto_arena_init(&arena);
	record = (const Log__Record *)proto_unpack(&log__record__descriptor, value->value, value->value_len, &arena);
	if (record != NULL) {
		removal->bytes += keys_delete(&removal->ops, &ls->keys, record, value->value_len);
	} else {
		struct store_key key = { .len = 0 };

		/* unreadable: at least it does not stay for ever */
		store_key_bytes(&key, value->key, value->key_len);
		keys_remove(&removal->ops, &key);
	}
	removal->records++;
	proto_arena_free(&arena);
}

static void removal_commit(struct logserver *ls, struct removal *removal)
{
	struct troupe_db_commit commit = { .size = sizeof(commit), .db = ls->store.db, .on_done = on_removed,
					   .arg = removal };
	struct store_key key;

	keys_bucket(&ls->keys, 'b', removal->hour, &key);
	if (removal->last) {
		keys_remove(&removal->ops, &key);
	} else {
		keys_add(&removal->ops, &key, -removal->bytes);
	}
	keys_bucket(&ls->keys, 'n', removal->hour, &key);
	if (removal->last) {
		keys_remove(&removal->ops, &key);
	} else {
		keys_add(&removal->ops, &key, -removal->records);
	}
	if (removal->ops.failed) {
		task_end(ls, &removal->task);
		look_later(ls, LOOK_MS);
		return;
	}
	commit.ops = keys_ops_get(&removal->ops);
	commit.ops_len = removal->ops.len;
	ls->h->db_commit(ls->h, &commit);
}

static void on_hour(void *instance, void *arg, const struct troupe_db_page *page)
{
	struct logserver *ls = instance;
	struct removal *removal = arg;

	if (page->status != TROUPE_OK) {
		task_end(ls, &removal->task);
		look_later(ls, LOOK_MS);
		return;
	}
	for (uint32_t i = 0; i < page->count; i++) {
		removal_add(ls, removal, &page->values[i]);
	}
	removal->last = !page->more && !ls->touched;
	removal_commit(ls, removal);
}

static void hour_remove(struct logserver *ls, uint64_t hour)
{
	struct removal *removal = task_new(ls, sizeof(*removal), removal_release);
	struct store_key base, from, to;
	struct troupe_db_scan scan = { .size = sizeof(scan), .db = ls->store.db, .from = from.bytes, .to = to.bytes,
				       .limit = CHUNK, .on_page = on_hour, .arg = removal };

	if (removal == NULL) {
		look_later(ls, LOOK_MS);
		return;
	}
	removal->hour = hour;
	ls->removing = hour;
	ls->touched = 0;
	keys_records(&ls->keys, &base);
	keys_range(&base, hour * HOUR_MS, (hour + 1) * HOUR_MS, &from, &to);
	scan.from_len = from.len;
	scan.to_len = to.len;
	ls->h->db_scan(ls->h, &scan);
}

/* Removes a piece of the oldest hour if it is too old or all hours hold too much, and comes back. */
static void look(void *instance, void *arg)
{
	struct logserver *ls = instance;
	uint64_t now_ms = (uint64_t)ls->h->wall_ms(ls->h), keep_ms = (uint64_t)ls->options->keep;
	const struct log_bucket *oldest = ls->buckets_len > 0 ? &ls->buckets[0] : NULL;

	(void)arg;
	if (!ls->loaded) {
		retention_load(ls);
		return;
	}
	if (oldest == NULL || oldest->hour != ls->removing) {
		ls->removing = 0;
	}
	/* what has been begun is ended: in an hour the newest go first */
	if (oldest != NULL && (ls->removing != 0 || (oldest->hour + 1) * HOUR_MS + keep_ms <= now_ms ||
			       (ls->bytes > ls->options->keep_bytes && ls->buckets_len > 1))) {
		hour_remove(ls, oldest->hour);
	} else {
		look_later(ls, LOOK_MS);
	}
}

/* --- loading -------------------------------------------------------------------------------------- */

/* The buckets are read once, when the server starts. */
struct loading {
	struct store_walk walk;
	struct logserver *ls;
	int records; /* the second walk */
};

static int loading_each(struct store_walk *walk, const struct troupe_db_value *value)
{
	struct loading *loading = (struct loading *)walk;
	int64_t number = store_i64(value->value, value->value_len);

	retention_add(loading->ls, keys_bucket_hour(value), loading->records ? 0 : number, loading->records ? number : 0);
	return 0;
}

static void load(struct logserver *ls, int records);

static void loading_end(struct store_walk *walk, int32_t status)
{
	struct loading *loading = (struct loading *)walk;
	struct logserver *ls = loading->ls;

	if (status != TROUPE_OK) {
		ls->h->state(ls->h, 0, 0, "its database cannot be read");
		free(ls->buckets);
		ls->buckets = NULL;
		ls->buckets_len = ls->buckets_size = 0;
		ls->bytes = ls->records = 0;
		look_later(ls, 1000);
	} else if (!loading->records) {
		load(ls, 1);
	} else {
		ls->loaded = 1;
		ls->h->state(ls->h, 1, 0, "");
		look_later(ls, 0);
	}
}

static void load(struct logserver *ls, int records)
{
	struct loading *loading = store_walk_new(&ls->store, sizeof(*loading));

	if (loading == NULL) {
		look_later(ls, 1000);
		return;
	}
	loading->ls = ls;
	loading->records = records;
	loading->walk.each = loading_each;
	loading->walk.end = loading_end;
	keys_bucket(&ls->keys, records ? 'n' : 'b', 0, &loading->walk.from);
	keys_bucket(&ls->keys, records ? 'n' : 'b', UINT64_MAX, &loading->walk.to);
	store_walk_run(loading, NULL);
}

void retention_load(struct logserver *ls)
{
	load(ls, 0);
}

void retention_stop(struct logserver *ls)
{
	ls->h->timer_stop(ls->h, ls->timer);
}

void retention_free(struct logserver *ls)
{
	free(ls->buckets);
}
