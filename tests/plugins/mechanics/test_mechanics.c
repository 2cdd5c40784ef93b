/* SPDX-License-Identifier: MIT */
/* Players in the world: movement, who sees whom, chat, saves, bad input. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "plugins/mechanics/rig.h"

static struct rig rig;

static int setup(void **state)
{
	(void)state;
	rig_open(&rig, "size = 128", "mechanics \"m1\" { database = \"meadow\", save = \"2s\" }\n", NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_close(&rig);
	return 0;
}

static uint32_t heard_at(uint32_t event, uint64_t session, uint64_t channel)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < rig.heard_len && i < HEARD_MAX; i++) {
		n += rig.heard[i].event == event && rig.heard[i].session == session && rig.heard[i].channel == channel;
	}
	return n;
}

/* --- movement ------------------------------------------------------------------------------------- */

static void test_walk(void **state)
{
	double before;

	(void)state;
	assert_int_equal(rig_enter(&rig, 1, "Ann", 3, 4, 1), TROUPE_OK);
	assert_true(rig.x == 3 && rig.y == 4);
	assert_int_equal(rig_move(&rig, 1, 1, 11, 4), TROUPE_OK); /* 8 units at 4 a second */
	sim_run(rig.sim, 1000);
	assert_int_equal(rig_look(&rig, 1), TROUPE_OK);
	before = rig.x;
	assert_true(before > 6.5 && before < 7.5 && rig.y == 4);
	sim_run(rig.sim, 1100);
	rig_look(&rig, 1);
	assert_true(rig.x == 11 && rig.y == 4); /* exactly there, and there it stays */
	sim_run(rig.sim, 500);
	rig_look(&rig, 1);
	assert_true(rig.x == 11 && rig.y == 4);
}

static void test_bad_moves(void **state)
{
	static const struct {
		const char *name, *reason;
		uint64_t seq;
		double x, y;
		int status;
	} cases[] = {
		{ "not a number", "world.bad_position", 2, NAN, 0, TROUPE_INVALID_ARGUMENT },
		{ "infinite", "world.bad_position", 2, 0, INFINITY, TROUPE_INVALID_ARGUMENT },
		{ "below", "world.bad_position", 2, -INFINITY, 0, TROUPE_INVALID_ARGUMENT },
		{ "outside", "world.out_of_world", 2, 64.5, 0, TROUPE_OUT_OF_RANGE },
		{ "far outside", "world.out_of_world", 2, 0, -1e300, TROUPE_OUT_OF_RANGE },
		{ "old", "world.old_seq", 1, 5, 5, TROUPE_FAILED_PRECONDITION },
		{ "older", "world.old_seq", 0, 5, 5, TROUPE_FAILED_PRECONDITION },
		{ "the edge", "", 2, 64, -64, TROUPE_OK },
	};

	(void)state;
	rig_enter(&rig, 1, "Ann", 0, 0, 1);
	assert_int_equal(rig_move(&rig, 1, 1, 0, 0), TROUPE_OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int status = rig_move(&rig, 1, cases[i].seq, cases[i].x, cases[i].y);

		if (status != cases[i].status || strcmp(rig.reason, cases[i].reason) != 0) {
			fail_msg("%s: status %d, reason %s", cases[i].name, status, rig.reason);
		}
	}
	/* nothing of it moved anybody to where nobody can be */
	sim_run(rig.sim, 60000);
	rig_look(&rig, 1);
	assert_true(rig.x == 64 && rig.y == -64);
}

static void test_too_fast(void **state)
{
	(void)state;
	rig_enter(&rig, 1, "Ann", 0, 0, 1);
	for (uint64_t seq = 1; seq <= 40; seq++) {
		rig_move_send(&rig, 1, seq, 5, 5);
	}
	sim_run(rig.sim, 10); /* those that are refused hear so at once */
	assert_string_equal(rig.reason, "world.too_fast");
	assert_int_equal(rig.moves_taken, 0);
	sim_run(rig.sim, 1000);
	assert_in_range(rig.moves_taken, 19, 21);
	assert_int_equal(rig_move(&rig, 1, 41, 5, 5), TROUPE_OK);
}

