/* SPDX-License-Identifier: MIT */
/*
 * Connections, what comes, and time.
 *
 * A connection is a pair: the incarnation and connection number of each side. A frame counts only if it names the pair
 * that is up, and a side takes a new number each time that it was up and is no more. So no pair comes twice, and a late
 * frame of a pair that has ended is never taken for one of the next. A side is up when the peer names it: the peer has
 * then heard of this connection, whatever the frame's age.
 */
#include "host/bus/link_state.h"

#include <errno.h>
#include <stdlib.h>

#include "host/core/buf.h"

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* clock_set: time never goes back, whatever reading of the clock a caller had kept. */
static void clock_set(struct link *link, uint64_t now_us)
{
	link->now_us = now_us > link->now_us ? now_us : link->now_us;
}

/* --- connections ------------------------------------------------------------------------------------------------- */

static void incoming_reset(struct link *link)
{
	link_room_clear(&link->room);
	link->next = MUTANT("sequence_not_reset") && link->next > 0 ? link->next : 1;
	link->peer_number = 0;
}

const char link_peer_ended[] = "the peer has ended", link_self_ends[] = "this process ends";

static void go_down(struct link *link, const char *why)
{
	link->state = LINK_TRYING;
	link->connection += !MUTANT("same_connection");
	link_out_reset(link);
	incoming_reset(link);
	link->speak = true;
	link->hello_at_us = link->now_us + LINK_HELLO_US;
	link->counts.downs++;
	link->setup.on_down(link->setup.arg, why);
}

static void come_up(struct link *link, const struct link_head *head)
{
	/* The peer's process before this one has ended: this one answered after that one was up. What may still come from
	 * it is late. */
	if (link->proven != 0 && link->proven != link->peer_incarnation) {
		link->ended = link->proven;
		link->ended_until_us = link->now_us + LINK_LATE_US;
	}
	link->proven = link->peer_incarnation;
	link->state = LINK_UP;
	link->credit = head->credit;
	link->heard_us = link->now_us;
	link->speak = true;
	link->setup.on_up(link->setup.arg, link->peer_incarnation);
}

/* learn takes over who the peer is; false: the frame is a late one of a connection that has ended. */
static bool learn(struct link *link, const struct link_head *head)
{
	bool same = head->incarnation == link->peer_incarnation;

	if (head->incarnation == link->ended && link->now_us < link->ended_until_us) {
		return false;
	}
	if (same && head->connection <= link->peer_connection) {
		return MUTANT("old_connection") || head->connection == link->peer_connection;
	}
	if (link->state == LINK_UP) {
		go_down(link, same ? "the peer began a new connection" : "the peer was restarted");
	}
	link->peer_incarnation = head->incarnation;
	link->peer_connection = head->connection;
	return true;
}

static bool names_this(const struct link *link, const struct link_head *head)
{
	return head->peer_incarnation == link->setup.incarnation &&
	       (head->peer_connection == link->connection || MUTANT("old_connection"));
}

/* meet: does what follows the head belong to the connection that is up? The head may be what brings it up or down. */
static bool meet(struct link *link, const struct link_head *head)
{
	if (link->state == LINK_CLOSED) {
		link->speak = link->speak || (head->up && names_this(link, head)); /* the bye got lost */
		return false;
	}
	if (!learn(link, head)) {
		return false;
	}
	if (!names_this(link, head)) {
		/* it does not know of this connection yet; one that ends need not */
		link->speak = link->speak || (link->state == LINK_TRYING && !head->bye);
		return false;
	}
	if (head->bye) {
		if (link->state == LINK_UP) {
			go_down(link, link_peer_ended);
		}
		return false;
	}
	if (link->state == LINK_TRYING) {
		come_up(link, head);
	}
	link->speak = link->speak || !head->up; /* it may not know that it was heard */
	return link->state == LINK_UP && head->up;
}

/* --- what comes -------------------------------------------------------------------------------------------------- */

static void deliver(struct link *link, const struct envelope *envelope, const uint8_t *body)
{
	link->next++;
	link->arrived_us = link->now_us;
	link->counts.messages_received++;
	link->counts.bytes_received += TROUPE_ENVELOPE_SIZE + envelope->body_len;
	if (++link->unsaid >= LINK_ACK_MESSAGES) {
		link->speak = true;
	} else if (link->ack_at_us == NEVER) {
		link->ack_at_us = link->now_us + LINK_ACK_US;
	}
	link->setup.on_message(link->setup.arg, envelope, body);
}

