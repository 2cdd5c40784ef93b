/* SPDX-License-Identifier: MIT */
/* The account role alone in a simulated host: a master and two front-ends are played by the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "account.stub.h"
#include "client.pb-c.h"
#include "master.stub.h"
#include "plugins/lib/player.h"

#define USER_LONGEST 32
#define PASSWORD_LONGEST 128

static const char text[] =
	"cluster \"t\" { }\n"
	"database \"base\" { driver = \"leveldb\", path = \"base\" }\n"
	"account { database = \"base\", listen = \"tcp://127.0.0.1:0\",\n"
	"	password = { memory = \"8kb\", ops = 1, parallel = 2, queue = 4 } }\n";

struct world {
	struct config *config;
	struct sim *sim;
	const struct troupe_host *master, *fe1, *fe2;
	uint64_t placed_account;
	int status, answered;
	char reason[64];
	uint64_t account, epoch, resume_ms;
	uint8_t token[32]; /* of the last session */
};

static void on_shards(void *instance, const struct troupe_request *request, const Master__ShardsRequest *body)
{
	struct world *w = instance;
	Master__ShardInfo meadow = MASTER__SHARD_INFO__INIT;
	Master__ShardInfo *list[] = { &meadow };
	Master__ShardsReply reply = MASTER__SHARDS_REPLY__INIT;

	(void)body;
	meadow.name = "meadow";
	meadow.has_population = meadow.has_ready = 1;
	meadow.population = 3;
	meadow.ready = 1;
	reply.n_shards = 1;
	reply.shards = list;
	master_shards_reply(w->master, request->id, &reply);
}

static void on_place(void *instance, const struct troupe_request *request, const Master__PlaceRequest *body)
{
	struct world *w = instance;
	Master__PlaceReply reply = MASTER__PLACE_REPLY__INIT;

	if (strcmp(body->shard, "meadow") != 0) {
		proto_refuse(w->master, request->id, TROUPE_NOT_FOUND, "master.no_shard");
		return;
	}
	assert_int_equal(body->ticket_hash.len, 32);
	w->placed_account = body->account;
	reply.has_frontend = reply.has_port = 1;
	reply.frontend = w->fe1->id;
	reply.host = "127.0.0.1";
	reply.port = 9322;
	master_place_reply(w->master, request->id, &reply);
}

static const struct troupe_method master_methods[] = { MASTER_SHARDS(on_shards), MASTER_PLACE(on_place), { 0 } };

