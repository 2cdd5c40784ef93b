/* SPDX-License-Identifier: MIT */
/* A wire on a loop in its own thread. */
#include "tests/host/wire_rig.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAGIC 0x67697277u /* first in every frame of a rig, then sender and number */

static void sleep_ms(unsigned ms)
{
	nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 }, NULL);
}

/* --- running on the loop ---------------------------------------------------------------------------- */

struct order {
	struct loop_task task; /* first */
	struct wire_rig *rig;
	void (*run)(void *arg);
	void *arg;
	bool done;
};

static void order_run(struct loop_task *task)
{
	struct order *order = (struct order *)(void *)task;

	order->run(order->arg);
	pthread_mutex_lock(&order->rig->mutex);
	order->done = true;
	pthread_cond_broadcast(&order->rig->cond);
	pthread_mutex_unlock(&order->rig->mutex);
}

void rig_do(struct wire_rig *rig, void (*run)(void *arg), void *arg)
{
	struct order order = { .task.run = order_run, .rig = rig, .run = run, .arg = arg };

	loop_post(rig->loop, &order.task);
	pthread_mutex_lock(&rig->mutex);
	while (!order.done) {
		pthread_cond_wait(&rig->cond, &rig->mutex);
	}
	pthread_mutex_unlock(&rig->mutex);
}

/* --- receiving -------------------------------------------------------------------------------------- */

static void on_frame(void *arg, uint8_t *bytes, size_t len)
{
	struct wire_rig *rig = arg;
	uint32_t magic, sender;
	uint64_t number;

	pthread_mutex_lock(&rig->mutex);
	while (rig->held) {
		pthread_cond_wait(&rig->cond, &rig->mutex);
	}
	rig->frames++;
	rig->frames_bytes += len;
	if (++rig->turn > rig->turn_max) {
		rig->turn_max = rig->turn;
	}
	if (len < 16 || (memcpy(&magic, bytes, 4), magic != MAGIC) || (memcpy(&sender, bytes + 4, 4), sender >= 8)) {
		rig->foreign++;
	} else {
		memcpy(&number, bytes + 8, 8);
		rig->disorder += number < rig->next[sender] || bytes[len - 1] != (len == 16 ? bytes[15] : (uint8_t)number);
		rig->missed += number > rig->next[sender] ? number - rig->next[sender] : 0;
		rig->next[sender] = number + 1;
	}
	memset(bytes, 0xee, len); /* it may be changed in place */
	pthread_cond_broadcast(&rig->cond);
	pthread_mutex_unlock(&rig->mutex);
}

static bool on_turn(struct loop_hook *hook)
{
	struct wire_rig *rig = (struct wire_rig *)(void *)((char *)hook - offsetof(struct wire_rig, hook));

	rig->turn = 0;
	return false;
}

bool rig_wait_frames(struct wire_rig *rig, uint64_t frames)
{
	struct timespec until;
	bool there;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += RIG_WAIT_MS / 1000;
	pthread_mutex_lock(&rig->mutex);
	while (rig->frames < frames && pthread_cond_timedwait(&rig->cond, &rig->mutex, &until) == 0) {
	}
	there = rig->frames >= frames;
	pthread_mutex_unlock(&rig->mutex);
	return there;
}

uint64_t rig_frames(struct wire_rig *rig)
{
	pthread_mutex_lock(&rig->mutex);
	uint64_t frames = rig->frames;
	pthread_mutex_unlock(&rig->mutex);
	return frames;
}

uint64_t rig_next(struct wire_rig *rig, unsigned sender)
{
	pthread_mutex_lock(&rig->mutex);
	uint64_t next = rig->next[sender];
	pthread_mutex_unlock(&rig->mutex);
	return next;
}

static void held_set(struct wire_rig *rig, bool held)
{
	pthread_mutex_lock(&rig->mutex);
	rig->held = held;
	pthread_cond_broadcast(&rig->cond);
	pthread_mutex_unlock(&rig->mutex);
}

void rig_hold(struct wire_rig *rig)
{
	held_set(rig, true);
}

void rig_release(struct wire_rig *rig)
{
	held_set(rig, false);
}

