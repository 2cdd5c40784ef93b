/* SPDX-License-Identifier: MIT */
/* Strangers at the bus address: what they write ends their own connection, and true peers get through meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "tests/host/wire_rig.h"

/* What a PUSH peer says first (SP over TCP, rfc/sp-tcp-mapping-01.txt of nanomsg): NUL "SP" version, type 0x0050, 0. */
#define PUSH "\0SP\0\0\x50\0\0"
#define PULL "\0SP\0\0\x51\0\0"

/* What one stranger writes. `ipc` frames have one byte more in front of the length: their type. */
struct stranger {
	const char *name;
	const char *bytes;
	size_t len;
	unsigned what;
};

enum {
	FRAMED = 1,  /* a frame follows: after the header comes the type byte over ipc */
	WHOLE = 2,   /* of which all came: to be refused by its seal */
	KEPT = 4,    /* it may yet be a peer */
	TCP_ONLY = 8 /* over ipc nanomsg 1.1.5 aborts at it: the folder's mode keeps strangers out */
};

#define STRANGER(name, bytes, what) { name, bytes, sizeof(bytes) - 1, what }

static const struct stranger strangers[] = {
	STRANGER("silence", "", 0),
	STRANGER("a browser", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 0),
	STRANGER("TLS", "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", 0),
	STRANGER("half a header", "\0SP", 0),
	STRANGER("a header of another version", "\0SP\1\0\x50\0\0", 0),
	STRANGER("a header of another protocol", "\0SP\0\0\x10\0\0", 0),
	STRANGER("another puller", PULL, 0),
	STRANGER("a header with reserved bytes", "\0SP\0\0\x50\1\1", KEPT),
	STRANGER("a header alone", PUSH, KEPT),
	STRANGER("half a length", PUSH "\0\0\0", FRAMED | KEPT),
	STRANGER("the largest length", PUSH "\xff\xff\xff\xff\xff\xff\xff\xff", FRAMED),
	STRANGER("the largest signed length", PUSH "\x7f\xff\xff\xff\xff\xff\xff\xff", FRAMED),
	STRANGER("a length of 4 GiB", PUSH "\0\0\0\1\0\0\0\0", FRAMED),
	STRANGER("a length just above 32 bits", PUSH "\0\0\0\1\0\0\0\5hello", FRAMED),
	STRANGER("a length above the bound", PUSH "\0\0\0\0\0\x10\0\1hello", FRAMED),
	STRANGER("the bound, and less", PUSH "\0\0\0\0\0\x10\0\0hello", FRAMED | KEPT),
	STRANGER("an empty frame", PUSH "\0\0\0\0\0\0\0\0", FRAMED | KEPT | WHOLE),
	STRANGER("a frame", PUSH "\0\0\0\0\0\0\0\5hello", FRAMED | KEPT | WHOLE),
	STRANGER("noise behind a frame", PUSH "\0\0\0\0\0\0\0\5hello\xde\xad\xbe\xef\1\2\3\4\5\6\7",
		 FRAMED | WHOLE | TCP_ONLY),
};
#define STRANGERS (sizeof(strangers) / sizeof(strangers[0]))

static struct wire_rig near_rig, far_rig;
static char near_at[128], far_at[128];

static int raw_connect(const char *address)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct sockaddr_in in = { .sin_family = AF_INET };
	bool ipc = strncmp(address, "ipc", 3) == 0;
	int fd = socket(ipc ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (ipc) {
		snprintf(un.sun_path, sizeof(un.sun_path), "%.107s", address + 6);
	} else {
		in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		in.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1));
	}
	int r = ipc ? connect(fd, (struct sockaddr *)&un, sizeof(un)) : connect(fd, (struct sockaddr *)&in, sizeof(in));
	if (fd < 0 || r != 0) {
		fail_msg("connect to %s: %s", address, strerror(errno));
	}
	return fd;
}

/* Writes what a stranger says, as far as it is listened to. */
static void speak(int fd, const struct stranger *stranger, bool ipc)
{
	char bytes[256];
	size_t head = stranger->what & FRAMED ? 8 : stranger->len, len = stranger->len;

	memcpy(bytes, stranger->bytes, head);
	if ((stranger->what & FRAMED) && ipc) {
		bytes[head] = 1;
		memcpy(bytes + head + 1, stranger->bytes + head, len - head);
		len++;
	} else {
		memcpy(bytes + head, stranger->bytes + head, len - head);
	}
	if (send(fd, bytes, len, MSG_NOSIGNAL) < 0) {
		assert_true(errno == EPIPE || errno == ECONNRESET);
	}
}

