/* SPDX-License-Identifier: MIT */
/* The worker pool. */
#include "host/core/job.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/core/call.h"
#include "host/core/core.h"

enum { QUEUE_NORMAL, QUEUE_BACKGROUND, QUEUES };

struct job_queue {
	struct job *head, **tail;
	uint32_t len;
	pthread_cond_t filled;
};

struct job_pool {
	pthread_mutex_t mutex;
	struct job_queue queues[QUEUES];
	uint32_t queue_max;
	bool ending;
	atomic_uint_fast64_t refused;
	uint32_t threads_len;
	struct worker {
		struct job_pool *pool;
		unsigned queue;
		pthread_t thread;
	} threads[];
};

static struct job *queue_shift(struct job_queue *queue)
{
	struct job *job = queue->head;

	queue->head = job->next;
	queue->len--;
	if (queue->head == NULL) {
		queue->tail = &queue->head;
	}
	return job;
}

static void *worker_run(void *arg)
{
	struct worker *worker = arg;
	struct job_pool *pool = worker->pool;
	struct job_queue *queue = &pool->queues[worker->queue];

	if (worker->queue == QUEUE_BACKGROUND) {
		/* Behind everything that players wait for, yet never starved: with SCHED_IDLE a busy machine logs
		 * nobody in. Nice 10 is a tenth of a loop's share. */
		setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 10);
	}
	pthread_mutex_lock(&pool->mutex);
	for (;;) {
		while (queue->head == NULL && !pool->ending) {
			pthread_cond_wait(&queue->filled, &pool->mutex);
		}
		if (queue->head == NULL) {
			break;
		}
		struct job *job = queue_shift(queue);
		pthread_mutex_unlock(&pool->mutex);
		job->run(job);
		loop_post(job->loop, &job->done_task);
		pthread_mutex_lock(&pool->mutex);
	}
	pthread_mutex_unlock(&pool->mutex);
	return NULL;
}

struct job_pool *job_pool_new(uint32_t workers, uint32_t queue_max)
{
	struct job_pool *pool = calloc(1, sizeof(*pool) + (workers + 1) * sizeof(pool->threads[0]));

	if (pool == NULL) {
		return NULL;
	}
	pthread_mutex_init(&pool->mutex, NULL);
	pool->queue_max = queue_max;
	for (unsigned i = 0; i < QUEUES; i++) {
		pool->queues[i].tail = &pool->queues[i].head;
		pthread_cond_init(&pool->queues[i].filled, NULL);
	}
	for (uint32_t i = 0; i < workers + 1; i++) {
		struct worker *worker = &pool->threads[i];
		worker->pool = pool;
		worker->queue = i < workers ? QUEUE_NORMAL : QUEUE_BACKGROUND;
		if (pthread_create(&worker->thread, NULL, worker_run, worker) != 0) {
			return job_pool_free(pool);
		}
		pthread_setname_np(worker->thread, i < workers ? "job" : "job.background");
		pool->threads_len++;
	}
	return pool;
}

struct job_pool *job_pool_free(struct job_pool *pool)
{
	if (pool == NULL) {
		return NULL;
	}
	pthread_mutex_lock(&pool->mutex);
	pool->ending = true;
	for (unsigned i = 0; i < QUEUES; i++) {
		pthread_cond_broadcast(&pool->queues[i].filled);
	}
	pthread_mutex_unlock(&pool->mutex);
	for (uint32_t i = 0; i < pool->threads_len; i++) {
		pthread_join(pool->threads[i].thread, NULL);
	}
	for (unsigned i = 0; i < QUEUES; i++) {
		pthread_cond_destroy(&pool->queues[i].filled);
	}
	pthread_mutex_destroy(&pool->mutex);
	free(pool);
	return NULL;
}

static void on_done(struct loop_task *task)
{
	struct job *job = (struct job *)(void *)task;
	struct instance *owner = job->owner;

	job->on_done(job);
	if (owner != NULL) {
		instance_release(owner);
	}
}

void job_add(struct job_pool *pool, struct job *job)
{
	struct job_queue *queue = &pool->queues[job->flags & TROUPE_JOB_BACKGROUND ? QUEUE_BACKGROUND : QUEUE_NORMAL];
	bool full;

	job->done_task.run = on_done;
	job->status = TROUPE_OK;
	job->next = NULL;
	if (job->owner != NULL) {
		instance_hold(job->owner);
		if (instance_stopping(job->owner)) {
			job->status = TROUPE_CANCELLED;
			loop_post(job->loop, &job->done_task);
			return;
		}
	}
	pthread_mutex_lock(&pool->mutex);
	full = queue->len >= pool->queue_max;
	if (!full) {
		*queue->tail = job;
		queue->tail = &job->next;
		queue->len++;
		pthread_cond_signal(&queue->filled);
	}
	pthread_mutex_unlock(&pool->mutex);
	if (full) {
		atomic_fetch_add_explicit(&pool->refused, 1, memory_order_relaxed);
		job->status = TROUPE_RESOURCE_EXHAUSTED;
		loop_post(job->loop, &job->done_task);
	}
}

void job_cancel_all(struct job_pool *pool, struct instance *owner)
{
	pthread_mutex_lock(&pool->mutex);
	for (unsigned i = 0; i < QUEUES; i++) {
		struct job_queue *queue = &pool->queues[i];
		struct job **link = &queue->head;
		while (*link != NULL) {
			struct job *job = *link;
			if (job->owner != owner) {
				link = &job->next;
				continue;
			}
			*link = job->next;
			queue->len--;
			job->status = TROUPE_CANCELLED;
			loop_post(job->loop, &job->done_task);
		}
		queue->tail = link;
	}
	pthread_mutex_unlock(&pool->mutex);
}

uint64_t job_refused(const struct job_pool *pool)
{
	return atomic_load_explicit(&pool->refused, memory_order_relaxed);
}

uint64_t job_waiting(struct job_pool *pool)
{
	uint64_t len;

	pthread_mutex_lock(&pool->mutex);
	len = pool->queues[QUEUE_NORMAL].len + pool->queues[QUEUE_BACKGROUND].len;
	pthread_mutex_unlock(&pool->mutex);
	return len;
}

/* --- jobs of roles -------------------------------------------------------------------------------- */

struct role_job {
	struct job job;
	struct troupe_job asked;
	struct core_context context;
};

static void role_job_run(struct job *job)
{
	struct role_job *own = (struct role_job *)(void *)job;

	own->asked.run(own->asked.arg);
}

static void role_job_done(struct job *job)
{
	struct role_job *own = (struct role_job *)(void *)job;
	struct instance *instance = job->owner;

	if (own->asked.on_done != NULL && instance_alive(instance)) {
		instance_enter(instance, &own->context);
		own->asked.on_done(instance->self, own->asked.arg, job->status);
		instance_leave(instance);
	}
	free(own);
}

void job_start(struct instance *instance, const struct troupe_job *asked)
{
	struct role_job *own = calloc(1, sizeof(*own));

	if (own == NULL) {
		abort(); /* out of memory: as good as a crash, and handled as one */
	}
	own->asked = *asked;
	call_context(instance, &own->context);
	own->job = (struct job){
		.loop = instance->loop,
		.owner = instance,
		.flags = asked->flags,
		.run = role_job_run,
		.on_done = role_job_done,
	};
	job_add(core_jobs(instance->core), &own->job);
}
