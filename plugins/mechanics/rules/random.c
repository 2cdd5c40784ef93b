/* SPDX-License-Identifier: MIT */
/* Random numbers for rules: seeded for each call by the world's seed, the tick, the entity, and how often it was called. */
#include "rules/internal.h"

static double unit(struct rules *r)
{
	return (double)(sandbox_random(r->sandbox) >> 11) * (1.0 / 9007199254740992.0);
}

double fraction(const struct rules *r, uint64_t a, uint64_t b)
{
	uint64_t mixed = seed_mix(seed_mix(r->e->shape.seed, r->e->tick), seed_mix(a, b));

	return (double)(mixed >> 11) * (1.0 / 9007199254740992.0);
}

static int random_int(lua_State *L)
{
	struct rules *r = rules_of(L);
	lua_Integer low = lua_tointeger(L, 2), high = lua_tointeger(L, 3);

	if (low > high) {
		return sandbox_raise(L, "S0119", NULL, "rng:int: there is nothing between %lld and %lld", (long long)low,
				     (long long)high);
	}
	lua_pushinteger(L, low + (lua_Integer)sandbox_random_below(r->sandbox, (uint64_t)high - (uint64_t)low + 1));
	return 1;
}

static int random_number(lua_State *L)
{
	struct rules *r = rules_of(L);
	double low = r->args[0].given ? r->args[0].number : 0, high = r->args[1].given ? r->args[1].number : 1;

	lua_pushnumber(L, low + unit(r) * (high - low));
	return 1;
}

static int random_chance(lua_State *L)
{
	struct rules *r = rules_of(L);

	lua_pushboolean(L, unit(r) < r->args[0].number);
	return 1;
}

static int random_pick(lua_State *L)
{
	struct rules *r = rules_of(L);
	lua_Unsigned len;

	sandbox_content(L, 2);
	len = lua_rawlen(L, -1);
	if (len == 0) {
		return sandbox_raise(L, "S0119", NULL, "rng:pick: the list is empty");
	}
	lua_rawgeti(L, -1, 1 + (lua_Integer)sandbox_random_below(r->sandbox, len));
	return 1;
}

const struct api_entry random_api[] = {
	{ ON_RNG, API_FUNCTION, WHEN_LOOK, 0, "int", "low:integer high:integer", "integer",
	  "A whole number from low to high, all equally likely.", "local damage = self.rng:int(4, 9)", random_int },
	{ ON_RNG, API_FUNCTION, WHEN_LOOK, 0, "number", "low:number? high:number?", "number",
	  "A number from low to high (0 to 1), without high.", "local angle = self.rng:number(0, 6.28)", random_number },
	{ ON_RNG, API_FUNCTION, WHEN_LOOK, 0, "chance", "part:number[0,1]", "boolean", "True in that part of the cases.",
	  "if self.rng:chance(0.1) then self:say('blub') end", random_chance },
	{ ON_RNG, API_FUNCTION, WHEN_LOOK, 0, "pick", "list:list", "any", "One value of a list.",
	  "self:say(self.rng:pick { 'blub', 'blob', 'bloop' })", random_pick },
	{ 0 }
};

int random_open(lua_State *L, struct rules *r)
{
	lua_newuserdatauv(L, 0, 0);
	lua_newtable(L);
	lua_newtable(L);
	bind_thing(L, r, ON_RNG);
	lua_setfield(L, -2, "__index");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, -2);
	r->rng_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	return 0;
}
