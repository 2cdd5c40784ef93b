/* SPDX-License-Identifier: MIT */
/* The database functions keep their contract: of a database here, of one reached by calls, of one on another host. */
#include <stdio.h>

#include "tests/contract/database_rig.h"

#define BODY TROUPE_BODY_MAX
#define HEAD TROUPE_DB_HEAD
#define ENTRY TROUPE_DB_ENTRY

static struct rig rig;

static int setup_local(void **state)
{
	(void)state;
	rig_init(&rig);
	rig_open(&rig, RIG_LOCAL);
	return 0;
}

static int setup_calls(void **state)
{
	(void)state;
	rig_init(&rig);
	rig_open(&rig, RIG_CALLS);
	return 0;
}

static int setup_hosts(void **state)
{
	(void)state;
	rig_init(&rig);
	rig_open(&rig, RIG_HOSTS);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_close(&rig);
	rig_fini(&rig);
	return 0;
}

static struct troupe_db_result commit_op(struct troupe_db_op op)
{
	return rig_commit(&rig, 0, (struct troupe_db_commit){ .ops = &op, .ops_len = 1 });
}

static void one_commit_one_version(void **state)
{
	struct troupe_db_op ops[] = { OP_PUT("a", "1"), OP_PUT("b", "2") };
	struct troupe_db_result first = rig_commit(&rig, 0, (struct troupe_db_commit){ .ops = ops, .ops_len = 2 }), next;
	char text[64];

	(void)state;
	assert_int_equal(first.status, TROUPE_OK);
	assert_int_equal(first.repeated, 0);
	assert_true(first.version > 0);
	assert_int_equal(rig_read(&rig, 0, "a", text), first.version);
	assert_string_equal(text, "1");
	assert_int_equal(rig_read(&rig, 1, "b", text), first.version);
	assert_string_equal(text, "2");
	assert_int_equal(commit_op((struct troupe_db_op)OP_DELETE("a")).status, TROUPE_OK);
	assert_int_equal(rig_read(&rig, 0, "a", text), 0);
	next = rig_put(&rig, 1, "a", "");
	assert_true(next.version > first.version);
	assert_int_equal(rig_read(&rig, 0, "a", text), next.version); /* an empty value is a value */
	assert_string_equal(text, "");
}

static void checks_hold_or_nothing_happens(void **state)
{
	uint64_t version = rig_put(&rig, 0, "a", "1").version;
	struct troupe_db_check checks[] = { CHECK("none", 0), CHECK("a", version) };
	struct troupe_db_op op = OP_PUT("a", "2");
	struct troupe_db_commit commit = { .checks = checks, .checks_len = 2, .ops = &op, .ops_len = 1 };
	struct troupe_db_result result = rig_commit(&rig, 0, commit);
	char text[64];

	(void)state;
	assert_int_equal(result.status, TROUPE_OK);
	op.value = "3";
	result = rig_commit(&rig, 1, commit);
	assert_int_equal(result.status, TROUPE_ABORTED);
	assert_int_equal(result.index, 1);
	rig_read(&rig, 0, "a", text);
	assert_string_equal(text, "2");
}

static int64_t number(const char *key)
{
	char text[64];
	uint64_t value = 0;

	memset(text, 0, sizeof(text));
	struct troupe_db_check wanted = { .key = key, .key_len = (uint32_t)strlen(key) };
	struct got got = rig_get(&rig, 0, (struct troupe_db_get){ .keys = &wanted, .keys_len = 1 });

	assert_int_equal(got.values[0].value_len, 8);
	for (int i = 7; i >= 0; i--) {
		value = value << 8 | ((const uint8_t *)got.values[0].value)[i];
	}
	got_free(&got);
	return (int64_t)value;
}

static void adding_has_a_floor(void **state)
{
	struct troupe_db_op ops[] = { OP_PUT("x", "1"), OP_ADD("n", -6, 0) };
	struct troupe_db_result result;
	char text[64];

	(void)state;
	assert_int_equal(commit_op((struct troupe_db_op)OP_ADD("n", 5, INT64_MIN)).status, TROUPE_OK);
	result = rig_commit(&rig, 0, (struct troupe_db_commit){ .ops = ops, .ops_len = 2 });
	assert_int_equal(result.status, TROUPE_OUT_OF_RANGE);
	assert_int_equal(result.index, 1);
	assert_int_equal(rig_read(&rig, 0, "x", text), 0);
	assert_int_equal(commit_op((struct troupe_db_op)OP_ADD("n", -7, -2)).status, TROUPE_OK);
	assert_true(number("n") == -2);
	assert_int_equal(commit_op((struct troupe_db_op)OP_ADD("n", INT64_MIN, INT64_MIN)).status, TROUPE_OUT_OF_RANGE);
	rig_put(&rig, 0, "text", "no number");
	result = commit_op((struct troupe_db_op)OP_ADD("text", 1, 0));
	assert_int_equal(result.status, TROUPE_INVALID_ARGUMENT);
	assert_int_equal(result.index, 0);
}

