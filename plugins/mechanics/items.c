/* SPDX-License-Identifier: MIT */
/* What rules give to players: asked of the item store under a key of the tick, until it has answered; that is an input. What is asked
 * and not answered is the avatar's (engine_owed): it goes with it to another owner, into checkpoints, and to where it comes back. */
#include <stdlib.h>
#include <string.h>

#include "item.stub.h"
#include "mechanics.h"

/* One wish until it is answered. */
struct grant {
	struct grant *next;
	uint64_t avatar, account;
	uint8_t key[TROUPE_KEY_SIZE];
	uint32_t count;
	uint8_t under_way, forgotten;
	char kind[];
};

static void grant_end(struct mechanics *m, struct grant *grant)
{
	struct grant **at = &m->grants;

	while (*at != grant) {
		at = &(*at)->next;
	}
	*at = grant->next;
	m->grants_len--;
	free(grant);
}

static int is_ours(const struct mechanics *m, uint64_t avatar)
{
	struct sight sight;

	return engine_see(m->engine, avatar, &sight) == 0 && sight.ours;
}

static void on_granted(void *instance, void *arg, const struct troupe_reply *reply, const Item__GrantReply *body)
{
	struct mechanics *m = instance;
	struct grant *grant = arg;
	Region__Input input = REGION__INPUT__INIT;

	(void)body;
	STRIKE("grant.answered");
	grant->under_way = 0;
	/* of one that went to another owner, or left, the answer is for whoever has it: that asks under the same key */
	if (grant->forgotten || !is_ours(m, grant->avatar)) {
		grant_end(m, grant);
		return;
	}
	if (troupe_outcome_of(reply->status) == TROUPE_UNDECIDED || reply->status == TROUPE_UNAVAILABLE ||
	    reply->status == TROUPE_RESOURCE_EXHAUSTED) {
		return; /* the same again with the next second: who was too busy is not always */
	}
	input.has_kind = input.has_avatar = input.has_state = input.has_status = 1;
	input.kind = REGION__INPUT_KIND__INPUT_REPLY;
	input.avatar = grant->avatar;
	input.name = grant->kind;
	input.state = (ProtobufCBinaryData){ .len = sizeof(grant->key), .data = grant->key };
	input.status = reply->status;
	input.text = (char *)reply->reason;
	if (journal_queue(m, &input, 0) == 0) {
		grant_end(m, grant);
	}
}

static void ask(struct mechanics *m, struct grant *grant)
{
	Item__GrantRequest request = ITEM__GRANT_REQUEST__INIT;

	grant->under_way = 1;
	request.has_order = request.has_account = request.has_avatar = request.has_count = 1;
	request.order.data = grant->key;
	request.order.len = TROUPE_KEY_SIZE;
	request.account = grant->account;
	request.avatar = grant->avatar;
	request.kind = grant->kind;
	request.count = grant->count;
	STRIKE("grant.unasked");
	item_grant(m->h, &request, NULL, on_granted, grant);
	STRIKE("grant.asked");
}

/* account_of: whose avatar it is, also while nobody plays it. */
static uint64_t account_of(const struct mechanics *m, uint64_t avatar)
{
	const struct player *player = map_get(&m->by_avatar, avatar);
	const Region__Session *session = engine_session(m->engine, avatar);

	return player != NULL ? player->account : session != NULL ? session->account : 0;
}

static int is_asked(const struct mechanics *m, const struct owed *owed)
{
	for (const struct grant *grant = m->grants; grant != NULL; grant = grant->next) {
		if (!grant->forgotten && memcmp(grant->key, owed->key, TROUPE_KEY_SIZE) == 0) {
			return 1;
		}
	}
	return 0;
}

static void ask_for(struct mechanics *m, uint64_t avatar, const struct owed *owed)
{
	size_t len = strlen(owed->item);
	struct grant *grant = m->grants_len < GRANTS_MAX ? calloc(1, sizeof(*grant) + len + 1) : NULL;

	if (grant == NULL) {
		count(m, METRIC_GRANTS_FULL);
		if (!m->grants_wait) { /* said once */
			log_line(m, TROUPE_LOG_WARNING, "S0411", "%u rewards are not answered by the item store yet: others wait",
				 m->grants_len);
		}
		m->grants_wait = 1;
		return;
	}
	grant->next = m->grants;
	grant->avatar = avatar;
	grant->account = account_of(m, avatar);
	grant->count = owed->count;
	memcpy(grant->key, owed->key, TROUPE_KEY_SIZE);
	grant->key[0] ^= MUTANT("key_anew") ? (uint8_t)m->epoch : 0;
	memcpy(grant->kind, owed->item, len + 1);
	m->grants = grant;
	m->grants_len++;
	ask(m, grant);
}

void items_owed(struct mechanics *m, uint64_t avatar)
{
	uint32_t len;
	const struct owed *owed = engine_owed(m->engine, avatar, &len);

	for (uint32_t i = 0; i < len; i++) {
		if (!is_asked(m, &owed[i])) {
			ask_for(m, avatar, &owed[i]);
		}
	}
}

void items_second(struct mechanics *m)
{
	for (struct grant *grant = m->grants; grant != NULL; grant = grant->next) {
		if (!grant->under_way && !grant->forgotten) {
			ask(m, grant);
		}
	}
	if (m->grants_wait && m->grants_len < GRANTS_MAX / 2) {
		m->grants_wait = 0;
		for (uint32_t i = 0; i < m->players_len; i++) {
			items_owed(m, m->players[i]->avatar);
		}
	}
}

void items_forget(struct mechanics *m)
{
	for (struct grant *grant = m->grants, *next; grant != NULL; grant = next) {
		next = grant->next;
		grant->forgotten = 1; /* whoever runs the tick again asks with the same key */
		if (!grant->under_way) {
			grant_end(m, grant);
		}
	}
}

void items_free(struct mechanics *m)
{
	while (m->grants != NULL) {
		grant_end(m, m->grants);
	}
}
