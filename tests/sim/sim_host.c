/* SPDX-License-Identifier: MIT */
/* The simulator's host table: time, state, timers, jobs, files, log. */
#include "sim_internal.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOB_US 1000

/* --- time, state, log ----------------------------------------------------------------------------- */

static uint64_t host_now_us(const struct troupe_host *h)
{
	return sim_of(h)->sim->now_us + 1000000;
}

static int64_t host_wall_ms(const struct troupe_host *h)
{
	return 1800000000000 + (int64_t)(sim_of(h)->sim->now_us / 1000);
}

static void host_random(const struct troupe_host *h, void *ret_bytes, size_t len)
{
	uint8_t *bytes = ret_bytes;

	for (size_t i = 0; i < len; i++) {
		bytes[i] = (uint8_t)sim_random(sim_of(h)->sim);
	}
}

static void host_state(const struct troupe_host *h, uint32_t ready, uint32_t load, const char *why)
{
	struct sim_instance *instance = sim_of(h);

	(void)why;
	if (!instance->ending) {
		instance->ready = ready != 0 && ready != TROUPE_STANDBY;
		instance->load = load;
		if (instance->ready && instance->started) {
			sim_try_start(instance->sim);
		}
	}
}

static void host_drained(const struct troupe_host *h)
{
	sim_of(h)->drained = 1;
}

static void host_log(const struct troupe_host *h, const struct troupe_log *line)
{
	sim_logf(sim_of(h)->sim, h->name, line->text);
}

static uint32_t host_log_wanted(const struct troupe_host *h, uint32_t level)
{
	(void)h;
	return level <= TROUPE_LOG_INFO;
}

static uint32_t host_metric(const struct troupe_host *h, const struct troupe_metric *metric)
{
	(void)h;
	(void)metric;
	return 1;
}

static void host_metric_add(const struct troupe_host *h, uint32_t metric, int64_t delta)
{
	(void)h;
	(void)metric;
	(void)delta;
}

static void host_metric_observe(const struct troupe_host *h, uint32_t metric, uint64_t value_us)
{
	(void)h;
	(void)metric;
	(void)value_us;
}

/* --- timers, jobs, files -------------------------------------------------------------------------- */

struct timer {
	troupe_timer_fn fn;
	void *arg;
};

static void timer_run(struct sim *sim, struct sim_event *event)
{
	struct timer *timer = event->payload;

	(void)sim;
	event->instance->timers--;
	timer->fn(event->instance->self, timer->arg);
}

static uint64_t host_timer_start(const struct troupe_host *h, uint64_t ms, troupe_timer_fn fn, void *arg)
{
	struct sim_instance *instance = sim_of(h);
	struct timer *timer;
	struct sim_event *event;

	if (instance->ending || instance->timers >= 10000) {
		return 0;
	}
	timer = calloc(1, sizeof(*timer));
	*timer = (struct timer){ fn, arg };
	event = sim_schedule(instance->sim, instance, ms * 1000, SIM_TIMER, timer_run, timer);
	event->id = event->order;
	instance->timers++;
	return event->order;
}

static void host_timer_stop(const struct troupe_host *h, uint64_t id)
{
	struct sim_instance *instance = sim_of(h);
	struct sim *sim = instance->sim;

	for (size_t i = 0; i < sim->heap_len; i++) {
		struct sim_event *event = sim->heap[i];

		if (event->kind == SIM_TIMER && event->id == id && event->instance == instance && !event->cancelled) {
			event->cancelled = 1;
			instance->timers--;
			return;
		}
	}
}

static void job_run(struct sim *sim, struct sim_event *event)
{
	struct troupe_job *job = event->payload;

	(void)sim;
	job->run(job->arg);
	job->on_done(event->instance->self, job->arg, TROUPE_OK);
}

static void host_job(const struct troupe_host *h, const struct troupe_job *job)
{
	struct sim_instance *instance = sim_of(h);
	struct troupe_job *copy;

	if (instance->ending) {
		return;
	}
	copy = malloc(sizeof(*copy));
	*copy = *job;
	sim_schedule(instance->sim, instance, JOB_US, SIM_JOB, job_run, copy);
}

static int name_order(const void *a, const void *b)
{
	return strcmp(((const struct troupe_file *)a)->name, ((const struct troupe_file *)b)->name);
}

static int file_read(const char *path, struct troupe_file *ret_file)
{
	FILE *in = fopen(path, "rb");
	uint8_t *bytes = malloc(1 << 20);

	if (in == NULL) {
		free(bytes);
		return 0;
	}
	ret_file->len = (uint32_t)fread(bytes, 1, 1 << 20, in);
	ret_file->bytes = bytes;
	fclose(in);
	return 1;
}

static void files_run(struct sim *sim, struct sim_event *event)
{
	struct troupe_files *files = event->payload;
	struct troupe_file found[256];
	uint32_t count = 0;
	DIR *dir = opendir(files->path);
	struct dirent *entry;

	(void)sim;
	while (dir != NULL && count < 256 && (entry = readdir(dir)) != NULL) {
		size_t len = strlen(entry->d_name), suffix = files->suffix ? strlen(files->suffix) : 0;
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", files->path, entry->d_name);
		if (entry->d_name[0] != '.' && len >= suffix &&
		    strcmp(entry->d_name + len - suffix, files->suffix ? files->suffix : "") == 0 &&
		    file_read(path, &found[count])) {
			found[count++].name = strdup(entry->d_name);
		}
	}
	if (dir != NULL) {
		closedir(dir);
		qsort(found, count, sizeof(*found), name_order);
	} else if (file_read(files->path, &found[0])) {
		found[count++].name = strdup(strrchr(files->path, '/') ? strrchr(files->path, '/') + 1 : files->path);
	}
	files->on_files(event->instance->self, files->arg, dir || count ? TROUPE_OK : TROUPE_NOT_FOUND, found, count,
			dir || count ? "" : "no such file");
	for (uint32_t i = 0; i < count; i++) {
		free((char *)found[i].name);
		free((uint8_t *)found[i].bytes);
	}
}

static void host_files(const struct troupe_host *h, const struct troupe_files *files)
{
	struct sim_instance *instance = sim_of(h);
	struct troupe_files *copy;

	if (!instance->ending) {
		copy = malloc(sizeof(*copy));
		*copy = *files;
		sim_schedule(instance->sim, instance, JOB_US, SIM_FILES, files_run, copy);
	}
}

static uint64_t host_watch(const struct troupe_host *h, const char *path, troupe_timer_fn on_change, void *arg)
{
	(void)h;
	(void)path;
	(void)on_change;
	(void)arg;
	return 1; /* files do not change in a simulation */
}

static void host_watch_stop(const struct troupe_host *h, uint64_t watch)
{
	(void)h;
	(void)watch;
}

void sim_host_fill(struct troupe_host *table)
{
	table->now_us = host_now_us;
	table->wall_ms = host_wall_ms;
	table->random_bytes = host_random;
	table->state = host_state;
	table->drained = host_drained;
	table->log = host_log;
	table->log_wanted = host_log_wanted;
	table->metric = host_metric;
	table->metric_add = host_metric_add;
	table->metric_set = host_metric_add;
	table->metric_observe = host_metric_observe;
	table->timer_start = host_timer_start;
	table->timer_stop = host_timer_stop;
	table->job = host_job;
	table->files = host_files;
	table->watch = host_watch;
	table->watch_stop = host_watch_stop;
}
