/* SPDX-License-Identifier: MIT */
/* A host made of the bus's own layers that says whatever a test wants: to one peer, over a true sealed link. */
#ifndef TESTS_BUS_ROGUE_H
#define TESTS_BUS_ROGUE_H

#include "host/bus/link.h"
#include "host/bus/seal.h"
#include "host/bus/wire.h"
#include "host/config/config.h"
#include "host/core/loop.h"

struct rogue {
	const struct config *config; /* loaded for the host that is played */
	struct loop *loop;
	struct wire *wire;
	struct wire_peer *peer_wire;
	struct seal *seal;
	struct link *link;
	struct loop_timer timer;
	struct loop_hook end;
	bool up, stopping;
	/* on_turn runs in every turn of the loop while the link is there; on_reply gets each answer. */
	void (*on_turn)(struct rogue *rogue);
	void (*on_reply)(struct rogue *rogue, const struct envelope *envelope, const uint8_t *body);
};

/* rogue_start takes the place of config->host and links with the host of this name; the callbacks are set before, the
 * loop is run by the caller. Ends the process with a message when it cannot. */
void rogue_start(struct rogue *rogue, const char *peer);
/* rogue_call sends a call in the name of any instance; false = not now. */
bool rogue_call(struct rogue *rogue, uint64_t id, uint64_t source, uint64_t target, uint32_t method);
/* rogue_stop takes leave of the peer and releases everything, after the loop has ended. */
void rogue_stop(struct rogue *rogue);

#endif
