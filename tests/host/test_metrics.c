/* SPDX-License-Identifier: MIT */
/* Metrics: names that are refused, the page's text, many threads, and the pages of a running host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/obs/metrics.h"
#include "host/obs/obs.h"
#include "test_core.h"

#define HELP "Some help."

struct flaw_case {
	uint32_t kind;
	const char *name, *help, *labels;
	const char *flaw; /* a part of the message; NULL = it is good */
};

static const struct flaw_case flaw_cases[] = {
	{ TROUPE_COUNTER, "troupe_orders_total", HELP, NULL, NULL },
	{ TROUPE_COUNTER, "troupe_orders_total", HELP, "result=\"done\"", NULL },
	{ TROUPE_COUNTER, "troupe_orders_total", HELP, "result=\"done\",kind=\"a b\"", NULL },
	{ TROUPE_GAUGE, "troupe_players", HELP, "", NULL },
	{ TROUPE_HISTOGRAM, "troupe_tick_duration_seconds", HELP, NULL, NULL },
	{ TROUPE_COUNTER, "troupe_orders", HELP, NULL, "_total" },
	{ TROUPE_GAUGE, "troupe_orders_total", HELP, NULL, "_total" },
	{ TROUPE_HISTOGRAM, "troupe_tick", HELP, NULL, "_seconds" },
	{ TROUPE_GAUGE, "troupe_tick_ms", HELP, NULL, "unit" },
	{ TROUPE_COUNTER, "troupe_waited_us_total", HELP, NULL, "unit" },
	{ TROUPE_GAUGE, "orders", HELP, NULL, "troupe_" },
	{ TROUPE_GAUGE, "troupe_Orders", HELP, NULL, "lower case" },
	{ TROUPE_GAUGE, "troupe_a__b", HELP, NULL, "lower case" },
	{ TROUPE_GAUGE, "troupe_", HELP, NULL, "lower case" },
	{ TROUPE_GAUGE, "troupe_a b", HELP, NULL, "lower case" },
	{ TROUPE_GAUGE, "troupe_a", NULL, NULL, "help" },
	{ TROUPE_GAUGE, "troupe_a", "", NULL, "help" },
	{ TROUPE_GAUGE, "troupe_a", "no end", NULL, "help" },
	{ TROUPE_GAUGE, NULL, HELP, NULL, "no name" },
	{ 0, "troupe_a", HELP, NULL, "kind" },
	{ TROUPE_GAUGE, "troupe_a", HELP, "role=\"x\"", "host itself" },
	{ TROUPE_GAUGE, "troupe_a", HELP, "a=b", "form" },
	{ TROUPE_GAUGE, "troupe_a", HELP, "a=\"b", "form" },
	{ TROUPE_GAUGE, "troupe_a", HELP, "a=\"b\",", "form" },
	{ TROUPE_GAUGE, "troupe_a", HELP, "a=\"b\\\"", "form" },
	{ TROUPE_GAUGE, "troupe_a", HELP, "a=\"b\"} 1\ntroupe_x", "form" },
};

static void test_flaws(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(flaw_cases) / sizeof(*flaw_cases); i++) {
		const struct flaw_case *c = &flaw_cases[i];
		const struct metrics_spec spec = { .kind = c->kind, .name = c->name, .help = c->help, .labels = c->labels };
		const char *flaw = metrics_flaw(&spec);
		print_message("# %s %s\n", c->name != NULL ? c->name : "-", c->labels != NULL ? c->labels : "");
		assert_int_equal(flaw != NULL, c->flaw != NULL);
		assert_true(flaw == NULL || strstr(flaw, c->flaw) != NULL);
		assert_int_equal(metrics_register(&spec) != 0, c->flaw == NULL);
	}
	metrics_clear();
}

static uint32_t of(uint32_t kind, const char *name, const char *labels, const char *instance)
{
	return metrics_register(&(struct metrics_spec){ .kind = kind, .name = name, .help = HELP, .labels = labels,
							.part = "base", .role = "mall", .instance = instance });
}

