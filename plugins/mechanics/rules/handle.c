/* SPDX-License-Identifier: MIT */
/* Entities as scripts hold them: by id, looked up at every use. What they have is in entity.c. */
#include <stdio.h>
#include <string.h>

#include "rules/internal.h"

#define ENTITY_MARK 0x656e746974790001u

/* A handle; its user value is the state, or nil until that is first used. */
struct handle {
	uint64_t mark, id;
	uint32_t row; /* where it was last */
};

/* --- handles -------------------------------------------------------------------------------------- */

static void handle_new(lua_State *L, struct rules *r, uint64_t id, uint32_t row)
{
	struct handle *handle = lua_newuserdatauv(L, sizeof(*handle), 1);

	*handle = (struct handle){ ENTITY_MARK, id, row };
	lua_rawgeti(L, LUA_REGISTRYINDEX, r->entity_meta_ref);
	lua_setmetatable(L, -2);
}

void handle_push(lua_State *L, struct rules *r, uint32_t row)
{
	struct entities *w = &r->e->all;

	if (w->ref[row] != 0) {
		lua_rawgeti(L, LUA_REGISTRYINDEX, w->ref[row]);
		return;
	}
	handle_new(L, r, w->id[row], row);
	lua_pushvalue(L, -1);
	w->ref[row] = luaL_ref(L, LUA_REGISTRYINDEX);
}

void handle_push_id(lua_State *L, struct rules *r, uint64_t id)
{
	uint32_t row = entities_row(&r->e->all, id);

	if (row != NO_ROW) {
		handle_push(L, r, row);
	} else {
		handle_new(L, r, id, NO_ROW);
	}
}

static struct handle *handle_of(lua_State *L, int arg)
{
	struct handle *handle = lua_type(L, arg) == LUA_TUSERDATA ? lua_touserdata(L, arg) : NULL;

	return handle != NULL && lua_rawlen(L, arg) >= sizeof(*handle) && handle->mark == ENTITY_MARK ? handle : NULL;
}

uint64_t handle_get(lua_State *L, int arg)
{
	const struct handle *handle = handle_of(L, arg);

	return handle != NULL ? handle->id : 0;
}

/* What may be seen is what every owner of a place this near knows the same of: others within SIGHT, as they were when the tick
 * began (entities_settle). */
uint32_t visible_row(const struct rules *r, uint64_t id)
{
	const struct entities *w = &r->e->all;
	uint32_t row = entities_row(w, id);
	double dx, dy;

	if (row == NO_ROW || id == r->subject || r->everywhere) {
		return row;
	}
	/* when positions have changed, those of others are known only from the next tick on */
	if (!r->looks || r->moved || (w->seen[row] & SEEN) == 0) {
		return NO_ROW;
	}
	dx = w->x[row] - r->center[0];
	dy = w->y[row] - r->center[1];
	return dx <= SIGHT && dx >= -SIGHT && dy <= SIGHT && dy >= -SIGHT ? row : NO_ROW;
}

uint32_t handle_row(lua_State *L, uint64_t id)
{
	uint32_t row = visible_row(rules_of(L), id);

	if (row == NO_ROW) {
		sandbox_raise(L, "S0109", "ask `entity.alive` before you use one that you kept",
			      "this entity is not in the world any more, or more than %d blocks away", (int)SIGHT);
	}
	return row;
}

uint32_t self_row(lua_State *L)
{
	return handle_row(L, rules_of(L)->args[PARAMS_MAX].id);
}

/* --- looking things up ---------------------------------------------------------------------------- */

static int unknown(lua_State *L, const struct rules *r, uint32_t row, const char *name)
{
	const struct api_entry *entry = NULL;
	const char *kind = row != NO_ROW ? kind_word(r->now, r->e->all.kind[row]) : "entity", *near = NULL;
	const struct handlers *methods = row != NO_ROW ? &r->now->kinds[r->e->all.kind[row]].methods : NULL;
	char help[128];

	while ((entry = api_next(entry, ON_ENTITY)) != NULL) {
		near = api_near(near, name, entry->name);
	}
	while ((entry = api_next(entry, ON_PLAYER)) != NULL) {
		near = api_near(near, name, entry->name);
	}
	for (uint32_t i = 0; methods != NULL && i < methods->len; i++) {
		near = api_near(near, name, methods->items[i].name);
	}
	snprintf(help, sizeof(help), near != NULL ? "did you mean `%s`?" : "what it shall remember is declared in state = { ... }", near);
	return sandbox_raise(L, "S0117", help, "a %s has no `%s`", kind, name);
}

