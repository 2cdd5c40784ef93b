/* SPDX-License-Identifier: MIT */
/* A world that several instances own: who is asked in where, who walks over, who dies, and what is there afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugins/mechanics/rig.h"
#include "region.stub.h"
#include "worldkey/worldkey.h"

#define M2 "meadow/mechanics.m2"
#define TWO RIG_ONE "mechanics \"m2\" { database = \"meadow\" }\n"
#define WORLD "size = 128, region = 64, checkpoint = \"1s\", lease = \"1s\""
#define SCRIPT "local g = require 'game'\n" \
	"g.player { state = { n = 0 } }\n" \
	"g.on('echo', function(body) return body end)\n" \
	"g.action 'win' { run = function(self) self:reward('medal', 1, 'won') end }\n" \
	"g.on('rewarded', function(self, w, data) self.state.n = self.state.n + (data.granted and 100 or 1000) end)\n" \
	"g.action 'read' { run = function(self) return 'n' .. self.state.n end }\n" \
	"g.action 'count' { run = function(self) self.state.n = self.state.n + 1 return 'n' .. self.state.n end }\n"

static struct rig rig;

static void begin(const char *owners)
{
	rig_open(&rig, WORLD, owners, SCRIPT);
	sim_run(rig.sim, 3000); /* until all that are there have regions */
}

static int teardown(void **state)
{
	(void)state;
	rig_close(&rig);
	return 0;
}

static uint64_t id_of(const char *name)
{
	return troupe_fnv64(name, strlen(name));
}

/* across: a place in each of the four regions; their owners are two. */
static void enter_all(void)
{
	static const double at[4][2] = { { -30, -30 }, { 30, -30 }, { -30, 30 }, { 30, 30 } };

	for (uint64_t i = 0; i < 4; i++) {
		assert_int_equal(rig_enter(&rig, i + 1, "Ann", at[i][0], at[i][1], 1), TROUPE_OK);
		assert_true(rig.x == at[i][0] && rig.y == at[i][1]);
	}
}

static void test_shared(void **state)
{
	int there[2] = { 0 };

	(void)state;
	begin(TWO);
	assert_int_equal(rig_status(&rig, "regions") + rig_status_of(&rig, M2, "regions"), 4);
	assert_true(rig_status(&rig, "regions") > 0 && rig_status_of(&rig, M2, "regions") > 0);
	enter_all();
	for (uint64_t i = 1; i <= 4; i++) {
		there[rig_at(&rig, i) == id_of(M2)]++;
		assert_int_equal(rig_look(&rig, i), TROUPE_OK);
	}
	assert_int_equal(there[0], 2);
	assert_int_equal(there[1], 2);
	assert_int_equal(rig_status(&rig, "avatars"), 2);
	assert_int_equal(rig_status_of(&rig, M2, "avatars"), 2);
}

/* walk: to there, in steps of the world's own. */
static void walk(uint64_t avatar, uint64_t seq, double x, double y)
{
	assert_int_equal(rig_move(&rig, avatar, seq, x, y), TROUPE_OK);
}

static void on_looked(void *instance, void *arg, const struct troupe_reply *reply, const World__LookReply *body)
{
	(void)instance;
	(void)body;
	assert_string_not_equal(reply->reason != NULL ? reply->reason : "", "world.not_here");
	*(int *)arg += reply->status == TROUPE_OK;
}

/* look_on: avatar 1 looks with every event of the next ms, whoever has it in between. */
static int look_on(uint64_t ms)
{
	World__LookRequest request = WORLD__LOOK_REQUEST__INIT;
	struct proto_to to = { .instance = rig_at(&rig, 1), .account = 1, .actor = 1, .session = 1001 };
	uint64_t until = sim_now_us(rig.sim) + ms * 1000;
	static int answered;

	answered = 0;
	sim_faults(rig.sim, &(struct sim_faults){ .late = 300000, .late_us = 20000 }); /* one owner is told long before another */
	while (sim_now_us(rig.sim) < until && rig.moved == 0) {
		world_look(rig.fe, &request, &to, on_looked, &answered);
		for (int i = 0; i < 3; i++) {
			sim_step(rig.sim);
		}
	}
	sim_faults(rig.sim, NULL);
	sim_run(rig.sim, 100);
	return answered;
}

static void on_told(void *instance, void *arg, const struct troupe_reply *reply, const World__LookReply *body)
{
	(void)instance;
	(void)body;
	assert_int_equal(reply->status, TROUPE_OK);
	++*(int *)arg;
}

