/* SPDX-License-Identifier: MIT */
/* The raw side of a durable commit: synced LevelDB writes of one put, or of a batch of puts. */
#include <errno.h>
#include <getopt.h>
#include <leveldb/c.h>
#include <stdio.h>
#include <string.h>

#include "../measure.h"

/* Keys are 18 bytes, values 100, as in the targets; keys are drawn from a million. */
#define KEY_LEN 18
#define KEY_COUNT 1000000u
#define VALUE_LEN 100
#define BATCH_MAX 10000

struct store {
	leveldb_options_t *options;
	leveldb_writeoptions_t *write;
	leveldb_filterpolicy_t *filter;
	leveldb_t *db;
};

/* xorshift64: random enough to spread keys, and the same keys in every run. */
static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static int store_open(struct store *store, const char *dir, char **ret_error)
{
	store->options = leveldb_options_create();
	store->filter = leveldb_filterpolicy_create_bloom(10);
	store->write = leveldb_writeoptions_create();
	leveldb_options_set_create_if_missing(store->options, 1);
	leveldb_options_set_filter_policy(store->options, store->filter);
	leveldb_writeoptions_set_sync(store->write, 1);
	store->db = leveldb_open(store->options, dir, ret_error);
	return *ret_error == NULL ? 0 : -EIO;
}

static void store_close(struct store *store)
{
	if (store->db != NULL) {
		leveldb_close(store->db);
	}
	leveldb_writeoptions_destroy(store->write);
	leveldb_options_destroy(store->options);
	leveldb_filterpolicy_destroy(store->filter);
}

static int commits_run(struct store *store, long batch_len, uint64_t time_ns, struct hist *hist, char **ret_error)
{
	leveldb_writebatch_t *batch = leveldb_writebatch_create();
	uint64_t end = clock_ns() + time_ns, state = 88172645463325252ull, now;
	char key[KEY_LEN + 1], value[VALUE_LEN];

	memset(value, 'v', sizeof(value));
	while (*ret_error == NULL && (now = clock_ns()) < end) {
		leveldb_writebatch_clear(batch);
		for (long i = 0; i < batch_len; i++) {
			snprintf(key, sizeof(key), "key/%014u", (unsigned)(random_next(&state) % KEY_COUNT));
			memcpy(value, key, KEY_LEN);
			leveldb_writebatch_put(batch, key, KEY_LEN, value, sizeof(value));
		}
		leveldb_write(store->db, store->write, batch, ret_error);
		hist_add(hist, clock_ns() - now);
	}
	leveldb_writebatch_destroy(batch);
	return *ret_error == NULL ? 0 : -EIO;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "dir", required_argument, NULL, 'd' },
		{ "batch", required_argument, NULL, 'b' },
		{ "time", required_argument, NULL, 't' },
		{ 0 },
	};
	static struct hist hist;
	struct store store = { 0 };
	const char *dir = NULL;
	char *error = NULL;
	uint64_t time_ns = 1000000000;
	long batch = 1;
	int option, bad = 0;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'd') {
			dir = optarg;
		} else if (option == 'b') {
			bad |= number_parse(optarg, 1, BATCH_MAX, &batch);
		} else {
			bad |= option == 't' ? seconds_parse(optarg, &time_ns) : -EINVAL;
		}
	}
	if (bad || dir == NULL) {
		fprintf(stderr, "usage: leveldb --dir DIR [--batch PUTS] [--time S]\n");
		return 2;
	}
	int r = store_open(&store, dir, &error);
	uint64_t begin = clock_ns();
	if (r == 0) {
		r = commits_run(&store, batch, time_ns, &hist, &error);
	}
	double seconds = (double)(clock_ns() - begin) / 1e9;
	store_close(&store);
	if (r < 0) {
		fprintf(stderr, "leveldb: %s\n", error);
		leveldb_free(error);
		return 1;
	}
	printf("{\"puts_per_s\": %.1f, \"commits_per_s\": %.1f, \"p50_us\": %.2f, \"p99_us\": %.2f}\n",
	       (double)hist.count * (double)batch / seconds, (double)hist.count / seconds,
	       (double)hist_quantile(&hist, 0.5) / 1e3, (double)hist_quantile(&hist, 0.99) / 1e3);
	return 0;
}
