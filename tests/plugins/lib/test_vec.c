/* SPDX-License-Identifier: MIT */
/* Vectors: rounding down, the ends of the ranges, lengths of what has none; the root against the machine's own. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vec/vec.h"

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void test_division(void **state)
{
	static const struct {
		int32_t a, b, quotient, rest;
	} cases[] = {
		{ 0, 25, 0, 0 },	   { 24, 25, 0, 24 },	  { 25, 25, 1, 0 },   { -1, 25, -1, 24 },
		{ -25, 25, -1, 0 },	   { -26, 25, -2, 24 },	  { 7, -2, -4, -1 },  { -7, -2, 3, -1 },
		{ INT32_MIN, 16, -134217728, 0 }, { INT32_MAX, 16, 134217727, 15 }, { INT32_MIN, -1, INT32_MAX, 0 },
		{ INT32_MIN, INT32_MAX, -2, INT32_MAX - 1 }, { 5, 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(vec_div(cases[i].a, cases[i].b), cases[i].quotient);
		assert_int_equal(vec_mod(cases[i].a, cases[i].b), cases[i].rest);
	}
	for (int32_t a = -1000; a <= 1000; a++) {
		assert_int_equal(vec_div(a, 16) * 16 + vec_mod(a, 16), a);
		assert_in_range(vec_mod(a, 16), 0, 15);
	}
	assert_int_equal(vec3i_div((struct vec3i){ -1, 16, -17 }, 16).z, -2);
	assert_int_equal(vec2i_mod((struct vec2i){ -1, 16 }, 16).x, 15);
}

static void test_whole_numbers_saturate(void **state)
{
	struct vec3i top = { INT32_MAX, INT32_MAX, INT32_MAX }, low = { INT32_MIN, INT32_MIN, INT32_MIN };
	struct vec3i one = { 1, -2, 3 }, sum = vec3i_add(one, (struct vec3i){ 10, 20, 30 });

	(void)state;
	assert_true(sum.x == 11 && sum.y == 18 && sum.z == 33);
	assert_int_equal(vec3i_add(top, one).x, INT32_MAX);
	assert_int_equal(vec3i_add(top, one).y, INT32_MAX - 2);
	assert_int_equal(vec3i_sub(low, one).x, INT32_MIN);
	assert_int_equal(vec3i_mul(top, low).z, INT32_MIN);
	assert_int_equal(vec3i_mul(low, low).z, INT32_MAX);
	assert_int_equal(vec3i_scale(one, -7).y, 14);
	assert_int_equal(vec2i_scale((struct vec2i){ 65536, -65536 }, 65536).x, INT32_MAX);
	assert_int_equal(vec2i_scale((struct vec2i){ 65536, -65536 }, 65536).y, INT32_MIN);
	assert_int_equal(vec3i_dot(one, one), 14);
	assert_true(vec3i_dot(low, low) == INT64_MAX && vec3i_dot(low, top) == INT64_MIN);
	assert_true(vec2i_dot((struct vec2i){ INT32_MIN, INT32_MIN }, (struct vec2i){ INT32_MIN, INT32_MIN }) == INT64_MAX);
	/* two products pass the end, the third brings the sum back */
	assert_true(vec3i_dot(low, (struct vec3i){ INT32_MIN, INT32_MIN, INT32_MAX }) == ((int64_t)1 << 62) + ((int64_t)1 << 31));
	assert_true(vec2i_dist((struct vec2i){ INT32_MIN, 0 }, (struct vec2i){ INT32_MAX, 0 }) == 4294967295.0);
	assert_true(vec3i_len((struct vec3i){ 2, 3, -6 }) == 7);
	assert_true(vec3i_dist(low, low) == 0 && vec2i_len((struct vec2i){ 3, -4 }) == 5);
}

static void test_root(void **state)
{
	uint64_t random = 88172645463325252u;
	double a;

	(void)state;
	assert_true(vec_root(0) == 0 && vec_root(-1) == 0 && vec_root(NAN) == 0 && vec_root(-INFINITY) == 0);
	assert_true(vec_root(INFINITY) == INFINITY && vec_root(1) == 1 && vec_root(DBL_TRUE_MIN) == sqrt(DBL_TRUE_MIN));
	assert_true(vec_root(DBL_MAX) == sqrt(DBL_MAX) && vec_root(DBL_MIN) == sqrt(DBL_MIN));
	for (uint64_t i = 0; i < 1000; i++) {
		assert_true(vec_root((double)(i * i)) == (double)i);
	}
	for (int i = 0; i < 1000000; i++) {
		uint64_t bits = next_random(&random) & INT64_MAX;

		if (i % 4 == 0) { /* numbers beside squares, where rounding is hardest */
			double whole = (double)(bits >> 38);

			a = nextafter(whole * whole, i % 8 ? INFINITY : 0);
		} else {
			memcpy(&a, &bits, sizeof(a));
		}
		if (a == a) {
			assert_true(vec_root(a) == sqrt(a));
		}
	}
}

static void test_lengths(void **state)
{
	struct vec3f unit = vec3f_unit((struct vec3f){ 1e300, -1e300, 1e300 });

	(void)state;
	assert_true(vec3f_len((struct vec3f){ 2, 3, 6 }) == 7);
	assert_true(vec2f_dist((struct vec2f){ 1, 1 }, (struct vec2f){ 4, 5 }) == 5);
	assert_true(vec3f_len((struct vec3f){ 0, 0, 0 }) == 0 && vec3f_len((struct vec3f){ NAN, INFINITY, 1 }) == 0);
	assert_true(vec3f_len((struct vec3f){ 1, -INFINITY, 1 }) == INFINITY);
	/* the squares are out of range, the lengths are not */
	assert_true(vec2f_len((struct vec2f){ 3 * 0x1p700, 4 * 0x1p700 }) == 5 * 0x1p700);
	assert_true(vec2f_len((struct vec2f){ 3 * 0x1p-700, 4 * 0x1p-700 }) == 5 * 0x1p-700);
	assert_true(fabs(vec3f_len(unit) - 1) < 1e-15 && unit.y < 0);
	unit = vec3f_unit((struct vec3f){ 0, 0, 0 });
	assert_true(unit.x == 0 && unit.y == 0 && unit.z == 0);
	unit = vec3f_unit((struct vec3f){ 1, NAN, 0 });
	assert_true(unit.x == 0 && unit.y == 0 && unit.z == 0);
	unit = vec3f_unit((struct vec3f){ INFINITY, 1, 0 });
	assert_true(unit.x == 0 && unit.y == 0 && unit.z == 0);
	assert_true(vec2f_unit((struct vec2f){ 0, -5e-324 }).y == -1);
	assert_true(vec3f_dot(vec3f_scale((struct vec3f){ 1, 2, 3 }, 2), vec3f_add((struct vec3f){ 1, 1, 1 },
			      vec3f_mul((struct vec3f){ 1, 2, 3 }, (struct vec3f){ 0, 1, 0 }))) == 2 + 12 + 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_division),
		cmocka_unit_test(test_whole_numbers_saturate),
		cmocka_unit_test(test_root),
		cmocka_unit_test(test_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
