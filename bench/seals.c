/* SPDX-License-Identifier: MIT */
/* Frames that one seal closes and another one opens. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/bus/cipher.h"
#include "host/bus/seal.h"
#include "measure.h"

#define FRAMES_PER_LOOK 100

/* One end; what its seal sends by itself goes to the other at once. */
struct end {
	struct seal *seal;
	struct end *other;
	uint8_t frame[SEAL_HEAD * 8];
	size_t len;
};

static void on_send(void *arg, const uint8_t *frame, size_t len)
{
	struct end *end = arg;

	memcpy(end->frame, frame, len);
	end->len = len;
}

static void hand_over(struct end *end, uint64_t now_us)
{
	size_t len = end->len, data_len;
	uint8_t *data;

	end->len = 0;
	if (len > 0) {
		seal_open(end->other->seal, end->frame, len, now_us, &data, &data_len);
	}
}

static void ends_open(struct end ends[2], uint64_t now_us)
{
	for (unsigned i = 0; i < 2; i++) {
		struct seal_setup setup = { .self = 1 + i, .peer = 2 - i, .secrets_len = 1, .peers_len = 1,
					    .prologue = "bench", .prologue_len = 5, .send = on_send, .arg = &ends[i] };
		uint8_t secret[SEAL_KEY];

		memset(setup.secrets[0], (int)(1 + i), SEAL_KEY);
		memset(secret, (int)(2 - i), SEAL_KEY);
		cipher_public(secret, setup.peers[0]);
		ends[i] = (struct end){ .seal = seal_new(&setup, now_us), .other = &ends[!i] };
	}
}

static void tick(struct end ends[2])
{
	uint64_t now_us = clock_ns() / 1000;

	for (unsigned i = 0; i < 2; i++) {
		seal_tick(ends[i].seal, now_us);
		hand_over(&ends[i], now_us);
	}
}

static int measure(uint64_t time_ns, size_t len)
{
	struct end ends[2];
	uint8_t *frame = calloc(1, SEAL_HEAD + len + SEAL_TAIL), *data;
	uint64_t frames = 0, opened = 0, began, ended;
	struct seal_counts counts;
	size_t data_len;

	ends_open(ends, clock_ns() / 1000);
	if (frame == NULL || ends[0].seal == NULL || ends[1].seal == NULL) {
		fputs("seals: no memory\n", stderr);
		return 1;
	}
	while (!seal_up(ends[0].seal) || !seal_up(ends[1].seal)) {
		tick(ends);
	}
	began = ended = clock_ns();
	while (ended - began < time_ns) {
		for (int i = 0; i < FRAMES_PER_LOOK; i++) {
			size_t whole = seal_close(ends[0].seal, frame, len, ended / 1000);

			opened += seal_open(ends[1].seal, frame, whole, ended / 1000, &data, &data_len);
			frames++;
		}
		tick(ends); /* renewals are part of it */
		ended = clock_ns();
	}
	seal_counts(ends[1].seal, &counts);
	if (opened != frames) {
		fprintf(stderr, "seals: %llu frames, %llu opened\n", (unsigned long long)frames, (unsigned long long)opened);
		return 1;
	}
	printf("{\"frames_per_s\": %.1f, \"ns_per_frame\": %.1f, \"sessions\": %llu}\n",
	       (double)frames * 1e9 / (double)(ended - began), (double)(ended - began) / (double)frames,
	       (unsigned long long)counts.sessions);
	seal_free(ends[0].seal);
	seal_free(ends[1].seal);
	free(frame);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "time", required_argument, NULL, 't' },
		{ "len", required_argument, NULL, 'l' },
		{ NULL, 0, NULL, 0 },
	};
	uint64_t time_ns = 1000000000;
	long len = 200;
	int bad = 0, option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		bad |= option == 't'   ? seconds_parse(optarg, &time_ns)
		       : option == 'l' ? number_parse(optarg, 0, 1 << 20, &len)
				       : -1;
	}
	if (bad || optind < argc) {
		fputs("usage: seals [--time S] [--len BYTES]\n", stderr);
		return 2;
	}
	return measure(time_ns, (size_t)len);
}
