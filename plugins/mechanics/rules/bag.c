/* SPDX-License-Identifier: MIT */
/* What entities carry, what lies on the ground, and rewards that outlast the world. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/internal.h"

#define COUNT_MAX 1000000u
#define DROP_LASTS_MS 120000u /* on the ground */
#define DROP_EVERY 5u	      /* ticks from one look for somebody who takes it to the next */
#define DROP_REACH 1.5

/* --- definitions ------------------------------------------------------------------------------------- */

static int item_define(lua_State *L)
{
	struct generation *generation = loading_of(L);
	char what[80];
	struct item *item;

	snprintf(what, sizeof(what), "item \"%s\"", defined_name(L));
	luaL_checktype(L, 1, LUA_TTABLE);
	bind_table(L, 1, DEF_ITEM, what, 0);
	item = defs_add(L, &generation->items, sizeof(*item), "item", defined_name(L));
	item->stack = (uint32_t)key_number(L, 1, "stack", COUNT_MAX);
	item->power = (int32_t)key_number(L, 1, "power", 0);
	return 0;
}

static int game_item(lua_State *L)
{
	return define_push(L, item_define, "item");
}

/* --- carrying ----------------------------------------------------------------------------------------- */

static uint32_t room_for(const struct rules *r, const char *item)
{
	const struct item *defined = defs_find(&r->now->items, sizeof(*defined), item);

	return defined != NULL ? defined->stack : COUNT_MAX;
}

uint32_t bag_count(const struct rules *r, uint32_t row, const char *item)
{
	const struct extra *extra = r->e->all.extra[row];
	const struct stack *stack = extra != NULL ? named_find(&extra->bag, sizeof(*stack), item) : NULL;
	double count = stack != NULL ? stack->count : 0;

	for (uint32_t i = 0; r->when != 0 && i < r->effects_len; i++) { /* what this call has given and taken counts already */
		const struct wish *effect = &r->effects[i];

		if (effect->target == r->e->all.id[row] && (effect->number == WISH_GIVE || effect->number == WISH_TAKE) &&
		    strcmp(effect->name, item) == 0) {
			count += effect->number == WISH_GIVE ? effect->amount : -effect->amount;
		}
	}
	return count > 0 ? (uint32_t)count : 0;
}

static void let_fall(struct rules *r, uint32_t row, const char *item, double count)
{
	struct wish *wish = wish_to(r, WISH_DROP, 0, r->e->all.id[row], item, count);

	if (wish != NULL) {
		wish->x = r->e->all.x[row];
		wish->y = r->e->all.y[row];
		wish->z = r->e->all.z[row];
	}
}

void wish_give(struct rules *r, uint32_t row, const struct wish *wish)
{
	struct extra *extra = extra_of(r->e, row);
	struct stack *stack = extra != NULL ? named_add(&extra->bag, sizeof(*stack), BAG_STACKS_MAX, wish->name) : NULL;
	uint32_t room = room_for(r, wish->name), count = wish->amount > 0 && wish->amount <= COUNT_MAX ? (uint32_t)wish->amount : 0;
	uint32_t fits;

	if (stack == NULL) { /* the bag is full */
		let_fall(r, row, wish->name, count);
		return;
	}
	room = stack->count < room ? room - stack->count : 0;
	fits = count < room ? count : room;
	stack->count += fits;
	if (stack->count == 0) {
		named_remove(&extra->bag, sizeof(*stack), wish->name);
	}
	if (count > fits) {
		let_fall(r, row, wish->name, count - fits);
	}
}

void wish_take(struct rules *r, uint32_t row, const struct wish *wish)
{
	struct extra *extra = r->e->all.extra[row];
	struct stack *stack = extra != NULL ? named_find(&extra->bag, sizeof(*stack), wish->name) : NULL;

	if (stack == NULL) {
		return;
	}
	stack->count -= wish->amount < stack->count ? (uint32_t)wish->amount : stack->count;
	if (stack->count == 0) {
		named_remove(&extra->bag, sizeof(*stack), wish->name);
	}
}

