/* SPDX-License-Identifier: MIT */
/* Several mechanics instances, two masters and the item store in a simulated host: one owns the world at any time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "avatar.stub.h"
#include "plugins/lib/asker.h"
#include "sim/sim.h"
#include "world.stub.h"

static const char text[] =
	"cluster \"t\" { }\n"
	"part \"base\"\n"
	"database \"base\" { driver = \"leveldb\", path = \"base\" }\n"
	"master \"a\" { database = \"base\" }\n"
	"master \"b\" { database = \"base\" }\n"
	"part \"shard:meadow\"\n"
	"database \"meadow\" { driver = \"leveldb\", path = \"meadow\" }\n"
	"itemstore { database = \"meadow\" }\n"
	"mechanics \"m1\" { lease = \"3s\", save = \"1s\" }\n"
	"mechanics \"m2\" { lease = \"3s\", save = \"1s\" }\n"
	"mechanics \"m3\" { lease = \"3s\", save = \"1s\" }\n";

#define FOR_EVER 100000000u /* of a crash: it does not come back in this test */
#define ACCOUNT 7u

static const char *const names[] = { "meadow/mechanics.m1", "meadow/mechanics.m2", "meadow/mechanics.m3" };
#define NAMES (sizeof(names) / sizeof(names[0]))

static struct rig {
	struct config *config;
	struct sim *sim;
	const struct troupe_host *fe;
	struct answer answer;
	uint64_t avatar, epoch, seq;
} rig;

/* owner: the index of the one that takes calls; -1 = none. Never two. */
static int owner(void)
{
	int found = -1;

	for (size_t i = 0; i < NAMES; i++) {
		if (sim_ready(rig.sim, names[i])) {
			assert_int_equal(found, -1);
			found = (int)i;
		}
	}
	return found;
}

static void run(uint64_t ms)
{
	for (uint64_t at = 0; at < ms; at += 10) {
		sim_run(rig.sim, 10);
	}
}

/* owner_after: who owns the world after at most `ms`, if it is not `before`. */
static int owner_after(uint64_t ms, int before)
{
	for (uint64_t at = 0; at < ms && (owner() == before || owner() < 0); at += 10) {
		sim_run(rig.sim, 10);
	}
	return owner();
}

