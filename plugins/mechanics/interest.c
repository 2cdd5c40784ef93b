/* SPDX-License-Identifier: MIT */
/* Who sees what: changes are noted by cell and told once a tick; a player sees its cell and those that touch it. */
#include <stdlib.h>
#include <string.h>

#include "mechanics.h"

#define EVENT_DELTA 33u
#define EVENT_CELL_SEEN 34u
#define EVENT_CELL_GONE 35u

enum change_kind { CHANGE_GONE, CHANGE_APPEARED, CHANGE_MOVED, CHANGE_ARRIVED };

/* --- noting --------------------------------------------------------------------------------------- */

static int watched(const struct mechanics *m, uint32_t cell)
{
	for (uint32_t i = 0; i < FRONTENDS_MAX; i++) {
		if (m->frontends[i].id != 0 && m->frontends[i].watch[cell] > 0) {
			return 1;
		}
	}
	return 0;
}

/* A change in a cell that nobody sees need not be noted: whoever comes to see it is told all that is in it. */
static void note(struct mechanics *m, uint64_t id, uint32_t cell, enum change_kind kind)
{
	if (!watched(m, cell)) {
		return;
	}
	if (m->changes_len == m->changes_size) {
		uint32_t size = m->changes_size == 0 ? 256 : m->changes_size * 2;
		struct change *changes = realloc(m->changes, size * sizeof(*changes));

		if (changes == NULL) {
			count(m, METRIC_FULL);
			return;
		}
		m->changes = changes;
		m->changes_size = size;
	}
	m->changes[m->changes_len++] = (struct change){ .id = id, .cell = cell, .kind = (uint8_t)kind };
}

void interest_appeared(struct mechanics *m, uint64_t id, uint32_t cell)
{
	note(m, id, cell, CHANGE_APPEARED);
}

void interest_gone(struct mechanics *m, uint64_t id, uint32_t cell)
{
	note(m, id, cell, CHANGE_GONE);
}

void interest_moved(struct mechanics *m, uint64_t id, uint32_t cell, int ended)
{
	note(m, id, cell, ended ? CHANGE_ARRIVED : CHANGE_MOVED);
}

/* --- views ---------------------------------------------------------------------------------------- */

void interest_entity(const struct mechanics *m, uint32_t row, World__Entity *ret_entity)
{
	const struct world *w = &m->world;

	world__entity__init(ret_entity);
	ret_entity->has_id = ret_entity->has_x = ret_entity->has_y = ret_entity->has_z = 1;
	ret_entity->id = w->id[row];
	ret_entity->kind = (char *)rules_kind_name(m->rules, w->kind[row]);
	ret_entity->name = w->name[row];
	ret_entity->x = w->x[row];
	ret_entity->y = w->y[row];
}

static void tell_seen(struct mechanics *m, const struct player *player, uint32_t cell)
{
	World__Entity entities[LOOK_MAX], *list[LOOK_MAX];
	World__CellSeen seen = WORLD__CELL_SEEN__INIT;
	uint32_t row = m->world.first[cell];

	seen.has_tick = seen.has_cell = 1;
	seen.tick = m->tick;
	seen.cell = cell;
	seen.entities = list;
	do { /* a crowd takes several messages, an empty cell one */
		seen.n_entities = 0;
		for (; row != NO_ROW && seen.n_entities < LOOK_MAX; row = m->world.next[row]) {
			interest_entity(m, row, &entities[seen.n_entities]);
			list[seen.n_entities] = &entities[seen.n_entities];
			seen.n_entities++;
		}
		say_send(m, player, EVENT_CELL_SEEN, &seen.base);
	} while (row != NO_ROW);
}

void interest_view(struct mechanics *m, struct player *player, uint32_t cell)
{
	uint16_t *watch = player->frontend != NULL ? player->frontend->watch : NULL;
	uint32_t before[AROUND_MAX], after[AROUND_MAX], before_len = 0, after_len = 0, old = player->cell;

	if (watch == NULL) {
		return; /* nobody looks */
	}
	if (old != 0) {
		before_len = world_around(&m->world, old, before);
	}
	if (cell != 0) {
		after_len = world_around(&m->world, cell, after);
	}
	player->cell = cell;
	for (uint32_t i = 0; i < before_len; i++) {
		World__CellGone gone = WORLD__CELL_GONE__INIT;

		if (cell != 0 && world_touching(&m->world, cell, before[i])) {
			continue;
		}
		watch[before[i]]--;
		if (cell != 0) { /* one who leaves has stopped to listen before he said so */
			say_subscribe(m, player, before[i], 0);
			gone.has_cell = 1;
			gone.cell = before[i];
			say_send(m, player, EVENT_CELL_GONE, &gone.base);
		}
	}
	for (uint32_t i = 0; i < after_len; i++) {
		if (old != 0 && world_touching(&m->world, old, after[i])) {
			continue;
		}
		watch[after[i]]++;
		say_subscribe(m, player, after[i], 1);
		tell_seen(m, player, after[i]);
	}
}

