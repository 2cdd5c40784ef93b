/* SPDX-License-Identifier: MIT */
/* The parts of the log server. Everything runs on the instance's loop. */
#ifndef LOGSERVER_LOGSERVER_H
#define LOGSERVER_LOGSERVER_H

#include "keys.h"
#include "log.stub.h"
#include "map/map.h"
#include "query.h"
#include "store/store.h"

#define LOG_HOST_MAX 100u
#define LOG_HOSTS_MAX 4096u
#define BATCH_MAX 256u	   /* records of one append */
#define FOUND_BYTES_MAX (200u * 1024u) /* of the records in one answer: below TROUPE_BODY_MAX with what goes along */

struct log_options {
	const char *database;
	int64_t keep;	    /* ms */
	int64_t keep_bytes; /* as `bytes` of the buckets has it */
	int64_t quota;	    /* records a second of one instance; 0 = no bound */
	int64_t record_max; /* bytes of a text */
	struct troupe_strings listen;
};

enum log_metric {
	METRIC_STORED,
	METRIC_REPEATED,
	METRIC_QUOTA,
	METRIC_CUT,
	METRIC_EXPIRED,
	METRIC_FAILED,
	METRIC_HELD,
	METRIC_BYTES,
	METRIC_QUERIES,
	METRIC_QUERIES_REFUSED,
	METRIC_COUNT
};

/* A host whose batches come here. */
struct log_host {
	char name[LOG_HOST_MAX + 1];
	uint64_t spool, seq, records, received_ms;
	int64_t skew_ms;
	uint64_t version; /* of the stored mark; 0 = there is none */
	uint32_t busy;	  /* a batch of it is being committed */
};

/* What one hour of the records' time holds. */
struct log_bucket {
	uint64_t hour; /* since 1970 */
	int64_t bytes, records;
};

/* Something under way that calls back; first in its struct. */
struct task {
	struct task *prev, *next;
	void (*release)(struct task *task); /* frees what the struct holds; may be NULL */
};

struct logserver {
	const struct troupe_host *h;
	const struct log_options *options;
	struct store store;
	struct keys keys;
	struct map hosts;	     /* fnv64 of the name -> struct log_host */
	struct log_bucket *buckets; /* by hour */
	uint32_t buckets_len, buckets_size;
	int64_t bytes, records; /* of all buckets */
	uint32_t loaded;	/* the buckets have been read */
	uint32_t touched;	/* since then a batch came for ... */
	uint64_t removing;	/* ... the hour that is being removed */
	struct task *tasks;
	uint32_t searches;
	uint64_t timer;
	uint32_t metrics[METRIC_COUNT];
};

static inline void count(const struct logserver *ls, enum log_metric metric, int64_t n)
{
	if (n != 0) {
		ls->h->metric_add(ls->h, ls->metrics[metric], n);
	}
}

/* --- logserver.c ---------------------------------------------------------------------------------- */

/* task_new: a zeroed struct of that size; NULL without memory. task_end: releases it. The role ends those that are left. */
void *task_new(struct logserver *ls, size_t size, void (*release)(struct task *task));
void task_end(struct logserver *ls, struct task *task);

/* --- append.c: batches of hosts ------------------------------------------------------------------- */

void append_on_append(void *instance, const struct troupe_request *request, const Log__AppendRequest *body);
void append_free(struct logserver *ls);

/* --- retention.c: what each hour holds, and the end of old hours ----------------------------------- */

/* retention_add: so much more (or less) is stored in an hour. */
void retention_add(struct logserver *ls, uint64_t hour, int64_t bytes, int64_t records);
/* retention_touch: a batch with records of that hour is on its way to the database. */
void retention_touch(struct logserver *ls, uint64_t hour);
/* retention_load: reads the buckets; then the instance is ready. */
void retention_load(struct logserver *ls);
void retention_stop(struct logserver *ls);
void retention_free(struct logserver *ls);

/* --- search.c: what this server holds -------------------------------------------------------------- */

/* What a search found, packed records newest first. */
struct found {
	uint8_t place[PLACE_SIZE];
	uint32_t len, context;
	uint8_t *record;
};

struct search {
	struct task task;
	struct logserver *ls;
	struct query query;
	struct found *found;
	uint32_t found_len, found_max; /* max 0 = only counts */
	size_t found_bytes;
	uint64_t counted, deadline_us;
	uint8_t reached[PLACE_SIZE]; /* everything before it and it itself has been looked at */
	int more;	  /* it ended before everything was looked at */
	int32_t status;	  /* of the database */
	void (*done)(struct search *search, void *arg);
	void *arg;
	struct search_plan *plan;
};

/*
 * search_new: a search to be filled: query, found_max, deadline_us, done, arg. NULL without memory, or if there are too
 * many. search_run: begins behind `after` (NULL = at the newest); done runs once, not inside, and ends it with
 * search_end.
 */
struct search *search_new(struct logserver *ls);
void search_run(struct search *search, const uint8_t *after);
void search_end(struct search *search);

/* --- answer.c: queries as they are asked ----------------------------------------------------------- */

void answer_on_query(void *instance, const struct troupe_request *request, const Log__QueryRequest *body);
void answer_on_count(void *instance, const struct troupe_request *request, const Log__QueryRequest *body);

#endif
