/* SPDX-License-Identifier: MIT */
/* Regions of the rules: boxes where something holds, who enters and leaves them, and what slows. */
#include <stdio.h>
#include <string.h>

#include "rules/internal.h"

/* --- definitions ------------------------------------------------------------------------------------------ */

static double corner(lua_State *L, int at, int n, const char *what)
{
	static const char *const names[] = { "x", "y", "z" };
	double value;

	if (!lua_istable(L, at)) {
		sandbox_raise(L, "S0118", NULL, "%s: an area is { { x, y, z }, { x, y, z } }, or a list of such boxes", what);
	}
	if (key_push(L, at, names[n]) == LUA_TNIL) {
		lua_pop(L, 1);
		sandbox_content(L, at);
		lua_rawgeti(L, -1, n + 1);
		lua_remove(L, -2);
	}
	value = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : 0.0 / 0.0;
	lua_pop(L, 1);
	if (!(value - value == 0)) {
		sandbox_raise(L, "S0118", NULL, "%s: a corner of an area has three numbers", what);
	}
	return value;
}

static void box_read(lua_State *L, int at, double ret_box[6], const char *what)
{
	int top = lua_gettop(L);

	sandbox_content(L, at);
	lua_rawgeti(L, top + 1, 1);
	lua_rawgeti(L, top + 1, 2);
	for (int n = 0; n < 3; n++) {
		double a = corner(L, top + 2, n, what), b = corner(L, top + 3, n, what);

		ret_box[n] = a < b ? a : b;
		ret_box[3 + n] = a < b ? b : a;
	}
	lua_settop(L, top);
}

/* An area is one box, or a list of boxes: the first corner's first element tells. */
static void area_read(lua_State *L, struct rule_zone *zone, const char *what)
{
	int area, list;

	key_push(L, 1, "area");
	area = lua_gettop(L);
	sandbox_content(L, area);
	lua_rawgeti(L, area + 1, 1);
	if (!lua_istable(L, -1)) {
		sandbox_raise(L, "S0118", NULL, "%s: an area is { { x, y, z }, { x, y, z } }, or a list of such boxes", what);
	}
	sandbox_content(L, area + 2);
	list = lua_rawgeti(L, -1, 1) == LUA_TTABLE;
	lua_settop(L, area + 1);
	if (!list) {
		box_read(L, area, zone->boxes[0], what);
		zone->boxes_len = 1;
		return;
	}
	for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(L, area + 1); i++) {
		if (i > (lua_Integer)BOXES_MAX) {
			sandbox_raise(L, "S0111", NULL, "%s has more than %u boxes", what, BOXES_MAX);
		}
		lua_rawgeti(L, area + 1, i);
		box_read(L, area + 2, zone->boxes[zone->boxes_len++], what);
		lua_settop(L, area + 1);
	}
}

static int region_define(lua_State *L)
{
	struct generation *generation = loading_of(L);
	char what[80];
	struct rule_zone *zone;

	snprintf(what, sizeof(what), "region \"%s\"", defined_name(L));
	luaL_checktype(L, 1, LUA_TTABLE);
	bind_table(L, 1, DEF_REGION, what, 0);
	if (generation->zones.len == ZONES_MAX) {
		return sandbox_raise(L, "S0111", "put several boxes into one region", "there are more than %u regions", ZONES_MAX);
	}
	zone = defs_add(L, &generation->zones, sizeof(*zone), "region", defined_name(L));
	zone->on_enter = zone->on_leave = NO_HANDLER;
	zone->self_ref = LUA_NOREF;
	if (key_push(L, 1, "area") != LUA_TTABLE) {
		return sandbox_raise(L, "S0125", "area = { { x, y, z }, { x, y, z } }", "%s has no `area`", what);
	}
	lua_pop(L, 1);
	area_read(L, zone, what);
	zone->slow = key_number(L, 1, "slow", 1);
	key_push(L, 1, "protected");
	zone->guarded = (uint8_t)lua_toboolean(L, -1);
	zone->on_enter = key_handler(L, 1, "on_enter", &generation->defs, what);
	zone->on_leave = key_handler(L, 1, "on_leave", &generation->defs, what);
	lua_createtable(L, 0, 2);
	lua_pushstring(L, zone->name);
	lua_setfield(L, -2, "name");
	lua_pushboolean(L, zone->guarded);
	lua_setfield(L, -2, "protected");
	sandbox_readonly(L, "region");
	zone->self_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	return 0;
}

