/* SPDX-License-Identifier: MIT */
/* Connections by network. */
#include "host/net/network.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#define SIZE_FIRST 64u

static uint64_t rotated(uint64_t value, int bits)
{
	return value << bits | value >> (64 - bits);
}

static void rounds(uint64_t v[4], int count)
{
	while (count-- > 0) {
		v[0] += v[1];
		v[1] = rotated(v[1], 13) ^ v[0];
		v[0] = rotated(v[0], 32);
		v[2] += v[3];
		v[3] = rotated(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = rotated(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = rotated(v[1], 17) ^ v[2];
		v[2] = rotated(v[2], 32);
	}
}

uint64_t network_hash(const uint64_t key[2], uint64_t value)
{
	uint64_t v[4] = { key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du, key[0] ^ 0x6c7967656e657261u,
			  key[1] ^ 0x7465646279746573u };
	uint64_t last = (uint64_t)sizeof(value) << 56;

	v[3] ^= value;
	rounds(v, 2);
	v[0] ^= value;
	v[3] ^= last;
	rounds(v, 2);
	v[0] ^= last;
	v[2] ^= 0xff;
	rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static size_t home_of(const struct network_table *table, uint64_t network)
{
	return network_hash(table->key, network) & (table->size - 1);
}

/* The entry of `network`, or the free one where it belongs. */
static struct network_entry *entry_find(const struct network_table *table, uint64_t network)
{
	size_t at = home_of(table, network);

	while (table->entries[at].count != 0 && table->entries[at].network != network) {
		at = (at + 1) & (table->size - 1);
	}
	return &table->entries[at];
}

static int table_grow(struct network_table *table)
{
	struct network_table grown = *table;

	if (table->size == 0 && getrandom(grown.key, sizeof(grown.key), 0) != sizeof(grown.key)) {
		return -errno;
	}
	grown.size = table->size == 0 ? SIZE_FIRST : table->size * 2;
	grown.entries = calloc(grown.size, sizeof(*grown.entries));
	if (grown.entries == NULL) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < table->size; i++) {
		if (table->entries[i].count != 0) {
			*entry_find(&grown, table->entries[i].network) = table->entries[i];
		}
	}
	free(table->entries);
	*table = grown;
	return 0;
}

int network_add(struct network_table *table, uint64_t network, uint32_t max)
{
	struct network_entry *entry;

	if (table->used * 2 >= table->size) {
		int r = table_grow(table);
		if (r < 0) {
			return r;
		}
	}
	entry = entry_find(table, network);
	if (max != 0 && entry->count >= max) {
		return -EAGAIN;
	}
	if (entry->count == 0) {
		entry->network = network;
		table->used++;
	}
	entry->count++;
	return 0;
}

/* Closes the gap at `at`: entries that were pushed past it move back (Knuth, 6.4 R). */
static void entry_erase(struct network_table *table, size_t at)
{
	size_t mask = table->size - 1;

	for (size_t next = (at + 1) & mask; table->entries[next].count != 0; next = (next + 1) & mask) {
		size_t home = home_of(table, table->entries[next].network);
		if (((next - home) & mask) >= ((next - at) & mask)) {
			table->entries[at] = table->entries[next];
			at = next;
		}
	}
	table->entries[at].count = 0;
	table->used--;
}

void network_remove(struct network_table *table, uint64_t network)
{
	struct network_entry *entry;

	if (table->size == 0) {
		return;
	}
	entry = entry_find(table, network);
	if (entry->count > 1) {
		entry->count--;
	} else if (entry->count == 1) {
		entry_erase(table, (size_t)(entry - table->entries));
	}
}

uint32_t network_count(const struct network_table *table, uint64_t network)
{
	return table->size == 0 ? 0 : entry_find(table, network)->count;
}

void network_clear(struct network_table *table)
{
	free(table->entries);
	*table = (struct network_table){ 0 };
}
