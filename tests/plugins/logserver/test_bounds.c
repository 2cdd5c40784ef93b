/* SPDX-License-Identifier: MIT */
/* What bounds a log: quotas, age, bytes. */
#include "rig.h"

static void test_quota(void **state)
{
	struct world *w = *state;
	uint64_t seq = 1;

	use(w, "base/logserver.l1");
	hello(w, "one", 0);
	/* 1500 of one instance within a second, where 100 are meant: ten seconds' worth are taken */
	for (unsigned i = 0; i < 6; i++, seq += 250) {
		make(w, seq, 250);
		for (unsigned k = 0; k < 250; k++) {
			w->records[k].time_ms = WALL_MS + 5000;
			w->records[k].instance = k < 249 ? "base/mall" : "base/quiet";
		}
		put(w, "one", 250);
	}
	w->server = 0;
	assert_int_equal(how_many(w, "(any_time) instance = base/mall"), 1000);
	assert_int_equal(how_many(w, "(any_time) instance = base/quiet"), 6);
	sim_run(w->sim, 10000);
	assert_true(sim_logged(w->sim, "base/mall on host one logs too much: 494 of its records were dropped"));
	assert_false(sim_logged(w->sim, "base/quiet"));
	assert_says(command(w, "base/logserver.l1", "status", NULL, NULL), "\"over_quota\":494");
	/* the time in the records counts, not when they come: what waited in a spool for a while is not too much */
	w->server = troupe_fnv64("base/logserver.l1", strlen("base/logserver.l1"));
	for (unsigned i = 0; i < 6; i++, seq += 250) {
		make(w, seq, 250);
		for (unsigned k = 0; k < 250; k++) {
			w->records[k].time_ms = WALL_MS + 20000 + (i * 250 + k) * 10;
		}
		put(w, "one", 250);
	}
	w->server = 0;
	assert_int_equal(how_many(w, "(any_time) instance = base/mall"), 2500);
}

/* What is sent again because it could not be stored does not count against the quota twice. */
static void test_refund(void **state)
{
	struct world *w = *state;

	use(w, "base/logserver.l1");
	hello(w, "one", 0);
	make(w, 1, 250);
	for (unsigned i = 0; i < 10; i++) {
		sim_db_down(w->sim, "log", 1);
		assert_int_equal(ship_batch(w, "one", 250), TROUPE_UNAVAILABLE);
		sim_db_down(w->sim, "log", 0);
		hello(w, "one", 0);
	}
	put(w, "one", 250);
	w->server = 0;
	assert_int_equal(how_many(w, ""), 250);
}

static void test_age(void **state)
{
	struct world *w = *state;

	use(w, "base/logserver.l2"); /* keeps an hour */
	sim_run(w->sim, 1000);
	hello(w, "one", 0);
	make(w, 1, 250);
	w->records[0].account = 9;
	w->records[0].has_account = 1;
	put(w, "one", 250);
	sim_run(w->sim, 3600000);
	make(w, 251, 10);
	put(w, "one", 10);
	w->server = 0;
	assert_int_equal(how_many(w, "(any_time)"), 260);
	sim_run(w->sim, 3600000);
	assert_int_equal(how_many(w, "(any_time)"), 10);
	assert_int_equal(how_many(w, "(any_time) account = 9"), 0);
	assert_says(command(w, "base/logserver.l2", "status", NULL, NULL), "\"server\":\"base/logserver.l2\",\"hosts\":1,\"records\":10,");
	/* after a restart the figures are the same, and nothing is left but them */
	sim_crash(w->sim, "base/logserver.l2");
	sim_run(w->sim, 1000);
	assert_says(command(w, "base/logserver.l2", "status", NULL, NULL), "\"server\":\"base/logserver.l2\",\"hosts\":1,\"records\":10,");
	sim_run(w->sim, 2 * 3600000);
	assert_int_equal(how_many(w, "(any_time)"), 0);
	assert_says(command(w, "base/logserver.l2", "status", NULL, NULL), "\"records\":0,\"bytes\":0,");
}

static void count_records(void *arg, const struct troupe_db_value *value)
{
	int64_t *difference = arg;
	const uint8_t *key = value->key, *number = value->value;

	/* "log/", id, kind */
	*difference += key[12] == 'r';
	if (key[12] == 'n') {
		int64_t counted = 0;

		memcpy(&counted, number, sizeof(counted));
		*difference -= counted;
	}
}

/* Records for an hour that is being removed: they are counted and go in their turn, whenever they come. */
static void test_late(void **state)
{
	struct world *w = *state;
	int64_t difference = 0;
	uint64_t seq = 1;

	use(w, "base/logserver.l2"); /* keeps an hour, and looks for what is older once a minute */
	hello(w, "one", 0);
	sim_run(w->sim, 59000);
	while (sim_now_us(w->sim) < 61000000) {
		make(w, seq++, 1);
		w->records[0].time_ms = WALL_MS - 10 * 3600000;
		put(w, "one", 1);
	}
	sim_db_each(w->sim, "log", "log/", count_records, &difference);
	assert_int_equal(difference, 0);
	sim_run(w->sim, 120000);
	w->server = 0;
	assert_int_equal(how_many(w, "(any_time)"), 0);
}

struct left {
	uint64_t entries, bytes;
};

static void count_left(void *arg, const struct troupe_db_value *value)
{
	struct left *left = arg;

	left->entries++;
	left->bytes += value->key_len + value->value_len;
}

static void test_bytes(void **state)
{
	struct world *w = *state;
	struct left left = { 0 };

	use(w, "meadow/logserver.l3"); /* keeps 1 MiB */
	sim_run(w->sim, 1000);
	hello(w, "one", 0);
	for (unsigned hour = 0; hour < 6; hour++) {
		for (unsigned i = 0; i < 4; i++) {
			make(w, hour * 1000 + i * 250 + 1, 250);
			put(w, "one", 250);
		}
		sim_run(w->sim, 3600000);
	}
	w->server = 0;
	uint64_t kept = how_many(w, "(any_time)");
	assert_in_range(kept, 2000, 5000);
	assert_int_equal(kept % 1000, 0); /* whole hours go */
	sim_db_each(w->sim, "other", "log/", count_left, &left);
	assert_in_range(left.bytes, kept * 100, (1 << 20) + 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T3(test_quota), T3(test_refund), T3(test_age), T3(test_late), T3(test_bytes),
	};

	return cmocka_run_group_tests_name("bounds", tests, NULL, NULL);
}
