/* SPDX-License-Identifier: MIT */
/* Blocks and their edits: defining them, asking for them, and running them in stage 2. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/internal.h"

/* --- definitions ---------------------------------------------------------------------------------------- */

static int edit_define(lua_State *L)
{
	struct generation *generation = loading_of(L);
	char what[80];
	struct edit *edit;

	snprintf(what, sizeof(what), "edit \"%s\"", defined_name(L));
	luaL_checktype(L, 1, LUA_TTABLE);
	bind_table(L, 1, DEF_EDIT, what, 0);
	edit = defs_add(L, &generation->edits, sizeof(*edit), "edit", defined_name(L));
	edit->priority = (int32_t)key_number(L, 1, "priority", 0);
	edit->check = key_handler(L, 1, "check", &generation->defs, what);
	edit->apply = key_handler(L, 1, "apply", &generation->defs, what);
	return edit->apply >= 0 ? 0 : sandbox_raise(L, "S0125", "apply = function(w, e) ... end", "%s has no `apply`", what);
}

static int game_edit(lua_State *L)
{
	return define_push(L, edit_define, "edit");
}

/* A block that the world is made of keeps what the definition does not say. */
static void block_base(struct block_type *type, const char *name)
{
	struct block_table *table = block_table_new();
	int32_t id = table != NULL ? block_find(table, name) : -1;

	*type = (struct block_type){ .flags = BLOCK_GROUND | BLOCK_FULL, .hardness = 1, .glyph = '#', .color = 250 };
	if (id >= 0) {
		*type = *block_type(table, (uint16_t)id);
	}
	snprintf(type->name, sizeof(type->name), "%s", name);
	block_table_free(table);
}

static void flag(lua_State *L, const char *key, uint8_t bits, uint8_t *flags)
{
	if (key_push(L, 1, key) == LUA_TBOOLEAN) {
		*flags = (uint8_t)(lua_toboolean(L, -1) ? *flags | bits : *flags & ~bits);
	}
	lua_pop(L, 1);
}

static int block_definition(lua_State *L)
{
	struct generation *generation = loading_of(L);
	char what[80];
	struct block_type *type;

	snprintf(what, sizeof(what), "block \"%s\"", defined_name(L));
	luaL_checktype(L, 1, LUA_TTABLE);
	bind_table(L, 1, DEF_BLOCK, what, 0);
	type = defs_add(L, &generation->blocks, sizeof(*type), "block", defined_name(L));
	block_base(type, defined_name(L));
	type->hardness = (uint16_t)key_number(L, 1, "hardness", type->hardness);
	type->power = (uint8_t)key_number(L, 1, "power", type->power);
	type->color = (uint8_t)key_number(L, 1, "color", type->color);
	if (key_push(L, 1, "drops") == LUA_TSTRING) {
		snprintf(type->drops, sizeof(type->drops), "%s", lua_tostring(L, -1));
	}
	if (key_push(L, 1, "glyph") == LUA_TSTRING) {
		type->glyph = lua_tostring(L, -1)[0];
	}
	flag(L, "solid", BLOCK_GROUND | BLOCK_FULL, &type->flags);
	flag(L, "liquid", BLOCK_LIQUID, &type->flags);
	return 0;
}

static int game_block(lua_State *L)
{
	return define_push(L, block_definition, "block");
}

void blocks_take(struct rules *r)
{
	const struct block_type *types = r->now->blocks.items;

	for (uint32_t i = 0; i < r->now->blocks.len; i++) {
		if (block_define(r->e->blocks, &types[i]) < 0) {
			say_log(r->e, TROUPE_LOG_ERROR, NULL, "the block \"%s\" cannot be defined", types[i].name);
		}
	}
}

/* --- asking ---------------------------------------------------------------------------------------------- */

int line_ask_check(lua_State *L, const double at[3])
{
	struct rules *r = rules_of(L);
	int half = (int)r->e->all.half;

	if (r->line == 0) {
		return 0;
	}
	if (!cell_inside(r->e, cell_of(r->e, at[0]), cell_of(r->e, at[1]), (int32_t)at[2])) {
		return sandbox_raise(L, "S0119", NULL, "there is no block at (%g, %g, %g): x and y go from %d to %d, z from 0 to %u", at[0],
				     at[1], at[2], -half, half - 1, r->e->shape.height - 1);
	}
	if (r->e->edits.asks.len + EFFECTS_MAX > WISHES_MAX) {
		return sandbox_raise(L, "S0111", "say the line again", "too many edits are asked for in this tick");
	}
	return 0;
}

