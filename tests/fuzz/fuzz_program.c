/* SPDX-License-Identifier: MIT */
/*
 * Programs made from a small grammar, the input choosing at every turn. What a handler answers must not depend on
 * which calls ran before it in the same state, nor on where things are in memory: a state that ran it with 1, 3 and
 * then 2, and one that ran it with 2 alone, agree on result, error, printed lines and instructions, or the file was
 * refused.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sandbox/sandbox.h"

#define TEXT_SIZE 16384
#define TEXT_STOP 12000 /* from here on only the shortest is chosen */
#define INSTRUCTIONS_MAX 20000u
#define MEMORY_MAX (512u << 10)
#define MEMORY_SLACK (64u << 10)
#define DEPTH_MAX 6

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct maker {
	const uint8_t *at, *end;
	size_t len;
	int depth;
	char text[TEXT_SIZE];
};

static unsigned pick(struct maker *m, unsigned n)
{
	return m->at < m->end && m->len < TEXT_STOP ? *m->at++ % n : 0;
}

static void add(struct maker *m, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct maker *m, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(m->text + m->len, sizeof(m->text) - m->len, format, args);
	va_end(args);
	m->len += n > 0 && (size_t)n < sizeof(m->text) - m->len ? (size_t)n : 0;
}

/* Each line is one way to write it; a capital letter stands for a part: Number, String, Table, Function, Any
 * value, Block of statements, Key, Local variable. The first way of each has no parts. */
static const char *const numbers[] = {
	"1", "n1", "n2", "p", "ln", "0", "-1", "7", "1e9", "0.5", "(N + N)", "(N * N)", "(N // N)", "(N % N)",
	"(N - N)", "#T", "#S", "(N << 3)", "math.random(9)", "math.max(N, N)", "(T.x or N)", "(T[N] or N)",
	"(tonumber(S) or N)", "F(N)", "(2 ^ N)", "select('#', A, A)", "rawlen(T)", "d.count", "math.random()",
	"math.floor(N)",
};
static const char *const strings[] = {
	"'x'", "s1", "ls", "'ab'", "''", "(S .. S)", "S:rep(N)", "S:sub(N, N)", "tostring(A)", "type(A)",
	"S:upper()", "(S:gsub('%w', S))", "(S:match('(.-)b') or S)", "('%s|%5.1f'):format(A, N)",
	"table.concat(T, S)", "d.name", "(S:gsub('.', F))", "('%q'):format(S)", "utf8.char(N)", "S:reverse()",
};
static const char *const tables[] = {
	"{}", "t1", "t2", "lt", "{ N, N, x = A }", "{ K = A, A, A }", "d", "d.inner", "(T.t or T)",
	"setmetatable({ A }, T)", "setmetatable({}, { __index = A })", "setmetatable(T, { __call = F })",
	"setmetatable({}, { __index = T, __newindex = F, __len = F, __tostring = F })", "table.pack(A, A)",
	"table.move(T, 1, N, 2, {})", "(getmetatable(T) or {})", "{ { A } }",
	"setmetatable({}, { __add = F, __eq = F, __lt = F, __concat = F })", "table.move(T, 1, 2, 2, T)",
};
static const char *const functions[] = {
	"print", "f1", "f2", "function(p) B return A end", "function() return A end", "lf",
	"(function() local c = 0 return function() c = c + 1 return c end end)()",
	"(function() local c = { 0 } return function() c[1] = c[1] + 1 return c[1] end end)()", "(pairs(T))",
	"(S:gmatch('.'))", "(T.f or print)", "string.rep", "d.f", "rawset", "function(p, q) B return q end",
	"table.insert", "setmetatable", "(ipairs(T))",
};
static const char *const values[] = {
	"nil", "N", "S", "T", "F", "true", "(A == A)", "(A and A)", "(A or A)", "not A", "(N < N)", "T.K",
	"T[A]", "F(A)", "F(A, A)", "select(2, pcall(F, A))", "(pcall(F, A, A))", "rawget(T, A)",
	"require('data')", "(A .. A)", "(S < S)",
};
static const char *const keys[] = { "x", "y", "t", "f", "name", "count" };
static const char *const locals[] = { "ln", "ls", "lt", "lf", "ln", "p" };
static const char *const statements[] = {
	"", "out(A)", "ln = N", "ls = S", "lt = T", "lf = F", "T.K = A", "T[N] = A", "F(A)", "if A then B end",
	"L = A", "for i = 1, 3 do B end", "for k, v in pairs(T) do B end",
	"for i, v in ipairs(T) do out(v) B end", "pcall(F, A)", "pcall(function() B end)",
	"table.insert(T, A)", "table.remove(T)", "table.sort(T, F)", "table.sort(T)", "rawset(T, A, A)",
	"setmetatable(T, T)", "do local ln, lt = N, T B end", "while N > 5 do B break end",
	"for w in S:gmatch('%w') do out(w) end", "local lf = F out(lf(A))", "error(A)", "repeat B until true",
	"T.f = F", "print(A, A)", "out(T.x)", "out(N)", "out(#T)", "pcall(table.sort, T, F)",
	"pcall(table.insert, T, N, A)", "pcall(setmetatable, T, T)", "pcall(rawset, T, A, A)",
};

