/* SPDX-License-Identifier: MIT */
/* The load generator's connections: connect, play the preamble, send requests, read answers. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

#define EVENTS_MAX 512
#define READ_SIZE 65536

void load_error(struct load *load, const char *format, ...)
{
	va_list args;

	if (load->errors++ == 0) {
		va_start(args, format);
		vsnprintf(load->first_error, sizeof(load->first_error), format, args);
		va_end(args);
	}
}

static long conn_number(const struct load *load, const struct load_conn *conn)
{
	return conn - load->conns;
}

static void conn_kill(struct load *load, struct load_conn *conn, const char *what, int error)
{
	load_error(load, "connection %ld: %s: %s (last event %u)", conn_number(load, conn), what,
		   error != 0 ? strerror(error) : "closed by the server", conn->last_event);
	if (conn->state == CONN_CONNECTING || conn->state == CONN_PREAMBLE) {
		load->connecting--;
	} else if (conn->state == CONN_READY) {
		load->ready--;
	}
	close(conn->fd);
	conn->fd = -1;
	conn->state = CONN_DEAD;
	load->dead++;
}

static void conn_watch(struct load *load, struct load_conn *conn, int op, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = conn };

	if (epoll_ctl(load->epoll_fd, op, conn->fd, &event) != 0) {
		conn_kill(load, conn, "epoll_ctl", errno);
	}
}

/* Writes what waits. The socket is watched for writing only while the kernel refuses bytes. */
static void conn_flush(struct load *load, struct load_conn *conn)
{
	int refused = conn->out_len > 0;

	for (;;) {
		if (conn->out_len == 0) {
			if (conn->due == 0) {
				break;
			}
			conn->due--;
			conn->out = load->frame;
			conn->out_len = load->frame_len;
		}
		ssize_t sent = send(conn->fd, conn->out, conn->out_len, MSG_NOSIGNAL);
		if (sent < 0 && errno != EAGAIN) {
			conn_kill(load, conn, "send", errno);
			return;
		}
		if (sent > 0) {
			conn->out += sent;
			conn->out_len -= (uint32_t)sent;
		}
		if (conn->out_len > 0) {
			if (!refused) {
				conn_watch(load, conn, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
			}
			return;
		}
	}
	if (refused) {
		conn_watch(load, conn, EPOLL_CTL_MOD, EPOLLIN);
	}
}

void load_conn_request(struct load *load, struct load_conn *conn)
{
	conn->due++;
	if (conn->out_len == 0) {
		conn->sent_ns = clock_ns();
		conn_flush(load, conn);
	}
}

int load_conn_send(struct load *load, struct load_conn *conn, const uint8_t *frame, uint32_t len)
{
	if (conn->out_len > 0) {
		return -EBUSY;
	}
	conn->out = frame;
	conn->out_len = len;
	conn_flush(load, conn);
	return 0;
}

/* Plays the script up to the next event to wait for; at its end the connection is ready. */
static void conn_play(struct load *load, struct load_conn *conn)
{
	const struct load_preamble *preamble = &load->preamble;
	const struct load_script *script =
		preamble->count > 0 ? &preamble->scripts[(unsigned long)conn_number(load, conn) % preamble->count] : NULL;

	while (script != NULL && conn->step < script->count && conn->out_len == 0) {
		const struct load_step *step = &script->steps[conn->step];
		if (step->frame == NULL) {
			return;
		}
		conn->step++;
		conn->out = step->frame;
		conn->out_len = step->frame_len;
		conn_flush(load, conn);
		if (conn->state == CONN_DEAD) {
			return;
		}
	}
	if (conn->out_len == 0) {
		conn->state = CONN_READY;
		load->connecting--;
		load->ready++;
	}
}

static void conn_preamble_frame(struct load *load, struct load_conn *conn, uint32_t event)
{
	const struct load_script *script =
		&load->preamble.scripts[(unsigned long)conn_number(load, conn) % load->preamble.count];

	if (conn->out_len == 0 && conn->step < script->count && script->steps[conn->step].event == event) {
		conn->step++;
		conn_play(load, conn);
	}
}

/* Reply k of a connection answers its k-th request, since answers come in order: that finds the scheduled time. */
static void conn_reply(struct load *load, struct load_conn *conn, uint64_t now)
{
	uint64_t since = conn->sent_ns;

	if (load->options.mode == LOAD_OPEN) {
		uint64_t number = conn->replies * (uint64_t)load->options.conns + (uint64_t)conn_number(load, conn);
		since = load->start_ns + (uint64_t)((double)number * 1e9 / load->options.rate);
		if (since >= load->from_ns && since < load->to_ns) {
			hist_add(&load->hist, now > since ? now - since : 0);
		}
	} else if (now >= load->from_ns && now < load->to_ns) {
		hist_add(&load->hist, now - since);
	}
	conn->replies++;
	if (now >= load->from_ns && now < load->to_ns) {
		load->completed++;
	}
	if (load->options.mode == LOAD_CLOSED && !load->stopping) {
		load_conn_request(load, conn);
	}
}

static void conn_frame(struct load *load, struct load_conn *conn, uint32_t event, uint64_t now)
{
	conn->last_event = event;
	if (conn->state == CONN_PREAMBLE) {
		conn_preamble_frame(load, conn, event);
	} else if (load->on_frame != NULL) {
		load->on_frame(load, conn, event, conn->body, now);
	} else if (load->options.mode == LOAD_IDLE || load->start_ns == 0 ||
		   (load->options.reply >= 0 && event != (uint32_t)load->options.reply)) {
		load->other_frames++;
	} else {
		conn_reply(load, conn, now);
	}
}

static uint32_t u32_read(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* Bodies are skipped where they stand, so that only connections that want them keep a buffer. */
static void conn_bytes(struct load *load, struct load_conn *conn, const uint8_t *bytes, size_t len, uint64_t now)
{
	while (len > 0 && conn->state != CONN_DEAD) {
		if (conn->head_len < FRAME_HEAD) {
			conn->head[conn->head_len++] = *bytes++;
			len--;
			if (conn->head_len < FRAME_HEAD) {
				continue;
			}
			conn->body_left = u32_read(conn->head + 4);
			conn->body_len = 0;
			if (conn->body_left > FRAME_BODY_MAX) {
				conn_kill(load, conn, "frame above 1 MiB", EMSGSIZE);
				return;
			}
		}
		size_t skip = conn->body_left < len ? conn->body_left : len;
		if (conn->body != NULL) {
			memcpy(conn->body + conn->body_len, bytes, skip);
			conn->body_len += (uint32_t)skip;
		}
		bytes += skip;
		len -= skip;
		conn->body_left -= (uint32_t)skip;
		if (conn->body_left == 0) {
			conn->head_len = 0;
			conn_frame(load, conn, u32_read(conn->head), now);
		}
	}
}

static void conn_connected(struct load *load, struct load_conn *conn)
{
	int error = 0;
	socklen_t len = sizeof(error);

	getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error != 0) {
		conn_kill(load, conn, "connect", error);
		return;
	}
	conn->state = CONN_PREAMBLE;
	conn_watch(load, conn, EPOLL_CTL_MOD, EPOLLIN);
	if (conn->state == CONN_PREAMBLE) {
		conn_play(load, conn);
	}
}

static void conn_ready(struct load *load, struct load_conn *conn, uint32_t events)
{
	static uint8_t buffer[READ_SIZE];

	if (conn->state == CONN_CONNECTING) {
		conn_connected(load, conn);
		return;
	}
	if (events & EPOLLOUT) {
		conn_flush(load, conn);
		if (conn->state == CONN_PREAMBLE && conn->out_len == 0) {
			conn_play(load, conn);
		}
	}
	if (conn->state == CONN_DEAD || !(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) {
		return;
	}
	ssize_t got = recv(conn->fd, buffer, sizeof(buffer), 0);
	if (got > 0) {
		load->received_bytes += (uint64_t)got;
		conn_bytes(load, conn, buffer, (size_t)got, clock_ns());
	} else if (got == 0 || errno != EAGAIN) {
		conn_kill(load, conn, "receive", got == 0 ? 0 : errno);
	}
}

static void conn_open(struct load *load, struct load_conn *conn)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)load->options.port) };

	inet_pton(AF_INET, load->options.host, &address.sin_addr);
	conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (conn->fd < 0) {
		load_error(load, "connection %ld: socket: %s", conn_number(load, conn), strerror(errno));
		conn->state = CONN_DEAD;
		load->dead++;
		return;
	}
	conn->state = CONN_CONNECTING;
	load->connecting++;
	setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	/* A reset at the end leaves no TIME_WAIT behind: runs follow each other fast. */
	setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &(struct linger){ .l_onoff = 1 }, sizeof(struct linger));
	if (connect(conn->fd, (struct sockaddr *)&address, sizeof(address)) != 0 && errno != EINPROGRESS) {
		conn_kill(load, conn, "connect", errno);
		return;
	}
	conn_watch(load, conn, EPOLL_CTL_ADD, EPOLLOUT);
}

void load_conns_open(struct load *load)
{
	while (load->opened < load->options.conns && load->connecting < CONNECTING_MAX) {
		conn_open(load, &load->conns[load->opened++]);
	}
}

void load_poll(struct load *load, uint64_t until_ns)
{
	struct epoll_event events[EVENTS_MAX];
	uint64_t now = clock_ns(), wait_ns = until_ns > now ? until_ns - now : 0;
	struct timespec wait = { .tv_sec = (time_t)(wait_ns / 1000000000u), .tv_nsec = (long)(wait_ns % 1000000000u) };
	int count = epoll_pwait2(load->epoll_fd, events, EVENTS_MAX, &wait, NULL);

	for (int i = 0; i < count; i++) {
		struct load_conn *conn = events[i].data.ptr;
		if (conn->state != CONN_DEAD) {
			conn_ready(load, conn, events[i].events);
		}
	}
}
