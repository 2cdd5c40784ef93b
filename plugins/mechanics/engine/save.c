/* SPDX-License-Identifier: MIT */
/* Checkpoints: all that is ours as pages, and pages taken up again by any number of engines, whatever regions they own. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "rules/rules.h"

/* --- saving --------------------------------------------------------------------------------------- */

typedef void page_fn(void *arg, uint32_t region, uint32_t number, const uint8_t *bytes, size_t len);

struct saving {
	struct engine *e;
	struct arena arena;
	struct list items;
	page_fn *page;
	void *arg;
};

static void give(struct saving *s, uint32_t region, uint32_t number, const Region__Page *page)
{
	size_t len = region__page__get_packed_size(page);
	uint8_t *bytes = arena_get(&s->arena, len);

	if (bytes == NULL) {
		s->e->effects_full++;
		return;
	}
	region__page__pack(page, bytes);
	s->page(s->arg, region, number, bytes, len);
}

/* flush: the items so far are the pages of a region; returns how many. */
static uint32_t flush(struct saving *s, uint32_t region)
{
	uint32_t at = 0, number = 0;

	parts_sort(&s->items);
	while (at < s->items.len) {
		Region__Page page = REGION__PAGE__INIT;
		size_t bytes;

		at = parts_next(&s->items, at, &page.base, &s->arena, &bytes);
		give(s, region, number++, &page);
	}
	s->items.len = 0;
	arena_clear(&s->arena);
	return number;
}

static void save_asks(struct saving *s, uint32_t number)
{
	for (uint32_t at = 0; at != UINT32_MAX;) {
		Region__Page page = REGION__PAGE__INIT;

		asks_save(s->e, &page, &at, PART_MAX);
		if (page.n_asks > 0) {
			give(s, UINT32_MAX, number++, &page);
		}
	}
}

struct spot {
	uint64_t id;
	uint32_t region, row;
};

static int spot_order(const void *a, const void *b)
{
	const struct spot *x = a, *y = b;

	if (x->region != y->region) {
		return x->region < y->region ? -1 : 1;
	}
	return (x->id > y->id) - (x->id < y->id);
}

static void save_records(struct saving *s)
{
	struct entities *w = &s->e->all;
	struct list spots = { 0 };
	const struct spot *all;

	for (uint32_t row = 0; row < w->count; row++) {
		struct spot *spot = (w->flags[row] & ENTITY_GHOST) == 0 ? list_add(&spots, sizeof(*spot), UINT32_MAX) : NULL;

		if (spot != NULL) {
			*spot = (struct spot){ w->id[row], engine_region_at(s->e, w->x[row], w->y[row]), row };
		}
	}
	if (spots.len > 1) {
		qsort(spots.items, spots.len, sizeof(struct spot), spot_order);
	}
	all = spots.items;
	for (uint32_t i = 0; i < spots.len; i++) {
		Region__Record *record = record_make(s->e, all[i].row, &s->arena, 1);

		parts_add(&s->items, "records", record != NULL ? &record->base : NULL);
		if (i + 1 == spots.len || all[i + 1].region != all[i].region) {
			flush(s, all[i].region);
		}
	}
	list_free(&spots);
}

static void save_count(struct saving *s, const char *field, const char *name, uint32_t number)
{
	Region__Count *count = arena_get(&s->arena, sizeof(*count));

	if (count == NULL) {
		s->e->effects_full++;
		return;
	}
	region__count__init(count);
	count->name = arena_text(&s->arena, name);
	count->has_count = 1;
	count->count = number;
	parts_add(&s->items, field, &count->base);
}

static void save_error(void *arg, const struct rule_errors *errors)
{
	struct saving *s = arg;
	Region__Count *count = errors_make(errors, &s->arena);

	if (count == NULL) {
		s->e->effects_full++;
		return;
	}
	parts_add(&s->items, "errors", &count->base);
}

static void save_alive(void *arg, const char *name, uint32_t count)
{
	save_count(arg, "alive", name, count);
}

