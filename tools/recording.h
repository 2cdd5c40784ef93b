/* SPDX-License-Identifier: MIT */
/* A recording: what a shard's database holds of its world, and what came to it since, in a file. */
#ifndef TOOLS_RECORDING_H
#define TOOLS_RECORDING_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * The file, numbers little endian:
 *   the line "troupe recording 2\n"
 *   entries: u32 length of the key, u32 of the value, u32 the entry's number from 0 on, key, value, and 8 bytes of their BLAKE2b
 *   an entry with an empty key: the end
 * Keys and values are those of the database (worldkey.h). An entry that comes again replaces the one before: so a recording may
 * grow while the world goes on.
 *
 * The order tells what is lost with an entry. The recording is made in passes. Each begins with world/tick: of the ticks that it
 * says were told, rules, and in the first pass shape and checkpoint, follow whole; then the journal by ticks, from the first on
 * that the pass before had not.
 */
#define RECORDING_VERSION 2

struct recording_entry {
	const char *key;
	const uint8_t *value;
	uint32_t key_len, value_len;
};

struct recording {
	struct recording_entry *entries; /* by key */
	uint32_t len;
	uint8_t *bytes;
	char damage[160]; /* what is wrong with the file and where; "" = it is whole */
	uint64_t ready;	  /* the last tick that can be run again, 0 = none */
};

/* A recording while it is written; `out` is the caller's. */
struct recording_out {
	FILE *out;
	uint32_t entries;
};

/* recording_begin, recording_add, recording_end: write the first line, an entry (its key is not empty), the end. 0, or -1 (errno). */
int recording_begin(struct recording_out *to);
int recording_add(struct recording_out *to, const void *key, uint32_t key_len, const void *value, uint32_t value_len);
int recording_end(struct recording_out *to);

/* recording_read: 0, also if it is damaged; or -1 after printing to stderr why not. recording_free releases it either way. */
int recording_read(struct recording *recording, const char *path);
void recording_free(struct recording *recording);

/* recording_find: the first entry whose key begins with `prefix`, or would come after it; recording_under: 1 if the entry
 * at `index` begins with it. recording_get: the entry with this key, NULL if there is none. */
uint32_t recording_find(const struct recording *recording, const char *prefix);
int recording_under(const struct recording *recording, uint32_t index, const char *prefix);
const struct recording_entry *recording_get(const struct recording *recording, const char *key);

#endif
