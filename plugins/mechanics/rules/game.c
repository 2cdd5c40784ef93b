/* SPDX-License-Identifier: MIT */
/* What scripts get by require "game": registering, and reaching the world as a whole. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/internal.h"

static const char *const event_names[RULE_EVENTS] = { "enter", "leave", "chat", "tick", "echo" };

/* --- arguments ------------------------------------------------------------------------------------ */

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
		luaL_error(L, "a time is written \"500ms\", \"2s\", \"5m\" or \"1h\", or as a number of ticks");
	}
	return ticks < 1 ? 1 : (uint32_t)ticks;
}

static struct generation *loading(lua_State *L)
{
	struct generation *generation = rules_of(L)->loading;

	if (generation == NULL) {
		sandbox_raise(L, "S0112", "write it at the top level of a file",
			      "rules are registered while the scripts are read, not later");
	}
	return generation;
}

static const char *word(lua_State *L, int arg)
{
	size_t len;
	const char *text = luaL_checklstring(L, arg, &len);

	if (len == 0 || len > WORD_MAX || strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_") != len) {
		luaL_error(L, "'%s' is no name: 1 to %d of a-z, 0-9 and _", text, (int)WORD_MAX);
	}
	return text;
}

/* handler_make: the function on top of the stack becomes a handler; it is taken off. */
static struct handler *handler_make(lua_State *L, struct handlers *list, const char *name, const char *what)
{
	struct handler *handler;
	lua_Debug ar;

	if (list->len >= HANDLERS_MAX || (handler = handlers_add(list)) == NULL) {
		luaL_error(L, "more than %d functions of one sort", (int)HANDLERS_MAX);
		return NULL;
	}
	snprintf(handler->name, sizeof(handler->name), "%s", name);
	snprintf(handler->what, sizeof(handler->what), "%s", what);
	lua_pushvalue(L, -1);
	if (lua_getinfo(L, ">S", &ar)) {
		snprintf(handler->file, sizeof(handler->file), "%s", ar.short_src);
		handler->line = ar.linedefined;
	}
	handler->ref = luaL_ref(L, LUA_REGISTRYINDEX);
	return handler;
}

static double number_field(lua_State *L, const char *name, double min, double max)
{
	double number = lua_isnumber(L, -1) ? lua_tonumber(L, -1) : min - 1;

	if (!(number >= min && number <= max)) {
		luaL_error(L, "`%s` is a number from %f to %f", name, min, max);
	}
	return number;
}

/* --- g.on, g.action ------------------------------------------------------------------------------- */

static int game_on(lua_State *L)
{
	struct generation *generation = loading(L);
	const char *name = luaL_checkstring(L, 1);
	char what[80];

	luaL_checktype(L, 2, LUA_TFUNCTION);
	for (int i = 0; i < RULE_EVENTS; i++) {
		if (strcmp(name, event_names[i]) == 0) {
			snprintf(what, sizeof(what), "on \"%s\"", name);
			lua_settop(L, 2);
			handler_make(L, &generation->events[i], name, what);
			return 0;
		}
	}
	return sandbox_raise(L, "S0113", "there are: enter, leave, chat, tick, echo", "there is no event '%s'", name);
}

static int action_define(lua_State *L)
{
	struct generation *generation = loading(L);
	const char *name = lua_tostring(L, lua_upvalueindex(1));
	char what[80];

	luaL_checktype(L, 1, LUA_TTABLE);
	for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
		if (lua_type(L, -2) != LUA_TSTRING || strcmp(lua_tostring(L, -2), "run") != 0) {
			return sandbox_raise(L, "S0114", "an action holds `run = function(self, target, text) ... end`",
					     "action \"%s\" holds what no action has", name);
		}
	}
	if (handlers_find(&generation->actions, name) != NULL) {
		return luaL_error(L, "action \"%s\" is defined twice", name);
	}
	lua_pushliteral(L, "run");
	if (lua_rawget(L, 1) != LUA_TFUNCTION) {
		return luaL_error(L, "action \"%s\" has no function `run`", name);
	}
	snprintf(what, sizeof(what), "action \"%s\"", name);
	handler_make(L, &generation->actions, name, what);
	return 0;
}

