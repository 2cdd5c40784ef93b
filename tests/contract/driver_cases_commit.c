/* SPDX-License-Identifier: MIT */
/* The driver contract: what commits must do. */
#include "tests/contract/driver_cases.h"

static const uint8_t KEY_A[TROUPE_KEY_SIZE] = "key-aaaaaaaaaaa";
static const uint8_t KEY_B[TROUPE_KEY_SIZE] = "key-bbbbbbbbbbb";

static void put_and_get(struct fixture *f)
{
	struct troupe_db_result result = commit_op(f, (struct troupe_db_op)OP_PUT("color", "red"));

	assert_int_equal(result.status, TROUPE_OK);
	assert_int_equal(result.repeated, 0);
	assert_true(result.version > 0);
	assert_int_equal(version_of(f, "color"), result.version);
	assert_true(value_is(f, "color", "red"));
	assert_int_equal(version_of(f, "colo"), 0);
}

static void empty_value(struct fixture *f)
{
	assert_int_equal(commit_op(f, (struct troupe_db_op)OP_PUT("empty", "")).status, TROUPE_OK);
	assert_true(version_of(f, "empty") > 0);
	assert_true(value_is(f, "empty", ""));
}

static void check_absent(struct fixture *f)
{
	struct troupe_db_check check = CHECK("once", 0);
	struct troupe_db_op op = OP_PUT("once", "1");
	struct troupe_driver_tx tx = { .checks = &check, .checks_len = 1, .ops = &op, .ops_len = 1 };

	assert_int_equal(commit_one(f, &tx).status, TROUPE_OK);
	struct troupe_db_result second = commit_one(f, &tx);

	assert_int_equal(second.status, TROUPE_ABORTED);
	assert_int_equal(second.index, 0);
}

static void check_version(struct fixture *f)
{
	uint64_t version = commit_op(f, (struct troupe_db_op)OP_PUT("v", "1")).version;
	struct troupe_db_check checks[] = { CHECK("other", 0), CHECK("v", version) };
	struct troupe_db_op op = OP_PUT("v", "2");
	struct troupe_driver_tx tx = { .checks = checks, .checks_len = 2, .ops = &op, .ops_len = 1 };

	assert_int_equal(commit_one(f, &tx).status, TROUPE_OK);
	struct troupe_db_result stale = commit_one(f, &tx);

	assert_int_equal(stale.status, TROUPE_ABORTED);
	assert_int_equal(stale.index, 1);
}

static void versions_grow(struct fixture *f)
{
	uint64_t first = commit_op(f, (struct troupe_db_op)OP_PUT("k", "1")).version;
	uint64_t second = commit_op(f, (struct troupe_db_op)OP_PUT("k", "2")).version;

	assert_true(second > first);
	assert_int_equal(commit_op(f, (struct troupe_db_op)OP_DELETE("k")).status, TROUPE_OK);
	assert_int_equal(version_of(f, "k"), 0);
	uint64_t third = commit_op(f, (struct troupe_db_op)OP_PUT("k", "1")).version;

	assert_true(third > second);
	commit_op(f, (struct troupe_db_op)OP_DELETE("k"));
	fixture_reopen(f);
	assert_true(commit_op(f, (struct troupe_db_op)OP_PUT("k", "1")).version > third + 1);
}

static void all_or_nothing(struct fixture *f)
{
	struct troupe_db_op ops[] = { OP_PUT("a", "1"), OP_ADD("n", -1, 0), OP_PUT("b", "1") };
	struct troupe_driver_tx tx = { .ops = ops, .ops_len = 3 };
	struct troupe_db_result result = commit_one(f, &tx);

	assert_int_equal(result.status, TROUPE_OUT_OF_RANGE);
	assert_int_equal(result.index, 1);
	assert_int_equal(version_of(f, "a"), 0);
	assert_int_equal(version_of(f, "b"), 0);
	assert_int_equal(version_of(f, "n"), 0);
}

