/* SPDX-License-Identifier: MIT */
/* The life of a store, and the ways to and from its threads. */
#include "host/db/store.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOPS_MAX 64u /* loops that one group of results can go to; more than a host can have */

/* --- ports -------------------------------------------------------------------------------------- */

void port_refuse(struct port *port, struct db_request *request, int32_t status)
{
	db_request_refuse(request, status);
	request->next = NULL;
	*port->refused_tail = request;
	port->refused_tail = &request->next;
}

static void port_send(struct port *port, struct port_out *out)
{
	struct db_request *newest = out->newest;

	out->newest = NULL;
	if (db_queue_push(out->queue, newest, out->oldest, out->count)) {
		return;
	}
	out->oldest->next = NULL;
	while (newest != NULL) { /* nobody is there to take them */
		struct db_request *next = newest->next;

		port_refuse(port, newest, TROUPE_UNAVAILABLE);
		newest = next;
	}
}

static bool port_flush(struct loop_hook *hook)
{
	struct port *port = (struct port *)(void *)hook;

	while (port->dirty != NULL) {
		struct port_out *out = port->dirty;

		port->dirty = out->next;
		out->dirty = false;
		port_send(port, out);
	}
	struct db_request *refused = port->refused;

	port->refused = NULL;
	port->refused_tail = &port->refused;
	while (refused != NULL) {
		struct db_request *next = refused->next;

		refused->on_done(refused);
		refused = next;
	}
	/* those callbacks may have asked again */
	return port->dirty != NULL || port->refused != NULL;
}

int port_init(struct port *port, struct loop *loop, struct store *const *stores, uint32_t stores_len)
{
	memset(port, 0, sizeof(*port));
	port->outs = calloc(2 * (size_t)stores_len + 1, sizeof(*port->outs));
	if (port->outs == NULL) {
		return -ENOMEM;
	}
	port->outs_len = 2 * stores_len;
	for (uint32_t i = 0; i < port->outs_len; i++) {
		port->outs[i].store = stores[i / 2];
		port->outs[i].queue = i % 2 == 0 ? &stores[i / 2]->commits : &stores[i / 2]->reads;
	}
	port->loop = loop;
	port->refused_tail = &port->refused;
	port->hook.run = port_flush;
	loop_hook_end(loop, &port->hook);
	return 0;
}

void port_fini(struct port *port)
{
	free(port->outs);
	port->outs = NULL;
}

void port_submit(struct port *port, uint32_t store, struct db_request *request)
{
	request->loop = port->loop;
	if (store >= port->outs_len / 2) {
		port_refuse(port, request, TROUPE_NOT_FOUND);
		return;
	}
	struct port_out *out = &port->outs[2 * store + (request->kind != DB_COMMIT)];
	unsigned max = atomic_load_explicit(&out->store->queue_max, memory_order_relaxed);
	unsigned here = out->newest != NULL ? out->count : 0;

	if (here + atomic_load_explicit(&out->queue->waiting, memory_order_relaxed) >= max) {
		atomic_fetch_add_explicit(&out->store->counts.full, 1, memory_order_relaxed);
		port_refuse(port, request, TROUPE_RESOURCE_EXHAUSTED);
		return;
	}
	request->next = out->newest;
	if (out->newest == NULL) {
		out->oldest = request;
	}
	out->newest = request;
	out->count = here + 1;
	if (!out->dirty) {
		out->dirty = true;
		out->next = port->dirty;
		port->dirty = out;
	}
}

/* --- the way back ------------------------------------------------------------------------------- */

static void chain_run(struct loop_task *task)
{
	struct db_request *request = (struct db_request *)(void *)task;

	while (request != NULL) {
		struct db_request *next = request->next;

		request->on_done(request);
		request = next;
	}
}

