/* SPDX-License-Identifier: MIT */
/* The methods of the database role as somebody may call them who speaks for no well-behaved host. */
#include <pthread.h>
#include <stdio.h>

#include "database.pb-c.h"
#include "tests/contract/database_rig.h"

static struct rig rig;

static int setup(void **state)
{
	(void)state;
	rig_init(&rig);
	rig_open(&rig, RIG_CALLS);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_close(&rig);
	rig_fini(&rig);
	return 0;
}

/* One call, and its answer. */
struct saying {
	const char *method;
	const uint8_t *key;
	uint8_t bytes[4096];
	size_t len;
	int32_t status;
	char reason[TROUPE_REASON_MAX + 1];
	uint8_t reply[4096];
	size_t reply_len;
};

static void on_reply(void *instance, void *arg, const struct troupe_reply *reply, troupe_any_fn typed)
{
	struct saying *saying = arg;

	(void)instance;
	(void)typed;
	saying->status = reply->status;
	saying->reply_len = 0;
	snprintf(saying->reason, sizeof(saying->reason), "%s", reply->reason);
	if (reply->body_len > 0 && reply->body_len <= sizeof(saying->reply)) {
		memcpy(saying->reply, reply->body, reply->body_len);
		saying->reply_len = reply->body_len;
	}
	rig_done(&rig);
}

static void ask(struct rig_user *user, void *arg)
{
	struct saying *saying = arg;
	uint8_t *bytes;
	struct troupe_call call = { .size = sizeof(call), .to = troupe_fnv64("base/database.base", 18),
				    .method = troupe_fnv32(saying->method, strlen(saying->method)),
				    .key = saying->key, .on_reply = on_reply, .arg = saying,
				    .body = user->h->buf_new(user->h, saying->len, &bytes) };

	memcpy(bytes, saying->bytes, saying->len);
	user->h->call(user->h, &call);
}

static void tell(struct rig_user *user, void *arg)
{
	struct saying *saying = arg;
	uint8_t *bytes;
	struct troupe_call call = { .size = sizeof(call), .to = troupe_fnv64("base/database.base", 18),
				    .method = troupe_fnv32(saying->method, strlen(saying->method)),
				    .body = user->h->buf_new(user->h, saying->len, &bytes) };

	memcpy(bytes, saying->bytes, saying->len);
	user->h->call(user->h, &call);
	user->in_function = 0;
	rig_done(user->rig);
}

/* --- numbers ---------------------------------------------------------------------------------------- */

/* A commit of user `who` that adds `delta` to "n", if "gate" has this version; the answer's status is returned. */
static int32_t numbered(unsigned who, uint64_t stream, uint64_t number, uint32_t attempt, uint8_t key, int64_t delta,
			uint64_t gate)
{
	uint8_t key_bytes[TROUPE_KEY_SIZE] = { key };
	struct saying saying = { .method = "database.commit", .key = key != 0 ? key_bytes : NULL };
	Database__CommitRequest body = DATABASE__COMMIT_REQUEST__INIT;
	Database__Op op = DATABASE__OP__INIT, *ops[] = { &op };
	Database__Check check = DATABASE__CHECK__INIT, *checks[] = { &check };
	Database__CommitReply *reply;
	int32_t status;

	op.has_kind = op.has_key = op.has_delta = 1;
	op.kind = TROUPE_DB_ADD;
	op.key = (ProtobufCBinaryData){ 1, (uint8_t *)"n" };
	op.delta = delta;
	check.has_key = check.has_version = 1;
	check.key = (ProtobufCBinaryData){ 4, (uint8_t *)"gate" };
	check.version = gate;
	body.ops = ops;
	body.checks = checks;
	body.n_ops = body.n_checks = 1;
	body.has_stream = body.has_number = body.has_attempt = 1;
	body.stream = stream;
	body.number = number;
	body.attempt = attempt;
	saying.len = database__commit_request__pack(&body, saying.bytes);
	rig_run(&rig, who, ask, &saying, 1);
	assert_int_equal(saying.status, TROUPE_OK);
	reply = database__commit_reply__unpack(NULL, saying.reply_len, saying.reply);
	assert_non_null(reply);
	status = reply->status;
	database__commit_reply__free_unpacked(reply, NULL);
	return status;
}

static int n_is(unsigned expected)
{
	struct troupe_db_check wanted = CHECK("n", 0);
	struct got got = rig_get(&rig, STRANGER - 1, (struct troupe_db_get){ .keys = &wanted, .keys_len = 1 });
	int is = got.values[0].version != 0 && ((const uint8_t *)got.values[0].value)[0] == expected;

	got_free(&got);
	return is;
}

