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
	METRIC_CLIENTS_MALFORMED,
	METRIC_CLIENTS_FLOOD,
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
	uint64_t over_quota, expired; /* since the start */
	uint32_t loaded;	/* the buckets have been read */
	uint32_t touched;	/* since then a batch came for ... */
	uint64_t removing;	/* ... the hour that is being removed */
	struct task *tasks;
	uint32_t searches, asks;
	struct tail *tail; /* while somebody follows */
	uint64_t started, arrivals; /* records so far, counted from the time of the start: no number comes twice */
	uint64_t timer, quota_timer;
	struct map sources; /* of quota.c */
	struct client *clients; /* of intake.c, as the next three */
	struct intake_batch *intake; /* being filled */
	uint64_t client_seq;
	uint32_t intake_busy; /* one is being committed */
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

/* --- batch.c: records on their way into the database ---------------------------------------------- */

#define BATCH_HOURS_MAX 32u /* hours that the records of one batch may fall in */

/* First in the struct of whoever makes one. */
struct batch {
	struct task task;
	struct logserver *ls;
	struct keys_ops ops;
	uint64_t now_ms, cut, over;
	int64_t skew_ms; /* of the clock that the records' times are from */
	uint32_t records, hours_len;
	uint8_t *values, *at, *end; /* packed records */
	struct {
		uint64_t hour;
		int64_t bytes, records;
	} hours[BATCH_HOURS_MAX];
	uint64_t sources[BATCH_MAX]; /* of the records, for their quota */
	void (*done)(struct batch *batch, int32_t status, uint64_t version);
};

/* batch_new: a batch of at most `records` records, packed in `bytes` as they came; `size` is that of the struct around it.
 * NULL without memory. */
void *batch_new(struct logserver *ls, size_t size, size_t bytes, uint32_t records);
/* batch_add: one record, whose host is set; what is too long is cut, what is over its quota dropped. 0, or -1 when there
 * is no room: the batch has to end before it. */
int batch_add(struct batch *batch, Log__Record *record);
/* batch_commit: on its way, if `check` (may be NULL) holds. The batch ends when done returns. */
void batch_commit(struct batch *batch, const struct troupe_db_check *check,
		  void (*done)(struct batch *batch, int32_t status, uint64_t version));

/* --- quota.c: how much one instance may log --------------------------------------------------------- */

/* quota_admit: 0 = it is over the quota; else a number for quota_refund, for a record that was not stored after all. */
uint64_t quota_admit(struct logserver *ls, const Log__Record *record);
void quota_refund(struct logserver *ls, uint64_t id);
/* quota_start: from now on there are lines about who is over. quota_tell: now. */
void quota_start(struct logserver *ls);
void quota_tell(struct logserver *ls);
void quota_free(struct logserver *ls);

/* --- append.c: batches of hosts ------------------------------------------------------------------- */

void append_on_append(void *instance, const struct troupe_request *request, const Log__AppendRequest *body);
void append_free(struct logserver *ls);

/* --- intake.c: records of programs outside the cluster ---------------------------------------------- */

int32_t intake_listen(struct logserver *ls, struct troupe_error *reterr);
void intake_free(struct logserver *ls);

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

/* --- tail.c: records as they arrive --------------------------------------------------------------- */

/* tail_add: a record was stored. tail_follow: records behind *arrival, newest last, into `found` (of `max`; the caller frees
 * their bytes); moves *arrival, adds to *passed what came and went. Returns how many. 0 as arrival = from now on. */
void tail_add(struct logserver *ls, const uint8_t *place, const void *record, uint32_t len);
uint32_t tail_follow(struct logserver *ls, const struct query *query, uint64_t *arrival, uint64_t *passed,
		     struct found *found, uint32_t max);
void tail_free(struct logserver *ls);

/* --- ask.c: questions, here and at the other servers ----------------------------------------------- */

#define PEERS_MAX 64u
#define HOLDERS_MAX 1024u
#define SERVER_NAME_MAX 96u

enum ask_kind { ASK_QUERY, ASK_COUNT, ASK_TAIL, ASK_WHERE };

struct ask;

/* Another server that is asked. */
struct ask_peer {
	struct ask *ask;
	uint64_t id;
	uint32_t missing;
	char name[SERVER_NAME_MAX];
};

/* What is known of a host, and of a server. */
struct holder {
	char server[SERVER_NAME_MAX], host[LOG_HOST_MAX + 1];
	uint64_t records, seq, received_ms;
	int64_t skew_ms;
};
struct server_status {
	char name[SERVER_NAME_MAX];
	uint64_t records, bytes, oldest_ms, keep_ms, keep_bytes, quota, over_quota, expired;
};

/* A question, and what comes together for it. */
struct ask {
	struct task task;
	struct logserver *ls;
	enum ask_kind kind;
	uint64_t request, now_ms, deadline_us;
	uint32_t local, /* only this server */
		waiting, /* parts that have not come */
		second; /* the round for full_context */
	void (*answer)(struct ask *ask); /* all is there: answers `request`; the ask ends after it */
	struct query query;
	char text[QUERY_TEXT_MAX + 1], host[LOG_HOST_MAX + 1];
	uint8_t after[PLACE_SIZE];
	uint32_t has_after;
	struct ask_peer peers[PEERS_MAX];
	uint32_t peers_len;
	/* together */
	struct query_fault fault;
	uint32_t has_fault, here_missing;
	struct found *found;
	uint32_t found_len, found_size;
	uint32_t more, has_frontier;
	uint8_t frontier[PLACE_SIZE]; /* up to there every part has looked */
	uint8_t reached[PLACE_SIZE];
	uint64_t count, reached_ms, passed;
	struct {
		uint64_t server, arrival;
	} follows[PEERS_MAX + 1];
	uint32_t follows_len;
	struct holder *holders;
	struct server_status servers[PEERS_MAX + 1];
	uint32_t holders_len, servers_len;
};

/* ask_new: a question to be filled: text, local, now_ms, after, host, follows, answer. NULL: refused already. ask_run
 * begins it. */
struct ask *ask_new(struct logserver *ls, enum ask_kind kind, const struct troupe_request *request);
void ask_run(struct ask *ask);
/* ask_fail answers with ask->fault instead. */
void ask_fail(struct ask *ask);
/* ask_holder, ask_server: room for one more; NULL if there is none. ask_missing: 1 and its name for the nth server that
 * did not answer, 0 behind the last. */
struct holder *ask_holder(struct ask *ask);
struct server_status *ask_server(struct ask *ask);
int ask_missing(const struct ask *ask, uint32_t n, const char **ret_name);
/* ask_part_done: what this server or another was asked has come. */
void ask_part_done(struct ask *ask);

/* --- where.c: which host is held here --------------------------------------------------------------- */

/* where_begin: adds this server and what it holds to the ask, then ask_part_done. */
void where_begin(struct ask *ask);

/* --- answer.c: methods ------------------------------------------------------------------------------ */

void answer_on_query(void *instance, const struct troupe_request *request, const Log__QueryRequest *body);
void answer_on_count(void *instance, const struct troupe_request *request, const Log__QueryRequest *body);
void answer_on_tail(void *instance, const struct troupe_request *request, const Log__TailRequest *body);
void answer_on_where(void *instance, const struct troupe_request *request, const Log__WhereRequest *body);

/* --- command.c ------------------------------------------------------------------------------------- */

extern const struct troupe_command logserver_commands[];

#endif