/* --- telling -------------------------------------------------------------------------------------- */

static int change_order(const void *a, const void *b)
{
	const struct change *x = a, *y = b;

	if (x->cell != y->cell) {
		return x->cell < y->cell ? -1 : 1;
	}
	if (x->kind != y->kind) {
		return x->kind < y->kind ? -1 : 1;
	}
	return (x->id > y->id) - (x->id < y->id);
}

/* What is gone from a cell goes before what appeared in any: who walks from one seen cell into another is then first gone
 * and then there, whatever the cells' order. */
static void tell_gone(struct mechanics *m, const struct change *changes, uint32_t len)
{
	uint64_t ids[LOOK_MAX];
	World__Delta delta = WORLD__DELTA__INIT;

	delta.has_tick = delta.has_cell = 1;
	delta.tick = m->tick;
	delta.cell = changes->cell;
	delta.gone = ids;
	for (uint32_t i = 0; i < len && changes[i].kind == CHANGE_GONE;) {
		for (delta.n_gone = 0; i < len && changes[i].kind == CHANGE_GONE && delta.n_gone < LOOK_MAX; i++) {
			ids[delta.n_gone++] = changes[i].id;
		}
		say_publish(m, changes->cell, EVENT_DELTA, &delta.base, 0);
	}
}

static void tell_there(struct mechanics *m, const struct change *changes, uint32_t len)
{
	World__Entity entities[LOOK_MAX], *appeared[LOOK_MAX];
	World__Moved moves[LOOK_MAX], *moved[LOOK_MAX];
	World__Delta delta = WORLD__DELTA__INIT;
	uint32_t i = 0;

	delta.has_tick = delta.has_cell = 1;
	delta.tick = m->tick;
	delta.cell = changes->cell;
	delta.appeared = appeared;
	delta.moved = moved;
	while (i < len) {
		int droppable = 1; /* while all of it will be said again with the next step */

		delta.n_appeared = delta.n_moved = 0;
		for (; i < len && delta.n_appeared < LOOK_MAX && delta.n_moved < LOOK_MAX; i++) {
			uint32_t row = changes[i].kind != CHANGE_GONE ? world_row(&m->world, changes[i].id) : NO_ROW;

			if (row == NO_ROW || m->world.cell_of[row] != changes->cell) {
				continue; /* gone since */
			}
			if (changes[i].kind == CHANGE_APPEARED) {
				interest_entity(m, row, &entities[delta.n_appeared]);
				appeared[delta.n_appeared] = &entities[delta.n_appeared];
				delta.n_appeared++;
				droppable = 0;
			} else {
				World__Moved *move = &moves[delta.n_moved];

				world__moved__init(move);
				move->has_id = move->has_x = move->has_y = 1;
				move->id = changes[i].id;
				move->x = m->world.x[row];
				move->y = m->world.y[row];
				moved[delta.n_moved++] = move;
				droppable &= changes[i].kind == CHANGE_MOVED;
			}
		}
		if (delta.n_appeared + delta.n_moved > 0) {
			say_publish(m, changes->cell, EVENT_DELTA, &delta.base, droppable);
		}
	}
}

void interest_flush(struct mechanics *m)
{
	void (*const passes[])(struct mechanics *, const struct change *, uint32_t) = { tell_gone, tell_there };

	if (m->changes_len > 1) {
		qsort(m->changes, m->changes_len, sizeof(*m->changes), change_order);
	}
	for (int pass = 0; pass < 2; pass++) {
		for (uint32_t i = 0, end; i < m->changes_len; i = end) {
			for (end = i; end < m->changes_len && m->changes[end].cell == m->changes[i].cell; end++) {
			}
			passes[pass](m, &m->changes[i], end - i);
		}
	}
	m->changes_len = 0;
	for (uint32_t i = 0; i < FRONTENDS_MAX; i++) {
		if (m->frontends[i].id != 0) {
			say_flush(m, &m->frontends[i]);
		}
	}
}
