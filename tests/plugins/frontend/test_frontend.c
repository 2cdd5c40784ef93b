/* SPDX-License-Identifier: MIT */
/* The front-end role alone in a simulated host: account, master, item store and mechanics are played by the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "account.stub.h"
#include "avatar.stub.h"
#include "client.pb-c.h"
#include "frontend.stub.h"
#include "master.stub.h"
#include "plugins/lib/player.h"
#include "secret/secret.h"
#include "world.stub.h"

static const char text[] =
	"cluster \"t\" { }\n"
	"part \"shard:meadow\"\n"
	"frontend \"fe1\" { listen = \"tcp://127.0.0.1:0\", max_clients = 40,\n"
	"	limits = { rate = 60, in_flight = 3, out_max = \"64kb\" } }\n";

static const char fe_name[] = "meadow/frontend.fe1";

struct world {
	struct config *config;
	struct sim *sim;
	const struct troupe_host *account, *master, *store, *mechanics;
	uint64_t epoch, session, silent_calls, account_seen;
	uint32_t kept, lost, stale, not_here;
	uint32_t registered, present, cleared, entered, left, kicked, draining;
	uint64_t actor, seen_account;
	int hold; /* mechanics does not answer looks */
	uint64_t owner; /* mechanics names it in place of letting anybody in */
	uint32_t refused; /* so often */
	uint32_t gone;	  /* so often it says that the avatar has gone elsewhere meanwhile */
	uint32_t paused;  /* so often it does not say what has become of it */
	uint64_t held; /* a look that was not answered */
	int answered;
};

static void on_redeem(void *instance, const struct troupe_request *request, const Account__RedeemRequest *body)
{
	struct world *w = instance;
	Account__RedeemReply reply = ACCOUNT__REDEEM_REPLY__INIT;

	static uint8_t token[32] = { 0xAA };

	if (body->has_resume && (body->resume.data[0] != 0xAA || strcmp(body->shard, "meadow") != 0)) {
		proto_refuse(w->account, request->id, TROUPE_NOT_FOUND, "account.resume_unknown");
		return;
	}
	reply.has_resume = reply.has_resume_ms = 1;
	reply.resume.data = token;
	reply.resume.len = sizeof(token);
	reply.resume_ms = 600000;
	if (body->has_resume) {
		reply.has_account = reply.has_epoch = 1;
		reply.account = body->account;
		reply.epoch = ++w->epoch;
		account_redeem_reply(w->account, request->id, &reply);
		return;
	}
	if (body->ticket.data[0] == 0xFF) {
		proto_refuse(w->account, request->id, TROUPE_PERMISSION_DENIED, "account.ticket_used");
		return;
	}
	reply.has_account = reply.has_epoch = 1;
	reply.account = body->ticket.data[0];
	reply.epoch = ++w->epoch;
	account_redeem_reply(w->account, request->id, &reply);
}

static void on_keep(void *instance, const struct troupe_request *request, const Account__KeepRequest *body)
{
	struct world *w = instance;
	static const Account__KeepReply reply = ACCOUNT__KEEP_REPLY__INIT;

	w->kept++;
	w->account_seen = body->account;
	if (w->stale) {
		proto_refuse(w->account, request->id, TROUPE_FAILED_PRECONDITION, "account.stale");
	} else {
		account_keep_reply(w->account, request->id, &reply);
	}
}

static const struct troupe_method account_methods[] = { ACCOUNT_REDEEM(on_redeem), ACCOUNT_KEEP(on_keep), { 0 } };

static void on_register(void *instance, const struct troupe_request *request, const Master__Register *body)
{
	struct world *w = instance;

	(void)request;
	assert_string_equal(body->shard, "meadow");
	w->registered++;
	w->draining = body->draining;
}

static void on_set(void *instance, const struct troupe_request *request, const Master__PresenceSet *body)
{
	(void)request;
	(void)body;
	((struct world *)instance)->present++;
}

static void on_clear(void *instance, const struct troupe_request *request, const Master__PresenceClear *body)
{
	(void)request;
	(void)body;
	((struct world *)instance)->cleared++;
}

static const struct troupe_method master_methods[] = { MASTER_REGISTER(on_register), MASTER_PRESENCE_SET(on_set),
						       MASTER_PRESENCE_CLEAR(on_clear), { 0 } };

