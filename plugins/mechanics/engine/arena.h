/* SPDX-License-Identifier: MIT */
/* Memory that is released all at once: what one tick needs. */
#ifndef ENGINE_ARENA_H
#define ENGINE_ARENA_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

/* Zeroed = empty. Blocks are kept when it is cleared, so that a tick like the last one allocates nothing. */
struct arena {
	struct arena_block *blocks, *at;
	size_t used; /* of `at` */
	ProtobufCAllocator allocator;
};

/* arena_get: `len` bytes, aligned for anything, not zeroed; NULL without memory. */
void *arena_get(struct arena *a, size_t len);
/* arena_text: a copy; "" for NULL. NULL without memory. */
char *arena_text(struct arena *a, const char *text);
/* arena_message: a protobuf message, deep, as it would be unpacked; NULL without memory. */
void *arena_message(struct arena *a, const ProtobufCMessage *message);
void arena_clear(struct arena *a);
void arena_release(struct arena *a);

#endif
