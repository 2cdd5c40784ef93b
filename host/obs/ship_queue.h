/* SPDX-License-Identifier: MIT */
/* Lines of the log on their way from whoever writes them into the spool, and from there into batches. */
#ifndef HOST_OBS_SHIP_QUEUE_H
#define HOST_OBS_SHIP_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/obs/log.h"

#define SHIP_BATCH_RECORDS 256u
#define SHIP_BATCH_BYTES (64u * 1024u)

struct ship_queue;

/* Records that go in one call: packed log.Record messages, each as a field `records` of log.AppendRequest. */
struct ship_batch {
	uint64_t last; /* number of the newest */
	uint32_t records;
	size_t len;
	uint8_t bytes[]; /* SHIP_BATCH_BYTES and a little more */
};

/* What became of lines since the process began. */
struct ship_counts {
	uint64_t waiting_bytes; /* of the spool, now */
	uint64_t spooled, shipped, dropped; /* records */
};

/*
 * ship_queue_open opens the spool in `folder` and starts the thread that writes it and makes batches; `on_batch` runs on
 * that thread when one is ready. 0, or -errno. [main]
 */
int ship_queue_open(const char *folder, uint64_t max, void (*on_batch)(void *arg), void *arg,
		    struct ship_queue **ret_queue);
/* ship_queue_close writes what is left and ends the thread; NULL is fine. Returns NULL. [main] */
struct ship_queue *ship_queue_close(struct ship_queue *queue);

/* ship_queue_tap takes a line: for log_tap. It copies; what does not fit is dropped and counted. [any] */
void ship_queue_tap(void *queue, const struct log_line *line, uint64_t time_ms);

/* ship_queue_id: the spool's id. [any] */
uint64_t ship_queue_id(const struct ship_queue *queue);

/* ship_queue_done says that all records up to `number` are safe elsewhere, and asks for the batch behind them; `shipped`
 * of them count as shipped. [any] */
void ship_queue_done(struct ship_queue *queue, uint64_t number, uint32_t shipped);
/* ship_queue_lost counts records that nobody will take. [any] */
void ship_queue_lost(struct ship_queue *queue, uint32_t records);
/* ship_queue_take returns the batch that was made, to be freed with free(), or NULL. [any] */
struct ship_batch *ship_queue_take(struct ship_queue *queue);

/* ship_counts_read copies the figures; all 0 where nothing is spooled. [any] */
void ship_counts_read(struct ship_counts *ret_counts);

#endif
