/* SPDX-License-Identifier: MIT */
/* Entities of other owners near our regions, as those tell of them: seen and read of, never run. */
#include <string.h>

#include "internal.h"
#include "rules/rules.h"

#define GHOSTS_MAX 500u /* of one message */

/* --- telling -------------------------------------------------------------------------------------- */

static uint64_t bits(double value)
{
	uint64_t number;

	memcpy(&number, &value, sizeof(number));
	return number;
}

/* look_of: what can be seen of an entity, as a number. */
static uint64_t look_of(const struct entities *w, uint32_t row)
{
	uint64_t look = seed_mix(seed_mix(w->id[row], bits(w->x[row])), seed_mix(bits(w->y[row]), bits(w->z[row])));

	return seed_mix(look, seed_mix((uint64_t)(uint32_t)w->health[row] << 32 | (uint32_t)w->health_max[row],
				       (uint64_t)entities_walks(w, row)));
}

/* told: 1 if this row is one of ours that others see. */
static int told(const struct entities *w, uint32_t row)
{
	return (w->flags[row] & (ENTITY_GHOST | ENTITY_ASLEEP)) == 0;
}

static Region__Ghost *ghost_fill(struct engine *e, uint32_t row)
{
	const struct entities *w = &e->all;
	Region__Ghost *ghost = arena_get(arena_now(e), sizeof(*ghost));

	if (ghost == NULL) {
		return NULL;
	}
	region__ghost__init(ghost);
	ghost->has_id = ghost->has_x = ghost->has_y = ghost->has_z = ghost->has_walks = 1;
	ghost->id = w->id[row];
	ghost->kind = (char *)rules_kind_name(e->rules, w->kind[row]);
	ghost->name = arena_text(arena_now(e), w->name[row]);
	ghost->x = w->x[row];
	ghost->y = w->y[row];
	ghost->z = w->z[row];
	ghost->has_health = ghost->has_health_max = w->health_max[row] > 0;
	ghost->health = w->health[row];
	ghost->health_max = w->health_max[row];
	ghost->walks = entities_walks(w, row);
	return ghost;
}

/* chunk_tell: all that is ours in a chunk, in as many messages as it takes. */
static void chunk_tell(struct engine *e, uint32_t chunk)
{
	uint32_t row = e->all.first[chunk];

	do {
		Region__GhostChunk *list = arena_get(arena_now(e), sizeof(*list));

		if (list == NULL) {
			e->effects_full++;
			return;
		}
		region__ghost_chunk__init(list);
		list->has_chunk = 1;
		list->chunk = chunk;
		list->ghosts = arena_get(arena_now(e), GHOSTS_MAX * sizeof(*list->ghosts));
		for (; row != NO_ROW && list->ghosts != NULL && list->n_ghosts < GHOSTS_MAX; row = e->all.next[row]) {
			if (told(&e->all, row) && (list->ghosts[list->n_ghosts] = ghost_fill(e, row)) != NULL) {
				list->n_ghosts++;
			}
		}
		tell_others(e, "ghosts", list);
	} while (row != NO_ROW);
}

void ghosts_tell(struct engine *e)
{
	for (uint32_t chunk = 1; chunk <= e->all.cells; chunk++) {
		uint64_t look = 0;

		if (e->zone[chunk] != ZONE_BORDER) {
			continue;
		}
		for (uint32_t row = e->all.first[chunk]; row != NO_ROW; row = e->all.next[row]) {
			look += told(&e->all, row) ? look_of(&e->all, row) : 0;
		}
		if (look != e->sent[chunk] && !(MUTANT("ghost_stale") && e->sent[chunk] > SENT_NOTHING && look != 0)) {
			chunk_tell(e, chunk);
			e->sent[chunk] = look;
		}
	}
}

void ghosts_again(struct engine *e)
{
	for (uint32_t chunk = 1; chunk <= e->all.cells; chunk++) {
		e->sent[chunk] = MUTANT("ghost_again") ? e->sent[chunk] : e->sent[chunk] != 0 || e->all.populace[chunk] > 0 ? SENT_NOTHING : 0;
	}
}

