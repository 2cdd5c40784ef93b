/* SPDX-License-Identifier: MIT */
/* Snapshots that instances on other hosts hold: known by numbers at random, closed when nobody keeps them. */
#include "database.h"

#define SWEEP_MS 5000u

static struct database_snapshot *find(struct database *database, uint64_t id)
{
	for (uint32_t i = 0; i < DATABASE_SNAPSHOTS_MAX; i++) {
		if (database->snapshots[i].id == id) {
			return &database->snapshots[i];
		}
	}
	return NULL;
}

static struct database_snapshot *find_of(struct database *database, uint64_t from, uint64_t id)
{
	struct database_snapshot *snapshot = id != 0 ? find(database, id) : NULL;

	return snapshot != NULL && snapshot->from == from && snapshot->local != 0 ? snapshot : NULL;
}

static void close_one(struct database *database, struct database_snapshot *snapshot)
{
	database->host->db_snapshot_close(database->host, database->db, snapshot->local);
	*snapshot = (struct database_snapshot){ .id = 0 };
	database_count(database, METRIC_SNAPSHOTS, -1);
}

uint64_t snapshots_use(struct database *database, uint64_t from, uint64_t id)
{
	struct database_snapshot *snapshot = find_of(database, from, id);

	if (snapshot == NULL) {
		return 0;
	}
	snapshot->used_us = database->host->now_us(database->host);
	return snapshot->local;
}

/* --- those that were left ------------------------------------------------------------------------- */

static void on_sweep(void *instance, void *arg);

static void sweep_later(struct database *database)
{
	if (database->snapshots_timer == 0) {
		database->snapshots_timer = database->host->timer_start(database->host, SWEEP_MS, on_sweep, NULL);
	}
}

static void on_sweep(void *instance, void *arg)
{
	struct database *database = instance;
	uint64_t now_us = database->host->now_us(database->host);
	int left = 0;

	(void)arg;
	database->snapshots_timer = 0;
	for (uint32_t i = 0; i < DATABASE_SNAPSHOTS_MAX; i++) {
		struct database_snapshot *snapshot = &database->snapshots[i];

		if (snapshot->local != 0 && now_us - snapshot->used_us >= DATABASE_SNAPSHOT_IDLE_MS * 1000ull) {
			close_one(database, snapshot);
			database_count(database, METRIC_SNAPSHOTS_LEFT, 1);
		}
		left |= snapshot->id != 0;
	}
	if (left) {
		sweep_later(database);
	}
}

/* --- methods --------------------------------------------------------------------------------------- */

static void answer(struct database *database, uint64_t request, int32_t status, uint64_t id)
{
	Database__SnapshotReply reply = DATABASE__SNAPSHOT_REPLY__INIT;

	reply.has_status = 1;
	reply.status = status;
	reply.has_snapshot = id != 0;
	reply.snapshot = id;
	database_snapshot_reply(database->host, request, &reply);
	asked_end(database);
}

static void on_opened(void *instance, void *arg, int32_t status, uint64_t local)
{
	struct database *database = instance;
	struct database_snapshot *snapshot = arg;
	uint64_t request = snapshot->request, id = snapshot->id;

	if (status != TROUPE_OK) {
		*snapshot = (struct database_snapshot){ .id = 0 };
		answer(database, request, status, 0);
		return;
	}
	snapshot->local = local;
	snapshot->used_us = database->host->now_us(database->host);
	database_count(database, METRIC_SNAPSHOTS, 1);
	sweep_later(database);
	answer(database, request, TROUPE_OK, id);
}

void snapshots_on_open(void *instance, const struct troupe_request *request, const Database__SnapshotRequest *body)
{
	struct database *database = instance;
	const struct troupe_host *h = database->host;
	struct database_snapshot *snapshot;
	uint64_t id;

	(void)body;
	if (!asked_begin(database, request)) {
		return;
	}
	snapshot = find(database, 0);
	if (snapshot == NULL) {
		database_count(database, METRIC_SNAPSHOTS_FULL, 1);
		answer(database, request->id, TROUPE_RESOURCE_EXHAUSTED, 0);
		return;
	}
	do {
		h->random_bytes(h, &id, sizeof(id));
	} while (id == 0 || find(database, id) != NULL);
	*snapshot = (struct database_snapshot){ .id = id, .from = request->from, .request = request->id };
	h->db_snapshot(h, database->db, on_opened, snapshot);
}

void snapshots_on_keep(void *instance, const struct troupe_request *request, const Database__Snapshot *body)
{
	snapshots_use(instance, request->from, body->snapshot);
}

void snapshots_on_close(void *instance, const struct troupe_request *request, const Database__Snapshot *body)
{
	struct database_snapshot *snapshot = find_of(instance, request->from, body->snapshot);

	if (snapshot != NULL) {
		close_one(instance, snapshot);
	}
}
