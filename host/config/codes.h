/* SPDX-License-Identifier: MIT */
/* Every error code there is, with what it means. A code never changes its meaning. */
#ifndef HOST_CONFIG_CODES_H
#define HOST_CONFIG_CODES_H

/* One code. The table ends with an entry without code. */
struct code {
	const char *code;
	const char *title;   /* a few words */
	const char *meaning; /* what happened and what to do, in one or two sentences */
};

/* codes is the table, sorted by code; docs/reference/errors.md is made from it. */
extern const struct code codes[];

/* codes_find returns the entry of a code, or NULL. */
const struct code *codes_find(const char *code);

#endif