static int game_action(lua_State *L)
{
	loading(L);
	word(L, 1);
	lua_settop(L, 1);
	lua_pushcclosure(L, action_define, 1);
	return 1;
}

/* --- g.monster, g.player -------------------------------------------------------------------------- */

/* state_check: a copy of the declared state on top of the stack: plain values by name. */
static void state_copy(lua_State *L, int from, const char *kind)
{
	int n = 0;

	from = lua_absindex(L, from);
	lua_newtable(L);
	for (lua_pushnil(L); lua_next(L, from); lua_pop(L, 1)) {
		int type = lua_type(L, -1);

		if (lua_type(L, -2) != LUA_TSTRING || !state_text(L, -2) || !state_text(L, -1) ||
		    (type != LUA_TNUMBER && type != LUA_TSTRING && type != LUA_TBOOLEAN) || ++n > (int)STATE_MAX) {
			luaL_error(L, "the state of %s holds up to 32 numbers, texts, true or false, each under a name", kind);
		}
		lua_pushvalue(L, -2);
		lua_pushvalue(L, -2);
		lua_rawset(L, -5);
	}
}

static void home_field(lua_State *L, struct kind *kind)
{
	static const char *const names[] = { "x", "y", "radius" };
	double *const to[] = { &kind->home_x, &kind->home_y, &kind->home_radius };
	double half = rules_of(L)->e->all.half;
	int table = lua_gettop(L);

	luaL_checktype(L, table, LUA_TTABLE);
	for (int i = 0; i < 3; i++) {
		lua_pushstring(L, names[i]);
		if (lua_rawget(L, table) != LUA_TNIL) {
			*to[i] = number_field(L, names[i], i == 2 ? 0 : -half, half);
		}
		lua_pop(L, 1);
	}
}

/* kind_field: one entry of a definition, its name at -2 and its value on top. */
static void kind_field(lua_State *L, struct kind *kind)
{
	const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
	int is_monster = kind != rules_of(L)->loading->kinds;
	char what[80];

	if (strcmp(name, "state") == 0) {
		luaL_checktype(L, -1, LUA_TTABLE);
		state_copy(L, -1, kind->name);
		kind->state_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	} else if (strcmp(name, "speed") == 0 && is_monster) {
		kind->speed = number_field(L, name, 0, 100);
	} else if (strcmp(name, "count") == 0 && is_monster) {
		kind->population = (uint32_t)number_field(L, name, 0, 100000);
	} else if (strcmp(name, "every") == 0 && is_monster) {
		kind->every = ticks_of(L, lua_gettop(L));
	} else if (strcmp(name, "home") == 0 && is_monster) {
		home_field(L, kind);
	} else if (lua_isfunction(L, -1) && strlen(name) <= WORD_MAX && kind->methods.len < METHODS_MAX) {
		snprintf(what, sizeof(what), "%s \"%s\".%s", is_monster ? "monster" : "player", kind->name, name);
		lua_rawgeti(L, LUA_REGISTRYINDEX, kind->methods_ref);
		lua_pushvalue(L, -2);
		lua_setfield(L, -2, name);
		lua_pop(L, 1);
		lua_pushvalue(L, -1);
		handler_make(L, &kind->methods, name, what);
		if (strcmp(name, "think") == 0) {
			kind->think = (int)kind->methods.len - 1;
		} else if (strcmp(name, "on_spawn") == 0) {
			kind->on_spawn = (int)kind->methods.len - 1;
		}
	} else {
		sandbox_raise(L, "S0114", is_monster ? "known are count, every, home, speed, state, and functions"
						     : "known are state and functions",
			      "`%s` means nothing in the definition of %s", name, kind->name);
	}
}

static void define(lua_State *L, struct kind *kind, int table)
{
	luaL_checktype(L, table, LUA_TTABLE);
	lua_newtable(L);
	kind->methods_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
		kind_field(L, kind);
	}
}

