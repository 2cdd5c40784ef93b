/* SPDX-License-Identifier: MIT */
/* A running copy of a role: what the host keeps about it, and how other parts of the host run its callbacks. */
#ifndef HOST_CORE_INSTANCE_H
#define HOST_CORE_INSTANCE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/config/config.h"
#include "host/core/loop.h"
#include "host/net/net.h"
#include "troupe/host.h"
#include "troupe/role.h"

struct core;
struct mailbox;
struct role_class;
struct timer_table;
struct watch;
struct life_order;
struct ending;

/* What a callback is part of: the trace, and the player a front-end speaks for. All zero = nothing. */
struct core_context {
	uint8_t trace[TROUPE_TRACE_SIZE];
	uint64_t account, actor, session;
};

/* Where an instance is in its life. Written on its loop or by the main loop as noted; read by any thread. */
enum instance_state {
	INSTANCE_NEW,	   /* configured */
	INSTANCE_CREATED,  /* create returned OK; waits for what it needs */
	INSTANCE_RUNNING,  /* start returned OK; may be ready or not */
	INSTANCE_DRAINING, /* drain was called */
	INSTANCE_DRAINED,  /* it said drained */
	INSTANCE_STOPPING, /* stop was called; jobs and commits are still under way */
	INSTANCE_GONE,	   /* destroyed after a normal life */
	INSTANCE_FAILED,   /* create or start refused; destroyed */
	INSTANCE_BLOCKED   /* never started: what it needs has failed; destroyed */
};

/* Something another part of the host does when an instance stops: after its `stop`, before its `destroy`. [loop] */
struct instance_hook {
	struct instance_hook *next;
	void (*stop)(struct instance_hook *hook);
};

/* Counters; written by the instance's loop alone, read by any thread. */
struct instance_counts {
	atomic_uint_fast64_t requests;	/* delivered to it, events included */
	atomic_uint_fast64_t calls;	/* made by it, events included */
	atomic_uint_fast64_t refused;	/* messages to it that the host refused */
	atomic_uint_fast64_t overflows; /* of them: because its mailbox was full */
	atomic_uint_fast64_t timeouts;	/* calls of it that got no answer in time */
	atomic_uint_fast64_t queued;	/* messages waiting now */
	atomic_uint_fast64_t open;	/* requests it has not answered */
	atomic_uint_fast64_t pending;	/* calls of it that have not ended */
};

struct message;

/*
 * The way to an instance that another host runs. Such an instance is a proxy: it stands in the directory with its role
 * and state, has a place on a loop and a mailbox, but no role's memory; nothing but messages concerns it. [loop]
 */
struct remote {
	/* send: puts a call (whose request has the number `id`) or an event (0) on its way; the message stays the
	 * caller's. 0; -ENOTCONN: there is no way now; -EAGAIN: what waits for that host has reached its bound. */
	int (*send)(struct remote *remote, struct message *message, uint64_t id);
	/* cancel: nobody waits for the answer to `id` any more. */
	void (*cancel)(struct remote *remote, uint64_t id);
};

/* What the process of an isolated instance does. */
enum instance_process {
	PROCESS_NONE,	  /* the instance is not isolated, or another host's */
	PROCESS_STARTING,
	PROCESS_READY,
	PROCESS_AWAY,	  /* it died and will be started again */
	PROCESS_DRAINING,
	PROCESS_ENDED
};

