/* SPDX-License-Identifier: MIT */
/*
 * The raw side of a call between two hosts: callers in one process, an echo in another, one PULL socket a process and one
 * PUSH socket a peer, watched by libev. What a turn of the loop collects leaves as one message. `--seal` encrypts and
 * opens it.
 */
#include <ev.h>
#include <getopt.h>
#include <nanomsg/nn.h>
#include <nanomsg/pipeline.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../measure.h"

#define FRAME_MAX (1024 * 1024)
#define FRAMES_PER_TURN 64
#define HEAD 8 /* the counter of a sealed frame */
#define TAIL crypto_aead_chacha20poly1305_ietf_ABYTES

/* One process; which of the two is `callers`: 0 = the echo. */
struct side {
	ev_io readable, writable;
	ev_prepare turn;
	int pull, push;
	long callers, size;
	int sealed;
	uint64_t counter, begin_ns, end_ns, time_ns, calls;
	uint8_t key[crypto_aead_chacha20poly1305_ietf_KEYBYTES];
	size_t out_len;
	uint8_t out[HEAD + FRAME_MAX + TAIL];
	uint8_t message[FRAME_MAX];
};

static struct side side;
static struct hist hist;

static void die(const char *what)
{
	fprintf(stderr, "nanomsg: %s: %s\n", what, nn_strerror(nn_errno()));
	exit(1);
}

static size_t side_close(void)
{
	uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES] = { 0 };
	unsigned long long len = side.out_len;

	if (side.sealed) {
		side.counter++;
		memcpy(side.out, &side.counter, HEAD);
		memcpy(nonce, &side.counter, HEAD);
		nonce[11] = side.callers > 0;
		crypto_aead_chacha20poly1305_ietf_encrypt(side.out + HEAD, &len, side.out + HEAD, side.out_len, side.out,
							  HEAD, NULL, nonce, side.key);
	}
	return HEAD + (size_t)len;
}

/* Opens a frame of the other side, or its own again: `by_caller`. */
static size_t side_open(uint8_t *frame, size_t len, int by_caller)
{
	uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES] = { 0 };
	unsigned long long opened = len - HEAD;

	if (side.sealed) {
		memcpy(nonce, frame, HEAD);
		nonce[11] = (uint8_t)by_caller;
		if (crypto_aead_chacha20poly1305_ietf_decrypt(frame + HEAD, &opened, NULL, frame + HEAD, len - HEAD, frame,
							      HEAD, nonce, side.key) != 0) {
			fprintf(stderr, "nanomsg: a frame does not open\n");
			exit(1);
		}
	}
	return (size_t)opened;
}

static void message_add(const uint8_t *message)
{
	if (side.out_len + (size_t)side.size > FRAME_MAX) {
		fprintf(stderr, "nanomsg: a turn is above 1 MiB: fewer callers or a smaller size\n");
		exit(1);
	}
	memcpy(side.out + HEAD + side.out_len, message, (size_t)side.size);
	side.out_len += (size_t)side.size;
}

static void call_one(uint64_t now_ns)
{
	memcpy(side.message, &now_ns, 8);
	message_add(side.message);
}

static void frame_take(struct ev_loop *loop, const uint8_t *messages, size_t len)
{
	uint64_t now_ns = side.callers > 0 ? clock_ns() : 0, since_ns;

	for (size_t at = 0; at + (size_t)side.size <= len; at += (size_t)side.size) {
		if (side.callers == 0) {
			message_add(messages + at);
			continue;
		}
		memcpy(&since_ns, messages + at, 8);
		hist_add(&hist, now_ns - since_ns);
		side.calls++;
		call_one(now_ns);
	}
	if (side.callers > 0 && now_ns - side.begin_ns > side.time_ns) {
		side.end_ns = now_ns;
		ev_break(loop, EVBREAK_ALL);
	}
}

static void on_readable(struct ev_loop *loop, ev_io *io, int events)
{
	(void)io, (void)events;
	for (int i = 0; i < FRAMES_PER_TURN; i++) {
		uint8_t *frame;
		int len = nn_recv(side.pull, &frame, NN_MSG, NN_DONTWAIT);
		if (len < 0) {
			return;
		}
		frame_take(loop, frame + HEAD, side_open(frame, (size_t)len, side.callers == 0));
		nn_freemsg(frame);
	}
}

