/* SPDX-License-Identifier: MIT */
/* Delivery between two hosts over frames that may get lost, repeated, late or reordered: in order, and once. */
#ifndef HOST_BUS_LINK_H
#define HOST_BUS_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/core/envelope.h"
#include "troupe/message.h"

/*
 * Messages pushed in one turn of the loop leave in one frame (or as many as it takes). Each has a sequence number and
 * is kept until the peer has acknowledged it; a gap, or LINK_RESEND_US without an acknowledgement, sends again what
 * is missing (the wait doubles up to LINK_RESEND_MAX_US). Acknowledgements ride on messages; alone they go after
 * LINK_ACK_US or LINK_ACK_MESSAGES. Every frame says the sender's incarnation (a random number of the process) and
 * connection number, the peer's as far as known, the next sequence number expected, and credit: how many bytes beyond
 * that it takes. Heartbeats go when nothing else did.
 *
 * A side that has heard nothing for LINK_SILENT_US, or sees another incarnation or a larger connection number, ends
 * the connection: on_down, everything not acknowledged is forgotten (the peer may have got it or not), and the next
 * connection has a larger number and begins at sequence number 1. What was pushed within one connection is delivered
 * in order and once, or that connection ends; a frame of a connection that has ended is never taken for one of the next.
 *
 * Everything is [loop] and depends only on what it is given, `now_us` (of a monotonic clock) too: tests and the
 * simulator drive it. Call link_flush at the end of each turn of the loop in which the link was used, and link_tick
 * when it said; what comes or is pushed may bring that moment forward, link_due says so.
 */
#define LINK_HEARTBEAT_US 500000u
#define LINK_SILENT_US 2000000u
#define LINK_GRACE_US 500000u	/* a link_tick that comes later than this waits as long before it calls the peer silent */
#define LINK_HELLO_US 100000u	/* between attempts to come up */
#define LINK_RESEND_US 20000u	/* at first; then RFC 6298's wait by the measured trip, at least this */
#define LINK_RESEND_MAX_US 1000000u
#define LINK_ACK_US 5000u	/* the latest that an acknowledgement leaves, or after this many messages */
#define LINK_ACK_MESSAGES 64u
#define LINK_LATE_US (60u * 1000000u) /* how long frames of a process that another has replaced may still come */
#define LINK_QUEUE_MESSAGES 65536u /* default bounds of what waits to be acknowledged */
#define LINK_QUEUE_BYTES (16u * 1024u * 1024u)
#define LINK_HEAD 64u /* bytes of a frame before its messages */

struct link;

/* What on_down is told when nothing is wrong. */
extern const char link_peer_ended[], link_self_ends[];

struct link_setup {
	uint64_t incarnation;	   /* of this process, not 0 */
	uint32_t queue_messages;   /* 0 = LINK_QUEUE_MESSAGES */
	uint32_t queue_bytes;	   /* envelopes and bodies; 0 = LINK_QUEUE_BYTES */
	uint32_t room_head, room_tail; /* bytes left free around each frame, for the seal: a few hundred at most */
	/* send: `frame` points at `len` bytes of frame, with room_head free bytes before and room_tail free bytes behind it;
	 * all of it may be changed in place and is the link's again on return. False: it did not go; link_writable says when
	 * to try again (or a timer does). */
	bool (*send)(void *arg, uint8_t *frame, size_t len);
	/* on_message: the next message, in order, once. `body` is borrowed, envelope->body_len bytes, aligned to nothing. */
	void (*on_message)(void *arg, const struct envelope *envelope, const uint8_t *body);
	/* on_up: the peer answers; `incarnation` is its process. on_down: it is away, `why` is static text. They alternate.
	 * All three may call link_push, link_credit and link_bye, none may free the link or hand it a frame. */
	void (*on_up)(void *arg, uint64_t incarnation);
	void (*on_down)(void *arg, const char *why);
	void *arg;
};

/* link_new returns a link that is down and tries to come up; NULL without memory. link_free drops what waits; NULL
 * is fine. Returns NULL. */
struct link *link_new(const struct link_setup *setup, uint64_t now_us);
struct link *link_free(struct link *link);

/*
 * link_push queues a message; envelope->body_len is that of `body` (NULL = 0), of which a reference is taken. 0;
 * -ENOTCONN: the link is down; -EAGAIN: its queue is full, the peer's credit is used up, or there is no memory (then
 * everything pushed before still arrives). Nothing leaves before link_flush.
 */
int link_push(struct link *link, const struct envelope *envelope, struct troupe_buf *body);
/* link_flush sends what may leave: at the end of the loop's turn. */
void link_flush(struct link *link, uint64_t now_us);
/* link_writable tries again after `send` said no. */
void link_writable(struct link *link, uint64_t now_us);
/* link_receive takes a frame that came, already opened: whatever bytes a proven peer may send. */
void link_receive(struct link *link, const uint8_t *frame, size_t len, uint64_t now_us);
/* link_tick does what is due, link_flush too, and returns when to call it again; UINT64_MAX = not at all. */
uint64_t link_tick(struct link *link, uint64_t now_us);
/* link_due: when link_tick has something to do, as things are now. */
uint64_t link_due(const struct link *link);
/* link_credit sets how many bytes the peer may have under way to this side, from now on; LINK_QUEUE_BYTES at first. 0 stops
 * it; what is under way still comes. */
void link_credit(struct link *link, uint32_t bytes);
/* link_bye sends what waits and tells the peer that this process ends, so that it need not wait for silence. The link is
 * then down for good (on_down, if it was up); what was pushed last may have arrived or not. It still takes frames, so that
 * it can say so again. */
void link_bye(struct link *link, uint64_t now_us);

/* link_lost ends a connection at once when the caller knows better than silence that the peer's process is gone; `why` is
 * static text. The next one may come up. */
void link_lost(struct link *link, const char *why, uint64_t now_us);

bool link_up(const struct link *link);

struct link_counts {
	uint64_t messages_sent, messages_received; /* delivered ones: acknowledged by the peer, handed to on_message */
	uint64_t bytes_sent, bytes_received;	   /* of their envelopes and bodies */
	uint64_t frames_sent, frames_received;	   /* whatever they held */
	uint64_t resent;     /* messages sent again */
	uint64_t repeated;   /* messages that came again */
	uint64_t ahead;	     /* messages dropped because one before them was missing and the room for early ones was full */
	uint64_t malformed;  /* frames that are none, or damaged within; the latter end the connection */
	uint64_t full;	     /* link_push said -EAGAIN */
	uint64_t downs;
	uint64_t waiting, waiting_bytes; /* now: pushed and not acknowledged */
	uint64_t held, held_bytes;	 /* now: came before their turn */
	uint64_t rtt_us;     /* smoothed, without the wait for an acknowledgement; 0 = not yet measured */
};
void link_counts(const struct link *link, struct link_counts *ret_counts);

#endif
