/* SPDX-License-Identifier: MIT */
/* What the scheduler and the functions of `net` share. */
#ifndef CLIENT_TASKS_INTERNAL_H
#define CLIENT_TASKS_INTERNAL_H

#include "tasks.h"
#include "link.h"

/* What a coroutine waits for; its number stays the same until it ends. */
struct task {
	lua_State *co; /* NULL: a free place */
	int ref, number, background;
	uint32_t wait; /* grows with each wait and wake-up, so that stale deadlines are known */
	struct player_link *link; /* waits for an answer or a connection there */
	uint32_t tag;
};

struct deadline {
	uint64_t at_us, order;
	int task;
	uint32_t wait;
};

struct tasks {
	struct tasks_settings settings;
	lua_State *L;
	struct links *links;
	struct task *list;
	size_t list_len, hint;
	struct deadline *heap;
	size_t heap_len, heap_cap;
	uint64_t order;
	int running, failed;
	int blocks; /* messages about blocks are wanted */
	int blind;  /* messages about entities are not */
};

static inline struct tasks *tasks_of(lua_State *L)
{
	return *(struct tasks **)lua_getextraspace(L);
}

/* task_current: the running coroutine; a Lua error outside of one. task_wait: it will be woken after this at the
 * latest. task_resume: goes on with it, with `args` values on its stack. */
struct task *task_current(lua_State *L);
void task_wait(struct tasks *tasks, struct task *task, uint64_t timeout_us);
void task_resume(struct tasks *tasks, int number, int args);

/* net_open adds `net` and player.lua. net_timed_out: pushes what a wait that timed out returns, and how many. */
void net_open(lua_State *L);
int net_timed_out(struct task *task);

#endif
