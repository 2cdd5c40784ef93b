/* SPDX-License-Identifier: MIT */
/* What rules give to players: asked of the item store under a key of the tick, until it has answered; that is an input. */
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
	input.has_kind = input.has_avatar = input.has_status = 1;
	input.kind = REGION__INPUT_KIND__INPUT_REPLY;
	input.avatar = grant->avatar;
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

/* add: one more wish; NULL if there are too many. */
static struct grant *add(struct mechanics *m, uint64_t avatar, const char *kind, uint32_t number)
{
	size_t len = kind != NULL ? strlen(kind) : 0;
	struct grant *grant = m->grants_len < GRANTS_MAX && len > 0 ? calloc(1, sizeof(*grant) + len + 1) : NULL;

	if (grant == NULL) {
		count(m, METRIC_GRANTS_FULL);
		log_line(m, TROUPE_LOG_ERROR, "S0411", "avatar %llu does not get %u of %s: too much is asked of the item store",
			 (unsigned long long)avatar, number, len > 0 ? kind : "nothing");
		return NULL;
	}
	grant->next = m->grants;
	grant->avatar = avatar;
	grant->count = number;
	memcpy(grant->kind, kind, len + 1);
	m->grants = grant;
	m->grants_len++;
	return grant;
}

void items_grant(struct mechanics *m, const struct output *output)
{
	struct grant *grant = add(m, output->id, output->name, output->count);

	if (grant != NULL) {
		grant->account = output->account;
		memcpy(grant->key, output->key, TROUPE_KEY_SIZE);
		ask(m, grant);
	}
}

/* --- in checkpoints ------------------------------------------------------------------------------- */

uint32_t items_save(struct mechanics *m, uint32_t *at, Region__Page *page, Region__Grant *grants)
{
	const struct grant *grant = m->grants;
	uint32_t n = 0;

	for (uint32_t i = 0; i < *at && grant != NULL; i++) {
		grant = grant->next;
	}
	for (; grant != NULL && n < GRANTS_PAGE; grant = grant->next, ++*at) {
		Region__Grant *to = &grants[n];

		if (grant->forgotten) {
			continue;
		}
		region__grant__init(to);
		to->has_avatar = to->has_account = to->has_key = to->has_count = 1;
		to->avatar = grant->avatar;
		to->account = grant->account;
		to->key.data = (uint8_t *)grant->key;
		to->key.len = TROUPE_KEY_SIZE;
		to->kind = (char *)grant->kind;
		to->count = grant->count;
		page->grants[n++] = to;
	}
	page->n_grants = n;
	return n;
}

void items_load(struct mechanics *m, const Region__Page *page)
{
	for (size_t i = 0; i < page->n_grants && !MUTANT("grants_forgotten"); i++) {
		const Region__Grant *from = page->grants[i];
		struct grant *grant = from->key.len == TROUPE_KEY_SIZE ? add(m, from->avatar, from->kind, from->count) : NULL;

		if (grant != NULL) {
			grant->account = from->account;
			memcpy(grant->key, from->key.data, TROUPE_KEY_SIZE);
		}
	}
}

void items_loaded(struct mechanics *m)
{
	uint32_t first = 0;

	while (first < m->now.len && m->now.count[first] == 0) {
		first++;
	}
	for (struct grant *grant = m->grants, *next; grant != NULL; grant = next) {
		int owner = engine_owner_of(m->engine, grant->avatar);

		next = grant->next;
		if ((owner >= 0 ? (uint32_t)owner : first) != m->now.self && !grant->under_way) {
			grant_end(m, grant);
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
