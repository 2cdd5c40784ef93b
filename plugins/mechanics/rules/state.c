/* SPDX-License-Identifier: MIT */
/* What entities remember: declared with their kind, checked at every write, undone when the call fails. */
#include <stdio.h>
#include <string.h>

#include "rules/internal.h"

/* The state is a userdata, so that every write is seen; its user value is the table with the values. */
struct state {
	uint64_t owner;	     /* the entity's id */
	uint32_t generation; /* whose declaration it follows */
};

/* A state that is made or brought over from the generation before: what is declared now and was of the same type keeps its value,
 * the rest starts as declared. */
void state_push(lua_State *L, int self, uint32_t row)
{
	struct rules *r = rules_of(L);
	const struct kind *kind = &r->now->kinds[r->e->all.kind[row]];
	struct state *state;
	int old, declared, fresh;

	if (lua_getiuservalue(L, self, 1) == LUA_TUSERDATA) {
		state = lua_touserdata(L, -1);
		if (kind->same_state && state->generation == r->now->before) {
			state->generation = r->now->number;
		}
		if (state->generation == r->now->number) {
			return;
		}
		lua_getiuservalue(L, -1, 1);
		lua_remove(L, -2);
	}
	old = lua_gettop(L); /* a table or nil */
	if (kind->state_ref == LUA_NOREF) {
		sandbox_raise(L, "S0115", "declare it: state = { name = value }", "a %s has no state",
			      kind_word(r->now, r->e->all.kind[row]));
	}
	lua_rawgeti(L, LUA_REGISTRYINDEX, kind->state_ref);
	declared = lua_gettop(L);
	lua_newtable(L);
	fresh = lua_gettop(L);
	for (lua_pushnil(L); lua_next(L, declared);) {
		lua_pushvalue(L, -2);
		if (lua_istable(L, old)) {
			lua_pushvalue(L, -1);
			lua_rawget(L, old);
			if (lua_type(L, -1) == lua_type(L, -3)) {
				lua_replace(L, -3); /* the value it had */
			} else {
				lua_pop(L, 1);
			}
		}
		lua_insert(L, -2);
		lua_rawset(L, fresh); /* the loop's key stays on the stack */
	}
	state = lua_newuserdatauv(L, sizeof(*state), 1);
	state->owner = r->e->all.id[row];
	state->generation = r->now->number;
	lua_pushvalue(L, fresh);
	lua_setiuservalue(L, -2, 1);
	lua_rawgeti(L, LUA_REGISTRYINDEX, r->state_meta_ref);
	lua_setmetatable(L, -2);
	lua_pushvalue(L, -1);
	lua_setiuservalue(L, self, 1);
}

void state_snapshot(lua_State *L, int self, uint32_t row)
{
	const struct rules *r = rules_of(L);
	int from;

	if (lua_getiuservalue(L, self, 1) == LUA_TUSERDATA) {
		lua_getiuservalue(L, -1, 1);
	} else {
		lua_rawgeti(L, LUA_REGISTRYINDEX, r->now->kinds[r->e->all.kind[row]].state_ref);
	}
	from = lua_gettop(L);
	lua_newtable(L);
	if (!lua_istable(L, from)) {
		return; /* it remembers nothing */
	}
	for (lua_pushnil(L); lua_next(L, from);) {
		lua_pushvalue(L, -2);
		lua_insert(L, -2);
		lua_rawset(L, from + 1); /* the loop's key stays on the stack */
	}
}

int state_values(lua_State *L, int at)
{
	int is_state;

	if (lua_type(L, at) != LUA_TUSERDATA || !lua_getmetatable(L, at)) {
		return 0;
	}
	lua_rawgeti(L, LUA_REGISTRYINDEX, rules_of(L)->state_meta_ref);
	is_state = lua_rawequal(L, -1, -2);
	lua_pop(L, 2);
	if (is_state) {
		lua_getiuservalue(L, at, 1);
	}
	return is_state;
}

struct birth {
	struct rules *r;
	uint32_t row;
};

static int birth_body(lua_State *L)
{
	const struct birth *in = lua_touserdata(L, 1);

	handle_push(L, in->r, in->row);
	state_push(L, 2, in->row);
	return 0;
}

