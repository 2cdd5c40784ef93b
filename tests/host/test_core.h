/* SPDX-License-Identifier: MIT */
/* A host with roles made of plain functions, for tests. */
#ifndef TESTS_HOST_TEST_CORE_H
#define TESTS_HOST_TEST_CORE_H

#include <stdlib.h>
#include <string.h>

#include "host/core/core.h"

/* The memory of every test role: its host table and what the test gave it (the options). */
struct actor {
	const struct troupe_host *host;
	const struct actor_script *script;
};

/* What a test role does; every member may be NULL. */
struct actor_script {
	int32_t (*create)(struct actor *actor, struct troupe_error *reterr);
	int32_t (*start)(struct actor *actor);
	void (*drain)(struct actor *actor);
	void (*stop)(struct actor *actor);
	void (*destroy)(struct actor *actor);
	int32_t (*configure)(struct actor *actor, const void *options, struct troupe_error *reterr);
	int32_t (*reload)(struct actor *actor, struct troupe_error *reterr);
};

static inline int32_t actor_create(void *instance, const struct troupe_host *host, const void *options,
				   struct troupe_error *reterr)
{
	struct actor *actor = instance;

	actor->host = host;
	actor->script = options;
	return actor->script->create != NULL ? actor->script->create(actor, reterr) : TROUPE_OK;
}

static inline int32_t actor_start(void *instance, struct troupe_error *reterr)
{
	struct actor *actor = instance;

	(void)reterr;
	return actor->script->start != NULL ? actor->script->start(actor) : TROUPE_OK;
}

static inline void actor_drain(void *instance)
{
	struct actor *actor = instance;

	if (actor->script->drain != NULL) {
		actor->script->drain(actor);
	} else {
		actor->host->drained(actor->host);
	}
}

static inline void actor_stop(void *instance)
{
	struct actor *actor = instance;

	if (actor->script->stop != NULL) {
		actor->script->stop(actor);
	}
}

static inline void actor_destroy(void *instance)
{
	struct actor *actor = instance;

	if (actor->script != NULL && actor->script->destroy != NULL) {
		actor->script->destroy(actor);
	}
}

static inline int32_t actor_configure(void *instance, const void *options, struct troupe_error *reterr)
{
	struct actor *actor = instance;

	return actor->script->configure != NULL ? actor->script->configure(actor, options, reterr) : TROUPE_OK;
}

static inline int32_t actor_reload(void *instance, struct troupe_error *reterr)
{
	struct actor *actor = instance;

	return actor->script->reload != NULL ? actor->script->reload(actor, reterr) : TROUPE_OK;
}

static const struct troupe_role actor_role = {
	.size = sizeof(actor_role),
	.instance_size = sizeof(struct actor),
	.options_size = sizeof(struct actor_script),
	.create = actor_create,
	.start = actor_start,
	.configure = actor_configure,
	.reload = actor_reload,
	.drain = actor_drain,
	.stop = actor_stop,
	.destroy = actor_destroy,
};

/* A plugin of this kind: ACTOR_PLUGIN("mall", .needs = needs, .methods = methods). */
#define ACTOR_PLUGIN(role_name, ...) \
	{ TROUPE_PLUGIN_HEAD, .kind = TROUPE_PLUGIN_ROLE, .name = role_name, .version = "1", .summary = "A test.", \
	  .role = &actor_role, __VA_ARGS__ }

/* actor_core makes a host with `loops` loops and these instances, of which name, part, plugin, options and loop are
 * set, and `isolate` with `placed` if somebody else runs it. `config` and `host` are filled. */
static inline struct core *actor_core(struct config *config, struct config_host *host,
				      const struct config_instance *instances, uint32_t len,
				      const struct config_instance **local, uint32_t loops)
{
	struct troupe_error error = { .size = sizeof(error) };
	const char *folder = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";
	struct core *core = NULL;
	uint32_t local_len = 0;

	for (uint32_t i = 0; i < len; i++) {
		if (!instances[i].isolate) {
			local[local_len++] = &instances[i];
		}
	}
	*host = (struct config_host){ .name = "local", .address = "127.0.0.1", .loops = loops, .workers = 1 };
	*config = (struct config){
		.cluster = "test", .drain_ms = 1000, .hosts = host, .host = host, .hosts_len = 1,
		.state = folder, .sockets = folder, /* for the links to isolated ones */
		.instances = instances, .instances_len = len, .local = local, .local_len = local_len,
	};
	return core_new(config, &core, &error) == 0 ? core : NULL;
}

#endif