static void test_not_here(void **state)
{
	(void)state;
	rig_enter(&rig, 1, "Ann", 0, 0, 1);
	assert_int_equal(rig_look(&rig, 1), TROUPE_OK);
	rig_leave(&rig, 1, 1001);
	assert_int_not_equal(rig_look(&rig, 1), TROUPE_OK);
}

/* --- entering and leaving -------------------------------------------------------------------------- */

static void test_enter(void **state)
{
	(void)state;
	assert_int_equal(rig_enter(&rig, 0, "Ann", 0, 0, 1), TROUPE_INVALID_ARGUMENT);
	assert_int_equal(rig_enter(&rig, 1, "", 0, 0, 1), TROUPE_INVALID_ARGUMENT);
	assert_int_equal(rig_enter(&rig, 1, "Ann", NAN, 1e9, 1), TROUPE_OK);
	assert_true(rig.x == 0 && rig.y == 0); /* a place that is none: the middle */
	assert_int_equal(rig_status(&rig, "avatars"), 1);
	assert_int_equal(rig_leave(&rig, 1, 1001), TROUPE_OK);
	assert_int_equal(rig_leave(&rig, 1, 1001), TROUPE_OK); /* twice does no harm */
	sim_run(rig.sim, 120); /* its last save is durable: a tick removes it */
	assert_int_equal(rig_status(&rig, "avatars"), 0);
	assert_int_equal(rig_status(&rig, "entities"), 0);
}

static void test_take_over(void **state)
{
	(void)state;
	rig_enter(&rig, 1, "Ann", 5, 5, 3);
	assert_int_equal(rig_enter_as(&rig, 1, 77, 2), TROUPE_ABORTED); /* an older session comes late */
	assert_string_equal(rig.reason, "world.newer_session");
	assert_int_equal(rig_enter_as(&rig, 1, 78, 4), TROUPE_OK);
	assert_true(rig.x == 5 && rig.y == 5); /* where it is, not where it was loaded */
	assert_int_equal(rig_status(&rig, "avatars"), 1);
	assert_int_equal(rig_look(&rig, 1), TROUPE_FAILED_PRECONDITION); /* session 1001 is over */
	assert_string_equal(rig.reason, "world.not_here");
	rig_leave(&rig, 1, 1001); /* its late farewell changes nothing */
	assert_int_equal(rig_status(&rig, "avatars"), 1);
	rig_leave(&rig, 1, 78);
	sim_run(rig.sim, 120);
	assert_int_equal(rig_status(&rig, "avatars"), 0);
}

/* --- saves ---------------------------------------------------------------------------------------- */

static void test_saves(void **state)
{
	(void)state;
	rig_enter(&rig, 1, "Ann", 0, 0, 7);
	sim_run(rig.sim, 5000);
	assert_int_equal(rig.saves, 1); /* who does not change is saved once, */
	sim_run(rig.sim, 5000);
	assert_int_equal(rig.saves, 1); /* and not again */
	rig_move(&rig, 1, 1, 2, 0);
	sim_run(rig.sim, 4500);
	assert_in_range(rig.saves, 2, 4);
	assert_true(rig.saved_x == 2 && rig.saved_avatar == 1 && rig.saved_epoch == 7);
	rig_move(&rig, 1, 2, 2, 1);
	sim_run(rig.sim, 300);
	rig_leave(&rig, 1, 1001);
	assert_true(rig.saved_y == 1); /* answered once it was saved */
}

/* A newer session has loaded the avatar: nothing is saved over it, and it waits where it is for that session. */
static void test_fenced(void **state)
{
	(void)state;
	rig_enter(&rig, 1, "Ann", 0, 0, 7);
	rig.fence = 8;
	rig_move(&rig, 1, 1, 2, 0);
	sim_run(rig.sim, 5000);
	assert_int_equal(rig.saves, 0);
	assert_int_equal(rig_status(&rig, "lost"), 1);
	assert_int_equal(rig_enter(&rig, 1, "Ann", 1, 1, 8), TROUPE_OK);
	assert_true(rig.x == 2 && rig.y == 0);
	assert_int_equal(rig_status(&rig, "lost"), 0);
	sim_run(rig.sim, 3000);
	assert_true(rig.saves > 0 && rig.saved_epoch == 8 && rig.saved_x == 2);
	rig.fence = 9; /* and one that never comes */
	rig_move(&rig, 1, 1, 5, 0);
	sim_run(rig.sim, 70000);
	assert_int_equal(rig_status(&rig, "avatars"), 0);
	assert_int_equal(rig.saved_epoch, 8);
}

