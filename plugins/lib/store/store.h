/* SPDX-License-Identifier: MIT */
/* Read, decide, commit: what the roles that keep money and items in a database have in common. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "proto/proto.h"
#include "troupe/host.h"

#define STORE_READS_MAX 40u /* records that one transaction may look at */
#define STORE_OPS_MAX 12u   /* changes that it may make */
#define STORE_KEY_MAX 128u
#define STORE_LANES 1024u
#define STORE_ACTIVE_MAX 4096u /* transactions at once; above it newcomers are refused, and counted */
#define STORE_ATTEMPTS_MAX 64u /* lost races before a transaction is refused with ABORTED */

/* --- keys ----------------------------------------------------------------------------------------- */

/* A key under construction. Parts are appended; too long a key is a fault of the program and aborts it. */
struct store_key {
	uint8_t bytes[STORE_KEY_MAX];
	uint32_t len;
};

/* store_key: starts with the bytes of `prefix`, without its NUL. Returns `key`, as the others do. [any] */
struct store_key *store_key(struct store_key *key, const char *prefix);
/* store_key_u64: eight bytes, big-endian, so that keys sort as numbers do. */
struct store_key *store_key_u64(struct store_key *key, uint64_t number);
struct store_key *store_key_bytes(struct store_key *key, const void *bytes, size_t len);
/* store_key_text: the text and its NUL, so that no text is the beginning of another. */
struct store_key *store_key_text(struct store_key *key, const char *text);
/* store_key_end: the least key that does not start with `prefix`; "" if there is none. */
void store_key_end(const struct store_key *prefix, struct store_key *ret_end);

/* store_i64: the number in a value that TROUPE_DB_ADD keeps; 0 if it is absent. */
int64_t store_i64(const void *value, uint32_t len);
/* store_u64_be: eight bytes of a key as a number. */
uint64_t store_u64_be(const uint8_t *bytes);

/* --- the store ------------------------------------------------------------------------------------ */

struct store_tx;
struct store_walk;

/* A role's database. Lies zeroed in the instance; one thread, the instance's loop. */
struct store {
	const struct troupe_host *h;
	void *instance;
	struct store_tx *txs;	  /* all of them */
	struct store_walk *walks; /* likewise */
	struct {
		struct store_tx *first, *last;
	} lanes[STORE_LANES];
	uint32_t db, active, draining;
	uint32_t m_aborted, m_undecided, m_busy, m_failed;
};

/* store_open: finds the database. */
int32_t store_open(struct store *store, const struct troupe_host *h, void *instance, const char *database,
		   struct troupe_error *reterr);
/* store_drain: refuses new transactions; calls host->drained when the last one has ended. */
void store_drain(struct store *store);
/* store_close: forgets everything under way; its callbacks do not run. Takes a store that was never opened. */
void store_close(struct store *store);

/* --- transactions --------------------------------------------------------------------------------- */

/* What `decide` wants next. */
enum store_next {
	STORE_READ,   /* fetch what store_read could not give, and decide again */
	STORE_COMMIT, /* if everything that was read is unchanged, do the ops; then done */
	STORE_DONE    /* nothing to change: done */
};

struct store_kind {
	size_t size; /* of the role's struct, whose first member is struct store_tx */
	/*
	 * decide: looks at the records through store_read, says what to do. Runs again from the start, with fresh records,
	 * after a lost race, and with tx->floored set if a store_add would have passed its floor.
	 */
	enum store_next (*decide)(struct store_tx *tx);
	/* done: the outcome is in tx->status and tx->reason, and it is durable if it is OK or a refusal. tx ends after it. */
	void (*done)(struct store_tx *tx);
};

struct store_value {
	struct store_key key;
	const void *value;
	uint32_t len;
	uint32_t known;	  /* 0: not fetched yet */
	uint64_t version; /* 0: there is none */
};

struct store_tx {
	struct store *store;
	const struct store_kind *kind;
	struct store_tx *prev, *next, *lane_next;
	uint64_t request;     /* to answer; 0 = none */
	uint64_t deadline_us; /* undecided outcomes are resolved until then */
	uint64_t version;     /* of the commit, after OK */
	const char *reason;   /* a reason id, not OK */
	int32_t status;
	uint32_t lane, attempts, waits, floored;
	uint32_t broken;      /* a record that cannot be read was met */
	uint32_t undecided;   /* a commit of this try has no known outcome yet */
	uint32_t reads_len, ops_len;
	uint8_t key[TROUPE_KEY_SIZE];
	const char *fence; /* as in struct troupe_db_commit; set it before store_run, NULL = none */
	uint64_t fence_epoch;
	struct store_value *reads; /* STORE_READS_MAX of them, made when first needed */
	struct troupe_db_op ops[STORE_OPS_MAX];
	struct proto_arena arena;
};

/*
 * store_new: a transaction that answers `request` (NULL = nobody, with timeout_ms of patience). NULL if there are too many
 * or the store drains; the request has been refused then. Fill the role's members, then store_run.
 */
void *store_new(struct store *store, const struct store_kind *kind, const struct troupe_request *request,
		uint32_t timeout_ms);
/* store_run: starts it. Those with the same lane run one after another: it saves lost races where many are
 * expected, and promises nothing. 0 = none. */
void store_run(void *tx, uint64_t lane);

/* store_read: the record at `key`, or NULL: then decide goes on asking for what else it needs and returns STORE_READ. */
const struct store_value *store_read(struct store_tx *tx, const struct store_key *key);
/* store_unpack: the message in a record, living as long as tx; NULL if there is none. One that cannot be unpacked ends
 * the transaction with DATA_LOSS whatever decide returns. */
void *store_unpack(struct store_tx *tx, const struct store_value *value, const ProtobufCMessageDescriptor *type);
void store_put(struct store_tx *tx, const struct store_key *key, const ProtobufCMessage *record);
void store_put_bytes(struct store_tx *tx, const struct store_key *key, const void *bytes, uint32_t len);
void store_delete(struct store_tx *tx, const struct store_key *key);
void store_add(struct store_tx *tx, const struct store_key *key, int64_t delta, int64_t floor);
/* store_alloc: memory that lives as long as this try of tx; NULL without memory, and tx ends as broken. */
void *store_alloc(struct store_tx *tx, size_t size);
/* store_refuse: sets status and reason; returns STORE_DONE. For a refusal that is recorded return STORE_COMMIT after it. */
enum store_next store_refuse(struct store_tx *tx, int32_t status, const char *reason);

/* --- walks ---------------------------------------------------------------------------------------- */

/* All entries of a range in key order, page by page. */
struct store_walk {
	struct store *store;
	struct store_walk *prev, *next;
	struct store_key from, to;
	uint64_t request, snapshot, seen;
	uint64_t max;	   /* entries; 0 = all */
	uint32_t page;	   /* entries of one page; 0 = 256 */
	uint32_t with_snapshot; /* 1: look at one moment */
	uint32_t has_snapshot, after, stopped;
	int32_t status;
	/* each: one entry; non-zero = enough. end: status OK if the range or `each` came to its end; walk ends after it. */
	int (*each)(struct store_walk *walk, const struct troupe_db_value *value);
	void (*end)(struct store_walk *walk, int32_t status);
	void (*release)(struct store_walk *walk); /* frees what the role's struct holds; may be NULL */
};

/* store_walk_new: `size` of the role's struct, whose first member is struct store_walk; zeroed. NULL without memory. */
void *store_walk_new(struct store *store, size_t size);
/* store_walk_run: over everything that starts with `prefix`, unless from and to are set already. */
void store_walk_run(void *walk, const char *prefix);

#endif