/* refused when the file is read, so there must not be many of them */
static const char *const outer[] = { "", "n1 = N", "t1 = T", "f1 = F", "x = A" };

static void part(struct maker *m, char kind);

#define CHOOSE(m, list) write_one(m, list[pick(m, sizeof(list) / sizeof(list[0]))])

static void write_one(struct maker *m, const char *form)
{
	for (; *form != '\0'; form++) {
		if (*form >= 'A' && *form <= 'Z' && strchr("NSTFABKL", *form) != NULL) {
			int is_prefix = *form != 'K' && form[1] != '\0' && strchr(":.[(", form[1]) != NULL;

			add(m, "%s", is_prefix ? "(" : "");
			part(m, *form);
			add(m, "%s", is_prefix ? ")" : "");
		} else {
			add(m, "%c", *form);
		}
	}
}

static void block(struct maker *m)
{
	for (unsigned n = pick(m, 5); n > 0; n--) {
		add(m, "; ");
		CHOOSE(m, statements);
		if (pick(m, 199) == 198) {
			CHOOSE(m, outer);
		}
	}
	add(m, " ");
}

static void part(struct maker *m, char kind)
{
	const uint8_t *end = m->end;

	if (++m->depth > DEPTH_MAX) {
		m->end = m->at; /* the shortest from here */
	}
	switch (kind) {
	case 'N': CHOOSE(m, numbers); break;
	case 'S': CHOOSE(m, strings); break;
	case 'T': CHOOSE(m, tables); break;
	case 'F': CHOOSE(m, functions); break;
	case 'A': CHOOSE(m, values); break;
	case 'K': CHOOSE(m, keys); break;
	case 'L': CHOOSE(m, locals); break;
	default: block(m);
	}
	m->end = end;
	m->depth--;
}

static const char data_text[] = "local function f(a, b) return b or a end\n"
				"return { count = 3, name = 'data', inner = { 1, 2, x = { y = 1 } }, f = f, t = { f } }";

static void program(struct maker *m)
{
	add(m, "local d, p, ln, ls, lt, lf, out = require 'data', 5, 1, 'l', {}, print, print\n");
	add(m, "local n1, n2, s1, t1, t2, f1, f2 = 1, 2, 's', { 1, 2, 3, x = 4 }, {}, print, print\n");
	m->depth = DEPTH_MAX - 3; /* leave something of the input for the handler */
	for (int i = 0; i < 6; i++) {
		static const char *const initial[] = { "N end) if ok then n1 = v end", "S end) if ok then s1 = v end",
							"T end) if ok then t1 = v end", "T end) if ok then t2 = v end",
							"F end) if ok then f1 = v end", "F end) if ok then f2 = v end" };

		add(m, "do local ok, v = pcall(function() return ");
		write_one(m, initial[i]);
		add(m, " end\n");
	}
	write_one(m, "pcall(function() B end)\n");
	m->depth = 0;
	add(m, "return function(p)\n  local ln, ls, lt, lf, said = p, 'l', { 1, 2, x = p }, print, ''\n");
	add(m, "  local function out(v) said = said .. tostring(v) .. ';' end\n  for turn = 1, 2 do\n");
	for (int i = 0; i < 6; i++) {
		write_one(m, "  pcall(function() B end) out(lt.x)\n");
	}
	write_one(m, "  end\n  B\n  return said .. tostring(A)\nend\n");
}

/* --- running ---------------------------------------------------------------------------------------- */

struct owner {
	struct sandbox *sandbox;
	uint32_t generation;
	uint64_t printed; /* the lines of the call in one number */
};

struct answer {
	int kind, line, len;
	uint64_t printed, instructions;
	char text[400];
};

static void line_printed(void *arg, const char *file, int line, const char *text, size_t len)
{
	struct owner *owner = arg;

	owner->printed += (uint64_t)line + strlen(file);
	for (size_t i = 0; i < len; i++) {
		owner->printed = owner->printed * 1099511628211u + (unsigned char)text[i];
	}
}