static void on_nothing(void *instance, const struct troupe_request *request, const Frontend__Batch *body)
{
	(void)instance;
	(void)request;
	(void)body;
}

static void on_entered(void *instance, void *arg, const struct troupe_reply *reply, const World__EnterReply *body)
{
	(void)instance;
	(void)body;
	assert_int_equal(reply->status, TROUPE_OK);
	++*(int *)arg;
}

/* Players come in through any number of front-ends. */
static void test_many_frontends(void **state)
{
	static const struct troupe_method methods[] = { FRONTEND_BATCH(on_nothing), { 0 } };
	int entered = 0;

	(void)state;
	for (uint64_t i = 1; i <= 40; i++) {
		World__EnterRequest enter = WORLD__ENTER_REQUEST__INIT;
		struct proto_to to = { .instance = troupe_fnv64(RIG_NAME, strlen(RIG_NAME)), .account = i, .actor = i, .session = 1000 + i };
		char name[64];

		snprintf(name, sizeof(name), "meadow/frontend.other%u", (unsigned)i);
		enter.has_avatar = enter.has_epoch = 1;
		enter.avatar = i;
		enter.name = (char *)(uintptr_t)"Ann";
		enter.epoch = 1;
		world_enter(sim_actor(rig.sim, name, "shard:meadow", &rig, methods), &enter, &to, on_entered, &entered);
	}
	sim_run(rig.sim, 500);
	assert_int_equal(entered, 40);
	assert_int_equal(rig_status(&rig, "avatars"), 40);
}

static void test_lost(void **state)
{
	(void)state;
	rig_enter(&rig, 1, "Ann", 0, 0, 7);
	rig_enter(&rig, 2, "Bob", 1, 0, 3);
	rig_move(&rig, 1, 1, 2, 0);
	rig_lose(&rig, 1, 1001);
	sim_run(rig.sim, 5000);
	assert_int_equal(rig_status(&rig, "avatars"), 2);
	assert_int_equal(rig_status(&rig, "lost"), 1);
	assert_true(rig.saved_x == 2); /* it is saved like any other */
	rig.heard_len = 0;
	assert_int_equal(rig_enter_as(&rig, 1, 77, 8), TROUPE_OK); /* the session that resumes */
	assert_true(rig.x == 2);
	assert_int_equal(rig_status(&rig, "avatars"), 2);
	assert_int_equal(rig_status(&rig, "lost"), 0);
	sim_run(rig.sim, 100);
	assert_int_equal(heard_at(34, 77, 0), 9); /* it is shown everything again, and nobody saw it go */
	for (uint32_t i = 0; i < rig.heard_len; i++) {
		assert_int_not_equal(rig.heard[i].event, 33);
	}
	rig_lose(&rig, 1, 1001); /* a late word about the session before */
	assert_int_equal(rig_status(&rig, "lost"), 0);
	rig_lose(&rig, 1, 77);
	sim_run(rig.sim, 58000);
	assert_int_equal(rig_status(&rig, "avatars"), 2);
	sim_run(rig.sim, 4000);
	assert_int_equal(rig_status(&rig, "avatars"), 1);
	assert_int_equal(rig_status(&rig, "lost"), 0);
}

/* The front-end is gone, or only says that it takes no calls: its players are lost, and wait for another. */
static void test_frontend_gone(void **state)
{
	(void)state;
	rig_enter(&rig, 1, "Ann", 0, 0, 7);
	rig.fe->state(rig.fe, 0, 0, "gone");
	sim_run(rig.sim, 4000);
	assert_int_equal(rig_status(&rig, "avatars"), 1);
	assert_int_equal(rig_status(&rig, "lost"), 1);
	assert_int_equal(rig.reentered, 0);
	rig.fe->state(rig.fe, 1, 0, NULL);
	sim_run(rig.sim, 3000);
	assert_int_equal(rig.reentered, 1); /* it was only out of reach, perhaps; it hears so once */
	assert_int_equal(rig.reenter_session, 1001);
	assert_int_equal(rig_enter_as(&rig, 1, 77, 8), TROUPE_OK);
	sim_run(rig.sim, 70000);
	assert_int_equal(rig_status(&rig, "avatars"), 1);
}