static void on_echoed(void *instance, void *arg, const struct troupe_reply *reply, const World__EchoReply *body)
{
	(void)instance;
	(void)body;
	assert_int_equal(reply->status, TROUPE_OK);
	++*(int *)arg;
}

/* While one owner does not go on with a tick, another says nothing of it: neither looks nor echoes are answered. */
static void test_between(void **state)
{
	World__LookRequest look = WORLD__LOOK_REQUEST__INIT;
	World__EchoRequest echo = WORLD__ECHO_REQUEST__INIT;
	struct proto_to to = { .instance = id_of(RIG_NAME) };
	int looked = 0, echoed = 0;

	(void)state;
	begin(TWO);
	enter_all();
	for (uint64_t i = 1; i <= 4; i++) {
		if (rig_at(&rig, i) == id_of(RIG_NAME)) {
			to.account = to.actor = i;
			to.session = 1000 + i;
		}
	}
	for (int i = 1; i <= 5; i++) {
		sim_freeze(rig.sim, M2, 300);
		sim_run(rig.sim, 100);
		world_look(rig.fe, &look, &to, on_told, &looked);
		world_echo(rig.fe, &echo, &to, on_echoed, &echoed);
		sim_run(rig.sim, 150);
		assert_true(looked == i - 1 && echoed == i - 1);
		sim_run(rig.sim, 200 + 7 * (uint64_t)i);
		assert_true(looked == i && echoed == i);
	}
}

/* An avatar walks from one owner's regions into the other's: its player goes with it, and late requests follow. */
static void test_crossing(void **state)
{
	uint64_t before, seq = 1;

	(void)state;
	begin(TWO);
	enter_all();
	assert_int_equal(rig_act(&rig, 1, "count", 0), TROUPE_OK);
	before = rig_at(&rig, 1);
	for (int goal = 0; goal < 3 && rig.moved == 0; goal++) {
		static const double to[3][2] = { { 30, -30 }, { 30, 30 }, { -30, 30 } };

		walk(1, seq++, to[goal][0], to[goal][1]);
		assert_true(look_on(30000) > 0);
	}
	assert_int_equal(rig.moved, 1);
	assert_int_equal(rig.moved_session, 1001);
	assert_true(rig.moved_to != before && rig.moved_to != 0);
	assert_int_equal(rig_status(&rig, "avatars") + rig_status_of(&rig, M2, "avatars"), 4);
	/* asked of the old owner still */
	assert_int_equal(rig_act(&rig, 1, "count", 0), TROUPE_OK);
	assert_string_equal(rig.text, "n2"); /* what it carries is there too */
	assert_int_equal(rig_move(&rig, 1, 100, 1, 1), TROUPE_OK);
	assert_int_equal(rig_chat(&rig, 1, NULL, "over here"), TROUPE_OK);
	/* and of the new one */
	rig.at[1] = rig.moved_to;
	assert_int_equal(rig_act(&rig, 1, "count", 0), TROUPE_OK);
	assert_string_equal(rig.text, "n3");
	rig.at[1] = before; /* a farewell at the wrong door */
	assert_int_equal(rig_leave(&rig, 1, 1001), TROUPE_OK);
	sim_run(rig.sim, 300);
	assert_int_equal(rig_status(&rig, "avatars") + rig_status_of(&rig, M2, "avatars"), 3);
}

/* walk_over: avatar 1 goes where another owner has it. */
static void walk_over(void)
{
	static const double to[3][2] = { { 30, -30 }, { 30, 30 }, { -30, 30 } };

	for (int goal = 0; goal < 3 && rig.moved == 0; goal++) {
		walk(1, (uint64_t)goal + 1, to[goal][0], to[goal][1]);
		for (int i = 0; i < 300 && rig.moved == 0; i++) {
			sim_run(rig.sim, 100);
		}
	}
	assert_int_equal(rig.moved, 1);
	rig.at[1] = rig.moved_to;
}

/* A reward that the item store has not answered goes with its avatar: the new owner asks under the same key, and the player
 * hears of it once. */
static void test_reward_follows(void **state)
{
	(void)state;
	begin(TWO);
	enter_all();
	rig.store_down = 1;
	assert_int_equal(rig_act(&rig, 1, "win", 0), TROUPE_OK);
	walk_over();
	assert_int_equal(rig_act(&rig, 1, "count", 0), TROUPE_OK);
	assert_string_equal(rig.text, "n1");
	rig.store_down = 0;
	sim_run(rig.sim, 5000);
	rig_act(&rig, 1, "count", 0);
	assert_string_equal(rig.text, "n102");
	assert_int_equal(rig.grants_other, 0);
}

