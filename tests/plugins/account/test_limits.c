/* SPDX-License-Identifier: MIT */
/* What clients may not do: bad messages and frames, two things at once, silence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plugins/account/rig.h"

struct bad_case {
	const char *name;
	uint16_t event;
	const void *body;
	size_t len;
	const char *reason;
};

static const uint8_t not_utf8[] = { 0x0a, 0x02, 0xff, 0xfe };
static const uint8_t cut_off[] = { 0x0a, 0x7f, 'a' };
static const uint8_t with_nul[] = { 0x0a, 0x03, 'a', 0, 'b' };

static void test_bad_messages(void **state)
{
	static const struct bad_case cases[] = {
		{ "unknown event", 999, NULL, 0, "client.unknown_event" },
		{ "event 0", 0, NULL, 0, "client.unknown_event" },
		{ "a front-end's message", WIRE_ENTER, NULL, 0, "client.unknown_event" },
		{ "second Hello", WIRE_HELLO, NULL, 0, "client.wrong_state" },
		{ "shards before login", WIRE_SHARD_LIST_REQUEST, NULL, 0, "client.wrong_state" },
		{ "choice before login", WIRE_CHOOSE_SHARD, NULL, 0, "client.wrong_state" },
		{ "invalid UTF-8", WIRE_LOGIN, not_utf8, sizeof(not_utf8), "client.malformed" },
		{ "NUL in a name", WIRE_LOGIN, with_nul, sizeof(with_nul), "client.malformed" },
		{ "half a message", WIRE_LOGIN, cut_off, sizeof(cut_off), "client.malformed" },
	};
	struct world *w = *state;
	struct player p, healthy;

	register_ann(w);
	player_hello(&healthy, w->sim, "base/account", "10.0.0.77:1");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		player_hello(&p, w->sim, "base/account", "10.0.0.1:1");
		player_send_bytes(&p, cases[i].event, 5, cases[i].body, cases[i].len);
		player_expect_error(&p, cases[i].event, 5, cases[i].reason);
		player_expect_end(&p, cases[i].reason, 0);
		player_done(&p);
	}
	assert_int_equal(try_login(&healthy, "ann", "correct horse"), CLIENT__LOGIN_CODE__LOGIN_SUCCESS);
	player_done(&healthy);
}

static void test_bad_frames(void **state)
{
	static const uint8_t endless[] = { 10, 0, 1, 0, 255, 255, 255, 255 };
	static const uint8_t login_first[] = { 10, 0, 1, 0, 0, 0, 0, 0 };
	struct world *w = *state;
	struct player p;

	player_connect(&p, w->sim, "base/account", "10.0.0.1:1");
	sim_bytes(w->sim, p.conn, endless, sizeof(endless));
	player_expect_error(&p, 10, 1, "client.frame_too_long");
	player_expect_end(&p, "client.frame_too_long", 0);
	player_done(&p);
	player_connect(&p, w->sim, "base/account", "10.0.0.1:1");
	sim_bytes(w->sim, p.conn, login_first, sizeof(login_first));
	player_expect_error(&p, 10, 1, "client.wrong_state");
	player_expect_end(&p, "client.wrong_state", 0);
	player_done(&p);
}

static void test_one_byte_at_a_time(void **state)
{
	static const uint8_t hello[] = { 1, 0, 1, 0, 2, 0, 0, 0, 0x08, 0x01 };
	struct world *w = *state;
	struct player p;

	player_connect(&p, w->sim, "base/account", "10.0.0.1:1");
	for (size_t i = 0; i < sizeof(hello); i++) {
		sim_bytes(w->sim, p.conn, &hello[i], 1);
		sim_run(w->sim, 1);
	}
	player_expect(&p, WIRE_HELLO_OK, &client__hello_ok__descriptor, 1);
	player_done(&p);
}

static void test_second_message_while_busy(void **state)
{
	struct world *w = *state;
	struct player p;

	player_hello(&p, w->sim, "base/account", "10.0.0.1:1");
	send_login(&p, "nobody", "12345678");
	send_login(&p, "nobody", "12345678");
	player_expect_error(&p, WIRE_LOGIN, 3, "client.busy");
	player_expect_end(&p, "client.busy", 0);
	sim_run(w->sim, 1000);
	player_done(&p);
}

static void test_silent_ones_go(void **state)
{
	struct world *w = *state;
	struct player silent, chatty;
	const Client__LoginResult *result;

	player_hello(&silent, w->sim, "base/account", "10.0.0.1:1");
	player_hello(&chatty, w->sim, "base/account", "10.0.0.1:2");
	for (int s = 0; s < 28; s += 7) {
		sim_run(w->sim, 7000);
		player_send_bytes(&chatty, WIRE_PING, 8, NULL, 0);
		player_expect(&chatty, WIRE_PONG, &client__pong__descriptor, 8);
	}
	assert_true(sim_conn_open(w->sim, silent.conn));
	sim_run(w->sim, 4000);
	player_expect_end(&silent, "account.idle", 0);
	for (int s = 0; s < 119 - 32; s += 20) {
		sim_run(w->sim, 20000);
		player_send_bytes(&chatty, WIRE_PING, 8, NULL, 0);
		if (s < 80) {
			player_expect(&chatty, WIRE_PONG, &client__pong__descriptor, 8);
		}
	}
	result = (const Client__LoginResult *)player_expect(&chatty, WIRE_LOGIN_RESULT,
							    &client__login_result__descriptor, 0);
	assert_int_equal(result->code, CLIENT__LOGIN_CODE__TIMEOUT);
	player_expect_end(&chatty, "account.login_timeout", 0);
	player_done(&silent);
	player_done(&chatty);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_bad_messages),
		CASE(test_bad_frames),
		CASE(test_one_byte_at_a_time),
		CASE(test_second_message_while_busy),
		CASE(test_silent_ones_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
