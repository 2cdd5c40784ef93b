/* SPDX-License-Identifier: MIT */
/* The running host. */
#include "host/core/core.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "host/core/buf.h"
#include "host/core/directory.h"
#include "host/core/job.h"
#include "host/core/life.h"
#include "host/core/mailbox.h"
#include "host/core/table.h"
#include "host/db/db.h"
#include "host/obs/log.h"

#define STALL_DEFAULT_MS 200u
#define MAILBOX_MESSAGES_DEFAULT 65536u
#define MAILBOX_BYTES_DEFAULT (64u * 1024u * 1024u)
#define JOBS_DEFAULT 256u

struct core {
	const struct config *config;
	struct loop **loops; /* those of the roles, and last the main loop */
	struct mailbox **mailboxes, *mailboxes_space;
	struct net **nets; /* as loops */
	unsigned loops_len; /* without the main loop */
	bool running;
	struct instance **instances; /* of the config; then core's own, not counted */
	uint32_t instances_len;
	struct instance *self;
	struct config_instance *configs; /* copies with the defaults filled in, and core's own */
	struct directory directory;
	bool directory_made;
	struct job_pool *jobs;
	struct db *db;
	pthread_mutex_t mutex; /* of every instance's `why` */
	/* the main loop's */
	struct loop_task changed_task;
	atomic_bool changed;
	enum life_phase phase;
	bool ready_told, forced;
	int signal_fd;
	struct loop_io signal_io;
	struct loop_timer watchdog, deadline;
	struct loop_task drain_task, stop_task;
	atomic_int drains, stops;
	void (*on_hangup)(struct core *core, void *arg);
	void *on_hangup_arg;
	struct pool_task *pool_tasks;
};

/* The host itself as an instance, so that what operators ask has a sender like every message. */
static void self_destroy(void *instance)
{
	(void)instance;
}

static const struct troupe_role self_role = { .size = sizeof(self_role), .destroy = self_destroy };
static const struct troupe_plugin self_plugin = {
	TROUPE_PLUGIN_HEAD,
	.kind = TROUPE_PLUGIN_ROLE,
	.name = "host",
	.version = PACKAGE_VERSION,
	.summary = "The host itself.",
	.role = &self_role,
};

/* --- small things --------------------------------------------------------------------------------- */

struct directory *core_directory(struct core *core)
{
	return &core->directory;
}

struct job_pool *core_jobs(struct core *core)
{
	return core->jobs;
}

struct net *core_net(struct core *core, unsigned loop)
{
	return core->nets[loop];
}

struct db *core_db(struct core *core)
{
	return core->db;
}

struct instance *core_self(struct core *core)
{
	return core->self;
}

struct loop *core_main_loop(struct core *core)
{
	return core->loops[core->loops_len];
}

const struct config *core_config(struct core *core)
{
	return core->config;
}

struct instance *const *core_instances(struct core *core, uint32_t *ret_len)
{
	*ret_len = core->instances_len;
	return core->instances;
}

struct instance *core_instance(struct core *core, const char *name)
{
	for (uint32_t i = 0; i < core->instances_len; i++) {
		if (strcmp(core->instances[i]->host.name, name) == 0) {
			return core->instances[i];
		}
	}
	return NULL;
}

bool core_speaks_for_players(const struct instance *instance)
{
	return strcmp(instance->role_class->plugin->name, "frontend") == 0;
}

void core_why(struct instance *instance, const char *why)
{
	pthread_mutex_lock(&instance->core->mutex);
	snprintf(instance->why, sizeof(instance->why), "%s", why);
	pthread_mutex_unlock(&instance->core->mutex);
}

void core_why_read(const struct instance *instance, char *ret_text, size_t size)
{
	pthread_mutex_lock(&instance->core->mutex);
	snprintf(ret_text, size, "%s", instance->why);
	pthread_mutex_unlock(&instance->core->mutex);
}

void core_changed(struct core *core)
{
	if (!atomic_exchange_explicit(&core->changed, true, memory_order_acq_rel)) {
		loop_post(core_main_loop(core), &core->changed_task);
	}
}

/* --- making it ------------------------------------------------------------------------------------ */

static int fail(struct troupe_error *reterr, int error, const char *what)
{
	reterr->status = TROUPE_INTERNAL;
	snprintf(reterr->text, sizeof(reterr->text), "%s: %s", what, strerror(-error));
	reterr->help[0] = '\0';
	return error;
}

static struct instance *instance_new(struct core *core, const struct config_instance *config, uint32_t index)
{
	struct instance *instance = calloc(1, sizeof(*instance));
	unsigned loop = config->loop < core->loops_len ? config->loop : 0;

