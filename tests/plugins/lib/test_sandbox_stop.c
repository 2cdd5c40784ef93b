/* SPDX-License-Identifier: MIT */
/* Stopping at lines: calls that stop end as those that do not, to the instruction. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "sandbox/sandbox.h"

static const char text[] = "local base, list = 3, { 'a', 'b' }\n"		       /* 1 */
			   "\n"							       /* 2 */
			   "local function add(a, b)\n"				       /* 3 */
			   "\tlocal sum = a + b\n"				       /* 4 */
			   "\treturn sum\n"					       /* 5 */
			   "end\n"						       /* 6 */
			   "\n"							       /* 7 */
			   "return function(n)\n"				       /* 8 */
			   "\tlocal x = base + #list\n"				       /* 9 */
			   "\tfor i = 1, n do\n"				       /* 10 */
			   "\t\tx = add(x, math.random(1, 9))\n"		       /* 11 */
			   "\t\tnote(i)\n"					       /* 12 */
			   "\t\tlocal _ = ('y'):rep(i % 600)\n"			       /* 13 */
			   "\tend\n"						       /* 14 */
			   "\treturn x -- the end\n"				       /* 15 */
			   "end\n";						       /* 16 */

struct seen {
	struct sandbox *sandbox;
	uint32_t stops, steps;
	lua_Integer noted; /* by the script */
	char place[128], variables[512], traceback[512];
	void (*inside)(void *arg);
};

static int note(lua_State *L)
{
	((struct seen *)sandbox_arg(sandbox_of(L)))->noted = luaL_checkinteger(L, 1);
	return 0;
}

static int note_fill(lua_State *L)
{
	lua_pushcfunction(L, note);
	lua_setfield(L, 2, "note");
	return 0;
}


static struct sandbox *open_with(struct seen *seen, uint64_t budget, int *ret_function)
{
	struct sandbox_settings set = { .instructions_max = budget, .stateless = 1, .seed = 7, .arg = seen };
	struct sandbox_error error;
	uint32_t generation;
	char whole[sizeof(text) + 64];

	/* on the first line, which keeps the others where they are */
	snprintf(whole, sizeof(whole), "local note = require('notes').note %s", text);
	seen->sandbox = sandbox_create(&set);
	assert_non_null(seen->sandbox);
	assert_int_equal(sandbox_library(seen->sandbox, "notes", note_fill, seen, SANDBOX_LIBRARY_REQUIRE), 0);
	generation = sandbox_generation_open(seen->sandbox);
	if (sandbox_load(seen->sandbox, generation, "far/f.lua", whole, strlen(whole), &error) != 0 ||
	    sandbox_start(seen->sandbox, generation, "f", &error) != 0) {
		fail_msg("%s", error.message);
	}
	*ret_function = sandbox_module(seen->sandbox, generation, "f");
	return seen->sandbox;
}

static int names_body(lua_State *L)
{
	struct seen *seen = lua_touserdata(L, 1);
	const char *name;
	size_t at = 0;

	for (int i = 1; (name = sandbox_stop_local(L, i)) != NULL; i++) {
		at += (size_t)snprintf(seen->variables + at, sizeof(seen->variables) - at, "%s=%s ", name,
				       lua_isnumber(L, -1) ? lua_tostring(L, -1) : luaL_typename(L, -1));
		lua_pop(L, 1);
	}
	for (int i = 1; (name = sandbox_stop_upvalue(L, i)) != NULL; i++) {
		at += (size_t)snprintf(seen->variables + at, sizeof(seen->variables) - at, "^%s ", name);
		lua_pop(L, 1);
	}
	return 0;
}

static void inside(void *arg)
{
	struct seen *seen = arg;
	struct sandbox_error error;

	if (sandbox_run(seen->sandbox, names_body, seen, "names", &error) != 0) {
		fail_msg("%s", error.message);
	}
}

static void on_stop(void *arg, const struct sandbox_stop *stop)
{
	struct seen *seen = arg;

	seen->stops += stop->at != NULL;
	seen->steps += stop->at == NULL;
	snprintf(seen->place, sizeof(seen->place), "%s:%d %s", stop->file, stop->line, stop->what);
	sandbox_apart(seen->sandbox, seen->inside, seen);
	sandbox_stop_traceback(seen->sandbox, seen->traceback, sizeof(seen->traceback));
}

struct result {
	int failed, line, code;
	uint64_t instructions;
	lua_Integer noted;
	int64_t sum;
	uint64_t random;
};

static struct result ask(uint64_t budget, int64_t n, struct seen *seen, const struct sandbox_line *lines, size_t len, int every)
{
	struct sandbox_value arg = { .type = SANDBOX_INTEGER, .u.integer = n }, ret = { .type = SANDBOX_NIL };
	struct sandbox_error error = { .line = 0 };
	struct result result = { .failed = 0 };
	uint64_t ns;
	int function;
	struct sandbox *s = open_with(seen, budget, &function);

	if (len > 0 || every) {
		sandbox_stops(s, lines, len, on_stop, seen);
		sandbox_step(s, every);
	}
	result.failed = sandbox_call(s, function, "f", &arg, 1, &ret, 1, &error);
	result.line = error.line;
	result.code = (int)error.kind;
	result.sum = ret.type == SANDBOX_INTEGER ? ret.u.integer : 0;
	result.noted = seen->noted;
	sandbox_last(s, &result.instructions, &ns);
	result.random = sandbox_random(s);
	seen->sandbox = sandbox_free(s);
	return result;
}