void rules_born(struct rules *r, uint32_t row)
{
	struct birth in = { r, row };
	struct sandbox_error error;

	if (r->e->all.health_max[row] == 0) {
		r->e->all.health[row] = r->e->all.health_max[row] = r->now->kinds[r->e->all.kind[row]].health;
	}
	if (r->now->kinds[r->e->all.kind[row]].state_ref != LUA_NOREF) {
		sandbox_run(r->sandbox, birth_body, &in, "an entity's state", &error); /* without memory: when it is first used */
	}
}

struct change {
	struct rules *r;
	const struct kind *before, *next;
	const char *what;
};

static int change_body(lua_State *L)
{
	const struct change *in = lua_touserdata(L, 1);

	lua_rawgeti(L, LUA_REGISTRYINDEX, in->before->state_ref);
	lua_rawgeti(L, LUA_REGISTRYINDEX, in->next->state_ref);
	for (lua_pushnil(L); lua_next(L, 2); lua_settop(L, 4)) {
		lua_pushvalue(L, 4);
		if (lua_rawget(L, 3) == LUA_TNIL) {
			say_log(in->r->e, TROUPE_LOG_NOTICE, NULL, "`%s` is not in the state of a %s any more: what was remembered is gone",
				lua_tostring(L, 4), in->what);
		} else if (lua_type(L, 6) != lua_type(L, 5)) {
			say_log(in->r->e, TROUPE_LOG_NOTICE, NULL,
				"`%s` in the state of a %s is a %s now and was a %s: all begin with what is declared", lua_tostring(L, 4),
				in->what, luaL_typename(L, 6), luaL_typename(L, 5));
		}
	}
	return 0;
}

void state_changes(struct rules *r, const struct kind *before, const struct kind *next, const char *what)
{
	struct change in = { r, before, next, what };
	struct sandbox_error error;

	if (first_owner(r->e) && before->state_ref != LUA_NOREF && next->state_ref != LUA_NOREF) {
		sandbox_run(r->sandbox, change_body, &in, "comparing states", &error); /* without memory: nothing is said */
	}
}

/* --- another generation --------------------------------------------------------------------------- */

/* declares: 1 if all that `a` declares is declared by `b` too, with the same type. */
static int declares(lua_State *L, int a, int b)
{
	for (lua_pushnil(L); lua_next(L, a); lua_pop(L, 2)) {
		lua_pushvalue(L, -2);
		if (lua_rawget(L, b) != lua_type(L, -2)) {
			lua_pop(L, 3);
			return 0;
		}
	}
	return 1;
}

static int same_state(lua_State *L, int a_ref, int b_ref)
{
	int top = lua_gettop(L), same;

	if (a_ref == LUA_NOREF || b_ref == LUA_NOREF) {
		return 0;
	}
	lua_rawgeti(L, LUA_REGISTRYINDEX, a_ref);
	lua_rawgeti(L, LUA_REGISTRYINDEX, b_ref);
	same = declares(L, top + 1, top + 2) && declares(L, top + 2, top + 1);
	lua_settop(L, top);
	return same;
}

struct succession {
	struct rules *r;
	const struct generation *before;
	const uint16_t *number;
	uint32_t row; /* the next to be done */
};

static int succession_body(lua_State *L)
{
	struct succession *in = lua_touserdata(L, 1);
	struct generation *now = in->r->now;
	const struct entities *w = &in->r->e->all;

	for (uint32_t i = 0; i < in->before->kinds_len && in->row == 0; i++) {
		struct kind *kind = &now->kinds[in->number[i]];

		if (i == KIND_PLAYER || in->number[i] != KIND_PLAYER) {
			kind->same_state = (uint8_t)same_state(L, in->before->kinds[i].state_ref, kind->state_ref);
		}
	}
	for (; in->row < w->count; in->row++) {
		if ((w->flags[in->row] & ENTITY_GHOST) == 0 && now->kinds[w->kind[in->row]].state_ref != LUA_NOREF) {
			handle_push(L, in->r, in->row);
			state_push(L, 2, in->row);
			lua_settop(L, 1);
		}
	}
	return 0;
}

void states_take(struct rules *r, const struct generation *before, const uint16_t number[KINDS_MAX])
{
	struct succession in = { r, before, number, 0 };
	struct sandbox_error error;

	r->now->before = before->number;
	while (in.row < r->e->all.count && sandbox_run(r->sandbox, succession_body, &in, "what entities remember", &error) != 0) {
		in.row++; /* without memory: when it is first used */
	}
}

int state_text(lua_State *L, int arg)
{
	return lua_type(L, arg) != LUA_TSTRING ||
	       (lua_rawlen(L, arg) <= STATE_TEXT_MAX && proto_utf8(lua_tostring(L, arg), lua_rawlen(L, arg)));
}

