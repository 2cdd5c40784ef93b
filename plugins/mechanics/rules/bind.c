/* SPDX-License-Identifier: MIT */
/* Functions of the API as scripts call them: when they may be, and with what. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/internal.h"

/* --- saying what is wrong ------------------------------------------------------------------------- */

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
				     "%s.%s registers rules, while the scripts are read and not later", bound_variable(b), b->entry->name);
	}
	if (r->when == WHEN_LOAD) {
		return sandbox_raise(L, "S0110", "put it into on_spawn, think, or a function given to g.on",
				     "nothing can be done to the world while the scripts are being read");
	}
	return sandbox_raise(L, "S0413", "docs/reference/lua.md says when each function may be called", "%s%s%s cannot be called %s",
			     bound_variable(b), bound_colon(b), b->entry->name, stage_words(r->when));
}

static int wrong(lua_State *L, const struct bound *b, uint32_t n, int arg)
{
	const struct api_param *p = &b->params[n];

	return sandbox_raise(L, "S0118", NULL, "%s%s%s: `%s` is %s, not %s", bound_variable(b), bound_colon(b), b->entry->name, p->name,
			     api_type_names[p->type].words, luaL_typename(L, arg));
}

/* --- calling -------------------------------------------------------------------------------------- */

/* self_check: what the method belongs to, as the first argument. */
static void self_check(lua_State *L, struct rules *r, const struct bound *b)
{
	struct arg *self = &r->args[PARAMS_MAX];

	if (b->entry->on == ON_ENTITY || b->entry->on == ON_PLAYER) {
		self->id = handle_get(L, 1);
		if (self->id == 0) {
			sandbox_raise(L, "S0118", NULL, "call it with a colon: %s:%s(...)", bound_variable(b), b->entry->name);
		}
		if (b->entry->own && !about(r, self->id)) {
			sandbox_raise(L, "S0122", "send it something with e:emit, and let it answer for itself",
				      "%s:%s works only on the entity that the call is about", bound_variable(b), b->entry->name);
		}
		return;
	}
	if (lua_type(L, 1) != LUA_TUSERDATA) {
		sandbox_raise(L, "S0118", NULL, "call it with a colon: %s:%s(...)", bound_variable(b), b->entry->name);
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
		return sandbox_raise(L, "S0118", NULL, "%s%s%s takes %d arguments, not %d", bound_variable(b), bound_colon(b), b->entry->name,
				     b->params_len, lua_gettop(L) - first + 1);
	}
	lua_settop(L, first + b->params_len - 1);
	for (uint32_t i = 0; i < b->params_len; i++) {
		const struct api_param *p = &b->params[i];

		r->args[i].given = 0;
		if (p->optional && lua_isnil(L, first + (int)i)) {
			continue;
		}
		if (!argument_check(L, r, b, NULL, p, first + (int)i, &r->args[i])) {
			return wrong(L, b, i, first + (int)i);
		}
		if (p->type == TYPE_THING) {
			char of[64];

			snprintf(of, sizeof(of), "%s%s%s", bound_variable(b), bound_colon(b), b->entry->name);
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
		if (b->params_len == 1 && !argument_check(L, r, NULL, inner, &b->params[0], table + 2, &ignored)) {
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
