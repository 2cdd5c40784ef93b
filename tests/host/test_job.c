/* SPDX-License-Identifier: MIT */
/* What an instance does beside messages: timers, jobs, reading files, watching them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test_core.h"

static struct {
	struct core *core;
	char folder[200];
	uint64_t begin_us;
	unsigned fired, wrong_order, too_early, last;
	uint64_t stale;
	unsigned refused, ran, cancelled;
	unsigned on_loop; /* jobs that ran on the loop's thread */
	char names[100], texts[100];
	int32_t file_status, missing_status, large_status;
	unsigned changes, step;
} seen;

static void finish(void)
{
	core_drain(seen.core);
}

static int run(const struct actor_script *script)
{
	static const struct troupe_plugin plugin = ACTOR_PLUGIN("worker", .provides = NULL);
	const struct config_instance one[] = { { .name = "base/worker", .part = "base", .plugin = &plugin,
						 .options = script } };
	struct config config;
	struct config_host host;
	const struct config_instance *local[1];
	int code;

	seen.core = actor_core(&config, &host, one, 1, local, 1);
	assert_non_null(seen.core);
	code = core_run(seen.core);
	core_free(seen.core);
	return code;
}

/* --- timers --------------------------------------------------------------------------------------- */

static const unsigned delays_ms[] = { 40, 0, 5, 300, 1, 280, 5, 20 };

static void on_timer(void *instance, void *arg)
{
	const struct actor *actor = instance;
	unsigned delay_ms = (unsigned)(uintptr_t)arg;

	seen.fired++;
	seen.wrong_order += delay_ms < seen.last;
	seen.last = delay_ms;
	seen.too_early += actor->host->now_us(actor->host) < seen.begin_us + delay_ms * 1000;
	if (delay_ms == 300) {
		actor->host->timer_stop(actor->host, seen.stale); /* it has ended: nothing happens */
		finish();
	}
}

static int32_t start_timers(struct actor *actor)
{
	const struct troupe_host *h = actor->host;

	seen.begin_us = h->now_us(h);
	for (unsigned i = 0; i < sizeof(delays_ms) / sizeof(delays_ms[0]); i++) {
		seen.stale = h->timer_start(h, delays_ms[i], on_timer, (void *)(uintptr_t)delays_ms[i]);
	}
	uint64_t stopped = h->timer_start(h, 10, on_timer, NULL);
	h->timer_stop(h, stopped);
	h->timer_stop(h, stopped);
	h->timer_start(h, UINT64_MAX, on_timer, NULL);
	return TROUPE_OK;
}

static void timers(void **state)
{
	const struct actor_script script = { .start = start_timers };

	(void)state;
	assert_int_equal(run(&script), 0);
	assert_int_equal(seen.fired, sizeof(delays_ms) / sizeof(delays_ms[0]));
	assert_int_equal(seen.wrong_order, 0);
	assert_int_equal(seen.too_early, 0);
}

static int32_t start_many(struct actor *actor)
{
	const struct troupe_host *h = actor->host;
	unsigned got = 0;

	for (unsigned i = 0; i < 10010; i++) {
		got += h->timer_start(h, 1000000 + i, on_timer, NULL) != 0;
	}
	seen.fired = got;
	finish();
	return TROUPE_OK;
}

static void timers_bound(void **state)
{
	const struct actor_script script = { .start = start_many };

	(void)state;
	assert_int_equal(run(&script), 0);
	assert_int_equal(seen.fired, 10000);
}

/* --- jobs ----------------------------------------------------------------------------------------- */

#define JOBS 300u

struct job_arg {
	bool ran;
	pthread_t thread;
};

static void job_run(void *arg)
{
	struct job_arg *own = arg;

	usleep(100);
	own->ran = true;
	own->thread = pthread_self();
}

static void job_done(void *instance, void *arg, int32_t status)
{
	static unsigned done;
	const struct job_arg *own = arg;

	(void)instance;
	seen.ran += status == TROUPE_OK && own->ran;
	seen.refused += status == TROUPE_RESOURCE_EXHAUSTED && !own->ran;
	seen.on_loop += own->ran && pthread_equal(own->thread, pthread_self());
	if (++done == JOBS) {
		finish();
	}
}

