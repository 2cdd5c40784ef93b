/* SPDX-License-Identifier: MIT */
/* What running calls again needs: exact counts, aborts on order, random numbers without bias, no addresses in texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "sandbox/internal.h"

static uint64_t now_ns;

static uint64_t clock_step(void *arg)
{
	(void)arg;
	return now_ns += 1000;
}

struct owner {
	struct sandbox *sandbox;
	uint32_t generation;
	int function;
};

/* owner_open: text returns a function, which owner_ask calls. */
static struct owner owner_open(struct sandbox_settings set, const char *text)
{
	struct owner owner = { .sandbox = sandbox_create(&set) };
	struct sandbox_error error;

	assert_non_null(owner.sandbox);
	owner.generation = sandbox_generation_open(owner.sandbox);
	if (sandbox_load(owner.sandbox, owner.generation, "f.lua", text, strlen(text), &error) != 0 ||
	    sandbox_start(owner.sandbox, owner.generation, "f", &error) != 0) {
		fail_msg("%s", error.message);
	}
	owner.function = sandbox_module(owner.sandbox, owner.generation, "f");
	return owner;
}

static int owner_ask(struct owner *owner, int64_t n, struct sandbox_value *ret, struct sandbox_error *error)
{
	struct sandbox_value arg = { .type = SANDBOX_INTEGER, .u.integer = n };

	return sandbox_call(owner->sandbox, owner->function, "f", &arg, 1, ret, 1, error);
}

/* used: instructions of the loop with n rounds */
static uint64_t used(struct owner *owner, int64_t n)
{
	struct sandbox_error error;
	struct sandbox_value ret;
	uint64_t instructions, ns;

	assert_int_equal(owner_ask(owner, n, &ret, &error), 0);
	sandbox_last(owner->sandbox, &instructions, &ns);
	return instructions;
}

/* Lua 5.4 takes one FORLOOP and one ADDI for a round (and no MMBINI, which is skipped). */
static void test_last_counts_instructions(void **state)
{
	(void)state;
	struct owner owner = owner_open((struct sandbox_settings){ 0 },
					"return function(n) local x = 0 for i = 1, n do x = x + 1 end return x end");
	uint64_t none = used(&owner, 0), before;
	struct sandbox_counters counters;

	assert_in_range(none, 3, 12);
	for (int64_t n = 1; n < 700; n += n < 20 ? 1 : 97) {
		assert_int_equal(used(&owner, n), none + 2 * (uint64_t)n);
	}
	sandbox_counters_read(owner.sandbox, &counters);
	before = counters.instructions;
	used(&owner, 5);
	used(&owner, 300);
	sandbox_counters_read(owner.sandbox, &counters);
	assert_int_equal(counters.instructions - before, 2 * none + 2 * 305);
	assert_int_equal(counters.memory_max, 8u << 20);
	sandbox_free(owner.sandbox);
}

static void test_last_of_failures(void **state)
{
	(void)state;
	struct owner owner = owner_open((struct sandbox_settings){ .clock_ns = clock_step, .instructions_max = 10000 },
					"return function(n) if n == 0 then error('x') end\n"
					"for i = 1, n do ('a'):rep(100) end return n end");
	struct sandbox_error error;
	struct sandbox_value ret;
	uint64_t instructions, ns;

	assert_int_equal(owner_ask(&owner, 1000000, &ret, &error), -1);
	assert_int_equal(error.kind, SANDBOX_BUDGET);
	sandbox_last(owner.sandbox, &instructions, &ns);
	assert_in_range(instructions, 10000, 10500);
	assert_in_range(ns, 1000, 100000);
	assert_int_equal(owner_ask(&owner, 0, &ret, &error), -1);
	sandbox_last(owner.sandbox, &instructions, &ns);
	assert_in_range(instructions, 3, 20);
	assert_int_equal(owner_ask(&owner, 1, &ret, &error), 0);
	sandbox_last(owner.sandbox, &instructions, &ns);
	assert_in_range(instructions, 100, 140); /* the charge for 100 repetitions is in it */
	assert_int_equal(ns, 1000);		 /* one look at the beginning, one at the end */
	sandbox_free(owner.sandbox);
}

