/* SPDX-License-Identifier: MIT */
/* Rows, chunks, movement. */
#include "entities.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vec/vec.h"

/* --- rows ----------------------------------------------------------------------------------------- */

/* Every array of the rows, so that growing, moving and releasing a row cannot forget one. */
#define EACH_ARRAY(DO, w) \
	DO((w)->id) DO((w)->x) DO((w)->y) DO((w)->z) DO((w)->vx) DO((w)->vy) DO((w)->goal_x) DO((w)->goal_y) DO((w)->goal_z) \
	DO((w)->speed) DO((w)->aim_x) DO((w)->aim_y) DO((w)->look_z) DO((w)->look) DO((w)->gait) DO((w)->way) DO((w)->due) \
	DO((w)->steps) DO((w)->chunk_of) DO((w)->next) DO((w)->prev) DO((w)->kind) DO((w)->flags) \
	DO((w)->ref) DO((w)->health) DO((w)->health_max) DO((w)->seen_health) DO((w)->seen) DO((w)->born) DO((w)->calls) \
	DO((w)->asks) DO((w)->wish) DO((w)->timers) \
	DO((w)->extra) DO((w)->name) \
	DO((w)->crossed) DO((w)->crossed_from) DO((w)->moved)

static int grow_one(void **array, size_t item, uint32_t size)
{
	void *bytes = realloc(*array, item * size);

	if (bytes == NULL) {
		return -1;
	}
	*array = bytes;
	return 0;
}

static int grow(struct entities *w)
{
	uint32_t size = w->size == 0 ? 64 : w->size * 2;
	int failed = 0;

	if (w->count < w->size) {
		return 0;
	}
#define GROW(array) failed |= failed || grow_one((void **)&(array), sizeof(*(array)), size) != 0;
	EACH_ARRAY(GROW, w)
	if (!failed) {
		w->size = size; /* else some arrays are longer than they need to be, which harms nobody */
	}
	return failed ? -1 : 0;
}

int entities_open(struct entities *w, double size, double cell)
{
	memset(w, 0, sizeof(*w));
	w->half = size / 2;
	w->per_cell = 1 / cell;
	w->columns = (uint32_t)(size / cell);
	w->columns += (double)w->columns * cell < size ? 1 : 0;
	w->cells = w->columns * w->columns;
	w->first = calloc(w->cells + 1u, sizeof(*w->first));
	w->populace = calloc(w->cells + 1u, sizeof(*w->populace));
	w->kinds = calloc(w->cells + 1u, sizeof(*w->kinds));
	if (w->first == NULL || w->populace == NULL || w->kinds == NULL) {
		return -1;
	}
	memset(w->first, 0xFF, (w->cells + 1u) * sizeof(*w->first));
	return 0;
}

void entities_close(struct entities *w)
{
	for (uint32_t row = 0; row < w->count; row++) {
		free(w->way[row]);
	}
#define RELEASE(array) free(array);
	EACH_ARRAY(RELEASE, w)
	free(w->first);
	free(w->populace);
	free(w->kinds);
	map_free(&w->rows);
	memset(w, 0, sizeof(*w));
}

/* --- cells ---------------------------------------------------------------------------------------- */

int entities_inside(const struct entities *w, double x, double y)
{
	return x >= -w->half && x <= w->half && y >= -w->half && y <= w->half; /* false for NaN */
}

static uint32_t column(const struct entities *w, double at)
{
	uint32_t n = (uint32_t)((at + w->half) * w->per_cell);

	return n < w->columns ? n : w->columns - 1; /* the far edge belongs to the last cell */
}

uint32_t entities_chunk(const struct entities *w, double x, double y)
{
	return 1 + column(w, y) * w->columns + column(w, x);
}

uint32_t entities_around(const struct entities *w, uint32_t cell, uint32_t ret_cells[AROUND_MAX])
{
	int32_t cx = (int32_t)((cell - 1) % w->columns), cy = (int32_t)((cell - 1) / w->columns);
	int32_t columns = (int32_t)w->columns;
	uint32_t n = 0;

	for (int32_t y = cy - 1; y <= cy + 1; y++) {
		for (int32_t x = cx - 1; x <= cx + 1; x++) {
			if (x >= 0 && x < columns && y >= 0 && y < columns) {
				ret_cells[n++] = 1 + (uint32_t)(y * columns + x);
			}
		}
	}
	return n;
}

