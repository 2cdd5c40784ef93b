/* SPDX-License-Identifier: MIT */
/* What the parts of the simulator share. */
#ifndef SIM_INTERNAL_H
#define SIM_INTERNAL_H

#include "host/core/envelope.h"
#include "sim.h"

#define SIM_INSTANCES_MAX 64
#define SIM_DBS_MAX 8
#define SIM_CONNS_MAX 4096
#define SIM_LISTENERS_MAX 8
#define SIM_LOG_MAX 512
#define SIM_NODES_MAX 24

/* On whose behalf something runs; what is begun inside inherits it. */
struct sim_context {
	uint64_t account, actor, session;
};

struct link;
struct sim_node;

/* One end of a link between two simulated hosts. */
struct sim_peer {
	struct sim_node *node, *other; /* NULL: they have no link */
	struct link *link;	       /* NULL while the host is dead */
	uint64_t tick_us;	       /* when it is looked at next; UINT64_MAX = no event stands for that */
	uint64_t cut_until_us;	       /* until then what this end sends is lost */
};

/* A simulated host: a host of the configuration, or an actor's own. */
struct sim_node {
	struct sim *sim;
	unsigned index; /* in sim->nodes; of the first ones also in config.hosts */
	const char *name;
	const char *part; /* an actor's; NULL: a host of the configuration */
	int alive, master;
	uint32_t incarnation;
	uint64_t frozen_us; /* until then */
	struct sim_peer peers[SIM_NODES_MAX]; /* by index of the other */
	struct sim_node *ways[SIM_NODES_MAX]; /* masters' hosts through which those without a link are reached */
};

struct sim_instance {
	struct troupe_host host; /* first: the table that the role gets is the instance */
	struct sim *sim;
	const struct config_instance *config; /* NULL: an actor */
	const char *role;
	void *self;
	struct sim_node *node; /* where it runs; NULL: there is only one host */
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
	SIM_ACCEPT_BYTES,
	SIM_FRAME, /* between two hosts */
	SIM_TICK   /* of a link */
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
	struct sim_node *through; /* its answer goes back through this host; NULL = directly */
};

/* What waits for an answer from another host: a call, or a question to a database. */
struct sim_ask {
	uint64_t id; /* of the call, or its own */
	struct sim_instance *asker;
	struct sim_node *via, *to; /* the first host on the way, and the last */
	struct sim_node *forwarder; /* the master's host that has passed it on */
	void (*lost)(struct sim *sim, struct sim_ask *ask); /* there will be no answer */
	void *arg;		    /* freed with it */
	struct sim_context context;
};

/* A message between simulated hosts. */
struct sim_parcel {
	uint64_t id;
	struct sim_node *to;
	struct sim_node *through; /* the master's host that forwards it */
	uint64_t ask;		  /* 0 = none waits for an answer */
	int answer;		  /* goes back the way that the question came */
	int forwarded;
	uint32_t len; /* bytes of body that it has on the wire */
	struct sim_context context;
	void *payload;
	void (*arrive)(struct sim *sim, struct sim_parcel *parcel); /* takes the payload and sets it NULL, or it is dropped */
	void (*drop)(void *payload);
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
	struct sim_table calls, requests, asks, parcels;
	struct sim_node *nodes[SIM_NODES_MAX]; /* none: everything runs in one host */
	unsigned nodes_len;
	struct sim_wire wire; /* what went between them */
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

void sim_instance_create(struct sim *sim, struct sim_instance *instance);
void sim_instance_end(struct sim *sim, struct sim_instance *instance);

/* simulated hosts and their links: sim_node.c */
void sim_nodes_open(struct sim *sim);
void sim_nodes_close(struct sim *sim);
/* sim_node_actor: a host for an actor of `part`; NULL when everything runs in one host. */
struct sim_node *sim_node_actor(struct sim *sim, const char *name, const char *part);
/* sim_node_crash kills a host with all its instances; sim_node_freeze holds it; an actor's host does neither. */
void sim_node_crash(struct sim *sim, struct sim_node *node);
void sim_node_freeze(struct sim *sim, struct sim_node *node, uint64_t us);
/* sim_node_cut cuts some link, one way or both, for up to cut_us. sim_nodes_heal ends all cuts. */
void sim_node_cut(struct sim *sim);
void sim_nodes_heal(struct sim *sim);
int sim_node_linked(const struct sim_node *a, const struct sim_node *b);
/* sim_peer_wake: something was done to its link. */
void sim_peer_wake(struct sim_peer *peer);

/*
 * messages between simulated hosts: sim_post.c
 * sim_post puts a copy of `parcel` on its way; its `through` then says by which master's host. 0: it takes the payload;
 * -ENOTCONN, -EAGAIN: it does not. An ask added with the same number ends by sim_ask_end, or by its `lost` when a link on the
 * way ends.
 */
int sim_post(struct sim *sim, struct sim_node *from, struct sim_parcel *parcel);
void sim_ask_add(struct sim *sim, const struct sim_ask *ask);
int sim_ask_end(struct sim *sim, uint64_t id);
/* sim_asks_forget: the asker is dead. */
void sim_asks_forget(struct sim *sim, const struct sim_instance *asker);
/* sim_reaches: is there a way from one instance's host to the other's? */
int sim_reaches(struct sim *sim, const struct sim_instance *from, const struct sim_instance *to);
void sim_post_message(void *arg, const struct envelope *envelope, const uint8_t *body);
void sim_post_down(struct sim_peer *peer);
void sim_post_close(struct sim *sim);

/* the host table: sim_host.c (time, timers, jobs), sim_message.c, sim_db.c, sim_conn.c */
void sim_host_fill(struct troupe_host *table);
void sim_message_fill(struct troupe_host *table);
void sim_messages_crashed(struct sim *sim, struct sim_instance *instance);
void sim_db_fill(struct troupe_host *table);
void sim_db_open_all(struct sim *sim);
void sim_db_close_all(struct sim *sim);
void sim_db_crashed(struct sim *sim, const struct sim_node *node);
void sim_conn_fill(struct troupe_host *table);
void sim_conns_crashed(struct sim *sim, struct sim_instance *instance);
void sim_conns_close_all(struct sim *sim);

#endif
