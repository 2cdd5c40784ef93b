/* SPDX-License-Identifier: MIT */
/* Processes that are watched and started again: shells that die, hang, or do as they are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/control/child.h"
#include "host/obs/log.h"

#define SEEN_MAX 64u

static struct {
	struct loop *loop;
	struct child *child;
	struct loop_timer late;
	bool was_late;
	enum child_state until; /* stop the loop at the nth of these */
	unsigned until_count;
	struct seen {
		enum child_state state;
		uint64_t at_ms;
		char why[160];
	} seen[SEEN_MAX];
	unsigned seen_len;
	int log;
} world;

static void on_change(void *arg, enum child_state state, const char *why)
{
	struct seen *seen = &world.seen[world.seen_len++ % SEEN_MAX];

	(void)arg;
	seen->state = state;
	seen->at_ms = loop_clock_us() / 1000;
	snprintf(seen->why, sizeof(seen->why), "%s", why);
	if (state == world.until && --world.until_count == 0) {
		loop_stop(world.loop);
	}
}

static void on_late(struct loop_timer *timer)
{
	(void)timer;
	world.was_late = true;
	loop_stop(world.loop);
}

static int setup(void **state)
{
	(void)state;
	memset(&world, 0, sizeof(world));
	world.log = open("/dev/null", O_WRONLY | O_CLOEXEC);
	log_open(&(struct log_setup){ .host = "one", .form = LOG_TEXT, .fd = world.log });
	world.loop = loop_new(0, "main");
	world.late.expire = on_late;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	child_free(world.child);
	loop_free(world.loop);
	log_close();
	close(world.log);
	return 0;
}

/* A loop that has stopped stays so; each test runs it once. */
static void run_until(enum child_state state, unsigned count)
{
	world.until = state;
	world.until_count = count;
	loop_timer_start(world.loop, &world.late, 20000);
	loop_run(world.loop);
	loop_timer_stop(&world.late);
	assert_false(world.was_late);
}

static void start(const char *script, const struct child_setup *times)
{
	static char shell[] = "/bin/sh", dash_c[] = "-c";
	static char *argv[4];
	struct child_setup setup = *times;

	argv[0] = shell;
	argv[1] = dash_c;
	argv[2] = (char *)(uintptr_t)script;
	setup.name = "base/victim";
	setup.argv = setup.argv != NULL ? setup.argv : argv;
	setup.on_change = on_change;
	world.child = child_start(world.loop, &setup);
	assert_non_null(world.child);
}

static unsigned seen_count(enum child_state state)
{
	unsigned count = 0;

	for (unsigned i = 0; i < world.seen_len && i < SEEN_MAX; i++) {
		count += world.seen[i].state == state;
	}
	return count;
}

/* Between the nth death and the start that follows it. */
static uint64_t pause_after(unsigned nth)
{
	for (unsigned i = 0; i + 1 < world.seen_len; i++) {
		if (world.seen[i].state == CHILD_AWAY && nth-- == 0) {
			assert_int_equal(world.seen[i + 1].state, CHILD_STARTING);
			return world.seen[i + 1].at_ms - world.seen[i].at_ms;
		}
	}
	fail();
	return 0;
}

static void pauses_grow(void **state)
{
	(void)state;
	start("exit 3", &(struct child_setup){ .pause_ms = 20, .pause_max_ms = 80 });
	run_until(CHILD_AWAY, 6);
	assert_in_range(pause_after(0), 20, 39);
	assert_in_range(pause_after(1), 40, 79);
	assert_in_range(pause_after(2), 80, 300);
	assert_in_range(pause_after(3), 80, 300);
	assert_int_equal(child_restarts(world.child), 5);
	assert_int_equal(seen_count(CHILD_READY), 0);
	assert_non_null(strstr(world.seen[world.seen_len - 1].why, "ended with code 3; restart 6 in 80 ms"));
}

static void a_long_life_starts_anew(void **state)
{
	(void)state;
	start("sleep 0.2; kill -SEGV $$", &(struct child_setup){ .pause_ms = 20, .well_ms = 150 });
	run_until(CHILD_AWAY, 4);
	assert_in_range(pause_after(0), 20, 39);
	assert_in_range(pause_after(2), 20, 39);
	assert_non_null(strstr(world.seen[world.seen_len - 1].why, "was killed by signal 11"));
}

static void what_cannot_start(void **state)
{
	static char nothing[] = "/there/is/nothing";
	static char *argv[] = { nothing, NULL };

	(void)state;
	start("", &(struct child_setup){ .argv = argv, .pause_ms = 10 });
	run_until(CHILD_AWAY, 3);
	assert_non_null(strstr(world.seen[world.seen_len - 1].why, "cannot be started: No such file"));
	child_end(world.child, false);
	assert_int_equal(world.seen[world.seen_len - 1].state, CHILD_ENDED);
}

