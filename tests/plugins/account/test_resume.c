/* SPDX-License-Identifier: MIT */
/* Back after a lost connection, without a password. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "plugins/account/rig.h"

/* came_in: ann has a session; its token is in w->token. Returns her account. */
static uint64_t came_in(struct world *w)
{
	uint8_t ticket[32];

	register_ann(w);
	login_and_choose(w, "10.0.0.1:1", ticket);
	redeem(w, w->fe1, ticket, 32);
	assert_int_equal(w->status, TROUPE_OK);
	return w->account;
}

/* here: back at a front-end that is still there, without account's listener. */
static void here(struct world *w, uint64_t account, const uint8_t *token, const char *shard)
{
	Account__RedeemRequest request = ACCOUNT__REDEEM_REQUEST__INIT;
	uint8_t copy[32];

	memcpy(copy, token, sizeof(copy));
	request.has_account = request.has_resume = 1;
	request.account = account;
	request.resume.data = copy;
	request.resume.len = sizeof(copy);
	request.shard = (char *)shard;
	w->answered = 0;
	account_redeem(w->fe1, &request, NULL, on_redeemed, w);
	assert_true(sim_run_until(w->sim, &w->answered, 10000));
}

static void send_resume(struct player *p, struct world *w, uint64_t account, const uint8_t *token, size_t len)
{
	Client__Resume message = CLIENT__RESUME__INIT;

	player_hello(p, w->sim, "base/account", "10.0.0.1:1");
	message.has_account = message.has_token = 1;
	message.account = account;
	message.token.data = (uint8_t *)token;
	message.token.len = len;
	player_send(p, WIRE_RESUME, 6, &message.base);
}

static void on_kept(void *instance, void *arg, const struct troupe_reply *reply, const Account__KeepReply *body)
{
	struct world *w = arg;

	(void)instance;
	(void)body;
	w->answered = 1;
	w->status = reply->status;
	snprintf(w->reason, sizeof(w->reason), "%s", reply->reason != NULL ? reply->reason : "");
}

static void keep(struct world *w, uint64_t account, uint64_t epoch)
{
	Account__KeepRequest request = ACCOUNT__KEEP_REQUEST__INIT;

	request.has_account = request.has_epoch = 1;
	request.account = account;
	request.epoch = epoch;
	w->answered = 0;
	account_keep(w->fe1, &request, NULL, on_kept, w);
	assert_true(sim_run_until(w->sim, &w->answered, 10000));
}

static void test_resume_elsewhere(void **state)
{
	struct world *w = *state;
	struct player p;
	const Client__HostPort *place;
	uint64_t account = came_in(w);
	uint8_t token[32], ticket[32];

	memcpy(token, w->token, sizeof(token));
	for (int i = 0; i < 2; i++) { /* as often as the answer gets lost: nothing is used up before a session begins */
		send_resume(&p, w, account, token, sizeof(token));
		place = (const Client__HostPort *)player_expect(&p, WIRE_HOST_PORT, &client__host_port__descriptor, 6);
		assert_int_equal(w->placed_account, account);
		memcpy(ticket, place->ticket.data, sizeof(ticket));
		sim_run(w->sim, 1100);
		assert_false(sim_conn_open(w->sim, p.conn));
		player_done(&p);
	}
	redeem(w, w->fe1, ticket, 32);
	assert_int_equal(w->status, TROUPE_OK);
	assert_int_equal(w->account, account);
	assert_int_equal(w->epoch, 2);
	assert_memory_not_equal(w->token, token, sizeof(token));
	send_resume(&p, w, account, token, sizeof(token));
	player_expect_error(&p, WIRE_RESUME, 6, "account.resume_unknown"); /* it was good once */
	/* and a password still opens the door */
	assert_int_equal(try_login(&p, "ann", "correct horse"), CLIENT__LOGIN_CODE__LOGIN_SUCCESS);
	player_done(&p);
}

static void test_resume_here(void **state)
{
	struct world *w = *state;
	uint64_t account = came_in(w);
	uint8_t token[32];

	memcpy(token, w->token, sizeof(token));
	here(w, account, token, "moor");
	assert_string_equal(w->reason, "account.resume_wrong_shard");
	here(w, account + 1, token, "meadow");
	assert_string_equal(w->reason, "account.resume_unknown");
	here(w, account, token, "meadow");
	assert_int_equal(w->status, TROUPE_OK);
	assert_int_equal(w->epoch, 2);
	here(w, account, token, "meadow");
	assert_string_equal(w->reason, "account.resume_unknown");
	token[0] ^= 1;
	here(w, account, token, "meadow");
	assert_string_equal(w->reason, "account.resume_unknown");
	here(w, account, w->token, "meadow"); /* the next session's */
	assert_int_equal(w->epoch, 3);
}

static void test_resume_ends(void **state)
{
	struct world *w = *state;
	struct player p;
	uint64_t account = came_in(w);

	send_resume(&p, w, account, w->token, 31);
	player_expect_error(&p, WIRE_RESUME, 6, "account.resume_unknown");
	player_done(&p);
	sim_run(w->sim, w->resume_ms - 60000);
	keep(w, account, 1); /* it lives */
	assert_int_equal(w->status, TROUPE_OK);
	keep(w, account, 0);
	assert_string_equal(w->reason, "account.stale");
	sim_run(w->sim, w->resume_ms - 60000);
	here(w, account, w->token, "meadow");
	assert_int_equal(w->status, TROUPE_OK);
	sim_run(w->sim, w->resume_ms + 1000);
	here(w, account, w->token, "meadow");
	assert_string_equal(w->reason, "account.resume_expired");
}

static void test_resume_banned(void **state)
{
	struct world *w = *state;
	struct user_args ann = { "Ann", "cheats" };
	struct player p;
	uint64_t account = came_in(w);

	w->answered = 0;
	sim_command(w->sim, "base/account", "ban", &ann, on_command, w);
	assert_true(sim_run_until(w->sim, &w->answered, 10000));
	send_resume(&p, w, account, w->token, sizeof(w->token));
	player_expect_error(&p, WIRE_RESUME, 6, "account.resume_unknown");
	sim_command(w->sim, "base/account", "unban", &ann, on_command, w);
	sim_run(w->sim, 2000);
	here(w, account, w->token, "meadow");
	assert_string_equal(w->reason, "account.resume_unknown");
	player_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_resume_elsewhere),
		CASE(test_resume_here),
		CASE(test_resume_ends),
		CASE(test_resume_banned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
