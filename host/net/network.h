/* SPDX-License-Identifier: MIT */
/* How many connections each network has: a hash table that strangers cannot choose collisions for. */
#ifndef HOST_NET_NETWORK_H
#define HOST_NET_NETWORK_H

#include <stddef.h>
#include <stdint.h>

struct network_entry {
	uint64_t network;
	uint32_t count; /* 0 = the place is free */
};

/* Open addressing, linear probing, at most half full. Zeroed = empty. */
struct network_table {
	struct network_entry *entries;
	size_t size; /* a power of two, or 0 */
	size_t used;
	uint64_t key[2]; /* of SipHash; drawn when the first entry comes */
};

/* network_add counts one more connection of `network` unless it has `max` already (0 = no bound). Returns 0,
 * -EAGAIN if it has, -ENOMEM. [loop] */
int network_add(struct network_table *table, uint64_t network, uint32_t max);
/* network_remove takes back one network_add. [loop] */
void network_remove(struct network_table *table, uint64_t network);
/* network_count returns how many were added. [loop] */
uint32_t network_count(const struct network_table *table, uint64_t network);
/* network_clear releases the table. [loop] */
void network_clear(struct network_table *table);

/* network_hash is SipHash-2-4 (Aumasson and Bernstein) of the 8 little-endian bytes of `value`. [any] */
uint64_t network_hash(const uint64_t key[2], uint64_t value);

#endif
