/* SPDX-License-Identifier: MIT */
/* What few entities have, as part of a record and back: bags, cooldowns, what slows, quests, regions, a skill that is cast. */
#include <stdio.h>
#include <string.h>

#include "rules/internal.h"

/* --- making ------------------------------------------------------------------------------------------ */

static Region__Timer *timer_make(struct arena *a, const char *name, uint64_t due)
{
	Region__Timer *timer = arena_get(a, sizeof(*timer));

	if (timer != NULL) {
		region__timer__init(timer);
		timer->method = arena_text(a, name);
		timer->has_due = 1;
		timer->due = due;
	}
	return timer;
}

static Region__Value *value_make(struct arena *a, const char *name)
{
	Region__Value *value = arena_get(a, sizeof(*value));

	if (value != NULL) {
		region__value__init(value);
		value->name = arena_text(a, name);
	}
	return value;
}

static int keep_bag(const struct extra *extra, Region__Record *record, struct arena *a)
{
	const struct stack *stacks = extra->bag.items;

	record->bag = arena_get(a, (extra->bag.len + 1) * sizeof(*record->bag));
	for (uint32_t i = 0; record->bag != NULL && i < extra->bag.len; i++) {
		Region__Stack *stack = arena_get(a, sizeof(*stack));

		if (stack == NULL) {
			return -1;
		}
		region__stack__init(stack);
		stack->item = arena_text(a, stacks[i].item);
		stack->has_count = 1;
		stack->count = stacks[i].count;
		record->bag[record->n_bag++] = stack;
	}
	return record->bag != NULL ? 0 : -1;
}

static int keep_lists(const struct extra *extra, Region__Record *record, struct arena *a)
{
	const struct cooldown *cooldowns = extra->cooldowns.items;
	const struct slow *slows = extra->slows.items;
	const struct tally *quests = extra->quests.items;

	record->cooldowns = arena_get(a, (extra->cooldowns.len + 1) * sizeof(*record->cooldowns));
	record->slows = arena_get(a, (extra->slows.len + 1) * sizeof(*record->slows));
	record->quests = arena_get(a, (extra->quests.len + 1) * sizeof(*record->quests));
	if (record->cooldowns == NULL || record->slows == NULL || record->quests == NULL) {
		return -1;
	}
	for (uint32_t i = 0; i < extra->cooldowns.len; i++) {
		record->cooldowns[i] = timer_make(a, cooldowns[i].skill, cooldowns[i].due);
		record->n_cooldowns += record->cooldowns[i] != NULL;
	}
	for (uint32_t i = 0; i < extra->slows.len && (record->slows[i] = value_make(a, slows[i].name)) != NULL; i++) {
		record->slows[i]->has_number = 1;
		record->slows[i]->number = slows[i].factor;
		record->n_slows++;
	}
	for (uint32_t i = 0; i < extra->quests.len && (record->quests[i] = value_make(a, quests[i].name)) != NULL; i++) {
		record->quests[i]->has_integer = 1;
		record->quests[i]->integer = quests[i].n;
		record->n_quests++;
	}
	return record->n_cooldowns == extra->cooldowns.len && record->n_slows == extra->slows.len &&
			       record->n_quests == extra->quests.len
		       ? 0
		       : -1;
}

static int keep_owed(const struct extra *extra, Region__Record *record, struct arena *a)
{
	const struct owed *all = extra->owed.items;

	record->owed = arena_get(a, (extra->owed.len + 1) * sizeof(*record->owed));
	for (uint32_t i = 0; record->owed != NULL && i < extra->owed.len; i++) {
		Region__Owed *owed = arena_get(a, sizeof(*owed));

		if (owed == NULL) {
			return -1;
		}
		region__owed__init(owed);
		owed->has_key = owed->has_key_more = owed->has_count = 1;
		owed->key = all[i].key[0];
		owed->key_more = all[i].key[1];
		owed->item = arena_text(a, all[i].item);
		owed->count = all[i].count;
		record->owed[record->n_owed++] = owed;
	}
	return record->owed != NULL ? 0 : -1;
}

