/* SPDX-License-Identifier: MIT */
/* Kinds of entities: monsters as scripts define them, players, and what lies on the ground. */
#include <stdio.h>
#include <string.h>

#include "rules/internal.h"

int kind_find(const struct generation *generation, const char *name)
{
	if (strcmp(name, "player") == 0) {
		return KIND_PLAYER;
	}
	for (uint32_t i = KIND_DROP; i < generation->kinds_len; i++) {
		if (strcmp(generation->kinds[i].name, name) == 0) {
			return (int)i;
		}
	}
	return -1;
}

const char *kind_word(const struct generation *generation, uint32_t kind)
{
	return kind == KIND_PLAYER ? "player" : generation->kinds[kind].name;
}

/* methods_new: the table that fields and methods of a kind are looked up in. */
static void methods_new(lua_State *L, struct rules *r, struct kind *kind, int is_player)
{
	lua_newtable(L);
	bind_thing(L, r, ON_ENTITY);
	if (is_player) {
		bind_thing(L, r, ON_PLAYER);
	}
	kind->methods_ref = luaL_ref(L, LUA_REGISTRYINDEX);
}

struct opening {
	struct rules *r;
	struct generation *generation;
};

static int kinds_body(lua_State *L)
{
	const struct opening *in = lua_touserdata(L, 1);

	methods_new(L, in->r, &in->generation->kinds[KIND_PLAYER], 1);
	methods_new(L, in->r, &in->generation->kinds[KIND_DROP], 0);
	return 0;
}

int kinds_open(struct rules *r, struct generation *generation)
{
	struct opening in = { r, generation };
	struct sandbox_error error;

	return sandbox_run(r->sandbox, kinds_body, &in, "kinds", &error);
}

/* --- definitions ------------------------------------------------------------------------------------------ */

/* state_copy: a copy of the declared state: plain values by name. */
static int state_copy(lua_State *L, int table, const char *what)
{
	int n = 0, from, to;

	if (key_push(L, table, "state") == LUA_TNIL) {
		lua_pop(L, 1);
		return LUA_NOREF;
	}
	sandbox_content(L, lua_gettop(L));
	from = lua_gettop(L);
	lua_newtable(L);
	to = from + 1;
	for (lua_pushnil(L); lua_next(L, from); lua_pop(L, 1)) {
		int type = lua_type(L, -1);

		if (lua_type(L, -2) != LUA_TSTRING || lua_rawlen(L, -2) > WORD_MAX || !state_text(L, -2) || !state_text(L, -1) ||
		    (type != LUA_TNUMBER && type != LUA_TSTRING && type != LUA_TBOOLEAN) || ++n > (int)STATE_MAX) {
			const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "a value without a name";

			sandbox_raise(L, "S0118",
				      "functions and tables are not remembered: write a function beside `state`, and a list as several values",
				      "the state of %s holds up to %d numbers, texts (up to 256 bytes), true or false, each under a name; "
				      "`%.31s` is a %s",
				      what, (int)STATE_MAX, name, lua_typename(L, type));
		}
		lua_pushvalue(L, -2);
		lua_pushvalue(L, -2);
		lua_rawset(L, to);
	}
	lua_settop(L, to);
	n = luaL_ref(L, LUA_REGISTRYINDEX);
	lua_pop(L, 2);
	return n;
}

static void home_read(lua_State *L, struct kind *kind, double half)
{
	if (key_push(L, 1, "home") == LUA_TTABLE) {
		int home = lua_gettop(L);

		kind->home_x = key_number(L, home, "x", 0);
		kind->home_y = key_number(L, home, "y", 0);
		kind->home_radius = key_number(L, home, "radius", kind->home_radius);
		kind->home_radius = kind->home_radius < half ? kind->home_radius : half;
	}
	lua_pop(L, 1);
}

/* methods_read: every function of the definition is a handler, and a method that other rules may call. */
static void methods_read(lua_State *L, struct rules *r, struct kind *kind, const char *what)
{
	int table, methods;

	sandbox_content(L, 1);
	table = lua_gettop(L);
	lua_rawgeti(L, LUA_REGISTRYINDEX, kind->methods_ref);
	methods = table + 1;
	for (lua_pushnil(L); lua_next(L, table); lua_settop(L, methods + 1)) {
		const char *name = lua_tostring(L, methods + 1);
		char whole[80];

		if (!lua_isfunction(L, methods + 2)) {
			continue;
		}
		lua_pushvalue(L, methods + 1);
		if (lua_rawget(L, methods) != LUA_TNIL) {
			sandbox_raise(L, "S0123", "give it another name", "`%s` of %s is something that every entity has", name, what);
		}
		if (kind->methods.len == METHODS_MAX) {
			sandbox_raise(L, "S0111", NULL, "%s has more than %u functions", what, METHODS_MAX);
		}
		lua_pushvalue(L, methods + 1);
		lua_pushvalue(L, methods + 2);
		lua_rawset(L, methods);
		snprintf(whole, sizeof(whole), "%.48s.%.30s", what, name);
		lua_pushvalue(L, methods + 2);
		handler_make(L, &kind->methods, name, whole);
	}
	lua_settop(L, table - 1);
	(void)r;
}

