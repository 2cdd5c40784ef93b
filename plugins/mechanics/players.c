/* SPDX-License-Identifier: MIT */
/* Players: entering, leaving, and their places kept safe. */
#include <stdlib.h>
#include <string.h>

#include "avatar.stub.h"
#include "frontend.stub.h"
#include "mechanics.h"

#define TRIES_MAX 10u	/* of a last save, a second apart */
#define DRAIN_TRIES_MAX 3u

static void on_saved(void *instance, void *arg, const struct troupe_reply *reply, const Avatar__SaveReply *body);

/* --- the list ------------------------------------------------------------------------------------- */

static int player_list(struct mechanics *m, struct player *player)
{
	if (m->players_len == m->players_size) {
		uint32_t size = m->players_size == 0 ? 64 : m->players_size * 2;
		struct player **players = realloc(m->players, size * sizeof(*players));

		if (players == NULL) {
			return -1;
		}
		m->players = players;
		m->players_size = size;
	}
	if (map_put(&m->by_avatar, player->avatar, player) != 0) {
		return -1;
	}
	player->at = m->players_len;
	m->players[m->players_len++] = player;
	return 0;
}

static void player_unlist(struct mechanics *m, struct player *player)
{
	struct player *last = m->players[--m->players_len];

	m->players[player->at] = last;
	last->at = player->at;
	map_remove(&m->by_avatar, player->avatar);
}

static void player_free(struct mechanics *m, struct player *player)
{
	if (player->gone) {
		if (player->gone_prev != NULL) {
			player->gone_prev->gone_next = player->gone_next;
		} else {
			m->gone = player->gone_next;
		}
		if (player->gone_next != NULL) {
			player->gone_next->gone_prev = player->gone_prev;
		}
	}
	free(player);
}

static struct frontend *frontend_get(struct mechanics *m, uint64_t id)
{
	struct frontend *found = NULL;

	for (uint32_t i = 0; i < FRONTENDS_MAX; i++) {
		if (m->frontends[i].id == id) {
			return &m->frontends[i];
		}
		if (found == NULL && m->frontends[i].players == 0) {
			found = &m->frontends[i];
		}
	}
	if (found == NULL) {
		return NULL;
	}
	if (found->id == 0) {
		found->watch = calloc(m->world.cells + 1u, sizeof(*found->watch));
		if (found->watch == NULL || say_open(m->h, found) != 0) {
			free(found->watch);
			found->watch = NULL;
			return NULL;
		}
	} else {
		say_flush(m, found); /* the last words to the one before */
	}
	found->id = id;
	found->missed = 0;
	return found;
}

/* frontend_join: the player sees the world through this front-end. frontend_leave: nobody looks through its eyes; it is
 * gone, or lost from now on. */
static void frontend_join(struct mechanics *m, struct player *player, struct frontend *frontend, uint32_t cell)
{
	m->lost -= player->lost_us != 0;
	player->lost_us = 0;
	player->frontend = frontend;
	frontend->players++;
	interest_view(m, player, cell);
}

static void frontend_leave(struct mechanics *m, struct player *player)
{
	interest_view(m, player, 0);
	if (player->frontend != NULL) {
		player->frontend->players--;
		player->frontend = NULL;
	} else {
		m->lost -= player->lost_us != 0;
		player->lost_us = 0;
	}
}

/* --- saving --------------------------------------------------------------------------------------- */

static int unsaved(const struct mechanics *m, const struct player *player, double *ret_x, double *ret_y)
{
	uint32_t row = player->gone ? NO_ROW : world_row(&m->world, player->avatar);

	*ret_x = row != NO_ROW ? m->world.x[row] : player->x;
	*ret_y = row != NO_ROW ? m->world.y[row] : player->y;
	return !player->stale && (*ret_x != player->saved_x || *ret_y != player->saved_y);
}

