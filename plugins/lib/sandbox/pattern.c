/* SPDX-License-Identifier: MIT */
/* find, match, gmatch and gsub with Lua's patterns (Lua 5.4 manual, section 6.4.1) and a step counter: each comparison is
 * charged, so a pattern that backtracks for ever ends with the call's budget and not with the tick. */
#include <ctype.h>
#include <string.h>

#include "internal.h"

#define CAPTURES_MAX 32
#define DEPTH_MAX 150 /* nested items; each takes a frame of the C stack */
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

static const char *match_here(struct match *m, const char *s, const char *p);

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

static const char *match_here(struct match *m, const char *s, const char *p)
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

/* --- captures as values --------------------------------------------------------------------------- */

static void capture_push(struct match *m, int at, const char *s, const char *end)
{
	if (at >= m->captures_len) {
		if (at != 0) {
			luaL_error(m->L, "invalid capture index %%%d", at + 1);
		}
		lua_pushlstring(m->L, s, (size_t)(end - s));
	} else if (m->captures[at].len == CAPTURE_POSITION) {
		lua_pushinteger(m->L, m->captures[at].start - m->text + 1);
	} else if (m->captures[at].len == CAPTURE_OPEN) {
		luaL_error(m->L, "unfinished capture");
	} else {
		sandbox_charge(m->L, (uint64_t)m->captures[at].len / 16 + 1);
		lua_pushlstring(m->L, m->captures[at].start, (size_t)m->captures[at].len);
	}
}

static int captures_push(struct match *m, const char *s, const char *end, int whole_if_none)
{
	int count = m->captures_len == 0 && whole_if_none ? 1 : m->captures_len;

	luaL_checkstack(m->L, count, "too many captures");
	for (int i = 0; i < count; i++) {
		capture_push(m, i, s, end);
	}
	return count;
}

static void match_begin(struct match *m)
{
	m->captures_len = 0;
	m->depth = 0;
}

static void match_init(struct match *m, lua_State *L, const char *text, size_t text_len, const char *pattern,
		       size_t pattern_len)
{
	m->L = L;
	m->text = text;
	m->text_end = text + text_len;
	m->pattern_end = pattern + pattern_len;
	m->steps = 0;
	match_begin(m);
}

/* position: a start given by a script, negative from the end, as an offset */
static size_t position(lua_Integer at, size_t len)
{
	if (at > 0) {
		return (size_t)at - 1;
	}
	return at == 0 || (uint64_t)-at > len ? 0 : len - (size_t)-at;
}

/* --- the functions -------------------------------------------------------------------------------- */

static int find_plain(lua_State *L, const char *text, size_t len, const char *what, size_t what_len, size_t from)
{
	const char *found;

	sandbox_charge(L, (len - from) / 4 + what_len / 4);
	found = what_len == 0 ? text + from : memmem(text + from, len - from, what, what_len);
	if (found == NULL) {
		lua_pushnil(L);
		return 1;
	}
	lua_pushinteger(L, found - text + 1);
	lua_pushinteger(L, found - text + (lua_Integer)what_len);
	return 2;
}

/* is_plain: nothing in the pattern is special. A ')' alone is not, as in Lua's own library; and NULs may be in it. */
static int is_plain(const char *pattern, size_t len)
{
	for (size_t at = 0; at <= len; at += strlen(pattern + at) + 1) {
		if (strpbrk(pattern + at, "^$*+?.([%-") != NULL) {
			return 0;
		}
	}
	return 1;
}

static int find_or_match(lua_State *L, int find)
{
	size_t len, pattern_len;
	const char *text = luaL_checklstring(L, 1, &len), *pattern = luaL_checklstring(L, 2, &pattern_len);
	size_t from = position(luaL_optinteger(L, 3, 1), len);
	int anchored = pattern_len > 0 && *pattern == '^';
	struct match m;

	if (from > len) {
		lua_pushnil(L);
		return 1;
	}
	if (find && (lua_toboolean(L, 4) || is_plain(pattern, pattern_len))) {
		return find_plain(L, text, len, pattern, pattern_len, from);
	}
	match_init(&m, L, text, len, pattern, pattern_len);
	for (const char *s = text + from; s <= m.text_end; s++) {
		const char *end;

		match_begin(&m);
		end = match_here(&m, s, pattern + anchored);
		if (end != NULL) {
			if (!find) {
				return captures_push(&m, s, end, 1);
			}
			lua_pushinteger(L, s - text + 1);
			lua_pushinteger(L, end - text);
			return 2 + captures_push(&m, s, end, 0);
		}
		if (anchored) {
			break;
		}
	}
	lua_pushnil(L);
	return 1;
}

static int string_find(lua_State *L)
{
	return find_or_match(L, 1);
}

static int string_match(lua_State *L)
{
	return find_or_match(L, 0);
}

