/* SPDX-License-Identifier: MIT */
/* What rules want: queued while one runs and done when it has ended well: at once to its own entity, to others as wishes. */
#include <stdlib.h>
#include <string.h>

#include "rules/internal.h"

/* --- queueing: inside a call of a script ----------------------------------------------------------- */

struct effect *effect_new(lua_State *L, enum effect_kind kind, uint64_t id)
{
	struct rules *r = rules_of(L);
	struct effect *effect;

	if (r->loading != NULL) {
		sandbox_raise(L, "S0110", "put it into on_spawn, think, or a function given to g.on",
			      "nothing can be done to the world while the scripts are being read");
	}
	if (r->effects_len == EFFECTS_MAX) {
		r->e->effects_full++;
		sandbox_raise(L, "S0111", "spread the work over several ticks with self:after",
			      "one call may do %u things to the world, not more", EFFECTS_MAX);
	}
	effect = &r->effects[r->effects_len++];
	memset(effect, 0, sizeof(*effect));
	effect->kind = kind;
	effect->id = id;
	return effect;
}

void effect_text(lua_State *L, struct effect *effect, int arg)
{
	struct rules *r = rules_of(L);
	size_t len;
	const char *text = luaL_checklstring(L, arg, &len);

	if (len == 0 || len > TEXT_MAX || !proto_utf8(text, len)) {
		luaL_error(L, "a line is 1 to %d bytes of UTF-8 text, this one has %d", (int)TEXT_MAX, (int)len);
	}
	if (r->text_len + len + 1 > EFFECT_TEXT_MAX) {
		sandbox_raise(L, "S0111", "say less at once", "one call may say %u bytes, not more", EFFECT_TEXT_MAX);
	}
	effect->text = r->text_len;
	memcpy(r->text + r->text_len, text, len + 1);
	r->text_len += (uint32_t)len + 1;
}

/* --- doing ---------------------------------------------------------------------------------------- */

static const char *const words[] = {
	[EFFECT_WALK] = "walk",	  [EFFECT_STOP] = "stop",   [EFFECT_SAY] = "say",	[EFFECT_TELL] = "tell",
	[EFFECT_TELL_ALL] = "tell_all", [EFFECT_SPAWN] = "spawn", [EFFECT_REMOVE] = "remove", [EFFECT_TIMER] = "timer",
};

static uint16_t kind_find(const struct rules *r, const char *name)
{
	for (uint32_t i = 1; i < r->now->kinds_len; i++) {
		if (strcmp(r->now->kinds[i].name, name) == 0) {
			return (uint16_t)i;
		}
	}
	return 0;
}

uint32_t rules_spawn(struct rules *r, const struct wish *wish)
{
	struct engine *e = r->e;
	uint16_t number = kind_find(r, wish->name);
	struct kind *k = &r->now->kinds[number];
	struct output *out;
	uint64_t id;
	uint32_t row;

	if (number == 0 || !entities_inside(&e->all, wish->x, wish->y)) {
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
	id = mix(mix(mix(e->shape.seed, wish->source), e->tick), wish->number) >> 12 | 1ull << 51;
	row = entities_add(&e->all, id, number, k->name, wish->x, wish->y, k->speed * e->shape.tick_ms / 1000);
	if (row == NO_ROW) {
		e->effects_full++;
		return NO_ROW;
	}
	entity_stand(e, row, wish->z != 0 ? &wish->z : NULL);
	e->all.born[row] = e->tick;
	k->alive++;
	rules_born(r, row);
	out = output(e, OUTPUT_APPEARED, id);
	if (out != NULL) {
		out->chunk = e->all.chunk_of[row];
	}
	return row;
}

static void told(struct rules *r, enum output_kind kind, uint64_t id, const char *text)
{
	struct output *out = output(r->e, kind, id);

	if (out != NULL) {
		out->text = output_text(r->e, text);
	}
}

static void say(struct rules *r, uint32_t row, const char *text)
{
	struct output *out = output(r->e, OUTPUT_HEARD, r->e->all.id[row]);

	if (out != NULL) {
		out->chunk = r->e->all.chunk_of[row];
		out->name = output_text(r->e, r->e->all.name[row]);
		out->channel = "near";
		out->text = output_text(r->e, text);
	}
}

void rules_wish(struct rules *r, const struct wish *wish)
{
	struct engine *e = r->e;
	uint32_t row = wish->target != 0 ? entities_row(&e->all, wish->target) : NO_ROW;
	struct output *out;

	if (strcmp(wish->kind, "spawn") == 0) {
		rules_spawn(r, wish);
		return;
	}
	if (strcmp(wish->kind, "tell_all") == 0) {
		told(r, OUTPUT_TELL, 0, wish->text);
		return;
	}
	if (row == NO_ROW || (e->all.flags[row] & (ENTITY_GHOST | ENTITY_LEAVES)) != 0) {
		return; /* gone since, or another's */
	}
	if ((e->all.flags[row] & ENTITY_ASLEEP) != 0) {
		return; /* it does nothing, and nothing is done to it */
	}
	if (strcmp(wish->kind, "walk") == 0) {
		entities_walk(&e->all, row, wish->x, wish->y);
	} else if (strcmp(wish->kind, "stop") == 0) {
		entities_stop(&e->all, row);
		out = output(e, OUTPUT_MOVED, wish->target);
		if (out != NULL) {
			out->chunk = e->all.chunk_of[row];
			out->flag = 1;
		}
	} else if (strcmp(wish->kind, "say") == 0) {
		say(r, row, wish->text);
	} else if (strcmp(wish->kind, "tell") == 0) {
		told(r, OUTPUT_TELL, wish->target, wish->text);
	} else if (strcmp(wish->kind, "remove") == 0) {
		e->all.flags[row] |= e->all.kind[row] != 0 ? ENTITY_LEAVES : 0; /* rows do not change under a loop over them */
	} else if (strcmp(wish->kind, "timer") == 0) {
		timers_add(r, row, wish->text, e->tick + (uint32_t)wish->x, (uint32_t)wish->y);
	}
}

static void apply(struct rules *r, const struct effect *effect)
{
	struct wish own = { .target = effect->id,
			    .source = r->subject,
			    .kind = words[effect->kind],
			    .name = effect->kind == EFFECT_SPAWN ? r->now->kinds[effect->spawn].name : "",
			    .text = r->text + effect->text,
			    .x = effect->kind == EFFECT_TIMER ? effect->after : effect->x,
			    .y = effect->kind == EFFECT_TIMER ? effect->every : effect->y };
	struct wish *wish;

	if (effect->id != 0 && effect->id == r->subject) {
		rules_wish(r, &own); /* to itself: at once */
		return;
	}
	wish = wish_add(r->e, own.target, own.source, own.kind);
	if (wish != NULL) {
		wish->name = arena_text(arena_now(r->e), own.name);
		wish->text = arena_text(arena_now(r->e), own.text);
		wish->x = own.x;
		wish->y = own.y;
	}
}

void effects_apply(struct rules *r)
{
	for (uint32_t i = 0; i < r->effects_len; i++) {
		apply(r, &r->effects[i]);
	}
	r->effects_len = r->text_len = 0;
}
