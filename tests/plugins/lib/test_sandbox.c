/* SPDX-License-Identifier: MIT */
/* The rules of the script sandbox: what scripts have and lack, errors, generations, determinism, memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "sandbox/internal.h"

static struct sandbox *open_with(struct sandbox_settings set)
{
	struct sandbox *s = sandbox_create(&set);
	assert_non_null(s);
	return s;
}

static int run_text(struct sandbox *s, const char *text, struct sandbox_error *error)
{
	uint32_t generation = sandbox_generation_open(s);
	assert_int_not_equal(generation, 0);
	memset(error, 0, sizeof(*error));
	int rc = sandbox_load(s, generation, "t.lua", text, strlen(text), error);
	if (rc == 0) {
		rc = sandbox_start(s, generation, "t.lua", error);
	}
	sandbox_generation_close(s, generation);
	return rc;
}

/* ---- one line each: holds, or fails with this text in this line ---- */

static const char *const holds[] = {
	"assert(tostring({}) == 'table' and tostring(print) == 'function' and tostring(nil) == 'nil')",
	"assert(tostring(12) == '12' and tostring(1.5) == '1.5' and tostring(true) == 'true')",
	"local t = {} for k in pairs({ b = 1, [3] = 1, a = 1, [-1] = 1, [1] = 1, aa = 1 }) do t[#t + 1] = k end\n"
	"assert(table.concat(t, ',') == '-1,1,3,a,aa,b')",
	"local t = { a = 1, b = 2, c = 3 } local n = 0 for k in pairs(t) do t.b = nil t.z = 1 n = n + 1 end assert(n == 2)",
	"local C = {} C.__index = C local o = setmetatable({}, C) function C.hi() return 5 end\n"
	"assert(o.hi() == 5 and getmetatable(o) == C)",
	"local m = { __add = function(a, b) return 7 end, __call = function(s, x) return x end, __len = function() return 3 end }\n"
	"local o = setmetatable({}, m) assert(o + 1 == 7 and o(4) == 4 and #o == 3)",
	"assert(getmetatable('') == nil and ('x'):rep(3, '-') == 'x-x-x' and ('abc'):upper() == 'ABC')",
	"local ok, e = pcall(error, 'm', 0) assert(not ok and e == 'm')",
	"local ok, e = pcall(error, { c = 5 }) assert(not ok and e.c == 5)",
	"assert(select('#', pcall(function() return 1, nil, 3 end)) == 4)",
	"local t = { 5, 2, 9 } table.sort(t) assert(table.concat(t, ' ') == '2 5 9')",
	"local t = { 'b', 'a' } table.sort(t, function(a, b) return a > b end) assert(t[1] == 'b')",
	"local t = {} for i = 1, 1000 do t[i] = (i * 7919) % 1000 end table.sort(t) for i = 2, 1000 do assert(t[i - 1] <= t[i]) end",
	"local t = { 1, 2, 3 } table.insert(t, 4) table.insert(t, 1, 0) assert(table.concat(t) == '01234')\n"
	"assert(table.remove(t, 1) == 0 and table.remove(t) == 4 and #t == 3)",
	"local t = table.move({ 1, 2, 3 }, 1, 3, 2) assert(table.concat(t) == '1123')",
	"local t = table.pack(1, nil, 3) assert(t.n == 3 and select('#', table.unpack(t, 1, t.n)) == 3)",
	"assert(('%5d|%-5s|%05.1f|%x|%c|%%|%s'):format(42, 'ab', 3.14159, 255, 65, {}) == '   42|ab   |003.1|ff|A|%|table')",
	"assert(('%.3s|%5s'):format('abcdef', 1) == 'abc|    1')",
	"assert(('a b c'):gsub(' ', '%%') == 'a%b%c' and ('hello'):gsub('l', { l = 'L' }) == 'heLLo')",
	"assert(('k=v'):match('(%w+)=(%w+)') == 'k') for w in ('a b'):gmatch('%a') do assert(#w == 1) end",
	"assert(utf8.len('\\u{20AC}x') == 2 and utf8.char(8364) == '\\u{20AC}' and utf8.codepoint('A') == 65)",
	"for i = 1, 1000 do local r = math.random(3, 5) assert(r >= 3 and r <= 5) end assert(math.random() < 1)",
	"assert(math.random(math.mininteger, math.maxinteger)) assert(math.type(math.random(9)) == 'integer')",
	"assert(tonumber('0x10') == 16 and tonumber('z', 36) == 35)",
	"-- _ENV and <close> are words of comments and texts\nlocal s = '_ENV' .. \"<close>\" .. [[ local x <close> ]]",
	"\xef\xbb\xbflocal x = 1",
	"local close, x = 1, 2 assert((x < close) == false)",
	"assert(rawset({}, 'a', 1).a == 1 and rawget(setmetatable({}, { __index = { a = 1 } }), 'a') == nil)",
	"local s = '' for p, c in utf8.codes('ab') do s = s .. c end assert(s == '9798')",
	"goto done do local x = 1 end ::done::",
};

