/* SPDX-License-Identifier: MIT */
/* A link between hosts that gets anything at all: it stays within its bounds, and a healthy peer can speak to it afterwards. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/bus/link.h"
#include "host/bus/link_frame.h"
#include "host/bus/link_queue.h"
#include "host/core/buf.h"

#define OWN 1u
#define PEER 7u
#define QUEUE_MESSAGES 100u
#define QUEUE_BYTES 100000u

/* One end. What it sends goes to the other end's link, once there is one. */
struct end {
	struct link *link;
	struct end *other;
	uint8_t *frames[64]; /* sent and not yet handed to `other` */
	size_t lens[64];
	unsigned frames_len;
	uint32_t connection; /* own, as the frame sent last says */
	uint64_t delivered;
	bool up;
};

static uint64_t now_us;

static bool on_send(void *arg, uint8_t *frame, size_t len)
{
	struct end *end = arg;
	struct link_head head;

	if (!link_head_decode(frame, len, &head) || len > TROUPE_FRAME_MAX) {
		abort();
	}
	end->connection = head.connection;
	if (end->other == NULL) {
		return true;
	}
	if (end->frames_len == 64) {
		return false;
	}
	end->frames[end->frames_len] = malloc(len);
	memcpy(end->frames[end->frames_len], frame, len);
	end->lens[end->frames_len++] = len;
	return true;
}

static void on_message(void *arg, const struct envelope *envelope, const uint8_t *body)
{
	struct end *end = arg;
	static volatile uint8_t sum;

	if (!end->up || envelope->body_len > TROUPE_BODY_MAX) {
		abort();
	}
	for (uint32_t i = 0; i < envelope->body_len; i++) {
		sum = (uint8_t)(sum ^ body[i]);
	}
	end->delivered++;
	if (envelope->method == 0x20657962) { /* "bye " */
		link_bye(end->link, now_us);
	}
}

static void on_up(void *arg, uint64_t incarnation)
{
	struct end *end = arg;

	if (end->up || incarnation == 0) {
		abort();
	}
	end->up = true;
}

static void on_down(void *arg, const char *why)
{
	struct end *end = arg;

	if (!end->up || why == NULL) {
		abort();
	}
	end->up = false;
}

static void end_open(struct end *end, uint64_t incarnation)
{
	struct link_setup setup = { .incarnation = incarnation, .queue_messages = QUEUE_MESSAGES, .queue_bytes = QUEUE_BYTES,
				    .send = on_send, .on_message = on_message, .on_up = on_up, .on_down = on_down,
				    .arg = end };

	*end = (struct end){ .link = link_new(&setup, now_us) };
	if (end->link == NULL) {
		abort();
	}
	link_tick(end->link, now_us); /* its hello says its connection */
}

static void push(struct end *end, uint32_t len)
{
	struct envelope envelope = { .kind = TROUPE_MESSAGE_EVENT, .body_len = len };
	uint8_t *bytes;
	struct troupe_buf *body = buf_new(len, &bytes);

	memset(bytes, 1, len);
	link_push(end->link, &envelope, body);
	buf_unref(body);
}

static void check_bounds(const struct end *end)
{
	struct link_counts counts;

	link_counts(end->link, &counts);
	if (counts.waiting > QUEUE_MESSAGES || (counts.waiting > 1 && counts.waiting_bytes > QUEUE_BYTES) ||
	    counts.held > LINK_EARLY_MESSAGES || counts.held_bytes > LINK_EARLY_BYTES ||
	    link_up(end->link) != end->up) {
		abort();
	}
}

/* hand_over: what the ends have sent each other arrives, and a little time passes. */
static void hand_over(struct end *end)
{
	struct end *other = end->other;

	for (unsigned i = 0; i < end->frames_len; i++) {
		link_receive(other->link, end->frames[i], end->lens[i], now_us);
		free(end->frames[i]);
	}
	end->frames_len = 0;
	link_tick(other->link, now_us);
}

/* check_heals: a process that the input cannot have spoken for comes up with the link, and messages go both ways. */
static void check_heals(struct end *end, uint64_t incarnation)
{
	struct end peer;
	uint64_t before;

	end_open(&peer, incarnation);
	link_credit(end->link, QUEUE_BYTES);
	end->other = &peer;
	peer.other = end;
	for (int i = 0; i < 10; i++, now_us += LINK_HELLO_US) {
		hand_over(end);
		hand_over(&peer);
	}
	if (!end->up || !peer.up) {
		abort();
	}
	before = end->delivered;
	push(end, 10);
	push(&peer, 10);
	for (int i = 0; i < 10; i++, now_us += LINK_RESEND_US) {
		link_tick(end->link, now_us);
		link_tick(peer.link, now_us);
		hand_over(end);
		hand_over(&peer);
	}
	if (end->delivered != before + 1 || peer.delivered != 1) {
		abort();
	}
	for (unsigned i = 0; i < peer.frames_len; i++) {
		free(peer.frames[i]);
	}
	link_free(peer.link);
}

/* receive hands over a copy of its own, so that a sanitizer sees a read too far. Unless `raw`, the head is mended to one of the
 * peer on this connection. */
static void receive(struct end *end, const uint8_t *bytes, size_t len, bool raw)
{
	uint8_t *frame = malloc(len > 0 ? len : 1);

	memcpy(frame, bytes, len);
	if (!raw && len >= LINK_HEAD) {
		static const uint8_t own[8] = { OWN }, peer[8] = { PEER };

		frame[0] = LINK_VERSION;
		frame[1] |= 1;
		memcpy(frame + 8, peer, 8);
		memcpy(frame + 16, own, 8);
		for (unsigned i = 0; i < 4; i++) {
			frame[28 + i] = (uint8_t)(end->connection >> (8 * i));
		}
	}
	link_receive(end->link, frame, len, now_us);
	free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Steps of three bytes: what, and a number for it; a frame's bytes follow. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct end end;
	bool said_bye = false;

	now_us = 1000000;
	end_open(&end, OWN);
	for (size_t at = 0; at + 3 <= size;) {
		uint32_t number = data[at + 1] | (uint32_t)data[at + 2] << 8;
		uint8_t what = data[at] % 8;

		at += 3;
		if (what <= 1) {
			size_t len = number < size - at ? number : size - at;

			receive(&end, data + at, len, what == 1);
			at += len;
		} else if (what == 2) {
			push(&end, number);
		} else if (what == 3) {
			link_flush(end.link, now_us);
		} else if (what == 4) {
			link_credit(end.link, number);
		} else if (what == 5 && number == 5) {
			link_bye(end.link, now_us);
			said_bye = true;
		} else {
			now_us += (uint64_t)number * 100;
			link_tick(end.link, now_us);
		}
		check_bounds(&end);
	}
	said_bye = said_bye || (link_tick(end.link, now_us) == UINT64_MAX);
	if (!said_bye) {
		check_heals(&end, troupe_fnv64(data, size));
	}
	for (unsigned i = 0; i < end.frames_len; i++) {
		free(end.frames[i]);
	}
	link_free(end.link);
	return 0;
}
