/* SPDX-License-Identifier: MIT */
/* Health: what hurts, heals and kills. It changes in stage 2 alone, so that all who look in stage 1 see the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/internal.h"

#define DOWN_MS 3000u /* how long a player that fell lies there */

static int entity_hurt(lua_State *L)
{
	struct rules *r = rules_of(L);
	uint64_t by = r->subject;
	struct wish *wish = effect_new(L, WISH_HURT, r->args[PARAMS_MAX].id);
	char kind[WORD_MAX + 1], text[24];

	key_word(L, 2, "kind", kind);
	if (key_push(L, 2, "by") != LUA_TNIL) {
		by = handle_get(L, -1);
	}
	wish->amount = key_number(L, 2, "amount", 0);
	wish->name = effect_text(L, kind, strlen(kind));
	wish->text = effect_text(L, text, (size_t)snprintf(text, sizeof(text), "%llu", (unsigned long long)by));
	return 0;
}

static int entity_heal(lua_State *L)
{
	struct rules *r = rules_of(L);

	effect_new(L, WISH_HEAL, r->args[PARAMS_MAX].id)->amount = r->args[0].number;
	return 0;
}

static void told(struct rules *r, uint32_t row)
{
	struct output *out = output(r->e, OUTPUT_HEALTH, r->e->all.id[row]);

	if (out != NULL) {
		out->chunk = r->e->all.chunk_of[row];
	}
}

void wish_heal(struct rules *r, uint32_t row, const struct wish *wish)
{
	struct entities *w = &r->e->all;
	double health = w->health[row] + wish->amount;

	if (w->health[row] <= 0 || !(wish->amount >= 0)) {
		return; /* what has fallen is not healed */
	}
	w->health[row] = health < w->health_max[row] ? (int32_t)health : w->health_max[row];
	told(r, row);
}

struct hit {
	const struct wish *wish;
	uint64_t by;
};

static void hit_push(lua_State *L, void *arg)
{
	const struct hit *hit = arg;

	lua_createtable(L, 0, 3);
	lua_pushinteger(L, (lua_Integer)hit->wish->amount);
	lua_setfield(L, -2, "amount");
	lua_pushstring(L, hit->wish->name);
	lua_setfield(L, -2, "kind");
	if (hit->by != 0) {
		handle_push_id(L, rules_of(L), hit->by);
		lua_setfield(L, -2, "by");
	}
}

static void leave_loot(struct rules *r, uint32_t row)
{
	const struct kind *kind = &r->now->kinds[r->e->all.kind[row]];
	uint64_t id = r->e->all.id[row];

	for (uint32_t i = 0; i < kind->loot_len; i++) {
		const struct loot *loot = &kind->loot[i];
		uint32_t span = loot->most - loot->least + 1, count = loot->least + (uint32_t)(fraction(r, id, i) * span);
		struct wish *wish = count > 0 ? wish_to(r, WISH_DROP, 0, id, loot->item, count) : NULL;

		if (wish != NULL) {
			wish->x = r->e->all.x[row];
			wish->y = r->e->all.y[row];
			wish->z = r->e->all.z[row];
		}
	}
}

/* fall: its health is gone. Monsters leave their loot and the world; players lie there for a while and get up where they came in. */
static void fall(struct rules *r, uint32_t row, const struct hit *hit, const struct value *arg)
{
	struct entities *w = &r->e->all;
	struct kind *kind = &r->now->kinds[w->kind[row]];
	struct extra *extra;

	if (hit->by != 0 && hit->by != w->id[row]) {
		wish_to(r, WISH_KILLED, hit->by, w->id[row], kind_word(r->now, w->kind[row]), 1);
	}
	if (kind->on_death >= 0) {
		call_row(r, &kind->methods.items[kind->on_death], WHEN_2, row, arg, 1);
	}
	if (w->kind[row] != KIND_PLAYER) {
		leave_loot(r, row);
		w->flags[row] |= ENTITY_LEAVES;
		return;
	}
	extra = extra_of(r->e, row);
	if (extra != NULL) {
		extra->rises = r->e->tick + DOWN_MS / r->e->shape.tick_ms;
		extra->cast[0] = '\0';
	}
	if (entities_walks(w, row)) {
		struct wish stop = { .target = w->id[row], .name = "", .text = "" };

		wish_run(r, WISH_STOP, row, &stop);
	}
}

