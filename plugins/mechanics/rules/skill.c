/* SPDX-License-Identifier: MIT */
/* Skills: what entities do to each other, with a range, a price, and time to wait. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/internal.h"

static int skill_define(lua_State *L)
{
	struct generation *generation = loading_of(L);
	char what[80];
	struct skill *skill;

	snprintf(what, sizeof(what), "skill \"%s\"", defined_name(L));
	luaL_checktype(L, 1, LUA_TTABLE);
	bind_table(L, 1, DEF_SKILL, what, 0);
	skill = defs_add(L, &generation->skills, sizeof(*skill), "skill", defined_name(L));
	skill->cooldown = key_ticks(L, 1, "cooldown", 0);
	skill->cast_time = key_ticks(L, 1, "cast_time", 0);
	skill->range = key_number(L, 1, "range", SIGHT);
	skill->cost_len = key_loot(L, 1, "cost", skill->cost);
	skill->check = key_handler(L, 1, "check", &generation->defs, what);
	skill->apply = key_handler(L, 1, "apply", &generation->defs, what);
	return skill->apply >= 0 ? 0 : sandbox_raise(L, "S0125", "apply = function(w, by, to) ... end", "%s has no `apply`", what);
}

static int game_skill(lua_State *L)
{
	return define_push(L, skill_define, "skill");
}

/* --- waiting -------------------------------------------------------------------------------------------- */

void wish_cooldown(struct rules *r, uint32_t row, const struct wish *wish)
{
	struct extra *extra = extra_of(r->e, row);
	struct cooldown *cooldown, *items = extra != NULL ? extra->cooldowns.items : NULL;

	for (uint32_t i = 0; extra != NULL && i < extra->cooldowns.len;) { /* those that are over make room */
		if (items[i].due <= r->e->tick) {
			char name[WORD_MAX + 1];

			memcpy(name, items[i].skill, sizeof(name));
			named_remove(&extra->cooldowns, sizeof(*items), name);
		} else {
			i++;
		}
	}
	cooldown = extra != NULL ? named_add(&extra->cooldowns, sizeof(*cooldown), COOLDOWNS_MAX, wish->name) : NULL;
	if (cooldown != NULL) {
		cooldown->due = r->e->tick + (uint64_t)wish->amount;
	}
}

static uint64_t waits(const struct rules *r, uint32_t row, const char *skill)
{
	const struct extra *extra = r->e->all.extra[row];
	const struct cooldown *cooldown = extra != NULL ? named_find(&extra->cooldowns, sizeof(*cooldown), skill) : NULL;
	uint64_t due = cooldown != NULL ? cooldown->due : 0;

	for (uint32_t i = 0; i < r->effects_len; i++) { /* what this call has cast counts already */
		if (r->effects[i].number == WISH_COOLDOWN && strcmp(r->effects[i].name, skill) == 0) {
			due = r->e->tick + (uint64_t)r->effects[i].amount;
		}
	}
	return due > r->e->tick ? due - r->e->tick : 0;
}

static int entity_ready(lua_State *L)
{
	struct rules *r = rules_of(L);
	const struct skill *skill = (const struct skill *)r->now->skills.items + r->args[0].n;

	lua_pushboolean(L, waits(r, self_row(L), skill->name) == 0);
	return 1;
}

/* --- casting -------------------------------------------------------------------------------------------- */

static int refused(lua_State *L, const char *reason)
{
	lua_pushboolean(L, 0);
	lua_pushstring(L, reason);
	return 2;
}

static int in_range(const struct rules *r, const struct skill *skill, uint32_t by, uint32_t to)
{
	const struct entities *w = &r->e->all;
	double dx = w->x[by] - w->x[to], dy = w->y[by] - w->y[to], dz = w->z[by] - w->z[to];

	return dx * dx + dy * dy + dz * dz <= skill->range * skill->range;
}

