/* SPDX-License-Identifier: MIT */
/* The database service: order, groups, bounds, and what it does when the driver fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/db_rig.h"
#include "tests/support/driver_load.h"
#include "tests/support/fake_driver.h"

/* Worked out by hand from the words in request.h. */
#define FINGERPRINT_ALL 0x6a30f764782d25b8u
#define FINGERPRINT_NONE 0x88201fb960ff6465u

static struct rig rig;
static struct fake_disk disk;
static struct rig_batch batch, other;

static int setup(void **state)
{
	(void)state;
	fake_disk_init(&disk);
	rig_start(&rig, &fake_driver, &disk, 0);
	rig_wait_state(&rig, 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_stop(&rig);
	assert_int_equal(disk.snapshots, 0);
	assert_true(disk.opens >= disk.closes); /* a failed open leaves nothing to close */
	return 0;
}

/* A commit of one put, with an idempotency key if `key` is not 0. */
static struct db_request *put(const char *name, const char *value, uint8_t key)
{
	uint8_t bytes[TROUPE_KEY_SIZE] = { key };
	struct troupe_db_op op = { .kind = TROUPE_DB_PUT, .key = name, .key_len = (uint32_t)strlen(name),
				   .value = value, .value_len = (uint32_t)strlen(value) };
	struct troupe_db_commit commit = { .size = sizeof(commit), .ops = &op, .ops_len = 1,
					   .key = key != 0 ? bytes : NULL };

	return db_request_commit(&commit);
}

static int32_t put_now(const char *name, const char *value, uint8_t key)
{
	struct db_request *request = rig_ask(&rig, put(name, value, key));
	int32_t status = request->u.commit.result.status;

	db_request_free(request);
	return status;
}

static struct db_request *get(const char *name, uint64_t snapshot)
{
	struct troupe_db_check key = { .key = name, .key_len = (uint32_t)strlen(name) };
	struct troupe_db_get wanted = { .size = sizeof(wanted), .keys = &key, .keys_len = 1, .snapshot = snapshot };

	return db_request_get(&wanted);
}

static int32_t result_of(const struct rig_batch *from, unsigned i)
{
	return from->answers[i]->u.commit.result.status;
}

static void commit_then_get(void **state)
{
	(void)state;
	assert_int_equal(put_now("color", "red", 0), TROUPE_OK);
	struct db_request *answer = rig_ask(&rig, get("color", 0));

	assert_int_equal(answer->status, TROUPE_OK);
	assert_int_equal(answer->u.read.page.count, 1);
	assert_int_equal(answer->u.read.page.values[0].value_len, 3);
	assert_memory_equal(answer->u.read.page.values[0].value, "red", 3);
	db_request_free(answer);
	answer = rig_ask(&rig, get("none", 0));
	assert_int_equal(answer->u.read.page.count, 1);
	assert_int_equal(answer->u.read.page.values[0].version, 0);
	assert_null(answer->u.read.page.values[0].value);
	db_request_free(answer);
}

static void input_is_copied(void **state)
{
	char name[] = "name", value[] = "value", fence[] = "fence";
	uint8_t key[TROUPE_KEY_SIZE] = { 1 };
	struct troupe_db_check check = { .key = name, .key_len = 4 };
	struct troupe_db_op op = { .kind = TROUPE_DB_PUT, .key = name, .key_len = 4, .value = value, .value_len = 5 };
	struct troupe_db_commit commit = { .size = sizeof(commit), .checks = &check, .checks_len = 1, .ops = &op,
					   .ops_len = 1, .key = key, .fence = fence, .fence_epoch = 4 };
	struct db_request *request = db_request_commit(&commit);
	const struct troupe_driver_tx *tx = &request->u.commit.tx;

	(void)state;
	memset(name, 'x', 4), memset(value, 'x', 5), memset(fence, 'x', 5), memset(key, 'x', sizeof(key));
	memset(&check, 0xff, sizeof(check)), memset(&op, 0xff, sizeof(op));
	assert_memory_equal(tx->checks[0].key, "name", 4);
	assert_memory_equal(tx->ops[0].key, "name", 4);
	assert_memory_equal(tx->ops[0].value, "value", 5);
	assert_string_equal(tx->fence, "fence");
	assert_int_equal(tx->key[0], 1);
	db_request_free(request);
}

static void fingerprint_is_fixed(void **state)
{
	/* stored with idempotency keys: a change of these numbers breaks every store there is */
	struct troupe_db_check check = { .key = "a", .key_len = 1, .version = 7 };
	struct troupe_db_op ops[] = {
		{ .kind = TROUPE_DB_PUT, .key = "k", .key_len = 1, .value = "v", .value_len = 1 },
		{ .kind = TROUPE_DB_DELETE, .key = "d", .key_len = 1 },
		{ .kind = TROUPE_DB_ADD, .key = "n", .key_len = 1, .delta = -1, .floor = 0 },
	};
	struct troupe_db_commit commit = { .size = sizeof(commit), .checks = &check, .checks_len = 1, .ops = ops,
					   .ops_len = 3, .fence = "f", .fence_epoch = 2 };

	(void)state;
	assert_true(db_fingerprint(&commit) == FINGERPRINT_ALL);
	commit.fence_epoch = 3;
	assert_true(db_fingerprint(&commit) != FINGERPRINT_ALL);
	assert_true(db_fingerprint(&(struct troupe_db_commit){ .size = sizeof(commit) }) == FINGERPRINT_NONE);
}

static void waiting_commits_go_together(void **state)
{
	(void)state;
	fake_hold(&disk);
	rig_batch_begin(&rig, &batch);
	rig_batch_add(&batch, put("first", "1", 0));
	rig_batch_send(&batch);
	fake_wait_held(&disk);
	rig_batch_begin(&rig, &other);
	for (int i = 0; i < 200; i++) {
		char name[16];

		snprintf(name, sizeof(name), "k%d", i);
		rig_batch_add(&other, put(name, "v", 0));
	}
	rig_batch_send(&other);
	while (atomic_load(&rig.store.commits.waiting) < 201) {
		usleep(1000);
	}
	fake_release(&disk);
	rig_batch_wait(&batch);
	rig_batch_wait(&other);
	assert_int_equal(disk.commits, 2);
	assert_int_equal(disk.groups[1], 200);
	for (unsigned i = 1; i < 200; i++) { /* in the order they were asked for */
		assert_int_equal(other.answers[i]->u.commit.result.version,
				 other.answers[i - 1]->u.commit.result.version + 1);
	}
	rig_batch_end(&batch);
	rig_batch_end(&other);
	assert_int_equal(atomic_load(&rig.store.commits.waiting), 0);
}

static void groups_are_bounded(void **state)
{
	(void)state;
	fake_hold(&disk);
	rig_batch_begin(&rig, &batch);
	rig_batch_add(&batch, put("first", "1", 0));
	rig_batch_send(&batch);
	fake_wait_held(&disk);
	rig_batch_begin(&rig, &other);
	for (int i = 0; i < 1000; i++) { /* 32 bytes each */
		char name[16];

		snprintf(name, sizeof(name), "key%05d", i);
		rig_batch_add(&other, put(name, "123456789012345678901234", 0));
	}
	rig_batch_send(&other);
	while (atomic_load(&rig.store.commits.waiting) < 1001) {
		usleep(1000);
	}
	fake_release(&disk);
	rig_batch_wait(&batch);
	rig_batch_wait(&other);
	for (unsigned i = 1; i < disk.commits; i++) {
		assert_in_range(disk.groups[i], 1, 4096 / 32);
	}
	rig_batch_end(&batch);
	rig_batch_end(&other);
}

static void failed_and_gone(void **state)
{
	(void)state;
	disk.fail_commit = TROUPE_UNKNOWN;
	assert_int_equal(put_now("a", "1", 1), TROUPE_ABORTED);
	/* The answer leaves before the writer has counted and said that it opened again. */
	rig_wait_state(&rig, 2);
	assert_string_equal(rig.state_text, "reopened");
	assert_int_equal(disk.opens, 2);
	assert_int_equal(atomic_load(&rig.store.counts.reopened), 1);
	assert_int_equal(put_now("a", "1", 1), TROUPE_OK);
}

static void failed_but_there(void **state)
{
	(void)state;
	disk.survives = 1;
	disk.fail_commit = TROUPE_UNKNOWN;
	struct db_request *answer = rig_ask(&rig, put("a", "1", 1));

	assert_int_equal(answer->u.commit.result.status, TROUPE_OK);
	assert_int_equal(answer->u.commit.result.repeated, 1);
	assert_int_equal(answer->u.commit.result.version, 1);
	db_request_free(answer);
}

static void failed_without_key(void **state)
{
	(void)state;
	disk.survives = 1;
	disk.fail_commit = TROUPE_UNKNOWN;
	assert_int_equal(put_now("a", "1", 0), TROUPE_UNKNOWN);
	assert_int_equal(atomic_load(&rig.store.counts.unknown), 1);
}

static void nothing_is_acknowledged_while_broken(void **state)
{
	(void)state;
	disk.fail_commit = TROUPE_UNKNOWN;
	disk.fail_open = TROUPE_UNKNOWN;
	disk.fail_opens = 3; /* 10 + 20 + 40 ms: past the grace */
	rig_batch_begin(&rig, &batch);
	rig_batch_add(&batch, put("a", "1", 1));
	rig_batch_send(&batch);
	rig_wait_state(&rig, 2);
	assert_int_equal(rig.state_status, TROUPE_UNKNOWN);
	struct db_request *answer = rig_ask(&rig, get("a", 0));

	assert_int_equal(answer->status, TROUPE_UNAVAILABLE);
	db_request_free(answer);
	rig_batch_wait(&batch);
	assert_int_equal(result_of(&batch, 0), TROUPE_ABORTED);
	rig_batch_end(&batch);
	assert_int_equal(put_now("a", "2", 0), TROUPE_OK);
}

static uint64_t now_ms(void)
{
	return loop_clock_us() / 1000;
}

static void full_disk_refuses_quickly(void **state)
{
	(void)state;
	disk.fail_commit = TROUPE_RESOURCE_EXHAUSTED;
	disk.fail_open = TROUPE_RESOURCE_EXHAUSTED;
	disk.fail_opens = 7; /* about 1 s */
	rig_batch_begin(&rig, &batch);
	rig_batch_add(&batch, put("a", "1", 1));
	rig_batch_send(&batch);
	rig_wait_state(&rig, 2);
	for (int i = 0; i < 5; i++) {
		uint64_t begin = now_ms();

		assert_int_equal(put_now("b", "1", 2), TROUPE_RESOURCE_EXHAUSTED);
		assert_in_range(now_ms() - begin, 0, 100);
		usleep(20000);
	}
	rig_batch_wait(&batch);
	assert_int_equal(result_of(&batch, 0), TROUPE_RESOURCE_EXHAUSTED);
	rig_batch_end(&batch);
	assert_int_equal(put_now("b", "1", 2), TROUPE_OK);
}

static void first_open_fails(void **state)
{
	struct rig late;
	struct fake_disk slow;

	(void)state;
	fake_disk_init(&slow);
	slow.fail_open = TROUPE_UNAVAILABLE;
	slow.fail_opens = 2;
	rig_start(&late, &fake_driver, &slow, 0);
	rig_wait_state(&late, 1);
	assert_int_equal(late.state_status, TROUPE_UNAVAILABLE);
	assert_string_equal(late.state_text, "planted failure of open");
	rig_wait_state(&late, 2); /* the same failure is said once */
	assert_int_equal(late.state_status, TROUPE_OK);
	assert_int_equal(atomic_load(&late.store.counts.reopened), 0);
	rig_stop(&late);
	fake_disk_init(&slow);
	slow.fail_open = TROUPE_DATA_LOSS;
	slow.fail_opens = 1000000;
	rig_start(&late, &fake_driver, &slow, 0);
	rig_wait_state(&late, 1);
	rig_stop(&late); /* it ends although it never opened */
	assert_int_equal(slow.closes, 0);
}

static void queue_is_bounded(void **state)
{
	struct rig small;
	struct fake_disk slow;
	unsigned done = 0, refused = 0;

	(void)state;
	fake_disk_init(&slow);
	rig_start(&small, &fake_driver, &slow, 4);
	rig_wait_state(&small, 1);
	fake_hold(&slow);
	rig_batch_begin(&small, &batch);
	for (int i = 0; i < 10; i++) {
		rig_batch_add(&batch, put("k", "v", 0));
	}
	rig_batch_send(&batch);
	fake_wait_held(&slow);
	fake_release(&slow);
	rig_batch_wait(&batch);
	for (unsigned i = 0; i < 10; i++) {
		done += result_of(&batch, i) == TROUPE_OK;
		refused += result_of(&batch, i) == TROUPE_RESOURCE_EXHAUSTED;
	}
	assert_int_equal(done, 4);
	assert_int_equal(refused, 6);
	assert_int_equal(batch.inside, 0);
	assert_int_equal(atomic_load(&small.store.counts.full), 6);
	rig_batch_end(&batch);
	rig_stop(&small);
}

static void snapshots(void **state)
{
	uint64_t ids[STORE_SNAPSHOTS_MAX];

	(void)state;
	assert_int_equal(put_now("a", "1", 0), TROUPE_OK);
	for (unsigned i = 0; i < STORE_SNAPSHOTS_MAX; i++) {
		struct db_request *answer = rig_ask(&rig, db_request_other(DB_SNAPSHOT_OPEN, 0));

		assert_int_equal(answer->status, TROUPE_OK);
		ids[i] = answer->u.read.snapshot;
		db_request_free(answer);
	}
	struct db_request *answer = rig_ask(&rig, db_request_other(DB_SNAPSHOT_OPEN, 0));

	assert_int_equal(answer->status, TROUPE_RESOURCE_EXHAUSTED);
	db_request_free(answer);
	db_request_free(rig_ask(&rig, db_request_other(DB_SNAPSHOT_CLOSE, ids[0])));
	db_request_free(rig_ask(&rig, db_request_other(DB_SNAPSHOT_CLOSE, ids[0])));
	answer = rig_ask(&rig, get("a", ids[0]));
	assert_int_equal(answer->status, TROUPE_FAILED_PRECONDITION);
	db_request_free(answer);
	answer = rig_ask(&rig, get("a", ids[1]));
	assert_int_equal(answer->status, TROUPE_OK);
	db_request_free(answer);
	disk.fail_commit = TROUPE_UNKNOWN;
	assert_int_equal(put_now("a", "2", 3), TROUPE_ABORTED);
	answer = rig_ask(&rig, get("a", ids[1])); /* it went with the closed store */
	assert_int_equal(answer->status, TROUPE_FAILED_PRECONDITION);
	db_request_free(answer);
	db_request_free(rig_ask(&rig, db_request_other(DB_SNAPSHOT_OPEN, 0)));
	db_request_free(rig_ask(&rig, db_request_other(DB_SNAPSHOT_DROP, 0)));
}

static void closing_finishes_what_waits(void **state)
{
	struct troupe_error error = { .size = sizeof(error) };
	struct troupe_store_stats stats = { .size = sizeof(stats) };

	(void)state;
	fake_hold(&disk);
	rig_batch_begin(&rig, &batch);
	for (int i = 0; i < 20; i++) {
		rig_batch_add(&batch, put("k", "v", 0));
	}
	rig_batch_send(&batch);
	fake_wait_held(&disk);
	store_stop(&rig.store);
	assert_int_equal(store_start(&rig.store, &rig.store.params, &error), TROUPE_FAILED_PRECONDITION);
	fake_release(&disk);
	rig_batch_wait(&batch);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(result_of(&batch, i), TROUPE_OK);
	}
	rig_batch_end(&batch);
	rig_wait_closed(&rig, 1);
	assert_int_equal(put_now("k", "v", 0), TROUPE_UNAVAILABLE);
	struct db_request *answer = rig_ask(&rig, get("k", 0));

	assert_int_equal(answer->status, TROUPE_UNAVAILABLE);
	db_request_free(answer);
	struct store_params again = rig.store.params;

	assert_int_equal(store_start(&rig.store, &again, &error), TROUPE_OK);
	rig_wait_state(&rig, 2);
	assert_int_equal(put_now("k", "v", 0), TROUPE_OK);
	store_stats(&rig.store, &stats);
	assert_int_equal(stats.open, 1);
	assert_int_equal(stats.commits, 21);
	assert_int_equal(stats.waiting, 0);
}

