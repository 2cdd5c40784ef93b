/* SPDX-License-Identifier: MIT */
/* The `database` role: what its files share. */
#ifndef DATABASE_DATABASE_H
#define DATABASE_DATABASE_H

#include "troupe/host.h"

#define DATABASE_SCAN_MAX 1000
#define DATABASE_WALKS_MAX 4 /* commands that read through the store at the same time */

struct database_options {
	const char *driver;
	int64_t queue;
};

struct database_scan_args {
	const char *prefix;
	int64_t limit;
};

/* One instance; zeroed by the host. */
struct database {
	const struct troupe_host *host;
	const struct database_options *options;
	uint32_t db;
	uint32_t walks;
	int open;
};

/* The commands. [loop] */
void database_scan(void *instance, const struct troupe_request *request, const void *args);
void database_digest(void *instance, const struct troupe_request *request, const void *args);
void database_status(void *instance, const struct troupe_request *request, const void *args);

#endif