static void refused_leaves_no_trace(struct fixture *f)
{
	/* in one group: the first changes a, n, a fence and a key and is then refused; the second must see none of it */
	struct troupe_db_op first[] = { OP_PUT("a", "1"), OP_ADD("n", 5, 0), OP_ADD("m", -1, 0) };
	struct troupe_db_check absent = CHECK("a", 0);
	struct troupe_db_op second = OP_ADD("n", 1, 0);
	struct troupe_driver_tx txs[] = {
		{ .ops = first, .ops_len = 3, .key = KEY_A, .fingerprint = 1, .fence = "lease", .fence_epoch = 9 },
		{ .checks = &absent, .checks_len = 1, .ops = &second, .ops_len = 1, .key = KEY_A, .fingerprint = 2,
		  .fence = "lease", .fence_epoch = 3 },
	};
	struct troupe_db_result results[2];

	commit_group(f, txs, 2, results);
	assert_int_equal(results[0].status, TROUPE_OUT_OF_RANGE);
	assert_int_equal(results[0].index, 2);
	assert_int_equal(results[1].status, TROUPE_OK);
	assert_int_equal(results[1].repeated, 0);
	assert_int_equal(number_of(f, "n"), 1);
}

static void group_sees_itself(struct fixture *f)
{
	struct troupe_db_check absent = CHECK("g", 0);
	struct troupe_db_op put = OP_PUT("g", "1"), remove = OP_DELETE("g");
	struct troupe_driver_tx txs[] = {
		{ .checks = &absent, .checks_len = 1, .ops = &put, .ops_len = 1 },
		{ .checks = &absent, .checks_len = 1, .ops = &put, .ops_len = 1 },
		{ .ops = &remove, .ops_len = 1 },
		{ .checks = &absent, .checks_len = 1, .ops = &put, .ops_len = 1 },
	};
	struct troupe_db_result results[4];

	commit_group(f, txs, 4, results);
	assert_int_equal(results[0].status, TROUPE_OK);
	assert_int_equal(results[1].status, TROUPE_ABORTED);
	assert_int_equal(results[2].status, TROUPE_OK);
	assert_int_equal(results[3].status, TROUPE_OK);
	assert_true(results[3].version > results[0].version);
	assert_int_equal(version_of(f, "g"), results[3].version);
}

static void ops_in_order(struct fixture *f)
{
	struct troupe_db_op ops[] = { OP_ADD("n", 4, 0), OP_ADD("n", 3, 0), OP_PUT("x", "1"), OP_DELETE("x"),
				      OP_PUT("y", "1"), OP_PUT("y", "2"), OP_DELETE("z"), OP_ADD("z", 2, 0) };

	assert_int_equal(commit_one(f, &(struct troupe_driver_tx){ .ops = ops, .ops_len = COUNT(ops) }).status, TROUPE_OK);
	assert_int_equal(number_of(f, "n"), 7);
	assert_int_equal(version_of(f, "x"), 0);
	assert_true(value_is(f, "y", "2"));
	assert_int_equal(number_of(f, "z"), 2);
}

static void add_within_group(struct fixture *f)
{
	struct troupe_db_op stock = OP_ADD("stock", 3, 0), buy = OP_ADD("stock", -1, 0);
	struct troupe_driver_tx txs[5] = { { .ops = &stock, .ops_len = 1 } };
	struct troupe_db_result results[5];

	for (int i = 1; i < 5; i++) {
		txs[i] = (struct troupe_driver_tx){ .ops = &buy, .ops_len = 1 };
	}
	commit_group(f, txs, 5, results);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(results[i].status, TROUPE_OK);
	}
	assert_int_equal(results[4].status, TROUPE_OUT_OF_RANGE);
	assert_int_equal(number_of(f, "stock"), 0);
	assert_int_equal(commit_op(f, buy).status, TROUPE_OUT_OF_RANGE);
}

