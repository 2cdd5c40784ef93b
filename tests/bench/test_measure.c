/* SPDX-License-Identifier: MIT */
/* Histogram, numbers and preamble scripts of the benchmark programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../bench/load.h"

static void quantile_is_close(void **state)
{
	struct hist *hist = calloc(1, sizeof(*hist));

	(void)state;
	assert_non_null(hist);
	assert_int_equal(hist_quantile(hist, 0.5), 0);
	for (uint64_t i = 1; i <= 100000; i++) {
		hist_add(hist, i * 1000);
	}
	for (double quantile = 0.01; quantile < 1; quantile += 0.01) {
		double wanted = quantile * 1e8, got = (double)hist_quantile(hist, quantile);
		if (got < wanted * 0.984 || got > wanted * 1.016) {
			fail_msg("quantile %.2f: %.0f instead of %.0f", quantile, got, wanted);
		}
	}
	assert_int_equal(hist->max_ns, 100000000);
	assert_int_equal(hist->count, 100000);
	free(hist);
}

static void any_value_has_a_bucket(void **state)
{
	static const uint64_t values[] = { 0, 1, 127, 128, 129, 1ull << 40, (1ull << 40) + 1, UINT64_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct hist *hist = calloc(1, sizeof(*hist));
		assert_non_null(hist);
		hist_add(hist, values[i]);
		uint64_t got = hist_quantile(hist, 0.5), top = (1ull << 40) + (1ull << 34);
		uint64_t wanted = values[i] < top ? values[i] : top;
		if (got > wanted + wanted / 64 || got < wanted - wanted / 64) {
			fail_msg("value %llu came back as %llu", (unsigned long long)values[i], (unsigned long long)got);
		}
		free(hist);
	}
}

static void own_cpu_time_grows(void **state)
{
	uint64_t before, after;
	struct process_memory memory;

	(void)state;
	assert_int_equal(process_cpu_ns(getpid(), &before), 0);
	for (uint64_t end = clock_ns() + 20000000; clock_ns() < end;) {
	}
	assert_int_equal(process_cpu_ns(getpid(), &after), 0);
	assert_true(after > before);
	assert_int_equal(process_memory_read(getpid(), &memory), 0);
	assert_true(memory.rss_kb >= memory.anon_kb && memory.anon_kb > 0);
}

struct preamble_case {
	const char *name;
	const char *text;
	int result;
	unsigned line;
	uint32_t scripts;
};

static const struct preamble_case preamble_cases[] = {
	{ "two scripts", "# log in\n>20:0aFF <21\n\n>20: <21 >23:01 <24\n", 0, 0, 2 },
	{ "nothing in it", "# only words\n", -EINVAL, 2, 0 },
	{ "half a byte", "<1\n>20:0a0\n", -EINVAL, 2, 0 },
	{ "not hexadecimal", ">20:0g\n", -EINVAL, 1, 0 },
	{ "send without a payload", ">20\n", -EINVAL, 1, 0 },
	{ "wait with a payload", "<20:00\n", -EINVAL, 1, 0 },
	{ "no event", ">:00\n", -EINVAL, 1, 0 },
	{ "event above 32 bits", "<4294967296\n", -EINVAL, 1, 0 },
	{ "no direction", "20:00\n", -EINVAL, 1, 0 },
};

static void preamble_is_read(const struct preamble_case *c, const char *path)
{
	struct load_preamble preamble = { 0 };
	unsigned line;
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(c->text, file);
	fclose(file);
	int r = load_preamble_read(path, &preamble, &line);
	unlink(path);
	if (r != c->result || line != c->line || preamble.count != c->scripts) {
		fail_msg("%s: result %d, line %u, %u scripts", c->name, r, line, preamble.count);
	}
	if (r == 0) {
		static const uint8_t frame[] = { 20, 0, 0, 0, 2, 0, 0, 0, 0x0a, 0xff };
		const struct load_step *steps = preamble.scripts[0].steps;
		assert_int_equal(steps[0].frame_len, sizeof(frame));
		assert_memory_equal(steps[0].frame, frame, sizeof(frame));
		assert_null(steps[1].frame);
		assert_int_equal(steps[1].event, 21);
		assert_int_equal(preamble.scripts[1].count, 4);
	}
	load_preamble_free(&preamble);
}

static void preambles_are_read(void **state)
{
	const char *tmp = getenv("TMPDIR");
	char dir[512], path[600];

	(void)state;
	snprintf(dir, sizeof(dir), "%s/preamble.XXXXXX", tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/script", dir);
	for (size_t i = 0; i < sizeof(preamble_cases) / sizeof(preamble_cases[0]); i++) {
		preamble_is_read(&preamble_cases[i], path);
	}
	rmdir(dir);
}

static void numbers_are_refused(void **state)
{
	long number = 7;
	uint64_t ns = 7;

	(void)state;
	assert_int_equal(number_parse("", 0, 10, &number), -EINVAL);
	assert_int_equal(number_parse("5x", 0, 10, &number), -EINVAL);
	assert_int_equal(number_parse("11", 0, 10, &number), -EINVAL);
	assert_int_equal(number_parse("99999999999999999999", 0, 10, &number), -EINVAL);
	assert_int_equal(seconds_parse("nan", &ns), -EINVAL);
	assert_int_equal(seconds_parse("-1", &ns), -EINVAL);
	assert_int_equal(number, 7);
	assert_int_equal(ns, 7);
	assert_int_equal(seconds_parse("0.5", &ns), 0);
	assert_int_equal(ns, 500000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quantile_is_close),
		cmocka_unit_test(any_value_has_a_bucket),
		cmocka_unit_test(own_cpu_time_grows),
		cmocka_unit_test(preambles_are_read),
		cmocka_unit_test(numbers_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
