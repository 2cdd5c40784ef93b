/* SPDX-License-Identifier: MIT */
/* The sandbox's bounds: memory, instructions, and the clock as the last resort. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/*
 * Every call is bounded by instructions, which are counted by a hook and by the library functions for work that the
 * hook cannot see. When the budget is gone a flag is raised and the hook is set to every single instruction: it
 * yields where it can, and the thread is never resumed; where it cannot (below a C function) it raises an error, and
 * raises it again at the next instruction if a pcall caught it.
 */
static void stop_request(struct sandbox *s, enum sandbox_kind kind, lua_State *L);

static int is_late(const struct sandbox *s)
{
	return s->set.clock_ns != NULL &&
	       s->set.clock_ns(s->set.arg) - s->started_ns > (uint64_t)s->set.wall_ms_max * 1000000u;
}

static void hook(lua_State *L, lua_Debug *ar)
{
	struct sandbox *s = sandbox_of(L);

	if (s->stop == SANDBOX_OK) {
		s->used += HOOK_STEP;
		if (s->used >= s->set.instructions_max) {
			stop_request(s, SANDBOX_BUDGET, L);
		} else if (is_late(s)) {
			stop_request(s, SANDBOX_CLOCK, L);
		}
	}
	if (s->stop != SANDBOX_OK) {
		if (lua_isyieldable(L)) {
			lua_getinfo(L, "l", ar);
			s->left_line = ar->currentline;
			lua_yield(L, 0);
			return;
		}
		stop_raise(L);
	}
	if (lua_getlocal(L, ar, -(VARARGS_MAX + 1)) != NULL) { /* each use of `...` copies them all in one instruction */
		lua_pushfstring(L, "more than %d arguments in '...'", VARARGS_MAX);
		lua_error(L);
	}
}

/* hook_lines: with stops. The line hook has no part in the counting: Lua counts down by instructions, whatever the mask is. */
static void hook_lines(lua_State *L, lua_Debug *ar)
{
	if (ar->event != LUA_HOOKLINE) {
		hook(L, ar);
	} else if (sandbox_of(L)->stop == SANDBOX_OK) {
		line_reached(L, ar);
	}
}

static void stop_request(struct sandbox *s, enum sandbox_kind kind, lua_State *L)
{
	if (s->stop == SANDBOX_OK) {
		s->stop = kind;
	}
	lua_sethook(L, hook, LUA_MASKCOUNT, 1);
}

int stop_raise(lua_State *L)
{
	struct sandbox *s = sandbox_of(L);

	lua_sethook(L, hook, LUA_MASKCOUNT, 1);
	/* a light userdata: raising it allocates nothing, also when the memory cap is what was reached */
	lua_pushlightuserdata(L, s);
	return lua_error(L);
}

void clock_check(lua_State *L)
{
	struct sandbox *s = sandbox_of(L);

	if (s->stop == SANDBOX_OK && is_late(s)) {
		s->stop = SANDBOX_CLOCK;
	}
	if (s->stop != SANDBOX_OK) {
		stop_raise(L);
	}
}

void budget_start(struct sandbox *s)
{
	s->stop = SANDBOX_OK;
	s->used = 0;
	s->charged_at = 0;
	s->refused = 0;
	s->prints = 0;
	s->pcalls = 0;
	s->left_line = 0;
	s->raised_code[0] = '\0';
	s->started_ns = s->set.clock_ns != NULL ? s->set.clock_ns(s->set.arg) : 0;
	if (s->stops.stopped != NULL) {
		lua_sethook(s->co, hook_lines, LUA_MASKCOUNT | LUA_MASKLINE, HOOK_STEP);
	} else {
		lua_sethook(s->co, hook, LUA_MASKCOUNT, HOOK_STEP);
	}
}

void sandbox_charge(lua_State *L, uint64_t n)
{
	struct sandbox *s = sandbox_of(L);

	if (!s->running) {
		return;
	}
	s->used += n;
	if (s->stop == SANDBOX_OK && s->used >= s->set.instructions_max) {
		s->stop = SANDBOX_BUDGET;
	} else if (s->stop == SANDBOX_OK && s->used - s->charged_at > 100000) {
		s->charged_at = s->used;
		if (is_late(s)) {
			s->stop = SANDBOX_CLOCK;
		}
	}
	if (s->stop != SANDBOX_OK) {
		stop_raise(L);
	}
}

