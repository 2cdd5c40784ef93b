/* SPDX-License-Identifier: MIT */
/* Two seals: sessions begin, carry, are renewed and healed; whatever does not belong is dropped and counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/bus/cipher.h"
#include "seal_fixture.h"

/* A session that sends on both sides and has nothing under way. */
static struct pair *pair_ready(uint64_t seed)
{
	struct pair *pair = pair_new(seed);

	assert_true(pair_up(pair, 1000000));
	pair_run(pair, 1000000);
	return pair;
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
	pair_run(pair, 10000);
	for (unsigned i = 0; i < 2; i++) {
		struct seal_counts counts = pair_counts(pair, i);

		assert_int_equal(pair->sides[i].arrived, 50);
		assert_int_equal(counts.sealed, 50);
		assert_int_equal(counts.opened, 50);
		assert_int_equal(counts.sessions, 1);
		assert_int_equal(counts.forged + counts.malformed + counts.replayed, 0);
	}
	pair_free(pair);
}

static void restarts(void **state)
{
	(void)state;
	for (unsigned who = 0; who < 2; who++) {
		struct pair *pair = pair_ready(who);
		uint64_t from_us = pair->now_us;

		pair_restart(pair, who);
		for (uint32_t i = 0; pair->sides[!who].arrived == 0 || pair->sides[who].arrived == 0; i++) {
			assert_true(pair->now_us - from_us < 50000);
			pair_send(pair, 0, i);
			pair_send(pair, 1, i);
			pair_run(pair, 1000);
		}
		pair_free(pair);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts),
		cmocka_unit_test(restarts),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