static void add_overflow(struct fixture *f)
{
	assert_int_equal(commit_op(f, (struct troupe_db_op)OP_ADD("n", INT64_MAX, 0)).status, TROUPE_OK);
	assert_int_equal(commit_op(f, (struct troupe_db_op)OP_ADD("n", 1, INT64_MIN)).status, TROUPE_OUT_OF_RANGE);
	assert_int_equal(number_of(f, "n"), INT64_MAX);
	assert_int_equal(commit_op(f, (struct troupe_db_op)OP_ADD("m", INT64_MIN, INT64_MIN)).status, TROUPE_OK);
	assert_int_equal(commit_op(f, (struct troupe_db_op)OP_ADD("m", -1, INT64_MIN)).status, TROUPE_OUT_OF_RANGE);
	assert_int_equal(number_of(f, "m"), INT64_MIN);
}

static void add_to_text(struct fixture *f)
{
	commit_op(f, (struct troupe_db_op)OP_PUT("text", "seven"));
	assert_int_equal(commit_op(f, (struct troupe_db_op)OP_ADD("text", 1, 0)).status, TROUPE_INVALID_ARGUMENT);
	assert_true(value_is(f, "text", "seven"));
}

static int32_t fenced(struct fixture *f, const char *fence, uint64_t epoch)
{
	struct troupe_db_op op = OP_ADD("fenced", 1, 0);

	return commit_one(f, &(struct troupe_driver_tx){ .ops = &op, .ops_len = 1, .fence = fence, .fence_epoch = epoch })
		.status;
}

static void fence_epochs(struct fixture *f)
{
	assert_int_equal(fenced(f, "region/1", 5), TROUPE_OK);
	assert_int_equal(fenced(f, "region/1", 5), TROUPE_OK);
	assert_int_equal(fenced(f, "region/1", 4), TROUPE_FAILED_PRECONDITION);
	assert_int_equal(fenced(f, "region/2", 1), TROUPE_OK);
	assert_int_equal(fenced(f, "region/1", 6), TROUPE_OK);
	fixture_reopen(f);
	assert_int_equal(fenced(f, "region/1", 5), TROUPE_FAILED_PRECONDITION);
	assert_int_equal(number_of(f, "fenced"), 4);
}

static void fence_within_group(struct fixture *f)
{
	struct troupe_db_op op = OP_ADD("fenced", 1, 0);
	struct troupe_driver_tx txs[] = {
		{ .ops = &op, .ops_len = 1, .fence = "r", .fence_epoch = 7 },
		{ .ops = &op, .ops_len = 1, .fence = "r", .fence_epoch = 6 },
	};
	struct troupe_db_result results[2];

	commit_group(f, txs, 2, results);
	assert_int_equal(results[0].status, TROUPE_OK);
	assert_int_equal(results[1].status, TROUPE_FAILED_PRECONDITION);
}

static void key_again(struct fixture *f)
{
	struct troupe_db_op op = OP_ADD("n", 1, 0);
	struct troupe_driver_tx tx = { .ops = &op, .ops_len = 1, .key = KEY_A, .fingerprint = 77 };
	struct troupe_db_result first = commit_one(f, &tx), again = commit_one(f, &tx);

	assert_int_equal(first.repeated, 0);
	assert_int_equal(again.status, TROUPE_OK);
	assert_int_equal(again.repeated, 1);
	assert_int_equal(again.version, first.version);
	fixture_reopen(f);
	assert_int_equal(commit_one(f, &tx).repeated, 1);
	assert_int_equal(number_of(f, "n"), 1);
}

static void key_again_in_group(struct fixture *f)
{
	struct troupe_db_op op = OP_ADD("n", 1, 0);
	struct troupe_driver_tx tx = { .ops = &op, .ops_len = 1, .key = KEY_A, .fingerprint = 77 };
	struct troupe_driver_tx txs[] = { tx, tx, tx };
	struct troupe_db_result results[3];

	txs[2].fingerprint = 78;
	commit_group(f, txs, 3, results);
	assert_int_equal(results[0].repeated, 0);
	assert_int_equal(results[1].status, TROUPE_OK);
	assert_int_equal(results[1].repeated, 1);
	assert_int_equal(results[1].version, results[0].version);
	assert_int_equal(results[2].status, TROUPE_ALREADY_EXISTS);
	assert_int_equal(number_of(f, "n"), 1);
}

