/* SPDX-License-Identifier: MIT */
/*
 * Who wins: one outcome by two ways.
 *
 * With a queue all edits are evaluated first, and when all claims are known, each owner decides them in one order: one wins if
 * no winner before it has taken a cell of it (deterministic reservations; Blelloch, Fineman, Gibbons, Shun 2012).
 *
 * With locks edits are done one after the other: each takes the locks of the chunks that it may reach, in the order of all
 * edits (deterministic locking; Thomson et al., Calvin, 2012), is evaluated, writes at once, and lets go. Everybody
 * knows all asks, so nobody has to ask for a lock: who is in front of a chunk's queue has it as soon as the outcomes of those before it
 * are known. What is read is what was there at the start of the stage, as with a queue; so the end is the same.
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "rules/rules.h"

/* --- cells that are taken --------------------------------------------------------------------------- */

struct taken {
	struct taken_cell {
		int32_t x, y, z;
		uint16_t was;
		uint16_t full;
	} *cells;
	uint32_t len, size; /* size: a power of two */
};

struct taken *taken_new(void)
{
	struct taken *taken = calloc(1, sizeof(*taken));

	if (taken != NULL) {
		taken->size = 1024;
		taken->cells = calloc(taken->size, sizeof(*taken->cells));
	}
	if (taken == NULL || taken->cells == NULL) {
		taken_free(taken);
		return NULL;
	}
	return taken;
}

void taken_free(struct taken *taken)
{
	if (taken != NULL) {
		free(taken->cells);
		free(taken);
	}
}

static struct taken_cell *taken_find(const struct taken *taken, int32_t x, int32_t y, int32_t z)
{
	uint32_t at = (uint32_t)seed_mix((uint64_t)(uint32_t)x << 32 | (uint32_t)y, (uint32_t)z) & (taken->size - 1);

	while (taken->cells[at].full && (taken->cells[at].x != x || taken->cells[at].y != y || taken->cells[at].z != z)) {
		at = (at + 1) & (taken->size - 1);
	}
	return &taken->cells[at];
}

int32_t taken_was(const struct taken *taken, int32_t x, int32_t y, int32_t z)
{
	const struct taken_cell *cell = taken->len > 0 ? taken_find(taken, x, y, z) : NULL;

	return cell != NULL && cell->full ? cell->was : -1;
}

/* taken_room: for that many more; 0, or -1 without memory. */
static int taken_room(struct taken *taken, uint32_t more)
{
	struct taken old = *taken;

	while (taken->size / 2 < taken->len + more) {
		taken->size *= 2;
	}
	if (taken->size == old.size) {
		return 0;
	}
	taken->cells = calloc(taken->size, sizeof(*taken->cells));
	if (taken->cells == NULL) {
		*taken = old;
		return -1;
	}
	for (uint32_t i = 0; i < old.size; i++) {
		if (old.cells[i].full) {
			*taken_find(taken, old.cells[i].x, old.cells[i].y, old.cells[i].z) = old.cells[i];
		}
	}
	free(old.cells);
	return 0;
}

static void taken_clear(struct taken *taken)
{
	if (taken->len > 0) {
		memset(taken->cells, 0, taken->size * sizeof(*taken->cells));
		taken->len = 0;
	}
}

/* --- claims ----------------------------------------------------------------------------------------- */