static void test_holds(void **state)
{
	(void)state;
	struct sandbox *s = open_with((struct sandbox_settings){ 0 });
	struct sandbox_error error;
	for (size_t i = 0; i < sizeof(holds) / sizeof(holds[0]); i++) {
		if (run_text(s, holds[i], &error) != 0) {
			fail_msg("%s\n%s:%d %s", holds[i], error.file, error.line, error.message);
		}
	}
	sandbox_free(s);
}

static const struct {
	const char *text, *code, *message;
	int line;
} fails[] = {
	{ "\nx = 1", "S0104", "assignment to the undeclared global 'x'", 2 },
	{ "\n\nreturn y", "S0105", "there is no global 'y'", 3 },
	{ "local t\nt.x = 1", "S0101", "attempt to index a nil value (local 't')", 2 },
	{ "local x = = 1", "S0102", "unexpected symbol near '='", 1 },
	{ "local a = 1\nlocal _ENV = {}", "S0102", "scripts may not use `_ENV`", 2 },
	{ "string.rep = 1", "S0101", "string is read-only", 1 },
	{ "return math.sin(1)", "S0101", "attempt to call a nil value (field 'sin')", 1 },
	{ "return ('x'):dump()", "S0101", "attempt to call a nil value (method 'dump')", 1 },
	{ "rawset(math, 'pi', 3)", "S0101", "read-only", 1 },
	{ "setmetatable({}, { __gc = print })", "S0101", "scripts may not use '__gc'", 1 },
	{ "setmetatable({}, { __mode = 'k' })", "S0101", "scripts may not use '__mode'", 1 },
	{ "for k in pairs({ [1.5] = 1 }) do end", "S0101", "a key is a number", 1 },
	{ "for k in pairs({ [true] = 1 }) do end", "S0101", "a key is a boolean", 1 },
	{ "return '10' + 1", "S0101", "attempt to perform arithmetic on a string value", 1 },
	{ "error('oops')", "S0101", "oops", 1 },
	{ "error()", "S0101", "an error that is not a text", 1 },
	{ "local function f()\n error('up', 2)\nend\nf()", "S0101", "up", 4 },
	{ "require 'nothing'", "S0106", "nothing called 'nothing'", 1 },
	{ "require 't'", "S0107", "requires itself", 1 },
	{ "while true do end", "S0420", "the instruction budget of one call is used up", 1 },
	{ "local t = {}\nwhile true do\n t = { t } end", "S0430", "memory is used up", 3 },
	{ "local s = ('x'):rep(60000)\nreturn s .. s", "S0430", "a string is too long", 2 },
	{ "\x1bLua", "S0102", "compiled Lua", 1 },
};

static void test_fails(void **state)
{
	(void)state;
	struct sandbox *s = open_with((struct sandbox_settings){ .memory_max = 1 << 20, .instructions_max = 1000000 });
	struct sandbox_error error;
	for (size_t i = 0; i < sizeof(fails) / sizeof(fails[0]); i++) {
		assert_int_equal(run_text(s, fails[i].text, &error), -1);
		if (!strstr(error.message, fails[i].message) || strcmp(error.code, fails[i].code) != 0 ||
		    error.line != fails[i].line || strcmp(error.file, "t.lua") != 0) {
			fail_msg("%s\n%s:%d [%s] %s", fails[i].text, error.file, error.line, error.code, error.message);
		}
	}
	sandbox_free(s);
}

/* ---- nothing but the allow-list can be reached ---- */

static const char allowed[] =
	" assert error getmetatable ipairs pairs pcall print rawequal rawget rawlen rawset require select setmetatable tonumber "
	"tostring type math string table utf8 math.abs math.ceil math.floor math.fmod math.huge math.max math.maxinteger "
	"math.min math.mininteger math.modf math.pi math.random math.sqrt math.tointeger math.type math.ult string.byte "
	"string.char string.find string.format string.gmatch string.gsub string.len string.lower string.match string.rep "
	"string.reverse string.sub string.upper table.concat table.insert table.move table.pack table.remove table.sort "
	"table.unpack utf8.char utf8.charpattern utf8.codepoint utf8.codes utf8.len utf8.offset ";