static int setup(void **state)
{
	(void)state;
	memset(&rig, 0, sizeof(rig));
	rig.config = sim_config(text, NULL);
	assert_non_null(rig.config);
	rig.sim = sim_open(rig.config, 1);
	rig.fe = sim_actor(rig.sim, "meadow/frontend.fe1", "shard:meadow", &rig, NULL);
	sim_run(rig.sim, 300);
	assert_true(owner() >= 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sim_close(rig.sim);
	config_free(rig.config);
	return 0;
}

/* --- an avatar ------------------------------------------------------------------------------------ */

static void avatar_make(void)
{
	Avatar__CreateRequest request = AVATAR__CREATE_REQUEST__INIT;
	Avatar__CreateReply *reply;

	request.name = "Ann";
	ask(rig.sim, rig.fe, troupe_fnv32("avatar.create", 13), "avatar", &request, ACCOUNT, &rig.answer);
	reply = ask_unpack(&rig.answer, &avatar__create_reply__descriptor);
	rig.avatar = reply->avatar->id;
	protobuf_c_message_free_unpacked(&reply->base, NULL);
}

/* avatar_x: where the item store knows it. */
static double avatar_x(void)
{
	Avatar__LoadRequest request = AVATAR__LOAD_REQUEST__INIT;
	Avatar__LoadReply *reply;
	double x;

	request.has_avatar = request.has_account = request.has_epoch = 1;
	request.avatar = rig.avatar;
	request.account = ACCOUNT;
	request.epoch = 1;
	ask(rig.sim, rig.fe, troupe_fnv32("avatar.load", 11), "avatar", &request, ACCOUNT, &rig.answer);
	reply = ask_unpack(&rig.answer, &avatar__load_reply__descriptor);
	x = reply->avatar->x;
	protobuf_c_message_free_unpacked(&reply->base, NULL);
	return x;
}

static void on_answer(void *instance, void *arg, const struct troupe_reply *reply, troupe_any_fn typed)
{
	(void)instance;
	(void)arg;
	(void)typed;
	rig.answer.done = 1;
	rig.answer.status = reply->status;
}

static int32_t tell(int to, const char *method, const ProtobufCMessage *message)
{
	struct proto_to where = { .instance = troupe_fnv64(names[to], strlen(names[to])),
				  .account = ACCOUNT,
				  .actor = rig.avatar,
				  .session = 1000 };

	rig.answer.done = 0;
	proto_call(rig.fe, troupe_fnv32(method, strlen(method)), "world", message, &where, on_answer, NULL, NULL);
	assert_true(sim_run_until(rig.sim, &rig.answer.done, 20000));
	return rig.answer.status;
}

static int32_t avatar_enter(int to)
{
	World__EnterRequest request = WORLD__ENTER_REQUEST__INIT;

	request.has_avatar = request.has_x = request.has_epoch = 1;
	request.avatar = rig.avatar;
	request.name = "Ann";
	request.x = avatar_x();
	request.epoch = 1;
	return tell(to, "world.enter", &request.base);
}

static int32_t avatar_walk(int to, double x)
{
	World__MoveRequest request = WORLD__MOVE_REQUEST__INIT;

	request.has_seq = request.has_x = request.has_y = 1;
	request.seq = ++rig.seq;
	request.x = x;
	return tell(to, "world.move", &request.base);
}

/* --- tests ---------------------------------------------------------------------------------------- */

static void test_one_owns(void **state)
{
	int first = owner();

	(void)state;
	run(20000);
	assert_int_equal(owner(), first); /* it is renewed */
	avatar_make();
	assert_int_equal(avatar_enter((first + 1) % 3), TROUPE_UNAVAILABLE);
	assert_int_equal(avatar_enter(first), TROUPE_OK);
}

static void test_owner_dies(void **state)
{
	static const struct sim_faults slow = { .restart_us = FOR_EVER };
	int first = owner(), next;

	(void)state;
	avatar_make();
	avatar_enter(first);
	avatar_walk(first, 3);
	run(2500);
	sim_faults(rig.sim, &slow);
	sim_crash(rig.sim, names[first]);
	run(1000);
	assert_int_equal(owner(), -1); /* not before the lease has run out */
	next = owner_after(3000, first);
	assert_true(next >= 0 && next != first);
	assert_true(avatar_x() == 3);
	assert_int_equal(avatar_enter(next), TROUPE_OK);
}

/* It sleeps past its lease, and wakes with saves in its hands that nobody may want any more. */
static void test_owner_sleeps(void **state)
{
	int first = owner(), next;

	(void)state;
	avatar_make();
	avatar_enter(first);
	avatar_walk(first, 8);
	run(200);
	sim_freeze(rig.sim, names[first], 8000);
	next = owner_after(6000, first);
	assert_true(next >= 0 && next != first);
	assert_true(avatar_x() == 0);
	rig.seq = 0;
	assert_int_equal(avatar_enter(next), TROUPE_OK);
	avatar_walk(next, -2);
	run(8000);
	assert_true(sim_logged(rig.sim, "this instance stands by from now on"));
	assert_int_equal(owner(), next);
	assert_true(avatar_x() == -2); /* what the first had seen is nowhere */
}

/* It sleeps, but nobody was there to take the world: it pauses until it has asked, and goes on. */
static void test_owner_naps(void **state)
{
	int first = owner();

	(void)state;
	for (size_t i = 0; i < NAMES; i++) {
		if ((int)i != first) {
			sim_freeze(rig.sim, names[i], 20000);
		}
	}
	sim_freeze(rig.sim, names[first], 5000);
	run(5200);
	assert_true(sim_logged(rig.sim, "the world pauses"));
	assert_int_equal(owner(), first);
	assert_true(sim_logged(rig.sim, "the world goes on"));
	assert_false(sim_logged(rig.sim, "stands by from now on"));
}

static void test_saves_are_fenced(void **state)
{
	Avatar__SaveRequest request = AVATAR__SAVE_REQUEST__INIT;
	const struct troupe_host *old = sim_actor(rig.sim, "meadow/mechanics.old", "shard:meadow", &rig, NULL);

	(void)state;
	avatar_make();
	request.has_avatar = request.has_epoch = request.has_x = request.has_world_epoch = 1;
	request.avatar = rig.avatar;
	request.epoch = 1;
	request.x = 5;
	request.world_epoch = 1;
	ask(rig.sim, old, troupe_fnv32("avatar.save", 11), "avatar", &request, 0, &rig.answer);
	assert_int_equal(rig.answer.status, TROUPE_OK);
	sim_freeze(rig.sim, names[owner()], 10000);
	run(5000);
	request.x = 6;
	ask(rig.sim, old, troupe_fnv32("avatar.save", 11), "avatar", &request, 0, &rig.answer);
	assert_refused(&rig.answer, TROUPE_FAILED_PRECONDITION, "store.fenced");
	assert_true(avatar_x() == 5);
}

static void test_one_master_dies(void **state)
{
	static const struct sim_faults slow = { .restart_us = FOR_EVER };
	int first = owner();

	(void)state;
	sim_faults(rig.sim, &slow);
	sim_crash(rig.sim, "base/master.a");
	run(10000);
	assert_int_equal(owner(), first);
	assert_false(sim_logged(rig.sim, "the world pauses"));
}

/* Nobody can take the lease when there is nobody to ask: the shard plays on. */
static void test_all_masters_die(void **state)
{
	static const struct sim_faults slow = { .restart_us = 30000000 };
	int first = owner();

	(void)state;
	sim_faults(rig.sim, &slow);
	sim_crash(rig.sim, "base/master.a");
	sim_crash(rig.sim, "base/master.b");
	run(28000);
	assert_int_equal(owner(), first);
	assert_false(sim_logged(rig.sim, "the world pauses"));
	run(20000); /* they are back, and the owner is still it */
	assert_int_equal(owner(), first);
	assert_false(sim_logged(rig.sim, "stands by from now on"));
}

static void test_drain_hands_over(void **state)
{
	int first = owner(), next;

	(void)state;
	avatar_make();
	avatar_enter(first);
	avatar_walk(first, 2);
	run(900);
	sim_drain(rig.sim, names[first]);
	next = owner_after(1000, first); /* long before the lease would have run out */
	assert_true(next >= 0 && next != first);
	assert_true(avatar_x() == 2);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_one_owns),	 T(test_owner_dies),	  T(test_owner_sleeps),	   T(test_owner_naps),
		T(test_saves_are_fenced), T(test_one_master_dies), T(test_all_masters_die), T(test_drain_hands_over),
	};

	return cmocka_run_group_tests_name("lease", tests, NULL, NULL);
}