static int32_t start_jobs(struct actor *actor)
{
	static struct job_arg args[JOBS];

	for (unsigned i = 0; i < JOBS; i++) {
		struct troupe_job job = { .size = sizeof(job), .run = job_run, .on_done = job_done, .arg = &args[i],
					  .flags = i % 100 == 0 ? TROUPE_JOB_BACKGROUND : 0 };
		actor->host->job(actor->host, &job);
	}
	assert_int_equal(seen.ran + seen.refused, 0);
	return TROUPE_OK;
}

static void jobs(void **state)
{
	const struct actor_script script = { .start = start_jobs };

	(void)state;
	assert_int_equal(run(&script), 0);
	assert_int_equal(seen.ran + seen.refused, JOBS);
	assert_true(seen.ran >= 256);
	assert_true(seen.refused > 0);
	assert_int_equal(seen.on_loop, 0);
}

static void slow_run(void *arg)
{
	(void)arg;
	usleep(100000);
}

static void slow_done(void *instance, void *arg, int32_t status)
{
	(void)instance, (void)arg;
	seen.ran += status == TROUPE_OK;
	seen.cancelled += status == TROUPE_CANCELLED;
}

/* One job runs and nine wait when the instance is stopped: the one is waited for, the others do not run. */
static int32_t start_slow(struct actor *actor)
{
	for (unsigned i = 0; i < 10; i++) {
		struct troupe_job job = { .size = sizeof(job), .run = slow_run, .on_done = slow_done };
		actor->host->job(actor->host, &job);
	}
	core_stop(seen.core);
	return TROUPE_OK;
}

static void jobs_cancelled(void **state)
{
	const struct actor_script script = { .start = start_slow };

	(void)state;
	seen.ran = 0;
	assert_int_equal(run(&script), 0);
	assert_true(seen.ran <= 1);
	assert_int_equal(seen.ran + seen.cancelled, 10);
}

/* --- files ---------------------------------------------------------------------------------------- */

