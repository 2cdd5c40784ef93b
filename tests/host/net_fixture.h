/* SPDX-License-Identifier: MIT */
/* A loop in a thread of its own, one owner that listens on it, and blocking clients to talk to it. */
#ifndef TESTS_HOST_NET_FIXTURE_H
#define TESTS_HOST_NET_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <pthread.h>
#include <setjmp.h>
#include <sys/types.h>

#include <cmocka.h>

#include "host/net/net.h"

/* What the role does with its callbacks. */
enum net_mode {
	MODE_ECHO,	  /* frames of u32 length and body come back; bodies as buffers */
	MODE_ECHO_HEAD,	  /* the same, copied */
	MODE_KEEP,	  /* consumes nothing */
	MODE_CLOSE_OPEN,  /* closes in on_open, at once */
	MODE_CLOSE_BYTES, /* closes in on_bytes, at once */
	MODE_CLOSE_ALL,	  /* closes every connection in on_bytes */
	MODE_LAST_WORDS,  /* sends `burst` bytes and closes after them */
	MODE_BURST,	  /* sends `burst` bytes in pieces of 100 */
	MODE_EATS,	  /* consumes everything */
	MODE_LIE	  /* says that it consumed more than there was */
};

#define NET_CONNS_MAX 8192

struct net_fixture {
	struct loop *loop;
	struct net *net;
	struct net_owner owner;
	struct net_stats stats;
	struct troupe_listen listen;
	uint16_t port;
	enum net_mode mode;
	size_t burst;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	/* guarded by mutex */
	uint32_t opened, closed, whys[TROUPE_END_FLOOD + 1], warned;
	uint64_t bytes;
	uint64_t last_id;
	/* loop thread */
	uint64_t ids[NET_CONNS_MAX];
	uint32_t inside; /* callbacks running: they must not nest */
	int32_t send_status;
};

extern atomic_int net_bufs; /* buffers alive */

/* net_setup_start listens on an own port; `listen` may be NULL. net_stop ends it and checks that nothing is left. */
void net_start(struct net_fixture *f, enum net_mode mode, const struct troupe_listen *listen);
void net_stop(struct net_fixture *f);
/* net_do runs fn(f, arg) on the loop and waits for it. */
void net_do(struct net_fixture *f, void (*fn)(struct net_fixture *f, void *arg), void *arg);
/* net_wait waits until *value (guarded) is at least `wanted`, fails after 10 s. */
void net_wait(struct net_fixture *f, const uint32_t *value, uint32_t wanted);
struct troupe_buf *net_buf(const void *bytes, size_t len);

/* A connected blocking client with a receive time limit of 5 s. */
int client_open(const struct net_fixture *f);
void client_send(int fd, const void *bytes, size_t len);
/* client_frame sends a frame of `len` bytes, each `byte`. client_expect reads one and compares. */
void client_frame(int fd, uint8_t byte, uint32_t len);
void client_expect(int fd, uint8_t byte, uint32_t len);
/* client_read_all reads until the end; returns the bytes, -1 if it ended with a reset. */
ssize_t client_read_all(int fd);
void client_reset(int fd); /* closes with RST */

#endif
