/* SPDX-License-Identifier: MIT */
/* What players are told after a tick, and looking at what is here. */
#include "internal.h"
#include "rules/rules.h"

struct output *output(struct engine *e, enum output_kind kind, uint64_t id)
{
	struct list *list = &e->outputs;
	struct output *out;

	if (list->len < list->size) { /* nearly always; there are as many as entities move */
		out = (struct output *)list->items + list->len++;
	} else {
		out = list_add(list, sizeof(*out), OUTPUTS_MAX);
	}
	if (out == NULL) {
		e->effects_full++;
		return NULL;
	}
	*out = (struct output){ .kind = (uint8_t)kind, .id = id };
	return out;
}

const char *output_text(struct engine *e, const char *text)
{
	return arena_text(arena_now(e), text);
}

const struct output *engine_outputs(const struct engine *e, uint32_t *ret_len)
{
	*ret_len = e->outputs.len;
	return e->outputs.items;
}

/* --- looking -------------------------------------------------------------------------------------- */

static void see(const struct engine *e, uint32_t row, struct sight *ret_sight)
{
	const struct entities *w = &e->all;

	*ret_sight = (struct sight){ .id = w->id[row],
				     .kind = rules_kind_name(e->rules, w->kind[row]),
				     .name = w->name[row],
				     .x = w->x[row],
				     .y = w->y[row],
				     .z = w->z[row],
				     .health = w->health[row],
				     .health_max = w->health_max[row],
				     .ours = (w->flags[row] & ENTITY_GHOST) == 0,
				     .avatar = w->kind[row] == 0,
				     .asleep = (w->flags[row] & ENTITY_ASLEEP) != 0,
				     .walks = entities_walks(w, row) || (w->flags[row] & ENTITY_WALKS) != 0,
				     .chunk = w->chunk_of[row] };
}

int engine_see(const struct engine *e, uint64_t id, struct sight *ret_sight)
{
	uint32_t row = entities_row(&e->all, id);

	if (row == NO_ROW) {
		return -1;
	}
	see(e, row, ret_sight);
	return 0;
}

uint32_t engine_see_chunk(const struct engine *e, uint32_t chunk, struct sight *ret_sights, uint32_t max)
{
	uint32_t n = 0;

	for (uint32_t row = e->all.first[chunk]; row != NO_ROW; row = e->all.next[row]) {
		if ((e->all.flags[row] & ENTITY_ASLEEP) != 0) {
			continue;
		}
		if (n < max) {
			see(e, row, &ret_sights[n]);
		}
		n++;
	}
	return n;
}

void engine_each(const struct engine *e, int (*each)(void *arg, const struct sight *sight), void *arg)
{
	for (uint32_t row = 0; row < e->all.count; row++) {
		struct sight sight;

		if ((e->all.flags[row] & ENTITY_GHOST) != 0) {
			continue;
		}
		see(e, row, &sight);
		if (each(arg, &sight) != 0) {
			return;
		}
	}
}

void engine_rules_each(const struct engine *e,
		       void (*each)(void *arg, const char *what, const char *file, int line, uint32_t calls, uint32_t errors,
				    int quarantined),
		       void *arg)
{
	rules_each(e->rules, each, arg);
}

void engine_profile(const struct engine *e, void (*each)(void *arg, const struct rule_figures *figures), void *arg)
{
	rules_profile(e->rules, each, arg);
}

uint32_t engine_chunks(const struct engine *e)
{
	return e->all.cells;
}

uint32_t engine_chunk_at(const struct engine *e, double x, double y)
{
	return entities_chunk(&e->all, x, y);
}

uint32_t engine_around(const struct engine *e, uint32_t chunk, uint32_t ret_chunks[9])
{
	return entities_around(&e->all, chunk, ret_chunks);
}

struct terrain *engine_terrain(struct engine *e)
{
	return e->terrain;
}

void engine_figures(const struct engine *e, struct engine_figures *ret_figures)
{
	struct rules_figures rules;
	struct terrain_counts blocks;

	rules_figures(e->rules, &rules);
	terrain_counts(e->terrain, &blocks);
	*ret_figures = (struct engine_figures){ .timers = rules.timers,
						.pending = e->pending.len,
						.kinds = rules.kinds,
						.handlers = rules.handlers,
						.files = rules.files,
						.generation = rules.generation,
						.script_errors = rules.errors,
						.script_quarantined = rules.quarantined,
						.effects_full = e->effects_full,
						.edits_won = e->edits.won,
						.edits_lost = e->edits.lost,
						.edits_refused = e->edits.refused,
						.terrain_bytes = blocks.bytes + blocks.packed_bytes,
						.script_memory = rules.memory_used,
						.script_memory_peak = rules.memory_peak };
	for (uint32_t row = 0; row < e->all.count; row++) {
		int ghost = (e->all.flags[row] & ENTITY_GHOST) != 0;

		ret_figures->ghosts += (uint32_t)ghost;
		ret_figures->entities += (uint32_t)!ghost;
		ret_figures->avatars += !ghost && e->all.kind[row] == 0;
	}
}