static void bag_effect(lua_State *L, enum wish_kind kind, const char *item, double count)
{
	struct rules *r = rules_of(L);
	struct wish *wish = effect_new(L, kind, r->args[PARAMS_MAX].id);

	wish->name = effect_text(L, item, strlen(item));
	wish->amount = count;
}

static int entity_give(lua_State *L)
{
	struct rules *r = rules_of(L);

	bag_effect(L, WISH_GIVE, r->args[0].text, r->args[1].given ? r->args[1].number : 1);
	return 0;
}

static int entity_take(lua_State *L)
{
	struct rules *r = rules_of(L);
	double count = r->args[1].given ? r->args[1].number : 1;
	int there = bag_count(r, self_row(L), r->args[0].text) >= count;

	if (there) {
		bag_effect(L, WISH_TAKE, r->args[0].text, count);
	}
	lua_pushboolean(L, there);
	return 1;
}

static int entity_count(lua_State *L)
{
	struct rules *r = rules_of(L);

	lua_pushinteger(L, bag_count(r, self_row(L), r->args[0].text));
	return 1;
}

static int entity_bag(lua_State *L)
{
	struct rules *r = rules_of(L);
	const struct extra *extra = r->e->all.extra[self_row(L)];
	const struct stack *stacks = extra != NULL ? extra->bag.items : NULL;

	lua_newtable(L);
	for (uint32_t i = 0; extra != NULL && i < extra->bag.len; i++) {
		lua_pushinteger(L, stacks[i].count);
		lua_setfield(L, -2, stacks[i].item);
	}
	return 1;
}

void tool_of(const struct rules *r, uint32_t row, const char **ret_name, int32_t *ret_power)
{
	const struct item *items = r->now->items.items;

	*ret_name = "hand";
	*ret_power = 0;
	for (uint32_t i = 0; i < r->now->items.len; i++) {
		if (items[i].power > *ret_power && bag_count(r, row, items[i].name) > 0) {
			*ret_name = items[i].name;
			*ret_power = items[i].power;
		}
	}
}

static int entity_tool(lua_State *L)
{
	struct rules *r = rules_of(L);
	const char *name;
	int32_t power;

	tool_of(r, self_row(L), &name, &power);
	lua_createtable(L, 0, 2);
	lua_pushstring(L, name);
	lua_setfield(L, -2, "name");
	lua_pushinteger(L, power);
	lua_setfield(L, -2, "power");
	return 1;
}

/* --- on the ground ------------------------------------------------------------------------------------- */

void wish_drop(struct rules *r, uint32_t row, const struct wish *wish)
{
	struct wish born = *wish;
	struct extra *extra;
	struct stack *stack;

	if (!(wish->amount >= 1 && wish->amount <= COUNT_MAX)) {
		return;
	}
	born.name = r->now->kinds[KIND_DROP].name;
	row = rules_spawn(r, &born);
	extra = row != NO_ROW ? extra_of(r->e, row) : NULL;
	stack = extra != NULL ? named_add(&extra->bag, sizeof(*stack), BAG_STACKS_MAX, wish->name) : NULL;
	if (stack != NULL) {
		stack->count = (uint32_t)wish->amount;
		extra->ends = r->e->tick + DROP_LASTS_MS / r->e->shape.tick_ms;
		snprintf(r->e->all.name[row], sizeof(r->e->all.name[row]), "%s", wish->name);
	}
}

