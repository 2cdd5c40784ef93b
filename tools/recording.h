/* SPDX-License-Identifier: MIT */
/* A recording: what a shard's database holds of its world, and what came to it since, in a file. */
#ifndef TOOLS_RECORDING_H
#define TOOLS_RECORDING_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * The file: the line "troupe recording 1\n", then entries: u32 LE length of the key, u32 LE length of the value, key, value.
 * Keys and values are those of the database (worldkey.h). An entry that comes again replaces the one before: so a recording
 * may grow while the world goes on.
 */
struct recording_entry {
	const char *key;
	const uint8_t *value;
	uint32_t key_len, value_len;
};

struct recording {
	struct recording_entry *entries; /* by key */
	uint32_t len;
	uint8_t *bytes;
};

/* recording_begin, recording_add: write the first line, an entry. 0, or -1 (errno). */
int recording_begin(FILE *out);
int recording_add(FILE *out, const void *key, uint32_t key_len, const void *value, uint32_t value_len);

/* recording_read: 0, or -1 after printing to stderr why not. recording_free releases it either way. */
int recording_read(struct recording *recording, const char *path);
void recording_free(struct recording *recording);

/* recording_find: the first entry whose key begins with `prefix`, or would come after it; recording_under: 1 if the entry
 * at `index` begins with it. recording_get: the entry with this key, NULL if there is none. */
uint32_t recording_find(const struct recording *recording, const char *prefix);
int recording_under(const struct recording *recording, uint32_t index, const char *prefix);
const struct recording_entry *recording_get(const struct recording *recording, const char *key);

#endif
