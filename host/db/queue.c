/* SPDX-License-Identifier: MIT */
/* The way from many loops to one thread: whole chains at a time, without a lock while the thread is awake. */
#include "host/db/queue.h"

#include <time.h>

static struct db_request closed; /* never touched: its address says that the queue is closed */

void db_queue_init(struct db_queue *queue)
{
	pthread_condattr_t attr;

	atomic_init(&queue->head, &closed);
	atomic_init(&queue->waiting, 0);
	pthread_mutex_init(&queue->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&queue->cond, &attr);
	pthread_condattr_destroy(&attr);
	queue->signalled = false;
}

void db_queue_fini(struct db_queue *queue)
{
	pthread_cond_destroy(&queue->cond);
	pthread_mutex_destroy(&queue->mutex);
}

void db_queue_open(struct db_queue *queue)
{
	atomic_store(&queue->head, NULL);
}

bool db_queue_push(struct db_queue *queue, struct db_request *newest, struct db_request *oldest, unsigned count)
{
	struct db_request *head = atomic_load_explicit(&queue->head, memory_order_relaxed);

	/* counted first: the thread may answer before this function returns */
	atomic_fetch_add_explicit(&queue->waiting, count, memory_order_relaxed);
	do {
		if (head == &closed) {
			atomic_fetch_sub_explicit(&queue->waiting, count, memory_order_relaxed);
			return false;
		}
		oldest->next = head;
	} while (!atomic_compare_exchange_weak_explicit(&queue->head, &head, newest, memory_order_acq_rel,
							memory_order_relaxed));
	if (head == NULL) {
		db_queue_wake(queue); /* whoever fills an empty queue wakes the thread, once */
	}
	return true;
}

struct db_request *db_queue_take(struct db_queue *queue)
{
	struct db_request *head = atomic_load_explicit(&queue->head, memory_order_relaxed), *turned = NULL;

	if (head == NULL || head == &closed) {
		return NULL;
	}
	head = atomic_exchange_explicit(&queue->head, NULL, memory_order_acq_rel);
	while (head != NULL) {
		struct db_request *next = head->next;

		head->next = turned;
		turned = head;
		head = next;
	}
	return turned;
}

bool db_queue_close(struct db_queue *queue)
{
	struct db_request *empty = NULL;

	return atomic_compare_exchange_strong(&queue->head, &empty, &closed) || empty == &closed;
}

void db_queue_wait(struct db_queue *queue, uint64_t timeout_us)
{
	struct timespec until;

	if (timeout_us > 0) {
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += (time_t)(timeout_us / 1000000);
		until.tv_nsec += (long)(timeout_us % 1000000) * 1000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
	}
	pthread_mutex_lock(&queue->mutex);
	while (!queue->signalled) {
		if (timeout_us == 0) {
			pthread_cond_wait(&queue->cond, &queue->mutex);
		} else if (pthread_cond_timedwait(&queue->cond, &queue->mutex, &until) != 0) {
			break;
		}
	}
	queue->signalled = false;
	pthread_mutex_unlock(&queue->mutex);
}

void db_queue_wake(struct db_queue *queue)
{
	pthread_mutex_lock(&queue->mutex);
	queue->signalled = true;
	pthread_mutex_unlock(&queue->mutex);
	pthread_cond_signal(&queue->cond); /* after the unlock, or the thread wakes to wait for the mutex */
}
