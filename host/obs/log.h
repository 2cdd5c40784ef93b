/* SPDX-License-Identifier: MIT */
/* The log: one line an event, text on a terminal, JSON elsewhere; never blocks, never floods. */
#ifndef HOST_OBS_LOG_H
#define HOST_OBS_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "troupe/host.h"

/*
 * Conventions
 *  1. The same line (instance, level, text) is written at most once in 10 s; how often it came besides is said in a
 *     line of its own when the 10 s are over. Lines of level debug are traces: each is written.
 *  2. A reader that does not read (a stuck pipe) holds nobody up: lines wait in a bounded buffer, then are dropped and
 *     counted; a line says so when it reads again.
 *  3. Before log_open lines go to standard error as text.
 */

/* A line. Zeroed members are left out. */
struct log_line {
	uint32_t level;		/* enum troupe_log_level */
	uint32_t always;	/* 1 = never counted instead of written: the audit trail */
	uint32_t here;		/* 1 = for this host's own log alone: not given to the tap */
	const char *instance;	/* "base/billing", or the part of the host: "core", "net" */
	const char *part;	/* "base", "shard:meadow" */
	const char *role;	/* "billing" */
	const uint8_t *trace;	/* TROUPE_TRACE_SIZE bytes; all zero = none */
	const char *code;
	uint64_t account;
	const char *order;
	const char *text;
};

enum log_form { LOG_AUTO, LOG_TEXT, LOG_JSON }; /* AUTO: text if it is a terminal */

struct log_setup {
	const char *host; /* the field `host` of JSON lines; copied */
	enum log_form form;
	int fd;		  /* where lines go; borrowed */
};

/* What became of lines so far. */
struct log_counts {
	uint64_t written[TROUPE_LOG_DEBUG + 1]; /* by level */
	uint64_t suppressed; /* the same as another within 10 s */
	uint64_t dropped;    /* nobody read them, or there were too many in a second */
};

/* log_open sets where lines go from now on. [main] */
void log_open(const struct log_setup *setup);
/* log_limit leaves out lines above `level`, wherever they come from, until log_close; 0 = none. The audit trail is never
 * left out. [any] */
void log_limit(uint32_t level);
/* log_close writes what waits, for at most a second; then it is as before log_open. [main] */
void log_close(void);

/* log_write writes a line, quoted so that it stays one. [any] */
void log_write(const struct log_line *line);
/* log_text writes a formatted line for a part of the host. [any] */
void log_text(uint32_t level, const char *instance, const char *format, ...) __attribute__((format(printf, 3, 4)));

/*
 * log_tap gives a copy of each line that is written, but for those of level debug, to `fn`, with the time that it carries
 * (ms since 1970); fn = NULL ends it. fn runs under the log's lock: it does not block and logs nothing. [any]
 */
void log_tap(void (*fn)(void *arg, const struct log_line *line, uint64_t time_ms), void *arg);

/* log_tick tells of lines whose 10 s are over and tries what waits again. To be called every second or so. [any] */
void log_tick(void);
/* log_counts_read copies the figures. [any] */
void log_counts_read(struct log_counts *ret_counts);
/* log_level_name names a level: "warning". [any] */
const char *log_level_name(uint32_t level);

#endif