/* A store that has too much to do is asked again: nothing is lost, and it is not told as refused. */
static void test_reward_busy(void **state)
{
	(void)state;
	begin(RIG_ONE);
	enter_all();
	rig.store_busy = 1;
	assert_int_equal(rig_act(&rig, 1, "win", 0), TROUPE_OK);
	sim_run(rig.sim, 3000);
	assert_true(rig.grants > 1);
	rig.store_busy = 0;
	sim_run(rig.sim, 3000);
	rig_act(&rig, 1, "count", 0);
	assert_string_equal(rig.text, "n101");
	assert_int_equal(rig.grants_other, 0);
}

/* power_again: all die at once, the world is taken up, and avatar 1 is played again. */
static void power_again(void)
{
	sim_power(rig.sim);
	rig_runs(&rig);
	sim_run(rig.sim, 4000);
	memset(rig.at, 0, sizeof(rig.at));
	assert_int_equal(rig_enter(&rig, 1, "Ann", 0, 0, 1), TROUPE_OK);
}

/* And it is in the checkpoint: nobody forgets it, whenever all die. */
static void test_reward_lasts(void **state)
{
	(void)state;
	begin(TWO);
	enter_all();
	rig.store_down = 1;
	assert_int_equal(rig_act(&rig, 1, "win", 0), TROUPE_OK);
	sim_run(rig.sim, 4000); /* the tick of it is in no journal any more */
	rig.grants = 0;
	power_again();
	assert_true(rig.grants > 0);
	rig.store_down = 0;
	sim_run(rig.sim, 2000);
	assert_int_equal(rig_act(&rig, 1, "count", 0), TROUPE_OK);
	assert_string_equal(rig.text, "n101");
	assert_int_equal(rig.grants_other, 0);
	power_again(); /* and whatever is run again, it counts once */
	assert_int_equal(rig_act(&rig, 1, "count", 0), TROUPE_OK);
	assert_string_equal(rig.text, "n102");
}

/* in_again: until the world runs and avatar 1 is played again. */
static void in_again(void)
{
	int in = 0;

	for (int i = 0; i < 100 && !in; i++) {
		sim_run(rig.sim, 100);
		memset(rig.at, 0, sizeof(rig.at));
		in = rig_enter(&rig, 1, "Ann", 0, 0, 1) == TROUPE_OK;
	}
	assert_true(in);
}

/* sure: asked again and again; what it says is in rig.text. A world that gets its other owner back is restored once more. */
static void sure(const char *action, uint64_t key)
{
	for (int i = 0; i < 10 && rig_act_key(&rig, 1, action, key) != TROUPE_OK; i++) {
		assert_true(rig.status == TROUPE_UNAVAILABLE || rig.status == TROUPE_DEADLINE_EXCEEDED ||
			    strcmp(rig.reason, "world.not_here") == 0);
		in_again();
	}
	assert_int_equal(rig.status, TROUPE_OK);
}

/* An owner dies at whatever moment after it was asked for an act: asked again under the same key it is done, once, and answered as
 * it was or would have been. In some cases its tick was durable and nobody told: then it was done already. */
static void test_asked_again(void **state)
{
	int done = 0, untold = 0;

	(void)state;
	begin(TWO);
	enter_all();
	sim_faults(rig.sim, &(struct sim_faults){ .late = 300000, .late_us = 20000, .restart_us = 500000 });
	for (uint64_t key = 1; key <= 40; key++) {
		char text[16];
		int told;

		rig_act_send(&rig, 1, "count", key);
		sim_run(rig.sim, key * 3);
		told = rig.answered && rig.status == TROUPE_OK;
		sim_crash(rig.sim, rig_at(&rig, 1) == id_of(M2) ? M2 : RIG_NAME);
		in_again();
		sure("read", 0);
		assert_true(atoi(rig.text + 1) == done + 1 || (!told && atoi(rig.text + 1) == done));
		untold += !told && atoi(rig.text + 1) == done + 1;
		snprintf(text, sizeof(text), "n%d", ++done);
		for (int i = 0; i < 2; i++) {
			sure("count", key);
			assert_string_equal(rig.text, text);
		}
		sure("read", 0);
		assert_string_equal(rig.text, text);
	}
	print_message("%d of 40 acts were done and not told\n", untold);
	assert_true(untold > 0);
}

