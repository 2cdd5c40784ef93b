/* SPDX-License-Identifier: MIT */
/* The end of a tick: who left our regions goes to another owner, who came is here, and all owners know the same of the world. */
#include <string.h>

#include "internal.h"
#include "rules/rules.h"

/* --- whose is what -------------------------------------------------------------------------------- */

static int chunk_mine(const struct engine *e, uint32_t chunk)
{
	double x = ((double)((chunk - 1) % e->all.columns) + 0.5) * CHUNK - e->all.half;
	double y = ((double)((chunk - 1) / e->all.columns) + 0.5) * CHUNK - e->all.half;

	return mine(e, x, y);
}

static void others_count(struct engine *e)
{
	e->others = 0;
	for (uint32_t region = 0; region < engine_regions(e); region++) {
		e->others |= e->owner_of[region] != e->self;
	}
}

void zones_compute(struct engine *e)
{
	uint32_t around[AROUND_MAX];

	for (uint32_t chunk = 1; chunk <= e->all.cells; chunk++) {
		uint32_t n = entities_around(&e->all, chunk, around), ours = 0;
		int own = chunk_mine(e, chunk);

		for (uint32_t i = 0; i < n; i++) {
			ours += (uint32_t)chunk_mine(e, around[i]);
		}
		e->zone[chunk] = own ? (ours == n ? ZONE_INNER : ZONE_BORDER) : (ours > 0 ? ZONE_NEAR : ZONE_FAR);
	}
	others_count(e);
}

/* --- what others see ------------------------------------------------------------------------------ */

void shown(struct engine *e, uint32_t row, uint32_t before, int moved)
{
	const struct entities *w = &e->all;
	uint32_t after = (w->flags[row] & ENTITY_ASLEEP) != 0 ? 0 : w->chunk_of[row];
	struct output *out;

	if (before == after) {
		out = after != 0 && moved ? output(e, OUTPUT_MOVED, w->id[row]) : NULL;
		if (out != NULL) {
			out->chunk = after;
			out->flag = entities_walks(w, row) || (w->flags[row] & ENTITY_WALKS) != 0 ? 0 : MOVED_STANDS;
		}
		return;
	}
	if (before != 0 && (out = output(e, OUTPUT_GONE, w->id[row])) != NULL) {
		out->chunk = before;
	}
	if (after != 0 && (out = output(e, OUTPUT_APPEARED, w->id[row])) != NULL) {
		out->chunk = after;
	}
}

void vanish(struct engine *e, uint32_t row)
{
	struct output *out = (e->all.flags[row] & ENTITY_ASLEEP) == 0 ? output(e, OUTPUT_GONE, e->all.id[row]) : NULL;

	if (out != NULL) {
		out->chunk = e->all.chunk_of[row];
	}
	entity_forget(e, row);
}

/* --- where avatars are ---------------------------------------------------------------------------- */

static void place_tell(struct engine *e, uint64_t avatar, int owner, int asleep)
{
	Region__Place *place = arena_get(arena_now(e), sizeof(*place));
	Region__Place **held = place != NULL ? list_add(&e->places, sizeof(*held), UINT32_MAX) : NULL;

	if (held == NULL) {
		e->effects_full++;
		return;
	}
	region__place__init(place);
	place->has_avatar = place->has_owner = place->has_asleep = 1;
	place->avatar = avatar;
	place->owner = (uint64_t)(owner + 1);
	place->asleep = asleep;
	*held = place;
	tell_others(e, "places", place);
}

#define PLACE_ASLEEP 0x10000u

void place_take(struct engine *e, uint64_t avatar, uint64_t owner, int asleep)
{
	uintptr_t before = (uintptr_t)map_get(&e->avatars, avatar);
	uintptr_t after = owner != 0 ? (uintptr_t)owner | (asleep ? PLACE_ASLEEP : 0) : 0;

	e->players -= before != 0 && (before & PLACE_ASLEEP) == 0;
	e->players += after != 0 && (after & PLACE_ASLEEP) == 0;
	if (after == 0) {
		map_remove(&e->avatars, avatar);
	} else if (map_put(&e->avatars, avatar, (void *)after) != 0) {
		e->effects_full++;
	}
}

int engine_owner_of(const struct engine *e, uint64_t avatar)
{
	uintptr_t place = (uintptr_t)map_get(&e->avatars, avatar);

	return (int)(place & (PLACE_ASLEEP - 1)) - 1;
}

/* --- going ---------------------------------------------------------------------------------------- */

/* leave_all: who is to be removed is, all at once: rows do not change under a loop over them. */
void leave_all(struct engine *e)
{
	for (uint32_t row = e->all.count; row-- > 0;) {
		if ((e->all.flags[row] & (ENTITY_LEAVES | ENTITY_GHOST)) == ENTITY_LEAVES) {
			if (e->all.kind[row] == 0) {
				output(e, OUTPUT_REMOVED, e->all.id[row]);
			}
			vanish(e, row);
		}
	}
}

/* texts_follow: what was told to an avatar in this tick goes where it goes. */
static void texts_follow(struct engine *e)
{
	struct output *all = e->outputs.items;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < e->outputs.len; i++) {
		if (all[i].kind == OUTPUT_TELL && all[i].id != 0 && !MUTANT("told_here")) {
			uint32_t row = entities_row(&e->all, all[i].id);

			if (row == NO_ROW || (e->all.flags[row] & ENTITY_GHOST) != 0) {
				tell_heard(e, &all[i], all[i].id);
				continue;
			}
		}
		if (all[i].kind == OUTPUT_HEARD && (all[i].chunk == 0 || (e->zone[all[i].chunk] != ZONE_INNER && !MUTANT("heard_here")))) {
			tell_heard(e, &all[i], 0);
		}
		all[kept++] = all[i];
	}
	e->outputs.len = kept;
}

