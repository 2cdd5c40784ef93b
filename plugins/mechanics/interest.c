/* SPDX-License-Identifier: MIT */
/* Who sees what: changes are noted by cell and told once a tick; a player sees its cell and those that touch it. */
#include <stdlib.h>
#include <string.h>

#include "mechanics.h"
#include "world/chunk.h"

#define EVENT_DELTA 33u
#define EVENT_CELL_SEEN 34u
#define EVENT_CELL_GONE 35u
#define PARTS 256.0 /* of a block, in which players are told of places */

enum change_kind { CHANGE_GONE, CHANGE_APPEARED, CHANGE_MOVED, CHANGE_ARRIVED, CHANGE_HEALTH };

/* --- noting --------------------------------------------------------------------------------------- */

/* A change in a cell that nobody sees need not be noted: whoever comes to see it is told all that is in it. */
static void note(struct mechanics *m, uint64_t id, uint32_t cell, enum change_kind kind)
{
	if (cell == 0 || !say_wanted(m, cell)) {
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

void interest_health(struct mechanics *m, uint64_t id, uint32_t cell)
{
	note(m, id, cell, CHANGE_HEALTH);
}

/* --- views ---------------------------------------------------------------------------------------- */

void interest_entity(const struct sight *sight, World__Entity *ret_entity)
{
	world__entity__init(ret_entity);
	ret_entity->has_id = ret_entity->has_x = ret_entity->has_y = ret_entity->has_z = 1;
	ret_entity->id = sight->id;
	ret_entity->kind = (char *)sight->kind;
	ret_entity->name = (char *)sight->name;
	ret_entity->x = sight->x;
	ret_entity->y = sight->y;
	ret_entity->z = sight->z;
	if (sight->health_max > 0) {
		ret_entity->has_health = ret_entity->has_health_max = 1;
		ret_entity->health = sight->health > 0 ? (uint32_t)sight->health : 0;
		ret_entity->health_max = (uint32_t)sight->health_max;
	}
}

const struct sight *interest_sights(struct mechanics *m, uint32_t cell, uint32_t *ret_len)
{
	uint32_t len = engine_see_chunk(m->engine, cell, m->sights, m->sights_size);

	if (len > m->sights_size) {
		struct sight *sights = realloc(m->sights, (len + 64) * sizeof(*sights));

		if (sights == NULL) {
			count(m, METRIC_FULL);
			len = m->sights_size;
		} else {
			m->sights = sights;
			m->sights_size = len + 64;
			engine_see_chunk(m->engine, cell, m->sights, m->sights_size);
		}
	}
	*ret_len = len;
	return m->sights;
}

static void tell_seen(struct mechanics *m, const struct player *player, uint32_t cell)
{
	World__Entity entities[LOOK_MAX], *list[LOOK_MAX];
	World__CellSeen seen = WORLD__CELL_SEEN__INIT;
	uint32_t len, at = 0;
	const struct sight *sights = interest_sights(m, cell, &len);

	seen.has_tick = seen.has_cell = 1;
	seen.tick = m->ticking.tick;
	seen.cell = cell;
	seen.entities = list;
	do { /* a crowd takes several messages, an empty cell one */
		for (seen.n_entities = 0; at < len && seen.n_entities < LOOK_MAX; at++) {
			interest_entity(&sights[at], &entities[seen.n_entities]);
			list[seen.n_entities] = &entities[seen.n_entities];
			seen.n_entities++;
		}
		say_send(m, player, EVENT_CELL_SEEN, &seen.base);
	} while (at < len);
	blocks_seen(m, player, cell);
}

static int among(const uint32_t *cells, uint32_t len, uint32_t cell)
{
	for (uint32_t i = 0; i < len; i++) {
		if (cells[i] == cell) {
			return 1;
		}
	}
	return 0;
}

void interest_view(struct mechanics *m, struct player *player, uint32_t cell)
{
	uint16_t *watch = player->frontend != NULL ? player->frontend->watch : NULL;
	uint32_t before[9], after[9], before_len = 0, after_len = 0;

	if (watch == NULL) {
		return; /* nobody looks */
	}
	if (player->cell != 0) {
		before_len = engine_around(m->engine, player->cell, before);
	}
	if (cell != 0) {
		after_len = engine_around(m->engine, cell, after);
	}
	player->cell = cell;
	for (uint32_t i = 0; i < before_len; i++) {
		World__CellGone gone = WORLD__CELL_GONE__INIT;

		if (among(after, after_len, before[i])) {
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
		if (among(before, before_len, after[i])) {
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
	delta.tick = m->ticking.tick;
	delta.cell = changes->cell;
	delta.gone = ids;
	for (uint32_t i = 0; i < len && changes[i].kind == CHANGE_GONE;) {
		for (delta.n_gone = 0; i < len && changes[i].kind == CHANGE_GONE && delta.n_gone < LOOK_MAX; i++) {
			ids[delta.n_gone++] = changes[i].id;
		}
		say_publish(m, changes->cell, EVENT_DELTA, &delta.base, 0);
	}
}

/* What one Delta is made of. */
struct delta {
	World__Delta message;
	World__Entity entities[LOOK_MAX], *appeared[LOOK_MAX];
	uint64_t moved[LOOK_MAX];
	int32_t places[3 * LOOK_MAX];
	World__Health values[LOOK_MAX], *healths[LOOK_MAX];
	int droppable; /* all of it will be said again with the next step */
};

static int32_t parts(double blocks)
{
	return (int32_t)(blocks * PARTS + (blocks < 0 ? -0.5 : 0.5));
}

static void delta_add(struct delta *delta, const struct sight *sight, enum change_kind kind)
{
	World__Delta *message = &delta->message;

	if (kind == CHANGE_APPEARED) {
		interest_entity(sight, &delta->entities[message->n_appeared]);
		delta->appeared[message->n_appeared] = &delta->entities[message->n_appeared];
		message->n_appeared++;
		delta->droppable = 0;
	} else if (kind == CHANGE_HEALTH) {
		World__Health *health = &delta->values[message->n_healths];

		world__health__init(health);
		health->has_id = health->has_health = 1;
		health->id = sight->id;
		health->health = sight->health > 0 ? (uint32_t)sight->health : 0;
		delta->healths[message->n_healths++] = health;
		delta->droppable = 0;
	} else {
		int32_t *place = &delta->places[message->n_places];

		place[0] = parts(sight->x - message->x * (double)CHUNK_WIDTH);
		place[1] = parts(sight->y - message->y * (double)CHUNK_WIDTH);
		place[2] = parts(sight->z);
		message->n_places += 3;
		delta->moved[message->n_moved++] = sight->id;
		delta->droppable &= kind == CHANGE_MOVED;
	}
}

static void tell_there(struct mechanics *m, const struct change *changes, uint32_t len)
{
	struct delta delta;
	uint32_t i = 0;

	world__delta__init(&delta.message);
	delta.message.has_tick = delta.message.has_cell = 1;
	delta.message.tick = m->ticking.tick;
	delta.message.cell = changes->cell;
	delta.message.appeared = delta.appeared;
	delta.message.moved = delta.moved;
	delta.message.places = delta.places;
	blocks_place(m, changes->cell, &delta.message.x, &delta.message.y);
	delta.message.healths = delta.healths;
	while (i < len) {
		uint32_t end = i + LOOK_MAX < len ? i + LOOK_MAX : len;

		delta.droppable = 1;
		delta.message.n_appeared = delta.message.n_moved = delta.message.n_healths = delta.message.n_places = 0;
		for (; i < end; i++) {
			struct sight sight;

			if (changes[i].kind != CHANGE_GONE && engine_see(m->engine, changes[i].id, &sight) == 0 &&
			    sight.chunk == changes->cell && !sight.asleep) { /* else it is gone since */
				delta_add(&delta, &sight, changes[i].kind);
			}
		}
		delta.message.has_x = delta.message.has_y = delta.message.n_moved > 0;
		if (delta.message.n_appeared + delta.message.n_moved + delta.message.n_healths > 0) {
			say_publish(m, changes->cell, EVENT_DELTA, &delta.message.base, delta.droppable);
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
	blocks_flush(m);
	for (uint32_t i = 0; i < m->frontends_len; i++) {
		if (m->frontends[i].id != 0) {
			say_flush(m, &m->frontends[i]);
		}
	}
}