static void test_place_and_variables(void **state)
{
	static const struct sandbox_line lines[] = { { "f.lua", 5 }, { "far/f.lua", 15 }, { "g.lua", 11 }, { "r/f.lua", 12 } };
	struct seen seen = { .inside = inside };

	(void)state;
	assert_int_equal(ask(100000, 3, &seen, lines, 1, 0).failed, 0);
	assert_int_equal(seen.stops, 3);
	assert_string_equal(seen.place, "far/f.lua:5 f");
	assert_non_null(strstr(seen.variables, "a="));
	assert_non_null(strstr(seen.variables, "sum="));
	assert_non_null(strstr(seen.traceback, "far/f.lua:5: in"));
	assert_non_null(strstr(seen.traceback, "\nfar/f.lua:11: in"));
	memset(&seen, 0, sizeof(seen));
	seen.inside = inside;
	assert_int_equal(ask(100000, 3, &seen, lines + 1, 3, 0).failed, 0);
	assert_int_equal(seen.stops, 1); /* neither another file nor half a folder's name */
	assert_non_null(strstr(seen.variables, "n=3 x="));
	assert_non_null(strstr(seen.variables, "^list"));
}

static void same(const struct result *a, const struct result *b, uint64_t budget)
{
	if (memcmp(a, b, sizeof(*a)) != 0) {
		fail_msg("budget %llu: failed %d %d, line %d %d, kind %d %d, instructions %llu %llu, round %lld %lld, sum %lld %lld",
			 (unsigned long long)budget, a->failed, b->failed, a->line, b->line, a->code, b->code,
			 (unsigned long long)a->instructions, (unsigned long long)b->instructions, (long long)a->noted,
			 (long long)b->noted, (long long)a->sum, (long long)b->sum);
	}
}

/* What is tried at a stop uses up a budget of its own, random numbers, the memory, and raises. */
static int hungry_body(lua_State *L)
{
	for (int i = 0; i < 40; i++) {
		lua_pushfstring(L, "%d", i);
		lua_newtable(L);
		lua_settop(L, 1);
		sandbox_random(sandbox_of(L));
	}
	sandbox_charge(L, 1000);
	return sandbox_raise(L, "S0999", "no help", "an error of a stop");
}

static void hungry(void *arg)
{
	struct seen *seen = arg;
	struct sandbox_error error;

	assert_int_equal(sandbox_run(seen->sandbox, hungry_body, NULL, "hungry", &error), -1);
	assert_true(strcmp(error.code, "S0999") == 0 || strcmp(error.code, "S0420") == 0); /* it has a budget, too */
	inside(arg);
}

/* Budgets of all sizes, so that calls end at many places: also below a C function, and in one that is charged. */
static void test_same_instruction(void **state)
{
	static const struct sandbox_line lines[] = { { "f.lua", 4 }, { "f.lua", 12 }, { "f.lua", 15 } };
	uint32_t ended = 0, stops = 0;

	(void)state;
	for (uint64_t budget = 256; budget < 12000; budget += 37) {
		struct seen plain = { .inside = inside }, stopped = { .inside = hungry }, stepped = { .inside = inside };
		struct result a, b, c;

		memset(&a, 0, sizeof(a));
		memset(&b, 0, sizeof(b));
		memset(&c, 0, sizeof(c));
		a = ask(budget, 300, &plain, NULL, 0, 0);
		b = ask(budget, 300, &stopped, lines, 3, 0);
		c = ask(budget, 300, &stepped, NULL, 0, 1);
		same(&a, &b, budget);
		same(&a, &c, budget);
		ended += a.code == SANDBOX_BUDGET;
		stops += stopped.stops;
		assert_int_equal(plain.stops + plain.steps, 0);
		assert_in_range(stepped.steps, 2, 1000000);
	}
	assert_in_range(ended, 100, 400);
	assert_in_range(stops, 1000, 1000000);
}

static void test_lines_with_code(void **state)
{
	static const int next[][2] = { { 0, 1 }, { 2, 3 + 3 }, { 4, 4 }, { 5, 5 }, { 9, 9 }, { 13, 13 }, { 14, 15 }, { 15, 15 }, { 17, 0 } };
	struct seen seen = { .inside = inside };
	int function;
	struct sandbox *s = open_with(&seen, 100000, &function);
	char line[64];

	(void)state;
	for (size_t i = 0; i < sizeof(next) / sizeof(next[0]); i++) {
		int found = sandbox_line_next(s, 1, "far/f.lua", next[i][0]);

		if (next[i][0] == 2) {
			assert_in_range(found, 3, 6); /* where Lua puts the making of a function */
		} else {
			assert_int_equal(found, next[i][1]);
		}
	}
	assert_int_equal(sandbox_line_next(s, 1, "far/g.lua", 1), -1);
	assert_int_equal(sandbox_source(s, "far/f.lua", 4, line, sizeof(line)), 0);
	assert_string_equal(line, " local sum = a + b");
	assert_int_equal(sandbox_source(s, "far/f.lua", 17, line, sizeof(line)), -1);
	assert_int_equal(sandbox_source(s, "far/f.lua", 0, line, sizeof(line)), -1);
	assert_int_equal(sandbox_source(s, "far/f.lua", 2, line, sizeof(line)), 0);
	assert_string_equal(line, "");
	sandbox_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_place_and_variables),
		cmocka_unit_test(test_same_instruction),
		cmocka_unit_test(test_lines_with_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
