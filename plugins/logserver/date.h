/* SPDX-License-Identifier: MIT */
/* Times as people write them in queries. */
#ifndef LOGSERVER_DATE_H
#define LOGSERVER_DATE_H

#include <stdint.h>

/* From the first ms of what was named to the first behind it: a whole day, or the minute, second or ms that was given. An
 * age and "now" are points: both ends are equal. */
struct date {
	uint64_t from_ms, to_ms;
	uint32_t relative; /* an age, counted back from now */
};

/*
 * date_parse: reads "2026-11-21", "2026-11-21T07:26:30.123Z" or any beginning of it from the minute on, also with a blank
 * for the T; "yesterday", "today", "now"; "2 days", "90m". All UTC. 0, *ret_date and *text behind it; or -1 and what
 * is wrong with it, static texts. [any]
 */
int date_parse(const char **text, uint64_t now_ms, struct date *ret_date, const char **ret_why, const char **ret_help);

/* date_rfc3339: the ms since 1970 of a stamp with its offset (RFC 3339); -1 if it is none, or before 1970. [any] */
int64_t date_rfc3339(const char *text);

#endif
