/* SPDX-License-Identifier: MIT */
/* What is asked of the blocks, and the cells that an edit claims. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "rules/rules.h"

int edits_open(struct engine *e)
{
	e->edits.held = calloc(e->all.cells + 1u, sizeof(*e->edits.held));
	e->edits.taken = taken_new();
	return e->edits.held != NULL && e->edits.taken != NULL ? 0 : -1;
}

void edits_close(struct engine *e)
{
	list_free(&e->edits.asks);
	list_free(&e->edits.later);
	list_free(&e->edits.fresh);
	list_free(&e->edits.changes);
	free(e->edits.held);
	taken_free(e->edits.taken);
}

/* --- asks ----------------------------------------------------------------------------------------- */

int cell_inside(const struct engine *e, int32_t x, int32_t y, int32_t z)
{
	int32_t half = (int32_t)e->shape.size / 2;

	return x >= -half && x < half && y >= -half && y < half && z >= 0 && z < (int32_t)e->shape.height;
}

void edits_tick(struct engine *e)
{
	struct list before = e->edits.asks;

	e->edits.asks = e->edits.later;
	e->edits.later = before;
	e->edits.later.len = 0;
	e->edits.world = e->edits.round = 0;
	e->edits.claims = NULL;
	e->edits.claims_len = e->edits.open = 0;
	e->edits.changes.len = e->edits.fresh.len = 0;
}

/* counted: the next number of an actor, if it may ask for more. */
static int counted(struct engine *e, uint64_t actor, uint32_t *ret_number, const char **ret_reason)
{
	uint32_t row = actor != 0 ? entities_row(&e->all, actor) : NO_ROW;
	uint32_t *asked = actor != 0 ? NULL : &e->edits.world;

	if (actor != 0 && (row == NO_ROW || (e->all.flags[row] & ENTITY_GHOST) != 0)) {
		*ret_reason = "world.not_here";
		return -1;
	}
	if (asked == NULL) {
		asked = &e->all.asks[row];
	}
	if (*asked >= (actor != 0 ? ASKS_OF_ONE : ASKS_OF_WORLD)) {
		*ret_reason = "world.too_many_edits";
		return -1;
	}
	++*asked;
	/* the world's begin anew in each tick, and those of the tick before may still be asked */
	*ret_number = actor != 0 ? (uint32_t)e->all.wish[row]++ : (uint32_t)(e->tick % 2) << 31 | e->wish++;
	return 0;
}

struct ask *ask_add(struct engine *e, uint64_t actor, const char *edit, int32_t x, int32_t y, int32_t z, const char **ret_reason)
{
	struct ask *ask = NULL;
	uint32_t number;

	*ret_reason = "world.outside";
	if (cell_inside(e, x, y, z) && counted(e, actor, &number, ret_reason) == 0) {
		ask = list_add(e->stage <= 1 ? &e->edits.asks : &e->edits.later, sizeof(*ask), WISHES_MAX);
		*ret_reason = "world.busy";
	}
	if (ask == NULL) {
		e->edits.refused++;
		return NULL;
	}
	*ask = (struct ask){ .actor = actor, .number = number, .x = x, .y = y, .z = z, .ours = 1 };
	ask->edit = arena_text(arena_now(e), edit);
	return ask;
}

struct ask *ask_woken(struct engine *e, const char *edit, int32_t x, int32_t y, int32_t z)
{
	/* whoever owns the place */
	return ask_numbered(e, edit, x, y, z, (uint32_t)seed_mix(seed_mix((uint32_t)x, (uint32_t)y), (uint32_t)z));
}

struct ask *ask_numbered(struct engine *e, const char *edit, int32_t x, int32_t y, int32_t z, uint32_t number)
{
	struct ask *ask = cell_inside(e, x, y, z) ? list_add(&e->edits.asks, sizeof(*ask), WISHES_MAX) : NULL;

	if (ask == NULL) {
		e->edits.refused++;
		return NULL;
	}
	*ask = (struct ask){ .x = x, .y = y, .z = z, .ours = 1 };
	ask->number = number;
	ask->edit = arena_text(arena_now(e), edit);
	return ask;
}

/* --- claims --------------------------------------------------------------------------------------- */

#define PLACES (CLAIM_CELLS_MAX * 2)

