/* SPDX-License-Identifier: MIT */
/* Lua programs that play: the scheduler of coroutines. */
#include "tasks.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tasks_internal.h"

uint64_t tasks_now_us(void)
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

static void deadline_add(struct tasks *tasks, uint64_t at_us, struct task *task)
{
	struct deadline entry = { at_us, ++tasks->order, task->number, task->wait };
	size_t at = tasks->heap_len;

	if (tasks->heap_len == tasks->heap_cap) {
		tasks->heap_cap = tasks->heap_cap ? tasks->heap_cap * 2 : 64;
		tasks->heap = realloc(tasks->heap, tasks->heap_cap * sizeof(*tasks->heap));
	}
	tasks->heap_len++;
	while (at > 0 && sooner(&entry, &tasks->heap[(at - 1) / 2])) {
		tasks->heap[at] = tasks->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	tasks->heap[at] = entry;
}

static struct deadline deadline_take(struct tasks *tasks)
{
	struct deadline top = tasks->heap[0], last = tasks->heap[--tasks->heap_len];
	size_t at = 0;

	for (size_t child; (child = 2 * at + 1) < tasks->heap_len; at = child) {
		if (child + 1 < tasks->heap_len && sooner(&tasks->heap[child + 1], &tasks->heap[child])) {
			child++;
		}
		if (!sooner(&tasks->heap[child], &last)) {
			break;
		}
		tasks->heap[at] = tasks->heap[child];
	}
	if (tasks->heap_len > 0) {
		tasks->heap[at] = last;
	}
	return top;
}

/* --- tasks ---------------------------------------------------------------------------------------- */

struct task *task_current(lua_State *L)
{
	struct tasks *tasks = tasks_of(L);

	for (size_t i = 0; i < tasks->list_len; i++) {
		size_t at = (tasks->hint + i) % tasks->list_len;

		if (tasks->list[at].co == L) {
			tasks->hint = at;
			return &tasks->list[at];
		}
	}
	luaL_error(L, "this waits, and so must run in a script or under net.spawn");
	return NULL;
}

void task_wait(struct tasks *tasks, struct task *task, uint64_t timeout_us)
{
	task->wait++;
	deadline_add(tasks, tasks_now_us() + timeout_us, task);
}

static void task_end(struct tasks *tasks, struct task *task, int failed)
{
	if (failed) {
		const char *text = luaL_tolstring(task->co, -1, NULL);

		luaL_traceback(tasks->L, task->co, text, 0);
		fprintf(stderr, "error: %s\n", lua_tostring(tasks->L, -1));
		lua_pop(tasks->L, 1);
		tasks->failed++;
	}
	luaL_unref(tasks->L, LUA_REGISTRYINDEX, task->ref);
	task->co = NULL;
	tasks->running -= !task->background;
}

void task_resume(struct tasks *tasks, int number, int args)
{
	struct task *task = &tasks->list[number];
	int results, status;

	task->wait++;
	tasks->hint = (size_t)number;
	status = lua_resume(task->co, tasks->L, args, &results);
	task = &tasks->list[number]; /* the array may have moved */
	if (status == LUA_YIELD) {
		lua_pop(task->co, results);
	} else {
		task_end(tasks, task, status != LUA_OK);
	}
}

int tasks_start(struct tasks *tasks, int args, int background)
{
	size_t at = 0;
	lua_State *co = lua_newthread(tasks->L);

	while (at < tasks->list_len && tasks->list[at].co != NULL) {
		at++;
	}
	if (at == tasks->list_len) {
		tasks->list = realloc(tasks->list, (at + 1) * sizeof(*tasks->list));
		tasks->list[at] = (struct task){ .number = (int)at };
		tasks->list_len++;
	}
	tasks->list[at].ref = luaL_ref(tasks->L, LUA_REGISTRYINDEX);
	tasks->list[at].co = co;
	tasks->list[at].background = background;
	tasks->running += !background;
	lua_xmove(tasks->L, co, args + 1);
	task_resume(tasks, (int)at, args);
	return (int)at;
}

int tasks_step(struct tasks *tasks, int timeout_ms, int also)
{
	int input;

	if (tasks->heap_len > 0) {
		uint64_t now = tasks_now_us(), at = tasks->heap[0].at_us;
		uint64_t left_ms = at > now ? (at - now + 999) / 1000 : 0;

		if (timeout_ms < 0 || left_ms < (uint64_t)timeout_ms) {
			timeout_ms = (int)left_ms;
		}
	}
	input = links_wait(tasks->links, timeout_ms, also);
	while (tasks->heap_len > 0 && tasks->heap[0].at_us <= tasks_now_us()) {
		struct deadline due = deadline_take(tasks);
		struct task *task = &tasks->list[due.task];

		if (task->co != NULL && task->wait == due.wait) {
			task_resume(tasks, due.task, net_timed_out(task));
		}
	}
	return input;
}

int tasks_running(const struct tasks *tasks)
{
	return tasks->running;
}

int tasks_failed(const struct tasks *tasks)
{
	return tasks->failed;
}

lua_State *tasks_lua(struct tasks *tasks)
{
	return tasks->L;
}

int tasks_load(struct tasks *tasks, const char *path, const char *text)
{
	int status = path != NULL ? luaL_loadfilex(tasks->L, path, "t") : luaL_loadstring(tasks->L, text);

	if (status != LUA_OK) {
		fprintf(stderr, "error: %s\n", lua_tostring(tasks->L, -1));
		lua_pop(tasks->L, 1);
		return -1;
	}
	return 0;
}

struct tasks *tasks_create(const struct tasks_settings *settings)
{
	struct tasks *tasks = calloc(1, sizeof(*tasks));

	if (tasks == NULL) {
		return NULL;
	}
	tasks->settings = *settings;
	tasks->L = luaL_newstate();
	tasks->links = links_create();
	if (tasks->L == NULL || tasks->links == NULL) {
		tasks_free(tasks);
		return NULL;
	}
	*(struct tasks **)lua_getextraspace(tasks->L) = tasks;
	luaL_openlibs(tasks->L);
	net_open(tasks->L);
	return tasks;
}

void tasks_free(struct tasks *tasks)
{
	if (tasks == NULL) {
		return;
	}
	links_free(tasks->links);
	if (tasks->L != NULL) {
		lua_close(tasks->L);
	}
	free(tasks->list);
	free(tasks->heap);
	free(tasks);
}
