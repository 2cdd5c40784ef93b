/* SPDX-License-Identifier: MIT */
/* A disk that fills up and is freed again, many times, under load: quick refusals, quick resumption, nothing lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/db_oracle.h"
#include "tests/support/driver_load.h"

#define CYCLES 100
#define CYCLES_SWITCH 20
#define REFUSE_MS 100  /* a refusal comes within */
#define RESUME_MS 5000 /* commits go on, after there is space, within */
#define WAIT_MS 10000  /* or the test has failed */

/* Sanitizers make everything slower, and other tests run at the same time. */
#define SLACK 5

/* A small disk: a tmpfs of 3 MB, or a folder and a file that makes the shim say that the disk is full. */
struct disk {
	char root[200], store[256], ballast[256], full[256];
	int mounted;
};

/* What the ring's slots were last said to hold. */
static struct {
	uint64_t acked[LOAD_RING]; /* version */
	uint64_t commits, refused, slow_us;
	int32_t last;
} heard;

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void disk_make(struct disk *disk, int mounted)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(disk->root, sizeof(disk->root), "%.150s/disk.XXXXXX", tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(disk->root));
	snprintf(disk->store, sizeof(disk->store), "%s/store", disk->root);
	snprintf(disk->ballast, sizeof(disk->ballast), "%s/ballast", disk->root);
	snprintf(disk->full, sizeof(disk->full), "%s.full", disk->root);
	disk->mounted = mounted && mount("tmpfs", disk->root, "tmpfs", 0, "size=3m") == 0;
}

static void disk_remove(struct disk *disk)
{
	char command[500];

	if (disk->mounted) {
		umount2(disk->root, MNT_DETACH);
	}
	snprintf(command, sizeof(command), "rm -rf '%s' '%s'", disk->root, disk->full);
	assert_int_equal(system(command), 0);
}

