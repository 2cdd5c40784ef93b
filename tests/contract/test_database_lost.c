/* SPDX-License-Identifier: MIT */
/* A database reached by calls, of which requests and answers get lost, late or refused: nothing is lost, nothing done
 * twice, everything in order. */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/contract/database_rig.h"

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
	rig_open(&rig, 1);
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

#define ITEMS 4000
#define BURST 16

struct item {
	struct history *history;
	unsigned number, answers;
	int has_key;
	struct troupe_db_result result;
	uint64_t stored; /* the version found in the end; 0 = it is not there */
};

struct history {
	struct rig_user *user;
	char name;
	unsigned asked, ended;
	struct item items[ITEMS];
};

static struct history histories[2];

static void ask_burst(struct history *history);

static void on_item(void *instance, void *arg, const struct troupe_db_result *result)
{
	struct item *item = arg;

	(void)instance;
	item->answers++;
	item->result = *result;
	item->history->ended++;
	rig_done(&rig);
	if (item->history->ended + BURST > item->history->asked) {
		ask_burst(item->history);
	}
}

static void ask_item(struct history *history, struct item *item)
{
	char own[16], count[16], last[16], number[16];
	uint8_t key[TROUPE_KEY_SIZE] = { (uint8_t)history->name, (uint8_t)item->number, (uint8_t)(item->number >> 8) };
	struct troupe_db_op ops[] = {
		{ .kind = TROUPE_DB_PUT, .key = own, .key_len = (uint32_t)snprintf(own, 16, "%c:%05u", history->name, item->number) },
		{ .kind = TROUPE_DB_ADD, .key = count, .key_len = (uint32_t)snprintf(count, 16, "count:%c", history->name),
		  .delta = 1 },
		{ .kind = TROUPE_DB_PUT, .key = last, .key_len = (uint32_t)snprintf(last, 16, "last:%c", history->name),
		  .value = number, .value_len = (uint32_t)snprintf(number, 16, "%u", item->number) },
	};
	struct troupe_db_commit commit = { .size = sizeof(commit), .db = history->user->db, .ops = ops, .ops_len = 3,
					   .key = item->has_key ? key : NULL, .on_done = on_item, .arg = item };

	history->user->h->db_commit(history->user->h, &commit);
}

static void ask_burst(struct history *history)
{
	for (unsigned i = 0; i < BURST && history->asked < ITEMS; i++) {
		ask_item(history, &history->items[history->asked++]);
	}
}

static void ask_both(struct rig_user *user, void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 2; i++) {
		if (histories[i].user == user) {
			ask_burst(&histories[i]);
		}
	}
}

/* Reads what there is of a history. */
static void history_read(struct history *history)
{
	char from[16], to[16];
	uint32_t more = 1, after = 0;

	snprintf(from, sizeof(from), "%c:", history->name);
	snprintf(to, sizeof(to), "%c;", history->name);
	while (more) {
		struct got got = rig_scan(&rig, 0, (struct troupe_db_scan){ .from = from, .to = to, .after = after,
									    .from_len = (uint32_t)strlen(from),
									    .to_len = (uint32_t)strlen(to) });

		assert_int_equal(got.status, TROUPE_OK);
		for (uint32_t i = 0; i < got.count; i++) {
			history->items[atoi((const char *)got.values[i].key + 2)].stored = got.values[i].version;
			snprintf(from, sizeof(from), "%s", (const char *)got.values[i].key);
			after = 1;
		}
		more = got.more;
		got_free(&got);
	}
}

/* What was told is what is there; in order, once. Returns how many ended so. */
static unsigned history_judge(struct history *history, unsigned ret_ended[17])
{
	unsigned present = 0, repeated = 0;
	uint64_t before = 0;
	char key[16], text[64];
	int newest = -1;

	for (unsigned i = 0; i < ITEMS; i++) {
		const struct item *item = &history->items[i];

		assert_int_equal(item->answers, 1);
		ret_ended[item->result.status]++;
		repeated += item->result.repeated;
		switch (item->result.status) {
		case TROUPE_OK:
			assert_int_equal(item->stored, item->result.version);
			break;
		case TROUPE_ABORTED:
			assert_int_equal(item->result.index, UINT32_MAX);
			assert_int_equal(item->stored, 0);
			break;
		case TROUPE_RESOURCE_EXHAUSTED:
			assert_int_equal(item->stored, 0);
			break;
		case TROUPE_UNKNOWN:
			assert_int_equal(item->has_key, 0); /* the others are found out */
			break;
		default:
			fail_msg("status %d", (int)item->result.status);
		}
		if (item->stored != 0) {
			assert_true(item->stored > before);
			before = item->stored;
			newest = (int)i;
			present++;
		}
	}
	snprintf(key, sizeof(key), "last:%c", history->name);
	rig_read(&rig, 0, key, text);
	assert_int_equal(atoi(text), newest);
	struct troupe_db_check wanted = { .key = key, .key_len = (uint32_t)snprintf(key, 16, "count:%c", history->name) };
	struct got got = rig_get(&rig, 0, (struct troupe_db_get){ .keys = &wanted, .keys_len = 1 });
	const uint8_t *count = got.values[0].value;

	assert_int_equal(count[0] | count[1] << 8, present); /* each added one */
	got_free(&got);
	return repeated;
}

static void histories_begin(void)
{
	memset(histories, 0, sizeof(histories));
	for (unsigned k = 0; k < 2; k++) {
		histories[k].user = &rig.users[k];
		histories[k].name = (char)('a' + k);
		for (unsigned i = 0; i < ITEMS; i++) {
			histories[k].items[i].history = &histories[k];
			histories[k].items[i].number = i;
			histories[k].items[i].has_key = i % 5 != 0;
		}
	}
}

static void what_is_told_is_what_happened(void **state)
{
	unsigned ended[17] = { 0 }, repeated = 0;

	(void)state;
	histories_begin();
	weights(80, 5, 5, 5, 4, 1);
	rig_run(&rig, 0, ask_both, NULL, ITEMS);
	rig_run(&rig, 1, ask_both, NULL, ITEMS);
	while (atomic_load(&way.late) > 0) {
		usleep(1000);
	}
	weights(1, 0, 0, 0, 0, 0);
	for (unsigned k = 0; k < 2; k++) {
		history_read(&histories[k]);
		repeated += history_judge(&histories[k], ended);
	}
	/* all of it did happen */
	for (unsigned i = 0; i < FATES; i++) {
		assert_true(way.happened[i] > 20);
	}
	assert_true(repeated > 20);
	assert_true(ended[TROUPE_OK] > ITEMS);
	assert_true(ended[TROUPE_ABORTED] > 20);
	assert_true(ended[TROUPE_UNKNOWN] > 20);
	print_message("# done %u (of them found done %u), aborted %u, exhausted %u, unknown %u\n", ended[TROUPE_OK], repeated,
		      ended[TROUPE_ABORTED], ended[TROUPE_RESOURCE_EXHAUSTED], ended[TROUPE_UNKNOWN]);
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
