/* SPDX-License-Identifier: MIT */
/* Stopping at lines of scripts: for whoever runs calls again to find out what they did. */
#include <stdio.h>
#include <string.h>

#include "internal.h"
#include "prototype.h"

int sandbox_line_next(struct sandbox *s, uint32_t generation, const char *name, int line)
{
	const struct script_file *file = file_find(s, generation, name);
	int found = 0;

	if (file == NULL || !lua_checkstack(s->L, 1)) {
		return -1;
	}
	lua_rawgeti(s->L, LUA_REGISTRYINDEX, file->function_ref);
	found = prototype_line(s->L, line);
	lua_pop(s->L, 1);
	return found;
}

int sandbox_source(const struct sandbox *s, const char *name, int line, char *buf, size_t buf_len)
{
	const struct script_file *file = file_latest(s, name);
	int lines = 1;

	buf[0] = '\0';
	for (size_t i = 0; file != NULL && i + 1 < file->text_len && lines < line; i++) {
		lines += file->text[i] == '\n';
	}
	if (file == NULL || line < 1 || line > lines) {
		return -1;
	}
	source_line(file, line, buf, buf_len);
	return 0;
}

void sandbox_stops(struct sandbox *s, const struct sandbox_line *lines, size_t len, sandbox_stop_call *stopped, void *arg)
{
	s->stops.lines = lines;
	s->stops.len = len;
	s->stops.stopped = stopped;
	s->stops.arg = arg;
	s->stops.every = 0;
}

void sandbox_step(struct sandbox *s, int on)
{
	s->stops.every = on;
}

int sandbox_name_is(const char *file, const char *name)
{
	size_t whole = strlen(file), len = strlen(name);

	return len > 0 && whole >= len && strcmp(file + whole - len, name) == 0 && (whole == len || file[whole - len - 1] == '/');
}

/* wanted: the stop at this line; ar->short_src is known if there is one, or each line is to stop. */
static const struct sandbox_line *wanted(const struct sandbox *s, lua_State *L, lua_Debug *ar)
{
	int known = s->stops.every && lua_getinfo(L, "S", ar);

	for (size_t i = 0; i < s->stops.len; i++) {
		const struct sandbox_line *at = &s->stops.lines[i];

		if (at->line == ar->currentline && (known || (known = lua_getinfo(L, "S", ar))) &&
		    sandbox_name_is(ar->short_src, at->file)) {
			return at;
		}
	}
	return NULL;
}

/* line_reached: before the first instruction of a line. The call goes on as if nothing had been: what it has used, its random
 * numbers and its time are put back. */
void line_reached(lua_State *L, lua_Debug *ar)
{
	struct sandbox *s = sandbox_of(L);
	struct sandbox_stop stop = { .line = ar->currentline };
	const struct script_file *file;
	uint64_t began;

	stop.at = wanted(s, L, ar);
	file = stop.at != NULL || s->stops.every ? file_latest(s, ar->short_src) : NULL;
	if (file == NULL) {
		return;
	}
	stop.file = file->name;
	stop.what = s->what;
	stop.generation = file->generation;
	s->stops.L = L;
	s->stops.ar = ar;
	began = s->set.clock_ns != NULL ? s->set.clock_ns(s->set.arg) : 0;
	s->stops.stopped(s->stops.arg, &stop);
	s->started_ns += s->set.clock_ns != NULL ? s->set.clock_ns(s->set.arg) - began : 0;
	s->stops.L = NULL;
	s->stops.ar = NULL;
}

void sandbox_apart(struct sandbox *s, void (*body)(void *arg), void *arg)
{
	struct sandbox before = *s;

	memset(&s->stops, 0, sizeof(s->stops));
	s->stops.L = before.stops.L;
	s->stops.ar = before.stops.ar;
	s->co = NULL;
	s->co_ref = LUA_NOREF;
	s->running = 0;
	s->abort_next = SANDBOX_OK;
	s->loading = NULL;
	body(arg);
	luaL_unref(s->L, LUA_REGISTRYINDEX, s->co_ref);
	before.memory = s->memory;
	before.count.memory_peak = s->count.memory_peak;
	before.growths = s->growths;
	before.files = s->files;
	memcpy(before.generations, s->generations, sizeof(before.generations));
	*s = before;
}

const char *sandbox_stop_local(lua_State *L, int number)
{
	struct sandbox *s = sandbox_of(L);
	const char *name;

	if (s->stops.L == NULL || !lua_checkstack(s->stops.L, 1) || !lua_checkstack(L, 1)) {
		return NULL;
	}
	name = lua_getlocal(s->stops.L, s->stops.ar, number);
	if (name != NULL) {
		lua_xmove(s->stops.L, L, 1);
	}
	return name;
}

const char *sandbox_stop_upvalue(lua_State *L, int number)
{
	struct sandbox *s = sandbox_of(L);
	const char *name;

	if (s->stops.L == NULL || !lua_checkstack(s->stops.L, 2) || !lua_checkstack(L, 1)) {
		return NULL;
	}
	lua_getinfo(s->stops.L, "f", s->stops.ar);
	name = lua_getupvalue(s->stops.L, -1, number);
	if (name != NULL) {
		lua_xmove(s->stops.L, L, 1);
	}
	lua_pop(s->stops.L, 1);
	return name;
}

size_t sandbox_stop_traceback(const struct sandbox *s, char *buf, size_t buf_len)
{
	buf[0] = '\0';
	if (s->stops.L != NULL) {
		traceback(s->stops.L, buf, buf_len);
	}
	return strlen(buf);
}
