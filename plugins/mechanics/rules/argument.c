/* SPDX-License-Identifier: MIT */
/* What scripts hand over: names, places, times, numbers; checked against what the description says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/internal.h"

int unknown_raise(lua_State *L, const char *sort, const char *word, const char *const *names)
{
	const char *near = NULL;
	char help[128];

	for (; names != NULL && *names != NULL; names++) {
		near = api_near(near, word, *names);
	}
	if (near != NULL) {
		snprintf(help, sizeof(help), "did you mean \"%s\"?", near);
	}
	return sandbox_raise(L, "S0121", near != NULL ? help : NULL, "there is no %s \"%s\"", sort, word);
}

/* unknown_def: the same for names of a generation's definitions: items begin with their name. */
static int unknown_def(lua_State *L, const char *sort, const char *word, const void *items, size_t item, uint32_t len)
{
	const char *names[DEFS_MAX + 1];
	uint32_t n = 0;

	for (; n < len && n < DEFS_MAX; n++) {
		names[n] = (const char *)items + n * item;
	}
	names[n] = NULL;
	return unknown_raise(L, sort, word, names);
}

int place_read(lua_State *L, int arg, double ret_at[3], int clamp)
{
	static const char *const names[] = { "x", "y", "z" };
	struct rules *r = rules_of(L);
	uint64_t id = handle_get(L, arg);
	int top = lua_gettop(L), flat = 0; /* flat: without z */
	double half = r->e->all.half;

	if (id != 0) {
		uint32_t row = handle_row(L, id);

		ret_at[0] = r->e->all.x[row];
		ret_at[1] = r->e->all.y[row];
		ret_at[2] = r->e->all.z[row];
		return 1;
	}
	if (!lua_istable(L, arg)) {
		return 0;
	}
	sandbox_content(L, arg);
	for (int i = 0; i < 3; i++) {
		lua_pushstring(L, names[i]);
		if (lua_rawget(L, top + 1) == LUA_TNIL) {
			lua_rawgeti(L, top + 1, i + 1);
		}
		flat = i == 2 && lua_isnil(L, -1);
		ret_at[i] = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : flat ? 0 : 0.0 / 0.0;
		lua_settop(L, top + 1);
	}
	lua_settop(L, top);
	for (int i = 0; clamp && i < 3; i++) {
		double low = i < 2 ? -half : 0, high = i < 2 ? half : r->e->shape.height;

		ret_at[i] = ret_at[i] < low ? low : ret_at[i] > high ? high : ret_at[i];
	}
	if (!(ret_at[0] - ret_at[0] == 0 && ret_at[1] - ret_at[1] == 0 && ret_at[2] - ret_at[2] == 0)) {
		return 0;
	}
	if (!entities_inside(&r->e->all, ret_at[0], ret_at[1]) || ret_at[2] < 0 || ret_at[2] > 1e6) {
		return sandbox_raise(L, "S0119", "look before, or leave z out: then it is where one stands",
				     "(%g, %g, %g) is not in the world: x and y go from %g to %g, z from 0 to %u", ret_at[0], ret_at[1],
				     ret_at[2], -half, half, r->e->shape.height);
	}
	if (flat) {
		ret_at[2] = ground(r, ret_at[0], ret_at[1], -1);
	}
	return 1;
}

void place_push(lua_State *L, double x, double y, double z)
{
	lua_createtable(L, 0, 3);
	lua_pushnumber(L, x);
	lua_setfield(L, -2, "x");
	lua_pushnumber(L, y);
	lua_setfield(L, -2, "y");
	lua_pushnumber(L, z);
	lua_setfield(L, -2, "z");
}

uint32_t ticks_of(lua_State *L, int arg)
{
	static const struct {
		const char *unit;
		double ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 } };
	double tick_ms = (double)rules_of(L)->e->shape.tick_ms, ticks = -1;

	if (lua_type(L, arg) == LUA_TNUMBER) {
		ticks = lua_tonumber(L, arg);
	} else if (lua_type(L, arg) == LUA_TSTRING) {
		char *unit;
		double number = strtod(lua_tostring(L, arg), &unit);

		for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
			if (strcmp(unit, units[i].unit) == 0) {
				ticks = number * units[i].ms / tick_ms;
			}
		}
	}
	if (!(ticks > 0 && ticks < 1e9)) {
		sandbox_raise(L, "S0118", NULL, "a time is written \"500ms\", \"2s\", \"5m\" or \"1h\", or as a number of ticks");
	}
	return ticks < 1 ? 1 : (uint32_t)ticks;
}

static int is_word(const char *text, size_t len)
{
	return len > 0 && len <= WORD_MAX && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_") == len;
}

