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

struct core {
	const struct config *config;
	struct loop **loops; /* those of the roles, and last the main loop */
	struct mailbox **mailboxes, *mailboxes_space;
	struct net **nets; /* as loops */
	unsigned loops_len; /* without the main loop */
	bool running;
	struct instance **instances; /* of the config; then core's own, not counted */
	uint32_t instances_len;
	struct instance *self;
	struct config_instance *configs; /* copies with the defaults filled in, and core's own */
	struct directory directory;
	bool directory_made;
	struct job_pool *jobs;
	struct db *db;
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
	struct pool_task *pool_tasks;
};

/* core_tasks_init sets what core_changed, core_drain and core_stop post to the main loop. [main] */
void core_tasks_init(struct core *core);

#endif
