/* SPDX-License-Identifier: MIT */
/* From the avatar into the world, and into another one when that is gone. */
#include <stdlib.h>
#include <string.h>

#include "avatar.stub.h"
#include "frontend.h"
#include "world.stub.h"

#define SELECT_WAIT_US 6000000u /* so long AvatarSelect waits for a world, e.g. while one takes another's place */
#define HOPS_MAX 4u /* from owner to owner, in one try */
#define AGAIN_MAX 1000u /* players that go back into the world in one round */

struct visit *visit_new(struct frontend *fe, struct client *client, uint16_t tag, enum client_state state)
{
	struct visit *visit = calloc(1, sizeof(*visit));

	if (visit == NULL) {
		return NULL;
	}
	*visit = (struct visit){ .fe = fe,
				 .client = client,
				 .account = client->account,
				 .session = client->session,
				 .epoch = client->epoch,
				 .tag = tag };
	client->visit = visit;
	client->state = (uint8_t)state;
	return visit;
}

void visit_free(struct visit *visit)
{
	if (visit->client != NULL) {
		visit->client->visit = NULL;
	}
	free(visit->name);
	free(visit);
}

/* --- which world ---------------------------------------------------------------------------------- */

static struct proto_to world_of(const struct visit *visit)
{
	return (struct proto_to){ .instance = visit->world,
				  .account = visit->account,
				  .actor = visit->avatar,
				  .session = visit->session };
}

uint32_t worlds(const struct frontend *fe, struct troupe_peer ret_peers[WORLDS_MAX])
{
	uint32_t found = fe->h->peers(fe->h, "world", ret_peers, WORLDS_MAX), kept = 0;

	for (uint32_t i = 0; i < found && i < WORLDS_MAX; i++) {
		if (strcmp(ret_peers[i].part, fe->h->part) == 0) {
			ret_peers[kept++] = ret_peers[i];
		}
	}
	return kept;
}

/* world_pick: the one that takes players now; 0 if none does. */
static uint64_t world_pick(const struct troupe_peer *peers, uint32_t len)
{
	const struct troupe_peer *best = NULL;

	for (uint32_t i = 0; i < len; i++) {
		if (peers[i].ready && (best == NULL || peers[i].load < best->load)) {
			best = &peers[i];
		}
	}
	return best != NULL ? best->id : 0;
}

static int world_ready(const struct troupe_peer *peers, uint32_t len, uint64_t instance)
{
	for (uint32_t i = 0; i < len; i++) {
		if (peers[i].id == instance) {
			return (int)peers[i].ready;
		}
	}
	return 0;
}

/* --- in ------------------------------------------------------------------------------------------- */

/* waits: the client is on its way back by itself, not because it asked. */
static int waits(const struct visit *visit)
{
	return visit->client != NULL && visit->client->state == CLIENT_WAITING;
}

void tell_state(struct frontend *fe, const struct client *client, int running, const char *reason)
{
	Client__WorldState state = CLIENT__WORLD_STATE__INIT;

	state.has_running = 1;
	state.running = running;
	state.reason = (char *)reason;
	wire_send(fe->h, client->conn, WIRE_WORLD_STATE, 0, &state.base);
}

/* awaits: 1 if who asked for a world waits for another one. Who is on his way back is tried again in any case. */
static int awaits(struct frontend *fe, struct visit *visit)
{
	struct client *client = visit->client;

	visit->awaits = client != NULL && client->state == CLIENT_SELECTING &&
			fe->h->now_us(fe->h) - client->waits_us < SELECT_WAIT_US;
	return visit->awaits;
}

/* select_failed: `last` = it makes no sense to try again. Who waits is tried again by world_watch. */
static void select_failed(struct frontend *fe, struct visit *visit, const struct troupe_reply *reply, int last)
{
	struct client *client = visit->client;

	if (client != NULL) {
		fanout_leave_all(fe, client);
	}
	if (visit->leaving) {
		tell_left(fe, client, visit->tag, NULL);
	} else if (waits(visit) && last) {
		tell_left(fe, client, visit->tag, reply->reason);
	} else if (client != NULL && client->state == CLIENT_SELECTING) {
		client->state = CLIENT_ENTERED;
		client->avatar = 0;
		wire_error(fe->h, client->conn, WIRE_AVATAR_SELECT, visit->tag, reply->status, reply->reason, NULL);
	}
	visit_free(visit);
}

void tell_selected(struct frontend *fe, const struct client *client, uint16_t tag, const Client__AvatarSelected *where)
{
	Client__AvatarSelected answer = *where;

	answer.has_avatar = answer.has_tick_ms = 1;
	answer.avatar = client->avatar;
	answer.name = client->name;
	answer.tick_ms = client->tick_ms;
	wire_send(fe->h, client->conn, WIRE_AVATAR_SELECTED, tag, &answer.base);
}

