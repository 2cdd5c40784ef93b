/* SPDX-License-Identifier: MIT */
/* Timers of entities: they name a method, so that a reload finds the new one; they go where their entity goes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/internal.h"

#define NO_TIMER UINT32_MAX

void timers_open(struct rules *r)
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

/* mate_out: takes it out of its entity's list. */
static void mate_out(struct rules *r, uint32_t row, uint32_t at)
{
	uint32_t *place = &r->e->all.timers[row];

	while (*place != NO_TIMER && *place != at) {
		place = &r->timers[*place].mate;
	}
	if (*place == at) {
		*place = r->timers[at].mate;
	}
}

static void release(struct rules *r, uint32_t at)
{
	r->timers[at].next = r->timers_free;
	r->timers_free = at;
	r->timers_used--;
}

int timers_add(struct rules *r, uint32_t row, const char *method, uint64_t due, uint32_t every)
{
	uint32_t at = r->timers_free, *last = &r->e->all.timers[row], number = 0, count = 0;

	for (uint32_t mate = *last; mate != NO_TIMER; mate = r->timers[mate].mate) {
		count++;
	}
	if (count >= TIMERS_MAX) { /* a bound of each entity, so that it is met wherever that is */
		r->e->effects_full++;
		return -1;
	}
	if (at != NO_TIMER) {
		r->timers_free = r->timers[at].next;
	} else {
		if (r->timers_len == r->timers_size) {
			uint32_t size = r->timers_size == 0 ? 64 : r->timers_size * 2;
			struct rule_timer *timers = realloc(r->timers, size * sizeof(*timers));

			if (timers == NULL) {
				r->e->effects_full++;
				return -1;
			}
			r->timers = timers;
			r->timers_size = size;
		}
		at = r->timers_len++;
	}
	for (; *last != NO_TIMER; last = &r->timers[*last].mate) {
		number = r->timers[*last].number + 1;
	}
	*last = at;
	r->timers_used++;
	r->timers[at] = (struct rule_timer){
		.id = r->e->all.id[row], .due = due, .every = every, .mate = NO_TIMER, .number = number
	};
	snprintf(r->timers[at].method, sizeof(r->timers[at].method), "%s", method);
	insert(r, at);
	return 0;
}

void timers_forget(struct rules *r, uint32_t row)
{
	for (uint32_t at = r->e->all.timers[row]; at != NO_TIMER; at = r->timers[at].mate) {
		r->timers[at].id = 0;
	}
	r->e->all.timers[row] = NO_TIMER;
}

static void fire(struct rules *r, uint32_t at)
{
	uint32_t row = r->timers[at].id != 0 ? entities_row(&r->e->all, r->timers[at].id) : NO_ROW;
	struct handler *method = NULL;

	if (row == NO_ROW) {
		release(r, at);
		return;
	}
	const struct kind *kind = &r->now->kinds[r->e->all.kind[row]];

	method = handlers_find(&kind->methods, r->timers[at].method);
	if (method == NULL) {
		say_log(r->e, TROUPE_LOG_WARNING, NULL,
			"a timer of a %s named the method '%s', which generation %u does not have: it ends", kind->name,
			r->timers[at].method, r->now->number);
	}
	if (method != NULL && r->timers[at].every > 0) {
		r->timers[at].due = r->e->tick + r->timers[at].every;
		insert(r, at);
	} else {
		mate_out(r, row, at);
		release(r, at);
	}
	if (method == NULL || (r->e->all.flags[row] & (ENTITY_ASLEEP | ENTITY_LEAVES)) != 0) {
		return;
	}
	call_row(r, method, WHEN_1, row, NULL, 0);
}

struct due {
	uint64_t id;
	uint32_t number, at;
};

static int due_order(const void *a, const void *b)
{
	const struct due *x = a, *y = b;

	if (x->id != y->id) {
		return x->id < y->id ? -1 : 1;
	}
	return (x->number > y->number) - (x->number < y->number);
}

/* Those that are due are taken out first: what they start goes into the wheel, maybe here. They fire by entity and age, which
 * does not depend on the way that their entity came here. */
void timers_tick(struct rules *r)
{
	uint32_t *slot = &r->wheel[r->e->tick % WHEEL];
	struct list list = { 0 };

	for (uint32_t *at = slot; *at != NO_TIMER;) {
		struct rule_timer *timer = &r->timers[*at];
		struct due *due = timer->due <= r->e->tick ? list_add(&list, sizeof(*due), UINT32_MAX) : NULL;

		if (due == NULL) {
			at = &timer->next;
			continue;
		}
		*due = (struct due){ timer->id, timer->number, *at };
		*at = timer->next;
	}
	if (list.len > 1) {
		qsort(list.items, list.len, sizeof(struct due), due_order);
	}
	for (uint32_t i = 0; i < list.len; i++) {
		fire(r, ((const struct due *)list.items)[i].at);
	}
	list_free(&list);
}
