/* SPDX-License-Identifier: MIT */
/* Lines of the log as log servers answer with them, put in order and shown. */
#ifndef HOST_CONTROL_LOG_LINES_H
#define HOST_CONTROL_LOG_LINES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "host/control/json.h"

/* Lines that have not been shown. Zeroed = none. */
struct log_lines {
	void **lines; /* of jansson */
	size_t len, size;
};

/* log_lines_add takes the list `records` of an answer's body. Returns how many there were in it. */
size_t log_lines_add(struct log_lines *lines, const struct control_answer *answer);

/*
 * log_lines_show writes the lines up to the time `until_ms`, oldest first, and forgets them: as text, one each, in which
 * nothing can steer a terminal or look like another line; or as JSON, one object each. Returns how many.
 */
size_t log_lines_show(struct log_lines *lines, int64_t until_ms, bool json, FILE *out);

/* log_lines_clear forgets them all. */
void log_lines_clear(struct log_lines *lines);

#endif
