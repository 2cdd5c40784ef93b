/* SPDX-License-Identifier: MIT */
/* The front-end role in a simulated host, and what its clients and the world say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "plugins/frontend/rig.h"
#include "secret/secret.h"

static const char text[] =
	"cluster \"t\" { }\n"
	"part \"shard:meadow\"\n"
	"frontend \"fe1\" { listen = \"tcp://127.0.0.1:0\", max_clients = 40,\n"
	"	limits = { rate = 60, in_flight = 3, out_max = \"64kb\" } }\n";

int rig_setup(void **state)
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
	assert_true(sim_ready(w.sim, RIG_NAME));
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

void send_ticket(struct player *p, uint8_t account)
{
	Client__Enter enter = CLIENT__ENTER__INIT;
	uint8_t ticket[32] = { account };

	enter.has_ticket = 1;
	enter.ticket.data = ticket;
	enter.ticket.len = sizeof(ticket);
	player_send(p, WIRE_ENTER, 2, &enter.base);
}

void entered(struct player *p, struct world *w, uint8_t account)
{
	const Client__EnterOk *ok;

	player_hello(p, w->sim, RIG_NAME, "10.0.0.1:1");
	send_ticket(p, account);
	ok = (const Client__EnterOk *)player_expect(p, WIRE_ENTER_OK, &client__enter_ok__descriptor, 2);
	assert_int_equal(ok->account, account);
	assert_string_equal(ok->shard, "meadow");
	assert_true(ok->session != 0);
}

void send_select(struct player *p, uint64_t avatar)
{
	Client__AvatarSelect message = CLIENT__AVATAR_SELECT__INIT;

	message.has_avatar = 1;
	message.avatar = avatar;
	player_send(p, WIRE_AVATAR_SELECT, 3, &message.base);
}

uint64_t in_world(struct player *p, struct world *w, uint8_t account)
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

void expect_state(struct player *p, int running, const char *reason)
{
	const Client__WorldState *state =
		(const Client__WorldState *)player_expect(p, WIRE_WORLD_STATE, &client__world_state__descriptor, 0);

	assert_int_equal(state->running, running);
	assert_string_equal(state->reason != NULL ? state->reason : "", reason);
}

/* --- the world --------------------------------------------------------------------------------------- */

void batch_subscribe(struct world *w, uint64_t session, uint64_t channel, int add)
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

void batch_publish(struct world *w, uint64_t channel, const void *payload, size_t len, int droppable)
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

uint32_t heard(struct player *p)
{
	uint32_t n = 0;

	while (player_next(p, NULL, NULL, NULL, 5) == 33) {
		n++;
	}
	return n;
}