static void on_load(void *instance, const struct troupe_request *request, const Avatar__LoadRequest *body)
{
	struct world *w = instance;
	Avatar__LoadReply reply = AVATAR__LOAD_REPLY__INIT;
	Avatar__Avatar avatar = AVATAR__AVATAR__INIT;

	if (body->avatar == 404) {
		proto_refuse(w->store, request->id, TROUPE_NOT_FOUND, "avatar.unknown");
		return;
	}
	avatar.name = "Ann";
	avatar.has_x = 1;
	avatar.x = 7;
	avatar.has_state = 1;
	avatar.state.data = (uint8_t *)"bag";
	avatar.state.len = 3;
	reply.avatar = &avatar;
	avatar_load_reply(w->store, request->id, &reply);
}

static void on_list(void *instance, const struct troupe_request *request, const Avatar__ListRequest *body)
{
	struct world *w = instance;
	Avatar__ListReply reply = AVATAR__LIST_REPLY__INIT;

	(void)body;
	w->seen_account = request->account;
	reply.has_slots = 1;
	reply.slots = 5;
	avatar_list_reply(w->store, request->id, &reply);
}

static const struct troupe_method store_methods[] = { AVATAR_LOAD(on_load), AVATAR_LIST(on_list), { 0 } };

static void on_enter(void *instance, const struct troupe_request *request, const World__EnterRequest *body)
{
	struct world *w = instance;
	World__EnterReply reply = WORLD__ENTER_REPLY__INIT;

	assert_true(request->actor == body->avatar);
	assert_int_equal(body->state.len, 3);
	assert_memory_equal(body->state.data, "bag", 3);
	if (w->owner != 0) {
		w->refused++;
		reply.has_owner = 1;
		reply.owner = w->owner;
		world_enter_reply(w->mechanics, request->id, &reply);
		return;
	}
	if (w->gone > 0) {
		w->gone--;
		proto_refuse(w->mechanics, request->id, TROUPE_ABORTED, "world.not_here");
		return;
	}
	if (w->paused > 0) {
		w->paused--;
		proto_refuse(w->mechanics, request->id, TROUPE_UNAVAILABLE, "world.paused");
		return;
	}
	w->entered++;
	w->session = request->session;
	reply.has_x = reply.has_tick_ms = 1;
	reply.x = body->x;
	reply.tick_ms = 50;
	world_enter_reply(w->mechanics, request->id, &reply);
}

static void on_leave(void *instance, const struct troupe_request *request, const World__LeaveRequest *body)
{
	struct world *w = instance;
	World__LeaveReply reply = WORLD__LEAVE_REPLY__INIT;

	w->left++;
	w->lost += body->lost;
	world_leave_reply(w->mechanics, request->id, &reply);
}

static void on_look(void *instance, const struct troupe_request *request, const World__LookRequest *body)
{
	struct world *w = instance;
	World__LookReply reply = WORLD__LOOK_REPLY__INIT;

	(void)body;
	w->actor = request->actor;
	if (w->not_here) {
		proto_refuse(w->mechanics, request->id, TROUPE_FAILED_PRECONDITION, "world.not_here");
		return;
	}
	if (w->hold) {
		w->silent_calls++;
		w->held = request->id;
		return;
	}
	reply.has_tick = 1;
	reply.tick = 77;
	world_look_reply(w->mechanics, request->id, &reply);
}

static void on_echo(void *instance, const struct troupe_request *request, const World__EchoRequest *body)
{
	struct world *w = instance;
	World__EchoReply reply = WORLD__ECHO_REPLY__INIT;

	reply.has_body = 1;
	reply.body = body->body;
	world_echo_reply(w->mechanics, request->id, &reply);
}

static void on_act(void *instance, const struct troupe_request *request, const World__ActRequest *body)
{
	struct world *w = instance;

	(void)body;
	proto_refuse(w->mechanics, request->id, TROUPE_FAILED_PRECONDITION, "world.too_far");
}

static const struct troupe_method mechanics_methods[] = { WORLD_ENTER(on_enter), WORLD_LEAVE(on_leave),
							   WORLD_LOOK(on_look),	  WORLD_ECHO(on_echo),
							   WORLD_ACT(on_act),	  { 0 } };

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

