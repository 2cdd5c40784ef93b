/* SPDX-License-Identifier: MIT */
/* Lua programs that play: coroutines that wait for answers and for time, over many connections in one thread. */
#ifndef CLIENT_TASKS_H
#define CLIENT_TASKS_H

#include <lua.h>
#include <stdint.h>

/*
 * What Lua sees (global `net`; all that wait give way to the other coroutines):
 *   net.connect(host, port, on_push[, timeout_ms])  waits; a link, or nil and why
 *       on_push(name, message) gets what comes unasked; ("closed", { why }) is the last, unless link:close() ended it
 *   link:request(name, message[, timeout_ms])  waits; the answer, or nil and { status, reason, text }
 *   link:close()      link:name()     link:open()
 *   net.sleep(ms)  net.now() (ms)  net.spawn(fn, ...)  net.background(fn, ...)  net.random(n) (n bytes)
 *   net.record(what, us, ok)
 *   net.blocks(on)    on_push gets "chunk" and "blocks", which are thrown away otherwise
 *   net.sights(on)    on_push gets "cell_seen", "cell_gone" and "delta", unless this has been called with false
 *   net.screen, net.size, net.sections: see screen.h
 *   net.trace (boolean): print every message with its peer
 */
struct tasks;

struct tasks_settings {
	int trace;
	void (*record)(void *arg, const char *what, uint64_t us, int ok); /* NULL = ignored */
	void *record_arg;
};

/* tasks_create makes a state with the standard library, `net` and the verbs of player.lua. NULL without memory. */
struct tasks *tasks_create(const struct tasks_settings *settings);
void tasks_free(struct tasks *tasks);
lua_State *tasks_lua(struct tasks *tasks);

/* tasks_load loads a script file, or text if path is NULL, as a function on the stack; 0, or -1 after printing why. */
int tasks_load(struct tasks *tasks, const char *path, const char *text);
/* tasks_start runs the function below its `args` arguments on the stack as a new coroutine; one in the background is not
 * waited for at the end. Returns its number. */
int tasks_start(struct tasks *tasks, int args, int background);
/* tasks_step waits at most timeout_ms and runs what is due; `also` as in links_wait. Returns 1 if `also` is readable. */
int tasks_step(struct tasks *tasks, int timeout_ms, int also);
/* tasks_running: coroutines that have not ended, without those in the background. tasks_failed: those that ended with an error. */
int tasks_running(const struct tasks *tasks);
int tasks_failed(const struct tasks *tasks);
uint64_t tasks_now_us(void);

#endif
