/* SPDX-License-Identifier: MIT */
/* Avatars that go over to another owner and come from one, with their players; and what is still asked of the old one. */
#include <stdlib.h>
#include <string.h>

#include "frontend.stub.h"
#include "mechanics.h"

/* Where an avatar went. */
struct passage {
	uint64_t avatar, owner;
};

/* --- going ---------------------------------------------------------------------------------------- */

/* remember: the oldest gives way. */
static void remember(struct mechanics *m, uint64_t avatar, uint64_t owner)
{
	struct passage *passage = map_get(&m->passes, avatar);

	if (passage != NULL) {
		passage->owner = owner;
		return;
	}
	passage = calloc(1, sizeof(*passage));
	if (passage == NULL) {
		return; /* its late requests are refused */
	}
	if (m->pass_ring[m->pass_at] != 0) {
		free(map_remove(&m->passes, m->pass_ring[m->pass_at]));
	}
	*passage = (struct passage){ .avatar = avatar, .owner = owner };
	m->pass_ring[m->pass_at] = 0;
	if (map_put(&m->passes, avatar, passage) != 0) {
		free(passage);
		return;
	}
	m->pass_ring[m->pass_at] = avatar;
	m->pass_at = (m->pass_at + 1) % PASSES_MAX;
}

static uint64_t where(const struct mechanics *m, uint64_t avatar)
{
	const struct passage *passage = map_get(&m->passes, avatar);
	int owner = m->engine != NULL ? engine_owner_of(m->engine, avatar) : -1;

	if (owner >= 0 && (uint32_t)owner < m->now.len && (uint32_t)owner != m->now.self) {
		return m->now.owners[owner]; /* it may have gone on since */
	}
	return passage != NULL ? passage->owner : 0;
}

/* queued_on: what the player asked for since the tick was cut is asked of the new owner. */
static void queued_on(struct mechanics *m, const struct player *player, const struct queued *queued)
{
	const Region__Input *input = queued->input;
	struct waiting *waiting = ask_take(m, input->token);
	struct ask ask = { .account = player->account, .actor = player->avatar, .session = player->session };
	World__MoveRequest move = WORLD__MOVE_REQUEST__INIT;
	World__ActRequest act = WORLD__ACT_REQUEST__INIT;
	World__ChatRequest chat = WORLD__CHAT_REQUEST__INIT;
	int passed = 0;

	if (waiting != NULL) {
		ask = waiting->ask;
		free(waiting);
	}
	switch (input->kind) {
	case REGION__INPUT_KIND__INPUT_MOVE:
		move.has_seq = move.has_x = move.has_y = 1;
		move.seq = queued->seq;
		move.x = input->x;
		move.y = input->y;
		passed = pass_on(m, &ask, WORLD_MOVE_ID, &move.base);
		break;
	case REGION__INPUT_KIND__INPUT_ACT:
		act.action = input->name;
		act.has_target = input->has_target;
		act.target = input->target;
		act.text = input->text;
		act.has_key = input->has_key;
		act.key = input->key;
		act.has_bx = act.has_by = act.has_bz = input->place != 0;
		act.bx = (int32_t)input->x;
		act.by = (int32_t)input->y;
		act.bz = (int32_t)input->z;
		passed = pass_on(m, &ask, WORLD_ACT_ID, &act.base);
		break;
	case REGION__INPUT_KIND__INPUT_CHAT:
		chat.channel = input->channel;
		chat.text = input->text;
		passed = pass_on(m, &ask, WORLD_CHAT_ID, &chat.base);
		break;
	default:
		if (ask.request != 0) {
			ask_refuse(m, &ask, TROUPE_ABORTED, "world.not_here");
		}
		return;
	}
	if (!passed && ask.request != 0) {
		ask_refuse(m, &ask, TROUPE_UNAVAILABLE, "world.busy");
	}
}

