/* SPDX-License-Identifier: MIT */
/* Connections of the raw servers. */
#include "conns.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Bytes that wait: the begin of a frame, or answers the client did not take yet; mostly neither. */
struct rest {
	uint8_t *bytes;
	size_t len;
};

struct conn {
	ev_io io;
	uint32_t id; /* its place in `conns`, and how often that was taken before */
	struct rest in;
	struct rest out;
};

static struct {
	struct ev_loop *loop;
	ev_io listener;
	ssize_t (*on_bytes)(struct conn *conn, uint8_t *bytes, size_t len);
	struct conn *conns[CONNS_MAX];
	uint32_t free[CONNS_MAX];
	uint32_t free_len;
	uint8_t in[BUFFER_SIZE];
} server;

uint32_t u32_read(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

void u32_write(uint8_t *bytes, uint32_t value)
{
	for (int i = 0; i < 4; i++) {
		bytes[i] = (uint8_t)(value >> (8 * i));
	}
}

uint32_t conn_id(const struct conn *conn)
{
	return conn->id;
}

struct conn *conn_find(uint32_t id)
{
	struct conn *conn = server.conns[id % CONNS_MAX];

	return conn != NULL && conn->id == id ? conn : NULL;
}

void conn_close(struct conn *conn)
{
	server.conns[conn->id % CONNS_MAX] = NULL;
	server.free[server.free_len++] = conn->id + CONNS_MAX;
	ev_io_stop(server.loop, &conn->io);
	close(conn->io.fd);
	free(conn->in.bytes);
	free(conn->out.bytes);
	free(conn);
}

static void rest_clear(struct rest *rest)
{
	free(rest->bytes);
	*rest = (struct rest){ 0 };
}

static int rest_add(struct rest *rest, const uint8_t *bytes, size_t len)
{
	uint8_t *grown = realloc(rest->bytes, rest->len + len);

	if (grown == NULL) {
		return -ENOMEM;
	}
	memcpy(grown + rest->len, bytes, len);
	rest->bytes = grown;
	rest->len += len;
	return 0;
}

static void conn_watch(struct conn *conn, int events)
{
	ev_io_stop(server.loop, &conn->io);
	ev_io_set(&conn->io, conn->io.fd, events);
	ev_io_start(server.loop, &conn->io);
}

int conn_send(struct conn *conn, const uint8_t *bytes, size_t len)
{
	if (conn->out.len > 0) {
		return rest_add(&conn->out, bytes, len);
	}
	ssize_t sent = write(conn->io.fd, bytes, len);
	if (sent == (ssize_t)len) {
		return 0;
	}
	if (sent < 0 && errno != EAGAIN) {
		return -errno;
	}
	if (sent < 0) {
		sent = 0;
	}
	conn_watch(conn, EV_WRITE);
	return rest_add(&conn->out, bytes + sent, len - (size_t)sent);
}

static int conn_read(struct conn *conn)
{
	size_t kept = conn->in.len;

	if (kept > 0) {
		memcpy(server.in, conn->in.bytes, kept);
	}
	ssize_t got = read(conn->io.fd, server.in + kept, sizeof(server.in) - kept);
	if (got < 0 && errno == EAGAIN) {
		return 0;
	}
	if (got <= 0) {
		return -ECONNRESET;
	}
	rest_clear(&conn->in);
	size_t len = kept + (size_t)got;
	ssize_t whole = server.on_bytes(conn, server.in, len);
	if (whole < 0) {
		return (int)whole;
	}
	return (size_t)whole < len ? rest_add(&conn->in, server.in + whole, len - (size_t)whole) : 0;
}

static int conn_write(struct conn *conn)
{
	ssize_t sent = write(conn->io.fd, conn->out.bytes, conn->out.len);

	if (sent < 0) {
		return errno == EAGAIN ? 0 : -errno;
	}
	conn->out.len -= (size_t)sent;
	memmove(conn->out.bytes, conn->out.bytes + sent, conn->out.len);
	if (conn->out.len == 0) {
		rest_clear(&conn->out);
		conn_watch(conn, EV_READ);
	}
	return 0;
}

static void conn_ready(struct ev_loop *loop, ev_io *io, int events)
{
	struct conn *conn = (struct conn *)io;

	(void)loop;
	if ((events & EV_WRITE ? conn_write(conn) : conn_read(conn)) < 0) {
		conn_close(conn);
	}
}

static void listener_ready(struct ev_loop *loop, ev_io *io, int events)
{
	(void)events;
	for (;;) {
		int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0) {
			return;
		}
		struct conn *conn = server.free_len > 0 ? calloc(1, sizeof(*conn)) : NULL;
		if (conn == NULL) {
			close(fd);
			return;
		}
		conn->id = server.free[--server.free_len];
		server.conns[conn->id % CONNS_MAX] = conn;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
		ev_io_init(&conn->io, conn_ready, fd, EV_READ);
		ev_io_start(loop, &conn->io);
	}
}

int conns_listen(struct ev_loop *loop, long port, ssize_t (*on_bytes)(struct conn *conn, uint8_t *bytes, size_t len))
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		return -errno;
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, SOMAXCONN) != 0) {
		int r = -errno;
		close(fd);
		return r;
	}
	server.loop = loop;
	server.on_bytes = on_bytes;
	for (server.free_len = 0; server.free_len < CONNS_MAX; server.free_len++) {
		server.free[server.free_len] = CONNS_MAX - 1 - server.free_len;
	}
	ev_io_init(&server.listener, listener_ready, fd, EV_READ);
	ev_io_start(loop, &server.listener);
	return 0;
}
