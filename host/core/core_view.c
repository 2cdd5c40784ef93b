/* SPDX-License-Identifier: MIT */
/* A host as operators see it. */
#include "host/core/core_state.h"

#include <stdlib.h>

#include "host/core/mailbox.h"

static uint64_t read_count(atomic_uint_fast64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

struct core_instance *core_snapshot(struct core *core, uint32_t *ret_len)
{
	struct core_instance *all = calloc(core->instances_len + 1, sizeof(*all));

	for (uint32_t i = 0; all != NULL && i < core->instances_len; i++) {
		struct instance *instance = core->instances[i];
		struct instance_counts *counts = &instance->counts;
		all[i] = (struct core_instance){
			.name = instance->host.name,
			.part = instance->host.part,
			.role = instance->role_class->plugin->name,
			.loop = loop_name(instance->loop),
			.state = life_state_name(instance),
			.id = instance->host.id,
			.ready = directory_well(instance),
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
		core_why_read(instance, all[i].why, sizeof(all[i].why));
	}
	if (all != NULL) {
		*ret_len = core->instances_len;
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
