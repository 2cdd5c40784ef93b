/* SPDX-License-Identifier: MIT */
/* Loads plugins: finds the file, proves the descriptor step by step, and says why when it refuses. */
#ifndef HOST_PLUGIN_LOADER_H
#define HOST_PLUGIN_LOADER_H

#include <stdbool.h>
#include <stdint.h>

#include "troupe/role.h"

/*
 * Conventions
 *  1. Everything is [main]: libltdl is not made for threads.
 *  2. A loaded plugin stays until the process ends; a descriptor may be kept and read by any thread.
 */

#define LOADER_PLUGINS_MAX 256u

/* Why a plugin was refused: each step has a code of its own (see config/codes.h). */
struct loader_refusal {
	const char *code;
	char text[512];
	char note[512]; /* "" if there is none */
	char help[512]; /* "" if there is none */
};

/*
 * loader_load returns the descriptor of plugin `name` in `folder`; the same one when it is loaded already from there.
 * Returns 0 and *ret_plugin, or -EINVAL and *ret_refusal.
 */
int loader_load(const char *folder, const char *name, const struct troupe_plugin **ret_plugin,
		struct loader_refusal *ret_refusal);

/*
 * loader_names lists the plugins of a folder by name, sorted, without loading them. Returns an array that ends with
 * NULL, in one block to be released with free(); empty when the folder cannot be read, NULL without memory.
 */
char **loader_names(const char *folder);

/* loader_get returns the index-th loaded plugin and (unless NULL) its file, or NULL past the last. */
const struct troupe_plugin *loader_get(uint32_t index, const char **ret_path);

/* loader_reserve: plugins loaded from now on may not begin a command with a noun, or spell one whole, that is_taken says yes to. NULL = all
 * are free. */
void loader_reserve(bool (*is_taken)(const char *word));

#endif
