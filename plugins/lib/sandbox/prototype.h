/* SPDX-License-Identifier: MIT */
/* What a compiled function assigns outside of itself, and which lines have code; not for users of the sandbox. */
#ifndef SANDBOX_PROTOTYPE_H
#define SANDBOX_PROTOTYPE_H

#include <lua.h>

/* outer_write: one assignment to a variable that a function does not own. */
struct outer_write {
	int line; /* of the assignment; 0 = there is none */
	int global; /* it is a field of _ENV */
	char name[48]; /* of the variable; cut to fit */
};

/* prototype_writes_file: the first assignment, by line, of a function in the file whose main function is on top of
 * the stack to a variable of the main function, or of anybody to a global. Returns 0, or -1 if the compiled form
 * cannot be read: another version of Lua than 5.4, or no memory. Raises nothing. */
int prototype_writes_file(lua_State *L, struct outer_write *ret_write);

/* prototype_writes_upvalue: the same for a closure on top of the stack: assignments to what it captured, by itself
 * or by a function inside of it. */
int prototype_writes_upvalue(lua_State *L, struct outer_write *ret_write);

/* prototype_line: the first line from `line` on that has code, in the function on top of the stack or in one inside of it; 0 if
 * none has or the compiled form cannot be read. */
int prototype_line(lua_State *L, int line);

#endif
