/* SPDX-License-Identifier: MIT */
/* From a login to a session: tickets, whatever happens to the database meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "plugins/account/rig.h"

static void test_login_to_ticket(void **state)
{
	struct world *w = *state;
	struct player p;
	uint8_t ticket[32];
	const Client__ShardList *list;
	Client__ShardListRequest request = CLIENT__SHARD_LIST_REQUEST__INIT;

	register_ann(w);
	player_hello(&p, w->sim, "base/account", "10.0.0.1:1");
	assert_int_equal(try_login(&p, "ANN", "correct horse"), CLIENT__LOGIN_CODE__LOGIN_SUCCESS);
	player_send(&p, WIRE_SHARD_LIST_REQUEST, 9, &request.base);
	list = (const Client__ShardList *)player_expect(&p, WIRE_SHARD_LIST, &client__shard_list__descriptor, 9);
	assert_int_equal(list->n_shards, 1);
	assert_string_equal(list->shards[0]->name, "meadow");
	assert_int_equal(list->shards[0]->population, 3);
	choose(&p, ticket);
	sim_run(w->sim, 1100);
	assert_false(sim_conn_open(w->sim, p.conn));
	redeem(w, w->fe1, ticket, 32);
	assert_int_equal(w->status, TROUPE_OK);
	assert_int_equal(w->epoch, 1);
	assert_true(w->account == w->placed_account);
	redeem(w, w->fe1, ticket, 32);
	assert_string_equal(w->reason, "account.ticket_used");
	assert_true(sim_logged(w->sim, "a second time"));
	assert_false(sim_logged(w->sim, "correct horse"));
	player_done(&p);
}

static void test_ticket_refusals(void **state)
{
	struct world *w = *state;
	uint8_t first[32], second[32], guess[32] = { 7 };

	register_ann(w);
	redeem(w, w->fe1, guess, 32);
	assert_string_equal(w->reason, "account.ticket_unknown");
	redeem(w, w->fe1, guess, 31);
	assert_string_equal(w->reason, "account.ticket_unknown");
	login_and_choose(w, "10.0.0.1:1", first);
	login_and_choose(w, "10.0.0.1:2", second);
	redeem(w, w->fe1, first, 32); /* a newer one replaced it */
	assert_string_equal(w->reason, "account.ticket_unknown");
	redeem(w, w->fe2, second, 32);
	assert_string_equal(w->reason, "account.ticket_wrong_frontend");
	sim_run(w->sim, 31000);
	redeem(w, w->fe1, second, 32);
	assert_string_equal(w->reason, "account.ticket_expired");
	login_and_choose(w, "10.0.0.1:3", first);
	sim_run(w->sim, 29000);
	redeem(w, w->fe1, first, 32);
	assert_int_equal(w->status, TROUPE_OK);
}

/* --- the database ------------------------------------------------------------------------------------- */

static void test_database_away(void **state)
{
	struct world *w = *state;
	struct player p;

	register_ann(w);
	player_hello(&p, w->sim, "base/account", "10.0.0.1:1");
	sim_db_down(w->sim, "base", 1);
	assert_int_equal(try_login(&p, "ann", "correct horse"), CLIENT__LOGIN_CODE__SERVER_ERROR);
	sim_db_down(w->sim, "base", 0);
	assert_int_equal(try_login(&p, "ann", "correct horse"), CLIENT__LOGIN_CODE__LOGIN_SUCCESS);
	player_done(&p);
}

/* Half of the commits end unknown, half of those are done. */
static void test_unknown_outcomes_are_found_out(void **state)
{
	struct world *w = *state;
	struct sim_faults faults = { .commit_unknown = 500000, .commit_slow = 300000, .late_us = 50000 };
	struct player p;

	sim_faults(w->sim, &faults);
	for (int i = 0; i < 30; i++) {
		uint8_t ticket[32];
		char user[16], peer[24];

		snprintf(user, sizeof(user), "user%d", i);
		snprintf(peer, sizeof(peer), "10.0.1.%d:1", i);
		player_hello(&p, w->sim, "base/account", peer);
		assert_int_equal(try_register(&p, user, "correct horse"), CLIENT__LOGIN_CODE__LOGIN_SUCCESS);
		assert_int_equal(try_register(&p, user, "correct horse"), CLIENT__LOGIN_CODE__NAME_TAKEN);
		assert_int_equal(try_login(&p, user, "correct horse"), CLIENT__LOGIN_CODE__LOGIN_SUCCESS);
		choose(&p, ticket);
		player_done(&p);
		redeem(w, w->fe1, ticket, 32);
		assert_int_equal(w->status, TROUPE_OK);
		assert_int_equal(w->epoch, 1);
		redeem(w, w->fe1, ticket, 32);
		assert_string_equal(w->reason, "account.ticket_used");
	}
}

static void test_survives_power_cut(void **state)
{
	struct world *w = *state;
	uint8_t ticket[32];

	register_ann(w);
	login_and_choose(w, "10.0.0.1:1", ticket);
	sim_power(w->sim);
	sim_run(w->sim, 100);
	redeem(w, w->fe1, ticket, 32);
	assert_int_equal(w->status, TROUPE_OK);
	sim_power(w->sim);
	sim_run(w->sim, 100);
	redeem(w, w->fe1, ticket, 32);
	assert_string_equal(w->reason, "account.ticket_used");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_login_to_ticket),
		CASE(test_ticket_refusals),
		CASE(test_database_away),
		CASE(test_unknown_outcomes_are_found_out),
		CASE(test_survives_power_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