/* deliver_held gives out what waited for the message just delivered; stops when that ended the connection. */
static void deliver_held(struct link *link, uint32_t connection)
{
	struct envelope envelope;
	struct troupe_buf *body;

	while (link->state == LINK_UP && link->connection == connection &&
	       link_room_take(&link->room, link->next, &envelope, &body)) {
		deliver(link, &envelope, body != NULL ? body->data : NULL);
		buf_unref(body);
	}
}

static void take(struct link *link, uint64_t number, const struct envelope *envelope, const uint8_t *body)
{
	uint32_t connection = link->connection;
	int held;

	if (number == link->next || (number < link->next && MUTANT("no_dedupe"))) {
		deliver(link, envelope, body);
		deliver_held(link, connection);
		return;
	}
	link->speak = true; /* a gap, or an acknowledgement that got lost: the peer learns at once */
	if (number < link->next) {
		link->counts.repeated++;
		return;
	}
	if (MUTANT("lose_on_reorder")) {
		link->next = number;
		take(link, number, envelope, body);
		return;
	}
	held = link_room_put(&link->room, link->next, number, envelope, body);
	link->counts.repeated += held == 0;
	link->counts.ahead += held < 0;
}

static void damaged(struct link *link)
{
	/* sealed frames come whole: the peer itself is at fault, and would send the same again for ever */
	link->counts.malformed++;
	go_down(link, "the peer sent a damaged frame");
}

static void messages(struct link *link, const struct link_head *head, const uint8_t *bytes, size_t len)
{
	uint32_t connection = link->connection;
	size_t at = 0;

	if (head->count > 0 && head->first == 0) {
		damaged(link);
		return;
	}
	for (uint16_t i = 0; i < head->count; i++) {
		struct envelope envelope;

		if (envelope_decode(bytes + at, len - at, &envelope) != ENVELOPE_FINE) {
			damaged(link);
			return;
		}
		take(link, head->first + i, &envelope, bytes + at + TROUPE_ENVELOPE_SIZE);
		if (link->state != LINK_UP || link->connection != connection) {
			return;
		}
		at += TROUPE_ENVELOPE_SIZE + envelope.body_len;
	}
	if (at != len) {
		damaged(link);
	}
}

void link_receive(struct link *link, const uint8_t *frame, size_t len, uint64_t now_us)
{
	struct link_head head;

	clock_set(link, now_us);
	link->counts.frames_received++;
	if (!link_head_decode(frame, len, &head)) {
		link->counts.malformed++;
		return;
	}
	if (!meet(link, &head)) {
		return;
	}
	link->heard_us = link->now_us;
	if (!link_out_acknowledged(link, &head)) {
		damaged(link);
		return;
	}
	messages(link, &head, frame + LINK_HEAD, len - LINK_HEAD);
}

/* --- what is pushed, and time ------------------------------------------------------------------------------------ */

int link_push(struct link *link, const struct envelope *envelope, struct troupe_buf *body)
{
	uint64_t size = TROUPE_ENVELOPE_SIZE + envelope->body_len, kept = link->queue.end - link->queue.base;
	uint64_t room = sooner(link->credit, link->setup.queue_bytes);

	if (link->state != LINK_UP) {
		return MUTANT("takes_while_down") ? 0 : -ENOTCONN;
	}
	/* whatever the credit, one message may be under way, or a small one would stop the large ones for ever */
	if (kept >= link->setup.queue_messages || link->credit == 0 || (kept > 0 && link->queue.bytes + size > room) ||
	    !link_queue_push(&link->queue, envelope, body)) {
		link->counts.full++;
		return -EAGAIN;
	}
	return 0;
}

void link_credit(struct link *link, uint32_t bytes)
{
	link->speak = link->speak || (bytes != link->window && link->state == LINK_UP);
	link->window = bytes;
}

void link_flush(struct link *link, uint64_t now_us)
{
	clock_set(link, now_us);
	link_out_flush(link);
}

