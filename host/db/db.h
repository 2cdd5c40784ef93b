/* SPDX-License-Identifier: MIT */
/* The databases of a host: what instances ask of them, and the stores behind `database` instances. */
#ifndef HOST_DB_DB_H
#define HOST_DB_DB_H

#include "host/core/instance.h"

/*
 * Every function but the first two is one of the host table and behaves as host.h says; they are called on the
 * instance's loop. Work under way holds the instance (instance_hold).
 */
struct db;

/* db_new makes room for a store behind every instance whose block names a driver, and a way to it from every loop; and
 * ways by calls to those of other hosts, whose proxies are in the directory.
 * Loops and instances stay valid until db_free. 0, or -errno. [main] */
int db_new(struct loop *const *loops, unsigned loops_len, struct instance *const *instances, uint32_t instances_len,
	   struct db **ret_db);
/* db_free closes what is still open and releases all; no loop runs any more. NULL is fine. Returns NULL. [main] */
struct db *db_free(struct db *db);

/* db_use_calls has databases of this host reached by calls, as those of other hosts are, except by themselves: for
 * tests. Before core_run. [main] */
void db_use_calls(struct db *db);

/* db_find: among those that the instance's configuration names, and itself: by full name ("base/database.base"), else
 * by short name: in its own part, then in base. */
int32_t db_find(struct instance *instance, const char *name, uint32_t *ret_id);
void db_commit(struct instance *instance, const struct troupe_db_commit *commit);
void db_get(struct instance *instance, const struct troupe_db_get *get);
void db_scan(struct instance *instance, const struct troupe_db_scan *scan);
void db_snapshot(struct instance *instance, uint32_t id, troupe_db_snapshot_fn on_open, void *arg);
void db_snapshot_close(struct instance *instance, uint32_t id, uint64_t snapshot);

/* For roles that provide `database`; the driver and its options are those of the instance's configuration. */
int32_t db_store_open(struct instance *instance, const struct troupe_store_open *open, struct troupe_error *reterr);
int32_t db_store_stats(struct instance *instance, struct troupe_store_stats *ret_stats);
void db_store_close(struct instance *instance);

#endif
