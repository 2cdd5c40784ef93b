/* SPDX-License-Identifier: MIT */
/* The functions of `net`: connections and answers for Lua programs. */
#include <lauxlib.h>
#include <lualib.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tasks_internal.h"
#include "messages.h"
#include "screen.h"
#include "scripts.h"
#include "value.h"

#define LINK_TYPE "troupe.link"
#define TIMEOUT_MS 10000
#define PENDING_MAX 256

/* A request on its way. */
struct pending {
	uint32_t tag, event;
	int task;
	uint32_t wait;
};

/* A connection as Lua holds it: a userdata, pinned by `self` while it is open. */
struct player_link {
	struct tasks *tasks;
	struct link *link; /* NULL once closed */
	int self, on_push; /* references */
	int connecting;	   /* the task that waits for it, -1 = none */
	int closing;	   /* the program itself has closed it */
	uint32_t tag;
	char why[128];
	struct pending pending[PENDING_MAX];
	unsigned pending_len;
};

static struct player_link *link_check(lua_State *L)
{
	return luaL_checkudata(L, 1, LINK_TYPE);
}

/* --- trace ---------------------------------------------------------------------------------------- */

static void trace_value(lua_State *L, int index, FILE *out);

/* Fields in the order of their names: tables have none, and lines are compared with each other. */
static void trace_fields(lua_State *L, int index, FILE *out)
{
	const char *last = NULL, *next;

	do {
		next = NULL;
		for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
			const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;

			if (name != NULL && (last == NULL || strcmp(name, last) > 0) &&
			    (next == NULL || strcmp(name, next) < 0)) {
				next = name;
			}
		}
		if (next != NULL) {
			fprintf(out, "%s%s=", last != NULL ? " " : "", next);
			lua_getfield(L, index, next);
			if (strcmp(next, "password") == 0) {
				fputs("***", out);
			} else {
				trace_value(L, -1, out);
			}
			lua_pop(L, 1);
		}
		last = next;
	} while (next != NULL);
}

static void trace_value(lua_State *L, int index, FILE *out)
{
	if (lua_type(L, index) != LUA_TTABLE) {
		size_t len;
		const char *text = luaL_tolstring(L, index, &len);
		int plain = 1;

		for (size_t i = 0; i < len; i++) {
			plain = plain && text[i] >= 32 && text[i] != 127;
		}
		if (plain) {
			fputs(text, out);
		} else {
			fprintf(out, "<%zu bytes>", len);
		}
		lua_pop(L, 1);
		return;
	}
	fputs("{", out);
	index = lua_absindex(L, index);
	for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(L, index); i++) {
		fputs(i > 1 ? " " : "", out);
		lua_rawgeti(L, index, i);
		trace_value(L, -1, out);
		lua_pop(L, 1);
	}
	trace_fields(L, index, out);
	fputs("}", out);
}

static void trace(struct player_link *link, const char *arrow, const char *name, lua_State *L, int index)
{
	if (link->tasks->settings.trace) {
		fprintf(stderr, "%s %s %s ", arrow, link->link ? link_name(link->link) : "-", name);
		trace_value(L, index, stderr);
		fputc('\n', stderr);
	}
}

/* --- what arrives --------------------------------------------------------------------------------- */

static int wake_with_error(struct task *task, uint32_t status, const char *reason, const char *text)
{
	lua_pushnil(task->co);
	lua_createtable(task->co, 0, 3);
	lua_pushinteger(task->co, status);
	lua_setfield(task->co, -2, "status");
	lua_pushstring(task->co, reason);
	lua_setfield(task->co, -2, "reason");
	lua_pushstring(task->co, text);
	lua_setfield(task->co, -2, "text");
	return 2;
}

static int pending_take(struct player_link *link, uint32_t tag, struct pending *ret_pending)
{
	for (unsigned i = 0; i < link->pending_len; i++) {
		if (link->pending[i].tag == tag) {
			*ret_pending = link->pending[i];
			link->pending[i] = link->pending[--link->pending_len];
			return 1;
		}
	}
	return 0;
}

static void on_open(void *arg, struct link *raw, const char *error)
{
	struct player_link *link = arg;
	int number = link->connecting;
	struct task *task = &link->tasks->list[number >= 0 ? number : 0];

	(void)raw;
	link->connecting = -1;
	if (number < 0) {
		return;
	}
	if (error != NULL) {
		lua_pushnil(task->co);
		lua_pushstring(task->co, error);
		task_resume(link->tasks, number, 2);
		return;
	}
	lua_rawgeti(task->co, LUA_REGISTRYINDEX, link->self);
	task_resume(link->tasks, number, 1);
}

static void push_arrived(struct player_link *link, const char *name)
{
	lua_State *L = link->tasks->L;

	/* the message is on top */
	trace(link, "<-", name, L, -1);
	lua_rawgeti(L, LUA_REGISTRYINDEX, link->on_push);
	if (!lua_isfunction(L, -1)) {
		lua_pop(L, 2);
		return;
	}
	lua_insert(L, -2);
	lua_pushstring(L, name);
	lua_insert(L, -2);
	tasks_start(link->tasks, 2, 0);
}

