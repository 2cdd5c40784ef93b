/* SPDX-License-Identifier: MIT */
/* A loop, an owner, and clients. */
#include "net_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

atomic_int net_bufs;
static struct net_fixture *current; /* for warn, which has no argument */

struct test_buf {
	struct troupe_buf buf;
	uint8_t bytes[];
};

struct troupe_buf *net_buf(const void *bytes, size_t len)
{
	struct test_buf *buf = malloc(sizeof(*buf) + len);

	assert_non_null(buf);
	buf->buf = (struct troupe_buf){ .data = buf->bytes, .len = (uint32_t)len };
	memcpy(buf->bytes, bytes, len);
	atomic_fetch_add(&net_bufs, 1);
	return &buf->buf;
}

static void buf_unref(struct troupe_buf *buf)
{
	free(buf);
	atomic_fetch_sub(&net_bufs, 1);
}

static void warn(const char *owner, const char *code, const char *text)
{
	(void)code;
	fprintf(stderr, "%s: %s\n", owner, text);
	pthread_mutex_lock(&current->mutex);
	current->warned++;
	pthread_mutex_unlock(&current->mutex);
}

/* --- the role ----------------------------------------------------------------------------------- */

static uint32_t slot_of(uint64_t id)
{
	assert_true((uint32_t)id < NET_CONNS_MAX);
	return (uint32_t)id;
}

static void *on_open(void *instance, void *arg, uint64_t conn, const char *peer, uint64_t network)
{
	struct net_fixture *f = instance;

	assert_int_equal(f->inside++, 0);
	assert_ptr_equal(arg, f->listen.arg);
	assert_memory_equal(peer, "127.0.0.1:", 10);
	assert_true(network == 0x7f000001);
	f->ids[slot_of(conn)] = conn;
	if (f->mode == MODE_CLOSE_OPEN) {
		net_close(f->net, &f->owner, conn, 1);
	}
	pthread_mutex_lock(&f->mutex);
	f->opened++;
	f->last_id = conn;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->mutex);
	f->inside--;
	return &f->ids[slot_of(conn)];
}

static size_t echo(struct net_fixture *f, uint64_t conn, const uint8_t *bytes, size_t len)
{
	size_t at = 0;
	uint32_t body;

	while (len - at >= 4) {
		memcpy(&body, bytes + at, 4);
		if (len - at - 4 < body) {
			break;
		}
		if (f->mode == MODE_ECHO) {
			f->send_status = net_send(f->net, &f->owner, conn, bytes + at, 4,
						  net_buf(bytes + at + 4, body));
		} else {
			f->send_status = net_send(f->net, &f->owner, conn, bytes + at, 4 + (size_t)body, NULL);
		}
		at += 4 + (size_t)body;
	}
	return at;
}

static void burst(struct net_fixture *f, uint64_t conn)
{
	uint8_t piece[100];

	memset(piece, 'b', sizeof(piece));
	for (size_t left = f->burst; left > 0;) {
		size_t some = left < sizeof(piece) ? left : sizeof(piece);
		f->send_status = net_send(f->net, &f->owner, conn, piece, some, NULL);
		left -= some;
	}
}

static size_t serve(struct net_fixture *f, uint64_t conn, const uint8_t *bytes, size_t len)
{
	switch (f->mode) {
	case MODE_ECHO:
	case MODE_ECHO_HEAD:
		return echo(f, conn, bytes, len);
	case MODE_CLOSE_BYTES:
		net_close(f->net, &f->owner, conn, 1);
		assert_int_equal(net_send(f->net, &f->owner, conn, "x", 1, net_buf("y", 1)), TROUPE_NOT_FOUND);
		return 0;
	case MODE_CLOSE_ALL:
		for (uint32_t i = 0; i < NET_CONNS_MAX; i++) {
			net_close(f->net, &f->owner, f->ids[i], 1);
		}
		return len;
	case MODE_LAST_WORDS:
		burst(f, conn);
		net_close(f->net, &f->owner, conn, 0);
		return len;
	case MODE_BURST:
		burst(f, conn);
		return len;
	case MODE_EATS:
		return len;
	case MODE_LIE:
		return len + 1;
	default:
		return 0;
	}
}

static size_t on_bytes(void *instance, void *user, uint64_t conn, const uint8_t *bytes, size_t len)
{
	struct net_fixture *f = instance;

	assert_int_equal(f->inside++, 0);
	assert_true(len > 0);
	assert_ptr_equal(user, &f->ids[slot_of(conn)]);
	assert_true(f->ids[slot_of(conn)] == conn);
	size_t consumed = serve(f, conn, bytes, len);
	pthread_mutex_lock(&f->mutex);
	f->bytes += len;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->mutex);
	f->inside--;
	return consumed;
}

static void on_close(void *instance, void *user, uint64_t conn, int32_t why)
{
	struct net_fixture *f = instance;

	assert_int_equal(f->inside++, 0);
	assert_ptr_equal(user, &f->ids[slot_of(conn)]);
	assert_true(f->ids[slot_of(conn)] == conn); /* once */
	f->ids[slot_of(conn)] = 0;
	assert_int_equal(net_send(f->net, &f->owner, conn, "x", 1, NULL), TROUPE_NOT_FOUND);
	net_close(f->net, &f->owner, conn, 1);
	assert_in_range(why, 1, TROUPE_END_FLOOD);
	pthread_mutex_lock(&f->mutex);
	f->closed++;
	f->whys[why]++;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->mutex);
	f->inside--;
}

