/* SPDX-License-Identifier: MIT */
/* Checks of a plugin's descriptor, from what must never change to what each version adds. */
#ifndef HOST_PLUGIN_DESCRIPTOR_H
#define HOST_PLUGIN_DESCRIPTOR_H

#include <stddef.h>

#include "loader.h"

/*
 * descriptor_check proves the descriptor at `symbol`, of which `symbol_size` bytes are known to be there. `file` and
 * `name` are what was asked for. Nothing is read before it is proven present. Returns 0, or -EINVAL and *ret_refusal.
 */
int descriptor_check(const void *symbol, size_t symbol_size, const char *file, const char *name,
		     struct loader_refusal *ret_refusal);

/* refuse fills a refusal; help may be NULL. Returns -EINVAL. */
int refuse(struct loader_refusal *refusal, const char *code, const char *help, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
