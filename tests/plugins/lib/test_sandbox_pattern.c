/* SPDX-License-Identifier: MIT */
/* The counted pattern matcher, and format, against the stock string library over generated cases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <lualib.h>

#include "sandbox/internal.h"

#define CASES 6000

static uint32_t seed = 20260101;

static uint32_t pick(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 9) % n;
}

static const char *const items[] = {
	"a", "b", ".", "%a", "%d", "%s", "%w", "%W", "%p", "%x", "%u", "%l", "%c", "%g", "%A", "%D", "[ab]", "[^ab]", "[a-c]", "[%d_]",
	"[]]", "[^]]", "[a-]", "[%]x]", "%%", "%.", "%bxy", "%b()", "%f[%w]", "%f[^a]", "()", "(a)", "(a*)", "(.-)", "(%d+)", "(.)%1",
	"x", "y", "1", " ", "-", "^", "$", "%1", "(", ")", "[", "%", "%2", "[a", "\\0",
};
static const char *const suffixes[] = { "", "", "", "*", "+", "-", "?" };
static const char letters[] = "aabbcxy12 _.()-]\\0\\n\\200Z";

/* Writes a Lua literal body; the pieces are free of quotes. */
static void make_pattern(char *out)
{
	*out = '\0';
	strcat(out, pick(8) == 0 ? "^" : "");
	for (uint32_t n = 1 + pick(5); n > 0; n--) {
		/* the last eight are often malformed: seldom, so that most cases match something */
		size_t count = sizeof(items) / sizeof(items[0]) - (pick(12) ? 8 : 0);
		strcat(out, items[pick((uint32_t)count)]);
		strcat(out, suffixes[pick(7)]);
	}
	strcat(out, pick(8) == 0 ? "$" : "");
}

static void make_text(char *out)
{
	size_t len = 0;
	for (uint32_t n = pick(24); n > 0; n--) {
		size_t i = pick(sizeof(letters) - 1);
		while (letters[i] == '\\' || (i > 0 && letters[i - 1] == '\\') || (letters[i] >= '0' && letters[i] <= '9')) {
			i = pick(sizeof(letters) - 1);
		}
		out[len++] = letters[i];
	}
	if (pick(6) == 0) {
		len += (size_t)sprintf(out + len, "\\0\\n\\200""a12x(y)");
	}
	out[len] = '\0';
}

static const char *const calls[] = {
	"string.find(s, p)", "string.find(s, p, %d)", "string.match(s, p)", "string.match(s, p, %d)", "string.gsub(s, p, '<%%%%0>')",
	"string.gsub(s, p, '%%%%1-')", "string.gsub(s, p, 'r', %d)", "string.gsub(s, p, { a = 'A', b = false })",
	"string.gsub(s, p, function(...) return select('#', ...) end)", "all(string.gmatch(s, p))", "string.find(s, p, %d, true)",
};

/* Runs the text in the stock library; the outcome is one line of text, errors without their place. */
static const char prelude[] =
	"local function show(ok, ...) local t = { tostring(ok) } for i = 1, select('#', ...) do local v = select(i, ...)\n"
	"t[#t + 1] = type(v) .. ':' .. tostring(v) end return table.concat(t, '|') end\n"
	"local function all(f) local t = {} for i = 1, 100 do local a, b, c = f() if a == nil then break end\n"
	"t[#t + 1] = tostring(a) .. ',' .. tostring(b) .. ',' .. tostring(c) end return table.concat(t, ';') end\n";

static void stock_run(lua_State *L, const char *text, char *out, size_t out_len)
{
	if (luaL_loadstring(L, text) != LUA_OK || lua_pcall(L, 0, 1, 0) != LUA_OK) {
		fail_msg("%s\n%s", lua_tostring(L, -1), text);
	}
	size_t len;
	const char *s = luaL_tolstring(L, -1, &len);
	assert_true(len < out_len);
	memcpy(out, s, len + 1);
	lua_settop(L, 0);
}

static size_t own_run(struct sandbox *s, const char *text, char *out, size_t out_len)
{
	struct sandbox_error error;
	uint32_t g = sandbox_generation_open(s);
	if (sandbox_load(s, g, "p.lua", text, strlen(text), &error) != 0 || sandbox_start(s, g, "p", &error) != 0) {
		fail_msg("%s\n%s", error.message, text);
	}
	lua_rawgeti(s->L, LUA_REGISTRYINDEX, sandbox_module(s, g, "p"));
	size_t len;
	const char *result = lua_tolstring(s->L, -1, &len);
	assert_true(len < out_len);
	memcpy(out, result, len + 1);
	lua_settop(s->L, 0);
	sandbox_generation_close(s, g);
	return len;
}

