/* SPDX-License-Identifier: MIT */
/* What entities have in scripts: fields, and the methods of all kinds. */
#include <stdio.h>
#include <string.h>

#include "rules/internal.h"
#include "vec/vec.h"

/* --- fields: called with the row in args[PARAMS_MAX].n ------------------------------------------------- */

static uint32_t field_row(lua_State *L)
{
	return rules_of(L)->args[PARAMS_MAX].n;
}

static int field_x(lua_State *L)
{
	lua_pushnumber(L, rules_of(L)->e->all.x[field_row(L)]);
	return 1;
}

static int field_y(lua_State *L)
{
	lua_pushnumber(L, rules_of(L)->e->all.y[field_row(L)]);
	return 1;
}

static int field_z(lua_State *L)
{
	lua_pushnumber(L, rules_of(L)->e->all.z[field_row(L)]);
	return 1;
}

static int field_pos(lua_State *L)
{
	const struct entities *w = &rules_of(L)->e->all;
	uint32_t row = field_row(L);

	place_push(L, w->x[row], w->y[row], w->z[row]);
	return 1;
}

static int field_name(lua_State *L)
{
	lua_pushstring(L, rules_of(L)->e->all.name[field_row(L)]);
	return 1;
}

static int field_kind(lua_State *L)
{
	const struct rules *r = rules_of(L);

	lua_pushstring(L, kind_word(r->now, r->e->all.kind[field_row(L)]));
	return 1;
}

static int field_hp(lua_State *L)
{
	const struct rules *r = rules_of(L);
	uint32_t row = field_row(L);

	lua_pushinteger(L, about(r, r->e->all.id[row]) ? r->e->all.health[row] : r->e->all.seen_health[row]);
	return 1;
}

static int field_max_hp(lua_State *L)
{
	lua_pushinteger(L, rules_of(L)->e->all.health_max[field_row(L)]);
	return 1;
}

static int field_walking(lua_State *L)
{
	const struct rules *r = rules_of(L);
	uint32_t row = field_row(L);

	lua_pushboolean(L, about(r, r->e->all.id[row]) ? entities_walks(&r->e->all, row)
							   : (r->e->all.seen[row] & SEEN_WALKS) != 0);
	return 1;
}

static int field_sight(lua_State *L)
{
	const struct rules *r = rules_of(L);

	lua_pushnumber(L, r->now->kinds[r->e->all.kind[field_row(L)]].sight);
	return 1;
}

static int field_speed(lua_State *L)
{
	const struct rules *r = rules_of(L);

	lua_pushnumber(L, r->e->all.speed[field_row(L)] * 1000 / r->e->shape.tick_ms);
	return 1;
}

static int field_rng(lua_State *L)
{
	lua_rawgeti(L, LUA_REGISTRYINDEX, rules_of(L)->rng_ref);
	return 1;
}

static int field_state(lua_State *L)
{
	if (rules_of(L)->everywhere) {
		state_snapshot(L, 1, field_row(L));
	} else {
		state_push(L, 1, field_row(L));
	}
	return 1;
}

/* What this call has set already counts. */
static int field_target(lua_State *L)
{
	struct rules *r = rules_of(L);
	const struct extra *extra = r->e->all.extra[field_row(L)];
	uint64_t id = r->target_set ? r->target : extra != NULL ? extra->target : 0;
	uint32_t row = id != 0 ? visible_row(r, id) : NO_ROW;

	if (row == NO_ROW) {
		lua_pushnil(L);
	} else {
		handle_push(L, r, row);
	}
	return 1;
}

/* --- methods -------------------------------------------------------------------------------------- */

static struct rules *self_of(lua_State *L, uint64_t *ret_id)
{
	struct rules *r = rules_of(L);

	*ret_id = r->args[PARAMS_MAX].id;
	return r;
}

static int entity_say(lua_State *L)
{
	uint64_t id;
	struct rules *r = self_of(L, &id);
	struct wish *wish = effect_new(L, WISH_SAY, id);

	wish->text = effect_text(L, r->args[0].text, strlen(r->args[0].text));
	return 0;
}

static int entity_tell(lua_State *L)
{
	uint64_t id;
	struct rules *r = self_of(L, &id);
	struct wish *wish = effect_new(L, WISH_TELL, id);

	wish->text = effect_text(L, r->args[0].text, strlen(r->args[0].text));
	return 0;
}

static int entity_walk_to(lua_State *L)
{
	uint64_t id;
	struct rules *r = self_of(L, &id);
	struct wish *wish = effect_new(L, WISH_WALK, id);

	wish->x = r->args[0].at[0];
	wish->y = r->args[0].at[1];
	wish->z = r->args[0].at[2];
	return 0;
}

