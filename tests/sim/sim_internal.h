/* SPDX-License-Identifier: MIT */
/* What the parts of the simulator share. */
#ifndef SIM_INTERNAL_H
#define SIM_INTERNAL_H

#include "sim.h"

#define SIM_INSTANCES_MAX 64
#define SIM_DBS_MAX 8
#define SIM_CONNS_MAX 4096
#define SIM_LISTENERS_MAX 8
#define SIM_LOG_MAX 512

/* On whose behalf something runs; what is begun inside inherits it. */
struct sim_context {
	uint64_t account, actor, session;
};

struct sim_instance {
	struct troupe_host host; /* first: the table that the role gets is the instance */
	struct sim *sim;
	const struct config_instance *config; /* NULL: an actor */
	const char *role;
	void *self;
	const struct troupe_method *methods; /* an actor's */
	int alive, started, ready, ending, drained;
	uint32_t incarnation, load, timers;
	uint64_t frozen_us; /* until then */
	struct troupe_listen listeners[SIM_LISTENERS_MAX];
	unsigned listeners_len;
};

enum sim_event_kind {
	SIM_DELIVER,   /* a call reaches its callee */
	SIM_ANSWER,    /* a reply reaches its caller */
	SIM_DEADLINE,  /* a call's patience ends */
	SIM_TIMER,
	SIM_JOB,
	SIM_COMMIT,    /* a database decides */
	SIM_COMMITTED, /* and its answer arrives */
	SIM_READ,
	SIM_RESTART,
	SIM_FILES,
	SIM_ACCEPT_BYTES
};

struct sim_event {
	uint64_t at_us, order;
	enum sim_event_kind kind;
	struct sim_instance *instance; /* on whom it happens */
	uint32_t incarnation;
	uint32_t cancelled;
	uint64_t id;
	struct sim_context context;
	void *payload;
	void (*run)(struct sim *sim, struct sim_event *event);
	void (*drop)(struct sim_event *event); /* releases the payload; NULL = free */
};

struct sim_call {
	uint64_t id;
	struct sim_instance *caller;
	uint32_t incarnation, method;
	struct sim_context context;
	troupe_reply_fn on_reply;
	troupe_any_fn typed;
	void *arg;
};

struct sim_request {
	uint64_t id, call; /* call 0: an event */
	struct sim_instance *caller, *callee;
	uint32_t incarnation; /* of the callee */
};

/* A growing array of pointers found by id; ids grow, so it stays sorted. */
struct sim_table {
	void **items;
	size_t len, cap;
};

struct sim_db;
struct sim_conn;

struct sim {
	const struct config *config;
	uint64_t now_us, order, random, hash, events_run, next_id;
	struct sim_faults faults;
	struct sim_instance *instances[SIM_INSTANCES_MAX];
	unsigned instances_len;
	struct sim_event **heap;
	size_t heap_len, heap_cap;
	struct sim_table calls, requests;
	struct { uint64_t key; uint32_t route; struct sim_instance *instance; } *places;
	size_t places_len;
	char **services; /* names that host_route handed out */
	unsigned services_len;
	struct sim_db *dbs[SIM_DBS_MAX];
	unsigned dbs_len;
	struct sim_conn *conns[SIM_CONNS_MAX];
	unsigned conns_len;
	struct sim_context context;
	char *log[SIM_LOG_MAX];
	unsigned log_len;
	int verbose, in_power;
};

/* events: sim.c */
struct sim_event *sim_schedule(struct sim *sim, struct sim_instance *on, uint64_t delay_us,
			       enum sim_event_kind kind, void (*run)(struct sim *, struct sim_event *),
			       void *payload);
int sim_chance(struct sim *sim, uint32_t ppm);
uint64_t sim_below(struct sim *sim, uint64_t bound);
void sim_mix(struct sim *sim, const void *bytes, size_t len);
struct sim_instance *sim_find(struct sim *sim, const char *name);
struct sim_instance *sim_of(const struct troupe_host *h);
/* sim_takes_calls: it is ready, as others see it. */
int sim_takes_calls(const struct sim_instance *instance);
void sim_try_start(struct sim *sim);
void sim_logf(struct sim *sim, const char *who, const char *text);

/* tables by id: sim.c */
void sim_table_add(struct sim_table *table, void *item);
void *sim_table_find(struct sim_table *table, uint64_t id);
void *sim_table_take(struct sim_table *table, uint64_t id);

/* the host table: sim_host.c (time, timers, jobs), sim_message.c, sim_db.c, sim_conn.c */
void sim_host_fill(struct troupe_host *table);
void sim_message_fill(struct troupe_host *table);
void sim_messages_crashed(struct sim *sim, struct sim_instance *instance);
void sim_db_fill(struct troupe_host *table);
void sim_db_open_all(struct sim *sim);
void sim_db_close_all(struct sim *sim);
void sim_conn_fill(struct troupe_host *table);
void sim_conns_crashed(struct sim *sim, struct sim_instance *instance);
void sim_conns_close_all(struct sim *sim);

#endif
