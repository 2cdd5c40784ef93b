/* SPDX-License-Identifier: MIT */
/* The matcher of patterns: each comparison is charged, so a pattern that backtracks for ever ends with the call's
 * budget and not with the tick. */
#include "pattern.h"

#include <ctype.h>
#include <string.h>

#include "internal.h"

#define DEPTH_MAX 150 /* nested items; each takes a frame of the C stack */

static void step(struct match *m)
{
	if (++m->steps == 64) {
		m->steps = 0;
		sandbox_charge(m->L, 64);
	}
}

/* class_end: behind the single-character class that begins at p */
static const char *class_end(struct match *m, const char *p)
{
	if (p == m->pattern_end) {
		luaL_error(m->L, "malformed pattern (ends inside)");
	}
	if (*p == '%') {
		if (p + 1 == m->pattern_end) {
			luaL_error(m->L, "malformed pattern (ends with '%%')");
		}
		return p + 2;
	}
	if (*p != '[') {
		return p + 1;
	}
	p++;
	if (p < m->pattern_end && *p == '^') {
		p++;
	}
	do { /* a ']' in the first place is one of the set */
		if (p == m->pattern_end) {
			luaL_error(m->L, "malformed pattern (missing ']')");
		}
		step(m);
		p += *p == '%' ? 2 : 1;
		if (p > m->pattern_end) {
			luaL_error(m->L, "malformed pattern (missing ']')");
		}
	} while (p == m->pattern_end || *p != ']');
	return p + 1;
}

static int in_class(int c, int class)
{
	int in;

	switch (tolower(class)) {
	case 'a':
		in = isalpha(c);
		break;
	case 'c':
		in = iscntrl(c);
		break;
	case 'd':
		in = isdigit(c);
		break;
	case 'g':
		in = isgraph(c);
		break;
	case 'l':
		in = islower(c);
		break;
	case 'p':
		in = ispunct(c);
		break;
	case 's':
		in = isspace(c);
		break;
	case 'u':
		in = isupper(c);
		break;
	case 'w':
		in = isalnum(c);
		break;
	case 'x':
		in = isxdigit(c);
		break;
	default:
		return class == c;
	}
	return isupper(class) ? !in : in != 0;
}

/* in_set: is c in the set from p, at '[', to end, at ']'? */
static int in_set(struct match *m, int c, const char *p, const char *end)
{
	int wanted = 1;

	p++;
	if (*p == '^') {
		wanted = 0;
		p++;
	}
	while (p < end) {
		step(m);
		if (*p == '%') {
			if (in_class(c, (unsigned char)p[1])) {
				return wanted;
			}
			p += 2;
		} else if (p + 2 < end && p[1] == '-') {
			if ((unsigned char)p[0] <= c && c <= (unsigned char)p[2]) {
				return wanted;
			}
			p += 3;
		} else {
			if ((unsigned char)*p == c) {
				return wanted;
			}
			p++;
		}
	}
	return !wanted;
}

/* single: does the class from p to end take the character at s? */
static int single(struct match *m, const char *s, const char *p, const char *end)
{
	int c;

	step(m);
	if (s >= m->text_end) {
		return 0;
	}
	c = (unsigned char)*s;
	switch (*p) {
	case '.':
		return 1;
	case '%':
		return in_class(c, (unsigned char)p[1]);
	case '[':
		return in_set(m, c, p, end - 1);
	default:
		return (unsigned char)*p == c;
	}
}

static const char *match_balance(struct match *m, const char *s, const char *p)
{
	int open, close, nested = 1;

	if (p + 1 >= m->pattern_end) {
		luaL_error(m->L, "malformed pattern (missing arguments to '%%b')");
	}
	if (s >= m->text_end || *s != *p) {
		return NULL;
	}
	open = *p;
	close = p[1];
	for (s++; s < m->text_end; s++) {
		step(m);
		if (*s == close) {
			if (--nested == 0) {
				return s + 1;
			}
		} else if (*s == open) {
			nested++;
		}
	}
	return NULL;
}

static const char *match_most(struct match *m, const char *s, const char *p, const char *end)
{
	ptrdiff_t count = 0;

	while (single(m, s + count, p, end)) {
		count++;
	}
	for (; count >= 0; count--) {
		const char *found = match_here(m, s + count, end + 1);

		if (found != NULL) {
			return found;
		}
	}
	return NULL;
}

static const char *match_least(struct match *m, const char *s, const char *p, const char *end)
{
	for (;;) {
		const char *found = match_here(m, s, end + 1);

		if (found != NULL) {
			return found;
		}
		if (!single(m, s, p, end)) {
			return NULL;
		}
		s++;
	}
}

