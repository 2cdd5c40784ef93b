/* SPDX-License-Identifier: MIT */
/* The log server: the descriptor and the life of the role. */
#include "logserver.h"

#include <stdio.h>
#include <stdlib.h>

static const struct troupe_metric metric_table[METRIC_COUNT] = {
#define METRIC(id, type, text, what, label) \
	[id] = { .size = sizeof(struct troupe_metric), .kind = type, .name = text, .help = what, .labels = label }
#define RECORDS "Records that came, by what became of them."
#define QUERIES "Queries, by result."
#define CLIENTS "Programs whose connection was closed for what they sent."
	METRIC(METRIC_STORED, TROUPE_COUNTER, "troupe_log_records_total", RECORDS, "result=\"stored\""),
	METRIC(METRIC_REPEATED, TROUPE_COUNTER, "troupe_log_records_total", RECORDS, "result=\"repeated\""),
	METRIC(METRIC_QUOTA, TROUPE_COUNTER, "troupe_log_records_total", RECORDS, "result=\"over_quota\""),
	METRIC(METRIC_CUT, TROUPE_COUNTER, "troupe_log_records_cut_total", "Records too long to be stored whole.", NULL),
	METRIC(METRIC_EXPIRED, TROUPE_COUNTER, "troupe_log_records_expired_total",
	       "Records removed for their age, or because all of them were too much.", NULL),
	METRIC(METRIC_FAILED, TROUPE_COUNTER, "troupe_log_batches_failed_total",
	       "Batches that the database did not take; their hosts send them again.", NULL),
	METRIC(METRIC_HELD, TROUPE_GAUGE, "troupe_log_records", "Records that are kept.", NULL),
	METRIC(METRIC_BYTES, TROUPE_GAUGE, "troupe_log_bytes", "Bytes of their keys and values, before compression.", NULL),
	METRIC(METRIC_CLIENTS_MALFORMED, TROUPE_COUNTER, "troupe_log_clients_closed_total", CLIENTS, "why=\"malformed\""),
	METRIC(METRIC_CLIENTS_FLOOD, TROUPE_COUNTER, "troupe_log_clients_closed_total", CLIENTS, "why=\"flood\""),
	METRIC(METRIC_QUERIES, TROUPE_COUNTER, "troupe_log_queries_total", QUERIES, "result=\"done\""),
	METRIC(METRIC_QUERIES_REFUSED, TROUPE_COUNTER, "troupe_log_queries_total", QUERIES, "result=\"refused\""),
};

/* --- tasks ---------------------------------------------------------------------------------------- */

void *task_new(struct logserver *ls, size_t size, void (*release)(struct task *task))
{
	struct task *task = calloc(1, size);

	if (task == NULL) {
		return NULL;
	}
	task->release = release;
	task->next = ls->tasks;
	if (task->next != NULL) {
		task->next->prev = task;
	}
	ls->tasks = task;
	return task;
}

void task_end(struct logserver *ls, struct task *task)
{
	if (task->prev != NULL) {
		task->prev->next = task->next;
	} else {
		ls->tasks = task->next;
	}
	if (task->next != NULL) {
		task->next->prev = task->prev;
	}
	if (task->release != NULL) {
		task->release(task);
	}
	free(task);
}

/* --- life ----------------------------------------------------------------------------------------- */

static int32_t logserver_create(void *instance, const struct troupe_host *host, const void *options,
				struct troupe_error *reterr)
{
	struct logserver *ls = instance;

	(void)reterr;
	ls->h = host;
	ls->options = options;
	keys_init(&ls->keys, host->id);
	ls->started = ls->arrivals = (uint64_t)host->wall_ms(host) * 1000;
	for (int i = 0; i < METRIC_COUNT; i++) {
		ls->metrics[i] = host->metric(host, &metric_table[i]);
	}
	return TROUPE_OK;
}

