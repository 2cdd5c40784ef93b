/* SPDX-License-Identifier: MIT */
/* Two seals over a bad wire: sessions begin, carry, are renewed, change their keys, end, and heal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seal_fixture.h"

#define S_US 1000000u

static uint64_t allocations;
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

void *__wrap_malloc(size_t size)
{
	allocations++;
	return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	allocations++;
	return __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
	allocations++;
	return __real_realloc(memory, size);
}

/* A session that sends on both sides and has nothing under way. */
static struct pair *pair_ready(uint64_t seed)
{
	struct pair *pair = pair_new(seed);

	assert_true(pair_up(pair, S_US));
	pair_run(pair, S_US);
	return pair;
}

/* Numbers from `*next` on, one for each side every `every_us`, for `us`. */
static void pair_talk(struct pair *pair, uint32_t *next, uint64_t every_us, uint64_t us)
{
	for (uint64_t at = 0; at < us; at += every_us) {
		pair_send(pair, 0, *next);
		pair_send(pair, 1, *next);
		(*next)++;
		pair_run(pair, every_us);
	}
}

/* Everything that the wire carried has opened, once. */
static void all_opened(struct pair *pair)
{
	pair_run(pair, S_US);
	for (unsigned i = 0; i < 2; i++) {
		struct seal_counts counts = pair_counts(pair, i);

		assert_int_equal(pair->sides[i].arrived, pair->sides[i].flew);
		assert_int_equal(pair->sides[i].twice, 0);
		assert_int_equal(counts.forged + counts.malformed, 0);
	}
	assert_int_equal(pair->dropped_full, 0);
}

static void starts(void **state)
{
	struct pair *pair = pair_new(1);

	(void)state;
	assert_false(pair_send(pair, 0, 1));
	assert_false(pair_send(pair, 1, 1));
	assert_true(pair_up(pair, 10000));
	for (uint32_t i = 0; i < 100; i++) {
		assert_true(pair_send(pair, i % 2, i));
	}
	all_opened(pair);
	for (unsigned i = 0; i < 2; i++) {
		struct seal_counts counts = pair_counts(pair, i);

		assert_int_equal(pair->sides[i].arrived, 50);
		assert_int_equal(counts.sealed, 50);
		assert_int_equal(counts.opened, 50);
		assert_int_equal(counts.sessions, 1);
		assert_int_equal(counts.replayed, 0);
		assert_in_range(counts.stale, 0, 1); /* both began at once, so one answer came too late */
		assert_int_equal(seal_sender(pair->sent[i][0].bytes, pair->sent[i][0].len), 1000 + i);
	}
	pair_free(pair);
}

static void over_bad_wires(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 300; seed++) {
		struct pair *pair = pair_new(seed);
		uint32_t next = 0;

		pair->lost = pair_random(pair) % 500;
		pair->repeated = pair_random(pair) % 500;
		pair->trip_us = pair_random(pair) % 50000;
		pair->jitter_us = pair_random(pair) % 100000;
		if (!pair_up(pair, 20 * S_US)) {
			fail_msg("seed %llu: no session", (unsigned long long)seed);
		}
		pair_talk(pair, &next, 2000, S_US);
		all_opened(pair);
		pair_free(pair);
	}
}

/* Renewed by age, under traffic: nothing is lost but what the wire loses. */
static void renews(void **state)
{
	static const unsigned lost[] = { 0, 300 };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct pair *pair = pair_ready(i);
		uint32_t next = 0;

		pair->lost = lost[i];
		pair->repeated = 100;
		pair->trip_us = 1000;
		pair->jitter_us = 5000;
		for (unsigned round = 1; round <= 3; round++) {
			pair_talk(pair, &next, 100000, 115 * S_US);
			pair_talk(pair, &next, 1000, 6 * S_US);
			assert_in_range(pair_counts(pair, 0).sessions, round + 1, round + 3);
			assert_in_range(pair_counts(pair, 1).sessions, round + 1, round + 3);
		}
		assert_int_equal(pair->sides[0].seen_max > next, 1);
		all_opened(pair);
		pair_free(pair);
	}
}

