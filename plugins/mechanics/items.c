/* SPDX-License-Identifier: MIT */
/* What rules give to players: asked of the item store under a key of the tick, until it has answered; that is an input. */
#include <stdlib.h>
#include <string.h>

#include "item.stub.h"
#include "mechanics.h"

/* One wish until it is answered. */
struct grant {
	struct grant *next;
	uint64_t avatar, account, token;
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

static void on_granted(void *instance, void *arg, const struct troupe_reply *reply, const Item__GrantReply *body)
{
	struct mechanics *m = instance;
	struct grant *grant = arg;
	Region__Input input = REGION__INPUT__INIT;

	(void)body;
	STRIKE("grant.answered");
	grant->under_way = 0;
	if (grant->forgotten) {
		grant_end(m, grant);
		return;
	}
	if (troupe_outcome_of(reply->status) == TROUPE_UNDECIDED || reply->status == TROUPE_UNAVAILABLE) {
		return; /* the same again with the next second */
	}
	input.has_kind = input.has_avatar = input.has_token = input.has_status = 1;
	input.kind = REGION__INPUT_KIND__INPUT_REPLY;
	input.avatar = grant->avatar;
	input.token = grant->token;
	input.name = grant->kind;
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

void items_grant(struct mechanics *m, const struct output *output)
{
	size_t len = output->name != NULL ? strlen(output->name) : 0;
	struct grant *grant = m->grants_len < GRANTS_MAX && len > 0 ? calloc(1, sizeof(*grant) + len + 1) : NULL;

	if (grant == NULL) {
		count(m, METRIC_GRANTS_FULL);
		log_line(m, TROUPE_LOG_ERROR, "S0411", "avatar %llu does not get %u of %s: too much is asked of the item store",
			 (unsigned long long)output->id, output->count, len > 0 ? output->name : "nothing");
		return;
	}
	grant->next = m->grants;
	grant->avatar = output->id;
	grant->account = account_of(m, output->id);
	grant->token = output->token;
	grant->count = output->count;
	memcpy(grant->key, output->key, TROUPE_KEY_SIZE);
	memcpy(grant->kind, output->name, len + 1);
	m->grants = grant;
	m->grants_len++;
	ask(m, grant);
}

void items_second(struct mechanics *m)
{
	for (struct grant *grant = m->grants; grant != NULL; grant = grant->next) {
		if (!grant->under_way && !grant->forgotten) {
			ask(m, grant);
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
