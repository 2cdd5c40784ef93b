/* SPDX-License-Identifier: MIT */
/*
 * The inputs of a tick, avatar by avatar. What those do who are in the world is done in stage 1. Avatars that nobody has come in at
 * the beginning of stage 2: then all owners know who else wants to let the same one in, and one does. Until then their inputs wait.
 */
#include <stdlib.h>

#include "internal.h"

static uint64_t epoch_of(const Region__Input *input)
{
	Region__Record *record = region__record__unpack(NULL, input->state.len, input->state.data);
	uint64_t epoch = record != NULL && record->session != NULL ? record->session->epoch : 0;

	if (record != NULL) {
		region__record__free_unpacked(record, NULL);
	}
	return epoch;
}

static void arrival_tell(struct engine *e, const struct arrival *arrival)
{
	Region__Arrival *message = arena_get(arena_now(e), sizeof(*message));

	if (message != NULL) {
		region__arrival__init(message);
		message->has_avatar = message->has_epoch = message->has_region = 1;
		message->avatar = arrival->avatar;
		message->epoch = arrival->epoch;
		message->region = arrival->region;
	}
	tell_others(e, "arrivals", message);
}

/* waits: 1 if the input is of an avatar that comes in this tick, and so waits for stage 2. */
static int waits(struct engine *e, const Region__Input *input)
{
	const struct arrival *last = e->arrivals.len > 0 ? (struct arrival *)e->arrivals.items + e->arrivals.len - 1 : NULL;
	int enters = input->kind == REGION__INPUT_KIND__INPUT_ENTER, comes = last != NULL && last->avatar == input->avatar;
	struct arrival *arrival;

	if (input_row(e, input) != NO_ROW || (!enters && !comes) || engine_owner_of(e, input->avatar) >= 0) {
		return 0;
	}
	arrival = list_add(&e->arrivals, sizeof(*arrival), INPUTS_MAX);
	if (arrival == NULL) {
		input_answer(e, input, TROUPE_RESOURCE_EXHAUSTED, "world.no_memory");
		return 1;
	}
	*arrival = (struct arrival){ .input = input, .avatar = input->avatar };
	if (enters) {
		int inside = engine_inside(e, input->x, input->y);

		arrival->epoch = epoch_of(input);
		arrival->region = engine_region_at(e, inside ? input->x : 0, inside ? input->y : 0);
		arrival_tell(e, arrival);
	}
	return 1;
}

/* better: 1 if a goes before b, which may be NULL. */
static int better(const struct arrival *a, const struct arrival *b)
{
	return b == NULL || a->epoch > b->epoch || (a->epoch == b->epoch && a->region < b->region);
}

static int rival_order(const void *a, const void *b)
{
	const struct arrival *x = a, *y = b;

	return (x->avatar > y->avatar) - (x->avatar < y->avatar);
}

void arrivals_run(struct engine *e)
{
	const struct arrival *all = e->arrivals.items, *rivals = e->rivals.items;
	uint32_t len = e->arrivals.len, rival = 0;

	if (e->rivals.len > 1) {
		qsort(e->rivals.items, e->rivals.len, sizeof(*rivals), rival_order);
	}
	for (uint32_t at = 0, n; at < len; at += n) {
		const struct arrival *best = NULL;

		for (n = 0; at + n < len && all[at + n].avatar == all[at].avatar; n++) {
			int enters = all[at + n].input->kind == REGION__INPUT_KIND__INPUT_ENTER;

			best = enters && better(&all[at + n], best) ? &all[at + n] : best;
		}
		for (; rival < e->rivals.len && rivals[rival].avatar <= all[at].avatar; rival++) {
			int same = rivals[rival].avatar == all[at].avatar && !MUTANT("both_come");

			best = same && better(&rivals[rival], best) ? &rivals[rival] : best;
		}
		for (uint32_t i = at; i < at + n; i++) {
			if (all[i].input->kind == REGION__INPUT_KIND__INPUT_ENTER && all[i].region != best->region) {
				input_answer(e, all[i].input, TROUPE_ABORTED, "world.not_here");
			} else {
				input_run(e, all[i].input);
			}
		}
	}
	e->arrivals.len = e->rivals.len = 0;
}

static int input_order(const void *a, const void *b)
{
	const Region__Input *x = *(Region__Input *const *)a, *y = *(Region__Input *const *)b;

	if (x->avatar != y->avatar) {
		return x->avatar < y->avatar ? -1 : 1;
	}
	return (x->number > y->number) - (x->number < y->number);
}

void inputs_run(struct engine *e)
{
	Region__Input **inputs = e->inputs.items;

	for (uint32_t i = 0; i < e->inputs.len; i++) {
		inputs[i]->number = i; /* those of one avatar keep their order */
	}
	if (e->inputs.len > 1) {
		qsort(inputs, e->inputs.len, sizeof(Region__Input *), input_order);
	}
	for (uint32_t i = 0; i < e->inputs.len; i++) {
		if (!waits(e, inputs[i])) {
			input_run(e, inputs[i]);
		}
	}
}
