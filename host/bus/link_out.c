/* SPDX-License-Identifier: MIT */
/*
 * What leaves a link: frames, and messages again.
 *
 * The wire below keeps order and loses in bursts, when a connection breaks: everything from some message on, or one
 * run in the middle. So the receiver says what it expects and how many are missing there, and that one gap is sent
 * again at once; for a lost end there is the timer. It goes back to the oldest message, but sends one frame first and
 * more as acknowledgements come, so that a peer that sleeps is not sent everything again and again.
 */
#include "host/bus/link_state.h"

#include <stdlib.h>

#define FRAME_FIRST 16384u	  /* bytes that a frame's buffer begins with */
#define AGAIN_FIRST 65536u	  /* bytes sent again after the timer ran out, until something is acknowledged */
#define GRANULE_US LINK_ACK_US	  /* the least variation assumed: the peer may wait that long */

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* --- frames ------------------------------------------------------------------------------------------------------ */

static size_t messages_max(const struct link *link)
{
	return TROUPE_FRAME_MAX - link->setup.room_head - link->setup.room_tail - LINK_HEAD;
}

static bool frame_reserve(struct link *link, size_t messages)
{
	size_t need = link->setup.room_head + LINK_HEAD + messages + link->setup.room_tail;
	size_t cap = link->frame_cap > 0 ? link->frame_cap : FRAME_FIRST;
	uint8_t *frame;

	if (need <= link->frame_cap) {
		return true;
	}
	while (cap < need) {
		cap *= 2;
	}
	frame = malloc(cap);
	if (frame == NULL) {
		return false;
	}
	free(link->frame);
	link->frame = frame;
	link->frame_cap = cap;
	return true;
}

static void frame_head(struct link *link, uint64_t first, uint16_t count)
{
	bool holds = link->room.held > 0;
	struct link_head head = {
		.up = link->state == LINK_UP,
		.bye = link->state == LINK_CLOSED,
		.count = count,
		.credit = link->window,
		.incarnation = link->setup.incarnation,
		.peer_incarnation = link->peer_incarnation,
		.connection = link->connection,
		.peer_connection = link->peer_connection,
		.number = link->number + 1,
		.first = first,
		.next = link->next,
		.held = (uint32_t)sooner(link->now_us - link->arrived_us, UINT32_MAX),
		.gap = holds ? (uint32_t)(link->room.lowest - link->next) : 0,
	};

	if (MUTANT("ack_too_far") && holds) {
		head.next = link->room.lowest + 1;
		head.gap = 0;
	}
	link_head_encode(&head, link->frame + link->setup.room_head);
}

/* frame_send sends up to `size_max` bytes of the messages from `from` on, before `to`; at least one of them if there is any.
 * *ret_size are the bytes that left. Returns how many messages that were; -1: the wire took nothing. */
static int frame_send(struct link *link, uint64_t from, uint64_t to, uint64_t size_max, size_t *ret_size)
{
	size_t size = 0;
	uint16_t count = 0;

	if (from < to) {
		count = link_queue_measure(&link->queue, from, to, sooner(size_max, messages_max(link)), &size);
		if (count == 0) {
			count = link_queue_measure(&link->queue, from, from + 1, messages_max(link), &size);
		}
	}
	if (frame_reserve(link, size)) {
		frame_head(link, from, count);
		link_queue_write(&link->queue, from, count, link->now_us,
				 link->frame + link->setup.room_head + LINK_HEAD);
		if (link->setup.send(link->setup.arg, link->frame + link->setup.room_head, LINK_HEAD + size)) {
			link->number++;
			link->counts.frames_sent++;
			link->sent_us = link->now_us;
			link->speak = false;
			link->unsaid = 0;
			link->ack_at_us = NEVER;
			*ret_size = size;
			return count;
		}
	}
	link->blocked_until_us = link->now_us + (link->state == LINK_UP ? LINK_RESEND_US : LINK_HELLO_US);
	return -1;
}

/* --- what leaves when -------------------------------------------------------------------------------------------- */

static uint64_t resend_after(const struct link *link)
{
	/* RFC 6298 */
	uint64_t wait = later(link->rtt_us + later(4 * link->rtt_var_us, GRANULE_US), LINK_RESEND_US);

	for (uint32_t i = 0; i < link->expired && wait < LINK_RESEND_MAX_US; i++) {
		wait *= 2;
	}
	return sooner(wait, LINK_RESEND_MAX_US);
}

static bool send_again(struct link *link)
{
	while (link->again < link->again_end && link->again_bytes > 0) {
		size_t size;
		int count = frame_send(link, link->again, link->again_end, link->again_bytes, &size);

		if (count < 0) {
			return false;
		}
		link->again += (uint64_t)count;
		link->again_bytes -= sooner(size, link->again_bytes);
		link->counts.resent += (uint64_t)count;
		link->rtt_from = link->queue.sent; /* Karn: what was under way meanwhile measures nothing */
	}
	return link->again == link->again_end;
}