static void scan_pages(void **state)
{
	struct troupe_db_scan scan = { .size = sizeof(scan), .limit = 3 };

	(void)state;
	for (int i = 0; i < 5; i++) {
		char name[8];

		snprintf(name, sizeof(name), "k%d", i);
		assert_int_equal(put_now(name, name, 0), TROUPE_OK);
	}
	struct db_request *answer = rig_ask(&rig, db_request_scan(&scan));

	assert_int_equal(answer->u.read.page.count, 3);
	assert_int_equal(answer->u.read.page.more, 1);
	for (unsigned i = 0; i < 3; i++) {
		const struct troupe_db_value *value = &answer->u.read.page.values[i];

		assert_int_equal(((const char *)value->key)[1], '0' + i);
		assert_memory_equal(value->key, value->value, 2);
	}
	db_request_free(answer);
	scan.limit = 0;
	answer = rig_ask(&rig, db_request_scan(&scan));
	assert_int_equal(answer->u.read.page.count, 5);
	assert_int_equal(answer->u.read.page.more, 0);
	db_request_free(answer);
	scan.from = "k2", scan.from_len = 2, scan.after = 1;
	answer = db_request_scan(&scan);
	assert_int_equal(answer->u.read.from_len, 3);
	assert_memory_equal(answer->u.read.from, "k2\0", 3);
	db_request_free(answer);
}