static const char *capture_start(struct match *m, const char *s, const char *p, ptrdiff_t kind)
{
	const char *found;

	if (m->captures_len == CAPTURES_MAX) {
		luaL_error(m->L, "too many captures");
	}
	m->captures[m->captures_len++] = (struct capture){ s, kind };
	found = match_here(m, s, p);
	if (found == NULL) {
		m->captures_len--;
	}
	return found;
}

static const char *capture_end(struct match *m, const char *s, const char *p)
{
	const char *found;
	int at = m->captures_len - 1;

	while (at >= 0 && m->captures[at].len != CAPTURE_OPEN) {
		at--;
	}
	if (at < 0) {
		luaL_error(m->L, "invalid pattern capture");
	}
	m->captures[at].len = s - m->captures[at].start;
	found = match_here(m, s, p);
	if (found == NULL) {
		m->captures[at].len = CAPTURE_OPEN;
	}
	return found;
}

static const char *match_earlier(struct match *m, const char *s, int digit)
{
	int at = digit - '1';
	size_t len;

	if (at < 0 || at >= m->captures_len || m->captures[at].len == CAPTURE_OPEN) {
		luaL_error(m->L, "invalid capture index %%%d", at + 1);
	}
	len = m->captures[at].len == CAPTURE_POSITION ? 0 : (size_t)m->captures[at].len;
	sandbox_charge(m->L, len / 8 + 1);
	return (size_t)(m->text_end - s) >= len && memcmp(m->captures[at].start, s, len) == 0 ? s + len : NULL;
}

static int frontier(struct match *m, const char *s, const char *p, const char *end)
{
	int before = s == m->text ? 0 : (unsigned char)s[-1], now = s < m->text_end ? (unsigned char)*s : 0;

	return !in_set(m, before, p, end - 1) && in_set(m, now, p, end - 1);
}

/* match_special: what '%' begins if it is more than a class; returns 0 if it is one. */
static int match_special(struct match *m, const char **s, const char **p, const char **ret_found)
{
	const char *end;

	switch ((*p)[1]) {
	case 'b':
		*s = match_balance(m, *s, *p + 2);
		*p += 4;
		break;
	case 'f':
		*p += 2;
		if (*p >= m->pattern_end || **p != '[') {
			luaL_error(m->L, "missing '[' after '%%f' in pattern");
		}
		end = class_end(m, *p);
		if (!frontier(m, *s, *p, end)) {
			*s = NULL;
		}
		*p = end;
		break;
	case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': case '8': case '9':
		*s = match_earlier(m, *s, (*p)[1]);
		*p += 2;
		break;
	default:
		return 0;
	}
	*ret_found = *s;
	return 1;
}

static const char *match_item(struct match *m, const char *s, const char *p)
{
	while (p < m->pattern_end) {
		const char *end, *found;
		char suffix;

		if (*p == '(') {
			return p + 1 < m->pattern_end && p[1] == ')' ? capture_start(m, s, p + 2, CAPTURE_POSITION)
								      : capture_start(m, s, p + 1, CAPTURE_OPEN);
		}
		if (*p == ')') {
			return capture_end(m, s, p + 1);
		}
		if (*p == '$' && p + 1 == m->pattern_end) {
			return s == m->text_end ? s : NULL;
		}
		if (*p == '%' && p + 1 < m->pattern_end && match_special(m, &s, &p, &found)) {
			if (found == NULL) {
				return NULL;
			}
			continue;
		}
		end = class_end(m, p);
		suffix = end < m->pattern_end ? *end : '\0';
		if (suffix == '?') {
			if (single(m, s, p, end) && (found = match_here(m, s + 1, end + 1)) != NULL) {
				return found;
			}
			p = end + 1;
		} else if (suffix == '*' || suffix == '+') {
			if (suffix == '+') {
				if (!single(m, s, p, end)) {
					return NULL;
				}
				s++;
			}
			return match_most(m, s, p, end);
		} else if (suffix == '-') {
			return match_least(m, s, p, end);
		} else {
			if (!single(m, s, p, end)) {
				return NULL;
			}
			s++;
			p = end;
		}
	}
	return s;
}

const char *match_here(struct match *m, const char *s, const char *p)
{
	const char *found;

	if (++m->depth > DEPTH_MAX) {
		luaL_error(m->L, "pattern too complex");
	}
	step(m);
	found = match_item(m, s, p);
	m->depth--;
	return found;
}

void match_begin(struct match *m)
{
	m->captures_len = 0;
	m->depth = 0;
}

void match_init(struct match *m, lua_State *L, const char *text, size_t text_len, const char *pattern,
		size_t pattern_len)
{
	m->L = L;
	m->text = text;
	m->text_end = text + text_len;
	m->pattern_end = pattern + pattern_len;
	m->steps = 0;
	match_begin(m);
}

void match_end(struct match *m)
{
	sandbox_charge(m->L, m->steps);
	m->steps = 0;
}
