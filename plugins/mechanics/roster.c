/* SPDX-License-Identifier: MIT */
/* The players that are here, and the front-ends through which they look. */
#include <stdlib.h>
#include <string.h>

#include "frontend.stub.h"
#include "mechanics.h"

/* --- the list ------------------------------------------------------------------------------------- */

struct player *roster_add(struct mechanics *m, uint64_t avatar)
{
	struct player *player = calloc(1, sizeof(*player));

	if (m->players_len == m->players_size) {
		uint32_t size = m->players_size == 0 ? 64 : m->players_size * 2;
		struct player **players = realloc(m->players, size * sizeof(*players));

		if (players == NULL) {
			free(player);
			return NULL;
		}
		m->players = players;
		m->players_size = size;
	}
	if (player == NULL || map_put(&m->by_avatar, avatar, player) != 0) {
		free(player);
		return NULL;
	}
	player->avatar = avatar;
	player->at = m->players_len;
	m->players[m->players_len++] = player;
	return player;
}

void roster_remove(struct mechanics *m, struct player *player)
{
	struct player *last = m->players[--m->players_len];
	static const World__LeaveReply reply = WORLD__LEAVE_REPLY__INIT;

	m->players[player->at] = last;
	last->at = player->at;
	map_remove(&m->by_avatar, player->avatar);
	m->lost -= player->lost_us != 0;
	m->asleep -= player->state == PLAYER_ASLEEP;
	if (player->leave.request != 0) {
		ask_reply(m, &player->leave, &reply.base);
	}
	free(player->last);
	player->last = NULL;
	if (player->saving) {
		player->forgotten = 1; /* freed when that ends */
		player->forgotten_next = m->forgotten;
		m->forgotten = player;
	} else {
		free(player);
	}
}

void roster_free(struct mechanics *m)
{
	for (uint32_t i = 0; i < m->players_len; i++) {
		free(m->players[i]->last);
		free(m->players[i]);
	}
	for (struct player *player = m->forgotten, *next; player != NULL; player = next) {
		next = player->forgotten_next;
		free(player);
	}
	free(m->players);
	map_free(&m->by_avatar);
}

/* --- front-ends ----------------------------------------------------------------------------------- */

struct frontend *frontend_get(struct mechanics *m, uint64_t id)
{
	struct frontend *found = NULL;

	if (id == 0) {
		return NULL; /* nobody's */
	}
	for (uint32_t i = 0; i < m->frontends_len; i++) {
		if (m->frontends[i].id == id) {
			return &m->frontends[i];
		}
		if (found == NULL && m->frontends[i].players + m->frontends[i].entering == 0) {
			found = &m->frontends[i];
		}
	}
	if (found == NULL && m->frontends_len < FRONTENDS_MAX) {
		found = &m->frontends[m->frontends_len++];
	}
	if (found == NULL) {
		count(m, METRIC_FULL);
		return NULL;
	}
	if (found->watch == NULL) {
		found->watch = calloc(engine_chunks(m->engine) + 1u, sizeof(*found->watch));
		if (found->watch == NULL || (found->say == NULL && say_open(m->h, found) != 0)) {
			free(found->watch);
			found->watch = NULL;
			count(m, METRIC_FULL);
			return NULL;
		}
	} else {
		say_flush(m, found); /* the last words to the one before */
	}
	found->id = id;
	found->missed = 0;
	return found;
}

void frontend_join(struct mechanics *m, struct player *player, struct frontend *frontend, uint32_t cell)
{
	m->lost -= player->lost_us != 0;
	player->lost_us = 0;
	player->frontend = frontend;
	frontend->players++;
	interest_view(m, player, cell);
}

void frontend_leave(struct mechanics *m, struct player *player)
{
	interest_view(m, player, 0);
	player->cell = 0;
	if (player->frontend != NULL) {
		player->frontend->players--;
		player->frontend = NULL;
	} else {
		m->lost -= player->lost_us != 0;
		player->lost_us = 0;
	}
}

void roster_lose(struct mechanics *m, struct player *player, uint64_t from)
{
	frontend_leave(m, player);
	player->lost_from = from;
	player->lost_us = m->h->now_us(m->h);
	player->lost_us += player->lost_us == 0;
	m->lost++;
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

/* tell_lost: players whose front-end is in reach, but has not brought them in here yet, must come in again. */
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

void roster_watch(struct mechanics *m)
{
	struct troupe_peer peers[PEERS_MAX];
	uint32_t n = m->h->peers(m->h, "frontend", peers, PEERS_MAX);

	tell_lost(m, peers, n);
	for (uint32_t i = 0; i < m->frontends_len; i++) {
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
				roster_lose(m, m->players[p], frontend->id);
			}
		}
	}
}
