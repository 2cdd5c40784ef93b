/* SPDX-License-Identifier: MIT */
/* A host that runs: the main loop, signals, orders to instances, the end. */
#include "host/core/core_state.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "host/core/buf.h"
#include "host/core/job.h"
#include "host/db/db.h"
#include "host/obs/log.h"

#define STALL_DEFAULT_MS 200u
#define JOBS_DEFAULT 256u

static void tell_ready(struct core *core)
{
	uint32_t up = 0;

	for (uint32_t i = core->instances_len; i < core->own_len; i++) {
		int process = atomic_load(&core->own[i]->process);
		if (process == PROCESS_STARTING || (process == PROCESS_READY && !directory_well(core->own[i]))) {
			return;
		}
		up += process == PROCESS_READY;
	}
	for (uint32_t i = 0; i < core->instances_len; i++) {
		int state = atomic_load(&core->instances[i]->state);
		if (!directory_well(core->instances[i]) && !life_ended(state)) {
			return;
		}
		up += !life_ended(state);
	}
	core->ready_told = true;
	log_text(TROUPE_LOG_NOTICE, "core", "%u of %u instances are ready", up, core->own_len);
}

/* One instance on its way out. */
struct ending {
	struct loop_timer deadline; /* first */
	struct instance *instance;
	core_done_fn on_done;
	void *arg;
};

static void on_end_stopped(void *arg, int32_t status, const char *text)
{
	struct ending *ending = arg;

	if (ending->on_done != NULL) {
		ending->on_done(ending->arg, status, text);
	}
	free(ending);
}

static void end_now(struct ending *ending)
{
	ending->instance->ending = NULL;
	loop_timer_stop(&ending->deadline);
	life_order(ending->instance, LIFE_STOP, INSTANCE_GONE, NULL, on_end_stopped, ending);
}

static void on_end_deadline(struct loop_timer *timer)
{
	end_now((struct ending *)(void *)timer);
}

/* Those that core_end was asked for and that have drained. */
static void end_drained(struct core *core)
{
	for (uint32_t i = 0; i < core->instances_len; i++) {
		struct instance *instance = core->instances[i];
		int state = atomic_load_explicit(&instance->state, memory_order_acquire);
		if (instance->ending != NULL && (core->phase != LIFE_UP || state == INSTANCE_DRAINED)) {
			end_now(instance->ending);
		}
	}
}

static void on_changed(struct loop_task *task)
{
	struct core *core = (struct core *)(void *)((char *)task - offsetof(struct core, changed_task));

	atomic_store_explicit(&core->changed, false, memory_order_release);
	end_drained(core);
	if (life_decide(core, core->phase)) {
		loop_stop(core_main_loop(core));
	} else if (core->phase == LIFE_UP && !core->ready_told) {
		tell_ready(core);
	}
	if (core->on_change != NULL) {
		core->on_change(core, core->on_change_arg);
	}
}

static void on_deadline(struct loop_timer *timer)
{
	struct core *core = (struct core *)(void *)((char *)timer - offsetof(struct core, deadline));

	if (core->phase == LIFE_DRAINING) {
		for (uint32_t i = 0; i < core->instances_len; i++) {
			if (atomic_load(&core->instances[i]->state) == INSTANCE_DRAINING) {
				log_text(TROUPE_LOG_WARNING, core->instances[i]->host.name,
					 "not drained after %u ms, stopping it now", core->config->drain_ms);
			}
		}
		core->phase = LIFE_STOPPING;
		core_changed(core);
	}
}

static void on_stop_task(struct loop_task *task)
{
	struct core *core = (struct core *)(void *)((char *)task - offsetof(struct core, stop_task));

	core->phase = LIFE_STOPPING;
	core_changed(core);
}

static void on_drain_task(struct loop_task *task)
{
	struct core *core = (struct core *)(void *)((char *)task - offsetof(struct core, drain_task));

	if (core->phase == LIFE_UP) {
		core->phase = LIFE_DRAINING;
		log_text(TROUPE_LOG_NOTICE, "core", "draining, at most %u ms", core->config->drain_ms);
		loop_timer_start(core_main_loop(core), &core->deadline, core->config->drain_ms);
		core_changed(core);
	}
}

