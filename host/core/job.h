/* SPDX-License-Identifier: MIT */
/* Work off the loops: a few threads with bounded queues. */
#ifndef HOST_CORE_JOB_H
#define HOST_CORE_JOB_H

#include "host/core/instance.h"

/* A pool: `workers` threads for ordinary jobs, and one of low priority for background jobs. */
struct job_pool;

/* job_pool_new starts the threads; each of the two queues holds at most `queue_max` jobs. NULL without memory or
 * threads. [main] */
struct job_pool *job_pool_new(uint32_t workers, uint32_t queue_max);
/* job_pool_free ends the threads after the jobs they run now; nothing may be queued any more. [main] */
struct job_pool *job_pool_free(struct job_pool *pool);

/* A job of the host itself or of a role. Embedded in what it is about, or malloc'ed. */
struct job {
	struct loop_task done_task;
	struct job *next;
	struct loop *loop;     /* where on_done runs */
	struct instance *owner; /* NULL = the host's; else it is held until on_done */
	uint32_t flags;		/* TROUPE_JOB_BACKGROUND */
	int32_t status;
	void (*run)(struct job *job);	  /* [job] */
	void (*on_done)(struct job *job); /* [loop] status is set; the job may be freed */
};

/* job_add queues a job: `run` on a worker, then on_done on job->loop, never inside this call. A full queue gives
 * RESOURCE_EXHAUSTED, without run. [loop of job->loop] */
void job_add(struct job_pool *pool, struct job *job);
/* job_cancel_all ends the instance's jobs that have not begun: CANCELLED, without run. [loop] */
void job_cancel_all(struct job_pool *pool, struct instance *owner);
/* job_refused counts jobs that found the queue full; job_waiting those that wait now. [any] */
uint64_t job_refused(const struct job_pool *pool);
uint64_t job_waiting(struct job_pool *pool);

/* job_start and files_start are troupe_host.job and .files. [loop] */
void job_start(struct instance *instance, const struct troupe_job *job);
void files_start(struct instance *instance, const struct troupe_files *files);

#endif
