/* SPDX-License-Identifier: MIT */
/* The world as rules see it, `w`: what is where, and asking for more. */
#include <stdio.h>

#include "rules/internal.h"

#define AROUND_LIMIT 256u /* entities that one w:around gives */
#define SPOTS 8u	  /* places that w:spot_near tries */

/* A `w` is good for one call. */
struct view {
	uint64_t serial;
};

void view_push(lua_State *L, struct rules *r)
{
	struct view *view = lua_newuserdatauv(L, sizeof(*view), 0);

	view->serial = r->serial;
	lua_rawgeti(L, LUA_REGISTRYINDEX, r->view_meta_ref);
	lua_setmetatable(L, -2);
}

double ground(struct rules *r, double x, double y, double z)
{
	int32_t cx = cell_of(r->e, x), cy = cell_of(r->e, y), found = TERRAIN_NOWHERE;

	if (z >= 0 && z <= r->e->shape.height) {
		found = terrain_stand(r->e->terrain, cx, cy, (int32_t)z);
	}
	if (found == TERRAIN_NOWHERE) {
		found = terrain_surface(r->e->terrain, cx, cy);
	}
	return found != TERRAIN_NOWHERE ? found : 0;
}

/* --- looking for entities ---------------------------------------------------------------------------- */

struct found {
	double square;
	uint64_t id;
	uint32_t row;
};

/* near_check: what is looked for lies where all owners see the same. */
static void near_check(lua_State *L, const struct rules *r, const double at[3], double radius, const char *what)
{
	double dx = at[0] - r->center[0], dy = at[1] - r->center[1];

	if (r->everywhere) {
		return;
	}
	dx = dx < 0 ? -dx : dx;
	dy = dy < 0 ? -dy : dy;
	if (!r->looks) {
		sandbox_raise(L, "S0119", "use it in a handler of an entity", "w:%s: this call is about no entity, so it sees none",
			      what);
	}
	if (dx + radius > SIGHT || dy + radius > SIGHT) {
		sandbox_raise(L, "S0119", "look from the place of the entity that the call is about, with a radius of up to 16",
			      "w:%s: looks %.1f blocks around a place that is %.1f blocks away; rules see no farther than %d", what,
			      radius, dx > dy ? dx : dy, (int)SIGHT);
	}
}

/* look: calls `take` for each entity of a kind (-1 = any) that is seen within the radius; charges for all in the chunks around,
 * also for those that need not be looked at: what a call costs does not depend on what is known of a chunk. */
static void look(lua_State *L, struct rules *r, int kind, const double at[3], double radius,
		 void (*take)(void *arg, const struct found *found), void *arg)
{
	struct entities *w = &r->e->all;
	uint32_t cells[AROUND_MAX], n = entities_around(w, entities_chunk(w, at[0], at[1]), cells), looked = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t kinds = 0;

		looked += w->populace[cells[i]];
		if (w->populace[cells[i]] == 0 || (kind >= 0 && !entities_has_kind(w, cells[i], (uint16_t)kind)) ||
		    entities_apart(w, cells[i], at[0], at[1], radius)) {
			continue;
		}
		for (uint32_t row = w->first[cells[i]]; row != NO_ROW; row = w->next[row]) {
			struct found found;
			double dx, dy, dz;

			kinds |= 1ull << w->kind[row] % 64;
			if (kind >= 0 && w->kind[row] != kind) {
				continue;
			}
			dx = w->x[row] - at[0];
			dy = w->y[row] - at[1];
			dz = w->z[row] - at[2];
			found = (struct found){ dx * dx + dy * dy + dz * dz, w->id[row], row };
			if (found.square <= radius * radius && found.id != r->subject && visible_row(r, found.id) != NO_ROW) {
				take(arg, &found);
			}
		}
		w->kinds[cells[i]] = kinds;
	}
	sandbox_charge(L, looked);
}

/* before: nearer, and of two at the same distance the lower id: lists of chunks have no order that lasts. */
static int before(const struct found *a, const struct found *b)
{
	return a->square < b->square || (a->square == b->square && a->id < b->id);
}

