/* SPDX-License-Identifier: MIT */
/* The `database` role: what its files share. */
#ifndef DATABASE_DATABASE_H
#define DATABASE_DATABASE_H

#include "database.stub.h"
#include "map/map.h"
#include "troupe/host.h"

#define DATABASE_SCAN_MAX 1000
#define DATABASE_WALKS_MAX 4 /* commands that read through the store at the same time */
#define DATABASE_STREAMS_MAX 4096u /* instances on other hosts whose commits are kept in order */
#define DATABASE_SNAPSHOTS_MAX 16u /* open for instances on other hosts */
#define DATABASE_SNAPSHOT_IDLE_MS 30000u /* after which it is closed; its user says every 10 s that he keeps it */

struct database_options {
	const char *driver;
	int64_t queue;
};

struct database_scan_args {
	const char *prefix;
	int64_t limit;
};

struct database_export_args {
	const char *prefix, *from;
	int64_t offset;
};

enum database_metric {
	METRIC_PASSED,
	METRIC_STREAMS_FULL,
	METRIC_SNAPSHOTS,
	METRIC_SNAPSHOTS_FULL,
	METRIC_SNAPSHOTS_LEFT,
	METRIC_COUNT
};

/* A snapshot that an instance on another host opened. */
struct database_snapshot {
	uint64_t id;	/* as he knows it, at random; 0 = free */
	uint64_t local; /* the store's; 0 = being opened */
	uint64_t from, used_us;
	uint64_t request; /* while it is being opened */
};

/* One instance; zeroed by the host. */
struct database {
	const struct troupe_host *host;
	const struct database_options *options;
	uint32_t db;
	uint32_t walks;
	int open;
	uint32_t asked; /* requests of other hosts under way */
	int draining;
	struct map streams; /* struct database_stream by instance */
	struct database_snapshot snapshots[DATABASE_SNAPSHOTS_MAX];
	uint64_t snapshots_timer;
	uint32_t metrics[METRIC_COUNT];
};

/* The commands. [loop] */
void command_scan(void *instance, const struct troupe_request *request, const void *args);
void command_export(void *instance, const struct troupe_request *request, const void *args);
void command_digest(void *instance, const struct troupe_request *request, const void *args);
void command_status(void *instance, const struct troupe_request *request, const void *args);

/* asked_begin counts a request of another host; false: the role drains, and it has been refused. asked_end: it has been
 * answered. [loop] */
int asked_begin(struct database *database, const struct troupe_request *request);
void asked_end(struct database *database);

static inline void database_count(const struct database *database, enum database_metric metric, int64_t delta)
{
	database->host->metric_add(database->host, database->metrics[metric], delta);
}

/* --- commits.c ------------------------------------------------------------------------------------- */

void commits_on_commit(void *instance, const struct troupe_request *request, const Database__CommitRequest *body);
void commits_free(struct database *database);

/* --- reads.c --------------------------------------------------------------------------------------- */

void reads_on_get(void *instance, const struct troupe_request *request, const Database__GetRequest *body);
void reads_on_scan(void *instance, const struct troupe_request *request, const Database__ScanRequest *body);

/* --- snapshots.c ----------------------------------------------------------------------------------- */

void snapshots_on_open(void *instance, const struct troupe_request *request, const Database__SnapshotRequest *body);
void snapshots_on_keep(void *instance, const struct troupe_request *request, const Database__Snapshot *body);
void snapshots_on_close(void *instance, const struct troupe_request *request, const Database__Snapshot *body);
/* snapshots_use finds what `from` opened as `id` and marks it used. 0 = there is no such snapshot (any more). */
uint64_t snapshots_use(struct database *database, uint64_t from, uint64_t id);

#endif