/* Is it hung up within `ms`? What the other side says first is skipped. */
static bool hung_up(int fd, int ms)
{
	struct timespec from, now;
	char bytes[64];

	clock_gettime(CLOCK_MONOTONIC, &from);
	for (;;) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		int left = ms - (int)((now.tv_sec - from.tv_sec) * 1000 + (now.tv_nsec - from.tv_nsec) / 1000000);
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		if (left <= 0 || poll(&wait, 1, left) <= 0) {
			return false;
		}
		ssize_t n = read(fd, bytes, sizeof(bytes));
		if (n == 0 || (n < 0 && errno == ECONNRESET)) {
			return true;
		}
	}
}

static void begin(const char *scheme)
{
	rig_start(&near_rig, rig_address(near_at, "ipc"));
	rig_start(&far_rig, rig_address(far_at, scheme));
}

static void end(void)
{
	rig_stop(&near_rig);
	rig_stop(&far_rig);
}

/* Every stranger many times, ending in every way, while a true peer sends. */
static void among_strangers(const char *scheme)
{
	enum { ROUNDS = 40, OPEN = 64, FRAMES = 20000 };
	bool ipc = strcmp(scheme, "ipc") == 0;
	int open[OPEN];
	struct rig_peer peer;

	begin(scheme);
	unsigned before = rig_descriptors();
	assert_int_equal(rig_connect(&near_rig, &peer, 1, far_at), 0);
	rig_send_many(&peer, FRAMES, 0);
	memset(open, -1, sizeof(open));
	for (unsigned i = 0; i < ROUNDS * STRANGERS; i++) {
		const struct stranger *stranger = &strangers[i % STRANGERS];
		if (ipc && (stranger->what & TCP_ONLY)) {
			continue;
		}
		int fd = raw_connect(far_at);
		speak(fd, stranger, ipc);
		switch (i / STRANGERS % 3) {
		case 0: /* gone at once */
			close(fd);
			continue;
		case 1: /* torn off */
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ .l_onoff = 1 }, sizeof(struct linger));
			close(fd);
			continue;
		default: /* stays */
			close(open[i % OPEN]);
			open[i % OPEN] = fd;
		}
	}
	rig_send_many(&peer, 1000, 0); /* the true peer's connection lives */
	assert_true(rig_wait_sent(&peer));
	struct rig_peer sent = rig_see(&peer);
	for (unsigned i = 0; i < 10000 && rig_next(&far_rig, 1) < sent.number; i++) {
		usleep(1000);
	}
	rig_disconnect(&peer);
	for (unsigned i = 0; i < OPEN; i++) {
		close(open[i]);
	}
	for (unsigned i = 0; i < 3000 && rig_descriptors() > before; i++) {
		usleep(1000);
	}
	assert_int_equal(rig_descriptors(), before);
	end();
	assert_int_equal(far_rig.next[1], sent.number);
	assert_int_equal(far_rig.disorder + far_rig.missed, 0);
	assert_true(far_rig.foreign > 0); /* whole frames of strangers arrive: only a seal tells them */
}

static void among_strangers_tcp(void **state)
{
	(void)state;
	among_strangers("tcp");
}

static void among_strangers_ipc(void **state)
{
	(void)state;
	among_strangers("ipc");
}

/* What each of them gets: the end, but for those that could be a peer; what is a frame is received. */
static void one_by_one(void **state)
{
	(void)state;
	for (unsigned scheme = 0; scheme < 2; scheme++) {
		begin(scheme == 0 ? "tcp" : "ipc");
		for (unsigned i = 0; i < STRANGERS; i++) {
			uint64_t before = rig_counts(&far_rig).received;
			bool keep = strangers[i].what & KEPT, whole = strangers[i].what & WHOLE;
			if (scheme == 1 && (strangers[i].what & TCP_ONLY)) {
				continue;
			}
			int fd = raw_connect(far_at);
			speak(fd, &strangers[i], scheme == 1);
			bool hung = hung_up(fd, keep ? 200 : 3000);
			uint64_t received = rig_counts(&far_rig).received - before;
			if (hung == keep || received != whole) {
				fail_msg("%s: %s, %u received", strangers[i].name, hung ? "hung up" : "kept",
					 (unsigned)received);
			}
			close(fd);
		}
		end();
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(among_strangers_tcp),
		cmocka_unit_test(among_strangers_ipc),
		cmocka_unit_test(one_by_one),
	};

	if (argc > 1) {
		return rig_child_main(argc, argv);
	}
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("wire_strangers", tests, NULL, NULL);
}