static int entity_chases(lua_State *L)
{
	uint64_t id;
	struct rules *r = self_of(L, &id);
	char text[24];
	int len = snprintf(text, sizeof(text), "%llu", (unsigned long long)r->args[0].id);

	struct wish *wish = effect_new(L, WISH_CHASE, id);

	wish->text = effect_text(L, text, (size_t)len);
	wish->amount = r->args[1].given ? r->args[1].number : 1;
	return 0;
}

static int entity_stop(lua_State *L)
{
	uint64_t id;

	self_of(L, &id);
	effect_new(L, WISH_STOP, id);
	return 0;
}

static int entity_remove(lua_State *L)
{
	uint64_t id;
	struct rules *r = self_of(L, &id);

	if (r->e->all.kind[self_row(L)] == KIND_PLAYER) {
		return sandbox_raise(L, "S0124", NULL, "players cannot be removed by rules");
	}
	effect_new(L, WISH_REMOVE, id);
	return 0;
}

static int timer(lua_State *L, int repeats)
{
	uint64_t id;
	struct rules *r = self_of(L, &id);
	const struct kind *kind = &r->now->kinds[r->e->all.kind[self_row(L)]];
	const char *method = r->args[1].text;
	struct wish *wish;

	if (handlers_find(&kind->methods, method) == NULL) {
		const char *near = NULL;
		char help[160];

		for (uint32_t i = 0; i < kind->methods.len; i++) {
			near = api_near(near, method, kind->methods.items[i].name);
		}
		snprintf(help, sizeof(help), near != NULL ? "did you mean \"%s\"?" : "a timer names a method, so that it is found "
			 "again after a reload", near);
		return sandbox_raise(L, "S0116", help, "%s has no method \"%s\"", kind->name, method);
	}
	wish = effect_new(L, WISH_TIMER, id);
	wish->x = r->args[0].n;
	wish->y = repeats ? r->args[0].n : 0;
	wish->text = effect_text(L, method, strlen(method));
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

static double apart(const struct rules *r, uint32_t row, const double at[3])
{
	double dx = r->e->all.x[row] - at[0], dy = r->e->all.y[row] - at[1], dz = r->e->all.z[row] - at[2];

	return vec_root(dx * dx + dy * dy + dz * dz);
}

static int entity_distance(lua_State *L)
{
	struct rules *r = rules_of(L);

	lua_pushnumber(L, apart(r, self_row(L), r->args[0].at));
	return 1;
}

static int entity_in_reach(lua_State *L)
{
	struct rules *r = rules_of(L);

	lua_pushboolean(L, apart(r, self_row(L), r->args[0].at) <= r->args[1].number);
	return 1;
}

static int entity_emit(lua_State *L)
{
	uint64_t id;
	struct rules *r = self_of(L, &id);
	struct wish *wish = effect_new(L, WISH_EVENT, id);

	wish->name = effect_text(L, r->args[0].text, strlen(r->args[0].text));
	wish->text = data_pack(L, 3);
	return 0;
}

const struct api_entry entity_api[] = {
	{ ON_ENTITY, API_FIELD, WHEN_ANY, 0, "id", "id:integer", NULL, "Its number, which no other entity ever has.",
	  "print(self.id)", NULL },
	{ ON_ENTITY, API_FIELD, WHEN_ANY, 0, "alive", "alive:boolean", NULL,
	  "Whether it is in the world, and within 16 blocks: only then can its other fields be read.",
	  "if self.target and self.target.alive then self:say('found') end", NULL },
	{ ON_ENTITY, API_FIELD, WHEN_ANY, 0, "kind", "kind:kind", NULL, "Its kind: \"player\", \"drop\", or a monster's.",
	  "if self.kind == 'slime' then self:say('blub') end", field_kind },
	{ ON_ENTITY, API_FIELD, WHEN_ANY, 0, "name", "name:text", NULL, "What it is called.", "self:say('I am ' .. self.name)",
	  field_name },
	{ ON_ENTITY, API_FIELD, WHEN_ANY, 0, "pos", "pos:Pos", NULL, "Where it is: a table of its own, x, y and z.",
	  "local here = self.pos\nself:walk_to { x = here.x + 1, y = here.y }", field_pos },
	{ ON_ENTITY, API_FIELD, WHEN_ANY, 0, "x", "x:number", NULL, "Its place from west to east.", "print(self.x)", field_x },
	{ ON_ENTITY, API_FIELD, WHEN_ANY, 0, "y", "y:number", NULL, "Its place from south to north.", "print(self.y)", field_y },
	{ ON_ENTITY, API_FIELD, WHEN_ANY, 0, "z", "z:number", NULL, "The height of its feet.", "print(self.z)", field_z },
	{ ON_ENTITY, API_FIELD, WHEN_ANY, 0, "hp", "hp:integer", NULL,
	  "Its health, of others as it was when the tick began; 0 of what cannot be hurt.", "if self.hp < 10 then self:say('ouch') end",
	  field_hp },
	{ ON_ENTITY, API_FIELD, WHEN_ANY, 0, "max_hp", "max_hp:integer", NULL, "Its health when it is whole.",
	  "if self.hp < self.max_hp then self:heal(1) end", field_max_hp },
	{ ON_ENTITY, API_FIELD, WHEN_ANY, 0, "walking", "walking:boolean", NULL, "Whether it is on its way to somewhere.",
	  "if not self.walking then self:say('here I am') end", field_walking },
	{ ON_ENTITY, API_FIELD, WHEN_ANY, 1, "speed", "speed:number", NULL, "Blocks a second, with what slows it.",
	  "if self.speed < 1 then self:say('so tired') end", field_speed },
	{ ON_ENTITY, API_FIELD, WHEN_ANY, 0, "sight", "sight:number", NULL, "How far its kind sees, as its definition says.",
	  "local p = w:nearest('player', self, self.sight)", field_sight },
	{ ON_ENTITY, API_FIELD, WHEN_ANY, 1, "state", "state:data", NULL,
	  "What it remembers: the fields that its definition declares, kept over reload, restart and hand-over.",
	  "self.state.angry = true", field_state },
	{ ON_ENTITY, API_FIELD, WHEN_ANY, 1, "target", "target:Entity?", NULL,
	  "An entity that it keeps in mind, nil when that is gone; can be set.", "self.target = w:nearest('player', self, 12)",
	  field_target },
	{ ON_ENTITY, API_FIELD, WHEN_ANY, 0, "rng", "rng:Rng", NULL, "Random numbers for this call.",
	  "local n = self.rng:int(1, 6)", field_rng },

	{ ON_ENTITY, API_FUNCTION, WHEN_DO, 0, "say", "text:text", NULL, "It says something that those who are near hear.",
	  "self:say('blub')", entity_say },
	{ ON_ENTITY, API_FUNCTION, WHEN_DO, 0, "tell", "text:text", NULL, "Shows a line to the player alone.",
	  "local p = w:nearest('player', self, 12)\nif p then p:tell('something moves') end", entity_tell },
	{ ON_ENTITY, API_FUNCTION, WHEN_DO, 0, "walk_to", "at:goal", NULL, "It goes there, if there is a way; a place outside of the world means the nearest inside.",
	  "self:walk_to(w:spot_near(self, 6, self.rng))", entity_walk_to },
	{ ON_ENTITY, API_FUNCTION, WHEN_DO, 0, "chase", "target:Entity near:number[0,16]?", NULL,
	  "It follows another, to 1 block (or `near`) from it, until it stops, walks elsewhere, finds no way, or loses it.",
	  "local p = w:nearest('player', self, 12)\nif p then self:chase(p) end", entity_chases },
	{ ON_ENTITY, API_FUNCTION, WHEN_DO, 0, "stop", "", NULL, "It stands still.", "self:stop()", entity_stop },
	{ ON_ENTITY, API_FUNCTION, WHEN_DO, 0, "remove", "", NULL, "It leaves the world, without dying; not for players.",
	  "if self.hp < 2 then self:remove() end", entity_remove },
	{ ON_ENTITY, API_FUNCTION, WHEN_DO, 0, "every", "time:time method:method", NULL,
	  "Calls a method of its kind again and again: method(self, w).", "self:every('2s', 'wander')", entity_every },
	{ ON_ENTITY, API_FUNCTION, WHEN_DO, 0, "after", "time:time method:method", NULL,
	  "Calls a method of its kind once, later.", "self:after('500ms', 'wander')", entity_after },
	{ ON_ENTITY, API_FUNCTION, WHEN_LOOK, 0, "distance", "to:Pos", "number", "How far it is to a place or an entity.",
	  "if self:distance { x = 0, y = 0 } > 30 then self:walk_to { x = 0, y = 0 } end", entity_distance },
	{ ON_ENTITY, API_FUNCTION, WHEN_LOOK, 0, "in_reach", "to:Pos far:number[0,1000]", "boolean",
	  "Whether a place or an entity is at most so far away.",
	  "local p = w:nearest('player', self, 12)\nif p and self:in_reach(p, 2) then self:say('mine') end", entity_in_reach },
	{ ON_ENTITY, API_FUNCTION, WHEN_DO, 0, "emit", "event:word data:data?", NULL,
	  "Something happened to it: what g.on registered for this name is called, in stage 2 of this tick, or of the next one if this "
	  "is stage 2 or 3.",
	  "self:emit('bounced', { height = 2 })", entity_emit },
	{ 0 }
};
