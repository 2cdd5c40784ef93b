/* SPDX-License-Identifier: MIT */
/* Which of a shard's mechanics instances owns its world. */
#ifndef MECHANICS_LEASE_H
#define MECHANICS_LEASE_H

#include <stdint.h>

struct mechanics;

/*
 * Until the world is divided, one instance of a shard owns all of it and the others stand by. The owner holds the lease
 * "world/SHARD" of the masters, and has told the item store its epoch before it is ready, so that nothing that an earlier
 * owner still sends is saved. Where the shard has but one mechanics instance there is no lease (epoch 0).
 *
 * Times count from when a word was sent, never from its answer. An owner whose lease ran out does not tick until it is
 * renewed. Only if no master can be reached at all does it go on: then nobody else can take the lease either, and a
 * shard plays on without its base. If it alone is cut off, the item store refuses what it saves, and it stands by.
 */
enum lease_state {
	LEASE_NONE,    /* not begun, or ended */
	LEASE_ALONE,   /* no lease is needed */
	LEASE_STANDBY, /* asks for it again and again */
	LEASE_TAKEN,   /* ours; the item store is being told */
	LEASE_OWNER
};

struct lease {
	enum lease_state state;
	uint64_t epoch;
	uint64_t until_us;	 /* ours until then */
	uint64_t asked_us;	 /* when the question under way was sent; 0 = none is */
	uint64_t unreachable_us; /* the last question that nobody answered was sent then; 0 = there was an answer since */
	uint64_t timer;
	uint32_t telling; /* the item store is being told */
};

/* lease_begin: stands by, or owns the world at once where there is no other instance. Ends in owner_begin (mechanics.h). */
void lease_begin(struct mechanics *m);
/* lease_holds: 1 if the world may tick now. */
int lease_holds(struct mechanics *m);
/* lease_lost: somebody else owns the world: ends in owner_end, then stands by. */
void lease_lost(struct mechanics *m, const char *why);
/* lease_release: gives it up, so that the next need not wait; then `host->drained`. */
void lease_release(struct mechanics *m);
/* lease_stop: no more questions. */
void lease_stop(struct mechanics *m);
/* lease_state_name: "starting", "alone", "standby", "taking" or "owner". */
const char *lease_state_name(const struct mechanics *m);

#endif
