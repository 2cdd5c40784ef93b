/* SPDX-License-Identifier: MIT */
/* What wishes do when their time has come. */
#include <stdlib.h>
#include <string.h>

#include "rules/internal.h"

static void walk(struct rules *r, uint32_t row, const struct wish *wish)
{
	entities_walk(&r->e->all, row, wish->x, wish->y);
	r->e->all.goal_z[row] = wish->z > 0 ? wish->z : -1;
}

static void chase(struct rules *r, uint32_t row, const struct wish *wish)
{
	if (entity_chase(r->e, row, strtoull(wish->text, NULL, 10), wish->amount) != 0) {
		r->e->effects_full++;
	}
}

static void stop(struct rules *r, uint32_t row, const struct wish *wish)
{
	struct output *out;

	(void)wish;
	if (!entities_walks(&r->e->all, row)) {
		return;
	}
	entities_stop(&r->e->all, row);
	out = output(r->e, OUTPUT_MOVED, r->e->all.id[row]);
	if (out != NULL) {
		out->chunk = r->e->all.chunk_of[row];
		out->flag = MOVED_STANDS;
	}
}

static void say(struct rules *r, uint32_t row, const struct wish *wish)
{
	struct output *out = output(r->e, OUTPUT_HEARD, r->e->all.id[row]);

	if (out != NULL) {
		out->chunk = r->e->all.chunk_of[row];
		out->name = output_text(r->e, r->e->all.name[row]);
		out->channel = "near";
		out->text = output_text(r->e, wish->text);
	}
}

static void tell(struct rules *r, uint32_t row, const struct wish *wish)
{
	struct output *out = row == NO_ROW || r->e->all.kind[row] == KIND_PLAYER
				     ? output(r->e, OUTPUT_TELL, row != NO_ROW ? wish->target : 0)
				     : NULL;

	if (out != NULL) {
		out->text = output_text(r->e, wish->text);
	}
}

static void spawn(struct rules *r, uint32_t row, const struct wish *wish)
{
	(void)row;
	rules_spawn(r, wish);
}

static void leave(struct rules *r, uint32_t row, const struct wish *wish)
{
	(void)wish;
	if (r->e->all.kind[row] != KIND_PLAYER) {
		r->e->all.flags[row] |= ENTITY_LEAVES; /* rows do not change under a loop over them */
	}
}

static void timer(struct rules *r, uint32_t row, const struct wish *wish)
{
	timers_add(r, row, wish->text, r->e->tick + (uint32_t)wish->x, (uint32_t)wish->y);
}

/* own: done at once to the entity that the call is about: only what nobody else can see in this stage. world: it is about no
 * entity. */
static const struct {
	const char *name;
	uint8_t own, world;
	void (*run)(struct rules *r, uint32_t row, const struct wish *wish);
} kinds[WISH_KINDS] = {
	[WISH_WALK] = { "walk", 1, 0, walk },
	[WISH_CHASE] = { "chase", 1, 0, chase },
	[WISH_STOP] = { "stop", 1, 0, stop },
	[WISH_SAY] = { "say", 1, 0, say },
	[WISH_TELL] = { "tell", 1, 0, tell },
	[WISH_TELL_ALL] = { "tell_all", 0, 1, tell },
	[WISH_SPAWN] = { "spawn", 0, 1, spawn },
	[WISH_DROP] = { "drop", 0, 1, wish_drop },
	[WISH_REMOVE] = { "remove", 1, 0, leave },
	[WISH_TIMER] = { "timer", 1, 0, timer },
	[WISH_HURT] = { "hurt", 0, 0, wish_hurt },
	[WISH_HEAL] = { "heal", 0, 0, wish_heal },
	[WISH_GIVE] = { "give", 1, 0, wish_give },
	[WISH_TAKE] = { "take", 1, 0, wish_take },
	[WISH_SLOW] = { "slow", 1, 0, wish_slow },
	[WISH_CAST] = { "cast", 1, 0, wish_cast },
	[WISH_COOLDOWN] = { "cooldown", 1, 0, wish_cooldown },
	[WISH_EVENT] = { "event", 0, 0, wish_event },
	[WISH_KILLED] = { "killed", 0, 0, wish_killed },
	[WISH_QUEST] = { "quest", 1, 0, wish_quest },
	[WISH_DONE] = { "done", 0, 0, wish_done },
	[WISH_REWARD] = { "reward", 1, 0, wish_reward },
	[WISH_ASK] = { "ask", 1, 1, wish_ask },
};

const char *wish_name(enum wish_kind kind)
{
	return kinds[kind].name;
}

int wish_own(enum wish_kind kind)
{
	return kinds[kind].own;
}

void wish_run(struct rules *r, enum wish_kind kind, uint32_t row, const struct wish *wish)
{
	kinds[kind].run(r, row, wish);
}

void rules_wish(struct rules *r, const struct wish *wish)
{
	struct engine *e = r->e;
	uint32_t row = wish->target != 0 ? entities_row(&e->all, wish->target) : NO_ROW;

	for (int kind = 0; kind < WISH_KINDS; kind++) {
		if (strcmp(kinds[kind].name, wish->kind) != 0) {
			continue;
		}
		if (kind == WISH_ASK) {
			return; /* of a block that was woken: see asks_tick */
		}
		/* a target that is gone since, sleeps, or is another's */
		if (kinds[kind].world || (row != NO_ROW && runs(&e->all, row))) {
			kinds[kind].run(r, row, wish);
		}
		return;
	}
}

/* --- new entities ------------------------------------------------------------------------------------ */

uint32_t rules_spawn(struct rules *r, const struct wish *wish)
{
	struct engine *e = r->e;
	int number = kind_find(r->now, wish->name);
	struct kind *k = number >= 0 ? &r->now->kinds[number] : NULL;
	struct output *out;
	uint64_t id;
	uint32_t row;

	if (number < (int)KIND_DROP || !entities_inside(&e->all, wish->x, wish->y)) {
		return NO_ROW;
	}
	/* All owners see all wishes for new ones, in the same order: so they agree on which of them find the world full. */
	if (e->populace + e->spawned >= e->shape.max_entities) {
		e->effects_full++;
		if (!e->full) { /* said once a tick */
			say_log(e, TROUPE_LOG_WARNING, NULL, "the world is full (max_entities = %u): no more %s",
				e->shape.max_entities, k->name);
		}
		e->full = 1;
		return NO_ROW;
	}
	e->spawned += !MUTANT("full_here") || mine(e, wish->x, wish->y);
	if (!mine(e, wish->x, wish->y)) {
		return NO_ROW;
	}
	/* below 2^53, so that clients in any language can hold it */
	id = seed_mix(seed_mix(seed_mix(e->shape.seed, wish->source), e->tick), wish->number) >> 12 | 1ull << 51;
	row = entities_add(&e->all, id, (uint16_t)number, k->name, wish->x, wish->y, k->speed * e->shape.tick_ms / 1000);
	if (row == NO_ROW) {
		e->effects_full++;
		return NO_ROW;
	}
	entity_stand(e, row, wish->z > 0 ? &wish->z : NULL);
	e->all.born[row] = e->tick;
	e->all.health[row] = e->all.health_max[row] = k->health;
	k->alive++;
	rules_born(r, row);
	out = output(e, OUTPUT_APPEARED, id);
	if (out != NULL) {
		out->chunk = e->all.chunk_of[row];
	}
	return row;
}
