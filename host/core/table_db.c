/* SPDX-License-Identifier: MIT */
/* The database functions of the host table. */
#include "host/core/table.h"
#include "host/db/db.h"

static int32_t on_find(const struct troupe_host *h, const char *name, uint32_t *ret_db)
{
	return db_find(instance_of(h), name, ret_db);
}

static void on_commit(const struct troupe_host *h, const struct troupe_db_commit *commit)
{
	db_commit(instance_of(h), commit);
}

static void on_get(const struct troupe_host *h, const struct troupe_db_get *get)
{
	db_get(instance_of(h), get);
}

static void on_scan(const struct troupe_host *h, const struct troupe_db_scan *scan)
{
	db_scan(instance_of(h), scan);
}

static void on_snapshot(const struct troupe_host *h, uint32_t db, troupe_db_snapshot_fn on_open, void *arg)
{
	db_snapshot(instance_of(h), db, on_open, arg);
}

static void on_snapshot_close(const struct troupe_host *h, uint32_t db, uint64_t snapshot)
{
	db_snapshot_close(instance_of(h), db, snapshot);
}

static int32_t on_store_open(const struct troupe_host *h, const struct troupe_store_open *open,
			     struct troupe_error *reterr)
{
	return db_store_open(instance_of(h), open, reterr);
}

static int32_t on_store_stats(const struct troupe_host *h, struct troupe_store_stats *ret_stats)
{
	return db_store_stats(instance_of(h), ret_stats);
}

static void on_store_close(const struct troupe_host *h)
{
	db_store_close(instance_of(h));
}

void table_fill_db(struct troupe_host *table)
{
	table->db_find = on_find;
	table->db_commit = on_commit;
	table->db_get = on_get;
	table->db_scan = on_scan;
	table->db_snapshot = on_snapshot;
	table->db_snapshot_close = on_snapshot_close;
	table->store_open = on_store_open;
	table->store_stats = on_store_stats;
	table->store_close = on_store_close;
}
