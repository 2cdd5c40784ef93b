/* SPDX-License-Identifier: MIT */
/* Players: entering and leaving, as inputs of the world. */
#include <stdlib.h>
#include <string.h>

#include "mechanics.h"

static void refuse(struct mechanics *m, const struct ask *ask, int32_t status, const char *reason)
{
	count(m, METRIC_ENTER_REFUSED);
	ask_refuse(m, ask, status, reason);
}

/* --- inputs --------------------------------------------------------------------------------------- */

/* queue_about: leave or gone; 0, or -1 if there is no room. */
static int queue_about(struct mechanics *m, const struct player *player, Region__InputKind kind)
{
	Region__Input input = REGION__INPUT__INIT;

	input.has_kind = input.has_avatar = 1;
	input.kind = kind;
	input.avatar = player->avatar;
	return journal_queue(m, &input, 0);
}

/* session_fill: who plays goes with the avatar, so that another owner, or this one after a restore, knows. */
static void session_fill(Region__Session *session, const struct ask *ask, uint64_t epoch)
{
	region__session__init(session);
	session->has_session = session->has_account = session->has_epoch = session->has_frontend = session->has_seq = 1;
	session->session = ask->session;
	session->account = ask->account;
	session->epoch = epoch;
	session->frontend = ask->frontend;
}

/* queue_enter: 0; -1 if there is no room; -2 if what it carries cannot be read. */
static int queue_enter(struct mechanics *m, const struct waiting *waiting, const World__EnterRequest *body,
		       const uint8_t *state, size_t len)
{
	Region__Record *carried = len > 0 ? region__record__unpack(NULL, len, state) : NULL, empty = REGION__RECORD__INIT;
	Region__Record *record = carried != NULL ? carried : &empty;
	Region__Session session, *before = record->session;
	Region__Input input = REGION__INPUT__INIT;
	uint8_t *bytes;
	int result = -1;

	if (len > 0 && carried == NULL) {
		return -2;
	}
	session_fill(&session, &waiting->ask, body->epoch);
	record->session = &session;
	bytes = malloc(region__record__get_packed_size(record));
	if (bytes != NULL) {
		input.has_kind = input.has_avatar = input.has_token = input.has_account = input.has_state = 1;
		input.has_x = input.has_y = input.has_z = input.has_place = 1;
		input.kind = REGION__INPUT_KIND__INPUT_ENTER;
		input.avatar = body->avatar;
		input.token = waiting->token;
		input.account = waiting->ask.account;
		input.name = body->name;
		input.x = body->x;
		input.y = body->y;
		input.z = body->z;
		input.place = 1;
		input.state.data = bytes;
		input.state.len = region__record__pack(record, bytes);
		result = journal_queue(m, &input, 0);
	}
	free(bytes);
	record->session = before;
	if (carried != NULL) {
		region__record__free_unpacked(carried, NULL);
	}
	return result;
}

/* --- leaving -------------------------------------------------------------------------------------- */

static void leave(struct mechanics *m, struct player *player, const struct ask *ask)
{
	static const World__LeaveReply reply = WORLD__LEAVE_REPLY__INIT;

	if (player->state == PLAYER_HERE) {
		if (queue_about(m, player, REGION__INPUT_KIND__INPUT_LEAVE) != 0) {
			if (ask != NULL) {
				ask_refuse(m, ask, TROUPE_RESOURCE_EXHAUSTED, "world.busy");
			}
			return;
		}
		player->state = PLAYER_LEAVING;
	}
	if (ask == NULL) {
		return;
	}
	if (player->leave.request != 0 || player->state == PLAYER_GOING) {
		ask_reply(m, ask, &reply.base);
	} else {
		player->leave = *ask;
	}
}

void players_leave(struct mechanics *m, const struct ask *ask, const World__LeaveRequest *body)
{
	static const World__LeaveReply reply = WORLD__LEAVE_REPLY__INIT;
	struct player *player = map_get(&m->by_avatar, body->avatar);

	if (m->phase != PHASE_RUNNING || m->adopting) {
		ask_refuse(m, ask, TROUPE_UNAVAILABLE, "world.paused");
		return;
	}
	if (player == NULL && pass_on(m, ask, WORLD_LEAVE_ID, &body->base)) {
		return;
	}
	/* A late word about an earlier session does not make the later one leave. */
	if (player == NULL || player->session != ask->session || player->account != ask->account) {
		ask_reply(m, ask, &reply.base);
		return;
	}
	if (body->lost && m->options->linger_ms > 0 && !m->draining) {
		if (player->frontend != NULL) {
			roster_lose(m, player, 0);
		}
		player->lost_from = 0;
		ask_reply(m, ask, &reply.base);
		return;
	}
	leave(m, player, ask);
}