/* name_check: a name of something defined; what it means in a->n. */
static int name_check(lua_State *L, struct rules *r, uint8_t type, struct arg *a)
{
	const struct generation *now = r->loading != NULL ? r->loading : r->now;
	const struct list *list = type == TYPE_SKILL ? &now->skills : type == TYPE_EDIT ? &now->edits : &now->quests;
	size_t item = type == TYPE_SKILL ? sizeof(struct skill) : type == TYPE_EDIT ? sizeof(struct edit) : sizeof(struct quest);
	const char *sort = type == TYPE_SKILL ? "skill" : type == TYPE_EDIT ? "edit" : "quest";
	const char *found;

	if (type == TYPE_KIND) {
		int kind = kind_find(now, a->text);

		if (kind < 0) {
			const char *names[KINDS_MAX + 1];

			for (uint32_t i = 0; i < now->kinds_len; i++) {
				names[i] = kind_word(now, i);
			}
			names[now->kinds_len] = NULL;
			return unknown_raise(L, "kind of entity", a->text, names);
		}
		a->n = (uint32_t)kind;
		return 0;
	}
	found = defs_find(list, item, a->text);
	if (found == NULL) {
		return unknown_def(L, sort, a->text, list->items, item, list->len);
	}
	a->n = (uint32_t)((size_t)(found - (const char *)list->items) / item);
	return 0;
}

static int number_check(lua_State *L, const struct bound *b, const char *of, const struct api_param *p, int arg, struct arg *a)
{
	a->number = lua_tonumber(L, arg);
	if (p->bounded && !(a->number >= p->min && a->number <= p->max)) {
		char text[64];

		if (b != NULL) {
			snprintf(text, sizeof(text), "%s%s%s", bound_variable(b), bound_colon(b), b->entry->name);
		}
		return sandbox_raise(L, "S0119", NULL, "%s: `%s` is %g to %g, not %g", b != NULL ? text : of, p->name, p->min, p->max,
				     a->number);
	}
	return 0;
}

int argument_check(lua_State *L, struct rules *r, const struct bound *b, const char *of, const struct api_param *p, int arg,
		   struct arg *a)
{
	int type = lua_type(L, arg);
	size_t len;

	a->given = 1;
	switch (p->type) {
	case TYPE_ANY:
		return 1;
	case TYPE_INTEGER:
		if (type != LUA_TNUMBER || !lua_isinteger(L, arg)) {
			double number = type == LUA_TNUMBER ? lua_tonumber(L, arg) : 0.5;

			if (!(number >= -9e15 && number <= 9e15 && number == (double)(int64_t)number)) {
				return 0;
			}
		}
		number_check(L, b, of, p, arg, a);
		return 1;
	case TYPE_NUMBER:
		return type == LUA_TNUMBER && lua_tonumber(L, arg) - lua_tonumber(L, arg) == 0 && number_check(L, b, of, p, arg, a) == 0;
	case TYPE_BOOLEAN:
		a->n = (uint32_t)lua_toboolean(L, arg);
		return type == LUA_TBOOLEAN;
	case TYPE_TEXT:
		a->text = type == LUA_TSTRING ? lua_tolstring(L, arg, &len) : NULL;
		return a->text != NULL && len > 0 && len <= TEXT_MAX && proto_utf8(a->text, len);
	case TYPE_WORD:
	case TYPE_BLOCK:
	case TYPE_ITEM:
	case TYPE_METHOD:
		a->text = type == LUA_TSTRING ? lua_tolstring(L, arg, &len) : NULL;
		return a->text != NULL && is_word(a->text, len);
	case TYPE_KIND:
	case TYPE_SKILL:
	case TYPE_EDIT:
	case TYPE_QUEST:
		a->text = type == LUA_TSTRING ? lua_tolstring(L, arg, &len) : NULL;
		return a->text != NULL && name_check(L, r, p->type, a) == 0;
	case TYPE_TIME:
		a->n = type == LUA_TNUMBER || type == LUA_TSTRING ? ticks_of(L, arg) : 0;
		return a->n != 0;
	case TYPE_POS:
		return place_read(L, arg, a->at, 0);
	case TYPE_GOAL:
		return place_read(L, arg, a->at, 1);
	case TYPE_ENTITY:
		a->id = handle_get(L, arg);
		return a->id != 0;
	case TYPE_RNG:
	case TYPE_VIEW:
		return type == LUA_TUSERDATA;
	case TYPE_FUNCTION:
		return type == LUA_TFUNCTION;
	default:
		return type == LUA_TTABLE;
	}
}