/* pays: a cost is a field of `state`, or else items in the bag; the fields are paid at once, and undone if the call fails. */
static int pays(lua_State *L, struct rules *r, const struct skill *skill, uint32_t row, int pay)
{
	const struct kind *kind = &r->now->kinds[r->e->all.kind[row]];

	for (uint32_t i = 0; i < skill->cost_len; i++) {
		const struct loot *cost = &skill->cost[i];
		int top = lua_gettop(L), field = 0;

		if (kind->state_ref != LUA_NOREF) {
			state_push(L, 1, row);
			lua_getiuservalue(L, -1, 1);
			lua_pushstring(L, cost->item);
			lua_pushvalue(L, -1);
			field = lua_rawget(L, -3) == LUA_TNUMBER; /* state, values, key, number */
		}
		if (field && pay) {
			undo_note(L, top + 2, top + 3, top + 4);
			lua_pushvalue(L, top + 3);
			if (lua_isinteger(L, top + 4)) {
				lua_pushinteger(L, lua_tointeger(L, top + 4) - cost->least);
			} else {
				lua_pushnumber(L, lua_tonumber(L, top + 4) - cost->least);
			}
			lua_rawset(L, top + 2);
		} else if (field ? lua_tonumber(L, top + 4) < cost->least : bag_count(r, row, cost->item) < cost->least) {
			lua_settop(L, top);
			return 0;
		} else if (!field && pay) {
			struct wish *wish = effect_new(L, WISH_TAKE, r->e->all.id[row]);

			wish->name = cost->item;
			wish->amount = cost->least;
		}
		lua_settop(L, top);
	}
	return 1;
}

/* checks: the skill's own check, inside of the call that casts; nil on the stack, or a reason. */
static void checks(lua_State *L, struct rules *r, const struct skill *skill)
{
	uint8_t when = r->when;

	lua_pushnil(L);
	if (skill->check == NO_HANDLER) {
		return;
	}
	lua_pop(L, 1);
	lua_rawgeti(L, LUA_REGISTRYINDEX, r->now->defs.items[skill->check].ref);
	view_push(L, r);
	lua_pushvalue(L, 1);
	lua_pushvalue(L, 3);
	r->when = WHEN_CHECK;
	lua_call(L, 3, 1);
	r->when = when;
}

static int entity_cast(lua_State *L)
{
	struct rules *r = rules_of(L);
	const struct skill *skill = (const struct skill *)r->now->skills.items + r->args[0].n;
	uint32_t row = self_row(L), to = r->args[1].given ? handle_row(L, r->args[1].id) : row;
	uint64_t target = r->e->all.id[to];
	struct wish *wish;
	char text[24];

	if (r->e->all.extra[row] != NULL && r->e->all.extra[row]->cast[0] != '\0') {
		return refused(L, "casting");
	}
	if (waits(r, row, skill->name) > 0) {
		return refused(L, "not_ready");
	}
	if (!in_range(r, skill, row, to)) {
		return refused(L, "too_far");
	}
	if (!pays(L, r, skill, row, 0)) {
		return refused(L, "too_expensive");
	}
	if (lua_isnil(L, 3)) {
		lua_pushvalue(L, 1);
		lua_replace(L, 3);
	}
	checks(L, r, skill);
	if (lua_type(L, -1) == LUA_TSTRING) {
		lua_pushboolean(L, 0);
		lua_insert(L, -2);
		return 2;
	}
	pays(L, r, skill, row, 1);
	if (skill->cooldown > 0) {
		wish = effect_new(L, WISH_COOLDOWN, r->subject);
		wish->name = skill->name;
		wish->amount = skill->cooldown + skill->cast_time;
	}
	wish = effect_new(L, WISH_CAST, r->subject);
	wish->name = skill->name;
	wish->amount = skill->cast_time;
	wish->text = effect_text(L, text, (size_t)snprintf(text, sizeof(text), "%llu", (unsigned long long)target));
	lua_pushboolean(L, 1);
	return 1;
}