void players_left(struct mechanics *m, uint64_t avatar)
{
	struct player *player = map_get(&m->by_avatar, avatar);

	if (player == NULL) {
		return;
	}
	frontend_leave(m, player);
	m->asleep += player->state != PLAYER_ASLEEP;
	player->state = PLAYER_ASLEEP;
	player->tries = 0;
	save_asleep_one(m, player);
}

void players_saved(struct mechanics *m, struct player *player)
{
	/* Without room it is tried again with the next second. */
	if (player->state == PLAYER_ASLEEP && queue_about(m, player, REGION__INPUT_KIND__INPUT_GONE) == 0) {
		m->asleep--;
		player->state = PLAYER_GOING;
	}
}

void players_removed(struct mechanics *m, uint64_t avatar)
{
	struct player *player = map_get(&m->by_avatar, avatar);

	if (player != NULL) {
		roster_remove(m, player);
	}
}

/* lost_end: those who were lost for too long leave; with `account` not 0 those of this account but for one avatar. */
static void lost_end(struct mechanics *m, uint64_t account, uint64_t avatar)
{
	uint64_t now_us = m->h->now_us(m->h), linger_us = (uint64_t)m->options->linger_ms * 1000u;

	for (uint32_t p = m->players_len; p-- > 0 && m->lost > 0;) {
		struct player *player = m->players[p];

		if (player->lost_us != 0 && player->state == PLAYER_HERE &&
		    (account != 0 ? player->account == account && player->avatar != avatar
				  : now_us - player->lost_us >= linger_us)) {
			leave(m, player, NULL);
		}
	}
}

void players_second(struct mechanics *m)
{
	save_asleep(m);
	roster_watch(m);
	lost_end(m, 0, 0);
}

void players_forget(struct mechanics *m)
{
	while (m->players_len > 0) {
		struct player *player = m->players[m->players_len - 1];

		player->frontend = NULL;
		roster_remove(m, player);
	}
	m->lost = m->asleep = 0;
	for (uint32_t i = 0; i < m->frontends_len; i++) {
		struct frontend *frontend = &m->frontends[i];

		if (frontend->say != NULL) {
			say_free(m->h, frontend); /* what was not told is told again when they come in */
		}
		free(frontend->watch);
		memset(frontend, 0, sizeof(*frontend));
	}
	m->frontends_len = 0;
	m->changes_len = m->blocks_len = 0;
}

void players_free(struct mechanics *m)
{
	players_forget(m);
	roster_free(m);
}

/* --- entering ------------------------------------------------------------------------------------- */

/* elsewhere: 1 (and said) if another owner has the avatar, or the place where it will be. */
static int elsewhere(struct mechanics *m, const struct ask *ask, const World__EnterRequest *body)
{
	World__EnterReply reply = WORLD__ENTER_REPLY__INIT;
	int owner = engine_owner_of(m->engine, body->avatar);

	if (owner < 0 && map_get(&m->by_avatar, body->avatar) == NULL) {
		double x = body->x, y = body->y;

		if (!engine_inside(m->engine, x, y)) {
			x = y = 0; /* as the engine takes it */
		}
		owner = m->now.owner_of[engine_region_at(m->engine, x, y)];
	}
	if (owner < 0 || (uint32_t)owner == m->now.self || (uint32_t)owner >= m->now.len) {
		return 0;
	}
	reply.has_owner = 1;
	reply.owner = m->now.owners[owner];
	ask_reply(m, ask, &reply.base);
	return 1;
}

static void enter(struct mechanics *m, const struct ask *ask, const World__EnterRequest *body)
{
	struct frontend *frontend = frontend_get(m, ask->frontend); /* once the world has let it in there is no way back */
	struct player *player = map_get(&m->by_avatar, body->avatar);
	const uint8_t *state = body->state.data;
	size_t len = body->state.len;
	struct waiting *waiting;
	int result;

	if (frontend == NULL) {
		refuse(m, ask, TROUPE_RESOURCE_EXHAUSTED, "world.full");
		return;
	}
	waiting = ask_wait(m, ask, WAITING_ENTER, body->avatar);
	if (waiting == NULL) {
		return;
	}
	waiting->epoch = body->epoch;
	waiting->frontend = frontend;
	frontend->entering++;
	if (player != NULL) {
		/* It had left. What it carries is newer here than whatever was loaded. */
		journal_drop(m, body->avatar, REGION__INPUT_KIND__INPUT_GONE);
		if (player->last != NULL) {
			state = player->last;
			len = player->last_len;
		}
	}
	result = queue_enter(m, waiting, body, state, len);
	if (result != 0) {
		free(ask_take(m, waiting->token));
		if (result == -2) {
			refuse(m, ask, TROUPE_DATA_LOSS, "world.bad_state");
		} else {
			refuse(m, ask, TROUPE_RESOURCE_EXHAUSTED, "world.busy");
		}
		return;
	}
	if (player != NULL && player->state == PLAYER_GOING) {
		player->state = PLAYER_ASLEEP; /* until the tick says whether it was quicker */
		m->asleep++;
	}
}