/* --- several loops ------------------------------------------------------------------------------ */

#define LOOPS 3
#define COMMITS_PER_LOOP 2000

struct asker {
	struct loop *loop;
	struct port port;
	struct loop_task task;
	unsigned sent, answered, reads;
	pthread_mutex_t mutex;
	pthread_cond_t cond;
};

static void asker_send(struct asker *asker);

static void asker_done(struct db_request *request)
{
	struct asker *asker = request->arg;
	bool commit = request->kind == DB_COMMIT;

	assert_int_equal(commit ? request->u.commit.result.status : request->status, TROUPE_OK);
	db_request_free(request);
	pthread_mutex_lock(&asker->mutex);
	asker->answered++;
	pthread_cond_signal(&asker->cond);
	pthread_mutex_unlock(&asker->mutex);
	if (commit && asker->sent < COMMITS_PER_LOOP) {
		asker_send(asker);
	}
}

static void asker_send(struct asker *asker)
{
	char name[16];

	snprintf(name, sizeof(name), "k%u", asker->sent % 50);
	struct db_request *requests[] = { put(name, "v", 0), get(name, 0) };

	asker->sent++;
	for (int i = 0; i < 2; i++) {
		requests[i]->on_done = asker_done;
		requests[i]->arg = asker;
		port_submit(&asker->port, 0, requests[i]);
	}
}