/* A key goes where its avatar goes, and through the death of all. */
static void test_key_follows(void **state)
{
	(void)state;
	begin(TWO);
	enter_all();
	assert_int_equal(rig_act_key(&rig, 1, "count", 77), TROUPE_OK);
	walk_over();
	assert_int_equal(rig_act_key(&rig, 1, "count", 77), TROUPE_OK);
	assert_string_equal(rig.text, "n1");
	sim_run(rig.sim, 4000); /* the tick of it is in no journal any more */
	power_again();
	assert_int_equal(rig_act_key(&rig, 1, "count", 77), TROUPE_OK);
	assert_string_equal(rig.text, "n1");
	assert_int_equal(rig_act_key(&rig, 1, "count", 78), TROUPE_OK);
	assert_string_equal(rig.text, "n2");
}

static void on_rival(void *instance, void *arg, const struct troupe_reply *reply, const World__EnterReply *body)
{
	int *answered = arg;

	(void)instance;
	if (reply->status == TROUPE_OK) {
		assert_int_equal(body->owner, 0);
		answered[0]++;
	} else {
		assert_int_equal(reply->status, TROUPE_UNAVAILABLE); /* to be asked again */
		assert_string_equal(reply->reason, "world.busy");
		answered[1]++;
	}
}

/* Two sessions of one player reach two owners at once: one lets the avatar in, and it is there once. */
static void test_rivals(void **state)
{
	static const double at[4][2] = { { -30, -30 }, { 30, -30 }, { -30, 30 }, { 30, 30 } };
	int other = 1, answered[2] = { 0 };

	(void)state;
	begin(TWO);
	enter_all();
	while (rig_at(&rig, (uint64_t)other + 1) == rig_at(&rig, 1)) {
		other++;
	}
	for (int i = 0; i < 2; i++) {
		World__EnterRequest request = WORLD__ENTER_REQUEST__INIT;
		struct proto_to to = { .instance = rig_at(&rig, i == 0 ? 1 : (uint64_t)other + 1),
				       .account = 9, .actor = 9, .session = 71 + (uint64_t)i };

		request.has_avatar = request.has_x = request.has_y = request.has_epoch = 1;
		request.avatar = 9;
		request.name = (char *)"Eve";
		request.x = at[i == 0 ? 0 : other][0];
		request.y = at[i == 0 ? 0 : other][1];
		request.epoch = 8 - (uint64_t)i;
		world_enter(rig.fe, &request, &to, on_rival, answered);
	}
	sim_run(rig.sim, 300);
	assert_int_equal(answered[0], 1);
	assert_int_equal(answered[1], 1);
	assert_int_equal(rig_status(&rig, "avatars") + rig_status_of(&rig, M2, "avatars"), 5);
	rig.at[9] = rig_at(&rig, 1); /* the later session has won, and it plays */
	rig.account = 9;
	assert_int_equal(rig_enter_as(&rig, 9, 73, 7), TROUPE_ABORTED);
	assert_string_equal(rig.reason, "world.newer_session");
	assert_int_equal(rig_enter_as(&rig, 9, 74, 9), TROUPE_OK);
	assert_true(rig.x == -30 && rig.y == -30);
}

/* say_bad: what makes no sense, in the name of the second owner, for a stage that is still to come. */
static void say_bad(uint64_t ahead)
{
	const struct troupe_host *h = *(const struct troupe_host *const *)sim_instance(rig.sim, M2); /* of an instance it comes first */
	Region__Exchange exchange = REGION__EXCHANGE__INIT;
	Region__Place nobody = REGION__PLACE__INIT, *places = &nobody;
	struct proto_to to = { .instance = id_of(RIG_NAME) };

	exchange.has_epoch = exchange.has_tick = exchange.has_stage = exchange.has_part = 1;
	exchange.epoch = (uint64_t)rig_status(&rig, "epoch");
	exchange.tick = (uint64_t)rig_status(&rig, "tick") + ahead;
	exchange.stage = 3;
	exchange.part = 7;
	exchange.n_places = 1;
	exchange.places = &places;
	region_exchange(h, &exchange, &to);
}

