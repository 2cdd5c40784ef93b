/* SPDX-License-Identifier: MIT */
/* What the host does for a role: the only way a role touches the world. */
#ifndef TROUPE_HOST_H
#define TROUPE_HOST_H

#include <stddef.h>
#include <stdint.h>

#include "troupe/message.h"
#include "troupe/role.h"
#include "troupe/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Conventions, beside those of role.h
 *  1. The first argument is the instance's own host table. Everything is [loop] unless tagged.
 *  2. What can take long is asynchronous and always ends in its callback, exactly once, on the instance's
 *     loop, never inside the function that began it; refusals at the start end there too.
 *  3. Callbacks get the instance and the `arg` that was given.
 *  4. A struct of arguments is read before the function returns; its pointers are borrowed, except
 *     references to buffers: `body` is always taken over, also when the function fails.
 *  5. Zeroed members mean the default.
 */

/* --- messages ----------------------------------------------------------------------------------- */

/* The answer to a call. Borrowed until the callback returns. */
struct troupe_reply {
	uint32_t size;
	int32_t status;	      /* enum troupe_status */
	const uint8_t *body;  /* OK: the packed reply; a refusal: text for people behind the reason, not ended, or NULL */
	uint32_t body_len;
	uint32_t reserved;
	const char *reason;   /* not OK: the reason id, e.g. "billing.insufficient", or "" */
	struct troupe_buf *buf; /* holds `body`; may be ref'd to keep it; NULL if there is none */
	uint64_t from;	      /* the instance that answered; 0 if the host did */
};

typedef void (*troupe_reply_fn)(void *instance, void *arg, const struct troupe_reply *reply,
				troupe_any_fn typed);

/* A message to send. */
struct troupe_call {
	uint32_t size;
	uint32_t method;	/* troupe_fnv32 of "service.method" */
	const char *service;	/* who may take it: any ready instance that provides this service ... */
	uint64_t to;		/* ... or this instance */
	uint32_t route;		/* ... or by key: TROUPE_ROUTE_AVATAR, TROUPE_ROUTE_ACCOUNT */
	uint32_t timeout_ms;	/* 0 = 5000 */
	uint64_t route_key;	/* the avatar or account of `route` */
	struct troupe_buf *body; /* taken over; NULL = empty */
	const uint8_t *key;	/* idempotency key, TROUPE_KEY_SIZE bytes; NULL = none */
	uint64_t account, actor, session; /* the player a front-end speaks for; only for role "frontend" */
	troupe_reply_fn on_reply; /* NULL = an event: no answer is wanted */
	void *arg;
	troupe_any_fn typed;	/* passed through to on_reply; for generated stubs */
};

/* Where a client's message goes: the method that declared its event number. */
struct troupe_route {
	uint32_t size;
	uint32_t method;
	uint32_t reply_event; /* the event number of its answer; 0 = none */
	uint32_t to;	      /* enum troupe_route_to */
	const char *service;
};

/* One instance that provides a service. */
struct troupe_peer {
	uint64_t id;
	const char *name;  /* "meadow/frontend.fe1" */
	const char *part;  /* "shard:meadow" */
	uint32_t ready;	   /* 0 or 1 */
	uint32_t load;	   /* what it said in host->state */
};

/* --- database ----------------------------------------------------------------------------------- */

/* A condition: the value at `key` has this version; 0 = there is none. */
struct troupe_db_check {
	const void *key;
	uint32_t key_len;
	uint32_t reserved;
	uint64_t version;
};

enum troupe_db_op_kind { TROUPE_DB_PUT = 1, TROUPE_DB_DELETE = 2, TROUPE_DB_ADD = 3 };

/* A change. ADD adds `delta` to the signed 64-bit number at `key` (8 bytes little-endian, absent = 0) and
 * is refused if the sum would overflow or be below `floor`. */
struct troupe_db_op {
	uint32_t kind; /* enum troupe_db_op_kind */
	uint32_t key_len;
	const void *key;
	const void *value; /* PUT */
	uint32_t value_len;
	uint32_t reserved;
	int64_t delta, floor; /* ADD */
};

