/* SPDX-License-Identifier: MIT */
/* The scripts of a folder, read at once. */
#ifndef TOOLS_FOLDER_H
#define TOOLS_FOLDER_H

#include <stdint.h>

#include "engine/engine.h"
#include "worldkey/worldkey.h"

#define FOLDER_FILES_MAX WORLD_RULES_FILES_MAX

struct folder {
	struct engine_file files[FOLDER_FILES_MAX]; /* by name; what they point to is the folder's */
	uint32_t len;
};

/* folder_read: the files of `path` whose names end in ".lua", named "FOLDER/NAME" as the scheduler names them. 0, or -1 after
 * printing to stderr what cannot be read. folder_free releases it either way. */
int folder_read(struct folder *folder, const char *path);
void folder_free(struct folder *folder);

#endif
