/* SPDX-License-Identifier: MIT */
/* The clients' side of the raw servers: connections in one libev loop that carry frames of the client protocol. */
#ifndef BENCH_RAW_CONNS_H
#define BENCH_RAW_CONNS_H

#include <ev.h>
#include <stdint.h>
#include <sys/types.h>

#define FRAME_HEAD 8 /* u32 event, u32 bytes of the body, little-endian */
#define BODY_MAX 65536
#define BUFFER_SIZE (2 * (FRAME_HEAD + BODY_MAX))
#define CONNS_MAX 16384

struct conn;

/* conns_listen listens on 127.0.0.1:`port`: 0 or -errno. on_bytes gets what came from a connection and returns how many
 * bytes of it were whole frames; the rest is kept for the next time. Negative: the connection is closed. */
int conns_listen(struct ev_loop *loop, long port, ssize_t (*on_bytes)(struct conn *conn, uint8_t *bytes, size_t len));
/* conn_send writes at once; a reader that is too slow is not read from until it took what it asked for. 0 or -errno, and
 * then the connection is to be closed. */
int conn_send(struct conn *conn, const uint8_t *bytes, size_t len);
/* conn_id numbers a connection; conn_find finds it if it is still there, or NULL. conn_close ends it. */
uint32_t conn_id(const struct conn *conn);
struct conn *conn_find(uint32_t id);
void conn_close(struct conn *conn);

/* u32_read and u32_write: little-endian. */
uint32_t u32_read(const uint8_t *bytes);
void u32_write(uint8_t *bytes, uint32_t value);

#endif
