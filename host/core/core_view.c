/* SPDX-License-Identifier: MIT */
/* A host as operators see it. */
#include "host/core/core_state.h"

#include <stdio.h>
#include <stdlib.h>

#include "host/core/directory.h"
#include "host/core/mailbox.h"

static uint64_t read_count(atomic_uint_fast64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* Of an isolated instance: as its process says, and the bus, over which it is reached. */
static bool is_well(const struct instance *instance)
{
	int process = atomic_load_explicit(&instance->process, memory_order_acquire);

	return (process == PROCESS_NONE || process == PROCESS_READY) && directory_well(instance);
}

static void why_read(const struct instance *instance, char *ret_text, size_t size)
{
	pthread_mutex_lock(&instance->core->mutex);
	snprintf(ret_text, size, "%s", instance->process_why[0] != '\0' ? instance->process_why : instance->why);
	pthread_mutex_unlock(&instance->core->mutex);
}

struct core_instance *core_snapshot(struct core *core, uint32_t *ret_len)
{
	struct core_instance *all = calloc(core->own_len + 1, sizeof(*all));

	for (uint32_t i = 0; all != NULL && i < core->own_len; i++) {
		struct instance *instance = core->own[i];
		struct instance_counts *counts = &instance->counts;
		all[i] = (struct core_instance){
			.name = instance->host.name,
			.part = instance->host.part,
			.role = instance->role_class->plugin->name,
			.loop = i < core->instances_len ? loop_name(instance->loop) : "process",
			.state = life_state_name(instance),
			.id = instance->host.id,
			.ready = is_well(instance),
			.load = atomic_load_explicit(&instance->load, memory_order_relaxed),
			.requests = read_count(&counts->requests),
			.calls = read_count(&counts->calls),
			.refused = read_count(&counts->refused),
			.overflows = read_count(&counts->overflows),
			.timeouts = read_count(&counts->timeouts),
			.queued = read_count(&counts->queued),
			.open = read_count(&counts->open),
			.pending = read_count(&counts->pending),
		};
		why_read(instance, all[i].why, sizeof(all[i].why));
	}
	if (all != NULL) {
		*ret_len = core->own_len;
	}
	return all;
}

uint32_t core_loops(struct core *core, struct core_loop *ret_loops, uint32_t max)
{
	for (uint32_t i = 0; i < core->loops_len && i < max; i++) {
		ret_loops[i] = (struct core_loop){
			.name = loop_name(core->loops[i]),
			.running = loop_running(core->loops[i]),
			.turns = loop_turns(core->loops[i]),
			.stalls = loop_stalls(core->loops[i]),
			.inbox_overflows = read_count(&core->mailboxes[i]->overflows),
		};
	}
	return core->loops_len;
}