int entities_touching(const struct entities *w, uint32_t a, uint32_t b)
{
	int32_t dx = (int32_t)((a - 1) % w->columns) - (int32_t)((b - 1) % w->columns);
	int32_t dy = (int32_t)((a - 1) / w->columns) - (int32_t)((b - 1) / w->columns);

	return dx >= -1 && dx <= 1 && dy >= -1 && dy <= 1;
}

static void cell_enter(struct entities *w, uint32_t row, uint32_t cell)
{
	w->chunk_of[row] = cell;
	w->prev[row] = NO_ROW;
	w->next[row] = w->first[cell];
	if (w->next[row] != NO_ROW) {
		w->prev[w->next[row]] = row;
	}
	w->first[cell] = row;
	w->populace[cell]++;
	w->kinds[cell] |= 1ull << w->kind[row] % 64;
}

static void cell_leave(struct entities *w, uint32_t row)
{
	uint32_t cell = w->chunk_of[row];

	if (w->prev[row] != NO_ROW) {
		w->next[w->prev[row]] = w->next[row];
	} else {
		w->first[cell] = w->next[row];
	}
	if (w->next[row] != NO_ROW) {
		w->prev[w->next[row]] = w->prev[row];
	}
	if (--w->populace[cell] == 0) {
		w->kinds[cell] = 0;
	}
}

void entities_kind(struct entities *w, uint32_t row, uint16_t kind)
{
	w->kind[row] = kind;
	w->kinds[w->chunk_of[row]] |= 1ull << kind % 64;
}

int entities_apart(const struct entities *w, uint32_t cell, double x, double y, double radius)
{
	double wide = 1 / w->per_cell, west = (double)((cell - 1) % w->columns) * wide - w->half;
	double south = (double)((cell - 1) / w->columns) * wide - w->half;

	radius += 0.01; /* so that no rounding of distances matters */
	return west > x + radius || west + wide < x - radius || south > y + radius || south + wide < y - radius;
}

/* --- coming and going ----------------------------------------------------------------------------- */

uint32_t entities_row(const struct entities *w, uint64_t id)
{
	const void *row = map_get(&w->rows, id);

	return row != NULL ? (uint32_t)((uintptr_t)row - 1) : NO_ROW;
}

static int row_put(struct entities *w, uint64_t id, uint32_t row)
{
	return map_put(&w->rows, id, (void *)((uintptr_t)row + 1));
}

uint32_t entities_add(struct entities *w, uint64_t id, uint16_t kind, const char *name, double x, double y, double speed)
{
	uint32_t row = w->count;

	if (grow(w) != 0 || row_put(w, id, row) != 0) {
		return NO_ROW;
	}
	w->count++;
	w->id[row] = id;
	w->x[row] = w->goal_x[row] = x;
	w->y[row] = w->goal_y[row] = y;
	w->vx[row] = w->vy[row] = 0;
	w->speed[row] = speed;
	w->steps[row] = 0;
	w->look[row] = UINT32_MAX;
	w->gait[row] = 0;
	w->way[row] = NULL;
	w->aim_x[row] = w->aim_y[row] = w->look_z[row] = 0;
	w->kind[row] = kind;
	w->z[row] = w->goal_z[row] = 0;
	w->flags[row] = 0;
	w->ref[row] = 0;
	w->health[row] = w->health_max[row] = w->seen_health[row] = 0;
	w->seen[row] = MUTANT("sees_now") ? SEEN : 0;
	w->born[row] = w->wish[row] = 0;
	w->calls[row] = w->asks[row] = 0;
	w->timers[row] = NO_ROW;
	w->extra[row] = NULL;
	snprintf(w->name[row], sizeof(w->name[row]), "%s", name);
	cell_enter(w, row, entities_chunk(w, x, y));
	return row;
}

