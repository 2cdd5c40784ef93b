/* SPDX-License-Identifier: MIT */
/* Lines on their way into the spool and out of it. */
#include "host/obs/ship_queue.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/core/le.h"
#include "host/obs/spool.h"
#include "host/obs/text.h"
#include "log.pb-c.h"

#define LINES_BYTES (256u * 1024u) /* of lines that wait for the thread */
#define LINE_HEAD 12u
#define TEXT_MAX_BYTES 4096u
#define PACKED_MAX 8192u
#define FIELD_TAG 0x22 /* AppendRequest.records: field 4, length-delimited */
#define LINGER_MS 100u	/* lines are given this long to come together */
#define SYNC_MS 1000u	/* what waits longer for a log server outlives a power cut */
#define TELL_MS 10000u

struct lines {
	uint8_t *bytes; /* LINES_BYTES: length, number, packed record */
	size_t len;
};

struct ship_queue {
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t news;
	/* under the mutex */
	struct lines fill;
	uint64_t next;	 /* number of the next line */
	uint64_t done;	 /* all up to it are safe */
	uint64_t dropped; /* lines that did not fit */
	bool wanted; /* the next batch */
	bool asked;  /* since the last round of the thread */
	bool stop;
	struct ship_batch *batch;
	/* the thread's own */
	struct lines drain;
	struct spool *spool;
	void (*on_batch)(void *arg);
	void *arg;
	uint64_t told_ms, untold, linger_ms, sync_ms;
	bool failing, more;
	char folder[256];
};

static struct {
	atomic_uint_fast64_t waiting_bytes, spooled, shipped, dropped;
} counts;

void ship_counts_read(struct ship_counts *ret_counts)
{
	*ret_counts = (struct ship_counts){
		.waiting_bytes = atomic_load(&counts.waiting_bytes),
		.spooled = atomic_load(&counts.spooled),
		.shipped = atomic_load(&counts.shipped),
		.dropped = atomic_load(&counts.dropped),
	};
}

static uint64_t monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

/* --- a line comes --------------------------------------------------------------------------------- */

/* A copy of at most `max` bytes of a string in *at, valid UTF-8; NULL if there is nothing. */
static char *clean(char **at, const char *end, const char *string, size_t max, bool *ret_cut)
{
	struct text text;

	if (string == NULL || string[0] == '\0') {
		return NULL;
	}
	text_init_fixed(&text, *at, (size_t)(end - *at));
	text_utf8(&text, string, max);
	*ret_cut |= text.failed || strlen(string) > max;
	*at += text.len + 1;
	return text.bytes;
}

/* The packed record of a line; at most PACKED_MAX bytes. */
static size_t line_pack(const struct log_line *line, uint64_t number, uint64_t time_ms, uint8_t *ret_bytes)
{
	static const uint8_t none[TROUPE_TRACE_SIZE];
	char space[PACKED_MAX - 512], *at = space, *end = space + sizeof(space);
	Log__Record record = LOG__RECORD__INIT;
	bool cut = false, ignored = false;

	record.has_time_ms = record.has_seq = record.has_level = 1;
	record.time_ms = time_ms;
	record.seq = number;
	record.level = line->level;
	record.part = clean(&at, end, line->part, 96, &ignored);
	record.role = clean(&at, end, line->role, 96, &ignored);
	record.instance = clean(&at, end, line->instance, 96, &ignored);
	record.code = clean(&at, end, line->code, 96, &ignored);
	record.order = clean(&at, end, line->order, 96, &ignored);
	record.has_account = line->account != 0;
	record.account = line->account;
	if (line->trace != NULL && memcmp(line->trace, none, sizeof(none)) != 0) {
		record.has_trace = 1;
		record.trace.data = (uint8_t *)(uintptr_t)line->trace;
		record.trace.len = TROUPE_TRACE_SIZE;
	}
	record.text = clean(&at, end, line->text, TEXT_MAX_BYTES, &cut);
	record.has_cut_from = cut;
	record.cut_from = cut ? (uint32_t)strlen(line->text) : 0;
	return log__record__pack(&record, ret_bytes);
}

void ship_queue_tap(void *arg, const struct log_line *line, uint64_t time_ms)
{
	struct ship_queue *queue = arg;
	uint8_t packed[PACKED_MAX];

	pthread_mutex_lock(&queue->mutex);
	size_t len = line_pack(line, queue->next, time_ms, packed);
	if (queue->fill.len + LINE_HEAD + len > LINES_BYTES) {
		queue->dropped++;
	} else {
		uint8_t *at = queue->fill.bytes + queue->fill.len;
		le_put(at, len, 4);
		le_put(at + 4, queue->next, 8);
		memcpy(at + LINE_HEAD, packed, len);
		queue->fill.len += LINE_HEAD + len;
		pthread_cond_signal(&queue->news);
	}
	queue->next++;
	pthread_mutex_unlock(&queue->mutex);
}

/* --- the thread: into the spool ------------------------------------------------------------------- */