static void entered(struct frontend *fe, struct visit *visit, const World__EnterReply *body)
{
	struct client *client = visit->client;
	Client__AvatarSelected where = CLIENT__AVATAR_SELECTED__INIT;
	int again = waits(visit);

	client->state = CLIENT_WORLD;
	client->avatar = visit->avatar;
	client->mechanics = visit->world;
	client->tick = visit->tick > body->tick ? visit->tick : body->tick;
	client->tick_ms = body->tick_ms;
	free(client->name);
	client->name = visit->name;
	visit->name = NULL;
	fanout_join(fe, client, visit->world, 0);
	where.has_x = where.has_y = where.has_z = where.has_tick = 1;
	where.x = body->x;
	where.y = body->y;
	where.z = body->z;
	where.tick = body->tick;
	tell_selected(fe, client, visit->tag, &where);
	if (again) {
		tell_state(fe, client, 1, NULL);
	}
}

static void load(struct frontend *fe, struct visit *visit, uint64_t avatar, uint64_t world);

/* hop: the avatar's place is another instance's. What it carries is read again: that one may have saved it meanwhile. */
static void hop(struct frontend *fe, struct visit *visit, uint64_t owner)
{
	static const struct troupe_reply busy = { .status = TROUPE_RESOURCE_EXHAUSTED, .reason = "world.busy" };

	free(visit->name);
	visit->name = NULL;
	if (visit->client == NULL || visit->hops == HOPS_MAX) {
		select_failed(fe, visit, &busy, 0);
		return;
	}
	visit->hops++;
	load(fe, visit, visit->avatar, owner);
}

static void on_world_entered(void *instance, void *arg, const struct troupe_reply *reply, const World__EnterReply *body)
{
	struct frontend *fe = instance;
	struct visit *visit = arg;
	struct client *client = visit->client;
	struct proto_to there = world_of(visit);
	uint16_t tag = visit->tag;
	int leaving = visit->leaving;

	visit->asked = 0;
	if (reply->status == TROUPE_OK && body->owner != 0) {
		hop(fe, visit, body->owner);
		return;
	}
	if (reply->status != TROUPE_OK) {
		int undecided = troupe_outcome_of(reply->status) == TROUPE_UNDECIDED;
		/* the avatar, or its place, went to another owner while the request waited there */
		int moved = reply->status == TROUPE_ABORTED && strcmp(reply->reason, "world.not_here") == 0;

		if (undecided) { /* who is on his way back is tried again: his avatar stays where it is meanwhile */
			world_left(fe, &there, client != NULL ? waits(visit) : !visit->unwanted);
		}
		if ((undecided || moved) && awaits(fe, visit)) {
			free(visit->name);
			visit->name = NULL;
			return;
		}
		select_failed(fe, visit, reply,
			      (reply->status == TROUPE_ABORTED && !moved) || reply->status == TROUPE_INVALID_ARGUMENT);
		return;
	}
	if (client == NULL) {
		world_left(fe, &there, !visit->unwanted);
		visit_free(visit);
		return;
	}
	if (leaving) {
		client->avatar = visit->avatar;
		client->mechanics = visit->world;
	} else {
		entered(fe, visit, body);
	}
	visit_free(visit);
	if (leaving) {
		leave_begin(fe, client, tag);
	}
}

/* world_missing: the one that was to let the avatar in takes no players. */
static void world_missing(struct frontend *fe, struct visit *visit, const struct troupe_peer *peers, uint32_t found)
{
	struct troupe_reply refusal = { .status = TROUPE_FAILED_PRECONDITION, .reason = "frontend.no_world" };
	uint64_t other = visit->hops == 0 ? world_pick(peers, found) : 0; /* an owner is not to be replaced by us */

	if (other != 0) {
		load(fe, visit, visit->avatar, other); /* the one before may have saved after this was read */
	} else if (!awaits(fe, visit)) {
		select_failed(fe, visit, &refusal, 0);
	}
}

static void on_avatar_loaded(void *instance, void *arg, const struct troupe_reply *reply, const Avatar__LoadReply *body)
{
	struct frontend *fe = instance;
	struct visit *visit = arg;
	World__EnterRequest request = WORLD__ENTER_REQUEST__INIT;
	struct proto_to to = { .account = visit->account, .actor = visit->avatar, .session = visit->session };
	struct troupe_peer peers[WORLDS_MAX];
	struct troupe_reply refusal = { .status = TROUPE_INTERNAL, .reason = "avatar.malformed" };
	uint32_t found;

	if (reply->status != TROUPE_OK || visit->client == NULL) {
		select_failed(fe, visit, reply,
			      troupe_outcome_of(reply->status) == TROUPE_REFUSED &&
				      reply->status != TROUPE_RESOURCE_EXHAUSTED);
		return;
	}
	if (body->avatar == NULL || body->avatar->name == NULL) {
		select_failed(fe, visit, &refusal, 1);
		return;
	}
	found = worlds(fe, peers);
	to.instance = visit->world;
	if (!world_ready(peers, found, visit->world)) {
		world_missing(fe, visit, peers, found);
		return;
	}
	visit->name = strdup(body->avatar->name);
	request.has_avatar = request.has_x = request.has_y = request.has_z = request.has_epoch = 1;
	request.avatar = visit->avatar;
	request.name = body->avatar->name;
	request.x = body->avatar->x;
	request.y = body->avatar->y;
	request.z = body->avatar->z;
	request.epoch = visit->epoch;
	request.has_state = body->avatar->has_state;
	request.state = body->avatar->state;
	visit->asked = 1;
	visit->tick = 0;
	world_enter(fe->h, &request, &to, on_world_entered, visit);
}