/* --- taking --------------------------------------------------------------------------------------- */

void ghost_make(struct engine *e, uint32_t row)
{
	struct entities *w = &e->all;
	uint8_t walks = entities_walks(w, row) ? ENTITY_WALKS : 0;

	rules_entity_gone(e->rules, row);
	extra_free(w->extra[row]);
	w->extra[row] = NULL;
	entities_stop(w, row);
	w->flags[row] = ENTITY_GHOST | (MUTANT("ghost_flickers") ? 0 : ENTITY_MARK) | walks;
}

struct look {
	uint64_t id;
	const char *kind, *name;
	double x, y, z;
	int32_t health, health_max;
	int walks;
};

static void ghost_put(struct engine *e, const struct look *look)
{
	struct entities *w = &e->all;
	uint32_t row = entities_row(w, look->id), before = 0;
	uint16_t kind = rules_kind_find(e->rules, look->kind);
	int moved = 1, hurt = 0;
	struct output *out;

	if (kind == NO_KIND || (row != NO_ROW && (w->flags[row] & ENTITY_GHOST) == 0)) {
		return;
	}
	if (row == NO_ROW) {
		row = entities_add(w, look->id, kind, look->name != NULL ? look->name : "", look->x, look->y, 0);
		if (row == NO_ROW) {
			e->effects_full++;
			return;
		}
		w->z[row] = look->z;
	} else {
		moved = w->x[row] != look->x || w->y[row] != look->y || w->z[row] != look->z ||
			((w->flags[row] & ENTITY_WALKS) != 0) != look->walks;
		hurt = w->health[row] != look->health || w->health_max[row] != look->health_max;
		before = entities_place(w, row, look->x, look->y, look->z);
		entities_stop(w, row);
	}
	w->flags[row] = ENTITY_GHOST | ENTITY_MARK | (look->walks ? ENTITY_WALKS : 0);
	w->health[row] = look->health;
	w->health_max[row] = look->health_max;
	shown(e, row, before, moved);
	if (hurt && (out = output(e, OUTPUT_HEALTH, look->id)) != NULL) {
		out->chunk = w->chunk_of[row];
	}
}

void ghost_of_record(struct engine *e, const Region__Record *record)
{
	struct look look = { .id = record->id,
			     .kind = record->kind,
			     .name = record->name,
			     .x = record->x,
			     .y = record->y,
			     .z = record->z,
			     .health = record->health,
			     .health_max = record->health_max,
			     .walks = record->walk != NULL && walk_goes(record->walk) };

	if (!record->asleep && e->zone[entities_chunk(&e->all, record->x, record->y)] == ZONE_NEAR) {
		ghost_put(e, &look);
	}
}

/* sweep: those whom nobody told of any more. */
static void sweep(struct engine *e)
{
	struct entities *w = &e->all;

	for (uint32_t row = w->count; row-- > 0;) {
		if ((w->flags[row] & ENTITY_GHOST) == 0) {
			continue;
		}
		if ((w->flags[row] & ENTITY_MARK) == 0 && !MUTANT("ghost_stays") && (e->resent || e->listed[w->chunk_of[row]])) {
			vanish(e, row);
		} else {
			w->flags[row] &= (uint8_t)~ENTITY_MARK;
		}
	}
}

void ghosts_take(struct engine *e)
{
	Region__GhostChunk **chunks = e->ghosts.items;

	for (uint32_t i = 0; i < e->ghosts.len; i++) {
		e->listed[chunks[i]->chunk] = 1;
		for (size_t n = 0; n < chunks[i]->n_ghosts; n++) {
			const Region__Ghost *ghost = chunks[i]->ghosts[n];
			struct look look = { ghost->id,	    ghost->kind,       ghost->name, ghost->x, ghost->y, ghost->z,
					     ghost->health, ghost->health_max, ghost->walks };

			ghost_put(e, &look);
		}
	}
	sweep(e);
	for (uint32_t i = 0; i < e->ghosts.len; i++) {
		e->listed[chunks[i]->chunk] = 0;
	}
	e->ghosts.len = 0;
}