static void write_file(const char *name, const char *text)
{
	char path[300], temporary[310];

	snprintf(path, sizeof(path), "%s/%s", seen.folder, name);
	snprintf(temporary, sizeof(temporary), "%s~", path);
	FILE *file = fopen(temporary, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(rename(temporary, path), 0);
}

static void on_large(void *instance, void *arg, int32_t status, const struct troupe_file *files, uint32_t count,
		     const char *text)
{
	(void)instance, (void)arg, (void)files, (void)text;
	seen.large_status = status;
	assert_int_equal(count, 0);
	finish();
}

static void on_missing(void *instance, void *arg, int32_t status, const struct troupe_file *files, uint32_t count,
		       const char *text)
{
	const struct actor *actor = instance;
	struct troupe_files large = { .size = sizeof(large), .path = seen.folder, .suffix = ".lua", .bytes_max = 5,
				      .on_files = on_large };

	(void)arg, (void)files, (void)count;
	seen.missing_status = status;
	assert_non_null(strstr(text, "No such file"));
	actor->host->files(actor->host, &large);
}

static void on_files(void *instance, void *arg, int32_t status, const struct troupe_file *files, uint32_t count,
		     const char *text)
{
	const struct actor *actor = instance;
	struct troupe_files missing = { .size = sizeof(missing), .path = "/nowhere/at/all", .on_files = on_missing };

	(void)arg, (void)text;
	seen.file_status = status;
	for (uint32_t i = 0; i < count; i++) {
		strcat(seen.names, files[i].name);
		strcat(seen.names, " ");
		strncat(seen.texts, (const char *)files[i].bytes, files[i].len);
	}
	actor->host->files(actor->host, &missing);
}

static int32_t start_files(struct actor *actor)
{
	struct troupe_files files = { .size = sizeof(files), .path = seen.folder, .suffix = ".lua",
				      .on_files = on_files };

	actor->host->files(actor->host, &files);
	return TROUPE_OK;
}

static void reading(void **state)
{
	const struct actor_script script = { .start = start_files };

	(void)state;
	write_file("b.lua", "two ");
	write_file("a.lua", "one ");
	write_file("c.txt", "three ");
	assert_int_equal(run(&script), 0);
	assert_int_equal(seen.file_status, TROUPE_OK);
	assert_string_equal(seen.names, "a.lua b.lua ");
	assert_string_equal(seen.texts, "one two ");
	assert_int_equal(seen.missing_status, TROUPE_NOT_FOUND);
	assert_int_equal(seen.large_status, TROUPE_RESOURCE_EXHAUSTED);
}

/* A save by rename, a new file, a removed one: each is noticed. */
static void on_change(void *instance, void *arg)
{
	char path[300];

	(void)instance, (void)arg;
	seen.changes++;
	snprintf(path, sizeof(path), "%s/d.lua", seen.folder);
	if (seen.changes == 1) {
		write_file("d.lua", "four");
	} else if (seen.changes == 2) {
		unlink(path);
	} else {
		finish();
	}
}

static void on_first_look(void *instance, void *arg)
{
	(void)instance, (void)arg;
	write_file("a.lua", "ONE ");
}

static int32_t start_watch(struct actor *actor)
{
	const struct troupe_host *h = actor->host;
	uint64_t last = 1;

	assert_true(h->watch(h, seen.folder, on_change, NULL) != 0);
	for (unsigned i = 0; i < 16; i++) {
		last = h->watch(h, "/nowhere/at/all", on_change, NULL);
	}
	assert_true(last == 0); /* sixteen an instance */
	h->timer_start(h, 100, on_first_look, NULL);
	return TROUPE_OK;
}

static void watching(void **state)
{
	const struct actor_script script = { .start = start_watch };

	(void)state;
	assert_int_equal(run(&script), 0);
	assert_int_equal(seen.changes, 3);
}

/* --- stalls --------------------------------------------------------------------------------------- */

static uint64_t stalls, main_turns;

static void on_after(void *instance, void *arg)
{
	struct core_loop loop;

	(void)instance, (void)arg;
	core_loops(seen.core, &loop, 1);
	stalls = loop.stalls;
	main_turns = loop_turns(core_main_loop(seen.core));
	finish();
}

static unsigned stall_us;

static void on_stall(void *instance, void *arg)
{
	const struct actor *actor = instance;

	(void)arg;
	usleep(stall_us);
	actor->host->timer_start(actor->host, 1, on_after, NULL);
}

static int32_t start_stall(struct actor *actor)
{
	actor->host->timer_start(actor->host, 1, on_stall, NULL);
	return TROUPE_OK;
}

static void stalling(void **state)
{
	const struct actor_script script = { .start = start_stall };

	(void)state;
	/* the limit is 200 ms; the clock of the watchdog is exact to 10 ms, on a busy machine it comes later */
	for (stall_us = 260000; stall_us <= 500000; stall_us += 80000) {
		assert_int_equal(run(&script), 0);
		assert_int_equal(stalls, 1);
	}
	stall_us = 150000;
	assert_int_equal(run(&script), 0);
	assert_int_equal(stalls, 0);
}

static int32_t start_nothing(struct actor *actor)
{
	actor->host->timer_start(actor->host, 1000, on_after, NULL);
	return TROUPE_OK;
}

/* A host with nothing to do sleeps: the watchdog costs at most five wake-ups of the main loop in a second. */
static void idling(void **state)
{
	const struct actor_script script = { .start = start_nothing };

	(void)state;
	assert_int_equal(run(&script), 0);
	assert_in_range(main_turns, 1, 5 + 10); /* and ten for the beginning and the end */
}

static int folder_make(void **state)
{
	const char *base = getenv("TMPDIR");

	(void)state;
	snprintf(seen.folder, sizeof(seen.folder), "%s/troupe.XXXXXX", base != NULL ? base : "/tmp");
	return mkdtemp(seen.folder) != NULL ? 0 : -1;
}

static int folder_remove(void **state)
{
	static const char *const names[] = { "a.lua", "b.lua", "c.txt", "d.lua" };
	char path[300];

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", seen.folder, names[i]);
		unlink(path);
	}
	return rmdir(seen.folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers), cmocka_unit_test(timers_bound), cmocka_unit_test(jobs),
		cmocka_unit_test(jobs_cancelled), cmocka_unit_test(reading), cmocka_unit_test(watching),
		cmocka_unit_test(stalling), cmocka_unit_test(idling),
	};
	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
