/* SPDX-License-Identifier: MIT */
/* What does not belong: forged, changed, cut, replayed, late frames are dropped, counted, cost little, change nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/bus/cipher.h"
#include "seal_fixture.h"

#define S_US 1000000u

/* Curve operations so far. */
static uint64_t curves;
bool __real_cipher_dh(const uint8_t *secret, const uint8_t *key, uint8_t *ret_shared);
bool __wrap_cipher_dh(const uint8_t *secret, const uint8_t *key, uint8_t *ret_shared);
void __real_cipher_public(const uint8_t *secret, uint8_t *ret_public);
void __wrap_cipher_public(const uint8_t *secret, uint8_t *ret_public);

bool __wrap_cipher_dh(const uint8_t *secret, const uint8_t *key, uint8_t *ret_shared)
{
	curves++;
	return __real_cipher_dh(secret, key, ret_shared);
}

void __wrap_cipher_public(const uint8_t *secret, uint8_t *ret_public)
{
	curves++;
	__real_cipher_public(secret, ret_public);
}

static struct pair *pair_ready(uint64_t seed)
{
	struct pair *pair = pair_new(seed);

	assert_true(pair_up(pair, S_US));
	pair_run(pair, S_US);
	return pair;
}

static uint64_t dropped(const struct pair *pair, unsigned at)
{
	struct seal_counts counts = pair_counts(pair, at);

	return counts.malformed + counts.forged + counts.replayed + counts.stale + counts.throttled;
}

/* The session works in both directions, and is still the one it was. */
static void unharmed(struct pair *pair, uint64_t sessions)
{
	uint8_t frame[FLIGHT_SIZE];

	for (unsigned from = 0; from < 2; from++) {
		assert_true(pair_give(pair, !from, frame, pair_seal(pair, from, 1, frame)));
		assert_int_equal(pair_counts(pair, from).sessions, sessions);
	}
}

/* Gives a side every frame that differs from this one in a byte or in its length: each is dropped, counted as one. */
static void give_changed(struct pair *pair, unsigned to, const uint8_t *frame, size_t len)
{
	uint8_t bytes[FLIGHT_SIZE + 1] = { 0 };

	for (size_t i = 0; i < len; i++) {
		static const uint8_t flips[] = { 0x01, 0x80, 0xff };

		for (unsigned flip = 0; flip < 3; flip++) {
			uint64_t before = dropped(pair, to), opened = pair_counts(pair, to).opened;

			memcpy(bytes, frame, len);
			bytes[i] ^= flips[flip];
			assert_false(pair_give(pair, to, bytes, len));
			assert_int_equal(dropped(pair, to), before + 1);
			assert_int_equal(pair_counts(pair, to).opened, opened);
		}
	}
	memcpy(bytes, frame, len);
	for (size_t cut = 0; cut <= len + 1; cut++) {
		if (cut != len) {
			uint64_t before = dropped(pair, to);

			assert_false(pair_give(pair, to, bytes, cut));
			assert_int_equal(dropped(pair, to), before + 1);
		}
	}
}

static void changed_data(void **state)
{
	struct pair *pair = pair_ready(1);
	uint64_t before = curves;

	(void)state;
	for (unsigned from = 0; from < 2; from++) {
		uint8_t frame[FLIGHT_SIZE];
		size_t len = pair_seal(pair, from, 1, frame);

		give_changed(pair, !from, frame, len);
		assert_true(pair_give(pair, !from, frame, len));
		/* one without content, which a change could make a probe */
		len = seal_close(pair->sides[from].seal, frame, 0, pair->now_us);
		give_changed(pair, !from, frame, len);
		assert_true(pair_give(pair, !from, frame, len));
		uint64_t replayed = pair_counts(pair, !from).replayed;

		assert_false(pair_give(pair, !from, frame, len));
		assert_int_equal(pair_counts(pair, !from).replayed, replayed + 1);
	}
	unharmed(pair, 1);
	assert_int_equal(curves, before);
	pair_free(pair);
}