/* hand: the entity of this row is another's from the next tick on; here it is a ghost if it is near. */
static void hand(struct engine *e, uint32_t row)
{
	struct entities *w = &e->all;
	int asleep = (w->flags[row] & ENTITY_ASLEEP) != 0;

	tell_others(e, "records", record_make(e, row, arena_now(e), 1));
	if (w->kind[row] == 0) {
		place_tell(e, w->id[row], e->owner_of[engine_region_at(e, w->x[row], w->y[row])], asleep);
		output(e, OUTPUT_HANDED, w->id[row]);
	}
	if (MUTANT("twice") && e->tick % 16 == 0) {
		return;
	}
	if (asleep || e->zone[w->chunk_of[row]] != ZONE_NEAR) {
		vanish(e, row);
		return;
	}
	ghost_make(e, row);
}

static void touched_tell(struct engine *e)
{
	const uint64_t *touched = e->touched.items;

	for (uint32_t i = 0; i < e->touched.len; i++) {
		uint32_t row = entities_row(&e->all, touched[i]);

		if (row == NO_ROW || (e->all.flags[row] & ENTITY_GHOST) != 0) {
			place_tell(e, touched[i], -1, 0);
		} else {
			place_tell(e, touched[i], e->owner_of[engine_region_at(e, e->all.x[row], e->all.y[row])],
				   (e->all.flags[row] & ENTITY_ASLEEP) != 0);
		}
	}
}

static void share(void *arg, const char *kind, uint32_t count)
{
	struct engine *e = arg;

	rules_alive_add(e->rules, kind, count);
}

void hand_over(struct engine *e)
{
	uint8_t others = e->others;

	if (e->owners_change) {
		memcpy(e->owner_of, e->next_owner_of, engine_regions(e));
		e->self = e->next_self;
		e->owners_change = 0;
		e->resent = 1;
		zones_compute(e);
		e->others |= others; /* who is none any more still waits for this exchange */
		ghosts_again(e);
	}
	rules_alive_each(e->rules, 0, share, e); /* with those who go, whom their new owner does not count yet */
	touched_tell(e);
	if (!e->others) {
		return;
	}
	tell_counts(e);
	for (uint32_t row = e->all.count; row-- > 0;) {
		if ((e->all.flags[row] & ENTITY_GHOST) == 0 && !mine(e, e->all.x[row], e->all.y[row])) {
			hand(e, row);
		}
	}
	texts_follow(e);
	tell_wishes(e, &e->pending);
	asks_tell(e);
	ghosts_tell(e);
}

/* --- coming --------------------------------------------------------------------------------------- */

static void come(struct engine *e, const Region__Record *record)
{
	uint32_t row = entities_row(&e->all, record->id), before = 0;
	struct output *out;
	int moved = 1;

	if (row != NO_ROW && (e->all.flags[row] & ENTITY_GHOST) == 0) {
		say_log(e, TROUPE_LOG_ERROR, NULL, "entity %llx is another owner's and ours: ours stays",
			(unsigned long long)record->id);
		return;
	}
	if (row != NO_ROW) {
		before = e->all.chunk_of[row];
		moved = e->all.x[row] != record->x || e->all.y[row] != record->y || e->all.z[row] != record->z;
		rules_entity_gone(e->rules, row);
	}
	row = record_take(e, record);
	if (row == NO_ROW) {
		return;
	}
	shown(e, row, before, moved);
	e->sent[e->all.chunk_of[row]] = MUTANT("ghost_passes") ? e->sent[e->all.chunk_of[row]] : SENT_NOTHING; /* others know it by its record: should it go, they must be told */
	if (e->all.kind[row] == 0 && (out = output(e, OUTPUT_TAKEN, record->id)) != NULL) {
		out->chunk = e->all.chunk_of[row];
		out->session = e->all.extra[row] != NULL ? e->all.extra[row]->session : NULL;
	}
}

static void hear(struct engine *e, const Region__Heard *heard)
{
	struct output *out;

	if (heard->to != 0) {
		uint32_t row = entities_row(&e->all, heard->to);

		if (row != NO_ROW && (e->all.flags[row] & ENTITY_GHOST) == 0 && (out = output(e, OUTPUT_TELL, heard->to)) != NULL) {
			out->text = heard->text;
		}
		return;
	}
	if (heard->chunk != 0 && e->zone[heard->chunk] == ZONE_FAR) {
		return;
	}
	out = output(e, OUTPUT_HEARD, heard->from);
	if (out != NULL) {
		out->chunk = heard->chunk;
		out->name = heard->name;
		out->channel = heard->channel;
		out->text = heard->text;
	}
}

void take_in(struct engine *e)
{
	Region__Record **records = e->records.items;
	Region__Place **places = e->places.items;
	Region__Heard **heard = e->heard.items;

	for (uint32_t i = 0; i < e->records.len; i++) {
		if (mine(e, records[i]->x, records[i]->y)) {
			come(e, records[i]);
		} else {
			ghost_of_record(e, records[i]);
		}
	}
	ghosts_take(e);
	for (uint32_t i = 0; i < e->places.len; i++) {
		place_take(e, places[i]->avatar, places[i]->owner, places[i]->asleep);
	}
	for (uint32_t i = 0; i < e->heard.len; i++) {
		hear(e, heard[i]);
	}
	wishes_keep(e);
	rules_errors_settle(e->rules);
	e->populace = rules_alive_settle(e->rules) + e->avatars.count;
	e->records.len = e->places.len = e->heard.len = e->touched.len = e->told.len = 0;
	e->resent = 0;
	others_count(e);
}
