/* SPDX-License-Identifier: MIT */
#include "rules/show.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/internal.h"

#define FIELDS_MAX 64u /* of a table that is shown */

void show_put(struct text *text, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = text->len < text->size ? vsnprintf(text->to + text->len, text->size - text->len, format, args) : 0;
	va_end(args);
	text->len += n > 0 ? (size_t)n : 0;
	text->len = text->len < text->size ? text->len : text->size - 1;
}

static void show_entity(struct rules *r, struct text *text, uint64_t id)
{
	const struct entities *w = &r->e->all;
	uint32_t row = entities_row(w, id);

	if (row == NO_ROW) {
		show_put(text, "(gone) #%" PRIu64, id);
		return;
	}
	show_put(text, "%s %s #%" PRIu64 " at (%.1f, %.1f, %.1f)", kind_word(r->now, w->kind[row]), w->name[row], id, w->x[row],
		 w->y[row], w->z[row]);
}

static void show_text(struct text *text, const char *bytes, size_t len)
{
	show_put(text, "\"");
	for (size_t i = 0; i < len && text->len + 1 < text->size; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (c < 32 || c == 127) {
			show_put(text, "\\x%02x", c);
		} else {
			show_put(text, "%s%c", c == '"' || c == '\\' ? "\\" : "", c);
		}
	}
	show_put(text, "\"");
}

static int name_order(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* show_table: its list, then its names in order, then how many others there are. */
static void show_table(lua_State *L, struct rules *r, struct text *text, int at, int depth)
{
	const char *names[FIELDS_MAX];
	lua_Integer len, shown;
	uint32_t names_len = 0, others = 0;
	int table;

	luaL_checkstack(L, 6, "too deep to be shown");
	sandbox_content(L, at);
	table = lua_gettop(L);
	len = (lua_Integer)lua_rawlen(L, table);
	shown = len < (lua_Integer)FIELDS_MAX ? len : (lua_Integer)FIELDS_MAX;
	show_put(text, "{");
	for (lua_Integer i = 1; i <= shown; i++) {
		show_put(text, i > 1 ? ", " : " ");
		lua_rawgeti(L, table, i);
		show_value(L, r, text, lua_gettop(L), depth, 1);
		lua_pop(L, 1);
	}
	for (lua_pushnil(L); lua_next(L, table) != 0; lua_pop(L, 1)) {
		int in_list = lua_isinteger(L, -2) && lua_tointeger(L, -2) >= 1 && lua_tointeger(L, -2) <= shown;

		sandbox_charge(L, 1);
		if (lua_type(L, -2) == LUA_TSTRING && names_len < FIELDS_MAX) {
			names[names_len++] = lua_tostring(L, -2);
		} else {
			others += !in_list;
		}
	}
	qsort(names, names_len, sizeof(*names), name_order);
	for (uint32_t i = 0; i < names_len; i++) {
		show_put(text, "%s%s = ", shown > 0 || i > 0 ? ", " : " ", names[i]);
		lua_pushstring(L, names[i]);
		lua_rawget(L, table);
		show_value(L, r, text, lua_gettop(L), depth, 1);
		lua_pop(L, 1);
	}
	if (others > 0) {
		show_put(text, ", ... %u more", others);
	}
	show_put(text, " }");
	lua_pop(L, 1);
}

void show_value(lua_State *L, struct rules *r, struct text *text, int at, int depth, int quoted)
{
	uint64_t id = handle_get(L, at);
	size_t len;
	const char *bytes;

	if (id != 0) {
		show_entity(r, text, id);
		return;
	}
	switch (lua_type(L, at)) {
	case LUA_TSTRING:
		bytes = lua_tolstring(L, at, &len);
		if (quoted) {
			show_text(text, bytes, len);
		} else {
			show_put(text, "%s", bytes);
		}
		break;
	case LUA_TNUMBER:
		if (lua_isinteger(L, at)) {
			show_put(text, "%" PRId64, (int64_t)lua_tointeger(L, at));
		} else {
			show_put(text, "%.14g", lua_tonumber(L, at));
		}
		break;
	case LUA_TBOOLEAN:
		show_put(text, lua_toboolean(L, at) ? "true" : "false");
		break;
	case LUA_TTABLE:
		if (depth > 0) {
			show_table(L, r, text, at, depth - 1);
		} else {
			show_put(text, "{...}");
		}
		break;
	default:
		if (state_values(L, at)) {
			show_value(L, r, text, lua_gettop(L), depth, 1);
			lua_pop(L, 1);
		} else {
			show_put(text, "%s", luaL_typename(L, at)); /* without addresses */
		}
	}
}
