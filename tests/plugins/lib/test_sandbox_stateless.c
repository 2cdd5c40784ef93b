/* SPDX-License-Identifier: MIT */
/* Functions of a file keep nothing from call to call: what is refused when it is read, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sandbox/internal.h"

static struct sandbox *open_stateless(void)
{
	struct sandbox_settings set = { .stateless = 1 };
	struct sandbox *s = sandbox_create(&set);

	assert_non_null(s);
	return s;
}

static int load(struct sandbox *s, const char *text, struct sandbox_error *error)
{
	uint32_t generation = sandbox_generation_open(s);
	int rc = sandbox_load(s, generation, "rules/r.lua", text, strlen(text), error);

	if (rc == 0) {
		rc = sandbox_start(s, generation, "r", error);
	}
	sandbox_generation_close(s, generation);
	return rc;
}

/* ---- the file keeps its own variables while it is read, and functions theirs ---- */

static const char *const taken[] = {
	"local n = 0 n = n + 1 for i = 1, 3 do n = n + i end return n",
	"local n = 0 return function() local m = n m = m + 1 return m end",
	"return function() local n = 0 local function add() n = n + 1 end add() add() return n end",
	"return function() local n = 0 return function() return function() n = n + 1 return n end end end",
	"local a, b function a(n) return n > 0 and b(n - 1) end function b(n) return n > 0 and a(n - 1) end return a(4)",
	"local t = {} function t.f(self) self.x = 1 end t:f() return t",
	"local function f(...) local a, b = ... a, b = b, a return a end return f(1, 2)",
	"do local k = 1 k = 2 end for i = 1, 2 do local j = i j = j + 1 end",
	"local t = {} for i = 1, 10 do t[i] = function() return i end end return t[3]()",
};

static void test_taken(void **state)
{
	(void)state;
	struct sandbox *s = open_stateless();
	struct sandbox_error error;

	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		if (load(s, taken[i], &error) != 0) {
			fail_msg("%s\n%d: %s", taken[i], error.line, error.message);
		}
	}
	sandbox_free(s);
}

static const struct {
	const char *text, *name;
	int line, global;
} refused[] = {
	{ "local n = 0\nreturn function()\n  n = n + 1\n return n end", "n", 3, 0 },
	{ "local a, b = 1, 2\nlocal function f()\n\n a, b = b, a end", "b", 4, 0 },
	{ "local n\nreturn function() return function() return function()\n n = 1 end end end", "n", 3, 0 },
	{ "local n\nlocal t = {\n f = function(self)\n  if self then\n   n = nil\n  end\n end }", "n", 5, 0 },
	{ "do\n local hidden\n function string_f() end\nend", "string_f", 3, 1 },
	{ "do\n local hidden\n local function f() hidden = 1 end\nend", "hidden", 3, 0 },
	{ "for i = 1, 3 do\n local f = function() i = i + 1 end\nend", "i", 2, 0 },
	{ "local f\nf = function() f = nil end", "f", 2, 0 },
	{ "local n\nlocal function f()\n local m\n return function() m = 1\n n = m end end", "n", 5, 0 },
	{ "return function()\n count = 1 end", "count", 2, 1 },
	{ "local x <const> = 5\nlocal y\nreturn function() y = x end", "y", 3, 0 },
	{ "local n\nlocal g = function() n = 1 end\nlocal f = function() n = 2 end", "n", 2, 0 },
};

static void test_refused(void **state)
{
	(void)state;
	struct sandbox *s = open_stateless();
	struct sandbox_error error;
	char message[128];

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		snprintf(message, sizeof(message), refused[i].global ? "assignment to the undeclared global '%s'"
								     : "a function assigns to '%s', which is the file's",
			 refused[i].name);
		assert_int_equal(load(s, refused[i].text, &error), -1);
		if (strcmp(error.message, message) != 0 || error.line != refused[i].line || error.kind != SANDBOX_SYNTAX) {
			fail_msg("%s\n%s:%d [%s] %s", refused[i].text, error.file, error.line, error.code, error.message);
		}
		assert_string_equal(error.code, "S0104");
		assert_string_equal(error.file, "rules/r.lua");
		assert_non_null(strstr(error.help, refused[i].global ? "`local`" : "state = {"));
		assert_int_not_equal(error.source[0], '\0');
	}
	sandbox_free(s);
}

