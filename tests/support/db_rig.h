/* SPDX-License-Identifier: MIT */
/* A loop in its own thread and a store on it, driven from a test's thread as if calls were blocking. */
#ifndef TESTS_SUPPORT_DB_RIG_H
#define TESTS_SUPPORT_DB_RIG_H

#include <pthread.h>

#include "host/db/store.h"

struct rig {
	struct loop *loop;
	struct port port;
	struct store store;
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	unsigned states, closed;  /* how often on_state and on_closed ran */
	int32_t state_status;
	char state_text[512];
};

/* rig_start opens a store over `driver`; queue_max 0 = default. rig_stop closes it and releases all. rig_wait_state
 * waits until on_state has run `states` times in total. */
void rig_start(struct rig *rig, const struct troupe_driver *driver, const void *options, uint32_t queue_max);
void rig_stop(struct rig *rig);
void rig_wait_state(struct rig *rig, unsigned states);
/* rig_wait_closed waits until on_closed has run `times` times. */
void rig_wait_closed(struct rig *rig, unsigned times);

/* What is under way. */
struct rig_batch {
	struct rig *rig;
	struct loop_task task;
	struct db_request *first, **tail;
	unsigned wanted, done;
	unsigned inside; /* answers that came inside port_submit: must be 0 */
	bool submitted;
	struct db_request *answers[1024]; /* by the order of adding */
};

/* rig_batch_begin makes an empty batch; rig_batch_add adds a request; rig_batch_send submits all in one turn of the loop;
 * rig_batch_wait waits for all answers; rig_batch_end frees them. */
void rig_batch_begin(struct rig *rig, struct rig_batch *batch);
void rig_batch_add(struct rig_batch *batch, struct db_request *request);
void rig_batch_send(struct rig_batch *batch);
void rig_batch_wait(struct rig_batch *batch);
void rig_batch_end(struct rig_batch *batch);

/* rig_ask sends one request and waits for its answer, which the caller frees with db_request_free. */
struct db_request *rig_ask(struct rig *rig, struct db_request *request);
/* rig_commit does that for a commit. */
struct troupe_db_result rig_commit(struct rig *rig, const struct troupe_db_commit *commit);

#endif