/* save: begins one if there is anything to save; 1 if one is under way now. */
static int save(struct mechanics *m, struct player *player)
{
	Avatar__SaveRequest request = AVATAR__SAVE_REQUEST__INIT;

	if (player->saving || !unsaved(m, player, &player->save_x, &player->save_y)) {
		return player->saving;
	}
	player->saving = 1;
	m->saves++;
	request.has_avatar = request.has_epoch = request.has_x = request.has_y = request.has_z = 1;
	request.avatar = player->avatar;
	request.epoch = player->epoch;
	request.x = player->save_x;
	request.y = player->save_y;
	request.z = player->z;
	request.has_world_epoch = m->lease.epoch != 0;
	request.world_epoch = m->lease.epoch;
	avatar_save(m->h, &request, NULL, on_saved, player);
	return 1;
}

static void answer_leave(struct mechanics *m, struct player *player)
{
	static const World__LeaveReply reply = WORLD__LEAVE_REPLY__INIT;

	if (player->leave_request != 0) {
		world_leave_reply(m->h, player->leave_request, &reply);
		player->leave_request = 0;
	}
}

static void drain_go_on(struct mechanics *m)
{
	uint32_t waiting = m->saves;

	for (uint32_t i = 0; i < m->players_len && m->saves < SAVES_MAX; i++) {
		if (m->players[i]->tries < DRAIN_TRIES_MAX) {
			waiting += save(m, m->players[i]) != 0;
		}
	}
	if (waiting == 0 && m->gone == NULL && !m->drained) {
		m->drained = 1;
		lease_release(m);
	}
}

/* despawn: out of the world and of everybody's sight; the player goes on living while its last save is under way. */
static void despawn(struct mechanics *m, struct player *player)
{
	uint32_t row = world_row(&m->world, player->avatar);

	rules_leave(m->rules, row);
	row = world_row(&m->world, player->avatar); /* rules may have removed others */
	frontend_leave(m, player);
	interest_gone(m, player->avatar, m->world.cell_of[row]);
	player->x = m->world.x[row];
	player->y = m->world.y[row];
	rules_entity_gone(m->rules, row);
	world_remove(&m->world, row);
	player_unlist(m, player);
	player->gone = 1;
	player->gone_prev = NULL;
	player->gone_next = m->gone;
	if (m->gone != NULL) {
		m->gone->gone_prev = player;
	}
	m->gone = player;
}

/* lose: its connection is lost; it stays where it is, and for how long is looked at each second. */
static void lose(struct mechanics *m, struct player *player)
{
	if (player->frontend != NULL) {
		player->lost_from = player->frontend->id;
		frontend_leave(m, player);
		player->lost_us = m->h->now_us(m->h);
		player->lost_us += player->lost_us == 0;
		m->lost++;
	}
}

static void on_saved(void *instance, void *arg, const struct troupe_reply *reply, const Avatar__SaveReply *body)
{
	struct mechanics *m = instance;
	struct player *player = arg;
	int fenced = reply->status == TROUPE_FAILED_PRECONDITION || reply->status == TROUPE_NOT_FOUND;
	double x, y;

	(void)body;
	player->saving = 0;
	m->saves--;
	if (player->forgotten) {
		player_free(m, player);
		return;
	}
	if (reply->status == TROUPE_FAILED_PRECONDITION && strcmp(reply->reason, "store.fenced") == 0) {
		lease_lost(m, "the item store refused to save for it");
		return;
	}
	if (reply->status == TROUPE_OK) {
		count(m, METRIC_SAVED);
		player->saved_x = player->save_x;
		player->saved_y = player->save_y;
		player->tries = 0;
	} else if (fenced) {
		/* A newer session owns the avatar: it is on its way here, and takes it over where it stands. Or the avatar was
		 * deleted. In any case what we know of it is not saved any more. */
		count(m, METRIC_FENCED);
		log_line(m, TROUPE_LOG_INFO, NULL, "the place of avatar %llu may not be saved any more (%s)",
			 (unsigned long long)player->avatar, reply->reason);
		player->stale = 1;
		if (!player->gone && reply->status == TROUPE_NOT_FOUND) {
			despawn(m, player);
		} else if (!player->gone) {
			lose(m, player);
		}
	} else {
		count(m, METRIC_SAVE_FAILED);
		player->tries++;
		log_line(m, TROUPE_LOG_WARNING, NULL, "an avatar's place was not saved (status %d %s); it is tried again",
			 (int)reply->status, reply->reason);
	}
	if (player->gone) {
		answer_leave(m, player);
		if (fenced || !unsaved(m, player, &x, &y)) {
			player_free(m, player);
		} else if (player->tries == 0) {
			save(m, player); /* it moved while the save before was under way */
		} else if (player->tries >= (m->draining ? DRAIN_TRIES_MAX : TRIES_MAX)) {
			log_line(m, TROUPE_LOG_ERROR, NULL, "the last place of avatar %llu is lost: %u saves failed",
				 (unsigned long long)player->avatar, player->tries);
			player_free(m, player);
		} else if (m->draining) {
			save(m, player);
		}
	}
	if (m->draining) {
		drain_go_on(m);
	}
}