/* An exchange that is refused ends its tick at once, not with the lease: the world is restored, and nobody is taken for dead. */
static void test_bad_exchange(void **state)
{
	uint64_t began, tick;
	long restores;

	(void)state;
	rig_open(&rig, "size = 128, region = 64, checkpoint = \"1s\", lease = \"20s\"", TWO, SCRIPT);
	sim_run(rig.sim, 3000);
	enter_all();
	rig_act(&rig, 3, "count", 0);
	restores = rig_status(&rig, "epoch");
	say_bad(5);
	began = sim_now_us(rig.sim);
	for (int i = 0; i < 100 && rig_status(&rig, "epoch") == restores; i++) {
		sim_run(rig.sim, 50);
	}
	rig_runs(&rig);
	assert_true(sim_now_us(rig.sim) - began < 3000000u);
	assert_true(rig_status(&rig, "epoch") > restores);
	assert_true(sim_logged(rig.sim, "m2 says of stage 3"));
	tick = (uint64_t)rig_status(&rig, "tick");
	sim_run(rig.sim, 1000);
	assert_true((uint64_t)rig_status(&rig, "tick") >= tick + 15);
	assert_true(rig_status(&rig, "regions") > 0 && rig_status_of(&rig, M2, "regions") > 0);
	assert_int_equal(rig_status(&rig, "avatars") + rig_status_of(&rig, M2, "avatars"), 4);
	memset(rig.at, 0, sizeof(rig.at));
	assert_int_equal(rig_enter(&rig, 3, "Ann", 0, 0, 1), TROUPE_OK);
	rig_act(&rig, 3, "count", 0);
	assert_string_equal(rig.text, "n2");
}

static void last_batch(void *arg, const struct troupe_db_value *value)
{
	if (memchr(value->key, '!', value->key_len) == NULL) {
		snprintf(arg, 128, "%.*s", (int)value->key_len, (const char *)value->key);
	}
}

static void on_put(void *instance, void *arg, const struct troupe_db_result *result)
{
	(void)instance;
	(void)arg;
	assert_int_equal(result->status, TROUPE_OK);
}

/* A batch of the journal that is none ends the restore: better no world than one without what its players were told. */
static void test_bad_journal(void **state)
{
	const struct troupe_host *h;
	char key[128] = "";
	struct troupe_db_op op = { .kind = TROUPE_DB_PUT, .key = key, .value = "\xff\xff", .value_len = 2 };
	struct troupe_db_commit commit = { .size = sizeof(commit), .ops = &op, .ops_len = 1, .on_done = on_put };

	(void)state;
	rig_open(&rig, "size = 128, region = 64, checkpoint = \"60s\", lease = \"1s\"", RIG_ONE, SCRIPT);
	assert_int_equal(rig_enter(&rig, 1, "Ann", 0, 0, 1), TROUPE_OK);
	rig_act(&rig, 1, "count", 0);
	sim_db_each(rig.sim, "meadow", "world/j/", last_batch, key);
	assert_true(key[0] != '\0');
	op.key_len = (uint32_t)strlen(key);
	h = *(const struct troupe_host *const *)sim_instance(rig.sim, RIG_NAME);
	assert_int_equal(h->db_find(h, "meadow", &commit.db), TROUPE_OK);
	h->db_commit(h, &commit);
	sim_run(rig.sim, 10);
	sim_power(rig.sim);
	sim_run(rig.sim, 5000);
	assert_true(sim_logged(rig.sim, "in the database cannot be read"));
	rig_status(&rig, "tick");
	assert_null(strstr(rig.text, "\"world\":\"running\""));
}

static void on_pass(void *instance, void *arg, const struct troupe_reply *reply, const Region__PassReply *body)
{
	(void)instance;
	(void)body;
	assert_int_equal(reply->status, TROUPE_INVALID_ARGUMENT);
	assert_string_equal(reply->reason, "world.bad_pass");
	++*(int *)arg;
}

/* pass: in the name of the second owner. */
static void pass(uint32_t method, const void *bytes, size_t len, int *refused)
{
	const struct troupe_host *h = *(const struct troupe_host *const *)sim_instance(rig.sim, M2);
	Region__PassRequest request = REGION__PASS_REQUEST__INIT;
	struct proto_to to = { .instance = id_of(RIG_NAME) };

	request.has_method = request.has_body = request.has_account = request.has_actor = request.has_session = 1;
	request.method = method;
	request.body.data = (uint8_t *)(uintptr_t)bytes;
	request.body.len = len;
	request.account = request.actor = 1;
	request.session = 1001;
	region_pass(h, &request, &to, on_pass, refused);
}

