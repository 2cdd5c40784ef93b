/* SPDX-License-Identifier: MIT */
/* Running scripts protected and budgeted, and what an error says. */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static const struct {
	const char *code, *message, *help;
} kinds[SANDBOX_KINDS] = {
	[SANDBOX_OK] = { "", "", "" },
	[SANDBOX_RUNTIME] = { "S0101", "", "" },
	[SANDBOX_SYNTAX] = { "S0102", "", "look above the line, too: what is left open there, such as a missing `end` or `)`, shows only later" },
	[SANDBOX_MISUSE] = { "S0103", "", "" },
	[SANDBOX_BUDGET] = { "S0420", "the instruction budget of one call is used up",
			     "look for a loop that does not end, or spread the work over several ticks" },
	[SANDBOX_CLOCK] = { "S0421", "the call took too long",
			    "look for work on long strings or large tables inside a loop" },
	[SANDBOX_MEMORY] = { "S0430", "the script's memory is used up, or a string is too long",
			     "keep less, or raise the memory limit of the scripts" },
};

/* text_clean copies text without control bytes, cut to fit. */
void text_clean(char *dst, size_t dst_len, const char *src, size_t src_len, int lines)
{
	size_t at = 0;

	for (size_t i = 0; i < src_len && at + 1 < dst_len; i++) {
		unsigned char c = (unsigned char)src[i];

		dst[at++] = c >= 32 && c != 127 ? (char)c : (lines && c == '\n') ? '\n' : ' ';
	}
	dst[at] = '\0';
}

void source_line(const struct script_file *file, int line, char *dst, size_t dst_len)
{
	const char *at = file->text, *end = file->text + file->text_len, *stop;

	for (int i = 1; i < line && at < end; i++) {
		stop = memchr(at, '\n', (size_t)(end - at));
		at = stop != NULL ? stop + 1 : end;
	}
	stop = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
	text_clean(dst, dst_len, at, (size_t)((stop != NULL ? stop : end) - at), 0);
}

/* line_at: the line a function on the stack is at. */
static int line_at(const struct sandbox *s, int level, const lua_Debug *ar)
{
	return level == 0 && s->left_line > 0 ? s->left_line : ar->currentline;
}

/* place: the innermost line of a script on the thread's stack */
static void place(struct sandbox *s, lua_State *co, struct sandbox_error *error)
{
	lua_Debug ar;

	for (int level = 0; level < 200 && lua_getstack(co, level, &ar); level++) {
		if (lua_getinfo(co, "Sl", &ar) && ar.currentline > 0) {
			snprintf(error->file, sizeof(error->file), "%s", ar.short_src);
			error->line = line_at(s, level, &ar);
			break;
		}
	}
}

/* split: takes "file:line: " off a message and into the error, if there is such a file: a script may write anything */
static const char *split(const struct sandbox *s, struct sandbox_error *error, const char *message)
{
	const char *first = strchr(message, ':');
	char name[sizeof(error->file)];
	char *end;
	long line;

	if (first == NULL || (size_t)(first - message) >= sizeof(name)) {
		return message;
	}
	snprintf(name, sizeof(name), "%.*s", (int)(first - message), message);
	line = strtol(first + 1, &end, 10);
	if (line < 1 || line > INT_MAX || end[0] != ':' || end[1] != ' ' || file_latest(s, name) == NULL) {
		return message;
	}
	memcpy(error->file, name, sizeof(name));
	error->line = (int)line;
	return end + 2;
}

void traceback(lua_State *co, char *dst, size_t dst_len)
{
	const struct sandbox *s = sandbox_of(co);
	lua_Debug ar;
	size_t at = 0;

	dst[0] = '\0';
	for (int level = 0; level < 200 && at + 1 < dst_len && lua_getstack(co, level, &ar); level++) {
		int n;

		if (!lua_getinfo(co, "Sln", &ar) || ar.currentline <= 0) {
			continue;
		}
		n = snprintf(dst + at, dst_len - at, "%s%s:%d: in %s", at ? "\n" : "", ar.short_src, line_at(s, level, &ar),
			     ar.name != NULL ? ar.name : ar.what);
		if (n < 0 || (size_t)n >= dst_len - at) {
			break;
		}
		at += (size_t)n;
	}
}

static void fill(struct sandbox *s, struct sandbox_error *error, enum sandbox_kind kind, const char *what)
{
	lua_State *co = s->co;
	const struct script_file *file;
	const char *message = kinds[kind].message;

	memset(error, 0, sizeof(*error));
	error->kind = kind;
	snprintf(error->code, sizeof(error->code), "%s", kinds[kind].code);
	snprintf(error->help, sizeof(error->help), "%s", kinds[kind].help);
	snprintf(error->what, sizeof(error->what), "%s", what);
	place(s, co, error);
	traceback(co, error->traceback, sizeof(error->traceback));
	if (kind == SANDBOX_RUNTIME || kind == SANDBOX_SYNTAX) {
		const char *text = lua_type(co, -1) == LUA_TSTRING ? lua_tostring(co, -1)
								   : "(an error that is not a text)";

		message = split(s, error, text);
		if (s->raised_code[0] != '\0') {
			snprintf(error->code, sizeof(error->code), "%s", s->raised_code);
			snprintf(error->help, sizeof(error->help), "%s", s->raised_help);
		}
	}
	text_clean(error->message, sizeof(error->message), message, strlen(message), 0);
	if (error->file[0] == '\0' && s->loading != NULL) {
		snprintf(error->file, sizeof(error->file), "%s", s->loading); /* no line: the compiler gave up */
	}
	file = file_latest(s, error->file);
	if (file != NULL) {
		error->generation = file->generation;
		source_line(file, error->line, error->source, sizeof(error->source));
	}
}