static int setup(void **state)
{
	static struct world w;

	memset(&w, 0, sizeof(w));
	w.config = sim_config(text, NULL);
	assert_non_null(w.config);
	w.sim = sim_open(w.config, 1);
	w.master = sim_actor(w.sim, "base/master", "base", &w, master_methods);
	w.fe1 = sim_actor(w.sim, "meadow/frontend.fe1", "shard:meadow", &w, NULL);
	w.fe2 = sim_actor(w.sim, "meadow/frontend.fe2", "shard:meadow", &w, NULL);
	sim_run(w.sim, 10);
	assert_true(sim_ready(w.sim, "base/account"));
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

static Client__LoginCode try_register(struct player *p, const char *user, const char *password)
{
	Client__Register message = CLIENT__REGISTER__INIT;

	message.user = (char *)user;
	message.password = (char *)password;
	player_send(p, WIRE_REGISTER, 2, &message.base);
	return ((Client__RegisterResult *)player_expect(p, WIRE_REGISTER_RESULT, &client__register_result__descriptor, 2))
		->code;
}

static void send_login(struct player *p, const char *user, const char *password)
{
	Client__Login message = CLIENT__LOGIN__INIT;

	message.user = (char *)user;
	message.password = (char *)password;
	player_send(p, WIRE_LOGIN, 3, &message.base);
}

static const Client__LoginResult *login_result(struct player *p)
{
	return (const Client__LoginResult *)player_expect(p, WIRE_LOGIN_RESULT, &client__login_result__descriptor, 3);
}

static Client__LoginCode try_login(struct player *p, const char *user, const char *password)
{
	send_login(p, user, password);
	return login_result(p)->code;
}

/* choose: picks the shard and copies the ticket. */
static void choose(struct player *p, uint8_t ret_ticket[32])
{
	Client__ChooseShard message = CLIENT__CHOOSE_SHARD__INIT;
	const Client__HostPort *answer;

	message.name = "meadow";
	player_send(p, WIRE_CHOOSE_SHARD, 4, &message.base);
	answer = (const Client__HostPort *)player_expect(p, WIRE_HOST_PORT, &client__host_port__descriptor, 4);
	assert_int_equal(answer->port, 9322);
	assert_string_equal(answer->host, "127.0.0.1");
	assert_int_equal(answer->ticket.len, 32);
	memcpy(ret_ticket, answer->ticket.data, 32);
}

static void on_redeemed(void *instance, void *arg, const struct troupe_reply *reply, const Account__RedeemReply *body)
{
	struct world *w = arg;

	(void)instance;
	w->answered = 1;
	w->status = reply->status;
	snprintf(w->reason, sizeof(w->reason), "%s", reply->reason != NULL ? reply->reason : "");
	w->account = body != NULL ? body->account : 0;
	w->epoch = body != NULL ? body->epoch : 0;
	if (body != NULL) {
		assert_int_equal(body->resume.len, sizeof(w->token));
		memcpy(w->token, body->resume.data, sizeof(w->token));
		w->resume_ms = body->resume_ms;
	}
}

static void redeem(struct world *w, const struct troupe_host *frontend, const uint8_t *ticket, size_t len)
{
	Account__RedeemRequest request = ACCOUNT__REDEEM_REQUEST__INIT;

	request.has_ticket = 1;
	request.ticket.data = (uint8_t *)ticket;
	request.ticket.len = len;
	w->answered = 0;
	account_redeem(frontend, &request, NULL, on_redeemed, w);
	assert_true(sim_run_until(w->sim, &w->answered, 10000));
}

static void login_and_choose(struct world *w, const char *peer, uint8_t ret_ticket[32])
{
	struct player p;

	player_hello(&p, w->sim, "base/account", peer);
	assert_int_equal(try_login(&p, "ann", "correct horse"), CLIENT__LOGIN_CODE__LOGIN_SUCCESS);
	choose(&p, ret_ticket);
	player_done(&p);
}

static void register_ann(struct world *w)
{
	struct player p;

	player_hello(&p, w->sim, "base/account", "10.0.0.9:1");
	assert_int_equal(try_register(&p, "Ann", "correct horse"), CLIENT__LOGIN_CODE__LOGIN_SUCCESS);
	sim_hangup(w->sim, p.conn);
	player_done(&p);
}

/* --- tests ---------------------------------------------------------------------------------------- */

static void test_registration_rules(void **state)
{
	static const struct {
		const char *user, *password;
		Client__LoginCode code;
	} cases[] = {
		{ "Ann", "12345678", CLIENT__LOGIN_CODE__LOGIN_SUCCESS },
		{ "aNN", "12345678", CLIENT__LOGIN_CODE__NAME_TAKEN },
		{ "al", "12345678", CLIENT__LOGIN_CODE__BAD_NAME },
		{ "", "12345678", CLIENT__LOGIN_CODE__BAD_NAME },
		{ "a b", "12345678", CLIENT__LOGIN_CODE__BAD_NAME },
		{ "an\xc3\xa9", "12345678", CLIENT__LOGIN_CODE__BAD_NAME },
		{ "a23456789012345678901234567890123", "12345678", CLIENT__LOGIN_CODE__BAD_NAME },
		{ "a2345678901234567890123456789012", "12345678", CLIENT__LOGIN_CODE__LOGIN_SUCCESS },
		{ "bob", "1234567", CLIENT__LOGIN_CODE__BAD_PASSWORD },
		{ "bob", "", CLIENT__LOGIN_CODE__BAD_PASSWORD },
	};
	struct world *w = *state;
	struct player p;
	char long_password[130];

	player_hello(&p, w->sim, "base/account", "10.0.0.1:1");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		Client__LoginCode code = try_register(&p, cases[i].user, cases[i].password);

		if (code != cases[i].code) {
			fail_msg("case %zu: code %d", i, (int)code);
		}
	}
	memset(long_password, 'x', 129);
	long_password[129] = '\0';
	assert_int_equal(try_register(&p, "carl", long_password), CLIENT__LOGIN_CODE__BAD_PASSWORD);
	long_password[128] = '\0';
	assert_int_equal(try_register(&p, "carl", long_password), CLIENT__LOGIN_CODE__LOGIN_SUCCESS);
	player_done(&p);
}