/* One account, one avatar: who comes as another does not leave the first one behind. */
static void test_lost_and_another(void **state)
{
	(void)state;
	rig_enter(&rig, 1, "Ann", 0, 0, 7);
	rig_enter(&rig, 2, "Bob", 0, 0, 7);
	rig_lose(&rig, 1, 1001);
	rig_lose(&rig, 2, 1002);
	rig.account = 1;
	assert_int_equal(rig_enter(&rig, 3, "Eve", 0, 0, 8), TROUPE_OK);
	sim_run(rig.sim, 120);
	assert_int_equal(rig_status(&rig, "avatars"), 2);
	assert_int_equal(rig_status(&rig, "lost"), 1);
}

/* What an avatar carries is saved with it, and comes with it when it enters again. */
static void test_carries(void **state)
{
	(void)state;
	rig_close(&rig);
	rig_open(&rig, "size = 128", RIG_ONE,
		 "local g = require 'game'\ng.player { state = { n = 0 } }\n"
		 "g.action 'count' { run = function(self) self.state.n = self.state.n + 1 return 'n' .. self.state.n end }\n");
	rig_enter(&rig, 1, "Ann", 0, 0, 7);
	rig_act(&rig, 1, "count", 0);
	rig_act(&rig, 1, "count", 0);
	rig_leave(&rig, 1, 1001);
	assert_int_not_equal(rig.saved_state_len, 0);
	sim_run(rig.sim, 200);
	assert_int_equal(rig_status(&rig, "avatars"), 0);
	assert_int_equal(rig_enter(&rig, 1, "Ann", 0, 0, 8), TROUPE_OK);
	rig_act(&rig, 1, "count", 0);
	assert_string_equal(rig.text, "n3");
	/* one that comes back before it is gone has what it had, not what was loaded */
	rig.store_silent = 1;
	rig_act(&rig, 1, "count", 0);
	rig_lose(&rig, 1, 1001);
	assert_int_equal(rig_enter_as(&rig, 1, 99, 9), TROUPE_OK);
	sim_run(rig.sim, 200);
	rig_leave(&rig, 1, 99); /* times out: nobody saves it */
	rig.store_silent = 0;
	assert_int_equal(rig_enter(&rig, 1, "Ann", 0, 0, 10), TROUPE_OK);
	rig_act(&rig, 1, "count", 0);
	assert_string_equal(rig.text, "n5");
	/* what is no record is not taken for an empty one */
	rig_leave(&rig, 1, 1001);
	sim_run(rig.sim, 200);
	memset(rig.saved_state, 0xFF, rig.saved_state_len);
	assert_int_equal(rig_enter(&rig, 1, "Ann", 0, 0, 11), TROUPE_DATA_LOSS);
	assert_string_equal(rig.reason, "world.bad_state");
}

static void test_store_down(void **state)
{
	(void)state;
	rig_enter(&rig, 1, "Ann", 0, 0, 7);
	rig.store_down = 1;
	rig_move(&rig, 1, 1, 2, 0);
	sim_run(rig.sim, 3000);
	assert_int_equal(rig_leave(&rig, 1, 1001), TROUPE_OK);
	assert_int_equal(rig.saves, 0);
	assert_int_equal(rig_status(&rig, "leaving"), 1);
	rig.store_down = 0;
	sim_run(rig.sim, 3000);
	assert_int_equal(rig.saves, 1); /* the last place was kept until it could be saved */
	assert_true(rig.saved_x == 2);
	assert_int_equal(rig_status(&rig, "leaving"), 0);
}

static void test_drain(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= 100; i++) {
		rig_enter(&rig, i, "Ann", 0, 0, 1);
		rig_move_send(&rig, i, 1, 3, 3);
	}
	sim_run(rig.sim, 1500);
	rig.saves = 0;
	for (uint64_t i = 1; i <= 100; i++) {
		rig_move_send(&rig, i, 2, 1, 3);
	}
	sim_run(rig.sim, 100);
	sim_drain(rig.sim, RIG_NAME);
	sim_run(rig.sim, 500);
	assert_in_range(rig.saves, 100, 110); /* a few had their turn while they walked */
	assert_int_not_equal(rig_enter(&rig, 500, "Bob", 0, 0, 1), TROUPE_OK);
}

