/* SPDX-License-Identifier: MIT */
/* The account role in a simulated host, with a master and front-ends that the test plays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "plugins/account/rig.h"

static const char text[] =
	"cluster \"t\" { }\n"
	"database \"base\" { driver = \"leveldb\", path = \"base\" }\n"
	"account { database = \"base\", listen = \"tcp://127.0.0.1:0\",\n"
	"	password = { memory = \"8kb\", ops = 1, parallel = 2, queue = 4 } }\n";

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

int rig_setup(void **state)
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

int rig_teardown(void **state)
{
	struct world *w = *state;

	sim_close(w->sim);
	config_free(w->config);
	return 0;
}

/* --- clients ----------------------------------------------------------------------------------------- */

Client__LoginCode try_register(struct player *p, const char *user, const char *password)
{
	Client__Register message = CLIENT__REGISTER__INIT;

	message.user = (char *)user;
	message.password = (char *)password;
	player_send(p, WIRE_REGISTER, 2, &message.base);
	return ((Client__RegisterResult *)player_expect(p, WIRE_REGISTER_RESULT, &client__register_result__descriptor, 2))
		->code;
}

void send_login(struct player *p, const char *user, const char *password)
{
	Client__Login message = CLIENT__LOGIN__INIT;

	message.user = (char *)user;
	message.password = (char *)password;
	player_send(p, WIRE_LOGIN, 3, &message.base);
}

const Client__LoginResult *login_result(struct player *p)
{
	return (const Client__LoginResult *)player_expect(p, WIRE_LOGIN_RESULT, &client__login_result__descriptor, 3);
}

Client__LoginCode try_login(struct player *p, const char *user, const char *password)
{
	send_login(p, user, password);
	return login_result(p)->code;
}

/* choose: picks the shard and copies the ticket. */
void choose(struct player *p, uint8_t ret_ticket[32])
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

void register_ann(struct world *w)
{
	struct player p;

	player_hello(&p, w->sim, "base/account", "10.0.0.9:1");
	assert_int_equal(try_register(&p, "Ann", "correct horse"), CLIENT__LOGIN_CODE__LOGIN_SUCCESS);
	sim_hangup(w->sim, p.conn);
	player_done(&p);
}

void login_and_choose(struct world *w, const char *peer, uint8_t ret_ticket[32])
{
	struct player p;

	player_hello(&p, w->sim, "base/account", peer);
	assert_int_equal(try_login(&p, "ann", "correct horse"), CLIENT__LOGIN_CODE__LOGIN_SUCCESS);
	choose(&p, ret_ticket);
	player_done(&p);
}

/* --- a front-end and an operator ----------------------------------------------------------------------- */

void on_redeemed(void *instance, void *arg, const struct troupe_reply *reply, const Account__RedeemReply *body)
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

void redeem(struct world *w, const struct troupe_host *frontend, const uint8_t *ticket, size_t len)
{
	Account__RedeemRequest request = ACCOUNT__REDEEM_REQUEST__INIT;

	request.has_ticket = 1;
	request.ticket.data = (uint8_t *)ticket;
	request.ticket.len = len;
	w->answered = 0;
	account_redeem(frontend, &request, NULL, on_redeemed, w);
	assert_true(sim_run_until(w->sim, &w->answered, 10000));
}

void on_command(void *instance, void *arg, const struct troupe_reply *reply, troupe_any_fn typed)
{
	struct world *w = arg;

	(void)instance;
	(void)typed;
	w->answered = 1;
	w->status = reply->status;
}
