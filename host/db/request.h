/* SPDX-License-Identifier: MIT */
/* One request to a store: a commit or a read, with everything it was given copied into it. */
#ifndef HOST_DB_REQUEST_H
#define HOST_DB_REQUEST_H

#include "host/core/loop.h"
#include "troupe/driver.h"

#define DB_READ_KEYS_MAX 1000u		 /* keys in one get, entries in one page of a scan */
#define DB_PAGE_BYTES (256u * 1024u)	 /* keys and values after which a page of a scan ends */
#define DB_GET_BYTES (4u * 1024u * 1024u) /* keys and values that one get may bring */

enum db_request_kind {
	DB_COMMIT,
	DB_GET,
	DB_SCAN,
	DB_SNAPSHOT_OPEN,
	DB_SNAPSHOT_CLOSE,
	DB_SNAPSHOT_DROP /* closes all of request->owner */
};

/* A page while it grows; the bytes may move until it is whole. */
struct db_page {
	struct troupe_db_value *values;
	uint8_t *bytes;
	size_t bytes_len, bytes_size;
	uint32_t count, size, more;
};

/*
 * A request goes from its loop to a store's thread and comes back with `status` (reads) or `result` (commits), when
 * on_done runs on the loop, exactly once. It then belongs to on_done, which frees it.
 */
struct db_request {
	struct loop_task task; /* the way back, for the first of a chain */
	struct db_request *next;
	struct loop *loop;
	void (*on_done)(struct db_request *request); /* [loop] */
	enum db_request_kind kind;
	int32_t status;
	size_t bytes; /* of keys and values in a commit */
	union {
		struct {
			struct troupe_driver_tx tx;
			struct troupe_db_result result;
			uint8_t key[TROUPE_KEY_SIZE];
		} commit;
		struct {
			const struct troupe_db_check *keys; /* GET */
			const void *from, *to;		    /* SCAN */
			uint32_t keys_len, from_len, to_len, limit;
			uint64_t snapshot; /* and what SNAPSHOT_OPEN brings */
			struct db_page page;
		} read;
	} u;
	/* on the way to another host; of remote.c */
	struct {
		uint64_t stream, number; /* see database.proto */
		uint64_t give_up_us;	 /* 0 = nothing has gone wrong yet */
		uint32_t attempt;
		bool unknown; /* an earlier attempt may have been done */
		void *asker;
	} sent;
	/* the asker's own */
	const void *owner;
	void (*fn)(void);
	void *arg;
	uint64_t context[8];
};

/* Each returns a request with copies of what it was given, in one allocation; never NULL: without memory the process
 * ends. What is wrong with it in form is found by the driver. [any] */
struct db_request *db_request_commit(const struct troupe_db_commit *commit);
struct db_request *db_request_get(const struct troupe_db_get *get);
struct db_request *db_request_scan(const struct troupe_db_scan *scan);
struct db_request *db_request_other(enum db_request_kind kind, uint64_t snapshot);
/* db_request_free releases it. [any] */
void db_request_free(struct db_request *request);

/* db_request_refuse makes it end so, undone. [any] */
void db_request_refuse(struct db_request *request, int32_t status);

/*
 * db_fingerprint of what a commit does: FNV-1a 64 over its checks, ops and fence, numbers little-endian, bytes
 * behind their lengths. It is stored with idempotency keys, so it may never change. [any]
 */
uint64_t db_fingerprint(const struct troupe_db_commit *commit);

/* db_page_add copies an entry into the page; get: `key` stays where it is. 0, or -1: no memory. */
int db_page_add(struct db_page *page, const struct troupe_db_value *value, int copy_key);
/* db_page_close makes the pointers of a whole page right. */
void db_page_close(struct db_page *page);

#endif