void pass_handed(struct mechanics *m, uint64_t avatar)
{
	struct player *player = map_get(&m->by_avatar, avatar);
	int owner = engine_owner_of(m->engine, avatar);
	World__LeaveRequest leave = WORLD__LEAVE_REQUEST__INIT;
	uint32_t kept = 0;

	if (owner >= 0 && (uint32_t)owner < m->now.len) {
		remember(m, avatar, m->now.owners[owner]);
	}
	STRIKE("avatar.handed");
	count(m, METRIC_HANDED);
	if (player == NULL) {
		return;
	}
	frontend_leave(m, player);
	for (uint32_t i = 0; i < m->inbox_len; i++) {
		if (m->inbox[i].input->avatar != avatar) {
			m->inbox[kept++] = m->inbox[i];
			continue;
		}
		queued_on(m, player, &m->inbox[i]);
		journal_free_one(m, &m->inbox[i]);
	}
	m->inbox_len = kept;
	if (player->leave.request != 0) {
		leave.has_avatar = 1;
		leave.avatar = avatar;
		if (!pass_on(m, &player->leave, WORLD_LEAVE_ID, &leave.base)) {
			ask_refuse(m, &player->leave, TROUPE_UNAVAILABLE, "world.busy"); /* it has not left */
		}
		player->leave.request = 0;
	}
	roster_remove(m, player);
}

/* --- coming --------------------------------------------------------------------------------------- */

static struct player *player_from(struct mechanics *m, uint64_t avatar, const Region__Session *session)
{
	struct player *player = map_get(&m->by_avatar, avatar);

	player = player != NULL ? player : roster_add(m, avatar);
	if (player == NULL) {
		count(m, METRIC_FULL);
		return NULL;
	}
	player->session = session->session;
	player->account = session->account;
	player->epoch = session->epoch;
	player->seq = session->seq;
	return player;
}

static void tell_moved(struct mechanics *m, const struct player *player, const struct sight *sight)
{
	Frontend__Moved event = FRONTEND__MOVED__INIT;
	struct proto_to to = { .instance = player->frontend->id };
	uint64_t session = player->session;
	double x = sight->x, y = sight->y, z = sight->z;

	event.has_tick = event.has_tick_ms = 1;
	event.tick = m->ticking.tick;
	event.tick_ms = engine_shape(m->engine)->tick_ms;
	event.n_session = event.n_x = event.n_y = event.n_z = 1;
	event.session = &session;
	event.x = &x;
	event.y = &y;
	event.z = &z;
	frontend_moved(m->h, &event, &to);
}

static void sleeps(struct mechanics *m, struct player *player)
{
	m->asleep += player->state != PLAYER_ASLEEP;
	player->state = PLAYER_ASLEEP;
	save_asleep_one(m, player);
}

void pass_taken(struct mechanics *m, uint64_t avatar, const Region__Session *session)
{
	static const Region__Session nobody = REGION__SESSION__INIT;
	struct player *player = player_from(m, avatar, session != NULL ? session : &nobody);
	struct frontend *frontend;
	struct sight sight;

	STRIKE("avatar.taken");
	count(m, METRIC_TAKEN);
	free(map_remove(&m->passes, avatar));
	if (player == NULL || engine_see(m->engine, avatar, &sight) != 0) {
		return;
	}
	if (sight.asleep) {
		sleeps(m, player);
		return;
	}
	frontend = session != NULL && session->frontend != 0 ? frontend_get(m, session->frontend) : NULL;
	if (frontend == NULL) {
		roster_lose(m, player, 0);
		return;
	}
	player->frontend = frontend;
	tell_moved(m, player, &sight); /* before what it sees */
	player->frontend = NULL;
	frontend_join(m, player, frontend, sight.chunk);
}

/* --- after a restore ------------------------------------------------------------------------------ */

void pass_adopt_one(struct mechanics *m, const struct sight *sight)
{
	static const Region__Session nobody = REGION__SESSION__INIT;
	const Region__Session *session = engine_session(m->engine, sight->id);
	struct player *player;

	if (map_get(&m->by_avatar, sight->id) != NULL) {
		return;
	}
	session = session != NULL ? session : &nobody;
	player = player_from(m, sight->id, session);
	if (player != NULL && sight->asleep) {
		sleeps(m, player);
	} else if (player != NULL) {
		roster_lose(m, player, session->frontend);
	}
}

