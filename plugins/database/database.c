/* SPDX-License-Identifier: MIT */
/* The `database` role: owns one store, lets instances on other hosts use it, and shows operators what is in it. */
#include "database.h"

#include <stdio.h>

static const struct troupe_option options[] = {
	{ .name = "driver", .help = "The engine that keeps the data; its own options stand in the same block.",
	  .type = TROUPE_OPTION_DRIVER, .flags = TROUPE_OPTION_REQUIRED,
	  .offset = offsetof(struct database_options, driver) },
	{ .name = "queue", .help = "How many commits may wait before further ones are refused.", .fallback = "65536",
	  .type = TROUPE_OPTION_INT, .offset = offsetof(struct database_options, queue), .min = 16, .max = 1 << 20 },
	{ .name = NULL },
};

static const struct troupe_option scan_args[] = {
	{ .name = "prefix", .help = "What the keys begin with; empty = all.", .type = TROUPE_OPTION_STRING, .max = 256,
	  .offset = offsetof(struct database_scan_args, prefix) },
	{ .name = "limit", .help = "How many entries at most.", .fallback = "100", .type = TROUPE_OPTION_INT, .min = 1,
	  .max = DATABASE_SCAN_MAX, .offset = offsetof(struct database_scan_args, limit) },
	{ .name = NULL },
};

static const struct troupe_option export_args[] = {
	{ .name = "prefix", .help = "What the keys begin with; empty = all.", .type = TROUPE_OPTION_STRING, .max = 255,
	  .offset = offsetof(struct database_export_args, prefix) },
	{ .name = "from", .help = "The key to begin with, in hex; empty = the first.", .type = TROUPE_OPTION_STRING, .max = 2048,
	  .offset = offsetof(struct database_export_args, from) },
	{ .name = "offset", .help = "Bytes of the first value that are left out.", .type = TROUPE_OPTION_INT, .max = 1 << 30,
	  .offset = offsetof(struct database_export_args, offset) },
	{ .name = NULL },
};

static const struct troupe_command commands[] = {
	{ .verb = "scan", .help = "Lists entries in the order of their keys.", .right = "read", .args = scan_args,
	  .args_size = sizeof(struct database_scan_args), .run = command_scan },
	{ .verb = "digest", .help = "Counts and hashes all entries as they are now; equal stores have equal digests.",
	  .right = "read", .run = command_digest },
	{ .verb = "export", .help = "A page of whole entries in hex, for tools such as `troupe record`.", .right = "read",
	  .args = export_args, .args_size = sizeof(struct database_export_args), .run = command_export },
	{ .verb = "status", .help = "Shows what the store has done and whether it is open.", .right = "read",
	  .run = command_status },
	{ .verb = NULL },
};

static const struct troupe_metric metric_table[METRIC_COUNT] = {
#define METRIC(id, type, text, what) \
	[id] = { .size = sizeof(struct troupe_metric), .kind = type, .name = text, .help = what }
	METRIC(METRIC_PASSED, TROUPE_COUNTER, "troupe_database_passed_commits_total",
	       "Commits of other hosts that came after newer ones of their asker and were only looked up."),
	METRIC(METRIC_STREAMS_FULL, TROUPE_COUNTER, "troupe_database_askers_full_total",
	       "Commits of other hosts refused because there are too many askers."),
	METRIC(METRIC_SNAPSHOTS, TROUPE_GAUGE, "troupe_database_snapshots", "Snapshots open for other hosts."),
	METRIC(METRIC_SNAPSHOTS_FULL, TROUPE_COUNTER, "troupe_database_snapshots_full_total",
	       "Snapshots refused to other hosts because too many were open."),
	METRIC(METRIC_SNAPSHOTS_LEFT, TROUPE_COUNTER, "troupe_database_snapshots_left_total",
	       "Snapshots closed because their user fell silent."),
#undef METRIC
};

/* --- requests of other hosts -------------------------------------------------------------------------- */

int asked_begin(struct database *database, const struct troupe_request *request)
{
	if (database->draining) {
		proto_refuse(database->host, request->id, TROUPE_UNAVAILABLE, "database.closing");
		return 0;
	}
	database->asked++;
	return 1;
}

void asked_end(struct database *database)
{
	if (--database->asked == 0 && database->draining) {
		database->host->drained(database->host);
	}
}

static const struct troupe_method methods[] = {
	DATABASE_COMMIT(commits_on_commit),
	DATABASE_GET(reads_on_get),
	DATABASE_SCAN(reads_on_scan),
	DATABASE_SNAPSHOT(snapshots_on_open),
	DATABASE_SNAPSHOT_KEEP(snapshots_on_keep),
	DATABASE_SNAPSHOT_CLOSE(snapshots_on_close),
	{ .name = NULL },
};

/* --- life ----------------------------------------------------------------------------------------------- */

static void on_state(void *instance, int32_t status, const char *text)
{
	struct database *database = instance;
	const struct troupe_host *host = database->host;

	database->open = status == TROUPE_OK;
	host->state(host, status == TROUPE_OK, 0, text);
}

static int32_t create(void *instance, const struct troupe_host *host, const void *opts, struct troupe_error *reterr)
{
	struct database *database = instance;

	database->host = host;
	database->options = opts;
	if (host->db_find(host, host->name, &database->db) != TROUPE_OK) {
		reterr->status = TROUPE_FAILED_PRECONDITION;
		snprintf(reterr->text, sizeof(reterr->text), "the host knows no store for %s", host->name);
		snprintf(reterr->help, sizeof(reterr->help), "name a driver in its block: driver = \"leveldb\"");
		return TROUPE_FAILED_PRECONDITION;
	}
	for (uint32_t i = 0; i < METRIC_COUNT; i++) {
		database->metrics[i] = host->metric(host, &metric_table[i]);
	}
	return TROUPE_OK;
}

static int32_t start(void *instance, struct troupe_error *reterr)
{
	struct database *database = instance;
	const struct troupe_host *host = database->host;
	struct troupe_store_open open = { .size = sizeof(open), .queue_max = (uint32_t)database->options->queue,
					  .driver = database->options->driver, .on_state = on_state };

	host->state(host, 0, 0, "opening its store");
	return host->store_open(host, &open, reterr);
}

static void drain(void *instance)
{
	struct database *database = instance;

	database->draining = 1;
	if (database->asked == 0) {
		database->host->drained(database->host);
	}
}

/* The store itself finishes what waits before it closes. */
static void stop(void *instance)
{
	struct database *database = instance;

	database->host->store_close(database->host);
}

static void destroy(void *instance)
{
	commits_free(instance); /* the store is the host's; what is under way ends before this */
}

static const char *const provides[] = { "database", NULL };

static const struct troupe_role role = {
	.size = sizeof(role),
	.instance_size = sizeof(struct database),
	.options_size = sizeof(struct database_options),
	.create = create,
	.start = start,
	.drain = drain,
	.stop = stop,
	.destroy = destroy,
};

TROUPE_EXPORT const struct troupe_plugin troupe_entry = {
	TROUPE_PLUGIN_HEAD,
	.kind = TROUPE_PLUGIN_ROLE,
	.name = "database",
	.version = "1.0",
	.summary = "Keeps what other roles store, through a driver.",
	.provides = provides,
	.options = options,
	.commands = commands,
	.methods = methods,
	.role = &role,
};
