/* SPDX-License-Identifier: MIT */
/* A loop in its own thread and a store on it, driven from a test's thread as if calls were blocking. */
#include "tests/support/db_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_state(void *arg, int32_t status, const char *text)
{
	struct rig *rig = arg;

	pthread_mutex_lock(&rig->mutex);
	rig->states++;
	rig->state_status = status;
	snprintf(rig->state_text, sizeof(rig->state_text), "%s", text);
	pthread_cond_broadcast(&rig->cond);
	pthread_mutex_unlock(&rig->mutex);
}

static void on_closed(void *arg)
{
	struct rig *rig = arg;

	pthread_mutex_lock(&rig->mutex);
	rig->closed++;
	pthread_cond_broadcast(&rig->cond);
	pthread_mutex_unlock(&rig->mutex);
}

void rig_start(struct rig *rig, const struct troupe_driver *driver, const void *options, uint32_t queue_max)
{
	struct store *stores[1] = { &rig->store };
	struct store_params params = { .driver = driver, .options = options, .queue_max = queue_max,
				       .on_state = on_state, .on_closed = on_closed, .arg = rig };
	struct troupe_error error = { .size = sizeof(error) };

	memset(rig, 0, sizeof(*rig));
	pthread_mutex_init(&rig->mutex, NULL);
	pthread_cond_init(&rig->cond, NULL);
	rig->loop = loop_new(0, "rig");
	store_init(&rig->store, "test");
	params.loop = rig->loop;
	if (rig->loop == NULL || port_init(&rig->port, rig->loop, stores, 1) < 0 ||
	    store_start(&rig->store, &params, &error) != TROUPE_OK || loop_start(rig->loop) < 0) {
		fprintf(stderr, "rig: %s\n", error.text);
		abort();
	}
}

void rig_wait_state(struct rig *rig, unsigned states)
{
	pthread_mutex_lock(&rig->mutex);
	while (rig->states < states) {
		pthread_cond_wait(&rig->cond, &rig->mutex);
	}
	pthread_mutex_unlock(&rig->mutex);
}

void rig_wait_closed(struct rig *rig, unsigned times)
{
	pthread_mutex_lock(&rig->mutex);
	while (rig->closed < times) {
		pthread_cond_wait(&rig->cond, &rig->mutex);
	}
	pthread_mutex_unlock(&rig->mutex);
}

void rig_stop(struct rig *rig)
{
	bool open = atomic_load(&rig->store.state) != STORE_CLOSED;
	unsigned times = rig->closed + 1;

	if (open) {
		store_stop(&rig->store);
		rig_wait_closed(rig, times);
	}
	store_fini(&rig->store);
	loop_stop(rig->loop);
	loop_join(rig->loop);
	port_fini(&rig->port);
	loop_free(rig->loop);
	pthread_cond_destroy(&rig->cond);
	pthread_mutex_destroy(&rig->mutex);
}

static void on_done(struct db_request *request)
{
	struct rig_batch *batch = request->arg;

	pthread_mutex_lock(&batch->rig->mutex);
	batch->answers[request->context[0]] = request;
	batch->done++;
	pthread_cond_broadcast(&batch->rig->cond);
	pthread_mutex_unlock(&batch->rig->mutex);
}

static void submit_all(struct loop_task *task)
{
	struct rig_batch *batch = (struct rig_batch *)(void *)((char *)task - offsetof(struct rig_batch, task));
	struct db_request *request = batch->first;
	unsigned before = batch->done;

	while (request != NULL) {
		struct db_request *next = request->next;

		port_submit(&batch->rig->port, 0, request);
		request = next;
	}
	pthread_mutex_lock(&batch->rig->mutex);
	batch->inside = batch->done - before;
	batch->submitted = true;
	pthread_cond_broadcast(&batch->rig->cond);
	pthread_mutex_unlock(&batch->rig->mutex);
}

void rig_batch_begin(struct rig *rig, struct rig_batch *batch)
{
	memset(batch, 0, sizeof(*batch));
	batch->rig = rig;
	batch->tail = &batch->first;
}

void rig_batch_add(struct rig_batch *batch, struct db_request *request)
{
	request->on_done = on_done;
	request->arg = batch;
	request->context[0] = batch->wanted++;
	request->next = NULL;
	*batch->tail = request;
	batch->tail = &request->next;
}

void rig_batch_send(struct rig_batch *batch)
{
	batch->task.run = submit_all;
	loop_post(batch->rig->loop, &batch->task);
}

void rig_batch_wait(struct rig_batch *batch)
{
	pthread_mutex_lock(&batch->rig->mutex);
	while (batch->done < batch->wanted || !batch->submitted) {
		pthread_cond_wait(&batch->rig->cond, &batch->rig->mutex);
	}
	pthread_mutex_unlock(&batch->rig->mutex);
}

void rig_batch_end(struct rig_batch *batch)
{
	for (unsigned i = 0; i < batch->wanted; i++) {
		db_request_free(batch->answers[i]);
	}
}

struct db_request *rig_ask(struct rig *rig, struct db_request *request)
{
	struct rig_batch batch;

	rig_batch_begin(rig, &batch);
	rig_batch_add(&batch, request);
	rig_batch_send(&batch);
	rig_batch_wait(&batch);
	return batch.answers[0];
}

struct troupe_db_result rig_commit(struct rig *rig, const struct troupe_db_commit *commit)
{
	struct db_request *request = rig_ask(rig, db_request_commit(commit));
	struct troupe_db_result result = request->u.commit.result;

	db_request_free(request);
	return result;
}
