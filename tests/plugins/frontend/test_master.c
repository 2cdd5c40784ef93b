/* SPDX-License-Identifier: MIT */
/* What the master asks and is told, and the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plugins/frontend/rig.h"
#include "secret/secret.h"

static void on_expected(void *instance, void *arg, const struct troupe_reply *reply, const Frontend__ExpectReply *body)
{
	struct world *w = arg;

	(void)instance;
	assert_true(reply->status != TROUPE_OK || body->port != 0);
	w->answered = reply->status + 1;
}

static int expect(struct world *w, uint32_t n)
{
	Frontend__ExpectRequest request = FRONTEND__EXPECT_REQUEST__INIT;
	uint8_t hash[32];

	secret_hash(&n, sizeof(n), hash);
	request.has_account = request.has_ticket_hash = request.has_ttl_ms = 1;
	request.account = 1;
	request.ticket_hash.data = hash;
	request.ticket_hash.len = sizeof(hash);
	request.ttl_ms = 30000;
	w->answered = 0;
	frontend_expect(w->master, &request, NULL, on_expected, w);
	assert_true(sim_run_until(w->sim, &w->answered, 1000));
	return w->answered - 1;
}

static void test_expect_has_a_bound(void **state)
{
	struct world *w = *state;

	for (uint32_t i = 0; i < 40; i++) {
		assert_int_equal(expect(w, i), TROUPE_OK);
	}
	assert_int_equal(expect(w, 40), TROUPE_RESOURCE_EXHAUSTED);
	sim_run(w->sim, 32000); /* tickets that nobody brought */
	assert_int_equal(expect(w, 41), TROUPE_OK);
}

static void on_kicked(void *instance, void *arg, const struct troupe_reply *reply, const Frontend__KickReply *body)
{
	(void)instance;
	assert_int_equal(reply->status, TROUPE_OK);
	((struct world *)arg)->kicked += body->kicked;
}

static void test_kick(void **state)
{
	struct world *w = *state;
	struct player p;
	Frontend__KickRequest request = FRONTEND__KICK_REQUEST__INIT;

	entered(&p, w, 1);
	request.has_account = request.has_epoch = 1;
	request.account = 1;
	request.epoch = 0;
	request.reason = "account.banned";
	frontend_kick(w->master, &request, NULL, on_kicked, w); /* an older session: not this one */
	sim_run(w->sim, 100);
	assert_true(sim_conn_open(w->sim, p.conn));
	request.epoch = 1;
	frontend_kick(w->master, &request, NULL, on_kicked, w);
	player_expect(&p, WIRE_KICK, &client__kick__descriptor, 0);
	player_expect_end(&p, "account.banned", 0);
	assert_int_equal(w->kicked, 1);
	player_done(&p);
}

static void test_announces_itself(void **state)
{
	struct world *w = *state;
	struct player p;

	sim_run(w->sim, 5000);
	assert_in_range(w->registered, 5, 7);
	entered(&p, w, 1);
	for (int s = 0; s < 40; s += 20) {
		sim_run(w->sim, 20000);
		player_send_bytes(&p, WIRE_PING, 8, NULL, 0);
	}
	assert_in_range(w->present, 2, 3); /* said again, for a master that was restarted */
	player_done(&p);
}

static void test_drain(void **state)
{
	struct world *w = *state;
	struct player p, q;

	in_world(&p, w, 1);
	player_hello(&q, w->sim, RIG_NAME, "10.0.0.2:1");
	sim_drain(w->sim, RIG_NAME);
	player_expect_end(&p, "frontend.draining", 1);
	player_expect_end(&q, "frontend.draining", 1);
	assert_int_equal(w->left, 1);
	assert_true(w->draining);
	player_done(&p);
	player_done(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_expect_has_a_bound),
		CASE(test_kick),
		CASE(test_announces_itself),
		CASE(test_drain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
