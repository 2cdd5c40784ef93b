/* SPDX-License-Identifier: MIT */
/* What a host tells its service manager, and when it stays silent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/control/notify.h"
#include "host/control/service.h"
#include "test_core.h"

#define PERIOD_MS 50 /* between two pings: WATCHDOG_USEC is twice that */

/* --- the protocol --------------------------------------------------------------------------------- */

/* A receiver at an address of the file system or, when it starts with a zero, of the abstract name space. */
static int receiver(const char *path, size_t len)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, path, len);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)), 0);
	return fd;
}

static void expect(int fd, const char *wanted)
{
	char message[NOTIFY_MESSAGE_MAX];

	assert_true(notify_receive(fd, message, sizeof(message)) > 0);
	assert_string_equal(message, wanted);
}

static void addresses(void **state)
{
	char path[128], name[64];
	struct notify notify;
	int pair[2], fd;

	(void)state;
	assert_int_equal(notify_open(&notify), -ENODATA);
	assert_int_equal(notify.fd, -1);
	assert_false(notify_send(&notify, "READY=1"));

	snprintf(path, sizeof(path), "%s/notify-%ld", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp", (long)getpid());
	fd = receiver(path, strlen(path));
	setenv("NOTIFY_SOCKET", path, 1);
	setenv("WATCHDOG_USEC", "3000000", 1);
	assert_int_equal(notify_open(&notify), 0);
	assert_int_equal(notify.watchdog_us, 3000000);
	assert_null(getenv("NOTIFY_SOCKET"));
	assert_null(getenv("WATCHDOG_USEC"));
	assert_true(notify_send(&notify, "READY=1\nSTATUS=all is well"));
	expect(fd, "READY=1\nSTATUS=all is well");
	notify_close(&notify);
	close(fd);
	unlink(path);

	snprintf(name, sizeof(name), "%ctroupe-test-%ld", 0, (long)getpid());
	fd = receiver(name, 1 + strlen(name + 1));
	name[0] = '@';
	setenv("NOTIFY_SOCKET", name, 1);
	setenv("WATCHDOG_USEC", "3000000", 1);
	setenv("WATCHDOG_PID", "1", 1); /* another process is watched */
	assert_int_equal(notify_open(&notify), 0);
	assert_int_equal(notify.watchdog_us, 0);
	assert_null(getenv("WATCHDOG_PID"));
	assert_true(notify_send(&notify, "READY=1"));
	expect(fd, "READY=1");
	notify_close(&notify);
	close(fd);

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	snprintf(name, sizeof(name), "fd:%d", pair[1]);
	setenv("NOTIFY_SOCKET", name, 1);
	assert_int_equal(notify_open(&notify), 0);
	assert_true(notify_send(&notify, "READY=1"));
	expect(pair[0], "READY=1");
	notify_close(&notify);
	close(pair[0]);
}

static void bad_addresses(void **state)
{
	static const char *const bad[] = { "relative", "@", "/", "fd:", "fd:x", "fd:0", "fd:99", "vsock:2:1",
					   "/there/is/no/such/socket" };
	struct notify notify;
	char deep[200];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		setenv("NOTIFY_SOCKET", bad[i], 1);
		assert_true(notify_open(&notify) < 0);
		assert_int_equal(notify.fd, -1);
		assert_null(getenv("NOTIFY_SOCKET"));
	}
	memset(deep, 'x', sizeof(deep));
	deep[0] = '/';
	deep[sizeof(deep) - 1] = '\0';
	setenv("NOTIFY_SOCKET", deep, 1);
	assert_int_equal(notify_open(&notify), -EINVAL);
}

static void values(void **state)
{
	char value[16] = "";

	(void)state;
	assert_true(notify_value("READY=1\nSTATUS=all is well\nX=", "STATUS", value, sizeof(value)));
	assert_string_equal(value, "all is well");
	assert_true(notify_value("READY=1\nSTATUS=all is well\nX=", "X", value, sizeof(value)));
	assert_string_equal(value, "");
	assert_false(notify_value("READY=1\nNOT_STATUS=1", "STATUS", value, sizeof(value)));
	assert_false(notify_value("", "STATUS", value, sizeof(value)));
}

/* --- a host --------------------------------------------------------------------------------------- */

static int32_t start_slow(struct actor *actor)
{
	actor->host->state(actor->host, 0, 0, "loading");
	return TROUPE_OK;
}

static const struct actor_script plain, slow = { .start = start_slow };
static const struct troupe_plugin mall = ACTOR_PLUGIN("mall"), ledger = ACTOR_PLUGIN("ledger");
static const struct config_instance instances[] = {
	{ .name = "base/mall", .part = "base", .role = "mall", .plugin = &mall, .options = &plain, .loop = 0 },
	{ .name = "base/ledger", .part = "base", .role = "ledger", .plugin = &ledger, .options = &slow, .loop = 1 },
};

static struct {
	struct core *core;
	struct service *service;
	struct config config;
	struct config_host host;
	pthread_t thread;
	int receiver, exit;
	char last[NOTIFY_MESSAGE_MAX];
} world;

static void *run_core(void *arg)
{
	world.exit = core_run(world.core);
	return arg;
}