/* What is passed on and makes no sense is refused, at once or when the tick is told; and nobody is let in through another owner. */
static void test_bad_pass(void **state)
{
	World__EnterRequest enter = WORLD__ENTER_REQUEST__INIT;
	uint8_t bytes[64];
	int refused = 0;

	(void)state;
	begin(TWO);
	enter_all();
	enter.has_avatar = enter.has_epoch = 1;
	enter.avatar = 9;
	enter.name = (char *)(uintptr_t)"Bob";
	enter.epoch = 1;
	pass(WORLD_ENTER_ID, bytes, world__enter_request__pack(&enter, bytes), &refused);
	pass(WORLD_CHAT_ID, "\xff\xff", 2, &refused);
	pass(12345, "", 0, &refused);
	sim_run(rig.sim, 500);
	assert_int_equal(refused, 3);
	sim_freeze(rig.sim, M2, 300);
	sim_run(rig.sim, 100);
	pass(WORLD_LOOK_ID, "\xff\xff", 2, &refused);
	sim_run(rig.sim, 1000);
	assert_int_equal(refused, 4);
	assert_int_equal(rig_status(&rig, "avatars") + rig_status_of(&rig, M2, "avatars"), 4);
}

static void test_owner_dies(void **state)
{
	double x, y;

	(void)state;
	begin(TWO);
	enter_all();
	for (uint64_t i = 1; i <= 4; i++) {
		for (uint64_t n = 0; n < i; n++) {
			assert_int_equal(rig_act(&rig, i, "count", 0), TROUPE_OK);
		}
		walk(i, 1, rig.x, rig.y);
	}
	sim_run(rig.sim, 1500);
	rig_look(&rig, 4);
	x = rig.x;
	y = rig.y;
	sim_faults(rig.sim, &(struct sim_faults){ .restart_us = 600000000 });
	sim_crash(rig.sim, rig_at(&rig, 4) == id_of(M2) ? M2 : RIG_NAME);
	for (int i = 0; i < 100 && rig.reentered < 4; i++) {
		sim_run(rig.sim, 100);
	}
	assert_int_equal(rig.reentered, 4); /* all of them: the world was taken up anew */
	for (uint64_t i = 1; i <= 4; i++) {
		char text[8];

		assert_int_equal(rig_enter(&rig, i, "Ann", 0, 0, 1), TROUPE_OK); /* where it is, not where it was loaded */
		assert_int_equal(rig_act(&rig, i, "count", 0), TROUPE_OK);
		snprintf(text, sizeof(text), "n%d", (int)i + 1);
		assert_string_equal(rig.text, text); /* nothing that was answered is lost */
	}
	rig_look(&rig, 4);
	assert_true(rig.x == x && rig.y == y);
}

static void test_power(void **state)
{
	(void)state;
	begin(TWO);
	enter_all();
	rig_act(&rig, 3, "count", 0);
	sim_run(rig.sim, 2000);
	for (int i = 0; i < 5; i++) {
		rig_act(&rig, 3, "count", 0);
	}
	assert_string_equal(rig.text, "n6");
	sim_power(rig.sim);
	rig_runs(&rig);
	sim_run(rig.sim, 5000);
	memset(rig.at, 0, sizeof(rig.at));
	assert_int_equal(rig_status(&rig, "avatars") + rig_status_of(&rig, M2, "avatars"), 4);
	assert_int_equal(rig_enter(&rig, 3, "Ann", 0, 0, 1), TROUPE_OK);
	assert_true(rig.x == -30 && rig.y == 30);
	assert_int_equal(rig_act(&rig, 3, "count", 0), TROUPE_OK);
	assert_string_equal(rig.text, "n7");
}

static void on_command(void *instance, void *arg, const struct troupe_reply *reply, troupe_any_fn typed)
{
	(void)instance;
	(void)arg;
	(void)typed;
	assert_int_equal(reply->status, TROUPE_OK);
	rig.answered = 1;
}