/* How a commit ended. */
struct troupe_db_result {
	uint32_t size;
	/*
	 * OK: durable. ABORTED: check `index` failed; with UINT32_MAX the store failed and nothing happened.
	 * OUT_OF_RANGE: the ADD at op `index` would pass its floor or overflow. INVALID_ARGUMENT: check or op
	 * `index` (UINT32_MAX: the whole) is malformed, too long, or adds to what is no number. FAILED_PRECONDITION:
	 * a newer epoch holds the fence. ALREADY_EXISTS: the idempotency key was used for another commit.
	 * RESOURCE_EXHAUSTED: the queue is full, or the disk. Undecided ones as in status.h: send the
	 * same commit again with the same key.
	 */
	int32_t status;
	uint32_t index;
	uint32_t repeated; /* 1: the key was known, nothing was done again; `version` is the first one's */
	uint64_t version;  /* of everything this commit wrote */
};

typedef void (*troupe_db_done_fn)(void *instance, void *arg, const struct troupe_db_result *result);

/*
 * The bound of a commit: TROUPE_DB_HEAD, the fence's name, and for each check and op TROUPE_DB_ENTRY with its key and
 * value are at most TROUPE_BODY_MAX bytes together; more is INVALID_ARGUMENT with index UINT32_MAX. Drivers have
 * bounds of their own beside it (driver.h).
 */
#define TROUPE_DB_HEAD 64u
#define TROUPE_DB_ENTRY 40u

/*
 * All checks hold and all ops are done and durable, or nothing is. Checks see the commits before it. Commits of an
 * instance to one database take effect in the order in which they were asked for; one that is asked for again after it
 * ended has its place anew. It is the same wherever the database runs: what a role is told of one on another host that
 * got lost is what became of it, as far as that can be found out within 5 s, for which there must be a key.
 */
struct troupe_db_commit {
	uint32_t size;
	uint32_t db; /* from db_find */
	const struct troupe_db_check *checks;
	const struct troupe_db_op *ops;
	uint32_t checks_len, ops_len;
	const char *fence;    /* the name of a lease whose epoch must not have grown; NULL = none */
	uint64_t fence_epoch; /* ours; a larger one than recorded is recorded */
	const uint8_t *key;   /* idempotency key, TROUPE_KEY_SIZE bytes, remembered for ever; NULL = none */
	troupe_db_done_fn on_done;
	void *arg;
};

/* A value as read. version 0 = there is none. Borrowed until the callback returns. */
struct troupe_db_value {
	const void *key;
	const void *value;
	uint32_t key_len, value_len;
	uint64_t version;
};

/* What get and scan bring. */
struct troupe_db_page {
	uint32_t size;
	int32_t status;
	const struct troupe_db_value *values; /* get: as many as keys, in their order; scan: in key order */
	uint32_t count;
	uint32_t more; /* scan: 1 = the limit or 256 KiB were reached; go on after the last key */
};

typedef void (*troupe_db_page_fn)(void *instance, void *arg, const struct troupe_db_page *page);

struct troupe_db_get {
	uint32_t size;
	uint32_t db;
	const struct troupe_db_check *keys; /* key and key_len are used */
	uint32_t keys_len; /* at most 1000, and 4 MiB of values */
	uint32_t reserved;
	uint64_t snapshot; /* 0 = the newest; each value by itself */
	troupe_db_page_fn on_page;
	void *arg;
};

/* Keys k with from <= k < to, bytewise; an empty `to` = no end. */
struct troupe_db_scan {
	uint32_t size;
	uint32_t db;
	const void *from;
	const void *to;
	uint32_t from_len, to_len;
	uint32_t limit; /* entries; 0 = 100; at most 1000. A page also ends at about 256 KiB. */
	uint32_t after; /* 1 = from itself is left out: the way to the next page */
	uint64_t snapshot;
	troupe_db_page_fn on_page;
	void *arg;
};

typedef void (*troupe_db_snapshot_fn)(void *instance, void *arg, int32_t status, uint64_t snapshot);

/* For the `database` role alone: opens the store behind an instance's name through its driver. */
struct troupe_store_open {
	uint32_t size;
	uint32_t queue_max;	  /* commits that may wait; 0 = 65536 */
	const char *driver;	  /* the plugin's name; its options are those of the instance's own block */
	void (*on_state)(void *instance, int32_t status, const char *text); /* open, failed, reopened */
};

