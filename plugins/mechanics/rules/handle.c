/* SPDX-License-Identifier: MIT */
/* Entities as scripts hold them: by id, looked up at every use, with declared state and the methods of their kind. */
#include <stdio.h>
#include <string.h>

#include "rules/internal.h"
#include "vec/vec.h"

/* A handle is a userdata with the id; its user value is the state, or nil until that is first used. */
struct handle {
	uint64_t id;
};

/* The state is a userdata too, so that every write is seen; its user value is the table with the values. */
struct state {
	uint32_t generation; /* whose declaration it follows */
};

/* --- handles -------------------------------------------------------------------------------------- */

void handle_push(lua_State *L, struct rules *r, uint32_t row)
{
	struct entities *w = &r->e->all;
	struct handle *handle;

	if (w->ref[row] != 0) {
		lua_rawgeti(L, LUA_REGISTRYINDEX, w->ref[row]);
		return;
	}
	handle = lua_newuserdatauv(L, sizeof(*handle), 1);
	handle->id = w->id[row];
	luaL_setmetatable(L, ENTITY_META);
	lua_pushvalue(L, -1);
	w->ref[row] = luaL_ref(L, LUA_REGISTRYINDEX);
}

static uint64_t handle_id(lua_State *L, int arg)
{
	return ((const struct handle *)luaL_checkudata(L, arg, ENTITY_META))->id;
}

/* handle_seen: 1 if the call under way may know of the entity: it is its own, or others see it. */
static int handle_seen(const struct rules *r, uint32_t row)
{
	return r->e->all.id[row] == r->subject || (r->e->all.seen[row] & SEEN) != 0;
}

uint32_t handle_row(lua_State *L, int arg)
{
	struct rules *r = rules_of(L);
	uint32_t row = entities_row(&r->e->all, handle_id(L, arg));

	if (row == NO_ROW || !handle_seen(r, row)) {
		sandbox_raise(L, "S0109", "ask `entity.alive` before you use one that you kept",
			      "this entity is not in the world any more");
	}
	return row;
}

/* --- state ---------------------------------------------------------------------------------------- */

/* state_push: the state of the handle at `self`, made or brought over from the generation before if need be: what is
 * declared now and was of the same type keeps its value, the rest starts as declared. */