static int keep_acted(const struct extra *extra, Region__Record *record, struct arena *a)
{
	const struct acted *all = extra->acted.items;

	record->acted = arena_get(a, (extra->acted.len + 1) * sizeof(*record->acted));
	for (uint32_t i = 0; record->acted != NULL && i < extra->acted.len; i++) {
		Region__Acted *acted = arena_get(a, sizeof(*acted));

		if (acted == NULL) {
			return -1;
		}
		region__acted__init(acted);
		acted->has_key = acted->has_status = 1;
		acted->key = all[i].key;
		acted->status = all[i].status;
		acted->text = arena_text(a, all[i].text);
		record->acted[record->n_acted++] = acted;
	}
	return record->acted != NULL ? 0 : -1;
}

static int keep_zones(const struct rules *r, const struct extra *extra, Region__Record *record, struct arena *a)
{
	const struct rule_zone *zones = r->now->zones.items;

	record->zones = arena_get(a, (r->now->zones.len + 1) * sizeof(*record->zones));
	for (uint32_t i = 0; record->zones != NULL && i < r->now->zones.len; i++) {
		if ((extra->zones >> i & 1) != 0) {
			record->zones[record->n_zones] = arena_text(a, zones[i].name);
			record->n_zones += record->zones[record->n_zones] != NULL;
		}
	}
	return record->zones != NULL ? 0 : -1;
}

int extra_keep(struct rules *r, uint32_t row, Region__Record *record, struct arena *a)
{
	const struct extra *extra = r->e->all.extra[row];

	if (extra == NULL) {
		return 0;
	}
	record->has_target = extra->target != 0;
	record->target = extra->target;
	record->has_rises = extra->rises != 0;
	record->rises = extra->rises;
	record->has_ends = extra->ends != 0;
	record->ends = extra->ends;
	if (extra->cast[0] != '\0') {
		record->cast = timer_make(a, extra->cast, extra->cast_due);
		record->has_cast_target = 1;
		record->cast_target = extra->cast_target;
		if (record->cast == NULL) {
			return -1;
		}
	}
	if (keep_bag(extra, record, a) != 0 || keep_lists(extra, record, a) != 0 || keep_owed(extra, record, a) != 0 ||
	    keep_acted(extra, record, a) != 0) {
		return -1;
	}
	return keep_zones(r, extra, record, a);
}

/* --- taking ------------------------------------------------------------------------------------------- */

static int is_name(const char *name)
{
	return name != NULL && name[0] != '\0' && strlen(name) <= NAME_MAX_WORD;
}

int extra_check(const Region__Record *record)
{
	int bad = record->n_bag > BAG_STACKS_MAX || record->n_cooldowns > COOLDOWNS_MAX || record->n_slows > SLOWS_MAX ||
		  record->n_quests > QUESTS_MAX || record->n_zones > ZONES_MAX || record->n_owed > OWED_MAX ||
		  record->n_acted > ACTED_MAX ||
		  (record->cast != NULL && !is_name(record->cast->method));

	for (size_t i = 0; !bad && i < record->n_bag; i++) {
		bad = !is_name(record->bag[i]->item);
	}
	for (size_t i = 0; !bad && i < record->n_cooldowns; i++) {
		bad = !is_name(record->cooldowns[i]->method);
	}
	for (size_t i = 0; !bad && i < record->n_slows; i++) {
		bad = !is_name(record->slows[i]->name) || !(record->slows[i]->number >= 0.001 && record->slows[i]->number <= 100);
	}
	for (size_t i = 0; !bad && i < record->n_quests; i++) {
		bad = !is_name(record->quests[i]->name);
	}
	for (size_t i = 0; !bad && i < record->n_owed; i++) {
		bad = !is_name(record->owed[i]->item);
	}
	for (size_t i = 0; !bad && i < record->n_acted; i++) {
		bad = record->acted[i]->key == 0 || record->acted[i]->text == NULL || strlen(record->acted[i]->text) > ACTED_TEXT_MAX ||
		      !proto_utf8(record->acted[i]->text, strlen(record->acted[i]->text));
	}
	return bad ? -1 : 0;
}

