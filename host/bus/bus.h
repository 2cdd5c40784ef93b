/* SPDX-License-Identifier: MIT */
/* The links of this process to the other hosts of its cluster: messages to and from instances elsewhere. */
#ifndef HOST_BUS_BUS_H
#define HOST_BUS_BUS_H

#include <stdbool.h>
#include <stdint.h>

#include "troupe/role.h"

/*
 * Conventions
 *  1. The bus lives on the host's first loop, where the proxies of all remote instances have their place. It gives each
 *     proxy its `remote` (host/core/instance.h), its state and its load.
 *  2. Two hosts are linked when they share a part, or one of them runs a `master`. A message to a host without a link
 *     goes through a linked one that runs a master and reports the target; the choice is kept while it lasts.
 *  3. A peer may send in the name of the instances that the configuration places on it; a host with a master also in
 *     the name of those with which this host has no link. Everything else is refused and counted.
 *  4. When a link ends, calls that went through it end UNAVAILABLE "host.lost" and those that came through it are
 *     cancelled. Calls to what cannot be reached end UNAVAILABLE "host.unreachable": nothing was sent.
 */
#define BUS_INBOUND_MAX 65536u	/* calls from other hosts that are not answered yet */
#define BUS_HELD_MAX 65536u	/* replies that wait for room in a link's queue, above which ... */
#define BUS_HELD_BYTES (64u << 20) /* ... or with so many bytes its calls are dropped: they end by their deadlines */
#define BUS_REPORT_MS 100u	/* how often changes of state are looked for */
#define BUS_LOAD_MS 500u	/* how often changes of load are told */

struct bus;
struct config;
struct core;
struct instance;

/*
 * bus_new opens the sockets of this host and begins to link with the others. 0 and *ret_bus, NULL when the
 * configuration knows of no other host; or -errno with *reterr saying what and how to mend it. [main]
 */
int bus_new(struct core *core, struct bus **ret_bus, struct troupe_error *reterr);
/* bus_free says goodbye to the peers and closes everything; no loop runs any more. NULL is fine. Returns NULL. [main] */
struct bus *bus_free(struct bus *bus);

/*
 * bus_keys reads the keys of this host and of its peers again, those of peers as `config` has them; sessions whose keys
 * have changed are renewed, and lose nothing by that. Keys that cannot be used are logged, and the link keeps those that
 * it has. `config` need not outlive the call. [any]
 */
void bus_keys(struct bus *bus, const struct config *config);

/* bus_child_died says that the process of an isolated instance of this host has died: what waits for its link need not wait
 * until that has been silent for long enough. NULL is fine. [any] */
void bus_child_died(struct bus *bus, const struct instance *proxy);

/* One link, for operators. Bytes and messages are those of roles' messages, of this connection and before. */
struct bus_link {
	char name[128]; /* of the other host */
	bool up, sealed, forwards;
	uint64_t incarnation;
	uint64_t rtt_us;
	uint64_t messages_sent, messages_received, bytes_sent, bytes_received, frames_sent, frames_received;
	uint64_t waiting, waiting_bytes, resent, full, downs;
	uint64_t forged, replayed, malformed, stale, throttled; /* frames that were dropped */
	uint64_t sessions;			     /* of the seal, since the process began */
	uint64_t refused;			     /* messages in a name that is not the peer's, or dropped at BUS_HELD_MAX */
	uint64_t forwarded;			     /* messages passed on for it */
};

/* bus_links copies up to `max` links as of at most BUS_LOAD_MS ago and returns how many there are. [any] */
uint32_t bus_links(struct bus *bus, struct bus_link *ret_links, uint32_t max);

/* Frames of nobody known, and calls that found BUS_INBOUND_MAX reached. [any] */
struct bus_totals {
	uint64_t strangers, inbound_full, inbound;
};
void bus_totals(struct bus *bus, struct bus_totals *ret_totals);

#endif
