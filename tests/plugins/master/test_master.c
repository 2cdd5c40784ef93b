/* SPDX-License-Identifier: MIT */
/* The master role alone in a simulated host: front-ends, account and lease takers are played by the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "frontend.stub.h"
#include "master.stub.h"
#include "sim/sim.h"

static const char text[] =
	"cluster \"t\" { }\n"
	"database \"base\" { driver = \"leveldb\", path = \"base\" }\n"
	"master { database = \"base\", shards = { meadow = { comment = \"green\", limit = 15 },\n"
	"	closed = { locked = true } } }\n";

/* A front-end that the test plays. */
struct fe {
	const struct troupe_host *h;
	uint32_t expected, kicked, refuse;
	uint64_t kicked_epoch;
};

struct world {
	struct config *config;
	struct sim *sim;
	const struct troupe_host *account;
	struct fe fe1, fe2;
	int answered, status;
	char reason[64];
	uint64_t frontend, epoch;
	uint32_t shards, population, limit, ready;
};

static void on_expect(void *instance, const struct troupe_request *request, const Frontend__ExpectRequest *body)
{
	struct fe *fe = instance;
	Frontend__ExpectReply reply = FRONTEND__EXPECT_REPLY__INIT;

	(void)body;
	if (fe->refuse) {
		proto_refuse(fe->h, request->id, TROUPE_RESOURCE_EXHAUSTED, "frontend.full");
		return;
	}
	fe->expected++;
	reply.host = "127.0.0.1";
	reply.has_port = 1;
	reply.port = 9000;
	frontend_expect_reply(fe->h, request->id, &reply);
}

static void on_kick(void *instance, const struct troupe_request *request, const Frontend__KickRequest *body)
{
	struct fe *fe = instance;
	Frontend__KickReply reply = FRONTEND__KICK_REPLY__INIT;

	fe->kicked++;
	fe->kicked_epoch = body->epoch;
	frontend_kick_reply(fe->h, request->id, &reply);
}

static const struct troupe_method fe_methods[] = { FRONTEND_EXPECT(on_expect), FRONTEND_KICK(on_kick), { 0 } };

static void say(const struct fe *fe, const char *shard, uint32_t clients, uint32_t clients_max, int draining)
{
	Master__Register event = MASTER__REGISTER__INIT;

	event.shard = (char *)shard;
	event.host = "127.0.0.1";
	event.has_port = event.has_clients = event.has_clients_max = event.has_draining = 1;
	event.port = 9000;
	event.clients = clients;
	event.clients_max = clients_max;
	event.draining = draining;
	master_register(fe->h, &event, NULL);
}

static int setup(void **state)
{
	static struct world w;

	memset(&w, 0, sizeof(w));
	w.config = sim_config(text, NULL);
	assert_non_null(w.config);
	w.sim = sim_open(w.config, 1);
	w.account = sim_actor(w.sim, "base/account", "base", &w, NULL);
	w.fe1.h = sim_actor(w.sim, "meadow/frontend.fe1", "shard:meadow", &w.fe1, fe_methods);
	w.fe2.h = sim_actor(w.sim, "meadow/frontend.fe2", "shard:meadow", &w.fe2, fe_methods);
	sim_run(w.sim, 10);
	assert_true(sim_ready(w.sim, "base/master"));
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	sim_close(w->sim);
	config_free(w->config);
	return 0;
}

static void keep_answer(struct world *w, const struct troupe_reply *reply)
{
	w->answered = 1;
	w->status = reply->status;
	snprintf(w->reason, sizeof(w->reason), "%s", reply->reason != NULL ? reply->reason : "");
}

static void on_placed(void *instance, void *arg, const struct troupe_reply *reply, const Master__PlaceReply *body)
{
	struct world *w = arg;

	(void)instance;
	keep_answer(w, reply);
	w->frontend = body != NULL ? body->frontend : 0;
}

static void place(struct world *w, const char *shard)
{
	Master__PlaceRequest request = MASTER__PLACE_REQUEST__INIT;
	uint8_t hash[32] = { 1 };

	request.has_account = request.has_ticket_hash = 1;
	request.account = 42;
	request.shard = (char *)shard;
	request.ticket_hash.data = hash;
	request.ticket_hash.len = sizeof(hash);
	w->answered = 0;
	master_place(w->account, &request, NULL, on_placed, w);
	assert_true(sim_run_until(w->sim, &w->answered, 10000));
}

static void on_shards(void *instance, void *arg, const struct troupe_reply *reply, const Master__ShardsReply *body)
{
	struct world *w = arg;

	(void)instance;
	keep_answer(w, reply);
	w->shards = (uint32_t)body->n_shards;
	for (size_t i = 0; i < body->n_shards; i++) {
		if (strcmp(body->shards[i]->name, "meadow") == 0) {
			w->population = body->shards[i]->population;
			w->limit = body->shards[i]->limit;
			w->ready = body->shards[i]->ready;
			assert_string_equal(body->shards[i]->comment, "green");
		}
	}
}