void store_reply(struct db_request *first)
{
	struct {
		struct loop *loop;
		struct db_request *first, *last;
	} chains[LOOPS_MAX];
	unsigned used = 0, at = 0;

	while (first != NULL) {
		struct db_request *request = first;

		first = request->next;
		request->next = NULL;
		if (used == 0 || chains[at].loop != request->loop) {
			for (at = 0; at < used && chains[at].loop != request->loop; at++) {
			}
		}
		if (at < used) {
			chains[at].last->next = request;
			chains[at].last = request;
		} else if (used < LOOPS_MAX) {
			chains[used].loop = request->loop;
			chains[used].first = chains[used].last = request;
			used++;
		} else {
			request->task.run = chain_run;
			loop_post(request->loop, &request->task);
			at = 0;
		}
	}
	for (unsigned i = 0; i < used; i++) {
		chains[i].first->task.run = chain_run;
		loop_post(chains[i].loop, &chains[i].first->task);
	}
}

/* --- what the store says ------------------------------------------------------------------------ */

struct word {
	struct loop_task task;
	struct store_params params;
	int32_t status;
	char text[512];
};

static void word_run(struct loop_task *task)
{
	struct word *word = (struct word *)(void *)task;

	word->params.on_state(word->params.arg, word->status, word->text);
	free(word);
}

static void closed_run(struct loop_task *task)
{
	struct word *word = (struct word *)(void *)task;

	word->params.on_closed(word->params.arg);
	free(word);
}

static struct word *word_new(struct store *store, void (*run)(struct loop_task *task))
{
	struct word *word = calloc(1, sizeof(*word));

	if (word == NULL) {
		abort();
	}
	word->task.run = run;
	word->params = store->params;
	return word;
}

void store_say(struct store *store, int32_t status, const char *text)
{
	if (store->params.on_state != NULL) {
		struct word *word = word_new(store, word_run);

		word->status = status;
		snprintf(word->text, sizeof(word->text), "%s", text);
		loop_post(store->params.loop, &word->task);
	}
}

void store_closed(struct store *store)
{
	struct word *word = store->params.on_closed != NULL ? word_new(store, closed_run) : NULL;

	atomic_store(&store->state, STORE_CLOSED); /* from here on it may be started again */
	if (word != NULL) {
		loop_post(word->params.loop, &word->task);
	}
}

void store_log(struct store *store, uint32_t level, const char *format, ...)
{
	char text[640];
	struct troupe_log line = { .size = sizeof(line), .level = level, .text = text };
	va_list list;

	if (store->params.host != NULL) {
		va_start(list, format);
		vsnprintf(text, sizeof(text), format, list);
		va_end(list);
		store->params.host->log(store->params.host, &line);
	}
}

void store_count(struct store *store, atomic_uint_fast64_t *count, uint32_t metric, uint64_t more)
{
	atomic_fetch_add_explicit(count, more, memory_order_relaxed);
	if (store->params.host != NULL && more > 0) {
		store->params.host->metric_add(store->params.host, metric, (int64_t)more);
	}
}

/* --- life --------------------------------------------------------------------------------------- */

static uint32_t metric(const struct troupe_host *host, uint32_t kind, const char *name, const char *help,
		       const char *labels)
{
	struct troupe_metric wanted = { .size = sizeof(wanted), .kind = kind, .name = name, .help = help,
					.labels = labels };

	return host->metric(host, &wanted);
}

static void metrics_register(struct store_metrics *m, const struct troupe_host *host)
{
	static const char commits[] = "Commits, by how they ended.";
	static const char reads[] = "Reads, by kind.";

	m->commits = metric(host, TROUPE_COUNTER, "troupe_db_commits_total", commits, "result=\"done\"");
	m->refused = metric(host, TROUPE_COUNTER, "troupe_db_commits_total", commits, "result=\"refused\"");
	m->unknown = metric(host, TROUPE_COUNTER, "troupe_db_commits_total", commits, "result=\"unknown\"");
	m->batches = metric(host, TROUPE_COUNTER, "troupe_db_batches_total",
			    "Synced writes; commits divided by this is the batch size.", NULL);
	m->write = metric(host, TROUPE_HISTOGRAM, "troupe_db_write_duration_seconds", "One synced write of a batch.", NULL);
	m->reopened = metric(host, TROUPE_COUNTER, "troupe_db_reopened_total",
			     "How often the store was closed after an error and opened again.", NULL);
	m->errors = metric(host, TROUPE_COUNTER, "troupe_db_errors_total", "Failed writes and failed openings.", NULL);
	m->full = metric(host, TROUPE_COUNTER, "troupe_db_queue_full_total", "Requests refused because too many waited.",
			 NULL);
	m->waiting = metric(host, TROUPE_GAUGE, "troupe_db_waiting_commits", "Commits that wait or are being written.",
			    NULL);
	m->gets = metric(host, TROUPE_COUNTER, "troupe_db_reads_total", reads, "kind=\"get\"");
	m->scans = metric(host, TROUPE_COUNTER, "troupe_db_reads_total", reads, "kind=\"scan\"");
	m->open = metric(host, TROUPE_GAUGE, "troupe_db_open", "1 while the store is open.", NULL);
}

