/* SPDX-License-Identifier: MIT */
/* The instances that own regions: who is there, who is dead, who owns what. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler.h"

#define LOOK_MS 250u
#define GATHER_US 1000000u
#define SILENCE_MIN_US 2500000u /* owners speak once a second */
#define LOADING_US 5000000u	/* and may be silent for so much longer while they load */

/* --- the list ------------------------------------------------------------------------------------- */

struct owner *owner_find(const struct scheduler *s, uint64_t id)
{
	for (uint32_t i = 0; i < s->owners_len; i++) {
		if (s->owners[i]->id == id) {
			return s->owners[i];
		}
	}
	return NULL;
}

/* owner_add: by name, so that the same owners get the same regions whatever order they came in. */
static struct owner *owner_add(struct scheduler *s, uint64_t id, const char *name)
{
	struct owner *owner = s->owners_len < OWNERS_MAX ? calloc(1, sizeof(*owner)) : NULL;
	uint32_t at = s->owners_len;

	if (owner == NULL) {
		metric_add(s, METRIC_FULL, 1);
		log_line(s, TROUPE_LOG_WARNING, NULL, "%s gets no regions: a world has at most %u owners", name, OWNERS_MAX);
		return NULL;
	}
	owner->id = id;
	owner->heard_us = s->h->now_us(s->h);
	snprintf(owner->name, sizeof(owner->name), "%s", name);
	for (; at > 0 && strcmp(s->owners[at - 1]->name, owner->name) > 0; at--) {
		s->owners[at] = s->owners[at - 1];
	}
	s->owners[at] = owner;
	s->owners_len++;
	return owner;
}

static void owner_remove(struct scheduler *s, struct owner *owner)
{
	uint32_t at = 0;

	while (s->owners[at] != owner) {
		at++;
	}
	memmove(&s->owners[at], &s->owners[at + 1], (s->owners_len - at - 1) * sizeof(s->owners[0]));
	s->owners_len--;
	for (uint32_t i = 0; i < s->regions; i++) {
		s->region_owner[i] = s->region_owner[i] == owner ? NULL : s->region_owner[i];
		s->region_next[i] = s->region_next[i] == owner ? NULL : s->region_next[i];
	}
	s->move.from = NULL;
	s->h->cancel(s->h, owner->call);
	s->h->cancel(s->h, owner->trial);
	free(owner);
}

void owners_count(struct scheduler *s)
{
	uint64_t entities = 0, avatars = 0;
	uint32_t in = 0;

	for (uint32_t i = 0; i < s->owners_len; i++) {
		in += s->owners[i]->in;
		entities += s->owners[i]->entities;
		avatars += s->owners[i]->avatars;
	}
	metric_set(s, METRIC_OWNERS, in);
	metric_set(s, METRIC_ENTITIES, (int64_t)entities);
	metric_set(s, METRIC_AVATARS, (int64_t)avatars);
}

void owner_lost(struct scheduler *s, struct owner *owner, const char *why)
{
	char text[TEXT_LEN];
	int in = owner->in || (s->phase == PHASE_RESTORE && owner->listed);

	snprintf(text, sizeof(text), "%s is lost: %s", owner->name, why);
	owner_remove(s, owner);
	if (in && (s->phase == PHASE_RUN || s->phase == PHASE_RESTORE)) {
		restore_begin(s, text);
	} else {
		log_line(s, TROUPE_LOG_NOTICE, NULL, "%s", text);
	}
}

/* --- coming and going ----------------------------------------------------------------------------- */

/* name_of: of an instance of this part that takes calls; 0 = there is none. One that has just begun may speak before its host
 * says that it is ready: it speaks again in a second. */
static int name_of(const struct scheduler *s, uint64_t id, char ret_name[NAME_LEN])
{
	struct troupe_peer peers[PEERS_MAX];
	uint32_t len = s->h->peers(s->h, "region", peers, PEERS_MAX);

	for (uint32_t i = 0; i < len && i < PEERS_MAX; i++) {
		if (peers[i].id == id && peers[i].ready && strcmp(peers[i].part, s->h->part) == 0) {
			snprintf(ret_name, NAME_LEN, "%s", peers[i].name);
			return 1;
		}
	}
	return 0;
}

/* all_there: every instance of the part that may own regions is known. As a reign begins, those that take calls are known
 * without a word; later only by their own. */
static int all_there(struct scheduler *s, int begins)
{
	struct troupe_peer peers[PEERS_MAX];
	uint32_t len = s->h->peers(s->h, "region", peers, PEERS_MAX), missing = 0;

	for (uint32_t i = 0; i < len && i < PEERS_MAX; i++) {
		if (strcmp(peers[i].part, s->h->part) != 0 || owner_find(s, peers[i].id) != NULL) {
			continue;
		}
		if (!begins || !peers[i].ready || owner_add(s, peers[i].id, peers[i].name) == NULL) {
			missing++;
		}
	}
	return missing == 0;
}

uint32_t owners_staying(const struct scheduler *s)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->owners_len; i++) {
		n += !s->owners[i]->draining;
	}
	return n;
}

static void gather(struct scheduler *s, int begins)
{
	uint64_t now_us = s->h->now_us(s->h);
	int all = all_there(s, begins);

	if (owners_staying(s) == 0) {
		s->gather_us = now_us;
	} else if (all || now_us - s->gather_us >= GATHER_US) {
		restore_begin(s, s->restored ? "owners are there again" : "a new reign");
	}
}

