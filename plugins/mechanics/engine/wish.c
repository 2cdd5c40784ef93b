/* SPDX-License-Identifier: MIT */
/* What entities do to each other: queued where it is wished, merged in one order whoever wished it where. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "rules/rules.h"
#include "world/terrain.h"

struct wish *wish_add(struct engine *e, uint64_t target, uint64_t source, const char *kind)
{
	struct list *list = e->stage == 1 ? &e->wishes : &e->pending;
	struct wish *wish = list_add(list, sizeof(*wish), WISHES_MAX);
	uint32_t row = source != 0 ? entities_row(&e->all, source) : NO_ROW;

	if (wish == NULL) {
		e->effects_full++;
		return NULL;
	}
	wish->target = target;
	wish->source = source;
	wish->number = row != NO_ROW ? e->all.wish[row]++ : e->tick << 24 | e->wish++;
	wish->kind = kind;
	wish->name = wish->text = "";
	return wish;
}

static int wish_order(const void *a, const void *b)
{
	const struct wish *x = a, *y = b;

	if (x->target != y->target) {
		return x->target < y->target ? -1 : 1;
	}
	if (x->source != y->source) {
		return x->source < y->source ? -1 : 1;
	}
	return (x->number > y->number) - (x->number < y->number);
}

void wishes_merge(struct engine *e)
{
	struct wish *wishes = e->wishes.items;

	if (e->wishes.len > 1 && !MUTANT("arrival_order")) {
		qsort(wishes, e->wishes.len, sizeof(*wishes), wish_order);
	}
	for (uint32_t i = 0; i < e->wishes.len; i++) {
		rules_wish(e->rules, &wishes[i]);
	}
	e->wishes.len = 0;
}

void wish_effect(const struct wish *wish, Region__Effect *ret_effect)
{
	region__effect__init(ret_effect);
	ret_effect->has_target = ret_effect->has_source = ret_effect->has_number = 1;
	ret_effect->has_amount = wish->amount != 0;
	ret_effect->has_x = wish->x != 0;
	ret_effect->has_y = wish->y != 0;
	ret_effect->has_z = wish->z != 0;
	ret_effect->target = wish->target;
	ret_effect->source = wish->source;
	ret_effect->number = wish->number;
	ret_effect->kind = (char *)wish->kind;
	ret_effect->name = wish->name[0] != '\0' ? (char *)wish->name : NULL;
	ret_effect->text = wish->text[0] != '\0' ? (char *)wish->text : NULL;
	ret_effect->amount = wish->amount;
	ret_effect->x = wish->x;
	ret_effect->y = wish->y;
	ret_effect->z = wish->z;
}

void wish_of(struct engine *e, const Region__Effect *effect, struct wish *ret_wish)
{
	struct arena *a = arena_now(e);
	const char *kind = arena_text(a, effect->kind), *name = arena_text(a, effect->name), *text = arena_text(a, effect->text);

	*ret_wish = (struct wish){ .target = effect->target,
				   .source = effect->source,
				   .number = effect->number,
				   .kind = kind != NULL ? kind : "",
				   .name = name != NULL ? name : "",
				   .text = text != NULL ? text : "",
				   .amount = effect->amount,
				   .x = effect->x,
				   .y = effect->y,
				   .z = effect->z };
}

static int here(const struct engine *e, uint64_t target)
{
	uint32_t row = entities_row(&e->all, target);

	return row != NO_ROW && (e->all.flags[row] & ENTITY_GHOST) == 0;
}

int wish_ours(const struct engine *e, const struct wish *wish)
{
	if (wish->target != 0) {
		return here(e, wish->target);
	}
	return entities_inside(&e->all, wish->x, wish->y) ? mine(e, wish->x, wish->y) : first_owner(e);
}

void wishes_keep(struct engine *e)
{
	struct wish *all = e->pending.items;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < e->pending.len; i++) {
		if (all[i].target == 0 || here(e, all[i].target)) {
			all[kept++] = all[i];
		}
	}
	e->pending.len = kept;
}

uint64_t engine_spawn(struct engine *e, const char *kind, double x, double y)
{
	struct wish wish = { .number = e->wish++, .kind = "spawn", .name = kind, .text = "", .x = x, .y = y };
	uint32_t row = rules_spawn(e->rules, &wish);

	return row != NO_ROW ? e->all.id[row] : 0;
}

int engine_give(struct engine *e, uint64_t id, const char *item, uint32_t count)
{
	struct wish wish = { .target = id, .number = e->wish++, .kind = "give", .name = item, .text = "", .amount = count };

	if (entities_row(&e->all, id) == NO_ROW) {
		return -1;
	}
	rules_wish(e->rules, &wish);
	return 0;
}

int engine_put(struct engine *e, int32_t x, int32_t y, int32_t z, const char *block)
{
	int32_t id = block_find(terrain_table(e->terrain), block);

	return id != BLOCK_BAD && terrain_set(e->terrain, x, y, z, (uint16_t)id, e->tick) >= 0 ? 0 : -1;
}