static bool send_new(struct link *link)
{
	struct link_queue *queue = &link->queue;

	while (queue->sent < queue->end) {
		size_t size;
		int count = frame_send(link, queue->sent, queue->end, UINT64_MAX, &size);

		if (count < 0) {
			return false;
		}
		if (link->resend_at_us == NEVER) {
			link->resend_at_us = link->now_us + resend_after(link);
		}
		queue->sent += (uint64_t)count;
	}
	return true;
}

void link_out_flush(struct link *link)
{
	size_t size;

	if (link->now_us < link->blocked_until_us) {
		return;
	}
	if (link->state == LINK_UP && send_again(link)) {
		send_new(link);
	}
	if (link->speak && link->now_us >= link->blocked_until_us) {
		frame_send(link, 0, 0, 0, &size);
	}
}

void link_out_expired(struct link *link)
{
	if (link->now_us < link->blocked_until_us) {
		link->resend_at_us = link->blocked_until_us; /* the wire is at fault, not the peer */
		return;
	}
	link->expired++;
	link->again = link->queue.base;
	link->again_end = MUTANT("no_timer") ? link->queue.base : link->queue.sent;
	link->again_bytes = AGAIN_FIRST;
	link->resend_at_us = link->now_us + resend_after(link);
}

uint64_t link_out_due(const struct link *link)
{
	uint64_t due = link->resend_at_us;
	bool waits = link->queue.sent < link->queue.end && link->again == link->again_end;

	if (link->speak || (link->state == LINK_UP && (waits || (link->again < link->again_end && link->again_bytes > 0)))) {
		due = link->now_us;
	}
	return later(due, link->blocked_until_us);
}

/* --- what the peer says has arrived ------------------------------------------------------------------------------ */

/* rtt_measure: RFC 6298, section 2. */
static void rtt_measure(struct link *link, uint64_t trip_us, uint64_t held_us)
{
	uint64_t bare_us = trip_us > held_us ? trip_us - held_us : 1;

	uint64_t off = trip_us > link->rtt_us ? trip_us - link->rtt_us : link->rtt_us - trip_us;

	link->trip_us = link->trip_us == 0 ? bare_us : later((7 * link->trip_us + bare_us) / 8, 1);
	if (link->rtt_us == 0) {
		link->rtt_us = later(trip_us, 1);
		link->rtt_var_us = trip_us / 2;
		return;
	}
	link->rtt_var_us = (3 * link->rtt_var_us + off) / 4;
	link->rtt_us = later((7 * link->rtt_us + trip_us) / 8, 1);
}

static void forward(struct link *link, uint64_t next, uint64_t held_us)
{
	struct link_queue *queue = &link->queue;
	uint64_t bytes;

	if (next - 1 >= link->rtt_from) {
		rtt_measure(link, link->now_us - link_queue_at(queue, next - 1)->sent_us, held_us);
	}
	link->counts.messages_sent += next - queue->base;
	bytes = link_queue_drop(queue, next);
	link->counts.bytes_sent += bytes;
	link->expired = 0;
	link->again = later(link->again, next);
	link->again_end = later(link->again_end, next);
	link->again_bytes += link->again < link->again_end ? 2 * bytes : 0;
	link->resend_at_us = queue->base < queue->sent ? link->now_us + resend_after(link) : NEVER;
}

/* gap_fill sends a gap again, but not twice within a trip: the frames that were under way all tell of it. */
static void gap_fill(struct link *link, const struct link_head *head)
{
	if (head->next < link->gap_end && link->now_us < link->gap_at_us + later(link->rtt_us, GRANULE_US)) {
		return;
	}
	link->again = head->next;
	link->again_end = link->gap_end = head->next + head->gap;
	link->again_bytes = UINT64_MAX / 2;
	link->gap_at_us = link->now_us;
}

bool link_out_acknowledged(struct link *link, const struct link_head *head)
{
	const struct link_queue *queue = &link->queue;

	if (head->next == 0 || head->next > queue->sent || head->gap > queue->sent - head->next) {
		return false;
	}
	if (head->next > queue->base) {
		forward(link, head->next, head->held);
	}
	if (head->number > link->peer_number) {
		link->peer_number = head->number;
		link->credit = head->credit;
		if (head->gap > 0 && head->next == queue->base) {
			gap_fill(link, head);
		}
	}
	return true;
}

void link_out_reset(struct link *link)
{
	link_queue_clear(&link->queue);
	link->number = 0;
	link->again = link->again_end = link->gap_end = 1;
	link->again_bytes = 0;
	link->credit = 0;
	link->resend_at_us = link->ack_at_us = NEVER;
	link->blocked_until_us = 0;
	link->rtt_us = link->rtt_var_us = link->trip_us = 0;
	link->rtt_from = 1;
	link->expired = 0;
	link->unsaid = 0;
}