void state_push(lua_State *L, int self, uint32_t row)
{
	struct rules *r = rules_of(L);
	const struct kind *kind = &r->now->kinds[r->e->all.kind[row]];
	struct state *state;
	int old, declared, fresh;

	if (lua_getiuservalue(L, self, 1) == LUA_TUSERDATA) {
		state = lua_touserdata(L, -1);
		if (state->generation == r->now->number) {
			return;
		}
		lua_getiuservalue(L, -1, 1);
		lua_remove(L, -2);
	}
	old = lua_gettop(L); /* a table or nil */
	if (kind->state_ref == LUA_NOREF) {
		sandbox_raise(L, "S0115", "declare it: state = { name = value }", "%s has no state", kind->name);
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
	state->generation = r->now->number;
	lua_pushvalue(L, fresh);
	lua_setiuservalue(L, -2, 1);
	luaL_setmetatable(L, STATE_META);
	lua_pushvalue(L, -1);
	lua_setiuservalue(L, self, 1);
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

	if (r->now->kinds[r->e->all.kind[row]].state_ref != LUA_NOREF) {
		sandbox_run(r->sandbox, birth_body, &in, "an entity's state", &error); /* without memory: when it is first used */
	}
}

static int state_unknown(lua_State *L)
{
	return sandbox_raise(L, "S0115", "declare it in the definition: state = { name = value }",
			     "the state has no '%s'", lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?");
}

static int state_index(lua_State *L)
{
	luaL_checkudata(L, 1, STATE_META);
	lua_getiuservalue(L, 1, 1);
	lua_pushvalue(L, 2);
	return lua_rawget(L, -2) == LUA_TNIL ? state_unknown(L) : 1;
}

int state_text(lua_State *L, int arg)
{
	return lua_type(L, arg) != LUA_TSTRING ||
	       (lua_rawlen(L, arg) <= STATE_TEXT_MAX && proto_utf8(lua_tostring(L, arg), lua_rawlen(L, arg)));
}

/* Every write is noted with what was there, for the case that the call fails later. */
static int state_newindex(lua_State *L)
{
	struct rules *r = rules_of(L);
	int type = lua_type(L, 3);

	luaL_checkudata(L, 1, STATE_META);
	lua_settop(L, 3);
	lua_getiuservalue(L, 1, 1);
	lua_pushvalue(L, 2);
	if (lua_rawget(L, 4) == LUA_TNIL) {
		return state_unknown(L);
	}
	if (lua_type(L, 5) != type || !state_text(L, 3)) {
		return luaL_error(L, "the state's '%s' is declared as a %s (texts: up to 256 bytes of UTF-8)", lua_tostring(L, 2),
				  luaL_typename(L, 5));
	}
	if (r->undo_len == UNDO_MAX) {
		return sandbox_raise(L, "S0111", "spread the work over several ticks with self:after",
				     "one call may write %u fields of states, not more", UNDO_MAX);
	}
	lua_rawgeti(L, LUA_REGISTRYINDEX, r->undo_ref);
	for (int i = 0; i < 3; i++) { /* table, key, value before */
		lua_pushvalue(L, i == 0 ? 4 : i == 1 ? 2 : 5);
		lua_rawseti(L, 6, (lua_Integer)r->undo_len * 3 + i + 1);
	}
	r->undo_len++;
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

/* --- methods -------------------------------------------------------------------------------------- */

static int entity_say(lua_State *L)
{
	uint32_t row = handle_row(L, 1);

	effect_text(L, effect_new(L, EFFECT_SAY, rules_of(L)->e->all.id[row]), 2);
	return 0;
}

static double clamp(double value, double half)
{
	return value < -half ? -half : value > half ? half : value;
}

static int entity_walk_to(lua_State *L)
{
	struct rules *r = rules_of(L);
	uint32_t row = handle_row(L, 1);
	double x = luaL_checknumber(L, 2), y = luaL_checknumber(L, 3);
	struct effect *effect;

	if (!(x - x == 0) || !(y - y == 0)) {
		return luaL_error(L, "(%f, %f) is no place", x, y);
	}
	effect = effect_new(L, EFFECT_WALK, r->e->all.id[row]);
	effect->x = clamp(x, r->e->all.half);
	effect->y = clamp(y, r->e->all.half);
	return 0;
}

static int entity_stop(lua_State *L)
{
	effect_new(L, EFFECT_STOP, rules_of(L)->e->all.id[handle_row(L, 1)]);
	return 0;
}

static int entity_remove(lua_State *L)
{
	struct rules *r = rules_of(L);
	uint32_t row = handle_row(L, 1);

	if (r->e->all.kind[row] == 0) {
		return luaL_error(L, "players cannot be removed by rules");
	}
	effect_new(L, EFFECT_REMOVE, r->e->all.id[row]);
	return 0;
}

static int timer(lua_State *L, int repeats)
{
	struct rules *r = rules_of(L);
	uint32_t row = handle_row(L, 1), ticks = ticks_of(L, 2);
	const char *method = luaL_checkstring(L, 3);
	const struct kind *kind = &r->now->kinds[r->e->all.kind[row]];
	struct effect *effect;

	if (handlers_find(&kind->methods, method) == NULL) {
		return sandbox_raise(L, "S0116", "a timer names a method, so that it is found again after a reload",
				     "%s has no method '%s'", kind->name, method);
	}
	effect = effect_new(L, EFFECT_TIMER, r->e->all.id[row]);
	effect->after = ticks;
	effect->every = repeats ? ticks : 0;
	effect_text(L, effect, 3);
	return 0;
}

static int entity_every(lua_State *L)
{
	return timer(L, 1);
}

static int entity_after(lua_State *L)
{
	return timer(L, 0);
}

static int entity_pos(lua_State *L)
{
	const struct entities *w = &rules_of(L)->e->all;
	uint32_t row = handle_row(L, 1);

	lua_pushnumber(L, w->x[row]);
	lua_pushnumber(L, w->y[row]);
	return 2;
}

static double distance(const struct entities *w, uint32_t a, uint32_t b)
{
	double dx = w->x[a] - w->x[b], dy = w->y[a] - w->y[b];

	return vec_root(dx * dx + dy * dy);
}

static int entity_distance(lua_State *L)
{
	lua_pushnumber(L, distance(&rules_of(L)->e->all, handle_row(L, 1), handle_row(L, 2)));
	return 1;
}

/* nearest: the closest other entity of a kind in the cells around, at most so far away; nil if there is none. */
static int entity_nearest(lua_State *L)
{
	struct rules *r = rules_of(L);
	const struct entities *w = &r->e->all;
	uint32_t self = handle_row(L, 1), best = NO_ROW, cells[AROUND_MAX], n, looked = 0;
	const char *name = luaL_checkstring(L, 2);
	double far = luaL_checknumber(L, 3);
	uint32_t kind = 0;

	while (kind < r->now->kinds_len && strcmp(r->now->kinds[kind].name, name) != 0) {
		kind++;
	}
	if (kind == r->now->kinds_len) {
		return luaL_error(L, "there is no kind '%s'", name);
	}
	far = far * far;
	n = entities_around(w, w->chunk_of[self], cells);
	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t row = w->first[cells[i]]; row != NO_ROW; row = w->next[row]) {
			double dx = w->x[row] - w->x[self], dy = w->y[row] - w->y[self], square = dx * dx + dy * dy;

			looked++;
			/* of two at the same distance the lower id: lists of cells have no order that lasts */
			if (w->kind[row] == kind && row != self && (w->seen[row] & SEEN) != 0 &&
			    (square < far || (square == far && (best == NO_ROW || w->id[row] < w->id[best])))) {
				far = square;
				best = row;
			}
		}
	}
	sandbox_charge(L, looked);
	if (best == NO_ROW) {
		lua_pushnil(L);
	} else {
		handle_push(L, r, best);
	}
	return 1;
}

/* --- looking things up ---------------------------------------------------------------------------- */

/* Fields that every entity has; 0 if it is none of them. */
static int field_push(lua_State *L, const struct rules *r, uint32_t row, const char *name)
{
	const struct entities *w = &r->e->all;

	if (strcmp(name, "x") == 0) {
		lua_pushnumber(L, w->x[row]);
	} else if (strcmp(name, "y") == 0) {
		lua_pushnumber(L, w->y[row]);
	} else if (strcmp(name, "name") == 0) {
		lua_pushstring(L, w->name[row]);
	} else if (strcmp(name, "kind") == 0) {
		lua_pushstring(L, rules_kind_name(r, w->kind[row]));
	} else if (strcmp(name, "walking") == 0) {
		lua_pushboolean(L, w->id[row] == r->subject ? entities_walks(w, row) : (w->seen[row] & SEEN_WALKS) != 0);
	} else {
		return 0;
	}
	return 1;
}

static int entity_index(lua_State *L)
{
	struct rules *r = rules_of(L);
	uint64_t id = handle_id(L, 1);
	const char *name = luaL_checkstring(L, 2);
	uint32_t row;

	if (strcmp(name, "alive") == 0) {
		row = entities_row(&r->e->all, id);
		lua_pushboolean(L, row != NO_ROW && handle_seen(r, row));
		return 1;
	}
	if (strcmp(name, "id") == 0) {
		lua_pushinteger(L, (lua_Integer)id);
		return 1;
	}
	row = handle_row(L, 1);
	if (strcmp(name, "state") == 0) {
		if (id != r->subject) {
			return sandbox_raise(L, "S0115", "give it a method, and let a timer or an event of its own run that",
					     "the state of another is not seen: each entity uses its own alone");
		}
		state_push(L, 1, row);
		return 1;
	}
	if (r->now->kinds[r->e->all.kind[row]].methods_ref != LUA_NOREF) {
		lua_rawgeti(L, LUA_REGISTRYINDEX, r->now->kinds[r->e->all.kind[row]].methods_ref);
		lua_pushvalue(L, 2);
		if (lua_rawget(L, -2) != LUA_TNIL) {
			return 1;
		}
	}
	lua_pushvalue(L, 2);
	if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) {
		return 1;
	}
	if (field_push(L, r, row, name)) {
		return 1;
	}
	return sandbox_raise(L, "S0117", "there are id, kind, name, x, y, alive, walking, state, and methods",
			     "%s has no '%s'", rules_kind_name(r, r->e->all.kind[row]), name);
}

