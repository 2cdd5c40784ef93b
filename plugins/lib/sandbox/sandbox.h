/* SPDX-License-Identifier: MIT */
/* A bounded, deterministic Lua 5.4 state for scripts that are not trusted with the process. */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <stddef.h>
#include <stdint.h>

#include <lua.h>

/*
 * Conventions
 * 1. One `struct sandbox` per owner of scripts. It is not thread safe: one thread at a time, any thread.
 * 2. No library state outside `struct sandbox`; log and time come in through the settings.
 * 3. Nothing here longjmps into the caller: every entry point runs Lua in protected mode.
 * 4. Same files, same calls, same seed: same results, whatever the string hash or the addresses are. Outside this
 *    promise: `#t` of a table with holes, and where exactly a call ends that hits the memory cap or the clock.
 *    The process must keep the "C" locale for LC_COLLATE and LC_NUMERIC.
 * 5. A script value is read by raw access only outside a budgeted call; inside sandbox_run everything is budgeted.
 * 6. Scripts get: assert error getmetatable ipairs pairs pcall print rawequal rawget rawlen rawset require select
 *    setmetatable tonumber tostring type, and parts of math, string, table, utf8. Nothing loads code, reaches the
 *    system, runs finalizers or makes coroutines.
 */

#define SANDBOX_NAME_MAX	56	/* bytes of a file's name: what Lua keeps of it in a message */

struct sandbox;

/* sandbox_kind: how a call ended. Values never change meaning; the text code of each is in sandbox_error.code. */
enum sandbox_kind {
	SANDBOX_OK = 0,
	SANDBOX_RUNTIME = 1,	/* S0101: the script raised an error */
	SANDBOX_SYNTAX = 2,	/* S0102: a file does not compile or uses a word scripts may not use */
	SANDBOX_MISUSE = 3,	/* S0103: the caller asked for something that cannot be: no such file, not a function */
	SANDBOX_BUDGET = 4,	/* S0420: the instruction budget was used up (deterministic) */
	SANDBOX_CLOCK = 5,	/* S0421: the wall clock ran out first (the last resort) */
	SANDBOX_MEMORY = 6,	/* S0430: the memory cap, or the longest string, was reached */
	SANDBOX_KINDS
};

/* sandbox_settings: zero means the default named beside each field. Copied by sandbox_create. */
struct sandbox_settings {
	size_t memory_max;		/* bytes of the whole state; 8 MiB. A call also ends when
					 * growth was refused a few times in it. */
	size_t string_max;		/* bytes of one string; 64 KiB */
	size_t text_max;		/* bytes of one source file; 256 KiB */
	uint64_t instructions_max;	/* per call; 1,000,000. Library work is charged in the same unit. */
	uint32_t wall_ms_max;		/* per call, needs clock_ns; 100 */
	uint32_t print_max;		/* lines a call may print; 32, the rest are counted and dropped */
	uint64_t seed;			/* of math.random; 0 is a seed like any other */
	int stateless;			/* not 0: sandbox_load refuses (S0104) a file with a function that assigns
					 * to a variable of the file, or to a global: its results would depend on
					 * which state ran it before. See sandbox_freeze for tables. */
	void *arg;			/* first argument of both callbacks, also sandbox_arg() */
	uint64_t (*clock_ns)(void *arg);	/* monotonic time in ns, or NULL: no wall limit */
	/* log: a script printed a line. text is not NUL-terminated and valid until return. May be NULL. */
	void (*log)(void *arg, const char *file, int line, const char *text, size_t text_len);
};

/* sandbox_error: everything there is to say about a failure. All text is NUL-terminated, cut to fit, free of
 * control bytes. */
struct sandbox_error {
	enum sandbox_kind kind;
	char code[8];		/* S0101 ... or a code given to sandbox_raise */
	char file[64];		/* empty when no script was running */
	int line;		/* 0 when unknown */
	uint32_t generation;	/* of that file, 0 when unknown */
	char what[80];		/* what ran, in the caller's words: monster "slime".think */
	char message[320];	/* without the file:line prefix */
	char help[160];		/* the remedy, or empty */
	char source[200];	/* the line's text, or empty */
	char traceback[1024];	/* one frame a line, innermost first */
};