void link_writable(struct link *link, uint64_t now_us)
{
	link->blocked_until_us = 0;
	link->speak = link->speak || link->state == LINK_TRYING;
	link_flush(link, now_us);
}

static void tick_up(struct link *link)
{
	if (link->now_us >= link->heard_us + LINK_SILENT_US && link->now_us >= link->grace_until_us &&
	    !MUTANT("never_silent")) {
		go_down(link, "the peer is silent");
		return;
	}
	if (link->now_us >= link->resend_at_us) {
		link_out_expired(link);
	}
	if (link->now_us >= link->ack_at_us || link->now_us >= link->sent_us + LINK_HEARTBEAT_US) {
		link->speak = true;
	}
}

uint64_t link_due(const struct link *link)
{
	uint64_t due = link_out_due(link);

	if (link->state == LINK_UP) {
		uint64_t silent = link->heard_us + LINK_SILENT_US;
		uint64_t frame = sooner(link->ack_at_us, link->sent_us + LINK_HEARTBEAT_US);

		due = sooner(due, frame > link->blocked_until_us ? frame : link->blocked_until_us);
		return sooner(due, silent > link->grace_until_us ? silent : link->grace_until_us);
	}
	return link->state == LINK_TRYING ? sooner(due, link->hello_at_us) : due;
}

uint64_t link_tick(struct link *link, uint64_t now_us)
{
	clock_set(link, now_us);
	if (link->state == LINK_CLOSED) {
		link_out_flush(link);
		return link_due(link);
	}
	if (link->now_us > link->due_us + LINK_GRACE_US) {
		link->grace_until_us = link->now_us + LINK_GRACE_US; /* what came meanwhile waits to be read */
	}
	if (link->state == LINK_UP) {
		tick_up(link);
	}
	if (link->state == LINK_TRYING && link->now_us >= link->hello_at_us) {
		link->speak = true;
		link->hello_at_us = link->now_us + LINK_HELLO_US;
	}
	link_out_flush(link);
	link->due_us = link_due(link);
	return link->due_us;
}

void link_lost(struct link *link, const char *why, uint64_t now_us)
{
	clock_set(link, now_us);
	if (link->state == LINK_UP) {
		go_down(link, why);
	}
}

void link_bye(struct link *link, uint64_t now_us)
{
	bool was_up = link->state == LINK_UP;

	clock_set(link, now_us);
	if (link->state == LINK_CLOSED) {
		return;
	}
	link->blocked_until_us = 0;
	link_out_flush(link);
	link->state = LINK_CLOSED;
	link_out_reset(link);
	incoming_reset(link);
	link->speak = was_up;
	link_out_flush(link);
	if (was_up) {
		link->counts.downs++;
		link->setup.on_down(link->setup.arg, link_self_ends);
	}
}

/* --- making, asking ---------------------------------------------------------------------------------------------- */

struct link *link_new(const struct link_setup *setup, uint64_t now_us)
{
	struct link *link = calloc(1, sizeof(*link));

	if (link == NULL) {
		return NULL;
	}
	link->setup = *setup;
	if (setup->queue_messages == 0) {
		link->setup.queue_messages = LINK_QUEUE_MESSAGES;
	}
	if (setup->queue_bytes == 0) {
		link->setup.queue_bytes = LINK_QUEUE_BYTES;
	}
	link->now_us = link->due_us = link->hello_at_us = now_us;
	link->connection = 1;
	link->window = LINK_QUEUE_BYTES;
	link_out_reset(link);
	incoming_reset(link);
	return link;
}

struct link *link_free(struct link *link)
{
	if (link != NULL) {
		link_queue_free(&link->queue);
		link_room_clear(&link->room);
		free(link->frame);
		free(link);
	}
	return NULL;
}

bool link_up(const struct link *link)
{
	return link->state == LINK_UP;
}

void link_counts(const struct link *link, struct link_counts *ret_counts)
{
	*ret_counts = link->counts;
	ret_counts->waiting = link->queue.end - link->queue.base;
	ret_counts->waiting_bytes = link->queue.bytes;
	ret_counts->held = link->room.held;
	ret_counts->held_bytes = link->room.bytes;
	ret_counts->rtt_us = link->trip_us;
}
