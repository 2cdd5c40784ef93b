/* SPDX-License-Identifier: MIT */
/* What a configuration file says, as a tree of values that know where they stand. */
#ifndef HOST_CONFIG_VALUE_H
#define HOST_CONFIG_VALUE_H

#include <stdint.h>

#include "diag.h"
#include "lexer.h"

/* A place in a file. A zeroed one is nowhere. */
struct place {
	const char *file;
	const struct lex *lex; /* NULL = no source to show */
	uint32_t line;
	uint32_t token;	       /* the first token, when lex is set; LEX_NONE = the line as a whole */
	uint32_t tokens;       /* how many */
};

enum value_kind {
	VALUE_NONE = 0,
	VALUE_BOOL,   /* integer */
	VALUE_INT,    /* integer */
	VALUE_FLOAT,  /* shown as string */
	VALUE_STRING, /* string, len */
	VALUE_TABLE,  /* items */
	VALUE_TEXT,   /* string: of any type, to be read as the option wants it (--set, command arguments) */
	VALUE_OTHER,  /* something that is no data, e.g. a function; string names its type */
	VALUE_BAD     /* an error that has been reported */
};

struct value {
	enum value_kind kind;
	uint32_t items_len;
	const char *key;	 /* in its table; NULL = an item of a list */
	struct place key_place;	 /* of the key, or the item */
	struct place place;	 /* of the value */
	const char *env;	 /* the environment variable that it came from, or NULL */
	int64_t integer;
	const char *string;
	size_t len;
	struct value *items;	 /* TABLE: in the order of the file */
};

/* A block: `word "name" { ... }`. */
struct block {
	const char *word;
	const char *name; /* NULL = none */
	const char *part; /* what the last `part` said, or "base" */
	struct place place; /* of the word */
	struct value value; /* a TABLE */
};

/* place_show puts a finding at a place, with its source line. */
void place_show(struct diag_list *diags, struct diag *diag, const struct place *place);
/* value_find returns the item with this key, or NULL. */
const struct value *value_find(const struct value *table, const char *key);
/* value_kind_name names a kind for messages: "a string", "a table". */
const char *value_kind_name(const struct value *value);

#endif
