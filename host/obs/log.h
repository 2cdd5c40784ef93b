/* SPDX-License-Identifier: MIT */
/* The log: one line an event. */
#ifndef HOST_OBS_LOG_H
#define HOST_OBS_LOG_H

#include <stdint.h>

#include "troupe/host.h"

/* A line. Zeroed members are left out. */
struct log_line {
	uint32_t level;		/* enum troupe_log_level */
	const char *instance;	/* "base/billing", or the part of the host: "core", "net" */
	const uint8_t *trace;	/* TROUPE_TRACE_SIZE bytes */
	const char *code;
	uint64_t account;
	const char *order;
	const char *text;
};

/* log_write writes a line, quoted so that it stays one. [any] */
void log_write(const struct log_line *line);
/* log_text writes a formatted line for a part of the host. [any] */
void log_text(uint32_t level, const char *instance, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