static int view_ask(lua_State *L)
{
	static const char *const own[] = { "edit", "at", "by" };
	struct rules *r = rules_of(L);
	struct wish *wish;
	double at[3];

	if (key_push(L, 2, "by") != LUA_TNIL && handle_get(L, -1) != r->subject) {
		return sandbox_raise(L, "S0122", "leave `by` out", "w:ask: `by` is the entity that the call is about");
	}
	lua_settop(L, 2);
	lua_newtable(L); /* what is the edit's own */
	sandbox_content(L, 2);
	for (lua_pushnil(L); lua_next(L, 4); lua_pop(L, 1)) {
		int known = 0;

		for (int i = 0; i < 3; i++) {
			known |= strcmp(lua_tostring(L, 5), own[i]) == 0;
		}
		if (!known) {
			lua_pushvalue(L, 5);
			lua_pushvalue(L, 6);
			lua_rawset(L, 3);
		}
	}
	wish = effect_new(L, WISH_ASK, r->subject);
	wish->text = data_pack(L, 3);
	key_push(L, 2, "at");
	place_read(L, lua_gettop(L), at, 0);
	line_ask_check(L, at);
	wish->x = at[0];
	wish->y = at[1];
	wish->z = at[2];
	key_push(L, 2, "edit");
	wish->name = effect_text(L, lua_tostring(L, -1), lua_rawlen(L, -1));
	return 0;
}

static Region__Value *value_new(struct arena *a, const char *name)
{
	Region__Value *value = arena_get(a, sizeof(*value));

	if (value != NULL) {
		region__value__init(value);
		value->name = arena_text(a, name);
	}
	return value;
}

/* args_add: what the edit is told: the asker's own data, and its tool: the edit's owner may not have its bag. */
static void args_add(struct rules *r, struct ask *ask, uint32_t row, const char *data)
{
	struct arena *a = arena_now(r->e);
	Region__Value *own = value_new(a, "data"), *tool = value_new(a, "tool");
	const char *name = "";
	int32_t power = 0;

	ask->args = arena_get(a, 2 * sizeof(Region__Value *));
	if (own == NULL || tool == NULL || ask->args == NULL) {
		ask->args = NULL;
		return;
	}
	if (row != NO_ROW) {
		tool_of(r, row, &name, &power);
	}
	own->text = arena_text(a, data);
	tool->text = arena_text(a, name);
	tool->has_integer = 1;
	tool->integer = power;
	ask->args[0] = own;
	ask->args[1] = tool;
	ask->args_len = 2;
}

void rules_refund(struct rules *r, const struct ask *ask)
{
	size_t len = 0;
	const char *item = ask->args_len > 0 && ask->args[0]->text != NULL ? data_text(ask->args[0]->text, "pays", &len) : NULL;
	struct wish *wish = item != NULL && len > 0 && len <= WORD_MAX ? list_add(&r->e->pending, sizeof(*wish), WISHES_MAX) : NULL;
	char *name = wish != NULL ? arena_get(arena_now(r->e), len + 1) : NULL;

	if (wish == NULL) {
		return;
	}
	if (name == NULL) {
		r->e->pending.len--;
		return;
	}
	memcpy(name, item, len);
	name[len] = '\0';
	/* numbered behind what the edit itself would have wished */
	*wish = (struct wish){ .target = ask->actor,
			       .source = ask->actor,
			       .number = 1ull << 63 | (uint64_t)ask->number << 7 | CLAIM_WISHES_MAX,
			       .kind = "give",
			       .name = name,
			       .text = "",
			       .amount = 1 };
}