/* Renewed by the number of frames, whoever sends them. */
static void renews_by_frames(void **state)
{
	uint8_t frame[FLIGHT_SIZE];

	(void)state;
	for (unsigned from = 0; from < 2; from++) {
		struct pair *pair = pair_ready(from);

		for (uint32_t i = 0; i <= SEAL_REKEY_FRAMES; i++) {
			size_t len = pair_seal(pair, from, i, frame);

			assert_true(i % 1024 != 0 || pair_give(pair, !from, frame, len));
		}
		assert_int_equal(pair_counts(pair, 0).sessions, 1);
		pair_give(pair, !from, frame, pair_seal(pair, from, 7, frame));
		pair_run(pair, S_US);
		assert_int_equal(pair_counts(pair, 0).sessions, 2);
		assert_int_equal(pair_counts(pair, 1).sessions, 2);
		pair_free(pair);
	}
}

/* Either side's process begins again, or both: frames flow again in a few trips, whoever has something to send. */
static void restarts(void **state)
{
	(void)state;
	for (unsigned who = 0; who < 12; who++) {
		struct pair *pair = pair_ready(who);
		bool has_data[] = { who / 3 != 1, who / 3 != 2 };
		uint64_t from_us;

		pair_run(pair, who / 3 == 3 ? 30 * S_US : 0);
		from_us = pair->now_us;
		if (who % 3 != 1) {
			pair_restart(pair, 0);
		}
		if (who % 3 != 0) {
			pair_restart(pair, 1);
		}
		for (uint32_t i = 0; (has_data[0] && pair->sides[1].arrived == 0) ||
				     (has_data[1] && pair->sides[0].arrived == 0); i++) {
			assert_in_range(pair->now_us - from_us, 0, 20000);
			for (unsigned from = 0; from < 2; from++) {
				if (has_data[from]) {
					pair_send(pair, from, i);
				}
			}
			pair_run(pair, 1000);
		}
		pair_free(pair);
	}
}

/* The one side has lost the session while nothing reached it, and its own handshake frames were lost, too. */
static void heals_when_quiet(void **state)
{
	(void)state;
	for (unsigned who = 0; who < 2; who++) {
		struct pair *pair = pair_ready(who);
		uint32_t next = 0;

		pair->lost = 1000;
		pair_restart(pair, who);
		pair_talk(pair, &next, 100000, 10 * S_US);
		pair->lost = 0;
		pair->sides[0].arrived = pair->sides[1].arrived = 0;
		pair_talk(pair, &next, 1000, 1100000);
		assert_int_not_equal(pair->sides[0].arrived, 0);
		assert_int_not_equal(pair->sides[1].arrived, 0);
		pair_free(pair);
	}
}

/* Message 2 arrives, but nothing under the new session reaches the other side until that has forgotten it: now the lower
 * id sends under a session that the other does not know, while it still hears the former one. */
static void heals_when_half_cut(void **state)
{
	struct pair *pair = pair_ready(1);
	uint32_t next = 0;
	uint64_t own;

	(void)state;
	pair_run(pair, 118 * S_US);
	own = pair->sides[1].own;
	while (pair->sides[1].own == own) {
		pair_run(pair, 50);
	}
	pair->cut[1] = true;
	pair_talk(pair, &next, 100000, 15 * S_US);
	assert_int_equal(pair_counts(pair, 0).sessions, pair_counts(pair, 1).sessions + 1);
	pair->cut[1] = false;
	pair_talk(pair, &next, 10000, 3 * S_US);
	assert_int_equal(pair_counts(pair, 0).sessions, pair_counts(pair, 1).sessions + 1);
	pair->sides[1].arrived = 0;
	pair_talk(pair, &next, 10000, S_US);
	assert_int_equal(pair->sides[1].arrived, 100);
	pair_free(pair);
}

