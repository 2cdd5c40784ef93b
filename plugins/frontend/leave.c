/* SPDX-License-Identifier: MIT */
/* Out of the world: because the player wants to, or because its session ends. */
#include "frontend.h"
#include "world.stub.h"

static void on_leave_done(void *instance, void *arg, const struct troupe_reply *reply, const World__LeaveReply *body)
{
	(void)instance;
	(void)arg;
	(void)reply; /* if mechanics is gone, so is the avatar in it */
	(void)body;
}

void world_left(struct frontend *fe, const struct proto_to *to, int lost)
{
	World__LeaveRequest request = WORLD__LEAVE_REQUEST__INIT;

	request.has_avatar = request.has_lost = 1;
	request.avatar = to->actor;
	request.lost = lost;
	world_leave(fe->h, &request, to, on_leave_done, NULL);
}

void tell_left(struct frontend *fe, struct client *client, uint16_t tag, const char *reason)
{
	Client__LeftWorld left = CLIENT__LEFT_WORLD__INIT;

	client->avatar = 0;
	client->state = CLIENT_ENTERED;
	left.reason = (char *)reason;
	wire_send(fe->h, client->conn, WIRE_LEFT_WORLD, tag, &left.base);
}

static void on_world_left(void *instance, void *arg, const struct troupe_reply *reply, const World__LeaveReply *body)
{
	struct frontend *fe = instance;
	struct visit *visit = arg;

	(void)reply; /* whatever it said: the client does not listen there any more */
	(void)body;
	if (visit->client != NULL) {
		tell_left(fe, visit->client, visit->tag, NULL);
	}
	visit_free(visit);
}

void leave_begin(struct frontend *fe, struct client *client, uint16_t tag)
{
	World__LeaveRequest request = WORLD__LEAVE_REQUEST__INIT;
	struct proto_to to = { .instance = client->mechanics,
			       .account = client->account,
			       .actor = client->avatar,
			       .session = client->session };
	struct visit *visit = client->visit;

	if (visit != NULL) { /* it is on its way back in: out again when it is there */
		client->state = CLIENT_LEAVING;
		visit->leaving = 1;
		visit->tag = tag;
		return;
	}
	if (client->mechanics == 0) {
		tell_left(fe, client, tag, NULL);
		return;
	}
	visit = visit_new(fe, client, tag, CLIENT_LEAVING);
	if (visit == NULL) {
		wire_error(fe->h, client->conn, WIRE_LEAVE_WORLD, tag, TROUPE_RESOURCE_EXHAUSTED, "frontend.no_memory",
			   NULL);
		return;
	}
	request.has_avatar = 1;
	request.avatar = client->avatar;
	fanout_leave_all(fe, client);
	fanout_forget(fe, client);
	client->avatar = client->mechanics = 0;
	world_leave(fe->h, &request, &to, on_world_left, visit);
}

void world_end(struct frontend *fe, struct client *client, enum session_end why)
{
	struct proto_to there = { .instance = client->mechanics,
				  .account = client->account,
				  .actor = client->avatar,
				  .session = client->session };

	if (client->visit != NULL && client->visit->awaits) {
		visit_free(client->visit);
	} else if (client->visit != NULL) {
		client->visit->unwanted = client->visit->leaving || why == SESSION_UNWANTED;
		client->visit->client = NULL;
		client->visit->leaving = 0;
		client->visit = NULL;
	}
	fanout_leave_all(fe, client);
	fanout_forget(fe, client);
	if (client->mechanics != 0) {
		world_left(fe, &there, why == SESSION_LOST);
		client->mechanics = client->avatar = 0;
	}
}