void players_tick(struct mechanics *m)
{
	uint64_t turns = (uint64_t)(m->options->save_ms / m->options->tick_ms);
	uint32_t each = turns > 0 ? (uint32_t)((m->players_len + turns - 1) / turns) : m->players_len;

	/* Everybody has a turn within `save`, and each tick about as many as the next. */
	if (turns > 0 && m->players_len > 0 && m->players_len < turns && m->tick % (turns / m->players_len) != 0) {
		return;
	}
	for (uint32_t i = 0; i < each && i < m->players_len && m->saves < SAVES_MAX; i++) {
		m->save_cursor = m->save_cursor + 1 < m->players_len ? m->save_cursor + 1 : 0;
		save(m, m->players[m->save_cursor]);
	}
}

/* --- leaving -------------------------------------------------------------------------------------- */

static void leave(struct mechanics *m, struct player *player, uint64_t request)
{
	despawn(m, player);
	player->leave_request = request;
	if (!save(m, player)) {
		answer_leave(m, player);
		player_free(m, player);
	}
}

void players_on_leave(void *instance, const struct troupe_request *request, const World__LeaveRequest *body)
{
	static const World__LeaveReply reply = WORLD__LEAVE_REPLY__INIT;
	struct mechanics *m = instance;
	struct player *player = map_get(&m->by_avatar, body->avatar);

	/* A late word about an earlier session does not make the later one leave. */
	if (player == NULL || player->session != request->session || player->account != request->account) {
		world_leave_reply(m->h, request->id, &reply);
		return;
	}
	if (body->lost && m->options->linger_ms > 0 && !m->draining) {
		lose(m, player);
		player->lost_from = 0;
		world_leave_reply(m->h, request->id, &reply);
		return;
	}
	leave(m, player, request->id);
	if (m->draining) {
		drain_go_on(m);
	}
}

static int in_reach(const struct troupe_peer *peers, uint32_t len, uint64_t id)
{
	for (uint32_t i = 0; i < len && i < PEERS_MAX; i++) {
		if (peers[i].id == id) {
			return peers[i].ready != 0;
		}
	}
	return len > PEERS_MAX;
}

/* tell_lost: a front-end that was out of reach is back; those of its players that it still has must come in again. */
static void tell_lost(struct mechanics *m, const struct troupe_peer *peers, uint32_t len)
{
	for (uint32_t i = 0; i < m->players_len && m->lost > 0; i++) {
		struct player *player = m->players[i];
		Frontend__Reenter event = FRONTEND__REENTER__INIT;
		struct proto_to to = { .instance = player->lost_from };

		if (player->lost_us == 0 || player->lost_from == 0 || !in_reach(peers, len, player->lost_from)) {
			continue;
		}
		player->lost_from = 0;
		event.n_session = 1;
		event.session = &player->session;
		frontend_reenter(m->h, &event, &to);
	}
}