void wish_hurt(struct rules *r, uint32_t row, const struct wish *wish)
{
	struct entities *w = &r->e->all;
	struct kind *kind = &r->now->kinds[w->kind[row]];
	struct hit hit = { wish, strtoull(wish->text, NULL, 10) };
	struct value arg = { .type = VALUE_PUSH, .push = hit_push, .arg = &hit };
	double left = w->health[row] - wish->amount;

	if (w->health[row] <= 0 || !(wish->amount > 0)) {
		return; /* cannot be hurt, or has fallen already */
	}
	w->health[row] = left > 0 ? (int32_t)left : 0;
	told(r, row);
	if (kind->on_hurt >= 0) {
		call_row(r, &kind->methods.items[kind->on_hurt], WHEN_2, row, &arg, 1);
	}
	if (w->health[row] == 0) {
		fall(r, row, &hit, &arg);
	}
}

/* Players that fell get up: stage 3, when positions change. */
void health_rise(struct rules *r)
{
	struct entities *w = &r->e->all;

	for (uint32_t row = 0; row < w->count; row++) {
		struct extra *extra = w->extra[row];
		uint32_t before;

		if (extra == NULL || extra->rises == 0 || extra->rises > r->e->tick || !runs(w, row)) {
			continue;
		}
		extra->rises = 0;
		w->health[row] = w->health_max[row];
		told(r, row);
		entities_stop(w, row);
		before = entities_place(w, row, r->now->spawn_x, r->now->spawn_y, 0);
		entity_stand(r->e, row, NULL);
		shown(r->e, row, before, 1);
	}
}

int fallen(const struct rules *r, uint32_t row)
{
	const struct extra *extra = r->e->all.extra[row];

	return extra != NULL && extra->rises != 0;
}

const struct api_entry health_api[] = {
	{ ON_ENTITY, API_FUNCTION, WHEN_DO, 0, "hurt", "hurt:Hurt", NULL,
	  "Takes health away, in stage 2; at 0 it dies: monsters leave their loot, players lie there for 3 s and get up at the spawn.",
	  "local p = w:nearest('player', self, 2)\nif p then p:hurt { amount = self.rng:int(1, 3), kind = 'blunt' } end", entity_hurt },
	{ ON_ENTITY, API_FUNCTION, WHEN_DO, 0, "heal", "amount:number[0,1000000]", NULL,
	  "Gives health back, in stage 2, up to its max_hp; not to what has died.", "self:heal(2)", entity_heal },
	{ ON_HURT, API_KEY, 0, 0, "amount", "amount:number[0,1000000]", NULL, "How much health it takes.", NULL, NULL },
	{ ON_HURT, API_KEY, 0, 0, "kind", "kind:word?", NULL, "A word for what sort of hurt it is.", NULL, NULL },
	{ ON_HURT, API_KEY, 0, 0, "by", "by:Entity?", NULL, "Who did it; the entity that the call is about, if it does not say.", NULL,
	  NULL },
	{ ON_HIT, API_FIELD, 0, 0, "amount", "amount:integer", NULL, "How much health it took.", NULL, NULL },
	{ ON_HIT, API_FIELD, 0, 0, "kind", "kind:word", NULL, "What sort of hurt; \"\" if that was not said.", NULL, NULL },
	{ ON_HIT, API_FIELD, 0, 0, "by", "by:Entity?", NULL, "Who did it; it may be gone or far away: see alive.", NULL, NULL },
	{ 0 }
};
