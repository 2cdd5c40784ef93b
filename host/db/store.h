/* SPDX-License-Identifier: MIT */
/* A store: one driver's handle behind a writer thread and a reader thread. */
#ifndef HOST_DB_STORE_H
#define HOST_DB_STORE_H

#include "host/db/queue.h"
#include "troupe/host.h"

/*
 * Requests are collected per loop in a port and leave at the end of the loop's turn. The writer takes all commits that
 * wait, gives them to the driver as one group, and posts the results back as one task per loop. After a failed commit
 * nothing is acknowledged until the store has been closed and opened again; what became of the failed group is then
 * looked up by idempotency keys: there = OK, repeated; not there = ABORTED (RESOURCE_EXHAUSTED if the disk was full);
 * no key = UNKNOWN. While the store stays closed, what waits is refused.
 */
#define STORE_QUEUE_MAX 65536u
#define STORE_SNAPSHOTS_MAX 16u
#define STORE_GRACE_US 50000u	   /* closed for longer than this: refuse instead of waiting */
#define STORE_RESOLVE_US 5000000u  /* closed for longer than this: unknown outcomes end UNKNOWN */
#define STORE_BACKOFF_MIN_US 10000u
#define STORE_BACKOFF_MAX_US 1000000u

enum store_state {
	STORE_CLOSED,  /* nobody has opened it, or it was closed */
	STORE_OPENING, /* for the first time */
	STORE_OPEN,
	STORE_BROKEN, /* closed after an error, until it opens again */
	STORE_CLOSING
};

/* What store_start needs. All of it stays valid until on_closed. */
struct store_params {
	const struct troupe_driver *driver;
	const void *options;	       /* the driver's */
	uint32_t queue_max;	       /* commits that may wait, and reads; 0 = STORE_QUEUE_MAX */
	const struct troupe_host *host; /* for log and metrics; NULL = neither */
	struct loop *loop;	       /* where the callbacks run */
	void (*on_state)(void *arg, int32_t status, const char *text); /* opened, failed, opened again; may be NULL */
	void (*on_closed)(void *arg); /* may be NULL */
	void *arg;
};

struct store_counts {
	atomic_uint_fast64_t commits; /* transactions that were done */
	atomic_uint_fast64_t batches; /* groups given to the driver */
	atomic_uint_fast64_t refused; /* transactions that did nothing */
	atomic_uint_fast64_t unknown; /* transactions that ended UNKNOWN */
	atomic_uint_fast64_t full;    /* requests that found the queue full */
	atomic_uint_fast64_t errors;  /* failed commits and opens */
	atomic_uint_fast64_t reopened, gets, scans;
};

/* Metrics, registered by store_start. */
struct store_metrics {
	uint32_t commits, refused, unknown, batches, write, reopened, errors, full, waiting, gets, scans, open;
};

struct store_snapshot {
	uint64_t id; /* 0 = free */
	const void *owner;
	void *snapshot;
};

struct store {
	char name[64];
	struct store_params params;
	struct db_queue commits, reads;
	atomic_int state; /* enum store_state */
	atomic_bool closing;
	atomic_uint queue_max;
	bool started; /* the threads are to be joined; [main] or params.loop */
	pthread_t writer, reader;
	struct store_counts counts;
	uint64_t full_shown; /* the writer's */
	struct store_metrics metrics;
	/* The driver's handle: the writer opens and closes it, holding the gate; the reader reads while holding it. */
	pthread_mutex_t gate;
	atomic_bool gate_wanted; /* the reader is to let go */
	void *handle;
	struct store_snapshot snapshots[STORE_SNAPSHOTS_MAX]; /* under the gate */
	uint64_t snapshot_last;
};

/* --- ports -------------------------------------------------------------------------------------- */

/* What one loop has for one queue, the newest first. */
struct port_out {
	struct store *store;
	struct db_queue *queue;
	struct db_request *newest, *oldest;
	struct port_out *next; /* of those with something in them */
	unsigned count;
	bool dirty;
};

/* One loop's side of all stores. */
struct port {
	struct loop_hook hook;
	struct loop *loop;
	struct port_out *dirty;
	struct db_request *refused, **refused_tail;
	uint32_t outs_len;
	struct port_out *outs; /* two a store: commits, reads */
};

/* port_init prepares a loop for `stores_len` stores; port_fini undoes it. [main] */
int port_init(struct port *port, struct loop *loop, struct store *const *stores, uint32_t stores_len);
void port_fini(struct port *port);
/* port_submit sends a request at the end of this turn; it ends in its on_done, never before this function has
 * returned. request->on_done is set before. [loop] */
void port_submit(struct port *port, uint32_t store, struct db_request *request);

/* port_refuse ends a request so at the end of this turn. [loop] */
void port_refuse(struct port *port, struct db_request *request, int32_t status);

/* --- life --------------------------------------------------------------------------------------- */

void store_init(struct store *store, const char *name); /* [main] */
void store_fini(struct store *store); /* joins the threads. [main] */
/* store_start begins to open the store; on_state tells how it went. FAILED_PRECONDITION: it is open or still
 * closing. [loop of params] */
int32_t store_start(struct store *store, const struct store_params *params, struct troupe_error *reterr);
/* store_stop lets nothing new in, finishes what waits, closes the store and ends in on_closed. Does nothing if it is
 * not open. [loop of params] */
void store_stop(struct store *store);
/* store_stats fills ret->...; ret->size set before. [any] */
void store_stats(struct store *store, struct troupe_store_stats *ret_stats);

/* --- for the threads alone ---------------------------------------------------------------------- */

void *store_writer(void *store);
void *store_reader(void *store);
/* store_reply sends requests, linked by `next`, back: one task per loop. */
void store_reply(struct db_request *first);
/* store_say tells on_state. store_log writes a line. store_metric counts. */
void store_say(struct store *store, int32_t status, const char *text);
void store_log(struct store *store, uint32_t level, const char *format, ...) __attribute__((format(printf, 3, 4)));
void store_count(struct store *store, atomic_uint_fast64_t *count, uint32_t metric, uint64_t more);
/* store_closed posts on_closed; the writer's last word. */
void store_closed(struct store *store);

#endif