static void frontends_watch(struct mechanics *m)
{
	struct troupe_peer peers[PEERS_MAX];
	uint32_t n = m->h->peers(m->h, "frontend", peers, PEERS_MAX);

	tell_lost(m, peers, n);
	for (uint32_t i = 0; i < FRONTENDS_MAX; i++) {
		struct frontend *frontend = &m->frontends[i];
		int here = in_reach(peers, n, frontend->id);

		frontend->missed = here || frontend->players == 0 ? 0 : frontend->missed + 1;
		if (frontend->missed < 2) {
			continue;
		}
		log_line(m, TROUPE_LOG_NOTICE, NULL, "a front-end is gone; its %u players wait for another",
			 frontend->players);
		for (uint32_t p = 0; p < m->players_len; p++) {
			if (m->players[p]->frontend == frontend) {
				lose(m, m->players[p]);
			}
		}
	}
}

/* lost_end: those who were lost for too long leave; with `account` not 0 those of this account but for one avatar. */
static void lost_end(struct mechanics *m, uint64_t account, uint64_t avatar)
{
	uint64_t now_us = m->h->now_us(m->h), linger_us = (uint64_t)m->options->linger_ms * 1000u;

	for (uint32_t p = m->players_len; p-- > 0 && m->lost > 0;) {
		struct player *player = m->players[p];

		if (player->lost_us != 0 && (account != 0 ? player->account == account && player->avatar != avatar
							  : now_us - player->lost_us >= linger_us)) {
			leave(m, player, 0);
		}
	}
}

void players_second(struct mechanics *m)
{
	for (struct player *player = m->gone, *next; player != NULL; player = next) {
		next = player->gone_next;
		if (!player->saving) {
			save(m, player);
		}
	}
	frontends_watch(m);
	lost_end(m, 0, 0);
}

void players_drain(struct mechanics *m)
{
	for (uint32_t i = 0; i < m->players_len; i++) {
		m->players[i]->tries = 0;
	}
	drain_go_on(m);
}

/* forget: it is gone without a save; one that is under way frees it when it ends. */
static void forget(struct mechanics *m, struct player *player)
{
	answer_leave(m, player);
	player->forgotten = 1;
	if (!player->saving) {
		player_free(m, player);
	}
}

void players_forget(struct mechanics *m)
{
	while (m->players_len > 0) {
		despawn(m, m->players[m->players_len - 1]);
	}
	for (struct player *player = m->gone, *next; player != NULL; player = next) {
		next = player->gone_next;
		if (!player->forgotten) {
			forget(m, player);
		}
	}
	interest_flush(m);
}

void players_free(struct mechanics *m)
{
	for (uint32_t i = 0; i < m->players_len; i++) {
		free(m->players[i]);
	}
	while (m->gone != NULL) {
		player_free(m, m->gone);
	}
	free(m->players);
	map_free(&m->by_avatar);
	for (uint32_t i = 0; i < FRONTENDS_MAX; i++) {
		free(m->frontends[i].watch);
		say_free(m->h, &m->frontends[i]);
	}
}

/* --- entering ------------------------------------------------------------------------------------- */

static void refuse(struct mechanics *m, uint64_t request, int32_t status, const char *reason)
{
	count(m, METRIC_ENTER_REFUSED);
	proto_refuse(m->h, request, status, reason);
}

static void welcome(struct mechanics *m, const struct troupe_request *request, uint32_t row)
{
	World__EnterReply reply = WORLD__ENTER_REPLY__INIT;

	reply.has_x = reply.has_y = reply.has_z = reply.has_tick = reply.has_tick_ms = 1;
	reply.x = m->world.x[row];
	reply.y = m->world.y[row];
	reply.tick = m->tick;
	reply.tick_ms = (uint32_t)m->options->tick_ms;
	world_enter_reply(m->h, request->id, &reply);
}

/* take_over: the avatar is here, with an earlier session that has not left yet. It stays where it is. */
static void take_over(struct mechanics *m, struct player *player, struct frontend *frontend,
		      const struct troupe_request *request, uint64_t epoch)
{
	uint32_t row = world_row(&m->world, player->avatar);

	if (player->frontend != NULL) {
		frontend_leave(m, player);
	}
	player->session = request->session;
	player->account = request->account;
	player->epoch = epoch;
	player->stale = 0;
	player->seq = 0;
	frontend_join(m, player, frontend, m->world.cell_of[row]);
	welcome(m, request, row);
}

