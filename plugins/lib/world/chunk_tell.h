/* SPDX-License-Identifier: MIT */
/* Blocks as clients are told of them: world.ChunkData and world.BlocksChanged, packed. */
#ifndef WORLD_CHUNK_TELL_H
#define WORLD_CHUNK_TELL_H

#include <stddef.h>
#include <stdint.h>

#include "world/chunk.h"

#define CHUNK_TELL_MAX (240u * 1024u) /* bytes of one message, so that it fits into one of the bus with what goes around it */
#define CHUNK_TELL_CELLS 4096u	      /* changed cells that one message names; tell the whole chunk when there are more */

struct chunk_change {
	uint32_t cell; /* its number in the chunk, see chunk.h */
	uint16_t id;
};

/* chunk_tell: all of a chunk as it is after a tick, in memory that the caller frees: the payload of event 36. 0,
 * CHUNK_NO_MEMORY, or CHUNK_NO_ROOM when it does not fit into CHUNK_TELL_MAX. [any] */
int chunk_tell(const struct chunk *chunk, const struct block_table *table, uint64_t tick, uint8_t **ret_bytes,
	       size_t *ret_len);

/* chunk_tell_changes: cells of the chunk x, y that changed in a tick, at most CHUNK_TELL_CELLS: the payload of event 37. As
 * above. [any] */
int chunk_tell_changes(int32_t x, int32_t y, const struct chunk_change *changes, uint32_t len,
		       const struct block_table *table, uint64_t tick, uint8_t **ret_bytes, size_t *ret_len);

#endif
