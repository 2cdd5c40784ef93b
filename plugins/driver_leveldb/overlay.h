/* SPDX-License-Identifier: MIT */
/* What a group of transactions has changed so far: later ones of the group see it before it is written. */
#ifndef DRIVER_LEVELDB_OVERLAY_H
#define DRIVER_LEVELDB_OVERLAY_H

#include <stddef.h>
#include <stdint.h>

#include "record.h"

/* The state of one key. */
struct overlay_state {
	uint64_t version; /* 0 = absent */
	int64_t number;	  /* the value, if it is one */
	uint8_t is_number;
	uint8_t known; /* 0: nothing is said about it here */
};

/* One key. `key` is borrowed until the next overlay_reset. */
struct overlay_entry {
	const void *key;
	uint32_t key_len, kind; /* enum record_kind: the name spaces do not mix */
	uint32_t hash, next;
	struct overlay_state state;
};

/* A change that can be taken back. */
struct overlay_undo {
	uint32_t entry;
	struct overlay_state state;
};

/* A hash table over arrays that only grow. Zeroed is empty. */
struct overlay {
	struct overlay_entry *entries;
	struct overlay_undo *undos;
	uint32_t *buckets; /* index + 1 of the first entry */
	uint32_t count, entries_size, undo_count, undos_size, buckets_len, buckets_size;
};

/* overlay_reset: forgets everything; about `keys` keys will follow. */
void overlay_reset(struct overlay *overlay, uint32_t keys);
void overlay_free(struct overlay *overlay);

/* overlay_at: the index of the entry for a key; made, with known 0, if there is none. */
uint32_t overlay_at(struct overlay *overlay, enum record_kind kind, const void *key, uint32_t key_len);
/* overlay_set: changes an entry's state, so that overlay_rollback can take it back. */
void overlay_set(struct overlay *overlay, uint32_t entry, const struct overlay_state *state);
/* overlay_mark: what was set since the last mark stays. overlay_rollback: takes it back. */
void overlay_mark(struct overlay *overlay);
void overlay_rollback(struct overlay *overlay);

#endif