static void shards(struct world *w)
{
	Master__ShardsRequest request = MASTER__SHARDS_REQUEST__INIT;

	w->answered = 0;
	master_shards(w->account, &request, NULL, on_shards, w);
	assert_true(sim_run_until(w->sim, &w->answered, 10000));
}

static void on_leased(void *instance, void *arg, const struct troupe_reply *reply, const Master__LeaseReply *body)
{
	struct world *w = arg;

	(void)instance;
	keep_answer(w, reply);
	w->epoch = body != NULL ? body->epoch : 0;
}

static void lease(struct world *w, const struct troupe_host *taker, uint64_t epoch)
{
	Master__LeaseRequest request = MASTER__LEASE_REQUEST__INIT;

	request.name = "region:1";
	request.has_ttl_ms = request.has_epoch = 1;
	request.ttl_ms = 3000;
	request.epoch = epoch;
	w->answered = 0;
	master_lease(taker, &request, NULL, on_leased, w);
	assert_true(sim_run_until(w->sim, &w->answered, 10000));
}

/* --- tests ---------------------------------------------------------------------------------------- */

static void test_least_loaded(void **state)
{
	struct world *w = *state;

	say(&w->fe1, "meadow", 5, 10, 0);
	say(&w->fe2, "meadow", 3, 10, 0);
	sim_run(w->sim, 10);
	for (int i = 0; i < 4; i++) {
		place(w, "meadow");
		assert_int_equal(w->status, TROUPE_OK);
	}
	/* 3 -> 5, then in turn: those who were placed count before the next word of the front-end */
	assert_int_equal(w->fe1.expected + w->fe2.expected, 4);
	assert_in_range(w->fe2.expected, 3, 3);
}

static void test_place_refusals(void **state)
{
	struct world *w = *state;

	place(w, "nowhere");
	assert_string_equal(w->reason, "master.no_shard");
	place(w, "closed");
	assert_string_equal(w->reason, "master.shard_locked");
	place(w, "meadow");
	assert_string_equal(w->reason, "master.no_frontend");
	say(&w->fe1, "meadow", 0, 10, 1);
	sim_run(w->sim, 10);
	place(w, "meadow"); /* it drains */
	assert_string_equal(w->reason, "master.no_frontend");
	say(&w->fe1, "meadow", 10, 10, 0);
	sim_run(w->sim, 10);
	place(w, "meadow");
	assert_string_equal(w->reason, "master.shard_full");
	say(&w->fe1, "meadow", 15, 100, 0); /* more than the shard's own limit */
	sim_run(w->sim, 10);
	place(w, "meadow");
	assert_string_equal(w->reason, "master.shard_full");
}

static void test_place_tries_the_next(void **state)
{
	struct world *w = *state;

	w->fe1.refuse = 1;
	say(&w->fe1, "meadow", 0, 10, 0);
	say(&w->fe2, "meadow", 5, 10, 0);
	sim_run(w->sim, 10);
	place(w, "meadow");
	assert_int_equal(w->status, TROUPE_OK);
	assert_true(w->frontend == w->fe2.h->id);
	w->fe2.refuse = 1;
	place(w, "meadow");
	assert_string_equal(w->reason, "master.no_frontend");
}

/* The host sees that a front-end is gone before it has been silent for long enough. */
static void test_gone_frontend_gets_nobody(void **state)
{
	struct world *w = *state;

	say(&w->fe1, "meadow", 5, 10, 0);
	say(&w->fe2, "meadow", 0, 10, 0);
	w->fe2.h->state(w->fe2.h, 0, 0, "gone");
	sim_run(w->sim, 10);
	place(w, "meadow");
	assert_int_equal(w->status, TROUPE_OK);
	assert_true(w->frontend == w->fe1.h->id);
	w->fe1.h->state(w->fe1.h, 0, 0, "gone");
	place(w, "meadow");
	assert_string_equal(w->reason, "master.no_frontend");
}

static void test_silent_frontend_is_gone(void **state)
{
	struct world *w = *state;

	say(&w->fe1, "meadow", 2, 10, 0);
	sim_run(w->sim, 10);
	shards(w);
	assert_int_equal(w->shards, 2);
	assert_int_equal(w->population, 2);
	assert_int_equal(w->limit, 10);
	assert_true(w->ready);
	sim_run(w->sim, 3000);
	place(w, "meadow");
	assert_int_equal(w->status, TROUPE_OK);
	sim_run(w->sim, 2000);
	place(w, "meadow");
	assert_string_equal(w->reason, "master.no_frontend");
	shards(w);
	assert_int_equal(w->shards, 2);
	assert_false(w->ready);
}