/* load: `world` is to let it in. */
static void load(struct frontend *fe, struct visit *visit, uint64_t avatar, uint64_t world)
{
	Avatar__LoadRequest request = AVATAR__LOAD_REQUEST__INIT;
	struct proto_to to = { .account = visit->account, .session = visit->session };

	visit->avatar = avatar;
	visit->world = world;
	request.has_avatar = request.has_account = request.has_epoch = 1;
	request.avatar = avatar;
	request.account = visit->account;
	request.epoch = visit->epoch;
	avatar_load(fe->h, &request, &to, on_avatar_loaded, visit);
}

/* load_any: whichever takes players now. */
static void load_any(struct frontend *fe, struct visit *visit, uint64_t avatar)
{
	struct troupe_peer peers[WORLDS_MAX];

	visit->hops = 0;
	load(fe, visit, avatar, world_pick(peers, worlds(fe, peers)));
}

void select_begin(struct frontend *fe, struct client *client, uint16_t tag, uint64_t avatar)
{
	struct visit *visit = client->visit;

	if (visit != NULL && (visit->avatar != avatar || visit->tag != 0)) {
		wire_error(fe->h, client->conn, WIRE_AVATAR_SELECT, tag, TROUPE_UNAVAILABLE, "frontend.entering", NULL);
		return;
	}
	if (visit != NULL) {
		client->state = CLIENT_SELECTING; /* it is on its way there already: that is the answer */
		visit->tag = tag;
		return;
	}
	client->waits_us = fe->h->now_us(fe->h);
	visit = visit_new(fe, client, tag, CLIENT_SELECTING);
	if (visit == NULL) {
		wire_error(fe->h, client->conn, WIRE_AVATAR_SELECT, tag, TROUPE_RESOURCE_EXHAUSTED,
			   "frontend.no_memory", NULL);
		return;
	}
	load_any(fe, visit, avatar);
}

/* --- another world -------------------------------------------------------------------------------- */

/* pause: its world is gone or takes no calls: one that drains saves its players itself. */
static void pause_client(struct frontend *fe, struct client *client, uint64_t now_us)
{
	fanout_leave_all(fe, client);
	fanout_forget(fe, client);
	client->mechanics = 0;
	client->state = CLIENT_WAITING;
	client->waits_us = now_us;
	count(fe, METRIC_WORLD_GONE);
	tell_state(fe, client, 0, "frontend.world_gone");
}

/* enter_again: 1 if one more is on its way. */
static int enter_again(struct frontend *fe, struct client *client)
{
	struct visit *visit = visit_new(fe, client, 0, CLIENT_WAITING);

	if (visit != NULL) {
		load_any(fe, visit, client->avatar);
	}
	return visit != NULL;
}

void world_lost(struct frontend *fe, struct client *client)
{
	if (client->state == CLIENT_WORLD) {
		pause_client(fe, client, fe->h->now_us(fe->h));
	}
}

void world_on_reenter(void *instance, const struct troupe_request *request, const Frontend__Reenter *body)
{
	struct frontend *fe = instance;

	for (size_t i = 0; i < body->n_session; i++) {
		struct client *client = client_by_session(fe, body->session[i]);

		if (client != NULL && client->mechanics == request->from) {
			world_lost(fe, client);
		}
	}
}

void world_watch(struct frontend *fe)
{
	struct troupe_peer peers[WORLDS_MAX];
	uint32_t found = worlds(fe, peers), begun = 0;
	uint64_t now_us = fe->h->now_us(fe->h), wait_us = (uint64_t)fe->options->world_wait_ms * 1000;
	uint64_t there = world_pick(peers, found);

	for (uint32_t i = 0; i < fe->clients_top; i++) {
		struct client *client = fe->clients[i];

		if (client == NULL) {
			continue;
		}
		if (client->state == CLIENT_WORLD && !world_ready(peers, found, client->mechanics)) {
			pause_client(fe, client, now_us);
		}
		if (client->visit != NULL) {
			if (client->visit->awaits && (there != 0 || now_us - client->waits_us >= SELECT_WAIT_US)) {
				client->visit->awaits = 0;
				load_any(fe, client->visit, client->visit->avatar);
			}
			continue;
		}
		if (client->state != CLIENT_WAITING) {
			continue;
		}
		if (there != 0 && begun < AGAIN_MAX) {
			begun += (uint32_t)enter_again(fe, client);
		} else if (now_us - client->waits_us >= wait_us) {
			tell_left(fe, client, 0, "frontend.world_gone");
		}
	}
}