/* The line is found however far it is from the last, and behind any number of constants and functions. */
static void test_far_lines(void **state)
{
	(void)state;
	enum { SIZE = 200000 };
	struct sandbox *s = open_stateless();
	struct sandbox_error error;
	char *text = malloc(SIZE);
	size_t len = 0;

	assert_non_null(text);
	len += (size_t)snprintf(text, SIZE, "local late\nreturn function(x)\n");
	for (int i = 0; i < 1000; i++) {
		len += (size_t)snprintf(text + len, SIZE - len, "x = x + %d.5 .. 'constant %d'%s", i, i, i % 7 ? "\n" : "; ");
	}
	for (int i = 0; i < 700; i++) {
		text[len++] = '\n';
	}
	snprintf(text + len, SIZE - len, "late = function() return x end end");

	int line = 1;

	for (const char *at = text; at < text + len; at++) {
		line += *at == '\n';
	}
	assert_int_equal(load(s, text, &error), -1);
	assert_string_equal(error.code, "S0104");
	assert_int_equal(error.line, line);
	free(text);
	sandbox_free(s);
}

/* Who did not ask for it is not bothered. */
static void test_off_by_default(void **state)
{
	(void)state;
	struct sandbox_settings set = { 0 };
	struct sandbox *s = sandbox_create(&set);
	struct sandbox_error error;

	assert_int_equal(load(s, refused[0].text, &error), 0);
	sandbox_free(s);
}

/* ---- tables are frozen when all files were started ---- */

struct owner {
	struct sandbox *sandbox;
	uint32_t generation;
};

static struct owner open_files(const char *data, const char *rules)
{
	struct owner owner = { .sandbox = open_stateless() };
	struct sandbox_error error;
	const char *const names[] = { "data", "rules" }, *const texts[] = { data, rules };

	owner.generation = sandbox_generation_open(owner.sandbox);
	for (int i = 0; i < 2; i++) {
		if (sandbox_load(owner.sandbox, owner.generation, names[i], texts[i], strlen(texts[i]), &error) != 0) {
			fail_msg("%s", error.message);
		}
	}
	for (int i = 0; i < 2; i++) {
		if (sandbox_start(owner.sandbox, owner.generation, names[i], &error) != 0) {
			fail_msg("%s", error.message);
		}
	}
	return owner;
}

static int freeze(struct owner *owner, struct sandbox_error *error)
{
	int ref = sandbox_module(owner->sandbox, owner->generation, "rules");

	return sandbox_freeze(owner->sandbox, owner->generation, &ref, 1, error);
}

static const char data_text[] =
	"local Animal = {} Animal.__index = Animal\n"
	"function Animal.legs() return 4 end\n"
	"local log = setmetatable({ known = 1 }, { __index = function(t, k) return k .. #t end, __call = function(t, x) return x end })\n"
	"return { list = { 'a', 'b', 'c' }, deep = { er = { est = 1 } }, Animal = Animal, log = log, [1.5] = 'odd',\n"
	"  sub = setmetatable({ own = 1 }, { __index = { theirs = 2 }, __len = function() return 77 end }), yes = true }";

