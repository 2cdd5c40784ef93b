/* SPDX-License-Identifier: MIT */
/* The raw side of a room: clients send where they go, each is answered at once, and 20 times a second all are sent one
 * buffer with all that moved. No accounts, no rules, no world: only sockets, and the frames that the real one sends. */
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
#define MOVED_SIZE 48u
#define BATCH 500u /* changes in one Delta */

struct walker {
	uint32_t conn;
	uint8_t id[10]; /* as it came: a varint */
	uint8_t id_len, moved;
	uint8_t place[18]; /* x and y with their tags, as they came */
};

static struct walker walkers[CONNS_MAX];
static uint32_t walker_count;
static uint16_t walker_of[CONNS_MAX]; /* by connection; + 1 */
static uint8_t out[FRAME_HEAD * 64 + CONNS_MAX * MOVED_SIZE];

static void selected(const struct conn *conn, const uint8_t *body, uint32_t len)
{
	struct walker *walker = &walkers[walker_count];

	if (walker_count < CONNS_MAX && len > 1 && len <= 11) {
		walker->conn = conn_id(conn);
		walker->id_len = (uint8_t)(len - 1);
		memcpy(walker->id, body + 1, len - 1);
		walker_of[conn_id(conn) % CONNS_MAX] = (uint16_t)++walker_count;
	}
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
		if (event == EVENT_SELECT) {
			selected(conn, bytes + at + FRAME_HEAD, body_len);
		} else if (event == EVENT_MOVE && body_len == MOVE_SIZE && w != 0) {
			memcpy(walkers[w - 1].place, bytes + at + FRAME_HEAD + 4, sizeof(walkers[0].place));
			walkers[w - 1].moved = 1;
		}
		u32_write(bytes + at, event + 1);
		at += FRAME_HEAD + body_len;
	}
	int r = at > 0 ? conn_send(conn, bytes, at) : 0;
	return r < 0 ? r : (ssize_t)at;
}

static size_t moved_write(uint8_t *at, const struct walker *walker)
{
	size_t len = 1u + walker->id_len + sizeof(walker->place) + 9u;

	*at++ = 0x22;
	*at++ = (uint8_t)len;
	*at++ = 0x08;
	memcpy(at, walker->id, walker->id_len);
	at += walker->id_len;
	memcpy(at, walker->place, sizeof(walker->place));
	at += sizeof(walker->place);
	memset(at, 0, 9);
	*at = 0x21;
	return len + 2;
}

/* Head, tick and cell of the frame are left free until its length is known. */
static size_t delta_write(uint8_t *at, uint32_t *w, uint32_t tick)
{
	size_t len = FRAME_HEAD;

	at[len++] = 0x08;
	at[len++] = (uint8_t)(tick | 0x80);
	at[len++] = (uint8_t)(tick >> 7 & 0x7F);
	at[len++] = 0x10;
	at[len++] = 1;
	for (uint32_t n = 0; *w < walker_count && n < BATCH; (*w)++) {
		if (walkers[*w].moved) {
			walkers[*w].moved = 0;
			len += moved_write(at + len, &walkers[*w]);
			n++;
		}
	}
	u32_write(at, EVENT_DELTA);
	u32_write(at + 4, (uint32_t)(len - FRAME_HEAD));
	return len;
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
	static uint32_t tick;
	size_t len = 0;

	(void)loop;
	(void)timer;
	(void)events;
	tick++;
	for (uint32_t w = 0; w < walker_count;) {
		len += delta_write(out + len, &w, tick);
	}
	for (uint32_t w = 0; w < walker_count; w++) {
		struct conn *conn = conn_find(walkers[w].conn);

		if (conn != NULL && conn_send(conn, out, len) < 0) {
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
