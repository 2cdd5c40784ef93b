/* SPDX-License-Identifier: MIT */
/* Messages over two links in one process: what delivery costs by itself, without sockets and seal. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/bus/link.h"
#include "host/core/buf.h"
#include "measure.h"

/* One end; what it sends lies in `frames` until the other end gets it, copied as a socket does. */
struct end {
	struct link *link;
	uint8_t *frames;
	size_t frames_len, ends[64];
	unsigned count;
	uint64_t delivered, bytes;
};

static bool on_send(void *arg, uint8_t *frame, size_t len)
{
	struct end *end = arg;

	if (end->count == 64 || end->frames_len + len > 4u * TROUPE_FRAME_MAX) {
		return false;
	}
	memcpy(end->frames + end->frames_len, frame, len);
	end->frames_len += len;
	end->ends[end->count++] = end->frames_len;
	return true;
}

static void on_message(void *arg, const struct envelope *envelope, const uint8_t *body)
{
	struct end *end = arg;

	end->delivered++;
	end->bytes += envelope->body_len > 0 ? body[envelope->body_len - 1] : 0;
}

static void on_up(void *arg, uint64_t incarnation)
{
	(void)arg, (void)incarnation;
}

static void on_down(void *arg, const char *why)
{
	(void)arg;
	fprintf(stderr, "links: down: %s\n", why);
	exit(1);
}

static void end_open(struct end *end, uint64_t incarnation, uint64_t now_us)
{
	struct link_setup setup = { .incarnation = incarnation, .send = on_send, .on_message = on_message, .on_up = on_up,
				    .on_down = on_down, .arg = end };

	*end = (struct end){ .frames = malloc(4u * TROUPE_FRAME_MAX), .link = link_new(&setup, now_us) };
	if (end->frames == NULL || end->link == NULL) {
		exit(1);
	}
}

static void hand_over(struct end *from, struct end *to, uint64_t now_us)
{
	size_t at = 0;

	for (unsigned i = 0; i < from->count; i++) {
		link_receive(to->link, from->frames + at, from->ends[i] - at, now_us);
		at = from->ends[i];
	}
	from->count = 0;
	from->frames_len = 0;
}

/* turn: both ends' loops turn once. */
static void turn(struct end *a, struct end *b)
{
	uint64_t now_us = clock_ns() / 1000;

	link_tick(a->link, now_us);
	hand_over(a, b, now_us);
	link_tick(b->link, now_us);
	hand_over(b, a, now_us);
}

static int measure(uint64_t time_ns, long batch, long body_len)
{
	struct envelope envelope = { .kind = TROUPE_MESSAGE_EVENT, .method = 1, .body_len = (uint32_t)body_len };
	uint64_t pushed = 0, began, ended, frames;
	uint8_t *bytes;
	struct link_counts counts;
	struct end a, b;

	buf_pool_open();
	end_open(&a, 1, clock_ns() / 1000);
	end_open(&b, 2, clock_ns() / 1000);
	while (!link_up(a.link) || !link_up(b.link)) {
		turn(&a, &b);
	}
	began = clock_ns();
	do {
		for (long i = 0; i < batch; i++) {
			struct troupe_buf *body = buf_new((size_t)body_len, &bytes);

			memset(bytes, 1, (size_t)body_len);
			pushed += link_push(a.link, &envelope, body) == 0;
			buf_unref(body);
		}
		turn(&a, &b);
		ended = clock_ns();
	} while (ended - began < time_ns);
	link_counts(a.link, &counts);
	frames = counts.frames_sent;
	if (b.delivered != pushed || counts.resent > 0 || b.bytes != (body_len > 0 ? pushed : 0)) {
		fprintf(stderr, "links: %llu messages pushed, %llu delivered\n", (unsigned long long)pushed,
			(unsigned long long)b.delivered);
		return 1;
	}
	printf("{\"messages_per_s\": %.1f, \"ns_per_message\": %.1f, \"messages_per_frame\": %.1f}\n",
	       (double)pushed * 1e9 / (double)(ended - began), (double)(ended - began) / (double)pushed,
	       (double)pushed / (double)frames);
	link_free(a.link);
	link_free(b.link);
	free(a.frames);
	free(b.frames);
	buf_pool_close();
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "time", required_argument, NULL, 't' },
		{ "batch", required_argument, NULL, 'b' },
		{ "body", required_argument, NULL, 'l' },
		{ NULL, 0, NULL, 0 },
	};
	uint64_t time_ns = 1000000000;
	long batch = 64, body_len = 200;
	int bad = 0, option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 't':
			bad |= seconds_parse(optarg, &time_ns) < 0;
			break;
		case 'b':
			bad |= number_parse(optarg, 1, 10000, &batch) < 0;
			break;
		case 'l':
			bad |= number_parse(optarg, 0, 2048, &body_len) < 0;
			break;
		default:
			bad = 1;
			break;
		}
	}
	if (bad || optind < argc) {
		fprintf(stderr, "usage: links [--time S] [--batch N] [--body BYTES]\n");
		return 2;
	}
	return measure(time_ns, batch, body_len);
}
