/* SPDX-License-Identifier: MIT */
/* The raw side of a client request: a libev echo server in one thread, plain or with one Lua call per frame. */
#include <errno.h>
#include <ev.h>
#include <getopt.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../measure.h"

#define FRAME_HEAD 8
#define BODY_MAX 65536
#define BUFFER_SIZE (2 * (FRAME_HEAD + BODY_MAX))

/* Bytes that wait: the begin of a frame, or answers the client did not take yet; mostly neither. */
struct rest {
	uint8_t *bytes;
	size_t len;
};

struct conn {
	ev_io io;
	struct rest in;
	struct rest out;
};

struct server {
	ev_io listener;
	lua_State *lua;
	int answer_ref;
	uint8_t in[BUFFER_SIZE];
	uint8_t out[BUFFER_SIZE];
};

static struct server server;

static uint32_t u32_read(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void u32_write(uint8_t *bytes, uint32_t value)
{
	for (int i = 0; i < 4; i++) {
		bytes[i] = (uint8_t)(value >> (8 * i));
	}
}

static void conn_close(struct ev_loop *loop, struct conn *conn)
{
	ev_io_stop(loop, &conn->io);
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

static int rest_keep(struct rest *rest, const uint8_t *bytes, size_t len)
{
	rest->bytes = malloc(len);
	if (rest->bytes == NULL) {
		return -ENOMEM;
	}
	memcpy(rest->bytes, bytes, len);
	rest->len = len;
	return 0;
}

static void conn_watch(struct ev_loop *loop, struct conn *conn, int events)
{
	ev_io_stop(loop, &conn->io);
	ev_io_set(&conn->io, conn->io.fd, events);
	ev_io_start(loop, &conn->io);
}

/* Answers are written at once; a reader that is too slow is not read from until it took what it asked for. */
static int conn_send(struct ev_loop *loop, struct conn *conn, const uint8_t *bytes, size_t len)
{
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
	conn_watch(loop, conn, EV_WRITE);
	return rest_keep(&conn->out, bytes + sent, len - (size_t)sent);
}

/* The body goes in and comes out as an opaque string, the way a role's Lua handler gets it. */
static int frame_answer(uint32_t event, const uint8_t *body, uint32_t body_len, size_t *out_len)
{
	lua_State *lua = server.lua;
	size_t answer_len;

	lua_rawgeti(lua, LUA_REGISTRYINDEX, server.answer_ref);
	lua_pushinteger(lua, event);
	lua_pushlstring(lua, (const char *)body, body_len);
	if (lua_pcall(lua, 2, 1, 0) != LUA_OK) {
		lua_pop(lua, 1);
		return -EPROTO;
	}
	const char *answer = lua_tolstring(lua, -1, &answer_len);
	if (answer == NULL || *out_len + FRAME_HEAD + answer_len > sizeof(server.out)) {
		lua_pop(lua, 1);
		return -EPROTO;
	}
	u32_write(server.out + *out_len, event);
	u32_write(server.out + *out_len + 4, (uint32_t)answer_len);
	memcpy(server.out + *out_len + FRAME_HEAD, answer, answer_len);
	*out_len += FRAME_HEAD + answer_len;
	lua_pop(lua, 1);
	return 0;
}

/* Returns how many bytes were whole frames, or a negative error; answers of Lua are in server.out then. */
static ssize_t frames_answer(size_t len, size_t *ret_out_len)
{
	size_t at = 0, out_len = 0;

	while (len - at >= FRAME_HEAD) {
		uint32_t body_len = u32_read(server.in + at + 4);
		if (body_len > BODY_MAX) {
			return -EMSGSIZE;
		}
		if (len - at - FRAME_HEAD < body_len) {
			break;
		}
		if (server.lua != NULL) {
			int r = frame_answer(u32_read(server.in + at), server.in + at + FRAME_HEAD, body_len, &out_len);
			if (r < 0) {
				return r;
			}
		}
		at += FRAME_HEAD + body_len;
	}
	*ret_out_len = out_len;
	return (ssize_t)at;
}

static int conn_read(struct ev_loop *loop, struct conn *conn)
{
	size_t kept = conn->in.len, out_len = 0;

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
	ssize_t whole = frames_answer(len, &out_len);
	if (whole < 0) {
		return (int)whole;
	}
	if ((size_t)whole < len) {
		int r = rest_keep(&conn->in, server.in + whole, len - (size_t)whole);
		if (r < 0) {
			return r;
		}
	}
	if (whole == 0) {
		return 0;
	}
	return server.lua != NULL ? conn_send(loop, conn, server.out, out_len) :
				    conn_send(loop, conn, server.in, (size_t)whole);
}

static int conn_write(struct ev_loop *loop, struct conn *conn)
{
	ssize_t sent = write(conn->io.fd, conn->out.bytes, conn->out.len);

	if (sent < 0) {
		return errno == EAGAIN ? 0 : -errno;
	}
	conn->out.len -= (size_t)sent;
	memmove(conn->out.bytes, conn->out.bytes + sent, conn->out.len);
	if (conn->out.len == 0) {
		rest_clear(&conn->out);
		conn_watch(loop, conn, EV_READ);
	}
	return 0;
}

static void conn_ready(struct ev_loop *loop, ev_io *io, int events)
{
	struct conn *conn = (struct conn *)io;
	int r = events & EV_WRITE ? conn_write(loop, conn) : conn_read(loop, conn);

	if (r < 0) {
		conn_close(loop, conn);
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
		struct conn *conn = calloc(1, sizeof(*conn));
		if (conn == NULL) {
			close(fd);
			return;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
		ev_io_init(&conn->io, conn_ready, fd, EV_READ);
		ev_io_start(loop, &conn->io);
	}
}

static int listener_open(long port)
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
	return fd;
}

static int lua_open(void)
{
	server.lua = luaL_newstate();
	if (server.lua == NULL) {
		return -ENOMEM;
	}
	luaL_openlibs(server.lua);
	if (luaL_dostring(server.lua, "return function(event, body) return body end") != LUA_OK) {
		return -EPROTO;
	}
	server.answer_ref = luaL_ref(server.lua, LUA_REGISTRYINDEX);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "lua", no_argument, NULL, 'l' },
		{ 0 },
	};
	long port = 0;
	int option, with_lua = 0;

	while ((option = getopt_long(argc, argv, "p:l", options, NULL)) != -1) {
		if (option == 'l') {
			with_lua = 1;
		} else if (option != 'p' || number_parse(optarg, 1, 65535, &port) < 0) {
			fprintf(stderr, "usage: echo --port PORT [--lua]\n");
			return 2;
		}
	}
	if (port == 0) {
		fprintf(stderr, "echo: no port given: add --port PORT\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	nofile_raise(NULL);
	if (with_lua && lua_open() < 0) {
		fprintf(stderr, "echo: Lua did not start\n");
		return 1;
	}
	int fd = listener_open(port);
	if (fd < 0) {
		fprintf(stderr, "echo: cannot listen on 127.0.0.1:%ld: %s\n", port, strerror(-fd));
		return 1;
	}
	struct ev_loop *loop = ev_default_loop(0);
	ev_io_init(&server.listener, listener_ready, fd, EV_READ);
	ev_io_start(loop, &server.listener);
	ev_run(loop, 0);
	return 0;
}
