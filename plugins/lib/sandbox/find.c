/* SPDX-License-Identifier: MIT */
/* find, match, gmatch and gsub over the counted matcher. */
#include <ctype.h>
#include <string.h>

#include "internal.h"
#include "pattern.h"

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

/* position: a start given by a script, negative from the end, as an offset */
static size_t position(lua_Integer at, size_t len)
{
	if (at > 0) {
		return (size_t)at - 1;
	}
	return at == 0 || 0 - (uint64_t)at > len ? 0 : len - (0 - (size_t)at);
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
			match_end(&m);
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
	match_end(&m);
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
int gmatch_next(lua_State *L)
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
			match_end(&m);
			lua_pushinteger(L, end - text);
			lua_copy(L, -1, lua_upvalueindex(3));
			lua_replace(L, lua_upvalueindex(4));
			return captures_push(&m, s, end, 1);
		}
	}
	match_end(&m);
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
	match_end(&m);
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