/* Every handshake message, changed anywhere, costs no curve operation and gets no answer; the true one still works. */
static void changed_handshake(void **state)
{
	struct pair *pair = pair_new(1);
	bool is_seen[7] = { false };

	(void)state;
	pair->lost = 1000; /* frames are carried by hand */
	pair->sides[0].tick_us = seal_tick(pair->sides[0].seal, pair->now_us);
	for (unsigned turn = 0; !seal_up(pair->sides[0].seal) || !seal_up(pair->sides[1].seal); turn++) {
		unsigned from = turn % 2;
		struct flight flight = pair->sent[from][(pair->sent_len[from] - 1) % SENT_MAX];
		uint64_t before = curves, own = pair->sides[!from].own;

		assert_in_range(turn, 0, 10);
		is_seen[flight.bytes[0]] = true;
		give_changed(pair, !from, flight.bytes, flight.len);
		assert_int_equal(curves, before);
		assert_int_equal(pair->sides[!from].own, own);
		pair_give(pair, !from, flight.bytes, flight.len);
		assert_int_equal(pair->sides[!from].own, own + 1); /* the answer */
	}
	assert_true(is_seen[1] && is_seen[2] && is_seen[3] && is_seen[5]);
	unharmed(pair, 1);
	pair_free(pair);
}

/* The window: everything in it opens once in any order, what is older does not. */
static void window(void **state)
{
	enum { COUNT = 6000 };
	static uint8_t frames[COUNT][SEAL_HEAD + 4 + SEAL_TAIL];
	struct pair *pair = pair_ready(1);
	bool is_open[COUNT] = { false };
	int top = -1;

	(void)state;
	for (unsigned i = 0; i < COUNT; i++) {
		pair_seal(pair, 0, i, frames[i]);
	}
	for (unsigned i = 0; i < 100000; i++) {
		/* somewhere around the front, which jumps now and then, once by more than the window */
		int front = (int)(i / 18) + (i > 50000 ? 400 : 0);
		int at = front - 2200 + (int)(pair_random(pair) % 2300);

		if (at < 0 || at >= COUNT) {
			continue;
		}
		bool wanted = !is_open[at] && top - at < (int)SEAL_WINDOW;

		assert_int_equal(pair_give(pair, 1, frames[at], sizeof(frames[at])), wanted);
		is_open[at] = is_open[at] || wanted;
		top = at > top ? at : top;
	}
	assert_int_equal(pair->sides[1].twice, 0);
	pair_free(pair);

	pair = pair_ready(2);
	for (unsigned i = 0; i < COUNT; i++) {
		pair_seal(pair, 0, i, frames[i]);
	}
	assert_true(pair_give(pair, 1, frames[COUNT - 1], sizeof(frames[0])));
	for (unsigned i = 0; i < COUNT - 1; i++) {
		assert_int_equal(pair_give(pair, 1, frames[i], sizeof(frames[i])), COUNT - 1 - i < SEAL_WINDOW);
	}
	assert_int_equal(pair_counts(pair, 1).replayed, COUNT - SEAL_WINDOW);
	pair_free(pair);
}

/* Everything that both have ever sent, again, in any order, many times. */
static void replays(void **state)
{
	struct pair *pair = pair_ready(1);
	struct flight *all[2 * SENT_MAX];
	unsigned len = 0;

	(void)state;
	for (uint32_t i = 0; i < 20; i++) {
		pair_send(pair, i % 2, i);
	}
	pair_run(pair, S_US);
	for (unsigned side = 0; side < 2; side++) {
		for (unsigned i = 0; i < pair->sent_len[side] && i < SENT_MAX; i++) {
			all[len] = malloc(sizeof(struct flight));
			*all[len++] = pair->sent[side][i];
		}
	}
	/* at first with the session that they made, then with the next, then with one more */
	for (uint64_t sessions = 1; sessions <= 3; sessions++) {
		uint64_t before = curves;

		for (unsigned i = 0; i < 20000; i++) {
			const struct flight *flight = all[pair_random(pair) % len];

			if (flight->bytes[0] == 3 && flight->bytes[8] == 0) {
				continue; /* pokes that nobody asked for are looked at below */
			}
			assert_false(pair_give(pair, flight->to, flight->bytes, flight->len));
		}
		assert_int_equal(curves, before);
		unharmed(pair, sessions);
		pair_run(pair, 121 * S_US);
		assert_int_equal(pair_counts(pair, 0).sessions, sessions + 1);
	}
	for (unsigned i = 0; i < len; i++) {
		free(all[i]);
	}
	pair_free(pair);
}