static int setup(void **state)
{
	static const struct config_instance *local[2];
	char name[32], us[32];
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	world.receiver = pair[0];
	snprintf(name, sizeof(name), "fd:%d", pair[1]);
	snprintf(us, sizeof(us), "%d", 2 * PERIOD_MS * 1000);
	setenv("NOTIFY_SOCKET", name, 1);
	setenv("WATCHDOG_USEC", us, 1);
	world.core = actor_core(&world.config, &world.host, instances, 2, local, 2);
	assert_non_null(world.core);
	world.service = service_open(world.core);
	assert_non_null(world.service);
	assert_int_equal(pthread_create(&world.thread, NULL, run_core, NULL), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	core_drain(world.core);
	pthread_join(world.thread, NULL);
	service_close(world.service);
	core_free(world.core);
	close(world.receiver);
	return 0;
}

/* Reads messages until one contains `wanted`, at most `ms` long. */
static bool heard(const char *wanted, int ms)
{
	struct pollfd one = { .fd = world.receiver, .events = POLLIN };
	uint64_t until_us = loop_clock_us() + (uint64_t)ms * 1000;

	for (uint64_t now_us; (now_us = loop_clock_us()) < until_us;) {
		poll(&one, 1, (int)((until_us - now_us) / 1000) + 1);
		if (notify_receive(world.receiver, world.last, sizeof(world.last)) > 0 && strstr(world.last, wanted) != NULL) {
			return true;
		}
	}
	return false;
}

/* Something that runs on a loop while the test goes on. */
struct visit {
	struct loop_task task;
	void (*run)(void);
	atomic_bool begun, release, gone; /* gone: the loop looks at it no more */
};

static void on_visit(struct loop_task *task)
{
	struct visit *visit = (struct visit *)(void *)task;

	atomic_store(&visit->begun, true);
	if (visit->run != NULL) {
		visit->run();
	}
	while (!atomic_load(&visit->release)) {
		usleep(1000);
	}
	atomic_store(&visit->gone, true);
}

static void visit(struct loop *loop, void (*run)(void))
{
	struct visit visit = { .task = { .run = on_visit }, .run = run };

	atomic_store(&visit.release, true);
	loop_post(loop, &visit.task);
	while (!atomic_load(&visit.gone)) {
		usleep(1000);
	}
}

static void ledger_ready(void)
{
	struct instance *instance = core_instance(world.core, "base/ledger");

	instance->host.state(&instance->host, 1, 0, NULL);
}

static void reload_begins(void)
{
	service_reloading(world.service, true);
}

static void reload_ends(void)
{
	service_reloading(world.service, false);
}

static void tells_its_life(void **state)
{
	struct loop *main_loop = core_main_loop(world.core);
	char value[64];

	(void)state;
	assert_true(heard("1 of 2 ready; waiting: base/ledger", 2000));
	assert_null(strstr(world.last, "READY=1"));
	/* who waits for long is not killed for it */
	assert_true(heard("EXTEND_TIMEOUT_USEC=", 2000));
	assert_false(heard("READY=1", 3 * PERIOD_MS));
	/* a reload before the host is ready must not look like its end */
	visit(main_loop, reload_begins);
	visit(main_loop, reload_ends);
	assert_false(heard("READY=1", 3 * PERIOD_MS));

	visit(core_loop(world.core, 1), ledger_ready);
	assert_true(heard("READY=1", 2000));
	assert_non_null(strstr(world.last, "\nSTATUS=2 of 2 ready"));
	assert_false(heard("EXTEND_TIMEOUT_USEC=", 3 * PERIOD_MS));

	/* two reloads at once: ready when the last has ended */
	visit(main_loop, reload_begins);
	assert_true(heard("RELOADING=1", 1000));
	assert_true(notify_value(world.last, "MONOTONIC_USEC", value, sizeof(value)));
	assert_in_range(loop_clock_us() - strtoull(value, NULL, 10), 0, 1000000);
	visit(main_loop, reload_begins);
	visit(main_loop, reload_ends);
	assert_false(heard("READY=1", 3 * PERIOD_MS));
	visit(main_loop, reload_ends);
	assert_true(heard("READY=1", 1000));

	core_drain(world.core);
	assert_true(heard("STOPPING=1\nSTATUS=stopping, ", 1000));
	assert_false(heard("READY=1", 100));
}

static void says_nothing_while_a_loop_stands(void **state)
{
	struct visit stuck = { .task = { .run = on_visit } };

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_true(heard("WATCHDOG=1", 10 * PERIOD_MS));
	}
	for (unsigned i = 0; i <= 1; i++) {
		atomic_store(&stuck.release, false);
		atomic_store(&stuck.begun, false);
		loop_post(core_loop(world.core, i), &stuck.task);
		while (!atomic_load(&stuck.begun)) {
			usleep(1000);
		}
		/* what was on its way when it got stuck */
		heard("WATCHDOG=1", 2 * PERIOD_MS);
		assert_false(heard("WATCHDOG=1", 10 * PERIOD_MS));
		atomic_store(&stuck.release, true);
		assert_true(heard("WATCHDOG=1", 10 * PERIOD_MS));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(bad_addresses),
		cmocka_unit_test(values),
		cmocka_unit_test_setup_teardown(tells_its_life, setup, teardown),
		cmocka_unit_test_setup_teardown(says_nothing_while_a_loop_stands, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