static void a_key_is_done_once(void **state)
{
	uint8_t key[TROUPE_KEY_SIZE] = { 7 };
	struct troupe_db_op op = OP_ADD("n", 1, 0);
	struct troupe_db_commit commit = { .ops = &op, .ops_len = 1, .key = key };
	struct troupe_db_result first = rig_commit(&rig, 0, commit), again = rig_commit(&rig, 0, commit);

	(void)state;
	assert_int_equal(first.status, TROUPE_OK);
	assert_int_equal(first.repeated, 0);
	assert_int_equal(again.status, TROUPE_OK);
	assert_int_equal(again.repeated, 1);
	assert_int_equal(again.version, first.version);
	again = rig_commit(&rig, 1, commit); /* keys are not of an instance */
	assert_int_equal(again.repeated, 1);
	assert_true(number("n") == 1);
	op.delta = 2;
	assert_int_equal(rig_commit(&rig, 0, commit).status, TROUPE_ALREADY_EXISTS);
}

static void fences_keep_old_owners_out(void **state)
{
	struct troupe_db_op op = OP_PUT("a", "1");
	struct troupe_db_commit commit = { .ops = &op, .ops_len = 1, .fence = "lease", .fence_epoch = 4 };

	(void)state;
	assert_int_equal(rig_commit(&rig, 0, commit).status, TROUPE_OK);
	commit.fence_epoch = 3;
	assert_int_equal(rig_commit(&rig, 1, commit).status, TROUPE_FAILED_PRECONDITION);
	commit.fence_epoch = 5;
	assert_int_equal(rig_commit(&rig, 1, commit).status, TROUPE_OK);
	commit.fence = "";
	assert_int_equal(rig_commit(&rig, 1, commit).status, TROUPE_INVALID_ARGUMENT);
}

static void malformed_requests_name_the_place(void **state)
{
	struct troupe_db_op ops[] = { OP_PUT("fine", "1"), OP_PUT("\0own", "2") };
	struct troupe_db_check check = CHECK("", 0);
	struct troupe_db_result result = rig_commit(&rig, 0, (struct troupe_db_commit){ .ops = ops, .ops_len = 2 });
	struct got got = rig_get(&rig, 0, (struct troupe_db_get){ .keys = &check, .keys_len = 1 });
	char text[64];

	(void)state;
	assert_int_equal(result.status, TROUPE_INVALID_ARGUMENT);
	assert_int_equal(result.index, 1);
	assert_int_equal(rig_read(&rig, 0, "fine", text), 0);
	assert_int_equal(got.status, TROUPE_INVALID_ARGUMENT);
	assert_int_equal(got.count, 0);
	got_free(&got);
	ops[1] = (struct troupe_db_op){ .kind = 9, .key = "a", .key_len = 1 };
	result = rig_commit(&rig, 0, (struct troupe_db_commit){ .ops = ops, .ops_len = 2 });
	assert_int_equal(result.status, TROUPE_INVALID_ARGUMENT);
	assert_int_equal(result.index, 1);
}

/* --- bounds ---------------------------------------------------------------------------------------- */

static char *filled(size_t len)
{
	char *bytes = malloc(len);

	assert_non_null(bytes);
	for (size_t i = 0; i < len; i++) {
		bytes[i] = (char)(i * 7 + i / 251);
	}
	return bytes;
}

