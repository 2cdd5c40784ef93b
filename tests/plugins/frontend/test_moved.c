/* SPDX-License-Identifier: MIT */
/* A world of several owners: who is asked, and who is heard, when avatars go from one to another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "plugins/frontend/rig.h"

/* Another owner of a part of the same world. */
struct mechanics {
	const struct troupe_host *host;
	uint32_t entered, left, looked;
	uint64_t owner, held; /* an Enter to be answered later */
	int holds;
};

static void second_answer(struct mechanics *m, uint64_t id)
{
	World__EnterReply reply = WORLD__ENTER_REPLY__INIT;

	reply.has_x = reply.has_tick = 1;
	reply.x = 9;
	reply.tick = 100;
	reply.has_owner = m->owner != 0;
	reply.owner = m->owner;
	world_enter_reply(m->host, id, &reply);
}

static void on_second_enter(void *instance, const struct troupe_request *request, const World__EnterRequest *body)
{
	struct mechanics *m = instance;

	assert_memory_equal(body->state.data, "bag", 3);
	m->entered++;
	m->held = request->id;
	if (!m->holds) {
		second_answer(m, request->id);
	}
}

static void on_second_leave(void *instance, const struct troupe_request *request, const World__LeaveRequest *body)
{
	static const World__LeaveReply reply = WORLD__LEAVE_REPLY__INIT;
	struct mechanics *m = instance;

	(void)body;
	m->left++;
	world_leave_reply(m->host, request->id, &reply);
}

static void on_second_look(void *instance, const struct troupe_request *request, const World__LookRequest *body)
{
	World__LookReply reply = WORLD__LOOK_REPLY__INIT;
	struct mechanics *m = instance;

	(void)body;
	m->looked++;
	reply.has_tick = 1;
	reply.tick = 200;
	world_look_reply(m->host, request->id, &reply);
}

static const struct troupe_method second_methods[] = { WORLD_ENTER(on_second_enter), WORLD_LEAVE(on_second_leave),
							WORLD_LOOK(on_second_look), { 0 } };

static void second_open(struct world *w, struct mechanics *m, const char *name, const char *part)
{
	memset(m, 0, sizeof(*m));
	m->host = sim_actor(w->sim, name, part, m, second_methods);
	m->host->state(m->host, 1, 1000, NULL); /* the front-end asks the other one first */
	sim_run(w->sim, 10);
}

/* Another instance owns the world now: its players go there, and what the old one still says is not heard. */
static void test_world_moves(void **state)
{
	struct world *w = *state;
	struct player p;
	const struct troupe_host *old = w->mechanics, *new;
	uint64_t session = in_world(&p, w, 1);

	new = sim_actor(w->sim, "meadow/mechanics.m2", "shard:meadow", w, mechanics_methods);
	old->state(old, TROUPE_STANDBY, 0, "standing by");
	w->mechanics = new; /* answers from now on */
	sim_run(w->sim, 300);
	expect_state(&p, 0, "frontend.world_gone");
	player_expect(&p, WIRE_AVATAR_SELECTED, &client__avatar_selected__descriptor, 0);
	expect_state(&p, 1, "");
	assert_int_equal(w->entered, 2);
	player_send_bytes(&p, 40, 8, NULL, 0);
	player_expect(&p, 41, &world__look_reply__descriptor, 8);
	w->mechanics = old;
	batch_subscribe(w, session, 5, 1);
	batch_publish(w, 5, "x", 1, 0);
	batch_publish(w, 0, "x", 1, 0);
	w->mechanics = new;
	assert_int_equal(player_next(&p, NULL, NULL, NULL, 100), 0);
	batch_publish(w, 0, "x", 1, 0);
	assert_int_not_equal(player_next(&p, NULL, NULL, NULL, 100), 0);
	player_done(&p);
}