void core_tasks_init(struct core *core)
{
	core->changed_task.run = on_changed;
	core->drain_task.run = on_drain_task;
	core->stop_task.run = on_stop_task;
}

void core_drain(struct core *core)
{
	if (atomic_fetch_add(&core->drains, 1) == 0) {
		loop_post(core_main_loop(core), &core->drain_task);
	} else {
		core_stop(core);
	}
}

void core_stop(struct core *core)
{
	if (atomic_fetch_add(&core->stops, 1) == 0) {
		loop_post(core_main_loop(core), &core->stop_task);
	}
}

void core_on_hangup(struct core *core, void (*fn)(struct core *core, void *arg), void *arg)
{
	core->on_hangup = fn;
	core->on_hangup_arg = arg;
}

void core_on_change(struct core *core, void (*fn)(struct core *core, void *arg), void *arg)
{
	core->on_change = fn;
	core->on_change_arg = arg;
}

bool core_settled(const struct core *core)
{
	return core->ready_told;
}

bool core_draining(const struct core *core)
{
	return core->phase != LIFE_UP;
}

static void hangup(struct core *core)
{
	if (core->on_hangup != NULL) {
		core->on_hangup(core, core->on_hangup_arg);
		return;
	}
	for (uint32_t i = 0; i < core->instances_len; i++) {
		core_reload(core, core->instances[i], NULL, NULL);
	}
}

static void on_signal(struct loop_io *io, unsigned events)
{
	struct core *core = (struct core *)(void *)((char *)io - offsetof(struct core, signal_io));
	struct signalfd_siginfo info;

	(void)events;
	while (read(core->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP) {
			hangup(core);
		} else if (core->phase == LIFE_UP) {
			core_drain(core);
		} else {
			/* the second one: end at once, whatever is under way */
			log_text(TROUPE_LOG_WARNING, "core", "second signal, ending at once");
			_exit(128 + (int)info.ssi_signo);
		}
	}
}

static void on_watchdog(struct loop_timer *timer)
{
	struct core *core = (struct core *)(void *)((char *)timer - offsetof(struct core, watchdog));
	uint64_t limit_us = 1000u * (uint64_t)(core->config->stall_ms != 0 ? core->config->stall_ms : STALL_DEFAULT_MS);
	uint64_t next_us = limit_us;
	struct loop_stall stall;

	for (unsigned i = 0; i < core->loops_len; i++) {
		uint64_t again_us = loop_watch(core->loops[i], limit_us, &stall);
		next_us = again_us < next_us ? again_us : next_us;
		if (stall.who != NULL) {
			log_text(TROUPE_LOG_WARNING, stall.who, "one callback has held %s for %u ms and goes on",
				 loop_name(core->loops[i]), (unsigned)(stall.for_us / 1000));
		}
	}
	loop_timer_start(core_main_loop(core), timer, next_us / 1000 + 1);
}

static int signals_open(struct core *core)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	/* blocked before any thread starts, so that they all inherit it */
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	core->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (core->signal_fd < 0) {
		return -errno;
	}
	core->signal_io.ready = on_signal;
	loop_io_start(core_main_loop(core), &core->signal_io, core->signal_fd, LOOP_READ);
	return 0;
}

/* Buffer pools are of a thread: opened and closed on it. */
struct pool_task {
	struct loop_task task;
	struct loop *stop; /* NULL = open it; else close it and stop this loop */
};

static void on_pool_task(struct loop_task *task)
{
	struct pool_task *own = (struct pool_task *)(void *)task;

	if (own->stop == NULL) {
		buf_pool_open();
	} else {
		buf_pool_close();
		loop_stop(own->stop);
	}
}

