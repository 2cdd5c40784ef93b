/* SPDX-License-Identifier: MIT */
/* The steps of an instance's life: what happens on its loop, and what the main loop decides. */
#ifndef HOST_CORE_LIFE_H
#define HOST_CORE_LIFE_H

#include "host/core/core.h"

enum life_step { LIFE_NONE, LIFE_CREATE, LIFE_START, LIFE_DRAIN, LIFE_STOP, LIFE_RELOAD, LIFE_CONFIGURE };

/* An order of the main loop to one instance, malloc'ed; freed after on_done has run on the main loop. */
struct life_order {
	struct loop_task task;
	struct instance *instance;
	enum life_step step;
	int end_state;				/* LIFE_STOP: INSTANCE_GONE or INSTANCE_BLOCKED */
	const struct config_instance *config;	/* LIFE_CONFIGURE */
	struct troupe_error error;		/* how it ended */
	core_done_fn on_done;			/* may be NULL */
	void *arg;
};

/* life_order sends an order; orders to one instance are carried out one after the other. [main] */
void life_order(struct instance *instance, enum life_step step, int end_state, const struct config_instance *config,
		core_done_fn on_done, void *arg);

/* life_ended: does `state` say that the instance has been destroyed for good? */
static inline bool life_ended(int state)
{
	return state == INSTANCE_GONE || state == INSTANCE_FAILED || state == INSTANCE_BLOCKED;
}

/* What the main loop wants of everybody. */
enum life_phase { LIFE_UP, LIFE_DRAINING, LIFE_STOPPING };

/* life_decide looks at everybody and orders the next steps that have become possible. Returns true when all have
 * ended. [main] */
bool life_decide(struct core *core, enum life_phase phase);

/* life_state_name returns the word shown to operators. [any] */
const char *life_state_name(const struct instance *instance);

#endif
