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
 * may send frames. Order, repeats and proof of origin are the business of link.h and seal.h. A frame has 1 to
 * TROUPE_FRAME_MAX bytes; a connection that announces more is ended, the others are not touched. Everything is
 * [loop], or [main] while that loop does not run.
 *
 * Addresses are "ipc://PATH" and "tcp://HOST:PORT". PATH has at most WIRE_PATH_MAX bytes and lies in a folder that
 * only this user can enter: nanomsg ends the process when a local stranger writes a wrong type byte (1.1.5, sipc.c).
 * HOST is numeric, or "localhost": nanomsg would look up a name, and closing its socket would wait for the answer.
 *
 * A process that has opened a wire does not fork without exec: the child's copy of nanomsg has no worker thread.
 */
#define WIRE_BATCH 64u		       /* frames taken in one turn of the loop ... */
#define WIRE_BATCH_BYTES (2u << 20)    /* ... or until they have this many bytes */
#define WIRE_BUFFER (256u * 1024u)     /* bytes of a connection that the kernel holds, on either side: with less big
					* frames are slower, more gains nothing and is lost with a peer */
#define WIRE_RETRY_MS 50	       /* between attempts to connect, doubled up to ... */
#define WIRE_RETRY_MAX_MS 250
#define WIRE_PATH_MAX 107u

struct wire;
struct wire_peer;

struct wire_setup {
	struct loop *loop;
	const char *const *binds; /* "ipc:///run/user/1000/troupe/x.bus", "tcp://10.0.0.10:9500"; NULL ends them */
	/* on_frame: one frame; `bytes` may be changed in place and are gone after it returns. It may do anything but
	 * close the wire. */
	void (*on_frame)(void *arg, uint8_t *bytes, size_t len);
	void *arg;
};

/* wire_open binds every address: 0 and *ret_wire, or -errno with *reterr saying which address and what to do. An
 * ipc address that a dead process left is taken over; one that lives is -EADDRINUSE. */
int wire_open(const struct wire_setup *setup, struct wire **ret_wire, struct troupe_error *reterr);
/* wire_close closes everything, peers too, and removes the ipc addresses; NULL is fine. What was sent just before may
 * not arrive: nanomsg does not linger. Returns NULL. */
struct wire *wire_close(struct wire *wire);

/*
 * wire_connect begins to connect to a peer's address and never stops trying. on_writable runs once when frames may be
 * sent again after wire_send said -EAGAIN; it may do anything but close the wire, and NULL is fine. 0; -EINVAL for an
 * address that is none, -ENAMETOOLONG; -EMFILE: no descriptor is left, or none of nanomsg's 512 sockets.
 */
int wire_connect(struct wire *wire, const char *address, void (*on_writable)(void *arg), void *arg,
		 struct wire_peer **ret_peer);
/* wire_disconnect ends it; NULL is fine. Returns NULL. */
struct wire_peer *wire_disconnect(struct wire_peer *peer);
/*
 * wire_reconnect drops the connection and what it holds and connects anew at once. For a peer that has been silent for
 * long: after a cut the kernel waits up to minutes before it tries a connection again, and this ends that wait. 0 or
 * -errno as wire_connect; then the peer has no connection until the next wire_reconnect.
 */
int wire_reconnect(struct wire_peer *peer);

/* wire_send queues a copy of a frame: 0; -EAGAIN: the peer is not connected, or its buffer is full; -EMSGSIZE: it has
 * no bytes or more than TROUPE_FRAME_MAX. */
int wire_send(struct wire_peer *peer, const uint8_t *bytes, size_t len);

/* Counters. */
struct wire_counts {
	uint64_t received, received_bytes, sent, sent_bytes;
	uint64_t refused;  /* wire_send said -EAGAIN */
	uint64_t broken;   /* connections that ended by themselves, strangers' too */
};
/* wire_counts reads them. */
void wire_counts(const struct wire *wire, struct wire_counts *ret_counts);

#endif
