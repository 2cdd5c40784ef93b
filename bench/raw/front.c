/* SPDX-License-Identifier: MIT */
/*
 * The raw side of a client request that is answered in another process: a libev front and behind it a process with one
 * Lua call per frame, a PULL and a PUSH socket of nanomsg in each. The frames of one turn of the loop leave as one message.
 */
#include <getopt.h>
#include <nanomsg/nn.h>
#include <nanomsg/pipeline.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../measure.h"
#include "answer.h"
#include "conns.h"

#define OUT_MAX (1024 * 1024)
#define FRAMES_PER_TURN 64
#define HEAD (4 + FRAME_HEAD) /* the connection, then the client's frame */

static struct {
	ev_io readable, writable;
	ev_prepare turn;
	int pull, push;
	lua_State *lua; /* NULL = the front */
	size_t out_len;
	uint8_t out[OUT_MAX + HEAD + BODY_MAX];
} side;

static void side_send(struct ev_loop *loop)
{
	if (side.out_len == 0 || ev_is_active(&side.writable)) {
		return;
	}
	if (nn_send(side.push, side.out, side.out_len, NN_DONTWAIT) < 0) {
		ev_io_start(loop, &side.writable);
	} else {
		side.out_len = 0;
	}
}

static void on_writable(struct ev_loop *loop, ev_io *io, int events)
{
	(void)events;
	ev_io_stop(loop, io);
	side_send(loop);
}

static void on_turn(struct ev_loop *loop, ev_prepare *prepare, int events)
{
	(void)prepare, (void)events;
	side_send(loop);
}

/* Answers are as long as what they answer, so a message from the front has room for its answer. */
static void frame_answer(uint32_t id, const uint8_t *frame, uint32_t body_len)
{
	uint8_t *out = side.out + side.out_len;
	uint32_t event = u32_read(frame);
	ssize_t len = answer_call(side.lua, event, frame + FRAME_HEAD, body_len, out + HEAD, BODY_MAX);

	if (len < 0 || side.out_len > OUT_MAX) {
		fprintf(stderr, "front: a turn has too many answers\n");
		exit(1);
	}
	u32_write(out, id);
	u32_write(out + 4, event);
	u32_write(out + 8, (uint32_t)len);
	side.out_len += HEAD + (size_t)len;
}

static void message_take(const uint8_t *message, size_t len)
{
	for (size_t at = 0; at < len;) {
		uint32_t id = u32_read(message + at), body_len = u32_read(message + at + 8);
		if (side.lua != NULL) {
			frame_answer(id, message + at + 4, body_len);
		} else {
			struct conn *conn = conn_find(id);
			if (conn != NULL && conn_send(conn, message + at + 4, FRAME_HEAD + body_len) < 0) {
				conn_close(conn);
			}
		}
		at += HEAD + body_len;
	}
}

static void on_readable(struct ev_loop *loop, ev_io *io, int events)
{
	(void)loop, (void)io, (void)events;
	for (int i = 0; i < FRAMES_PER_TURN; i++) {
		uint8_t *message;
		int len = nn_recv(side.pull, &message, NN_MSG, NN_DONTWAIT);
		if (len < 0) {
			return;
		}
		message_take(message, (size_t)len);
		nn_freemsg(message);
	}
}

static ssize_t on_bytes(struct conn *conn, uint8_t *bytes, size_t len)
{
	size_t at = 0;

	while (len - at >= FRAME_HEAD) {
		uint32_t body_len = u32_read(bytes + at + 4);
		if (body_len > BODY_MAX || side.out_len + HEAD + body_len > OUT_MAX / 2) {
			return -EMSGSIZE;
		}
		if (len - at - FRAME_HEAD < body_len) {
			break;
		}
		u32_write(side.out + side.out_len, conn_id(conn));
		memcpy(side.out + side.out_len + 4, bytes + at, FRAME_HEAD + body_len);
		side.out_len += HEAD + body_len;
		at += FRAME_HEAD + body_len;
	}
	return (ssize_t)at;
}

static int socket_open(int protocol, int option, int *ret_fd)
{
	int socket = nn_socket(AF_SP, protocol), size = -1, buffer = 256 * 1024;
	size_t len = sizeof(*ret_fd);

	if (socket < 0 || nn_setsockopt(socket, NN_SOL_SOCKET, NN_RCVMAXSIZE, &size, sizeof(size)) < 0 ||
	    nn_setsockopt(socket, NN_SOL_SOCKET, NN_SNDBUF, &buffer, sizeof(buffer)) < 0 ||
	    nn_getsockopt(socket, NN_SOL_SOCKET, option, ret_fd, &len) < 0) {
		fprintf(stderr, "front: %s\n", nn_strerror(nn_errno()));
		exit(1);
	}
	return socket;
}

static void side_open(struct ev_loop *loop, const char *own, const char *peer)
{
	int fd;

	side.pull = socket_open(NN_PULL, NN_RCVFD, &fd);
	ev_io_init(&side.readable, on_readable, fd, EV_READ);
	side.push = socket_open(NN_PUSH, NN_SNDFD, &fd);
	ev_io_init(&side.writable, on_writable, fd, EV_READ);
	ev_prepare_init(&side.turn, on_turn);
	if (nn_bind(side.pull, own) < 0 || nn_connect(side.push, peer) < 0) {
		fprintf(stderr, "front: %s: %s\n", own, nn_strerror(nn_errno()));
		exit(1);
	}
	ev_io_start(loop, &side.readable);
	ev_prepare_start(loop, &side.turn);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "directory", required_argument, NULL, 'd' },
		{ 0 },
	};
	const char *directory = NULL;
	char front[108], back[108];
	long port = 0;
	int option, bad = 0;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'd') {
			directory = optarg;
		} else {
			bad |= option != 'p' || number_parse(optarg, 1, 65535, &port) < 0;
		}
	}
	if (bad || port == 0 || directory == NULL || strlen(directory) > 90) {
		fprintf(stderr, "usage: front --port PORT --directory DIR (for its sockets)\n");
		return 2;
	}
	snprintf(front, sizeof(front), "ipc://%.90s/front", directory);
	snprintf(back, sizeof(back), "ipc://%.90s/back", directory);
	signal(SIGPIPE, SIG_IGN);
	nofile_raise(NULL);
	struct ev_loop *loop = ev_default_loop(0);
	if (fork() == 0) { /* before there is any socket: nanomsg does not survive a fork */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		ev_loop_fork(loop);
		side.lua = answer_open();
		side_open(loop, back, front);
	} else {
		side_open(loop, front, back);
		int r = conns_listen(loop, port, on_bytes);
		if (r < 0) {
			fprintf(stderr, "front: cannot listen on 127.0.0.1:%ld: %s\n", port, strerror(-r));
			return 1;
		}
	}
	ev_run(loop, 0);
	return 0;
}