static int setup(void **state)
{
	static struct world w;

	memset(&w, 0, sizeof(w));
	assert_int_equal(secret_init(), 0);
	w.config = sim_config(text, NULL);
	assert_non_null(w.config);
	w.sim = sim_open(w.config, 1);
	w.account = sim_actor(w.sim, "base/account", "base", &w, account_methods);
	w.master = sim_actor(w.sim, "base/master", "base", &w, master_methods);
	w.store = sim_actor(w.sim, "meadow/itemstore", "shard:meadow", &w, store_methods);
	w.mechanics = sim_actor(w.sim, "meadow/mechanics.m1", "shard:meadow", &w, mechanics_methods);
	sim_run(w.sim, 10);
	assert_true(sim_ready(w.sim, fe_name));
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

static void send_ticket(struct player *p, uint8_t account)
{
	Client__Enter enter = CLIENT__ENTER__INIT;
	uint8_t ticket[32] = { account };

	enter.has_ticket = 1;
	enter.ticket.data = ticket;
	enter.ticket.len = sizeof(ticket);
	player_send(p, WIRE_ENTER, 2, &enter.base);
}

static void entered(struct player *p, struct world *w, uint8_t account)
{
	const Client__EnterOk *ok;

	player_hello(p, w->sim, fe_name, "10.0.0.1:1");
	send_ticket(p, account);
	ok = (const Client__EnterOk *)player_expect(p, WIRE_ENTER_OK, &client__enter_ok__descriptor, 2);
	assert_int_equal(ok->account, account);
	assert_string_equal(ok->shard, "meadow");
	assert_true(ok->session != 0);
}

static void send_select(struct player *p, uint64_t avatar)
{
	Client__AvatarSelect message = CLIENT__AVATAR_SELECT__INIT;

	message.has_avatar = 1;
	message.avatar = avatar;
	player_send(p, WIRE_AVATAR_SELECT, 3, &message.base);
}

/* in_world: returns the session as mechanics got it. */
static uint64_t in_world(struct player *p, struct world *w, uint8_t account)
{
	const Client__AvatarSelected *selected;

	entered(p, w, account);
	send_select(p, account + 100u);
	selected = (const Client__AvatarSelected *)player_expect(p, WIRE_AVATAR_SELECTED,
								 &client__avatar_selected__descriptor, 3);
	assert_string_equal(selected->name, "Ann");
	assert_true(selected->x == 7 && selected->tick_ms == 50);
	return w->session;
}

/* --- the way in ----------------------------------------------------------------------------------- */

static void test_enter_and_forward(void **state)
{
	struct world *w = *state;
	struct player p;
	const World__LookReply *look;

	in_world(&p, w, 1);
	assert_int_equal(w->present, 1);
	player_send_bytes(&p, 40, 7, NULL, 0);
	look = (const World__LookReply *)player_expect(&p, 41, &world__look_reply__descriptor, 7);
	assert_int_equal(look->tick, 77);
	assert_int_equal(w->actor, 101);
	player_send_bytes(&p, 24, 8, NULL, 0);
	player_expect(&p, 29, &avatar__list_reply__descriptor, 8);
	assert_int_equal(w->seen_account, 1);
	player_send_bytes(&p, 45, 9, NULL, 0);
	player_expect_error(&p, 45, 9, "world.too_far");
	sim_hangup(w->sim, p.conn);
	sim_run(w->sim, 100);
	assert_int_equal(w->left, 1);
	assert_int_equal(w->lost, 1);
	assert_int_equal(w->cleared, 1);
	player_done(&p);
}

static void test_large_bodies_pass(void **state)
{
	struct world *w = *state;
	struct player p;
	static uint8_t body[60000];
	World__EchoRequest request = WORLD__ECHO_REQUEST__INIT;
	const World__EchoReply *reply;
	static uint8_t packed[60100];

	in_world(&p, w, 1);
	for (size_t i = 0; i < sizeof(body); i++) {
		body[i] = (uint8_t)(i * 7);
	}
	request.has_body = 1;
	request.body.data = body;
	request.body.len = sizeof(body);
	player_send_bytes(&p, 47, 9, packed, world__echo_request__pack(&request, packed));
	reply = (const World__EchoReply *)player_expect(&p, 48, &world__echo_reply__descriptor, 9);
	assert_int_equal(reply->body.len, sizeof(body));
	assert_memory_equal(reply->body.data, body, sizeof(body));
	player_done(&p);
}

static void test_ticket_refused(void **state)
{
	struct world *w = *state;
	struct player p;

	player_hello(&p, w->sim, fe_name, "10.0.0.1:1");
	send_ticket(&p, 0xFF);
	player_expect_error(&p, WIRE_ENTER, 2, "account.ticket_used");
	player_expect_end(&p, "account.ticket_used", 0);
	player_done(&p);
	player_hello(&p, w->sim, fe_name, "10.0.0.1:1");
	player_send_bytes(&p, WIRE_ENTER, 2, NULL, 0);
	player_expect_error(&p, WIRE_ENTER, 2, "account.ticket_unknown");
	player_expect_end(&p, "account.ticket_unknown", 0);
	player_done(&p);
}

static void test_second_login_kicks_the_first(void **state)
{
	struct world *w = *state;
	struct player first, second;
	const Client__Kick *kick;

	in_world(&first, w, 1);
	entered(&second, w, 1);
	kick = (const Client__Kick *)player_expect(&first, WIRE_KICK, &client__kick__descriptor, 0);
	assert_string_equal(kick->reason, "client.other_login");
	player_expect_end(&first, "client.other_login", 0);
	assert_int_equal(w->left, 1);
	player_send_bytes(&second, 24, 8, NULL, 0);
	player_expect(&second, 29, &avatar__list_reply__descriptor, 8);
	player_done(&first);
	player_done(&second);
}

/* --- after a lost connection ---------------------------------------------------------------------- */

static void send_token(struct player *p, uint64_t account, uint8_t first, size_t len)
{
	Client__Enter enter = CLIENT__ENTER__INIT;
	uint8_t token[32] = { first };

	enter.has_account = enter.has_resume = 1;
	enter.account = account;
	enter.resume.data = token;
	enter.resume.len = len;
	player_send(p, WIRE_ENTER, 2, &enter.base);
}

static void test_resume(void **state)
{
	struct world *w = *state;
	struct player first, second;
	const Client__EnterOk *ok;

	in_world(&first, w, 1); /* half open: its end does not come through */
	player_hello(&second, w->sim, fe_name, "10.0.0.1:1");
	send_token(&second, 1, 0xAA, 32);
	ok = (const Client__EnterOk *)player_expect(&second, WIRE_ENTER_OK, &client__enter_ok__descriptor, 2);
	assert_int_equal(ok->account, 1);
	assert_int_equal(ok->resume.len, 32);
	assert_int_equal(ok->resume_ms, 450000);
	player_expect(&first, WIRE_KICK, &client__kick__descriptor, 0);
	assert_int_equal(w->left, 1);
	assert_int_equal(w->lost, 1); /* the avatar waits for it */
	send_select(&second, 101);
	player_expect(&second, WIRE_AVATAR_SELECTED, &client__avatar_selected__descriptor, 3);
	player_done(&first);
	player_done(&second);
	player_hello(&first, w->sim, fe_name, "10.0.0.1:1");
	send_token(&first, 1, 0xAB, 32);
	player_expect_error(&first, WIRE_ENTER, 2, "account.resume_unknown");
	player_expect_end(&first, "account.resume_unknown", 0);
	player_done(&first);
	player_hello(&first, w->sim, fe_name, "10.0.0.1:1");
	send_token(&first, 1, 0xAA, 31);
	player_expect_error(&first, WIRE_ENTER, 2, "account.resume_unknown");
	player_done(&first);
}

static void test_keeps(void **state)
{
	struct world *w = *state;
	struct player p;

	in_world(&p, w, 1);
	for (int i = 0; i < 16; i++) {
		sim_run(w->sim, 20000);
		player_send_bytes(&p, WIRE_PING, 1, NULL, 0);
		player_expect(&p, WIRE_PONG, &client__pong__descriptor, 1);
	}
	assert_in_range(w->kept, 2, 3); /* in 320 s, one each 150 s */
	assert_int_equal(w->account_seen, 1);
	w->stale = 1; /* a newer session has begun somewhere */
	for (int i = 0; i < 8 && w->kept < 4; i++) {
		player_send_bytes(&p, WIRE_PING, 0, NULL, 0);
		sim_run(w->sim, 20000);
	}
	while (player_next(&p, NULL, NULL, NULL, 0) == WIRE_PONG) {
	}
	sim_run(w->sim, 1100);
	assert_false(sim_conn_open(w->sim, p.conn));
	assert_int_equal(w->lost, 1);
	player_done(&p);
}

static void test_avatar_refused(void **state)
{
	struct world *w = *state;
	struct player p;

	entered(&p, w, 1);
	player_send_bytes(&p, 40, 7, NULL, 0);
	player_expect_error(&p, 40, 7, "client.not_in_world");
	send_select(&p, 404);
	player_expect_error(&p, WIRE_AVATAR_SELECT, 3, "avatar.unknown");
	send_select(&p, 101); /* and it may try again */
	player_expect(&p, WIRE_AVATAR_SELECTED, &client__avatar_selected__descriptor, 3);
	player_send_bytes(&p, WIRE_LEAVE_WORLD, 4, NULL, 0);
	player_expect(&p, WIRE_LEFT_WORLD, &client__left_world__descriptor, 4);
	assert_int_equal(w->left, 1);
	send_select(&p, 101);
	player_expect(&p, WIRE_AVATAR_SELECTED, &client__avatar_selected__descriptor, 3);
	player_done(&p);
}

static void test_gone_while_entering(void **state)
{
	struct world *w = *state;
	struct player p;

	entered(&p, w, 1);
	send_select(&p, 101);
	for (int i = 0; i < 10000 && w->entered == 0; i++) {
		sim_step(w->sim);
	}
	sim_hangup(w->sim, p.conn);
	sim_run(w->sim, 6000);
	assert_int_equal(w->entered, 1);
	assert_int_equal(w->left, 1);
	player_done(&p);
}

/* --- limits --------------------------------------------------------------------------------------- */

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
			player_connect(&p, w->sim, fe_name, "10.0.0.1:1");
		} else if (cases[i].stage == 1) {
			player_hello(&p, w->sim, fe_name, "10.0.0.1:1");
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

	player_connect(&no_hello, w->sim, fe_name, "10.0.0.1:1");
	player_hello(&no_ticket, w->sim, fe_name, "10.0.0.1:1");
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

/* --- fan-out -------------------------------------------------------------------------------------- */

static void batch_subscribe(struct world *w, uint64_t session, uint64_t channel, int add)
{
	Frontend__Batch batch = FRONTEND__BATCH__INIT;
	Frontend__Subscribe one = FRONTEND__SUBSCRIBE__INIT;
	Frontend__Subscribe *list[] = { &one };

	one.has_session = 1;
	one.session = session;
	if (add) {
		one.n_add = 1;
		one.add = &channel;
	} else {
		one.n_remove = 1;
		one.remove = &channel;
	}
	batch.n_subscribe = 1;
	batch.subscribe = list;
	frontend_batch(w->mechanics, &batch, NULL);
}

static void batch_publish(struct world *w, uint64_t channel, const void *payload, size_t len, int droppable)
{
	Frontend__Batch batch = FRONTEND__BATCH__INIT;
	Frontend__Publish one = FRONTEND__PUBLISH__INIT;
	Frontend__Publish *list[] = { &one };

	one.has_channel = one.has_event = one.has_payload = one.has_droppable = 1;
	one.channel = channel;
	one.event = 33;
	one.payload.data = (uint8_t *)payload;
	one.payload.len = len;
	one.droppable = droppable;
	batch.n_publish = 1;
	batch.publish = list;
	frontend_batch(w->mechanics, &batch, NULL);
	sim_run(w->sim, 5);
}

static uint32_t heard(struct player *p)
{
	uint32_t n = 0;

	while (player_next(p, NULL, NULL, NULL, 5) == 33) {
		n++;
	}
	return n;
}

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

/* --- the master's words, and the end -------------------------------------------------------------- */

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

static void expect_state(struct player *p, int running, const char *reason)
{
	const Client__WorldState *state =
		(const Client__WorldState *)player_expect(p, WIRE_WORLD_STATE, &client__world_state__descriptor, 0);

	assert_int_equal(state->running, running);
	assert_string_equal(state->reason != NULL ? state->reason : "", reason);
}

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
	struct proto_to to = { .instance = troupe_fnv64(fe_name, strlen(fe_name)) };
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
	player_hello(&q, w->sim, fe_name, "10.0.0.2:1");
	sim_drain(w->sim, fe_name);
	player_expect_end(&p, "frontend.draining", 1);
	player_expect_end(&q, "frontend.draining", 1);
	assert_int_equal(w->left, 1);
	assert_true(w->draining);
	player_done(&p);
	player_done(&q);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_enter_and_forward),
		T(test_large_bodies_pass),
		T(test_ticket_refused),
		T(test_second_login_kicks_the_first),
		T(test_resume),
		T(test_keeps),
		T(test_avatar_refused),
		T(test_gone_while_entering),
		T(test_bad_input),
		T(test_rate),
		T(test_in_flight),
		T(test_silence),
		T(test_channels),
		T(test_leaving_closes_the_gaps),
		T(test_slow_reader_gets_the_newest),
		T(test_reader_that_never_reads_goes),
		T(test_send_to_one),
		T(test_expect_has_a_bound),
		T(test_kick),
		T(test_world_pauses),
		T(test_world_awaited),
		T(test_out_of_reach),
		T(test_restored_twice),
		T(test_world_gone),
		T(test_world_moves),
		T(test_owner_named),
		T(test_moved),
		T(test_moved_on_the_way),
		T(test_owner_dies),
		T(test_announces_itself),
		T(test_drain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