/* instructions_left: until the hook comes, or a whole step where that is not known. */
static int instructions_left(const struct sandbox *s, lua_State *L)
{
	int left = HOOK_STEP;

	if (s->left_at != 0) {
		memcpy(&left, (const char *)L + s->left_at, sizeof(left));
	}
	return left > 0 && left <= HOOK_STEP ? left : HOOK_STEP;
}

void budget_end(struct sandbox *s)
{
	if (s->stop == SANDBOX_OK) {
		s->used += (uint64_t)(HOOK_STEP - instructions_left(s, s->co));
	}
	s->last_used = s->used;
	s->last_ns = s->set.clock_ns != NULL ? s->set.clock_ns(s->set.arg) - s->started_ns : 0;
	s->count.instructions += s->last_used;
	s->count.ns += s->last_ns;
}

/*
 * Lua counts instructions down to the next hook (hookcount in lstate.h, 5.4) but has no function that tells where it
 * is, and most calls end before their first hook. The place differs between versions, so it is looked for: a count
 * that nothing else has is set, a few instructions run, and one number in the thread is a little less than it. If
 * there is not just one, calls are counted in whole steps.
 */
void budget_find_left(lua_State *L, struct sandbox *s)
{
	enum { COUNT = 0x51CA7E5, RUN_MAX = 64 };
	static const char text[] = "local a = 1 return a + a";
	lua_State *co = lua_newthread(L);
	size_t found = 0, times = 0;

	lua_sethook(co, hook, LUA_MASKCOUNT, COUNT);
	if (luaL_loadbufferx(co, text, sizeof(text) - 1, "=count", "t") == LUA_OK && lua_pcall(co, 0, 0, 0) == LUA_OK) {
		for (size_t at = sizeof(void *); at + LUA_EXTRASPACE + sizeof(int) <= s->thread_size; at += sizeof(int)) {
			int value;

			memcpy(&value, (const char *)co + at, sizeof(value));
			if (value < COUNT && value > COUNT - RUN_MAX) {
				found = at;
				times++;
			}
		}
	}
	s->left_at = times == 1 ? found : 0;
	lua_sethook(co, NULL, 0, 0);
	lua_pop(L, 1);
}

int sandbox_stopped(const struct sandbox *s)
{
	return s->stop != SANDBOX_OK;
}

/* A growth over the cap is refused; Lua then collects everything and asks once more. A script that lives at its cap
 * would so turn every instruction into a whole collection: after a few the call is over. */
void *sandbox_alloc(void *ud, void *p, size_t old, size_t n)
{
	struct sandbox *s = ud;
	size_t had = p != NULL ? old : 0; /* with p NULL `old` is the kind of object */
	void *grown;

	if (p == NULL && old == LUA_TTHREAD) {
		s->thread_size = n;
	}
	if (n == 0) {
		s->memory -= had;
		free(p);
		return NULL;
	}
	if (n > had) {
		int too_long = p == NULL && old == LUA_TSTRING && n > s->set.string_max + 64;

		s->growths++;
		if (too_long || s->memory - had + n > s->set.memory_max ||
		    (s->fail_at != 0 && s->growths >= s->fail_at)) {
			s->count.allocations_refused++;
			if (s->running && ++s->refused > REFUSED_MAX && s->stop == SANDBOX_OK) {
				s->stop = SANDBOX_MEMORY;
				lua_sethook(s->co, hook, LUA_MASKCOUNT, 1); /* as safe as from a signal */
			}
			return NULL;
		}
	}
	grown = realloc(p, n);
	if (grown == NULL) {
		return n <= had ? p : NULL; /* shrinking must not fail */
	}
	s->memory += n - had;
	if (p == NULL && old == LUA_TSTRING && n >= LONG_TEXT) {
		s->used += n / 16; /* by `..` too, which nothing else can charge; short ones may be shared, so that would vary */
	}
	if (s->memory > s->count.memory_peak) {
		s->count.memory_peak = s->memory;
	}
	return grown;
}
