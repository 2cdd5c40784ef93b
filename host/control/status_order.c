/* SPDX-License-Identifier: MIT */
/* `troupe status`: what runs here, in which state, and what is known of the rest. */
#include <stdlib.h>
#include <unistd.h>

#include "host/config/config.h"
#include "host/control/order.h"
#include "host/core/instance.h"
#include "host/core/life.h"

#define LOOPS_MAX 64u

static void status_instances(struct text *out, struct core *core, bool *ret_ready)
{
	uint32_t len = 0;
	struct core_instance *all = core_snapshot(core, &len);

	*ret_ready = all != NULL;
	text_put(out, ",\"instances\":[");
	for (uint32_t i = 0; all != NULL && i < len; i++) {
		*ret_ready &= all[i].ready != 0;
		text_put(out, i > 0 ? ",{" : "{");
		text_member(out, "part", all[i].part);
		text_member(out, "instance", all[i].name);
		text_member(out, "state", all[i].state);
		text_member_number(out, "load", all[i].load);
		text_member(out, "loop", all[i].loop);
		text_member_number(out, "requests", all[i].requests);
		text_member_number(out, "queued", all[i].queued);
		text_member_number(out, "open", all[i].open);
		text_member(out, "why", all[i].why);
		text_put(out, "}");
	}
	text_put(out, "]");
	free(all);
}

static void status_loops(struct text *out, struct core *core)
{
	struct core_loop loops[LOOPS_MAX];
	uint32_t len = core_loops(core, loops, LOOPS_MAX);

	text_put(out, ",\"loops\":[");
	for (uint32_t i = 0; i < len && i < LOOPS_MAX; i++) {
		text_put(out, i > 0 ? ",{" : "{");
		text_member(out, "loop", loops[i].name);
		text_member_number(out, "turns", loops[i].turns);
		text_member_number(out, "stalls", loops[i].stalls);
		text_member(out, "running", loops[i].running != NULL ? loops[i].running : "");
		text_put(out, "}");
	}
	text_put(out, "]");
}

/* What other hosts run, as far as they have said; the host "host.NAME" itself is not shown. */
static void status_elsewhere(struct text *out, struct core *core)
{
	const struct config *config = core_config(core);
	uint32_t len;
	struct instance *const *remotes = core_remotes(core, &len);
	bool first = true;

	text_put(out, ",\"elsewhere\":[");
	for (uint32_t i = 0; i < len; i++) {
		const struct config_instance *instance = config_instance_find(config, remotes[i]->host.name);
		bool known = atomic_load_explicit(&remotes[i]->state, memory_order_acquire) != INSTANCE_NEW;

		if (instance == NULL || !instance->placed) {
			continue;
		}
		text_put(out, first ? "{" : ",{");
		text_member(out, "part", instance->part);
		text_member(out, "instance", instance->name);
		text_member(out, "host", config->hosts[instance->host].name);
		text_member(out, "state", known ? life_state_name(remotes[i]) : "away");
		text_put(out, "}");
		first = false;
	}
	text_put(out, "]");
}

void order_status(struct order *order)
{
	struct core *core = order->control->core;
	const struct config *config = core_config(core);
	struct text lists, out;
	bool ready;

	text_init(&lists, CONTROL_ANSWER_MAX);
	status_instances(&lists, core, &ready);
	status_loops(&lists, core);
	if (config->hosts_len > 1) {
		status_elsewhere(&lists, core);
	}
	text_init(&out, CONTROL_ANSWER_MAX);
	text_put(&out, "{");
	text_member(&out, "cluster", config->cluster);
	text_member(&out, "host", config->host->name);
	text_format(&out, ",\"ready\":%s", ready ? "true" : "false");
	text_member_number(&out, "pid", (uint64_t)getpid());
	text_member_number(&out, "up_seconds", (loop_clock_us() / 1000 - order->control->started_ms) / 1000);
	text_member(&out, "version", PACKAGE_VERSION);
	text_member(&out, "configuration", config->path);
	text_member(&out, "state_folder", config->state);
	text_put(&out, lists.bytes != NULL ? lists.bytes : "");
	text_put(&out, "}");
	if (lists.failed || out.failed) {
		order_refused(order, EXIT_FAILED, "", "no memory for the answer");
	} else {
		order_done(order, out.bytes, out.len);
	}
	text_clear(&lists);
	text_clear(&out);
}
