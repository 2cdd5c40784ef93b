/* SPDX-License-Identifier: MIT */
/* The driver contract: what reads, snapshots and reopening must do. */
#include "tests/contract/driver_cases.h"

static void fill(struct fixture *f)
{
	struct troupe_db_op ops[] = { OP_PUT("b", "2"), OP_PUT("a", "1"), OP_PUT("c", "3"), OP_PUT("ab", "4"),
				      OP_PUT("\xff\xff", "5"), OP_PUT("a\x01", "6") };
	struct troupe_driver_tx tx = { .ops = ops, .ops_len = COUNT(ops), .key = (const uint8_t *)"0123456789abcdef",
				       .fence = "f", .fence_epoch = 1 };

	assert_int_equal(commit_one(f, &tx).status, TROUPE_OK);
}

static void scan_order(struct fixture *f)
{
	static const char *const expected[] = { "a", "a\x01", "ab", "b", "c", "\xff\xff" };

	fill(f);
	struct found found = scan_all(f, NULL, "", "", 0);

	assert_int_equal(found.count, COUNT(expected));
	for (uint32_t i = 0; i < found.count; i++) {
		assert_string_equal(found.entries[i].key, expected[i]);
		assert_true(found.entries[i].version > 0);
	}
}

static void scan_range(struct fixture *f)
{
	fill(f);
	struct found found = scan_all(f, NULL, "a\x01", "c", 0);

	assert_int_equal(found.count, 3);
	assert_string_equal(found.entries[0].key, "a\x01");
	assert_string_equal(found.entries[2].key, "b");
	assert_int_equal(scan_all(f, NULL, "d", "e", 0).count, 0);
	assert_int_equal(scan_all(f, NULL, "c", "a", 0).count, 0);
}

static void scan_stops(struct fixture *f)
{
	fill(f);
	assert_int_equal(scan_all(f, NULL, "", "", 2).count, 2);
	assert_string_equal(scan_all(f, NULL, "a\x01", "", 1).entries[0].key, "a\x01");
}

static void scan_hides_own(struct fixture *f)
{
	struct found found = { 0 };

	fill(f);
	found = scan_all(f, NULL, "", "b", 0);
	assert_string_equal(found.entries[0].key, "a");
	assert_int_equal(scan_all(f, NULL, "", "\x01", 0).count, 0);
}

static int keep_count(void *arg, const struct troupe_db_value *value)
{
	(void)value;
	++*(uint32_t *)arg;
	return 0;
}

static void get_refuses_own(struct fixture *f)
{
	struct troupe_db_check own[] = { CHECK("fine", 0), CHECK("\0c", 0) };
	uint32_t count = 0;

	assert_int_equal(f->driver->get(f->store, NULL, own, 2, keep_count, &count), TROUPE_INVALID_ARGUMENT);
	assert_int_equal(count, 0);
}

static void get_many(struct fixture *f)
{
	struct troupe_db_check keys[] = { CHECK("c", 0), CHECK("none", 0), CHECK("a", 0), CHECK("c", 0) };
	uint32_t count = 0;

	fill(f);
	assert_int_equal(f->driver->get(f->store, NULL, keys, 4, keep_count, &count), TROUPE_OK);
	assert_int_equal(count, 4);
}

static void snapshot_isolation(struct fixture *f)
{
	void *snapshot;

	fill(f);
	assert_int_equal(f->driver->snapshot_open(f->store, &snapshot), TROUPE_OK);
	commit_op(f, (struct troupe_db_op)OP_DELETE("a"));
	commit_op(f, (struct troupe_db_op)OP_PUT("b", "new"));
	commit_op(f, (struct troupe_db_op)OP_PUT("d", "new"));
	struct found old = scan_all(f, snapshot, "", "", 0), now = scan_all(f, NULL, "", "", 0);

	assert_int_equal(old.count, 6);
	assert_string_equal(old.entries[3].value, "2");
	assert_int_equal(now.count, 6);
	assert_string_equal(now.entries[2].value, "new");
	f->driver->snapshot_close(f->store, snapshot);
}

static void reopen_keeps(struct fixture *f)
{
	uint64_t version;

	fill(f);
	commit_op(f, (struct troupe_db_op)OP_DELETE("b"));
	version = version_of(f, "c");
	for (int i = 0; i < 3; i++) {
		fixture_reopen(f);
		assert_int_equal(scan_all(f, NULL, "", "", 0).count, 5);
		assert_int_equal(version_of(f, "c"), version);
		assert_true(value_is(f, "c", "3"));
	}
}

static void close_nothing(struct fixture *f)
{
	f->driver->close(NULL);
	assert_non_null(f->store);
}

const struct driver_case driver_cases_read[] = {
	{ "a scan is ordered by bytes", scan_order },
	{ "a scan keeps to its range", scan_range },
	{ "a scan stops when told, and goes on from any key", scan_stops },
	{ "a scan does not show the driver's own keys", scan_hides_own },
	{ "a get of the driver's own keys is refused", get_refuses_own },
	{ "a get answers every key, in order", get_many },
	{ "a snapshot does not change", snapshot_isolation },
	{ "a reopened store shows what was committed", reopen_keeps },
	{ "close takes a store that was never opened", close_nothing },
	{ NULL, NULL },
};
