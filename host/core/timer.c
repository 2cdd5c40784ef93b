/* SPDX-License-Identifier: MIT */
/* The timers of instances: slots with generations, so that an id that has ended is never another's. */
#include "host/core/timer.h"

#include <stdlib.h>

#define CHUNK 64u
#define CHUNKS ((TIMER_MAX + CHUNK - 1) / CHUNK)
#define INDEX_BITS 16u

struct role_timer {
	struct loop_timer timer; /* first */
	uint64_t id;		 /* 0 = free */
	struct instance *instance;
	struct role_timer *next_free;
	troupe_timer_fn fn;
	void *arg;
	struct core_context context;
};

struct timer_table {
	struct role_timer *chunks[CHUNKS];
	struct role_timer *free;
	uint32_t chunks_len, len;
	uint64_t generation;
};

static struct role_timer *timer_at(struct timer_table *table, uint32_t index)
{
	return index / CHUNK < table->chunks_len ? &table->chunks[index / CHUNK][index % CHUNK] : NULL;
}

static bool table_grow(struct timer_table *table)
{
	struct role_timer *chunk;

	if (table->chunks_len == CHUNKS || (chunk = calloc(CHUNK, sizeof(*chunk))) == NULL) {
		return false;
	}
	for (uint32_t i = CHUNK; i-- > 0;) {
		chunk[i].next_free = table->free;
		/* the index lasts as long as the table; only the generation above it changes */
		chunk[i].id = 0;
		table->free = &chunk[i];
	}
	table->chunks[table->chunks_len++] = chunk;
	return true;
}

static uint32_t timer_index(const struct timer_table *table, const struct role_timer *timer)
{
	for (uint32_t i = 0; i < table->chunks_len; i++) {
		if (timer >= table->chunks[i] && timer < table->chunks[i] + CHUNK) {
			return i * CHUNK + (uint32_t)(timer - table->chunks[i]);
		}
	}
	return 0;
}

static void timer_release(struct timer_table *table, struct role_timer *timer)
{
	loop_timer_stop(&timer->timer);
	timer->id = 0;
	timer->next_free = table->free;
	table->free = timer;
	table->len--;
}

static void on_expire(struct loop_timer *expired)
{
	struct role_timer *timer = (struct role_timer *)(void *)expired;
	struct instance *instance = timer->instance;
	struct core_context context = timer->context;
	troupe_timer_fn fn = timer->fn;
	void *arg = timer->arg;

	timer_release(instance->timers, timer);
	instance_enter(instance, &context);
	fn(instance->self, arg);
	instance_leave(instance);
}

uint64_t timer_start(struct instance *instance, uint64_t ms, troupe_timer_fn fn, void *arg)
{
	struct timer_table *table = instance->timers;

	if (atomic_load_explicit(&instance->state, memory_order_relaxed) >= INSTANCE_STOPPING) {
		return 0;
	}
	if (table == NULL) {
		table = instance->timers = calloc(1, sizeof(*table));
	}
	if (table == NULL || table->len >= TIMER_MAX || (table->free == NULL && !table_grow(table))) {
		return 0;
	}
	struct role_timer *timer = table->free;
	table->free = timer->next_free;
	table->len++;
	timer->id = ++table->generation << INDEX_BITS | timer_index(table, timer);
	timer->instance = instance;
	timer->fn = fn;
	timer->arg = arg;
	timer->context = *core_context_now();
	timer->timer.expire = on_expire;
	loop_timer_start(instance->loop, &timer->timer, ms);
	return timer->id;
}

void timer_stop(struct instance *instance, uint64_t id)
{
	struct timer_table *table = instance->timers;
	struct role_timer *timer;

	if (table == NULL || id == 0) {
		return;
	}
	timer = timer_at(table, id & ((1u << INDEX_BITS) - 1));
	if (timer != NULL && timer->id == id) {
		timer_release(table, timer);
	}
}

void timer_stop_all(struct instance *instance)
{
	struct timer_table *table = instance->timers;

	if (table == NULL) {
		return;
	}
	for (uint32_t i = 0; i < table->chunks_len; i++) {
		for (uint32_t k = 0; k < CHUNK; k++) {
			loop_timer_stop(&table->chunks[i][k].timer);
		}
		free(table->chunks[i]);
	}
	free(table);
	instance->timers = NULL;
}
