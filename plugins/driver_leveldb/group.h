/* SPDX-License-Identifier: MIT */
/* Decides a group of transactions and turns what holds into one batch. */
#ifndef DRIVER_LEVELDB_GROUP_H
#define DRIVER_LEVELDB_GROUP_H

#include <stdint.h>

#include "engine.h"
#include "overlay.h"
#include "troupe/driver.h"

/* What the driver takes, as advertised in its table. */
#define KEY_MAX 1024u
#define VALUE_MAX (256u * 1024u)
#define OPS_MAX 4096u

/* The transactions of one store. One thread. Zeroed, then `engine` and `version` set. */
struct group {
	struct engine *engine;
	struct overlay overlay;
	int64_t *sums; /* of the ADDs of one transaction */
	uint32_t sums_size;
	uint64_t version; /* the newest number given out */
};

/*
 * group_commit: decides `count` transactions in order and writes those that hold with one sync. OK: the results
 * are final. Anything else: the engine failed, and every outcome is unknown.
 */
int32_t group_commit(struct group *group, const struct troupe_driver_tx *txs, uint32_t count,
		     struct troupe_db_result *results, struct troupe_error *reterr);

/* group_state: the state of a key as the group sees it now, from the engine where it knows nothing yet.
 * A record that is damaged is DATA_LOSS. `ret_entry` is its index in the overlay. */
int32_t group_state(struct group *group, enum record_kind kind, const void *key, uint32_t key_len,
		    uint32_t *ret_entry, struct overlay_state *ret_state, struct troupe_error *reterr);

void group_free(struct group *group);

#endif