void wish_ask(struct rules *r, uint32_t row, const struct wish *wish)
{
	int32_t x = cell_of(r->e, wish->x), y = cell_of(r->e, wish->y), z = (int32_t)wish->z;
	uint64_t actor = row != NO_ROW ? r->e->all.id[row] : 0;
	const struct edit *edit = defs_find(&r->now->edits, sizeof(*edit), wish->name);
	const char *reason;
	struct ask *ask;

	if ((edit == NULL && (r->line == 0 || strcmp(wish->name, EDIT_SET) != 0)) || !entities_inside(&r->e->all, wish->x, wish->y)) {
		return;
	}
	if (r->line != 0) { /* the world asks, whichever owner runs the line */
		ask = ask_numbered(r->e, wish->name, x, y, z, (uint32_t)seed_mix(r->line, r->line_asks++));
		reason = "world.outside";
	} else {
		ask = ask_add(r->e, actor, wish->name, x, y, z, &reason);
	}
	if (ask == NULL) {
		struct ask none = { .actor = actor, .number = (uint32_t)wish->number };

		args_add(r, &none, row, wish->text);
		rules_refund(r, &none);
		r->ask_reason = reason;
		return;
	}
	ask->priority = edit != NULL ? edit->priority : 0;
	args_add(r, ask, row, wish->text);
	if (r->token != 0 && r->e->stage == 1) {
		ask->token = r->token; /* the act is answered when this is decided */
		ask->act_key = r->act_key;
		r->token = 0;
		r->asked = 1;
	}
}

/* --- blocks that were woken ------------------------------------------------------------------------------ */

/* A cell whose block an edit of the last tick woke. */
struct woken {
	uint64_t turn;
	uint32_t region;
	int32_t x, y, z;
};

/* woken_order: by region; within it by turns that are others in each tick, so that none always finds the region full. */
static int woken_order(const void *a, const void *b)
{
	const struct woken *x = a, *y = b;

	if (x->region != y->region) {
		return x->region < y->region ? -1 : 1;
	}
	if (x->turn != y->turn) {
		return x->turn < y->turn ? -1 : 1;
	}
	if (x->x != y->x) {
		return x->x < y->x ? -1 : 1;
	}
	return x->y != y->y ? (x->y > y->y) - (x->y < y->y) : (x->z > y->z) - (x->z < y->z);
}

static uint32_t woken_gather(struct rules *r, struct woken **ret_woken)
{
	const struct engine *e = r->e;
	const struct wish *wishes = e->wishes.items;
	uint32_t len = 0;

	*ret_woken = NULL;
	for (uint32_t i = 0; i < e->wishes.len; i++) {
		const struct wish *wish = &wishes[i];
		struct woken one;

		if (strcmp(wish->kind, "ask") != 0 || !entities_inside(&e->all, wish->x, wish->y) || !mine(e, wish->x, wish->y)) {
			continue;
		}
		if (*ret_woken == NULL && (*ret_woken = arena_get(arena_now(r->e), (e->wishes.len - i) * sizeof(one))) == NULL) {
			r->e->effects_full++;
			return 0;
		}
		one = (struct woken){ .region = engine_region_at(e, wish->x, wish->y),
				      .x = cell_of(e, wish->x),
				      .y = cell_of(e, wish->y),
				      .z = (int32_t)wish->z };
		one.turn = seed_mix(seed_mix(e->tick, (uint32_t)one.x), seed_mix((uint32_t)one.y, (uint32_t)one.z));
		(*ret_woken)[len++] = one;
	}
	return len;
}

/* woken_ask: the block's own edit: 1 if it was asked for, or refused. */
static int woken_ask(struct rules *r, const struct woken *woken, int full)
{
	const struct block_type *type = block_type(r->e->blocks, terrain_block(r->e->terrain, woken->x, woken->y, woken->z));
	const struct edit *edit = type != NULL ? defs_find(&r->now->edits, sizeof(*edit), type->name) : NULL;
	struct ask *ask;

	if (edit == NULL || full) {
		r->e->edits.refused += edit != NULL;
		return edit != NULL;
	}
	ask = ask_woken(r->e, type->name, woken->x, woken->y, woken->z);
	if (ask != NULL) {
		ask->priority = edit->priority;
		args_add(r, ask, NO_ROW, "");
	}
	return ask != NULL;
}

/* Whoever has the place asks; the wish itself is nothing for the merge. */
void asks_tick(struct rules *r)
{
	struct woken *woken;
	uint32_t len = woken_gather(r, &woken), asked = 0;

	if (len > 1) {
		qsort(woken, len, sizeof(*woken), woken_order);
	}
	for (uint32_t i = 0; i < len; i++) {
		if (i > 0 && woken[i].region != woken[i - 1].region) {
			asked = 0;
		} else if (i > 0 && woken_order(&woken[i - 1], &woken[i]) == 0) {
			continue; /* woken twice */
		}
		asked += (uint32_t)woken_ask(r, &woken[i], asked >= ASKS_OF_REGION);
	}
}