static void dies(void **state)
{
	struct pair *pair = pair_ready(1);
	uint64_t sent[2];

	(void)state;
	pair->lost = 1000;
	pair_run(pair, 170 * S_US);
	assert_true(seal_up(pair->sides[0].seal) && seal_up(pair->sides[1].seal));
	assert_true(pair_send(pair, 0, 1) && pair_send(pair, 1, 1));
	pair_run(pair, 12 * S_US);
	assert_false(seal_up(pair->sides[0].seal) || seal_up(pair->sides[1].seal));
	assert_false(pair_send(pair, 0, 2) || pair_send(pair, 1, 2));
	/* frames of it do not open any more, and what is repeated is bounded */
	for (unsigned i = 0; i < 2; i++) {
		struct seal_counts before = pair_counts(pair, i), after;
		const struct flight *last = &pair->sent[!i][(pair->sent_len[!i] - 1) % SENT_MAX];

		assert_false(pair_give(pair, i, last->bytes, last->len));
		after = pair_counts(pair, i);
		assert_int_equal(after.opened, before.opened);
		sent[i] = pair->sides[i].own;
	}
	pair_run(pair, 100 * S_US);
	for (unsigned i = 0; i < 2; i++) {
		assert_in_range(pair->sides[i].own - sent[i], 90, 110);
	}
	pair->lost = 0;
	assert_true(pair_up(pair, 1100000));
	pair_free(pair);
}

/* A tick that is late by much does what a timely one does; frames of a dead session are refused before it. */
static void dies_without_tick(void **state)
{
	struct pair *pair = pair_ready(1);
	uint8_t frame[FLIGHT_SIZE];
	size_t len = pair_seal(pair, 0, 1, frame);

	(void)state;
	assert_true(pair_give(pair, 1, frame, len));
	len = pair_seal(pair, 0, 2, frame);
	pair->now_us += SEAL_DEAD_US;
	assert_false(pair_give(pair, 1, frame, len));
	assert_int_equal(pair_counts(pair, 1).stale, 1);
	assert_int_equal(pair_seal(pair, 0, 3, frame), 0);
	pair_free(pair);
}

static void keys_set(struct pair *pair, unsigned at, const int secrets[2], const int peers[2])
{
	struct seal_setup *setup = &pair->sides[at].setup;

	setup->secrets_len = setup->peers_len = 0;
	for (unsigned i = 0; i < 2; i++) {
		if (secrets[i] >= 0) {
			pair_key((unsigned)secrets[i], setup->secrets[setup->secrets_len++], NULL);
		}
		if (peers[i] >= 0) {
			pair_key((unsigned)peers[i], NULL, setup->peers[setup->peers_len++]);
		}
	}
}

/* A side gets a new key as an operator does it: at every step the sides are reloaded one after the other, or restarted,
 * and all frames come through. */
static void changes_keys(void **state)
{
	static const struct {
		int mine[2], peers[2];
	} steps[] = {
		{ { 5, 0 }, { 0, -1 } }, /* new; the other has not heard of it */
		{ { 5, 0 }, { 5, 0 } },
		{ { 5, 0 }, { 5, -1 } },
		{ { 5, -1 }, { 5, -1 } }, /* drop */
	};

	(void)state;
	for (unsigned run = 0; run < 8; run++) {
		unsigned who = run % 2, first = run / 2 % 2;
		bool with_restart = run / 4 > 0;
		struct pair *pair = pair_ready(run);
		uint32_t next = 0;
		int other = (int)!who;

		keys_set(pair, who, (int[]){ 0, -1 }, (int[]){ 9, -1 });
		keys_set(pair, !who, (int[]){ 9, -1 }, (int[]){ 0, -1 });
		pair_restart(pair, 0);
		pair_restart(pair, 1);
		assert_true(pair_up(pair, S_US));
		for (unsigned step = 0; step < 4; step++) {
			for (unsigned turn = 0; turn < 2; turn++) {
				unsigned at = turn == 0 ? first : !first;

				if (at == who) {
					keys_set(pair, who, steps[step].mine, (int[]){ 9, -1 });
				} else {
					keys_set(pair, (unsigned)other, (int[]){ 9, -1 }, steps[step].peers);
				}
				if (with_restart) {
					pair_restart(pair, at);
					assert_true(pair_up(pair, 3 * S_US));
				} else {
					seal_keys(pair->sides[at].seal, &pair->sides[at].setup, pair->now_us);
				}
				pair_talk(pair, &next, 10000, 3 * S_US);
			}
		}
		pair_run(pair, 5 * S_US);
		assert_true(next * 2 == pair->sides[0].flew + pair->sides[1].flew);
		for (unsigned i = 0; i < 2; i++) {
			assert_int_equal(pair->sides[i].arrived, pair->sides[i].flew);
			assert_true(with_restart || pair_counts(pair, i).sessions >= 3);
		}
		/* who has only the former key stays outside */
		keys_set(pair, who, (int[]){ 0, -1 }, (int[]){ 9, -1 });
		pair_restart(pair, who);
		pair_run(pair, 10 * S_US);
		assert_false(seal_up(pair->sides[who].seal));
		pair_free(pair);
	}
}

