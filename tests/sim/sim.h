/* SPDX-License-Identifier: MIT */
/* A second host: runs unmodified role plugins in one thread with a clock, messages, databases and crashes drawn from a seed. */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "troupe/host.h"

/*
 * Conventions
 *  1. Same seed, same configuration, same calls from the test: the same run, bit for bit (sim_hash tells).
 *  2. With all faults zero it is the fake host for unit tests of a role: messages take 10 us, commits 100 us.
 *  3. Time moves only in sim_step, sim_run and sim_run_until. One thread.
 *  4. A configuration with several hosts is run as that: their instances speak over the links of host/bus, and only over
 *     links that those hosts would have; each actor has a host of its own. Messages are not sealed. What one host knows of
 *     the instances of another (readiness, load, places) is always true here.
 *  5. Instances of the role `database` are not loaded: their stores are kept in memory here, with the semantics
 *     of host.h.
 */
struct sim;

/* What goes wrong, in parts per million of the events named; all zero = nothing does. */
struct sim_faults {
	uint32_t lost;		 /* messages (a call, or its reply) that never arrive */
	uint32_t repeated;	 /* messages that arrive twice */
	uint32_t late;		 /* messages that take up to late_us longer, and so pass others */
	uint32_t late_us;
	uint32_t commit_unknown; /* commits that end UNKNOWN; half of them are durable */
	uint32_t commit_slow;	 /* commits that take up to late_us longer */
	uint32_t crash;		 /* events after which the instance that got it dies, back after restart_us */
	uint32_t power;		 /* events after which every instance dies at once */
	uint32_t restart_us;
	/* with several hosts: `lost`, `repeated`, `late` are of the frames between them, `crash` kills a host with all its
	 * instances */
	uint32_t cut;		 /* events after which the way from some host to another is cut, one way or both */
	uint32_t stop;		 /* events after which the host of the instance that got it stands still */
	uint32_t cut_us;	 /* how long at most */
};

/*
 * sim_config loads a configuration for simulations: `text` is the file's text, `plugins` the plugin folder (NULL =
 * $TROUPE_PLUGINS). It prints the diagnostics to stderr and returns NULL if it is invalid. Release: config_free.
 */
struct config *sim_config(const char *text, const char *plugins);

/* sim_open starts all instances of `config` (borrowed until sim_close) at virtual time 0. Never NULL. */
struct sim *sim_open(const struct config *config, uint64_t seed);
/* sim_close ends everything; NULL is fine. Returns NULL. */
struct sim *sim_close(struct sim *sim);

/* sim_faults replaces what goes wrong from now on; NULL = nothing. */
void sim_faults(struct sim *sim, const struct sim_faults *faults);

/* sim_step runs the next event; 0 if there is none. */
int sim_step(struct sim *sim);
/* sim_run runs everything that is due in the next `ms` of virtual time. */
void sim_run(struct sim *sim, uint64_t ms);
/* sim_run_until runs until *flag is not 0 or `ms` have passed; returns *flag. */
int sim_run_until(struct sim *sim, const int *flag, uint64_t ms);
uint64_t sim_now_us(const struct sim *sim);
/* sim_events: events run so far. sim_hash: a digest of all that happened so far. */
uint64_t sim_events(const struct sim *sim);
uint64_t sim_hash(const struct sim *sim);
/* sim_wire: what went between hosts so far. */
struct sim_wire {
	uint64_t frames, messages, forwarded; /* sent, delivered, passed on by a master's host */
	uint64_t downs;			      /* ends of links that went down */
	uint64_t crashes, stops, cuts;	      /* of hosts, and of the ways between them */
};
void sim_wire(const struct sim *sim, struct sim_wire *ret_wire);
/* sim_random: the next number of the seed's sequence, for the test's own choices. */
uint64_t sim_random(struct sim *sim);

/*
 * sim_actor adds an instance that the test plays itself: calls through the returned table are its own, made with the
 * rights of its role, and `methods` (may be NULL) serves calls to it, with `self` as the instance. It provides the services
 * that its methods name. Call before the first step or at any time; it never crashes.
 */
const struct troupe_host *sim_actor(struct sim *sim, const char *name, const char *part, void *self,
				    const struct troupe_method *methods);
/* sim_actor_end ends one for ever: `destroy` runs with `self` while the table does nothing any more, and whatever was begun
 * is dropped. */
void sim_actor_end(struct sim *sim, const struct troupe_host *h, void (*destroy)(void *));
/* sim_instance: the instance's memory, NULL while it is dead; sim_ready: 1 if it is ready. */
void *sim_instance(struct sim *sim, const char *name);
int sim_ready(struct sim *sim, const char *name);
/* sim_crash kills an instance, or its host if there are several, now; it comes back after restart_us (of the faults, or 1 ms).
 * sim_power: all of them. */
void sim_crash(struct sim *sim, const char *name);
void sim_power(struct sim *sim);
/* sim_freeze stops an instance for `ms`, as SIGSTOP does a process: what happens to it happens then, others see it not ready. */
void sim_freeze(struct sim *sim, const char *name, uint64_t ms);
/* sim_cluster makes an instance believe that it belongs to another cluster, from its next start on. */
void sim_cluster(struct sim *sim, const char *name, const char *cluster);
/* sim_drain runs the instance's drain. */
void sim_drain(struct sim *sim, const char *name);

/* sim_command runs a command of an instance's table; `args` is laid out as the table says. The reply goes to on_reply with
 * instance NULL. */
void sim_command(struct sim *sim, const char *name, const char *verb, const void *args, troupe_reply_fn on_reply,
		 void *arg);

/* --- databases ----------------------------------------------------------------------------------- */

/* sim_db_each calls `each` for all entries of a database whose key starts with `prefix`, in key order. */
void sim_db_each(struct sim *sim, const char *db, const char *prefix,
		 void (*each)(void *arg, const struct troupe_db_value *value), void *arg);
/* sim_db_down: 1 = the database answers UNAVAILABLE until it is set to 0. */
void sim_db_down(struct sim *sim, const char *db, int down);

/* --- connections --------------------------------------------------------------------------------- */

/* sim_connect opens a connection to the nth listener of an instance, from `peer` ("10.0.0.1:1234"). 0 = refused. */
uint64_t sim_connect(struct sim *sim, const char *name, unsigned listener, const char *peer);
/* sim_bytes hands bytes to the server side. */
void sim_bytes(struct sim *sim, uint64_t conn, const void *bytes, size_t len);
/* sim_sent: everything the server sent and sim_taken has not removed. sim_open_conn: 0 once it is closed. */
const uint8_t *sim_sent(struct sim *sim, uint64_t conn, size_t *ret_len);
void sim_taken(struct sim *sim, uint64_t conn, size_t len);
int sim_conn_open(struct sim *sim, uint64_t conn);
/* sim_block: 1 = the client reads nothing: what is sent counts against out_max. */
void sim_block(struct sim *sim, uint64_t conn, int blocked);
void sim_hangup(struct sim *sim, uint64_t conn);

/* --- log ----------------------------------------------------------------------------------------- */

/* sim_logged: 1 if a line with `part_of_text` was logged. $SIM_VERBOSE prints all lines as they come. */
int sim_logged(struct sim *sim, const char *part_of_text);

#endif
