/* SPDX-License-Identifier: MIT */
/* Message bodies: immutable bytes with counted references, and the pool they come from. */
#ifndef HOST_CORE_BUF_H
#define HOST_CORE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "troupe/message.h"

/*
 * buf_new returns a buffer of `len` bytes with one reference, to be filled through *ret_bytes before it is handed on;
 * NULL if it is above TROUPE_BODY_MAX or there is no memory. [any]
 * On threads that called buf_pool_open small buffers come from a pool of the thread (at most 1024 of a size).
 */
struct troupe_buf *buf_new(size_t len, uint8_t **ret_bytes);

/* buf_copy returns a new buffer with these bytes; NULL as buf_new. [any] */
struct troupe_buf *buf_copy(const void *bytes, size_t len);

/* buf_ref adds a reference and returns `buf` (NULL is fine). buf_unref takes one away; NULL is fine. [any] */
struct troupe_buf *buf_ref(struct troupe_buf *buf);
void buf_unref(struct troupe_buf *buf);

/* buf_pool_open lets the calling thread keep freed buffers; buf_pool_close releases them before the thread ends. */
void buf_pool_open(void);
void buf_pool_close(void);

#endif
