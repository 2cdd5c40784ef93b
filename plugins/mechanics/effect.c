/* SPDX-License-Identifier: MIT */
/* What rules want of the world: queued while one runs, done when it has ended well. */
#include <stdlib.h>
#include <string.h>

#include "rules_internal.h"

#define EVENT_CHAT_HEARD 72u
#define EVENT_SYSTEM_MESSAGE 73u

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
		count(r->m, METRIC_EFFECTS_FULL);
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

uint32_t rules_spawn(struct rules *r, uint16_t kind, double x, double y)
{
	struct mechanics *m = r->m;
	struct kind *k = &r->now->kinds[kind];
	uint64_t id;
	uint32_t row;

	if (m->world.count >= (uint64_t)m->options->max_entities) {
		count(m, METRIC_FULL);
		log_line(m, TROUPE_LOG_WARNING, NULL, "the world is full (max_entities = %lld): no more %s",
			 (long long)m->options->max_entities, k->name);
		return NO_ROW;
	}
	do { /* below 2^53, so that clients in any language can hold it */
		id = world_mix(world_mix((uint64_t)m->options->seed, m->tick), r->spawns++) >> 12 | 1ull << 51;
	} while (world_row(&m->world, id) != NO_ROW);
	row = world_add(&m->world, id, kind, k->name, x, y, k->speed * (double)m->options->tick_ms / 1000);
	if (row == NO_ROW) {
		count(m, METRIC_FULL);
		return NO_ROW;
	}
	k->alive++;
	interest_appeared(m, id, m->world.cell_of[row]);
	if (k->on_spawn >= 0) {
		ids_add(&r->spawned, &r->spawned_len, &r->spawned_size, id);
	}
	return row;
}

static void say(struct rules *r, uint32_t row, char *text)
{
	World__ChatHeard heard = WORLD__CHAT_HEARD__INIT;

	heard.has_from = 1;
	heard.from = r->m->world.id[row];
	heard.name = r->m->world.name[row];
	heard.channel = (char *)"near";
	heard.text = text;
	say_publish(r->m, r->m->world.cell_of[row], EVENT_CHAT_HEARD, &heard.base, 0);
}

static void apply(struct rules *r, const struct effect *effect)
{
	struct mechanics *m = r->m;
	uint32_t row = effect->id != 0 ? world_row(&m->world, effect->id) : NO_ROW;
	World__SystemMessage line = WORLD__SYSTEM_MESSAGE__INIT;
	const struct player *player;

	if (effect->id != 0 && row == NO_ROW) {
		return; /* gone since: in the same call, or by an earlier effect */
	}
	line.text = r->text + effect->text;
	switch (effect->kind) {
	case EFFECT_WALK:
		world_walk(&m->world, row, effect->x, effect->y);
		break;
	case EFFECT_STOP:
		world_stop(&m->world, row);
		interest_moved(m, effect->id, m->world.cell_of[row], 1);
		break;
	case EFFECT_SAY:
		say(r, row, r->text + effect->text);
		break;
	case EFFECT_TELL:
		player = map_get(&m->by_avatar, effect->id);
		if (player != NULL) {
			say_send(m, player, EVENT_SYSTEM_MESSAGE, &line.base);
		}
		break;
	case EFFECT_TELL_ALL:
		say_publish(m, 0, EVENT_SYSTEM_MESSAGE, &line.base, 0);
		break;
	case EFFECT_SPAWN:
		rules_spawn(r, effect->spawn, effect->x, effect->y);
		break;
	case EFFECT_REMOVE:
		ids_add(&r->removals, &r->removals_len, &r->removals_size, effect->id);
		break;
	case EFFECT_TIMER:
		wheel_add(r, effect->id, r->text + effect->text, effect->after, effect->every);
		break;
	}
}

void effects_apply(struct rules *r)
{
	for (uint32_t i = 0; i < r->effects_len; i++) {
		apply(r, &r->effects[i]);
	}
	r->effects_len = r->text_len = 0;
}

/* Entities go at the end of a stage, all at once: rows do not change under a loop over them. */
void removals_apply(struct rules *r)
{
	struct mechanics *m = r->m;

	for (uint32_t i = 0; i < r->removals_len; i++) {
		uint32_t row = world_row(&m->world, r->removals[i]);

		if (row == NO_ROW || m->world.kind[row] == 0) {
			continue;
		}
		r->now->kinds[m->world.kind[row]].alive--;
		interest_gone(m, m->world.id[row], m->world.cell_of[row]);
		rules_entity_gone(r, row);
		world_remove(&m->world, row);
	}
	r->removals_len = 0;
}
