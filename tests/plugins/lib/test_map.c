/* SPDX-License-Identifier: MIT */
/* The number map against a plain array, with keys that collide and many removals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "map/map.h"

#define KEYS 512u

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void test_against_array(void **state)
{
	static char values[KEYS];
	void *wanted[KEYS] = { 0 };
	struct map map = { 0 };
	uint32_t seed = 1, present = 0;

	(void)state;
	for (uint32_t round = 0; round < 200000; round++) {
		uint32_t key = next_random(&seed) % KEYS;

		/* phases that fill and phases that empty */
		if (next_random(&seed) % 10 < ((round / 5000) % 2 ? 3u : 7u)) {
			assert_int_equal(map_put(&map, (uint64_t)key << 32, &values[key]), 0);
			present += wanted[key] == NULL;
			wanted[key] = &values[key];
		} else {
			assert_ptr_equal(map_remove(&map, (uint64_t)key << 32), wanted[key]);
			present -= wanted[key] != NULL;
			wanted[key] = NULL;
		}
		assert_int_equal(map.count, present);
		key = next_random(&seed) % KEYS;
		assert_ptr_equal(map_get(&map, (uint64_t)key << 32), wanted[key]);
	}
	for (uint32_t key = 0; key < KEYS; key++) {
		assert_ptr_equal(map_get(&map, (uint64_t)key << 32), wanted[key]);
	}
	map_free(&map);
}

static void test_walk(void **state)
{
	struct map map = { 0 };
	struct map_entry *entry;
	uint64_t sum = 0;
	uint32_t at = 0;
	char value;

	(void)state;
	assert_null(map_next(&map, &at));
	assert_null(map_get(&map, 1));
	assert_null(map_remove(&map, 1));
	for (uint64_t key = 0; key < 1000; key++) {
		assert_int_equal(map_put(&map, key, &value), 0);
	}
	at = 0;
	while ((entry = map_next(&map, &at)) != NULL) {
		sum += entry->key;
	}
	assert_int_equal(sum, 499500);
	map_free(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_array),
		cmocka_unit_test(test_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