/* Everything reads as before; whoever holds a table, by a file, an upvalue, a metatable or a key, cannot write to it. */
static const char reads[] =
	"local d, keep = require 'data', { [{ 'key' }] = { n = 5 }, plain = 'p' }\n"
	"return function(what)\n"
	"  local t = d.list\n"
	"  assert(#t == 3 and rawlen(t) == 3 and t[2] == 'b' and rawget(t, 3) == 'c' and t[4] == nil)\n"
	"  assert(table.concat(t, '-') == 'a-b-c' and select('#', table.unpack(t)) == 3 and table.unpack(t, 2, 2) == 'b')\n"
	"  local out = {} for i, v in ipairs(t) do out[i] = v end assert(#out == 3)\n"
	"  out = {} for k, v in pairs(d.deep) do out[#out + 1] = k assert(v.est == 1) end assert(out[1] == 'er' and #out == 1)\n"
	"  out = table.move(t, 1, 3, 2, {}) assert(out[4] == 'c') table.sort(out, function(a, b) return (a or '') > (b or '') end)\n"
	"  assert(d.Animal.legs() == 4 and d.yes == true and d[1.5] == 'odd')\n"
	"  local cow = setmetatable({}, d.Animal) assert(cow.legs() == 4 and getmetatable(cow) == d.Animal) cow.x = 1\n"
	"  assert(d.log.known == 1 and d.log.other == 'other0' and d.log(9) == 9 and #d.sub == 77)\n"
	"  assert(d.sub.own == 1 and d.sub.theirs == 2 and d.sub.none == nil and getmetatable(d.sub).__index.theirs == 2)\n"
	"  assert(('list'):gsub('%a+', d.deep) == 'list' and tostring(d) == 'table' and d == require 'data')\n"
	"  for k, v in pairs({ plain = keep.plain }) do assert(v == 'p') end\n"
	"  return true\n"
	"end\n";

static const char *const writes[] = {
	"d.list[1] = 'x'", "d.list[4] = 'x'", "d.list[2] = nil", "d.deep.er.est = 2", "d.new = 1", "d.yes = nil",
	"rawset(d.list, 1, 'x')", "rawset(d, 'yes', 2)", "table.insert(d.list, 'x')", "table.remove(d.list)",
	"table.sort(d.list)", "table.move(d.list, 1, 2, 2)", "table.move({ 1 }, 1, 1, 1, d.list)", "setmetatable(d, nil)",
	"setmetatable(d.deep, { __index = {} })", "getmetatable(d.sub).__index.theirs = 3", "getmetatable(d.sub).__index = {}",
	"d.Animal.legs = nil", "d.Animal.__index = nil", "getmetatable(setmetatable({}, d.Animal)).legs = nil",
	"d.log.known = 2", "d.log.fresh = 2", "local f, s = pairs(d.deep) s.er = 1", "local f, s = ipairs(d.list) s[1] = 1",
	"keep.n = 1", "keep.inner.n = 2", "table.move(d.list, 1, 3, 1).n = 1",
};

static void test_frozen_reads(void **state)
{
	(void)state;
	struct owner owner = open_files(data_text, reads);
	struct sandbox_error error;
	struct sandbox_value ret;

	for (int i = 0; i < 3; i++) { /* not frozen; frozen; frozen again by a second call */
		int ref = sandbox_module(owner.sandbox, owner.generation, "rules");

		if (sandbox_call(owner.sandbox, ref, "reads", NULL, 0, &ret, 1, &error) != 0) {
			fail_msg("%d: %s", i, error.message);
		}
		if (freeze(&owner, &error) != 0) {
			fail_msg("%s", error.message);
		}
	}
	sandbox_free(owner.sandbox);
}

static void test_frozen_writes(void **state)
{
	(void)state;
	struct sandbox_error error;
	struct sandbox_value ret;
	char text[512];

	for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
		snprintf(text, sizeof(text), "local d, keep = require 'data', { n = 0, inner = { n = 1 } }\n"
			 "return function(again)\n if again then assert(d.list[1] == 'a' and d.deep.er.est == 1 and d.yes)\n"
			 " return keep.n + keep.inner.n + #d.list + d.Animal.legs() + d.log.known end\n%s\nend", writes[i]);

		struct owner owner = open_files(data_text, text);
		struct sandbox_value again = { .type = SANDBOX_BOOLEAN, .u.boolean = 1 };
		int ref = sandbox_module(owner.sandbox, owner.generation, "rules");

		assert_int_equal(freeze(&owner, &error), 0);
		if (sandbox_call(owner.sandbox, ref, "writes", NULL, 0, NULL, 0, &error) == 0) {
			fail_msg("%s was let through", writes[i]);
		}
		if (strcmp(error.code, "S0104") != 0 || error.line != 5) {
			fail_msg("%s: %d [%s] %s", writes[i], error.line, error.code, error.message);
		}
		assert_non_null(strstr(error.help, "state = {"));
		if (sandbox_call(owner.sandbox, ref, "writes", &again, 1, &ret, 1, &error) != 0 || ret.u.integer != 9) {
			fail_msg("%s left a trace: %s", writes[i], error.message);
		}
		sandbox_free(owner.sandbox);
	}
}