static void older_ones_are_not_done(void **state)
{
	uint64_t gate;

	(void)state;
	assert_int_equal(numbered(0, 7, 1, 1, 0, 1, 0), TROUPE_OK);
	assert_int_equal(numbered(0, 7, 5, 1, 5, 1, 0), TROUPE_OK);
	assert_int_equal(numbered(0, 7, 3, 1, 3, 1, 0), TROUPE_ABORTED); /* passed by 5, never done */
	assert_int_equal(numbered(0, 7, 4, 2, 0, 1, 0), TROUPE_ABORTED); /* the same without a key */
	assert_int_equal(numbered(0, 7, 6, 1, 6, 1, 0), TROUPE_OK);
	assert_int_equal(numbered(0, 7, 5, 2, 5, 1, 0), TROUPE_OK); /* passed by 6, but done: found by its key */
	assert_int_equal(numbered(0, 7, 5, 3, 5, 2, 0), TROUPE_ALREADY_EXISTS);
	assert_int_equal(numbered(0, 7, 6, 1, 0, 1, 0), TROUPE_ABORTED); /* once more */
	assert_true(n_is(3));
	/* sent again, refused by its check; then its first sending comes, when the check would hold */
	assert_int_equal(numbered(0, 7, 7, 2, 7, 1, 99), TROUPE_ABORTED);
	gate = rig_put(&rig, 1, "gate", "").version;
	assert_int_equal(numbered(0, 7, 7, 1, 7, 1, gate), TROUPE_ABORTED);
	assert_true(n_is(3));
	assert_int_equal(numbered(0, 7, 7, 3, 7, 1, gate), TROUPE_OK);
	assert_true(n_is(4));
	/* another run of the asker counts anew, and so does another asker */
	assert_int_equal(numbered(0, 8, 1, 1, 0, 1, gate), TROUPE_OK);
	assert_int_equal(numbered(1, 7, 1, 1, 0, 1, gate), TROUPE_OK);
	assert_true(n_is(6));
}

/* --- rights and nonsense ------------------------------------------------------------------------------ */

static const char *const names[] = { "database.commit", "database.get", "database.scan", "database.snapshot" };

static void strangers_are_refused(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct saying saying = { .method = names[i] };

		rig_run(&rig, STRANGER, ask, &saying, 1);
		assert_int_equal(saying.status, TROUPE_PERMISSION_DENIED);
		assert_string_equal(saying.reason, "host.not_allowed");
	}
}

static void nonsense_is_refused(void **state)
{
	static const uint8_t fence[] = { 0x1a, 3, 'a', 0, 'b', 0x29, 1, 0, 0, 0, 0, 0, 0, 0, 0x30, 1 };
	struct saying saying = { .method = "database.commit", .len = sizeof(fence) };
	uint64_t random = 88172645463325252u;
	char text[64];

	(void)state;
	memcpy(saying.bytes, fence, sizeof(fence));
	rig_run(&rig, 0, ask, &saying, 1);
	Database__CommitReply *reply = database__commit_reply__unpack(NULL, saying.reply_len, saying.reply);

	assert_non_null(reply);
	assert_int_equal(reply->status, TROUPE_INVALID_ARGUMENT); /* a fence with a NUL in its name */
	database__commit_reply__free_unpacked(reply, NULL);
	for (unsigned turn = 0; turn < 4000; turn++) {
		saying.method = names[turn % 3];
		saying.len = turn % 97;
		for (size_t i = 0; i < saying.len; i++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			/* often a field's number, a small length */
			saying.bytes[i] = (uint8_t)(random & 1 ? random >> 32 & 0x3f : random >> 40);
		}
		rig_run(&rig, 0, ask, &saying, 1); /* exactly one answer */
		assert_true(saying.status == TROUPE_OK || strcmp(saying.reason, "host.malformed") == 0);
	}
	assert_int_equal(rig_put(&rig, 0, "still", "here").status, TROUPE_OK);
	rig_read(&rig, 0, "still", text);
	assert_string_equal(text, "here");
}

static size_t snapshot_pack(uint64_t id, uint8_t *ret_bytes)
{
	Database__Snapshot body = DATABASE__SNAPSHOT__INIT;

	body.has_snapshot = 1;
	body.snapshot = id;
	return database__snapshot__pack(&body, ret_bytes);
}

static int32_t scan_at(unsigned who, uint64_t snapshot)
{
	struct got got = rig_scan(&rig, who, (struct troupe_db_scan){ .snapshot = snapshot });
	int32_t status = got.status;

	got_free(&got);
	return status;
}

static void snapshots_have_an_owner(void **state)
{
	struct saying saying = { .method = "database.snapshot_close" };
	uint64_t snapshot;

	(void)state;
	assert_int_equal(rig_snapshot(&rig, 0, &snapshot), TROUPE_OK);
	saying.len = snapshot_pack(snapshot, saying.bytes);
	assert_int_equal(scan_at(1, snapshot), TROUPE_FAILED_PRECONDITION);
	rig_run(&rig, 1, tell, &saying, 1);
	assert_int_equal(scan_at(0, snapshot), TROUPE_OK);
	rig_run(&rig, 0, tell, &saying, 1);
	assert_int_equal(scan_at(0, snapshot), TROUPE_FAILED_PRECONDITION);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(older_ones_are_not_done, setup, teardown),
		cmocka_unit_test_setup_teardown(strangers_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(nonsense_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(snapshots_have_an_owner, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
