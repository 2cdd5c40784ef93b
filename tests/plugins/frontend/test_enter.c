/* SPDX-License-Identifier: MIT */
/* The way in, to a world and back after a lost connection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plugins/frontend/rig.h"

static void test_enter_and_forward(void **state)
{
	struct world *w = *state;
	struct player p;
	const World__LookReply *look;

	in_world(&p, w, 1);
	assert_int_equal(w->present, 1);
	player_send_bytes(&p, 40, 7, NULL, 0);
	look = (const World__LookReply *)player_expect(&p, 41, &world__look_reply__descriptor, 7);
	assert_int_equal(look->tick, 77);
	assert_int_equal(w->actor, 101);
	player_send_bytes(&p, 24, 8, NULL, 0);
	player_expect(&p, 29, &avatar__list_reply__descriptor, 8);
	assert_int_equal(w->seen_account, 1);
	player_send_bytes(&p, 45, 9, NULL, 0);
	player_expect_error(&p, 45, 9, "world.too_far");
	sim_hangup(w->sim, p.conn);
	sim_run(w->sim, 100);
	assert_int_equal(w->left, 1);
	assert_int_equal(w->lost, 1);
	assert_int_equal(w->cleared, 1);
	player_done(&p);
}

static void test_large_bodies_pass(void **state)
{
	struct world *w = *state;
	struct player p;
	static uint8_t body[60000];
	World__EchoRequest request = WORLD__ECHO_REQUEST__INIT;
	const World__EchoReply *reply;
	static uint8_t packed[60100];

	in_world(&p, w, 1);
	for (size_t i = 0; i < sizeof(body); i++) {
		body[i] = (uint8_t)(i * 7);
	}
	request.has_body = 1;
	request.body.data = body;
	request.body.len = sizeof(body);
	player_send_bytes(&p, 47, 9, packed, world__echo_request__pack(&request, packed));
	reply = (const World__EchoReply *)player_expect(&p, 48, &world__echo_reply__descriptor, 9);
	assert_int_equal(reply->body.len, sizeof(body));
	assert_memory_equal(reply->body.data, body, sizeof(body));
	player_done(&p);
}

static void test_ticket_refused(void **state)
{
	struct world *w = *state;
	struct player p;

	player_hello(&p, w->sim, RIG_NAME, "10.0.0.1:1");
	send_ticket(&p, 0xFF);
	player_expect_error(&p, WIRE_ENTER, 2, "account.ticket_used");
	player_expect_end(&p, "account.ticket_used", 0);
	player_done(&p);
	player_hello(&p, w->sim, RIG_NAME, "10.0.0.1:1");
	player_send_bytes(&p, WIRE_ENTER, 2, NULL, 0);
	player_expect_error(&p, WIRE_ENTER, 2, "account.ticket_unknown");
	player_expect_end(&p, "account.ticket_unknown", 0);
	player_done(&p);
}

static void test_second_login_kicks_the_first(void **state)
{
	struct world *w = *state;
	struct player first, second;
	const Client__Kick *kick;

	in_world(&first, w, 1);
	entered(&second, w, 1);
	kick = (const Client__Kick *)player_expect(&first, WIRE_KICK, &client__kick__descriptor, 0);
	assert_string_equal(kick->reason, "client.other_login");
	player_expect_end(&first, "client.other_login", 0);
	assert_int_equal(w->left, 1);
	player_send_bytes(&second, 24, 8, NULL, 0);
	player_expect(&second, 29, &avatar__list_reply__descriptor, 8);
	player_done(&first);
	player_done(&second);
}

static void test_avatar_refused(void **state)
{
	struct world *w = *state;
	struct player p;

	entered(&p, w, 1);
	player_send_bytes(&p, 40, 7, NULL, 0);
	player_expect_error(&p, 40, 7, "client.not_in_world");
	send_select(&p, 404);
	player_expect_error(&p, WIRE_AVATAR_SELECT, 3, "avatar.unknown");
	send_select(&p, 101); /* and it may try again */
	player_expect(&p, WIRE_AVATAR_SELECTED, &client__avatar_selected__descriptor, 3);
	player_send_bytes(&p, WIRE_LEAVE_WORLD, 4, NULL, 0);
	player_expect(&p, WIRE_LEFT_WORLD, &client__left_world__descriptor, 4);
	assert_int_equal(w->left, 1);
	send_select(&p, 101);
	player_expect(&p, WIRE_AVATAR_SELECTED, &client__avatar_selected__descriptor, 3);
	player_done(&p);
}

