/* SPDX-License-Identifier: MIT */
/* The sandbox's bounds: memory, instructions, and the clock as the last resort. */
#include <stdlib.h>

#include "internal.h"

/*
 * Every call is bounded by instructions, which are counted by a hook and by the library functions for work that the hook
 * cannot see. When the budget is gone a flag is raised and the hook is set to every single instruction: it
 * yields where it can, and the thread is never resumed; where it cannot (below a C function) it raises an error,
 * and raises it again at the next instruction if a pcall caught it.
 */
static void stop_request(struct sandbox *s, enum sandbox_kind kind, lua_State *L);

static void hook(lua_State *L, lua_Debug *ar)
{
	struct sandbox *s = sandbox_of(L);

	(void)ar;
	if (s->stop == SANDBOX_OK) {
		s->used += HOOK_STEP;
		if (s->used >= s->set.instructions_max) {
			stop_request(s, SANDBOX_BUDGET, L);
		} else if (s->set.clock_ns != NULL &&
			   s->set.clock_ns(s->set.arg) - s->started_ns > (uint64_t)s->set.wall_ms_max * 1000000u) {
			stop_request(s, SANDBOX_CLOCK, L);
		}
	}
	if (s->stop != SANDBOX_OK) {
		if (lua_isyieldable(L)) {
			lua_yield(L, 0);
			return;
		}
		stop_raise(L);
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

void budget_start(struct sandbox *s)
{
	s->stop = SANDBOX_OK;
	s->used = 0;
	s->charged_at = 0;
	s->refused = 0;
	s->prints = 0;
	s->pcalls = 0;
	s->raised_code[0] = '\0';
	s->started_ns = s->set.clock_ns != NULL ? s->set.clock_ns(s->set.arg) : 0;
	lua_sethook(s->co, hook, LUA_MASKCOUNT, HOOK_STEP);
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
	} else if (s->stop == SANDBOX_OK && s->used - s->charged_at > 100000 && s->set.clock_ns != NULL) {
		s->charged_at = s->used;
		if (s->set.clock_ns(s->set.arg) - s->started_ns > (uint64_t)s->set.wall_ms_max * 1000000u) {
			s->stop = SANDBOX_CLOCK;
		}
	}
	if (s->stop != SANDBOX_OK) {
		stop_raise(L);
	}
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
	if (s->memory > s->count.memory_peak) {
		s->count.memory_peak = s->memory;
	}
	return grown;
}
