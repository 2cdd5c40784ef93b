/* SPDX-License-Identifier: MIT */
/* Bytes that wait to be sent: small ones copied together, large bodies by reference. */
#ifndef HOST_NET_OUT_H
#define HOST_NET_OUT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "troupe/message.h"

#define OUT_COPY_MAX 512u /* bodies up to here are copied: cheaper than another piece of a writev */

struct out_chunk;

enum out_class { OUT_REF = 0, OUT_SMALL = 1, OUT_LARGE = 2, OUT_CLASSES = 3 };

/* Chunks that are not in use, for all queues of one loop. Zeroed but for buf_unref = empty. */
struct out_pool {
	void (*buf_unref)(struct troupe_buf *buf);
	struct out_chunk *unused[OUT_CLASSES];
	uint32_t unused_len[OUT_CLASSES];
};

/* What waits on one connection, in order. Zeroed = nothing. */
struct out_queue {
	struct out_chunk *head, *tail;
};

/* out_copy appends a copy of `len` bytes. Returns 0, or -ENOMEM with some of them appended. [loop] */
int out_copy(struct out_pool *pool, struct out_queue *queue, const void *bytes, size_t len);
/* out_body appends a body, taken over also on failure. Returns 0 or -ENOMEM. [loop] */
int out_body(struct out_pool *pool, struct out_queue *queue, struct troupe_buf *body);
/* out_write sends what it can with as few system calls as it can. Returns the bytes that left, which may be fewer than
 * waited (the socket is full), or -errno of a broken connection. [loop] */
ssize_t out_write(struct out_pool *pool, struct out_queue *queue, int fd);
/* out_clear drops everything. [loop] */
void out_clear(struct out_pool *pool, struct out_queue *queue);
/* out_pool_clear releases the unused chunks. [loop] */
void out_pool_clear(struct out_pool *pool);

#endif