/* place_of: where the map of the claim under way has this cell, or has room for it. */
static uint32_t place_of(const struct engine *e, int32_t x, int32_t y, int32_t z)
{
	uint32_t at = (uint32_t)seed_mix((uint64_t)(uint32_t)x << 32 | (uint32_t)y, (uint32_t)z) % PLACES;

	while (e->edits.places[at] != 0) {
		const struct cell *cell = &e->edits.cells[e->edits.places[at] - 1];

		if (cell->x == x && cell->y == y && cell->z == z) {
			break;
		}
		at = (at + 1) % PLACES;
	}
	return at;
}

static uint16_t block_before(const struct engine *e, int32_t x, int32_t y, int32_t z)
{
	int32_t was = taken_was(e->edits.taken, x, y, z);

	return was >= 0 ? (uint16_t)was : terrain_block(e->terrain, x, y, z);
}

static int near(int32_t a, int32_t b)
{
	return a - b <= CLAIM_REACH && b - a <= CLAIM_REACH;
}

int claim_set(struct engine *e, struct claim *claim, int32_t x, int32_t y, int32_t z, uint16_t block)
{
	const struct ask *ask = claim->ask;
	uint32_t at;

	if (!cell_inside(e, x, y, z)) {
		return CLAIM_OUTSIDE;
	}
	if (!near(x, ask->x) || !near(y, ask->y) || !near(z, ask->z)) {
		return CLAIM_FAR;
	}
	if (block >= block_count(e->blocks)) {
		return CLAIM_BAD;
	}
	if (block_before(e, x, y, z) == BLOCK_UNAVAILABLE) {
		return CLAIM_UNAVAILABLE;
	}
	at = place_of(e, x, y, z);
	if (e->edits.places[at] == 0) {
		if (claim->cells_len == CLAIM_CELLS_MAX) {
			return CLAIM_TOO_MUCH;
		}
		claim->cells[claim->cells_len++] = (struct cell){ .x = x, .y = y, .z = z };
		e->edits.places[at] = (uint16_t)claim->cells_len;
	}
	claim->cells[e->edits.places[at] - 1].block = block;
	return 0;
}

uint16_t claim_block(struct engine *e, const struct claim *claim, int32_t x, int32_t y, int32_t z)
{
	uint32_t at = claim->cells_len > 0 ? place_of(e, x, y, z) : 0;

	if (claim->cells_len > 0 && e->edits.places[at] != 0) {
		return claim->cells[e->edits.places[at] - 1].block;
	}
	return block_before(e, x, y, z);
}

struct wish *claim_wish(struct engine *e, struct claim *claim, uint64_t target, const char *kind)
{
	struct wish *wish;

	(void)e;
	if (claim->wishes_len == CLAIM_WISHES_MAX) {
		return NULL;
	}
	wish = &claim->wishes[claim->wishes_len];
	/* behind the actor's own numbers, and by the ask's the same whoever evaluates it */
	*wish = (struct wish){ .target = target,
			       .source = claim->ask->actor,
			       .number = 1ull << 63 | (uint64_t)claim->ask->number << 7 | claim->wishes_len,
			       .kind = kind,
			       .name = "",
			       .text = "" };
	claim->wishes_len++;
	return wish;
}

void claim_known(struct engine *e, struct claim *claim)
{
	uint32_t *fresh;

	claim->known = 1;
	e->edits.open--;
	if (claim->ours) {
		fresh = list_add(&e->edits.fresh, sizeof(*fresh), UINT32_MAX);
		if (fresh != NULL) {
			*fresh = (uint32_t)(claim - e->edits.claims);
		} else {
			say_log(e, TROUPE_LOG_ERROR, NULL, "no memory for the outcome of an edit");
		}
	}
}

void claim_run(struct engine *e, struct claim *claim)
{
	struct edits *edits = &e->edits;
	size_t cells, wishes;

	memset(edits->places, 0, sizeof(edits->places));
	claim->cells = edits->cells;
	claim->wishes = edits->wishes;
	if (edits->evaluate != NULL) {
		edits->evaluate(edits->evaluate_arg, e, claim);
	} else {
		rules_edit(e->rules, claim);
	}
	if (claim->refused != NULL) {
		claim->cells_len = claim->wishes_len = 0;
	}
	cells = claim->cells_len * sizeof(*claim->cells);
	wishes = claim->wishes_len * sizeof(*claim->wishes);
	claim->cells = arena_get(arena_now(e), cells);
	claim->wishes = arena_get(arena_now(e), wishes);
	if (claim->cells == NULL || claim->wishes == NULL) {
		claim->refused = "world.no_memory";
		claim->cells_len = claim->wishes_len = 0;
	} else {
		memcpy(claim->cells, edits->cells, cells);
		memcpy(claim->wishes, edits->wishes, wishes);
	}
	claim_known(e, claim);
}