static void key_for_another(struct fixture *f)
{
	struct troupe_db_op op = OP_ADD("n", 1, 0);
	struct troupe_driver_tx tx = { .ops = &op, .ops_len = 1, .key = KEY_A, .fingerprint = 77 };

	commit_one(f, &tx);
	tx.fingerprint = 78;
	assert_int_equal(commit_one(f, &tx).status, TROUPE_ALREADY_EXISTS);
	tx.key = KEY_B;
	assert_int_equal(commit_one(f, &tx).status, TROUPE_OK);
	assert_int_equal(number_of(f, "n"), 2);
}

static void key_of_refused(struct fixture *f)
{
	/* a refused commit did nothing: its key is free */
	struct troupe_db_op op = OP_ADD("n", -1, 0);
	struct troupe_driver_tx tx = { .ops = &op, .ops_len = 1, .key = KEY_A, .fingerprint = 77 };
	uint64_t version;

	assert_int_equal(commit_one(f, &tx).status, TROUPE_OUT_OF_RANGE);
	assert_int_equal(f->driver->find_key(f->store, KEY_A, 77, &version), TROUPE_NOT_FOUND);
	commit_op(f, (struct troupe_db_op)OP_ADD("n", 5, 0));
	assert_int_equal(commit_one(f, &tx).status, TROUPE_OK);
}

static void key_beats_checks(struct fixture *f)
{
	/* a repeated commit is known by its key, although its checks no longer hold */
	struct troupe_db_check absent = CHECK("made", 0);
	struct troupe_db_op op = OP_PUT("made", "1");
	struct troupe_driver_tx tx = { .checks = &absent, .checks_len = 1, .ops = &op, .ops_len = 1, .key = KEY_A,
				       .fingerprint = 3, .fence = "f", .fence_epoch = 1 };
	uint64_t version = commit_one(f, &tx).version;

	fenced(f, "f", 2);
	struct troupe_db_result again = commit_one(f, &tx);

	assert_int_equal(again.status, TROUPE_OK);
	assert_int_equal(again.version, version);
}

static void find_key(struct fixture *f)
{
	struct troupe_db_op op = OP_ADD("n", 1, 0);
	struct troupe_driver_tx tx = { .ops = &op, .ops_len = 1, .key = KEY_A, .fingerprint = 77 };
	uint64_t version = 0;

	assert_int_equal(f->driver->find_key(f->store, KEY_A, 77, &version), TROUPE_NOT_FOUND);
	uint64_t first = commit_one(f, &tx).version;

	fixture_reopen(f);
	assert_int_equal(f->driver->find_key(f->store, KEY_A, 77, &version), TROUPE_OK);
	assert_int_equal(version, first);
	assert_int_equal(f->driver->find_key(f->store, KEY_A, 78, &version), TROUPE_ALREADY_EXISTS);
	assert_int_equal(f->driver->find_key(f->store, KEY_B, 77, &version), TROUPE_NOT_FOUND);
}

static void no_ops(struct fixture *f)
{
	/* a commit may be a question (checks alone) or nothing but its key */
	struct troupe_db_check absent = CHECK("nothing", 0);
	struct troupe_driver_tx tx = { .checks = &absent, .checks_len = 1, .key = KEY_A, .fingerprint = 1 };

	assert_int_equal(commit_one(f, &tx).status, TROUPE_OK);
	assert_int_equal(commit_one(f, &tx).repeated, 1);
}