/* Figures of a store, for the `database` role's commands. */
struct troupe_store_stats {
	uint32_t size;
	uint32_t open; /* 0 while it is closed after an error */
	uint64_t commits, batches, refused, errors, reopened, waiting, gets, scans;
};

/* --- connections -------------------------------------------------------------------------------- */

/* Why a connection ended. */
enum troupe_conn_end {
	TROUPE_END_PEER = 1,	 /* the other side closed or reset it */
	TROUPE_END_LOCAL = 2,	 /* conn_close */
	TROUPE_END_IDLE = 3,	 /* its idle time passed */
	TROUPE_END_SLOW = 4,	 /* what it did not read passed out_max */
	TROUPE_END_HOST = 5,	 /* the host is stopping */
	TROUPE_END_FLOOD = 6	 /* more than in_max came that on_bytes did not consume */
};

/* A listening address and what to do with those who come. `user` is what on_open returned. */
struct troupe_listen {
	uint32_t size;
	uint32_t conns_max;	/* 0 = 10000; above it newcomers are closed at once, and counted */
	const char *address;	/* "tcp://127.0.0.1:9322"; port 0 = any */
	uint32_t per_network_max; /* connections of one IPv4 address or IPv6 /64; 0 = no bound */
	uint32_t in_max;	/* bytes that may wait unconsumed; 0 = 65544 */
	uint32_t out_max;	/* bytes that may wait unsent; 0 = 262144; above it the connection ends SLOW */
	uint32_t idle_ms;	/* first idle limit; 0 = none. conn_idle changes it */
	void *arg;
	void *(*on_open)(void *instance, void *arg, uint64_t conn, const char *peer_address, uint64_t network);
	/* on_bytes: returns how many it consumed; the rest comes again with what follows it. */
	size_t (*on_bytes)(void *instance, void *user, uint64_t conn, const uint8_t *bytes, size_t len);
	/* on_close: the last word about `conn`; runs once for every on_open, for those still open when the role
	 * stops between its `stop` and its `destroy`. */
	void (*on_close)(void *instance, void *user, uint64_t conn, int32_t why);
};

/* --- work off the loop, files, log, metrics ------------------------------------------------------ */

#define TROUPE_JOB_BACKGROUND 1u /* on the worker with low priority: hashing, copying */

struct troupe_job {
	uint32_t size;
	uint32_t flags;
	void (*run)(void *arg); /* [job] touches nothing but `arg` */
	/* on_done: status OK after run; RESOURCE_EXHAUSTED if the queue was full, CANCELLED if the instance
	 * stopped before it ran (run did not happen then). `arg` belongs to the role again. */
	void (*on_done)(void *instance, void *arg, int32_t status);
	void *arg;
};

/* A file as read by `files`. Borrowed until the callback returns. */
struct troupe_file {
	const char *name; /* relative to the folder, or the file's own name */
	const uint8_t *bytes;
	uint32_t len;
	uint32_t reserved;
};

/* Reads a file, or every file in a folder (not below it) whose name ends in `suffix`, sorted by name. */
struct troupe_files {
	uint32_t size;
	uint32_t bytes_max; /* in total; 0 = 4 MiB */
	const char *path;
	const char *suffix;
	void (*on_files)(void *instance, void *arg, int32_t status, const struct troupe_file *files,
			 uint32_t count, const char *text);
	void *arg;
};

enum troupe_log_level {
	TROUPE_LOG_ERROR = 1,
	TROUPE_LOG_WARNING = 2,
	TROUPE_LOG_NOTICE = 3,
	TROUPE_LOG_INFO = 4,
	TROUPE_LOG_DEBUG = 5
};

/* A line of the log. The host adds time, instance and trace; the same text within 10 s is counted, not
 * repeated, except at level debug. */
struct troupe_log {
	uint32_t size;
	uint32_t level;	   /* enum troupe_log_level */
	const char *text;  /* what failed, on what, why, what happens next; one line */
	const char *code;  /* e.g. "S0101"; NULL = none */
	uint64_t account;  /* 0 = none */
	const char *order; /* NULL = none */
};

enum troupe_metric_kind { TROUPE_COUNTER = 1, TROUPE_GAUGE = 2, TROUPE_HISTOGRAM = 3 };