static int walk(lua_State *L, const char *prefix)
{
	int n = 0;
	if (lua_getmetatable(L, -1)) {		/* a read-only view: look at what is behind */
		lua_getfield(L, -1, "__index");
		lua_replace(L, -3);
		lua_pop(L, 1);
	}
	for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
		char name[80];
		snprintf(name, sizeof(name), " %s%s ", prefix, lua_tostring(L, -2));
		if (!strstr(allowed, name)) {
			fail_msg("not allowed:%s", name);
		}
		n++;
		if (lua_istable(L, -1)) {
			snprintf(name, sizeof(name), "%s%s.", prefix, lua_tostring(L, -2));
			n += walk(L, name);
		}
	}
	return n;
}

static void test_allow_list(void **state)
{
	(void)state;
	struct sandbox *s = open_with((struct sandbox_settings){ 0 });
	lua_rawgeti(s->L, LUA_REGISTRYINDEX, s->base_ref);
	int words = 0;
	for (const char *p = allowed + 1; *p; p++) {
		words += *p == ' ';
	}
	assert_int_equal(walk(s->L, ""), words);
	lua_settop(s->L, 0);
	sandbox_free(s);
}

/* ---- the block people see ---- */

static int load_one(struct sandbox *s, uint32_t generation, const char *name, const char *text, struct sandbox_error *error)
{
	return sandbox_load(s, generation, name, text, strlen(text), error);
}

/* the loop that does not end, not the line that was run before it */
static void test_budget_line(void **state)
{
	static const struct {
		const char *text;
		int line;
	} loops[] = {
		{ "return function()\n\n\twhile true do\n\tend\nend\n", 3 },
		{ "return function()\n\tlocal a = 1\n\n\twhile true do end\nend\n", 4 },
		{ "local function idle()\n\twhile true do end\nend\nreturn function()\n\tidle()\nend\n", 2 },
	};
	(void)state;
	struct sandbox *s = open_with((struct sandbox_settings){ .instructions_max = 100000 });
	for (size_t i = 0; i < sizeof(loops) / sizeof(loops[0]); i++) {
		struct sandbox_error error;
		char place[40];
		uint32_t g = sandbox_generation_open(s);
		assert_int_equal(load_one(s, g, "idle.lua", loops[i].text, &error), 0);
		assert_int_equal(sandbox_start(s, g, "idle", &error), 0);
		assert_int_equal(sandbox_call(s, sandbox_module(s, g, "idle"), "idle", NULL, 0, NULL, 0, &error), -1);
		assert_string_equal(error.code, "S0420");
		assert_int_equal(error.line, loops[i].line);
		snprintf(place, sizeof(place), "idle.lua:%d: in", loops[i].line);
		assert_ptr_equal(strstr(error.traceback, place), error.traceback);
	}
	sandbox_free(s);
}

static void test_error_format(void **state)
{
	(void)state;
	struct sandbox *s = open_with((struct sandbox_settings){ 0 });
	struct sandbox_error error;
	char shown[1024];
	uint32_t g = sandbox_generation_open(s);
	assert_int_equal(load_one(s, g, "scripts/meadow.lua", "return function(target)\n\treturn target.hp\nend\n", &error), 0);
	assert_int_equal(sandbox_start(s, g, "meadow", &error), 0);
	int ref = sandbox_module(s, g, "meadow");
	assert_int_equal(sandbox_call(s, ref, "monster \"slime\".think", NULL, 0, NULL, 0, &error), -1);
	sandbox_error_format(&error, shown, sizeof(shown));
	assert_string_equal(shown, "error[S0101]: attempt to index a nil value (local 'target')\n"
				   "  --> scripts/meadow.lua:2 in monster \"slime\".think, gen 1\n"
				   "2 |  return target.hp\n");
	assert_non_null(strstr(error.traceback, "scripts/meadow.lua:2: in"));
	assert_int_equal(sandbox_error_format(&error, shown, 10), 9);
	assert_int_equal(strlen(shown), 9);
	sandbox_free(s);
}

/* ---- the host's functions ---- */

static int host_add(lua_State *L)
{
	lua_pushinteger(L, luaL_checkinteger(L, 1) + *(int *)sandbox_arg(sandbox_of(L)));
	return 1;
}