static void test_abort_next(void **state)
{
	(void)state;
	static const enum sandbox_kind kinds[] = { SANDBOX_CLOCK, SANDBOX_MEMORY };
	static const char *const codes[] = { "S0421", "S0430" };
	struct owner owner = owner_open((struct sandbox_settings){ 0 },
					"local t = { 0 } return function() t[1] = t[1] + 1 return t[1] end");
	struct sandbox_error error;
	struct sandbox_counters counters;
	struct sandbox_value ret;
	uint64_t instructions, ns;

	assert_int_equal(sandbox_abort_next(owner.sandbox, SANDBOX_BUDGET), -1);
	assert_int_equal(owner_ask(&owner, 0, &ret, &error), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(sandbox_abort_next(owner.sandbox, kinds[i]), 0);
		assert_int_equal(owner_ask(&owner, 0, &ret, &error), -1);
		assert_int_equal(error.kind, kinds[i]);
		assert_string_equal(error.code, codes[i]);
		assert_string_equal(error.what, "f");
		assert_int_not_equal(error.message[0], '\0');
		sandbox_last(owner.sandbox, &instructions, &ns);
		assert_int_equal(instructions, 0);
		assert_int_equal(owner_ask(&owner, 0, &ret, &error), 0); /* only the next one */
		assert_int_equal(ret.u.integer, 2 + i);			 /* and of that nothing was run */
	}
	sandbox_counters_read(owner.sandbox, &counters);
	assert_int_equal(counters.ended[SANDBOX_CLOCK], 1);
	assert_int_equal(counters.ended[SANDBOX_MEMORY], 1);
	assert_int_equal(sandbox_abort_next(owner.sandbox, SANDBOX_CLOCK), 0);
	assert_int_equal(sandbox_abort_next(owner.sandbox, SANDBOX_OK), 0);
	assert_int_equal(owner_ask(&owner, 0, &ret, &error), 0);
	sandbox_free(owner.sandbox);
}

/* How much memory there is differs by the machine and by what ran before: no script may go on from its end. */
static void test_memory_is_not_caught(void **state)
{
	(void)state;
	struct owner owner = owner_open((struct sandbox_settings){ .memory_max = 256u << 10, .string_max = 1u << 20 },
					"return function() pcall(function() return ('x'):rep(1000):rep(1000) end) return 1 end");
	struct sandbox_error error;
	struct sandbox_value ret;

	assert_int_equal(owner_ask(&owner, 0, &ret, &error), -1);
	assert_int_equal(error.kind, SANDBOX_MEMORY);
	sandbox_free(owner.sandbox);
}

/* 3 * 2^62 is the worst of all bounds: by modulo alone the lowest third would come twice as often as the others. */
static void test_random_without_bias(void **state)
{
	(void)state;
	enum { TIMES = 30000 };
	struct sandbox_settings set = { .seed = 11 };
	struct sandbox *s = sandbox_create(&set), *twin = sandbox_create(&set);
	const uint64_t bound = (uint64_t)3 << 62;
	int thirds[3] = { 0 };

	assert_true(s != NULL && twin != NULL);
	for (int i = 0; i < TIMES; i++) {
		uint64_t value = sandbox_random_below(s, bound);

		assert_int_equal(value, sandbox_random_below(twin, bound));
		assert_true(value < bound);
		thirds[value >> 62]++;
	}
	for (int i = 0; i < 3; i++) { /* 10000 each, give or take 8 standard deviations */
		assert_in_range(thirds[i], TIMES / 3 - 650, TIMES / 3 + 650);
	}
	assert_int_equal(sandbox_random_below(s, 1), 0);
	sandbox_free(s);
	sandbox_free(twin);
}

/* What a body draws is the same in a state that drew before, in whatever order files are started, and takes
 * nothing away. */