static void test_two_register_one_name(void **state)
{
	struct world *w = *state;
	struct player a, b;
	Client__Register message = CLIENT__REGISTER__INIT;
	Client__LoginCode first, second;

	player_hello(&a, w->sim, "base/account", "10.0.0.1:1");
	player_hello(&b, w->sim, "base/account", "10.0.0.2:1");
	message.user = "twin";
	message.password = "12345678";
	player_send(&a, WIRE_REGISTER, 2, &message.base);
	player_send(&b, WIRE_REGISTER, 2, &message.base);
	first = ((Client__RegisterResult *)player_expect(&a, WIRE_REGISTER_RESULT, &client__register_result__descriptor,
							 2))
			->code;
	second = ((Client__RegisterResult *)player_expect(&b, WIRE_REGISTER_RESULT,
							  &client__register_result__descriptor, 2))
			 ->code;
	assert_int_equal(first + second, CLIENT__LOGIN_CODE__LOGIN_SUCCESS + CLIENT__LOGIN_CODE__NAME_TAKEN);
	player_done(&a);
	player_done(&b);
}

static void test_login_to_ticket(void **state)
{
	struct world *w = *state;
	struct player p;
	uint8_t ticket[32];
	const Client__ShardList *list;
	Client__ShardListRequest request = CLIENT__SHARD_LIST_REQUEST__INIT;

	register_ann(w);
	player_hello(&p, w->sim, "base/account", "10.0.0.1:1");
	assert_int_equal(try_login(&p, "ANN", "correct horse"), CLIENT__LOGIN_CODE__LOGIN_SUCCESS);
	player_send(&p, WIRE_SHARD_LIST_REQUEST, 9, &request.base);
	list = (const Client__ShardList *)player_expect(&p, WIRE_SHARD_LIST, &client__shard_list__descriptor, 9);
	assert_int_equal(list->n_shards, 1);
	assert_string_equal(list->shards[0]->name, "meadow");
	assert_int_equal(list->shards[0]->population, 3);
	choose(&p, ticket);
	sim_run(w->sim, 1100);
	assert_false(sim_conn_open(w->sim, p.conn));
	redeem(w, w->fe1, ticket, 32);
	assert_int_equal(w->status, TROUPE_OK);
	assert_int_equal(w->epoch, 1);
	assert_true(w->account == w->placed_account);
	redeem(w, w->fe1, ticket, 32);
	assert_string_equal(w->reason, "account.ticket_used");
	assert_true(sim_logged(w->sim, "a second time"));
	assert_false(sim_logged(w->sim, "correct horse"));
	player_done(&p);
}

static void test_ticket_refusals(void **state)
{
	struct world *w = *state;
	uint8_t first[32], second[32], guess[32] = { 7 };

	register_ann(w);
	redeem(w, w->fe1, guess, 32);
	assert_string_equal(w->reason, "account.ticket_unknown");
	redeem(w, w->fe1, guess, 31);
	assert_string_equal(w->reason, "account.ticket_unknown");
	login_and_choose(w, "10.0.0.1:1", first);
	login_and_choose(w, "10.0.0.1:2", second);
	redeem(w, w->fe1, first, 32); /* a newer one replaced it */
	assert_string_equal(w->reason, "account.ticket_unknown");
	redeem(w, w->fe2, second, 32);
	assert_string_equal(w->reason, "account.ticket_wrong_frontend");
	sim_run(w->sim, 31000);
	redeem(w, w->fe1, second, 32);
	assert_string_equal(w->reason, "account.ticket_expired");
	login_and_choose(w, "10.0.0.1:3", first);
	sim_run(w->sim, 29000);
	redeem(w, w->fe1, first, 32);
	assert_int_equal(w->status, TROUPE_OK);
}