static int monster_define(lua_State *L)
{
	struct generation *generation = loading(L);
	const char *name = lua_tostring(L, lua_upvalueindex(1));
	struct kind *kind;

	for (uint32_t i = 0; i < generation->kinds_len; i++) {
		if (strcmp(generation->kinds[i].name, name) == 0) {
			return luaL_error(L, "\"%s\" is defined twice", name);
		}
	}
	if (generation->kinds_len == KINDS_MAX) {
		return luaL_error(L, "more than %d kinds", (int)KINDS_MAX - 1);
	}
	kind = &generation->kinds[generation->kinds_len++];
	snprintf(kind->name, sizeof(kind->name), "%s", name);
	kind->speed = 2;
	kind->every = 5;
	kind->home_radius = rules_of(L)->e->all.half / 2;
	define(L, kind, 1);
	return 0;
}

static int game_monster(lua_State *L)
{
	loading(L);
	word(L, 1);
	lua_settop(L, 1);
	lua_pushcclosure(L, monster_define, 1);
	return 1;
}

static int game_player(lua_State *L)
{
	struct kind *kind = &loading(L)->kinds[0];

	if (kind->methods_ref != LUA_NOREF) {
		return luaL_error(L, "g.player is called twice");
	}
	define(L, kind, 1);
	return 0;
}

/* --- the world ------------------------------------------------------------------------------------ */

static int game_spawn(lua_State *L)
{
	struct rules *r = rules_of(L);
	const char *name = luaL_checkstring(L, 1);
	double x = luaL_checknumber(L, 2), y = luaL_checknumber(L, 3);
	struct effect *effect;

	if (!entities_inside(&r->e->all, x, y)) {
		return luaL_error(L, "(%f, %f) is not in the world", x, y);
	}
	for (uint32_t i = 1; i < r->now->kinds_len; i++) {
		if (strcmp(r->now->kinds[i].name, name) == 0) {
			effect = effect_new(L, EFFECT_SPAWN, 0);
			effect->spawn = (uint16_t)i;
			effect->x = x;
			effect->y = y;
			return 0;
		}
	}
	return luaL_error(L, "there is no monster \"%s\"", name);
}

static int game_tell(lua_State *L)
{
	struct rules *r = rules_of(L);
	uint32_t row = handle_row(L, 1);

	effect_text(L, effect_new(L, EFFECT_TELL, r->e->all.id[row]), 2);
	return 0;
}

static int game_tell_all(lua_State *L)
{
	effect_text(L, effect_new(L, EFFECT_TELL_ALL, 0), 1);
	return 0;
}

/* now: seconds of the world, which is ticks; it stands still when the world does. */
static int game_now(lua_State *L)
{
	const struct engine *e = rules_of(L)->e;

	lua_pushnumber(L, (double)e->tick * (double)e->shape.tick_ms / 1000);
	return 1;
}

/* random: like math.random, from the seed, the tick and whom the call is about. */
static int game_random(lua_State *L)
{
	uint64_t bits = sandbox_random(sandbox_of(L));
	lua_Integer low = 1, high;

	if (lua_gettop(L) == 0) {
		lua_pushnumber(L, (double)(bits >> 11) * (1.0 / 9007199254740992.0));
		return 1;
	}
	high = luaL_checkinteger(L, 1);
	if (lua_gettop(L) > 1) {
		low = high;
		high = luaL_checkinteger(L, 2);
	}
	luaL_argcheck(L, low <= high, lua_gettop(L), "there is nothing between them");
	lua_pushinteger(L, low + (lua_Integer)(bits % ((uint64_t)high - (uint64_t)low + 1)));
	return 1;
}

static int game_players(lua_State *L)
{
	lua_pushinteger(L, rules_of(L)->e->players);
	return 1;
}

const struct sandbox_function game_functions[] = {
	{ "on", game_on },	   { "action", game_action },	  { "monster", game_monster }, { "player", game_player },
	{ "spawn", game_spawn },   { "tell", game_tell },	  { "tell_all", game_tell_all }, { "now", game_now },
	{ "random", game_random }, { "players", game_players }, { NULL, NULL }
};
