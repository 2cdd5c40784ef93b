/* SPDX-License-Identifier: MIT */
/* A store's writer thread: group commit, and what to do when a write has failed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/db/store.h"

/* Tests build this file with a MUTANT that plants mistakes which they must find. */
#ifndef MUTANT
#define MUTANT(name) 0
#endif

struct list {
	struct db_request *head, **tail;
};

/* What the writer keeps between groups. */
struct writer {
	struct store *store;
	struct list todo;		 /* taken from the queue */
	struct troupe_driver_tx *txs;	 /* of the group, group_max of them */
	struct troupe_db_result *results;
	struct db_request *group;	 /* its requests, linked; after a failure those whose outcome is unknown */
	uint32_t group_len;
	int32_t cause; /* why the store was closed */
	int full;      /* commits are refused for want of room, and it was said */
	char told[512]; /* the last failure that was said aloud */
};

static void list_init(struct list *list)
{
	list->head = NULL;
	list->tail = &list->head;
}

static void list_take(struct list *list, struct db_queue *queue)
{
	struct db_request *taken = db_queue_take(queue);

	*list->tail = taken;
	while (*list->tail != NULL) {
		list->tail = &(*list->tail)->next;
	}
}

static struct db_request *list_shift(struct list *list)
{
	struct db_request *request = list->head;

	list->head = request->next;
	if (list->head == NULL) {
		list->tail = &list->head;
	}
	return request;
}

static void show_queue(struct store *store)
{
	const struct troupe_host *host = store->params.host;

	if (host != NULL) {
		uint64_t full = atomic_load_explicit(&store->counts.full, memory_order_relaxed);

		host->metric_set(host, store->metrics.waiting,
				 atomic_load_explicit(&store->commits.waiting, memory_order_relaxed));
		host->metric_add(host, store->metrics.full, (int64_t)(full - store->full_shown));
		store->full_shown = full;
	}
}

/* Sends `count` commits back. */
static void answer(struct store *store, struct db_request *first, uint32_t count)
{
	uint64_t done = 0, unknown = 0;

	if (count == 0) {
		return;
	}
	for (struct db_request *request = first; request != NULL; request = request->next) {
		enum troupe_outcome outcome = troupe_outcome_of(request->u.commit.result.status);

		done += outcome == TROUPE_DONE;
		unknown += outcome == TROUPE_UNDECIDED;
	}
	store_count(store, &store->counts.commits, store->metrics.commits, done);
	store_count(store, &store->counts.unknown, store->metrics.unknown, unknown);
	store_count(store, &store->counts.refused, store->metrics.refused, count - done - unknown);
	atomic_fetch_sub_explicit(&store->commits.waiting, count, memory_order_relaxed);
	show_queue(store);
	store_reply(first);
}

/* --- a group ------------------------------------------------------------------------------------ */

static void group_form(struct writer *writer)
{
	const struct troupe_driver *driver = writer->store->params.driver;
	struct db_request **tail = &writer->group;
	size_t bytes = 0;

	writer->group = NULL;
	writer->group_len = 0;
	while (writer->todo.head != NULL && writer->group_len < driver->group_max) {
		bytes += writer->todo.head->bytes;
		if (writer->group_len > 0 && bytes > driver->group_bytes) {
			break;
		}
		struct db_request *request = list_shift(&writer->todo);

		writer->txs[writer->group_len++] = request->u.commit.tx;
		request->next = NULL;
		*tail = request;
		tail = &request->next;
	}
}

/* show_full: says once that the disk is full, though nothing failed, and once that it is not any more. */
static void show_full(struct writer *writer)
{
	struct store *store = writer->store;
	int full = 1;

	for (uint32_t i = 0; i < writer->group_len; i++) {
		full &= writer->results[i].status == TROUPE_RESOURCE_EXHAUSTED;
	}
	if (full == writer->full) {
		return;
	}
	writer->full = full;
	store_log(store, full ? TROUPE_LOG_ERROR : TROUPE_LOG_NOTICE,
		  full ? "database \"%s\": its disk is full: commits are refused until there is room"
		       : "database \"%s\": there is room again: commits are taken", store->name);
	store_say(store, TROUPE_OK, full ? "its disk is full: commits are refused" : "open");
}

static void group_answer(struct writer *writer)
{
	struct db_request *request = writer->group;

	show_full(writer);

	for (uint32_t i = 0; i < writer->group_len; i++, request = request->next) {
		request->u.commit.result = writer->results[i];
		request->u.commit.result.size = sizeof(struct troupe_db_result);
	}
	request = writer->group;
	writer->group = NULL;
	answer(writer->store, request, writer->group_len);
}

/* --- closing ------------------------------------------------------------------------------------ */