static void test_wrong_and_unknown_are_equal(void **state)
{
	struct world *w = *state;
	struct player p;
	uint64_t began, wrong_us, unknown_us;

	register_ann(w);
	player_hello(&p, w->sim, "base/account", "10.0.0.1:1");
	began = sim_now_us(w->sim);
	assert_int_equal(try_login(&p, "ann", "wrong password"), CLIENT__LOGIN_CODE__WRONG_AUTH_INFO);
	wrong_us = sim_now_us(w->sim) - began;
	began = sim_now_us(w->sim);
	assert_int_equal(try_login(&p, "nobody", "wrong password"), CLIENT__LOGIN_CODE__WRONG_AUTH_INFO);
	unknown_us = sim_now_us(w->sim) - began;
	assert_int_equal(wrong_us, unknown_us);
	player_done(&p);
}

/* What is too long is not cut to what another has. */
static void test_too_long_is_wrong(void **state)
{
	struct world *w = *state;
	char name[USER_LONGEST + 2], password[PASSWORD_LONGEST + 2];
	struct player p;

	memset(name, 'n', sizeof(name));
	memset(password, 'p', sizeof(password));
	name[USER_LONGEST] = password[PASSWORD_LONGEST] = '\0';
	player_hello(&p, w->sim, "base/account", "10.0.0.1:1");
	assert_int_equal(try_register(&p, name, password), CLIENT__LOGIN_CODE__LOGIN_SUCCESS);
	name[USER_LONGEST] = 'n';
	name[USER_LONGEST + 1] = '\0';
	assert_int_equal(try_login(&p, name, password), CLIENT__LOGIN_CODE__WRONG_AUTH_INFO);
	name[USER_LONGEST] = '\0';
	password[PASSWORD_LONGEST] = 'p';
	password[PASSWORD_LONGEST + 1] = '\0';
	assert_int_equal(try_login(&p, name, password), CLIENT__LOGIN_CODE__WRONG_AUTH_INFO);
	password[PASSWORD_LONGEST] = '\0';
	sim_run(w->sim, 5000);
	assert_int_equal(try_login(&p, name, password), CLIENT__LOGIN_CODE__LOGIN_SUCCESS);
	player_done(&p);
}

static void test_delay_after_wrong(void **state)
{
	struct world *w = *state;
	struct player p, other;
	const Client__LoginResult *result;

	register_ann(w);
	player_hello(&p, w->sim, "base/account", "10.0.0.1:1");
	assert_int_equal(try_login(&p, "ann", "wrong password"), CLIENT__LOGIN_CODE__WRONG_AUTH_INFO);
	send_login(&p, "ann", "correct horse");
	result = login_result(&p);
	assert_int_equal(result->code, CLIENT__LOGIN_CODE__TRY_LATER);
	assert_in_range(result->retry_ms, 900, 1000);
	player_hello(&other, w->sim, "base/account", "10.0.0.2:1"); /* another network may */
	assert_int_equal(try_login(&other, "ann", "correct horse"), CLIENT__LOGIN_CODE__LOGIN_SUCCESS);
	sim_run(w->sim, 1000);
	assert_int_equal(try_login(&p, "ann", "wrong again"), CLIENT__LOGIN_CODE__WRONG_AUTH_INFO);
	send_login(&p, "ann", "correct horse");
	assert_in_range(login_result(&p)->retry_ms, 1900, 2000);
	sim_run(w->sim, 2000);
	assert_int_equal(try_login(&p, "ann", "correct horse"), CLIENT__LOGIN_CODE__LOGIN_SUCCESS);
	player_done(&p);
	player_done(&other);
}

static void test_overload(void **state)
{
	struct world *w = *state;
	struct player p[10];
	unsigned refused = 0, wrong = 0;

	for (int i = 0; i < 10; i++) {
		char peer[32];

		snprintf(peer, sizeof(peer), "10.0.1.%d:1", i);
		player_hello(&p[i], w->sim, "base/account", peer);
	}
	for (int i = 0; i < 10; i++) {
		send_login(&p[i], "nobody", "wrong password");
	}
	for (int i = 0; i < 10; i++) {
		Client__LoginCode code = login_result(&p[i])->code;

		refused += code == CLIENT__LOGIN_CODE__SERVER_IS_OVERLOADED;
		wrong += code == CLIENT__LOGIN_CODE__WRONG_AUTH_INFO;
		player_done(&p[i]);
	}
	assert_int_equal(wrong, 6); /* 2 at once and 4 that wait */
	assert_int_equal(refused, 4);
}

