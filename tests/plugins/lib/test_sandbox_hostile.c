/* SPDX-License-Identifier: MIT */
/*
 * Every script of tests/fixtures/hostile ends as its first line says, within its limits, the same way each time, and
 * nobody else notices. The first line is `-- CLASS: KIND`, KIND being ok, runtime, syntax, budget, clock or memory,
 * or two with a `|`. HOSTILE=TEXT runs those with TEXT in their name; HOSTILE_VERBOSE=1 prints each.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sandbox/sandbox.h"

#define INSTRUCTIONS_MAX 200000u
#define MEMORY_MAX (2u << 20)
#define MEMORY_SLACK (64u << 10)
#define CLOSE_MS_MAX 50u
#define TEXT_MAX (256u << 10)
#define SCRIPTS_MIN 600
#define CLASSES_MAX 32
#ifdef TROUPE_ASAN
#define WALL_MS 300u /* a sanitizer makes the library slower, but not Lua */
#else
#define WALL_MS 100u
#endif

static const char *const kind_names[SANDBOX_KINDS] = { "ok",     "runtime", "syntax", "misuse",
						       "budget", "clock",   "memory" };

/* CPU time of the thread: what else the machine does must not fail the test. */
static uint64_t clock_cpu(void *arg)
{
	struct timespec t;

	(void)arg;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- the neighbour: its own state, its own thread, all the time ------------------------------------- */

static const char neighbour_text[] =
	"local sum, words = 0, {}\n"
	"return function(n)\n"
	"  for i = 1, n do sum = sum + math.random(10) words[i % 32] = ('%d'):format(sum):rep(3) end\n"
	"  return sum + #table.concat(words, ' ', 1, 0)\n"
	"end\n";

struct owner {
	struct sandbox *sandbox;
	uint32_t generation;
};

static void owner_open(struct owner *owner)
{
	struct sandbox_settings set = { .memory_max = MEMORY_MAX, .instructions_max = INSTRUCTIONS_MAX, .wall_ms_max = WALL_MS,
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

/* Returns the neighbour's next sum, or -1. */
static int64_t neighbour_ask(struct owner *owner)
{
	struct sandbox_value n = { .type = SANDBOX_INTEGER, .u.integer = 100 }, result;
	struct sandbox_error error;
	int ref = sandbox_module(owner->sandbox, owner->generation, "n");

	return sandbox_call(owner->sandbox, ref, "n", &n, 1, &result, 1, &error) == 0 ? result.u.integer : -1;
}

struct neighbour {
	struct owner owner;
	pthread_t thread;
	atomic_int stop;
	uint64_t asked, failed, mixed; /* the sums, in order, in one number */
};

static void neighbour_step(struct neighbour *n)
{
	int64_t sum = neighbour_ask(&n->owner);

	n->asked++;
	n->failed += sum < 0;
	n->mixed = n->mixed * 1099511628211u + (uint64_t)sum;
}

static void *neighbour_run(void *arg)
{
	struct neighbour *n = arg;

	do {
		neighbour_step(n);
	} while (!atomic_load(&n->stop));
	return NULL;
}

/* neighbour_check: it got the results that a twin gets who is alone. */
static void neighbour_check(struct neighbour *n)
{
	static struct neighbour twin;
	struct sandbox_counters own, twins;

	neighbour_open(&twin.owner);
	while (twin.asked < n->asked) {
		neighbour_step(&twin);
	}
	sandbox_counters_read(n->owner.sandbox, &own);
	sandbox_counters_read(twin.owner.sandbox, &twins);
	print_message("# neighbour: %llu calls, %llu failed\n", (unsigned long long)n->asked, (unsigned long long)n->failed);
	assert_int_equal(n->failed, 0);
	assert_true(n->asked > 100);
	assert_int_equal(n->mixed, twin.mixed);
	assert_int_equal(own.instructions, twins.instructions);
	sandbox_free(twin.owner.sandbox);
}

/* --- one script ----------------------------------------------------------------------------------- */

struct outcome {
	enum sandbox_kind kind;
	int compiled;
	struct sandbox_error error;
	uint64_t instructions, load_ns, run_ns, close_ns;
	size_t memory_peak;
	int usable;
};

/* usable: the state of the wrongdoer itself serves on */
static int usable(struct owner *owner)
{
	struct sandbox_error error;

	sandbox_generation_close(owner->sandbox, owner->generation);
	sandbox_collect(owner->sandbox, 0);
	owner->generation = sandbox_generation_open(owner->sandbox);
	return owner->generation != 0 &&
	       sandbox_load(owner->sandbox, owner->generation, "n.lua", neighbour_text, sizeof(neighbour_text) - 1,
			    &error) == 0 &&
	       sandbox_start(owner->sandbox, owner->generation, "n", &error) == 0 && neighbour_ask(owner) > 0;
}

static void script_run(const char *name, const char *text, size_t len, struct outcome *ret)
{
	struct owner owner;
	struct sandbox_counters counters;
	uint64_t start, ns;

	memset(ret, 0, sizeof(*ret));
	owner_open(&owner);
	start = clock_cpu(NULL);
	ret->compiled = sandbox_load(owner.sandbox, owner.generation, name, text, len, &ret->error) == 0;
	ret->load_ns = clock_cpu(NULL) - start;
	ret->kind = ret->compiled ? SANDBOX_OK : ret->error.kind;
	if (ret->compiled) {
		start = clock_cpu(NULL);
		if (sandbox_start(owner.sandbox, owner.generation, name, &ret->error) != 0) {
			ret->kind = ret->error.kind;
		}
		ret->run_ns = clock_cpu(NULL) - start;
		sandbox_last(owner.sandbox, &ret->instructions, &ns);
	}
	sandbox_counters_read(owner.sandbox, &counters);
	ret->memory_peak = counters.memory_peak;
	ret->usable = usable(&owner);
	start = clock_cpu(NULL);
	sandbox_free(owner.sandbox);
	ret->close_ns = clock_cpu(NULL) - start;
}

/* first_line: "-- CLASS: KIND" or "-- CLASS: KIND|KIND"; binary files have it somewhere behind */
static int first_line(const char *text, size_t len, char *ret_class, int *ret_kinds)
{
	const char *at = len > 3 && memcmp(text, "-- ", 3) == 0 ? text : memmem(text, len, "-- binary: ", 11);
	char kinds[2][16] = { "", "" };

	if (at == NULL || sscanf(at, "-- %15[a-z]: %15[a-z]|%15[a-z]", ret_class, kinds[0], kinds[1]) < 2) {
		return -1;
	}
	*ret_kinds = 0;
	for (int i = 0; i < 2; i++) {
		for (int kind = 0; kind < SANDBOX_KINDS; kind++) {
			*ret_kinds |= strcmp(kinds[i], kind_names[kind]) == 0 ? 1 << kind : 0;
		}
	}
	return *ret_kinds != 0 ? 0 : -1;
}

/* shows: the block for people names the script and is free of control bytes */
static int shows(const struct outcome *o, const char *name, char *shown, size_t shown_len)
{
	sandbox_error_format(&o->error, shown, shown_len);
	for (const char *p = shown; *p != '\0'; p++) {
		if (*p != '\n' && (unsigned char)*p < 0x20) {
			return 0;
		}
	}
	return strncmp(shown, "error[S0", 8) == 0 && strstr(shown, name) != NULL;
}

/* wrong: the first thing that did not hold, or NULL */
static const char *wrong(const struct outcome *o, const struct outcome *again, int kinds, const char *name)
{
	char shown[2048];

	if ((kinds & 1 << o->kind) == 0) {
		return "it ended otherwise";
	}
	if (o->kind != SANDBOX_OK && !shows(o, name, shown, sizeof(shown))) {
		return "the error is not fit for people";
	}
	if (o->instructions > 2 * INSTRUCTIONS_MAX) {
		return "it used more than twice its instructions";
	}
	if (o->load_ns > 2 * WALL_MS * 1000000u || o->run_ns > 2 * WALL_MS * 1000000u) {
		return "it took more than twice its time";
	}
	if (o->memory_peak > MEMORY_MAX + MEMORY_SLACK) {
		return "it got more than its memory";
	}
	if (!o->usable) {
		return "its sandbox is of no use any more";
	}
	if (o->close_ns > CLOSE_MS_MAX * 1000000u) {
		return "closing it takes too long";
	}
	if (o->kind != SANDBOX_MEMORY && o->kind != SANDBOX_CLOCK && again->kind != SANDBOX_CLOCK &&
	    (o->kind != again->kind || o->instructions != again->instructions || o->error.line != again->error.line ||
	     strcmp(o->error.message, again->error.message) != 0)) {
		return "it ended differently the second time";
	}
	return NULL;
}

/* --- the corpus ------------------------------------------------------------------------------------- */

struct class {
	char name[16];
	int scripts, ended[SANDBOX_KINDS];
	uint64_t instructions, run_ns, load_ns;
	size_t memory_peak;
};

static struct class classes[CLASSES_MAX];
static int classes_len;

static void class_add(const char *name, const struct outcome *o)
{
	struct class *class = classes;

	while (class < classes + classes_len && strcmp(class->name, name) != 0) {
		class++;
	}
	if (class == classes + classes_len) {
		assert_true(classes_len < CLASSES_MAX);
		snprintf(class->name, sizeof(class->name), "%s", name);
		classes_len++;
	}
	class->scripts++;
	class->ended[o->kind]++;
	class->instructions = o->instructions > class->instructions ? o->instructions : class->instructions;
	class->run_ns = o->run_ns > class->run_ns ? o->run_ns : class->run_ns;
	class->load_ns = o->load_ns > class->load_ns ? o->load_ns : class->load_ns;
	class->memory_peak = o->memory_peak > class->memory_peak ? o->memory_peak : class->memory_peak;
}

static int class_order(const void *a, const void *b)
{
	return strcmp(((const struct class *)a)->name, ((const struct class *)b)->name);
}

static void classes_print(void)
{
	qsort(classes, (size_t)classes_len, sizeof(classes[0]), class_order);
	print_message("# class      scripts  ok runtime syntax budget clock memory  "
		      "at most: instructions load ms run ms  KiB\n");
	for (int i = 0; i < classes_len; i++) {
		const struct class *c = &classes[i];

		print_message("# %-10s %7d %3d %7d %6d %6d %5d %6d %22llu %7.1f %6.1f %4zu\n", c->name, c->scripts,
			      c->ended[SANDBOX_OK], c->ended[SANDBOX_RUNTIME], c->ended[SANDBOX_SYNTAX], c->ended[SANDBOX_BUDGET],
			      c->ended[SANDBOX_CLOCK], c->ended[SANDBOX_MEMORY], (unsigned long long)c->instructions,
			      (double)c->load_ns / 1e6, (double)c->run_ns / 1e6, c->memory_peak >> 10);
	}
}

static int script_check(const char *name, const char *text, size_t len)
{
	struct outcome o, again;
	char class[16] = "", shown[2048] = "";
	const char *problem = "its first line is not `-- CLASS: KIND`";
	int kinds = 0;
	void *shift = malloc(1000 + len % 7777); /* other addresses for the second run */

	script_run(name, text, len, &o);
	void *more = malloc(3333);

	script_run(name, text, len, &again);
	free(shift);
	free(more);
	if (first_line(text, len, class, &kinds) == 0) {
		problem = wrong(&o, &again, kinds, name);
		class_add(class, &o);
	}
	if (problem != NULL || getenv("HOSTILE_VERBOSE") != NULL) {
		if (o.kind != SANDBOX_OK) {
			sandbox_error_format(&o.error, shown, sizeof(shown));
		}
		print_message("# %s: %s; %s, %llu instructions (again %llu), load %.1f ms, run %.1f ms, close %.1f ms, "
			      "peak %zu KiB\n%s", name, problem != NULL ? problem : "good", kind_names[o.kind], (unsigned long long)o.instructions,
			      (unsigned long long)again.instructions, (double)o.load_ns / 1e6, (double)o.run_ns / 1e6,
			      (double)o.close_ns / 1e6, o.memory_peak >> 10, shown);
	}
	return problem == NULL;
}

static void test_corpus(void **state)
{
	static struct neighbour neighbour;
	static char text[TEXT_MAX];
	char folder[512], path[1024];
	const char *top = getenv("top_srcdir"), *only = getenv("HOSTILE");
	int scripts = 0, bad = 0;

	(void)state;
	snprintf(folder, sizeof(folder), "%s/tests/fixtures/hostile", top != NULL ? top : ".");

	DIR *dir = opendir(folder);

	assert_non_null(dir);
	neighbour_open(&neighbour.owner);
	assert_int_equal(pthread_create(&neighbour.thread, NULL, neighbour_run, &neighbour), 0);
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		if (entry->d_name[0] == '.' || (only != NULL && strstr(entry->d_name, only) == NULL)) {
			continue;
		}
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);

		FILE *file = fopen(path, "rb");

		assert_non_null(file);
		size_t len = fread(text, 1, sizeof(text), file);

		fclose(file);
		scripts++;
		bad += !script_check(entry->d_name, text, len);
	}
	closedir(dir);
	atomic_store(&neighbour.stop, 1);
	pthread_join(neighbour.thread, NULL);
	classes_print();
	neighbour_check(&neighbour);
	sandbox_free(neighbour.owner.sandbox);
	assert_true(scripts >= SCRIPTS_MIN || only != NULL);
	assert_int_equal(bad, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_corpus) };

#ifdef TROUPE_TSAN
	/* It ends the process itself at 65,536 frames, and is so slow that scripts end by the clock that end otherwise. */
	puts("1..0 # SKIP ThreadSanitizer cannot follow scripts that recurse so deep");
	return 0;
#endif
	return cmocka_run_group_tests_name("sandbox_hostile", tests, NULL, NULL);
}
