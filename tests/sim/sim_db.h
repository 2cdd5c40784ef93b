/* SPDX-License-Identifier: MIT */
/* What the parts of the simulator's databases share: sim_db.c, and sim_db_away.c for what comes from other hosts. */
#ifndef SIM_DB_H
#define SIM_DB_H

#include "sim_internal.h"

#define SIM_COMMIT_US 100
#define SIM_READ_US 20
#define SNAPSHOTS_MAX 16

struct entry {
	uint8_t *key, *value;
	uint32_t key_len, value_len;
	uint64_t version;
};

struct view {
	struct entry *entries; /* in key order */
	size_t len, cap;
};

struct known_key {
	uint8_t key[TROUPE_KEY_SIZE];
	uint64_t fingerprint, version;
};

struct fence {
	char *name;
	uint64_t epoch;
};

struct sim_db {
	const char *name;
	struct view now;
	struct view snapshots[SNAPSHOTS_MAX];
	uint64_t snapshot_ids[SNAPSHOTS_MAX]; /* 0 = free */
	struct known_key *keys;
	struct fence *fences;
	size_t keys_len, fences_len;
	uint64_t version, snapshots_made;
	int down;
	struct sim_node *node; /* where it is; NULL: there is only one host */
};

/* How a question came from another host. */
struct sim_remote {
	uint64_t ask; /* 0: it did not */
	struct sim_node *through;
	uint32_t incarnation; /* of the database's host when it came */
};

/* A commit as copied from the role. */
struct tx {
	struct sim_db *db;
	struct troupe_db_commit in;
	struct troupe_db_check *checks;
	struct troupe_db_op *ops;
	char *fence;
	uint8_t key[TROUPE_KEY_SIZE];
	struct sim_instance *instance;
	uint32_t incarnation;
	struct troupe_db_result result;
	struct sim_remote remote;
};

/* A read as copied from the role. */
struct read {
	struct sim_db *db;
	struct troupe_db_get get;
	struct troupe_db_scan scan;
	int is_scan;
	struct troupe_db_check *keys; /* get */
	void *from, *to;	      /* scan */
	struct sim_instance *instance;
	struct sim_remote remote;
};

/* A snapshot that is being opened. */
struct opening {
	struct sim_db *db;
	troupe_db_snapshot_fn on_open;
	void *arg;
	int32_t status;
	uint64_t snapshot;
	struct sim_instance *instance;
	struct sim_remote remote;
};

void sim_tx_free(struct tx *tx);
/* sim_tx_begin: the commit reaches the disk `delay_us` from now. */
void sim_tx_begin(struct sim *sim, struct tx *tx, uint64_t delay_us);
void sim_tx_done(struct sim *sim, struct tx *tx);
void sim_read_free(struct read *read);
/* sim_read_page reads what is asked for; the page's values are the caller's to free, their bytes belong to the database. */
void sim_read_page(const struct read *read, struct troupe_db_page *ret_page);
/* sim_snapshot_open takes a snapshot, the oldest one's place if there is no other; sim_snapshot_close is fine with any number. */
uint64_t sim_snapshot_open(struct sim_db *db);
void sim_snapshot_close(struct sim_db *db, uint64_t snapshot);

/* sim_db_away: is the database on another host than the instance? Then the following take the question there; they own it. */
int sim_db_away(const struct sim_instance *instance, const struct sim_db *db);
void sim_away_commit(struct sim *sim, struct tx *tx);
void sim_away_committed(struct sim *sim, struct tx *tx);
void sim_away_read(struct sim *sim, struct read *read);
void sim_away_snapshot(struct sim *sim, struct opening *opening);
void sim_away_snapshot_close(struct sim *sim, struct sim_instance *instance, struct sim_db *db, uint64_t snapshot);

#endif