static int loops_start(struct core *core)
{
	/* two for each loop: nobody waits for the first ones to have run, so they cannot be posted again */
	core->pool_tasks = calloc(2 * (size_t)core->loops_len, sizeof(*core->pool_tasks));
	for (unsigned i = 0; core->pool_tasks != NULL && i < core->loops_len; i++) {
		core->pool_tasks[i].task.run = on_pool_task;
		loop_post(core->loops[i], &core->pool_tasks[i].task);
		if (loop_start(core->loops[i]) < 0) {
			return -1;
		}
	}
	return core->pool_tasks != NULL ? 0 : -1;
}

static void loops_end(struct core *core)
{
	for (unsigned i = 0; i < core->loops_len; i++) {
		struct pool_task *last = &core->pool_tasks[core->loops_len + i];

		last->task.run = on_pool_task;
		last->stop = core->loops[i];
		loop_post(core->loops[i], &last->task);
	}
	for (unsigned i = 0; i < core->loops_len; i++) {
		loop_join(core->loops[i]);
	}
	free(core->pool_tasks);
	core->pool_tasks = NULL;
}

static int exit_code(const struct core *core)
{
	uint32_t failed = 0;

	for (uint32_t i = 0; i < core->instances_len; i++) {
		int state = atomic_load(&core->instances[i]->state);
		failed += state == INSTANCE_FAILED || state == INSTANCE_BLOCKED;
	}
	return core->forced || (failed > 0 && failed == core->instances_len) ? 1 : 0;
}

int core_run(struct core *core)
{
	struct loop *main_loop = core_main_loop(core);
	uint32_t workers = core->config->host->workers;
	uint32_t jobs_max = core->config->host->jobs_max;

	if (signals_open(core) < 0) {
		log_text(TROUPE_LOG_ERROR, "core", "signalfd: %s", strerror(errno));
		return 1;
	}
	core->jobs = job_pool_new(workers != 0 ? workers : 1, jobs_max != 0 ? jobs_max : JOBS_DEFAULT);
	if (core->jobs == NULL || loops_start(core) < 0) {
		log_text(TROUPE_LOG_ERROR, "core", "cannot start threads: %s", strerror(errno));
		return 1;
	}
	core->watchdog.expire = on_watchdog;
	core->deadline.expire = on_deadline;
	on_watchdog(&core->watchdog);
	core_changed(core);
	loop_run(main_loop);
	loops_end(core);
	loop_settle(main_loop); /* the last orders come home */
	core->jobs = job_pool_free(core->jobs);
	loop_io_stop(&core->signal_io);
	close(core->signal_fd);
	return exit_code(core);
}

/* --- orders ------------------------------------------------------------------------------------- */

void core_reload(struct core *core, struct instance *instance, core_done_fn on_done, void *arg)
{
	(void)core;
	life_order(instance, LIFE_RELOAD, 0, NULL, on_done, arg);
}

void core_configure(struct core *core, struct instance *instance, const struct config_instance *config,
		    core_done_fn on_done, void *arg)
{
	(void)core;
	life_order(instance, LIFE_CONFIGURE, 0, config, on_done, arg);
}

void core_end(struct core *core, struct instance *instance, uint32_t drain_ms, core_done_fn on_done, void *arg)
{
	struct ending *ending = instance->ending == NULL ? calloc(1, sizeof(*ending)) : NULL;
	bool ended = life_ended(atomic_load_explicit(&instance->state, memory_order_acquire));

	if (instance->ending != NULL || ended || instance->ordered >= (int)LIFE_STOP) {
		if (on_done != NULL) {
			on_done(arg, TROUPE_FAILED_PRECONDITION, ended ? "it has ended already" : "it is ending already");
		}
		free(ending);
		return;
	}
	if (ending == NULL) {
		abort(); /* out of memory: as good as a crash, and handled as one */
	}
	ending->instance = instance;
	ending->on_done = on_done;
	ending->arg = arg;
	ending->deadline.expire = on_end_deadline;
	instance->ending = ending;
	life_order(instance, LIFE_DRAIN, 0, NULL, NULL, NULL);
	loop_timer_start(core_main_loop(core), &ending->deadline, drain_ms);
}
