/* SPDX-License-Identifier: MIT */
/* The spool: records in files until somebody else has them, across restarts. */
#ifndef HOST_OBS_SPOOL_H
#define HOST_OBS_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Conventions
 *  1. A folder of segments, each named after the number of its first record: 24 bytes of head ("TRSPOOL1", the
 *     spool's id, that number), then records: length and FNV-1a 32 of number and bytes (four bytes each), number
 *     (eight), bytes. All numbers little-endian.
 *  2. A record is in the file when spool_append returns: it outlives the process. It outlives the machine after
 *     spool_sync.
 *  3. A segment ends at its first record that is not whole: that is what a crash leaves, and is cut off.
 *  4. One thread; none of this may run on a loop: files block.
 */
#define SPOOL_RECORD_MAX (32u * 1024u) /* bytes of one record */

struct spool;

/* spool_open opens the spool in `folder`, which is made if it is not there; all segments together take at most `max`
 * bytes (at least 128 KiB). 0, or -errno. */
int spool_open(const char *folder, uint64_t max, struct spool **ret_spool);
/* spool_close closes it; NULL is fine. Returns NULL. */
struct spool *spool_close(struct spool *spool);

/* spool_id: a number that the spool got when it was made. spool_last: the number of the newest record, 0 if there is
 * none. spool_bytes: what its files take. spool_cut: segments that ended in the middle of a record when it was opened. */
uint64_t spool_id(const struct spool *spool);
uint64_t spool_last(const struct spool *spool);
uint64_t spool_bytes(const struct spool *spool);
unsigned spool_cut(const struct spool *spool);

/*
 * spool_append adds a record; `number` is above all before it. When it is full the oldest segment goes first, and
 * *ret_dropped says how many records that had not been trimmed are lost with it. 0, or -errno: then the record was not
 * added and what is there stays whole.
 */
int spool_append(struct spool *spool, uint64_t number, const void *bytes, size_t len, uint64_t *ret_dropped);

/* spool_sync makes what was appended outlive a power cut. 0, or -errno. */
int spool_sync(struct spool *spool);

/* What spool_read finds; false = enough, and this one has not been taken. `bytes` is borrowed. */
typedef bool (*spool_each_fn)(void *arg, uint64_t number, const uint8_t *bytes, size_t len);

/* spool_read calls `each` for the records after number `after`, oldest first. */
void spool_read(struct spool *spool, uint64_t after, spool_each_fn each, void *arg);

/* spool_trim forgets records up to `number`: their segments go when all of their records are. */
void spool_trim(struct spool *spool, uint64_t number);

#endif
