/* SPDX-License-Identifier: MIT */
/* What the files of the bus share: peers, and the ways to remote instances. */
#ifndef HOST_BUS_PEER_H
#define HOST_BUS_PEER_H

#include <pthread.h>
#include <stdatomic.h>

#include "host/bus/bus.h"
#include "host/bus/link.h"
#include "host/bus/seal.h"
#include "host/bus/wire.h"
#include "host/core/core.h"

#define PEER_NAME 128u

struct config_host;
struct config_instance;

/* What a peer says of an instance. */
struct sight {
	uint8_t state; /* enum instance_state: RUNNING, DRAINING, DRAINED, or NEW for all else */
	uint8_t ready;
	uint32_t load;
};

/* A reply that found the link's queue full. A peer that takes none gets no more of its calls served (peer_chokes). */
struct held_reply {
	struct held_reply *next;
	struct envelope envelope;
	struct troupe_buf *body;
};

/* An instance of which a peer is told, and what it was told last. */
struct told {
	struct instance *instance;
	struct sight sight;
	bool changed; /* since: to be told now */
};

enum peer_kind {
	PEER_HOST,   /* another host */
	PEER_CHILD,  /* a process of this host, for one isolated instance */
	PEER_PARENT  /* this process is such a child: the host, its way to everything */
};

struct peer {
	struct bus *bus;
	uint32_t index;
	enum peer_kind kind;
	char name[PEER_NAME]; /* of a host, or HOST~INSTANCE of a child */
	uint64_t id;	      /* fnv64 of the name: who it is on the wire */
	uint64_t instance_id; /* of its "host.NAME" */
	const struct config_host *host;
	const struct config_instance *isolated; /* of a child */
	bool forwards; /* it runs a master */
	bool up, dirty;
	bool sealed; /* it was so in the last turn */
	struct loop_task died; /* its process has, as somebody saw who posted this */
	atomic_bool dying;
	struct wire_peer *wire;
	uint64_t reconnect_us; /* when to connect anew, if the link is not up by then */
	struct seal *seal;
	struct seal_setup keys; /* read again and not yet in use, when it has any; under bus->mutex */
	struct link *link;
	struct loop_timer timer;
	uint64_t incarnation;
	struct held_reply *held, **held_tail;
	uint32_t held_len;
	uint64_t held_bytes; /* of their bodies */
	struct told *told;
	uint32_t told_len;
	uint64_t refused, forwarded;
	struct bus_link view; /* under bus->mutex */
};

/* The way to a remote instance. */
struct way {
	struct remote remote; /* first */
	struct bus *bus;
	struct instance *instance;
	const struct config_host *host; /* that runs it; NULL = none does */
	uint64_t host_id;
	struct peer *home;	 /* the link to that host; NULL = there is none */
	struct peer *via;	 /* where its messages go now; NULL = nowhere */
	struct sight *sights;	 /* what each peer says, by index */
};

/* A call that came over the bus and is not answered. */
struct inbound {
	struct inbound *next; /* in its bucket, or of the free ones */
	struct peer *peer;
	struct way *from;
	uint64_t target;    /* the instance's id */
	uint64_t wire_call; /* as the caller's host numbers it */
	uint64_t call;	    /* as ours does */
};

#define INBOUND_BUCKETS 16384u
#define BUS_REPORT 0xd37dda8du /* the method number of a report: fnv32 of "host.report" */

struct bus {
	struct core *core;
	struct loop *loop;
	struct mailbox *mailbox;
	struct wire *wire;
	uint64_t id, incarnation;
	bool forwards; /* this host runs a master */
	bool closing;  /* no loop runs any more: whoever would hear of a lost link is gone */
	struct peer *peers;
	uint32_t peers_len;
	struct way *ways; /* one for each of core_remotes */
	uint32_t ways_len;
	struct inbound **inbound, *inbound_free;
	uint32_t inbound_len;
	struct loop_hook end;
	struct loop_timer report;
	uint32_t reports; /* so far, to tell loads less often */
	atomic_uint_fast64_t strangers, inbound_full;
	struct loop_task rekey;
	bool rekeying;	       /* it is posted */
	pthread_mutex_t mutex; /* of the peers' views, their keys, rekeying */
};

/* peer_push queues a message: as link_push. peer_reply does so for a reply, which is kept when the queue is full. */
int peer_push(struct peer *peer, const struct envelope *envelope, struct troupe_buf *body);
void peer_reply(struct peer *peer, const struct envelope *envelope, struct troupe_buf *body);

/* peer_chokes: so many replies wait for room that its calls are dropped, without a reply. */
static inline bool peer_chokes(const struct peer *peer)
{
	return peer->held_len >= BUS_HELD_MAX || peer->held_bytes >= BUS_HELD_BYTES;
}

/* way_of returns the way behind a proxy. */
static inline struct way *way_of(const struct instance *instance)
{
	return (struct way *)(void *)instance->remote;
}

/* --- messages.c ----------------------------------------------------------------------------------- */

extern const struct remote way_remote;
/* messages_receive deals with a message that a link delivered. messages_down ends what went and came through it. */
void messages_receive(struct peer *peer, const struct envelope *envelope, const uint8_t *body);
void messages_down(struct peer *peer);
void messages_fini(struct bus *bus);

/* --- routes.c ------------------------------------------------------------------------------------- */

/* routes_init fills the ways and what each peer is told. 0; -ENOMEM. [main] */
int routes_init(struct bus *bus);
void routes_fini(struct bus *bus);
/* routes_speaks_for: may a message in the name of this instance come from the peer? routes_forwards: may a message that
 * came from `peer` be passed on to `to`, and is the peer told of it? */
bool routes_speaks_for(const struct peer *peer, const struct way *from);
bool routes_forwards(const struct peer *peer, const struct way *to);
/* routes_up, routes_down: the link to the peer came up or ended. */
void routes_up(struct peer *peer);
void routes_down(struct peer *peer);
/* routes_tell tells every peer what has changed here. `loads`: also of load alone. */
void routes_tell(struct bus *bus, bool loads);
/* routes_hear takes a report. */
void routes_hear(struct peer *peer, const uint8_t *body, uint32_t len);

#endif