/* Whichever is asked names the owner of the avatar's place, and that one lets it in. */
static void test_owner_named(void **state)
{
	struct world *w = *state;
	struct mechanics second;
	struct player p;
	const Client__AvatarSelected *selected;
	const World__LookReply *look;

	second_open(w, &second, "meadow/mechanics.m2", "shard:meadow");
	w->owner = second.host->id;
	entered(&p, w, 1);
	send_select(&p, 101);
	selected = (const Client__AvatarSelected *)player_expect(&p, WIRE_AVATAR_SELECTED,
								 &client__avatar_selected__descriptor, 3);
	assert_true(selected->x == 9);
	assert_int_equal(w->refused, 1);
	assert_int_equal(second.entered, 1);
	player_send_bytes(&p, 40, 8, NULL, 0);
	look = (const World__LookReply *)player_expect(&p, 41, &world__look_reply__descriptor, 8);
	assert_int_equal(look->tick, 200);
	player_send_bytes(&p, WIRE_LEAVE_WORLD, 4, NULL, 0);
	player_expect(&p, WIRE_LEFT_WORLD, &client__left_world__descriptor, 4);
	assert_int_equal(second.left, 1);
	/* each names the other one */
	second.owner = w->mechanics->id;
	send_select(&p, 101);
	player_expect_error(&p, WIRE_AVATAR_SELECT, 3, "world.busy");
	assert_int_equal(w->refused, 4);
	assert_int_equal(second.entered, 3);
	/* its place changed hands while the request waited */
	w->owner = second.owner = 0;
	w->gone = 2;
	send_select(&p, 101);
	player_expect(&p, WIRE_AVATAR_SELECTED, &client__avatar_selected__descriptor, 3);
	assert_int_equal(w->entered, 1);
	player_send_bytes(&p, WIRE_LEAVE_WORLD, 4, NULL, 0);
	player_expect(&p, WIRE_LEFT_WORLD, &client__left_world__descriptor, 4);
	assert_int_equal(w->left, 1); /* it was not in before: nothing to leave */
	w->owner = second.host->id;
	/* an owner that is not there: it may come back */
	second.owner = 0;
	second.host->state(second.host, 0, 0, "gone");
	send_select(&p, 101);
	sim_run(w->sim, 2000);
	assert_int_equal(player_next(&p, NULL, NULL, NULL, 0), 0);
	second.host->state(second.host, 1, 1000, NULL);
	player_expect(&p, WIRE_AVATAR_SELECTED, &client__avatar_selected__descriptor, 3);
	player_done(&p);
}

static void say_moved(const struct mechanics *m, uint64_t session, uint64_t tick)
{
	struct proto_to to = { .instance = troupe_fnv64(RIG_NAME, strlen(RIG_NAME)) };
	Frontend__Moved event = FRONTEND__MOVED__INIT;
	double x = 33, y = 44, z = 5;

	event.n_session = event.n_x = event.n_y = event.n_z = 1;
	event.session = &session;
	event.x = &x;
	event.y = &y;
	event.z = &z;
	event.has_tick = 1;
	event.tick = tick;
	frontend_moved(m->host, &event, &to);
}

static void say_send(const struct troupe_host *from, uint64_t session)
{
	Frontend__Send message = FRONTEND__SEND__INIT;

	message.has_session = message.has_event = 1;
	message.session = session;
	message.event = 33;
	frontend_send(from, &message, NULL);
}

/* An avatar crosses over: from then on only its new owner is heard, and asked. */
static void test_moved(void **state)
{
	struct world *w = *state;
	struct mechanics second, third, foreign;
	struct player p;
	uint64_t session;
	const Client__AvatarSelected *selected;
	const World__LookReply *look;
	World__LookReply late = WORLD__LOOK_REPLY__INIT;

	second_open(w, &second, "meadow/mechanics.m2", "shard:meadow");
	second_open(w, &third, "meadow/mechanics.m3", "shard:meadow");
	second_open(w, &foreign, "dale/mechanics.m1", "shard:dale");
	session = in_world(&p, w, 1);
	batch_subscribe(w, session, 5, 1);
	say_moved(&foreign, session, 20); /* not of this world */
	w->hold = 1;
	player_send_bytes(&p, 40, 7, NULL, 0);
	sim_run(w->sim, 10);
	assert_int_not_equal(w->held, 0);
	say_moved(&second, session, 30);
	selected = (const Client__AvatarSelected *)player_expect(&p, WIRE_AVATAR_SELECTED,
								 &client__avatar_selected__descriptor, 0);
	assert_int_equal(selected->avatar, 101);
	assert_string_equal(selected->name, "Ann");
	assert_true(selected->x == 33 && selected->y == 44 && selected->z == 5 && selected->tick == 30);
	assert_int_equal(selected->tick_ms, 50);
	/* what the old one says is not heard */
	batch_publish(w, 5, "x", 1, 0);
	batch_publish(w, 0, "x", 1, 0);
	batch_subscribe(w, session, 6, 1);
	batch_publish(w, 6, "x", 1, 0);
	say_send(w->mechanics, session);
	assert_int_equal(heard(&p), 0);
	say_send(w->store, session); /* others may always */
	assert_int_equal(heard(&p), 1);
	/* but what it was asked it answers */
	world_look_reply(w->mechanics, w->held, &late);
	player_expect(&p, 41, &world__look_reply__descriptor, 7);
	player_send_bytes(&p, 40, 8, NULL, 0);
	look = (const World__LookReply *)player_expect(&p, 41, &world__look_reply__descriptor, 8);
	assert_int_equal(look->tick, 200);
	say_send(second.host, session);
	assert_int_equal(heard(&p), 1);
	/* of two words the one that was said later counts */
	say_moved(&third, session, 50);
	player_expect(&p, WIRE_AVATAR_SELECTED, &client__avatar_selected__descriptor, 0);
	say_moved(&second, session, 40);
	sim_run(w->sim, 10);
	assert_int_equal(player_next(&p, NULL, NULL, NULL, 0), 0);
	player_send_bytes(&p, WIRE_LEAVE_WORLD, 4, NULL, 0);
	player_expect(&p, WIRE_LEFT_WORLD, &client__left_world__descriptor, 4);
	assert_int_equal(third.left, 1);
	say_moved(&second, session, 60); /* too late */
	sim_run(w->sim, 10);
	assert_int_equal(player_next(&p, NULL, NULL, NULL, 0), 0);
	player_done(&p);
}