void wish_cast(struct rules *r, uint32_t row, const struct wish *wish)
{
	struct extra *extra = extra_of(r->e, row);

	if (extra != NULL) {
		snprintf(extra->cast, sizeof(extra->cast), "%s", wish->name);
		extra->cast_due = r->e->tick + (uint64_t)wish->amount;
		extra->cast_target = strtoull(wish->text, NULL, 10);
	}
}

static void done(struct rules *r, uint32_t row)
{
	struct extra *extra = r->e->all.extra[row];
	const struct skill *skill = defs_find(&r->now->skills, sizeof(*skill), extra->cast);
	uint64_t id = r->e->all.id[row];
	struct value args[3];
	uint32_t to;

	extra->cast[0] = '\0';
	r->subject = id;
	r->looks = 1;
	r->center[0] = r->e->all.x[row];
	r->center[1] = r->e->all.y[row];
	to = visible_row(r, extra->cast_target);
	if (skill == NULL || to == NO_ROW || !in_range(r, skill, row, to)) {
		return; /* it got away */
	}
	args[0] = (struct value){ .type = VALUE_NIL };
	args[1] = value_row(row);
	args[2] = value_row(to);
	rules_call(r, &r->now->defs.items[skill->apply], WHEN_1, id, NULL, args, 3, NULL);
}

/* Those whose time has come, after all think: each about itself alone, so their order does not matter. */
void skills_tick(struct rules *r)
{
	struct entities *w = &r->e->all;

	for (uint32_t row = 0; row < w->count; row++) {
		const struct extra *extra = w->extra[row];

		if (extra != NULL && extra->cast[0] != '\0' && extra->cast_due <= r->e->tick && runs(w, row) && !fallen(r, row)) {
			done(r, row);
		}
	}
}

const struct api_entry skill_api[] = {
	{ ON_GAME, API_FUNCTION, WHEN_LOAD, 0, "skill", "name:word", "fun(def:SkillDef)",
	  "Defines what entities can do to each other, by e:cast.",
	  "g.skill 'poke' {\n\tcooldown = '1s', range = 2,\n\tapply = function(w, by, to)\n\t\tto:hurt { amount = by.rng:int(1, 3), by = by "
	  "}\n\tend,\n}",
	  game_skill },
	{ DEF_SKILL, API_KEY, 0, 0, "cooldown", "cooldown:time?", NULL, "How long one waits before the next use; none.", NULL, NULL },
	{ DEF_SKILL, API_KEY, 0, 0, "range", "range:number[0,16]?", NULL, "How far the target may be, in blocks; 16.", NULL, NULL },
	{ DEF_SKILL, API_KEY, 0, 0, "cast_time", "cast_time:time?", NULL,
	  "From e:cast to `apply`; none. A target that is out of range by then gets nothing.", NULL, NULL },
	{ DEF_SKILL, API_KEY, 0, 0, "cost", "cost:loot?", NULL,
	  "What a use costs: from the number of that name in `state`, or else items from the bag.", NULL, NULL },
	{ DEF_SKILL, API_KEY, 0, 0, "check", "w:WorldView by:Entity to:Entity", "string?",
	  "Says no by returning a reason; it only looks.", NULL, NULL },
	{ DEF_SKILL, API_KEY, 0, 0, "apply", "w:WorldView by:Entity to:Entity", "nil", "What it does, in stage 1.", NULL, NULL },
	{ ON_ENTITY, API_FUNCTION, WHEN_1 | WHEN_2 | WHEN_3, 1, "cast", "skill:skill to:Entity?", "boolean, string?",
	  "Uses a skill on another, or on itself; true, or false and why not: \"casting\", \"not_ready\", \"too_far\", \"too_expensive\", "
	  "or what the skill's check says.",
	  "local p = w:nearest('player', self, 12)\nif p and self:in_reach(p, 2) then self:cast('slam', p) end", entity_cast },
	{ ON_ENTITY, API_FUNCTION, WHEN_LOOK, 1, "ready", "skill:skill", "boolean", "Whether it need not wait before it uses a skill.",
	  "if self:ready('slam') then self:say('come here') end", entity_ready },
	{ 0 }
};