struct bad_case {
	const char *name;
	uint16_t event;
	const void *body;
	size_t len;
	const char *reason;
};

static const uint8_t not_utf8[] = { 0x0a, 0x02, 0xff, 0xfe };
static const uint8_t cut_off[] = { 0x0a, 0x7f, 'a' };
static const uint8_t with_nul[] = { 0x0a, 0x03, 'a', 0, 'b' };

static void test_bad_messages(void **state)
{
	static const struct bad_case cases[] = {
		{ "unknown event", 999, NULL, 0, "client.unknown_event" },
		{ "event 0", 0, NULL, 0, "client.unknown_event" },
		{ "a front-end's message", WIRE_ENTER, NULL, 0, "client.unknown_event" },
		{ "second Hello", WIRE_HELLO, NULL, 0, "client.wrong_state" },
		{ "shards before login", WIRE_SHARD_LIST_REQUEST, NULL, 0, "client.wrong_state" },
		{ "choice before login", WIRE_CHOOSE_SHARD, NULL, 0, "client.wrong_state" },
		{ "invalid UTF-8", WIRE_LOGIN, not_utf8, sizeof(not_utf8), "client.malformed" },
		{ "NUL in a name", WIRE_LOGIN, with_nul, sizeof(with_nul), "client.malformed" },
		{ "half a message", WIRE_LOGIN, cut_off, sizeof(cut_off), "client.malformed" },
	};
	struct world *w = *state;
	struct player p, healthy;

	register_ann(w);
	player_hello(&healthy, w->sim, "base/account", "10.0.0.77:1");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		player_hello(&p, w->sim, "base/account", "10.0.0.1:1");
		player_send_bytes(&p, cases[i].event, 5, cases[i].body, cases[i].len);
		player_expect_error(&p, cases[i].event, 5, cases[i].reason);
		player_expect_end(&p, cases[i].reason, 0);
		player_done(&p);
	}
	assert_int_equal(try_login(&healthy, "ann", "correct horse"), CLIENT__LOGIN_CODE__LOGIN_SUCCESS);
	player_done(&healthy);
}

static void test_bad_frames(void **state)
{
	static const uint8_t endless[] = { 10, 0, 1, 0, 255, 255, 255, 255 };
	static const uint8_t login_first[] = { 10, 0, 1, 0, 0, 0, 0, 0 };
	struct world *w = *state;
	struct player p;

	player_connect(&p, w->sim, "base/account", "10.0.0.1:1");
	sim_bytes(w->sim, p.conn, endless, sizeof(endless));
	player_expect_error(&p, 10, 1, "client.frame_too_long");
	player_expect_end(&p, "client.frame_too_long", 0);
	player_done(&p);
	player_connect(&p, w->sim, "base/account", "10.0.0.1:1");
	sim_bytes(w->sim, p.conn, login_first, sizeof(login_first));
	player_expect_error(&p, 10, 1, "client.wrong_state");
	player_expect_end(&p, "client.wrong_state", 0);
	player_done(&p);
}

static void test_one_byte_at_a_time(void **state)
{
	static const uint8_t hello[] = { 1, 0, 1, 0, 2, 0, 0, 0, 0x08, 0x01 };
	struct world *w = *state;
	struct player p;

	player_connect(&p, w->sim, "base/account", "10.0.0.1:1");
	for (size_t i = 0; i < sizeof(hello); i++) {
		sim_bytes(w->sim, p.conn, &hello[i], 1);
		sim_run(w->sim, 1);
	}
	player_expect(&p, WIRE_HELLO_OK, &client__hello_ok__descriptor, 1);
	player_done(&p);
}

static void test_second_message_while_busy(void **state)
{
	struct world *w = *state;
	struct player p;

	player_hello(&p, w->sim, "base/account", "10.0.0.1:1");
	send_login(&p, "nobody", "12345678");
	send_login(&p, "nobody", "12345678");
	player_expect_error(&p, WIRE_LOGIN, 3, "client.busy");
	player_expect_end(&p, "client.busy", 0);
	sim_run(w->sim, 1000);
	player_done(&p);
}