int misuse(struct sandbox *s, struct sandbox_error *reterr, const char *what, const char *format, ...)
{
	va_list args;

	memset(reterr, 0, sizeof(*reterr));
	reterr->kind = SANDBOX_MISUSE;
	snprintf(reterr->code, sizeof(reterr->code), "%s", kinds[SANDBOX_MISUSE].code);
	snprintf(reterr->what, sizeof(reterr->what), "%s", what);
	va_start(args, format);
	vsnprintf(reterr->message, sizeof(reterr->message), format, args);
	va_end(args);
	s->count.ended[SANDBOX_MISUSE]++;
	return -1;
}

/* thread_new: a fresh thread for calls; what was left on the old one is garbage */
static int thread_make(lua_State *L)
{
	struct sandbox *s = lua_touserdata(L, 1);
	lua_State *co = lua_newthread(L);
	int ref = luaL_ref(L, LUA_REGISTRYINDEX);

	luaL_unref(L, LUA_REGISTRYINDEX, s->co_ref);
	s->co_ref = ref;
	s->co = co;
	return 0;
}

static int thread_new(struct sandbox *s)
{
	lua_pushcfunction(s->L, thread_make);
	lua_pushlightuserdata(s->L, s);
	if (lua_pcall(s->L, 1, 0, 0) != LUA_OK) {
		lua_settop(s->L, 0);
		return -1;
	}
	return 0;
}

int sandbox_abort_next(struct sandbox *s, enum sandbox_kind kind)
{
	if (kind != SANDBOX_OK && kind != SANDBOX_CLOCK && kind != SANDBOX_MEMORY) {
		return -1; /* all others happen again by themselves */
	}
	s->abort_next = kind;
	return 0;
}

/* aborted: the call that sandbox_abort_next spoke of */
static int aborted(struct sandbox *s, const char *what, struct sandbox_error *reterr)
{
	enum sandbox_kind kind = s->abort_next;

	s->abort_next = SANDBOX_OK;
	s->last_used = s->last_ns = 0;
	s->count.ended[kind]++;
	lua_sethook(s->co, NULL, 0, 0);
	fill(s, reterr, kind, what);
	return -1;
}

int run_protected(struct sandbox *s, lua_CFunction body, void *arg, const char *what,
		  enum sandbox_kind on_error, struct sandbox_error *reterr)
{
	enum sandbox_kind kind;
	int status, results = 0;

	if (s->running) {
		return misuse(s, reterr, what, "another call of these scripts is running");
	}
	if (s->co == NULL && thread_new(s) != 0) {
		misuse(s, reterr, what, "no memory is left to run a script in");
		s->count.ended[SANDBOX_MISUSE]--;
		s->count.ended[SANDBOX_MEMORY]++;
		reterr->kind = SANDBOX_MEMORY;
		snprintf(reterr->code, sizeof(reterr->code), "%s", kinds[SANDBOX_MEMORY].code);
		return -1;
	}
	s->count.calls++;
	budget_start(s);
	if (s->abort_next != SANDBOX_OK) {
		return aborted(s, what, reterr);
	}
	s->running = 1;
	s->what = what;
	lua_settop(s->co, 0);
	lua_pushcfunction(s->co, body);
	lua_pushlightuserdata(s->co, arg);
	status = lua_resume(s->co, s->L, 1, &results);
	s->running = 0;
	budget_end(s);
	kind = s->stop != SANDBOX_OK	? s->stop
	       : status == LUA_OK	? SANDBOX_OK
	       : status == LUA_ERRMEM	? SANDBOX_MEMORY
					: on_error;
	s->count.ended[kind]++;
	if (kind == SANDBOX_OK) {
		lua_sethook(s->co, NULL, 0, 0);
		return 0;
	}
	fill(s, reterr, kind, what);
	lua_sethook(s->co, NULL, 0, 0);
	/* never resumed, so its handlers never run; and let go at once, or what filled the memory would stay */
	luaL_unref(s->L, LUA_REGISTRYINDEX, s->co_ref);
	s->co_ref = LUA_NOREF;
	s->co = NULL;
	for (struct script_file *file = s->files; file != NULL; file = file->next) {
		file->started = file->started == 1 ? 0 : file->started;
	}
	return -1;
}

