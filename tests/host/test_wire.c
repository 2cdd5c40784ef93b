/* SPDX-License-Identifier: MIT */
/* The wire: frames arrive, fullness is told, addresses are taken over or refused, peers come back, nothing leaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/host/wire_rig.h"

static struct wire_rig near_rig, far_rig;
static char near_at[128], far_at[128];

static void begin(const char *scheme)
{
	rig_start(&near_rig, rig_address(near_at, scheme));
	rig_start(&far_rig, rig_address(far_at, scheme));
}

static void end(void)
{
	rig_stop(&near_rig);
	rig_stop(&far_rig);
}

/* --- frames ------------------------------------------------------------------------------------------- */

static void frames_go(const char *scheme)
{
	struct rig_peer peer;

	begin(scheme);
	assert_int_equal(rig_connect(&near_rig, &peer, 1, far_at), 0);
	rig_send_many(&peer, 3000, 0);
	assert_true(rig_wait_sent(&peer));
	rig_send_many(&peer, 5, TROUPE_FRAME_MAX);
	assert_true(rig_wait_sent(&peer));
	assert_true(rig_wait_frames(&far_rig, 3005));
	assert_int_equal(far_rig.disorder + far_rig.missed + far_rig.foreign, 0);
	assert_int_equal(far_rig.frames_bytes, peer.accepted_bytes);
	assert_true(far_rig.turn_max <= WIRE_BATCH);
	struct wire_counts near_counts = rig_counts(&near_rig), far_counts = rig_counts(&far_rig);
	assert_int_equal(near_counts.sent, 3005);
	assert_int_equal(far_counts.received, 3005);
	assert_int_equal(far_counts.received_bytes, near_counts.sent_bytes);
	assert_int_equal(far_counts.broken, 0);
	end();
}

static void frames_ipc(void **state)
{
	(void)state;
	frames_go("ipc");
}

static void frames_tcp(void **state)
{
	(void)state;
	frames_go("tcp");
}

static void sizes(void **state)
{
	struct rig_peer peer;

	(void)state;
	begin("ipc");
	assert_int_equal(rig_connect(&near_rig, &peer, 1, far_at), 0);
	rig_send_many(&peer, 1, 100);
	assert_true(rig_wait_sent(&peer));
	/* a frame above the bound would end the connection; an empty one is none */
	assert_int_equal(rig_send(&peer, TROUPE_FRAME_MAX + 1), -EMSGSIZE);
	assert_int_equal(rig_send(&peer, 0), -EMSGSIZE);
	rig_send_many(&peer, 1, TROUPE_FRAME_MAX);
	assert_true(rig_wait_frames(&far_rig, 2));
	assert_int_equal(far_rig.disorder + far_rig.missed, 0);
	assert_int_equal(rig_counts(&far_rig).broken, 0);
	end();
}

/* A reader that stalls: the sender is told, holds little, and goes on when there is room. */
static void fullness(void **state)
{
	struct rig_peer peer;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		begin(i == 0 ? "ipc" : "tcp");
		assert_int_equal(rig_connect(&near_rig, &peer, 1, far_at), 0);
		rig_hold(&far_rig);
		rig_send_many(&peer, 2000, 10000);
		usleep(300000);
		struct rig_peer seen = rig_see(&peer);
		assert_true(seen.left > 0);
		/* the kernel doubles what it is asked for, on both sides; a frame is in nanomsg on each */
		assert_true(seen.accepted_bytes <= 8 * WIRE_BUFFER);
		usleep(100000);
		assert_int_equal(rig_see(&peer).writable, seen.writable); /* no busy waiting */
		rig_release(&far_rig);
		assert_true(rig_wait_sent(&peer));
		assert_true(rig_wait_frames(&far_rig, 2000));
		assert_int_equal(far_rig.disorder + far_rig.missed, 0);
		assert_true(far_rig.turn_max <= WIRE_BATCH && far_rig.turn_max <= WIRE_BATCH_BYTES / 10000 + 1);
		end();
	}
}

/* --- peers that are not there, die and come back --------------------------------------------------------- */

static void nobody_there(void **state)
{
	struct rig_peer peer;

	(void)state;
	rig_start(&near_rig, rig_address(near_at, "ipc"));
	assert_int_equal(rig_connect(&near_rig, &peer, 1, rig_address(far_at, "ipc")), 0);
	assert_int_equal(rig_send(&peer, 100), -EAGAIN);
	assert_int_equal(rig_send(&peer, 100), -EAGAIN);
	assert_int_equal(rig_counts(&near_rig).refused, 2);
	usleep(100000);
	assert_int_equal(rig_see(&peer).writable, 0);
	rig_start(&far_rig, far_at);
	assert_true(rig_wait_writable(&peer));
	assert_int_equal(rig_send(&peer, 100), 0);
	assert_true(rig_wait_frames(&far_rig, 1));
	assert_int_equal(rig_see(&peer).writable, 1); /* once, for two refusals */
	end();
}