static void present(const struct fe *fe, uint64_t epoch, int set)
{
	Master__PresenceSet on = MASTER__PRESENCE_SET__INIT;
	Master__PresenceClear off = MASTER__PRESENCE_CLEAR__INIT;

	on.has_account = on.has_epoch = on.has_session = off.has_account = off.has_epoch = 1;
	on.account = off.account = 42;
	on.epoch = off.epoch = epoch;
	on.session = epoch + 100;
	if (set) {
		master_presence_set(fe->h, &on, NULL);
	} else {
		master_presence_clear(fe->h, &off, NULL);
	}
}

static void on_who(void *instance, void *arg, const struct troupe_reply *reply, const Master__WhoReply *body)
{
	struct world *w = arg;

	(void)instance;
	keep_answer(w, reply);
	w->frontend = body->frontend;
	w->epoch = body->epoch;
}

static void who(struct world *w)
{
	Master__WhoRequest request = MASTER__WHO_REQUEST__INIT;

	request.has_account = 1;
	request.account = 42;
	w->answered = 0;
	master_who(w->account, &request, NULL, on_who, w);
	assert_true(sim_run_until(w->sim, &w->answered, 10000));
}

static void test_second_login_kicks_the_first(void **state)
{
	struct world *w = *state;

	present(&w->fe1, 1, 1);
	sim_run(w->sim, 10);
	who(w);
	assert_true(w->frontend == w->fe1.h->id);
	present(&w->fe2, 2, 1);
	sim_run(w->sim, 10);
	assert_int_equal(w->fe1.kicked, 1);
	assert_int_equal(w->fe1.kicked_epoch, 1);
	present(&w->fe1, 1, 0); /* the old one's farewell changes nothing */
	present(&w->fe1, 1, 1); /* nor does its late word: it is kicked again */
	sim_run(w->sim, 10);
	who(w);
	assert_true(w->frontend == w->fe2.h->id);
	assert_int_equal(w->epoch, 2);
	assert_int_equal(w->fe1.kicked, 2);
	present(&w->fe2, 3, 1); /* again at the same front-end: the older farewell comes late */
	present(&w->fe2, 2, 0);
	sim_run(w->sim, 10);
	who(w);
	assert_int_equal(w->epoch, 3);
	present(&w->fe2, 3, 0);
	sim_run(w->sim, 10);
	who(w);
	assert_true(w->frontend == 0);
}

static void test_presence_ends_with_its_frontend(void **state)
{
	struct world *w = *state;

	say(&w->fe1, "meadow", 1, 10, 0);
	present(&w->fe1, 1, 1);
	sim_run(w->sim, 6000);
	who(w);
	assert_true(w->frontend == 0);
}

static void test_leases(void **state)
{
	struct world *w = *state;

	lease(w, w->fe1.h, 0);
	assert_int_equal(w->epoch, 1);
	lease(w, w->fe2.h, 0);
	assert_string_equal(w->reason, "master.lease_held");
	for (int i = 0; i < 3; i++) {
		sim_run(w->sim, 2000);
		lease(w, w->fe1.h, 1);
		assert_int_equal(w->epoch, 1);
	}
	sim_crash(w->sim, "base/master"); /* it comes back and still holds the second off */
	sim_run(w->sim, 100);
	lease(w, w->fe2.h, 0);
	assert_string_equal(w->reason, "master.lease_held");
	sim_run(w->sim, 3100);
	lease(w, w->fe2.h, 0);
	assert_int_equal(w->epoch, 2);
	lease(w, w->fe1.h, 1);
	assert_string_equal(w->reason, "master.lease_lost");
	lease(w, w->fe2.h, 0); /* the owner again, e.g. after a restart: a new epoch */
	assert_int_equal(w->epoch, 3);
}

static void test_bad_requests(void **state)
{
	struct world *w = *state;
	Master__LeaseRequest request = MASTER__LEASE_REQUEST__INIT;

	w->answered = 0;
	master_lease(w->fe1.h, &request, NULL, on_leased, w);
	assert_true(sim_run_until(w->sim, &w->answered, 1000));
	assert_string_equal(w->reason, "master.bad_lease");
	say(&w->fe1, "", 0, 10, 0);
	sim_run(w->sim, 10);
	shards(w);
	assert_int_equal(w->shards, 2);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_least_loaded),
		T(test_place_refusals),
		T(test_place_tries_the_next),
		T(test_gone_frontend_gets_nobody),
		T(test_silent_frontend_is_gone),
		T(test_second_login_kicks_the_first),
		T(test_presence_ends_with_its_frontend),
		T(test_leases),
		T(test_bad_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
