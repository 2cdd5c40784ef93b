/* SPDX-License-Identifier: MIT */
/* Timers of entities: they name a method, so that a reload finds the new one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules_internal.h"

#define NO_TIMER UINT32_MAX

void wheel_open(struct rules *r)
{
	memset(r->wheel, 0xFF, sizeof(r->wheel));
	r->timers_free = NO_TIMER;
}

static void insert(struct rules *r, uint32_t at)
{
	uint32_t *slot = &r->wheel[r->timers[at].due % WHEEL];

	r->timers[at].next = *slot;
	*slot = at;
}

static void release(struct rules *r, uint32_t at)
{
	r->timers[at].next = r->timers_free;
	r->timers_free = at;
	r->timers_used--;
}

int wheel_add(struct rules *r, uint64_t id, const char *method, uint32_t after, uint32_t every)
{
	uint32_t at = r->timers_free;

	if (at != NO_TIMER) {
		r->timers_free = r->timers[at].next;
	} else {
		if (r->timers_len == r->timers_size) {
			uint32_t size = r->timers_size == 0 ? 64 : r->timers_size * 2;
			struct rule_timer *timers = r->timers_used < TIMERS_MAX
							    ? realloc(r->timers, size * sizeof(*timers))
							    : NULL;

			if (timers == NULL) {
				count(r->m, METRIC_EFFECTS_FULL);
				return -1;
			}
			r->timers = timers;
			r->timers_size = size;
		}
		at = r->timers_len++;
	}
	r->timers_used++;
	r->timers[at] = (struct rule_timer){ .id = id, .due = r->m->tick + after, .every = every };
	snprintf(r->timers[at].method, sizeof(r->timers[at].method), "%s", method);
	insert(r, at);
	return 0;
}

static void fire(struct rules *r, uint32_t at)
{
	uint32_t row = world_row(&r->m->world, r->timers[at].id);
	struct handler *method = NULL;
	struct sandbox_value self;

	if (row != NO_ROW) {
		const struct kind *kind = &r->now->kinds[r->m->world.kind[row]];

		method = handlers_find(&kind->methods, r->timers[at].method);
		if (method == NULL) {
			log_line(r->m, TROUPE_LOG_WARNING, NULL,
				 "a timer of a %s named the method '%s', which generation %u does not have: it ends",
				 kind->name, r->timers[at].method, r->now->number);
		}
	}
	if (method == NULL) {
		release(r, at);
		return;
	}
	if (r->timers[at].every > 0) {
		r->timers[at].due = r->m->tick + r->timers[at].every;
		insert(r, at);
	} else {
		release(r, at);
	}
	self = entity_value(r, row);
	rules_call(r, method, r->m->world.id[row], &self, 1, NULL, 0);
}

void wheel_tick(struct rules *r)
{
	uint32_t *slot = &r->wheel[r->m->tick % WHEEL], due = NO_TIMER, next;

	/* Those that are due are taken out first: what they start goes into the wheel, maybe here. The list turns round
	 * while it is taken out, so that who came first fires first. */
	for (uint32_t *at = slot; *at != NO_TIMER;) {
		struct rule_timer *timer = &r->timers[*at];
		uint32_t index = *at;

		if (timer->due > r->m->tick) {
			at = &timer->next;
			continue;
		}
		*at = timer->next;
		timer->next = due;
		due = index;
	}
	for (; due != NO_TIMER; due = next) {
		next = r->timers[due].next;
		fire(r, due);
	}
}
