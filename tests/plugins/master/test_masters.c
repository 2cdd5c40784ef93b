/* SPDX-License-Identifier: MIT */
/* Two masters over one database in a simulated host: as good as one, whichever is lost; and never those of another cluster. */
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
	"master \"a\" { database = \"base\", base_lease = \"3s\" }\n"
	"master \"b\" { database = \"base\", base_lease = \"3s\" }\n";

static const char a_name[] = "base/master.a", b_name[] = "base/master.b";

struct world {
	struct config *config;
	struct sim *sim;
	const struct troupe_host *account, *fe;
	uint32_t expected, announced;
	uint64_t announced_to;
	int answered, status;
	char reason[64];
	uint64_t epoch, frontend;
};

static void on_expect(void *instance, const struct troupe_request *request, const Frontend__ExpectRequest *body)
{
	struct world *w = instance;
	Frontend__ExpectReply reply = FRONTEND__EXPECT_REPLY__INIT;

	(void)body;
	w->expected++;
	reply.host = "127.0.0.1";
	frontend_expect_reply(w->fe, request->id, &reply);
}

static void on_announce(void *instance, const struct troupe_request *request, const Frontend__AnnounceRequest *body)
{
	struct world *w = instance;

	(void)body;
	w->announced++;
	w->announced_to = request->from;
}

static const struct troupe_method fe_methods[] = { FRONTEND_EXPECT(on_expect), FRONTEND_ANNOUNCE(on_announce), { 0 } };

static int setup(void **state)
{
	static struct world w;

	memset(&w, 0, sizeof(w));
	w.config = sim_config(text, NULL);
	assert_non_null(w.config);
	w.sim = sim_open(w.config, 1);
	w.account = sim_actor(w.sim, "base/account", "base", &w, NULL);
	w.fe = sim_actor(w.sim, "meadow/frontend.fe1", "shard:meadow", &w, fe_methods);
	sim_run(w.sim, 200);
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

static uint64_t id_of(const char *name)
{
	return troupe_fnv64(name, strlen(name));
}

static void keep(struct world *w, const struct troupe_reply *reply)
{
	w->answered = 1;
	w->status = reply->status;
	snprintf(w->reason, sizeof(w->reason), "%s", reply->reason != NULL ? reply->reason : "");
}

static void on_leased(void *instance, void *arg, const struct troupe_reply *reply, const Master__LeaseReply *body)
{
	struct world *w = arg;

	(void)instance;
	keep(w, reply);
	w->epoch = body != NULL ? body->epoch : 0;
}

static void lease(struct world *w, const struct troupe_host *taker, const char *master, const char *name, uint64_t epoch)
{
	Master__LeaseRequest request = MASTER__LEASE_REQUEST__INIT;
	struct proto_to to = { .instance = id_of(master) };

	request.name = (char *)name;
	request.has_ttl_ms = request.has_epoch = 1;
	request.ttl_ms = 3000;
	request.epoch = epoch;
	w->answered = 0;
	master_lease(taker, &request, &to, on_leased, w);
	assert_true(sim_run_until(w->sim, &w->answered, 10000));
}

static void say(const struct world *w, const char *master)
{
	Master__Register event = MASTER__REGISTER__INIT;
	struct proto_to to = { .instance = id_of(master) };

	event.shard = "meadow";
	event.host = "127.0.0.1";
	event.has_clients_max = 1;
	event.clients_max = 10;
	master_register(w->fe, &event, &to);
}

static void on_placed(void *instance, void *arg, const struct troupe_reply *reply, const Master__PlaceReply *body)
{
	(void)instance;
	(void)body;
	keep(arg, reply);
}

static void place_begin(struct world *w, const char *master)
{
	Master__PlaceRequest request = MASTER__PLACE_REQUEST__INIT;
	struct proto_to to = { .instance = id_of(master) };
	uint8_t hash[32] = { 1 };

	request.has_account = request.has_ticket_hash = 1;
	request.account = 42;
	request.shard = "meadow";
	request.ticket_hash.data = hash;
	request.ticket_hash.len = sizeof(hash);
	w->answered = 0;
	master_place(w->account, &request, &to, on_placed, w);
}

static void on_who(void *instance, void *arg, const struct troupe_reply *reply, const Master__WhoReply *body)
{
	(void)instance;
	keep(arg, reply);
	((struct world *)arg)->frontend = body != NULL ? body->frontend : 0;
}

static uint64_t who(struct world *w, const char *master)
{
	Master__WhoRequest request = MASTER__WHO_REQUEST__INIT;
	struct proto_to to = { .instance = id_of(master) };

	request.has_account = 1;
	request.account = 42;
	w->answered = 0;
	master_who(w->account, &request, &to, on_who, w);
	assert_true(sim_run_until(w->sim, &w->answered, 10000));
	return w->frontend;
}

/* --- tests ---------------------------------------------------------------------------------------- */

static void test_a_lease_through_either(void **state)
{
	struct world *w = *state;

	lease(w, w->fe, a_name, "world/meadow", 0);
	assert_int_equal(w->epoch, 1);
	lease(w, w->account, b_name, "world/meadow", 0);
	assert_string_equal(w->reason, "master.lease_held");
	for (int i = 0; i < 4; i++) { /* renewed through the one, then through the other */
		sim_run(w->sim, 2000);
		lease(w, w->fe, i % 2 ? a_name : b_name, "world/meadow", 1);
		assert_int_equal(w->status, TROUPE_OK);
		lease(w, w->account, i % 2 ? b_name : a_name, "world/meadow", 0);
		assert_string_equal(w->reason, "master.lease_held");
	}
	sim_run(w->sim, 3100);
	lease(w, w->account, b_name, "world/meadow", 0);
	assert_int_equal(w->epoch, 2);
	lease(w, w->fe, a_name, "world/meadow", 1);
	assert_string_equal(w->reason, "master.lease_lost");
}

static void test_both_hold_the_base(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 100; i++) {
		assert_true(sim_ready(w->sim, a_name) && sim_ready(w->sim, b_name));
		sim_run(w->sim, 100);
	}
	sim_crash(w->sim, a_name);
	sim_run(w->sim, 100);
	assert_true(sim_ready(w->sim, a_name)); /* at once: it is the same cluster's */
	assert_false(sim_logged(w->sim, "already owned"));
	lease(w, w->fe, a_name, "base", 0);
	assert_string_equal(w->reason, "master.bad_lease"); /* nobody else's */
}