static void answer_arrived(struct player_link *link, const struct pending *pending, uint32_t event,
			   const char *name)
{
	lua_State *L = link->tasks->L;
	struct task *task = &link->tasks->list[pending->task];

	trace(link, "<-", name, L, -1);
	if (task->co == NULL || task->wait != pending->wait) {
		lua_pop(L, 1); /* it has given up */
		return;
	}
	if (event == CLIENT_EVENT_ERROR) {
		lua_pushnil(task->co);
		lua_xmove(L, task->co, 1);
		task_resume(link->tasks, pending->task, 2);
	} else {
		lua_xmove(L, task->co, 1);
		task_resume(link->tasks, pending->task, 1);
	}
}

/* wanted: what nobody looks at is most of what there is to read, and reading it most of the work. */
static int wanted(const struct tasks *tasks, uint32_t event)
{
	switch (event) {
	case CLIENT_EVENT_CHUNK:
	case CLIENT_EVENT_BLOCKS:
		return tasks->blocks;
	case CLIENT_EVENT_CELL_SEEN:
	case CLIENT_EVENT_CELL_GONE:
	case CLIENT_EVENT_DELTA:
		return !tasks->blind;
	default:
		return 1;
	}
}

static void on_frame(void *arg, struct link *raw, uint32_t event, uint32_t tag, const uint8_t *payload, size_t len)
{
	struct player_link *link = arg;
	lua_State *L = link->tasks->L;
	const struct client_message *message = client_message_numbered(event);
	int is_answer = message != NULL && message->reply_event == event;
	ProtobufCMessage *body;
	struct pending pending;

	if (!wanted(link->tasks, event)) {
		return;
	}
	if (message == NULL) {
		snprintf(link->why, sizeof(link->why), "the server sent message %u, which nobody knows", event);
		link_close(raw);
		return;
	}
	body = protobuf_c_message_unpack(is_answer ? message->reply_type : message->type, NULL, len,
					 len > 0 ? payload : (const uint8_t *)"");
	if (body == NULL) {
		snprintf(link->why, sizeof(link->why), "the server sent a malformed '%s'", message->name);
		link_close(raw);
		return;
	}
	value_push(L, body);
	protobuf_c_message_free_unpacked(body, NULL);
	if (tag != 0 && pending_take(link, tag, &pending)) {
		answer_arrived(link, &pending, event, message->name);
	} else {
		push_arrived(link, message->name);
	}
}

static void on_close(void *arg, struct link *raw, const char *why)
{
	struct player_link *link = arg;
	struct tasks *tasks = link->tasks;

	(void)raw;
	link->link = NULL;
	if (link->why[0] == '\0') {
		snprintf(link->why, sizeof(link->why), "%s", why);
	}
	if (!link->closing) {
		lua_createtable(tasks->L, 0, 1);
		lua_pushstring(tasks->L, link->why);
		lua_setfield(tasks->L, -2, "why");
		push_arrived(link, "closed");
	}
	while (link->pending_len > 0) {
		struct pending pending = link->pending[--link->pending_len];
		struct task *task = &tasks->list[pending.task];

		if (task->co != NULL && task->wait == pending.wait) {
			task_resume(tasks, pending.task,
				    wake_with_error(task, 14, "client.closed", link->why));
		}
	}
	luaL_unref(tasks->L, LUA_REGISTRYINDEX, link->on_push);
	luaL_unref(tasks->L, LUA_REGISTRYINDEX, link->self);
}

static const struct link_handler handler = { on_open, on_frame, on_close };

/* --- Lua functions -------------------------------------------------------------------------------- */

static int net_connect(lua_State *L)
{
	const char *host = luaL_checkstring(L, 1);
	lua_Integer port = luaL_checkinteger(L, 2), timeout_ms = luaL_optinteger(L, 4, TIMEOUT_MS);
	struct tasks *tasks = tasks_of(L);
	struct task *task = task_current(L);
	struct player_link *link = lua_newuserdatauv(L, sizeof(*link), 0);

	memset(link, 0, sizeof(*link));
	link->tasks = tasks;
	luaL_setmetatable(L, LINK_TYPE);
	link->link = link_open(tasks->links, host, (unsigned)port, &handler, link);
	if (link->link == NULL) {
		lua_pushnil(L);
		lua_pushfstring(L, "no address for '%s', or too many connections", host);
		return 2;
	}
	link->self = luaL_ref(L, LUA_REGISTRYINDEX);
	lua_settop(L, 3);
	link->on_push = luaL_ref(L, LUA_REGISTRYINDEX);
	task_wait(tasks, task, (uint64_t)timeout_ms * 1000);
	link->connecting = task->number;
	task->link = link;
	return lua_yield(L, 0);
}