/* What was accepted and had not been read is lost with its reader, silently: so there is link.h. */
static void loss(void **state)
{
	struct rig_peer peer;
	char bytes[4096];
	uint64_t came = 0;
	int out;

	(void)state;
	rig_start(&near_rig, rig_address(near_at, "ipc"));
	pid_t pid = rig_child(rig_address(far_at, "ipc"), &out);
	assert_int_equal(rig_connect(&near_rig, &peer, 1, far_at), 0);
	rig_send_many(&peer, 100, 200);
	assert_true(rig_wait_sent(&peer));
	for (ssize_t n = 0; came < 100; came += (uint64_t)n) {
		n = read(out, bytes, sizeof(bytes));
		assert_true(n > 0);
	}
	kill(pid, SIGSTOP);
	rig_send_many(&peer, 100000, 200);
	usleep(200000);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	for (ssize_t n; (n = read(out, bytes, sizeof(bytes))) > 0; came += (uint64_t)n) {
	}
	close(out);
	assert_true(rig_see(&peer).number > came + 100);
	/* the next process takes over the dead one's address and gets what is sent from then on */
	rig_start(&far_rig, far_at);
	assert_true(rig_wait_frames(&far_rig, 1000));
	end();
	assert_true(far_rig.missed > 0);
	assert_int_equal(far_rig.disorder, 0);
}

static void comes_back(void **state)
{
	struct rig_peer peer;

	(void)state;
	for (unsigned scheme = 0; scheme < 2; scheme++) {
		begin(scheme == 0 ? "ipc" : "tcp");
		assert_int_equal(rig_connect(&near_rig, &peer, 1, far_at), 0);
		for (unsigned i = 0; i < 6; i++) {
			struct timespec from, to;

			/* what goes into a connection that has just ended is lost; then wire_send says -EAGAIN */
			clock_gettime(CLOCK_MONOTONIC, &from);
			for (uint64_t came = 0; came < 10; came = rig_frames(&far_rig)) {
				rig_send(&peer, 100);
				usleep(1000);
				clock_gettime(CLOCK_MONOTONIC, &to);
				assert_true(to.tv_sec - from.tv_sec < 3);
			}
			rig_stop(&far_rig);
			assert_int_equal(far_rig.disorder, 0);
			rig_start(&far_rig, far_at);
		}
		assert_true(rig_counts(&near_rig).broken >= 5);
		end();
	}
}

static void reconnects(void **state)
{
	struct rig_peer peer, waiting;
	char nowhere[128];

	(void)state;
	begin("tcp");
	assert_int_equal(rig_connect(&near_rig, &peer, 1, far_at), 0);
	for (unsigned i = 0; i < 20; i++) {
		rig_send_many(&peer, 10, 100);
		assert_true(rig_wait_sent(&peer));
		assert_true(rig_wait_frames(&far_rig, 10 * (i + 1)));
		assert_int_equal(rig_reconnect(&peer), 0);
	}
	assert_int_equal(far_rig.disorder + far_rig.missed, 0);
	/* one that waits to be told that there is room still is told */
	assert_int_equal(rig_connect(&near_rig, &waiting, 2, rig_address(nowhere, "ipc")), 0);
	assert_int_equal(rig_send(&waiting, 100), -EAGAIN);
	assert_int_equal(rig_reconnect(&waiting), 0);
	rig_stop(&far_rig);
	rig_start(&far_rig, nowhere);
	assert_true(rig_wait_writable(&waiting));
	assert_int_equal(rig_see(&waiting).writable, 1);
	end();
}

/* --- addresses ------------------------------------------------------------------------------------------- */

static void refused(const char *address, int error, const char *word)
{
	struct troupe_error reterr = { .size = sizeof(reterr) };
	struct wire_rig rig;

	int r = rig_open(&rig, address, &reterr);
	if (r != error || strstr(reterr.text, word) == NULL) {
		fail_msg("%s: %d, \"%s\"", address, r, reterr.text);
	}
	assert_true(reterr.status != 0);
}