/* All four pairs are found, whichever one fits, also when the trip takes longer than a repeat. */
static void finds_keys(void **state)
{
	(void)state;
	for (unsigned run = 0; run < 8; run++) {
		struct pair *pair = pair_new(run);
		int fits[2] = { (int)(run % 2), (int)(run / 2 % 2) };

		pair->trip_us = run / 4 * 300000;
		keys_set(pair, 0, (int[]){ 10, 11 }, (int[]){ 20, 21 });
		keys_set(pair, 1, (int[]){ 33, 20 + fits[1] }, (int[]){ 34, 10 + fits[0] });
		pair_restart(pair, 0);
		pair_restart(pair, 1);
		assert_true(pair_up(pair, 10 * S_US));
		pair_free(pair);
	}
}

/* The same keys again are no reason for a new session. */
static void keeps_keys(void **state)
{
	struct pair *pair = pair_ready(1);
	uint64_t own = pair->sides[0].own + pair->sides[1].own;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		seal_keys(pair->sides[i].seal, &pair->sides[i].setup, pair->now_us);
	}
	pair_run(pair, 10 * S_US);
	assert_int_equal(pair->sides[0].own + pair->sides[1].own, own);
	pair_free(pair);
}

/* Who disagrees about what both have to know stays outside. */
static void needs_agreement(void **state)
{
	(void)state;
	for (unsigned what = 0; what < 4; what++) {
		struct pair *pair = pair_new(1);
		struct seal_setup *setup = &pair->sides[what % 2].setup;

		if (what / 2 == 0) {
			setup->prologue = "tesd";
		} else {
			setup->self += 2; /* frames carry it, so the other knows nobody of that id */
		}
		pair_restart(pair, what % 2);
		pair_run(pair, 10 * S_US);
		assert_false(seal_up(pair->sides[0].seal) || seal_up(pair->sides[1].seal));
		assert_true(pair_counts(pair, 0).opened + pair_counts(pair, 1).opened == 0);
		pair_free(pair);
	}
	struct seal_setup same = { .self = 1, .peer = 1 };

	assert_null(seal_new(&same, 1));
}

static void allocates_nothing(void **state)
{
	struct pair *pair = pair_ready(1);
	struct seal *seals[] = { pair->sides[0].seal, pair->sides[1].seal };
	uint8_t frame[FLIGHT_SIZE], *data;
	uint64_t before = allocations;
	size_t len;

	(void)state;
	assert_true(before > 0);
	for (unsigned i = 0; i < 10000; i++) {
		len = seal_close(seals[i % 2], frame, 100, pair->now_us);
		assert_true(len > 0);
		frame[40] ^= i % 3 == 0;
		assert_int_equal(seal_open(seals[!(i % 2)], frame, len, pair->now_us, &data, &len), i % 3 != 0);
		seal_tick(seals[i % 2], pair->now_us + i);
	}
	assert_int_equal(allocations, before);
	pair_free(pair);
}

/* An argument names the one test to run. */
int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts),
		cmocka_unit_test(over_bad_wires),
		cmocka_unit_test(renews),
		cmocka_unit_test(renews_by_frames),
		cmocka_unit_test(restarts),
		cmocka_unit_test(heals_when_quiet),
		cmocka_unit_test(heals_when_half_cut),
		cmocka_unit_test(dies),
		cmocka_unit_test(dies_without_tick),
		cmocka_unit_test(changes_keys),
		cmocka_unit_test(finds_keys),
		cmocka_unit_test(keeps_keys),
		cmocka_unit_test(needs_agreement),
		cmocka_unit_test(allocates_nothing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	cmocka_set_test_filter(argc > 1 ? argv[1] : NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