/* A metric, named as Prometheus advises: base units, `_total` for counters, no ids in labels. Histograms take
 * microseconds and are shown in seconds. The host adds part, role and instance. */
struct troupe_metric {
	uint32_t size;
	uint32_t kind;
	const char *name;
	const char *help;
	const char *labels; /* e.g. "result=\"refused\"", NULL = none */
};

typedef void (*troupe_timer_fn)(void *instance, void *arg);

/* A state of an instance that is well but takes no calls, because another does its work; `why` says which.
 * Since 1.1; a host of 1.0 takes it for ready. */
#define TROUPE_STANDBY 2u

/* --- the table ---------------------------------------------------------------------------------- */

struct troupe_host {
	uint32_t size;
	uint16_t abi_major, abi_minor;
	uint64_t id;	  /* this instance: troupe_fnv64 of name */
	const char *name; /* "meadow/frontend.fe1" */
	const char *part; /* "shard:meadow" */

	/* now_us: monotonic time, microseconds from an arbitrary start; the same all through one callback. */
	uint64_t (*now_us)(const struct troupe_host *h);
	/* wall_ms: the calendar's time, ms since 1970; may jump; for records and shown dates only. */
	int64_t (*wall_ms)(const struct troupe_host *h);
	/* random_bytes: unpredictable bytes. [any] */
	void (*random_bytes)(const struct troupe_host *h, void *ret_bytes, size_t len);

	/* state: ready = 1, 0, or TROUPE_STANDBY, with the reason shown to operators; load steers placement (lower is
	 * better). */
	void (*state)(const struct troupe_host *h, uint32_t ready, uint32_t load, const char *why);
	/* drained: everything that drain had to finish is finished. */
	void (*drained)(const struct troupe_host *h);

	/* log: one line. [any] */
	void (*log)(const struct troupe_host *h, const struct troupe_log *line);
	/* log_wanted: 1 if a line of this level would be written; saves building it. [any] */
	uint32_t (*log_wanted)(const struct troupe_host *h, uint32_t level);
	/* metric: registers one (the same again returns the same); 0 = no room, harmless to use. */
	uint32_t (*metric)(const struct troupe_host *h, const struct troupe_metric *metric);
	/* metric_add: counters and gauges. metric_set: gauges. metric_observe: histograms. [any] */
	void (*metric_add)(const struct troupe_host *h, uint32_t metric, int64_t delta);
	void (*metric_set)(const struct troupe_host *h, uint32_t metric, int64_t value);
	void (*metric_observe)(const struct troupe_host *h, uint32_t metric, uint64_t value_us);

	/* buf_new: a buffer of `len` bytes (at most TROUPE_BODY_MAX) with one reference; fill *ret_bytes before
	 * handing it on. NULL if it is too long or there is no memory. [any] */
	struct troupe_buf *(*buf_new)(const struct troupe_host *h, size_t len, uint8_t **ret_bytes);
	/* buf_ref: one more reference; returns `buf`. buf_unref: one less; NULL is fine. [any] */
	struct troupe_buf *(*buf_ref)(const struct troupe_host *h, struct troupe_buf *buf);
	void (*buf_unref)(const struct troupe_host *h, struct troupe_buf *buf);

	/* call: sends a message; returns the call's id (0 for an event). Never runs the callee inside. From an instance
	 * that stops nothing is sent: its calls end with CANCELLED "host.stopping". */
	uint64_t (*call)(const struct troupe_host *h, const struct troupe_call *call);
	/* cancel: on_reply will not run any more. The callee's host forgets the request and ignores its answer; the
	 * role that works on it is not told and finishes. An id that has ended is ignored. */
	void (*cancel)(const struct troupe_host *h, uint64_t call);
	/* reply: ends a request. `body` is taken over: the packed reply if OK, else the reason id's bytes. A
	 * request that has timed out or been answered is ignored. The refusal of a command may hold text for people, of several
	 * lines, after the reason and a NUL; that of a method may not: it can go to another host. Since 1.3. */
	void (*reply)(const struct troupe_host *h, uint64_t request, int32_t status, struct troupe_buf *body);
	/* peers: fills up to `max` instances of `service` (of every part) and returns how many there are. */
	uint32_t (*peers)(const struct troupe_host *h, const char *service, struct troupe_peer *ret_peers,
			  uint32_t max);
	/* place: says where messages routed by this key go; instance 0 = nowhere. At most 100,000 keys a host. */
	int32_t (*place)(const struct troupe_host *h, uint32_t route, uint64_t key, uint64_t instance);
	/* route: the method that takes this client message; NOT_FOUND if none does. ret->size set before. */
	int32_t (*route)(const struct troupe_host *h, uint32_t client_event, struct troupe_route *ret_route);

