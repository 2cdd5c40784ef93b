/* SPDX-License-Identifier: MIT */
/* What a database driver implements: an ordered key-value store with conditional, all-or-nothing commits. */
#ifndef TROUPE_DRIVER_H
#define TROUPE_DRIVER_H

#include <stddef.h>
#include <stdint.h>

#include "troupe/host.h"
#include "troupe/role.h"
#include "troupe/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Conventions
 *  1. Functions block; the host calls them on the database's own threads. open, close and commit come from
 *     the writer thread alone. get, scan and the snapshot functions come from the reader thread and may run beside commit, never
 *     beside open and close.
 *  2. Keys and values are bytes, ordered as by memcmp. A key has 1 to key_max bytes. Keys whose first byte is 0 are the
 *     driver's own (records of idempotency keys, fences, the commit counter): requests with them are
 *     refused with INVALID_ARGUMENT, and scans do not show them.
 *  3. Every value carries the number of the commit that wrote it, its version. Numbers only grow and are never used
 *     again, also after a delete or a reopen.
 *  4. After commit has returned anything but TROUPE_OK the host calls close and open, and does not use the store until
 *     open has succeeded; open must then show exactly the commits that survive.
 *  5. An index in a result counts from 0; UINT32_MAX = none is meant.
 */

/* Over which keys one commit may reach. */
enum troupe_driver_scope {
	TROUPE_SCOPE_DATABASE = 1, /* any keys */
	TROUPE_SCOPE_KEY = 2	   /* one key */
};

struct troupe_driver_open {
	uint32_t size;
	const char *name;    /* the database's name, for messages */
	const void *options; /* laid out as the driver plugin's option table says */
};

/* One transaction of a group: troupe_db_commit without its callback. */
struct troupe_driver_tx {
	const struct troupe_db_check *checks;
	const struct troupe_db_op *ops;
	uint32_t checks_len, ops_len;
	const char *fence;
	uint64_t fence_epoch;
	const uint8_t *key;    /* NULL = none */
	uint64_t fingerprint;  /* of checks and ops and fence: the same key with another one is ALREADY_EXISTS */
};

/* troupe_driver_emit_fn: takes one entry of a get or scan, copying what it keeps; non-zero = no more. */
typedef int (*troupe_driver_emit_fn)(void *arg, const struct troupe_db_value *value);

struct troupe_driver {
	uint32_t size;
	uint32_t scope;		  /* enum troupe_driver_scope */
	uint32_t options_size;	  /* sizeof the struct that the plugin's option table describes */
	uint32_t key_max;	  /* bytes */
	uint32_t value_max;	  /* bytes */
	uint32_t ops_max;	  /* checks + ops of one transaction */
	uint32_t group_max;	  /* transactions that one commit call takes well */
	uint32_t group_bytes;	  /* and bytes of keys and values in them */
	/* open: opens or creates the store and verifies it. A store has one owner: while another has it open this is
	 * refused with UNAVAILABLE, and the text says who that is. On success *ret_store is the driver's handle. */
	int32_t (*open)(const struct troupe_driver_open *open, void **ret_store, struct troupe_error *reterr);
	/* close: releases everything. Takes a store in any state. */
	void (*close)(void *store);
	/*
	 * commit: decides `count` transactions in order, each seeing those before it, and makes all that hold durable in
	 * one synced write. OK: every results[i] is final (a refused one did nothing; while the disk is full all
	 * are refused with RESOURCE_EXHAUSTED). Anything else: every outcome of the group is unknown, see convention
	 * 4; RESOURCE_EXHAUSTED says that the disk is full, DATA_LOSS that the store is damaged. Of a result the
	 * driver fills status, index, repeated and version.
	 */
	int32_t (*commit)(void *store, const struct troupe_driver_tx *txs, uint32_t count,
			  struct troupe_db_result *results, struct troupe_error *reterr);
	/* find_key: what became of an idempotency key: OK and *ret_version; NOT_FOUND; ALREADY_EXISTS: it was used for
	 * another commit. For unknown outcomes, from the writer thread, after open. */
	int32_t (*find_key)(void *store, const uint8_t *key, uint64_t fingerprint, uint64_t *ret_version);
	/* get: emits one value for each key, in order; an absent one with version 0. snapshot NULL = the newest. */
	int32_t (*get)(void *store, void *snapshot, const struct troupe_db_check *keys, uint32_t keys_len,
		       troupe_driver_emit_fn emit, void *arg);
	/* scan: emits the entries from <= key < to in order until emit says stop; to_len 0 = no end. */
	int32_t (*scan)(void *store, void *snapshot, const void *from, uint32_t from_len, const void *to,
			uint32_t to_len, troupe_driver_emit_fn emit, void *arg);
	int32_t (*snapshot_open)(void *store, void **ret_snapshot);
	void (*snapshot_close)(void *store, void *snapshot);
};

#ifdef __cplusplus
}
#endif
#endif
