/* SPDX-License-Identifier: MIT */
/* The sandbox's patterns against stock Lua's: whatever ends within a small budget ends the same in both. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "sandbox/sandbox.h"

/* Enough for ordinary patterns, and so little that stock Lua, which has no bound, takes a few ms at most. */
#define INSTRUCTIONS_MAX 100000u
#define ARGS_MAX 1024u

/* Runs one of the functions and returns all its results as one text. `gmatch` sees an iterator of both. */
static const char script[] =
	"local ops = {\n"
	"function(s, p) return string.find(s, p) end,\n"
	"function(s, p) return string.match(s, p) end,\n"
	"function(s, p) return string.gsub(s, p, '<%0>') end,\n"
	"function(s, p, r) return string.gsub(s, p, r) end,\n"
	"function(s, p) return string.find(s, p, -3) end,\n"
	"function(s, p) return string.find(s, p, 2, true) end,\n"
	"function(s, p) return string.gsub(s, p, { a = 1, b = false, ab = 'x' }, 3) end,\n"
	"function(s, p) return string.gsub(s, p, function(...) return select('#', ...) .. tostring((...)) end) end,\n"
	"function(s, p) local n, t = 0, {}\n"
	"  for a, b in string.gmatch(s, p) do n = n + 1 t[n] = tostring(a) .. ',' .. tostring(b) if n > 50 then break end end\n"
	"  return table.concat(t, ';') end,\n"
	"function(s, p) local n, t = 0, {}\n"
	"  for a in string.gmatch(s, p, 3) do n = n + 1 t[n] = tostring(a) if n > 50 then break end end\n"
	"  return table.concat(t, ';') end,\n"
	"}\n"
	"local function join(...) local t = { ... } for i = 1, select('#', ...) do t[i] = tostring(t[i]) end\n"
	"  return table.concat(t, '|') end\n"
	"return function(op, s, p, r) return join(ops[op % #ops + 1](s, p, r)) end\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sandbox *sandbox;
static lua_State *stock;
static int sandbox_ref, stock_ref;

/* differ: shows the call, escaped, and what both made of it. */
static void differ(const struct sandbox_value *args, const char *wanted, size_t wanted_len, const char *got, size_t got_len)
{
	static const char *const names[] = { "subject", "pattern", "replacement", "stock", "sandbox" };
	const char *texts[5] = { [3] = wanted, [4] = got };
	size_t lens[5] = { [3] = wanted_len, [4] = got_len };

	fprintf(stderr, "operation %lld\n", (long long)args[0].u.integer);
	for (int i = 0; i < 5; i++) {
		if (i < 3) {
			texts[i] = args[i + 1].u.string.text;
			lens[i] = args[i + 1].u.string.len;
		}
		fprintf(stderr, "%s: \"", names[i]);
		for (size_t at = 0; at < lens[i]; at++) {
			unsigned char c = (unsigned char)texts[i][at];

			fprintf(stderr, c >= ' ' && c < 127 && c != '"' && c != '\\' ? "%c" : "\\x%02x", c);
		}
		fprintf(stderr, "\"\n");
	}
	abort();
}

static void set_up(void)
{
	struct sandbox_settings settings = {
		.instructions_max = INSTRUCTIONS_MAX,
		.memory_max = 64u << 20,
		.string_max = 8u << 20,
		.seed = 1,
	};
	struct sandbox_error error;
	uint32_t generation;

	sandbox = sandbox_create(&settings);
	stock = luaL_newstate();
	if (sandbox == NULL || stock == NULL) {
		abort();
	}
	generation = sandbox_generation_open(sandbox);
	if (sandbox_load(sandbox, generation, "ops.lua", script, sizeof(script) - 1, &error) != 0 ||
	    sandbox_start(sandbox, generation, "ops.lua", &error) != 0) {
		fprintf(stderr, "%s:%d: %s\n", error.file, error.line, error.message);
		abort();
	}
	sandbox_ref = sandbox_module(sandbox, generation, "ops.lua");
	luaL_openlibs(stock);
	if (luaL_loadbuffer(stock, script, sizeof(script) - 1, "=ops") != LUA_OK || lua_pcall(stock, 0, 1, 0) != LUA_OK) {
		abort();
	}
	stock_ref = luaL_ref(stock, LUA_REGISTRYINDEX);
}

/* take: the next argument, which a newline ends. */
static struct sandbox_value take(const char **at, const char *end)
{
	const char *stop = memchr(*at, '\n', (size_t)(end - *at));
	struct sandbox_value value = { .type = SANDBOX_STRING };

	stop = stop != NULL ? stop : end;
	value.u.string.text = *at;
	value.u.string.len = (size_t)(stop - *at);
	*at = stop < end ? stop + 1 : end;
	return value;
}

/* is_undefined: what the manual says nothing about, and stock Lua does as it happens: '%z', and a position as `%1`. */
static int is_undefined(const struct sandbox_value *pattern)
{
	const char *p = pattern->u.string.text, *end = p + pattern->u.string.len;
	int positions = 0, earlier = 0, z = 0;

	for (; end - p >= 2; p++) {
		positions |= p[0] == '(' && p[1] == ')';
		earlier |= p[0] == '%' && p[1] >= '1' && p[1] <= '9';
		z |= p[0] == '%' && (p[1] == 'z' || p[1] == 'Z');
	}
	return z || (positions && earlier);
}

/* The first byte is the operation; then subject, pattern and replacement, on a line each. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data + 1, *end = (const char *)data + size;
	struct sandbox_value args[4], ret;
	struct sandbox_error error;
	size_t len;

	if (size == 0 || size > ARGS_MAX) {
		return 0;
	}
	if (sandbox == NULL) {
		set_up();
	}
	args[0] = (struct sandbox_value){ .type = SANDBOX_INTEGER, .u.integer = data[0] };
	for (int i = 1; i < 4; i++) {
		args[i] = take(&at, end);
	}

	if (is_undefined(&args[2])) {
		return 0;
	}

	int refused = sandbox_call(sandbox, sandbox_ref, "ops", args, 4, &ret, 1, &error);

	if (refused != 0 && error.kind != SANDBOX_RUNTIME) {
		return 0; /* its budget ended: stock Lua might take until tomorrow */
	}
	lua_rawgeti(stock, LUA_REGISTRYINDEX, stock_ref);
	lua_pushinteger(stock, data[0]);
	for (int i = 1; i < 4; i++) {
		lua_pushlstring(stock, args[i].u.string.text, args[i].u.string.len);
	}

	int status = lua_pcall(stock, 4, 1, 0);
	const char *text = lua_tolstring(stock, -1, &len);

	if ((status != LUA_OK && strstr(text, "too complex") != NULL) ||
	    (refused != 0 && strstr(error.message, "too complex") != NULL)) {
		lua_settop(stock, 0); /* how deep is too deep is each library's own */
		return 0;
	}
	if ((status != LUA_OK) != (refused != 0)) {
		differ(args, text, len, refused != 0 ? error.message : "accepted", refused != 0 ? strlen(error.message) : 8);
	}
	if (refused == 0 && (ret.type != SANDBOX_STRING || ret.u.string.len != len ||
			     memcmp(ret.u.string.text, text, len) != 0)) {
		differ(args, text, len, ret.u.string.text, ret.u.string.len);
	}
	lua_settop(stock, 0);
	return 0;
}