static void test_random_of_bodies(void **state)
{
	(void)state;
	static const char text[] = "local a, b = math.random(1 << 40), math.random() return function() return a + b end";
	struct sandbox_settings set = { .seed = 5 };
	struct owner busy = { .sandbox = sandbox_create(&set) }, fresh = { .sandbox = sandbox_create(&set) };
	struct sandbox_error error;
	struct sandbox_value one, other;

	assert_true(busy.sandbox != NULL && fresh.sandbox != NULL);
	for (int i = 0; i < 7; i++) {
		sandbox_random(busy.sandbox);
	}
	busy.generation = sandbox_generation_open(busy.sandbox);
	fresh.generation = sandbox_generation_open(fresh.sandbox);
	for (int i = 0; i < 2; i++) {
		struct owner *owner = i == 0 ? &busy : &fresh;

		assert_int_equal(sandbox_load(owner->sandbox, owner->generation, "f", text, sizeof(text) - 1, &error), 0);
		assert_int_equal(sandbox_load(owner->sandbox, owner->generation, "g", text, sizeof(text) - 1, &error), 0);
		assert_int_equal(sandbox_start(owner->sandbox, owner->generation, i == 0 ? "f" : "g", &error), 0);
		assert_int_equal(sandbox_start(owner->sandbox, owner->generation, i == 0 ? "g" : "f", &error), 0);
		owner->function = sandbox_module(owner->sandbox, owner->generation, "f");
	}
	assert_int_equal(owner_ask(&busy, 0, &one, &error), 0);
	assert_int_equal(owner_ask(&fresh, 0, &other, &error), 0);
	assert_true(one.u.number == other.u.number && one.u.number > 1000);
	fresh.function = sandbox_module(fresh.sandbox, fresh.generation, "g");
	assert_int_equal(owner_ask(&fresh, 0, &other, &error), 0);
	assert_true(one.u.number != other.u.number);
	for (int i = 0; i < 7; i++) {
		sandbox_random(fresh.sandbox);
	}
	assert_int_equal(sandbox_random(busy.sandbox), sandbox_random(fresh.sandbox));
	sandbox_free(busy.sandbox);
	sandbox_free(fresh.sandbox);
}

static const char all_texts[] =
	"local function f() end\n"
	"local mt = setmetatable({}, { __name = 'thing' })\n"
	"local out = {}\n"
	"local function add(v) out[#out + 1] = tostring(v) end\n"
	"for _, v in ipairs({ {}, f, print, string.rep, mt, utf8.codes('a'), (pairs({})), (('a'):gmatch('a')), string }) do\n"
	"  add(v) add(('%s'):format(v)) add(select(2, pcall(string.format, '%q', v))) add(select(2, pcall(string.format, '%d', v)))\n"
	"  add(select(2, pcall(function() return v .. '' end))) add(select(2, pcall(function() return v + 1 end)))\n"
	"  add(select(2, pcall(function() return v < v end))) add(select(2, pcall(function() return v.x.y.z end)))\n"
	"  add(select(2, pcall(error, v))) add(select(2, pcall(assert, false, v))) add(select(2, pcall(string.rep, v)))\n"
	"  add(select(2, pcall(table.concat, { v }))) add(select(2, pcall(ipairs))) add(select(2, pcall(setmetatable, v, v)))\n"
	"  add(select(2, pcall(string.gsub, 'a', 'a', function() return v end))) add(select(2, pcall(table.sort, { v, v })))\n"
	"  add(select(2, pcall(function() for i = v, 1 do end end))) add(select(2, pcall(require, v)))\n"
	"  add(select(2, pcall(string.format, '%p', v)))\n"
	"end\n"
	"out[#out + 1] = ('%q %q %q %q'):format('a\\0\\n\"', 1 / 3, math.mininteger, 1 / 0)\n"
	"return function() return table.concat(out, '\\n') end";

static void test_no_addresses(void **state)
{
	(void)state;
	static char first[16384];
	void *keep[8];

	for (int i = 0; i < 8; i++) {
		keep[i] = test_malloc(100 + (size_t)i * 5000);

		struct owner owner = owner_open((struct sandbox_settings){ 0 }, all_texts);
		struct sandbox_error error;
		struct sandbox_value ret;

		assert_int_equal(owner_ask(&owner, 0, &ret, &error), 0);
		assert_true(ret.type == SANDBOX_STRING && ret.u.string.len < sizeof(first) && ret.u.string.len > 2000);
		if (i == 0) {
			memcpy(first, ret.u.string.text, ret.u.string.len + 1);
			/* only %q of a float has one: it is written in hexadecimal */
			for (const char *at = first; (at = strstr(at, "0x")) != NULL; at += 2) {
				assert_true(strncmp(at, "0x1.5555", 8) == 0 || strncmp(at, "0x8000000000000000", 18) == 0);
			}
		}
		assert_string_equal(ret.u.string.text, first);
		sandbox_free(owner.sandbox);
	}
	for (int i = 0; i < 8; i++) {
		test_free(keep[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_last_counts_instructions), cmocka_unit_test(test_last_of_failures),
		cmocka_unit_test(test_abort_next),		  cmocka_unit_test(test_memory_is_not_caught),
		cmocka_unit_test(test_random_of_bodies),	  cmocka_unit_test(test_random_without_bias),
		cmocka_unit_test(test_no_addresses),
	};
	return cmocka_run_group_tests_name("sandbox_replay", tests, NULL, NULL);
}
