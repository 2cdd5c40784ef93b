/* SPDX-License-Identifier: MIT */
/* The running host: loops, instances and their life, from the first create to the last destroy. */
#ifndef HOST_CORE_CORE_H
#define HOST_CORE_CORE_H

#include "host/config/config.h"
#include "host/core/instance.h"
#include "host/core/loop.h"

/*
 * Conventions
 *  1. The main thread runs a loop of its own (`core_main_loop`) without roles: signals, the life of instances, the
 *     watchdog, and whatever operators talk to. [main] here means: on that loop, or before core_run.
 *  2. An instance goes through create, start, drain, stop, destroy on its own loop; the main loop decides when.
 *  3. While an instance stops its calls end with CANCELLED; calls it makes from then on are not
 *     sent and end with CANCELLED too, its events are dropped. Its `destroy` can begin nothing.
 */
struct core;

/*
 * core_new makes the host for `config`, which stays valid until core_free, with all its local instances, loops and
 * workers, and starts nothing. 0 and *ret_core, or -errno with *reterr filled. [main]
 */
int core_new(const struct config *config, struct core **ret_core, struct troupe_error *reterr);

/*
 * core_run starts everything, returns when the last instance has ended, and leaves core_free to be called. SIGTERM and
 * SIGINT drain (config.drain_ms at most), a second one ends at once, SIGHUP reloads. Returns the exit code: 0, or 1 if
 * no instance could be started or the end was forced. [main]
 */
int core_run(struct core *core);

/* core_free releases a host that has ended or never ran; NULL is fine. Returns NULL. [main] */
struct core *core_free(struct core *core);

/* core_drain asks all instances to finish and then ends core_run; core_stop does so without waiting for them. A
 * second core_drain is a core_stop. [any] */
void core_drain(struct core *core);
void core_stop(struct core *core);

/* core_on_hangup replaces what SIGHUP does (all roles reload). `fn` runs on the main loop. [main] */
void core_on_hangup(struct core *core, void (*fn)(struct core *core, void *arg), void *arg);

/* core_on_change runs `fn` (NULL = nothing) on the main loop whenever the state of an instance or of the host may have
 * changed, after what follows from it has been ordered. core_settled: has every instance become ready or ended? It stays
 * true. core_draining: does the host end? [main] */
void core_on_change(struct core *core, void (*fn)(struct core *core, void *arg), void *arg);
bool core_settled(const struct core *core);
bool core_draining(const struct core *core);

/* core_on_order sets who takes commands that operators gave on other hosts (NULL = nobody): `fn` answers the request,
 * now or later, with call_reply of core_self. On the main loop. [main] */
void core_on_order(struct core *core, void (*fn)(void *arg, const struct troupe_request *request), void *arg);

/* How an order ended. `text` is borrowed. [main] */
typedef void (*core_done_fn)(void *arg, int32_t status, const char *text);

/*
 * core_reload lets one instance read its scripts and data again; core_configure gives it new live options (`config`
 * then replaces its configuration and stays valid until core_free); core_end drains one instance, at most `drain_ms`
 * long, and stops it. Each ends in on_done (may be NULL). [main]
 */
void core_reload(struct core *core, struct instance *instance, core_done_fn on_done, void *arg);
void core_configure(struct core *core, struct instance *instance, const struct config_instance *config,
		    core_done_fn on_done, void *arg);
void core_end(struct core *core, struct instance *instance, uint32_t drain_ms, core_done_fn on_done, void *arg);

/*
 * Isolated instances run in processes of their own, which somebody else starts and watches. core_process tells what the
 * process of such a proxy (of core_own) does now, and why ("" = nothing to say); it is part of when the host is ready, and
 * of the order in which everybody ends. core_on_end sets who ends one: lets it drain, or kills it `now`; asked once for
 * each. [main]
 */
void core_process(struct instance *proxy, enum instance_process process, const char *why);
void core_on_end(struct core *core, void (*fn)(void *arg, struct instance *proxy, bool now), void *arg);

/* What an instance is doing, for operators. Strings live as long as the core, but `why` as long as the snapshot. */
struct core_instance {
	const char *name, *part, *role;
	const char *loop;  /* "loop0", or "process" when it is isolated */
	const char *state; /* "waiting", "starting", "ready", "degraded", "standby", "not ready", "draining", "stopped",
			    * "failed" */
	char why[160];	   /* e.g. "waiting: base/billing"; "" if there is nothing to say */
	uint64_t id;
	uint32_t ready, load; /* ready: or standing by */
	uint64_t requests, calls, refused, overflows, timeouts; /* so far */
	uint64_t queued, open, pending;				/* now */
};

/* One loop. */
struct core_loop {
	const char *name;
	const char *running; /* the instance whose callback runs now, or NULL */
	uint64_t turns, stalls, inbox_overflows;
};

/*
 * core_snapshot returns every instance of core_own as it is now, *ret_len of them, to be released with free(); NULL without
 * memory. core_loops fills up to `max` loops and returns how many there are. [any]
 */
struct core_instance *core_snapshot(struct core *core, uint32_t *ret_len);
uint32_t core_loops(struct core *core, struct core_loop *ret_loops, uint32_t max);

/* core_instance returns the instance of this full name, or NULL. [any] */
struct instance *core_instance(struct core *core, const char *name);
/* core_instances returns all of them, *ret_len many, constant while the core lives. [any] */
struct instance *const *core_instances(struct core *core, uint32_t *ret_len);
/* core_own returns all that this host runs: those of core_instances and, after them, the proxies of its isolated ones.
 * [any] */
struct instance *const *core_own(struct core *core, uint32_t *ret_len);
/* core_remotes returns the proxies of what other hosts run, and of those hosts ("host.NAME"), constant too. [any] */
struct instance *const *core_remotes(struct core *core, uint32_t *ret_len);
/* core_self returns the host's own instance on the main loop, role "host": calls and commands of operators start
 * from it. To other hosts it is "host.NAME". [any] */
struct instance *core_self(struct core *core);
struct loop *core_main_loop(struct core *core);
/* core_loop returns the nth loop of the roles, NULL past the last. [any] */
struct loop *core_loop(struct core *core, unsigned n);
const struct config *core_config(struct core *core);

/* For the other parts of core. */
struct directory;
struct job_pool;
struct net;
struct db;
struct bus;
struct directory *core_directory(struct core *core);
struct job_pool *core_jobs(struct core *core);
/* core_db returns the databases, core_net the connections of one loop. [any] */
struct db *core_db(struct core *core);
/* core_bus returns the links to other hosts, or NULL if there are none. core_first_loop is where they live. [any] */
struct bus *core_bus(struct core *core);
struct loop *core_first_loop(struct core *core);
struct net *core_net(struct core *core, unsigned loop);
/* core_speaks_for_players: may it set account, actor and session of a call? Role "frontend" alone. [loop] */
bool core_speaks_for_players(const struct instance *instance);
/* core_why sets the reason shown to operators ("" = none); core_why_read copies it. [any] */
void core_why(struct instance *instance, const char *why);
void core_why_read(const struct instance *instance, char *ret_text, size_t size);
/* core_end_process has the process of a proxy ended, as core_on_end says. [main] */
void core_end_process(struct instance *proxy, bool now);
/* core_changed lets the main loop look at everybody's state again. [any] */
void core_changed(struct core *core);

#endif
