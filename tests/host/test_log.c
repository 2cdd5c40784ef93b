/* SPDX-License-Identifier: MIT */
/* The log: its two forms, hostile texts, lines that repeat, a reader that does not read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host/obs/log.h"
#include "host/obs/log_limit.h"

static int ends[2];

static void open_log(enum log_form form)
{
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	log_open(&(struct log_setup){ .host = "one", .form = form, .fd = ends[1] });
}

/* What was written so far; the pipe is empty then. */
static char *read_some(void)
{
	static char bytes[1 << 20];
	size_t len = 0;
	ssize_t got;

	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	while (len < sizeof(bytes) - 1 && (got = read(ends[0], bytes + len, sizeof(bytes) - 1 - len)) > 0) {
		len += (size_t)got;
	}
	bytes[len] = '\0';
	return bytes;
}

static void close_log(void)
{
	log_close();
	close(ends[0]);
	close(ends[1]);
}

static json_t *read_json(void)
{
	json_error_t error;
	char *bytes = read_some();

	assert_ptr_equal(strchr(bytes, '\n'), bytes + strlen(bytes) - 1); /* one line */
	json_t *line = json_loads(bytes, 0, &error);
	if (line == NULL) {
		fail_msg("%s: %s", error.text, bytes);
	}
	return line;
}

static void assert_member(json_t *line, const char *name, const char *value)
{
	const char *found = json_string_value(json_object_get(line, name));

	assert_non_null(found);
	assert_string_equal(found, value);
}

static void test_json(void **state)
{
	uint8_t trace[TROUPE_TRACE_SIZE] = { 0xab, 0, 1 };

	(void)state;
	open_log(LOG_AUTO); /* a pipe is no terminal */
	log_write(&(struct log_line){ .level = TROUPE_LOG_WARNING,
				      .instance = "base/billing",
				      .part = "base",
				      .role = "billing",
				      .trace = trace,
				      .code = "B0001",
				      .account = UINT64_MAX,
				      .order = "o-1",
				      .text = "hold refused" });
	json_t *line = read_json();
	assert_member(line, "level", "warning");
	assert_member(line, "host", "one");
	assert_member(line, "part", "base");
	assert_member(line, "role", "billing");
	assert_member(line, "instance", "base/billing");
	assert_member(line, "code", "B0001");
	assert_member(line, "account", "18446744073709551615");
	assert_member(line, "order", "o-1");
	assert_member(line, "trace", "ab000100000000000000000000000000");
	assert_member(line, "text", "hold refused");
	const char *stamp = json_string_value(json_object_get(line, "ts"));
	int year, ms;
	assert_int_equal(sscanf(stamp, "%4d-%*2d-%*2dT%*2d:%*2d:%*2d.%3dZ", &year, &ms), 2);
	assert_in_range(year, 2020, 9999);
	json_decref(line);
	log_text(TROUPE_LOG_NOTICE, "core", "%d instances", 3);
	line = read_json();
	assert_member(line, "text", "3 instances");
	assert_null(json_object_get(line, "trace"));
	assert_null(json_object_get(line, "account"));
	json_decref(line);
	close_log();
}

static const char *const hostile[] = {
	"two\nlines",
	"\r\x1b[2J\x07 controls",
	"quote \" backslash \\ end",
	"\xff\xfe no utf-8 \xc3",
	("over\xc0\xaf" "long \xed\xa0\x80 surrogate \xf4\x90\x80\x80 too high"),
	"{\"level\":\"error\"}",
	"",
};

static void test_hostile(void **state)
{
	static char longest[20000];

	(void)state;
	open_log(LOG_JSON);
	for (size_t i = 0; i < sizeof(hostile) / sizeof(*hostile); i++) {
		log_write(&(struct log_line){ .level = TROUPE_LOG_INFO, .instance = hostile[i], .order = hostile[i],
					      .text = hostile[i] });
		json_decref(read_json());
	}
	/* each byte needs six when quoted; the line stays whole and within its bound */
	memset(longest, 1, sizeof(longest) - 1);
	log_write(&(struct log_line){ .level = TROUPE_LOG_INFO, .instance = longest, .order = longest, .code = longest,
				      .part = longest, .role = longest, .text = longest });
	json_t *line = read_json();
	assert_non_null(json_object_get(line, "text"));
	json_decref(line);
	close_log();
}

static void test_text(void **state)
{
	(void)state;
	open_log(LOG_TEXT);
	log_write(&(struct log_line){ .level = TROUPE_LOG_ERROR, .instance = "base/mall", .code = "S0101",
				      .text = "it\nfailed" });
	char *bytes = read_some();
	assert_non_null(strstr(bytes, " error   base/mall: [S0101] it failed\n"));
	assert_ptr_equal(strchr(bytes, '\n'), bytes + strlen(bytes) - 1);
	close_log();
}

