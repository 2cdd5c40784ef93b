/* SPDX-License-Identifier: MIT */
/* Sessions that go on after their connection was lost: the token for it, and how long it is good. */
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "account.stub.h"
#include "proto/proto.h"

/*
 * Each redeem makes a token and puts its hash into the account's record, in the commit that raises the session's epoch: so
 * a token is good for one session to follow, and only until any other has begun. While the session lives its front-end
 * says so now and then (account.keep); the time counts from its last word.
 */

void resume_fresh(struct account *account, Accountdb__Record *next, struct resume_token *token)
{
	account->h->random_bytes(account->h, token->bytes, sizeof(token->bytes));
	secret_hash(token->bytes, sizeof(token->bytes), token->hash);
	next->has_resume = next->has_resume_issued_ms = next->has_resume_expires_ms = 1;
	next->resume.data = token->hash;
	next->resume.len = sizeof(token->hash);
	next->resume_shard = token->shard;
	next->resume_issued_ms = account->h->wall_ms(account->h);
	next->resume_expires_ms = next->resume_issued_ms + account->options->resume_ms;
}

int32_t resume_judge(const struct account *account, const Accountdb__Record *record, const uint8_t hash[SECRET_HASH_SIZE],
		     const char **ret_reason)
{
	int64_t now_ms = account->h->wall_ms(account->h);

	if (!record->has_resume || record->resume.len != SECRET_HASH_SIZE || record->resume_shard == NULL ||
	    !secret_same(record->resume.data, hash, SECRET_HASH_SIZE)) {
		*ret_reason = "account.resume_unknown";
		return TROUPE_NOT_FOUND;
	}
	if (now_ms > record->resume_expires_ms || now_ms < record->resume_issued_ms - SKEW_MS) {
		*ret_reason = "account.resume_expired";
		return TROUPE_FAILED_PRECONDITION;
	}
	if (strcmp(record->status, "active") != 0) {
		*ret_reason = "account.banned";
		return TROUPE_PERMISSION_DENIED;
	}
	return TROUPE_OK;
}

/* --- keep ----------------------------------------------------------------------------------------- */

struct keep {
	uint64_t request, epoch;
};

static enum store_next keep_decide(struct store_tx *tx, void *arg, const Accountdb__Record *record)
{
	struct account *account = tx->store->instance;
	const struct keep *keep = arg;
	Accountdb__Record next;

	if (record == NULL) {
		return store_refuse(tx, TROUPE_NOT_FOUND, "account.no_user");
	}
	if (record->epoch != keep->epoch) {
		return store_refuse(tx, TROUPE_FAILED_PRECONDITION, "account.stale");
	}
	next = *record;
	next.has_resume_issued_ms = next.has_resume_expires_ms = 1;
	next.resume_issued_ms = account->h->wall_ms(account->h);
	next.resume_expires_ms = next.resume_issued_ms + account->options->resume_ms;
	record_put(tx, &next);
	return STORE_COMMIT;
}

static void on_kept(struct account *account, void *arg, int32_t status, const char *reason,
		    const Accountdb__Record *record)
{
	static const Account__KeepReply reply = ACCOUNT__KEEP_REPLY__INIT;
	struct keep *keep = arg;

	(void)record;
	if (status == TROUPE_OK) {
		account_keep_reply(account->h, keep->request, &reply);
	} else {
		proto_refuse(account->h, keep->request, status, reason);
	}
	free(keep);
}

void resume_on_keep(void *instance, const struct troupe_request *request, const Account__KeepRequest *body)
{
	struct account *account = instance;
	struct keep *keep = malloc(sizeof(*keep));

	if (keep == NULL) {
		proto_refuse(account->h, request->id, TROUPE_RESOURCE_EXHAUSTED, "account.no_memory");
		return;
	}
	*keep = (struct keep){ .request = request->id, .epoch = body->epoch };
	record_run(account, request, NULL, body->account, keep_decide, on_kept, keep);
}
