/* SPDX-License-Identifier: MIT */
/* A database reached by calls, of which requests and answers get lost, late or refused: nothing is lost, nothing done
 * twice, everything in order. */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/contract/database_history.h"

/* What becomes of a request on its way to the role. */
enum fate {
	FINE,
	LOST_THERE, /* it never comes */
	LOST_BACK,  /* it is done, the answer never comes */
	LATE,	    /* the asker hears that it is lost, and later it comes all the same */
	NOT_READY,
	QUEUE_FULL,
	FATES
};

#define LOST_MAX 65536u
#define ITEMS 4000u

/* Between the host and the database role. Everything but `weights` and `ahead_us` is of the role's loop. */
static struct {
	const struct troupe_host *h;
	struct troupe_host original; /* its table before it was changed */
	const struct troupe_plugin *real;
	struct troupe_role role;
	struct troupe_method methods[16];
	atomic_uint weights[FATES]; /* how often each happens, to each other */
	atomic_uint late;	    /* those that will still come */
	atomic_ullong ahead_us;	    /* the role's clock */
	unsigned happened[FATES];
	uint64_t lost_back[LOST_MAX];
	uint32_t lost_len;
	uint64_t random;
} way;

static struct rig rig;

static uint32_t draw(uint32_t below)
{
	way.random ^= way.random << 13; /* xorshift64 (Marsaglia 2003) */
	way.random ^= way.random >> 7;
	way.random ^= way.random << 17;
	return (uint32_t)((way.random >> 16) % below);
}

static enum fate fate_draw(void)
{
	uint32_t sum = 0, at;

	for (unsigned i = 0; i < FATES; i++) {
		sum += atomic_load(&way.weights[i]);
	}
	at = draw(sum);
	for (unsigned i = 0; i < FATES; i++) {
		uint32_t weight = atomic_load(&way.weights[i]);

		if (at < weight) {
			way.happened[i]++;
			return (enum fate)i;
		}
		at -= weight;
	}
	return FINE;
}

static void refuse(uint64_t request, int32_t status, const char *reason)
{
	uint8_t *bytes;
	struct troupe_buf *body = way.h->buf_new(way.h, strlen(reason), &bytes);

	memcpy(bytes, reason, strlen(reason));
	way.original.reply(way.h, request, status, body);
}

/* The role answers. */
static void lossy_reply(const struct troupe_host *h, uint64_t request, int32_t status, struct troupe_buf *body)
{
	for (uint32_t i = 0; i < way.lost_len; i++) {
		if (way.lost_back[i] == request) {
			way.lost_back[i] = way.lost_back[--way.lost_len];
			h->buf_unref(h, body);
			refuse(request, TROUPE_UNAVAILABLE, "host.lost");
			return;
		}
	}
	way.original.reply(h, request, status, body);
}

static uint64_t early_now_us(const struct troupe_host *h)
{
	return way.original.now_us(h) + atomic_load(&way.ahead_us);
}

static uint64_t quick_timer_start(const struct troupe_host *h, uint64_t ms, troupe_timer_fn fn, void *arg)
{
	return way.original.timer_start(h, ms / 100, fn, arg);
}

static const struct troupe_method *method_of(uint32_t id)
{
	const struct troupe_method *method = way.real->methods;

	while (method->id != id) {
		method++;
	}
	return method;
}

/* A request that comes late. */
struct latecomer {
	struct troupe_request request;
	uint8_t key[TROUPE_KEY_SIZE];
	void *instance;
};

static void on_late(void *instance, void *arg)
{
	struct latecomer *late = arg;
	const struct troupe_method *method = method_of(late->request.method);

	method->serve(instance, &late->request, method->typed);
	way.h->buf_unref(way.h, late->request.buf);
	free(late);
	atomic_fetch_sub(&way.late, 1);
}

static void later(const struct troupe_request *request)
{
	struct latecomer *late = calloc(1, sizeof(*late));

	late->request = *request;
	if (request->buf != NULL) {
		late->request.buf = way.h->buf_ref(way.h, request->buf);
	}
	if (request->key != NULL) {
		memcpy(late->key, request->key, sizeof(late->key));
		late->request.key = late->key;
	}
	atomic_fetch_add(&way.late, 1);
	way.original.timer_start(way.h, 1 + draw(40), on_late, late);
}

static int32_t lossy_serve(void *instance, const struct troupe_request *request, troupe_any_fn typed)
{
	enum fate fate = fate_draw();

	if (fate == LOST_BACK && request->id != 0 && way.lost_len < LOST_MAX) {
		way.lost_back[way.lost_len++] = request->id;
		fate = FINE;
	}
	switch (fate) {
	case FINE:
		return method_of(request->method)->serve(instance, request, typed);
	case LATE:
		later(request);
		break;
	default:
		break;
	}
	if (request->id == 0) {
		return TROUPE_OK; /* an event: it is lost */
	}
	if (fate == NOT_READY) {
		refuse(request->id, TROUPE_UNAVAILABLE, "host.not_ready");
	} else if (fate == QUEUE_FULL) {
		refuse(request->id, TROUPE_RESOURCE_EXHAUSTED, "host.queue_full");
	} else {
		refuse(request->id, TROUPE_UNAVAILABLE, "host.lost");
	}
	return TROUPE_OK;
}