static void bring_lists(struct extra *extra, const Region__Record *record)
{
	for (size_t i = 0; i < record->n_bag; i++) {
		struct stack *stack = named_add(&extra->bag, sizeof(*stack), BAG_STACKS_MAX, record->bag[i]->item);

		if (stack != NULL) {
			stack->count = record->bag[i]->count;
		}
	}
	for (size_t i = 0; i < record->n_cooldowns; i++) {
		struct cooldown *cooldown =
			named_add(&extra->cooldowns, sizeof(*cooldown), COOLDOWNS_MAX, record->cooldowns[i]->method);

		if (cooldown != NULL) {
			cooldown->due = record->cooldowns[i]->due;
		}
	}
	for (size_t i = 0; i < record->n_slows; i++) {
		struct slow *slow = named_add(&extra->slows, sizeof(*slow), SLOWS_MAX, record->slows[i]->name);

		if (slow != NULL) {
			slow->factor = record->slows[i]->number;
		}
	}
	for (size_t i = 0; i < record->n_quests; i++) {
		struct tally *tally = named_add(&extra->quests, sizeof(*tally), QUESTS_MAX, record->quests[i]->name);

		if (tally != NULL) {
			tally->n = record->quests[i]->integer;
		}
	}
}

static void bring_owed(struct extra *extra, const Region__Record *record)
{
	for (size_t i = 0; i < record->n_owed && !MUTANT("owed_lost"); i++) {
		struct owed *owed = list_add(&extra->owed, sizeof(*owed), OWED_MAX);

		if (owed != NULL) {
			*owed = (struct owed){ .key = { record->owed[i]->key, record->owed[i]->key_more }, .count = record->owed[i]->count };
			snprintf(owed->item, sizeof(owed->item), "%s", record->owed[i]->item);
		}
	}
}

static void bring_acted(struct extra *extra, const Region__Record *record)
{
	for (size_t i = 0; i < record->n_acted && !MUTANT("key_forgotten"); i++) {
		struct acted *acted = list_add(&extra->acted, sizeof(*acted), ACTED_MAX);

		if (acted != NULL) {
			acted->key = record->acted[i]->key;
			acted->status = record->acted[i]->status;
			snprintf(acted->text, sizeof(acted->text), "%s", record->acted[i]->text);
		}
	}
}

void extra_bring(struct rules *r, uint32_t row, const Region__Record *record)
{
	const struct rule_zone *zones = r->now->zones.items, *zone;
	int any = record->n_bag + record->n_cooldowns + record->n_slows + record->n_quests + record->n_zones + record->n_owed +
				  record->n_acted >
			  0 ||
		  record->target != 0 || record->rises != 0 || record->ends != 0 || record->cast != NULL;
	struct extra *extra = any ? extra_of(r->e, row) : NULL;

	if (extra == NULL) {
		return;
	}
	bring_lists(extra, record);
	bring_owed(extra, record);
	bring_acted(extra, record);
	extra->target = record->target;
	extra->rises = record->rises;
	extra->ends = record->ends;
	if (record->cast != NULL) {
		snprintf(extra->cast, sizeof(extra->cast), "%s", record->cast->method);
		extra->cast_due = record->cast->due;
		extra->cast_target = record->cast_target;
	}
	for (size_t i = 0; i < record->n_zones; i++) {
		zone = defs_find(&r->now->zones, sizeof(*zone), record->zones[i]);
		extra->zones |= zone != NULL ? 1ull << (zone - zones) : 0;
	}
}
