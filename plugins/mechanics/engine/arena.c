/* SPDX-License-Identifier: MIT */
/* A bump allocator over a list of blocks. */
#include "arena.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_MIN 65536u

struct arena_block {
	struct arena_block *next;
	size_t size;
	_Alignas(16) unsigned char bytes[];
};

void *arena_get(struct arena *a, size_t len)
{
	void *found;

	len = (len + 15u) & ~(size_t)15u;
	while (a->at == NULL || a->used + len > a->at->size) {
		struct arena_block **next = a->at == NULL ? &a->blocks : &a->at->next;

		if (*next == NULL || (*next)->size < len) {
			size_t size = len > BLOCK_MIN ? len : BLOCK_MIN;
			struct arena_block *block = malloc(sizeof(*block) + size);

			if (block == NULL) {
				return NULL;
			}
			block->size = size;
			block->next = *next;
			*next = block;
		}
		a->at = *next;
		a->used = 0;
	}
	found = a->at->bytes + a->used;
	a->used += len;
	return found;
}

char *arena_text(struct arena *a, const char *text)
{
	size_t len = text != NULL ? strlen(text) + 1 : 1;
	char *copy = arena_get(a, len);

	return copy != NULL ? memcpy(copy, text != NULL ? text : "", len) : NULL;
}

static void *allocate(void *arg, size_t len)
{
	return arena_get(arg, len);
}

static void release(void *arg, void *bytes)
{
	(void)arg;
	(void)bytes;
}

void *arena_message(struct arena *a, const ProtobufCMessage *message)
{
	size_t len = protobuf_c_message_get_packed_size(message);
	uint8_t *bytes = arena_get(a, len);

	a->allocator = (ProtobufCAllocator){ .alloc = allocate, .free = release, .allocator_data = a };
	if (bytes == NULL) {
		return NULL;
	}
	protobuf_c_message_pack(message, bytes);
	return protobuf_c_message_unpack(message->descriptor, &a->allocator, len, bytes);
}

void arena_clear(struct arena *a)
{
	a->at = NULL;
	a->used = 0;
}

void arena_release(struct arena *a)
{
	while (a->blocks != NULL) {
		struct arena_block *next = a->blocks->next;

		free(a->blocks);
		a->blocks = next;
	}
	memset(a, 0, sizeof(*a));
}
