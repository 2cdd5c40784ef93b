/* SPDX-License-Identifier: MIT */
/* Leases: one owner of a name at a time, and an epoch that grows with each new one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "master.h"
#include "proto/proto.h"
#include "record.pb-c.h"

#define NAME_MAX_LEN 64u
#define TTL_MIN_MS 100u
#define TTL_MAX_MS 60000u

/*
 * The database holds owner and epoch; time lives in memory, since no two processes share a clock. Every take and
 * renewal is a commit that checks the version it read, so however many masters there are, one of two wins. A master
 * counts a lease's time from when it first saw the record's present version: never too short, and after a restart of
 * the master at most one ttl too long.
 */
struct lease {
	uint64_t version;
	uint64_t expires_us;
	char name[NAME_MAX_LEN + 1];
};

/* One question. */
struct asking {
	struct asking *next, **link; /* of master->askings */
	struct lease_ask in; /* its name is in `name` */
	struct master *master;
	uint64_t new_epoch;
	char name[NAME_MAX_LEN + 1];
	char owner_name[LEASE_OWNER_MAX + 1];
};

static void asking_end(struct asking *asking, int32_t status, const char *reason, uint64_t epoch, const char *owner_name)
{
	struct lease_answer answer = { .status = status, .reason = reason, .epoch = epoch, .owner_name = owner_name };

	*asking->link = asking->next;
	if (asking->next != NULL) {
		asking->next->link = asking->link;
	}
	asking->in.done(asking->master, asking->in.arg, &answer);
	free(asking);
}

static void refuse(struct asking *asking, int32_t status, const char *reason)
{
	asking_end(asking, status, reason, 0, "");
}

static void key_of(const char *name, char ret_key[NAME_MAX_LEN + 16])
{
	snprintf(ret_key, NAME_MAX_LEN + 16, "master:lease:%s", name);
}

static struct lease *lease_of(struct master *master, const char *name)
{
	uint64_t id = troupe_fnv64(name, strlen(name));
	struct lease *lease = map_get(&master->leases, id);

	if (lease != NULL && strcmp(lease->name, name) != 0) {
		return NULL; /* two names with one number: the second has to change */
	}
	if (lease == NULL && master->leases.count < LEASES_MAX) {
		lease = calloc(1, sizeof(*lease));
		if (lease != NULL && map_put(&master->leases, id, lease) != 0) {
			free(lease);
			lease = NULL;
		}
		if (lease != NULL) {
			strcpy(lease->name, name);
		}
	}
	return lease;
}

static void on_committed(void *instance, void *arg, const struct troupe_db_result *result)
{
	struct master *master = instance;
	struct asking *asking = arg;
	struct lease *lease = lease_of(master, asking->name);

	if (result->status != TROUPE_OK) {
		refuse(asking, result->status,
		       result->status == TROUPE_ABORTED ? "master.lease_race" : "master.lease_not_saved");
		return;
	}
	if (lease != NULL) {
		lease->version = result->version;
		lease->expires_us = master->h->now_us(master->h) + (asking->in.release ? 0 : asking->in.ttl_ms * 1000);
	}
	asking_end(asking, TROUPE_OK, "", asking->new_epoch, asking->owner_name);
}

static void lease_commit(struct master *master, struct asking *asking, uint64_t version)
{
	Masterdb__Lease record = MASTERDB__LEASE__INIT;
	uint8_t value[64 + LEASE_OWNER_MAX], idempotency[TROUPE_KEY_SIZE];
	char key[NAME_MAX_LEN + 16];
	struct troupe_db_check check = { .key = key, .version = version };
	struct troupe_db_op op = { .kind = TROUPE_DB_PUT, .key = key, .value = value };
	struct troupe_db_commit commit = {
		.size = sizeof(commit),
		.db = master->db,
		.checks = &check,
		.checks_len = 1,
		.ops = &op,
		.ops_len = 1,
		.key = idempotency,
		.on_done = on_committed,
		.arg = asking,
	};

	key_of(asking->name, key);
	record.has_epoch = record.has_owner = record.has_ttl_ms = 1;
	record.epoch = asking->new_epoch;
	record.owner = asking->in.release ? 0 : asking->in.owner;
	record.ttl_ms = asking->in.release ? 0 : asking->in.ttl_ms;
	record.owner_name = asking->owner_name;
	check.key_len = op.key_len = (uint32_t)strlen(key);
	op.value_len = (uint32_t)masterdb__lease__pack(&record, value);
	master->h->random_bytes(master->h, idempotency, sizeof(idempotency));
	master->h->db_commit(master->h, &commit);
}

static void judge(struct master *master, struct asking *asking, struct lease *lease, const Masterdb__Lease *record,
		  uint64_t version)
{
	uint64_t now_us = master->h->now_us(master->h);

	if (lease->version != version) {
		lease->version = version;
		lease->expires_us = now_us + (record != NULL ? record->ttl_ms : 0) * 1000;
	}
	if (asking->in.epoch != 0) {
		if (record == NULL || record->owner != asking->in.owner || record->epoch != asking->in.epoch) {
			refuse(asking, TROUPE_FAILED_PRECONDITION, "master.lease_lost");
			return;
		}
		asking->new_epoch = asking->in.epoch;
	} else if (record != NULL && record->owner == asking->in.owner && asking->in.join) {
		asking->new_epoch = record->epoch;
	} else {
		if (record != NULL && record->owner != asking->in.owner && now_us < lease->expires_us) {
			asking_end(asking, TROUPE_FAILED_PRECONDITION, "master.lease_held", record->epoch,
				   record->owner_name != NULL ? record->owner_name : "");
			return;
		}
		asking->new_epoch = (record != NULL ? record->epoch : 0) + 1;
	}
	lease_commit(master, asking, version);
}