static int host_refuse(lua_State *L)
{
	return sandbox_raise(L, "S0412", "ask for it in stage 2", "a world edit was tried in stage %d", 1);
}

static int host_work(lua_State *L)
{
	for (;;) {
		sandbox_charge(L, 100);
	}
	return 0;
}

static const struct sandbox_function host_functions[] = {
	{ "add", host_add }, { "refuse", host_refuse }, { "work", host_work }, { NULL, NULL }
};

static void test_host_functions(void **state)
{
	(void)state;
	int arg = 40;
	struct sandbox *s = open_with((struct sandbox_settings){ .arg = &arg });
	struct sandbox_error error;
	char shown[1024];
	assert_int_equal(sandbox_register(s, "game", host_functions, SANDBOX_LIBRARY_REQUIRE), 0);
	assert_int_equal(sandbox_register(s, "world", host_functions, SANDBOX_LIBRARY_GLOBAL), 0);
	assert_int_equal(run_text(s, "local g = require 'game' assert(g.add(2) == 42 and world.add(1) == 41)", &error), 0);
	assert_int_equal(run_text(s, "local g = require 'game' g.add = 1", &error), -1);
	assert_int_equal(run_text(s, "return game", &error), -1);
	assert_int_equal(run_text(s, "\nworld.refuse()", &error), -1);
	sandbox_error_format(&error, shown, sizeof(shown));
	assert_string_equal(shown, "error[S0412]: a world edit was tried in stage 1\n  --> t.lua:2 in its body, gen 4\n"
				   "2 | world.refuse()\n   = help: ask for it in stage 2\n");
	assert_int_equal(run_text(s, "pcall(world.refuse) error('later')", &error), -1);
	assert_string_equal(error.code, "S0101");
	assert_int_equal(run_text(s, "while true do pcall(world.work) end", &error), -1);
	assert_int_equal(error.kind, SANDBOX_BUDGET);
	sandbox_free(s);
}

/* ---- values, references, generations ---- */

static void test_values(void **state)
{
	(void)state;
	struct sandbox *s = open_with((struct sandbox_settings){ 0 });
	struct sandbox_error error;
	uint32_t g = sandbox_generation_open(s);
	assert_int_equal(load_one(s, g, "v.lua", "return function(...) return ... end", &error), 0);
	assert_int_equal(sandbox_start(s, g, "v", &error), 0);
	int ref = sandbox_module(s, g, "v");
	struct sandbox_value args[] = {
		{ .type = SANDBOX_NIL }, { .type = SANDBOX_BOOLEAN, .u.boolean = 1 }, { .type = SANDBOX_INTEGER, .u.integer = -5 },
		{ .type = SANDBOX_NUMBER, .u.number = 0.5 }, { .type = SANDBOX_STRING, .u.string = { "a\0b", 3 } },
		{ .type = SANDBOX_REF, .u.ref = ref },
	}, ret[7];
	assert_int_equal(sandbox_call(s, ref, "v", args, 6, ret, 7, &error), 0);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(ret[i].type, args[i].type);
	}
	assert_int_equal(ret[2].u.integer, -5);
	assert_int_equal(ret[4].u.string.len, 3);
	assert_memory_equal(ret[4].u.string.text, "a\0b", 3);
	assert_int_equal(ret[5].type, SANDBOX_OTHER);
	assert_int_equal(ret[6].type, SANDBOX_NIL);
	assert_int_equal(sandbox_call(s, LUA_REFNIL, "none", NULL, 0, NULL, 0, &error), -1);
	assert_int_equal(error.kind, SANDBOX_MISUSE);
	sandbox_free(s);
}

static int64_t ask(struct sandbox *s, int ref)
{
	struct sandbox_error error;
	struct sandbox_value ret;
	assert_int_equal(sandbox_call(s, ref, "f", NULL, 0, &ret, 1, &error), 0);
	return ret.u.integer;
}

