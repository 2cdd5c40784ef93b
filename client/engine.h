/* SPDX-License-Identifier: MIT */
/* Lua programs that play: coroutines that wait for answers and for time, over many connections in one thread. */
#ifndef CLIENT_ENGINE_H
#define CLIENT_ENGINE_H

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
 *   net.trace (boolean): print every message with its peer
 */
struct engine;

struct engine_settings {
	int trace;
	void (*record)(void *arg, const char *what, uint64_t us, int ok); /* NULL = ignored */
	void *record_arg;
};

/* engine_create makes a state with the standard library, `net` and the verbs of player.lua. NULL without memory. */
struct engine *engine_create(const struct engine_settings *settings);
void engine_free(struct engine *engine);
lua_State *engine_lua(struct engine *engine);

/* engine_load loads a script file, or text if path is NULL, as a function on the stack; 0, or -1 after printing why. */
int engine_load(struct engine *engine, const char *path, const char *text);
/* engine_start runs the function below its `args` arguments on the stack as a new coroutine; one in the background is not
 * waited for at the end. Returns its number. */
int engine_start(struct engine *engine, int args, int background);
/* engine_step waits at most timeout_ms and runs what is due; `also` as in links_wait. Returns 1 if `also` is readable. */
int engine_step(struct engine *engine, int timeout_ms, int also);
/* engine_running: coroutines that have not ended, without those in the background. engine_failed: those that ended with an error. */
int engine_running(const struct engine *engine);
int engine_failed(const struct engine *engine);
uint64_t engine_now_us(void);

#endif