/* Only for this host's own log: what says that shipping fails must not make more to be shipped. */
static void tell_here(uint32_t level, const char *text)
{
	log_write(&(struct log_line){ .level = level, .here = 1, .instance = "log", .text = text });
}

static void append_failed(struct ship_queue *queue, int error)
{
	char text[512];

	if (queue->failing) {
		return;
	}
	queue->failing = true;
	snprintf(text, sizeof(text), "cannot keep lines for the log server in %s: %s; they are lost until that works again",
		 queue->folder, strerror(error));
	tell_here(TROUPE_LOG_ERROR, text);
}

static void lines_append(struct ship_queue *queue)
{
	for (size_t at = 0; at < queue->drain.len;) {
		const uint8_t *line = queue->drain.bytes + at;
		size_t len = le_get(line, 4);
		uint64_t dropped;
		int r = spool_append(queue->spool, le_get(line + 4, 8), line + LINE_HEAD, len, &dropped);

		if (r < 0) {
			dropped++;
			append_failed(queue, -r);
		} else {
			queue->failing = false;
			atomic_fetch_add(&counts.spooled, 1);
		}
		queue->untold += dropped;
		atomic_fetch_add(&counts.dropped, dropped);
		at += LINE_HEAD + len;
	}
	queue->drain.len = 0;
}

static void dropped_tell(struct ship_queue *queue, uint64_t now_ms)
{
	if (queue->untold > 0 && now_ms - queue->told_ms >= TELL_MS) {
		queue->told_ms = now_ms;
		log_text(TROUPE_LOG_WARNING, "log", "%llu lines for the log server were dropped: %s is full",
			 (unsigned long long)queue->untold, queue->folder);
		queue->untold = 0;
	}
}

/* --- the thread: batches -------------------------------------------------------------------------- */

static bool batch_add(void *arg, uint64_t number, const uint8_t *bytes, size_t len)
{
	struct ship_batch *batch = arg;
	size_t left = len;

	if (batch->records == SHIP_BATCH_RECORDS || (batch->records > 0 && batch->len + len + 4 > SHIP_BATCH_BYTES)) {
		return false;
	}
	batch->bytes[batch->len++] = FIELD_TAG;
	for (; left >= 0x80; left >>= 7) {
		batch->bytes[batch->len++] = (uint8_t)(left | 0x80);
	}
	batch->bytes[batch->len++] = (uint8_t)left;
	memcpy(batch->bytes + batch->len, bytes, len);
	batch->len += len;
	batch->records++;
	batch->last = number;
	return true;
}

/* Makes the batch behind `done`. */
static void batch_make(struct ship_queue *queue, uint64_t done)
{
	struct ship_batch *batch = malloc(sizeof(*batch) + SHIP_BATCH_BYTES + SPOOL_RECORD_MAX + 8);

	if (batch == NULL) {
		return;
	}
	*batch = (struct ship_batch){ 0 };
	spool_read(queue->spool, done, batch_add, batch);
	if (batch->records == 0) {
		free(batch);
		return;
	}
	queue->more = batch->last < spool_last(queue->spool);
	pthread_mutex_lock(&queue->mutex);
	free(queue->batch);
	queue->batch = batch;
	queue->wanted = false;
	pthread_mutex_unlock(&queue->mutex);
	queue->on_batch(queue->arg);
}

/* --- the thread ----------------------------------------------------------------------------------- */

/* When there is something to do without news; UINT64_MAX = never. */
static uint64_t next_due(const struct ship_queue *queue)
{
	uint64_t due = queue->sync_ms;

	/* `wanted` and the batch change under the mutex, which is held here */
	return queue->wanted && queue->linger_ms < due ? queue->linger_ms : due;
}

static void wait_until(struct ship_queue *queue, uint64_t due_ms)
{
	struct timespec until = { .tv_sec = (time_t)(due_ms / 1000), .tv_nsec = (long)(due_ms % 1000) * 1000000 };

	if (due_ms == UINT64_MAX) {
		pthread_cond_wait(&queue->news, &queue->mutex);
	} else {
		pthread_cond_timedwait(&queue->news, &queue->mutex, &until);
	}
}

/* What one round of the thread has to do. */
struct round {
	uint64_t done;
	bool wanted, stop;
};

/* Waits for something to do, and takes it. */
static void round_take(struct ship_queue *queue, struct round *ret_round)
{
	pthread_mutex_lock(&queue->mutex);
	while (!queue->stop && queue->fill.len == 0 && !queue->asked && monotonic_ms() < next_due(queue)) {
		wait_until(queue, next_due(queue));
	}
	struct lines filled = queue->fill;
	queue->fill = queue->drain;
	queue->drain = filled;
	queue->untold += queue->dropped;
	atomic_fetch_add(&counts.dropped, queue->dropped);
	queue->dropped = 0;
	queue->asked = false;
	*ret_round = (struct round){ .done = queue->done, .wanted = queue->wanted, .stop = queue->stop };
	pthread_mutex_unlock(&queue->mutex);
}

