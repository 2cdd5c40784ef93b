/* SPDX-License-Identifier: MIT */
/* Runs configuration files in a closed Lua and collects the blocks they write. */
#ifndef HOST_CONFIG_SCRIPT_H
#define HOST_CONFIG_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "diag.h"
#include "value.h"

#define SCRIPT_MEMORY_MAX (16u << 20)  /* bytes that a file's Lua may use */
#define SCRIPT_STEPS_MAX 1000000	/* Lua instructions of all files together */
#define SCRIPT_SECONDS_MAX 5		/* of processor time */
#define SCRIPT_VALUES_MAX 20000u	/* in all blocks together */
#define SCRIPT_FILE_MAX (1u << 20)	/* bytes of one file */
#define SCRIPT_FILES_MAX 64u
#define SCRIPT_DEPTH_MAX 16u		/* of tables in tables, and of includes */
#define SCRIPT_BLOCKS_MAX 10000u

/*
 * What there is beside the plugins' blocks: `part "base"`, `include "file"`, `env "NAME"` or `env("NAME", "default")`.
 * There is no library and no way out: no files, no time, no binary chunks.
 */
struct script_in {
	struct config_arena *arena;
	struct diag_list *diags;
	const char *path;	       /* the first file, as messages show it */
	const char *text;	       /* its text; NULL = read it */
	size_t text_len;
	const char *const *words;      /* the words of blocks, ends with NULL */
	const char *plugins;	       /* the folder they come from, for messages */
};

/* The blocks in the order of the files. All memory is the arena's. */
struct script_out {
	struct block *blocks;
	uint32_t blocks_len;
};

/* script_run runs the files. Errors are in `diags`; what was collected is there in any case. */
void script_run(const struct script_in *in, struct script_out *ret_out);

/*
 * script_table reads a file that returns one table (the secrets file): *ret_value is it, in a closed Lua without any
 * words. Returns 0, or -EINVAL with an error in `diags` that shows no line of the file.
 */
int script_table(const struct script_in *in, struct value *ret_value);

/* script_compile checks the syntax of a Lua text file. Returns 0, or -EINVAL with an error in `diags`. */
int script_compile(struct diag_list *diags, const char *path);

/* script_is_name: [a-z0-9_]+, at most 64 bytes. */
bool script_is_name(const char *text);

#endif