/* --- running --------------------------------------------------------------------------------------------- */

static const Region__Value *arg_find(const struct ask *ask, const char *name)
{
	for (uint32_t i = 0; i < ask->args_len; i++) {
		if (ask->args[i]->name != NULL && strcmp(ask->args[i]->name, name) == 0) {
			return ask->args[i];
		}
	}
	return NULL;
}

static void request_push(lua_State *L, void *arg)
{
	const struct ask *ask = ((const struct claim *)arg)->ask;
	const Region__Value *own = arg_find(ask, "data"), *tool = arg_find(ask, "tool");
	struct rules *r = rules_of(L);

	data_push(L, own != NULL && own->text != NULL ? own->text : "");
	place_push(L, ask->x + 0.5, ask->y + 0.5, ask->z);
	lua_setfield(L, -2, "at");
	lua_pushstring(L, ask->edit);
	lua_setfield(L, -2, "edit");
	if (ask->actor != 0) {
		handle_push_id(L, r, ask->actor);
		lua_setfield(L, -2, "by");
	}
	lua_createtable(L, 0, 2);
	lua_pushstring(L, tool != NULL && tool->text != NULL ? tool->text : "");
	lua_setfield(L, -2, "name");
	lua_pushinteger(L, tool != NULL ? tool->integer : 0);
	lua_setfield(L, -2, "power");
	lua_setfield(L, -2, "tool");
	lua_rawgeti(L, LUA_REGISTRYINDEX, r->rng_ref);
	lua_setfield(L, -2, "rng");
}

/* run: one function of an edit; NULL, or why the edit is refused. */
static const char *run(struct rules *r, int handler, uint8_t when, struct claim *claim)
{
	const double center[3] = { claim->ask->x + 0.5, claim->ask->y + 0.5, claim->ask->z };
	struct handler *h = &r->now->defs.items[handler];
	struct value args[2] = { { .type = VALUE_NIL }, { .type = VALUE_PUSH, .push = request_push, .arg = claim } };
	struct answer answer;
	int failed;

	r->claim = claim;
	failed = rules_call(r, h, when, 0, center, args, 2, &answer);
	r->claim = NULL;
	if (failed) {
		return h->quarantined ? "world.rule_paused" : "world.rule_failed";
	}
	return answer.type == LUA_TSTRING && answer.len > 0 && proto_utf8(r->ret_text, answer.len) ? r->ret_text : NULL;
}

/* set_run: the one block that a line wants. */
static const char *set_run(struct rules *r, struct claim *claim)
{
	const struct ask *ask = claim->ask;
	const Region__Value *name = arg_find(ask, "data");
	int32_t block = name != NULL && name->text != NULL ? block_find(r->e->blocks, name->text) : -1;

	return block >= 0 && claim_set(r->e, claim, ask->x, ask->y, ask->z, (uint16_t)block) == 0 ? NULL : "world.no_block";
}

void rules_edit(struct rules *r, struct claim *claim)
{
	const struct edit *edit = defs_find(&r->now->edits, sizeof(*edit), claim->ask->edit);
	const char *reason = "world.no_edit";

	if (strcmp(claim->ask->edit, EDIT_SET) == 0) {
		reason = set_run(r, claim);
	} else if (edit != NULL) {
		reason = edit->check >= 0 ? run(r, edit->check, WHEN_CHECK, claim) : NULL;
		reason = reason == NULL ? run(r, edit->apply, WHEN_EDIT, claim) : reason;
	}
	claim->refused = reason != NULL ? arena_text(arena_now(r->e), reason) : NULL;
}