/* Sets when what waits has waited long enough. */
static void due_set(struct ship_queue *queue, uint64_t now_ms, bool waits, bool came)
{
	if (!waits) {
		queue->linger_ms = queue->sync_ms = UINT64_MAX;
		return;
	}
	if (queue->linger_ms == UINT64_MAX) {
		queue->linger_ms = now_ms + LINGER_MS;
	}
	if (came && queue->sync_ms == UINT64_MAX) {
		queue->sync_ms = now_ms + SYNC_MS;
	}
}

static void *queue_run(void *arg)
{
	struct ship_queue *queue = arg;
	struct round round = { 0 };

	while (!round.stop) {
		round_take(queue, &round);
		uint64_t now_ms = monotonic_ms();
		bool came = queue->drain.len > 0;
		lines_append(queue);
		spool_trim(queue->spool, round.done);
		bool waits = spool_last(queue->spool) > round.done;
		due_set(queue, now_ms, waits, came);
		if (round.wanted && waits && !round.stop && (queue->more || now_ms >= queue->linger_ms)) {
			queue->linger_ms = UINT64_MAX;
			queue->more = false;
			batch_make(queue, round.done);
		}
		if (waits && (now_ms >= queue->sync_ms || round.stop)) {
			spool_sync(queue->spool);
			queue->sync_ms = UINT64_MAX;
		}
		atomic_store(&counts.waiting_bytes, waits ? spool_bytes(queue->spool) : 0);
		dropped_tell(queue, now_ms);
	}
	return NULL;
}

/* --- the functions -------------------------------------------------------------------------------- */

uint64_t ship_queue_id(const struct ship_queue *queue)
{
	return spool_id(queue->spool);
}

void ship_queue_done(struct ship_queue *queue, uint64_t number, uint32_t shipped)
{
	atomic_fetch_add(&counts.shipped, shipped);
	pthread_mutex_lock(&queue->mutex);
	queue->done = number > queue->done ? number : queue->done;
	/* the server has seen more than this disk remembers: it would take what comes for repetitions */
	queue->next = queue->next > number ? queue->next : number + 1;
	queue->wanted = queue->asked = true;
	pthread_cond_signal(&queue->news);
	pthread_mutex_unlock(&queue->mutex);
}

void ship_queue_lost(struct ship_queue *queue, uint32_t records)
{
	(void)queue;
	atomic_fetch_add(&counts.dropped, records);
}

struct ship_batch *ship_queue_take(struct ship_queue *queue)
{
	pthread_mutex_lock(&queue->mutex);
	struct ship_batch *batch = queue->batch;
	queue->batch = NULL;
	pthread_mutex_unlock(&queue->mutex);
	return batch;
}

static uint64_t first_number(const struct spool *spool)
{
	struct timespec now;

	/* Above whatever a lost file held: the clock runs ahead of the lines that any host writes. */
	clock_gettime(CLOCK_REALTIME, &now);
	uint64_t us = (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
	return us > spool_last(spool) ? us : spool_last(spool) + 1;
}

static int thread_start(struct ship_queue *queue)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int r = pthread_create(&queue->thread, NULL, queue_run, queue);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}

int ship_queue_open(const char *folder, uint64_t max, void (*on_batch)(void *arg), void *arg,
		    struct ship_queue **ret_queue)
{
	struct ship_queue *queue = calloc(1, sizeof(*queue));
	pthread_condattr_t monotonic;
	int r;

	if (queue == NULL) {
		return -ENOMEM;
	}
	queue->on_batch = on_batch;
	queue->arg = arg;
	queue->linger_ms = queue->sync_ms = UINT64_MAX;
	snprintf(queue->folder, sizeof(queue->folder), "%s", folder);
	queue->fill.bytes = malloc(LINES_BYTES);
	queue->drain.bytes = malloc(LINES_BYTES);
	pthread_mutex_init(&queue->mutex, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&queue->news, &monotonic);
	pthread_condattr_destroy(&monotonic);
	r = queue->fill.bytes != NULL && queue->drain.bytes != NULL ? spool_open(folder, max, &queue->spool) : -ENOMEM;
	if (r == 0) {
		queue->next = first_number(queue->spool);
		r = thread_start(queue);
	}
	if (r < 0) {
		queue->stop = true; /* nothing to be joined */
		ship_queue_close(queue);
		return r;
	}
	*ret_queue = queue;
	return 0;
}

struct ship_queue *ship_queue_close(struct ship_queue *queue)
{
	if (queue == NULL) {
		return NULL;
	}
	pthread_mutex_lock(&queue->mutex);
	bool runs = !queue->stop;
	queue->stop = true;
	pthread_cond_signal(&queue->news);
	pthread_mutex_unlock(&queue->mutex);
	if (runs) {
		pthread_join(queue->thread, NULL);
	}
	spool_close(queue->spool);
	pthread_cond_destroy(&queue->news);
	pthread_mutex_destroy(&queue->mutex);
	free(queue->fill.bytes);
	free(queue->drain.bytes);
	free(queue->batch);
	free(queue);
	return NULL;
}
