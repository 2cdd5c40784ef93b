/* SPDX-License-Identifier: MIT */
/* The stored form of chunks: worlddb.Chunk (record.proto), compressed. */
#ifndef WORLD_CHUNK_PACK_H
#define WORLD_CHUNK_PACK_H

#include <stddef.h>
#include <stdint.h>

#include "world/chunk.h"

/* Bytes of a stored chunk, so that it fits into a database's value, and of what it unpacks to; more is refused. One of
 * all kinds at random is below both. */
#define CHUNK_PACKED_MAX (240u * 1024u)
#define CHUNK_RECORD_MAX (1024u * 1024u)
/* Bytes of fields that this program does not know; a chunk with more is refused. */
#define CHUNK_STRANGE_MAX (16u * 1024u)

/* chunk_pack: the stored form, in memory that the caller frees. 0, CHUNK_NO_MEMORY, or CHUNK_NO_ROOM above
 * CHUNK_PACKED_MAX. */
int chunk_pack(const struct chunk *chunk, const struct block_table *table, uint8_t **ret_bytes, size_t *ret_len);

/* chunk_unpack: the chunk stored in the bytes, which must be that of the place x, y in a world of this height. Names that
 * the table does not know are added to it (block_meet). 0, CHUNK_DAMAGED, CHUNK_FOREIGN, CHUNK_NO_ROOM or
 * CHUNK_NO_MEMORY. */
int chunk_unpack(const uint8_t *bytes, size_t len, struct block_table *table, int32_t x, int32_t y, uint32_t height,
		 struct chunk **ret_chunk);

/* chunk_record_unpack: the same of a record that is not compressed. */
int chunk_record_unpack(const uint8_t *bytes, size_t len, struct block_table *table, int32_t x, int32_t y, uint32_t height,
			struct chunk **ret_chunk);

#endif