static int32_t lossy_create(void *instance, const struct troupe_host *host, const void *options,
			    struct troupe_error *reterr)
{
	struct troupe_host *table = (struct troupe_host *)(uintptr_t)host;

	way.h = host;
	way.original = *host;
	table->reply = lossy_reply;
	table->now_us = early_now_us;
	table->timer_start = quick_timer_start;
	return way.real->role->create(instance, host, options, reterr);
}

static void weights(unsigned fine, unsigned there, unsigned back, unsigned late, unsigned not_ready, unsigned full)
{
	const unsigned all[FATES] = { fine, there, back, late, not_ready, full };

	for (unsigned i = 0; i < FATES; i++) {
		atomic_store(&way.weights[i], all[i]);
	}
}

static int setup(void **state)
{
	static struct troupe_plugin real;

	(void)state;
	rig_init(&rig);
	real = rig.database;
	memset(&way, 0, sizeof(way));
	way.real = &real;
	way.random = 88172645463325252u;
	way.role = *real.role;
	way.role.create = lossy_create;
	for (unsigned i = 0; real.methods[i].name != NULL; i++) {
		way.methods[i] = real.methods[i];
		way.methods[i].serve = lossy_serve;
	}
	rig.database.role = &way.role;
	rig.database.methods = way.methods;
	weights(1, 0, 0, 0, 0, 0);
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

/* --- many commits ------------------------------------------------------------------------------------- */

static struct history histories[2];

static void what_is_told_is_what_happened(void **state)
{
	struct verdict verdict = { .repeated = 0 };

	(void)state;
	weights(80, 5, 5, 5, 4, 1);
	for (unsigned k = 0; k < 2; k++) {
		history_init(&histories[k], &rig.users[k], (char)('a' + k), ITEMS);
		history_begin(&histories[k]);
	}
	history_wait(&histories[0], ITEMS);
	history_wait(&histories[1], ITEMS);
	while (atomic_load(&way.late) > 0) {
		usleep(1000);
	}
	weights(1, 0, 0, 0, 0, 0);
	history_judge(&histories[0], &verdict);
	history_judge(&histories[1], &verdict);
	/* all of it did happen */
	for (unsigned i = 0; i < FATES; i++) {
		assert_true(way.happened[i] > 20);
	}
	assert_true(verdict.repeated > 20);
	assert_true(verdict.ended[TROUPE_OK] > ITEMS);
	assert_true(verdict.ended[TROUPE_ABORTED] > 20);
	assert_true(verdict.ended[TROUPE_UNKNOWN] > 20);
	print_message("# done %u (of them found done %u), aborted %u, exhausted %u, unknown %u\n",
		      verdict.ended[TROUPE_OK], verdict.repeated, verdict.ended[TROUPE_ABORTED],
		      verdict.ended[TROUPE_RESOURCE_EXHAUSTED], verdict.ended[TROUPE_UNKNOWN]);
}

/* --- reads ---------------------------------------------------------------------------------------------- */

static void reads_go_on(void **state)
{
	struct troupe_db_check wanted[100];
	char keys[100][8];

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		snprintf(keys[i], sizeof(keys[i]), "k%03u", i);
		wanted[i] = (struct troupe_db_check){ .key = keys[i], .key_len = 4 };
		assert_int_equal(rig_put(&rig, 0, keys[i], keys[i]).status, TROUPE_OK);
	}
	weights(60, 10, 10, 10, 10, 0);
	for (unsigned turn = 0; turn < 50; turn++) {
		uint64_t snapshot = 0;
		struct got got = rig_get(&rig, 0, (struct troupe_db_get){ .keys = wanted, .keys_len = 100 });

		assert_int_equal(got.status, TROUPE_OK);
		assert_int_equal(got.count, 100);
		for (unsigned i = 0; i < 100; i++) {
			assert_string_equal(got.values[i].value, keys[i]);
		}
		got_free(&got);
		got = rig_scan(&rig, 1, (struct troupe_db_scan){ .from = "k", .from_len = 1, .limit = 70 });
		assert_int_equal(got.status, TROUPE_OK);
		assert_int_equal(got.count, 70);
		assert_int_equal(got.more, 1);
		got_free(&got);
		if (turn < 5) { /* those whose opening got lost stay open for a while */
			assert_int_equal(rig_snapshot(&rig, 0, &snapshot), TROUPE_OK);
			rig_snapshot_close(&rig, 0, snapshot);
		}
	}
	weights(1, 0, 0, 0, 0, 0);
	while (atomic_load(&way.late) > 0) {
		usleep(1000);
	}
}

/* --- away for long ---------------------------------------------------------------------------------------- */

static struct {
	struct troupe_db_result results[4];
	int32_t read;
	uint64_t began_us, took_us[5];
} away;