static void reserved_refused(struct fixture *f)
{
	struct troupe_db_op ops[] = { OP_PUT("fine", "1"), OP_PUT("\0c", "1") };
	struct troupe_db_check check = CHECK("\0m", 0);
	struct troupe_db_result result = commit_one(f, &(struct troupe_driver_tx){ .ops = ops, .ops_len = 2 });

	assert_int_equal(result.status, TROUPE_INVALID_ARGUMENT);
	assert_int_equal(result.index, 1);
	assert_int_equal(commit_one(f, &(struct troupe_driver_tx){ .checks = &check, .checks_len = 1 }).status,
			 TROUPE_INVALID_ARGUMENT);
	assert_int_equal(version_of(f, "fine"), 0);
}

static void limits(struct fixture *f)
{
	char *big = calloc(1, f->driver->value_max + 1);
	char *key = malloc(f->driver->key_max + 1);
	struct troupe_db_op op = { .kind = TROUPE_DB_PUT, .key = key, .value = big };

	assert_true(f->driver->key_max >= 256 && f->driver->value_max >= 65536 && f->driver->ops_max >= 64);
	assert_true(f->driver->group_max >= 1 && f->driver->group_bytes >= f->driver->value_max);
	memset(key, 'k', f->driver->key_max + 1);
	assert_int_equal(commit_op(f, op).status, TROUPE_INVALID_ARGUMENT); /* no key */
	op.key_len = f->driver->key_max + 1;
	assert_int_equal(commit_op(f, op).status, TROUPE_INVALID_ARGUMENT);
	op.key_len--;
	op.value_len = f->driver->value_max + 1;
	assert_int_equal(commit_op(f, op).status, TROUPE_INVALID_ARGUMENT);
	op.value_len--;
	assert_int_equal(commit_op(f, op).status, TROUPE_OK);
	op.kind = 9;
	assert_int_equal(commit_op(f, op).status, TROUPE_INVALID_ARGUMENT);
	struct troupe_db_op *many = calloc(f->driver->ops_max + 1, sizeof(*many));

	for (uint32_t i = 0; i <= f->driver->ops_max; i++) {
		many[i] = (struct troupe_db_op)OP_ADD("many", 1, 0);
	}
	struct troupe_driver_tx tx = { .ops = many, .ops_len = f->driver->ops_max + 1 };

	assert_int_equal(commit_one(f, &tx).status, TROUPE_INVALID_ARGUMENT);
	tx.ops_len--;
	assert_int_equal(commit_one(f, &tx).status, TROUPE_OK);
	assert_int_equal(number_of(f, "many"), f->driver->ops_max);
	free(many);
	free(key);
	free(big);
}

const struct driver_case driver_cases_commit[] = {
	{ "a put can be read, with its version", put_and_get },
	{ "an empty value is a value", empty_value },
	{ "version 0 checks that there is no value", check_absent },
	{ "a check of an old version fails, and says which", check_version },
	{ "versions grow, also after a delete and a reopen", versions_grow },
	{ "a transaction happens as a whole or not at all", all_or_nothing },
	{ "a refused transaction leaves nothing for the next of its group", refused_leaves_no_trace },
	{ "checks see the transactions before them in the group", group_sees_itself },
	{ "ops take effect in order", ops_in_order },
	{ "ADDs of one group add up and stop at the floor", add_within_group },
	{ "an ADD that overflows is refused", add_overflow },
	{ "an ADD to what is no number is refused", add_to_text },
	{ "an older epoch is fenced off, also after a reopen", fence_epochs },
	{ "a fence holds within a group", fence_within_group },
	{ "an idempotency key makes a commit happen once", key_again },
	{ "an idempotency key holds within a group", key_again_in_group },
	{ "an idempotency key belongs to one commit", key_for_another },
	{ "a refused commit does not use its key up", key_of_refused },
	{ "a known key answers before checks and fence", key_beats_checks },
	{ "find_key tells what became of a key", find_key },
	{ "a commit may have no ops", no_ops },
	{ "the driver's own keys are refused", reserved_refused },
	{ "limits are as advertised", limits },
	{ NULL, NULL },
};