static void disk_fill(struct disk *disk)
{
	static const char zeros[65536];
	int fd = open(disk->mounted ? disk->ballast : disk->full, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	for (size_t len = sizeof(zeros); disk->mounted && len > 0; len /= 2) {
		while (write(fd, zeros, len) == (ssize_t)len) {
		}
	}
	close(fd);
}

static void disk_free(struct disk *disk)
{
	unlink(disk->mounted ? disk->ballast : disk->full);
}

static void hear(FILE *file)
{
	unsigned long long version, took;
	struct load_line line;

	if (fscanf(file, "%u %d %u %llu %u %llu", &line.id, &line.status, &line.index, &version, &line.repeated,
		   &took) != 6) {
		fail_msg("the load has ended");
	}
	heard.last = line.status;
	if (line.status == TROUPE_OK) {
		heard.acked[line.id % LOAD_RING] = version;
		heard.commits++;
	} else if (line.status == TROUPE_RESOURCE_EXHAUSTED) {
		heard.refused++;
		/* the first one waits for the failed write and the look into the reopened store */
		heard.slow_us = took > heard.slow_us ? took : heard.slow_us;
	}
}

static int judge(void *arg, const struct troupe_db_value *value)
{
	unsigned *lost = arg;
	char name[32] = { 0 };

	memcpy(name, value->key, value->key_len < 31 ? value->key_len : 31);
	if (strncmp(name, LOAD_ENTRY, 2) == 0) {
		unsigned slot = (unsigned)strtoul(name + 2, NULL, 10) % LOAD_RING;

		*lost += value->version < heard.acked[slot];
		heard.acked[slot] = 0;
	}
	return 0;
}

/* How many slots do not hold what was last acknowledged for them, or something newer. */
static unsigned lost_count(const char *store)
{
	const struct troupe_plugin *plugin = driver_load(NULL, "driver_leveldb");
	struct troupe_error error = { .size = sizeof(error) };
	unsigned lost = 0;
	char path[300];
	void *handle;

	snprintf(path, sizeof(path), "path=%s", store);
	void *options = driver_options(plugin, path, "write_buffer=64kb", "reserve=256kb", NULL);
	struct troupe_driver_open open = { .size = sizeof(open), .name = "judge", .options = options };

	if (plugin->driver->open(&open, &handle, &error) != TROUPE_OK) {
		fprintf(stderr, "%s\n", error.text);
		free(options);
		return LOAD_RING;
	}
	assert_int_equal(plugin->driver->scan(handle, NULL, "", 0, "", 0, judge, &lost), TROUPE_OK);
	plugin->driver->close(handle);
	free(options);
	for (unsigned i = 0; i < LOAD_RING; i++) {
		lost += heard.acked[i] != 0;
	}
	return lost;
}

/* Returns how many acknowledged commits are lost. */
static unsigned cycles(struct disk *disk, unsigned count, unsigned warm_up, const char *mutant,
		       uint64_t *ret_slowest_ms)
{
	char plugins[4096];
	struct oracle_run run = { .program = "db_load", .driver = "driver_leveldb", .store = disk->store, .mode = "ring",
				  .full = disk->mounted ? NULL : disk->full };
	/* LevelDB may also refuse everything after an error, and the mutant then never comes back */
	uint64_t patience_ms = mutant != NULL ? 300 : WAIT_MS;
	int ends, status;

	if (mutant != NULL) {
		snprintf(plugins, sizeof(plugins), "%s/tests/support/.libs", getenv("top_builddir"));
		run.program = "db_load_mutant";
		run.driver = "mutant_leveldb";
		run.plugins = plugins;
		run.mutant = mutant;
	}
	memset(&heard, 0, sizeof(heard));
	*ret_slowest_ms = 0;
	pid_t pid = oracle_spawn(&run, &ends);

	assert_true(pid > 0);
	FILE *file = fdopen(ends, "r");

	for (unsigned i = 0; i < count; i++) {
		uint64_t until = heard.commits + warm_up + i % 40, begin = now_ms();

		while (heard.commits < until && now_ms() - begin < WAIT_MS) {
			hear(file);
		}
		assert_true(heard.commits >= until || mutant != NULL);
		disk_fill(disk);
		for (begin = now_ms(); disk->mounted && heard.last == TROUPE_OK && now_ms() - begin < WAIT_MS;) {
			hear(file);
		}
		if (disk->mounted) {
			assert_int_not_equal(heard.last, TROUPE_OK); /* a full disk is noticed */
		} else {
			usleep(20000 + i * 3000); /* there is no reserve on this one: nobody can say what became of commits */
		}
		if (i % 3 == 0) {
			usleep(20000);
		}
		disk_free(disk);
		for (begin = now_ms(); heard.last != TROUPE_OK && now_ms() - begin < patience_ms;) {
			hear(file);
		}
		uint64_t took = now_ms() - begin;

		*ret_slowest_ms = took > *ret_slowest_ms ? took : *ret_slowest_ms;
	}
	uint64_t since = now_ms();

	/* the mutant's loss is in the log, which is gone when enough has been written: so look soon */
	for (uint64_t until = heard.commits + (mutant != NULL ? 10 : 50); heard.commits < until && now_ms() - since < patience_ms;) {
		hear(file);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	while (!feof(file)) { /* what it had said and was not yet heard */
		unsigned long long version, took;
		struct load_line line;

		if (fscanf(file, "%u %d %u %llu %u %llu", &line.id, &line.status, &line.index, &version, &line.repeated,
			   &took) == 6 && line.status == TROUPE_OK) {
			heard.acked[line.id % LOAD_RING] = version;
		}
	}
	fclose(file);
	return lost_count(disk->store);
}

static void survives(struct disk *disk, unsigned count)
{
	uint64_t slowest_ms;
	unsigned lost = cycles(disk, count, 20, NULL, &slowest_ms);

	print_message("# %s: %u times full, %llu commits, %llu refused in at most %llu us, resumed in at most %llu ms\n",
		      disk->mounted ? "tmpfs" : "switch", count, (unsigned long long)heard.commits,
		      (unsigned long long)heard.refused, (unsigned long long)heard.slow_us,
		      (unsigned long long)slowest_ms);
	assert_int_equal(lost, 0);
	assert_in_range(slowest_ms, 0, RESUME_MS);
	/* without a reserve, the one under way waits for the disk */
	assert_in_range(heard.slow_us / 1000, 0, disk->mounted ? REFUSE_MS * SLACK : RESUME_MS);
	assert_true(heard.refused >= (disk->mounted ? count / 2 : 1));
}

static void full_disk(void **state)
{
	struct disk disk;

	(void)state;
	disk_make(&disk, 1);
	survives(&disk, disk.mounted ? CYCLES : CYCLES_SWITCH);
	disk_remove(&disk);
}

static void full_by_switch(void **state)
{
	struct disk disk;

	(void)state;
	disk_make(&disk, 0);
	survives(&disk, CYCLES_SWITCH);
	disk_remove(&disk);
}

/* The same over a service that does not close the store after an error. */
static void mutant_is_found(void **state)
{
	struct disk disk;
	uint64_t slowest_ms;
	unsigned lost = 0;

	(void)state;
	for (unsigned tries = 0; tries < 20 && lost == 0; tries++) {
		disk_make(&disk, 1);
		lost = cycles(&disk, 1, 20 + tries * 7, "no_reopen", &slowest_ms);
		disk_remove(&disk);
	}
	assert_true(lost > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_disk),
		cmocka_unit_test(full_by_switch),
		cmocka_unit_test(mutant_is_found),
	};

	/* in a mount namespace of its own, so that no disk is left behind however this ends */
	if (unshare(CLONE_NEWNS) == 0) {
		mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