static void test_gone_while_entering(void **state)
{
	struct world *w = *state;
	struct player p;

	entered(&p, w, 1);
	send_select(&p, 101);
	for (int i = 0; i < 10000 && w->entered == 0; i++) {
		sim_step(w->sim);
	}
	sim_hangup(w->sim, p.conn);
	sim_run(w->sim, 6000);
	assert_int_equal(w->entered, 1);
	assert_int_equal(w->left, 1);
	player_done(&p);
}

/* --- after a lost connection ---------------------------------------------------------------------- */

static void send_token(struct player *p, uint64_t account, uint8_t first, size_t len)
{
	Client__Enter enter = CLIENT__ENTER__INIT;
	uint8_t token[32] = { first };

	enter.has_account = enter.has_resume = 1;
	enter.account = account;
	enter.resume.data = token;
	enter.resume.len = len;
	player_send(p, WIRE_ENTER, 2, &enter.base);
}

static void test_resume(void **state)
{
	struct world *w = *state;
	struct player first, second;
	const Client__EnterOk *ok;

	in_world(&first, w, 1); /* half open: its end does not come through */
	player_hello(&second, w->sim, RIG_NAME, "10.0.0.1:1");
	send_token(&second, 1, 0xAA, 32);
	ok = (const Client__EnterOk *)player_expect(&second, WIRE_ENTER_OK, &client__enter_ok__descriptor, 2);
	assert_int_equal(ok->account, 1);
	assert_int_equal(ok->resume.len, 32);
	assert_int_equal(ok->resume_ms, 450000);
	player_expect(&first, WIRE_KICK, &client__kick__descriptor, 0);
	assert_int_equal(w->left, 1);
	assert_int_equal(w->lost, 1); /* the avatar waits for it */
	send_select(&second, 101);
	player_expect(&second, WIRE_AVATAR_SELECTED, &client__avatar_selected__descriptor, 3);
	player_done(&first);
	player_done(&second);
	player_hello(&first, w->sim, RIG_NAME, "10.0.0.1:1");
	send_token(&first, 1, 0xAB, 32);
	player_expect_error(&first, WIRE_ENTER, 2, "account.resume_unknown");
	player_expect_end(&first, "account.resume_unknown", 0);
	player_done(&first);
	player_hello(&first, w->sim, RIG_NAME, "10.0.0.1:1");
	send_token(&first, 1, 0xAA, 31);
	player_expect_error(&first, WIRE_ENTER, 2, "account.resume_unknown");
	player_done(&first);
}

static void test_keeps(void **state)
{
	struct world *w = *state;
	struct player p;

	in_world(&p, w, 1);
	for (int i = 0; i < 16; i++) {
		sim_run(w->sim, 20000);
		player_send_bytes(&p, WIRE_PING, 1, NULL, 0);
		player_expect(&p, WIRE_PONG, &client__pong__descriptor, 1);
	}
	assert_in_range(w->kept, 2, 3); /* in 320 s, one each 150 s */
	assert_int_equal(w->account_seen, 1);
	w->stale = 1; /* a newer session has begun somewhere */
	for (int i = 0; i < 8 && w->kept < 4; i++) {
		player_send_bytes(&p, WIRE_PING, 0, NULL, 0);
		sim_run(w->sim, 20000);
	}
	while (player_next(&p, NULL, NULL, NULL, 0) == WIRE_PONG) {
	}
	sim_run(w->sim, 1100);
	assert_false(sim_conn_open(w->sim, p.conn));
	assert_int_equal(w->lost, 1);
	player_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_enter_and_forward),
		CASE(test_large_bodies_pass),
		CASE(test_ticket_refused),
		CASE(test_second_login_kicks_the_first),
		CASE(test_avatar_refused),
		CASE(test_gone_while_entering),
		CASE(test_resume),
		CASE(test_keeps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