/* gmatch_next: upvalues text, pattern, where to go on, where the last match ended (-1 = none) */
static int gmatch_next(lua_State *L)
{
	size_t len, pattern_len;
	const char *text = lua_tolstring(L, lua_upvalueindex(1), &len);
	const char *pattern = lua_tolstring(L, lua_upvalueindex(2), &pattern_len);
	lua_Integer from = lua_tointeger(L, lua_upvalueindex(3)), last = lua_tointeger(L, lua_upvalueindex(4));
	struct match m;

	match_init(&m, L, text, len, pattern, pattern_len);
	for (const char *s = text + from; s <= m.text_end; s++) {
		const char *end;

		match_begin(&m);
		end = match_here(&m, s, pattern);
		if (end != NULL && end - text != last) {
			lua_pushinteger(L, end - text);
			lua_copy(L, -1, lua_upvalueindex(3));
			lua_replace(L, lua_upvalueindex(4));
			return captures_push(&m, s, end, 1);
		}
	}
	lua_pushinteger(L, (lua_Integer)len + 1);
	lua_replace(L, lua_upvalueindex(3));
	return 0;
}

static int string_gmatch(lua_State *L)
{
	size_t len;

	luaL_checklstring(L, 1, &len);
	luaL_checkstring(L, 2);
	lua_pushinteger(L, (lua_Integer)position(luaL_optinteger(L, 3, 1), len));
	if (lua_tointeger(L, -1) > (lua_Integer)len) {
		lua_pop(L, 1);
		lua_pushinteger(L, (lua_Integer)len + 1);
	}
	lua_replace(L, 3);
	lua_settop(L, 3);
	lua_pushinteger(L, -1);
	lua_pushcclosure(L, gmatch_next, 4);
	return 1;
}

/* replacement_text: pushes a string replacement with its %0 to %9 filled in */
static void replacement_text(struct match *m, const char *s, const char *end)
{
	size_t len;
	const char *text = lua_tolstring(m->L, 3, &len);
	luaL_Buffer out;

	luaL_buffinit(m->L, &out);
	for (size_t i = 0; i < len; i++) {
		if (text[i] != '%') {
			luaL_addchar(&out, text[i]);
			continue;
		}
		i++;
		if (i < len && text[i] == '%') {
			luaL_addchar(&out, '%');
		} else if (i < len && text[i] == '0') {
			luaL_addlstring(&out, s, (size_t)(end - s));
		} else if (i < len && isdigit((unsigned char)text[i])) {
			capture_push(m, text[i] - '1', s, end);
			luaL_tolstring(m->L, -1, NULL);
			lua_remove(m->L, -2);
			luaL_addvalue(&out);
		} else {
			luaL_error(m->L, "invalid use of '%%' in replacement string");
		}
	}
	luaL_pushresult(&out);
}

/* replacement: pushes what the match becomes */
static void replacement(struct match *m, const char *s, const char *end)
{
	lua_State *L = m->L;

	switch (lua_type(L, 3)) {
	case LUA_TFUNCTION:
		lua_pushvalue(L, 3);
		lua_call(L, captures_push(m, s, end, 1), 1);
		break;
	case LUA_TTABLE:
		capture_push(m, 0, s, end);
		lua_gettable(L, 3);
		break;
	default:
		replacement_text(m, s, end);
	}
	if (!lua_toboolean(L, -1)) {
		lua_pop(L, 1);
		lua_pushlstring(L, s, (size_t)(end - s));
	} else if (!lua_isstring(L, -1)) {
		luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
	}
}

static int string_gsub(lua_State *L)
{
	size_t len, pattern_len, total = 0, max = sandbox_of(L)->set.string_max;
	const char *text = luaL_checklstring(L, 1, &len), *pattern = luaL_checklstring(L, 2, &pattern_len);
	const char *s = text, *last = NULL;
	lua_Integer limit = luaL_optinteger(L, 4, (lua_Integer)len + 1), count = 0;
	int anchored = pattern_len > 0 && *pattern == '^';
	struct match m;
	luaL_Buffer out;

	luaL_argexpected(L, lua_isstring(L, 3) || lua_istable(L, 3) || lua_isfunction(L, 3), 3,
			 "string/function/table");
	if (lua_type(L, 3) == LUA_TNUMBER) {
		lua_tostring(L, 3);
	}
	match_init(&m, L, text, len, pattern, pattern_len);
	luaL_buffinit(L, &out);
	while (count < limit) {
		const char *end;

		match_begin(&m);
		end = match_here(&m, s, pattern + anchored);
		if (end != NULL && end != last) {
			count++;
			replacement(&m, s, end);
			total += lua_rawlen(L, -1);
			sandbox_charge(L, lua_rawlen(L, -1) / 16 + 1);
			luaL_addvalue(&out);
			s = last = end;
		} else if (s < m.text_end) {
			luaL_addchar(&out, *s);
			s++;
			total++;
		} else {
			break;
		}
		if (total > max) {
			return luaL_error(L, "the result would be longer than %d bytes", (int)max);
		}
		if (anchored) {
			break;
		}
	}
	luaL_addlstring(&out, s, (size_t)(m.text_end - s));
	luaL_pushresult(&out);
	lua_pushinteger(L, count);
	return 2;
}

const luaL_Reg pattern_functions[] = { { "find", string_find },
				       { "gmatch", string_gmatch },
				       { "gsub", string_gsub },
				       { "match", string_match },
				       { NULL, NULL } };