/* sandbox_counters: totals since sandbox_create. */
struct sandbox_counters {
	uint64_t calls, instructions;
	uint64_t ns;			/* in calls; 0 without clock_ns */
	uint64_t ended[SANDBOX_KINDS];	/* calls, loads and starts by how they ended */
	uint64_t prints_dropped, allocations_refused;
	size_t memory_used, memory_peak;	/* bytes */
	size_t memory_max;			/* the setting */
};

/* sandbox_create: a fresh state with the allow-listed library. Returns NULL when memory is short or memory_max is
 * too small for an empty state (about 40 KiB). */
struct sandbox *sandbox_create(const struct sandbox_settings *settings);

/* sandbox_free: closes the state, a few ms at most. NULL is fine. Returns NULL. */
struct sandbox *sandbox_free(struct sandbox *s);

/* sandbox_counters_read: fills ret_counters. */
void sandbox_counters_read(const struct sandbox *s, struct sandbox_counters *ret_counters);

/* sandbox_last: what the call before used, also one that failed: instructions with charges, and ns (0 without
 * clock_ns). Costs nothing but the end's look at the clock; for sums by handler. */
void sandbox_last(const struct sandbox *s, uint64_t *ret_instructions, uint64_t *ret_ns);

/* sandbox_budget_set: limits of later calls; 0 keeps a value. */
void sandbox_budget_set(struct sandbox *s, uint64_t instructions_max, uint32_t wall_ms_max);

/* sandbox_seed: restarts math.random, e.g. from (seed, tick, entity) mixed by the caller. */
void sandbox_seed(struct sandbox *s, uint64_t seed);

/* sandbox_random: the next 64 random bits of the scripts' generator (xoshiro256**, seeded by splitmix64). */
uint64_t sandbox_random(struct sandbox *s);

/* sandbox_random_below: one of 0 .. bound - 1, all equally likely; bound 0 stands for 2^64. */
uint64_t sandbox_random_below(struct sandbox *s, uint64_t bound);

/* sandbox_collect: runs the garbage collector, one step of about `kib` or, with 0, a whole cycle. Not during a call. */
void sandbox_collect(struct sandbox *s, int kib);

/* ---- the host's functions ---- */

enum sandbox_library_flags {
	SANDBOX_LIBRARY_GLOBAL = 1,	/* scripts see it as a global */
	SANDBOX_LIBRARY_REQUIRE = 2,	/* scripts get it by require "name" */
};

struct sandbox_function {
	const char *name;
	lua_CFunction call; /* runs budgeted; may raise Lua errors; must charge work the hook cannot see */
};

/* sandbox_register: adds a read-only library of C functions, table ended by a NULL name. Generations opened before
 * do not see it as a global. Returns 0, or -1 when memory is short. */
int sandbox_register(struct sandbox *s, const char *name, const struct sandbox_function *functions, unsigned flags);

/* sandbox_library: the same, with the functions that `fill` puts into the table at index 2: for closures. `arg` is a light userdata
 * at index 1. Returns 0, or -1 when memory is short or `fill` raised an error. */
int sandbox_library(struct sandbox *s, const char *name, lua_CFunction fill, void *arg, unsigned flags);

/* sandbox_of: the sandbox a C function runs in. Constant time. */
static inline struct sandbox *sandbox_of(lua_State *L)
{
	return *(struct sandbox **)lua_getextraspace(L);
}

/* sandbox_arg: settings.arg. */
void *sandbox_arg(const struct sandbox *s);

/* sandbox_charge: counts n units (about one VM instruction, 5 ns, each) of work against the running call and ends the
 * call when its budget or time is over: then it does not return. Only inside a call. */
void sandbox_charge(lua_State *L, uint64_t n);

