/* SPDX-License-Identifier: MIT */
/* The one validator of option tables: configuration blocks, --set, and the arguments of commands. */
#ifndef HOST_CONFIG_OPTIONS_H
#define HOST_CONFIG_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "troupe/role.h"

#include "arena.h"
#include "diag.h"
#include "value.h"

/* A list of lists of strings, as `loops` of a host block has it; only in the host's own tables. */
#define OPTIONS_LISTS 100u
struct options_lists {
	uint32_t count;
	uint32_t reserved;
	const struct troupe_strings *items;
};

/* A table of names and strings, as `reach` of a host block has it; only in the host's own tables. In one string
 * (--set) pairs are name=text with commas between. */
#define OPTIONS_PAIRS 101u
struct options_pairs {
	uint32_t count;
	uint32_t reserved;
	const struct options_pair {
		const char *name, *value;
	} *items;
};

/* A table and the struct that it fills. A block may have several: the role's, its driver's, the common one. */
struct options_layer {
	const struct troupe_option *table; /* NULL = empty */
	uint32_t stride;		   /* sizeof one entry as its maker knew it */
	unsigned char *base;		   /* the zeroed struct */
};
#define OPTIONS_LAYERS_MAX 3u
#define OPTIONS_LIST_MAX 1000u /* strings in one list */

/* Where a value came from, for show-effective. */
struct config_origin {
	const struct config_origin *next;
	const char *option; /* "listen", "tls.cert" */
	const char *value;  /* as it would be written; secrets are masked */
	const char *origin; /* "conf/game.lua:16", "default", "environment PORT", "command line" */
};

/* An option of type DATABASE and whose it is, to be resolved when all blocks are known. */
struct options_reference {
	struct options_reference *next;
	const char *option; /* its path */
	const char *name;   /* the database's name */
	struct place place;
	uint32_t owner;	    /* as given in options_in */
};

/* A bound address, to find two that are the same and to try them. */
struct options_listener {
	struct options_listener *next;
	const char *address;
	struct place place;
	uint32_t owner;
};

/* A file or folder of a SOURCE option. */
struct options_source {
	struct options_source *next;
	const char *path;
	struct place place;
	uint32_t owner;
};

/* One --set: `option` of the owner, in front of what the file says. */
struct options_set {
	const char *option; /* "listen", "tls.cert" */
	const char *value;
	uint32_t used;
};

/* What options_fill works with and for. */
struct options_in {
	struct config_arena *arena;
	struct diag_list *diags;
	const char *what;	    /* whose options they are, for messages: `frontend "fe1"` */
	const char *state, *folder; /* absolute: where PATH and SOURCE options start */
	const char *bind;	    /* the address of listeners without one */
	const struct value *secrets; /* the secrets file's table; NULL = there is none */
	struct options_set *sets;
	uint32_t sets_len;
	uint32_t owner;
	bool unknown_ok; /* a layer is missing for another reason: say nothing of unknown keys */
	struct options_layer layers[OPTIONS_LAYERS_MAX];
	uint32_t layers_len;
	/* Lists that grow; each may be NULL = not wanted. */
	const struct config_origin **origins;
	struct options_reference **references;
	struct options_listener **listeners;
	struct options_source **sources;
};

/*
 * options_fill writes every option of the layers: what --set says, else the block, else the default. Unknown
 * keys, wrong types, missing units, values out of range and missing ones are reported, all of them.
 */
void options_fill(const struct options_in *in, const struct value *block);

/*
 * options_words reads a command line into a command's arguments: values in the table's order, or --name value and
 * --name=value anywhere. Returns the filled struct of `size` bytes from the arena, or NULL with errors in `diags`.
 */
void *options_words(struct config_arena *arena, struct diag_list *diags, const char *what,
		    const struct troupe_option *table, uint32_t stride, uint32_t size, int argc, char *const *argv);

/* options_next steps through a table: NULL gives the first; NULL after the last, or when the table is NULL. */
const struct troupe_option *options_next(const struct troupe_option *table, uint32_t stride,
					 const struct troupe_option *option);

/* options_type names a type for people: "duration". options_width is the size of its value in bytes, 0 for a BLOCK. */
const char *options_type(uint32_t type);
uint32_t options_width(uint32_t type);
/* options_range describes the allowed range, "" if there is none. The text is the arena's. */
const char *options_range(struct config_arena *arena, const struct troupe_option *option);

/*
 * options_compare compares two structs laid out by one table, by value. *ret_live gets the name of the first option
 * that differs and is LIVE, *ret_restart of the first that differs and is not; both are kept when already set.
 */
void options_compare(const struct troupe_option *table, uint32_t stride, const void *a, const void *b,
		     const char **ret_live, const char **ret_restart);

#endif
