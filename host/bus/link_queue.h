/* SPDX-License-Identifier: MIT */
/* Messages on their way over a link: those that wait to be acknowledged, and those that came before their turn. */
#ifndef HOST_BUS_LINK_QUEUE_H
#define HOST_BUS_LINK_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/core/envelope.h"
#include "troupe/message.h"

/* A message that was pushed: its envelope as it goes on the wire, and a reference to its body. */
struct link_slot {
	uint8_t envelope[TROUPE_ENVELOPE_SIZE];
	struct troupe_buf *body; /* NULL = none */
	uint64_t sent_us;	 /* when it left last; 0 = not yet */
};

/* What was pushed and is not acknowledged: a ring that grows by doubling, found by sequence number. */
struct link_queue {
	struct link_slot *slots;
	uint64_t cap;		    /* a power of two, or 0 */
	uint64_t base, sent, end;   /* the oldest one kept, the first that never left, the one to be pushed next */
	uint64_t bytes;		    /* of all kept */
};

/* link_queue_push appends a message and takes a reference to its body; false without memory. */
bool link_queue_push(struct link_queue *queue, const struct envelope *envelope, struct troupe_buf *body);
/* link_queue_at: a message that is kept, by its number. */
struct link_slot *link_queue_at(const struct link_queue *queue, uint64_t number);
/* link_queue_drop forgets all before `next` and returns how many bytes that were. */
uint64_t link_queue_drop(struct link_queue *queue, uint64_t next);
/* link_queue_clear forgets everything and begins at number 1; memory beyond the common goes back. */
void link_queue_clear(struct link_queue *queue);
/* link_queue_free forgets everything and its memory. */
void link_queue_free(struct link_queue *queue);

/* link_queue_measure: how many messages from `from` on, before `to`, fit into `room` bytes, and what they take. */
uint16_t link_queue_measure(const struct link_queue *queue, uint64_t from, uint64_t to, size_t room, size_t *ret_size);
/* link_queue_write writes `count` messages from `from` on, which leave at `now_us`. */
void link_queue_write(struct link_queue *queue, uint64_t from, uint16_t count, uint64_t now_us, uint8_t *ret_bytes);

/* Bounds of what is held before its turn: what does not fit is dropped and comes again. */
#define LINK_EARLY_MESSAGES 4096u /* a power of two */
#define LINK_EARLY_BYTES (4u * 1024u * 1024u)

/* A message that came while one before it is missing. */
struct link_early {
	struct envelope envelope;
	struct troupe_buf *body;
	bool held;
};

/* Messages held, at most LINK_EARLY_MESSAGES beyond the one expected. */
struct link_room {
	struct link_early *slots; /* LINK_EARLY_MESSAGES, made when the first one comes */
	uint32_t held;
	uint64_t bytes;
	uint64_t lowest; /* number of the lowest one held, if any is */
};

/* link_room_put holds a copy of a message with a number above `next`. 1; 0 if it is held already; -1 if there is no room. */
int link_room_put(struct link_room *room, uint64_t next, uint64_t number, const struct envelope *envelope,
		  const uint8_t *body);
/* link_room_take gives out the message with this number, and the reference to its body, if it is held. */
bool link_room_take(struct link_room *room, uint64_t number, struct envelope *ret_envelope, struct troupe_buf **ret_body);
/* link_room_clear forgets everything and its memory. */
void link_room_clear(struct link_room *room);

#endif