void store_init(struct store *store, const char *name)
{
	memset(store, 0, sizeof(*store));
	snprintf(store->name, sizeof(store->name), "%s", name);
	pthread_mutex_init(&store->gate, NULL);
	db_queue_init(&store->commits);
	db_queue_init(&store->reads);
	atomic_init(&store->state, STORE_CLOSED);
	atomic_init(&store->queue_max, STORE_QUEUE_MAX);
}

static void store_join(struct store *store)
{
	if (store->started) {
		pthread_join(store->writer, NULL);
		store->started = false;
	}
}

void store_fini(struct store *store)
{
	store_stop(store);
	store_join(store);
	db_queue_fini(&store->commits);
	db_queue_fini(&store->reads);
	pthread_mutex_destroy(&store->gate);
}

int32_t store_start(struct store *store, const struct store_params *params, struct troupe_error *reterr)
{
	if (atomic_load(&store->state) != STORE_CLOSED) {
		reterr->status = TROUPE_FAILED_PRECONDITION;
		snprintf(reterr->text, sizeof(reterr->text), "database \"%s\" is already open", store->name);
		snprintf(reterr->help, sizeof(reterr->help), "wait until it has been closed");
		return TROUPE_FAILED_PRECONDITION;
	}
	store_join(store); /* its writer has said its last word */
	store->params = *params;
	atomic_store(&store->queue_max, params->queue_max != 0 ? params->queue_max : STORE_QUEUE_MAX);
	if (params->host != NULL) {
		metrics_register(&store->metrics, params->host);
	}
	atomic_store(&store->closing, false);
	atomic_store(&store->state, STORE_OPENING);
	db_queue_open(&store->commits);
	db_queue_open(&store->reads);
	int error = pthread_create(&store->writer, NULL, store_writer, store);

	if (error != 0) {
		db_queue_close(&store->commits);
		db_queue_close(&store->reads);
		atomic_store(&store->state, STORE_CLOSED);
		reterr->status = TROUPE_RESOURCE_EXHAUSTED;
		snprintf(reterr->text, sizeof(reterr->text), "database \"%s\": no thread: %s", store->name, strerror(error));
		snprintf(reterr->help, sizeof(reterr->help), "raise the limit of threads (ulimit -u)");
		return TROUPE_RESOURCE_EXHAUSTED;
	}
	store->started = true;
	return TROUPE_OK;
}

void store_stop(struct store *store)
{
	if (atomic_load(&store->state) == STORE_CLOSED) {
		return;
	}
	atomic_store(&store->closing, true);
	db_queue_wake(&store->commits);
}

void store_stats(struct store *store, struct troupe_store_stats *ret_stats)
{
	uint32_t size = ret_stats->size < sizeof(*ret_stats) ? ret_stats->size : sizeof(*ret_stats);
	struct troupe_store_stats stats = {
		.size = size,
		.open = atomic_load(&store->state) == STORE_OPEN,
		.commits = atomic_load(&store->counts.commits),
		.batches = atomic_load(&store->counts.batches),
		.refused = atomic_load(&store->counts.refused),
		.errors = atomic_load(&store->counts.errors),
		.reopened = atomic_load(&store->counts.reopened),
		.waiting = atomic_load(&store->commits.waiting),
		.gets = atomic_load(&store->counts.gets),
		.scans = atomic_load(&store->counts.scans),
	};

	memcpy(ret_stats, &stats, size);
}