static void the_largest_commit(void **state)
{
	char *value = filled(BODY);
	struct troupe_db_op op = { .kind = TROUPE_DB_PUT, .key = "big", .key_len = 3, .value = value };
	struct troupe_db_commit commit = { .ops = &op, .ops_len = 1 };
	struct troupe_db_check wanted = CHECK("big", 0);
	struct troupe_db_result result;
	struct got got;

	(void)state;
	op.value_len = BODY - HEAD - ENTRY - 3 + 1;
	result = rig_commit(&rig, 0, commit);
	assert_int_equal(result.status, TROUPE_INVALID_ARGUMENT);
	assert_int_equal(result.index, UINT32_MAX);
	op.value_len--;
	assert_int_equal(rig_commit(&rig, 0, commit).status, TROUPE_OK);
	commit.fence = "f";
	assert_int_equal(rig_commit(&rig, 0, commit).status, TROUPE_INVALID_ARGUMENT);
	got = rig_get(&rig, 0, (struct troupe_db_get){ .keys = &wanted, .keys_len = 1 });
	assert_int_equal(got.status, TROUPE_OK);
	assert_int_equal(got.values[0].value_len, op.value_len);
	assert_memory_equal(got.values[0].value, value, op.value_len);
	got_free(&got);
	got = rig_scan(&rig, 0, (struct troupe_db_scan){ .from = "b", .from_len = 1 });
	assert_int_equal(got.count, 1);
	assert_memory_equal(got.values[0].value, value, op.value_len);
	got_free(&got);
	free(value);
}

static void many_small_changes(void **state)
{
	enum { MANY = 4096 };
	struct troupe_db_op *ops = calloc(MANY + 1, sizeof(*ops));
	char (*keys)[8] = calloc(MANY + 1, sizeof(*keys));
	struct troupe_db_commit commit = { .ops = ops };

	(void)state;
	for (unsigned i = 0; i <= MANY; i++) {
		snprintf(keys[i], sizeof(keys[i]), "k%05u", i);
		/* as long as packed numbers can be */
		ops[i] = (struct troupe_db_op){ .kind = TROUPE_DB_ADD, .key = keys[i], .key_len = 6,
						.delta = INT64_MIN, .floor = INT64_MIN };
	}
	commit.ops_len = MANY;
	assert_int_equal(rig_commit(&rig, 0, commit).status, TROUPE_OK);
	commit.ops_len = MANY + 1;
	assert_int_equal(rig_commit(&rig, 0, commit).status, TROUPE_INVALID_ARGUMENT);
	free(keys);
	free(ops);
}

static void many_values_at_once(void **state)
{
	enum { LEN = 50000, MANY = 60, ALL = 90 };
	struct troupe_db_check wanted[ALL];
	char *value = filled(LEN + ALL), keys[ALL][8];
	struct got got;

	(void)state;
	for (unsigned i = 0; i < ALL; i++) {
		struct troupe_db_op op = { .kind = TROUPE_DB_PUT, .key = keys[i], .key_len = 4, .value = value + i,
					   .value_len = LEN };

		snprintf(keys[i], sizeof(keys[i]), "v%03u", i);
		wanted[i] = (struct troupe_db_check){ .key = keys[i], .key_len = 4 };
		if (i != 17) {
			assert_int_equal(commit_op(op).status, TROUPE_OK);
		}
	}
	got = rig_get(&rig, 1, (struct troupe_db_get){ .keys = wanted, .keys_len = MANY });
	assert_int_equal(got.status, TROUPE_OK);
	assert_int_equal(got.count, MANY);
	for (unsigned i = 0; i < MANY; i++) {
		assert_memory_equal(got.values[i].key, keys[i], 4);
		assert_int_equal(got.values[i].value_len, i != 17 ? LEN : 0);
		assert_int_equal(got.values[i].version != 0, i != 17);
		assert_memory_equal(got.values[i].value, value + i, got.values[i].value_len);
	}
	got_free(&got);
	got = rig_get(&rig, 1, (struct troupe_db_get){ .keys = wanted, .keys_len = ALL }); /* 4.45 MB */
	assert_int_equal(got.status, TROUPE_RESOURCE_EXHAUSTED);
	assert_int_equal(got.count, 0);
	got_free(&got);
	free(value);
}

