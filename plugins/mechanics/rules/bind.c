/* SPDX-License-Identifier: MIT */
/* Functions of the API as scripts call them: when they may be, and with what. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/internal.h"

/* --- saying what is wrong ------------------------------------------------------------------------- */

static const char *colon(const struct bound *b)
{
	return b->method ? ":" : ".";
}

static const char *variable(const struct bound *b)
{
	return api_things[b->entry->on].variable;
}

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

static const char *stage_words(uint8_t when)
{
	switch (when) {
	case WHEN_LOAD:
		return "while the scripts are read";
	case WHEN_1:
		return "in stage 1 (entities)";
	case WHEN_2:
		return "in stage 2 (effects)";
	case WHEN_CHECK:
		return "in a check, which only looks";
	case WHEN_EDIT:
		return "in stage 2 (edits)";
	case WHEN_3:
		return "in stage 3 (movement)";
	default:
		return "outside of the ticks";
	}
}

/* refuse: the function exists, but not now. */
static int refuse(lua_State *L, const struct rules *r, const struct bound *b)
{
	const struct edit *edits = r->now->edits.items;
	char help[160];

	if (b->entry->on == ON_EDIT) {
		snprintf(help, sizeof(help), "w:ask { edit = \"%s\", at = self.pos }, handled in stage 2 by g.edit \"%s\"",
			 r->now->edits.len > 0 ? edits[0].name : "NAME", r->now->edits.len > 0 ? edits[0].name : "NAME");
		return sandbox_raise(L, "S0412", help, "a world edit was tried %s: `w` is a WorldView here", stage_words(r->when));
	}
	if (b->entry->when == WHEN_LOAD) {
		return sandbox_raise(L, "S0112", "write it at the top level of a file",
				     "%s.%s registers rules, while the scripts are read and not later", variable(b), b->entry->name);
	}
	if (r->when == WHEN_LOAD) {
		return sandbox_raise(L, "S0110", "put it into on_spawn, think, or a function given to g.on",
				     "nothing can be done to the world while the scripts are being read");
	}
	return sandbox_raise(L, "S0413", "docs/reference/lua.md says when each function may be called", "%s%s%s cannot be called %s",
			     variable(b), colon(b), b->entry->name, stage_words(r->when));
}

static int wrong(lua_State *L, const struct bound *b, uint32_t n, int arg)
{
	const struct api_param *p = &b->params[n];

	return sandbox_raise(L, "S0118", NULL, "%s%s%s: `%s` is %s, not %s", variable(b), colon(b), b->entry->name, p->name,
			     api_type_names[p->type].words, luaL_typename(L, arg));
}

/* --- arguments ------------------------------------------------------------------------------------ */

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
			snprintf(text, sizeof(text), "%s%s%s", variable(b), colon(b), b->entry->name);
		}
		return sandbox_raise(L, "S0119", NULL, "%s: `%s` is %g to %g, not %g", b != NULL ? text : of, p->name, p->min, p->max,
				     a->number);
	}
	return 0;
}

/* check: the value at `arg` is what the parameter says; what it means goes into *a. 0 = it is something else. `b` or, if that
 * is NULL, `of` is whose parameter it is, for messages about bounds. */
static int check(lua_State *L, struct rules *r, const struct bound *b, const char *of, const struct api_param *p, int arg, struct arg *a)
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

/* --- calling -------------------------------------------------------------------------------------- */

/* self_check: what the method belongs to, as the first argument. */
static void self_check(lua_State *L, struct rules *r, const struct bound *b)
{
	struct arg *self = &r->args[PARAMS_MAX];

	if (b->entry->on == ON_ENTITY || b->entry->on == ON_PLAYER) {
		self->id = handle_get(L, 1);
		if (self->id == 0) {
			sandbox_raise(L, "S0118", NULL, "call it with a colon: %s:%s(...)", variable(b), b->entry->name);
		}
		if (b->entry->own && !about(r, self->id)) {
			sandbox_raise(L, "S0122", "send it something with e:emit, and let it answer for itself",
				      "%s:%s works only on the entity that the call is about", variable(b), b->entry->name);
		}
		return;
	}
	if (lua_type(L, 1) != LUA_TUSERDATA) {
		sandbox_raise(L, "S0118", NULL, "call it with a colon: %s:%s(...)", variable(b), b->entry->name);
	}
	if (b->entry->on != ON_RNG && *(const uint64_t *)lua_touserdata(L, 1) != r->serial) {
		sandbox_raise(L, "S0120", "take `w` from the parameters of the function that uses it",
			      "this world is from an earlier call, which has ended");
	}
}

static int api_call(lua_State *L)
{
	const struct bound *b = lua_touserdata(L, lua_upvalueindex(1));
	struct rules *r = rules_of(L);
	int first = b->method ? 2 : 1;

	if (b->method) {
		self_check(L, r, b);
	}
	if ((r->when & b->entry->when) == 0) {
		return refuse(L, r, b);
	}
	if (lua_gettop(L) >= first + b->params_len) {
		return sandbox_raise(L, "S0118", NULL, "%s%s%s takes %d arguments, not %d", variable(b), colon(b), b->entry->name,
				     b->params_len, lua_gettop(L) - first + 1);
	}
	lua_settop(L, first + b->params_len - 1);
	for (uint32_t i = 0; i < b->params_len; i++) {
		const struct api_param *p = &b->params[i];

		r->args[i].given = 0;
		if (p->optional && lua_isnil(L, first + (int)i)) {
			continue;
		}
		if (!check(L, r, b, NULL, p, first + (int)i, &r->args[i])) {
			return wrong(L, b, i, first + (int)i);
		}
		if (p->type == TYPE_THING) {
			char of[64];

			snprintf(of, sizeof(of), "%s%s%s", variable(b), colon(b), b->entry->name);
			bind_table(L, first + (int)i, (enum api_on)p->thing, of, p->thing == ON_ASK ? 2 : p->thing == DEF_PLAYER);
		}
	}
	return b->entry->call(L);
}

