/* SPDX-License-Identifier: MIT */
/* What the files of the sandbox share; not for its users. */
#ifndef SANDBOX_INTERNAL_H
#define SANDBOX_INTERNAL_H

#include <lauxlib.h>
#include <lua.h>

#include "sandbox.h"

#define HOOK_STEP 256	   /* instructions between looks at the budget and the clock */
#define REFUSED_MAX 8	   /* growths refused in one call before it ends: each costs a whole collection */
#define VARARGS_MAX 250	   /* arguments in `...`, if a look at the budget finds them */
#define RESULTS_MAX 200	   /* values a function may return that returns parts of something */
#define PIECE 256	   /* bytes of a text that are compiled between looks at the clock */
#define LONG_TEXT 256	   /* bytes of a new string from which on its copying is charged */
#define TABLE_MAX 100000   /* elements that a table function will handle */
#define PCALLS_MAX 100	   /* nested: leaving one by an error takes time by the depth of the stack */
#define GENERATIONS_MAX 8  /* open at one time */

struct script_file {
	struct script_file *next; /* in load order */
	uint32_t generation;
	int started; /* 0 no, 1 running, 2 done */
	int function_ref, result_ref;
	size_t text_len;
	char *text; /* inside this block */
	char name[SANDBOX_NAME_MAX + 1];
};

struct sandbox {
	struct sandbox_settings set;
	struct sandbox_counters count;
	lua_State *L;	    /* main thread: runs nothing of a script */
	lua_State *co;	    /* the thread calls run in; a new one after each failure */
	int co_ref, running;
	size_t memory;
	uint32_t refused; /* growths in this call */
	enum sandbox_kind stop; /* raised flag: this call is over */
	int left_line; /* where the hook has left the call by a yield: from then on Lua tells the instruction before; or 0 */
	enum sandbox_kind abort_next; /* how the next call ends before it begins */
	uint64_t used, charged_at, started_ns; /* instructions and charges so far */
	uint64_t last_used, last_ns; /* of the call before */
	size_t thread_size, left_at; /* bytes of a thread; where in it Lua counts down to the hook, 0 = not known */
	uint32_t prints;
	char raised_code[8], raised_help[160]; /* of the last sandbox_raise */
	uint64_t random[4];
	uint32_t generation_last;
	uint32_t generations[GENERATIONS_MAX];
	struct script_file *files;
	int base_ref, libraries_ref; /* globals of scripts; what require finds */
	int copies_ref; /* metatable -> the copy that Lua uses */
	uint32_t pcalls; /* under way */
	const char *loading; /* name of the file that is compiled, or NULL */
	const char *what; /* runs, in the caller's words */
	struct {
		const struct sandbox_line *lines;
		size_t len;
		int every; /* stop at all lines */
		sandbox_stop_call *stopped; /* NULL = there are no stops */
		void *arg;
		lua_State *L; /* that has stopped, and where; or NULL */
		lua_Debug *ar;
	} stops;
	uint64_t fail_at; /* tests: refuse growth number fail_at and all after it; 0 = never */
	uint64_t growths;
};

/* budget.c */
void *sandbox_alloc(void *ud, void *p, size_t old, size_t n);
void budget_start(struct sandbox *s);
/* budget_end: the call is over; what it used is known to the instruction. */
void budget_end(struct sandbox *s);
/* budget_find_left: finds where Lua counts. Protected, on the main thread, once. */
void budget_find_left(lua_State *L, struct sandbox *s);
/* clock_check: ends the running call if its time is over; then it does not return. */
void clock_check(lua_State *L);
/* stop_raise: ends the running call from inside a C function; does not return. */
int stop_raise(lua_State *L);

/* call.c */
int run_protected(struct sandbox *s, lua_CFunction body, void *arg, const char *what,
		  enum sandbox_kind on_error, struct sandbox_error *reterr);
int misuse(struct sandbox *s, struct sandbox_error *reterr, const char *what, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* text_clean: copies text without control bytes (but line ends, if `lines`), cut to fit */
void text_clean(char *dst, size_t dst_len, const char *src, size_t src_len, int lines);

/* source_line: a line of a file, cut to fit. traceback: a line a frame, innermost first. */
void source_line(const struct script_file *file, int line, char *dst, size_t dst_len);
void traceback(lua_State *co, char *dst, size_t dst_len);

/* stop.c: line_reached: for the hook, before the first instruction of a line. */
void line_reached(lua_State *L, lua_Debug *ar);

/* load.c */
struct script_file *file_find(const struct sandbox *s, uint32_t generation, const char *name);
const struct script_file *file_latest(const struct sandbox *s, const char *name);
int file_require(lua_State *L);

/* freeze.c: raises the error of a write to a frozen table */
int frozen_raise(lua_State *L);

/* words.c: the first forbidden word of a text, or NULL; *ret_word is its spelling for messages */
const char *forbidden_find(const char *text, const char *end, const char **ret_word);

/* metatable.c */
void metatables_init(lua_State *L, struct sandbox *s);
/* is_protected: a table of ours, or frozen */
int is_protected(lua_State *L, int idx);
/* table_writable: raises unless the value at idx is a table that may be written by raw access. */
void table_writable(lua_State *L, int idx);
int metatable_set(lua_State *L);
int metatable_get(lua_State *L);
int table_rawset(lua_State *L);

/* libraries: each pushes one table of functions, not yet read-only; base_push the globals */
void base_push(lua_State *L);
void math_push(lua_State *L);
void string_push(lua_State *L);
void table_push(lua_State *L);
void utf8_push(lua_State *L);
/* stock_call: runs the C function in the first upvalue in this one's place, so that its errors name this one */
int stock_call(lua_State *L);
void text_push(lua_State *L, int idx); /* tostring() of a value, without addresses */
extern const luaL_Reg pattern_functions[];
/* the iterators of pairs and gmatch: closures that count */
int pairs_next(lua_State *L);
int gmatch_next(lua_State *L);

#endif