static void many_long_keys(void **state)
{
	enum { LEN = 1000, MANY = 1000 };
	struct troupe_db_check wanted[MANY + 1];
	char *keys = calloc(MANY + 1, LEN + 1);
	struct got got;

	(void)state;
	for (unsigned i = 0; i <= MANY; i++) {
		char *key = keys + (size_t)i * (LEN + 1);

		memset(key, 'k', LEN);
		snprintf(key + LEN - 5, 6, "%05u", i);
		wanted[i] = (struct troupe_db_check){ .key = key, .key_len = LEN };
		if (i % 100 == 7) {
			assert_int_equal(rig_put(&rig, 0, key, key + LEN - 5).status, TROUPE_OK);
		}
	}
	got = rig_get(&rig, 0, (struct troupe_db_get){ .keys = wanted, .keys_len = MANY });
	assert_int_equal(got.status, TROUPE_OK);
	assert_int_equal(got.count, MANY);
	for (unsigned i = 0; i < MANY; i++) {
		assert_int_equal(got.values[i].value_len, i % 100 == 7 ? 5 : 0);
		assert_memory_equal(got.values[i].value, keys + (size_t)i * (LEN + 1) + LEN - 5, got.values[i].value_len);
	}
	got_free(&got);
	got = rig_get(&rig, 0, (struct troupe_db_get){ .keys = wanted, .keys_len = MANY + 1 });
	assert_int_equal(got.status, TROUPE_INVALID_ARGUMENT);
	got_free(&got);
	got = rig_get(&rig, 0, (struct troupe_db_get){ .keys = wanted, .keys_len = 0 });
	assert_int_equal(got.status, TROUPE_OK);
	assert_int_equal(got.count, 0);
	got_free(&got);
	wanted[1].key_len = BODY;
	wanted[1].key = filled(BODY);
	got = rig_get(&rig, 0, (struct troupe_db_get){ .keys = wanted, .keys_len = 2 });
	assert_int_equal(got.status, TROUPE_INVALID_ARGUMENT);
	got_free(&got);
	got = rig_scan(&rig, 0, (struct troupe_db_scan){ .from = wanted[1].key, .from_len = BODY });
	assert_int_equal(got.status, TROUPE_INVALID_ARGUMENT);
	got_free(&got);
	free((void *)(uintptr_t)wanted[1].key);
	free(keys);
}

/* --- scans and snapshots ----------------------------------------------------------------------------- */

/* Fills "e0000".. with values of many sizes, some of them large. */
static void entries_fill(unsigned count)
{
	char *value = filled(100000);

	for (unsigned i = 0; i < count;) {
		struct troupe_db_op ops[50];
		char keys[50][12];
		unsigned n = 0;

		for (; n < 50 && i < count; n++, i++) {
			snprintf(keys[n], sizeof(keys[n]), "e%04u", i);
			ops[n] = (struct troupe_db_op){ .kind = TROUPE_DB_PUT, .key = keys[n], .key_len = 5, .value = value,
							.value_len = i % 100 == 3 ? 100000 : i % 30 };
		}
		assert_int_equal(rig_commit(&rig, 0, (struct troupe_db_commit){ .ops = ops, .ops_len = n }).status,
				 TROUPE_OK);
	}
	free(value);
}

/* Walks through all of them, in pages of `limit`. */
static void entries_walk(unsigned count, uint32_t limit, uint64_t snapshot)
{
	char from[8] = "e", key[8];
	unsigned seen = 0;
	uint32_t after = 0, more = 1;

	while (more) {
		struct got got = rig_scan(&rig, 1, (struct troupe_db_scan){ .from = from, .from_len = (uint32_t)strlen(from),
									    .to = "f", .to_len = 1, .limit = limit,
									    .after = after, .snapshot = snapshot });

		assert_int_equal(got.status, TROUPE_OK);
		assert_true(got.count <= (limit == 0 ? 100 : limit));
		assert_true(got.count > 0 || !got.more);
		for (uint32_t i = 0; i < got.count; i++, seen++) {
			snprintf(key, sizeof(key), "e%04u", seen);
			assert_int_equal(got.values[i].key_len, 5);
			assert_string_equal(got.values[i].key, key);
			assert_int_equal(got.values[i].value_len, seen % 100 == 3 ? 100000 : seen % 30);
			assert_true(got.values[i].version != 0);
			memcpy(from, key, sizeof(key));
			after = 1;
		}
		more = got.more;
		got_free(&got);
	}
	assert_int_equal(seen, count);
}

static void scans_go_page_by_page(void **state)
{
	struct got got;

	(void)state;
	entries_fill(2000);
	entries_walk(2000, 0, 0);
	entries_walk(2000, 1, 0);
	entries_walk(2000, 1000, 0);
	got = rig_scan(&rig, 0, (struct troupe_db_scan){ .from = "e0010", .from_len = 5, .limit = 2 });
	assert_int_equal(got.count, 2);
	assert_string_equal(got.values[0].key, "e0010");
	assert_int_equal(got.more, 1);
	got_free(&got);
	got = rig_scan(&rig, 0, (struct troupe_db_scan){ .from = "e1999", .from_len = 5 });
	assert_int_equal(got.count, 1);
	assert_int_equal(got.more, 0);
	got_free(&got);
	got = rig_scan(&rig, 0, (struct troupe_db_scan){ .from = "e1999", .from_len = 5, .after = 1 });
	assert_int_equal(got.count, 0);
	got_free(&got);
	got = rig_scan(&rig, 0, (struct troupe_db_scan){ .to = "e0001", .to_len = 5 }); /* from the start */
	assert_int_equal(got.count, 1);
	got_free(&got);
}

