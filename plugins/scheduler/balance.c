/* SPDX-License-Identifier: MIT */
/* Which region goes to another owner so that the work is shared more evenly. */
#include <stdlib.h>

#include "scheduler.h"

void balance_loads(struct scheduler *s, const struct owner *owner, const Region__StageReply *reply)
{
	for (uint32_t i = 0; reply->loads && i < s->regions; i++) {
		if (s->region_owner[i] == owner) {
			s->region_load[i] = s->region_avatars[i] = 0; /* empty ones are not told */
		}
	}
	for (size_t i = 0; i < reply->n_regions; i++) {
		uint32_t region = reply->regions[i]->region;

		if (region < s->regions) {
			s->region_load[region] = reply->regions[i]->entities;
			s->region_avatars[region] = reply->regions[i]->avatars;
		}
	}
}

/* beside: 1 if a region that touches this one with a side is the owner's. */
static int beside(const struct scheduler *s, uint32_t region, const struct owner *owner)
{
	uint32_t row = region / s->side, column = region % s->side;

	return (column > 0 && s->region_owner[region - 1] == owner) ||
	       (column + 1 < s->side && s->region_owner[region + 1] == owner) ||
	       (row > 0 && s->region_owner[region - s->side] == owner) ||
	       (row + 1 < s->side && s->region_owner[region + s->side] == owner);
}

/* off: how far the owners would still be from even. One beside the taker's is worth a quarter of the gap. */
static uint64_t off(const struct scheduler *s, uint32_t region, const struct owner *to, uint64_t gap)
{
	uint64_t load = s->region_load[region], half = gap / 2, rest = load > half ? load - half : half - load;

	return beside(s, region, to) ? rest : rest + gap / 4;
}

int balance_find(const struct scheduler *s, int64_t threshold, struct move *ret_move)
{
	const struct owner *heavy = NULL, *light = NULL;
	uint64_t total = 0, n = 0, gap, best = UINT64_MAX;

	for (uint32_t i = 0; i < s->owners_len; i++) {
		const struct owner *owner = s->owners[i];

		if (owner->in && !owner->draining) {
			heavy = heavy == NULL || owner->entities > heavy->entities ? owner : heavy;
			light = light == NULL || owner->entities < light->entities ? owner : light;
			total += owner->entities;
			n++;
		}
	}
	if (n < 2 || (uint64_t)heavy->entities * n * 100 <= total * (100 + (uint64_t)threshold)) {
		return 0;
	}
	gap = heavy->entities - light->entities;
	for (uint32_t region = 0; region < s->regions; region++) {
		uint32_t load = s->region_load[region];

		if (s->region_owner[region] == heavy && load > 0 && load < gap && off(s, region, light, gap) < best) {
			*ret_move = (struct move){ region, owner_find(s, heavy->id), owner_find(s, light->id) };
			best = off(s, region, light, gap);
		} /* one with more would only change who is the heaviest */
	}
	return best != UINT64_MAX;
}

void balance_tick(struct scheduler *s)
{
	uint64_t now_us = s->h->now_us(s->h);

	if (s->move.from != NULL || now_us - s->balanced_us < (uint64_t)s->options->balance.every_ms * 1000u) {
		return;
	}
	s->balanced_us = now_us;
	if (!balance_find(s, s->options->balance.threshold, &s->move)) {
		s->move.from = NULL;
	}
}