/* --- who sees whom -------------------------------------------------------------------------------- */

static uint32_t cell_of(double x, double y)
{
	return 1 + (uint32_t)((y + 64) / 16) * 8 + (uint32_t)((x + 64) / 16);
}

static void test_views(void **state)
{
	uint32_t added = 0, seen = 0;

	(void)state;
	rig_enter(&rig, 1, "Ann", 1, 1, 1);
	sim_run(rig.sim, 60);
	for (uint32_t i = 0; i < rig.heard_len; i++) {
		added += rig.heard[i].add != 0;
		seen += rig.heard[i].event == 34;
	}
	assert_int_equal(added, 9);
	assert_int_equal(seen, 9);
	assert_int_equal(heard_at(36, 1001, 0), 9); /* and its blocks */
	/* into the next cell: three come, three go */
	rig.heard_len = 0;
	rig_move(&rig, 1, 1, 17, 1);
	sim_run(rig.sim, 5000);
	added = seen = 0;
	for (uint32_t i = 0; i < rig.heard_len; i++) {
		added += rig.heard[i].add != 0;
		seen += rig.heard[i].remove != 0;
	}
	assert_int_equal(added, 3);
	assert_int_equal(seen, 3);
	assert_int_equal(heard_at(35, 1001, 0), 3);
}

static void test_deltas(void **state)
{
	World__Delta *delta;
	struct proto_arena arena;
	int droppable = 0, firm = 0;

	(void)state;
	rig_enter(&rig, 1, "Ann", 1, 1, 1);
	sim_run(rig.sim, 60);
	rig.heard_len = 0;
	rig_enter(&rig, 2, "Bob", 3, 1, 1);
	sim_run(rig.sim, 60);
	assert_int_equal(heard_at(33, 0, cell_of(3, 1)), 1); /* once, however many see it */
	assert_int_equal(rig_lines(&rig, 33, "Bob"), 1);
	rig.heard_len = 0;
	rig_move(&rig, 2, 1, 5, 1);
	sim_run(rig.sim, 1000);
	for (uint32_t i = 0; i < rig.heard_len; i++) {
		if (rig.heard[i].event == 33) {
			proto_arena_init(&arena);
			delta = (World__Delta *)proto_unpack(&world__delta__descriptor, rig.heard[i].payload,
							     rig.heard[i].len, &arena);
			assert_non_null(delta);
			assert_int_equal(delta->n_moved, 1);
			assert_int_equal(delta->moved[0], 2);
			assert_int_equal(delta->n_places, 3);
			droppable += rig.heard[i].droppable;
			firm += !rig.heard[i].droppable;
			assert_true(rig.heard[i].droppable || (delta->places[0] == 5 * 256 && delta->x == 0));
			proto_arena_free(&arena);
		}
	}
	assert_in_range(droppable, 8, 10);
	assert_int_equal(firm, 1); /* where it stopped must not be missed */
	rig.heard_len = 0;
	rig_leave(&rig, 2, 1002);
	sim_run(rig.sim, 60);
	assert_int_equal(heard_at(33, 0, cell_of(5, 1)), 1);
	/* what nobody sees is not told */
	rig_leave(&rig, 1, 1001);
	sim_run(rig.sim, 60);
	rig.heard_len = rig.batches = 0;
	sim_run(rig.sim, 2000);
	assert_int_equal(rig.batches, 0);
}

static void test_crossing(void **state)
{
	int gone = -1, there = -1;
	double x = 0;
	struct proto_arena arena;

	(void)state;
	rig_enter(&rig, 1, "Ann", 1, 1, 1);
	rig_enter(&rig, 2, "Bob", 15, 1, 1);
	sim_run(rig.sim, 100);
	rig.heard_len = 0;
	rig_move(&rig, 2, 1, 12, 1);
	rig_move(&rig, 2, 2, 17, 1); /* over the border at 16, which both of Ann's views hold */
	sim_run(rig.sim, 1500);
	for (uint32_t i = 0; i < rig.heard_len; i++) {
		World__Delta *delta;

		if (rig.heard[i].event != 33) {
			continue;
		}
		proto_arena_init(&arena);
		delta = (World__Delta *)proto_unpack(&world__delta__descriptor, rig.heard[i].payload, rig.heard[i].len,
						     &arena);
		gone = delta->n_gone > 0 ? (int)i : gone;
		there = delta->n_appeared > 0 ? (int)i : there;
		x = delta->n_moved > 0 ? 16 * delta->x + delta->places[0] / 256.0 : x;
		proto_arena_free(&arena);
	}
	assert_true(gone >= 0 && there > gone); /* a client that goes by ids alone ends with it there */
	assert_true(x == 17); /* counted from the corner of the second cell */
}