static int method_place(const struct kind *kind, const char *name)
{
	const struct handler *handler = handlers_find(&kind->methods, name);

	return handler != NULL ? (int)(handler - kind->methods.items) : NO_HANDLER;
}

static void define(lua_State *L, struct kind *kind, enum api_on on, const char *what)
{
	struct rules *r = rules_of(L);

	bind_table(L, 1, on, what, 1);
	methods_read(L, r, kind, what);
	kind->think = method_place(kind, "think");
	kind->on_spawn = method_place(kind, "on_spawn");
	kind->on_hurt = method_place(kind, "on_hurt");
	kind->on_death = method_place(kind, "on_death");
	kind->on_no_path = method_place(kind, "on_no_path");
	kind->state_ref = state_copy(L, 1, what);
	kind->sight = key_number(L, 1, "sight", SIGHT);
	kind->every = key_ticks(L, 1, "every", kind->every);
	kind->health = (int32_t)key_number(L, 1, "hp", kind->health);
}

static int monster_define(lua_State *L)
{
	struct generation *generation = loading_of(L);
	const char *name = defined_name(L);
	struct rules *r = rules_of(L);
	struct kind *kind;
	char what[80];

	snprintf(what, sizeof(what), "monster \"%s\"", name);
	luaL_checktype(L, 1, LUA_TTABLE);
	if (kind_find(generation, name) >= 0 || strcmp(name, "avatar") == 0) {
		return twice_raise(L, what);
	}
	if (generation->kinds_len == KINDS_MAX) {
		return sandbox_raise(L, "S0111", NULL, "there are more than %u kinds", KINDS_MAX - KIND_FIRST);
	}
	kind = &generation->kinds[generation->kinds_len++];
	snprintf(kind->name, sizeof(kind->name), "%s", name);
	methods_new(L, r, kind, 0);
	kind->every = 5;
	kind->home_radius = r->e->all.half / 2;
	define(L, kind, DEF_MONSTER, what);
	kind->speed = key_number(L, 1, "speed", 2);
	kind->population = (uint32_t)key_number(L, 1, "count", 0);
	kind->loot_len = key_loot(L, 1, "loot", kind->loot);
	home_read(L, kind, r->e->all.half);
	return 0;
}

static int game_monster(lua_State *L)
{
	return define_push(L, monster_define, "monster");
}

static int game_player(lua_State *L)
{
	struct generation *generation = loading_of(L);
	struct kind *kind = &generation->kinds[KIND_PLAYER];

	if (generation->player_defined) {
		return sandbox_raise(L, "S0123", "put all of it into one", "g.player is called twice");
	}
	generation->player_defined = 1;
	define(L, kind, DEF_PLAYER, "player");
	if (key_push(L, 1, "spawn") != LUA_TNIL) {
		double at[3];

		place_read(L, lua_gettop(L), at, 0);
		generation->spawn_x = at[0];
		generation->spawn_y = at[1];
	}
	return 0;
}

#define HANDLERS_OF(def) \
	{ def, API_KEY, 0, 0, "on_spawn", "self:Entity w:WorldView", "nil", "It has come into the world: in the tick after.", NULL, NULL }, \
	{ def, API_KEY, 0, 0, "think", "self:Entity w:WorldView", "nil", "What it does again and again, in stage 1.", NULL, NULL }, \
	{ def, API_KEY, 0, 0, "on_hurt", "self:Entity w:WorldView hit:Hit", "nil", "It was hurt: in stage 2.", NULL, NULL }, \
	{ def, API_KEY, 0, 0, "on_death", "self:Entity w:WorldView hit:Hit", "nil", "Its health is gone: in stage 2.", NULL, NULL }, \
	{ def, API_KEY, 0, 0, "on_no_path", "self:Entity w:WorldView", "nil", "It stands: no way leads to where it was to go; in stage 3.", \
	  NULL, NULL }, \
	{ def, API_KEY, 0, 0, "every", "every:time?", NULL, "From one think to the next; 5 ticks.", NULL, NULL }, \
	{ def, API_KEY, 0, 0, "sight", "sight:number[0,16]?", NULL, "How far it sees, for `self.sight`; 16.", NULL, NULL }, \
	{ def, API_KEY, 0, 0, "state", "state:table?", NULL, \
	  "What each of them remembers: up to 32 numbers, texts, true or false, with what they are at first.", NULL, NULL }