static void test_page(void **state)
{
	struct text out;

	(void)state;
	uint32_t done = of(TROUPE_COUNTER, "troupe_orders_total", "result=\"done\"", "base/mall");
	uint32_t players = of(TROUPE_GAUGE, "troupe_players", NULL, "base/mall");
	uint32_t lost = of(TROUPE_COUNTER, "troupe_orders_total", "result=\"lost\"", "base/mall");
	uint32_t ticks = of(TROUPE_HISTOGRAM, "troupe_tick_duration_seconds", NULL, "base/mall");
	assert_true(done != 0 && players != 0 && lost != 0 && ticks != 0);
	assert_int_equal(of(TROUPE_COUNTER, "troupe_orders_total", "result=\"done\"", "base/mall"), done);
	assert_int_not_equal(of(TROUPE_COUNTER, "troupe_orders_total", "result=\"done\"", "base/mall.two"), done);
	assert_int_equal(of(TROUPE_GAUGE, "troupe_tick_duration_seconds", NULL, "base/mall"), 0);
	metrics_add(done, 3);
	metrics_add(done, -1); /* counters only grow */
	metrics_set(done, 77);
	metrics_set(players, 5);
	metrics_add(players, -7);
	metrics_observe(ticks, 10);
	metrics_observe(ticks, 11);
	metrics_observe(ticks, 3000000);
	metrics_observe(ticks, 100000000);
	metrics_observe(players, 1);
	metrics_add(0, 1);
	metrics_add(4000, 1);
	text_init(&out, 1 << 20);
	metrics_write(&out);
	/* a name's lines stand together, below one HELP */
	assert_non_null(strstr(out.bytes,
			       "# HELP troupe_orders_total Some help.\n# TYPE troupe_orders_total counter\n"
			       "troupe_orders_total{part=\"base\",role=\"mall\",instance=\"base/mall\",result=\"done\"} 3\n"
			       "troupe_orders_total{part=\"base\",role=\"mall\",instance=\"base/mall\",result=\"lost\"} 0\n"
			       "troupe_orders_total{part=\"base\",role=\"mall\",instance=\"base/mall.two\",result=\"done\"} 0\n"
			       "# HELP troupe_players "));
	assert_non_null(strstr(out.bytes, "instance=\"base/mall\"} -2\n"));
	assert_non_null(strstr(out.bytes, "instance=\"base/mall\",le=\"1e-05\"} 1\n"));
	assert_non_null(strstr(out.bytes, "instance=\"base/mall\",le=\"2e-05\"} 2\n"));
	assert_non_null(strstr(out.bytes, "instance=\"base/mall\",le=\"2\"} 2\n"));
	assert_non_null(strstr(out.bytes, "instance=\"base/mall\",le=\"5\"} 3\n"));
	assert_non_null(strstr(out.bytes, "instance=\"base/mall\",le=\"50\"} 3\n"));
	assert_non_null(strstr(out.bytes, "instance=\"base/mall\",le=\"+Inf\"} 4\n"));
	assert_non_null(strstr(out.bytes, "_sum{part=\"base\",role=\"mall\",instance=\"base/mall\"} 103.000021\n"));
	assert_non_null(strstr(out.bytes, "_count{part=\"base\",role=\"mall\",instance=\"base/mall\"} 4\n"));
	text_clear(&out);
	metrics_clear();
}

static void test_full(void **state)
{
	char name[64];
	uint32_t got = 0;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "troupe_gauge_%d", i);
		got += of(TROUPE_GAUGE, name, NULL, "base/mall") != 0;
	}
	assert_int_equal(got, METRICS_MAX - 1);
	assert_int_equal(metrics_refused(), 5000 - got);
	metrics_clear();
}

static void *adder(void *arg)
{
	for (int i = 0; i < 20000; i++) {
		uint32_t metric = i % 1000 == 0 ? of(TROUPE_COUNTER, "troupe_adds_total", NULL, "base/mall") :
						  *(uint32_t *)arg;
		metrics_add(metric, 1);
	}
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t threads[4];
	struct text out;

	(void)state;
	uint32_t metric = of(TROUPE_COUNTER, "troupe_adds_total", NULL, "base/mall");
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, adder, &metric), 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
	}
	text_init(&out, 1 << 20);
	metrics_write(&out);
	assert_non_null(strstr(out.bytes, "} 80000\n"));
	text_clear(&out);
	metrics_clear();
}

/* --- a running host ------------------------------------------------------------------------------- */

static struct {
	struct core *core;
	uint16_t port;
	int failed; /* a line number */
} page;

static int32_t gauge_create(struct actor *actor, struct troupe_error *reterr)
{
	const struct troupe_metric metric = { .size = sizeof(metric), .kind = TROUPE_GAUGE, .name = "troupe_players",
					      .help = "Players." };

	(void)reterr;
	actor->host->metric_set(actor->host, actor->host->metric(actor->host, &metric), 42);
	return TROUPE_OK;
}