static int32_t logserver_start(void *instance, struct troupe_error *reterr)
{
	struct logserver *ls = instance;
	int32_t status = store_open(&ls->store, ls->h, ls, ls->options->database, reterr);

	if (status == TROUPE_OK) {
		ls->h->state(ls->h, 0, 0, "reading what there is");
		status = intake_listen(ls, reterr);
	}
	if (status == TROUPE_OK) {
		retention_load(ls);
		quota_start(ls);
	}
	return status;
}

static int32_t logserver_configure(void *instance, const void *options, struct troupe_error *reterr)
{
	struct logserver *ls = instance;

	(void)reterr;
	ls->options = options;
	return TROUPE_OK;
}

static void logserver_stop(void *instance)
{
	struct logserver *ls = instance;

	retention_stop(ls);
	ls->h->timer_stop(ls->h, ls->quota_timer);
}

static void logserver_destroy(void *instance)
{
	struct logserver *ls = instance;

	while (ls->tasks != NULL) {
		task_end(ls, ls->tasks);
	}
	store_close(&ls->store);
	append_free(ls);
	quota_free(ls);
	tail_free(ls);
	intake_free(ls);
	retention_free(ls);
}

static const struct troupe_option options[] = {
	{ .name = "database", .help = "Where records are kept: one of their own, so that nothing else waits for them.",
	  .type = TROUPE_OPTION_DATABASE, .flags = TROUPE_OPTION_REQUIRED, .offset = offsetof(struct log_options, database) },
	{ .name = "keep", .help = "Records older than this are removed.", .type = TROUPE_OPTION_DURATION,
	  .flags = TROUPE_OPTION_LIVE, .fallback = "14d", .offset = offsetof(struct log_options, keep),
	  .min = 60000, .max = INT64_C(3660) * 86400000 },
	{ .name = "keep_bytes", .help = "Above this the oldest hours are removed, however young; before compression.",
	  .type = TROUPE_OPTION_SIZE, .flags = TROUPE_OPTION_LIVE, .fallback = "2gb",
	  .offset = offsetof(struct log_options, keep_bytes), .min = 1 << 20, .max = INT64_C(1) << 46 },
	{ .name = "quota", .help = "Records a second that one instance may have stored, over ten seconds; 0 = any number.",
	  .type = TROUPE_OPTION_INT, .flags = TROUPE_OPTION_LIVE, .fallback = "1000",
	  .offset = offsetof(struct log_options, quota), .max = 1000000 },
	{ .name = "record_max", .help = "Bytes of one record's text; the rest is cut off, and said.",
	  .type = TROUPE_OPTION_SIZE, .flags = TROUPE_OPTION_LIVE, .fallback = "8kb",
	  .offset = offsetof(struct log_options, record_max), .min = 256, .max = 65536 },
	{ .name = "listen", .help = "Where programs outside the cluster may send records, in frames of JSON.",
	  .type = TROUPE_OPTION_LISTEN, .offset = offsetof(struct log_options, listen) },
	{ .name = NULL },
};

static const struct troupe_method methods[] = {
	LOG_APPEND(append_on_append),
	LOG_QUERY(answer_on_query),
	LOG_COUNT(answer_on_count),
	LOG_TAIL(answer_on_tail),
	LOG_WHERE(answer_on_where),
	{ .name = NULL },
};

static const struct troupe_role role = {
	.size = sizeof(role),
	.instance_size = sizeof(struct logserver),
	.options_size = sizeof(struct log_options),
	.create = logserver_create,
	.start = logserver_start,
	.configure = logserver_configure,
	.stop = logserver_stop,
	.destroy = logserver_destroy,
};

static const char *const parts[] = { "base", "shard", NULL };
static const char *const provides[] = { "log", NULL };

TROUPE_EXPORT const struct troupe_plugin troupe_entry = {
	TROUPE_PLUGIN_HEAD,
	.kind = TROUPE_PLUGIN_ROLE,
	.name = "logserver",
	.version = "0.1.0",
	.summary = "Keeps the log of all hosts, and finds in it.",
	.parts = parts,
	.provides = provides,
	.options = options,
	.commands = logserver_commands,
	.methods = methods,
	.role = &role,
};