/* --- life ------------------------------------------------------------------------------------------- */

int rig_open(struct wire_rig *rig, const char *address, struct troupe_error *reterr)
{
	const char *binds[] = { address, NULL };

	memset(rig, 0, sizeof(*rig));
	pthread_mutex_init(&rig->mutex, NULL);
	pthread_cond_init(&rig->cond, NULL);
	rig->loop = loop_new(0, "wire");
	rig->hook.run = on_turn;
	loop_hook_end(rig->loop, &rig->hook);
	struct wire_setup setup = { .loop = rig->loop, .binds = binds, .on_frame = on_frame, .arg = rig };
	int r = wire_open(&setup, &rig->wire, reterr);
	if (r != 0) {
		rig->loop = loop_free(rig->loop);
		return r;
	}
	if (loop_start(rig->loop) != 0) {
		abort();
	}
	return 0;
}

void rig_start(struct wire_rig *rig, const char *address)
{
	struct troupe_error error = { .size = sizeof(error) };

	if (rig_open(rig, address, &error) != 0) {
		fprintf(stderr, "%s; %s\n", error.text, error.help);
		abort();
	}
}

static void close_run(void *arg)
{
	struct wire_rig *rig = arg;

	rig->wire = wire_close(rig->wire);
	loop_stop(rig->loop);
}

void rig_stop(struct wire_rig *rig)
{
	rig_do(rig, close_run, rig);
	loop_join(rig->loop);
	rig->loop = loop_free(rig->loop);
}

/* --- sending ---------------------------------------------------------------------------------------- */

static uint8_t sending[TROUPE_FRAME_MAX + 1]; /* by one loop at a time */
static pthread_mutex_t sending_mutex = PTHREAD_MUTEX_INITIALIZER;

static int send_one(struct rig_peer *peer, size_t len)
{
	uint32_t magic = MAGIC;

	pthread_mutex_lock(&sending_mutex);
	memcpy(sending, &magic, 4);
	memcpy(sending + 4, &peer->sender, 4);
	memcpy(sending + 8, &peer->number, 8);
	if (len > 16) {
		sending[len - 1] = (uint8_t)peer->number;
	}
	int r = wire_send(peer->peer, sending, len);
	pthread_mutex_unlock(&sending_mutex);
	if (r == 0) {
		peer->number++;
		peer->accepted_bytes += len;
	}
	return r;
}

static void send_left(struct rig_peer *peer)
{
	while (peer->left > 0 && send_one(peer, peer->len != 0 ? peer->len : 16 + peer->number * 7919 % 4985) == 0) {
		peer->left--;
	}
}

static void on_writable(void *arg)
{
	struct rig_peer *peer = arg;

	peer->writable++;
	send_left(peer);
}

struct peer_order {
	struct rig_peer *peer;
	const char *address;
	uint64_t count;
	size_t len;
	int r;
};

static void connect_run(void *arg)
{
	struct peer_order *order = arg;

	order->r = wire_connect(order->peer->rig->wire, order->address, on_writable, order->peer, &order->peer->peer);
}

int rig_connect(struct wire_rig *rig, struct rig_peer *peer, unsigned sender, const char *address)
{
	struct peer_order order = { .peer = peer, .address = address };

	*peer = (struct rig_peer){ .self = peer, .rig = rig, .sender = sender };
	rig_do(rig, connect_run, &order);
	return order.r;
}

static void disconnect_run(void *arg)
{
	struct rig_peer *peer = arg;

	peer->peer = wire_disconnect(peer->peer);
}

void rig_disconnect(struct rig_peer *peer)
{
	rig_do(peer->rig, disconnect_run, peer);
}

static void reconnect_run(void *arg)
{
	struct peer_order *order = arg;

	order->r = wire_reconnect(order->peer->peer);
}

int rig_reconnect(struct rig_peer *peer)
{
	struct peer_order order = { .peer = peer };

	rig_do(peer->rig, reconnect_run, &order);
	return order.r;
}

static void send_run(void *arg)
{
	struct peer_order *order = arg;

	order->r = send_one(order->peer, order->len);
}