static void call(struct owner *owner, int64_t n, struct answer *ret)
{
	struct sandbox_value arg = { .type = SANDBOX_INTEGER, .u.integer = n }, value;
	struct sandbox_error error;
	int ref = sandbox_module(owner->sandbox, owner->generation, "program");
	uint64_t ns;

	memset(ret, 0, sizeof(*ret));
	owner->printed = 0;
	sandbox_seed(owner->sandbox, (uint64_t)n);
	if (sandbox_call(owner->sandbox, ref, "handler", &arg, 1, &value, 1, &error) != 0) {
		ret->kind = error.kind;
		ret->line = error.line;
		snprintf(ret->text, sizeof(ret->text), "%s %s", error.code, error.message);
	} else if (value.type == SANDBOX_STRING) {
		ret->len = (int)value.u.string.len;
		snprintf(ret->text, sizeof(ret->text), "%.*s", (int)value.u.string.len, value.u.string.text);
	}
	ret->printed = owner->printed;
	sandbox_last(owner->sandbox, &ret->instructions, &ns);
}

/* open: returns whether the program is one that may run for all owners alike */
static int open(struct owner *owner, const struct maker *m)
{
	struct sandbox_settings settings = { .memory_max = MEMORY_MAX, .string_max = 4096,
					     .instructions_max = INSTRUCTIONS_MAX, .stateless = 1, .arg = owner, .log = line_printed };
	struct sandbox_error error;
	int ref;

	owner->sandbox = sandbox_create(&settings);
	if (owner->sandbox == NULL) {
		abort();
	}
	owner->generation = sandbox_generation_open(owner->sandbox);
	if (sandbox_load(owner->sandbox, owner->generation, "data.lua", data_text, sizeof(data_text) - 1, &error) != 0) {
		abort();
	}
	if (sandbox_load(owner->sandbox, owner->generation, "program.lua", m->text, m->len, &error) != 0 ||
	    sandbox_start(owner->sandbox, owner->generation, "program", &error) != 0) {
		return 0;
	}
	ref = sandbox_module(owner->sandbox, owner->generation, "program");
	return sandbox_freeze(owner->sandbox, owner->generation, &ref, 1, &error) == 0;
}

static void differ(const struct maker *m, const struct answer *a, const struct answer *b)
{
	const struct answer *const both[] = { a, b };

	fprintf(stderr, "%.*s\n", (int)m->len, m->text);
	for (int i = 0; i < 2; i++) {
		fprintf(stderr, "%s: kind %d, line %d, printed %llx, %llu instructions, %s\n", i == 0 ? "busy" : "fresh",
			both[i]->kind, both[i]->line, (unsigned long long)both[i]->printed,
			(unsigned long long)both[i]->instructions, both[i]->text);
	}
	abort();
}

static uint64_t tried, ran, answered;

static void summary(void)
{
	fprintf(stderr, "%llu programs, %llu ran, %llu answered\n", (unsigned long long)tried, (unsigned long long)ran,
		(unsigned long long)answered);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct maker m;
	struct owner busy = { 0 }, fresh = { 0 };
	struct answer a, b;
	struct sandbox_counters counters;
	clock_t started = clock();
	void *shift;

	if (tried++ == 0 && getenv("FUZZ_SUMMARY") != NULL) {
		atexit(summary);
	}
	m = (struct maker){ .at = data, .end = data + size };
	program(&m);
	if (open(&busy, &m)) {
		ran++;
		shift = malloc(1 + size * 3); /* other addresses in the second state */
		if (!open(&fresh, &m)) {
			abort();
		}
		call(&busy, 1, &a);
		call(&busy, 3, &a);
		call(&busy, 2, &a);
		call(&fresh, 2, &b);
		answered += b.kind == SANDBOX_OK;
		/* how much memory is left does depend on what ran: that end is recorded and told to the others */
		if (a.kind != SANDBOX_MEMORY && b.kind != SANDBOX_MEMORY && memcmp(&a, &b, sizeof(a)) != 0) {
			differ(&m, &a, &b);
		}
		free(shift);
	}
	sandbox_counters_read(busy.sandbox, &counters);
	if (counters.memory_peak > MEMORY_MAX + MEMORY_SLACK) {
		abort();
	}
	sandbox_free(busy.sandbox);
	sandbox_free(fresh.sandbox);
	if (clock() - started > 2 * CLOCKS_PER_SEC) {
		fprintf(stderr, "%.*s\ntook too long\n", (int)m.len, m.text);
		abort();
	}
	return 0;
}