static int entity_newindex(lua_State *L)
{
	return sandbox_raise(L, "S0108", "what an entity shall remember is declared in state = { ... } and set as self.state.NAME",
			     "an entity's '%s' cannot be set", lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?");
}

static int entity_tostring(lua_State *L)
{
	const struct entities *w = &rules_of(L)->e->all;
	uint32_t row = entities_row(w, handle_id(L, 1));

	lua_pushstring(L, row != NO_ROW ? w->name[row] : "(gone)");
	return 1;
}

static int entity_eq(lua_State *L)
{
	lua_pushboolean(L, handle_id(L, 1) == handle_id(L, 2));
	return 1;
}

static int open_body(lua_State *L)
{
	static const luaL_Reg methods[] = { { "say", entity_say },	   { "walk_to", entity_walk_to },
					    { "stop", entity_stop },	   { "remove", entity_remove },
					    { "every", entity_every },	   { "after", entity_after },
					    { "pos", entity_pos },	   { "distance", entity_distance },
					    { "nearest", entity_nearest }, { NULL, NULL } };
	static const luaL_Reg meta[] = { { "__newindex", entity_newindex },
					 { "__tostring", entity_tostring },
					 { "__eq", entity_eq },
					 { NULL, NULL } };
	static const luaL_Reg state[] = { { "__index", state_index }, { "__newindex", state_newindex }, { NULL, NULL } };
	struct rules *r = lua_touserdata(L, 1);

	luaL_newmetatable(L, ENTITY_META);
	luaL_setfuncs(L, meta, 0);
	luaL_newlib(L, methods);
	lua_pushcclosure(L, entity_index, 1);
	lua_setfield(L, -2, "__index");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	luaL_newmetatable(L, STATE_META);
	luaL_setfuncs(L, state, 0);
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_newtable(L);
	r->undo_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	return 0;
}

int handles_open(struct rules *r)
{
	struct sandbox_error error;

	return sandbox_run(r->sandbox, open_body, r, "entities", &error);
}