int bind_open(struct rules *r, const char **ret_wrong)
{
	uint32_t n = 0;

	for (const struct api_entry *const *table = api_tables; *table != NULL; table++) {
		for (const struct api_entry *entry = *table; entry->name != NULL; entry++) {
			n++;
		}
	}
	r->bound = calloc(n, sizeof(*r->bound));
	if (r->bound == NULL) {
		return -1;
	}
	for (const struct api_entry *const *table = api_tables; *table != NULL; table++) {
		for (const struct api_entry *entry = *table; entry->name != NULL; entry++) {
			struct bound *b = &r->bound[r->bound_len++];
			int params = api_parse(entry->takes, b->params);

			*ret_wrong = entry->name;
			if (params < 0 || (entry->sort == API_FUNCTION && entry->call == NULL)) {
				return -1;
			}
			b->entry = entry;
			b->params_len = (uint8_t)params;
			b->method = entry->on != ON_GAME;
		}
	}
	return 0;
}

void bind_thing(lua_State *L, struct rules *r, enum api_on on)
{
	for (uint32_t i = 0; i < r->bound_len; i++) {
		const struct api_entry *entry = r->bound[i].entry;

		if (entry->on != on) {
			continue;
		}
		if (entry->sort == API_FUNCTION) {
			lua_pushlightuserdata(L, &r->bound[i]);
			lua_pushcclosure(L, api_call, 1);
			lua_setfield(L, -2, entry->name);
		} else if (entry->sort == API_FIELD) {
			lua_pushlightuserdata(L, &r->bound[i]);
			lua_setfield(L, -2, entry->name);
		}
	}
}

/* --- tables by keys ------------------------------------------------------------------------------- */

static const struct bound *key_bound(const struct rules *r, enum api_on on, const char *name)
{
	for (uint32_t i = 0; i < r->bound_len; i++) {
		if (r->bound[i].entry->on == on && strcmp(r->bound[i].entry->name, name) == 0) {
			return &r->bound[i];
		}
	}
	return NULL;
}

static void key_unknown(lua_State *L, enum api_on on, const char *what, const char *key)
{
	const struct api_entry *entry = NULL;
	const char *near = NULL;
	char help[160] = "there are ";

	while ((entry = api_next(entry, on)) != NULL) {
		near = api_near(near, key, entry->name);
		if (strlen(help) + strlen(entry->name) + 3 < sizeof(help)) {
			strcat(help, help[10] != '\0' ? ", " : "");
			strcat(help, entry->name);
		}
	}
	if (near != NULL) {
		snprintf(help, sizeof(help), "did you mean `%s`?", near);
	}
	sandbox_raise(L, "S0114", help, "`%s` means nothing in %s", key, what);
}

void bind_table(lua_State *L, int arg, enum api_on on, const char *what, int more)
{
	struct rules *r = rules_of(L);
	int top = lua_gettop(L), table;
	struct arg ignored;

	sandbox_content(L, arg);
	table = top + 1;
	for (lua_pushnil(L); lua_next(L, table); lua_settop(L, table + 1)) {
		const char *key = lua_type(L, table + 1) == LUA_TSTRING ? lua_tostring(L, table + 1) : NULL;
		const struct bound *b = key != NULL ? key_bound(r, on, key) : NULL;
		int type = lua_type(L, table + 2);
		char inner[96];

		if (key == NULL) {
			sandbox_raise(L, "S0114", "write `name = value`", "%s holds a value without a name", what);
		}
		if (b == NULL) {
			if (!(more == 1 && type == LUA_TFUNCTION && strlen(key) <= WORD_MAX) &&
			    !(more == 2 && (type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TBOOLEAN))) {
				key_unknown(L, on, what, key);
			}
			continue;
		}
		if (b->entry->gives != NULL) { /* a function: takes and gives say how it is called */
			if (type != LUA_TFUNCTION) {
				sandbox_raise(L, "S0118", NULL, "%s: `%s` is a function, not %s", what, key, lua_typename(L, type));
			}
			continue;
		}
		snprintf(inner, sizeof(inner), "%s", what);
		if (b->params_len == 1 && !check(L, r, NULL, inner, &b->params[0], table + 2, &ignored)) {
			sandbox_raise(L, "S0118", NULL, "%s: `%s` is %s, not %s", what, key, api_type_names[b->params[0].type].words,
				      lua_typename(L, type));
		}
		if (b->params_len == 1 && b->params[0].type == TYPE_THING) {
			snprintf(inner, sizeof(inner), "`%s` of %.64s", key, what);
			bind_table(L, table + 2, (enum api_on)b->params[0].thing, inner, 0);
		}
	}
	lua_settop(L, top);
}