static const struct {
	const char *text, *name;
	int line;
} keepers[] = {
	{ "local function counter()\n local n = 0\n return function()\n n = n + 1 return n end end\n"
	  "local next_id = counter()\nreturn function() return next_id() end", "n", 4 },
	{ "local function counter() local n = 0 return { get = function()\n return function() n = n + 1 end end } end\n"
	  "local c = counter()\nreturn function() return c.get() end", "n", 2 },
	{ "local it = pairs({ 1, 2 })\nlocal t = {}\nreturn function() return it(t) end", "it", 3 },
	{ "local it = ('a b'):gmatch('%a')\n\nreturn function() return it() end", "it", 3 },
	{ "local t = setmetatable({},\n { __len = ('a b'):gmatch('%a') })\nreturn function() return #t end", "__len", 3 },
	{ "return { a = { b = { next_one = pairs({}) } } }", "next_one", 1 },
	{ "local function f() local n = 1 return function() n = n + 1 return n end end\n"
	  "return setmetatable({}, { __index = f() })", "n", 1 },
};

static void test_keepers(void **state)
{
	(void)state;
	char message[96];
	struct sandbox_error error;

	for (size_t i = 0; i < sizeof(keepers) / sizeof(keepers[0]); i++) {
		struct owner owner = open_files("return 1", keepers[i].text);

		snprintf(message, sizeof(message), "'%s' keeps a value from call to call", keepers[i].name);
		assert_int_equal(freeze(&owner, &error), -1);
		if (strcmp(error.message, message) != 0 || error.line != keepers[i].line || strcmp(error.code, "S0104") != 0 ||
		    strcmp(error.file, "rules") != 0) {
			fail_msg("%s\n%s:%d [%s] %s", keepers[i].text, error.file, error.line, error.code, error.message);
		}
		sandbox_free(owner.sandbox);
	}
}

/* What the functions of a call make for themselves is theirs, counters as well. */
static void test_within_a_call(void **state)
{
	(void)state;
	struct owner owner = open_files("return { n = 5 }",
					"local d = require 'data'\nreturn function() local n = 0\n"
					"local function add(t) n = n + 1 t[#t + 1] = n return t end\n"
					"local t = add(add({})) t.x = d t.y = { d.n } table.insert(t, 3) t.y[1] = 6\n"
					"for w in ('a b'):gmatch('%a') do n = n + 1 end for k in pairs(t) do n = n + 1 end return n end");
	struct sandbox_error error;
	struct sandbox_value ret;

	assert_int_equal(freeze(&owner, &error), 0);
	for (int i = 0; i < 3; i++) {
		int ref = sandbox_module(owner.sandbox, owner.generation, "rules");

		assert_int_equal(sandbox_call(owner.sandbox, ref, "f", NULL, 0, &ret, 1, &error), 0);
		assert_int_equal(ret.u.integer, 9);
	}
	sandbox_free(owner.sandbox);
}

static int content_body(lua_State *L)
{
	const struct owner *owner = lua_touserdata(L, 1);

	lua_rawgeti(L, LUA_REGISTRYINDEX, sandbox_module(owner->sandbox, owner->generation, "data"));
	lua_pushliteral(L, "n");
	assert_int_equal(lua_rawget(L, -2), LUA_TNIL);
	lua_pop(L, 1);
	assert_int_equal(sandbox_content(L, -1), 1);
	assert_int_equal(lua_getfield(L, -1, "n"), LUA_TNUMBER);
	lua_newtable(L);
	assert_int_equal(sandbox_content(L, -1), 0);
	assert_true(lua_rawequal(L, -1, -2));
	return 0;
}

