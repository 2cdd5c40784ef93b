/* SPDX-License-Identifier: MIT */
/* Connections: frames in any pieces, slow and vanishing peers, limits, ends. */
#include "net_fixture.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void nap_ms(long ms)
{
	struct timespec time = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

/* --- bytes in and out ---------------------------------------------------------------------------- */

static void echo_modes(enum net_mode mode)
{
	static const uint32_t lens[] = { 0, 1, 64, 476, 477, 480, 512, 513, 4000, 5000, 60000, 65540 };
	struct net_fixture f;

	net_start(&f, mode, NULL);
	int fd = client_open(&f);
	for (size_t i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
		client_frame(fd, (uint8_t)i, lens[i]);
		client_expect(fd, (uint8_t)i, lens[i]);
	}
	/* many at once, in order */
	for (uint32_t i = 0; i < 200; i++) {
		client_frame(fd, (uint8_t)i, i * 7 % 900);
	}
	for (uint32_t i = 0; i < 200; i++) {
		client_expect(fd, (uint8_t)i, i * 7 % 900);
	}
	close(fd);
	net_wait(&f, &f.whys[TROUPE_END_PEER], 1);
	assert_int_equal(atomic_load(&f.stats.received_bytes), atomic_load(&f.stats.sent_bytes));
	net_stop(&f);
}

static void test_echo(void **state)
{
	(void)state;
	echo_modes(MODE_ECHO);
	echo_modes(MODE_ECHO_HEAD);
}

static void test_byte_by_byte(void **state)
{
	struct net_fixture f;
	uint8_t frame[4 + 300] = { 300 % 256, 300 / 256 };

	(void)state;
	net_start(&f, MODE_ECHO, NULL);
	int fd = client_open(&f), on = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	memset(frame + 4, 7, 300);
	for (size_t i = 0; i < sizeof(frame); i++) {
		client_send(fd, frame + i, 1);
		nap_ms(i % 16 == 0);
	}
	client_expect(fd, 7, 300);
	close(fd);
	net_stop(&f);
}

/* Pieces of every kind of size, across the limit below which a rest is copied. */
static void test_pieces(void **state)
{
	static const size_t sizes[] = { 3, 1000, 4095, 4096, 4097, 20000 };
	struct net_fixture f;
	uint32_t len = 65540;
	uint8_t *frame = malloc(len + 4);

	(void)state;
	net_start(&f, MODE_ECHO, NULL);
	int fd = client_open(&f);
	memcpy(frame, &len, 4);
	memset(frame + 4, 9, len);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		for (size_t at = 0; at < len + 4; at += sizes[i]) {
			size_t left = len + 4 - at;
			client_send(fd, frame + at, left < sizes[i] ? left : sizes[i]);
			nap_ms(at % 7 == 0 && sizes[i] > 100);
		}
		client_expect(fd, 9, len);
	}
	free(frame);
	close(fd);
	net_stop(&f);
}

static void test_one_write_a_turn(void **state)
{
	struct net_fixture f;
	uint8_t bytes[8192];

	(void)state;
	net_start(&f, MODE_BURST, NULL);
	f.burst = 5000;
	int fd = client_open(&f);
	client_send(fd, "x", 1);
	/* fifty pieces were sent: they come together */
	assert_int_equal(recv(fd, bytes, sizeof(bytes), 0), 5000);
	close(fd);
	net_stop(&f);
}

static void test_nodelay(void **state)
{
	struct net_fixture f;
	int value = 0, found = 0;

	(void)state;
	net_start(&f, MODE_ECHO, NULL);
	int client = client_open(&f);
	net_wait(&f, &f.opened, 1);
	for (int fd = 3; fd < 64; fd++) {
		struct sockaddr_in own, peer;
		socklen_t own_len = sizeof(own), peer_len = sizeof(peer), len = sizeof(value);
		if (getsockname(fd, (struct sockaddr *)&own, &own_len) == 0 && ntohs(own.sin_port) == f.port &&
		    getpeername(fd, (struct sockaddr *)&peer, &peer_len) == 0) {
			assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &len), 0);
			assert_int_not_equal(value, 0);
			found++;
		}
	}
	assert_int_equal(found, 1);
	close(client);
	net_stop(&f);
}

