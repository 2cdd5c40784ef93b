/* SPDX-License-Identifier: MIT */
/* The query language of the log. */
#ifndef LOGSERVER_QUERY_H
#define LOGSERVER_QUERY_H

#include <stdint.h>

#include "log.pb-c.h"

/*
 *   query    = [ "(" option { "," option } ")" ] [ pred { ( "and" | "or" ) pred } ]
 *   option   = "limit" "=" NUMBER | "full_context" | "any_time"
 *   pred     = field op constant
 *   field    = time level part role instance host account order trace code text, or "{" NAME "}" for what else a
 *              record shows
 *   op       = "<" "<=" ">" ">=" "=" "!=" "like"
 *   constant = a word, or anything between "..." or '...'
 *
 * `and` binds closer than `or`. Levels are ordered by weight: level >= warning is warning and error. `like` looks for
 * its text anywhere, in small or capital letters; % in it stands for anything. A time is "2026-11-21", with
 * "T07:26", ":30" and ".123" behind it as wanted, all UTC; "yesterday", "today", "now"; or "2 days", which is that
 * long ago: time > 2 days means younger. A date stands for all of it: time = yesterday.
 *
 * Without a time a query is about the last 24 hours, unless it says any_time.
 */
#define QUERY_TEXT_MAX 4096u
#define QUERY_PREDS_MAX 64u
#define QUERY_GROUPS_MAX 32u
#define QUERY_LIMIT_DEFAULT 200u
#define QUERY_LIMIT_MAX 1000u
#define QUERY_DEFAULT_MS (24u * 3600u * 1000u)

enum query_field {
	FIELD_TIME,
	FIELD_LEVEL,
	FIELD_PART,
	FIELD_ROLE,
	FIELD_INSTANCE,
	FIELD_HOST,
	FIELD_ACCOUNT,
	FIELD_ORDER,
	FIELD_TRACE,
	FIELD_CODE,
	FIELD_TEXT,
	FIELD_SHOWN /* {NAME} */
};

enum query_op { OP_LESS, OP_LESS_EQUAL, OP_MORE, OP_MORE_EQUAL, OP_EQUAL, OP_UNEQUAL, OP_LIKE };

struct query_pred {
	enum query_field field;
	enum query_op op;
	const char *name; /* SHOWN */
	const char *text; /* of fields of text; TRACE: TROUPE_TRACE_SIZE bytes */
	uint64_t number;  /* LEVEL, ACCOUNT; TIME: the first ms of what it stands for ... */
	uint64_t end;	  /* ... and the first behind it */
};

/* Predicates that must all hold. */
struct query_group {
	uint32_t first, len;	/* of query.preds */
	uint64_t from_ms, to_ms; /* its times: from <= t < to */
};

struct query {
	struct query_pred preds[QUERY_PREDS_MAX];
	struct query_group groups[QUERY_GROUPS_MAX]; /* at least one; a record is wanted if one holds */
	uint32_t preds_len, groups_len;
	uint32_t limit;
	uint32_t full_context;
	uint32_t undated; /* 1: a group had no time and got the last 24 hours */
	uint32_t space_len;
	char space[2 * QUERY_TEXT_MAX + 64]; /* of the texts */
};

/* What is wrong with a query. */
struct query_fault {
	uint32_t at; /* byte in the text */
	char text[160], help[200];
};

/* query_parse: 0 and *ret_query, or -1 and *ret_fault. Relative times count from now_ms. [any] */
int query_parse(const char *text, uint64_t now_ms, struct query *ret_query, struct query_fault *ret_fault);

/* query_match: 1 if the record is wanted. query_match_undated: the same without looking at times. [any] */
int query_match(const struct query *query, const Log__Record *record);
int query_match_undated(const struct query *query, const Log__Record *record);

/* query_like: does `text` match a pattern of `like`? [any] */
int query_like(const char *text, const char *pattern);

/* query_level: the enum troupe_log_level of a name, 0 if it is none. query_level_name: the name. [any] */
uint32_t query_level(const char *name);
const char *query_level_name(uint32_t level);

#endif
