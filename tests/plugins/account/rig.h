/* SPDX-License-Identifier: MIT */
/* The account role alone in a simulated host: a master and two front-ends are played by the test. */
#ifndef TESTS_ACCOUNT_RIG_H
#define TESTS_ACCOUNT_RIG_H

#include "account.stub.h"
#include "client.pb-c.h"
#include "master.stub.h"
#include "plugins/lib/player.h"

struct world {
	struct config *config;
	struct sim *sim;
	const struct troupe_host *master, *fe1, *fe2;
	uint64_t placed_account;
	int status, answered;
	char reason[64];
	uint64_t account, epoch, resume_ms;
	uint8_t token[32]; /* of the last session */
};

/* CASE: a test with a world of its own as its *state. */
#define CASE(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
int rig_setup(void **state);
int rig_teardown(void **state);

/* try_register, try_login: ask and wait for the answer. send_login does not wait; login_result does. */
Client__LoginCode try_register(struct player *p, const char *user, const char *password);
Client__LoginCode try_login(struct player *p, const char *user, const char *password);
void send_login(struct player *p, const char *user, const char *password);
const Client__LoginResult *login_result(struct player *p);
/* choose: picks the shard and copies the ticket. */
void choose(struct player *p, uint8_t ret_ticket[32]);
/* register_ann: there is a user "Ann". login_and_choose: a client that comes from `peer` has a ticket for her. */
void register_ann(struct world *w);
void login_and_choose(struct world *w, const char *peer, uint8_t ret_ticket[32]);

/* redeem: a front-end brings a ticket; what it is answered is in the world. on_redeemed: takes such an answer; arg = the
 * world. */
void redeem(struct world *w, const struct troupe_host *frontend, const uint8_t *ticket, size_t len);
void on_redeemed(void *instance, void *arg, const struct troupe_reply *reply, const Account__RedeemReply *body);

/* The arguments of commands about a user. on_command: takes how one ended, arg = the world. */
struct user_args {
	const char *user;
	const char *reason;
};
void on_command(void *instance, void *arg, const struct troupe_reply *reply, troupe_any_fn typed);

#endif