	/* timer_start: once, after `ms`; returns its id, 0 if there are too many (10,000 an instance). */
	uint64_t (*timer_start)(const struct troupe_host *h, uint64_t ms, troupe_timer_fn fn, void *arg);
	void (*timer_stop)(const struct troupe_host *h, uint64_t timer);
	/* job: runs something that blocks or computes long. */
	void (*job)(const struct troupe_host *h, const struct troupe_job *job);

	/* db_find: the database of this name that a DATABASE option of the instance names; NOT_FOUND. */
	int32_t (*db_find)(const struct troupe_host *h, const char *name, uint32_t *ret_db);
	void (*db_commit)(const struct troupe_host *h, const struct troupe_db_commit *commit);
	void (*db_get)(const struct troupe_host *h, const struct troupe_db_get *get);
	void (*db_scan)(const struct troupe_host *h, const struct troupe_db_scan *scan);
	/* db_snapshot: a view that later commits do not change; close it with db_snapshot_close. At most 16 open. */
	void (*db_snapshot)(const struct troupe_host *h, uint32_t db, troupe_db_snapshot_fn on_open, void *arg);
	void (*db_snapshot_close)(const struct troupe_host *h, uint32_t db, uint64_t snapshot);
	/* store_open, store_stats, store_close: PERMISSION_DENIED unless the role provides `database`. */
	int32_t (*store_open)(const struct troupe_host *h, const struct troupe_store_open *open,
			      struct troupe_error *reterr);
	int32_t (*store_stats)(const struct troupe_host *h, struct troupe_store_stats *ret_stats);
	void (*store_close)(const struct troupe_host *h);

	/* listen: accepts connections. ret_port is the port that was bound. */
	int32_t (*listen)(const struct troupe_host *h, const struct troupe_listen *listen, uint16_t *ret_port,
			  struct troupe_error *reterr);
	/* conn_send: queues `head` (copied) and then `body` (taken over, may be NULL); what is queued in one turn
	 * leaves in one write. NOT_FOUND: it is gone. RESOURCE_EXHAUSTED: above out_max; it will end SLOW. */
	int32_t (*conn_send)(const struct troupe_host *h, uint64_t conn, const void *head, size_t head_len,
			     struct troupe_buf *body);
	/* conn_queued: bytes that wait because the peer does not read; for coalescing before the bound is reached. What was
	 * queued in this turn does not count while the socket takes more. */
	size_t (*conn_queued)(const struct troupe_host *h, uint64_t conn);
	/* conn_close: after what is queued has left (at most 1 s), or at once if `now`. on_close follows. */
	void (*conn_close)(const struct troupe_host *h, uint64_t conn, uint32_t now);
	/* conn_idle: the connection ends IDLE if no byte comes for `ms`; 0 = never. Coarse: within 1 s. */
	void (*conn_idle)(const struct troupe_host *h, uint64_t conn, uint64_t ms);

	/* files: reads files in a job. */
	void (*files)(const struct troupe_host *h, const struct troupe_files *files);
	/* watch: calls on_change within 0.5 s when a file in the folder (or the file) is written, replaced, added or
	 * removed. 0 = too many (16 an instance). watch_stop ends it. */
	uint64_t (*watch)(const struct troupe_host *h, const char *path, troupe_timer_fn on_change, void *arg);
	void (*watch_stop)(const struct troupe_host *h, uint64_t watch);

	/* cluster: which cluster this is, for people and to be compared: "demo on thismachine (/srv/demo)" if all of it is on
	 * one machine, else "demo at 10.0.0.5", by where its base is. The same in all its hosts. Since 1.1. */
	const char *cluster;
};

#ifdef __cplusplus
}
#endif
#endif
