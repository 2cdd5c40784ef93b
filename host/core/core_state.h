/* SPDX-License-Identifier: MIT */
/* What struct core holds; for the core*.c files alone. */
#ifndef HOST_CORE_CORE_STATE_H
#define HOST_CORE_CORE_STATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "host/core/core.h"
#include "host/core/directory.h"
#include "host/core/life.h"

struct mailbox;

#define CORE_HOST_NAME 160u /* room for the name of a host as an instance */

#define CORE_CLUSTER 256u

struct core {
	const struct config *config;
	struct loop **loops; /* those of the roles, and last the main loop */
	struct mailbox **mailboxes, *mailboxes_space;
	struct net **nets; /* as loops */
	unsigned loops_len; /* without the main loop */
	bool running;
	struct instance **instances; /* local ones of the config */
	uint32_t instances_len;
	struct instance **remotes; /* proxies of what other hosts run, and of those hosts; their `remote` is the bus's */
	uint32_t remotes_len;
	struct instance **own; /* those of `instances`, and the isolated among the remotes */
	uint32_t own_len;
	struct instance *self;
	struct instance **known; /* all of them, in this order: instances, self, remotes */
	uint32_t known_len;
	struct config_instance *configs; /* copies with the defaults filled in, core's own, and the remotes' */
	struct directory directory;
	bool directory_made;
	struct job_pool *jobs;
	char (*host_names)[CORE_HOST_NAME];
	struct db *db;
	char cluster[CORE_CLUSTER]; /* see troupe_host.cluster */
	struct bus *bus; /* NULL: there is no other host */
	pthread_mutex_t mutex; /* of every instance's `why` */
	/* the main loop's */
	struct loop_task changed_task;
	atomic_bool changed;
	enum life_phase phase;
	bool ready_told, forced;
	int signal_fd;
	struct loop_io signal_io;
	struct loop_timer watchdog, deadline;
	struct loop_task drain_task, stop_task;
	atomic_int drains, stops;
	void (*on_hangup)(struct core *core, void *arg);
	void *on_hangup_arg;
	void (*on_change)(struct core *core, void *arg);
	void *on_change_arg;
	void (*on_order)(void *arg, const struct troupe_request *request);
	void *on_order_arg;
	void (*on_end)(void *arg, struct instance *proxy, bool now);
	void *on_end_arg;
	struct pool_task *pool_tasks;
};

/* core_tasks_init sets what core_changed, core_drain and core_stop post to the main loop. [main] */
void core_tasks_init(struct core *core);

#endif