/* own: a state that a script kept from a call about another entity is not for this one. */
static void own(lua_State *L)
{
	const struct state *state = lua_touserdata(L, 1);

	if (state == NULL || state->owner != rules_of(L)->subject) {
		sandbox_raise(L, "S0122", "use self.state of the entity that the call is about",
			      "a state can be used only in a call about its own entity");
	}
}

/* unknown: the table with the values is on top of the stack. */
static int unknown(lua_State *L, int values)
{
	const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?", *near = NULL;
	char help[128];

	for (lua_pushnil(L); lua_next(L, values); lua_pop(L, 1)) {
		near = api_near(near, name, lua_tostring(L, -2));
	}
	snprintf(help, sizeof(help), near != NULL ? "did you mean `%s`?" : "declare it in the definition: state = { name = value }",
		 near);
	return sandbox_raise(L, "S0115", help, "the state has no `%s`", name);
}

static int state_index(lua_State *L)
{
	own(L);
	lua_getiuservalue(L, 1, 1);
	lua_pushvalue(L, 2);
	return lua_rawget(L, 3) == LUA_TNIL ? unknown(L, 3) : 1;
}

void undo_note(lua_State *L, int table, int key, int before)
{
	struct rules *r = rules_of(L);
	const int places[] = { table, key, before };
	int list;

	if (r->undo_len == UNDO_MAX) {
		sandbox_raise(L, "S0111", "spread the work over several ticks with self:after",
			      "one call may write %u fields of states, not more", UNDO_MAX);
	}
	lua_rawgeti(L, LUA_REGISTRYINDEX, r->undo_ref);
	list = lua_gettop(L);
	for (int i = 0; i < 3; i++) {
		lua_pushvalue(L, places[i]);
		lua_rawseti(L, list, (lua_Integer)r->undo_len * 3 + i + 1);
	}
	lua_pop(L, 1);
	r->undo_len++;
}

/* Every write is noted with what was there, for the case that the call fails later. */
static int state_newindex(lua_State *L)
{
	int type = lua_type(L, 3);

	own(L);
	if ((rules_of(L)->when & WHEN_DO) == 0) {
		return sandbox_raise(L, "S0413", NULL, "a check only looks");
	}
	lua_settop(L, 3);
	lua_getiuservalue(L, 1, 1);
	lua_pushvalue(L, 2);
	if (lua_rawget(L, 4) == LUA_TNIL) {
		return unknown(L, 4);
	}
	if (lua_type(L, 5) != type || !state_text(L, 3) ||
	    (type == LUA_TNUMBER && !(lua_tonumber(L, 3) - lua_tonumber(L, 3) == 0))) {
		return sandbox_raise(L, "S0118", "declare it with a value of that type in state = { ... }; functions and tables are not remembered",
				     "the state's `%s` is declared as a %s, not %s (texts: up to 256 bytes of UTF-8; numbers: finite)",
				     lua_tostring(L, 2), luaL_typename(L, 5), luaL_typename(L, 3));
	}
	undo_note(L, 4, 2, 5);
	lua_pushvalue(L, 2);
	lua_pushvalue(L, 3);
	lua_rawset(L, 4);
	return 0;
}

static int undo_body(lua_State *L)
{
	struct rules *r = lua_touserdata(L, 1);

	lua_rawgeti(L, LUA_REGISTRYINDEX, r->undo_ref);
	while (r->undo_len > 0) {
		lua_Integer at = (lua_Integer)--r->undo_len * 3;

		lua_rawgeti(L, 2, at + 1);
		lua_rawgeti(L, 2, at + 2);
		lua_rawgeti(L, 2, at + 3);
		lua_rawset(L, 3); /* a key that is there: needs no memory */
		lua_settop(L, 2);
	}
	return 0;
}

int undo_run(struct rules *r)
{
	struct sandbox_error error;

	return r->undo_len == 0 ? 0 : sandbox_run(r->sandbox, undo_body, r, "undoing what failed", &error);
}

int state_open(lua_State *L, struct rules *r)
{
	static const luaL_Reg meta[] = { { "__index", state_index }, { "__newindex", state_newindex }, { NULL, NULL } };

	lua_newtable(L);
	luaL_setfuncs(L, meta, 0);
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	r->state_meta_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	lua_newtable(L);
	r->undo_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	return 0;
}