static void take_nearest(void *arg, const struct found *found)
{
	struct found *best = arg;

	if (best->row == NO_ROW || before(found, best)) {
		*best = *found;
	}
}

static int view_nearest(lua_State *L)
{
	struct rules *r = rules_of(L);
	struct found best = { .row = NO_ROW };

	near_check(L, r, r->args[1].at, r->args[2].number, "nearest");
	look(L, r, (int)r->args[0].n, r->args[1].at, r->args[2].number, take_nearest, &best);
	if (best.row == NO_ROW) {
		lua_pushnil(L);
	} else {
		handle_push(L, r, best.row);
	}
	return 1;
}

struct sorted {
	struct found items[AROUND_LIMIT];
	uint32_t len;
};

/* The nearest AROUND_LIMIT, in order. */
static void take_sorted(void *arg, const struct found *found)
{
	struct sorted *list = arg;
	uint32_t at = list->len;

	if (at == AROUND_LIMIT && !before(found, &list->items[at - 1])) {
		return;
	}
	at -= at == AROUND_LIMIT;
	while (at > 0 && before(found, &list->items[at - 1])) {
		list->items[at] = list->items[at - 1];
		at--;
	}
	list->items[at] = *found;
	list->len += list->len < AROUND_LIMIT;
}

static int view_around(lua_State *L)
{
	struct rules *r = rules_of(L);
	struct sorted list;

	list.len = 0;
	near_check(L, r, r->args[0].at, r->args[1].number, "around");
	look(L, r, r->args[2].given ? (int)r->args[2].n : -1, r->args[0].at, r->args[1].number, take_sorted, &list);
	lua_createtable(L, (int)list.len, 0);
	for (uint32_t i = 0; i < list.len; i++) {
		handle_push(L, r, list.items[i].row);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	return 1;
}

/* --- blocks ------------------------------------------------------------------------------------------ */

void cell_at(const struct rules *r, const double at[3], int32_t ret_cell[3])
{
	ret_cell[0] = cell_of(r->e, at[0]);
	ret_cell[1] = cell_of(r->e, at[1]);
	ret_cell[2] = (int32_t)at[2]; /* never below 0 */
}

static uint16_t block_at(lua_State *L, struct rules *r, const int32_t cell[3])
{
	sandbox_charge(L, 20);
	if (r->claim != NULL) {
		return claim_block(r->e, r->claim, cell[0], cell[1], cell[2]);
	}
	return terrain_block(r->e->terrain, cell[0], cell[1], cell[2]);
}

static int view_block(lua_State *L)
{
	struct rules *r = rules_of(L);
	const struct block_type *type;
	int32_t cell[3];
	uint16_t id;

	cell_at(r, r->args[0].at, cell);
	id = block_at(L, r, cell);
	type = block_type(r->e->blocks, id);
	lua_createtable(L, 0, 6);
	lua_pushstring(L, type != NULL ? type->name : id == BLOCK_OUTSIDE ? "outside" : "unavailable");
	lua_setfield(L, -2, "name");
	lua_pushboolean(L, (block_flags(r->e->blocks, id) & BLOCK_GROUND) != 0);
	lua_setfield(L, -2, "solid");
	lua_pushboolean(L, (block_flags(r->e->blocks, id) & BLOCK_LIQUID) != 0);
	lua_setfield(L, -2, "liquid");
	lua_pushinteger(L, type != NULL ? type->hardness : BLOCK_HARD);
	lua_setfield(L, -2, "hardness");
	lua_pushinteger(L, type != NULL ? type->power : 255);
	lua_setfield(L, -2, "power");
	lua_pushstring(L, type != NULL ? type->drops : "");
	lua_setfield(L, -2, "drops");
	return 1;
}

static int view_surface(lua_State *L)
{
	struct rules *r = rules_of(L);
	double x = r->args[0].at[0], y = r->args[0].at[1];

	sandbox_charge(L, 50);
	place_push(L, x, y, ground(r, x, y, -1));
	return 1;
}

static int view_line_of_sight(lua_State *L)
{
	struct rules *r = rules_of(L);
	const double *a = r->args[0].at, *b = r->args[1].at;
	double dx = a[0] - b[0], dy = a[1] - b[1], dz = a[2] - b[2];

	if (dx * dx + dy * dy + dz * dz > 4 * SIGHT * SIGHT) {
		return sandbox_raise(L, "S0119", NULL, "w:line_of_sight: the places are more than %d blocks apart", 2 * (int)SIGHT);
	}
	sandbox_charge(L, 200);
	lua_pushboolean(L, terrain_sight(r->e->terrain, (struct vec3f){ a[0], a[1], a[2] + 1.5 },
					 (struct vec3f){ b[0], b[1], b[2] + 1.5 }));
	return 1;
}

static double unit(struct rules *r)
{
	return (double)(sandbox_random(r->sandbox) >> 11) * (1.0 / 9007199254740992.0);
}

/* A place to stand near another: in a square, on ground that is at most three blocks higher or lower; the place itself if there
 * is none. */
static int view_spot_near(lua_State *L)
{
	struct rules *r = rules_of(L);
	const double *at = r->args[0].at;
	double radius = r->args[1].number, half = r->e->all.half;

	for (uint32_t i = 0; i < SPOTS; i++) {
		double x = at[0] + (unit(r) * 2 - 1) * radius, y = at[1] + (unit(r) * 2 - 1) * radius, z;

		x = x < -half ? -half : x > half ? half : x;
		y = y < -half ? -half : y > half ? half : y;
		sandbox_charge(L, 50);
		z = ground(r, x, y, at[2]);
		if (z - at[2] <= 3 && at[2] - z <= 3) {
			place_push(L, x, y, z);
			return 1;
		}
	}
	place_push(L, at[0], at[1], at[2]);
	return 1;
}

/* --- making ------------------------------------------------------------------------------------------- */

static int view_spawn(lua_State *L)
{
	struct rules *r = rules_of(L);
	struct wish *wish;

	if (r->args[0].n < KIND_FIRST) {
		return sandbox_raise(L, "S0124", "w:drop lets items fall in an edit", "only monsters can be spawned");
	}
	wish = effect_new(L, WISH_SPAWN, 0);
	wish->name = r->now->kinds[r->args[0].n].name;
	wish->x = r->args[1].at[0];
	wish->y = r->args[1].at[1];
	wish->z = r->args[1].at[2];
	return 0;
}

/* sphere: an iterator over the cells of a ball, from below, without a table of them all. */
static int sphere_next(lua_State *L)
{
	int32_t radius = (int32_t)lua_tointeger(L, lua_upvalueindex(2)), side = 2 * radius + 1;
	lua_Integer at = lua_tointeger(L, lua_upvalueindex(1)), cells = (lua_Integer)side * side * side;
	double limit = lua_tonumber(L, lua_upvalueindex(3));

	for (; at < cells; at++) {
		int32_t x = (int32_t)(at % side) - radius, y = (int32_t)(at / side % side) - radius,
			z = (int32_t)(at / side / side) - radius;
		double up = lua_tonumber(L, lua_upvalueindex(6)) + z;

		if ((double)(x * x + y * y + z * z) <= limit * limit && up >= 0) {
			lua_pushinteger(L, at + 1);
			lua_replace(L, lua_upvalueindex(1));
			sandbox_charge(L, 10);
			place_push(L, lua_tonumber(L, lua_upvalueindex(4)) + x, lua_tonumber(L, lua_upvalueindex(5)) + y, up);
			return 1;
		}
	}
	lua_pushnil(L);
	return 1;
}

static int view_sphere(lua_State *L)
{
	struct rules *r = rules_of(L);
	double radius = r->args[1].number;
	int32_t cell[3];

	cell_at(r, r->args[0].at, cell);
	lua_pushinteger(L, 0);
	lua_pushinteger(L, (lua_Integer)radius);
	lua_pushnumber(L, radius);
	for (int i = 0; i < 3; i++) {
		lua_pushnumber(L, cell[i] + (i < 2 ? 0.5 : 0));
	}
	lua_pushcclosure(L, sphere_next, 6);
	return 1;
}

const struct api_entry view_api[] = {
	{ ON_VIEW, API_FUNCTION, WHEN_LOOK, 0, "block", "at:Pos", "Block", "The block in the cell of a place.",
	  "if w:block(self.pos).liquid then self:say('glub') end", view_block },
	{ ON_VIEW, API_FUNCTION, WHEN_LOOK, 0, "surface", "at:Pos", "Pos", "Where one stands who falls from the sky there.",
	  "self:walk_to(w:surface { x = 0, y = 0 })", view_surface },
	{ ON_VIEW, API_FUNCTION, WHEN_LOOK, 0, "nearest", "kind:kind at:Pos radius:number[0,16]", "Entity?",
	  "The closest entity of a kind that is at most so far from a place, without the one that the call is about; nil if there is none.",
	  "local p = w:nearest('player', self.pos, self.sight)\nif p then self:walk_to(p) end", view_nearest },
	{ ON_VIEW, API_FUNCTION, WHEN_LOOK, 0, "around", "at:Pos radius:number[0,16] kind:kind?", "Entity[]",
	  "All entities that are at most so far from a place, the closest first, up to 256.",
	  "for _, p in ipairs(w:around(self, 8, 'player')) do p:tell('boo') end", view_around },
	{ ON_VIEW, API_FUNCTION, WHEN_LOOK, 0, "line_of_sight", "a:Pos b:Pos", "boolean",
	  "Whether no full block is between the eyes at two places, at most 32 blocks apart.",
	  "local p = w:nearest('player', self, 12)\nif p and w:line_of_sight(self, p) then self:chase(p) end", view_line_of_sight },
	{ ON_VIEW, API_FUNCTION, WHEN_LOOK, 0, "spot_near", "at:Pos radius:number[0,16] rng:Rng", "Pos",
	  "A place to stand, near another; that place itself if none is found.", "self:walk_to(w:spot_near(self.pos, 6, self.rng))",
	  view_spot_near },
	{ ON_VIEW, API_FUNCTION, WHEN_LOOK, 0, "sphere", "at:Pos radius:number[0,8]", "fun():Pos?",
	  "For loops: the places of all cells of a ball.",
	  "for p in w:sphere(self, 1) do if w:block(p).name == 'water' then self:say('splash') end end", view_sphere },
	{ ON_VIEW, API_FUNCTION, WHEN_DO, 0, "spawn", "kind:kind at:Pos", NULL,
	  "A new monster appears there: in stage 2 of this tick, or of the next one if this is stage 2 or 3.",
	  "w:spawn('slime', self.pos)", view_spawn },
	{ 0 }
};

/* --- metatables ----------------------------------------------------------------------------------------- */

static int view_index(lua_State *L)
{
	const struct api_entry *entry = NULL;
	const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?", *near = NULL;
	char help[64];

	lua_pushvalue(L, 2);
	if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) {
		return 1;
	}
	while ((entry = api_next(entry, ON_VIEW)) != NULL) {
		near = api_near(near, name, entry->name);
	}
	snprintf(help, sizeof(help), near != NULL ? "did you mean `%s`?" : "docs/reference/lua.md lists what it has", near);
	return sandbox_raise(L, "S0117", help, "the world has no `%s`", name);
}

static int view_newindex(lua_State *L)
{
	return sandbox_raise(L, "S0108", "what shall be remembered is declared in state = { ... }", "`w` cannot be written to");
}

int views_open(lua_State *L, struct rules *r)
{
	lua_newtable(L);
	lua_newtable(L);
	bind_thing(L, r, ON_VIEW);
	bind_thing(L, r, ON_EDIT);
	lua_pushcclosure(L, view_index, 1);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, view_newindex);
	lua_setfield(L, -2, "__newindex");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	r->view_meta_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	return 0;
}