static void on_away(void *instance, void *arg, const struct troupe_db_result *result)
{
	unsigned at = (unsigned)(uintptr_t)arg;

	(void)instance;
	away.results[at] = *result;
	away.took_us[at] = rig.users[0].h->now_us(rig.users[0].h) - away.began_us;
	rig_done(&rig);
}

static void on_away_read(void *instance, void *arg, const struct troupe_db_page *page)
{
	(void)instance;
	(void)arg;
	away.read = page->status;
	away.took_us[4] = rig.users[0].h->now_us(rig.users[0].h) - away.began_us;
	rig_done(&rig);
}

static void ask_away(struct rig_user *user, void *arg)
{
	static const uint8_t keys[2][TROUPE_KEY_SIZE] = { { 1 }, { 2 } };
	const unsigned first = (unsigned)(uintptr_t)arg;
	struct troupe_db_op op = OP_PUT("a", "1");
	struct troupe_db_check wanted = CHECK("a", 0);
	struct troupe_db_get get = { .size = sizeof(get), .db = user->db, .keys = &wanted, .keys_len = 1,
				     .on_page = on_away_read };

	away.began_us = user->h->now_us(user->h);
	for (unsigned i = 0; i < 2; i++) {
		struct troupe_db_commit commit = { .size = sizeof(commit), .db = user->db, .ops = &op, .ops_len = 1,
						   .key = i == 1 ? keys[first / 2] : NULL, .on_done = on_away,
						   .arg = (void *)(uintptr_t)(first + i) };

		user->h->db_commit(user->h, &commit);
	}
	if (first == 0) {
		user->h->db_get(user->h, &get);
	}
}

static void who_waits_too_long_is_told(void **state)
{
	char text[64];

	(void)state;
	weights(0, 0, 0, 0, 1, 0); /* nothing is done, and that is known */
	rig_run(&rig, 0, ask_away, (void *)(uintptr_t)0, 3);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(away.results[i].status, TROUPE_ABORTED);
		assert_int_equal(away.results[i].index, UINT32_MAX);
		assert_in_range(away.took_us[i], 4900000, 15000000);
	}
	assert_int_equal(away.read, TROUPE_UNAVAILABLE);
	assert_in_range(away.took_us[4], 4900000, 15000000);
	weights(0, 1, 0, 0, 0, 0); /* it is lost */
	rig_run(&rig, 0, ask_away, (void *)(uintptr_t)2, 2);
	assert_int_equal(away.results[2].status, TROUPE_UNKNOWN); /* without a key there is nothing to wait for */
	assert_in_range(away.took_us[2], 0, 1000000);
	assert_int_equal(away.results[3].status, TROUPE_UNKNOWN);
	assert_in_range(away.took_us[3], 4900000, 15000000);
	weights(1, 0, 0, 0, 0, 0);
	assert_int_equal(rig_read(&rig, 0, "a", text), 0);
	assert_int_equal(rig_put(&rig, 0, "a", "2").status, TROUPE_OK);
}

/* --- snapshots --------------------------------------------------------------------------------------------- */

static int32_t read_at(uint64_t snapshot)
{
	struct got got = rig_scan(&rig, 0, (struct troupe_db_scan){ .snapshot = snapshot });
	int32_t status = got.status;

	got_free(&got);
	return status;
}

static void snapshots_that_nobody_keeps_are_closed(void **state)
{
	uint64_t snapshots[16], other;

	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		assert_int_equal(rig_snapshot(&rig, 0, &snapshots[i]), TROUPE_OK);
	}
	atomic_store(&way.ahead_us, 20 * 1000000ull);
	usleep(200000);
	assert_int_equal(read_at(snapshots[3]), TROUPE_OK); /* who reads keeps it */
	atomic_store(&way.ahead_us, 31 * 1000000ull);
	usleep(200000);
	assert_int_equal(read_at(snapshots[3]), TROUPE_OK);
	assert_int_equal(read_at(snapshots[4]), TROUPE_FAILED_PRECONDITION);
	assert_int_equal(rig_snapshot(&rig, 1, &other), TROUPE_OK);
}

static void snapshots_in_use_are_kept(void **state)
{
	uint64_t snapshot;

	(void)state;
	assert_int_equal(rig_snapshot(&rig, 0, &snapshot), TROUPE_OK);
	atomic_store(&way.ahead_us, 15 * 1000000ull);
	sleep(11); /* its host says so every 10 s */
	atomic_store(&way.ahead_us, 25 * 1000000ull); /* 36 s after it was opened, 11 after it was kept */
	usleep(200000);
	assert_int_equal(read_at(snapshot), TROUPE_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_told_is_what_happened, setup, teardown),
		cmocka_unit_test_setup_teardown(reads_go_on, setup, teardown),
		cmocka_unit_test_setup_teardown(who_waits_too_long_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(snapshots_that_nobody_keeps_are_closed, setup, teardown),
		cmocka_unit_test_setup_teardown(snapshots_in_use_are_kept, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
