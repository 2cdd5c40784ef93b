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

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_taken), cmocka_unit_test(test_refused),
					    cmocka_unit_test(test_far_lines), cmocka_unit_test(test_off_by_default) };

	return cmocka_run_group_tests_name("sandbox_stateless", tests, NULL, NULL);
}