/* It crosses over before the answer that it is in; and while its client waits for a world. */
static void test_moved_on_the_way(void **state)
{
	struct world *w = *state;
	struct mechanics second;
	struct player p;
	uint64_t session;

	second_open(w, &second, "meadow/mechanics.m2", "shard:meadow");
	session = in_world(&p, w, 1);
	player_send_bytes(&p, WIRE_LEAVE_WORLD, 4, NULL, 0);
	player_expect(&p, WIRE_LEFT_WORLD, &client__left_world__descriptor, 4);
	second.holds = 1;
	w->owner = second.host->id;
	send_select(&p, 101);
	sim_run(w->sim, 10);
	assert_int_not_equal(second.held, 0);
	Frontend__Moved event = FRONTEND__MOVED__INIT;
	event.n_session = 1;
	event.session = &session;
	event.has_tick = 1;
	event.tick = 101;
	frontend_moved(w->mechanics, &event, NULL);
	sim_run(w->sim, 10);
	assert_int_equal(player_next(&p, NULL, NULL, NULL, 0), 0);
	second_answer(&second, second.held);
	player_expect(&p, WIRE_AVATAR_SELECTED, &client__avatar_selected__descriptor, 3);
	player_send_bytes(&p, 40, 8, NULL, 0);
	player_expect(&p, 41, &world__look_reply__descriptor, 8);
	assert_int_equal(second.looked, 0);
	/* its owner stops, and has handed it over */
	w->mechanics->state(w->mechanics, 0, 0, "draining");
	second.host->state(second.host, 0, 0, "restoring");
	sim_run(w->sim, 300);
	expect_state(&p, 0, "frontend.world_gone");
	say_moved(&second, session, 102);
	player_expect(&p, WIRE_AVATAR_SELECTED, &client__avatar_selected__descriptor, 0);
	expect_state(&p, 1, "");
	second.host->state(second.host, 1, 0, NULL);
	player_done(&p);
}

/* One of several owners dies: its players go in again through any other, the others' stay where they are. */
static void test_owner_dies(void **state)
{
	struct world *w = *state;
	struct mechanics second;
	struct player p, q;

	second_open(w, &second, "meadow/mechanics.m2", "shard:meadow");
	in_world(&p, w, 1);
	w->owner = second.host->id;
	entered(&q, w, 2);
	send_select(&q, 102);
	player_expect(&q, WIRE_AVATAR_SELECTED, &client__avatar_selected__descriptor, 3);
	w->owner = 0;
	second.host->state(second.host, 0, 0, "dead");
	sim_run(w->sim, 600);
	expect_state(&q, 0, "frontend.world_gone");
	player_expect(&q, WIRE_AVATAR_SELECTED, &client__avatar_selected__descriptor, 0);
	expect_state(&q, 1, "");
	assert_int_equal(w->entered, 2);
	assert_int_equal(player_next(&p, NULL, NULL, NULL, 0), 0);
	player_done(&p);
	player_done(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_world_moves),
		CASE(test_owner_named),
		CASE(test_moved),
		CASE(test_moved_on_the_way),
		CASE(test_owner_dies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
