/* SPDX-License-Identifier: MIT */
/* The way from many loops to one thread: whole chains at a time, without a lock while the thread is awake. */
#ifndef HOST_DB_QUEUE_H
#define HOST_DB_QUEUE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "host/db/request.h"

/* Treiber's stack (R. K. Treiber, IBM RJ 5118, 1986), emptied as a whole: so there is no ABA, and order is kept by
 * turning the chain round. */
struct db_queue {
	_Atomic(struct db_request *) head;
	atomic_uint waiting; /* pushed and not yet answered */
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	bool signalled;
};

/* db_queue_init makes it closed. [main] */
void db_queue_init(struct db_queue *queue);
void db_queue_fini(struct db_queue *queue);
/* db_queue_open lets requests in. */
void db_queue_open(struct db_queue *queue);

/* db_queue_push adds `count` requests, linked from the newest to the oldest, and wakes the thread. false: it is
 * closed. [any] */
bool db_queue_push(struct db_queue *queue, struct db_request *newest, struct db_request *oldest, unsigned count);
/* db_queue_take returns all that there is, oldest first, or NULL. The thread's own. */
struct db_request *db_queue_take(struct db_queue *queue);
/* db_queue_close lets nothing in any more; false: it was not empty. The thread's own. */
bool db_queue_close(struct db_queue *queue);
/* db_queue_wait sleeps until something is pushed, db_queue_wake is called, or `timeout_us` (0 = none) has passed. It
 * may also return early. The thread's own. */
void db_queue_wait(struct db_queue *queue, uint64_t timeout_us);
void db_queue_wake(struct db_queue *queue); /* [any] */

#endif