	if (instance == NULL) {
		return NULL;
	}
	if (config->plugin == &self_plugin) {
		loop = core->loops_len;
	}
	instance->core = core;
	instance->config = config;
	instance->role = config->plugin->role;
	instance->index = index;
	instance->loop = core->loops[loop];
	instance->mailbox = core->mailboxes[loop];
	instance->host.name = config->name;
	instance->host.part = config->part;
	instance->host.id = troupe_fnv64(config->name, strlen(config->name));
	atomic_init(&instance->log_level, config->log_level);
	table_fill(instance);
	return instance;
}

static int instances_make(struct core *core)
{
	uint32_t len = core->config->local_len;

	core->configs = calloc(len + 1, sizeof(*core->configs));
	core->instances = calloc(len + 1, sizeof(struct instance *));
	if (core->configs == NULL || core->instances == NULL) {
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < len; i++) {
		core->configs[i] = *core->config->local[i];
	}
	core->configs[len] = (struct config_instance){
		.name = "host", .part = "base", .role = "host", .short_name = "", .plugin = &self_plugin
	};
	for (uint32_t i = 0; i <= len; i++) {
		struct config_instance *config = &core->configs[i];
		if (config->mailbox_messages == 0) {
			config->mailbox_messages = MAILBOX_MESSAGES_DEFAULT;
		}
		if (config->mailbox_bytes == 0) {
			config->mailbox_bytes = MAILBOX_BYTES_DEFAULT;
		}
		if (config->log_level == 0) {
			config->log_level = TROUPE_LOG_INFO;
		}
		core->instances[i] = instance_new(core, config, i);
		if (core->instances[i] == NULL) {
			return -ENOMEM;
		}
	}
	core->instances_len = len;
	core->self = core->instances[len];
	core->self->self = core->self;
	atomic_store(&core->self->state, INSTANCE_RUNNING);
	atomic_store(&core->self->ready, true);
	core->directory_made = true;
	return directory_init(&core->directory, core->instances, len + 1);
}

static void net_warn(const char *owner, const char *code, const char *text)
{
	log_write(&(struct log_line){ .level = TROUPE_LOG_WARNING, .instance = owner, .code = code, .text = text });
}

static int loops_make(struct core *core)
{
	unsigned len = core->config->host->loops > 0 ? core->config->host->loops : 1;
	const struct net_setup net_setup = {
		.address = core->config->host->address, .buf_unref = buf_unref, .warn = net_warn
	};

	core->loops_len = len;
	core->loops = calloc(len + 1, sizeof(struct loop *));
	core->mailboxes = calloc(len + 1, sizeof(struct mailbox *));
	core->mailboxes_space = calloc(len + 1, sizeof(struct mailbox));
	core->nets = calloc(len + 1, sizeof(struct net *));
	if (core->loops == NULL || core->nets == NULL || core->mailboxes == NULL || core->mailboxes_space == NULL) {
		return -ENOMEM;
	}
	for (unsigned i = 0; i <= len; i++) {
		char name[16];
		snprintf(name, sizeof(name), i < len ? "loop%u" : "main", i);
		core->loops[i] = loop_new(i, name);
		if (core->loops[i] == NULL) {
			return -EMFILE;
		}
		int r = mailbox_init(&core->mailboxes_space[i], core->loops[i], core, core->mailboxes, len + 1);
		if (r < 0) {
			return r;
		}
		core->mailboxes[i] = &core->mailboxes_space[i];
		core->nets[i] = net_new(core->loops[i], &net_setup);
		if (core->nets[i] == NULL) {
			return -ENOMEM;
		}
	}
	return 0;
}

static void on_changed(struct loop_task *task);
static void on_drain_task(struct loop_task *task);
static void on_stop_task(struct loop_task *task);

int core_new(const struct config *config, struct core **ret_core, struct troupe_error *reterr)
{
	struct core *core = calloc(1, sizeof(*core));
	int r;

	if (core == NULL) {
		return fail(reterr, -ENOMEM, "core");
	}
	core->config = config;
	core->signal_fd = -1;
	core->changed_task.run = on_changed;
	core->drain_task.run = on_drain_task;
	core->stop_task.run = on_stop_task;
	pthread_mutex_init(&core->mutex, NULL);
	r = loops_make(core);
	if (r < 0) {
		core_free(core);
		return fail(reterr, r, "loops");
	}
	r = instances_make(core);
	if (r < 0) {
		core_free(core);
		return fail(reterr, r, r == -E2BIG ? "more than 63 roles" : "instances");
	}
	r = db_new(core->loops, core->loops_len + 1, core->instances, core->instances_len, &core->db);
	if (r < 0) {
		core_free(core);
		return fail(reterr, r, "databases");
	}
	*ret_core = core;
	return 0;
}

