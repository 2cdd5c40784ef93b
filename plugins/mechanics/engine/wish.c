/* SPDX-License-Identifier: MIT */
/* What entities do to each other: queued where it is wished, merged in one order whoever wished it where. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "rules/rules.h"

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
	wish->number = row != NO_ROW ? e->all.wish[row]++ : e->wish++;
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

	if (e->wishes.len > 1) {
		qsort(wishes, e->wishes.len, sizeof(*wishes), wish_order);
	}
	for (uint32_t i = 0; i < e->wishes.len; i++) {
		rules_wish(e->rules, &wishes[i]);
	}
	e->wishes.len = 0;
	rules_settle(e->rules);
}

uint64_t engine_spawn(struct engine *e, const char *kind, double x, double y)
{
	struct wish wish = { .number = e->wish++, .kind = "spawn", .name = kind, .text = "", .x = x, .y = y };
	uint32_t row = rules_spawn(e->rules, &wish);

	return row != NO_ROW ? e->all.id[row] : 0;
}
