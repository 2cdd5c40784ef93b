/* SPDX-License-Identifier: MIT */
/* Event loops: the one file that knows libev. */
#define EV_STANDALONE 0
#include "host/core/loop.h"

#include <errno.h>
#include <ev.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TASKS_PER_ROUND 4096u /* tasks that run before descriptors are looked at again */

struct loop {
	struct ev_loop *ev;
	ev_prepare prepare;
	ev_check check;
	ev_async async;
	ev_idle idle;
	ev_timer timer;
	uint64_t timer_at_ms; /* what `timer` is set to; UINT64_MAX = not started */
	uint64_t now_us;
	struct wheel wheel;
	struct loop_hook *work, *end;
	struct loop_task *todo; /* taken from `posted`, not yet run */
	bool idling;
	unsigned index;
	char name[16];
	pthread_t thread;
	/* written by other threads */
	pthread_mutex_t mutex;
	struct loop_task *posted, **posted_tail;
	atomic_bool stopping;
	/* for the watchdog */
	_Atomic(const char *) running;
	atomic_uint_fast64_t since_us; /* when `running` began */
	atomic_uint_fast64_t turns, stalls;
	uint64_t watch_told_us; /* the `since_us` of the last stall that was told */
};

_Static_assert(sizeof(ev_io) <= sizeof(((struct loop_io *)0)->watcher), "loop_io has no room for ev_io");

static _Thread_local struct loop *current;

struct loop *loop_current(void)
{
	return current;
}

unsigned loop_index(const struct loop *loop)
{
	return loop->index;
}

const char *loop_name(const struct loop *loop)
{
	return loop->name;
}

uint64_t loop_now_us(const struct loop *loop)
{
	return loop->now_us;
}

uint64_t loop_clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

/* --- the turn ----------------------------------------------------------------------------------- */

static void tasks_run(struct loop *loop)
{
	struct loop_task **tail = &loop->todo;

	while (*tail != NULL) {
		tail = &(*tail)->next;
	}
	pthread_mutex_lock(&loop->mutex);
	*tail = loop->posted;
	loop->posted = NULL;
	loop->posted_tail = &loop->posted;
	pthread_mutex_unlock(&loop->mutex);
	for (unsigned i = 0; i < TASKS_PER_ROUND && loop->todo != NULL; i++) {
		struct loop_task *task = loop->todo;
		loop->todo = task->next;
		task->next = NULL;
		task->run(task);
	}
}

static void timer_arm(struct loop *loop)
{
	uint64_t at_ms = wheel_next(&loop->wheel);

	if (at_ms == loop->timer_at_ms) {
		return;
	}
	loop->timer_at_ms = at_ms;
	ev_timer_stop(loop->ev, &loop->timer);
	if (at_ms == UINT64_MAX) {
		return;
	}
	uint64_t at_us = at_ms * 1000, now_us = loop_clock_us();
	double after = at_us > now_us ? (double)(at_us - now_us) / 1e6 : 0.;
	/* libev counts from the time it last looked at the clock */
	ev_now_update(loop->ev);
	ev_timer_set(&loop->timer, after, 0.);
	ev_timer_start(loop->ev, &loop->timer);
}

static void on_prepare(struct ev_loop *ev, ev_prepare *prepare, int events)
{
	struct loop *loop = prepare->data;
	bool more;

	(void)events;
	atomic_fetch_add_explicit(&loop->turns, 1, memory_order_relaxed);
	loop->now_us = loop_clock_us();
	wheel_advance(&loop->wheel, loop->now_us / 1000);
	tasks_run(loop);
	more = loop->todo != NULL;
	for (struct loop_hook *hook = loop->work; hook != NULL; hook = hook->next) {
		more |= hook->run(hook);
	}
	for (struct loop_hook *hook = loop->end; hook != NULL; hook = hook->next) {
		more |= hook->run(hook);
	}
	timer_arm(loop);
	if (more != loop->idling) {
		loop->idling = more;
		(more ? ev_idle_start : ev_idle_stop)(ev, &loop->idle);
	}
	if (atomic_load_explicit(&loop->stopping, memory_order_acquire)) {
		ev_break(ev, EVBREAK_ALL);
	}
}