struct core *core_free(struct core *core)
{
	if (core == NULL) {
		return NULL;
	}
	db_free(core->db);
	for (unsigned i = 0; core->loops != NULL && i <= core->loops_len; i++) {
		if (core->mailboxes != NULL && core->mailboxes[i] != NULL) {
			mailbox_fini(core->mailboxes[i]);
		}
		if (core->nets != NULL) {
			net_free(core->nets[i]);
		}
		loop_free(core->loops[i]);
	}
	if (core->directory_made) {
		directory_fini(&core->directory);
	}
	for (uint32_t i = 0; core->instances != NULL && i <= core->config->local_len; i++) {
		free(core->instances[i]);
	}
	pthread_mutex_destroy(&core->mutex);
	free(core->instances);
	free(core->configs);
	free(core->nets);
	free(core->mailboxes_space);
	free(core->mailboxes);
	free(core->loops);
	free(core);
	return NULL;
}

/* --- the main loop -------------------------------------------------------------------------------- */

static void tell_ready(struct core *core)
{
	uint32_t up = 0;

	for (uint32_t i = 0; i < core->instances_len; i++) {
		int state = atomic_load(&core->instances[i]->state);
		if (!directory_ready(core->instances[i]) && !life_ended(state)) {
			return;
		}
		up += !life_ended(state);
	}
	core->ready_told = true;
	log_text(TROUPE_LOG_NOTICE, "core", "%u of %u instances are ready", up, core->instances_len);
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
	uint32_t limit_ms = core->config->stall_ms != 0 ? core->config->stall_ms : STALL_DEFAULT_MS;
	struct loop_stall stall;

	for (unsigned i = 0; i < core->loops_len; i++) {
		if (loop_watch(core->loops[i], (uint64_t)limit_ms * 875, &stall)) {
			log_text(TROUPE_LOG_WARNING, stall.who, "one callback has held %s for %u ms and goes on",
				 loop_name(core->loops[i]), (unsigned)(stall.for_us / 1000));
		}
	}
	loop_timer_start(core_main_loop(core), timer, limit_ms / 8 > 0 ? limit_ms / 8 : 1);
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
	core->pool_tasks = calloc(core->loops_len, sizeof(*core->pool_tasks));
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
		core->pool_tasks[i].stop = core->loops[i];
		loop_post(core->loops[i], &core->pool_tasks[i].task);
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

/* --- orders and views ----------------------------------------------------------------------------- */

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

	if (instance->ending != NULL) {
		if (on_done != NULL) {
			on_done(arg, TROUPE_FAILED_PRECONDITION, "it is ending already");
		}
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

static uint64_t read_count(atomic_uint_fast64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

struct core_instance *core_snapshot(struct core *core, uint32_t *ret_len)
{
	struct core_instance *all = calloc(core->instances_len + 1, sizeof(*all));

	for (uint32_t i = 0; all != NULL && i < core->instances_len; i++) {
		struct instance *instance = core->instances[i];
		struct instance_counts *counts = &instance->counts;
		all[i] = (struct core_instance){
			.name = instance->host.name,
			.part = instance->host.part,
			.role = instance->role_class->plugin->name,
			.loop = loop_name(instance->loop),
			.state = life_state_name(instance),
			.id = instance->host.id,
			.ready = directory_ready(instance),
			.load = atomic_load_explicit(&instance->load, memory_order_relaxed),
			.requests = read_count(&counts->requests),
			.calls = read_count(&counts->calls),
			.refused = read_count(&counts->refused),
			.overflows = read_count(&counts->overflows),
			.timeouts = read_count(&counts->timeouts),
			.queued = read_count(&counts->queued),
			.open = read_count(&counts->open),
			.pending = read_count(&counts->pending),
		};
		core_why_read(instance, all[i].why, sizeof(all[i].why));
	}
	if (all != NULL) {
		*ret_len = core->instances_len;
	}
	return all;
}

uint32_t core_loops(struct core *core, struct core_loop *ret_loops, uint32_t max)
{
	for (uint32_t i = 0; i < core->loops_len && i < max; i++) {
		ret_loops[i] = (struct core_loop){
			.name = loop_name(core->loops[i]),
			.running = loop_running(core->loops[i]),
			.turns = loop_turns(core->loops[i]),
			.stalls = loop_stalls(core->loops[i]),
			.inbox_overflows = read_count(&core->mailboxes[i]->overflows),
		};
	}
	return core->loops_len;
}