static void silence_kills(void **state)
{
	(void)state;
	start("for i in 1 2 3 4; do printf WATCHDOG=1 >&3; sleep 0.1; done; printf READY=1 >&3; while :; do :; done",
	      &(struct child_setup){ .pause_ms = 10, .silence_ms = 300 });
	run_until(CHILD_AWAY, 1);
	assert_int_equal(world.seen_len, 3);
	assert_int_equal(world.seen[1].state, CHILD_READY);
	/* it lived longer than the limit because it said so */
	assert_in_range(world.seen[2].at_ms - world.seen[0].at_ms, 500, 2000);
	assert_non_null(strstr(world.seen[2].why, "said nothing for 300 ms and was killed"));
}

static void done_is_done(void **state)
{
	(void)state;
	start("exit 0", &(struct child_setup){ .pause_ms = 10 });
	run_until(CHILD_ENDED, 1);
	assert_int_equal(seen_count(CHILD_AWAY), 0);
	assert_int_equal(child_restarts(world.child), 0);
}

static void on_ready_end(struct loop_timer *timer)
{
	child_end(world.child, false);
	loop_timer_stop(timer);
}

static void ends_when_told(void **state)
{
	struct loop_timer timer = { .expire = on_ready_end };

	(void)state;
	start("trap 'exit 7' TERM; while :; do sleep 0.02; done", &(struct child_setup){ .pause_ms = 10 });
	loop_timer_start(world.loop, &timer, 300);
	run_until(CHILD_ENDED, 1);
	assert_int_equal(seen_count(CHILD_DRAINING), 1);
	assert_int_equal(seen_count(CHILD_AWAY), 0);
}

static void on_kill(struct loop_timer *timer)
{
	child_end(world.child, false);
	child_end(world.child, true);
	loop_timer_stop(timer);
}

/* The other process of its group goes too: it would hold the pipe open. */
static void the_stubborn_is_killed(void **state)
{
	struct loop_timer timer = { .expire = on_kill };
	char script[160], byte;
	int end[2];

	(void)state;
	assert_int_equal(pipe(end), 0);
	/* a name in /proc, because descriptors are closed in it */
	snprintf(script, sizeof(script), "trap '' TERM; sleep 100 >/proc/%ld/fd/%d & wait", (long)getpid(), end[1]);
	start(script, &(struct child_setup){ .pause_ms = 10 });
	loop_timer_start(world.loop, &timer, 300);
	run_until(CHILD_ENDED, 1);
	close(end[1]);
	assert_int_equal(read(end[0], &byte, 1), 0);
	close(end[0]);
}

/* It has four descriptors whatever this process has open, and no blocked or ignored signals (but two of the C
 * library itself). */
static void starts_clean(void **state)
{
	int open_here = open("/dev/null", O_RDONLY); /* without O_CLOEXEC */
	sigset_t blocked, before;

	(void)state;
	sigfillset(&blocked);
	pthread_sigmask(SIG_BLOCK, &blocked, &before);
	signal(SIGPIPE, SIG_IGN);
	/* /proc/self is ls itself: 0 to 3, and the folder that it reads */
	start("[ \"$(ls /proc/self/fd | tr '\\n' ' ')\" = '0 1 2 3 4 ' ] && grep -q '^SigBlk:.0*$' /proc/self/status && "
	      "grep -q '^SigIgn:.*0000000$' /proc/self/status && "
	      "[ \"$NOTIFY_SOCKET $WATCHDOG_USEC\" = 'fd:3 10000000' ] && [ \"$(cat)\" = '' ]",
	      &(struct child_setup){ .pause_ms = 10 });
	run_until(CHILD_ENDED, 1);
	assert_int_equal(seen_count(CHILD_AWAY), 0);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	close(open_here);
}

/* A process that is bound to one that has died already ends at once; one that nobody watches lives. */
static void bound(void **state)
{
	int pair[2], status;

	(void)state;
	for (int watched = 0; watched < 2; watched++) {
		pid_t pid = fork();
		if (pid == 0) {
			socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair);
			dup2(pair[1], 3);
			if (watched) {
				setenv("NOTIFY_SOCKET", "fd:3", 1);
				for (int fd = 4; fd < 64; fd++) {
					close(fd);
				}
			}
			child_bind();
			_exit(42);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(WEXITSTATUS(status), watched ? 1 : 42);
	}
}

int main(void)
{
#define CHILD_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		CHILD_TEST(pauses_grow),
		CHILD_TEST(a_long_life_starts_anew),
		CHILD_TEST(what_cannot_start),
		CHILD_TEST(silence_kills),
		CHILD_TEST(done_is_done),
		CHILD_TEST(ends_when_told),
		CHILD_TEST(the_stubborn_is_killed),
		CHILD_TEST(starts_clean),
		CHILD_TEST(bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
