/* SPDX-License-Identifier: MIT */
/* Open addressing with linear probing; removal shifts back, so that no tombstones pile up. */
#include "map/map.h"

#include <stdlib.h>

/* The finalizer of SplitMix64 (Steele, Lea, Flood 2014): counters and packed coordinates spread well. */
static uint32_t home(const struct map *map, uint64_t key)
{
	key = (key ^ (key >> 30)) * 0xBF58476D1CE4E5B9u;
	key = (key ^ (key >> 27)) * 0x94D049BB133111EBu;
	return (uint32_t)(key ^ (key >> 31)) & map->mask;
}

/* place_of: where `key` is, or the free place where it would go. */
static uint32_t place_of(const struct map *map, uint64_t key)
{
	uint32_t at = home(map, key);

	while (map->entries[at].value != NULL && map->entries[at].key != key) {
		at = (at + 1) & map->mask;
	}
	return at;
}

void *map_get(const struct map *map, uint64_t key)
{
	return map->count == 0 ? NULL : map->entries[place_of(map, key)].value;
}

static int grow(struct map *map)
{
	struct map wider = { .count = map->count };
	uint32_t size = map->entries == NULL ? 16 : (map->mask + 1) * 2;

	wider.entries = size == 0 ? NULL : calloc(size, sizeof(*wider.entries));
	if (wider.entries == NULL) {
		return -1;
	}
	wider.mask = size - 1;
	for (uint32_t i = 0; map->entries != NULL && i <= map->mask; i++) {
		if (map->entries[i].value != NULL) {
			wider.entries[place_of(&wider, map->entries[i].key)] = map->entries[i];
		}
	}
	free(map->entries);
	*map = wider;
	return 0;
}

int map_put(struct map *map, uint64_t key, void *value)
{
	uint32_t at;

	if ((map->entries == NULL || (map->count + 1) / 3 > map->mask / 4) && grow(map) != 0) {
		return -1;
	}
	at = place_of(map, key);
	if (map->entries[at].value == NULL) {
		map->count++;
	}
	map->entries[at].key = key;
	map->entries[at].value = value;
	return 0;
}

void *map_remove(struct map *map, uint64_t key)
{
	uint32_t hole, at;
	void *value;

	if (map->count == 0) {
		return NULL;
	}
	hole = place_of(map, key);
	value = map->entries[hole].value;
	if (value == NULL) {
		return NULL;
	}
	for (at = (hole + 1) & map->mask; map->entries[at].value != NULL; at = (at + 1) & map->mask) {
		uint32_t want = home(map, map->entries[at].key);

		/* it may move back unless its own home lies behind the hole, seen round the ring */
		if (((at - want) & map->mask) >= ((at - hole) & map->mask)) {
			map->entries[hole] = map->entries[at];
			hole = at;
		}
	}
	map->entries[hole].value = NULL;
	map->count--;
	return value;
}

struct map_entry *map_next(const struct map *map, uint32_t *at)
{
	while (map->entries != NULL && *at <= map->mask) {
		struct map_entry *entry = &map->entries[(*at)++];

		if (entry->value != NULL) {
			return entry;
		}
	}
	return NULL;
}

void map_free(struct map *map)
{
	free(map->entries);
	map->entries = NULL;
	map->count = map->mask = 0;
}
