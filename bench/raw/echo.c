/* SPDX-License-Identifier: MIT */
/* The raw side of a client request: a libev echo server in one thread, plain or with one Lua call per frame. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "../measure.h"
#include "answer.h"
#include "conns.h"

static lua_State *lua;
static uint8_t out[BUFFER_SIZE];

static ssize_t on_bytes(struct conn *conn, uint8_t *bytes, size_t len)
{
	size_t at = 0, out_len = 0;

	while (len - at >= FRAME_HEAD) {
		uint32_t body_len = u32_read(bytes + at + 4);
		if (body_len > BODY_MAX) {
			return -EMSGSIZE;
		}
		if (len - at - FRAME_HEAD < body_len) {
			break;
		}
		if (lua != NULL) {
			uint32_t event = u32_read(bytes + at);
			ssize_t answer_len = answer_call(lua, event, bytes + at + FRAME_HEAD, body_len,
							 out + out_len + FRAME_HEAD, sizeof(out) - out_len - FRAME_HEAD);
			if (answer_len < 0) {
				return answer_len;
			}
			u32_write(out + out_len, event);
			u32_write(out + out_len + 4, (uint32_t)answer_len);
			out_len += FRAME_HEAD + (size_t)answer_len;
		}
		at += FRAME_HEAD + body_len;
	}
	if (at == 0) {
		return 0;
	}
	int r = lua != NULL ? conn_send(conn, out, out_len) : conn_send(conn, bytes, at);
	return r < 0 ? r : (ssize_t)at;
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
	if (with_lua && (lua = answer_open()) == NULL) {
		fprintf(stderr, "echo: Lua did not start\n");
		return 1;
	}
	struct ev_loop *loop = ev_default_loop(0);
	int r = conns_listen(loop, port, on_bytes);
	if (r < 0) {
		fprintf(stderr, "echo: cannot listen on 127.0.0.1:%ld: %s\n", port, strerror(-r));
		return 1;
	}
	ev_run(loop, 0);
	return 0;
}