static int game_region(lua_State *L)
{
	return define_push(L, region_define, "region");
}

/* --- where is what ------------------------------------------------------------------------------------------ */

static int within(const struct rule_zone *zone, double x, double y, double z)
{
	for (uint32_t i = 0; i < zone->boxes_len; i++) {
		const double *box = zone->boxes[i];

		if (x >= box[0] && x <= box[3] && y >= box[1] && y <= box[4] && z >= box[2] && z <= box[5]) {
			return 1;
		}
	}
	return 0;
}

static int view_zone(lua_State *L)
{
	struct rules *r = rules_of(L);
	const struct rule_zone *zones = r->now->zones.items;
	const double *at = r->args[0].at;
	int guarded = 0, first = 1;

	lua_createtable(L, 0, 2);
	sandbox_charge(L, r->now->zones.len);
	for (uint32_t i = 0; i < r->now->zones.len; i++) {
		if (!within(&zones[i], at[0], at[1], at[2])) {
			continue;
		}
		if (first) {
			lua_pushstring(L, zones[i].name);
			lua_setfield(L, -2, "name");
		}
		first = 0;
		guarded |= zones[i].guarded;
	}
	lua_pushboolean(L, guarded);
	lua_setfield(L, -2, "protected");
	return 1;
}

/* --- slowness ----------------------------------------------------------------------------------------------- */

void speed_set(struct rules *r, uint32_t row)
{
	struct entities *w = &r->e->all;
	const struct extra *extra = w->extra[row];
	const struct slow *slows = extra != NULL ? extra->slows.items : NULL;
	double speed = w->kind[row] == KIND_PLAYER ? (double)r->e->shape.speed : r->now->kinds[w->kind[row]].speed;

	for (uint32_t i = 0; slows != NULL && i < extra->slows.len; i++) { /* in the order of their names: the same everywhere */
		speed *= slows[i].factor;
	}
	speed = speed * r->e->shape.tick_ms / 1000;
	if (speed != w->speed[row]) {
		entities_speed(w, row, speed);
	}
}

/* An amount of 0 takes it away. */
void wish_slow(struct rules *r, uint32_t row, const struct wish *wish)
{
	struct extra *extra = extra_of(r->e, row);
	struct slow *slow;

	if (extra == NULL) {
		return;
	}
	if (wish->amount == 0) {
		named_remove(&extra->slows, sizeof(*slow), wish->name);
	} else {
		slow = named_add(&extra->slows, sizeof(*slow), SLOWS_MAX, wish->name);
		if (slow != NULL) {
			slow->factor = wish->amount;
		}
	}
	speed_set(r, row);
}

static int entity_slow(lua_State *L)
{
	struct rules *r = rules_of(L);
	struct wish *wish = effect_new(L, WISH_SLOW, r->args[PARAMS_MAX].id);

	wish->name = effect_text(L, r->args[0].text, strlen(r->args[0].text));
	wish->amount = r->args[1].given ? r->args[1].number : 0;
	return 0;
}

/* --- entering and leaving --------------------------------------------------------------------------------- */

struct step {
	double from[3], to[3];
};

static void step_push(lua_State *L, void *arg)
{
	const struct step *step = arg;

	lua_createtable(L, 0, 2);
	place_push(L, step->from[0], step->from[1], step->from[2]);
	lua_setfield(L, -2, "from");
	place_push(L, step->to[0], step->to[1], step->to[2]);
	lua_setfield(L, -2, "to");
}

static void crossed(struct rules *r, uint32_t row, const struct rule_zone *zone, int enters, struct step *step)
{
	uint64_t id = r->e->all.id[row];
	int handler = enters ? zone->on_enter : zone->on_leave;
	struct value args[3] = { { .type = VALUE_REF, .ref = zone->self_ref }, value_row(row),
				 { .type = VALUE_PUSH, .push = step_push, .arg = step } };
	struct wish slow = { .target = id, .name = zone->name, .text = "", .amount = enters ? zone->slow : 0 };

	if (zone->slow != 1) {
		wish_slow(r, row, &slow);
	}
	if (handler >= 0) {
		rules_call_bare(r, &r->now->defs.items[handler], WHEN_3, id, args, 3);
	}
}