static int adopt(void *arg, const struct sight *sight)
{
	if (sight->avatar) {
		pass_adopt_one(arg, sight);
		items_owed(arg, sight->id);
	}
	return 0;
}

void pass_adopt(struct mechanics *m)
{
	m->adopting = 0;
	engine_each(m->engine, adopt, m);
	if (m->players_len > 0) {
		log_line(m, TROUPE_LOG_NOTICE, NULL, "%u avatars are here; their players are asked to come in again",
			 m->players_len);
	}
	roster_watch(m);
	owner_state(m);
}

/* --- passing on ----------------------------------------------------------------------------------- */

/* What another owner works on; in a list, so that the end of the instance finds it. */
struct passed {
	struct ask ask;
	struct passed *next, **link;
};

static void passed_free(struct passed *passed)
{
	*passed->link = passed->next;
	if (passed->next != NULL) {
		passed->next->link = passed->link;
	}
	free(passed);
}

static void passed_answer(struct mechanics *m, const struct ask *ask, const struct troupe_reply *reply,
			  const Region__PassReply *body)
{
	uint8_t *bytes;
	struct troupe_buf *buf;

	if (ask->request == 0) {
		return; /* a move, which was answered before it went on */
	}
	if (reply->status != TROUPE_OK) {
		ask_refuse(m, ask, reply->status, reply->reason);
		return;
	}
	if (ask->passed) {
		region_pass_reply(m->h, ask->request, body);
	} else {
		buf = m->h->buf_new(m->h, body->body.len, &bytes);
		if (buf != NULL && body->body.len > 0) {
			memcpy(bytes, body->body.data, body->body.len);
		}
		m->h->reply(m->h, ask->request, TROUPE_OK, buf);
	}
}

static void on_passed(void *instance, void *arg, const struct troupe_reply *reply, const Region__PassReply *body)
{
	struct passed *passed = arg;

	passed_answer(instance, &passed->ask, reply, body);
	passed_free(passed);
}

int pass_on(struct mechanics *m, const struct ask *ask, uint32_t method, const ProtobufCMessage *body)
{
	uint64_t owner = ask->actor != 0 ? where(m, ask->actor) : 0;
	Region__PassRequest request = REGION__PASS_REQUEST__INIT;
	struct proto_to to = { .instance = owner };
	struct passed *kept = owner != 0 ? malloc(sizeof(*kept)) : NULL;
	struct troupe_buf *packed = kept != NULL ? proto_pack(m->h, body) : NULL;

	if (packed == NULL) {
		free(kept);
		return 0;
	}
	*kept = (struct passed){ .ask = *ask, .next = m->passed, .link = &m->passed };
	if (kept->next != NULL) {
		kept->next->link = &kept->next;
	}
	m->passed = kept;
	request.has_method = request.has_body = request.has_account = request.has_actor = request.has_session = 1;
	request.method = method;
	request.body.data = (uint8_t *)packed->data;
	request.body.len = packed->len;
	request.account = ask->account;
	request.actor = ask->actor;
	request.session = ask->session;
	count(m, METRIC_PASSED);
	region_pass(m->h, &request, &to, on_passed, kept);
	m->h->buf_unref(m->h, packed);
	return 1;
}

void pass_forget(struct mechanics *m)
{
	struct map_entry *entry;
	uint32_t at = 0;

	while ((entry = map_next(&m->passes, &at)) != NULL) {
		free(entry->value);
	}
	map_free(&m->passes);
	memset(&m->passes, 0, sizeof(m->passes));
	memset(m->pass_ring, 0, sizeof(m->pass_ring));
	m->pass_at = 0;
}

void pass_free(struct mechanics *m)
{
	pass_forget(m);
	while (m->passed != NULL) {
		passed_free(m->passed);
	}
}