/* Messages may say more than the stock ones; that there is an error must agree. */
static void cut_error(char *out, size_t out_len)
{
	if (strncmp(out, "false|", 6) == 0) {
		memset(out + 5, 0, out_len - 5);
	}
}

static void compare(struct sandbox *s, lua_State *L, const char *body, int *ret_matches)
{
	char text[4096], own[4096] = "", stock[4096] = "";
	snprintf(text, sizeof(text), "%s%s", prelude, body);
	own_run(s, text, own, sizeof(own));
	stock_run(L, text, stock, sizeof(stock));
	cut_error(own, sizeof(own));
	cut_error(stock, sizeof(stock));
	if (memcmp(own, stock, sizeof(own)) != 0) {
		fail_msg("%s\nown:   %s\nstock: %s", body, own, stock);
	}
	*ret_matches += strncmp(own, "true|nil", 8) != 0 && strncmp(own, "false", 5) != 0;
}

static void test_patterns(void **state)
{
	(void)state;
	struct sandbox_settings set = { 0 };
	struct sandbox *s = sandbox_create(&set);
	lua_State *L = luaL_newstate();
	luaL_openlibs(L);
	int matches = 0;
	for (int i = 0; i < CASES; i++) {
		char pattern[128], text[128], call[160], body[1024];
		make_pattern(pattern);
		make_text(text);
		const char *form = calls[pick(sizeof(calls) / sizeof(calls[0]))];
		const char *number = strstr(form, "%d");
		size_t len = 0;
		for (const char *p = form; *p; p++) {	/* %d: a start or a count; %%: one percent sign */
			if (p == number) {
				len += (size_t)sprintf(call + len, "%d", (int)pick(30) - 8);
				p++;
			} else if (p[0] == '%' && p[1] == '%') {
				call[len++] = '%';
				p++;
			} else {
				call[len++] = *p;
			}
		}
		call[len] = '\0';
		for (char *p = strstr(call, "%%"); p; p = strstr(call, "%%")) {
			memmove(p, p + 1, strlen(p));
		}
		snprintf(body, sizeof(body), "local s, p = '%s', '%s'\nreturn show(pcall(function() return %s end))", text,
			 pattern, call);
		compare(s, L, body, &matches);
	}
	assert_in_range(matches, CASES / 4, CASES);	/* the generator makes cases worth comparing */
	lua_close(L);
	sandbox_free(s);
}

static void test_formats(void **state)
{
	(void)state;
	struct sandbox_settings set = { 0 };
	struct sandbox *s = sandbox_create(&set);
	lua_State *L = luaL_newstate();
	luaL_openlibs(L);
	static const char *const values[] = { "0", "1", "-1", "255", "3.0", "1e15", "-0.5", "1e308", "'7'", "'text'", "'a\\0b'", "true" };
	static const char letter[] = "dixXoeEfgGsc";
	int matches = 0;
	for (int i = 0; i < 2000; i++) {
		char body[256], directive[16] = "%";
		size_t len = 1;
		char c = letter[pick(sizeof(letter) - 1)];
		if (pick(3) == 0) {
			directive[len++] = c == 's' || c == 'c' ? '-' : c == 'd' || c == 'i' ? "-+ 0"[pick(4)] : "-#0"[pick(3)];
		}
		if (pick(2)) {
			len += (size_t)sprintf(directive + len, "%u", (unsigned)(1 + pick(30)));
		}
		if (pick(3) == 0 && c != 'c') {
			len += (size_t)sprintf(directive + len, ".%u", (unsigned)pick(20));
		}
		directive[len++] = c;
		directive[len] = '\0';
		const char *value = values[pick(c == 's' ? 12 : 9)];
		if (c == 's' && strchr(value, '0') && value[0] == '\'') {
			value = "'plain'";	/* the stock %s refuses zeros with a width */
		}
		snprintf(body, sizeof(body), "return show(pcall(string.format, '[%s]%%%%', %s))", directive, value);
		compare(s, L, body, &matches);
	}
	assert_in_range(matches, 1000, 2000);
	lua_close(L);
	sandbox_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_patterns), cmocka_unit_test(test_formats) };
	return cmocka_run_group_tests_name("sandbox_pattern", tests, NULL, NULL);
}