void players_enter(struct mechanics *m, const struct ask *ask, const World__EnterRequest *body)
{
	const struct player *player = map_get(&m->by_avatar, body->avatar);

	if (body->avatar == 0 || ask->session == 0 || ask->frontend == 0 || body->name == NULL || body->name[0] == '\0' ||
	    strlen(body->name) > AVATAR_NAME_MAX || body->state.len > STATE_MAX) {
		refuse(m, ask, TROUPE_INVALID_ARGUMENT, "world.bad_enter");
		return;
	}
	if (m->draining) {
		refuse(m, ask, TROUPE_FAILED_PRECONDITION, "world.draining");
		return;
	}
	if (ask_busy(m, ask) || elsewhere(m, ask, body)) {
		return;
	}
	lost_end(m, ask->account, body->avatar); /* one account, one avatar */
	if (player != NULL && player->epoch > body->epoch) {
		refuse(m, ask, TROUPE_ABORTED, "world.newer_session");
	} else if (player == NULL && m->players_len + m->entering >= (uint64_t)m->options->max_avatars) {
		refuse(m, ask, TROUPE_RESOURCE_EXHAUSTED, "world.full");
	} else {
		enter(m, ask, body);
	}
}

static void welcome(struct mechanics *m, const struct ask *ask, const struct sight *sight)
{
	World__EnterReply reply = WORLD__ENTER_REPLY__INIT;

	reply.has_x = reply.has_y = reply.has_z = reply.has_tick = reply.has_tick_ms = 1;
	reply.x = sight->x;
	reply.y = sight->y;
	reply.z = sight->z;
	reply.tick = m->ticking.tick;
	reply.tick_ms = engine_shape(m->engine)->tick_ms;
	ask_reply(m, ask, &reply.base);
}

/* entered_as: this session plays it from now on; NULL on success, else why not. */
static const char *entered_as(struct mechanics *m, const struct waiting *waiting, const struct sight *sight)
{
	struct player *player = map_get(&m->by_avatar, waiting->avatar);

	if (player != NULL && player->epoch > waiting->epoch) {
		return "world.newer_session";
	}
	player = player != NULL ? player : roster_add(m, waiting->avatar);
	if (player == NULL) {
		return "world.no_memory";
	}
	if (player->frontend != NULL) {
		frontend_leave(m, player);
	}
	m->asleep -= player->state == PLAYER_ASLEEP;
	player->state = PLAYER_HERE;
	player->session = waiting->ask.session;
	player->account = waiting->ask.account;
	player->epoch = waiting->epoch;
	player->stale = 0;
	player->seq = 0;
	free(player->last);
	player->last = NULL;
	frontend_join(m, player, waiting->frontend, sight->chunk);
	return NULL;
}

void players_entered(struct mechanics *m, uint64_t avatar, uint64_t token)
{
	struct waiting *waiting = ask_take(m, token);
	struct sight sight;
	const char *why;

	if (engine_see(m->engine, avatar, &sight) != 0 || !sight.ours || sight.asleep) {
		if (waiting != NULL) { /* it left in the same tick */
			refuse(m, &waiting->ask, TROUPE_UNAVAILABLE, "world.busy");
		}
		free(waiting);
		return;
	}
	if (waiting == NULL) { /* whoever asked waits no more */
		pass_adopt_one(m, &sight);
		return;
	}
	why = entered_as(m, waiting, &sight);
	if (why == NULL) {
		welcome(m, &waiting->ask, &sight);
	} else {
		refuse(m, &waiting->ask, TROUPE_ABORTED, why);
	}
	free(waiting);
}

struct player *player_of(struct mechanics *m, const struct ask *ask)
{
	struct player *player = ask->actor != 0 ? map_get(&m->by_avatar, ask->actor) : NULL;

	return player != NULL && player->session == ask->session && player->state == PLAYER_HERE ? player : NULL;
}