/* sandbox_raise: raises an error with a code and a remedy of the host's own (help may be NULL). Does not return. */
int sandbox_raise(lua_State *L, const char *code, const char *help, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* sandbox_stopped: the running call is being ended. A C function that catches errors with lua_pcall must raise
 * again. */
int sandbox_stopped(const struct sandbox *s);

/* sandbox_readonly: replaces the table on top of the stack by a read-only view of it; `name` is for messages. */
void sandbox_readonly(lua_State *L, const char *name);

/* ---- files and generations ---- */

/* sandbox_generation_open: starts a set of files. Numbers rise from 1. Returns 0 when memory is short. */
uint32_t sandbox_generation_open(struct sandbox *s);

/* sandbox_load: compiles one text into a generation; runs nothing. The name (<= SANDBOX_NAME_MAX) is what messages show
 * and, without ".lua" and leading folders, what require finds. Returns 0 or -1 with reterr. */
int sandbox_load(struct sandbox *s, uint32_t generation, const char *name, const char *text, size_t text_len,
		 struct sandbox_error *reterr);

/* sandbox_start: runs a file's body once (later calls do nothing). `require` does the same on demand. Its random
 * numbers follow from the setting `seed` and the file's name. */
int sandbox_start(struct sandbox *s, uint32_t generation, const char *name, struct sandbox_error *reterr);

/* sandbox_module: reference to what a started file returned, LUA_REFNIL when nothing or not started. Owned by the
 * generation. */
int sandbox_module(const struct sandbox *s, uint32_t generation, const char *name);

/*
 * sandbox_freeze: to be called when all files of a generation were started, for owners that must all get the same
 * results. From what the functions behind `refs` (registry references, borrowed) captured and from what the files
 * returned, everything that can be reached is made sure to keep nothing from call to call:
 * - A table is read-only from now on; who writes to it gets S0104. It stays the same table, without a proxy: its
 *   content moves behind it. #t, pairs, ipairs and the libraries read through; a field takes 10 ns more, #t 40 ns. C
 *   functions see nothing by raw access: use sandbox_content, or lua_getfield and the like.
 * - A function that changes what it captured, as a counter made by another function does, and an iterator of pairs or
 *   gmatch that is kept, fail the call with S0104: then, as after any failure, close the generation.
 * Left alone: userdata, C functions and what they hold, and tables of sandbox_readonly. A table takes about 300 bytes
 * more, and its fields twice their place. Functions and tables that a handler makes are its own, and end with it
 * unless the host keeps them. Returns 0 or -1 with reterr.
 */
int sandbox_freeze(struct sandbox *s, uint32_t generation, const int *refs, size_t refs_len,
		   struct sandbox_error *reterr);

/* sandbox_content: pushes the table to read by raw access: that at idx, or its content if it is frozen. Never give
 * the content to a script. Returns whether it is frozen. */
int sandbox_content(lua_State *L, int idx);

/* sandbox_generation_close: forgets the files of a generation. Functions the caller still refers to keep working. */
void sandbox_generation_close(struct sandbox *s, uint32_t generation);

/* ---- calls ---- */

enum sandbox_type {
	SANDBOX_NIL, SANDBOX_BOOLEAN, SANDBOX_INTEGER, SANDBOX_NUMBER, SANDBOX_STRING, SANDBOX_REF, SANDBOX_OTHER
};

struct sandbox_value {
	enum sandbox_type type;
	union {
		int boolean;
		int64_t integer;
		double number;
		struct {
			const char *text;
			size_t len;
		} string;	/* results: valid until the next call on this sandbox */
		int ref;	/* arguments only: a registry reference (luaL_ref) */
	} u;
};

/* sandbox_call: calls the function behind `ref` (luaL_ref in LUA_REGISTRYINDEX) with a fresh budget. `what` is for
 * messages. ret gets ret_len values; tables and functions come back as SANDBOX_OTHER. Returns 0 or -1 with reterr.
 * Refused (S0103) while another call runs: C functions use lua_call. */
int sandbox_call(struct sandbox *s, int ref, const char *what, const struct sandbox_value *args, size_t args_len,
		 struct sandbox_value *ret, size_t ret_len, struct sandbox_error *reterr);

/* sandbox_run: runs `body` budgeted and protected, with `arg` as a light userdata at index 1; for raw access to
 * script values and for arguments sandbox_call cannot carry. Returns 0 or -1 with reterr. */
int sandbox_run(struct sandbox *s, lua_CFunction body, void *arg, const char *what, struct sandbox_error *reterr);

/* sandbox_abort_next: the next call, load or start runs nothing and ends as if the clock (SANDBOX_CLOCK) or the
 * memory (SANDBOX_MEMORY) had run out at its beginning: these two depend on the machine, so who runs calls again
 * has to be told of them. SANDBOX_OK takes it back. Returns 0, or -1 for a kind that happens again by itself. */
int sandbox_abort_next(struct sandbox *s, enum sandbox_kind kind);

/* ---- stopping at lines ---- */

struct sandbox_line {
	const char *file; /* its name; leading folders may be left out */
	int line;
};

/* sandbox_stop: a line that is about to run. Good until the callback returns. */
struct sandbox_stop {
	const struct sandbox_line *at; /* that was asked for, or NULL: a step */
	const char *file, *what;       /* the file's whole name; what runs, as given to sandbox_run and the like */
	int line;
	uint32_t generation;
};
typedef void sandbox_stop_call(void *arg, const struct sandbox_stop *stop);

/* sandbox_stops: calls from now on stop at these lines (borrowed): `stopped` is told and, when it returns, they go on as if
 * nothing had been: same budget, same instruction at which it ends, same random numbers, same results. While there are stops
 * each line takes about 50 ns more; without (stopped NULL) nothing does. Not in a call. */
void sandbox_stops(struct sandbox *s, const struct sandbox_line *lines, size_t len, sandbox_stop_call *stopped, void *arg);

/* sandbox_step: 1 = stop at every line, of whatever file; 0 = at those asked for alone. Also in the callback. */
void sandbox_step(struct sandbox *s, int on);

/* sandbox_apart: in the callback: calls `body`, which may use the sandbox as if no call were under way. What it uses up, raises
 * or prints is not the stopped call's. What it does to tables that the stopped call knows is done. */
void sandbox_apart(struct sandbox *s, void (*body)(void *arg), void *arg);

/* sandbox_stop_local, _upvalue: below sandbox_apart, in a function run by sandbox_run: pushes variable `number` (from 1) of the
 * stopped function. Its name, those of Lua's own begin with '('; or NULL and nothing pushed: there are no more. */
const char *sandbox_stop_local(lua_State *L, int number);
const char *sandbox_stop_upvalue(lua_State *L, int number);

/* sandbox_stop_traceback: in the callback: as in sandbox_error; returns its length. */
size_t sandbox_stop_traceback(const struct sandbox *s, char *buf, size_t buf_len);

/* sandbox_line_next: the first line from `line` on with code, of a loaded file; 0 = none has; -1 = there is no such file. */
int sandbox_line_next(struct sandbox *s, uint32_t generation, const char *name, int line);

/* sandbox_source: a line of the newest file of this name, without control bytes, cut to fit. 0, or -1 if there is none. */
int sandbox_source(const struct sandbox *s, const char *name, int line, char *buf, size_t buf_len);

/* sandbox_name_is: 1 if `name` is that of the file, or what is left of it without leading folders. */
int sandbox_name_is(const char *file, const char *name);

/* sandbox_unref: gives a reference back. */
void sandbox_unref(struct sandbox *s, int ref);

/* sandbox_error_format: the block people see:
 *	error[S0101]: attempt to index a nil value (local 'target')
 *	  --> scripts/meadow.lua:12 in monster "slime".think, gen 12
 *	12 |     if self:in_reach(target, 2) then
 *	   = help: ...
 * Writes at most buf_len bytes with the NUL; returns the length written. */
size_t sandbox_error_format(const struct sandbox_error *error, char *buf, size_t buf_len);

#endif