static void test_generations(void **state)
{
	(void)state;
	struct sandbox *s = open_with((struct sandbox_settings){ 0 });
	struct sandbox_error error;
	uint32_t one = sandbox_generation_open(s);
	assert_int_equal(load_one(s, one, "lib/util.lua", "return { n = 1 }", &error), 0);
	assert_int_equal(load_one(s, one, "a.lua", "local u = require 'util' return function() return u.n end", &error), 0);
	assert_int_equal(load_one(s, one, "a.lua", "", &error), -1);
	assert_int_equal(sandbox_start(s, one, "a", &error), 0);
	assert_int_equal(ask(s, sandbox_module(s, one, "a")), 1);
	uint32_t bad = sandbox_generation_open(s);	/* refused: the old one keeps working */
	assert_int_equal(load_one(s, bad, "lib/util.lua", "return { n = ", &error), -1);
	assert_int_equal(error.generation, bad);
	sandbox_generation_close(s, bad);
	assert_int_equal(ask(s, sandbox_module(s, one, "a")), 1);
	uint32_t two = sandbox_generation_open(s);
	assert_true(two > one);
	assert_int_equal(load_one(s, two, "lib/util.lua", "return { n = 2 }", &error), 0);
	assert_int_equal(load_one(s, two, "a.lua", "local u = require 'lib/util' return function() return u.n end", &error), 0);
	assert_int_equal(sandbox_start(s, two, "a", &error), 0);
	assert_int_equal(ask(s, sandbox_module(s, one, "a")), 1);
	sandbox_generation_close(s, one);
	assert_int_equal(ask(s, sandbox_module(s, two, "a")), 2);
	assert_int_equal(sandbox_module(s, one, "a"), LUA_REFNIL);
	assert_int_equal(sandbox_start(s, one, "a", &error), -1);
	sandbox_free(s);
}

static void test_reload_keeps_memory(void **state)
{
	(void)state;
	struct sandbox *s = open_with((struct sandbox_settings){ 0 });
	struct sandbox_error error;
	struct sandbox_counters before, after;
	for (int i = 0; i < 1100; i++) {
		assert_int_equal(run_text(s, "local t = {} for i = 1, 50 do t[i] = {} end return t", &error), 0);
		if (i == 99) {
			sandbox_collect(s, 0);
			sandbox_counters_read(s, &before);
		}
	}
	sandbox_collect(s, 0);
	sandbox_counters_read(s, &after);
	assert_in_range(after.memory_used, 0, before.memory_used + 1024);
	sandbox_free(s);
}

/* ---- the same inputs give the same results ---- */

struct lines {
	char text[8192];
	size_t len;
};

static void lines_add(void *arg, const char *file, int line, const char *text, size_t len)
{
	struct lines *lines = arg;
	lines->len += (size_t)snprintf(lines->text + lines->len, sizeof(lines->text) - lines->len, "%s:%d %.*s\n", file,
				       line, (int)len, text);
	assert_true(lines->len < sizeof(lines->text));
}

static const char varied[] =
	"local t = {}\nfor i = 1, 200 do t['key' .. math.random(1000000)] = math.random() end\n"
	"local s = {}\nfor k, v in pairs(t) do s[#s + 1] = k .. '=' .. v end\n"
	"print(s[1], s[50], s[#s], t, print, tostring(setmetatable({}, {})))\n"
	"table.sort(s, function(a, b) return math.random(2) == 1 end)\nprint(s[1], s[100], math.random(99))\n"
	"for i = 1, 100 do s[i] = ('x'):rep(1000 + i) end\n"
	"local n = 0\nwhile true do n = n + 1 if n % 1000 == 0 then print(n, ('abc'):find('b')) end end\n";

static void test_deterministic(void **state)
{
	(void)state;
	struct lines first = { .len = 0 };
	void *keep[20];
	for (int i = 0; i < 20; i++) {
		struct lines lines = { .len = 0 };
		struct sandbox_error error;
		struct sandbox_counters count;
		keep[i] = test_malloc(100 + (size_t)i * 512);	/* other addresses, so another string hash */
		struct sandbox *s = open_with((struct sandbox_settings){ .seed = 99, .log = lines_add, .arg = &lines,
									 .instructions_max = 150000 });
		assert_int_equal(run_text(s, varied, &error), -1);
		sandbox_counters_read(s, &count);
		lines_add(&lines, error.message, error.line, "end", 3);
		lines_add(&lines, "", (int)count.prints_dropped, "", 0);
		if (i == 0) {
			first = lines;
		}
		assert_string_equal(lines.text, first.text);
		sandbox_free(s);
	}
	assert_non_null(strstr(first.text, "table function table"));
	for (int i = 0; i < 20; i++) {
		test_free(keep[i]);
	}
	struct lines lines = { .len = 0 };
	struct sandbox_error error;
	struct sandbox *s = open_with((struct sandbox_settings){ .seed = 98, .log = lines_add, .arg = &lines });
	assert_int_equal(run_text(s, varied, &error), -1);
	assert_string_not_equal(lines.text, first.text);
	sandbox_free(s);
}

