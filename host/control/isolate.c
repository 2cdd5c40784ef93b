/* SPDX-License-Identifier: MIT */
/* The processes of a host's isolated instances. */
#include "host/control/isolate.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/bus/bus.h"
#include "host/control/child.h"

static char program[] = "/proc/self/exe"; /* the file that runs, also when a newer one has taken its place */
static char option[] = "--isolate";

/* One instance. */
struct isolated {
	struct instance *proxy;
	struct child *child;
	char *argv[ISOLATE_WORDS_MAX + 4];
};

struct isolate {
	struct core *core;
	uint32_t len;
	struct isolated all[];
};

static enum instance_process process_of(enum child_state state)
{
	switch (state) {
	case CHILD_STARTING:
		return PROCESS_STARTING;
	case CHILD_READY:
		return PROCESS_READY;
	case CHILD_AWAY:
		return PROCESS_AWAY;
	case CHILD_DRAINING:
		return PROCESS_DRAINING;
	default:
		return PROCESS_ENDED;
	}
}

static void on_change(void *arg, enum child_state state, const char *why)
{
	struct isolated *one = arg;

	if (one->child != NULL) {
		atomic_store(&one->proxy->restarts, child_restarts(one->child));
	}
	if (state == CHILD_AWAY) {
		bus_child_died(core_bus(one->proxy->core), one->proxy);
	}
	core_process(one->proxy, process_of(state), why);
}

static void on_end(void *arg, struct instance *proxy, bool now)
{
	struct isolate *isolate = arg;

	for (uint32_t i = 0; i < isolate->len; i++) {
		if (isolate->all[i].proxy == proxy) {
			child_end(isolate->all[i].child, now);
		}
	}
}

static bool isolated_start(struct isolate *isolate, struct isolated *one, struct instance *proxy, char *const *words)
{
	unsigned len = 0;

	one->proxy = proxy;
	one->argv[len++] = program;
	for (; *words != NULL; words++) {
		if (len > ISOLATE_WORDS_MAX) {
			return false;
		}
		one->argv[len++] = *words;
	}
	one->argv[len++] = option;
	one->argv[len++] = (char *)(uintptr_t)proxy->host.name; /* argv is not written to */
	one->child = child_start(core_main_loop(isolate->core), &(struct child_setup){ .name = proxy->host.name,
										       .argv = one->argv,
										       .on_change = on_change,
										       .arg = one });
	return one->child != NULL;
}

int32_t isolate_open(struct core *core, char *const *words, struct isolate **ret_isolate, struct troupe_error *reterr)
{
	uint32_t own_len, local_len;
	struct instance *const *own = core_own(core, &own_len);
	struct isolate *isolate;

	core_instances(core, &local_len);
	*ret_isolate = NULL;
	if (own_len == local_len) {
		return TROUPE_OK;
	}
	isolate = calloc(1, sizeof(*isolate) + (own_len - local_len) * sizeof(struct isolated));
	if (isolate == NULL) {
		abort(); /* out of memory: as good as a crash, and handled as one */
	}
	isolate->core = core;
	for (uint32_t i = local_len; i < own_len; i++) {
		if (!isolated_start(isolate, &isolate->all[isolate->len], own[i], words)) {
			isolate_close(isolate);
			reterr->status = TROUPE_RESOURCE_EXHAUSTED;
			snprintf(reterr->text, sizeof(reterr->text), "isolated instances: more than %u arguments",
				 ISOLATE_WORDS_MAX);
			snprintf(reterr->help, sizeof(reterr->help), "write options into the file instead of --set");
			return reterr->status;
		}
		isolate->len++;
	}
	core_on_end(core, on_end, isolate);
	*ret_isolate = isolate;
	return TROUPE_OK;
}

struct isolate *isolate_close(struct isolate *isolate)
{
	if (isolate != NULL) {
		core_on_end(isolate->core, NULL, NULL);
		for (uint32_t i = 0; i < isolate->len; i++) {
			child_free(isolate->all[i].child);
		}
		free(isolate);
	}
	return NULL;
}

void isolate_reload(struct isolate *isolate)
{
	for (uint32_t i = 0; isolate != NULL && i < isolate->len; i++) {
		child_signal(isolate->all[i].child, SIGHUP);
	}
}

int isolate_begin(const struct config *config)
{
	if (config->isolated == NULL) {
		return 0;
	}
	child_bind();
	return config->isolated->memory > 0 ? child_limit(config->isolated->memory) : 0;
}
