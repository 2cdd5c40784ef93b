/* SPDX-License-Identifier: MIT */
/* Listeners and connections of one loop: the host table's listen and conn_* functions. */
#ifndef HOST_NET_NET_H
#define HOST_NET_NET_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/core/loop.h"
#include "troupe/host.h"

/*
 * Conventions
 *  1. One struct net per loop; everything is [loop] unless tagged. Ids are the loop's own.
 *  2. The callbacks of struct troupe_listen run from the loop, between owner->enter and owner->leave; never inside
 *     net_send, net_close or net_idle. For each on_open that ran there is exactly one on_close.
 *  3. What is sent in one turn leaves at its end (loop_hook_end), connections that ended are closed there too.
 */
struct net;
struct net_listener;

/* Figures of one owner. One loop writes them, any thread reads them. Must stay valid until net_free. */
struct net_stats {
	atomic_uint_fast64_t opened;
	atomic_uint_fast64_t closed[TROUPE_END_FLOOD + 1]; /* by enum troupe_conn_end */
	atomic_uint_fast64_t refused_full;    /* conns_max */
	atomic_uint_fast64_t refused_network; /* per_network_max */
	atomic_uint_fast64_t refused_files;   /* no descriptor, or no memory, for a newcomer */
	atomic_uint_fast64_t received_bytes, sent_bytes;
};

/* Who listens: an instance, as this folder sees it. Embedded in the host's instance; zeroed members mean nothing. */
struct net_owner {
	void *instance;	  /* what the callbacks get */
	const char *name; /* for the log */
	void (*enter)(struct net_owner *owner); /* before a callback; NULL = nothing to do */
	void (*leave)(struct net_owner *owner);
	struct net_stats *stats;
	struct net_listener *listeners; /* net's own */
};

/* What a struct net needs from the rest of the host. */
struct net_setup {
	const char *address; /* of listeners that name none: struct config_host.address; NULL = 127.0.0.1. Borrowed. */
	void (*buf_unref)(struct troupe_buf *buf);
	/* warn: writes a line to the log; called at most once per 10 s and listener. NULL = nowhere. */
	void (*warn)(const char *owner, const char *code, const char *text);
};

/* net_new sets up the connections of `loop`, which outlives it. NULL if there is no memory. [main] or [loop] */
struct net *net_new(struct loop *loop, const struct net_setup *setup);
/* net_free releases it; every owner has been stopped. The loop does not run any more. NULL is fine. */
struct net *net_free(struct net *net);

/* net_listen, net_send, net_queued, net_close, net_idle: as in troupe/host.h. Connections of other owners are not
 * found. net_send takes `body` over in every case. */
int32_t net_listen(struct net *net, struct net_owner *owner, const struct troupe_listen *listen, uint16_t *ret_port,
		   struct troupe_error *reterr);
/* net_listen_fd is net_listen with a socket that listens already and is taken over, also on failure; the address is for
 * messages alone. Peers of other families than IP have the network 0 and the address "local". */
int32_t net_listen_fd(struct net *net, struct net_owner *owner, const struct troupe_listen *listen, int fd,
		      struct troupe_error *reterr);
int32_t net_send(struct net *net, const struct net_owner *owner, uint64_t conn, const void *head, size_t head_len,
		 struct troupe_buf *body);
size_t net_queued(const struct net *net, const struct net_owner *owner, uint64_t conn);
void net_close(struct net *net, const struct net_owner *owner, uint64_t conn, uint32_t now);
void net_idle(struct net *net, const struct net_owner *owner, uint64_t conn, uint64_t ms);
/* net_peer_uid finds the user on whose behalf the peer of a local (AF_UNIX) connection opened it, as the kernel says
 * (unix(7), SO_PEERCRED). 0, or -ENOENT: it is gone or not local. */
int net_peer_uid(const struct net *net, const struct net_owner *owner, uint64_t conn, uid_t *ret_uid);

/* net_owner_drain closes the owner's listening sockets: newcomers find nobody, who is there stays. */
void net_owner_drain(struct net *net, struct net_owner *owner);
/* net_owner_stop ends everything of an owner at once: its queued bytes are offered to the sockets one last time, and
 * on_close(TROUPE_END_HOST) runs for each connection, before it returns. Not inside a callback of the owner. */
void net_owner_stop(struct net *net, struct net_owner *owner);

/* net_conns returns how many connections there are. */
size_t net_conns(const struct net *net);

#endif
