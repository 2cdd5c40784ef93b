/* SPDX-License-Identifier: MIT */
/* Standing, walking and falling on the blocks of the world. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "rules/rules.h"

#define NO_WAY_NEAR 4.0 /* blocks from the goal: a client's keys ask for less */

void entity_stand(struct engine *e, uint32_t row, const double *z)
{
	int32_t x = cell_of(e, e->all.x[row]), y = cell_of(e, e->all.y[row]), found = TERRAIN_NOWHERE;

	if (z != NULL && *z >= 0 && *z <= e->shape.height) {
		found = terrain_stand(e->terrain, x, y, floor_of(*z));
	}
	if (found == TERRAIN_NOWHERE) {
		found = terrain_surface(e->terrain, x, y);
	}
	e->all.z[row] = found != TERRAIN_NOWHERE ? found : 0;
}

/* --- changed blocks ----------------------------------------------------------------------------------- */

/* stand_again: blocks around it have changed: it falls, or is pushed up. */
static void stand_again(struct engine *e, uint32_t row)
{
	struct entities *w = &e->all;
	int32_t x = cell_of(e, w->x[row]), y = cell_of(e, w->y[row]), z = (int32_t)w->z[row], found = TERRAIN_NOWHERE;
	struct output *out;

	for (int32_t from = z; found == TERRAIN_NOWHERE && from <= (int32_t)e->shape.height; from++) {
		found = terrain_stand(e->terrain, x, y, from);
	}
	if (found == TERRAIN_NOWHERE || found == z) {
		return;
	}
	w->z[row] = found;
	out = (w->flags[row] & ENTITY_ASLEEP) == 0 ? output(e, OUTPUT_MOVED, w->id[row]) : NULL;
	if (out != NULL) {
		out->chunk = w->chunk_of[row];
		out->flag = !entities_walks(w, row);
	}
}

static void chunk_again(struct engine *e, uint32_t chunk, int stands)
{
	const struct entities *w = &e->all;

	for (uint32_t row = w->first[chunk]; row != NO_ROW; row = w->next[row]) {
		if ((w->flags[row] & ENTITY_GHOST) != 0) {
			continue;
		}
		if (stands) {
			stand_again(e, row);
		} else {
			walk_look(e, row);
		}
	}
}

/* blocks_changed: where a block has changed all stand anew, and who walks there or beside looks again where it goes. */
static void blocks_changed(struct engine *e)
{
	const struct cell *changes = e->edits.changes.items;
	struct list chunks = { 0 };
	const uint32_t *chunk;

	for (uint32_t i = 0; i < e->edits.changes.len; i++) {
		uint32_t number = entities_chunk(&e->all, changes[i].x, changes[i].y), *place;

		if ((e->touched_chunks[number] & 1) == 0 && (place = list_add(&chunks, sizeof(*place), UINT32_MAX)) != NULL) {
			e->touched_chunks[number] |= 1;
			*place = number;
		}
	}
	chunk = chunks.items;
	for (uint32_t i = 0; i < chunks.len; i++) {
		chunk_again(e, chunk[i], 1);
	}
	for (uint32_t i = 0; i < chunks.len; i++) {
		uint32_t around[AROUND_MAX], n = entities_around(&e->all, chunk[i], around);

		for (uint32_t k = 0; k < n; k++) {
			if ((e->touched_chunks[around[k]] & 2) == 0) {
				e->touched_chunks[around[k]] |= 2;
				chunk_again(e, around[k], 0);
			}
		}
	}
	if (chunks.len > 0) {
		memset(e->touched_chunks, 0, e->all.cells + 1u);
	}
	list_free(&chunks);
}

/* --- a step --------------------------------------------------------------------------------------------- */

static void tell_crossed(struct engine *e, uint32_t row, uint32_t from)
{
	const struct entities *w = &e->all;
	struct output *out = output(e, OUTPUT_GONE, w->id[row]);

	if (out != NULL) {
		out->chunk = from;
	}
	out = output(e, OUTPUT_APPEARED, w->id[row]);
	if (out != NULL) {
		out->chunk = w->chunk_of[row];
	}
	if (w->kind[row] == 0 && (out = output(e, OUTPUT_VIEW, w->id[row])) != NULL) {
		out->chunk = w->chunk_of[row];
	}
}

static void tell_moved(struct engine *e, uint32_t row, uint8_t flag)
{
	struct output *out = output(e, OUTPUT_MOVED, e->all.id[row]);

	if (out != NULL) {
		out->chunk = e->all.chunk_of[row];
		out->flag = flag;
	}
}

/* tell_no_way: a player that stopped well before where it was to go. Who just runs against a wall sees that. */
static void tell_no_way(struct engine *e, uint32_t row, const struct no_way *no_way)
{
	double dx = no_way->x - e->all.x[row], dy = no_way->y - e->all.y[row];
	struct output *out = e->all.kind[row] == 0 && dx * dx + dy * dy > NO_WAY_NEAR * NO_WAY_NEAR ?
				     output(e, OUTPUT_TELL, e->all.id[row]) :
				     NULL;
	char text[160];

	if (out != NULL) {
		snprintf(text, sizeof(text),
			 "no way to (%.1f, %.1f) was found: you stop at (%.1f, %.1f), and nothing within %d blocks leads nearer",
			 no_way->x, no_way->y, e->all.x[row], e->all.y[row], PATH_WINDOW);
		out->text = output_text(e, text);
	}
}

void ways_tell(struct engine *e)
{
	const struct no_way *no_ways = e->no_way.items;

	for (uint32_t i = 0; i < e->no_way.len; i++) {
		uint32_t row = entities_row(&e->all, no_ways[i].id);

		if (row != NO_ROW && (e->all.flags[row] & (ENTITY_GHOST | ENTITY_LEAVES)) == 0) {
			tell_no_way(e, row, &no_ways[i]);
			tell_moved(e, row, MOVED_STANDS | MOVED_NO_WAY);
			rules_no_way(e->rules, row);
		}
	}
	e->no_way.len = 0;
}

void movement(struct engine *e)
{
	struct entities *w = &e->all;

	blocks_changed(e);
	entities_step(w);
	for (uint32_t n = 0; n < w->due_len; n++) {
		walk_due(e, w->due[n]);
	}
	for (uint32_t n = 0, crossed = 0; n < w->moved_len; n++) {
		uint32_t row = w->moved[n];

		if (crossed < w->crossed_len && w->crossed[crossed] == row) {
			tell_crossed(e, row, w->crossed_from[crossed++]);
		} else {
			tell_moved(e, row, entities_walks(w, row) ? 0 : MOVED_STANDS);
		}
	}
}
