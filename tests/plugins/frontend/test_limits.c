/* SPDX-License-Identifier: MIT */
/* What clients may not do: bad frames, floods, silence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plugins/frontend/rig.h"

static void test_bad_input(void **state)
{
	static const struct {
		const char *name;
		int stage; /* 0 connected, 1 after Hello, 2 entered */
		uint8_t bytes[10];
		size_t len;
		const char *reason;
	} cases[] = {
		{ "message before Hello", 0, { 20, 0, 0, 0, 0, 0, 0, 0 }, 8, "client.wrong_state" },
		{ "message before the ticket", 1, { 40, 0, 0, 0, 0, 0, 0, 0 }, 8, "client.wrong_state" },
		{ "unknown event before the ticket", 1, { 231, 3, 0, 0, 0, 0, 0, 0 }, 8, "client.wrong_state" },
		{ "unknown event", 2, { 231, 3, 0, 0, 0, 0, 0, 0 }, 8, "client.unknown_event" },
		{ "server's own event", 2, { 90, 0, 0, 0, 0, 0, 0, 0 }, 8, "client.unknown_event" },
		{ "second Hello", 2, { 1, 0, 0, 0, 0, 0, 0, 0 }, 8, "client.wrong_state" },
		{ "second Enter", 2, { 20, 0, 0, 0, 0, 0, 0, 0 }, 8, "client.wrong_state" },
		{ "leave without world", 2, { 27, 0, 0, 0, 0, 0, 0, 0 }, 8, "client.wrong_state" },
		{ "5000 bytes before the ticket", 1, { 20, 0, 0, 0, 136, 19, 0, 0 }, 8, "client.frame_too_long" },
		{ "length 0xFFFFFFFF", 2, { 40, 0, 0, 0, 255, 255, 255, 255 }, 8, "client.frame_too_long" },
		{ "half a message", 2, { 25, 0, 0, 0, 1, 0, 0, 0, 8 }, 9, "client.malformed" },
	};
	struct world *w = *state;
	struct player p, healthy;

	in_world(&healthy, w, 200);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (cases[i].stage == 0) {
			player_connect(&p, w->sim, RIG_NAME, "10.0.0.1:1");
		} else if (cases[i].stage == 1) {
			player_hello(&p, w->sim, RIG_NAME, "10.0.0.1:1");
		} else {
			entered(&p, w, (uint8_t)(i + 1));
		}
		sim_bytes(w->sim, p.conn, cases[i].bytes, cases[i].len);
		player_expect_error(&p, (uint16_t)(cases[i].bytes[0] | cases[i].bytes[1] << 8), 0, cases[i].reason);
		player_expect_end(&p, cases[i].reason, 0);
		player_done(&p);
	}
	player_send_bytes(&healthy, 40, 7, NULL, 0);
	player_expect(&healthy, 41, &world__look_reply__descriptor, 7);
	player_done(&healthy);
}

static void test_rate(void **state)
{
	struct world *w = *state;
	struct player p;
	unsigned answered = 0, refused = 0, other = 0;
	uint16_t event;

	entered(&p, w, 1);
	sim_run(w->sim, 2000);
	for (int i = 0; i < 80; i++) {
		player_send_bytes(&p, WIRE_PING, 8, NULL, 0);
	}
	while ((event = player_next(&p, NULL, NULL, NULL, 100)) != 0) {
		answered += event == WIRE_PONG;
		refused += event == WIRE_ERROR;
		other += event != WIRE_PONG && event != WIRE_ERROR;
	}
	assert_int_equal(answered + refused, 80);
	assert_in_range(answered, 59, 62);
	assert_int_equal(other, 0);
	assert_true(sim_conn_open(w->sim, p.conn));
	for (int i = 0; i < 300; i++) {
		player_send_bytes(&p, WIRE_PING, 8, NULL, 0);
	}
	sim_run(w->sim, 2000);
	assert_false(sim_conn_open(w->sim, p.conn)); /* a flood */
	player_done(&p);
}

static void test_in_flight(void **state)
{
	struct world *w = *state;
	struct player p;

	in_world(&p, w, 1);
	w->hold = 1;
	for (uint16_t i = 0; i < 4; i++) {
		player_send_bytes(&p, 40, (uint16_t)(10 + i), NULL, 0);
	}
	player_expect_error(&p, 40, 13, "client.in_flight");
	sim_run(w->sim, 10);
	assert_int_equal(w->silent_calls, 3);
	sim_run(w->sim, 6000); /* the calls run out of time: their outcome is unknown */
	player_expect(&p, WIRE_ERROR, &client__error__descriptor, 10);
	w->hold = 0;
	player_done(&p);
}

static void test_silence(void **state)
{
	struct world *w = *state;
	struct player no_hello, no_ticket, idle;

	player_connect(&no_hello, w->sim, RIG_NAME, "10.0.0.1:1");
	player_hello(&no_ticket, w->sim, RIG_NAME, "10.0.0.1:1");
	entered(&idle, w, 1);
	sim_run(w->sim, 11500);
	player_expect_end(&no_hello, "frontend.no_ticket", 0);
	player_expect_end(&no_ticket, "frontend.no_ticket", 0);
	assert_true(sim_conn_open(w->sim, idle.conn));
	sim_run(w->sim, 50000);
	player_expect_end(&idle, "client.idle", 0);
	assert_int_equal(w->cleared, 1);
	player_done(&no_hello);
	player_done(&no_ticket);
	player_done(&idle);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_bad_input),
		CASE(test_rate),
		CASE(test_in_flight),
		CASE(test_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
