/* SPDX-License-Identifier: MIT */
/* Text for people about what rules have in hand. */
#ifndef RULES_SHOW_H
#define RULES_SHOW_H

#include <stddef.h>

#include <lua.h>

struct rules;

/* Text that is cut to fit; NUL-terminated once something was put. */
struct text {
	char *to;
	size_t size, len;
};

void show_put(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* show_value: the value at `at` without addresses, in a budgeted call: tables open to this depth, names in order; texts in
 * quotes, if `quoted`, with what cannot be printed as \xNN. Reads by raw access alone. */
void show_value(lua_State *L, struct rules *r, struct text *text, int at, int depth, int quoted);

#endif
