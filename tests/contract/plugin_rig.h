/* SPDX-License-Identifier: MIT */
/* Every built role plugin, configured, beside a simulated host: what the contract suite of plugins is made of. */
#ifndef TESTS_CONTRACT_PLUGIN_RIG_H
#define TESTS_CONTRACT_PLUGIN_RIG_H

#include "plugins/lib/asker.h"

#define RIG_PATIENCE_MS 30000u /* of virtual time: no answer by then is none */

/* All roles run; `plugin` is the one that a case is about. */
struct rig {
	struct config *config;
	struct sim *sim;
	const struct config_instance *instance; /* one of that plugin; NULL: the configuration has none */
	const struct troupe_plugin *plugin;
	struct answer answer;
};

/* rig_plugin: the plugin that the next cases are about. Fails the test if the configuration has no instance of a role. */
const struct troupe_plugin *rig_plugin(const char *name);
/* rig_open starts everything and waits until it is ready; rig_close ends it. */
struct rig *rig_open(const char *plugin);
void rig_close(struct rig *rig);

/* A copy of the role that the case itself brings to life, with an own host table. */
struct copy {
	struct rig *rig;
	const struct troupe_host *h;
	void *self;
};

/* copy_new makes the memory and the table, no more. `name` is "x" in "base/role.x". */
struct copy copy_new(struct rig *rig, const char *name);
/* copy_create runs create; returns its status. */
int32_t copy_create(struct copy *copy);
int32_t copy_start(struct copy *copy);
/* copy_end runs stop, if `stop` and there is one, and destroy, and gives back the memory. */
void copy_end(struct copy *copy, int stop);

/* plugin_methods_test, plugin_commands_test: cases in the other file. */
void plugin_methods_test(void **state);
void plugin_events_test(void **state);
void plugin_commands_test(void **state);

#endif