static void addresses(void **state)
{
	static const struct {
		const char *address;
		int error;
	} peers[] = {
		{ "", -EINVAL }, { "10.0.0.1:9500", -EINVAL }, { "udp://10.0.0.1:9500", -EINVAL }, { "ipc://", -EINVAL },
		{ "tcp://10.0.0.1", -EINVAL }, { "tcp://10.0.0.1:", -EINVAL }, { "tcp://10.0.0.1:0", -EINVAL },
		{ "tcp://10.0.0.1:65536", -EINVAL }, { "tcp://10.0.0.1:95x", -EINVAL }, { "tcp://*:9500", -EINVAL },
		{ "tcp://a b:9500", -EINVAL }, { "tcp://10.0.0.1:9500", 0 }, { "tcp://[::1]:9500", 0 },
		{ "tcp://localhost:9500", 0 }, { "tcp://host-b.internal:9500", -EINVAL },
	};
	char path[512], text[128], living[128];
	struct rig_peer peer;
	struct stat status;

	(void)state;
	begin("tcp");
	for (unsigned i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
		int r = rig_connect(&near_rig, &peer, 1, peers[i].address);
		if (r != peers[i].error) {
			fail_msg("%s: %d", peers[i].address, r);
		}
		if (r == 0) {
			rig_disconnect(&peer);
		}
	}
	memset(path, 'x', sizeof(path));
	memcpy(path, "ipc:///", 7);
	for (unsigned len = 6 + WIRE_PATH_MAX + 1; len < 300; len += 20) {
		path[len] = '\0';
		assert_int_equal(rig_connect(&near_rig, &peer, 1, path), -ENAMETOOLONG);
		refused(path, -ENAMETOOLONG, "107 bytes");
		path[len] = 'x';
	}
	refused("tcp://127.0.0.1:0", -EINVAL, "port");
	refused("tcp://256.0.0.1:9500", -EINVAL, "256");
	refused("inproc://x", -EINVAL, "inproc");
	refused(far_at, -EADDRINUSE, "in use");
	refused("tcp://192.0.2.1:9500", -EADDRNOTAVAIL, "192.0.2.1");
	refused("ipc://", -EINVAL, "no path");
	refused("ipc:///nowhere/at/all.bus", -ENOENT, "nowhere");
	end();

	/* what is in the way of an ipc address */
	rig_start(&near_rig, rig_address(living, "ipc"));
	refused(living, -EADDRINUSE, "listens there");
	assert_int_equal(stat(living + 6, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	rig_stop(&near_rig);
	assert_int_equal(stat(living + 6, &status), -1); /* closed in order: nothing stays */
	close(open(living + 6, O_CREAT | O_WRONLY, 0600));
	refused(living, -EEXIST, "no socket");
	assert_int_equal(stat(living + 6, &status), 0); /* not removed */
	unlink(living + 6);

	/* a stopped process is alive, a killed one is not */
	pid_t pid = rig_child(rig_address(text, "ipc"), NULL);
	kill(pid, SIGSTOP);
	refused(text, -EADDRINUSE, "listens there");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(stat(text + 6, &status), 0);
	rig_start(&near_rig, text);
	rig_stop(&near_rig);
}

/* --- bounds ---------------------------------------------------------------------------------------------- */

static void nothing_leaks(void **state)
{
	struct rig_peer peer;

	(void)state;
	begin("ipc");
	unsigned before = rig_descriptors();
	for (unsigned i = 0; i < 500; i++) {
		assert_int_equal(rig_connect(&near_rig, &peer, i % 8, i % 3 == 0 ? "ipc:///tmp/nobody.bus" : far_at), 0);
		rig_send_many(&peer, 3, 100);
		if (i % 3 == 1) {
			assert_true(rig_wait_sent(&peer));
		}
		rig_disconnect(&peer);
	}
	for (unsigned i = 0; i < 2000 && rig_descriptors() > before; i++) {
		usleep(1000); /* the far side sees the ends a little later */
	}
	assert_int_equal(rig_descriptors(), before);
	for (unsigned i = 0; i < 50; i++) {
		rig_stop(&far_rig);
		rig_start(&far_rig, far_at);
	}
	assert_int_equal(rig_descriptors(), before);
	end();
}

static void too_many(void **state)
{
	static struct rig_peer peers[600];
	unsigned len = 0;
	int r = 0;

	(void)state;
	begin("ipc");
	while (len < 600 && (r = rig_connect(&near_rig, &peers[len], 0, far_at)) == 0) {
		len++;
	}
	assert_int_equal(r, -EMFILE);
	assert_in_range(len, 100, 512);
	rig_disconnect(&peers[7]);
	assert_int_equal(rig_connect(&near_rig, &peers[7], 0, far_at), 0);
	rig_send_many(&peers[7], 1, 100);
	assert_true(rig_wait_frames(&far_rig, 1));
	end(); /* closes the others */
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_ipc),  cmocka_unit_test(frames_tcp), cmocka_unit_test(sizes),
		cmocka_unit_test(fullness),    cmocka_unit_test(nobody_there), cmocka_unit_test(loss),
		cmocka_unit_test(comes_back),  cmocka_unit_test(reconnects), cmocka_unit_test(addresses),
		cmocka_unit_test(nothing_leaks), cmocka_unit_test(too_many),
	};

	if (argc > 1) {
		return rig_child_main(argc, argv);
	}
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