static int link_request(lua_State *L)
{
	struct player_link *link = link_check(L);
	const char *name = luaL_checkstring(L, 2);
	lua_Integer timeout_ms = luaL_optinteger(L, 4, TIMEOUT_MS);
	const struct client_message *message = client_message_named(name);
	ProtobufCMessage *body;
	struct task *task = task_current(L);
	uint8_t *packed;
	size_t len;

	if (message == NULL) {
		return luaL_error(L, "there is no request '%s'", name);
	}
	if (link->link == NULL || link->pending_len == PENDING_MAX) {
		lua_settop(L, 0);
		return wake_with_error(task, 14, link->link ? "client.busy" : "client.closed",
				       link->link ? "too many requests wait" : link->why);
	}
	body = value_read(L, 3, message->type);
	len = protobuf_c_message_get_packed_size(body);
	packed = malloc(len + 1);
	protobuf_c_message_pack(body, packed);
	protobuf_c_message_free_unpacked(body, NULL);
	link->tag = link->tag % 0xFFFF + 1;
	lua_settop(L, 3);
	trace(link, "->", name, L, 3);
	link_send(link->link, message->event, link->tag, packed, len);
	free(packed);
	task_wait(link->tasks, task, (uint64_t)timeout_ms * 1000);
	task->link = link;
	task->tag = link->tag;
	link->pending[link->pending_len++] =
		(struct pending){ link->tag, message->event, task->number, task->wait };
	return lua_yield(L, 0);
}

int net_timed_out(struct task *task)
{
	struct player_link *link = task->link;
	struct pending pending;

	task->link = NULL;
	if (link == NULL) {
		return 0; /* it slept */
	}
	if (link->connecting == task->number) {
		link->connecting = -1;
		lua_pushnil(task->co);
		lua_pushstring(task->co, "no answer from there");
		return 2;
	}
	pending_take(link, task->tag, &pending);
	return wake_with_error(task, 4, "client.timeout", "no answer in time; whether it happened is unknown");
}

static int link_close_lua(lua_State *L)
{
	struct player_link *link = link_check(L);

	if (link->link != NULL) {
		link->closing = 1;
		link_close(link->link);
	}
	return 0;
}

static int link_name_lua(lua_State *L)
{
	struct player_link *link = link_check(L);

	lua_pushstring(L, link->link != NULL ? link_name(link->link) : "closed");
	return 1;
}

static int link_open_lua(lua_State *L)
{
	lua_pushboolean(L, link_check(L)->link != NULL);
	return 1;
}

static int net_sleep(lua_State *L)
{
	lua_Number ms = luaL_checknumber(L, 1);
	struct task *task = task_current(L);

	task->link = NULL;
	task_wait(tasks_of(L), task, ms > 0 ? (uint64_t)(ms * 1000) : 0);
	return lua_yield(L, 0);
}

static int net_now(lua_State *L)
{
	lua_pushnumber(L, (lua_Number)tasks_now_us() / 1000);
	return 1;
}

static int spawn(lua_State *L, int background)
{
	struct tasks *tasks = tasks_of(L);
	int args = lua_gettop(L);

	luaL_checktype(L, 1, LUA_TFUNCTION);
	if (L != tasks->L) {
		lua_xmove(L, tasks->L, args);
	}
	tasks_start(tasks, args - 1, background);
	return 0;
}

static int net_spawn(lua_State *L)
{
	return spawn(L, 0);
}

static int net_background(lua_State *L)
{
	return spawn(L, 1);
}

static int net_random(lua_State *L)
{
	uint8_t bytes[64];
	lua_Integer len = luaL_checkinteger(L, 1);

	luaL_argcheck(L, len >= 0 && len <= 64, 1, "0 to 64");
	randombytes_buf(bytes, (size_t)len);
	lua_pushlstring(L, (const char *)bytes, (size_t)len);
	return 1;
}

static int net_blocks(lua_State *L)
{
	tasks_of(L)->blocks = lua_toboolean(L, 1);
	return 0;
}

static int net_sights(lua_State *L)
{
	tasks_of(L)->blind = !lua_toboolean(L, 1);
	return 0;
}

static int net_record(lua_State *L)
{
	struct tasks *tasks = tasks_of(L);

	if (tasks->settings.record != NULL) {
		lua_Number us = luaL_checknumber(L, 2);

		tasks->settings.record(tasks->settings.record_arg, luaL_checkstring(L, 1),
					us > 0 ? (uint64_t)us : 0, lua_toboolean(L, 3));
	}
	return 0;
}

void net_open(lua_State *L)
{
	static const luaL_Reg functions[] = { { "connect", net_connect }, { "sleep", net_sleep },
					      { "now", net_now },	  { "spawn", net_spawn },
					      { "background", net_background },
					      { "random", net_random },	  { "record", net_record },
					      { "blocks", net_blocks },	  { "sights", net_sights },
					      { NULL, NULL } };
	static const luaL_Reg methods[] = { { "request", link_request },
					    { "close", link_close_lua },
					    { "name", link_name_lua },
					    { "open", link_open_lua },
					    { NULL, NULL } };

	luaL_newmetatable(L, LINK_TYPE);
	luaL_newlib(L, methods);
	lua_setfield(L, -2, "__index");
	lua_pop(L, 1);
	luaL_newlib(L, functions);
	lua_setglobal(L, "net");
	screen_open(L);
	scripts_open(L);
}