/* own_refuse: a field that only a call about the entity itself may read. */
static int own_refuse(lua_State *L, const char *name)
{
	return sandbox_raise(L, "S0122", "let it tell: e:emit reaches it, and its own handler may answer; others see kind, name, pos, hp",
			     "`%s` can be read only in a call about that entity: another owner may have it", name);
}

static int entity_index(lua_State *L)
{
	struct rules *r = rules_of(L);
	struct handle *handle = handle_of(L, 1);
	const struct entities *w = &r->e->all;
	const struct bound *b;
	uint32_t row;

	if (handle == NULL || lua_type(L, 2) != LUA_TSTRING) {
		return luaL_error(L, "an entity's fields have names");
	}
	if (handle->row >= w->count || w->id[handle->row] != handle->id) {
		handle->row = entities_row(w, handle->id);
	}
	row = handle->row == NO_ROW || handle->id == r->subject ? handle->row : visible_row(r, handle->id);
	lua_rawgeti(L, LUA_REGISTRYINDEX, row != NO_ROW ? r->now->kinds[w->kind[row]].methods_ref : r->entity_ref);
	lua_pushvalue(L, 2);
	switch (lua_rawget(L, -2)) {
	case LUA_TFUNCTION:
		return 1;
	case LUA_TLIGHTUSERDATA:
		break;
	default:
		return unknown(L, r, row, lua_tostring(L, 2));
	}
	b = lua_touserdata(L, -1);
	if (b->entry->call == NULL) { /* id and alive: of those that are gone, too */
		if (b->entry->name[0] == 'i') {
			lua_pushinteger(L, (lua_Integer)handle->id);
		} else {
			lua_pushboolean(L, row != NO_ROW);
		}
		return 1;
	}
	if (b->entry->own && !about(r, handle->id)) {
		return own_refuse(L, b->entry->name);
	}
	r->args[PARAMS_MAX].n = row != NO_ROW ? row : handle_row(L, handle->id);
	return b->entry->call(L);
}

static int entity_newindex(lua_State *L)
{
	struct rules *r = rules_of(L);
	const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";

	if (strcmp(name, "target") != 0) {
		return sandbox_raise(L, "S0108",
				     "what an entity shall remember is declared in state = { ... } and set as self.state.NAME",
				     "an entity's `%s` cannot be set", name);
	}
	if (handle_get(L, 1) != r->subject) {
		return own_refuse(L, name);
	}
	if ((r->when & WHEN_DO) == 0) {
		return sandbox_raise(L, "S0413", NULL, "a check only looks");
	}
	if (!lua_isnil(L, 3) && handle_get(L, 3) == 0) {
		return sandbox_raise(L, "S0118", NULL, "`target` is an entity or nil, not %s", luaL_typename(L, 3));
	}
	r->target = handle_get(L, 3);
	r->target_set = 1;
	return 0;
}

static int entity_tostring(lua_State *L)
{
	const struct rules *r = rules_of(L);
	uint32_t row = visible_row(r, handle_get(L, 1));

	lua_pushstring(L, row != NO_ROW ? r->e->all.name[row] : "(gone)");
	return 1;
}

static int entity_eq(lua_State *L)
{
	lua_pushboolean(L, handle_get(L, 1) == handle_get(L, 2));
	return 1;
}

static int open_body(lua_State *L)
{
	static const luaL_Reg meta[] = { { "__index", entity_index },
					 { "__newindex", entity_newindex },
					 { "__tostring", entity_tostring },
					 { "__eq", entity_eq },
					 { NULL, NULL } };
	struct rules *r = lua_touserdata(L, 1);

	lua_newtable(L);
	luaL_setfuncs(L, meta, 0);
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	r->entity_meta_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	lua_newtable(L);
	bind_thing(L, r, ON_ENTITY);
	bind_thing(L, r, ON_PLAYER);
	r->entity_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	state_open(L, r);
	views_open(L, r);
	return random_open(L, r);
}

int handles_open(struct rules *r)
{
	struct sandbox_error error;

	return sandbox_run(r->sandbox, open_body, r, "entities", &error);
}