const struct api_entry define_api[] = {
	{ ON_GAME, API_FUNCTION, WHEN_LOAD, 0, "monster", "name:word", "fun(def:MonsterDef)", "Defines a kind of monster.",
	  "g.monster 'rabbit' {\n\tcount = 6, hp = 5, speed = 3, loot = { fur = { 0, 1 } },\n\tstate = { hops = 0 },\n\ton_spawn = "
	  "function(self, w) self:every('4s', 'hop') end,\n\thop = function(self, w)\n\t\tself.state.hops = self.state.hops + "
	  "1\n\t\tself:walk_to(w:spot_near(self.pos, 6, self.rng))\n\tend,\n}",
	  game_monster },
	{ ON_GAME, API_FUNCTION, WHEN_LOAD, 0, "player", "def:PlayerDef", NULL, "Says what holds for all players.",
	  "g.player {\n\thp = 50, spawn = { 0, 0 },\n\tstate = { coins = 0 },\n\ton_death = function(self, w, hit) self:say('argh') end,\n}",
	  game_player },
	HANDLERS_OF(DEF_MONSTER),
	{ DEF_MONSTER, API_KEY, 0, 0, "hp", "hp:integer[0,1000000]?", NULL, "Its health; 0: it cannot be hurt.", NULL, NULL },
	{ DEF_MONSTER, API_KEY, 0, 0, "speed", "speed:number[0,100]?", NULL, "Blocks a second; 2.", NULL, NULL },
	{ DEF_MONSTER, API_KEY, 0, 0, "count", "count:integer[0,100000]?", NULL,
	  "So many of them the world keeps alive; 0.", NULL, NULL },
	{ DEF_MONSTER, API_KEY, 0, 0, "home", "home:Home?", NULL, "Where they appear.", NULL, NULL },
	{ DEF_MONSTER, API_KEY, 0, 0, "loot", "loot:loot?", NULL, "What falls to the ground when it dies.", NULL, NULL },
	{ ON_HOME, API_KEY, 0, 0, "x", "x:number[-1000000,1000000]?", NULL, "The middle; 0.", NULL, NULL },
	{ ON_HOME, API_KEY, 0, 0, "y", "y:number[-1000000,1000000]?", NULL, "The middle; 0.", NULL, NULL },
	{ ON_HOME, API_KEY, 0, 0, "radius", "radius:number[0,1000000]?", NULL, "How far from the middle; a quarter of the world.", NULL,
	  NULL },
	HANDLERS_OF(DEF_PLAYER),
	{ DEF_PLAYER, API_KEY, 0, 0, "hp", "hp:integer[0,1000000]?", NULL, "Their health; 0: they cannot be hurt.", NULL, NULL },
	{ DEF_PLAYER, API_KEY, 0, 0, "spawn", "spawn:Pos?", NULL, "Where they get up after they died; the middle of the world.", NULL, NULL },
	{ 0 }
};

const struct api_entry value_api[] = {
	{ ON_POS, API_FIELD, 0, 0, "x", "x:number", NULL, "From west to east.", NULL, NULL },
	{ ON_POS, API_FIELD, 0, 0, "y", "y:number", NULL, "From south to north.", NULL, NULL },
	{ ON_POS, API_FIELD, 0, 0, "z", "z:number?", NULL, "The height; where one stands there, if it is left out.", NULL, NULL },
	{ ON_BLOCK, API_FIELD, 0, 0, "name", "name:block", NULL, "Its kind; \"outside\" beyond the world.", NULL, NULL },
	{ ON_BLOCK, API_FIELD, 0, 0, "solid", "solid:boolean", NULL, "Whether it carries and is in the way.", NULL, NULL },
	{ ON_BLOCK, API_FIELD, 0, 0, "liquid", "liquid:boolean", NULL, "Whether one can move through it, but not breathe.", NULL, NULL },
	{ ON_BLOCK, API_FIELD, 0, 0, "hardness", "hardness:integer", NULL, "The work that breaks it; 65535 = never.", NULL, NULL },
	{ ON_BLOCK, API_FIELD, 0, 0, "power", "power:integer", NULL, "The power of the tool that breaks it.", NULL, NULL },
	{ ON_BLOCK, API_FIELD, 0, 0, "drops", "drops:item", NULL, "The item that is left of it; \"\" = nothing.", NULL, NULL },
	{ 0 }
};