static void asker_begin(struct loop_task *task)
{
	struct asker *asker = (struct asker *)(void *)((char *)task - offsetof(struct asker, task));

	for (int i = 0; i < 20; i++) {
		asker_send(asker);
	}
}

static void many_loops(void **state)
{
	static struct asker askers[LOOPS];
	struct store *stores[] = { &rig.store };

	(void)state;
	for (unsigned i = 0; i < LOOPS; i++) {
		struct asker *asker = &askers[i];

		pthread_mutex_init(&asker->mutex, NULL);
		pthread_cond_init(&asker->cond, NULL);
		asker->loop = loop_new(i + 1, "asker");
		assert_int_equal(port_init(&asker->port, asker->loop, stores, 1), 0);
		assert_int_equal(loop_start(asker->loop), 0);
		asker->task.run = asker_begin;
		loop_post(asker->loop, &asker->task);
	}
	for (unsigned i = 0; i < LOOPS; i++) {
		struct asker *asker = &askers[i];

		pthread_mutex_lock(&asker->mutex);
		while (asker->answered < 2 * COMMITS_PER_LOOP) {
			pthread_cond_wait(&asker->cond, &asker->mutex);
		}
		pthread_mutex_unlock(&asker->mutex);
	}
	assert_int_equal(atomic_load(&rig.store.counts.commits), LOOPS * COMMITS_PER_LOOP);
	store_stop(&rig.store); /* its threads may still be about to wake a loop that has its answers */
	rig_wait_closed(&rig, 1);
	store_fini(&rig.store);
	store_init(&rig.store, "test");
	for (unsigned i = 0; i < LOOPS; i++) {
		struct asker *asker = &askers[i];

		loop_stop(asker->loop);
		loop_join(asker->loop);
		port_fini(&asker->port);
		loop_free(asker->loop);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(commit_then_get, setup, teardown),
		cmocka_unit_test(input_is_copied),
		cmocka_unit_test(fingerprint_is_fixed),
		cmocka_unit_test_setup_teardown(waiting_commits_go_together, setup, teardown),
		cmocka_unit_test_setup_teardown(groups_are_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(failed_and_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(failed_but_there, setup, teardown),
		cmocka_unit_test_setup_teardown(failed_without_key, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_is_acknowledged_while_broken, setup, teardown),
		cmocka_unit_test_setup_teardown(full_disk_refuses_quickly, setup, teardown),
		cmocka_unit_test(first_open_fails),
		cmocka_unit_test(queue_is_bounded),
		cmocka_unit_test_setup_teardown(snapshots, setup, teardown),
		cmocka_unit_test_setup_teardown(closing_finishes_what_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(scan_pages, setup, teardown),
		cmocka_unit_test_setup_teardown(many_loops, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