static void on_check(struct ev_loop *ev, ev_check *check, int events)
{
	struct loop *loop = check->data;

	(void)ev, (void)events;
	loop->now_us = loop_clock_us();
}

/* What these watchers are for is done in the next on_prepare. */
static void on_async(struct ev_loop *ev, ev_async *async, int events)
{
	(void)ev, (void)async, (void)events;
}

static void on_idle(struct ev_loop *ev, ev_idle *idle, int events)
{
	(void)ev, (void)idle, (void)events;
}

static void on_timer(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct loop *loop = timer->data;

	(void)ev, (void)events;
	loop->timer_at_ms = UINT64_MAX;
}

/* --- life --------------------------------------------------------------------------------------- */

struct loop *loop_new(unsigned index, const char *name)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (loop == NULL) {
		return NULL;
	}
	loop->ev = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
	if (loop->ev == NULL) {
		free(loop);
		return NULL;
	}
	loop->index = index;
	snprintf(loop->name, sizeof(loop->name), "%s", name);
	loop->now_us = loop_clock_us();
	loop->timer_at_ms = UINT64_MAX;
	wheel_init(&loop->wheel, loop->now_us / 1000);
	pthread_mutex_init(&loop->mutex, NULL);
	loop->posted_tail = &loop->posted;
	ev_prepare_init(&loop->prepare, on_prepare);
	ev_check_init(&loop->check, on_check);
	ev_async_init(&loop->async, on_async);
	ev_idle_init(&loop->idle, on_idle);
	ev_timer_init(&loop->timer, on_timer, 0., 0.);
	loop->prepare.data = loop->check.data = loop->async.data = loop->timer.data = loop;
	/* the clock is looked at before the callbacks of descriptors run */
	ev_set_priority(&loop->check, EV_MAXPRI);
	ev_prepare_start(loop->ev, &loop->prepare);
	ev_check_start(loop->ev, &loop->check);
	ev_async_start(loop->ev, &loop->async);
	return loop;
}

struct loop *loop_free(struct loop *loop)
{
	if (loop != NULL) {
		ev_loop_destroy(loop->ev);
		pthread_mutex_destroy(&loop->mutex);
		free(loop);
	}
	return NULL;
}

void loop_run(struct loop *loop)
{
	struct loop *outer = current;

	current = loop;
	ev_run(loop->ev, 0);
	current = outer;
}

static void *loop_thread(void *arg)
{
	loop_run(arg);
	return NULL;
}

int loop_start(struct loop *loop)
{
	int error = pthread_create(&loop->thread, NULL, loop_thread, loop);

	if (error == 0) {
		pthread_setname_np(loop->thread, loop->name);
	}
	return -error;
}

void loop_join(struct loop *loop)
{
	pthread_join(loop->thread, NULL);
}

void loop_settle(struct loop *loop)
{
	struct loop *outer = current;

	current = loop;
	do {
		tasks_run(loop);
	} while (loop->todo != NULL);
	current = outer;
}

void loop_wake(struct loop *loop)
{
	ev_async_send(loop->ev, &loop->async);
}

void loop_stop(struct loop *loop)
{
	atomic_store_explicit(&loop->stopping, true, memory_order_release);
	loop_wake(loop);
}

void loop_post(struct loop *loop, struct loop_task *task)
{
	bool first;

	task->next = NULL;
	pthread_mutex_lock(&loop->mutex);
	first = loop->posted == NULL;
	*loop->posted_tail = task;
	loop->posted_tail = &task->next;
	pthread_mutex_unlock(&loop->mutex);
	if (first) {
		loop_wake(loop);
	}
}

static void hook_append(struct loop_hook **list, struct loop_hook *hook)
{
	while (*list != NULL) {
		list = &(*list)->next;
	}
	hook->next = NULL;
	*list = hook;
}

void loop_hook_work(struct loop *loop, struct loop_hook *hook)
{
	hook_append(&loop->work, hook);
}

void loop_hook_end(struct loop *loop, struct loop_hook *hook)
{
	hook_append(&loop->end, hook);
}

