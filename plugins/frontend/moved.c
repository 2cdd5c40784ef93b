/* SPDX-License-Identifier: MIT */
/* From one part of the world to another: avatars cross over to the instance that owns the place where they are now. */
#include "frontend.h"

/* Is this the world of our shard? */
static int is_ours(const struct frontend *fe, uint64_t instance)
{
	struct troupe_peer peers[WORLDS_MAX];
	uint32_t found = worlds(fe, peers);

	for (uint32_t i = 0; i < found; i++) {
		if (peers[i].id == instance) {
			return 1;
		}
	}
	return 0;
}

/* What the client sees is told again, from the beginning. */
static void arrive(struct frontend *fe, struct client *client, uint64_t mechanics, const Client__AvatarSelected *where)
{
	int waited = client->state == CLIENT_WAITING;

	client->state = CLIENT_WORLD;
	client->mechanics = mechanics;
	client->tick = where->tick;
	fanout_leave_others(fe, client, mechanics);
	fanout_forget(fe, client);
	fanout_join(fe, client, mechanics, 0);
	tell_selected(fe, client, 0, where);
	if (waited) {
		tell_state(fe, client, 1, NULL);
	}
}

/* moved_one: 0 if the word comes too late. */
static int moved_one(struct frontend *fe, uint64_t session, uint64_t mechanics, const Client__AvatarSelected *where)
{
	struct client *client = client_by_session(fe, session);

	if (client == NULL || where->tick < client->tick) {
		return 0;
	}
	if (client->visit != NULL && client->visit->asked && where->tick >= client->visit->tick) {
		/* it crossed before the answer that it is in has come */
		client->visit->world = mechanics;
		client->visit->tick = where->tick;
		fanout_leave_others(fe, client, mechanics);
		return 1;
	}
	if (client->visit != NULL || client->avatar == 0 ||
	    (client->state != CLIENT_WORLD && client->state != CLIENT_WAITING)) {
		return 0;
	}
	arrive(fe, client, mechanics, where);
	return 1;
}

void moved_on_moved(void *instance, const struct troupe_request *request, const Frontend__Moved *body)
{
	struct frontend *fe = instance;
	int ours = is_ours(fe, request->from);

	for (size_t i = 0; i < body->n_session; i++) {
		Client__AvatarSelected where = CLIENT__AVATAR_SELECTED__INIT;
		struct client *client = client_by_session(fe, body->session[i]);

		where.has_tick = 1;
		where.tick = body->has_tick || client == NULL ? body->tick : client->tick;
		where.has_x = where.has_y = where.has_z = i < body->n_x && i < body->n_y && i < body->n_z;
		if (where.has_x) {
			where.x = body->x[i];
			where.y = body->y[i];
			where.z = body->z[i];
		}
		if (client != NULL && body->tick_ms != 0) {
			client->tick_ms = body->tick_ms;
		}
		if (!ours || !moved_one(fe, body->session[i], request->from, &where)) {
			count(fe, METRIC_STALE);
		}
	}
}