static void side_send(struct ev_loop *loop)
{
	if (side.out_len == 0 || ev_is_active(&side.writable)) {
		return;
	}
	size_t len = side_close();
	if (nn_send(side.push, side.out, len, NN_DONTWAIT) < 0) {
		if (side.sealed) {
			side_open(side.out, len, side.callers > 0); /* more may join it */
		}
		ev_io_start(loop, &side.writable);
		return;
	}
	side.out_len = 0;
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

static int socket_open(int protocol, int option, int *ret_fd)
{
	int socket = nn_socket(AF_SP, protocol), size = FRAME_MAX + HEAD + TAIL, buffer = 256 * 1024;
	size_t len = sizeof(*ret_fd);

	if (socket < 0 || nn_setsockopt(socket, NN_SOL_SOCKET, NN_RCVMAXSIZE, &size, sizeof(size)) < 0 ||
	    nn_setsockopt(socket, NN_SOL_SOCKET, NN_SNDBUF, &buffer, sizeof(buffer)) < 0 ||
	    nn_getsockopt(socket, NN_SOL_SOCKET, option, ret_fd, &len) < 0) {
		die("socket");
	}
	return socket;
}

static void side_run(const char *own, const char *peer)
{
	struct ev_loop *loop = ev_default_loop(0);
	int fd;

	side.pull = socket_open(NN_PULL, NN_RCVFD, &fd);
	ev_io_init(&side.readable, on_readable, fd, EV_READ);
	side.push = socket_open(NN_PUSH, NN_SNDFD, &fd);
	ev_io_init(&side.writable, on_writable, fd, EV_READ);
	ev_prepare_init(&side.turn, on_turn);
	if (nn_bind(side.pull, own) < 0 || nn_connect(side.push, peer) < 0) {
		die(own);
	}
	ev_io_start(loop, &side.readable);
	ev_prepare_start(loop, &side.turn);
	side.begin_ns = clock_ns();
	for (long i = 0; i < side.callers; i++) {
		call_one(side.begin_ns);
	}
	ev_run(loop, 0);
}

/* The echo is a process of its own before there is any socket: nanomsg does not survive a fork. */
static pid_t echo_start(const char *own, const char *peer)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		side.callers = 0;
		side_run(peer, own);
		_exit(0);
	}
	return pid;
}

static void on_echo_end(int number)
{
	(void)number;
	_exit(1); /* it has said why */
}

static int measure(void)
{
	char folder[] = "/tmp/bench.XXXXXX", own[64], peer[64], command[80];

	if (mkdtemp(folder) == NULL) {
		perror("nanomsg");
		return 1;
	}
	snprintf(own, sizeof(own), "ipc://%s/a", folder);
	snprintf(peer, sizeof(peer), "ipc://%s/b", folder);
	randombytes_buf(side.key, sizeof(side.key));
	signal(SIGCHLD, on_echo_end);
	pid_t pid = echo_start(own, peer);
	side_run(own, peer);
	signal(SIGCHLD, SIG_DFL);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	if (system(command) != 0) {
		return 1;
	}
	printf("{\"calls_per_s\": %.1f, \"p50_us\": %.2f, \"p99_us\": %.2f}\n",
	       (double)side.calls * 1e9 / (double)(side.end_ns - side.begin_ns),
	       (double)hist_quantile(&hist, 0.5) / 1e3, (double)hist_quantile(&hist, 0.99) / 1e3);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "time", required_argument, NULL, 't' }, { "callers", required_argument, NULL, 'c' },
		{ "size", required_argument, NULL, 's' }, { "seal", no_argument, NULL, 'e' }, { 0 },
	};
	int option, bad = 0;

	side.time_ns = 1000000000;
	side.callers = 1;
	side.size = 104; /* an envelope without a body */
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 't') {
			bad |= seconds_parse(optarg, &side.time_ns) < 0;
		} else if (option == 'c') {
			bad |= number_parse(optarg, 1, 60000, &side.callers) < 0;
		} else if (option == 's') {
			bad |= number_parse(optarg, 8, 65536, &side.size) < 0;
		} else if (option == 'e') {
			side.sealed = 1;
		} else {
			bad = 1;
		}
	}
	if (bad || optind < argc || sodium_init() < 0) {
		fprintf(stderr, "usage: nanomsg [--time S] [--callers N] [--size BYTES] [--seal]\n");
		return 2;
	}
	return measure();
}