static void test_silent_ones_go(void **state)
{
	struct world *w = *state;
	struct player silent, chatty;
	const Client__LoginResult *result;

	player_hello(&silent, w->sim, "base/account", "10.0.0.1:1");
	player_hello(&chatty, w->sim, "base/account", "10.0.0.1:2");
	for (int s = 0; s < 28; s += 7) {
		sim_run(w->sim, 7000);
		player_send_bytes(&chatty, WIRE_PING, 8, NULL, 0);
		player_expect(&chatty, WIRE_PONG, &client__pong__descriptor, 8);
	}
	assert_true(sim_conn_open(w->sim, silent.conn));
	sim_run(w->sim, 4000);
	player_expect_end(&silent, "account.idle", 0);
	for (int s = 0; s < 119 - 32; s += 20) {
		sim_run(w->sim, 20000);
		player_send_bytes(&chatty, WIRE_PING, 8, NULL, 0);
		if (s < 80) {
			player_expect(&chatty, WIRE_PONG, &client__pong__descriptor, 8);
		}
	}
	result = (const Client__LoginResult *)player_expect(&chatty, WIRE_LOGIN_RESULT,
							    &client__login_result__descriptor, 0);
	assert_int_equal(result->code, CLIENT__LOGIN_CODE__TIMEOUT);
	player_expect_end(&chatty, "account.login_timeout", 0);
	player_done(&silent);
	player_done(&chatty);
}

struct user_args {
	const char *user;
	const char *reason;
};

static void on_command(void *instance, void *arg, const struct troupe_reply *reply, troupe_any_fn typed)
{
	struct world *w = arg;

	(void)instance;
	(void)typed;
	w->answered = 1;
	w->status = reply->status;
}

static void test_ban(void **state)
{
	struct world *w = *state;
	struct user_args ann = { "Ann", "cheats" }, nobody = { "nobody", "x" };
	struct player p;
	uint8_t ticket[32];

	register_ann(w);
	login_and_choose(w, "10.0.0.1:1", ticket);
	sim_command(w->sim, "base/account", "ban", &ann, on_command, w);
	w->answered = 0;
	assert_true(sim_run_until(w->sim, &w->answered, 10000));
	assert_int_equal(w->status, TROUPE_OK);
	redeem(w, w->fe1, ticket, 32);
	assert_string_equal(w->reason, "account.banned");
	player_hello(&p, w->sim, "base/account", "10.0.0.1:1");
	assert_int_equal(try_login(&p, "ann", "correct horse"), CLIENT__LOGIN_CODE__BANNED);
	assert_int_equal(try_login(&p, "ann", "wrong password"), CLIENT__LOGIN_CODE__WRONG_AUTH_INFO);
	sim_command(w->sim, "base/account", "unban", &ann, on_command, w);
	sim_run(w->sim, 2000);
	assert_int_equal(try_login(&p, "ann", "correct horse"), CLIENT__LOGIN_CODE__LOGIN_SUCCESS);
	w->answered = 0;
	sim_command(w->sim, "base/account", "show", &nobody, on_command, w);
	assert_true(sim_run_until(w->sim, &w->answered, 1000));
	assert_int_equal(w->status, TROUPE_NOT_FOUND);
	player_done(&p);
}

/* --- after a lost connection ---------------------------------------------------------------------- */

/* came_in: ann has a session; its token is in w->token. Returns her account. */
static uint64_t came_in(struct world *w)
{
	uint8_t ticket[32];

	register_ann(w);
	login_and_choose(w, "10.0.0.1:1", ticket);
	redeem(w, w->fe1, ticket, 32);
	assert_int_equal(w->status, TROUPE_OK);
	return w->account;
}

/* here: back at a front-end that is still there, without account's listener. */
static void here(struct world *w, uint64_t account, const uint8_t *token, const char *shard)
{
	Account__RedeemRequest request = ACCOUNT__REDEEM_REQUEST__INIT;
	uint8_t copy[32];

	memcpy(copy, token, sizeof(copy));
	request.has_account = request.has_resume = 1;
	request.account = account;
	request.resume.data = copy;
	request.resume.len = sizeof(copy);
	request.shard = (char *)shard;
	w->answered = 0;
	account_redeem(w->fe1, &request, NULL, on_redeemed, w);
	assert_true(sim_run_until(w->sim, &w->answered, 10000));
}

