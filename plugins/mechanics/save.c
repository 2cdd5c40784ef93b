/* SPDX-License-Identifier: MIT */
/* Avatars kept safe in the item store: in turn while they play, whole when they leave. */
#include <stdlib.h>
#include <string.h>

#include "avatar.stub.h"
#include "mechanics.h"

#define TRIES_MAX 10u /* of a last save, a second apart, until it is said to be in trouble */
#define DRAIN_TRIES_MAX 3u

static void on_saved(void *instance, void *arg, const struct troupe_reply *reply, const Avatar__SaveReply *body);

static void answer_leave(struct mechanics *m, struct player *player)
{
	static const World__LeaveReply reply = WORLD__LEAVE_REPLY__INIT;

	if (player->leave.request != 0) {
		ask_reply(m, &player->leave, &reply.base);
		player->leave.request = 0;
	}
}

/* digest_of: what has to change for a new save; never 0. */
static uint64_t digest_of(const uint8_t *bytes, size_t len)
{
	uint64_t digest = troupe_fnv64(bytes, len);

	return digest != 0 ? digest : 1;
}

static void send(struct mechanics *m, struct player *player, const struct sight *sight, uint8_t *record, size_t len)
{
	Avatar__SaveRequest request = AVATAR__SAVE_REQUEST__INIT;

	player->saving = 1;
	m->saves++;
	request.has_avatar = request.has_epoch = request.has_x = request.has_y = request.has_z = 1;
	request.has_world_epoch = request.has_state = 1;
	request.avatar = player->avatar;
	request.epoch = player->epoch;
	request.x = sight->x;
	request.y = sight->y;
	request.z = sight->z;
	request.world_epoch = m->epoch;
	request.state.data = record;
	request.state.len = len;
	STRIKE("avatar.unsaved");
	avatar_save(m->h, &request, NULL, on_saved, player);
}

int save_begin(struct mechanics *m, struct player *player)
{
	struct sight sight;
	uint8_t *record;
	size_t len;

	if (player->saving || player->stale || player->last_saved || engine_see(m->engine, player->avatar, &sight) != 0 || !sight.ours) {
		return player->saving;
	}
	record = engine_record(m->engine, player->avatar, &len);
	if (record == NULL) {
		count(m, METRIC_FULL);
		return 0;
	}
	player->saving_hash = digest_of(record, len);
	if (len > STATE_MAX) {
		log_line(m, TROUPE_LOG_ERROR, "S0410", "avatar %llu carries %zu bytes, and more than %u cannot be saved",
			 (unsigned long long)player->avatar, len, STATE_MAX);
		count(m, METRIC_SAVE_FAILED);
		free(record);
		return 0;
	}
	if (player->saving_hash != player->saved) {
		send(m, player, &sight, record, len);
	}
	if (player->state == PLAYER_ASLEEP) {
		free(player->last);
		player->last = record;
		player->last_len = len;
	} else {
		free(record);
	}
	return player->saving;
}

/* --- those who left ------------------------------------------------------------------------------- */

void save_asleep_one(struct mechanics *m, struct player *player)
{
	if (player->state != PLAYER_ASLEEP || player->saving || save_begin(m, player)) {
		return;
	}
	if (player->stale || player->saving_hash == player->saved) {
		players_saved(m, player);
		answer_leave(m, player);
	}
}

void save_asleep(struct mechanics *m)
{
	for (uint32_t i = m->players_len; i-- > 0 && m->asleep > 0;) {
		save_asleep_one(m, m->players[i]);
	}
}

/* --- the answer ----------------------------------------------------------------------------------- */

static void forgotten_end(struct mechanics *m, struct player *player)
{
	struct player **at = &m->forgotten;

	while (*at != player) {
		at = &(*at)->forgotten_next;
	}
	*at = player->forgotten_next;
	free(player);
	owner_drain_go_on(m);
}

/* fenced: a newer session owns the avatar: it is on its way here, and takes it over where it stands. Or the avatar was
 * deleted. In any case what we know of it is not saved any more. */
static void fenced(struct mechanics *m, struct player *player, const struct troupe_reply *reply)
{
	count(m, METRIC_FENCED);
	log_line(m, TROUPE_LOG_INFO, NULL, "avatar %llu may not be saved any more (%s)", (unsigned long long)player->avatar,
		 reply->reason);
	player->stale = 1;
	if (player->state == PLAYER_HERE && player->frontend != NULL) {
		roster_lose(m, player, 0);
	}
	if (player->state == PLAYER_HERE && reply->status == TROUPE_NOT_FOUND && player->lost_us != 0) {
		player->lost_us = 1; /* nobody will come for it: it leaves with the next second */
	}
}

static void failed(struct mechanics *m, struct player *player, const struct troupe_reply *reply)
{
	count(m, METRIC_SAVE_FAILED);
	player->tries++;
	log_line(m, player->tries == TRIES_MAX ? TROUPE_LOG_ERROR : TROUPE_LOG_WARNING, NULL,
		 "avatar %llu was not saved (status %d %s); it is tried again", (unsigned long long)player->avatar,
		 (int)reply->status, reply->reason);
}

static void on_saved(void *instance, void *arg, const struct troupe_reply *reply, const Avatar__SaveReply *body)
{
	struct mechanics *m = instance;
	struct player *player = arg;

	(void)body;
	STRIKE("avatar.saved");
	player->saving = 0;
	m->saves--;
	if (player->forgotten) {
		forgotten_end(m, player);
		return;
	}
	if (reply->status == TROUPE_FAILED_PRECONDITION && strcmp(reply->reason, "store.fenced") == 0) {
		owner_let_go(m, "the item store refused to save for it"); /* and with it the player */
		return;
	}
	if (reply->status == TROUPE_OK) {
		count(m, METRIC_SAVED);
		player->saved = player->saving_hash;
		player->tries = 0;
		player->last_saved = m->draining != 0;
	} else if (reply->status == TROUPE_FAILED_PRECONDITION || reply->status == TROUPE_NOT_FOUND) {
		fenced(m, player, reply);
	} else {
		failed(m, player, reply);
	}
	answer_leave(m, player);
	if (player->tries == 0) {
		save_asleep_one(m, player); /* it changed meanwhile, or may go */
	}
	owner_drain_go_on(m);
}

/* --- in turn -------------------------------------------------------------------------------------- */

void save_tick(struct mechanics *m)
{
	uint64_t turns = (uint64_t)m->options->save_ms / engine_shape(m->engine)->tick_ms;
	uint32_t each = turns > 0 ? (uint32_t)((m->players_len + turns - 1) / turns) : m->players_len;

	/* Everybody has a turn within `save`, and each tick about as many as the next. */
	if (turns > 0 && m->players_len > 0 && m->players_len < turns &&
	    m->ticking.tick % (turns / m->players_len) != 0) {
		return;
	}
	for (uint32_t i = 0; i < each && i < m->players_len && m->saves < SAVES_MAX; i++) {
		m->save_cursor = m->save_cursor + 1 < m->players_len ? m->save_cursor + 1 : 0;
		save_begin(m, m->players[m->save_cursor]);
	}
}

int save_all(struct mechanics *m)
{
	for (uint32_t i = 0; i < m->players_len && m->saves < SAVES_MAX; i++) {
		if (m->players[i]->tries < DRAIN_TRIES_MAX && !m->players[i]->last_saved) {
			save_begin(m, m->players[i]);
		}
	}
	return m->saves > 0;
}