const struct api_entry edit_api[] = {
	{ ON_GAME, API_FUNCTION, WHEN_LOAD, 0, "edit", "name:word", "fun(def:EditDef)",
	  "Defines a change of blocks: asked for by w:ask, made in stage 2, all of it or nothing.",
	  "g.edit 'flatten' {\n\tcheck = function(w, e)\n\t\tif w:zone(e.at).protected then return 'protected_zone' end\n\tend,\n\tapply = "
	  "function(w, e)\n\t\tw:set(e.at, 'air')\n\tend,\n}",
	  game_edit },
	{ DEF_EDIT, API_KEY, 0, 0, "priority", "priority:integer[-1000,1000]?", NULL,
	  "Of two edits that want the same cell the one with the lower number wins; 0.", NULL, NULL },
	{ DEF_EDIT, API_KEY, 0, 0, "check", "w:WorldView e:Edit", "string?",
	  "Says no by returning a reason, which the player's action is answered with; it only looks.", NULL, NULL },
	{ DEF_EDIT, API_KEY, 0, 0, "apply", "w:WorldEdit e:Edit", "string?",
	  "Sets blocks; what it does to others happens only if the edit wins. It too may return a reason, and then does nothing.", NULL,
	  NULL },
	{ ON_GAME, API_FUNCTION, WHEN_LOAD, 0, "block", "name:word", "fun(def:BlockDef)",
	  "Defines a kind of block, or changes one that the world is made of.",
	  "g.block 'marble' { hardness = 3, power = 2, drops = 'marble', glyph = 'M' }", game_block },
	{ DEF_BLOCK, API_KEY, 0, 0, "hardness", "hardness:integer[0,65535]?", NULL,
	  "The work that breaks it; 65535 = never. 1, or as it was.", NULL, NULL },
	{ DEF_BLOCK, API_KEY, 0, 0, "power", "power:integer[0,255]?", NULL, "The power of the tool that breaks it; 0 = a bare hand.",
	  NULL, NULL },
	{ DEF_BLOCK, API_KEY, 0, 0, "drops", "drops:item?", NULL, "The item that is left of it; none.", NULL, NULL },
	{ DEF_BLOCK, API_KEY, 0, 0, "glyph", "glyph:text?", NULL, "Its sign on a map in a terminal; \"#\".", NULL, NULL },
	{ DEF_BLOCK, API_KEY, 0, 0, "color", "color:integer[0,255]?", NULL, "Its colour there, of the 256 of xterm.", NULL, NULL },
	{ DEF_BLOCK, API_KEY, 0, 0, "solid", "solid:boolean?", NULL, "Whether it carries, is in the way, and ends sight; true.", NULL,
	  NULL },
	{ DEF_BLOCK, API_KEY, 0, 0, "liquid", "liquid:boolean?", NULL, "Whether one can move through it, but not breathe.", NULL, NULL },
	{ ON_VIEW, API_FUNCTION, WHEN_1 | WHEN_2 | WHEN_3, 0, "ask", "ask:EditRequest", NULL,
	  "Asks for an edit: it is made in stage 2 of this tick, or of the next one if this is stage 2 or 3. A player's action that asks "
	  "is answered with what became of its first edit: \"\", or why not (\"conflict\": another edit was first). Who took an item for it "
	  "says pays = ITEM, and one is given back if the edit is not made.",
	  "w:ask { edit = 'crack', at = self.pos, radius = 1 }", view_ask },
	{ ON_ASK, API_KEY, 0, 0, "edit", "edit:edit", NULL, "The edit that shall be made.", NULL, NULL },
	{ ON_ASK, API_KEY, 0, 0, "at", "at:Pos", NULL, "Its place.", NULL, NULL },
	{ ON_ASK, API_KEY, 0, 0, "by", "by:Entity?", NULL, "Who asks: the entity that the call is about.", NULL, NULL },

	{ ON_REQUEST, API_FIELD, 0, 0, "edit", "edit:edit", NULL, "The edit's name.", NULL, NULL },
	{ ON_REQUEST, API_FIELD, 0, 0, "at", "at:Pos", NULL, "The cell that was asked for: the middle of its floor.", NULL, NULL },
	{ ON_REQUEST, API_FIELD, 0, 0, "by", "by:Entity?", NULL,
	  "Who asked; nil if the world did. It may be another owner's: what it carries is not known here.", NULL, NULL },
	{ ON_REQUEST, API_FIELD, 0, 0, "tool", "tool:Tool", NULL, "The asker's strongest tool.", NULL, NULL },
	{ ON_REQUEST, API_FIELD, 0, 0, "rng", "rng:Rng", NULL, "Random numbers for this edit.", NULL, NULL },
	{ 0 }
};