/* Just what a page of the store may bring, and with what a message adds to each more than fits in one. */
static void a_page_of_many_small_values(void **state)
{
	enum { MANY = 990, LEN = 255, BATCH = 90 };
	char *value = filled(LEN), last[8] = "s";
	unsigned seen = 0;
	uint32_t more = 1;

	(void)state;
	for (unsigned i = 0; i < MANY; i += BATCH) {
		struct troupe_db_op ops[BATCH];
		char keys[BATCH][8];

		for (unsigned n = 0; n < BATCH; n++) {
			snprintf(keys[n], sizeof(keys[n]), "s%04u", i + n);
			ops[n] = (struct troupe_db_op){ .kind = TROUPE_DB_PUT, .key = keys[n], .key_len = 5, .value = value,
							.value_len = LEN };
		}
		assert_int_equal(rig_commit(&rig, 0, (struct troupe_db_commit){ .ops = ops, .ops_len = BATCH }).status,
				 TROUPE_OK);
	}
	while (more) {
		struct got got = rig_scan(&rig, 0, (struct troupe_db_scan){ .from = last, .from_len = (uint32_t)strlen(last),
									    .limit = 1000, .after = seen > 0 });

		assert_int_equal(got.status, TROUPE_OK);
		assert_true(got.count > 0);
		snprintf(last, sizeof(last), "%s", (const char *)got.values[got.count - 1].key);
		seen += got.count;
		more = got.more;
		got_free(&got);
	}
	assert_int_equal(seen, MANY);
	free(value);
}

static void snapshots_stand_still(void **state)
{
	struct troupe_db_check wanted = CHECK("e0001", 0);
	uint64_t snapshot, other;
	struct got got;

	(void)state;
	entries_fill(150);
	assert_int_equal(rig_snapshot(&rig, 1, &snapshot), TROUPE_OK);
	assert_true(snapshot != 0);
	assert_int_equal(rig_snapshot(&rig, 0, &other), TROUPE_OK);
	assert_true(snapshot != other);
	assert_int_equal(commit_op((struct troupe_db_op)OP_DELETE("e0001")).status, TROUPE_OK);
	assert_int_equal(commit_op((struct troupe_db_op)OP_PUT("e0000a", "new")).status, TROUPE_OK);
	entries_walk(150, 40, snapshot);
	got = rig_get(&rig, 1, (struct troupe_db_get){ .keys = &wanted, .keys_len = 1, .snapshot = snapshot });
	assert_true(got.values[0].version != 0);
	got_free(&got);
	rig_snapshot_close(&rig, 1, snapshot);
	got = rig_get(&rig, 1, (struct troupe_db_get){ .keys = &wanted, .keys_len = 1, .snapshot = snapshot });
	assert_int_equal(got.status, TROUPE_FAILED_PRECONDITION);
	got_free(&got);
	got = rig_scan(&rig, 1, (struct troupe_db_scan){ .snapshot = snapshot });
	assert_int_equal(got.status, TROUPE_FAILED_PRECONDITION);
	got_free(&got);
	got = rig_scan(&rig, 0, (struct troupe_db_scan){ .from = "e", .from_len = 1, .snapshot = other, .limit = 1000 });
	assert_int_equal(got.count, 150); /* that of another is still there */
	got_free(&got);
}

static void snapshots_are_few(void **state)
{
	uint64_t snapshots[17], last;

	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		assert_int_equal(rig_snapshot(&rig, i % 2, &snapshots[i]), TROUPE_OK);
	}
	assert_int_equal(rig_snapshot(&rig, 0, &snapshots[16]), TROUPE_RESOURCE_EXHAUSTED);
	rig_snapshot_close(&rig, 1, snapshots[0]); /* not his */
	assert_int_equal(rig_snapshot(&rig, 0, &snapshots[16]), TROUPE_RESOURCE_EXHAUSTED);
	rig_snapshot_close(&rig, 0, snapshots[0]);
	assert_int_equal(rig_snapshot(&rig, 0, &last), TROUPE_OK);
}

/* --- order, and life ---------------------------------------------------------------------------------- */

#define IN_ORDER 3000

static struct {
	unsigned next, wrong;
	uint64_t version;
} order;