static void save_places(struct saving *s)
{
	const struct entities *w = &s->e->all;

	for (uint32_t row = 0; row < w->count; row++) {
		Region__Place *place;

		if (MUTANT("places_not_saved") || w->kind[row] != 0 || (w->flags[row] & ENTITY_GHOST) != 0) {
			continue;
		}
		place = arena_get(&s->arena, sizeof(*place));
		if (place == NULL) {
			s->e->effects_full++;
			return;
		}
		region__place__init(place);
		place->has_avatar = place->has_owner = place->has_asleep = 1;
		place->avatar = w->id[row];
		place->owner = engine_region_at(s->e, w->x[row], w->y[row]);
		place->asleep = (w->flags[row] & ENTITY_ASLEEP) != 0;
		parts_add(&s->items, "places", &place->base);
	}
}

void engine_save(struct engine *e, page_fn *page, void *arg)
{
	struct saving s = { .e = e, .page = page, .arg = arg };
	const struct wish *pending = e->pending.items;

	save_records(&s);
	for (uint32_t i = 0; i < e->pending.len; i++) {
		Region__Effect *effect = wish_ours(e, &pending[i]) ? arena_get(&s.arena, sizeof(*effect)) : NULL;

		if (effect != NULL) {
			wish_effect(&pending[i], effect);
			parts_add(&s.items, "effects", &effect->base);
		}
	}
	rules_alive_each(e->rules, 0, save_alive, &s);
	save_places(&s);
	if (first_owner(e) && !MUTANT("errors_not_saved")) {
		rules_errors_each(e->rules, 1, save_error, &s);
	}
	save_asks(&s, flush(&s, UINT32_MAX));
	list_free(&s.items);
	arena_release(&s.arena);
}

/* --- loading -------------------------------------------------------------------------------------- */

static int check(const struct engine *e, const Region__Page *page)
{
	for (size_t i = 0; i < page->n_records; i++) {
		if (record_check(e, page->records[i]) != 0) {
			return -1;
		}
	}
	for (size_t i = 0; i < page->n_effects; i++) {
		if (effect_check(page->effects[i]) != 0) {
			return -1;
		}
	}
	for (size_t i = 0; i < page->n_places; i++) {
		if (page->places[i]->avatar == 0 || page->places[i]->owner >= engine_regions(e)) {
			return -1;
		}
	}
	return counts_check(page->alive, page->n_alive) != 0 || counts_check(page->errors, page->n_errors) != 0 ? -1 : 0;
}

int engine_load(struct engine *e, const Region__Page *page)
{
	e->tick = 0; /* what is held meanwhile is in the arena of an even tick */
	if (check(e, page) != 0 || asks_load(e, page) != 0) {
		return -1;
	}
	for (size_t i = 0; i < page->n_records; i++) {
		if (mine(e, page->records[i]->x, page->records[i]->y)) {
			record_take(e, page->records[i]);
		} else {
			ghost_of_record(e, page->records[i]);
		}
	}
	for (size_t i = 0; i < page->n_effects; i++) {
		struct wish *wish = list_add(&e->pending, sizeof(*wish), WISHES_MAX);

		if (wish != NULL) {
			wish_of(e, page->effects[i], wish);
			wish->shared = 1;
		}
	}
	for (size_t i = 0; i < page->n_alive; i++) {
		rules_alive_add(e->rules, page->alive[i]->name, page->alive[i]->count);
	}
	for (size_t i = 0; i < page->n_errors; i++) {
		errors_take(e->rules, page->errors[i]);
	}
	for (size_t i = 0; i < page->n_places; i++) {
		place_take(e, page->places[i]->avatar, e->owner_of[page->places[i]->owner] + 1u, page->places[i]->asleep);
	}
	return 0;
}

void engine_loaded(struct engine *e, uint64_t tick)
{
	if (tick % 2 != 0) {
		struct arena even = e->arenas[0];

		e->arenas[0] = e->arenas[1];
		e->arenas[1] = even;
	}
	e->tick = tick;
	for (uint32_t row = 0; row < e->all.count; row++) {
		e->all.flags[row] &= (uint8_t)~ENTITY_MARK;
	}
	wishes_keep(e);
	rules_errors_settle(e->rules);
	e->populace = rules_alive_settle(e->rules) + e->avatars.count;
	e->outputs.len = e->outputs_told = 0;
	ghosts_again(e);
}
