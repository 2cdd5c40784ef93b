/* SPDX-License-Identifier: MIT */
/* Failing and dying disks: nothing that was acknowledged is lost, nothing happens twice, and planted mistakes are found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/db_oracle.h"

#define COMMITS 60u
#define CALLS_MAX 400 /* a run makes fewer calls than this */

static struct oracle oracle;
static char store[256], mark[256];

static void folder_clear(void)
{
	char command[600];

	snprintf(command, sizeof(command), "rm -rf '%s' '%s'", store, mark);
	assert_int_equal(system(command), 0);
}

static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	snprintf(store, sizeof(store), "%s/store", tmp != NULL ? tmp : "/tmp");
	snprintf(mark, sizeof(mark), "%s/mark", tmp != NULL ? tmp : "/tmp");
	return 0;
}

/* One way to go wrong. `mutant`: a mistake that this must find. */
struct scenario {
	const char *name, *calls, *what, *mutant;
};

static struct oracle_run run_of(const struct scenario *scenario, long at)
{
	struct oracle_run run = { .program = "db_load", .driver = "driver_leveldb", .store = store, .mode = "run",
				  .count = COMMITS, .calls = scenario->calls, .what = scenario->what, .at = at,
				  .mark = mark, .mutant = scenario->mutant };
	static char plugins[4096];

	if (scenario->mutant != NULL) {
		snprintf(plugins, sizeof(plugins), "%s/tests/support/.libs", getenv("top_builddir"));
		run.program = "db_load_mutant";
		run.driver = "mutant_leveldb";
		run.plugins = plugins;
	}
	return run;
}

/* The Nth call, for every N until a run makes fewer. Returns N, or 0 if a violation has been found. */
static long calls_all(const struct scenario *scenario, int kills)
{
	struct stat st;

	for (long at = 1; at < CALLS_MAX; at++) {
		struct oracle_run run = run_of(scenario, at);

		folder_clear();
		memset(&oracle, 0, sizeof(oracle));
		int status = oracle_run(&oracle, &run);
		int struck = stat(mark, &st) == 0;

		if (!WIFEXITED(status) || WEXITSTATUS(status) != (struck && kills ? 137 : 0)) {
			oracle_violation(&oracle, "the process ended with wait status %x", status);
		}
		oracle_judge(&oracle, store);
		if (kills && oracle.violations == 0) {
			/* the same again, as clients do who got no answer */
			run.what = NULL;
			run.at = 0;
			if (oracle_run(&oracle, &run) != 0) {
				oracle_violation(&oracle, "it does not run again");
			}
			oracle_judge(&oracle, store);
		}
		if (oracle.violations > 0) {
			fprintf(stderr, "%s, call %ld: %u violations, first: %s\n", scenario->name, at, oracle.violations,
				oracle.first);
			return 0;
		}
		if (!struck) {
			return at;
		}
	}
	fprintf(stderr, "%s: more than %d calls\n", scenario->name, CALLS_MAX);
	return 0;
}

static const struct scenario failures[] = {
	{ .name = "a write fails", .calls = "write", .what = "eio" },
	{ .name = "the disk fills in the middle of a write", .calls = "write", .what = "short" },
	{ .name = "a sync fails", .calls = "sync", .what = "eio" },
	{ .name = "a rename fails", .calls = "rename", .what = "enospc" },
};

static const struct scenario kills[] = {
	{ .name = "killed before a call", .what = "exit-before" },
	{ .name = "killed after a call", .what = "exit-after" },
};

/* Each planted mistake with what finds it. */
static const struct scenario mutants[] = {
	{ .name = "acknowledges before it is written", .what = "exit-before", .mutant = "ack_early" },
	{ .name = "goes on after a failed write", .calls = "write", .what = "short", .mutant = "no_reopen" },
	{ .name = "takes a failed sync for a no", .calls = "sync", .what = "eio", .mutant = "no_resolve" },
	{ .name = "does not look idempotency keys up", .what = "exit-after", .mutant = "no_dedupe" },
};

static int is_kill(const struct scenario *scenario)
{
	return strncmp(scenario->what, "exit", 4) == 0;
}

static void survives(void **state)
{
	const struct scenario *scenario = *state;
	long calls = calls_all(scenario, is_kill(scenario));

	if (calls == 0) {
		fail_msg("%s", oracle.first);
	}
	print_message("# %s: %ld calls, one after the other\n", scenario->name, calls - 1);
	assert_true(calls > 1);
}

static void is_found(void **state)
{
	assert_int_equal(calls_all(*state, is_kill(*state)), 0);
	assert_true(oracle.violations > 0); /* and not just too many calls */
}

int main(void)
{
	static struct CMUnitTest tests[16];
	const struct scenario *lists[] = { failures, kills, mutants };
	const size_t lens[] = { 4, 2, 4 };
	size_t count = 0;

	for (size_t list = 0; list < 3; list++) {
		for (size_t i = 0; i < lens[list]; i++) {
			tests[count++] = (struct CMUnitTest){
				.name = lists[list][i].name,
				.test_func = list < 2 ? survives : is_found,
				.initial_state = (void *)(uintptr_t)&lists[list][i],
			};
		}
	}
	setup(NULL);
	return _cmocka_run_group_tests("db_fault", tests, count, NULL, NULL);
}