static void test_repeats(void **state)
{
	struct log_counts before, after;

	(void)state;
	open_log(LOG_TEXT);
	log_counts_read(&before);
	for (int i = 0; i < 100; i++) {
		log_text(TROUPE_LOG_WARNING, "base/a", "the same");
		log_text(TROUPE_LOG_WARNING, "base/b", "the same");
	}
	log_write(&(struct log_line){ .level = TROUPE_LOG_WARNING, .instance = "base/a", .always = 1, .text = "the same" });
	char *bytes = read_some();
	int lines = 0;
	for (char *p = bytes; (p = strchr(p, '\n')) != NULL; p++) {
		lines++;
	}
	assert_int_equal(lines, 3);
	log_counts_read(&after);
	assert_int_equal(after.suppressed - before.suppressed, 198);
	/* at the end it is said how often */
	log_close();
	bytes = read_some();
	assert_non_null(strstr(bytes, "base/a: 99 more in 10 s: the same"));
	assert_non_null(strstr(bytes, "base/b: 99 more in 10 s: the same"));
	close(ends[0]);
	close(ends[1]);
}

static void test_window(void **state)
{
	static struct limit_table table;
	const struct log_line line = { .level = TROUPE_LOG_INFO, .instance = "base/a", .text = "x" };
	struct limit_entry told;
	uint32_t at = 0;

	(void)state;
	assert_true(limit_admit(&table, &line, 1000, &told));
	assert_false(limit_admit(&table, &line, 1001, &told));
	assert_false(limit_admit(&table, &line, 10999, &told));
	assert_false(limit_over(&table, 10999, &at, &told));
	/* the next one after the window is written, and what was left out is told */
	assert_true(limit_admit(&table, &line, 11000, &told));
	assert_int_equal(told.repeats, 2);
	assert_false(limit_admit(&table, &line, 11001, &told));
	at = 0;
	assert_true(limit_over(&table, 21000, &at, &told));
	assert_int_equal(told.repeats, 1);
	assert_string_equal(told.text, "x");
	assert_false(limit_over(&table, 21000, &at, &told));
	assert_true(limit_admit(&table, &line, 21001, &told));
	assert_int_equal(told.repeats, 0);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

/* A block of lines is written whole or not at all, whoever else writes between them. */
static void test_block(void **state)
{
	static struct limit_table table;
	static const char *const block[] = { "error[S0101]: attempt", "  --> x.lua:3 in think", "3 | x()", "  = help: mend it" };
	struct log_line line = { .level = TROUPE_LOG_ERROR, .instance = "m1" };
	struct log_line other = { .level = TROUPE_LOG_ERROR, .instance = "m2" };
	struct limit_entry told;

	(void)state;
	for (uint64_t now = 1000; now <= 1001; now++) { /* the second one is a repetition */
		for (size_t i = 0; i < 4; i++) {
			line.text = block[i];
			assert_int_equal(limit_admit(&table, &line, now, &told), now == 1000);
			assert_int_equal(told.repeats, 0);
			other.text = i == 0 ? "another" : "  = note: of another";
			assert_int_equal(limit_admit(&table, &other, now, &told), now == 1000);
		}
	}
	line.text = "error[S0101]: another";
	assert_true(limit_admit(&table, &line, 1002, &told));
	line.text = block[3]; /* the same help as of the first */
	assert_true(limit_admit(&table, &line, 1002, &told));
}

static void test_stuck(void **state)
{
	struct log_counts before, after;

	(void)state;
	open_log(LOG_JSON);
	fcntl(ends[1], F_SETPIPE_SZ, 8192);
	log_counts_read(&before);
	uint64_t began = now_ms();
	for (int i = 0; i < 4000; i++) {
		log_text(TROUPE_LOG_INFO, "base/a", "line %d of a log that nobody reads, with some words to fill it", i);
	}
	assert_in_range(now_ms() - began, 0, 1000);
	log_counts_read(&after);
	assert_true(after.dropped > before.dropped);
	/* somebody reads again: what waited comes, then how much is missing */
	static char all[1 << 20];
	all[0] = '\0';
	size_t len = 0;
	for (int i = 0; i < 200 && strstr(all, "were dropped") == NULL; i++) {
		char *bytes = read_some();
		assert_true(len + strlen(bytes) < sizeof(all));
		memcpy(all + len, bytes, strlen(bytes) + 1);
		len += strlen(bytes);
		log_tick();
	}
	assert_non_null(strstr(all, "line 0 of"));
	assert_non_null(strstr(all, "lines of the log were dropped"));
	int lines = 0;
	for (char *p = all, *end; (end = strchr(p, '\n')) != NULL; p = end + 1, lines++) {
		json_t *line = json_loadb(p, (size_t)(end - p), 0, NULL);
		assert_non_null(line);
		json_decref(line);
	}
	assert_true(lines > 500);
	close_log();
}

static void *writer(void *arg)
{
	for (int i = 0; i < 200; i++) {
		log_text(TROUPE_LOG_INFO, arg, "line %d", i);
	}
	return NULL;
}

static void test_threads(void **state)
{
	static char *names[] = { "base/a", "base/b", "base/c", "base/d" };
	pthread_t threads[4];
	int lines = 0;

	(void)state;
	open_log(LOG_JSON);
	fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, writer, names[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
	}
	for (char *p = read_some(), *end; (end = strchr(p, '\n')) != NULL; p = end + 1, lines++) {
		json_t *line = json_loadb(p, (size_t)(end - p), 0, NULL);
		assert_non_null(line);
		json_decref(line);
	}
	assert_int_equal(lines, 800);
	close_log();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json),   cmocka_unit_test(test_hostile), cmocka_unit_test(test_text),
		cmocka_unit_test(test_repeats), cmocka_unit_test(test_window), cmocka_unit_test(test_block),	cmocka_unit_test(test_stuck),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