static void test_another_cluster_is_refused(void **state)
{
	struct world *w = *state;

	sim_cluster(w->sim, b_name, "copy on vm (/tmp)");
	sim_crash(w->sim, b_name);
	sim_run(w->sim, 10000);
	assert_true(sim_ready(w->sim, a_name));
	assert_false(sim_ready(w->sim, b_name));
	assert_true(sim_logged(w->sim, "base already owned by sim (epoch 1)"));
	/* the owner is lost for good: the copy gets it, with a higher epoch, once the lease has run out */
	sim_freeze(w->sim, a_name, 8000);
	sim_run(w->sim, 2000);
	assert_false(sim_ready(w->sim, b_name));
	sim_run(w->sim, 3000);
	assert_true(sim_ready(w->sim, b_name));
	sim_run(w->sim, 4500); /* and the sleeper learns of it */
	assert_false(sim_ready(w->sim, a_name));
	assert_true(sim_logged(w->sim, "base already owned by copy on vm (/tmp) (epoch 2)"));
}

static void test_database_away(void **state)
{
	struct world *w = *state;

	sim_db_down(w->sim, "base", 1);
	sim_run(w->sim, 10000);
	assert_true(sim_ready(w->sim, a_name)); /* nobody can have taken it */
	sim_crash(w->sim, b_name);
	sim_run(w->sim, 2000);
	assert_false(sim_ready(w->sim, b_name)); /* it does not know */
	sim_db_down(w->sim, "base", 0);
	sim_run(w->sim, 1000);
	assert_true(sim_ready(w->sim, b_name));
}

/* A master that has just begun has not heard of any front-end: players wait for their next word. */
static void test_place_after_a_start(void **state)
{
	struct world *w = *state;

	sim_run(w->sim, 5000);
	say(w, a_name);
	place_begin(w, a_name);
	assert_true(sim_run_until(w->sim, &w->answered, 1000));
	assert_int_equal(w->status, TROUPE_OK);
	sim_crash(w->sim, a_name);
	sim_run(w->sim, 100);
	place_begin(w, a_name);
	assert_false(sim_run_until(w->sim, &w->answered, 900));
	say(w, a_name);
	assert_true(sim_run_until(w->sim, &w->answered, 200));
	assert_int_equal(w->status, TROUPE_OK);
	assert_int_equal(w->expected, 2);
	place_begin(w, b_name); /* long begun, and nobody ever spoke to it */
	assert_true(sim_run_until(w->sim, &w->answered, 100));
	assert_string_equal(w->reason, "master.no_shard");
}

static void test_presence_is_asked_for(void **state)
{
	struct world *w = *state;
	Master__PresenceSet event = MASTER__PRESENCE_SET__INIT;
	struct proto_to to = { .instance = id_of(a_name) };

	say(w, a_name);
	say(w, a_name);
	sim_run(w->sim, 100);
	assert_int_equal(w->announced, 1);
	assert_true(w->announced_to == id_of(a_name));
	event.has_account = event.has_epoch = 1;
	event.account = 42;
	event.epoch = 1;
	master_presence_set(w->fe, &event, &to);
	for (int i = 0; i < 95; i++) {
		say(w, a_name);
		sim_run(w->sim, 1000);
	}
	assert_true(who(w, a_name) == w->fe->id);
	for (int i = 0; i < 10; i++) { /* nobody has spoken of it for long: the word that it left was lost */
		say(w, a_name);
		sim_run(w->sim, 1000);
	}
	assert_true(who(w, a_name) == 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_a_lease_through_either),	 T(test_both_hold_the_base),  T(test_another_cluster_is_refused),
		T(test_database_away),		 T(test_place_after_a_start), T(test_presence_is_asked_for),
	};

	return cmocka_run_group_tests_name("masters", tests, NULL, NULL);
}
