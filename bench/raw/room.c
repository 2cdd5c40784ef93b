/* SPDX-License-Identifier: MIT */
/* The raw side of a room: clients send where they go, and 20 times a second each is answered and told of all that moved, in
 * one write. No accounts, no rules, no world: only sockets, and the frames that the real one sends. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../measure.h"
#include "conns.h"

#define EVENT_SELECT 25u
#define EVENT_DELTA 33u
#define EVENT_MOVE 43u
#define MOVE_SIZE 22u /* the body: seq in three bytes, x, y */
#define MOVED_SIZE 14u /* id, three times two bytes */
#define BATCH 500u /* changes in one Delta */

struct walker {
	uint32_t conn;
	uint64_t id;
	uint8_t moved;
	uint8_t place[18]; /* x and y with their tags, as they came */
	uint8_t answer[FRAME_HEAD + MOVE_SIZE];
};

static struct walker walkers[CONNS_MAX];
static uint32_t walker_count;
static uint16_t walker_of[CONNS_MAX]; /* by connection; + 1 */
/* Room for an answer, then what all are told. */
static uint8_t out[FRAME_HEAD + MOVE_SIZE + 64 * 32 + CONNS_MAX * MOVED_SIZE];

static void selected(const struct conn *conn, const uint8_t *body, uint32_t len)
{
	struct walker *walker = &walkers[walker_count];

	if (walker_count < CONNS_MAX && len > 1 && len <= 11) {
		walker->conn = conn_id(conn);
		for (uint32_t i = 1; i < len; i++) {
			walker->id |= (uint64_t)(body[i] & 0x7F) << 7 * (i - 1);
		}
		walker_of[conn_id(conn) % CONNS_MAX] = (uint16_t)++walker_count;
	}
}

/* The answer says what was asked. It waits for the tick; two moves in one tick are answered once. */
static void moved(struct walker *walker, const uint8_t *frame)
{
	memcpy(walker->place, frame + FRAME_HEAD + 4, sizeof(walker->place));
	memcpy(walker->answer, frame, sizeof(walker->answer));
	u32_write(walker->answer, EVENT_MOVE + 1);
	walker->moved = 1;
}

static ssize_t on_bytes(struct conn *conn, uint8_t *bytes, size_t len)
{
	size_t at = 0;

	while (len - at >= FRAME_HEAD) {
		uint32_t event = u32_read(bytes + at), body_len = u32_read(bytes + at + 4);
		uint16_t w = walker_of[conn_id(conn) % CONNS_MAX];
		if (len - at - FRAME_HEAD < body_len) {
			break;
		}
		if (event == EVENT_MOVE && body_len == MOVE_SIZE && w != 0) {
			moved(&walkers[w - 1], bytes + at);
		} else if (event == EVENT_SELECT) {
			selected(conn, bytes + at + FRAME_HEAD, body_len);
			u32_write(bytes + at, EVENT_SELECT + 1);
			int r = conn_send(conn, bytes + at, FRAME_HEAD + body_len);
			if (r < 0) {
				return r;
			}
		}
		at += FRAME_HEAD + body_len;
	}
	return (ssize_t)at;
}

/* x or y, which are in the first cell, in 1/256 of a block: a zigzag varint, here always of two bytes. */
static uint8_t *place_write(uint8_t *at, const uint8_t *as_double)
{
	double place;
	uint32_t parts;

	memcpy(&place, as_double, sizeof(place));
	parts = (uint32_t)(place * 256) * 2;
	*at++ = (uint8_t)(parts | 0x80);
	*at++ = (uint8_t)(parts >> 7 & 0x7F);
	return at;
}

static uint8_t *head_write(uint8_t *at, uint8_t tag, uint32_t len)
{
	*at++ = tag;
	*at++ = (uint8_t)(len | 0x80);
	*at++ = (uint8_t)(len >> 7 & 0x7F);
	return at;
}

/* The first `*w` are in an earlier frame of the tick. */
static size_t delta_write(uint8_t *frame, uint32_t *w, uint32_t tick)
{
	static uint8_t ids[8 * BATCH], places[6 * BATCH];
	uint8_t *place = places, *at = frame + FRAME_HEAD;
	uint32_t n = 0;

	for (; *w < walker_count && n < BATCH; (*w)++) {
		struct walker *walker = &walkers[*w];
		if (walker->moved) {
			memcpy(ids + 8 * n++, &walker->id, sizeof(walker->id));
			place = place_write(place_write(place, walker->place + 1), walker->place + 10);
			*place++ = 0x80;
			*place++ = 0x10;
		}
	}
	at = head_write(at, 0x08, tick);
	memcpy(at, (const uint8_t[]){ 0x10, 1, 0x40, 0, 0x48, 0 }, 6);
	at = head_write(at + 6, 0x22, 8 * n);
	memcpy(at, ids, 8 * n);
	at = head_write(at + 8 * n, 0x3A, 6 * n);
	memcpy(at, places, 6 * n);
	at += 6 * n;
	u32_write(frame, EVENT_DELTA);
	u32_write(frame + 4, (uint32_t)(at - frame - FRAME_HEAD));
	return (size_t)(at - frame);
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
	static uint32_t tick;
	const size_t begin = FRAME_HEAD + MOVE_SIZE;
	size_t end = begin;

	(void)loop;
	(void)timer;
	(void)events;
	tick++;
	for (uint32_t w = 0; w < walker_count;) {
		end += delta_write(out + end, &w, tick);
	}
	for (uint32_t w = 0; w < walker_count; w++) {
		struct conn *conn = conn_find(walkers[w].conn);
		size_t from = walkers[w].moved ? 0 : begin;

		if (walkers[w].moved) {
			memcpy(out, walkers[w].answer, begin);
			walkers[w].moved = 0;
		}
		if (conn != NULL && conn_send(conn, out + from, end - from) < 0) {
			conn_close(conn);
		}
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "port", required_argument, NULL, 'p' }, { 0 } };
	struct ev_loop *loop = ev_default_loop(0);
	ev_timer timer;
	long port = 0;
	int option, r;

	while ((option = getopt_long(argc, argv, "p:", options, NULL)) != -1) {
		if (option != 'p' || number_parse(optarg, 1, 65535, &port) < 0) {
			port = 0;
			break;
		}
	}
	if (port == 0) {
		fprintf(stderr, "usage: room --port PORT\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	nofile_raise(NULL);
	r = conns_listen(loop, port, on_bytes);
	if (r < 0) {
		fprintf(stderr, "room: cannot listen on 127.0.0.1:%ld: %s\n", port, strerror(-r));
		return 1;
	}
	ev_timer_init(&timer, on_tick, 0.05, 0.05);
	ev_timer_start(loop, &timer);
	ev_run(loop, 0);
	return 0;
}