static void test_freeze_as_host(void **state)
{
	(void)state;
	struct owner owner = open_files("return { n = 5 }", "return 1");
	struct sandbox_error error;

	assert_int_equal(freeze(&owner, &error), 0);
	assert_int_equal(sandbox_run(owner.sandbox, content_body, &owner, "host", &error), 0);
	assert_int_equal(sandbox_load(owner.sandbox, owner.generation, "late", "return 1", 8, &error), 0);
	assert_int_equal(freeze(&owner, &error), -1);
	assert_int_equal(error.kind, SANDBOX_MISUSE);
	assert_string_equal(error.message, "late was not started");
	sandbox_free(owner.sandbox);
}

static uint64_t clock_cpu(void *arg)
{
	struct timespec t;

	(void)arg;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* 20,000 closures of a function of 40 KB: looking at all of them would take seconds. */
static void test_freeze_takes_too_long(void **state)
{
	(void)state;
	enum { SIZE = 60000 };
	struct sandbox_settings set = { .stateless = 1, .clock_ns = clock_cpu, .wall_ms_max = 50 };
	struct owner owner = { .sandbox = sandbox_create(&set) };
	struct sandbox_error error;
	char *text = malloc(SIZE);
	size_t len = (size_t)snprintf(text, SIZE, "local t, x = {}, 1 for i = 1, 20000 do t[i] = function() local y = x\n");
	uint64_t started;

	while (len < SIZE - 1000) {
		len += (size_t)snprintf(text + len, SIZE - len, "y = y * 3 + 'a' .. 5\n");
	}
	len += (size_t)snprintf(text + len, SIZE - len, "return y + i end end return t");
	owner.generation = sandbox_generation_open(owner.sandbox);
	assert_int_equal(sandbox_load(owner.sandbox, owner.generation, "rules", text, len, &error), 0);
	assert_int_equal(sandbox_start(owner.sandbox, owner.generation, "rules", &error), 0);
	started = clock_cpu(NULL);
	assert_int_equal(freeze(&owner, &error), -1);
	assert_int_equal(error.kind, SANDBOX_CLOCK);
	assert_true(clock_cpu(NULL) - started < 200u * 1000000u);
	free(text);
	sandbox_free(owner.sandbox);
}

/* Whichever growth of the state is refused, it is an error and no more; the sandbox serves on. */
static void test_freeze_without_memory(void **state)
{
	(void)state;
	struct sandbox_error error;
	int frozen = 0;

	for (uint64_t n = 1; !frozen; n++) {
		struct owner owner = open_files(data_text, reads);

		owner.sandbox->growths = 0;
		owner.sandbox->fail_at = n;
		frozen = freeze(&owner, &error) == 0;
		owner.sandbox->fail_at = 0;
		assert_true(frozen || error.kind == SANDBOX_MEMORY);
		assert_true(!frozen || n > 30);
		sandbox_generation_close(owner.sandbox, owner.generation);
		assert_int_equal(load(owner.sandbox, "return 1", &error), 0);
		sandbox_free(owner.sandbox);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken),	      cmocka_unit_test(test_refused),	    cmocka_unit_test(test_far_lines),
		cmocka_unit_test(test_off_by_default), cmocka_unit_test(test_frozen_reads), cmocka_unit_test(test_frozen_writes),
		cmocka_unit_test(test_keepers),	      cmocka_unit_test(test_within_a_call), cmocka_unit_test(test_freeze_as_host),
		cmocka_unit_test(test_freeze_without_memory),
		cmocka_unit_test(test_freeze_takes_too_long),
	};

	return cmocka_run_group_tests_name("sandbox_stateless", tests, NULL, NULL);
}