/* The last one goes: what it holds is in the checkpoint, and the world waits for another. */
static void on_last_saved(struct scheduler *s)
{
	if (s->phase != PHASE_RUN || owners_staying(s) > 0) {
		return;
	}
	log_line(s, TROUPE_LOG_NOTICE, NULL, "the world stands: its last owner goes");
	owners_tell_paused(s, "no owner of the world is ready", NULL);
	world_rests(s);
}

static void on_joined_saved(struct scheduler *s)
{
	if (s->joined && s->phase == PHASE_RUN) {
		restore_begin(s, "an owner has joined");
	}
}

void owners_joined(struct scheduler *s)
{
	for (uint32_t i = 0; i < s->owners_len && !s->joined; i++) {
		if (!s->owners[i]->listed && !s->owners[i]->draining) {
			s->joined = 1; /* soon after a checkpoint there is little to run again */
			checkpoint_now(s, on_joined_saved);
		}
	}
}

static void drains(struct scheduler *s, const struct owner *owner)
{
	int last = owners_staying(s) == 0;

	log_line(s, TROUPE_LOG_NOTICE, NULL, "%s drains: %s", owner->name,
		 last ? "it is the last, and the world stands after a checkpoint" : "its regions go to others");
	if (last && s->phase == PHASE_RUN) {
		checkpoint_now(s, on_last_saved);
	}
}

void owners_on_join(void *instance, const struct troupe_request *request, const Tick__Join *body)
{
	struct scheduler *s = instance;
	struct owner *owner;
	char name[NAME_LEN];

	if (!lease_held(s) || s->phase == PHASE_NONE) {
		return;
	}
	owner = owner_find(s, request->from);
	if (owner == NULL && name_of(s, request->from, name)) {
		owner = owner_add(s, request->from, name);
	}
	if (owner == NULL) {
		return;
	}
	owner->heard_us = s->h->now_us(s->h);
	owner->epoch = body->epoch;
	owner->tick = body->tick;
	if (body->draining && !owner->draining) {
		owner->draining = 1;
		drains(s, owner);
		return;
	}
	owner->draining = body->draining;
	if (s->phase == PHASE_GATHER) {
		gather(s, 0);
	} else if (s->phase == PHASE_RUN && (s->paused || rules_waits(s)) && owner->in && body->epoch == 0) {
		restore_begin(s, "an owner has begun anew"); /* while ticks run the next stage says so */
	} else if (s->phase == PHASE_RUN && s->restore_us == 0) {
		owners_joined(s);
	}
}

static uint64_t silence_us(const struct scheduler *s)
{
	uint64_t lease_us = (uint64_t)s->options->lease_ms * 1000;

	return lease_us > SILENCE_MIN_US ? lease_us : SILENCE_MIN_US;
}

int owner_speaks(const struct scheduler *s, const struct owner *owner)
{
	return s->h->now_us(s->h) - owner->heard_us <= silence_us(s);
}

/* silent: one that does not speak; those who are asked for a stage are given up when that call ends. */
static struct owner *silent(const struct scheduler *s, uint64_t now_us)
{
	uint64_t lease_us = silence_us(s);

	for (uint32_t i = 0; i < s->owners_len; i++) {
		const struct owner *owner = s->owners[i];
		uint64_t limit_us = owner->call == 0 ? lease_us : s->phase == PHASE_RESTORE ? lease_us + LOADING_US : UINT64_MAX;

		if (now_us - owner->heard_us > limit_us) {
			return s->owners[i];
		}
	}
	return NULL;
}

static void on_look(void *instance, void *arg)
{
	struct scheduler *s = instance;
	uint64_t now_us = s->h->now_us(s->h);
	struct owner *owner;

	(void)arg;
	s->owners_timer = s->h->timer_start(s->h, LOOK_MS, on_look, NULL);
	for (uint32_t i = 0; i < s->owners_len && now_us - s->looked_us > 4u * LOOK_MS * 1000u; i++) {
		s->owners[i]->heard_us = now_us; /* it is we who heard nothing: this process stood still */
	}
	s->looked_us = now_us;
	while ((owner = silent(s, now_us)) != NULL) {
		owner_lost(s, owner, "it is not heard of any more");
	}
	if (s->phase == PHASE_GATHER) {
		gather(s, 0);
	}
	checkpoint_check(s);
}

void owners_begin(struct scheduler *s)
{
	if (s->owners_timer == 0) {
		s->owners_timer = s->h->timer_start(s->h, LOOK_MS, on_look, NULL);
	}
	s->gather_us = s->looked_us = s->h->now_us(s->h);
	gather(s, 1);
}

void owners_end(struct scheduler *s)
{
	timer_clear(s, &s->owners_timer);
	while (s->owners_len > 0) {
		owner_remove(s, s->owners[0]);
	}
	s->joined = 0;
}

void owners_cancel(struct scheduler *s)
{
	for (uint32_t i = 0; i < s->owners_len; i++) {
		s->h->cancel(s->h, s->owners[i]->call);
		s->h->cancel(s->h, s->owners[i]->trial);
		s->owners[i]->call = s->owners[i]->trial = 0;
	}
}

void owners_tell_paused(struct scheduler *s, const char *reason, const char *id)
{
	Region__Paused paused = REGION__PAUSED__INIT;

	paused.has_epoch = 1;
	paused.epoch = s->lease.epoch;
	paused.reason = (char *)reason;
	paused.id = (char *)id;
	for (uint32_t i = 0; i < s->owners_len; i++) {
		struct proto_to to = { .instance = s->owners[i]->id };

		if (s->owners[i]->in) {
			region_paused(s->h, &paused, &to);
		}
	}
}
