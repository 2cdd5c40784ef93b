/* SPDX-License-Identifier: MIT */
/* Connections in numbers: silent ones, limits on newcomers, no descriptors left. */
#include "net_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SILENT_MAX 5000

static void nap_ms(long ms)
{
	struct timespec time = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

/* As many as the limit of open files allows: each connection has two ends here. */
static int silent_count(void)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max < 12000 ? limit.rlim_max : 12000;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	int count = ((int)limit.rlim_cur - 100) / 2;
	return count < SILENT_MAX ? count : SILENT_MAX;
}

static uint64_t cpu_us(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (uint64_t)time.tv_sec * 1000000u + (uint64_t)time.tv_nsec / 1000u;
}

static void conns_task(struct net_fixture *f, void *arg)
{
	*(size_t *)arg = net_conns(f->net);
}

static void test_silent(void **state)
{
	struct net_fixture f;
	int count = silent_count(), *fds = malloc(sizeof(int) * (size_t)count);
	size_t conns;

	(void)state;
	net_start(&f, MODE_ECHO, &(struct troupe_listen){ .idle_ms = 3000 });
	for (int i = 0; i < count; i++) {
		fds[i] = client_open(&f);
	}
	net_wait(&f, &f.opened, (uint32_t)count);
	net_do(&f, conns_task, &conns);
	uint64_t cpu = cpu_us(), turns = loop_turns(f.loop);
	nap_ms(1000);
	print_message("# %d silent: %llu us of CPU and %llu turns in a second\n", count,
		      (unsigned long long)(cpu_us() - cpu), (unsigned long long)(loop_turns(f.loop) - turns));
	if (f.closed == 0) {
		assert_int_equal(conns, count);
		assert_in_range(loop_turns(f.loop) - turns, 0, 20);
	}
	/* one of them is served as if it were alone, and stays */
	client_frame(fds[count - 1], 1, 10);
	client_expect(fds[count - 1], 1, 10);
	net_wait(&f, &f.whys[TROUPE_END_IDLE], (uint32_t)count - 1);
	assert_int_equal(f.closed, count - 1);
	net_wait(&f, &f.whys[TROUPE_END_IDLE], (uint32_t)count);
	for (int i = 0; i < count; i++) {
		close(fds[i]);
	}
	free(fds);
	net_stop(&f);
}

static void idle_task(struct net_fixture *f, void *arg)
{
	net_idle(f->net, &f->owner, f->last_id, *(uint64_t *)arg);
}

static void test_idle_changed(void **state)
{
	struct net_fixture f;
	uint64_t never = 0, soon = 300;

	(void)state;
	net_start(&f, MODE_ECHO, &(struct troupe_listen){ .idle_ms = 500 });
	int fd = client_open(&f);
	net_wait(&f, &f.opened, 1);
	net_do(&f, idle_task, &never);
	nap_ms(1500);
	assert_int_equal(f.closed, 0);
	net_do(&f, idle_task, &soon);
	for (int i = 0; i < 12; i++) {
		client_frame(fd, 1, 10); /* it speaks, so it stays */
		client_expect(fd, 1, 10);
		nap_ms(100);
	}
	assert_int_equal(f.closed, 0);
	net_wait(&f, &f.whys[TROUPE_END_IDLE], 1);
	assert_int_equal(client_read_all(fd), 0);
	close(fd);
	net_stop(&f);
}

static void test_conns_max(void **state)
{
	struct net_fixture f;
	int fds[10];

	(void)state;
	net_start(&f, MODE_ECHO, &(struct troupe_listen){ .conns_max = 10 });
	for (int i = 0; i < 10; i++) {
		fds[i] = client_open(&f);
	}
	net_wait(&f, &f.opened, 10);
	int late = client_open(&f);
	assert_int_equal(client_read_all(late), 0);
	close(late);
	assert_int_equal(atomic_load(&f.stats.refused_full), 1);
	client_frame(fds[9], 1, 10);
	client_expect(fds[9], 1, 10);
	close(fds[0]);
	net_wait(&f, &f.closed, 1);
	late = client_open(&f);
	client_frame(late, 1, 10);
	client_expect(late, 1, 10);
	close(late);
	for (int i = 1; i < 10; i++) {
		close(fds[i]);
	}
	net_stop(&f);
}

static void test_per_network(void **state)
{
	struct net_fixture f;
	int fds[3];

	(void)state;
	net_start(&f, MODE_ECHO, &(struct troupe_listen){ .per_network_max = 3 });
	for (int i = 0; i < 3; i++) {
		fds[i] = client_open(&f);
	}
	for (int round = 0; round < 3; round++) {
		int late = client_open(&f);
		assert_int_equal(client_read_all(late), 0);
		close(late);
	}
	assert_int_equal(atomic_load(&f.stats.refused_network), 3);
	close(fds[1]);
	net_wait(&f, &f.closed, 1);
	fds[1] = client_open(&f);
	client_frame(fds[1], 1, 10);
	client_expect(fds[1], 1, 10);
	for (int i = 0; i < 3; i++) {
		close(fds[i]);
	}
	net_stop(&f);
}

#define STARVED 200

static void test_no_descriptors(void **state)
{
	struct rlimit before, starved;
	struct net_fixture f;
	struct timeval limit = { .tv_sec = 5 };
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fds[STARVED], high = 0;

	(void)state;
	net_start(&f, MODE_ECHO, NULL);
	int first = client_open(&f);
	net_wait(&f, &f.opened, 1);
	addr.sin_port = htons(f.port);
	for (int i = 0; i < STARVED; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM, 0);
		assert_true(fds[i] >= 0);
		setsockopt(fds[i], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		high = fds[i] > high ? fds[i] : high;
	}
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	starved = before;
	starved.rlim_cur = (rlim_t)high + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &starved), 0);
	uint64_t cpu = cpu_us();
	for (int i = 0; i < STARVED; i++) {
		assert_int_equal(connect(fds[i], (struct sockaddr *)&addr, sizeof(addr)), 0);
	}
	/* every one of them is told, the one inside is served on */
	for (int i = 0; i < STARVED; i++) {
		assert_int_equal(client_read_all(fds[i]), 0);
	}
	client_frame(first, 1, 10);
	client_expect(first, 1, 10);
	nap_ms(500);
	assert_in_range(cpu_us() - cpu, 0, 400000);
	assert_int_equal(atomic_load(&f.stats.refused_files), STARVED);
	assert_int_equal(f.warned, 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	int late = client_open(&f);
	client_frame(late, 2, 10);
	client_expect(late, 2, 10);
	close(late);
	close(first);
	for (int i = 0; i < STARVED; i++) {
		close(fds[i]);
	}
	net_stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_silent),	    cmocka_unit_test(test_idle_changed),
		cmocka_unit_test(test_conns_max),   cmocka_unit_test(test_per_network),
		cmocka_unit_test(test_no_descriptors),
	};

	return cmocka_run_group_tests_name("net many", tests, NULL, NULL);
}