/* --- descriptors and deadlines ------------------------------------------------------------------- */

static void on_io(struct ev_loop *ev, ev_io *watcher, int events)
{
	struct loop_io *io = watcher->data;

	(void)ev;
	io->ready(io, ((events & EV_READ) ? LOOP_READ : 0u) | ((events & EV_WRITE) ? LOOP_WRITE : 0u));
}

static int io_events(unsigned events)
{
	return ((events & LOOP_READ) ? EV_READ : 0) | ((events & LOOP_WRITE) ? EV_WRITE : 0);
}

void loop_io_start(struct loop *loop, struct loop_io *io, int fd, unsigned events)
{
	ev_io *watcher = (ev_io *)(void *)io->watcher;

	io->loop = loop;
	ev_io_init(watcher, on_io, fd, io_events(events));
	watcher->data = io;
	if (events != 0) {
		ev_io_start(loop->ev, watcher);
	}
}

void loop_io_change(struct loop_io *io, unsigned events)
{
	ev_io *watcher = (ev_io *)(void *)io->watcher;
	int wanted = io_events(events);

	if ((watcher->events & (EV_READ | EV_WRITE)) == wanted && (wanted == 0 || ev_is_active(watcher))) {
		return;
	}
	ev_io_stop(io->loop->ev, watcher);
	ev_io_set(watcher, watcher->fd, wanted);
	if (wanted != 0) {
		ev_io_start(io->loop->ev, watcher);
	}
}

void loop_io_stop(struct loop_io *io)
{
	if (io->loop != NULL) {
		ev_io_stop(io->loop->ev, (ev_io *)(void *)io->watcher);
		io->loop = NULL;
	}
}

static void on_expire(struct wheel_node *node)
{
	struct loop_timer *timer = (struct loop_timer *)(void *)node;

	timer->expire(timer);
}

void loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t ms)
{
	uint64_t ms_max = UINT64_MAX / 4;

	loop_timer_stop(timer);
	timer->loop = loop;
	timer->node.expire = on_expire;
	wheel_start(&loop->wheel, &timer->node, (loop->now_us + 999) / 1000 + (ms < ms_max ? ms : ms_max));
}

void loop_timer_stop(struct loop_timer *timer)
{
	if (timer->loop != NULL) {
		wheel_stop(&timer->loop->wheel, &timer->node);
	}
}

/* --- the watchdog -------------------------------------------------------------------------------- */

/* The kernel's coarse clock costs a few nanoseconds and is exact to a tick of some milliseconds. */
static uint64_t coarse_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

void loop_enter(struct loop *loop, const char *who)
{
	atomic_store_explicit(&loop->since_us, coarse_us(), memory_order_relaxed);
	atomic_store_explicit(&loop->running, who, memory_order_release);
}

void loop_leave(struct loop *loop)
{
	atomic_store_explicit(&loop->running, NULL, memory_order_release);
}

const char *loop_running(struct loop *loop)
{
	return atomic_load_explicit(&loop->running, memory_order_acquire);
}

uint64_t loop_watch(struct loop *loop, uint64_t limit_us, struct loop_stall *ret_stall)
{
	const char *who = loop_running(loop);
	uint64_t since_us = atomic_load_explicit(&loop->since_us, memory_order_relaxed);
	uint64_t now_us = coarse_us();
	uint64_t for_us = now_us > since_us ? now_us - since_us : 0;

	ret_stall->who = NULL;
	if (who == NULL || since_us == loop->watch_told_us) {
		return limit_us;
	}
	if (for_us < limit_us) {
		return limit_us - for_us;
	}
	loop->watch_told_us = since_us;
	atomic_fetch_add_explicit(&loop->stalls, 1, memory_order_relaxed);
	*ret_stall = (struct loop_stall){ .who = who, .for_us = for_us };
	return limit_us;
}

uint64_t loop_turns(const struct loop *loop)
{
	return atomic_load_explicit(&loop->turns, memory_order_relaxed);
}

uint64_t loop_stalls(const struct loop *loop)
{
	return atomic_load_explicit(&loop->stalls, memory_order_relaxed);
}