static void handle_close(struct store *store)
{
	atomic_store_explicit(&store->gate_wanted, true, memory_order_relaxed);
	pthread_mutex_lock(&store->gate);
	atomic_store_explicit(&store->gate_wanted, false, memory_order_relaxed);
	for (uint32_t i = 0; i < STORE_SNAPSHOTS_MAX && store->handle != NULL; i++) {
		if (store->snapshots[i].id != 0) {
			store->params.driver->snapshot_close(store->handle, store->snapshots[i].snapshot);
			store->snapshots[i] = (struct store_snapshot){ 0 };
		}
	}
	if (store->handle != NULL) {
		store->params.driver->close(store->handle);
		store->handle = NULL;
	}
	pthread_mutex_unlock(&store->gate);
}

static void show_open(struct store *store, int open)
{
	if (store->params.host != NULL) {
		store->params.host->metric_set(store->params.host, store->metrics.open, open);
	}
}

/* --- opening ------------------------------------------------------------------------------------ */

/* Finds what became of the failed group. Not OK: the store fails again, and the rest is still unknown. */
static int32_t group_resolve(struct writer *writer)
{
	struct store *store = writer->store;
	int32_t absent = writer->cause == TROUPE_RESOURCE_EXHAUSTED ? TROUPE_RESOURCE_EXHAUSTED : TROUPE_ABORTED;

	while (writer->group != NULL) {
		struct db_request *request = writer->group;
		struct troupe_driver_tx *tx = &request->u.commit.tx;
		uint64_t version = 0;
		int32_t status = TROUPE_UNKNOWN;

		if (tx->key != NULL) {
			status = MUTANT("no_resolve") ? TROUPE_NOT_FOUND
						      : store->params.driver->find_key(store->handle, tx->key,
										       tx->fingerprint, &version);
			if (status == TROUPE_NOT_FOUND) {
				status = absent;
			} else if (status != TROUPE_OK && status != TROUPE_ALREADY_EXISTS) {
				return status;
			}
		}
		writer->group = request->next;
		request->next = NULL;
		db_request_refuse(request, status);
		if (status == TROUPE_OK) {
			request->u.commit.result.repeated = 1;
			request->u.commit.result.version = version;
		}
		answer(store, request, 1);
	}
	return TROUPE_OK;
}

/* Ends those whose outcome nobody will find out. */
static void group_give_up(struct writer *writer)
{
	struct db_request *first = writer->group;
	uint32_t count = 0;

	for (struct db_request *request = first; request != NULL; request = request->next, count++) {
		db_request_refuse(request, TROUPE_UNKNOWN);
	}
	writer->group = NULL;
	answer(writer->store, first, count);
}

static void todo_refuse(struct writer *writer, int32_t status)
{
	struct db_request *first;
	uint32_t count = 0;

	list_take(&writer->todo, &writer->store->commits);
	first = writer->todo.head;
	for (struct db_request *request = first; request != NULL; request = request->next, count++) {
		db_request_refuse(request, status);
	}
	list_init(&writer->todo);
	answer(writer->store, first, count);
}

static int32_t open_once(struct writer *writer, struct troupe_error *reterr)
{
	struct store *store = writer->store;
	struct troupe_driver_open open = { .size = sizeof(open), .name = store->name, .options = store->params.options };
	void *handle = NULL;
	int32_t status = store->params.driver->open(&open, &handle, reterr);

	if (status != TROUPE_OK) {
		return status;
	}
	pthread_mutex_lock(&store->gate);
	store->handle = handle;
	pthread_mutex_unlock(&store->gate);
	status = group_resolve(writer);
	if (status != TROUPE_OK) {
		snprintf(reterr->text, sizeof(reterr->text), "its records of idempotency keys cannot be read");
		handle_close(store);
	}
	return status;
}

/* Says why the store is not open, unless it has just been said. */
static void open_failed(struct writer *writer, int32_t status, const struct troupe_error *error)
{
	struct store *store = writer->store;
	char text[sizeof(writer->told)];

	snprintf(text, sizeof(text), "%.240s%s%.240s", error->text, error->help[0] != '\0' ? "; " : "", error->help);
	store_count(store, &store->counts.errors, store->metrics.errors, 1);
	if (strcmp(text, writer->told) != 0) {
		memcpy(writer->told, text, sizeof(text));
		store_log(store, TROUPE_LOG_ERROR, "database \"%s\" does not open: %s; trying again", store->name, text);
		store_say(store, status, text);
	}
}

