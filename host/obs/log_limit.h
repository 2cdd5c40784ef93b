/* SPDX-License-Identifier: MIT */
/* Lines that repeat: which are written and which are only counted. */
#ifndef HOST_OBS_LOG_LIMIT_H
#define HOST_OBS_LOG_LIMIT_H

#include "host/obs/log.h"

#define LIMIT_WINDOW_MS 10000u
#define LIMIT_ENTRIES 256u
#define LIMIT_TEXT 256u
#define LIMIT_BLOCKS 64u

/* A line that was written not long ago. */
struct limit_entry {
	uint64_t until_ms; /* 0 = free */
	uint32_t repeats;  /* since it was written */
	uint32_t level;
	char instance[96], part[48], role[48], code[16];
	char text[LIMIT_TEXT]; /* as much of it as is compared */
};

/* Zeroed = empty. Not thread-safe. */
struct limit_table {
	struct limit_entry entries[LIMIT_ENTRIES];
	uint64_t left_out[LIMIT_BLOCKS]; /* digests of instances whose last line with a text of its own was left out */
};

/*
 * A line that begins with two spaces, or with a number and " | ", belongs to the line that its instance wrote before: it is written or
 * left out with that one, so that a block of lines about an error stays whole, and is not counted.
 * limit_admit says whether `line` is to be written. If an entry must be told about before it (its time is over, or its
 * place is needed), *ret_told is a copy of it with repeats > 0.
 */
bool limit_admit(struct limit_table *table, const struct log_line *line, uint64_t now_ms, struct limit_entry *ret_told);
/* limit_over finds an entry whose time is over: frees it, copies it if it has repeats, returns true. False = no more.
 * *at starts at 0. */
bool limit_over(struct limit_table *table, uint64_t now_ms, uint32_t *at, struct limit_entry *ret_told);

#endif