int sandbox_run(struct sandbox *s, lua_CFunction body, void *arg, const char *what, struct sandbox_error *reterr)
{
	return run_protected(s, body, arg, what, SANDBOX_RUNTIME, reterr);
}

/* --- calling with plain values -------------------------------------------------------------------- */

struct call {
	int ref;
	const struct sandbox_value *args;
	size_t args_len, ret_len;
	int not_function;
};

static void value_push(lua_State *L, const struct sandbox_value *value)
{
	switch (value->type) {
	case SANDBOX_BOOLEAN:
		lua_pushboolean(L, value->u.boolean);
		break;
	case SANDBOX_INTEGER:
		lua_pushinteger(L, value->u.integer);
		break;
	case SANDBOX_NUMBER:
		lua_pushnumber(L, value->u.number);
		break;
	case SANDBOX_STRING:
		lua_pushlstring(L, value->u.string.text, value->u.string.len);
		break;
	case SANDBOX_REF:
		lua_rawgeti(L, LUA_REGISTRYINDEX, value->u.ref);
		break;
	default:
		lua_pushnil(L);
	}
}

static int call_after(lua_State *L, int status, lua_KContext context)
{
	(void)status;
	(void)context;
	return lua_gettop(L) - 1;
}

static int call_body(lua_State *L)
{
	struct call *call = lua_touserdata(L, 1);

	luaL_checkstack(L, (int)(call->args_len + call->ret_len) + 4, "too many arguments");
	if (lua_rawgeti(L, LUA_REGISTRYINDEX, call->ref) != LUA_TFUNCTION) {
		call->not_function = 1;
		return luaL_error(L, "not a function");
	}
	for (size_t i = 0; i < call->args_len; i++) {
		value_push(L, &call->args[i]);
	}
	/* with a continuation, so that the script may be left by a yield */
	lua_callk(L, (int)call->args_len, (int)call->ret_len, 0, call_after);
	return (int)call->ret_len;
}

static void value_read(lua_State *L, int idx, struct sandbox_value *ret)
{
	memset(ret, 0, sizeof(*ret));
	switch (lua_type(L, idx)) {
	case LUA_TNIL:
	case LUA_TNONE:
		ret->type = SANDBOX_NIL;
		break;
	case LUA_TBOOLEAN:
		ret->type = SANDBOX_BOOLEAN;
		ret->u.boolean = lua_toboolean(L, idx);
		break;
	case LUA_TNUMBER:
		ret->type = lua_isinteger(L, idx) ? SANDBOX_INTEGER : SANDBOX_NUMBER;
		if (ret->type == SANDBOX_INTEGER) {
			ret->u.integer = lua_tointeger(L, idx);
		} else {
			ret->u.number = lua_tonumber(L, idx);
		}
		break;
	case LUA_TSTRING:
		ret->type = SANDBOX_STRING;
		ret->u.string.text = lua_tolstring(L, idx, &ret->u.string.len);
		break;
	default:
		ret->type = SANDBOX_OTHER;
	}
}

int sandbox_call(struct sandbox *s, int ref, const char *what, const struct sandbox_value *args, size_t args_len,
		 struct sandbox_value *ret, size_t ret_len, struct sandbox_error *reterr)
{
	struct call call = { ref, args, args_len, ret_len, 0 };

	if (run_protected(s, call_body, &call, what, SANDBOX_RUNTIME, reterr) != 0) {
		return call.not_function ? misuse(s, reterr, what, "what was to be called is not a function") : -1;
	}
	for (size_t i = 0; i < ret_len; i++) {
		value_read(s->co, lua_gettop(s->co) - (int)ret_len + 1 + (int)i, &ret[i]);
	}
	return 0;
}

size_t sandbox_error_format(const struct sandbox_error *error, char *buf, size_t buf_len)
{
	int n = snprintf(buf, buf_len, "error[%s]: %s\n", error->code, error->message);
	size_t at = n > 0 ? (size_t)n : 0;

	if (at < buf_len && error->file[0] != '\0') {
		n = snprintf(buf + at, buf_len - at, "  --> %s", error->file);
		at += n > 0 ? (size_t)n : 0;
		n = error->line > 0 && at < buf_len ? snprintf(buf + at, buf_len - at, ":%d", error->line) : 0;
		at += n > 0 ? (size_t)n : 0;
		n = at < buf_len ? snprintf(buf + at, buf_len - at, " in %s, gen %u\n", error->what, error->generation) : 0;
		at += n > 0 ? (size_t)n : 0;
	}
	if (at < buf_len && error->source[0] != '\0') {
		n = snprintf(buf + at, buf_len - at, "%d | %s\n", error->line, error->source);
		at += n > 0 ? (size_t)n : 0;
	}
	if (at < buf_len && error->help[0] != '\0') {
		n = snprintf(buf + at, buf_len - at, "   = help: %s\n", error->help);
		at += n > 0 ? (size_t)n : 0;
	}
	return at < buf_len ? at : buf_len > 0 ? buf_len - 1 : 0;
}