/* Pokes that are replayed make new sessions at a bounded rate, and no frame is lost by that. */
static void replayed_pokes(void **state)
{
	struct pair *pair = pair_new(1);
	struct flight poke = { .len = 0 };
	uint64_t before;

	(void)state;
	pair_run(pair, 50);
	for (unsigned i = 0; i < pair->sent_len[1]; i++) {
		if (pair->sent[1][i].bytes[0] == 3 && pair->sent[1][i].bytes[8] == 0) {
			poke = pair->sent[1][i];
		}
	}
	assert_int_not_equal(poke.len, 0);
	assert_true(pair_up(pair, S_US));
	before = curves;
	for (uint32_t i = 0; i < 10000; i++) {
		pair_give(pair, 0, poke.bytes, poke.len);
		pair_send(pair, 0, i);
		pair_send(pair, 1, i);
		pair_run(pair, 1000);
	}
	pair_run(pair, S_US);
	assert_int_equal(pair->sides[0].arrived, 10000);
	assert_int_equal(pair->sides[1].arrived, 10000);
	assert_in_range(pair_counts(pair, 0).sessions, 2, 15);
	assert_in_range(curves - before, 0, 300);
	pair_free(pair);
}

/* While one or both restart, somebody replays what he has heard, again and again: they find each other anyway. */
static void replays_at_start(void **state)
{
	(void)state;
	for (unsigned who = 0; who < 3; who++) {
		struct pair *pair = pair_ready(who);
		struct flight heard[2][SENT_MAX];
		unsigned heard_len[2] = { pair->sent_len[0], pair->sent_len[1] };
		uint64_t from_us = pair->now_us, before;

		memcpy(heard, pair->sent, sizeof(heard));
		if (who != 1) {
			pair_restart(pair, 0);
		}
		if (who != 0) {
			pair_restart(pair, 1);
		}
		before = curves;
		for (uint32_t i = 0; pair->sides[0].arrived == 0 || pair->sides[1].arrived == 0; i++) {
			assert_in_range(pair->now_us - from_us, 0, 100000);
			for (unsigned n = 0; n < 20; n++) {
				const struct flight *flight = &heard[n % 2][pair_random(pair) % heard_len[n % 2]];

				pair_give(pair, flight->to, flight->bytes, flight->len);
			}
			pair_send(pair, 0, i);
			pair_send(pair, 1, i);
			pair_run(pair, 1000);
		}
		assert_in_range(curves - before, 0, 150);
		pair_free(pair);
	}
}

/* Somebody who knows the ids, the public keys and the cluster, but no secret. */
static void unknown_key(void **state)
{
	for (unsigned victim = 0; victim < 2; victim++) {
		struct pair *pair = pair_ready(1), *evil = pair_new(2);
		uint64_t before, forged = pair_counts(pair, victim).forged;

		(void)state;
		pair_key(77, evil->sides[!victim].setup.secrets[0], NULL);
		pair_restart(evil, !victim);
		evil->lost = 1000;
		pair_run(evil, 20 * S_US);
		assert_true(evil->sent_len[!victim] > 10);
		before = curves;
		uint64_t own = pair->sides[victim].own;

		for (unsigned i = 0; i < evil->sent_len[!victim] && i < SENT_MAX; i++) {
			assert_false(pair_give(pair, victim, evil->sent[!victim][i].bytes, evil->sent[!victim][i].len));
		}
		assert_true(pair_counts(pair, victim).forged > forged + 10);
		assert_int_equal(curves, before);
		assert_int_equal(pair->sides[victim].own, own);
		unharmed(pair, 1);
		pair_free(evil);
		pair_free(pair);
	}
}

/* A peer that is mad, or captured, and knows its key: what it makes the other compute is bounded. */
static void mad_peer(void **state)
{
	struct pair *pair = pair_ready(1);
	uint64_t restarts = 0, before;

	(void)state;
	before = curves;
	for (unsigned ms = 0; ms < 10000; ms++) {
		uint64_t at = curves;

		/* a process that begins again each time: its own work does not count */
		pair_restart(pair, 0);
		restarts += curves - at;
		for (unsigned i = 0; i < 4; i++) {
			at = curves;
			seal_tick(pair->sides[0].seal, pair->now_us);
			const struct flight *first = &pair->sent[0][(pair->sent_len[0] - 1) % SENT_MAX];
			struct flight copy = *first;

			restarts += curves - at;
			pair_give(pair, 1, copy.bytes, copy.len);
			copy = pair->sent[1][(pair->sent_len[1] - 1) % SENT_MAX];
			at = curves;
			pair_give(pair, 0, copy.bytes, copy.len);
			restarts += curves - at;
			copy = pair->sent[0][(pair->sent_len[0] - 1) % SENT_MAX];
			pair_give(pair, 1, copy.bytes, copy.len);
		}
		pair->flights_len = 0;
		pair->now_us += 1000;
	}
	/* 10 s of 8 handshakes and a burst of 16, each 4 multiplications and 2 public keys */
	assert_in_range(curves - before - restarts, 6 * 80, 6 * (80 + 16));
	assert_true(pair_counts(pair, 1).throttled > 1000);
	pair_free(pair);
}