/* Opens the store, for as long as it takes. False: it is to be closed for good. */
static bool open_until(struct writer *writer)
{
	struct store *store = writer->store;
	uint64_t since = loop_clock_us(), backoff = STORE_BACKOFF_MIN_US;

	while (!atomic_load(&store->closing)) {
		struct troupe_error error = { .size = sizeof(error) };
		int32_t status = open_once(writer, &error);

		if (status == TROUPE_OK) {
			writer->told[0] = '\0';
			return true;
		}
		open_failed(writer, status, &error);
		uint64_t until = loop_clock_us() + backoff, now;

		backoff = backoff * 2 < STORE_BACKOFF_MAX_US ? backoff * 2 : STORE_BACKOFF_MAX_US;
		while ((now = loop_clock_us()) < until && !atomic_load(&store->closing)) {
			uint64_t wait = until - now;

			if (now - since >= STORE_GRACE_US) {
				todo_refuse(writer, status == TROUPE_RESOURCE_EXHAUSTED ? status : TROUPE_UNAVAILABLE);
			} else if (wait > STORE_GRACE_US) {
				wait = STORE_GRACE_US; /* look again when the grace is over */
			}
			if (now - since >= STORE_RESOLVE_US) {
				group_give_up(writer);
			}
			db_queue_wait(&store->commits, wait);
		}
	}
	return false;
}

/* Nothing is acknowledged between the failed write and the end of this. */
static bool recover(struct writer *writer, int32_t status, const struct troupe_error *error)
{
	struct store *store = writer->store;

	store_count(store, &store->counts.errors, store->metrics.errors, 1);
	store_log(store, TROUPE_LOG_ERROR,
		  "database \"%s\": a write of %u commits failed: %s; it is being closed and opened again", store->name,
		  writer->group_len, error->text);
	writer->cause = status;
	atomic_store(&store->state, STORE_BROKEN);
	show_open(store, 0);
	handle_close(store);
	if (!open_until(writer)) {
		return false;
	}
	store_count(store, &store->counts.reopened, store->metrics.reopened, 1);
	atomic_store(&store->state, STORE_OPEN);
	show_open(store, 1);
	store_log(store, TROUPE_LOG_NOTICE, "database \"%s\" is open again", store->name);
	store_say(store, TROUPE_OK, "reopened");
	return true;
}

static bool group_write(struct writer *writer)
{
	struct store *store = writer->store;
	struct troupe_error error = { .size = sizeof(error) };
	uint64_t begin = loop_clock_us();

	int32_t status = store->params.driver->commit(store->handle, writer->txs, writer->group_len, writer->results,
						      &error);

	store_count(store, &store->counts.batches, store->metrics.batches, 1);
	if (store->params.host != NULL) {
		store->params.host->metric_observe(store->params.host, store->metrics.write, loop_clock_us() - begin);
	}
	if (status == TROUPE_OK) {
		group_answer(writer);
		return true;
	}
	if (MUTANT("no_reopen")) {
		group_give_up(writer);
		return true;
	}
	return recover(writer, status, &error);
}

/* --- the thread --------------------------------------------------------------------------------- */

static void writer_work(struct writer *writer)
{
	struct store *store = writer->store;

	atomic_store(&store->state, STORE_OPEN);
	show_open(store, 1);
	store_say(store, TROUPE_OK, "open");
	for (;;) {
		list_take(&writer->todo, &store->commits);
		if (writer->todo.head == NULL) {
			if (atomic_load(&store->closing)) {
				return;
			}
			db_queue_wait(&store->commits, 0);
			continue;
		}
		group_form(writer);
		if (!group_write(writer)) {
			return;
		}
	}
}

void *store_writer(void *arg)
{
	struct store *store = arg;
	struct writer writer = { .store = store };
	uint32_t group_max = store->params.driver->group_max;
	char name[16];

	snprintf(name, sizeof(name), "db.%.12s", store->name);
	pthread_setname_np(pthread_self(), name);
	list_init(&writer.todo);
	writer.txs = malloc(group_max * sizeof(*writer.txs));
	writer.results = malloc(group_max * sizeof(*writer.results));
	if (writer.txs == NULL || writer.results == NULL ||
	    pthread_create(&store->reader, NULL, store_reader, store) != 0) {
		fprintf(stderr, "troupe: no memory or thread for database %s\n", store->name);
		abort();
	}
	if (open_until(&writer)) {
		writer_work(&writer);
	}
	atomic_store(&store->state, STORE_CLOSING);
	show_open(store, 0);
	group_give_up(&writer);
	do {
		todo_refuse(&writer, TROUPE_UNAVAILABLE);
	} while (!db_queue_close(&store->commits));
	handle_close(store);
	db_queue_wake(&store->reads);
	pthread_join(store->reader, NULL);
	free(writer.txs);
	free(writer.results);
	store_closed(store);
	return NULL;
}
