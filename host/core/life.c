/* SPDX-License-Identifier: MIT */
/* Who may take the next step of its life: readiness by dependency on the way up, the reverse on the way down. */
#include "host/core/life.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/directory.h"

static int state_of(const struct instance *instance)
{
	return atomic_load_explicit(&instance->state, memory_order_acquire);
}

/* How far it is, here or in a process of its own. */
static int stage_of(const struct instance *instance)
{
	switch (atomic_load_explicit(&instance->process, memory_order_acquire)) {
	case PROCESS_NONE:
		return state_of(instance);
	case PROCESS_DRAINING:
		return INSTANCE_DRAINING;
	case PROCESS_ENDED:
		return INSTANCE_GONE;
	default:
		return INSTANCE_RUNNING;
	}
}

/* How it stands with a service, seen from one instance. */
enum supply { SUPPLY_READY, SUPPLY_AWAY, SUPPLY_LOST, SUPPLY_NOBODY };

static enum supply supply_of(struct core *core, const struct instance *from, const char *name,
			     const struct instance **ret_provider)
{
	const struct service *service = directory_service(core_directory(core), name);
	enum supply supply = SUPPLY_NOBODY;

	for (uint32_t i = 0; service != NULL && i < service->instances_len; i++) {
		const struct instance *one = service->instances[i];
		if (one == from) {
			return SUPPLY_READY;
		}
		if (!directory_reaches(from->host.part, one)) {
			continue;
		}
		if (directory_ready(one)) {
			return SUPPLY_READY;
		}
		int state = state_of(one);
		if (state != INSTANCE_FAILED && state != INSTANCE_BLOCKED) {
			*ret_provider = one;
			supply = SUPPLY_AWAY;
		} else if (supply == SUPPLY_NOBODY) {
			*ret_provider = one;
			supply = SUPPLY_LOST;
		}
	}
	return supply;
}

/* The first of its databases that is not ready; NULL if all are. */
static const struct instance *database_missing(const struct instance *instance)
{
	for (uint32_t i = 0; i < instance->databases_len; i++) {
		if (!directory_ready(instance->databases[i])) {
			return instance->databases[i];
		}
	}
	return NULL;
}

/* An instance that has been created: start it, let it wait, or give it up. */
static void decide_created(struct core *core, struct instance *instance)
{
	const char *const *needs = instance->role_class->plugin->needs;
	char text[160], why[120];

	for (; needs != NULL && *needs != NULL; needs++) {
		const struct instance *provider = NULL;
		switch (supply_of(core, instance, *needs, &provider)) {
		case SUPPLY_READY:
			continue;
		case SUPPLY_AWAY:
			snprintf(text, sizeof(text), "waiting: %s", provider->host.name);
			core_why(instance, text);
			return;
		case SUPPLY_NOBODY:
			snprintf(text, sizeof(text), "waiting: no instance provides %s", *needs);
			core_why(instance, text);
			return;
		case SUPPLY_LOST:
			core_why_read(provider, why, sizeof(why));
			snprintf(text, sizeof(text), "%s has failed: %s", provider->host.name, why);
			core_why(instance, text);
			life_order(instance, LIFE_STOP, INSTANCE_BLOCKED, NULL, NULL, NULL);
			return;
		}
	}
	const struct instance *database = database_missing(instance);
	if (database != NULL) {
		int state = state_of(database);
		core_why_read(database, why, sizeof(why));
		if (state == INSTANCE_FAILED || state == INSTANCE_BLOCKED) {
			snprintf(text, sizeof(text), "%s has failed: %s", database->host.name, why);
			core_why(instance, text);
			life_order(instance, LIFE_STOP, INSTANCE_BLOCKED, NULL, NULL, NULL);
			return;
		}
		snprintf(text, sizeof(text), "waiting: %s", database->host.name);
		core_why(instance, text);
		return;
	}
	core_why(instance, "starting");
	life_order(instance, LIFE_START, 0, NULL, NULL, NULL);
}

