/* SPDX-License-Identifier: MIT */
/* The built-in kinds of blocks, by their ids. */
#ifndef WORLD_BLOCK_BUILTIN_H
#define WORLD_BLOCK_BUILTIN_H

#include "world/block.h"

extern const struct block_type block_builtin[BLOCK_BUILT_IN];

#endif
