/* SPDX-License-Identifier: MIT */
/* The matcher of Lua's patterns (Lua 5.4 manual, section 6.4.1), which counts its steps; not for users of the
 * sandbox. */
#ifndef SANDBOX_PATTERN_H
#define SANDBOX_PATTERN_H

#include <stddef.h>

#include <lua.h>

#define CAPTURES_MAX 32
#define CAPTURE_OPEN (-1)
#define CAPTURE_POSITION (-2)

struct capture {
	const char *start;
	ptrdiff_t len; /* or CAPTURE_OPEN, CAPTURE_POSITION */
};

struct match {
	lua_State *L;
	const char *text, *text_end, *pattern_end;
	int captures_len, depth;
	unsigned steps;
	struct capture captures[CAPTURES_MAX];
};

/* match_init: text and pattern are borrowed. */
void match_init(struct match *m, lua_State *L, const char *text, size_t text_len, const char *pattern,
		size_t pattern_len);

/* match_begin: before each attempt at another place of the text. */
void match_begin(struct match *m);

/* match_here: where the match of the pattern from p on ends that begins at s, or NULL. Charges the call; raises an
 * error when the pattern is malformed. */
const char *match_here(struct match *m, const char *s, const char *p);

/* match_end: charges what was not yet. */
void match_end(struct match *m);

#endif
