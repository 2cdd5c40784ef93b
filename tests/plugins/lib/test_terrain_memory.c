/* SPDX-License-Identifier: MIT */
/* The blocks of a world when memory ends at any point: refused, nothing lost, nothing quarantined, and later as if it had
 * not happened. malloc, calloc and realloc of the library are wrapped by the linker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "world/terrain.h"

#define EDITS 24

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *bytes, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *bytes, size_t size);

static long calls, fail_at = -1; /* the number of the call that fails; -1 = none */

static int fails(void)
{
	return calls++ == fail_at;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *bytes, size_t size)
{
	return fails() ? NULL : __real_realloc(bytes, size);
}

static int edit(struct terrain *t, int32_t i)
{
	return terrain_set(t, i * 37 % 512 - 256, i * 91 % 512 - 256, 20 + i % 10, (uint16_t)(BLOCK_PLANKS + i % 4), 1);
}

/* edits_run: changes more chunks than are unpacked at a time, stores and reads some of them. */
static void edits_run(struct terrain *t)
{
	for (int32_t i = 0; i < EDITS; i++) {
		int32_t cx = vec_div(i * 37 % 512 - 256, CHUNK_WIDTH), cy = vec_div(i * 91 % 512 - 256, CHUNK_WIDTH);
		uint8_t *bytes;
		size_t len;

		assert_in_range(edit(t, i) + 4, 3, 5); /* TERRAIN_NO_MEMORY, or done */
		if (i % 8 == 7 && terrain_pack(t, cx, cy, &bytes, &len, NULL) == 0) {
			terrain_put_packed(t, cx, cy, bytes, len);
			free(bytes);
			terrain_digest(t);
		}
	}
}

/* run: the digest when all changes are made after all, with the call that fails. */
static uint64_t run(long which)
{
	static const struct terrain_settings settings = { .seed = 1, .map = { .kind = GENERATE_LAND, .height = 32 }, .size = 512,
							  .open_max = TERRAIN_OPEN_MIN };
	struct block_table *table = block_table_new();
	struct terrain_counts counts;
	struct terrain *t = NULL;
	uint64_t digest;

	calls = 0;
	fail_at = which;
	while (terrain_open(&settings, table, &t) != 0) {
		assert_true(calls == which + 1);
	}
	edits_run(t);
	fail_at = -1;
	terrain_counts(t, &counts);
	assert_int_equal(counts.quarantined, 0);
	for (int32_t i = 0; i < EDITS; i++) {
		assert_true(edit(t, i) >= 0);
	}
	digest = terrain_digest(t);
	terrain_close(t);
	block_table_free(table);
	return digest;
}

static void test_every_point(void **state)
{
	uint64_t digest = run(-1);
	long points = calls;

	(void)state;
	assert_true(points > 300);
	for (long which = 0; which < points; which++) {
		assert_true(run(which) == digest);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_point),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
