/* SPDX-License-Identifier: MIT */
/* The world stops, is restored or goes: what its players hear, and how they come back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plugins/frontend/rig.h"

/* The world stops: who is in it hears so, and is in it again when it is back, without a word of its own. */
static void test_world_pauses(void **state)
{
	struct world *w = *state;
	struct player p, other;
	const Client__AvatarSelected *selected;

	in_world(&p, w, 1);
	entered(&other, w, 2); /* has a session and no avatar: it hears nothing */
	w->mechanics->state(w->mechanics, 0, 0, "draining");
	sim_run(w->sim, 300);
	expect_state(&p, 0, "frontend.world_gone");
	player_send_bytes(&p, 40, 7, NULL, 0);
	player_expect_error(&p, 40, 7, "world.paused");
	assert_int_equal(w->left, 0); /* nobody to tell */
	w->mechanics->state(w->mechanics, 1, 0, NULL);
	sim_run(w->sim, 300);
	selected = (const Client__AvatarSelected *)player_expect(&p, WIRE_AVATAR_SELECTED,
								 &client__avatar_selected__descriptor, 0);
	assert_int_equal(selected->avatar, 101);
	expect_state(&p, 1, "");
	assert_int_equal(w->entered, 2);
	player_send_bytes(&p, 40, 8, NULL, 0);
	player_expect(&p, 41, &world__look_reply__descriptor, 8);
	send_select(&other, 102);
	player_expect(&other, WIRE_AVATAR_SELECTED, &client__avatar_selected__descriptor, 3);
	player_done(&p);
	player_done(&other);
}

/* Nobody owns the world for a moment: who wants to enter it waits. */
static void test_world_awaited(void **state)
{
	struct world *w = *state;
	struct player p, gone;

	entered(&p, w, 1);
	entered(&gone, w, 2);
	w->mechanics->state(w->mechanics, 0, 0, "starting");
	send_select(&p, 101);
	send_select(&gone, 102);
	sim_run(w->sim, 3000);
	assert_int_equal(player_next(&p, NULL, NULL, NULL, 0), 0);
	sim_hangup(w->sim, gone.conn);
	w->mechanics->state(w->mechanics, 1, 0, NULL);
	player_expect(&p, WIRE_AVATAR_SELECTED, &client__avatar_selected__descriptor, 3);
	assert_int_equal(w->entered, 1);
	player_send_bytes(&p, WIRE_LEAVE_WORLD, 4, NULL, 0);
	player_expect(&p, WIRE_LEFT_WORLD, &client__left_world__descriptor, 4);
	w->mechanics->state(w->mechanics, 0, 0, "gone");
	send_select(&p, 101);
	sim_run(w->sim, 7000);
	player_expect_error(&p, WIRE_AVATAR_SELECT, 3, "frontend.no_world");
	player_done(&p);
	player_done(&gone);
}

/* Mechanics had lost us for a while, and our players: they go in again. Each is told so, or finds it out. */
static void test_out_of_reach(void **state)
{
	struct world *w = *state;
	struct player p, old;
	Frontend__Reenter event = FRONTEND__REENTER__INIT;
	uint64_t sessions[2] = { in_world(&p, w, 1), 12345 };

	event.n_session = 2;
	event.session = sessions;
	frontend_reenter(w->mechanics, &event, NULL);
	sim_run(w->sim, 500);
	expect_state(&p, 0, "frontend.world_gone");
	player_expect(&p, WIRE_AVATAR_SELECTED, &client__avatar_selected__descriptor, 0);
	expect_state(&p, 1, "");
	assert_int_equal(w->entered, 2);
	in_world(&old, w, 2);
	w->not_here = 1;
	player_send_bytes(&old, 40, 7, NULL, 0);
	player_expect_error(&old, 40, 7, "world.not_here");
	w->not_here = 0;
	expect_state(&old, 0, "frontend.world_gone");
	player_expect(&old, WIRE_AVATAR_SELECTED, &client__avatar_selected__descriptor, 0);
	expect_state(&old, 1, "");
	player_done(&p);
	player_done(&old);
}

/* The world is restored while somebody comes in again: his avatar does not leave it for that. */
static void test_restored_twice(void **state)
{
	struct world *w = *state;
	struct player p;
	Frontend__Reenter event = FRONTEND__REENTER__INIT;
	uint64_t session = in_world(&p, w, 1);

	event.n_session = 1;
	event.session = &session;
	w->paused = 2;
	frontend_reenter(w->mechanics, &event, NULL);
	sim_run(w->sim, 5000);
	expect_state(&p, 0, "frontend.world_gone");
	player_expect(&p, WIRE_AVATAR_SELECTED, &client__avatar_selected__descriptor, 0);
	assert_int_equal(w->paused, 0);
	assert_int_equal(w->entered, 2);
	assert_int_equal(w->left, w->lost);
	player_done(&p);
}

/* It does not come back: its players are out of it in the end, and may say so themselves before. */
static void test_world_gone(void **state)
{
	struct world *w = *state;
	struct player p, impatient;
	const Client__LeftWorld *left;

	in_world(&p, w, 1);
	in_world(&impatient, w, 2);
	w->mechanics->state(w->mechanics, 0, 0, "draining");
	sim_run(w->sim, 300);
	expect_state(&p, 0, "frontend.world_gone");
	expect_state(&impatient, 0, "frontend.world_gone");
	player_send_bytes(&impatient, WIRE_LEAVE_WORLD, 4, NULL, 0);
	player_expect(&impatient, WIRE_LEFT_WORLD, &client__left_world__descriptor, 4);
	for (int i = 0; i < 6; i++) { /* longer than they wait, and never silent */
		sim_run(w->sim, 10000);
		player_send_bytes(&p, WIRE_PING, 1, NULL, 0);
		player_send_bytes(&impatient, WIRE_PING, 1, NULL, 0);
		if (i < 5) {
			player_expect(&p, WIRE_PONG, &client__pong__descriptor, 1);
		}
	}
	left = (const Client__LeftWorld *)player_expect(&p, WIRE_LEFT_WORLD, &client__left_world__descriptor, 0);
	assert_string_equal(left->reason, "frontend.world_gone");
	w->mechanics->state(w->mechanics, 1, 0, NULL);
	sim_run(w->sim, 1000);
	assert_int_equal(w->entered, 2);
	player_done(&p);
	player_done(&impatient);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_world_pauses),
		CASE(test_world_awaited),
		CASE(test_out_of_reach),
		CASE(test_restored_twice),
		CASE(test_world_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