/* taker: the nearest player who stands within reach. */
static uint32_t taker(struct rules *r, uint32_t drop)
{
	const struct entities *w = &r->e->all;
	uint32_t cells[AROUND_MAX], n = entities_around(w, w->chunk_of[drop], cells), best = NO_ROW;
	double least = DROP_REACH * DROP_REACH;

	for (uint32_t i = 0; i < n; i++) {
		if (!entities_has_kind(w, cells[i], KIND_PLAYER) ||
		    entities_apart(w, cells[i], w->x[drop], w->y[drop], DROP_REACH)) {
			continue;
		}
		for (uint32_t row = w->first[cells[i]]; row != NO_ROW; row = w->next[row]) {
			double dx = w->x[row] - w->x[drop], dy = w->y[row] - w->y[drop], dz = w->z[row] - w->z[drop];
			double square = dx * dx + dy * dy + dz * dz;

			if (w->kind[row] == KIND_PLAYER && visible_row(r, w->id[row]) != NO_ROW && w->seen_health[row] > 0 &&
			    (square < least || (square == least && best != NO_ROW && w->id[row] < w->id[best]))) {
				least = square;
				best = row;
			}
		}
	}
	return best;
}

void bags_tick(struct rules *r)
{
	struct entities *w = &r->e->all;

	for (uint32_t row = 0; row < w->count; row++) {
		const struct extra *extra = w->kind[row] == KIND_DROP && runs(w, row) ? w->extra[row] : NULL;
		const struct stack *stack = extra != NULL && extra->bag.len > 0 ? extra->bag.items : NULL;
		uint32_t by = NO_ROW;

		if (stack == NULL || (r->e->tick + w->id[row]) % DROP_EVERY != 0) {
			continue;
		}
		r->subject = w->id[row];
		r->looks = 1;
		r->center[0] = w->x[row];
		r->center[1] = w->y[row];
		by = taker(r, row);
		if (by != NO_ROW) {
			wish_to(r, WISH_GIVE, w->id[by], w->id[row], stack->item, stack->count);
		}
		if (by != NO_ROW || (extra->ends != 0 && extra->ends <= r->e->tick)) {
			w->flags[row] |= ENTITY_LEAVES;
		}
	}
}

/* --- rewards ------------------------------------------------------------------------------------------- */

/* tell: the event "rewarded" in this tick, or the next one. */
static void rewarded_tell(struct rules *r, uint32_t row, const struct owed *owed, int granted, const char *reason)
{
	uint64_t id = r->e->all.id[row];
	struct wish *wish = wish_to(r, WISH_EVENT, id, id, "rewarded", 0);
	char text[256];

	snprintf(text, sizeof(text), "count i%u;granted b%d;item s%zu:%s;", owed->count, granted, strlen(owed->item), owed->item);
	if (!granted && strlen(reason) <= TROUPE_REASON_MAX && proto_utf8(reason, strlen(reason))) {
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "reason s%zu:%s;", strlen(reason), reason);
	}
	if (wish != NULL) {
		wish->text = output_text(r->e, text);
		wish->text = wish->text != NULL ? wish->text : "";
	}
}

static struct owed *owed_find(const struct list *owed, const uint64_t key[2])
{
	struct owed *all = owed->items;

	for (uint32_t i = 0; i < owed->len; i++) {
		if (memcmp(all[i].key, key, sizeof(all[i].key)) == 0) {
			return &all[i];
		}
	}
	return NULL;
}

void wish_reward(struct rules *r, uint32_t row, const struct wish *wish)
{
	struct extra *extra = extra_of(r->e, row);
	struct owed owed = { .count = (uint32_t)wish->amount }, *place;
	struct output *out;

	/* the same when the tick is run again: so it is granted once */
	owed.key[0] = seed_mix(seed_mix(r->e->shape.seed, r->e->tick), r->e->all.id[row]);
	owed.key[1] = troupe_fnv64(wish->text, strlen(wish->text));
	snprintf(owed.item, sizeof(owed.item), "%s", wish->name);
	if (extra == NULL || owed_find(&extra->owed, owed.key) != NULL) {
		return;
	}
	place = list_add(&extra->owed, sizeof(owed), OWED_MAX);
	if (place == NULL) {
		rewarded_tell(r, row, &owed, 0, "world.busy");
		return;
	}
	*place = owed;
	out = output(r->e, OUTPUT_GRANT, r->e->all.id[row]);
	if (out != NULL) { /* else whoever asks for what is owed does so later */
		memcpy(out->key, owed.key, sizeof(out->key));
		out->name = output_text(r->e, owed.item);
		out->count = owed.count;
	}
}