static void on_read(void *instance, void *arg, const struct troupe_db_page *page)
{
	struct master *master = instance;
	struct asking *asking = arg;
	struct lease *lease = lease_of(master, asking->name);
	const Masterdb__Lease *record = NULL;
	struct proto_arena arena;
	uint64_t version = 0;

	if (page->status != TROUPE_OK || lease == NULL) {
		refuse(asking, lease == NULL ? TROUPE_RESOURCE_EXHAUSTED : page->status,
		       lease == NULL ? "master.too_many_leases" : "master.lease_not_read");
		return;
	}
	proto_arena_init(&arena);
	if (page->count == 1) {
		version = page->values[0].version;
	}
	if (version != 0) {
		record = (const Masterdb__Lease *)proto_unpack(&masterdb__lease__descriptor, page->values[0].value,
							       page->values[0].value_len, &arena);
	}
	if (version != 0 && record == NULL) {
		refuse(asking, TROUPE_DATA_LOSS, "master.lease_damaged");
	} else {
		judge(master, asking, lease, record, version);
	}
	proto_arena_free(&arena);
}

void lease_ask(struct master *master, const struct lease_ask *ask)
{
	struct lease_answer none = { .status = TROUPE_RESOURCE_EXHAUSTED, .reason = "master.no_memory", .owner_name = "" };
	struct asking *asking = calloc(1, sizeof(*asking));
	char key[NAME_MAX_LEN + 16];
	struct troupe_db_check keys = { .key = key };
	struct troupe_db_get get = {
		.size = sizeof(get), .db = master->db, .keys = &keys, .keys_len = 1, .on_page = on_read, .arg = asking
	};

	if (asking == NULL) {
		ask->done(master, ask->arg, &none);
		return;
	}
	asking->next = master->askings;
	asking->link = &master->askings;
	if (asking->next != NULL) {
		asking->next->link = &asking->next;
	}
	master->askings = asking;
	asking->in = *ask;
	asking->master = master;
	strcpy(asking->name, ask->name);
	snprintf(asking->owner_name, sizeof(asking->owner_name), "%s", ask->owner_name != NULL ? ask->owner_name : "");
	key_of(asking->name, key);
	keys.key_len = (uint32_t)strlen(key);
	master->h->db_get(master->h, &get);
}

/* --- what others ask ------------------------------------------------------------------------------ */

struct request {
	uint64_t id, from;
};

static void on_asked(struct master *master, void *arg, const struct lease_answer *answer)
{
	struct request *request = arg;
	Master__LeaseReply reply = MASTER__LEASE_REPLY__INIT;
	char owner[32];

	if (answer->status != TROUPE_OK) {
		proto_refuse(master->h, request->id, answer->status, answer->reason);
	} else {
		snprintf(owner, sizeof(owner), "%llu", (unsigned long long)request->from);
		reply.has_epoch = 1;
		reply.epoch = answer->epoch;
		reply.owner = owner;
		master_lease_reply(master->h, request->id, &reply);
	}
	free(request);
}

void lease_on_lease(void *instance, const struct troupe_request *request, const Master__LeaseRequest *body)
{
	struct master *master = instance;
	struct lease_ask ask = { .name = body->name,
				 .owner = request->from,
				 .ttl_ms = body->ttl_ms,
				 .epoch = body->epoch,
				 .release = body->release,
				 .done = on_asked };
	struct request *kept;

	if (body->name == NULL || body->name[0] == '\0' || strlen(body->name) > NAME_MAX_LEN ||
	    strcmp(body->name, BASE_LEASE) == 0 || body->ttl_ms < TTL_MIN_MS || body->ttl_ms > TTL_MAX_MS ||
	    (body->release && body->epoch == 0)) {
		proto_refuse(master->h, request->id, TROUPE_INVALID_ARGUMENT, "master.bad_lease");
		return;
	}
	kept = malloc(sizeof(*kept));
	if (kept == NULL) {
		proto_refuse(master->h, request->id, TROUPE_RESOURCE_EXHAUSTED, "master.no_memory");
		return;
	}
	*kept = (struct request){ .id = request->id, .from = request->from };
	ask.arg = kept;
	lease_ask(master, &ask);
}

void lease_free(struct master *master)
{
	struct map_entry *entry;
	uint32_t at = 0;

	while (master->askings != NULL) { /* a host that fell takes the answers along */
		struct asking *asking = master->askings;
		master->askings = asking->next;
		if (asking->in.done == on_asked) {
			free(asking->in.arg);
		}
		free(asking);
	}
	while ((entry = map_next(&master->leases, &at)) != NULL) {
		free(entry->value);
	}
	map_free(&master->leases);
}
