/* SPDX-License-Identifier: MIT */
/* Delays after wrong passwords: they grow, end, belong to one name and network, and never need more memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "account.h"

#define SECOND UINT64_C(1000000)

static const uint8_t secret[16] = { 1, 2, 3 };

static struct throttle *fresh(void)
{
	static struct throttle throttle;

	throttle = (struct throttle){ 0 };
	assert_int_equal(secret_init(), 0);
	assert_int_equal(throttle_init(&throttle, secret, 1000, 900000), 0);
	return &throttle;
}

static void test_doubles_to_the_bound(void **state)
{
	static const uint64_t wanted_s[] = { 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900 };
	struct throttle *t = fresh();
	uint64_t key = throttle_key(t, "ann", 1), now = SECOND;

	(void)state;
	for (size_t i = 0; i < sizeof(wanted_s) / sizeof(wanted_s[0]); i++) {
		assert_int_equal(throttle_enter(t, key, now), 0);
		throttle_leave(t, key, now, 0);
		assert_int_equal(throttle_enter(t, key, now), wanted_s[i] * 1000);
		now += wanted_s[i] * SECOND - 1;
		assert_int_equal(throttle_enter(t, key, now), 1);
		now++;
	}
	throttle_free(t);
}

static void test_right_one_clears(void **state)
{
	struct throttle *t = fresh();
	uint64_t key = throttle_key(t, "ann", 1);

	(void)state;
	assert_int_equal(throttle_enter(t, key, 0), 0);
	throttle_leave(t, key, 0, 0);
	assert_int_equal(throttle_enter(t, key, SECOND), 0);
	throttle_leave(t, key, SECOND, 1);
	assert_int_equal(throttle_enter(t, key, SECOND), 0);
	throttle_leave(t, key, SECOND, 0);
	assert_int_equal(throttle_enter(t, key, SECOND), 1000);
	throttle_free(t);
}

static void test_one_at_a_time(void **state)
{
	struct throttle *t = fresh();
	uint64_t key = throttle_key(t, "ann", 1);

	(void)state;
	assert_int_equal(throttle_enter(t, key, 0), 0);
	assert_int_equal(throttle_enter(t, key, 0), 1000);
	throttle_leave(t, key, 0, -1); /* not decided: as if it had not been */
	assert_int_equal(throttle_enter(t, key, 0), 0);
	throttle_free(t);
}

static void test_others_are_free(void **state)
{
	struct throttle *t = fresh();
	uint64_t key = throttle_key(t, "ann", 1);

	(void)state;
	assert_int_equal(throttle_enter(t, key, 0), 0);
	throttle_leave(t, key, 0, 0);
	assert_int_equal(throttle_enter(t, throttle_key(t, "ann", 2), 0), 0); /* never a lock by name alone */
	assert_int_equal(throttle_enter(t, throttle_key(t, "bob", 1), 0), 0);
	throttle_free(t);
}

static void test_full_table(void **state)
{
	struct throttle *t = fresh();

	(void)state;
	for (uint64_t network = 0; network < 4 * THROTTLE_SETS * THROTTLE_WAYS; network++) {
		uint64_t key = throttle_key(t, "ann", network);

		assert_int_equal(throttle_enter(t, key, SECOND), 0);
		throttle_leave(t, key, SECOND, 0);
	}
	assert_true(t->evicted > 0);
	throttle_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_doubles_to_the_bound), cmocka_unit_test(test_right_one_clears),
		cmocka_unit_test(test_one_at_a_time),	     cmocka_unit_test(test_others_are_free),
		cmocka_unit_test(test_full_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