void rules_rewarded(struct rules *r, uint32_t row, const uint64_t key[2], int granted, const char *reason)
{
	struct list *list = r->e->all.extra[row] != NULL ? &r->e->all.extra[row]->owed : NULL;
	struct owed *all = list != NULL ? list->items : NULL, *owed = list != NULL ? owed_find(list, key) : NULL;

	if (owed == NULL) {
		return; /* it was answered */
	}
	rewarded_tell(r, row, owed, granted, reason);
	memmove(owed, owed + 1, (size_t)(all + list->len - owed - 1) * sizeof(*owed));
	list->len--;
}

static int player_reward(lua_State *L)
{
	struct rules *r = rules_of(L);
	struct wish *wish = effect_new(L, WISH_REWARD, r->args[PARAMS_MAX].id);

	wish->name = effect_text(L, r->args[0].text, strlen(r->args[0].text));
	wish->amount = r->args[1].number;
	wish->text = effect_text(L, r->args[2].text, strlen(r->args[2].text));
	return 0;
}

const struct api_entry bag_api[] = {
	{ ON_GAME, API_FUNCTION, WHEN_LOAD, 0, "item", "name:word", "fun(def:ItemDef)", "Defines something to carry.",
	  "g.item 'iron_pick' { power = 3, stack = 1 }", game_item },
	{ DEF_ITEM, API_KEY, 0, 0, "stack", "stack:integer[1,1000000]?", NULL, "So many an entity can carry; 1000000.", NULL, NULL },
	{ DEF_ITEM, API_KEY, 0, 0, "power", "power:integer[0,255]?", NULL, "As a tool: which blocks it breaks; 0 = it is none.", NULL,
	  NULL },
	{ ON_ENTITY, API_FUNCTION, WHEN_DO, 0, "give", "item:item count:integer[1,1000000]?", NULL,
	  "Puts items (1) into its bag; what does not fit falls to the ground. A bag holds 64 sorts.", "self:give('gel', 2)", entity_give },
	{ ON_ENTITY, API_FUNCTION, WHEN_DO, 1, "take", "item:item count:integer[1,1000000]?", "boolean",
	  "Takes items (1) out of its bag: all of them, or none and false.", "if self:take('gel', 2) then self:say('gulp') end",
	  entity_take },
	{ ON_ENTITY, API_FUNCTION, WHEN_LOOK, 1, "count", "item:item", "integer", "How many of an item are in its bag.",
	  "if self:count('gel') > 3 then self:say('I am rich') end", entity_count },
	{ ON_ENTITY, API_FUNCTION, WHEN_LOOK, 1, "bag", "", "table<ItemName, integer>", "All that is in its bag, in a table of its own.",
	  "for item, n in pairs(self:bag()) do print(item, n) end", entity_bag },
	{ ON_ENTITY, API_FUNCTION, WHEN_LOOK, 1, "tool", "", "Tool", "The strongest tool in its bag; the bare hand has power 0.",
	  "if self:tool().power >= 1 then self:say('I can dig') end", entity_tool },
	{ ON_PLAYER, API_FUNCTION, WHEN_DO, 0, "reward", "item:item count:integer[1,1000000] receipt:text", NULL,
	  "Grants items for good, by the item store: once for each receipt of a player in a tick, also when the tick is run again. What "
	  "came of it is told by the event \"rewarded\".",
	  "self:reward('medal', 1, 'first_wave')", player_reward },
	{ ON_TOOL, API_FIELD, 0, 0, "name", "name:item", NULL, "The item; \"hand\" for the bare hand.", NULL, NULL },
	{ ON_TOOL, API_FIELD, 0, 0, "power", "power:integer", NULL, "Its power.", NULL, NULL },
	{ 0 }
};
