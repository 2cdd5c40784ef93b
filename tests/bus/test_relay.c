/* SPDX-License-Identifier: MIT */
/* The relay does what it is told, and says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/host/wire_rig.h"

static struct wire_rig near_rig, far_rig;
static struct rig_peer peer;
static char near_at[128], far_at[128], relay_at[128];
static FILE *orders, *answers;
static pid_t relay_pid;

static void relay_start(const char *seed)
{
	const char *build = getenv("top_builddir");
	char program[512], line[64];
	int in[2], out[2];

	rig_start(&near_rig, rig_address(near_at, "ipc"));
	rig_start(&far_rig, rig_address(far_at, "ipc"));
	rig_address(relay_at, "ipc");
	snprintf(program, sizeof(program), "%s/tests/support/relay", build != NULL ? build : ".");
	assert_int_equal(pipe(in) | pipe(out), 0);
	relay_pid = fork();
	if (relay_pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[1]);
		execl(program, "relay", "--seed", seed, "there", relay_at, far_at, (char *)NULL);
		_exit(9);
	}
	close(in[0]);
	close(out[1]);
	orders = fdopen(in[1], "w");
	answers = fdopen(out[0], "r");
	assert_non_null(fgets(line, sizeof(line), answers));
	assert_string_equal(line, "ready\n");
	assert_int_equal(rig_connect(&near_rig, &peer, 1, relay_at), 0);
}

static void relay_stop(void)
{
	int status = 0;

	fclose(orders);
	waitpid(relay_pid, &status, 0);
	fclose(answers);
	assert_int_equal(status, 0);
	rig_stop(&near_rig);
	rig_stop(&far_rig);
}

/* All counts as one line. */
static const char *counts(void)
{
	static char line[512];
	char end[64];

	fprintf(orders, "counts\n");
	fflush(orders);
	assert_non_null(fgets(line, sizeof(line), answers));
	assert_non_null(fgets(end, sizeof(end), answers));
	assert_string_equal(end, "counted\n");
	return line;
}

static unsigned count(const char *name)
{
	const char *at = strstr(counts(), name);

	assert_non_null(at);
	return (unsigned)atoi(at + strlen(name));
}

/* An order has been taken when what is asked after it is answered. */
static void tell(const char *order)
{
	fprintf(orders, "%s\n", order);
	counts();
}

/* Sends frames and waits until the relay has taken them and what comes has come. */
static void frames(unsigned number)
{
	uint64_t before = rig_see(&peer).number, came;

	rig_send_many(&peer, number, 100);
	assert_true(rig_wait_sent(&peer));
	while (count("taken") < before + number) {
		usleep(1000);
	}
	do {
		came = rig_frames(&far_rig);
		usleep(100000);
	} while (rig_frames(&far_rig) != came);
}

static void faults(void **state)
{
	char first[512];

	(void)state;
	for (unsigned run = 0; run < 2; run++) {
		relay_start("5");
		frames(3000);
		assert_int_equal(far_rig.frames, 3000);
		assert_int_equal(far_rig.disorder + far_rig.missed + far_rig.foreign, 0);

		tell("there drop 30");
		frames(1000);
		assert_in_range(far_rig.missed, 200, 400);
		assert_int_equal(far_rig.missed, count("dropped"));
		assert_int_equal(far_rig.disorder, 0);

		tell("* heal");
		tell("there duplicate 20");
		uint64_t before = far_rig.frames;
		frames(1000);
		assert_int_equal(far_rig.frames, before + 1000 + count("duplicated"));
		assert_in_range(count("duplicated"), 120, 280);
		assert_true(far_rig.disorder > 0);

		tell("* heal");
		tell("there reorder 20");
		before = far_rig.disorder;
		frames(1000);
		assert_true(far_rig.disorder > before);
		assert_in_range(count("reordered"), 120, 280);

		tell("* heal");
		tell("there change 50");
		frames(1000);
		assert_in_range(count("changed"), 400, 600);
		assert_true(far_rig.foreign > 0); /* those whose first bytes were hit */
		if (run == 0) {
			snprintf(first, sizeof(first), "%s", counts());
		} else {
			assert_string_equal(first, counts());
		}
		relay_stop();
	}
}

static uint64_t ms_for_one(void)
{
	struct timespec from, to;

	clock_gettime(CLOCK_MONOTONIC, &from);
	uint64_t before = rig_frames(&far_rig);
	rig_send_many(&peer, 1, 100);
	assert_true(rig_wait_frames(&far_rig, before + 1));
	clock_gettime(CLOCK_MONOTONIC, &to);
	return (uint64_t)((to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000);
}

static void times(void **state)
{
	(void)state;
	relay_start("7");
	frames(10);
	tell("there delay 300 350");
	assert_true(ms_for_one() >= 300);
	tell("there heal");
	assert_true(ms_for_one() < 300);
	tell("there cut");
	uint64_t before = rig_frames(&far_rig);
	frames(100);
	assert_int_equal(rig_frames(&far_rig), before);
	assert_int_equal(count("cut"), 100);
	tell("there heal");
	frames(10);
	assert_int_equal(rig_frames(&far_rig), before + 10);
	relay_stop();
}

/* The one behind it is away for a while: what was taken waits. */
static void target_away(void **state)
{
	(void)state;
	relay_start("9");
	frames(10);
	rig_stop(&far_rig);
	usleep(50000);
	rig_send_many(&peer, 100, 1000);
	assert_true(rig_wait_sent(&peer));
	while (count("taken") < 110) {
		usleep(1000);
	}
	rig_start(&far_rig, far_at);
	assert_true(rig_wait_frames(&far_rig, 99)); /* the first may have gone into the ended connection */
	assert_int_equal(count("full"), 0);
	relay_stop();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(faults),
		cmocka_unit_test(times),
		cmocka_unit_test(target_away),
	};

	(void)argc, (void)argv;
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("relay", tests, NULL, NULL);
}