/* ---- memory: refuse growth number n and all after it, for every n ---- */

static const char busy_text[] =
	"local t = {} for i = 1, 30 do t['k' .. i] = { i, ('v'):rep(300) .. i } end\n"
	"for k, v in pairs(t) do pcall(error, { k }) end\n"
	"local s = {} for i = 1, 60 do s[i] = 61 - i end table.sort(s) local j = table.concat(s, ',')\n"
	"j = j:gsub('%d+', function(d) return '<' .. d .. '>' end) j = j:format(1, 2) .. j:upper()\n"
	"for w in j:gmatch('<(%d+)>') do s[#s + 1] = w end print(j, #s, utf8.char(8364, 65))\n"
	"local o = setmetatable({}, { __index = function(_, k) return k .. k end }) return o.abc";

static int fail_round(uint64_t n)
{
	struct sandbox *s = open_with((struct sandbox_settings){ .log = NULL });
	struct sandbox_error error;
	s->growths = 0;
	s->fail_at = n;
	uint32_t g = sandbox_generation_open(s);
	int rc = g ? sandbox_load(s, g, "m.lua", busy_text, sizeof(busy_text) - 1, &error) : -1;
	if (rc == 0) {
		rc = sandbox_start(s, g, "m", &error);
	}
	if (rc < 0 && g) {
		assert_int_equal(error.kind, SANDBOX_MEMORY);
	}
	int reached = s->growths >= n;
	s->fail_at = 0;		/* and then it works again */
	sandbox_generation_close(s, g);
	assert_int_equal(run_text(s, busy_text, &error), 0);
	sandbox_free(s);
	return reached;
}

static void test_memory_every_n(void **state)
{
	(void)state;
	uint64_t n = 1;

	while (fail_round(n)) {
		n++;
	}
	assert_true(n > 300);
}

/* Creation under every cap: NULL or a state that works. */
static void test_memory_create(void **state)
{
	(void)state;
	int refused = 0, made = 0;
	for (size_t cap = 1; cap < 64 << 10; cap += 37) {
		struct sandbox_settings set = { .memory_max = cap };
		struct sandbox *s = sandbox_create(&set);
		refused += !s;
		made += s != NULL;
		sandbox_free(s);
	}
	assert_true(refused > 10 && made > 10);
}

static void test_print(void **state)
{
	(void)state;
	struct lines lines = { .len = 0 };
	struct sandbox_error error;
	struct sandbox_counters count;
	struct sandbox *s = open_with((struct sandbox_settings){ .log = lines_add, .arg = &lines, .print_max = 2 });
	assert_int_equal(run_text(s, "print(1, 'a', nil)\nprint()\nprint(3)", &error), 0);
	assert_string_equal(lines.text, "t.lua:1 1 a nil\nt.lua:2 \n");
	sandbox_counters_read(s, &count);
	assert_int_equal(count.prints_dropped, 1);
	sandbox_free(s);
}

static int nested_call(lua_State *L)
{
	struct sandbox_error error;
	assert_int_equal(sandbox_call(sandbox_of(L), LUA_REFNIL, "x", NULL, 0, NULL, 0, &error), -1);
	assert_int_equal(error.kind, SANDBOX_MISUSE);
	return luaL_error(L, "%s", error.message);
}

static void test_run(void **state)
{
	(void)state;
	struct sandbox *s = open_with((struct sandbox_settings){ 0 });
	struct sandbox_error error;
	assert_int_equal(sandbox_run(s, nested_call, NULL, "nested", &error), -1);
	assert_string_equal(error.message, "another call of these scripts is running");
	assert_int_equal(sandbox_run(s, host_work, NULL, "work", &error), -1);
	assert_int_equal(error.kind, SANDBOX_BUDGET);
	sandbox_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_holds), cmocka_unit_test(test_fails), cmocka_unit_test(test_allow_list),
		cmocka_unit_test(test_error_format),
		cmocka_unit_test(test_budget_line), cmocka_unit_test(test_host_functions), cmocka_unit_test(test_values),
		cmocka_unit_test(test_generations), cmocka_unit_test(test_reload_keeps_memory),
		cmocka_unit_test(test_deterministic), cmocka_unit_test(test_memory_every_n),
		cmocka_unit_test(test_memory_create), cmocka_unit_test(test_print),
		cmocka_unit_test(test_run),
	};
	return cmocka_run_group_tests_name("sandbox", tests, NULL, NULL);
}
