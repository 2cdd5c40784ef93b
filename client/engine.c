/* SPDX-License-Identifier: MIT */
/* Lua programs that play: the scheduler of coroutines. */
#include "engine.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine_internal.h"

uint64_t engine_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

/* --- deadlines: a heap of (when, task, which of its waits) ---------------------------------------- */

static int sooner(const struct deadline *a, const struct deadline *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void deadline_add(struct engine *engine, uint64_t at_us, struct task *task)
{
	struct deadline entry = { at_us, ++engine->order, task->number, task->wait };
	size_t at = engine->heap_len;

	if (engine->heap_len == engine->heap_cap) {
		engine->heap_cap = engine->heap_cap ? engine->heap_cap * 2 : 64;
		engine->heap = realloc(engine->heap, engine->heap_cap * sizeof(*engine->heap));
	}
	engine->heap_len++;
	while (at > 0 && sooner(&entry, &engine->heap[(at - 1) / 2])) {
		engine->heap[at] = engine->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	engine->heap[at] = entry;
}

static struct deadline deadline_take(struct engine *engine)
{
	struct deadline top = engine->heap[0], last = engine->heap[--engine->heap_len];
	size_t at = 0;

	for (size_t child; (child = 2 * at + 1) < engine->heap_len; at = child) {
		if (child + 1 < engine->heap_len && sooner(&engine->heap[child + 1], &engine->heap[child])) {
			child++;
		}
		if (!sooner(&engine->heap[child], &last)) {
			break;
		}
		engine->heap[at] = engine->heap[child];
	}
	if (engine->heap_len > 0) {
		engine->heap[at] = last;
	}
	return top;
}

/* --- tasks ---------------------------------------------------------------------------------------- */

struct task *task_current(lua_State *L)
{
	struct engine *engine = engine_of(L);

	for (size_t i = 0; i < engine->tasks_len; i++) {
		size_t at = (engine->hint + i) % engine->tasks_len;

		if (engine->tasks[at].co == L) {
			engine->hint = at;
			return &engine->tasks[at];
		}
	}
	luaL_error(L, "this waits, and so must run in a script or under net.spawn");
	return NULL;
}

void task_wait(struct engine *engine, struct task *task, uint64_t timeout_us)
{
	task->wait++;
	deadline_add(engine, engine_now_us() + timeout_us, task);
}

static void task_end(struct engine *engine, struct task *task, int failed)
{
	if (failed) {
		const char *text = luaL_tolstring(task->co, -1, NULL);

		luaL_traceback(engine->L, task->co, text, 0);
		fprintf(stderr, "error: %s\n", lua_tostring(engine->L, -1));
		lua_pop(engine->L, 1);
		engine->failed++;
	}
	luaL_unref(engine->L, LUA_REGISTRYINDEX, task->ref);
	task->co = NULL;
	engine->running -= !task->background;
}

void task_resume(struct engine *engine, int number, int args)
{
	struct task *task = &engine->tasks[number];
	int results, status;

	task->wait++;
	engine->hint = (size_t)number;
	status = lua_resume(task->co, engine->L, args, &results);
	task = &engine->tasks[number]; /* the array may have moved */
	if (status == LUA_YIELD) {
		lua_pop(task->co, results);
	} else {
		task_end(engine, task, status != LUA_OK);
	}
}

int engine_start(struct engine *engine, int args, int background)
{
	size_t at = 0;
	lua_State *co = lua_newthread(engine->L);

	while (at < engine->tasks_len && engine->tasks[at].co != NULL) {
		at++;
	}
	if (at == engine->tasks_len) {
		engine->tasks = realloc(engine->tasks, (at + 1) * sizeof(*engine->tasks));
		engine->tasks[at] = (struct task){ .number = (int)at };
		engine->tasks_len++;
	}
	engine->tasks[at].ref = luaL_ref(engine->L, LUA_REGISTRYINDEX);
	engine->tasks[at].co = co;
	engine->tasks[at].background = background;
	engine->running += !background;
	lua_xmove(engine->L, co, args + 1);
	task_resume(engine, (int)at, args);
	return (int)at;
}

int engine_step(struct engine *engine, int timeout_ms, int also)
{
	int input;

	if (engine->heap_len > 0) {
		uint64_t now = engine_now_us(), at = engine->heap[0].at_us;
		uint64_t left_ms = at > now ? (at - now + 999) / 1000 : 0;

		if (timeout_ms < 0 || left_ms < (uint64_t)timeout_ms) {
			timeout_ms = (int)left_ms;
		}
	}
	input = links_wait(engine->links, timeout_ms, also);
	while (engine->heap_len > 0 && engine->heap[0].at_us <= engine_now_us()) {
		struct deadline due = deadline_take(engine);
		struct task *task = &engine->tasks[due.task];

		if (task->co != NULL && task->wait == due.wait) {
			task_resume(engine, due.task, net_timed_out(task));
		}
	}
	return input;
}

int engine_running(const struct engine *engine)
{
	return engine->running;
}

int engine_failed(const struct engine *engine)
{
	return engine->failed;
}

lua_State *engine_lua(struct engine *engine)
{
	return engine->L;
}

int engine_load(struct engine *engine, const char *path, const char *text)
{
	int status = path != NULL ? luaL_loadfilex(engine->L, path, "t") : luaL_loadstring(engine->L, text);

	if (status != LUA_OK) {
		fprintf(stderr, "error: %s\n", lua_tostring(engine->L, -1));
		lua_pop(engine->L, 1);
		return -1;
	}
	return 0;
}

struct engine *engine_create(const struct engine_settings *settings)
{
	struct engine *engine = calloc(1, sizeof(*engine));

	if (engine == NULL) {
		return NULL;
	}
	engine->settings = *settings;
	engine->L = luaL_newstate();
	engine->links = links_create();
	if (engine->L == NULL || engine->links == NULL) {
		engine_free(engine);
		return NULL;
	}
	*(struct engine **)lua_getextraspace(engine->L) = engine;
	luaL_openlibs(engine->L);
	net_open(engine->L);
	return engine;
}

void engine_free(struct engine *engine)
{
	if (engine == NULL) {
		return;
	}
	links_free(engine->links);
	if (engine->L != NULL) {
		lua_close(engine->L);
	}
	free(engine->tasks);
	free(engine->heap);
	free(engine);
}
