/* SPDX-License-Identifier: MIT */
/* Memory that is released all at once: everything a loaded configuration points to. */
#include "arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_CHUNK 16384u

struct arena_chunk {
	struct arena_chunk *next;
	size_t used, size;
	alignas(max_align_t) unsigned char bytes[];
};

struct config_arena {
	struct arena_chunk *chunks;
};

static void *arena_demand(size_t size)
{
	void *memory = calloc(1, size);

	if (memory == NULL) {
		fprintf(stderr, "troupe: no memory for %zu bytes of configuration\n", size);
		exit(1);
	}
	return memory;
}

struct config_arena *arena_create(void)
{
	return arena_demand(sizeof(struct config_arena));
}

struct config_arena *arena_free(struct config_arena *arena)
{
	if (arena == NULL) {
		return NULL;
	}
	while (arena->chunks != NULL) {
		struct arena_chunk *chunk = arena->chunks;

		arena->chunks = chunk->next;
		free(chunk);
	}
	free(arena);
	return NULL;
}

void *arena_alloc(struct config_arena *arena, size_t size)
{
	const size_t align = alignof(max_align_t);
	struct arena_chunk *chunk = arena->chunks;

	size = (size + (size == 0) + align - 1) / align * align;
	if (chunk == NULL || chunk->size - chunk->used < size) {
		size_t room = size > ARENA_CHUNK ? size : ARENA_CHUNK;

		chunk = arena_demand(sizeof(*chunk) + room);
		chunk->size = room;
		chunk->next = arena->chunks;
		arena->chunks = chunk;
	}
	void *memory = chunk->bytes + chunk->used;

	chunk->used += size;
	return memory;
}

char *arena_copy(struct config_arena *arena, const char *text, size_t len)
{
	char *copy = arena_alloc(arena, len + 1);

	if (len > 0) {
		memcpy(copy, text, len);
	}
	return copy;
}

char *arena_print(struct config_arena *arena, const char *format, ...)
{
	va_list args, again;

	va_start(args, format);
	va_copy(again, args);
	int len = vsnprintf(NULL, 0, format, args);
	char *text = arena_alloc(arena, (size_t)(len < 0 ? 0 : len) + 1);

	if (len > 0) {
		vsnprintf(text, (size_t)len + 1, format, again);
	}
	va_end(again);
	va_end(args);
	return text;
}