/* --- peers that misbehave ------------------------------------------------------------------------- */

static void test_slow(void **state)
{
	struct net_fixture f;

	(void)state;
	net_start(&f, MODE_ECHO, &(struct troupe_listen){ .out_max = 100000 });
	int slow = client_open(&f), good = client_open(&f), small = 4096;
	setsockopt(slow, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	struct timeval limit = { .tv_usec = 1000 };
	setsockopt(slow, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	uint32_t len = 9996;
	uint8_t frame[10000] = { 0 };
	memcpy(frame, &len, 4);
	for (int i = 0; i < 2000; i++) {
		/* it never reads; after the end sending fails */
		if (send(slow, frame, sizeof(frame), MSG_NOSIGNAL) < 0) {
			break;
		}
	}
	net_wait(&f, &f.whys[TROUPE_END_SLOW], 1);
	client_frame(good, 1, 100);
	client_expect(good, 1, 100);
	close(slow);
	close(good);
	net_stop(&f);
}

static void test_burst_not_slow(void **state)
{
	struct net_fixture f;

	/* more than out_max in one turn to a peer that reads: the socket takes some of it as it is written */
	(void)state;
	net_start(&f, MODE_LAST_WORDS, &(struct troupe_listen){ .out_max = 150000 });
	f.burst = 200000;
	int fd = client_open(&f);
	client_send(fd, "x", 1);
	assert_int_equal(client_read_all(fd), 200000);
	close(fd);
	net_wait(&f, &f.whys[TROUPE_END_LOCAL], 1);
	net_stop(&f);
}

/* say_task: what it has to say is queued in one turn, and counts once the socket has not taken it. */
static void say_task(struct net_fixture *f, void *arg)
{
	static uint8_t bytes[10000];
	uint64_t id = *(uint64_t *)arg;

	for (int i = 0; i < 100; i++) {
		assert_int_equal(net_send(f->net, &f->owner, id, bytes, sizeof(bytes), NULL), TROUPE_OK);
	}
	assert_int_equal(net_queued(f->net, &f->owner, id), 0);
}

static void queued_task(struct net_fixture *f, void *arg)
{
	size_t *queued = arg;

	*queued = net_queued(f->net, &f->owner, f->last_id);
}

/* Of what a peer does not read the kernel keeps little: roles see the rest, and can hold back what would come too late. */
static void test_waiting_is_seen(void **state)
{
	struct net_fixture f;
	size_t queued = 0;

	(void)state;
	net_start(&f, MODE_EATS, &(struct troupe_listen){ .out_max = 2000000 });
	int fd = client_open(&f);
	net_wait(&f, &f.opened, 1);
	net_do(&f, say_task, &f.last_id);
	nap_ms(200);
	net_do(&f, queued_task, &queued);
	assert_in_range(queued, 800000, 1000000);
	close(fd);
	net_stop(&f);
}

static void test_reset(void **state)
{
	struct net_fixture f;

	(void)state;
	net_start(&f, MODE_ECHO, NULL);
	for (int i = 0; i < 50; i++) {
		int fd = client_open(&f);
		client_frame(fd, 1, 100);
		if (i % 2) {
			client_expect(fd, 1, 100);
		}
		client_reset(fd);
	}
	net_wait(&f, &f.whys[TROUPE_END_PEER], 50);
	net_stop(&f);
}

static void test_fin_in_frame(void **state)
{
	struct net_fixture f;

	(void)state;
	net_start(&f, MODE_ECHO, NULL);
	int fd = client_open(&f);
	client_send(fd, "\x40\0\0\0half", 8);
	shutdown(fd, SHUT_WR);
	assert_int_equal(client_read_all(fd), 0);
	net_wait(&f, &f.whys[TROUPE_END_PEER], 1);
	close(fd);
	net_stop(&f);
}

static void test_flood(void **state)
{
	struct net_fixture f;
	uint8_t bytes[5000] = { 0 };

	(void)state;
	net_start(&f, MODE_KEEP, &(struct troupe_listen){ .in_max = 10000 });
	int fd = client_open(&f);
	client_send(fd, bytes, 5000);
	client_send(fd, bytes, 5000);
	nap_ms(50);
	assert_int_equal(f.closed, 0);
	client_send(fd, bytes, 1);
	net_wait(&f, &f.whys[TROUPE_END_FLOOD], 1);
	close(fd);
	fd = client_open(&f);
	for (int i = 0; i < 100 && send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL) > 0; i++) {
	}
	net_wait(&f, &f.whys[TROUPE_END_FLOOD], 2);
	close(fd);
	net_stop(&f);
}

static void test_lie(void **state)
{
	struct net_fixture f;

	(void)state;
	net_start(&f, MODE_LIE, NULL);
	int fd = client_open(&f);
	client_send(fd, "abc", 3);
	client_send(fd, "abc", 3);
	nap_ms(20);
	close(fd);
	net_wait(&f, &f.whys[TROUPE_END_PEER], 1);
	net_stop(&f);
}

/* --- ends ----------------------------------------------------------------------------------------- */

static void test_close_in_open(void **state)
{
	struct net_fixture f;

	(void)state;
	net_start(&f, MODE_CLOSE_OPEN, NULL);
	for (int i = 0; i < 20; i++) {
		int fd = client_open(&f);
		assert_int_equal(client_read_all(fd), 0);
		close(fd);
	}
	net_wait(&f, &f.whys[TROUPE_END_LOCAL], 20);
	net_stop(&f);
}

static void test_close_in_bytes(void **state)
{
	struct net_fixture f;

	(void)state;
	net_start(&f, MODE_CLOSE_BYTES, NULL);
	int fd = client_open(&f);
	client_send(fd, "x", 1);
	assert_int_equal(client_read_all(fd), 0);
	close(fd);
	net_wait(&f, &f.whys[TROUPE_END_LOCAL], 1);
	net_stop(&f);
}

static void test_close_others(void **state)
{
	struct net_fixture f;
	int fds[40];

	(void)state;
	net_start(&f, MODE_CLOSE_ALL, NULL);
	for (int i = 0; i < 40; i++) {
		fds[i] = client_open(&f);
	}
	net_wait(&f, &f.opened, 40);
	/* several are ready in the same turn, the first one ends them all */
	for (int i = 0; i < 40; i++) {
		send(fds[i], "x", 1, MSG_NOSIGNAL);
	}
	net_wait(&f, &f.whys[TROUPE_END_LOCAL], 40);
	for (int i = 0; i < 40; i++) {
		close(fds[i]);
	}
	net_stop(&f);
}

static void test_last_words(void **state)
{
	struct net_fixture f;

	(void)state;
	net_start(&f, MODE_LAST_WORDS, NULL);
	f.burst = 200000;
	int fd = client_open(&f);
	/* what nobody will read must not cost the client our last words */
	client_send(fd, "xxxxxxxxxxxxxxxx", 16);
	nap_ms(20);
	send(fd, "more", 4, MSG_NOSIGNAL);
	assert_int_equal(client_read_all(fd), 200000);
	assert_int_equal(f.closed, 0);
	close(fd);
	net_wait(&f, &f.whys[TROUPE_END_LOCAL], 1);
	net_stop(&f);
}

static void test_last_words_unread(void **state)
{
	struct net_fixture f;
	struct timespec before, after;

	(void)state;
	net_start(&f, MODE_LAST_WORDS, &(struct troupe_listen){ .out_max = 16 << 20 });
	f.burst = 12 << 20;
	int fd = client_open(&f);
	client_send(fd, "x", 1);
	clock_gettime(CLOCK_MONOTONIC, &before);
	net_wait(&f, &f.whys[TROUPE_END_LOCAL], 1);
	clock_gettime(CLOCK_MONOTONIC, &after);
	long ms = (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
	assert_in_range(ms, 800, 2500);
	close(fd);
	net_stop(&f);
}

static void stale_task(struct net_fixture *f, void *arg)
{
	uint64_t id = *(uint64_t *)arg;

	assert_int_equal(net_send(f->net, &f->owner, id, "x", 1, net_buf("y", 1)), TROUPE_NOT_FOUND);
	assert_int_equal(net_send(f->net, &f->owner, 0, "x", 1, NULL), TROUPE_NOT_FOUND);
	assert_int_equal(net_send(f->net, &f->owner, UINT64_MAX, "x", 1, NULL), TROUPE_NOT_FOUND);
	assert_int_equal(net_queued(f->net, &f->owner, id), 0);
	net_idle(f->net, &f->owner, id, 1);
	net_close(f->net, &f->owner, id, 1);
}

static void foreign_task(struct net_fixture *f, void *arg)
{
	struct net_owner other = { .name = "base/other" };

	assert_int_equal(net_send(f->net, &other, *(uint64_t *)arg, "x", 1, NULL), TROUPE_NOT_FOUND);
	net_close(f->net, &other, *(uint64_t *)arg, 1);
}

static void test_stale_id(void **state)
{
	struct net_fixture f;

	(void)state;
	net_start(&f, MODE_ECHO, NULL);
	int fd = client_open(&f);
	net_wait(&f, &f.opened, 1);
	uint64_t stale = f.last_id;
	close(fd);
	net_wait(&f, &f.closed, 1);
	fd = client_open(&f);
	net_wait(&f, &f.opened, 2);
	assert_true(f.last_id != stale);
	assert_int_equal((uint32_t)f.last_id, (uint32_t)stale); /* the same slot */
	net_do(&f, stale_task, &stale);
	net_do(&f, foreign_task, &f.last_id);
	client_frame(fd, 3, 30);
	client_expect(fd, 3, 30);
	close(fd);
	net_stop(&f);
}

static void drain_task(struct net_fixture *f, void *arg)
{
	(void)arg;
	net_owner_drain(f->net, &f->owner);
}

static void test_drain(void **state)
{
	struct net_fixture f;
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	(void)state;
	net_start(&f, MODE_ECHO, NULL);
	int fd = client_open(&f), late = socket(AF_INET, SOCK_STREAM, 0);
	net_wait(&f, &f.opened, 1);
	net_do(&f, drain_task, NULL);
	addr.sin_port = htons(f.port);
	assert_int_equal(connect(late, (struct sockaddr *)&addr, sizeof(addr)), -1);
	close(late);
	client_frame(fd, 3, 30);
	client_expect(fd, 3, 30);
	close(fd);
	net_wait(&f, &f.closed, 1);
	net_stop(&f);
}

static void test_stop(void **state)
{
	struct net_fixture f;
	int fds[30];

	(void)state;
	net_start(&f, MODE_BURST, &(struct troupe_listen){ .out_max = 32 << 20 });
	f.burst = 8 << 20;
	for (int i = 0; i < 30; i++) {
		fds[i] = client_open(&f);
	}
	net_wait(&f, &f.opened, 30);
	client_send(fds[0], "x", 1); /* one is blocked */
	nap_ms(100);
	net_stop(&f);
	assert_int_equal(f.whys[TROUPE_END_HOST], 30);
	for (int i = 0; i < 30; i++) {
		close(fds[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_echo),
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_one_write_a_turn),
		cmocka_unit_test(test_nodelay),
		cmocka_unit_test(test_slow),
		cmocka_unit_test(test_burst_not_slow),
		cmocka_unit_test(test_waiting_is_seen),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_fin_in_frame),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_lie),
		cmocka_unit_test(test_close_in_open),
		cmocka_unit_test(test_close_in_bytes),
		cmocka_unit_test(test_close_others),
		cmocka_unit_test(test_last_words),
		cmocka_unit_test(test_last_words_unread),
		cmocka_unit_test(test_stale_id),
		cmocka_unit_test(test_drain),
		cmocka_unit_test(test_stop),
	};

	return cmocka_run_group_tests_name("net", tests, NULL, NULL);
}