static void on_ordered(void *instance, void *arg, const struct troupe_db_result *result)
{
	(void)instance;
	order.wrong += (unsigned)(uintptr_t)arg != order.next++ || result->status != TROUPE_OK ||
		       result->version <= order.version;
	order.version = result->version;
	rig_done(&rig);
}

static void ask_in_order(struct rig_user *user, void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < IN_ORDER; i++) {
		char text[16];
		struct troupe_db_op op = { .kind = TROUPE_DB_PUT, .key = "last", .key_len = 4, .value = text,
					   .value_len = (uint32_t)snprintf(text, sizeof(text), "%u", i) };
		struct troupe_db_commit commit = { .size = sizeof(commit), .db = user->db, .ops = &op, .ops_len = 1,
						   .on_done = on_ordered, .arg = (void *)(uintptr_t)i };

		user->h->db_commit(user->h, &commit);
	}
}

static void commits_keep_their_order(void **state)
{
	char text[64];

	(void)state;
	memset(&order, 0, sizeof(order));
	rig_run(&rig, 0, ask_in_order, NULL, IN_ORDER);
	assert_int_equal(order.wrong, 0);
	rig_read(&rig, 0, "last", text);
	assert_int_equal(atoi(text), IN_ORDER - 1);
}

static void names_and_numbers_of_databases(void **state)
{
	const struct troupe_host *h = rig.users[0].h;
	struct troupe_db_op op = OP_PUT("a", "1");
	struct troupe_db_check wanted = CHECK("a", 0);
	uint32_t db;

	(void)state;
	assert_int_equal(h->db_find(h, "base/database.base", &db), TROUPE_OK);
	assert_int_equal(db, rig.users[0].db);
	assert_int_equal(h->db_find(h, "nowhere", &db), TROUPE_NOT_FOUND);
	h = rig.users[STRANGER].h; /* whose configuration names none */
	assert_int_equal(h->db_find(h, "base", &db), TROUPE_NOT_FOUND);
	assert_int_equal(rig_commit(&rig, 0, (struct troupe_db_commit){ .db = 99, .ops = &op, .ops_len = 1 }).status,
			 TROUPE_NOT_FOUND);
	struct got got = rig_get(&rig, 0, (struct troupe_db_get){ .db = 99, .keys = &wanted, .keys_len = 1 });

	assert_int_equal(got.status, TROUPE_NOT_FOUND);
	got_free(&got);
}

static atomic_int last_word;

static void on_last_word(void *instance, void *arg, const struct troupe_db_result *result)
{
	(void)instance;
	(void)arg;
	atomic_store(&last_word, result->status);
}

static int32_t write_last_word(struct rig_user *user)
{
	struct troupe_db_op op = OP_PUT("will", "1");
	struct troupe_db_commit commit = { .size = sizeof(commit), .db = user->db, .ops = &op, .ops_len = 1,
					   .on_done = on_last_word };

	if (user == &rig.users[0]) {
		user->h->db_commit(user->h, &commit);
	}
	return TROUPE_OK;
}

static void who_stops_may_still_write(void **state)
{
	char text[64];

	(void)state;
	atomic_store(&last_word, -1);
	rig.user_stop = write_last_word;
	rig_end(&rig, 0);
	assert_int_equal(atomic_load(&last_word), TROUPE_OK); /* it was there to hear of it */
	assert_true(rig_read(&rig, 1, "will", text) != 0);
}

#define CASE(name, mode) { #name " (" #mode ")", name, setup_##mode, teardown, NULL }
#define CASES(mode) \
	CASE(one_commit_one_version, mode), CASE(checks_hold_or_nothing_happens, mode), \
	CASE(adding_has_a_floor, mode), CASE(a_key_is_done_once, mode), \
	CASE(fences_keep_old_owners_out, mode), CASE(malformed_requests_name_the_place, mode), \
	CASE(the_largest_commit, mode), CASE(many_small_changes, mode), \
	CASE(many_values_at_once, mode), CASE(many_long_keys, mode), \
	CASE(scans_go_page_by_page, mode), CASE(a_page_of_many_small_values, mode), CASE(snapshots_stand_still, mode), \
	CASE(snapshots_are_few, mode), CASE(commits_keep_their_order, mode), \
	CASE(names_and_numbers_of_databases, mode), CASE(who_stops_may_still_write, mode)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { CASES(local), CASES(calls), CASES(hosts) };
	int host = rig_host_main(argc, argv);

	if (host >= 0) {
		return host;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
