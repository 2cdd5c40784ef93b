/* SPDX-License-Identifier: MIT */
/* A small hash map from numbers to pointers. */
#ifndef MAP_MAP_H
#define MAP_MAP_H

#include <stddef.h>
#include <stdint.h>

struct map_entry {
	uint64_t key;
	void *value; /* NULL = the place is free */
};

/* Zeroed = empty and ready. Open addressing, at most 3/4 full, no tombstones. Its keys are numbers that our own
 * side made; a stranger who may choose them freely could make it slow. */
struct map {
	struct map_entry *entries;
	uint32_t count;
	uint32_t mask; /* places - 1; 0 = nothing allocated yet */
};

/* map_get: the value of `key`, NULL if there is none. */
void *map_get(const struct map *map, uint64_t key);

/* map_put: sets or replaces; `value` is not NULL. 0, or -1 without memory (then nothing changed). */
int map_put(struct map *map, uint64_t key, void *value);

/* map_remove: the value that was there, NULL if there was none. */
void *map_remove(struct map *map, uint64_t key);

/* map_next: walks all entries: start with *at = 0, ends with NULL. Nothing may be put or removed meanwhile. */
struct map_entry *map_next(const struct map *map, uint32_t *at);

/* map_free: releases the map, not the values. */
void map_free(struct map *map);

#endif
