/* SPDX-License-Identifier: MIT */
/* Durable commits through the database service: one loop keeps N commits of one put waiting. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/measure.h"
#include "host/db/store.h"
#include "tests/support/driver_load.h"

/* As in raw/leveldb.c, which this is compared with. */
#define KEY_LEN 18
#define KEY_COUNT 1000000u
#define VALUE_LEN 100
#define WAITING_MAX 10000

struct bench {
	struct loop *loop;
	struct port port;
	struct store store;
	struct loop_task begin;
	struct hist hist;
	uint64_t random, commit_id, begin_ns, end_ns, now_ns;
	long waiting, under_way;
	int keyed, failed, closed;
};

static struct bench bench;

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void on_done(struct db_request *request);

static void commit_send(void)
{
	char key[KEY_LEN + 1], value[VALUE_LEN];
	uint8_t id[TROUPE_KEY_SIZE] = { 0 };
	struct troupe_db_op op = { .kind = TROUPE_DB_PUT, .key = key, .key_len = KEY_LEN, .value = value,
				   .value_len = VALUE_LEN };
	struct troupe_db_commit commit = { .size = sizeof(commit), .ops = &op, .ops_len = 1 };

	snprintf(key, sizeof(key), "key/%014u", (unsigned)(random_next(&bench.random) % KEY_COUNT));
	memset(value, 'v', sizeof(value));
	memcpy(value, key, KEY_LEN);
	if (bench.keyed) {
		uint64_t parts[2] = { random_next(&bench.random), ++bench.commit_id };

		memcpy(id, parts, sizeof(id));
		commit.key = id;
	}
	struct db_request *request = db_request_commit(&commit);

	request->on_done = on_done;
	request->context[0] = clock_ns();
	bench.under_way++;
	port_submit(&bench.port, 0, request);
}

static void on_done(struct db_request *request)
{
	uint64_t now = clock_ns();

	bench.under_way--;
	bench.failed |= request->u.commit.result.status != TROUPE_OK;
	hist_add(&bench.hist, now - request->context[0]);
	db_request_free(request);
	if (now < bench.end_ns && !bench.failed) {
		commit_send();
	} else if (bench.under_way == 0) {
		bench.now_ns = now;
		store_stop(&bench.store);
	}
}

static void on_state(void *arg, int32_t status, const char *text)
{
	(void)arg;
	if (status != TROUPE_OK) {
		fprintf(stderr, "store: %s\n", text);
		bench.failed = 1;
		store_stop(&bench.store);
		return;
	}
	bench.begin_ns = clock_ns();
	bench.end_ns += bench.begin_ns;
	for (long i = 0; i < bench.waiting; i++) {
		commit_send();
	}
}

static void on_closed(void *arg)
{
	(void)arg;
	loop_stop(bench.loop);
}

static int run(const char *plugins, const char *dir)
{
	char path[4096];
	const struct troupe_plugin *plugin = driver_load(plugins, "driver_leveldb");
	struct store *stores[] = { &bench.store };
	struct store_params params = { .on_state = on_state, .on_closed = on_closed };
	struct troupe_error error = { .size = sizeof(error) };

	if (plugin == NULL) {
		return -ENOENT;
	}
	snprintf(path, sizeof(path), "path=%s", dir);
	void *options = driver_options(plugin, path, NULL);

	bench.loop = loop_new(0, "bench");
	store_init(&bench.store, "bench");
	params.driver = plugin->driver;
	params.options = options;
	params.loop = bench.loop;
	if (bench.loop == NULL || port_init(&bench.port, bench.loop, stores, 1) < 0 ||
	    store_start(&bench.store, &params, &error) != TROUPE_OK) {
		fprintf(stderr, "store: %s\n", error.text);
		return -EIO;
	}
	loop_run(bench.loop);
	store_fini(&bench.store);
	port_fini(&bench.port);
	loop_free(bench.loop);
	free(options);
	return bench.failed ? -EIO : 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "dir", required_argument, NULL, 'd' },
		{ "plugins", required_argument, NULL, 'p' },
		{ "waiting", required_argument, NULL, 'w' },
		{ "time", required_argument, NULL, 't' },
		{ "keyed", no_argument, NULL, 'k' },
		{ 0 },
	};
	const char *dir = NULL, *plugins = NULL;
	int option, bad = 0;

	bench.waiting = 1;
	bench.end_ns = 1000000000;
	bench.random = 88172645463325252ull;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'd') {
			dir = optarg;
		} else if (option == 'p') {
			plugins = optarg;
		} else if (option == 'k') {
			bench.keyed = 1;
		} else if (option == 'w') {
			bad |= number_parse(optarg, 1, WAITING_MAX, &bench.waiting);
		} else {
			bad |= option == 't' ? seconds_parse(optarg, &bench.end_ns) : -EINVAL;
		}
	}
	if (bad || dir == NULL) {
		fprintf(stderr, "usage: store --dir DIR [--plugins DIR] [--waiting COMMITS] [--time S] [--keyed]\n");
		return 2;
	}
	if (run(plugins, dir) < 0) {
		return 1;
	}
	double seconds = (double)(bench.now_ns - bench.begin_ns) / 1e9;
	uint64_t batches = atomic_load(&bench.store.counts.batches);

	printf("{\"puts_per_s\": %.1f, \"batch\": %.2f, \"p50_us\": %.2f, \"p99_us\": %.2f}\n",
	       (double)bench.hist.count / seconds, batches > 0 ? (double)bench.hist.count / (double)batches : 0.,
	       (double)hist_quantile(&bench.hist, 0.5) / 1e3, (double)hist_quantile(&bench.hist, 0.99) / 1e3);
	return 0;
}
