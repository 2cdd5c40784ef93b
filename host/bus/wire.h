/* SPDX-License-Identifier: MIT */
/* Frames between host processes: one socket that receives, one for each peer that sends. The wrapper of nanomsg. */
#ifndef HOST_BUS_WIRE_H
#define HOST_BUS_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "host/core/loop.h"
#include "troupe/message.h"
#include "troupe/role.h"

/*
 * What nanomsg gives is at most once: a frame that wire_send took may be lost, and anybody who reaches the address
 * may send frames. Order, repeats and proof of origin are the business of link.h and seal.h. A frame has at most
 * TROUPE_FRAME_MAX bytes. Everything is [loop].
 */
#define WIRE_BATCH 64u /* frames taken in one turn of the loop */

struct wire;
struct wire_peer;

struct wire_setup {
	struct loop *loop;
	const char *const *binds; /* "ipc:///run/user/1000/troupe/x.bus", "tcp://10.0.0.10:9500"; NULL ends them */
	/* on_frame: one frame; `bytes` may be changed in place and are gone after it returns. */
	void (*on_frame)(void *arg, uint8_t *bytes, size_t len);
	void *arg;
};

/* wire_open binds every address: 0 and *ret_wire, or -errno with *reterr saying which address and what to do. An
 * ipc address that a dead process left is taken over; one that lives is -EADDRINUSE. */
int wire_open(const struct wire_setup *setup, struct wire **ret_wire, struct troupe_error *reterr);
/* wire_close closes everything, peers too; NULL is fine. Returns NULL. */
struct wire *wire_close(struct wire *wire);

/* wire_connect begins to connect to a peer's address and never stops trying. on_writable runs when frames may be sent
 * again after wire_send said -EAGAIN. 0, -EINVAL for an address that is none, -EMFILE. */
int wire_connect(struct wire *wire, const char *address, void (*on_writable)(void *arg), void *arg,
		 struct wire_peer **ret_peer);
/* wire_disconnect ends it; NULL is fine. Returns NULL. */
struct wire_peer *wire_disconnect(struct wire_peer *peer);

/* wire_send queues a copy of a frame: 0; -EAGAIN: the peer is not connected, or its buffer is full; -EMSGSIZE. */
int wire_send(struct wire_peer *peer, const uint8_t *bytes, size_t len);

/* Counters. */
struct wire_counts {
	uint64_t received, received_bytes, sent, sent_bytes;
	uint64_t refused;  /* wire_send said -EAGAIN */
	uint64_t broken;   /* connections that ended */
};
/* wire_counts reads them. */
void wire_counts(const struct wire *wire, struct wire_counts *ret_counts);

#endif