static void zones_row(struct rules *r, uint32_t row)
{
	struct entities *w = &r->e->all;
	const struct rule_zone *zones = r->now->zones.items;
	struct extra *extra = w->extra[row];
	uint64_t before = extra != NULL ? extra->zones : 0, after = 0;
	struct step step = { { w->x[row] - w->vx[row], w->y[row] - w->vy[row], w->z[row] }, { w->x[row], w->y[row], w->z[row] } };

	for (uint32_t i = 0; i < r->now->zones.len; i++) {
		after |= (uint64_t)within(&zones[i], w->x[row], w->y[row], w->z[row]) << i;
	}
	if (before == after || (extra = extra_of(r->e, row)) == NULL) {
		return;
	}
	extra->zones = after;
	for (int enters = 0; enters < 2; enters++) { /* first out, then in */
		for (uint32_t i = 0; i < r->now->zones.len; i++) {
			uint64_t bit = 1ull << i;

			if (((enters ? after & ~before : before & ~after) & bit) != 0) {
				crossed(r, row, &zones[i], enters, &step);
			}
		}
	}
}

/* Each about itself alone: their order does not matter. */
void rules_moved(struct rules *r)
{
	struct entities *w = &r->e->all;

	r->moved = 1;
	health_rise(r);
	for (uint32_t row = 0; r->now->zones.len > 0 && row < w->count; row++) {
		if (w->kind[row] != KIND_DROP && runs(w, row)) {
			zones_row(r, row);
		}
	}
	r->moved = 0;
}

const struct api_entry zone_api[] = {
	{ ON_GAME, API_FUNCTION, WHEN_LOAD, 0, "region", "name:word", "fun(def:RegionDef)",
	  "Defines boxes of the world where something holds; up to 64 regions.",
	  "g.region 'swamp' {\n\tarea = { { -20, -20, 0 }, { -10, -10, 40 } }, slow = 0.5,\n\ton_enter = function(self, e, move)\n\t\t"
	  "e:tell('it is wet in the ' .. self.name)\n\tend,\n}",
	  game_region },
	{ DEF_REGION, API_KEY, 0, 0, "area", "area:list", NULL, "Two corners { { x, y, z }, { x, y, z } }, or a list of up to 16 such boxes.",
	  NULL, NULL },
	{ DEF_REGION, API_KEY, 0, 0, "slow", "slow:number[0.01,10]?", NULL, "A factor of the speed of who is in it; 1.", NULL, NULL },
	{ DEF_REGION, API_KEY, 0, 0, "protected", "protected:boolean?", NULL, "What w:zone says, for edits to look at.", NULL, NULL },
	{ DEF_REGION, API_KEY, 0, 0, "on_enter", "self:Zone e:Entity move:Move", "nil",
	  "Somebody has entered: in stage 3, when positions are final.", NULL, NULL },
	{ DEF_REGION, API_KEY, 0, 0, "on_leave", "self:Zone e:Entity move:Move", "nil", "Somebody has left.", NULL, NULL },
	{ ON_VIEW, API_FUNCTION, WHEN_LOOK, 0, "zone", "at:Pos", "Zone", "Which region of g.region holds a place.",
	  "if w:zone(self.pos).name == 'swamp' then self:say('glub') end", view_zone },
	{ ON_ZONE, API_FIELD, 0, 0, "name", "name:word?", NULL, "The first region that was defined of those that hold it; nil if none does.",
	  NULL, NULL },
	{ ON_ZONE, API_FIELD, 0, 0, "protected", "protected:boolean", NULL, "Whether one of them is protected.", NULL, NULL },
	{ ON_MOVE, API_FIELD, 0, 0, "from", "from:Pos", NULL, "Where it was before the step.", NULL, NULL },
	{ ON_MOVE, API_FIELD, 0, 0, "to", "to:Pos", NULL, "Where it is now.", NULL, NULL },
	{ ON_ENTITY, API_FUNCTION, WHEN_DO, 0, "slow", "name:word factor:number[0.01,10]?", NULL,
	  "A factor of its speed, under a name: factors of different names multiply; without a factor the name's ends.",
	  "self:slow('tired', 0.5)\nself:slow('tired')", entity_slow },
	{ 0 }
};
