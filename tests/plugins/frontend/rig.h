/* SPDX-License-Identifier: MIT */
/* The front-end role alone in a simulated host: account, master, item store and mechanics are played by the test. */
#ifndef TESTS_FRONTEND_RIG_H
#define TESTS_FRONTEND_RIG_H

#include "account.stub.h"
#include "avatar.stub.h"
#include "client.pb-c.h"
#include "frontend.stub.h"
#include "master.stub.h"
#include "plugins/lib/player.h"
#include "world.stub.h"

#define RIG_NAME "meadow/frontend.fe1"

struct world {
	struct config *config;
	struct sim *sim;
	const struct troupe_host *account, *master, *store, *mechanics;
	uint64_t epoch, session, silent_calls, account_seen;
	uint32_t kept, lost, stale, not_here;
	uint32_t registered, present, cleared, entered, left, kicked, draining;
	uint64_t actor, seen_account;
	int hold; /* mechanics does not answer looks */
	uint64_t owner; /* mechanics names it in place of letting anybody in */
	uint32_t refused; /* so often */
	uint32_t gone;	  /* so often it says that the avatar has gone elsewhere meanwhile */
	uint32_t paused;  /* so often it does not say what has become of it */
	uint64_t held; /* a look that was not answered */
	int answered;
};

/* What the roles beside it answer; `instance` is the world (actors.c). */
extern const struct troupe_method account_methods[], master_methods[], store_methods[], mechanics_methods[];

/* CASE: a test with a world of its own as its *state. */
#define CASE(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
int rig_setup(void **state);
int rig_teardown(void **state);

/* send_ticket: a ticket of this account; 0xFF = one that was used. send_select: neither waits for an answer. */
void send_ticket(struct player *p, uint8_t account);
void send_select(struct player *p, uint64_t avatar);
/* entered: connects and has a session. */
void entered(struct player *p, struct world *w, uint8_t account);
/* in_world: the same, and its avatar, account + 100, is in the world. Returns the session as mechanics got it. */
uint64_t in_world(struct player *p, struct world *w, uint8_t account);
/* expect_state: the next frame says that the world runs, or does not and why. */
void expect_state(struct player *p, int running, const char *reason);

/* batch_subscribe: mechanics adds (or removes) a channel of a session. batch_publish: it says something on one; 0 = to
 * all. */
void batch_subscribe(struct world *w, uint64_t session, uint64_t channel, int add);
void batch_publish(struct world *w, uint64_t channel, const void *payload, size_t len, int droppable);
/* heard: how many of those came to it. */
uint32_t heard(struct player *p);

#endif