static void send_resume(struct player *p, struct world *w, uint64_t account, const uint8_t *token, size_t len)
{
	Client__Resume message = CLIENT__RESUME__INIT;

	player_hello(p, w->sim, "base/account", "10.0.0.1:1");
	message.has_account = message.has_token = 1;
	message.account = account;
	message.token.data = (uint8_t *)token;
	message.token.len = len;
	player_send(p, WIRE_RESUME, 6, &message.base);
}

static void on_kept(void *instance, void *arg, const struct troupe_reply *reply, const Account__KeepReply *body)
{
	struct world *w = arg;

	(void)instance;
	(void)body;
	w->answered = 1;
	w->status = reply->status;
	snprintf(w->reason, sizeof(w->reason), "%s", reply->reason != NULL ? reply->reason : "");
}

static void keep(struct world *w, uint64_t account, uint64_t epoch)
{
	Account__KeepRequest request = ACCOUNT__KEEP_REQUEST__INIT;

	request.has_account = request.has_epoch = 1;
	request.account = account;
	request.epoch = epoch;
	w->answered = 0;
	account_keep(w->fe1, &request, NULL, on_kept, w);
	assert_true(sim_run_until(w->sim, &w->answered, 10000));
}

static void test_resume_elsewhere(void **state)
{
	struct world *w = *state;
	struct player p;
	const Client__HostPort *place;
	uint64_t account = came_in(w);
	uint8_t token[32], ticket[32];

	memcpy(token, w->token, sizeof(token));
	for (int i = 0; i < 2; i++) { /* as often as the answer gets lost: nothing is used up before a session begins */
		send_resume(&p, w, account, token, sizeof(token));
		place = (const Client__HostPort *)player_expect(&p, WIRE_HOST_PORT, &client__host_port__descriptor, 6);
		assert_int_equal(w->placed_account, account);
		memcpy(ticket, place->ticket.data, sizeof(ticket));
		sim_run(w->sim, 1100);
		assert_false(sim_conn_open(w->sim, p.conn));
		player_done(&p);
	}
	redeem(w, w->fe1, ticket, 32);
	assert_int_equal(w->status, TROUPE_OK);
	assert_int_equal(w->account, account);
	assert_int_equal(w->epoch, 2);
	assert_memory_not_equal(w->token, token, sizeof(token));
	send_resume(&p, w, account, token, sizeof(token));
	player_expect_error(&p, WIRE_RESUME, 6, "account.resume_unknown"); /* it was good once */
	/* and a password still opens the door */
	assert_int_equal(try_login(&p, "ann", "correct horse"), CLIENT__LOGIN_CODE__LOGIN_SUCCESS);
	player_done(&p);
}

static void test_resume_here(void **state)
{
	struct world *w = *state;
	uint64_t account = came_in(w);
	uint8_t token[32];

	memcpy(token, w->token, sizeof(token));
	here(w, account, token, "moor");
	assert_string_equal(w->reason, "account.resume_wrong_shard");
	here(w, account + 1, token, "meadow");
	assert_string_equal(w->reason, "account.resume_unknown");
	here(w, account, token, "meadow");
	assert_int_equal(w->status, TROUPE_OK);
	assert_int_equal(w->epoch, 2);
	here(w, account, token, "meadow");
	assert_string_equal(w->reason, "account.resume_unknown");
	token[0] ^= 1;
	here(w, account, token, "meadow");
	assert_string_equal(w->reason, "account.resume_unknown");
	here(w, account, w->token, "meadow"); /* the next session's */
	assert_int_equal(w->epoch, 3);
}

static void test_resume_ends(void **state)
{
	struct world *w = *state;
	struct player p;
	uint64_t account = came_in(w);

	send_resume(&p, w, account, w->token, 31);
	player_expect_error(&p, WIRE_RESUME, 6, "account.resume_unknown");
	player_done(&p);
	sim_run(w->sim, w->resume_ms - 60000);
	keep(w, account, 1); /* it lives */
	assert_int_equal(w->status, TROUPE_OK);
	keep(w, account, 0);
	assert_string_equal(w->reason, "account.stale");
	sim_run(w->sim, w->resume_ms - 60000);
	here(w, account, w->token, "meadow");
	assert_int_equal(w->status, TROUPE_OK);
	sim_run(w->sim, w->resume_ms + 1000);
	here(w, account, w->token, "meadow");
	assert_string_equal(w->reason, "account.resume_expired");
}

