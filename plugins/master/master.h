/* SPDX-License-Identifier: MIT */
/* The parts of the master role. Everything runs on the instance's loop. */
#ifndef MASTER_MASTER_H
#define MASTER_MASTER_H

#include "map/map.h"
#include "master.stub.h"
#include "troupe/host.h"

#define SHARD_NAME_MAX 64u
#define FRONTENDS_MAX 1024u
#define SHARDS_MAX 1024u
#define PRESENCES_MAX 1000000u
#define LEASES_MAX 4096u
#define GONE_AFTER_US 3500000u /* a front-end speaks every second: three missed, and a little */

/* What the config says of a shard. */
struct shard_options {
	const char *name; /* first: see struct troupe_map */
	const char *comment;
	int64_t limit;	  /* players; 0 = what its front-ends take */
	int64_t locked;
};

struct master_options {
	const char *database;
	int64_t base_lease_ms;
	struct troupe_map shards;
};

struct frontend {
	uint64_t id;
	uint64_t seen_us;
	uint32_t clients, clients_max, port;
	uint32_t placed; /* since its last word */
	uint32_t draining;
	char shard[SHARD_NAME_MAX];
	char host[256];
};

struct presence {
	uint64_t account, frontend, session, epoch;
	uint64_t seen_us;
};

enum master_metric {
	METRIC_PLACED,
	METRIC_PLACE_REFUSED,
	METRIC_PRESENT,
	METRIC_KICKED,
	METRIC_FRONTENDS,
	METRIC_FRONTENDS_GONE,
	METRIC_FULL,
	METRIC_COUNT
};

struct asking;

struct master {
	const struct troupe_host *h;
	const struct master_options *options;
	struct frontend *frontends; /* FRONTENDS_MAX */
	uint32_t frontend_count;
	uint32_t db;
	uint32_t shard_count; /* shards that were ever heard of, whether configured or not */
	char (*shards)[SHARD_NAME_MAX]; /* SHARDS_MAX */
	struct map presences; /* account -> struct presence */
	struct map leases;    /* fnv64 of the name -> struct lease */
	struct asking *askings; /* questions about leases under way */
	uint64_t timer, wait_timer, base_timer;
	uint64_t started_us;
	uint64_t base_epoch;  /* 0 = the base is not ours */
	int base_asking, base_told;
	struct place *waiting; /* until front-ends have spoken */
	uint32_t presence_at;  /* how far the search for old presences has come */
	uint32_t metrics[METRIC_COUNT];
};

static inline void count(const struct master *master, enum master_metric metric)
{
	master->h->metric_add(master->h, master->metrics[metric], 1);
}

/* --- registry.c: front-ends and shards, and who goes where ---------------------------------------- */

void registry_on_register(void *instance, const struct troupe_request *request, const Master__Register *body);
void registry_on_shards(void *instance, const struct troupe_request *request, const Master__ShardsRequest *body);
void registry_on_place(void *instance, const struct troupe_request *request, const Master__PlaceRequest *body);
/* registry_learn: the shards that the config names are there before any front-end speaks of them. */
void registry_learn(struct master *master);
void registry_free(struct master *master);
/* registry_tick: forgets front-ends that are silent, and who was there. */
void registry_tick(struct master *master);
/* registry_shard: what is known of the shard at `index`; its strings are borrowed. */
void registry_shard(const struct master *master, uint32_t index, Master__ShardInfo *ret_info);

/* --- presence.c: which player is where ------------------------------------------------------------ */

void presence_on_set(void *instance, const struct troupe_request *request, const Master__PresenceSet *body);
void presence_on_clear(void *instance, const struct troupe_request *request, const Master__PresenceClear *body);
void presence_on_who(void *instance, const struct troupe_request *request, const Master__WhoRequest *body);
/* presence_tick: once a second: forgets some of those of whom nobody spoke for long. */
void presence_tick(struct master *master);
void presence_forget_frontend(struct master *master, uint64_t frontend);
void presence_free(struct master *master);

/* --- lease.c -------------------------------------------------------------------------------------- */

#define LEASE_OWNER_MAX 255u /* bytes of an owner's name */
#define BASE_LEASE "base"    /* nobody's but the masters' own */

/* How a question ended: OK and the epoch, or a status and its reason; "master.lease_held": with the owner and his epoch. */
struct lease_answer {
	int32_t status;
	const char *reason;
	uint64_t epoch;
	const char *owner_name; /* "" = unknown */
};

struct lease_ask {
	const char *name;
	uint64_t owner;
	const char *owner_name; /* may be NULL */
	uint64_t ttl_ms;
	uint64_t epoch;	  /* 0 = take it, which raises the epoch; else renew ours */
	uint32_t release; /* give ours up */
	uint32_t join;	  /* take it, but renew it if it is ours already: several share it under one owner */
	void (*done)(struct master *master, void *arg, const struct lease_answer *answer);
	void *arg;
};

/* lease_ask: `done` runs later, or now without memory. */
void lease_ask(struct master *master, const struct lease_ask *ask);

void lease_on_lease(void *instance, const struct troupe_request *request, const Master__LeaseRequest *body);
void lease_free(struct master *master);

/* --- base.c: one cluster for one base ------------------------------------------------------------- */

/* base_begin: the role is ready once the base is ours. base_stop: no more questions. */
void base_begin(struct master *master);
void base_stop(struct master *master);

extern const struct troupe_command master_commands[];

#endif