static int32_t not_ready(struct actor *actor)
{
	actor->host->state(actor->host, 0, 0, "waits for \"rain\"");
	return TROUPE_OK;
}

/* Sends a request in pieces and returns the whole answer. */
static char *get(const char *request, char *answer, size_t size)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_port = htons(page.port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval limit = { .tv_sec = 5 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	size_t len = 0, half = strlen(request) / 2;
	ssize_t got;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	answer[0] = '\0';
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 && send(fd, request, half, MSG_NOSIGNAL) > 0 &&
	    send(fd, request + half, strlen(request) - half, MSG_NOSIGNAL) > 0) {
		while (len < size - 1 && (got = recv(fd, answer + len, size - 1 - len, 0)) > 0) {
			len += (size_t)got;
		}
	}
	answer[len] = '\0';
	close(fd);
	return answer;
}

#define EXPECT(request, part) \
	do { \
		if (strstr(get(request, answer, sizeof(answer)), part) == NULL && page.failed == 0) { \
			page.failed = __LINE__; \
			fprintf(stderr, "%s\n", answer); \
		} \
	} while (0)

static void *watcher(void *arg)
{
	static char answer[1 << 20], big[20000];

	(void)arg;
	/* the roles start beside this thread */
	for (unsigned i = 0; i < 1000 && strstr(get("GET /ready HTTP/1.1\r\n\r\n", answer, sizeof(answer)),
					       "\"rain\"") == NULL; i++) {
		usleep(10000);
	}
	EXPECT("GET /live HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\n");
	EXPECT("GET /live?a=b HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n");
	EXPECT("GET /metrics HTTP/1.1\r\n\r\n", "Content-Type: text/plain; version=0.0.4");
	EXPECT("GET /metrics HTTP/1.1\r\n\r\n",
	       "troupe_players{part=\"base\",role=\"good\",instance=\"base/good\"} 42\n");
	EXPECT("GET /metrics HTTP/1.1\r\n\r\n",
	       "troupe_instance_ready{part=\"base\",role=\"good\",instance=\"base/good\"} 1\n");
	EXPECT("GET /metrics HTTP/1.1\r\n\r\n", "process_resident_memory_bytes ");
	EXPECT("HEAD /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n");
	EXPECT("GET /ready HTTP/1.1\r\n\r\n", "HTTP/1.1 503 ");
	EXPECT("GET /ready HTTP/1.1\r\n\r\n", "base/bad: not ready, waits for \"rain\"\n");
	EXPECT("GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 404 ");
	EXPECT("POST /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 405 ");
	EXPECT("hello\r\n\r\n", "HTTP/1.1 400 ");
	memset(big, 'a', sizeof(big) - 1);
	get(big, answer, sizeof(answer)); /* too long a head: ended, with or without an answer */
	EXPECT("GET /live HTTP/1.1\r\n\r\n", "200 OK");
	core_drain(page.core);
	return NULL;
}

static void test_host(void **state)
{
	static const struct actor_script good = { .create = gauge_create }, bad = { .start = not_ready };
	static const struct troupe_plugin good_plugin = ACTOR_PLUGIN("good"), bad_plugin = ACTOR_PLUGIN("bad");
	const struct config_instance instances[] = {
		{ .name = "base/good", .part = "base", .role = "good", .plugin = &good_plugin, .options = &good },
		{ .name = "base/bad", .part = "base", .role = "bad", .plugin = &bad_plugin, .options = &bad },
	};
	const struct config_instance *local[2];
	struct troupe_error error = { .size = sizeof(error) };
	struct config config;
	struct config_host host;
	struct obs *obs = NULL;
	pthread_t thread;
	uint16_t port;

	(void)state;
	page.core = actor_core(&config, &host, instances, 2, local, 1);
	assert_non_null(page.core);
	/* a free port; taken at once */
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	port = ntohs(addr.sin_port);
	assert_int_equal(obs_open(page.core, port, &obs, &error), TROUPE_ALREADY_EXISTS);
	close(fd);
	assert_int_equal(obs_open(page.core, port, &obs, &error), TROUPE_OK);
	page.port = obs_port(obs);
	assert_int_equal(page.port, port);
	assert_int_equal(pthread_create(&thread, NULL, watcher, NULL), 0);
	assert_int_equal(core_run(page.core), 0);
	pthread_join(thread, NULL);
	obs_close(obs);
	core_free(page.core);
	assert_int_equal(page.failed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flaws),	cmocka_unit_test(test_page), cmocka_unit_test(test_full),
		cmocka_unit_test(test_threads), cmocka_unit_test(test_host),
	};

	return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