/* While the world stands nothing is taken that would be lost, and players are told. */
static void test_paused(void **state)
{
	const char *reason = "a look around";

	(void)state;
	begin(RIG_ONE);
	rig_enter(&rig, 1, "Ann", 1, 1, 1);
	sim_run(rig.sim, 200);
	rig.heard_len = 0;
	sim_faults(rig.sim, &(struct sim_faults){ .restart_us = 8000000 });
	sim_crash(rig.sim, "meadow/scheduler.s1");
	sim_run(rig.sim, 6500);
	assert_int_equal(rig_move(&rig, 1, 1, 5, 5), TROUPE_UNAVAILABLE);
	assert_string_equal(rig.reason, "world.paused");
	assert_int_equal(rig_act(&rig, 1, "count", 0), TROUPE_UNAVAILABLE);
	assert_string_equal(rig.reason, "world.paused");
	assert_int_equal(rig_enter(&rig, 2, "Bob", 1, 1, 1), TROUPE_UNAVAILABLE);
	assert_int_equal(rig_lines(&rig, 32, "world.paused"), 1);
	sim_run(rig.sim, 8000);
	assert_int_equal(rig_enter(&rig, 1, "Ann", 0, 0, 1), TROUPE_OK);
	assert_int_equal(rig_move(&rig, 1, 1, 5, 5), TROUPE_OK);
	rig_act(&rig, 1, "count", 0);
	assert_string_equal(rig.text, "n1"); /* what was refused has not waited */
	/* and while an operator has it stand */
	rig.answered = 0;
	sim_command(rig.sim, "meadow/scheduler.s1", "world pause", &reason, on_command, NULL);
	assert_true(sim_run_until(rig.sim, &rig.answered, 6000));
	sim_run(rig.sim, 200);
	assert_int_equal(rig_act(&rig, 1, "count", 0), TROUPE_UNAVAILABLE);
	assert_string_equal(rig.reason, "world.paused");
	rig.answered = 0;
	sim_command(rig.sim, "meadow/scheduler.s1", "world resume", NULL, on_command, NULL);
	assert_true(sim_run_until(rig.sim, &rig.answered, 6000));
	sim_run(rig.sim, 300);
	rig_act(&rig, 1, "count", 0);
	assert_string_equal(rig.text, "n2");
}

/* One that drains gives its regions away, with all that is in them, and its players hardly notice. */
static void test_drains(void **state)
{
	(void)state;
	begin(TWO);
	enter_all();
	rig_act(&rig, 4, "count", 0);
	sim_drain(rig.sim, M2);
	for (int i = 0; i < 50 && rig.moved < 2; i++) {
		sim_run(rig.sim, 100);
	}
	assert_int_equal(rig.moved, 2);
	assert_int_equal(rig.reentered, 0);
	assert_int_equal(rig_status(&rig, "regions"), 4);
	assert_int_equal(rig_status(&rig, "avatars"), 4);
	for (uint64_t i = 1; i <= 4; i++) {
		rig.at[i] = id_of(RIG_NAME);
		assert_int_equal(rig_look(&rig, i), TROUPE_OK);
	}
	rig_act(&rig, 4, "count", 0);
	assert_string_equal(rig.text, "n2");
}

/* An owner that slept past the lease: the others took its regions, and it holds nothing when it wakes. */
static void test_sleeps(void **state)
{
	(void)state;
	begin(TWO);
	enter_all();
	sim_freeze(rig.sim, M2, 6000);
	sim_run(rig.sim, 4000);
	assert_int_equal(rig_status(&rig, "regions"), 4);
	assert_int_equal(rig_status(&rig, "avatars"), 4);
	for (uint64_t i = 1; i <= 4; i++) {
		assert_int_equal(rig_enter(&rig, i, "Ann", 0, 0, 1), TROUPE_OK);
	}
	assert_int_equal(rig_act(&rig, 2, "count", 0), TROUPE_OK);
	sim_run(rig.sim, 6000);
	assert_int_equal(rig_status(&rig, "regions") + rig_status_of(&rig, M2, "regions"), 4);
	assert_int_equal(rig_status(&rig, "avatars") + rig_status_of(&rig, M2, "avatars"), 4);
	assert_int_equal(rig_enter(&rig, 2, "Ann", 0, 0, 1), TROUPE_OK);
	rig_act(&rig, 2, "count", 0);
	assert_string_equal(rig.text, "n2");
}

/* Without its database the world stands; nobody hears of what is not durable. */
static void test_database_down(void **state)
{
	(void)state;
	begin(RIG_ONE);
	rig_enter(&rig, 1, "Ann", 1, 1, 1);
	rig_act(&rig, 1, "count", 0);
	sim_db_down(rig.sim, "meadow", 1);
	sim_run(rig.sim, 300);
	assert_int_not_equal(rig_act(&rig, 1, "count", 0), TROUPE_OK);
	sim_db_down(rig.sim, "meadow", 0);
	rig_runs(&rig);
	sim_run(rig.sim, 3000);
	rig_enter(&rig, 1, "Ann", 0, 0, 1);
	assert_int_equal(rig_act(&rig, 1, "count", 0), TROUPE_OK);
	assert_true(strcmp(rig.text, "n2") == 0 || strcmp(rig.text, "n3") == 0);
}

static void on_prepared(void *instance, void *arg, const struct troupe_reply *reply, const Region__PrepareReply *body)
{
	(void)instance;
	(void)body;
	*(int32_t *)arg = reply->status;
}