struct instance {
	struct troupe_host host; /* first: what the role holds is its instance */
	struct core *core;
	struct loop *loop;
	struct mailbox *mailbox; /* of the loop */
	const struct role_class *role_class;
	const struct config_instance *config; /* replaced by a live change, on the loop: [loop] */
	const struct troupe_role *role;
	struct remote *remote; /* NULL: it runs here */
	struct instance **databases; /* those that its options name; set by the directory */
	uint32_t databases_len;
	void *self;   /* the role's memory; NULL when not created */
	uint32_t index; /* in the core, and of its log and metric tables */
	struct timer_table *timers; /* of timer.c */
	struct watch *watches;	    /* of watch.c */
	struct instance_net *net;	    /* of table_net.c; NULL until it listens */
	struct instance_hook *hooks;
	unsigned holds; /* see instance_hold */
	uint64_t queued_bytes;
	atomic_int state; /* enum instance_state */
	atomic_bool ready; /* of RUNNING: the role says so */
	atomic_bool standby; /* not ready, because another does its work */
	atomic_bool degraded; /* what it needs or uses is away */
	atomic_uint load;
	atomic_uint port; /* the last that it listens on; 0 = none */
	atomic_uint log_level; /* enum troupe_log_level */
	char why[160];	 /* reason shown to operators; under core's mutex */
	atomic_int process; /* enum instance_process: of the proxy of an isolated instance of this host */
	char process_why[160]; /* under core's mutex */
	atomic_uint_fast64_t restarts; /* of its process */
	struct instance_counts counts;
	struct net_stats net_stats;
	bool state_told; /* the role has called host->state */
	bool destroying; /* destroy has begun: nothing can be begun any more */
	uint32_t late_calls; /* made since it stops */
	int ordered;	 /* the main loop's own: the last step of life that it ordered, and ... */
	struct ending *ending; /* ... core_end under way */
	int end_state;	 /* what it becomes when destroyed; set by the order to stop */
	struct loop_task destroy_task;
	bool destroy_posted;
	struct life_order *stopping; /* the order to be answered when it is destroyed */
};

/* instance_of returns the instance behind a host table. [any] */
static inline struct instance *instance_of(const struct troupe_host *h)
{
	return (struct instance *)(void *)(uintptr_t)h;
}

static inline void instance_count(atomic_uint_fast64_t *counter, int delta)
{
	/* one writer: a plain add that readers on other threads may see */
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + (uint64_t)(int64_t)delta,
			      memory_order_relaxed);
}

/*
 * instance_enter begins a callback of the instance that belongs to `context` (NULL = to nothing); instance_leave ends
 * it. Every callback into a role runs between the two: log lines and calls made in it carry the trace, and the
 * watchdog knows whom to blame. Keep core_context_now() beside what will call back later. Not nested. [loop]
 */
void instance_enter(struct instance *instance, const struct core_context *context);
void instance_leave(struct instance *instance);

/* core_context_now returns the context of the callback that runs on this thread; all zero outside of one. Valid until
 * the callback ends; copy it. [any] */
const struct core_context *core_context_now(void);

/* instance_alive: may its callbacks still be called? False from its destroy on. [loop] */
static inline bool instance_alive(const struct instance *instance)
{
	return instance->self != NULL && !instance->destroying;
}

/* instance_stopping: has its stop begun? Nothing new can be begun then: listeners, stores, timers, jobs. [any] */
static inline bool instance_stopping(const struct instance *instance)
{
	return atomic_load_explicit(&instance->state, memory_order_relaxed) >= INSTANCE_STOPPING;
}

/* instance_debugs: are its lines of level debug wanted? instance_debug writes one, with the trace of the running
 * callback. [loop] */
static inline bool instance_debugs(const struct instance *instance)
{
	return atomic_load_explicit(&instance->log_level, memory_order_relaxed) >= TROUPE_LOG_DEBUG;
}
void instance_debug(const struct instance *instance, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* instance_hold puts off its destroy until instance_release: for work under way on other threads whose end is a
 * callback. [loop] */
void instance_hold(struct instance *instance);
void instance_release(struct instance *instance);

/* instance_hook_add runs hook->stop when the instance stops; instance_hook_remove forgets it. [loop] */
void instance_hook_add(struct instance *instance, struct instance_hook *hook);
void instance_hook_remove(struct instance *instance, struct instance_hook *hook);

#endif
