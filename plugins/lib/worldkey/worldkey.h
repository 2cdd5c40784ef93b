/* SPDX-License-Identifier: MIT */
/* Where a world lies in its shard's database: the keys that its scheduler, its owners and its tools have in common. */
#ifndef WORLDKEY_WORLDKEY_H
#define WORLDKEY_WORLDKEY_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

/*
 * Conventions
 *  1. Keys are text. Ticks and instance ids are 16 hex digits, so that keys sort as numbers do.
 *  2. Every commit to them carries the fence WORLD_FENCE with the epoch of the reign that it belongs to.
 *  3. The journal of a tick is written before the tick is told (region.done); a tick that was told can be run again from the
 *     journal and ends the same way. So pages and chunks of a checkpoint are written after region.done of its tick: whatever
 *     lies under its number is then what that tick left, also if the checkpoint was given up and the tick is run again.
 */
#define WORLD_FENCE "world"

#define WORLD_KEY_LEASE "world/lease"		/* tick.Lease */
#define WORLD_KEY_SHAPE "world/shape"		/* region.Shape */
#define WORLD_KEY_TICK "world/tick"		/* tick.Beat */
#define WORLD_KEY_CHECKPOINT "world/checkpoint" /* tick.Checkpoint */
#define WORLD_KEY_RULES "world/rules"		/* tick.Generations */

/* Formats for worldkey; the comment says their arguments. Each number of a tick or an instance is a uint64_t given as
 * unsigned long long, pages and regions are unsigned. */
#define WORLD_KEY_JOURNAL "world/j/%016llx/%016llx"	   /* tick, owner: region.Batch */
#define WORLD_KEY_JOURNAL_MORE "world/j/%016llx/%016llx/%04x" /* tick, owner, page (1 ...): what did not fit before */
#define WORLD_KEY_ABORTS "world/j/%016llx/%016llxx"	   /* tick, owner: region.Batch */
#define WORLD_KEY_CONTROL "world/j/%016llx/!"		   /* tick: tick.Control */
#define WORLD_KEY_JOURNAL_OF "world/j/%016llx/"		   /* tick: what all of its entries begin with */
#define WORLD_KEY_REGION "world/c/%016llx/%08x/%04x"	   /* tick, region, page: region.Page */
#define WORLD_KEY_PENDING "world/c/%016llx/p%016llx/%04x"  /* tick, owner, page: region.Page */
#define WORLD_KEY_CHECKPOINT_OF "world/c/%016llx/"	   /* tick: what all of its pages begin with */
#define WORLD_KEY_CHUNK "world/k/%d,%d/%016llx"		   /* x, y of the chunk in chunks, tick */
#define WORLD_KEY_BUNDLE "world/s/%s/%04x"		   /* digest in hex, page: tick.Bundle */
#define WORLD_KEY_BUNDLE_OF "world/s/%s/"		   /* digest in hex: what all of its pages begin with */

#define WORLD_KEY_DIGEST "world/d/%016llx"		   /* tick: u64 LE, the world's digest at its end, as operators asked for it */

#define WORLD_JOURNAL_BYTES (256u * 1024u * 1024u) /* of the journal after a checkpoint that owners can run again */
#define WORLD_DIGEST_SIZE 16u /* bytes of a bundle's digest */
#define WORLD_RULES_FILES_MAX 1000u /* files of a bundle */
#define WORLD_RULES_PAGES_MAX 32u   /* pages of one, of at most 200,000 bytes */

struct worldkey {
	char text[128];
	uint32_t len;
};

/* worldkey: fills a key from one of the formats; returns `key`. [any] */
__attribute__((format(printf, 2, 3))) static inline struct worldkey *worldkey(struct worldkey *key, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(key->text, sizeof(key->text), format, args);
	va_end(args);
	key->len = len > 0 && (size_t)len < sizeof(key->text) ? (uint32_t)len : 0;
	return key;
}

/* worldkey_number: the 16 hex digits at `text`; 0, or -1 if they are none. [any] */
static inline int worldkey_number(const void *text, uint32_t len, uint64_t *ret_number)
{
	const char *at = (const char *)text;
	uint64_t number = 0;

	for (uint32_t i = 0; i < 16; i++) {
		if (i >= len || !((at[i] >= '0' && at[i] <= '9') || (at[i] >= 'a' && at[i] <= 'f'))) {
			return -1;
		}
		number = number << 4 | (uint64_t)(at[i] <= '9' ? at[i] - '0' : at[i] - 'a' + 10);
	}
	*ret_number = number;
	return 0;
}

/* worldkey_hex: a digest as its keys have it. [any] */
static inline void worldkey_hex(const uint8_t digest[WORLD_DIGEST_SIZE], char ret_hex[2 * WORLD_DIGEST_SIZE + 1])
{
	for (uint32_t i = 0; i < WORLD_DIGEST_SIZE; i++) {
		snprintf(ret_hex + 2 * i, 3, "%02x", digest[i]);
	}
}

#endif