static void test_resume_banned(void **state)
{
	struct world *w = *state;
	struct user_args ann = { "Ann", "cheats" };
	struct player p;
	uint64_t account = came_in(w);

	w->answered = 0;
	sim_command(w->sim, "base/account", "ban", &ann, on_command, w);
	assert_true(sim_run_until(w->sim, &w->answered, 10000));
	send_resume(&p, w, account, w->token, sizeof(w->token));
	player_expect_error(&p, WIRE_RESUME, 6, "account.resume_unknown");
	sim_command(w->sim, "base/account", "unban", &ann, on_command, w);
	sim_run(w->sim, 2000);
	here(w, account, w->token, "meadow");
	assert_string_equal(w->reason, "account.resume_unknown");
	player_done(&p);
}

static void test_database_away(void **state)
{
	struct world *w = *state;
	struct player p;

	register_ann(w);
	player_hello(&p, w->sim, "base/account", "10.0.0.1:1");
	sim_db_down(w->sim, "base", 1);
	assert_int_equal(try_login(&p, "ann", "correct horse"), CLIENT__LOGIN_CODE__SERVER_ERROR);
	sim_db_down(w->sim, "base", 0);
	assert_int_equal(try_login(&p, "ann", "correct horse"), CLIENT__LOGIN_CODE__LOGIN_SUCCESS);
	player_done(&p);
}

/* Half of the commits end unknown, half of those are done. */
static void test_unknown_outcomes_are_found_out(void **state)
{
	struct world *w = *state;
	struct sim_faults faults = { .commit_unknown = 500000, .commit_slow = 300000, .late_us = 50000 };
	struct player p;

	sim_faults(w->sim, &faults);
	for (int i = 0; i < 30; i++) {
		uint8_t ticket[32];
		char user[16], peer[24];

		snprintf(user, sizeof(user), "user%d", i);
		snprintf(peer, sizeof(peer), "10.0.1.%d:1", i);
		player_hello(&p, w->sim, "base/account", peer);
		assert_int_equal(try_register(&p, user, "correct horse"), CLIENT__LOGIN_CODE__LOGIN_SUCCESS);
		assert_int_equal(try_register(&p, user, "correct horse"), CLIENT__LOGIN_CODE__NAME_TAKEN);
		assert_int_equal(try_login(&p, user, "correct horse"), CLIENT__LOGIN_CODE__LOGIN_SUCCESS);
		choose(&p, ticket);
		player_done(&p);
		redeem(w, w->fe1, ticket, 32);
		assert_int_equal(w->status, TROUPE_OK);
		assert_int_equal(w->epoch, 1);
		redeem(w, w->fe1, ticket, 32);
		assert_string_equal(w->reason, "account.ticket_used");
	}
}

static void test_survives_power_cut(void **state)
{
	struct world *w = *state;
	uint8_t ticket[32];

	register_ann(w);
	login_and_choose(w, "10.0.0.1:1", ticket);
	sim_power(w->sim);
	sim_run(w->sim, 100);
	redeem(w, w->fe1, ticket, 32);
	assert_int_equal(w->status, TROUPE_OK);
	sim_power(w->sim);
	sim_run(w->sim, 100);
	redeem(w, w->fe1, ticket, 32);
	assert_string_equal(w->reason, "account.ticket_used");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_registration_rules),
		T(test_two_register_one_name),
		T(test_login_to_ticket),
		T(test_ticket_refusals),
		T(test_wrong_and_unknown_are_equal),
		T(test_too_long_is_wrong),
		T(test_delay_after_wrong),
		T(test_overload),
		T(test_bad_messages),
		T(test_bad_frames),
		T(test_one_byte_at_a_time),
		T(test_second_message_while_busy),
		T(test_silent_ones_go),
		T(test_ban),
		T(test_resume_elsewhere),
		T(test_resume_here),
		T(test_resume_ends),
		T(test_resume_banned),
		T(test_database_away),
		T(test_unknown_outcomes_are_found_out),
		T(test_survives_power_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
