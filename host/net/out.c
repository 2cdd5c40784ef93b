/* SPDX-License-Identifier: MIT */
/* Output queues. */
#include "host/net/out.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define PIECES_MAX 64 /* in one system call */

/* What is kept for later use; more is given back, so that a burst does not stay in memory. */
static const uint32_t unused_max[OUT_CLASSES] = { 1024, 1024, 64 };

struct out_chunk {
	struct out_chunk *next;
	struct troupe_buf *buf; /* class REF: the bytes are its */
	uint32_t begin, end;
	uint32_t size; /* room in `bytes` */
	uint32_t class;
	uint8_t bytes[];
};

static const uint32_t class_size[OUT_CLASSES] = {
	0,
	512 - (uint32_t)sizeof(struct out_chunk),
	4096 - (uint32_t)sizeof(struct out_chunk),
};

static struct out_chunk *chunk_new(struct out_pool *pool, enum out_class class)
{
	struct out_chunk *chunk = pool->unused[class];

	if (chunk != NULL) {
		pool->unused[class] = chunk->next;
		pool->unused_len[class]--;
	} else {
		chunk = malloc(sizeof(*chunk) + class_size[class]);
		if (chunk == NULL) {
			return NULL;
		}
		chunk->size = class_size[class];
		chunk->class = class;
	}
	chunk->next = NULL;
	chunk->buf = NULL;
	chunk->begin = chunk->end = 0;
	return chunk;
}

static void chunk_free(struct out_pool *pool, struct out_chunk *chunk)
{
	if (chunk->buf != NULL) {
		pool->buf_unref(chunk->buf);
	}
	if (pool->unused_len[chunk->class] >= unused_max[chunk->class]) {
		free(chunk);
		return;
	}
	chunk->next = pool->unused[chunk->class];
	pool->unused[chunk->class] = chunk;
	pool->unused_len[chunk->class]++;
}

static void queue_append(struct out_queue *queue, struct out_chunk *chunk)
{
	if (queue->tail == NULL) {
		queue->head = chunk;
	} else {
		queue->tail->next = chunk;
	}
	queue->tail = chunk;
}

int out_copy(struct out_pool *pool, struct out_queue *queue, const void *bytes, size_t len)
{
	const uint8_t *from = bytes;

	while (len > 0) {
		struct out_chunk *chunk = queue->tail;
		if (chunk == NULL || chunk->end == chunk->size || chunk->buf != NULL) {
			/* most turns bring a connection one short message, or some between large bodies */
			int first = chunk == NULL || chunk->buf != NULL;
			enum out_class class = first && len <= class_size[OUT_SMALL] ? OUT_SMALL : OUT_LARGE;
			chunk = chunk_new(pool, class);
			if (chunk == NULL) {
				return -ENOMEM;
			}
			queue_append(queue, chunk);
		}
		size_t some = chunk->size - chunk->end;
		some = some < len ? some : len;
		memcpy(chunk->bytes + chunk->end, from, some);
		chunk->end += (uint32_t)some;
		from += some;
		len -= some;
	}
	return 0;
}

int out_body(struct out_pool *pool, struct out_queue *queue, struct troupe_buf *body)
{
	struct out_chunk *chunk;

	if (body->len <= OUT_COPY_MAX) {
		int r = out_copy(pool, queue, body->data, body->len);
		pool->buf_unref(body);
		return r;
	}
	chunk = chunk_new(pool, OUT_REF);
	if (chunk == NULL) {
		pool->buf_unref(body);
		return -ENOMEM;
	}
	chunk->buf = body;
	chunk->end = body->len;
	queue_append(queue, chunk);
	return 0;
}

static const uint8_t *chunk_bytes(const struct out_chunk *chunk)
{
	return (chunk->buf != NULL ? chunk->buf->data : chunk->bytes) + chunk->begin;
}

/* One system call. Returns the bytes that left or -errno; *ret_wanted is what was offered. */
static ssize_t queue_send(const struct out_queue *queue, int fd, size_t *ret_wanted)
{
	struct iovec pieces[PIECES_MAX];
	struct msghdr message = { .msg_iov = pieces };
	ssize_t sent;

	*ret_wanted = 0;
	if (queue->head->next == NULL) {
		*ret_wanted = queue->head->end - queue->head->begin;
		sent = send(fd, chunk_bytes(queue->head), *ret_wanted, MSG_NOSIGNAL);
		return sent < 0 ? -errno : sent;
	}
	for (struct out_chunk *chunk = queue->head; chunk != NULL && message.msg_iovlen < PIECES_MAX;
	     chunk = chunk->next) {
		size_t len = chunk->end - chunk->begin;
		pieces[message.msg_iovlen++] = (struct iovec){ (void *)(uintptr_t)chunk_bytes(chunk), len };
		*ret_wanted += len;
	}
	sent = sendmsg(fd, &message, MSG_NOSIGNAL);
	return sent < 0 ? -errno : sent;
}

static void queue_drop(struct out_pool *pool, struct out_queue *queue, size_t len)
{
	while (queue->head != NULL) {
		struct out_chunk *chunk = queue->head;
		size_t some = chunk->end - chunk->begin;
		if (some > len) {
			chunk->begin += (uint32_t)len;
			return;
		}
		len -= some;
		queue->head = chunk->next;
		if (queue->head == NULL) {
			queue->tail = NULL;
		}
		chunk_free(pool, chunk);
	}
}

ssize_t out_write(struct out_pool *pool, struct out_queue *queue, int fd)
{
	size_t total = 0;

	while (queue->head != NULL) {
		size_t wanted;
		ssize_t sent = queue_send(queue, fd, &wanted);
		if (sent == -EINTR) {
			continue;
		}
		if (sent == -EAGAIN || sent == -ENOBUFS) {
			break;
		}
		if (sent < 0) {
			return sent;
		}
		queue_drop(pool, queue, (size_t)sent);
		total += (size_t)sent;
		if ((size_t)sent < wanted) {
			break;
		}
	}
	return (ssize_t)total;
}

void out_clear(struct out_pool *pool, struct out_queue *queue)
{
	while (queue->head != NULL) {
		struct out_chunk *chunk = queue->head;
		queue->head = chunk->next;
		chunk_free(pool, chunk);
	}
	queue->tail = NULL;
}

void out_pool_clear(struct out_pool *pool)
{
	for (int class = 0; class < OUT_CLASSES; class++) {
		while (pool->unused[class] != NULL) {
			struct out_chunk *chunk = pool->unused[class];
			pool->unused[class] = chunk->next;
			free(chunk);
		}
		pool->unused_len[class] = 0;
	}
}
