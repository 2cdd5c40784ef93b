/* SPDX-License-Identifier: MIT */
/* What a group of transactions has changed so far: later ones of the group see it before it is written. */
#include "overlay.h"

#include <stdlib.h>
#include <string.h>

#include "troupe/message.h"

/* Grows an array; without memory the process ends, as LevelDB's own code does. */
static void *array_grow(void *array, uint32_t *size, uint32_t wanted, size_t item_size)
{
	if (wanted <= *size) {
		return array;
	}
	uint32_t grown = *size < 64 ? 64 : *size;

	while (grown < wanted) {
		grown *= 2;
	}
	array = realloc(array, grown * item_size);
	if (array == NULL) {
		abort();
	}
	*size = grown;
	return array;
}

void overlay_reset(struct overlay *overlay, uint32_t keys)
{
	uint32_t len = 64;

	while (len < keys && len < (1u << 20)) {
		len *= 2;
	}
	overlay->buckets = array_grow(overlay->buckets, &overlay->buckets_size, len, sizeof(*overlay->buckets));
	memset(overlay->buckets, 0, len * sizeof(*overlay->buckets));
	overlay->buckets_len = len;
	overlay->count = 0;
	overlay->undo_count = 0;
}

void overlay_free(struct overlay *overlay)
{
	free(overlay->entries);
	free(overlay->undos);
	free(overlay->buckets);
	memset(overlay, 0, sizeof(*overlay));
}

uint32_t overlay_at(struct overlay *overlay, enum record_kind kind, const void *key, uint32_t key_len)
{
	uint64_t wide = troupe_fnv64(key, key_len) ^ kind;
	uint32_t hash = (uint32_t)(wide ^ (wide >> 32));
	uint32_t *bucket = &overlay->buckets[hash & (overlay->buckets_len - 1)];

	for (uint32_t i = *bucket; i != 0; i = overlay->entries[i - 1].next) {
		struct overlay_entry *entry = &overlay->entries[i - 1];

		if (entry->hash == hash && entry->kind == kind && entry->key_len == key_len &&
		    memcmp(entry->key, key, key_len) == 0) {
			return i - 1;
		}
	}
	overlay->entries = array_grow(overlay->entries, &overlay->entries_size, overlay->count + 1,
				      sizeof(*overlay->entries));
	overlay->entries[overlay->count] = (struct overlay_entry){
		.key = key, .key_len = key_len, .kind = kind, .hash = hash, .next = *bucket };
	*bucket = ++overlay->count;
	return overlay->count - 1;
}

void overlay_set(struct overlay *overlay, uint32_t entry, const struct overlay_state *state)
{
	overlay->undos = array_grow(overlay->undos, &overlay->undos_size, overlay->undo_count + 1,
				    sizeof(*overlay->undos));
	overlay->undos[overlay->undo_count++] =
		(struct overlay_undo){ .entry = entry, .state = overlay->entries[entry].state };
	overlay->entries[entry].state = *state;
}

void overlay_mark(struct overlay *overlay)
{
	overlay->undo_count = 0;
}

void overlay_rollback(struct overlay *overlay)
{
	while (overlay->undo_count > 0) {
		struct overlay_undo *undo = &overlay->undos[--overlay->undo_count];

		overlay->entries[undo->entry].state = undo->state;
	}
}