/* A million frames: noise, noise with a good head, and changed true ones. */
static void flood(void **state)
{
	struct pair *pair = pair_ready(1);
	struct timespec from, to;
	uint8_t good[2][8][FLIGHT_SIZE], *data;
	size_t lens[2][8], len;
	uint64_t before = curves, opened = 0, drops = dropped(pair, 0) + dropped(pair, 1);
	enum { COUNT = 1000000 };

	(void)state;
	for (unsigned side = 0; side < 2; side++) {
		for (unsigned i = 0; i < 8; i++) {
			const struct flight *flight = &pair->sent[side][i % pair->sent_len[side]];

			memcpy(good[side][i], flight->bytes, flight->len);
			lens[side][i] = flight->len;
			if (i >= 4) {
				memset(good[side][i], (int)i, FLIGHT_SIZE);
				lens[side][i] = seal_close(pair->sides[side].seal, good[side][i], 60, pair->now_us);
				/* used up, so that a change which is none opens nothing */
				opened += pair_give(pair, !side, good[side][i], lens[side][i]);
			}
		}
	}
	assert_int_equal(opened, 8);
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (unsigned i = 0; i < COUNT; i++) {
		uint64_t random = pair_random(pair);
		unsigned side = random & 1, at = random >> 1 & 7, kind = random >> 4 & 3;
		uint8_t bytes[FLIGHT_SIZE];

		len = lens[side][at];
		memcpy(bytes, good[side][at], len);
		if (kind == 0) {
			len = random >> 8 & 127;
			for (size_t k = 0; k < 128; k += 8) {
				uint64_t word = pair_random(pair);

				memcpy(bytes + k, &word, 8);
			}
		} else if (kind == 1) {
			for (size_t k = SEAL_HEAD; k + 8 <= len; k += 8) {
				uint64_t word = pair_random(pair);

				memcpy(bytes + k, &word, 8);
			}
			bytes[24 + (random >> 8 & 7)] ^= (uint8_t)(random >> 12);
		} else {
			for (unsigned k = 0; k <= kind - 2; k++) {
				bytes[(random >> (8 + 16 * k) & 0xffff) % len] ^= (uint8_t)(1u << (random >> (40 + 8 * k) & 7));
			}
		}
		opened += seal_open(pair->sides[!side].seal, bytes, len, pair->now_us + i, &data, &len);
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	print_message("# %.2f s\n", (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9);
	assert_int_equal(opened, 8);
	assert_in_range(curves - before, 0, 10);
	assert_in_range(dropped(pair, 0) + dropped(pair, 1) - drops, COUNT - 200, COUNT);
	unharmed(pair, 1);
	pair_free(pair);
}

static void no_frames(void **state)
{
	uint8_t frame[FLIGHT_SIZE] = { 4, 1 };

	(void)state;
	frame[16] = 7;
	assert_int_equal(seal_sender(frame, SEAL_HEAD + SEAL_TAIL), 7);
	for (size_t len = 0; len < SEAL_HEAD + SEAL_TAIL; len++) {
		assert_int_equal(seal_sender(frame, len), 0);
	}
	for (unsigned i = 0; i < 8; i++) {
		frame[i] ^= 8;
		assert_int_equal(seal_sender(frame, SEAL_HEAD + SEAL_TAIL), 0);
		frame[i] ^= 8;
	}
}

/* An argument names the one test to run. */
int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(changed_data),	  cmocka_unit_test(changed_handshake), cmocka_unit_test(window),
		cmocka_unit_test(replays),	  cmocka_unit_test(replayed_pokes),    cmocka_unit_test(replays_at_start),
		cmocka_unit_test(unknown_key),	  cmocka_unit_test(mad_peer),	       cmocka_unit_test(flood),
		cmocka_unit_test(no_frames),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	cmocka_set_test_filter(argc > 1 ? argv[1] : NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
