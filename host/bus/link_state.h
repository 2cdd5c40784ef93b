/* SPDX-License-Identifier: MIT */
/* What the parts of a link share: link.c (connections, what comes, time) and link_out.c (what leaves). */
#ifndef HOST_BUS_LINK_STATE_H
#define HOST_BUS_LINK_STATE_H

#include "host/bus/link.h"
#include "host/bus/link_frame.h"
#include "host/bus/link_queue.h"

/* Tests build these files with a MUTANT that plants mistakes which they must find. */
#ifndef MUTANT
#define MUTANT(name) 0
#endif

#define NEVER UINT64_MAX

enum link_state { LINK_TRYING, LINK_UP, LINK_CLOSED };

struct link {
	struct link_setup setup;
	enum link_state state;
	uint64_t now_us;

	/* who speaks to whom */
	uint32_t connection; /* own number, one more after each time up */
	uint64_t peer_incarnation;
	uint32_t peer_connection;     /* the highest seen of that incarnation */
	uint64_t proven;	      /* incarnation that was up last */
	uint64_t ended, ended_until_us; /* incarnation that `proven` took the place of */

	/* what leaves */
	struct link_queue queue;
	uint8_t *frame; /* room_head, head, messages, room_tail */
	size_t frame_cap;
	uint64_t number;		/* of the frame that left last */
	uint64_t again, again_end;	/* messages to be sent again */
	uint64_t again_bytes;		/* how much of them may leave now */
	uint64_t gap_end, gap_at_us;	/* the end of the gap filled last, and when */
	uint64_t credit;		/* the peer's */
	bool speak;			/* a frame must leave even without messages */
	uint64_t blocked_until_us;	/* send said no */

	/* what comes */
	uint64_t next;
	struct link_room room;
	uint64_t peer_number; /* of the newest frame */
	uint32_t window;      /* credit given */
	uint32_t unsaid;      /* messages taken since the last frame left */

	/* time */
	uint64_t heard_us, sent_us;
	uint64_t hello_at_us, ack_at_us, resend_at_us; /* NEVER = not due */
	uint64_t due_us, grace_until_us;
	uint64_t trip_us;    /* smoothed, without the time that the peer held its acknowledgement; for operators */
	uint64_t arrived_us; /* the last message in order */
	uint64_t rtt_us, rtt_var_us, rtt_from; /* messages before rtt_from measure nothing */
	uint32_t expired;		       /* times in a row that the resend timer ran out */

	struct link_counts counts;
};

/* link_out_reset forgets what waits, as at the end of a connection. */
void link_out_reset(struct link *link);
/* link_out_flush sends what may leave; when closed, the frame that says so. */
void link_out_flush(struct link *link);
/* link_out_acknowledged takes over what a frame says about what arrived; false: it says what cannot be. */
bool link_out_acknowledged(struct link *link, const struct link_head *head);
/* link_out_expired: nothing was acknowledged for too long. */
void link_out_expired(struct link *link);
/* link_out_due: when link_out_flush or link_out_expired has something to do. */
uint64_t link_out_due(const struct link *link);

#endif