/* Rules are read again while the database does not answer: UNAVAILABLE would say that their owner is gone. */
static void test_rules_and_no_database(void **state)
{
	static const uint8_t digest[WORLD_DIGEST_SIZE];
	Region__PrepareRequest request = REGION__PREPARE_REQUEST__INIT;
	struct proto_to to = { .instance = id_of(M2), .timeout_ms = 30000 };
	const struct troupe_host *h;
	int32_t status = -1;

	(void)state;
	begin(TWO);
	h = sim_actor(rig.sim, "meadow/scheduler.x", "shard:meadow", &rig, NULL);
	request.has_rules = request.has_generation = 1;
	request.rules.data = (uint8_t *)digest;
	request.rules.len = sizeof(digest);
	request.generation = 7;
	sim_db_down(rig.sim, "meadow", 1);
	region_prepare(h, &request, &to, on_prepared, &status);
	sim_run(rig.sim, 500);
	assert_int_equal(status, -1);
	sim_db_down(rig.sim, "meadow", 0);
	sim_run(rig.sim, 500);
	assert_int_equal(status, TROUPE_NOT_FOUND); /* no such rules */
}

/* Whatever dies and whatever is late: each avatar is there once, and has what its player was told that it has. */
static void one_story(uint64_t seed)
{
	static const struct sim_faults faults = { .late = 20000, .late_us = 200000, .commit_slow = 20000, .commit_unknown = 2000,
						  .crash = 400, .restart_us = 2000000 };
	int told[4] = { 0 }, unknown[4] = { 0 };

	rig_open_seed(&rig, WORLD, TWO, SCRIPT, seed);
	sim_run(rig.sim, 3000);
	enter_all();
	sim_faults(rig.sim, &faults);
	for (int round = 0; round < 150; round++) {
		uint64_t i = sim_random(rig.sim) % 4;

		if (rig_act(&rig, i + 1, "count", 0) == TROUPE_OK) {
			assert_true(atoi(rig.text + 1) > told[i] && atoi(rig.text + 1) <= told[i] + unknown[i] + 1);
			told[i] = atoi(rig.text + 1);
			unknown[i] = 0;
		} else {
			unknown[i]++;
			sim_run(rig.sim, 200);
			rig_enter(&rig, i + 1, "Ann", 0, 0, 1);
		}
		sim_run(rig.sim, sim_random(rig.sim) % 100);
	}
	sim_faults(rig.sim, NULL);
	sim_run(rig.sim, 20000);
	rig_runs(&rig);
	assert_int_equal(rig_status(&rig, "regions") + rig_status_of(&rig, M2, "regions"), 4);
	assert_int_equal(rig_status(&rig, "avatars") + rig_status_of(&rig, M2, "avatars"), 4);
	for (uint64_t i = 0; i < 4; i++) {
		assert_int_equal(rig_enter(&rig, i + 1, "Ann", 0, 0, 1), TROUPE_OK);
		assert_int_equal(rig_act(&rig, i + 1, "count", 0), TROUPE_OK);
		assert_true(atoi(rig.text + 1) > told[i] && atoi(rig.text + 1) <= told[i] + unknown[i] + 1);
	}
}

static void test_stories(void **state)
{
	const char *seeds = getenv("SEEDS"), *first = getenv("SEED");
	uint64_t from = first != NULL ? strtoull(first, NULL, 10) : 1, len = seeds != NULL ? strtoull(seeds, NULL, 10) : 10;

	(void)state;
	for (uint64_t seed = from; seed < from + len; seed++) {
		print_message("seed %llu\n", (unsigned long long)seed);
		one_story(seed);
		if (seed + 1 < from + len) {
			rig_close(&rig);
		}
	}
}

int main(void)
{
#define CASE(name) cmocka_unit_test_teardown(name, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_shared), CASE(test_between), CASE(test_bad_journal), CASE(test_bad_pass), CASE(test_crossing), CASE(test_rivals), CASE(test_bad_exchange), CASE(test_reward_follows), CASE(test_reward_busy), CASE(test_reward_lasts),
		CASE(test_asked_again), CASE(test_key_follows), CASE(test_owner_dies),
		CASE(test_power),  CASE(test_paused),	CASE(test_drains),
		CASE(test_sleeps), CASE(test_database_down), CASE(test_rules_and_no_database), CASE(test_stories),
	};

	return cmocka_run_group_tests_name("mechanics owners", tests, NULL, NULL);
}