static int compare(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int compare_text(const char *a, const char *b)
{
	return strcmp(a != NULL ? a : "", b != NULL ? b : "");
}

/* args_order: any order will do, if it is one. */
static int args_order(const struct ask *a, const struct ask *b)
{
	int order = compare(a->args_len, b->args_len);

	for (uint32_t i = 0; i < a->args_len && order == 0; i++) {
		const Region__Value *x = a->args[i], *y = b->args[i];

		order = compare_text(x->name, y->name);
		order = order == 0 ? compare_text(x->text, y->text) : order;
		order = order == 0 ? compare(x->integer, y->integer) : order;
		order = order == 0 ? (x->number > y->number) - (x->number < y->number) : order;
		order = order == 0 ? compare(x->truth, y->truth) : order;
	}
	return order;
}

/* ask_order: by priority, actor and number; what the world asks for at different places may have one number. */
static int ask_order(const void *a, const void *b)
{
	const struct ask *x = a, *y = b;
	int order = compare(x->priority, y->priority);

	if (order == 0 && x->actor != y->actor) {
		return x->actor < y->actor ? -1 : 1;
	}
	order = order == 0 ? compare(x->number, y->number) : order;
	order = order == 0 ? compare(x->x, y->x) : order;
	order = order == 0 ? compare(x->y, y->y) : order;
	order = order == 0 ? compare(x->z, y->z) : order;
	order = order == 0 ? compare_text(x->edit, y->edit) : order;
	return order == 0 ? args_order(x, y) : order;
}

/* sort: and of those that ask for the very same one is left. */
static void sort(struct list *list)
{
	struct ask *asks = list->items;
	uint32_t kept = list->len > 0 ? 1 : 0;

	qsort(asks, list->len, sizeof(*asks), ask_order);
	for (uint32_t i = 1; i < list->len; i++) {
		if (ask_order(&asks[kept - 1], &asks[i]) != 0) {
			asks[kept++] = asks[i];
		}
	}
	list->len = kept;
}

/* begin: all asks of the world are here now: each gets its claim, in the order in which they win. */
static void begin(struct engine *e)
{
	struct edits *edits = &e->edits;
	const struct ask *asks = edits->asks.items;

	taken_clear(edits->taken);
	if (edits->asks.len == 0) {
		return;
	}
	sort(&edits->asks);
	edits->claims = arena_get(arena_now(e), edits->asks.len * sizeof(*edits->claims));
	if (edits->claims == NULL) {
		say_log(e, TROUPE_LOG_ERROR, NULL, "no memory for the edits of a tick: %u are lost", edits->asks.len);
		return;
	}
	edits->claims_len = edits->asks.len;
	edits->open = edits->claims_len < ASKS_MAX ? edits->claims_len : ASKS_MAX;
	memset(edits->claims, 0, edits->claims_len * sizeof(*edits->claims));
	for (uint32_t i = 0; i < edits->claims_len; i++) {
		edits->claims[i].ask = &asks[i];
		edits->claims[i].ours = (uint8_t)mine(e, asks[i].x, asks[i].y);
		if (i >= ASKS_MAX) {
			edits->claims[i].known = 1;
			edits->claims[i].refused = "world.busy";
		}
	}
}

static int is_taken(const struct taken *taken, const struct claim *claim)
{
	for (uint32_t i = 0; i < claim->cells_len; i++) {
		const struct cell *cell = &claim->cells[i];

		if (taken->len > 0 && taken_find(taken, cell->x, cell->y, cell->z)->full) {
			return 1;
		}
	}
	return 0;
}

/* write: a winner's cells are in the world from now on. */
static void write(struct engine *e, struct claim *claim)
{
	struct taken *taken = e->edits.taken;

	if (taken_room(taken, claim->cells_len) != 0) {
		say_log(e, TROUPE_LOG_ERROR, NULL, "no memory for an edit's cells: it is lost");
		return;
	}
	claim->won = 1;
	for (uint32_t i = 0; i < claim->cells_len; i++) {
		struct cell *cell = &claim->cells[i];
		int changed;

		cell->was = terrain_block(e->terrain, cell->x, cell->y, cell->z);
		changed = terrain_set(e->terrain, cell->x, cell->y, cell->z, cell->block, e->tick);
		if (changed < 0) {
			say_log(e, TROUPE_LOG_ERROR, NULL, "the block at %d,%d,%d is not written: %d", cell->x, cell->y, cell->z,
				changed);
		}
		cell->changed = changed > 0;
		*taken_find(taken, cell->x, cell->y, cell->z) =
			(struct taken_cell){ cell->x, cell->y, cell->z, cell->was, 1 };
		taken->len++;
	}
}

/* --- by locks --------------------------------------------------------------------------------------- */

static void conflict(struct claim *claim)
{
	claim->refused = "conflict";
	claim->cells_len = claim->wishes_len = 0;
}

/* The chunks that an edit at this place may reach: nine, or fewer at the edge of the world. */
static uint32_t reach(const struct engine *e, const struct ask *ask, uint32_t ret_chunks[AROUND_MAX])
{
	return entities_around(&e->all, entities_chunk(&e->all, ask->x, ask->y), ret_chunks);
}

static void by_locks(struct engine *e)
{
	struct edits *edits = &e->edits;

	if (++edits->hold == 0) {
		memset(edits->held, 0, (e->all.cells + 1u) * sizeof(*edits->held));
		edits->hold = 1;
	}
	for (uint32_t i = 0; i < edits->claims_len; i++) {
		struct claim *claim = &edits->claims[i];
		uint32_t chunks[AROUND_MAX], len, waits = 0;

		if (claim->known) {
			continue;
		}
		len = reach(e, claim->ask, chunks);
		for (uint32_t n = 0; n < len; n++) {
			waits |= edits->held[chunks[n]] == edits->hold;
		}
		if (!waits && claim->ours) {
			claim_run(e, claim);
			if (is_taken(edits->taken, claim)) {
				conflict(claim);
			} else if (claim->refused == NULL) {
				write(e, claim);
			}
			continue;
		}
		for (uint32_t n = 0; n < len; n++) {
			edits->held[chunks[n]] = edits->hold; /* it, or its owner, has these first */
		}
	}
}

void claim_won(struct engine *e, struct claim *claim)
{
	write(e, claim);
}

/* --- both ------------------------------------------------------------------------------------------- */

void edits_evaluate(struct engine *e)
{
	struct edits *edits = &e->edits;

	edits->fresh.len = 0;
	if (edits->round++ == 0) {
		begin(e);
	}
	if (e->shape.lock) {
		by_locks(e);
		return;
	}
	for (uint32_t i = 0; i < edits->claims_len; i++) {
		if (edits->claims[i].ours && !edits->claims[i].known) {
			claim_run(e, &edits->claims[i]);
		}
	}
}

int edits_again(const struct engine *e)
{
	return e->shape.lock && e->edits.open > 0;
}

static void answer(struct engine *e, const struct claim *claim)
{
	uint32_t row = claim->ask->token != 0 ? entities_row(&e->all, claim->ask->actor) : NO_ROW;
	const char *text = claim->refused != NULL ? claim->refused : "";
	int32_t status = TROUPE_OK;
	struct output *out;

	if (row == NO_ROW || (e->all.flags[row] & ENTITY_GHOST) != 0) {
		return;
	}
	if (claim->refused != NULL) {
		status = strcmp(text, "conflict") == 0	 ? TROUPE_ABORTED :
			 strcmp(text, "world.busy") == 0 ? TROUPE_RESOURCE_EXHAUSTED :
							   TROUPE_FAILED_PRECONDITION;
	}
	acted_end(e, row, claim->ask->act_key, status, text);
	out = output(e, OUTPUT_ANSWER, claim->ask->actor);
	if (out != NULL) {
		out->token = claim->ask->token;
		out->text = text;
		out->status = status;
	}
}

/* settle: tells what has become of an edit, and does what was to be done then. */
static void settle(struct engine *e, const struct claim *claim)
{
	for (uint32_t i = 0; claim->won && i < claim->cells_len; i++) {
		const struct cell *cell = &claim->cells[i];
		struct cell *change = cell->changed ? list_add(&e->edits.changes, sizeof(*change), UINT32_MAX) : NULL;
		struct output *out = cell->changed ? output(e, OUTPUT_BLOCK, claim->ask->actor) : NULL;

		if (change != NULL) {
			*change = *cell;
		}
		if (out != NULL) {
			out->chunk = entities_chunk(&e->all, cell->x, cell->y);
			out->x = cell->x;
			out->y = cell->y;
			out->z = cell->z;
		}
	}
	for (uint32_t i = 0; claim->won && i < claim->wishes_len; i++) {
		struct wish *wish = list_add(&e->pending, sizeof(*wish), WISHES_MAX);

		if (wish == NULL) {
			e->effects_full++;
			break;
		}
		*wish = claim->wishes[i];
	}
	if (claim->ours) {
		*(claim->won			     ? &e->edits.won :
		  strcmp(claim->refused, "conflict") == 0 ? &e->edits.lost :
							    &e->edits.refused) += 1;
		if (!claim->won) {
			rules_refund(e->rules, claim->ask);
		}
	}
	answer(e, claim);
}

void edits_apply(struct engine *e)
{
	struct edits *edits = &e->edits;

	for (uint32_t i = 0; i < edits->claims_len; i++) {
		struct claim *claim = &edits->claims[i];

		if (!claim->known) {
			claim->refused = "world.lost";
			say_log(e, TROUPE_LOG_ERROR, NULL, "nobody said what edit %s of %llu came to", claim->ask->edit,
				(unsigned long long)claim->ask->actor);
		} else if (claim->refused == NULL && !claim->won) {
			if (is_taken(edits->taken, claim)) {
				conflict(claim);
			} else {
				write(e, claim);
			}
		}
		settle(e, claim);
	}
	acted_repeats(e);
	edits->asks.len = 0;
}
