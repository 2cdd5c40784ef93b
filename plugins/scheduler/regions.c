/* SPDX-License-Identifier: MIT */
/* Which owner has which region, and which it will have next. */
#include <stdlib.h>
#include <string.h>

#include "scheduler.h"

/* region_at: the nth region of a way that goes through all of them, each beside the one before it. */
static uint32_t region_at(const struct scheduler *s, uint32_t n)
{
	uint32_t row = n / s->side, column = n % s->side;

	return row * s->side + (row % 2 == 0 ? column : s->side - 1 - column);
}

static uint64_t weight(const struct scheduler *s, uint32_t region)
{
	return 1 + s->region_load[region];
}

/* list: who is told of this epoch. One that drains is told once more, without regions: so it lets its players go. */
static void list(struct scheduler *s)
{
	s->places_len = 0;
	for (uint32_t i = 0; i < s->owners_len; i++) {
		struct owner *owner = s->owners[i];

		owner->listed = !owner->draining || owner->in;
		owner->in = 0;
		owner->regions = 0;
		if (owner->listed) {
			s->places[s->places_len++] = owner->id;
		}
	}
	s->joined = 0;
	s->move.from = NULL;
	s->version = 1;
}

uint32_t owners_share(struct scheduler *s)
{
	uint32_t takers = owners_staying(s), at = 0;
	uint64_t left = 0, mine = 0;

	list(s);
	for (uint32_t i = 0; i < s->regions; i++) {
		left += weight(s, i);
	}
	for (uint32_t n = 0, taken = 0; takers > 0 && n < s->regions; n++) {
		uint32_t region = region_at(s, n);

		while (s->owners[at]->draining) {
			at++;
		}
		s->region_owner[region] = s->owners[at];
		s->owners[at]->regions++;
		s->owners[at]->in = 1;
		mine += weight(s, region);
		/* The next one begins where this one has its part of what is left; each gets a region while there are any. */
		if (taken + 1 < takers &&
		    (mine * (takers - taken) >= left || s->regions - n - 1 <= takers - taken - 1)) {
			left -= mine;
			mine = 0;
			taken++;
			at++;
		}
	}
	owners_count(s);
	return takers;
}

void owners_assignment(const struct scheduler *s, int next, Region__Assignment *ret_assignment)
{
	struct owner *const *map = next ? s->region_next : s->region_owner;
	uint32_t *regions = malloc(s->regions * sizeof(*regions)), at = 0;
	Region__Owner *owners = calloc(OWNERS_MAX, sizeof(*owners));

	region__assignment__init(ret_assignment);
	ret_assignment->owners = calloc(OWNERS_MAX, sizeof(*ret_assignment->owners));
	if (regions == NULL || owners == NULL || ret_assignment->owners == NULL) {
		abort(); /* out of memory: as good as a crash, and handled as one */
	}
	ret_assignment->has_epoch = ret_assignment->has_version = 1;
	ret_assignment->epoch = s->lease.epoch;
	ret_assignment->version = s->version + (next != 0);
	for (uint32_t i = 0; i < s->places_len; i++) {
		const struct owner *from = owner_find(s, s->places[i]);
		Region__Owner *owner = &owners[i];

		region__owner__init(owner);
		owner->has_instance = 1;
		owner->instance = s->places[i];
		owner->regions = &regions[at];
		for (uint32_t region = 0; region < s->regions && from != NULL; region++) {
			if (map[region] == from) {
				regions[at++] = region;
				owner->n_regions++;
			}
		}
		ret_assignment->owners[ret_assignment->n_owners++] = owner;
	}
	if (ret_assignment->n_owners == 0) {
		free(regions);
		free(owners);
	}
}

void owners_assignment_free(Region__Assignment *assignment)
{
	if (assignment->n_owners > 0) {
		free(assignment->owners[0]->regions);
		free(assignment->owners[0]);
	}
	free(assignment->owners);
	assignment->owners = NULL;
	assignment->n_owners = 0;
}

static struct owner *lightest(const struct scheduler *s, const uint64_t weights[OWNERS_MAX], uint32_t *ret_at)
{
	struct owner *found = NULL;

	for (uint32_t i = 0; i < s->owners_len; i++) {
		if (s->owners[i]->in && !s->owners[i]->draining && (found == NULL || weights[i] < weights[*ret_at])) {
			found = s->owners[i];
			*ret_at = i;
		}
	}
	return found;
}

/* empty_draining: each of their regions goes to whoever has least. */
static int empty_draining(struct scheduler *s)
{
	uint64_t weights[OWNERS_MAX] = { 0 };
	struct owner *to;
	uint32_t at = 0;
	int moved = 0;

	for (uint32_t i = 0; i < s->owners_len; i++) {
		for (uint32_t region = 0; region < s->regions; region++) {
			weights[i] += s->region_owner[region] == s->owners[i] ? weight(s, region) : 0;
		}
	}
	for (uint32_t n = 0; n < s->regions; n++) {
		uint32_t region = region_at(s, n);

		if (s->region_owner[region]->draining && (to = lightest(s, weights, &at)) != NULL) {
			s->region_next[region] = to;
			weights[at] += weight(s, region);
			moved = 1;
		}
	}
	return moved;
}

int owners_next(struct scheduler *s)
{
	int changes;

	if (s->move.from == NULL && owners_staying(s) == s->owners_len) {
		return 0;
	}
	memcpy(s->region_next, s->region_owner, s->regions * sizeof(s->region_owner[0]));
	changes = empty_draining(s);
	if (s->move.from != NULL && s->region_owner[s->move.region] == s->move.from && s->move.to->in &&
	    !s->move.to->draining) {
		s->region_next[s->move.region] = s->move.to;
		changes = 1;
	}
	return changes;
}

void owners_moved(struct scheduler *s)
{
	memcpy(s->region_owner, s->region_next, s->regions * sizeof(s->region_owner[0]));
	s->version++;
	if (s->move.from != NULL) {
		log_line(s, TROUPE_LOG_NOTICE, NULL, "region %u goes from %s to %s", s->move.region, s->move.from->name,
			 s->move.to->name);
		metric_add(s, METRIC_MOVES, 1);
		s->move.from = NULL;
	}
	for (uint32_t i = 0; i < s->owners_len; i++) {
		s->owners[i]->regions = 0;
	}
	for (uint32_t i = 0; i < s->regions; i++) {
		s->region_owner[i]->regions++;
	}
	for (uint32_t i = 0; i < s->owners_len; i++) {
		struct owner *owner = s->owners[i];

		if (owner->in && owner->regions == 0) {
			log_line(s, TROUPE_LOG_NOTICE, NULL, "%s has no regions any more", owner->name);
			owner->in = 0;
			owner->entities = owner->avatars = 0;
		}
	}
	owners_count(s);
}
