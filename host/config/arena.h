/* SPDX-License-Identifier: MIT */
/* Memory that is released all at once: everything a loaded configuration points to. */
#ifndef HOST_CONFIG_ARENA_H
#define HOST_CONFIG_ARENA_H

#include <stddef.h>

/*
 * An arena is used by one thread at a time. Without memory the functions end the process with a message:
 * they run at start-up and in `troupe check`, on inputs that are bounded before they get here.
 */
struct config_arena *arena_create(void);
/* arena_free releases everything; NULL is fine. Returns NULL. */
struct config_arena *arena_free(struct config_arena *arena);
/* arena_alloc returns `size` zeroed bytes aligned for any type; size 0 gives a unique pointer too. */
void *arena_alloc(struct config_arena *arena, size_t size);
/* arena_copy returns a NUL-terminated copy of `len` bytes. */
char *arena_copy(struct config_arena *arena, const char *text, size_t len);
/* arena_print returns the formatted text. */
char *arena_print(struct config_arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