static void test_look(void **state)
{
	(void)state;
	rig_enter(&rig, 1, "Ann", 1, 1, 1);
	rig_enter(&rig, 2, "Bob", 20, 1, 1);
	rig_enter(&rig, 3, "Eve", 60, 60, 1);
	rig_look(&rig, 1);
	assert_int_equal(rig.entities, 1); /* Bob is in the next cell, Eve far away */
	assert_string_equal(rig.first_kind, "avatar");
}

/* --- chat ----------------------------------------------------------------------------------------- */

static void test_chat(void **state)
{
	char line[300], wide[1100] = "";

	(void)state;
	rig_enter(&rig, 1, "Ann", 1, 1, 1);
	rig_enter(&rig, 2, "Bob", 3, 1, 1);
	sim_run(rig.sim, 60);
	rig.heard_len = 0;
	assert_int_equal(rig_chat(&rig, 1, NULL, "hi there"), TROUPE_OK);
	assert_int_equal(rig_chat(&rig, 1, "shard", "hi all"), TROUPE_OK);
	sim_run(rig.sim, 60);
	assert_int_equal(heard_at(72, 0, cell_of(1, 1)), 1);
	assert_int_equal(heard_at(72, 0, 0), 1);
	assert_int_equal(rig_lines(&rig, 72, "Ann"), 2); /* the name comes from the server */
	memset(line, 'x', sizeof(line));
	line[256] = '\0';
	assert_int_equal(rig_chat(&rig, 1, "near", line), TROUPE_OK);
	line[256] = 'x';
	line[257] = '\0';
	assert_int_equal(rig_chat(&rig, 1, "near", line), TROUPE_INVALID_ARGUMENT);
	for (int i = 0; i < 256; i++) {
		strcat(wide, "\xF0\x9F\x90\x87"); /* 256 characters in 1024 bytes */
	}
	assert_int_equal(rig_chat(&rig, 2, "near", wide), TROUPE_OK);
	assert_int_equal(rig_chat(&rig, 2, "near", ""), TROUPE_INVALID_ARGUMENT);
	assert_string_equal(rig.reason, "chat.length");
	assert_int_equal(rig_chat(&rig, 2, "moon", "hi"), TROUPE_NOT_FOUND);
	assert_string_equal(rig.reason, "chat.no_channel");
}

static void test_chat_rate(void **state)
{
	uint32_t taken = 0;

	(void)state;
	rig_enter(&rig, 1, "Ann", 1, 1, 1);
	while (rig_chat(&rig, 1, "near", "again") == TROUPE_OK && taken < 100) {
		taken++; /* each is answered with the next tick, and so takes a little of the time that pays for it */
	}
	assert_in_range(taken, 5, 7);
	assert_string_equal(rig.reason, "chat.too_fast");
	sim_run(rig.sim, 450);
	for (taken = 0; rig_chat(&rig, 1, "near", "again") == TROUPE_OK && taken < 100;) {
		taken++;
	}
	assert_in_range(taken, 2, 4);
	assert_int_equal(rig.status, TROUPE_RESOURCE_EXHAUSTED);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_walk),      CASE(test_bad_moves), CASE(test_too_fast), CASE(test_not_here),
		CASE(test_enter),     CASE(test_take_over), CASE(test_saves),	 CASE(test_fenced),
		CASE(test_lost), CASE(test_frontend_gone), CASE(test_many_frontends), CASE(test_lost_and_another), CASE(test_carries), CASE(test_store_down), CASE(test_drain),     CASE(test_views),	 CASE(test_deltas),
		CASE(test_crossing),  CASE(test_look),	    CASE(test_chat),	 CASE(test_chat_rate),
	};

	return cmocka_run_group_tests_name("mechanics", tests, NULL, NULL);
}
