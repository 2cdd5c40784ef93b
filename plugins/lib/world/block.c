/* SPDX-License-Identifier: MIT */
/* The table of kinds of blocks: an array, and an index of names by open addressing. */
#include "world/block.h"

#include <stdlib.h>
#include <string.h>

#include "world/block_builtin.h"

#define SLOTS (2 * BLOCK_TYPES_MAX) /* a power of two */

struct entry {
	struct block_type type;
	uint64_t hash;
};

struct block_table {
	struct entry *entries;
	uint32_t count, size;
	uint16_t slots[SLOTS]; /* id + 1; 0 = free */
};

/* FNV-1a (Fowler, Noll, Vo), and a finalizer so that similar names are far apart. */
static uint64_t hash_of(const char *name)
{
	uint64_t hash = 0xCBF29CE484222325u;

	for (; *name != '\0'; name++) {
		hash = (hash ^ (uint8_t)*name) * 0x100000001B3u;
	}
	hash = (hash ^ (hash >> 30)) * 0xBF58476D1CE4E5B9u;
	return hash ^ (hash >> 31);
}

static int name_good(const char *name)
{
	size_t len = strnlen(name, BLOCK_NAME_MAX + 1);

	if (len == 0 || len > BLOCK_NAME_MAX || name[0] < 'a' || name[0] > 'z') {
		return 0;
	}
	return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == len;
}

static int type_good(const struct block_type *type)
{
	const uint8_t allowed = BLOCK_GROUND | BLOCK_FULL | BLOCK_HALF | BLOCK_LIQUID | BLOCK_STRANGE;

	return name_good(type->name) && (type->drops[0] == '\0' || name_good(type->drops)) &&
	       (type->flags & ~allowed) == 0 && (type->flags & (BLOCK_FULL | BLOCK_HALF)) != (BLOCK_FULL | BLOCK_HALF) &&
	       type->glyph >= ' ' && type->glyph <= '~';
}

/* slot_of: where a name is, or the free slot where it would go. */
static uint32_t slot_of(const struct block_table *table, const char *name, uint64_t hash)
{
	uint32_t at = (uint32_t)hash & (SLOTS - 1);

	while (table->slots[at] != 0 && strcmp(table->entries[table->slots[at] - 1].type.name, name) != 0) {
		at = (at + 1) & (SLOTS - 1);
	}
	return at;
}

struct block_table *block_table_new(void)
{
	struct block_table *table = calloc(1, sizeof(*table));

	for (uint32_t i = 0; table != NULL && i < BLOCK_BUILT_IN; i++) {
		if (block_define(table, &block_builtin[i]) != (int32_t)i) {
			return block_table_free(table);
		}
	}
	return table;
}

struct block_table *block_table_free(struct block_table *table)
{
	if (table != NULL) {
		free(table->entries);
		free(table);
	}
	return NULL;
}

static int32_t add(struct block_table *table, const struct block_type *type, uint32_t slot, uint64_t hash)
{
	if (table->count == BLOCK_TYPES_MAX) {
		return BLOCK_FULL_TABLE;
	}
	if (table->count == table->size) {
		uint32_t size = table->size == 0 ? 64 : table->size * 2;
		struct entry *entries = realloc(table->entries, size * sizeof(*entries));

		if (entries == NULL) {
			return BLOCK_NO_MEMORY;
		}
		table->entries = entries;
		table->size = size;
	}
	table->entries[table->count] = (struct entry){ .type = *type, .hash = table->count == BLOCK_AIR ? 0 : hash };
	table->slots[slot] = (uint16_t)(table->count + 1);
	return (int32_t)table->count++;
}

int32_t block_define(struct block_table *table, const struct block_type *type)
{
	uint64_t hash;
	uint32_t slot;
	int32_t id;

	if (!type_good(type)) {
		return BLOCK_BAD;
	}
	hash = hash_of(type->name);
	slot = slot_of(table, type->name, hash);
	if (table->slots[slot] == 0) {
		return add(table, type, slot, hash);
	}
	id = table->slots[slot] - 1;
	if (id == BLOCK_AIR && type->flags != 0) {
		return BLOCK_BAD;
	}
	table->entries[id].type = *type;
	return id;
}

int32_t block_find(const struct block_table *table, const char *name)
{
	return (int32_t)table->slots[slot_of(table, name, hash_of(name))] - 1;
}

int32_t block_meet(struct block_table *table, const char *name)
{
	struct block_type strange = { .flags = BLOCK_GROUND | BLOCK_FULL | BLOCK_STRANGE, .hardness = 20, .glyph = '?',
				      .color = 201 };
	int32_t id = block_find(table, name);

	if (id >= 0) {
		return id;
	}
	if (!name_good(name)) {
		return BLOCK_BAD;
	}
	strcpy(strange.name, name);
	strcpy(strange.drops, name);
	return block_define(table, &strange);
}

const struct block_type *block_type(const struct block_table *table, uint16_t id)
{
	return id < table->count ? &table->entries[id].type : NULL;
}

uint8_t block_flags(const struct block_table *table, uint16_t id)
{
	return id < table->count ? table->entries[id].type.flags : BLOCK_GROUND | BLOCK_FULL;
}

uint64_t block_hash(const struct block_table *table, uint16_t id)
{
	return id < table->count ? table->entries[id].hash : id;
}

uint32_t block_count(const struct block_table *table)
{
	return table->count;
}
