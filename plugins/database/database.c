/* SPDX-License-Identifier: MIT */
/* The `database` role: owns one store and shows operators what is in it. */
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

static const struct troupe_command commands[] = {
	{ .verb = "scan", .help = "Lists entries in the order of their keys.", .right = "read", .args = scan_args,
	  .args_size = sizeof(struct database_scan_args), .run = database_scan },
	{ .verb = "digest", .help = "Counts and hashes all entries as they are now; equal stores have equal digests.",
	  .right = "read", .run = database_digest },
	{ .verb = "status", .help = "Shows what the store has done and whether it is open.", .right = "read",
	  .run = database_status },
	{ .verb = NULL },
};

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

/* The store itself finishes what waits before it closes. */
static void stop(void *instance)
{
	struct database *database = instance;

	database->host->store_close(database->host);
}

static void destroy(void *instance)
{
	(void)instance; /* the store is the host's; commands under way end before this */
}

static const char *const provides[] = { "database", NULL };

static const struct troupe_role role = {
	.size = sizeof(role),
	.instance_size = sizeof(struct database),
	.options_size = sizeof(struct database_options),
	.create = create,
	.start = start,
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
	.role = &role,
};