static void place_of(const struct mechanics *m, const World__EnterRequest *body, double *ret_x, double *ret_y)
{
	*ret_x = body->x;
	*ret_y = body->y;
	for (const struct player *gone = m->gone; gone != NULL; gone = gone->gone_next) {
		if (gone->avatar == body->avatar && !gone->forgotten && !gone->stale) {
			*ret_x = gone->x; /* newer than what was loaded: its save is still on the way */
			*ret_y = gone->y;
			break;
		}
	}
	if (!world_inside(&m->world, *ret_x, *ret_y)) {
		*ret_x = *ret_y = 0; /* from a larger world: the middle is always there */
	}
}

static void arrive(struct mechanics *m, struct frontend *frontend, const struct troupe_request *request,
		   const World__EnterRequest *body)
{
	struct player *player = calloc(1, sizeof(*player));
	uint32_t row;

	if (player == NULL) {
		refuse(m, request->id, TROUPE_RESOURCE_EXHAUSTED, "world.no_memory");
		return;
	}
	*player = (struct player){ .avatar = body->avatar,
				   .account = request->account,
				   .session = request->session,
				   .epoch = body->epoch,
				   .saved_x = body->x,
				   .saved_y = body->y,
				   .z = body->z };
	strcpy(player->name, body->name);
	place_of(m, body, &player->x, &player->y);
	row = world_add(&m->world, body->avatar, 0, player->name, player->x, player->y,
			(double)(m->options->speed * m->options->tick_ms) / 1000);
	if (row == NO_ROW || player_list(m, player) != 0) {
		if (row != NO_ROW) {
			world_remove(&m->world, row);
		}
		free(player);
		refuse(m, request->id, TROUPE_RESOURCE_EXHAUSTED, "world.no_memory");
		return;
	}
	interest_appeared(m, body->avatar, m->world.cell_of[row]);
	frontend_join(m, player, frontend, m->world.cell_of[row]);
	welcome(m, request, row);
	rules_enter(m->rules, row);
}

void players_on_enter(void *instance, const struct troupe_request *request, const World__EnterRequest *body)
{
	struct mechanics *m = instance;
	struct player *player = map_get(&m->by_avatar, body->avatar);
	struct frontend *frontend;

	if (body->avatar == 0 || request->session == 0 || body->name == NULL || body->name[0] == '\0' ||
	    strlen(body->name) > AVATAR_NAME_MAX || (player == NULL && world_row(&m->world, body->avatar) != NO_ROW)) {
		refuse(m, request->id, TROUPE_INVALID_ARGUMENT, "world.bad_enter");
		return;
	}
	if (m->draining) {
		refuse(m, request->id, TROUPE_FAILED_PRECONDITION, "world.draining");
		return;
	}
	lost_end(m, request->account, body->avatar); /* one account, one avatar */
	frontend = frontend_get(m, request->from);
	if (frontend == NULL) {
		count(m, METRIC_FULL);
		refuse(m, request->id, TROUPE_RESOURCE_EXHAUSTED, "world.no_memory");
	} else if (player != NULL && player->epoch > body->epoch) {
		refuse(m, request->id, TROUPE_ABORTED, "world.newer_session");
	} else if (player != NULL) {
		take_over(m, player, frontend, request, body->epoch);
	} else if (m->players_len >= (uint64_t)m->options->max_avatars) {
		refuse(m, request->id, TROUPE_RESOURCE_EXHAUSTED, "world.full");
	} else {
		arrive(m, frontend, request, body);
	}
}

struct player *player_of(struct mechanics *m, const struct troupe_request *request)
{
	struct player *player = request->actor != 0 ? map_get(&m->by_avatar, request->actor) : NULL;

	if (player == NULL || player->session != request->session) {
		proto_refuse(m->h, request->id, TROUPE_FAILED_PRECONDITION, "world.not_here");
		return NULL;
	}
	return player;
}