/* --- the loop ----------------------------------------------------------------------------------- */

struct errand {
	struct loop_task task;
	struct net_fixture *f;
	void (*fn)(struct net_fixture *f, void *arg);
	void *arg;
	bool done;
};

static void errand_run(struct loop_task *task)
{
	struct errand *errand = (struct errand *)(void *)task;

	errand->fn(errand->f, errand->arg);
	pthread_mutex_lock(&errand->f->mutex);
	errand->done = true;
	pthread_cond_broadcast(&errand->f->changed);
	pthread_mutex_unlock(&errand->f->mutex);
}

void net_do(struct net_fixture *f, void (*fn)(struct net_fixture *f, void *arg), void *arg)
{
	struct errand errand = { .task.run = errand_run, .f = f, .fn = fn, .arg = arg };

	loop_post(f->loop, &errand.task);
	pthread_mutex_lock(&f->mutex);
	while (!errand.done) {
		pthread_cond_wait(&f->changed, &f->mutex);
	}
	pthread_mutex_unlock(&f->mutex);
}

void net_wait(struct net_fixture *f, const uint32_t *value, uint32_t wanted)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 10;
	pthread_mutex_lock(&f->mutex);
	int r = 0;
	while (*value < wanted && r == 0) {
		r = pthread_cond_timedwait(&f->changed, &f->mutex, &until);
	}
	uint32_t reached = *value;
	pthread_mutex_unlock(&f->mutex);
	assert_in_range(reached, wanted, UINT32_MAX);
}

static void listen_task(struct net_fixture *f, void *arg)
{
	struct troupe_error error = { .size = sizeof(error) };

	(void)arg;
	if (net_listen(f->net, &f->owner, &f->listen, &f->port, &error) != TROUPE_OK) {
		fail_msg("%s (%s)", error.text, error.help);
	}
}

static void stop_task(struct net_fixture *f, void *arg)
{
	(void)arg;
	net_owner_stop(f->net, &f->owner);
	assert_int_equal(net_conns(f->net), 0);
	assert_null(f->owner.listeners);
}

void net_start(struct net_fixture *f, enum net_mode mode, const struct troupe_listen *listen)
{
	const struct net_setup setup = { .buf_unref = buf_unref, .warn = warn };

	memset(f, 0, sizeof(*f));
	current = f;
	f->mode = mode;
	pthread_mutex_init(&f->mutex, NULL);
	pthread_cond_init(&f->changed, NULL);
	if (listen != NULL) {
		f->listen = *listen;
	}
	f->listen.size = sizeof(f->listen);
	f->listen.address = "tcp://127.0.0.1:0";
	f->listen.arg = &f->listen;
	f->listen.on_open = on_open;
	f->listen.on_bytes = on_bytes;
	f->listen.on_close = on_close;
	f->owner = (struct net_owner){ .instance = f, .name = "meadow/frontend.fe1", .stats = &f->stats };
	f->loop = loop_new(0, "net");
	assert_non_null(f->loop);
	f->net = net_new(f->loop, &setup);
	assert_non_null(f->net);
	assert_int_equal(loop_start(f->loop), 0);
	net_do(f, listen_task, NULL);
}

void net_stop(struct net_fixture *f)
{
	net_do(f, stop_task, NULL);
	assert_int_equal(f->opened, f->closed);
	assert_int_equal(atomic_load(&f->stats.opened), f->opened);
	for (int why = 1; why <= TROUPE_END_FLOOD; why++) {
		assert_int_equal(atomic_load(&f->stats.closed[why]), f->whys[why]);
	}
	loop_stop(f->loop);
	loop_join(f->loop);
	net_free(f->net);
	loop_free(f->loop);
	assert_int_equal(atomic_load(&net_bufs), 0);
	pthread_mutex_destroy(&f->mutex);
	pthread_cond_destroy(&f->changed);
}

/* --- clients ------------------------------------------------------------------------------------ */

int client_open(const struct net_fixture *f)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_port = htons(f->port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval limit = { .tv_sec = 5 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

void client_send(int fd, const void *bytes, size_t len)
{
	assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), len);
}

void client_frame(int fd, uint8_t byte, uint32_t len)
{
	uint8_t *frame = malloc(len + 4);

	memcpy(frame, &len, 4);
	memset(frame + 4, byte, len);
	client_send(fd, frame, len + 4);
	free(frame);
}

void client_expect(int fd, uint8_t byte, uint32_t len)
{
	uint32_t got_len;
	uint8_t *body = malloc(len + 1);

	assert_int_equal(recv(fd, &got_len, 4, MSG_WAITALL), 4);
	assert_int_equal(got_len, len);
	assert_int_equal(recv(fd, body, len, MSG_WAITALL), len);
	for (uint32_t i = 0; i < len; i++) {
		assert_int_equal(body[i], byte);
	}
	free(body);
}

ssize_t client_read_all(int fd)
{
	uint8_t bytes[65536];
	ssize_t total = 0;

	for (;;) {
		ssize_t got = recv(fd, bytes, sizeof(bytes), 0);
		if (got == 0) {
			return total;
		}
		if (got < 0) {
			return -1;
		}
		total += got;
	}
}

void client_reset(int fd)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}
