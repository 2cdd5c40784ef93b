/* SPDX-License-Identifier: MIT */
/* What the world tells its players, and those who read too slowly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plugins/frontend/rig.h"

static void test_channels(void **state)
{
	struct world *w = *state;
	struct player a, b, c;
	uint64_t session_a = in_world(&a, w, 1), session_b = in_world(&b, w, 2);

	in_world(&c, w, 3);
	batch_subscribe(w, session_a, 5, 1);
	batch_subscribe(w, session_a, 5, 1);
	batch_subscribe(w, session_a, 6, 1);
	batch_subscribe(w, session_b, 5, 1);
	batch_subscribe(w, 12345, 5, 1); /* nobody's session */
	batch_publish(w, 5, "x", 1, 0);
	assert_int_equal(heard(&a), 1);
	assert_int_equal(heard(&b), 1);
	assert_int_equal(heard(&c), 0);
	batch_subscribe(w, session_a, 5, 0);
	batch_subscribe(w, session_a, 77, 0);
	batch_publish(w, 5, "x", 1, 0);
	batch_publish(w, 6, "x", 1, 0);
	assert_int_equal(heard(&a), 1);
	assert_int_equal(heard(&b), 1);
	batch_publish(w, 0, "x", 1, 0); /* all in the world */
	assert_int_equal(heard(&a) + heard(&b) + heard(&c), 3);
	sim_hangup(w->sim, b.conn);
	batch_publish(w, 5, "x", 1, 0);
	batch_publish(w, 0, "x", 1, 0);
	assert_int_equal(heard(&a), 1);
	assert_int_equal(heard(&c), 1);
	player_done(&a);
	player_done(&b);
	player_done(&c);
}

/* Every order of leaving: what is left must be exactly who did not leave. */
static void test_leaving_closes_the_gaps(void **state)
{
	struct world *w = *state;
	struct player p[3];
	uint64_t session[3];
	uint32_t listens[3][4];

	for (int i = 0; i < 3; i++) {
		session[i] = in_world(&p[i], w, (uint8_t)(i + 1));
	}
	for (uint32_t round = 0; round < 60; round++) {
		uint32_t order = round * 2654435761u;

		for (int i = 0; i < 12; i++) {
			batch_subscribe(w, session[i % 3], 5 + (uint64_t)(i / 3), 1);
			listens[i % 3][i / 3] = 1;
		}
		for (int i = 0; i < 6; i++) {
			uint32_t who = (order >> 3) % 3, channel = (order >> 7) % 4;

			batch_subscribe(w, session[who], 5 + channel, 0);
			listens[who][channel] = 0;
			order = order * 1664525u + 1013904223u;
		}
		for (uint32_t channel = 0; channel < 4; channel++) {
			batch_publish(w, 5 + channel, "x", 1, 0);
			for (int i = 0; i < 3; i++) {
				assert_int_equal(heard(&p[i]), listens[i][channel]);
			}
		}
		for (int i = 0; i < 3; i++) {
			player_send_bytes(&p[i], WIRE_PING, 8, NULL, 0); /* or the server thinks it idle */
			player_expect(&p[i], WIRE_PONG, &client__pong__descriptor, 8);
		}
	}
	for (int i = 0; i < 3; i++) {
		player_done(&p[i]);
	}
}

static void test_slow_reader_gets_the_newest(void **state)
{
	static uint8_t payload[10000];
	struct world *w = *state;
	struct player slow, quick;
	uint64_t session = in_world(&slow, w, 1), other = in_world(&quick, w, 2);
	struct wire_frame frame;
	const uint8_t *bytes;
	size_t len;
	uint32_t got = 0;
	uint8_t last = 0;

	batch_subscribe(w, session, 5, 1);
	batch_subscribe(w, other, 5, 1);
	sim_run(w->sim, 10);
	sim_block(w->sim, slow.conn, 1);
	for (uint8_t i = 1; i <= 50; i++) {
		payload[0] = i;
		batch_publish(w, 5, payload, sizeof(payload), 1);
		assert_int_equal(heard(&quick), 1);
	}
	assert_true(sim_conn_open(w->sim, slow.conn));
	sim_block(w->sim, slow.conn, 0);
	for (;;) {
		sim_run(w->sim, 200);
		bytes = sim_sent(w->sim, slow.conn, &len);
		if (wire_read(bytes, len, WIRE_TO_CLIENT_MAX, &frame) != WIRE_FRAME) {
			break;
		}
		assert_int_equal(frame.event, 33);
		last = frame.body[0];
		got++;
		sim_taken(w->sim, slow.conn, WIRE_HEAD_SIZE + frame.len);
	}
	assert_in_range(got, 2, 4); /* little enough that the newest is new when it is read */
	assert_int_equal(last, 50);
	player_done(&slow);
	player_done(&quick);
}

static void test_reader_that_never_reads_goes(void **state)
{
	static uint8_t payload[10000];
	struct world *w = *state;
	struct player slow;
	uint64_t session = in_world(&slow, w, 1);

	batch_subscribe(w, session, 5, 1);
	sim_run(w->sim, 10);
	sim_block(w->sim, slow.conn, 1);
	for (int i = 0; i < 20; i++) {
		batch_publish(w, 5, payload, sizeof(payload), 0);
	}
	sim_run(w->sim, 1000);
	assert_false(sim_conn_open(w->sim, slow.conn));
	assert_int_equal(w->left, 1);
	player_done(&slow);
}

static void test_send_to_one(void **state)
{
	struct world *w = *state;
	struct player p;
	uint64_t session = in_world(&p, w, 1);
	Frontend__Send message = FRONTEND__SEND__INIT;

	message.has_session = message.has_event = message.has_payload = 1;
	message.session = session;
	message.event = 33;
	frontend_send(w->mechanics, &message, NULL);
	message.session = session + 1;
	frontend_send(w->mechanics, &message, NULL);
	assert_int_equal(heard(&p), 1);
	player_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_channels),
		CASE(test_leaving_closes_the_gaps),
		CASE(test_slow_reader_gets_the_newest),
		CASE(test_reader_that_never_reads_goes),
		CASE(test_send_to_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
