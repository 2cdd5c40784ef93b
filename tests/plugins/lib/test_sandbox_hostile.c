/* SPDX-License-Identifier: MIT */
/* Every script of tests/fixtures/hostile is stopped within its limits, and nobody else notices. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sandbox/sandbox.h"

#define MEMORY_MAX	(4u << 20)
#define WALL_MS		200u
#define TEXT_MAX	(256u << 10)
#define SCRIPTS_MIN	60

/* CPU time of the thread: what else the machine does must not fail the test. */
static uint64_t clock_cpu(void *arg)
{
	(void)arg;
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static const char neighbour_text[] = "local sum = 0\n"
				     "return function(n) for i = 1, n do sum = sum + math.random(10) end return sum end\n";

struct owner {
	struct sandbox *sandbox;
	uint32_t generation;
};

static void owner_open(struct owner *owner)
{
	struct sandbox_settings set = { .memory_max = MEMORY_MAX, .instructions_max = 1000000, .wall_ms_max = WALL_MS,
					.clock_ns = clock_cpu, .seed = 7 };
	owner->sandbox = sandbox_create(&set);
	assert_non_null(owner->sandbox);
	owner->generation = sandbox_generation_open(owner->sandbox);
	assert_int_not_equal(owner->generation, 0);
}

static void neighbour_open(struct owner *owner)
{
	struct sandbox_error error;
	owner_open(owner);
	assert_int_equal(sandbox_load(owner->sandbox, owner->generation, "n.lua", neighbour_text,
				      sizeof(neighbour_text) - 1, &error), 0);
	assert_int_equal(sandbox_start(owner->sandbox, owner->generation, "n", &error), 0);
}

static int64_t neighbour_ask(struct owner *owner)
{
	struct sandbox_value n = { .type = SANDBOX_INTEGER, .u.integer = 100 }, result;
	struct sandbox_error error;
	int ref = sandbox_module(owner->sandbox, owner->generation, "n");
	assert_int_equal(sandbox_call(owner->sandbox, ref, "n", &n, 1, &result, 1, &error), 0);
	assert_int_equal(result.type, SANDBOX_INTEGER);
	return result.u.integer;
}

static int expected(const char *text, size_t len, enum sandbox_kind kind, int compiled)
{
	char word[16] = "";
	const char *at = memmem(text, len, "-- expect: ", 11);
	assert_non_null(at);
	sscanf(at + 11, "%15[a-z]", word);
	if (strcmp(word, "ok") == 0) {
		return kind == SANDBOX_OK;
	}
	if (strcmp(word, "syntax") == 0) {
		return kind == SANDBOX_SYNTAX;
	}
	if (strcmp(word, "compiles") == 0) {
		return compiled;
	}
	if (strcmp(word, "stopped") == 0) {
		return kind == SANDBOX_BUDGET || kind == SANDBOX_CLOCK || kind == SANDBOX_MEMORY;
	}
	assert_string_equal(word, "failed");
	return compiled && kind != SANDBOX_OK;
}

/* Returns whether everything held; prints what did not. */
static int script_run(const char *name, const char *text, size_t len)
{
	struct owner owner;
	struct sandbox_error error = { 0 };
	struct sandbox_counters counters;
	char shown[2048];
	owner_open(&owner);
	uint64_t before = clock_cpu(NULL);
	int compiled = sandbox_load(owner.sandbox, owner.generation, name, text, len, &error) == 0;
	uint64_t loaded = clock_cpu(NULL);
	int rc = compiled ? sandbox_start(owner.sandbox, owner.generation, name, &error) : -1;
	uint64_t ended = clock_cpu(NULL);
	enum sandbox_kind kind = rc == 0 ? SANDBOX_OK : error.kind;
	sandbox_counters_read(owner.sandbox, &counters);
	int good = expected(text, len, kind, compiled);
	if (rc != 0) {
		sandbox_error_format(&error, shown, sizeof(shown));
		good &= strncmp(shown, "error[S0", 8) == 0 && strstr(shown, name) != NULL;
		for (const char *p = shown; *p; p++) {
			good &= *p == '\n' || (unsigned char)*p >= 0x20;
		}
	}
	good &= counters.memory_peak <= MEMORY_MAX + (64u << 10);
	good &= (ended - loaded) / 1000000u <= 2 * WALL_MS;
	/* the state of the wrongdoer itself serves on */
	sandbox_generation_close(owner.sandbox, owner.generation);
	sandbox_collect(owner.sandbox, 0);
	owner.generation = sandbox_generation_open(owner.sandbox);
	good &= owner.generation != 0 && sandbox_load(owner.sandbox, owner.generation, "n.lua", neighbour_text,
						      sizeof(neighbour_text) - 1, &error) == 0;
	good &= sandbox_start(owner.sandbox, owner.generation, "n", &error) == 0 && neighbour_ask(&owner) > 0;
	uint64_t closing = clock_cpu(NULL);
	sandbox_free(owner.sandbox);
	uint64_t closed = clock_cpu(NULL);
	good &= (closed - closing) / 1000000u <= 100;
	if (!good || getenv("HOSTILE_VERBOSE")) {
		print_message("# %s: kind %d, load %.1f ms, run %.1f ms, close %.1f ms, peak %zu KiB\n%s\n", name, (int)kind,
			      (double)(loaded - before) / 1e6, (double)(ended - loaded) / 1e6,
			      (double)(closed - closing) / 1e6, counters.memory_peak >> 10, rc ? shown : "");
	}
	return good;
}

static void test_corpus(void **state)
{
	(void)state;
	char folder[512], path[1024];
	static char text[TEXT_MAX];
	const char *top = getenv("top_srcdir");
	snprintf(folder, sizeof(folder), "%s/tests/fixtures/hostile", top ? top : ".");
	DIR *dir = opendir(folder);
	assert_non_null(dir);
	struct owner neighbour, twin;
	neighbour_open(&neighbour);
	neighbour_open(&twin);
	int scripts = 0, bad = 0;
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (entry->d_name[0] == '.' || (getenv("HOSTILE") && !strstr(entry->d_name, getenv("HOSTILE")))) {
			continue;
		}
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		FILE *file = fopen(path, "rb");
		assert_non_null(file);
		size_t len = fread(text, 1, sizeof(text), file);
		fclose(file);
		scripts++;
		bad += !script_run(entry->d_name, text, len);
		assert_int_equal(neighbour_ask(&neighbour), neighbour_ask(&twin));
	}
	closedir(dir);
	sandbox_free(neighbour.sandbox);
	sandbox_free(twin.sandbox);
	assert_true(scripts >= SCRIPTS_MIN || getenv("HOSTILE"));
	assert_int_equal(bad, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_corpus) };
	return cmocka_run_group_tests_name("sandbox_hostile", tests, NULL, NULL);
}
