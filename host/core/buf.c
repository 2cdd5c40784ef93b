/* SPDX-License-Identifier: MIT */
/* Message bodies. */
#include "host/core/buf.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CLASSES 3u
#define POOL_MAX 1024u

struct buf {
	struct troupe_buf pub;
	atomic_uint refs;
	uint32_t size_class; /* CLASSES = none: straight from malloc */
	union {
		struct buf *next; /* while in a pool */
		_Alignas(16) uint8_t bytes[1];
	};
};

struct pool {
	bool open;
	uint32_t len[CLASSES];
	struct buf *free[CLASSES];
};

static const uint32_t class_size[CLASSES] = { 128, 512, 2048 };
static _Thread_local struct pool pool;

void buf_pool_open(void)
{
	/* under AddressSanitizer a freed buffer must be freed, so that a late reader is caught */
#ifndef TROUPE_ASAN
	pool.open = true;
#endif
}

void buf_pool_close(void)
{
	for (uint32_t i = 0; i < CLASSES; i++) {
		while (pool.free[i] != NULL) {
			struct buf *buf = pool.free[i];
			pool.free[i] = buf->next;
			free(buf);
		}
		pool.len[i] = 0;
	}
	pool.open = false;
}

static struct buf *buf_get(size_t len)
{
	uint32_t size_class = 0;
	struct buf *buf;

	while (size_class < CLASSES && len > class_size[size_class]) {
		size_class++;
	}
	if (size_class < CLASSES && pool.free[size_class] != NULL) {
		buf = pool.free[size_class];
		pool.free[size_class] = buf->next;
		pool.len[size_class]--;
		return buf;
	}
	buf = malloc(offsetof(struct buf, bytes) + (size_class < CLASSES ? class_size[size_class] : len));
	if (buf != NULL) {
		buf->size_class = size_class;
	}
	return buf;
}

struct troupe_buf *buf_new(size_t len, uint8_t **ret_bytes)
{
	struct buf *buf = len <= TROUPE_BODY_MAX ? buf_get(len) : NULL;

	if (buf == NULL) {
		return NULL;
	}
	atomic_init(&buf->refs, 1);
	buf->pub = (struct troupe_buf){ .data = buf->bytes, .len = (uint32_t)len };
	*ret_bytes = buf->bytes;
	return &buf->pub;
}

struct troupe_buf *buf_copy(const void *bytes, size_t len)
{
	uint8_t *to;
	struct troupe_buf *buf = buf_new(len, &to);

	if (buf != NULL && len > 0) {
		memcpy(to, bytes, len);
	}
	return buf;
}

struct troupe_buf *buf_ref(struct troupe_buf *buf)
{
	if (buf != NULL) {
		atomic_fetch_add_explicit(&((struct buf *)(void *)buf)->refs, 1, memory_order_relaxed);
	}
	return buf;
}

void buf_unref(struct troupe_buf *pub)
{
	struct buf *buf = (struct buf *)(void *)pub;

	if (buf == NULL) {
		return;
	}
	/* who sees 1 holds the only reference: nobody else can change the count, no atomic step is needed */
	if (atomic_load_explicit(&buf->refs, memory_order_acquire) != 1 &&
	    atomic_fetch_sub_explicit(&buf->refs, 1, memory_order_acq_rel) != 1) {
		return;
	}
	uint32_t i = buf->size_class;
	if (i < CLASSES && pool.open && pool.len[i] < POOL_MAX) {
		buf->next = pool.free[i];
		pool.free[i] = buf;
		pool.len[i]++;
		return;
	}
	free(buf);
}
