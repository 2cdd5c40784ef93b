/* SPDX-License-Identifier: MIT */
/* What listener.c and conn.c share. */
#ifndef HOST_NET_CONN_H
#define HOST_NET_CONN_H

#include <stdbool.h>

#include "host/net/network.h"
#include "host/net/net.h"
#include "host/net/out.h"

#define READ_SIZE (64u * 1024u) /* at most this much is read from one connection in a turn */
#define REST_SMALL 4096u	/* so much of an unfinished frame is copied in front of the next read */
#define ACCEPTS_PER_TURN 64
#define LINGER_MS 1000u /* conn_close: for the queued bytes, and for the peer to close its side */
#define IDLE_GRAIN_MS 500u /* idle limits end at multiples of this, so that one wake-up serves many */

enum conn_state {
	CONN_OPEN,
	CONN_FLUSHING,	/* conn_close was called: nothing is read, what is queued leaves */
	CONN_LINGERING, /* all has left and our side is shut: waits for the peer's end, drops what comes */
	CONN_ENDED	/* on_close follows at the end of the turn */
};

/* One connection. There are many and most are silent: what only some need is allocated when they do. */
struct conn {
	struct loop_io io;
	struct loop_timer timer; /* the idle limit, then the end of flushing */
	struct net_listener *listener;
	struct conn *next_due; /* in net->due */
	void *user;
	uint64_t id;
	uint64_t network;
	uint64_t quiet_ms; /* since when no byte has come */
	struct out_queue out;
	uint8_t *in; /* what on_bytes left; NULL if nothing */
	uint32_t in_len, in_size;
	uint32_t out_len;
	uint32_t idle_ms;
	int fd;
	uint8_t state; /* enum conn_state */
	uint8_t why;   /* enum troupe_conn_end, from CONN_FLUSHING on */
	bool blocked;  /* the socket is full: waits for LOOP_WRITE */
	bool due;      /* is in net->due */
	bool opened;   /* on_open has run */
	bool gone;     /* closed; only net->due still knows it */
};

_Static_assert(sizeof(struct conn) <= 256, "a silent connection should cost little");

/* A listening socket; lives until it is closed and its last connection too. */
struct net_listener {
	struct loop_io io;
	struct loop_timer pause; /* after the descriptors ran out */
	struct net *net;
	struct net_owner *owner;
	struct net_listener *next; /* in owner->listeners */
	struct troupe_listen listen;
	struct network_table networks;
	uint32_t conns;
	int fd; /* -1 = closed */
	uint64_t warned_ms;
	bool warned;
};

struct conn_slot {
	struct conn *conn; /* NULL = free */
	uint32_t generation;
	uint32_t next_free;
};

struct net {
	struct loop *loop;
	struct net_setup setup;
	struct loop_hook hook;
	struct out_pool pool;
	struct conn *due; /* have something to do at the end of the turn */
	struct conn_slot *slots;
	uint32_t slots_len, first_free; /* UINT32_MAX = none */
	size_t conns;
	int reserve_fd; /* given up for a moment to turn a newcomer away; -1 = none */
	struct net_stats nobody; /* for owners that want no figures */
	uint8_t in[REST_SMALL + READ_SIZE];
};

/* conn_open takes over the accepted `fd` and calls on_open. Returns 0 or -ENOMEM, then `fd` is still the caller's. */
int conn_open(struct net_listener *listener, int fd, uint64_t network, const char *peer);
/* conn_end marks it for on_close at the end of the turn; the first reason counts. */
void conn_end(struct conn *conn, enum troupe_conn_end why);
/* conn_stop does at once what conn_end leaves to the end of the turn. */
void conn_stop(struct conn *conn, enum troupe_conn_end why);
/* listener_leave: one of its connections is gone. */
void listener_leave(struct net_listener *listener, uint64_t network);
/* net_due_run is the end of a turn. */
bool net_due_run(struct loop_hook *hook);

/* stat_add: one thread writes, so that no locked instruction is needed. */
static inline void stat_add(atomic_uint_fast64_t *stat, uint64_t more)
{
	atomic_store_explicit(stat, atomic_load_explicit(stat, memory_order_relaxed) + more, memory_order_relaxed);
}

static inline struct net_stats *listener_stats(struct net_listener *listener)
{
	return listener->owner->stats != NULL ? listener->owner->stats : &listener->net->nobody;
}

static inline void owner_enter(struct net_owner *owner)
{
	if (owner->enter != NULL) {
		owner->enter(owner);
	}
}

static inline void owner_leave(struct net_owner *owner)
{
	if (owner->leave != NULL) {
		owner->leave(owner);
	}
}

#endif