int rig_send(struct rig_peer *peer, size_t len)
{
	struct peer_order order = { .peer = peer, .len = len };

	rig_do(peer->rig, send_run, &order);
	return order.r;
}

static void many_run(void *arg)
{
	struct peer_order *order = arg;

	order->peer->len = order->len;
	order->peer->left = order->count;
	send_left(order->peer);
}

void rig_send_many(struct rig_peer *peer, uint64_t count, size_t len)
{
	struct peer_order order = { .peer = peer, .count = count, .len = len };

	rig_do(peer->rig, many_run, &order);
}

static void see_run(void *arg)
{
	struct rig_peer *copy = arg;

	*copy = *copy->self;
}

struct rig_peer rig_see(struct rig_peer *peer)
{
	struct rig_peer copy = { .self = peer };

	rig_do(peer->rig, see_run, &copy);
	return copy;
}

bool rig_wait_sent(struct rig_peer *peer)
{
	for (unsigned waited_ms = 0; waited_ms < RIG_WAIT_MS; waited_ms += 2) {
		if (rig_see(peer).left == 0) {
			return true;
		}
		sleep_ms(2);
	}
	return false;
}

bool rig_wait_writable(struct rig_peer *peer)
{
	for (unsigned waited_ms = 0; waited_ms < RIG_WAIT_MS; waited_ms += 2) {
		if (rig_see(peer).writable > 0) {
			return true;
		}
		sleep_ms(2);
	}
	return false;
}

struct counts_order {
	struct wire_rig *rig;
	struct wire_counts counts;
};

static void counts_run(void *arg)
{
	struct counts_order *order = arg;

	wire_counts(order->rig->wire, &order->counts);
}

struct wire_counts rig_counts(struct wire_rig *rig)
{
	struct counts_order order = { .rig = rig };

	rig_do(rig, counts_run, &order);
	return order.counts;
}

/* --- addresses and processes -------------------------------------------------------------------------- */

const char *rig_address(char address[128], const char *scheme)
{
	static unsigned number;
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);
	const char *folder = getenv("TMPDIR");

	if (strcmp(scheme, "ipc") == 0) {
		snprintf(address, 128, "ipc://%.90s/%u.bus", folder != NULL ? folder : "/tmp", ++number);
		return address;
	}
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&in, len) != 0 || getsockname(fd, (struct sockaddr *)&in, &len) != 0) {
		abort();
	}
	close(fd);
	snprintf(address, 128, "tcp://127.0.0.1:%u", ntohs(in.sin_port));
	return address;
}

int rig_child(const char *address, int *ret_pipe)
{
	char byte, text[16];
	int ends[2];

	if (pipe(ends) != 0) {
		abort();
	}
	pid_t pid = fork();
	if (pid == 0) {
		close(ends[0]);
		snprintf(text, sizeof(text), "%d", ends[1]);
		execl("/proc/self/exe", "peer", "peer", address, text, (char *)NULL);
		_exit(9);
	}
	close(ends[1]);
	if (pid < 0 || read(ends[0], &byte, 1) != 1) {
		abort();
	}
	if (ret_pipe != NULL) {
		*ret_pipe = ends[0];
	} else {
		close(ends[0]);
	}
	return pid;
}

static int child_pipe;

static void on_child_frame(void *arg, uint8_t *bytes, size_t len)
{
	(void)arg, (void)bytes, (void)len;
	if (write(child_pipe, "x", 1) != 1) {
		_exit(0);
	}
}

int rig_child_main(int argc, char **argv)
{
	const char *binds[] = { argc == 4 ? argv[2] : "", NULL };
	struct troupe_error error = { .size = sizeof(error) };
	struct wire *wire;

	child_pipe = argc == 4 ? atoi(argv[3]) : -1;
	struct wire_setup setup = { .loop = loop_new(0, "peer"), .binds = binds, .on_frame = on_child_frame };
	if (wire_open(&setup, &wire, &error) != 0 || write(child_pipe, "l", 1) != 1) {
		return 9;
	}
	alarm(60);
	loop_run(setup.loop);
	return 0;
}

unsigned rig_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	unsigned count = 0;

	while (folder != NULL && readdir(folder) != NULL) {
		count++;
	}
	closedir(folder);
	return count;
}
