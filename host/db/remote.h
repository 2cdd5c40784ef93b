/* SPDX-License-Identifier: MIT */
/* Databases on other hosts: requests become calls of service `database`, with the outcomes that a local one has. */
#ifndef HOST_DB_REMOTE_H
#define HOST_DB_REMOTE_H

#include "host/core/instance.h"
#include "host/db/store.h"

/*
 * Requests of one instance to one database leave in their order. What fails on the way is sent again, all in order, as
 * soon as the database is ready again, for REMOTE_RESOLVE_US after its first failure:
 *  - a read then ends UNAVAILABLE;
 *  - a commit of which nothing was done ends ABORTED (a full queue: RESOURCE_EXHAUSTED, at once);
 *  - one that may have been done is sent again only with an idempotency key, which finds out, and ends UNKNOWN; without
 *    a key it does so at once.
 * Newer commits may have been done when one is sent again: then the `database` role only looks it up (commits.c there),
 * so the order is kept.
 */
#define REMOTE_WAITING_MAX STORE_QUEUE_MAX	    /* requests of an instance to a database that have not ended */
#define REMOTE_BYTES_MAX (64u * 1024u * 1024u) /* keys and values in its commits that have not ended */
#define REMOTE_RESOLVE_US STORE_RESOLVE_US
#define REMOTE_CALL_MS 10000u /* for one attempt: lost peers are noticed earlier */
#define REMOTE_WAIT_MIN_MS 10u /* between attempts; doubles */
#define REMOTE_WAIT_MAX_MS 200u
#define REMOTE_KEEP_MS 10000u /* between two words that a snapshot is still used */

struct asker;

/* The way to one database. */
struct remote_db {
	struct instance *database; /* a proxy, or for tests one of this host */
	struct asker **askers;	   /* by index of the instance; NULL until it asks */
	uint32_t askers_len;
};

/* remote_init: 0, or -ENOMEM. remote_fini: no loop runs any more. [main] */
int remote_init(struct remote_db *remote, struct instance *database, uint32_t instances_len);
void remote_fini(struct remote_db *remote);

/* remote_submit sends a request of request->owner; as port_submit, `port` being that of the owner's loop. [loop] */
void remote_submit(struct remote_db *remote, struct port *port, struct db_request *request);

#endif