/* An instance that runs: is what it needs and uses there? */
static void decide_running(struct core *core, struct instance *instance)
{
	const char *const *const lists[] = { instance->role_class->plugin->needs, instance->role_class->plugin->uses };
	const struct instance *database = database_missing(instance);
	bool degraded = database != NULL;
	char text[160];

	if (degraded) {
		snprintf(text, sizeof(text), "degraded: database %s is away", database->host.name);
	}
	for (unsigned i = 0; i < 2; i++) {
		for (const char *const *name = lists[i]; name != NULL && *name != NULL; name++) {
			const struct instance *provider = NULL;
			if (supply_of(core, instance, *name, &provider) != SUPPLY_READY && !degraded) {
				degraded = true;
				snprintf(text, sizeof(text), "degraded: %s is away", *name);
			}
		}
	}
	bool before = atomic_exchange_explicit(&instance->degraded, degraded, memory_order_relaxed);
	if (atomic_load_explicit(&instance->ready, memory_order_relaxed)) {
		if (degraded) {
			core_why(instance, text);
		} else if (before) {
			core_why(instance, "");
		}
	}
}

static bool lists(const char *const *list, const char *const *names)
{
	for (; list != NULL && *list != NULL; list++) {
		for (const char *const *name = names; name != NULL && *name != NULL; name++) {
			if (strcmp(*list, *name) == 0) {
				return true;
			}
		}
	}
	return false;
}

/* Does `other` call what `instance` provides, or keep its data there? */
static bool depends(const struct instance *other, const struct instance *instance)
{
	const char *const *provides = instance->role_class->plugin->provides;

	if (other == instance) {
		return false;
	}
	return directory_uses(other, instance) ||
	       (directory_reaches(other->host.part, instance) &&
		(lists(other->role_class->plugin->needs, provides) || lists(other->role_class->plugin->uses, provides)));
}

/* Is somebody who calls this instance not yet as far as `state`? */
static bool wanted(struct core *core, const struct instance *instance, int state)
{
	uint32_t len;
	struct instance *const *all = core_own(core, &len);

	for (uint32_t i = 0; i < len; i++) {
		int other = stage_of(all[i]);
		if (other >= INSTANCE_RUNNING && other < state && depends(all[i], instance)) {
			return true;
		}
	}
	return false;
}

/* Do callers of callers lead from `instance` to `back`, among those not yet as far as `state`? `seen` is a set of indexes. */
static bool leads_back(struct core *core, const struct instance *instance, const struct instance *back, int state,
		       uint8_t *seen)
{
	uint32_t len;
	struct instance *const *all = core_own(core, &len);

	for (uint32_t i = 0; i < len; i++) {
		int other = stage_of(all[i]);
		if (seen[i] || other < INSTANCE_RUNNING || other >= state || !depends(all[i], instance)) {
			continue;
		}
		seen[i] = 1;
		if (all[i] == back || leads_back(core, all[i], back, state, seen)) {
			return true;
		}
	}
	return false;
}

/* Is it one of a circle of callers? Those whom the circle calls must still serve it while it ends its work. */
static bool in_circle(struct core *core, const struct instance *instance, int state)
{
	uint32_t len;
	bool found = true;
	uint8_t *seen;

	core_own(core, &len);
	seen = calloc(len + 1, 1);
	if (seen != NULL) {
		found = leads_back(core, instance, instance, state, seen);
		free(seen);
	}
	return found;
}

static void end_one(struct instance *instance, enum life_step step)
{
	if (atomic_load(&instance->process) == PROCESS_NONE) {
		life_order(instance, step, INSTANCE_GONE, NULL, NULL, NULL);
	} else {
		instance->ordered = (int)step;
		core_end_process(instance, step == LIFE_STOP);
	}
}

