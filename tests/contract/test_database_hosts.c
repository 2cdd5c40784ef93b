/* SPDX-License-Identifier: MIT */
/* A database on another host that dies, sleeps, or is hard to reach: nothing is lost, nothing done twice, all in order. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/contract/database_history.h"

#define ROUNDS_DEFAULT 8u

static struct rig rig;
static struct history histories[2];
static uint64_t random_state;

static unsigned draw(unsigned below)
{
	random_state ^= random_state << 13; /* xorshift64 (Marsaglia 2003) */
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)((random_state >> 16) % below);
}

/* How often; $TROUPE_ROUNDS for those who want to know better. */
static unsigned rounds(void)
{
	const char *wanted = getenv("TROUPE_ROUNDS");

	return wanted != NULL ? (unsigned)atoi(wanted) : ROUNDS_DEFAULT;
}

static int setup(void **state)
{
	(void)state;
	random_state = 88172645463325252u;
	rig_init(&rig);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_close(&rig);
	rig_fini(&rig);
	return 0;
}

static void histories_begin(void)
{
	for (unsigned k = 0; k < 2; k++) {
		history_init(&histories[k], &rig.users[k], (char)('a' + k), ITEMS_MAX);
		history_begin(&histories[k]);
	}
}

/* Lets what is under way end, and judges. */
static void histories_end(const char *what)
{
	struct verdict verdict = { .repeated = 0 };

	for (unsigned k = 0; k < 2; k++) {
		history_stop(&histories[k]);
		history_judge(&histories[k], &verdict);
	}
	print_message("# %s: done %u (of them found done %u), aborted %u, unknown without a key %u\n", what,
		      verdict.ended[TROUPE_OK], verdict.repeated, verdict.ended[TROUPE_ABORTED],
		      verdict.ended[TROUPE_UNKNOWN]);
	assert_true(verdict.ended[TROUPE_OK] > 100 * rounds());
}

/* Until commits are done again. */
static void wait_for_more(unsigned more)
{
	for (unsigned k = 0; k < 2; k++) {
		history_wait(&histories[k], atomic_load(&histories[k].ended) + more);
		assert_true(atomic_load(&histories[k].ended) < ITEMS_MAX / 2); /* else there is nothing under way soon */
	}
}

static void its_host_is_killed(void **state)
{
	(void)state;
	rig_open(&rig, RIG_HOSTS);
	histories_begin();
	for (unsigned i = 0; i < rounds(); i++) {
		wait_for_more(100);
		usleep(1000 * draw(50));
		rig_host_signal(&rig, i % 4 == 3 ? SIGTERM : SIGKILL);
		usleep(1000 * draw(500));
		rig_host_start(&rig);
	}
	histories_end("killed");
}

static void its_host_sleeps(void **state)
{
	(void)state;
	rig_open(&rig, RIG_HOSTS);
	histories_begin();
	for (unsigned i = 0; i < rounds() / 2; i++) {
		wait_for_more(100);
		usleep(1000 * draw(50));
		rig_host_signal(&rig, SIGSTOP);
		usleep(1000 * (i % 2 == 0 ? 500 + draw(500) : 2500 + draw(500))); /* shorter and longer than a link waits */
		rig_host_signal(&rig, SIGCONT);
	}
	histories_end("asleep");
}

/* --- a bad way ------------------------------------------------------------------------------------------- */

static FILE *orders, *answers;
static pid_t relay_pid;

static void relay_start(void)
{
	static char addresses[4][300];
	static const char *const files[] = { "to-data.ipc", "data.bus", "to-users.ipc", "users.bus" };
	const char *build = getenv("top_builddir");
	char program[512], line[64];
	int in[2], out[2];

	for (unsigned i = 0; i < 4; i++) {
		snprintf(addresses[i], sizeof(addresses[i]), "ipc://%s/%s", rig.dir, files[i]);
	}
	rig.reach[0].address = addresses[0];
	rig.reach[1].address = addresses[2];
	snprintf(program, sizeof(program), "%s/tests/support/relay", build != NULL ? build : ".");
	assert_int_equal(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC), 0); /* not for the host that is started later */
	relay_pid = fork();
	if (relay_pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		execl(program, "relay", "--seed", "1", "there", addresses[0], addresses[1], "back", addresses[2], addresses[3],
		      (char *)NULL);
		_exit(9);
	}
	close(in[0]);
	close(out[1]);
	orders = fdopen(in[1], "w");
	answers = fdopen(out[0], "r");
	assert_non_null(fgets(line, sizeof(line), answers));
	assert_string_equal(line, "ready\n");
}

static void relay_order(const char *text)
{
	fputs(text, orders);
	fflush(orders);
}

static void relay_stop(void)
{
	int status = 0;

	fclose(orders);
	waitpid(relay_pid, &status, 0);
	fclose(answers);
	assert_int_equal(status, 0);
}

static void the_way_there_is_bad(void **state)
{
	static const char *const evils[] = {
		"* drop 10\n* duplicate 10\n* reorder 10\n", "there drop 50\n", "back drop 50\n",  "* change 5\n* delay 1 20\n",
		"there cut\n",				       "back cut\n",	 "* cut\n",
	};

	(void)state;
	relay_start();
	rig_open(&rig, RIG_HOSTS);
	histories_begin();
	for (unsigned i = 0; i < rounds(); i++) {
		wait_for_more(100);
		usleep(1000 * draw(50));
		relay_order(evils[i % (sizeof(evils) / sizeof(evils[0]))]);
		usleep(1000 * (300 + draw(3000)));
		relay_order("* heal\n");
	}
	histories_end("badly reached");
	relay_stop();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(its_host_is_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(its_host_sleeps, setup, teardown),
		cmocka_unit_test_setup_teardown(the_way_there_is_bad, setup, teardown),
	};
	int host = rig_host_main(argc, argv);

	if (host >= 0) {
		return host;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