void entities_remove(struct entities *w, uint32_t row)
{
	uint32_t last = w->count - 1;

	free(w->way[row]);
	cell_leave(w, row);
	map_remove(&w->rows, w->id[row]);
	w->count--;
	if (row == last) {
		return;
	}
#define MOVE(array) memcpy(&(array)[row], &(array)[last], sizeof(*(array)));
	EACH_ARRAY(MOVE, w)
	if (w->prev[row] != NO_ROW) {
		w->next[w->prev[row]] = row;
	} else {
		w->first[w->chunk_of[row]] = row;
	}
	if (w->next[row] != NO_ROW) {
		w->prev[w->next[row]] = row;
	}
	row_put(w, w->id[row], row); /* replaces: needs no memory */
}

/* --- what others read ----------------------------------------------------------------------------- */

void entities_settle(struct entities *w)
{
	for (uint32_t i = 0; i < w->count; i++) {
		uint8_t flags = w->flags[i], walks = entities_walks(w, i) || (flags & ENTITY_WALKS) != 0 ? SEEN_WALKS : 0;

		w->seen[i] = MUTANT("sees_now") || (flags & (ENTITY_ASLEEP | ENTITY_LEAVES)) == 0 ? SEEN | walks : 0;
	}
	if (w->count > 0) {
		memcpy(w->seen_health, w->health, w->count * sizeof(*w->health));
		memset(w->calls, 0, w->count * sizeof(*w->calls));
		memset(w->asks, 0, w->count * sizeof(*w->asks));
	}
}

uint32_t entities_near(const struct entities *w, uint32_t row, uint64_t id)
{
	uint32_t other = id != 0 ? entities_row(w, id) : NO_ROW;

	if (other == NO_ROW || other == row) {
		return other;
	}
	return (w->seen[other] & SEEN) != 0 && entities_touching(w, w->chunk_of[row], w->chunk_of[other]) ? other : NO_ROW;
}

uint32_t entities_place(struct entities *w, uint32_t row, double x, double y, double z)
{
	uint32_t before = w->chunk_of[row], cell = entities_chunk(w, x, y);

	w->x[row] = x;
	w->y[row] = y;
	w->z[row] = z;
	if (cell != before) {
		cell_leave(w, row);
		cell_enter(w, row, cell);
	}
	return before;
}

/* --- movement ------------------------------------------------------------------------------------- */

static void advance(double *restrict at, const double *restrict by, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		at[i] += by[i];
	}
}

/* held: many steps along the edge of the world may add up to a place that is a rounding beyond it. */
static double held(double at, double half)
{
	return at < -half ? -half : at > half ? half : at;
}

void entities_step(struct entities *w)
{
	uint32_t moved = 0, due = 0, crossed = 0;

	/* All take their step, those who stand one of length 0: no branch, so that it can be done several at a time. */
	advance(w->x, w->vx, w->count);
	advance(w->y, w->vy, w->count);
	for (uint32_t i = 0; i < w->count; i++) {
		if (w->steps[i] == 0) {
			continue;
		}
		w->moved[moved++] = i;
		if (--w->steps[i] == 0) {
			w->x[i] = w->aim_x[i];
			w->y[i] = w->aim_y[i];
			w->vx[i] = w->vy[i] = 0;
			w->due[due++] = i;
		} else if (w->steps[i] == w->look[i]) {
			w->due[due++] = i;
		}
	}
	for (uint32_t n = 0; n < moved; n++) {
		uint32_t i = w->moved[n], cell;

		w->x[i] = held(w->x[i], w->half);
		w->y[i] = held(w->y[i], w->half);
		cell = entities_chunk(w, w->x[i], w->y[i]);
		if (cell != w->chunk_of[i]) {
			w->crossed_from[crossed] = w->chunk_of[i];
			w->crossed[crossed++] = i;
			cell_leave(w, i);
			cell_enter(w, i, cell);
		}
	}
	w->moved_len = moved;
	w->due_len = due;
	w->crossed_len = crossed;
}