/* Sends the order to everybody in [from, to) whose callers are done; where callers go round in a circle, to the circle. */
static void order_down(struct core *core, enum life_step step, int from, int to)
{
	uint32_t len, under_way = 0, ordered = 0, left = 0;
	struct instance *const *all = core_own(core, &len);

	for (unsigned pass = 0; pass < 2; pass++) {
		for (uint32_t i = 0; i < len; i++) {
			struct instance *instance = all[i];
			int state = stage_of(instance);
			if (life_ended(state) || state >= to) {
				continue;
			}
			if (instance->ordered >= (int)step) {
				under_way++;
			} else if (state < from) {
				continue;
			} else if (wanted(core, instance, to) && (pass == 0 || !in_circle(core, instance, to))) {
				left++;
			} else {
				end_one(instance, step);
				ordered++;
			}
		}
		if (under_way + ordered > 0 || left == 0) {
			return;
		}
		left = 0;
	}
}

static bool all_are(struct core *core, int state_min)
{
	uint32_t len;
	struct instance *const *all = core_own(core, &len);

	for (uint32_t i = 0; i < len; i++) {
		int state = stage_of(all[i]);
		if (!life_ended(state) && state < state_min) {
			return false;
		}
	}
	return true;
}

static void decide_up(struct core *core)
{
	uint32_t len;
	struct instance *const *all = core_instances(core, &len);

	for (uint32_t i = 0; i < len; i++) {
		struct instance *instance = all[i];
		switch (state_of(instance)) {
		case INSTANCE_NEW:
			if (instance->ordered == LIFE_NONE) {
				life_order(instance, LIFE_CREATE, 0, NULL, NULL, NULL);
			}
			break;
		case INSTANCE_CREATED:
			if (instance->ordered == LIFE_CREATE) {
				decide_created(core, instance);
			}
			break;
		case INSTANCE_RUNNING:
			decide_running(core, instance);
			break;
		default:
			break;
		}
	}
}

/* Those who never ran have nothing to finish. */
static void stop_unstarted(struct core *core)
{
	uint32_t len;
	struct instance *const *all = core_instances(core, &len);

	for (uint32_t i = 0; i < len; i++) {
		int state = state_of(all[i]);
		if (state == INSTANCE_CREATED ? all[i]->ordered == LIFE_CREATE
					      : state == INSTANCE_NEW && all[i]->ordered == LIFE_NONE) {
			life_order(all[i], LIFE_STOP, INSTANCE_GONE, NULL, NULL, NULL);
		}
	}
}

bool life_decide(struct core *core, enum life_phase phase)
{
	if (phase == LIFE_UP) {
		decide_up(core);
		return all_are(core, INSTANCE_GONE);
	}
	stop_unstarted(core);
	if (phase == LIFE_DRAINING) {
		order_down(core, LIFE_DRAIN, INSTANCE_RUNNING, INSTANCE_DRAINED);
		if (!all_are(core, INSTANCE_DRAINED)) {
			return false;
		}
	}
	order_down(core, LIFE_STOP, INSTANCE_RUNNING, INSTANCE_GONE);
	return all_are(core, INSTANCE_GONE);
}

/* While its process is well, what the bus says of it counts. */
static const char *process_state_name(const struct instance *instance)
{
	switch (atomic_load_explicit(&instance->process, memory_order_acquire)) {
	case PROCESS_STARTING:
		return "starting";
	case PROCESS_AWAY:
		return "degraded";
	case PROCESS_DRAINING:
		return "draining";
	case PROCESS_ENDED:
		return "stopped";
	default:
		return NULL;
	}
}

const char *life_state_name(const struct instance *instance)
{
	const char *process = process_state_name(instance);

	if (process != NULL) {
		return process;
	}
	switch (state_of(instance)) {
	case INSTANCE_NEW:
		return "starting";
	case INSTANCE_CREATED:
		return "waiting";
	case INSTANCE_RUNNING:
		if (!atomic_load_explicit(&instance->ready, memory_order_relaxed)) {
			return directory_well(instance) ? "standby" : "not ready";
		}
		return atomic_load_explicit(&instance->degraded, memory_order_relaxed) ? "degraded" : "ready";
	case INSTANCE_DRAINING:
		return "draining";
	case INSTANCE_DRAINED:
		return "drained";
	case INSTANCE_STOPPING:
		return "stopping";
	case INSTANCE_FAILED:
	case INSTANCE_BLOCKED:
		return "failed";
	default:
		return "stopped";
	}
}
