/* SPDX-License-Identifier: MIT */
/* One log server: what it stores, and how it is found. */
#include "rig.h"

static void test_once(void **state)
{
	struct world *w = *state;

	make(w, 1, 10);
	assert_int_equal(ship_batch(w, "one", 10), TROUPE_FAILED_PRECONDITION);
	assert_string_equal(w->answer.reason, "log.unknown_spool");
	hello(w, "one", 0);
	put(w, "one", 10);
	put(w, "one", 10); /* the answer was lost: the same again */
	assert_int_equal(how_many(w, ""), 10);
	make(w, 8, 10); /* some of it again */
	put(w, "one", 10);
	assert_int_equal(how_many(w, ""), 17);
	make(w, 100, 1); /* a gap is what the host dropped */
	put(w, "one", 1);
	assert_int_equal(how_many(w, ""), 18);
	sim_crash(w->sim, "base/logserver");
	sim_run(w->sim, 100);
	assert_int_equal(ship_batch(w, "one", 1), TROUPE_FAILED_PRECONDITION);
	hello(w, "one", 100);
	put(w, "one", 1);
	assert_int_equal(how_many(w, ""), 18);
	/* the spool was lost: it counts anew */
	w->spool = 78;
	make(w, 1, 3);
	assert_int_equal(ship_batch(w, "one", 3), TROUPE_FAILED_PRECONDITION);
	hello(w, "one", 0);
	put(w, "one", 3);
	assert_int_equal(how_many(w, ""), 21);
	/* another host has numbers of its own */
	hello(w, "two", 0);
	put(w, "two", 3);
	assert_int_equal(how_many(w, ""), 24);
	assert_int_equal(how_many(w, "host = two"), 3);
}

static void test_faults(void **state)
{
	static const struct sim_faults faults = { .lost = 100000, .repeated = 100000, .late = 100000, .late_us = 50000,
						  .commit_unknown = 200000, .crash = 20000, .restart_us = 20000 };
	struct world *w = *state;
	uint64_t seq = 1, sent = 0;

	sim_faults(w->sim, &faults);
	for (int tries = 0; sent < 40 && tries < 4000; tries++) {
		make(w, seq, 5);
		if (ship_batch(w, "one", 5) == TROUPE_OK) {
			seq = durable(w) + 1;
			sent++;
		} else if (w->answer.status == TROUPE_FAILED_PRECONDITION && ship_batch(w, "one", 0) == TROUPE_OK) {
			seq = durable(w) + 1;
		} else {
			sim_run(w->sim, 30);
		}
	}
	assert_int_equal(sent, 40);
	sim_faults(w->sim, NULL);
	sim_run(w->sim, 1000);
	hello(w, "one", seq - 1);
	assert_int_equal(how_many(w, ""), seq - 1);
}

/* A commit whose outcome is not known: the host asks where it stands, and goes on. */
static void test_unknown(void **state)
{
	static const struct sim_faults faults = { .commit_unknown = 1000000 };
	struct world *w = *state;
	uint64_t at;

	hello(w, "one", 0);
	for (uint64_t round = 0; round < 10; round++) {
		make(w, round * 5 + 1, 5);
		sim_faults(w->sim, &faults);
		assert_int_equal(ship_batch(w, "one", 5), TROUPE_UNAVAILABLE);
		sim_faults(w->sim, NULL);
		assert_int_equal(ship_batch(w, "one", 5), TROUPE_FAILED_PRECONDITION);
		assert_int_equal(ship_batch(w, "one", 0), TROUPE_OK);
		at = durable(w);
		assert_true(at == round * 5 || at == round * 5 + 5);
		put(w, "one", 5);
	}
	assert_int_equal(how_many(w, ""), 50);
}

static void test_newest_first(void **state)
{
	struct world *w = *state;
	Log__QueryReply *page, *next;

	hello(w, "one", 0);
	for (unsigned i = 0; i < 5; i++) {
		make(w, i * 100 + 1, 100);
		put(w, "one", 100);
		sim_run(w->sim, 1000);
	}
	page = find(w, "(limit = 150)", NULL);
	assert_int_equal(page->n_found, 150);
	assert_true(page->more);
	assert_found(page, 0, "line 500");
	assert_found(page, 149, "line 351");
	next = find(w, "(limit = 150)", page);
	assert_found(next, 0, "line 350");
	log__query_reply__free_unpacked(page, NULL);
	page = find(w, "(limit = 1000)", next);
	assert_int_equal(page->n_found, 200);
	assert_false(page->more);
	assert_int_equal(page->n_notices, 1);
	assert_found(page, 199, "line 1");
	log__query_reply__free_unpacked(page, NULL);
	log__query_reply__free_unpacked(next, NULL);
}

/* Each of these is answered by another index; all records have to be looked at for the last. */
static const char *const indexed[] = {
	"account = 7", "order = o-7", "level = error", "level >= warning", "role = billing", "part = shard:x",
	"trace = 07000000000000000000000000000000", "text like special",
	"account = 7 and order = o-7 and level = error", "account = 7 or order = o-7", "level = error or account = 7",
	"account = 9 or text like special", "role = billing and text like special",
	"account = 7 and account = 7 or account = 7",
};

static void test_indexes(void **state)
{
	struct world *w = *state;
	uint8_t trace[TROUPE_TRACE_SIZE] = { 7 };

	hello(w, "one", 0);
	for (unsigned i = 0; i < 10; i++) {
		make(w, i * 250 + 1, 250);
		for (unsigned k = 0; k < 250; k += 125) {
			Log__Record *record = &w->records[k];

			record->has_account = record->has_trace = 1;
			record->account = 7;
			record->order = "o-7";
			record->level = TROUPE_LOG_ERROR;
			record->role = "billing";
			record->part = "shard:x";
			record->trace.data = trace;
			record->trace.len = sizeof(trace);
			record->text = "something special";
		}
		put(w, "one", 250);
		sim_run(w->sim, 500);
	}
	for (size_t i = 0; i < sizeof(indexed) / sizeof(*indexed); i++) {
		Log__QueryReply *page = find(w, indexed[i], NULL);
		Log__Record *record = found_at(page, 0);

		if (how_many(w, indexed[i]) != 20 || page->n_found != 20) {
			fail_msg("%s: %zu", indexed[i], page->n_found);
		}
		assert_int_equal(record->seq, 9 * 250 + 126);
		assert_string_equal(record->host, "one");
		log__record__free_unpacked(record, NULL);
		for (size_t k = 1; k < page->n_found; k++) {
			assert_true(memcmp(page->found[k - 1]->place.data, page->found[k]->place.data, 24) < 0);
		}
		log__query_reply__free_unpacked(page, NULL);
	}
	assert_int_equal(how_many(w, "account = 8"), 0);
	assert_int_equal(how_many(w, "level = error and level = info"), 0);
	/* no value is taken for the beginning of another */
	assert_int_equal(how_many(w, "role = bill"), 0);
	assert_int_equal(how_many(w, "account = 7 and time < 1 hour"), 0);
	/* pages over several indexes */
	Log__QueryReply *page = find(w, "(limit = 15) account = 7 or order = o-7", NULL);
	Log__QueryReply *next = find(w, "(limit = 15) account = 7 or order = o-7", page);
	assert_int_equal(page->n_found, 15);
	assert_true(page->more);
	assert_int_equal(next->n_found, 5);
	assert_false(next->more);
	log__query_reply__free_unpacked(page, NULL);
	log__query_reply__free_unpacked(next, NULL);
}

static void test_oversized(void **state)
{
	struct world *w = *state;
	static char huge[40001];
	Log__QueryReply *page;
	Log__Record *record;

	memset(huge, 'x', sizeof(huge) - 1);
	memcpy(huge + 8191, "\xc3\xa4", 2); /* a character over the edge */
	hello(w, "one", 0);
	make(w, 1, 2);
	w->records[0].text = huge;
	put(w, "one", 2);
	page = find(w, "", NULL);
	record = found_at(page, 1);
	assert_int_equal(strlen(record->text), 8191);
	assert_int_equal(record->cut_from, 40000);
	log__record__free_unpacked(record, NULL);
	record = found_at(page, 0);
	assert_false(record->has_cut_from);
	log__record__free_unpacked(record, NULL);
	log__query_reply__free_unpacked(page, NULL);
}

static void test_clocks(void **state)
{
	struct world *w = *state;
	Log__QueryReply *page;
	Log__Record *record;

	hello(w, "one", 0);
	/* an hour ahead: it is said, and the time stays the host's own */
	Log__AppendRequest request = LOG__APPEND_REQUEST__INIT;
	request.host = "one";
	request.has_spool = request.has_now_ms = 1;
	request.spool = w->spool;
	request.now_ms = wall_ms(w) + 3600000;
	make(w, 1, 1);
	w->records[0].time_ms = request.now_ms;
	request.records = w->pointers;
	request.n_records = 1;
	assert_int_equal(ask_at(w, w->host, &request), TROUPE_OK);
	/* a clock that was never set: its records would expire at once */
	request.now_ms = 5000;
	make(w, 2, 1);
	w->records[0].time_ms = 4000;
	assert_int_equal(ask_at(w, w->host, &request), TROUPE_OK);
	/* a right clock, and a time that cannot be: it would never expire */
	request.now_ms = wall_ms(w);
	make(w, 3, 1);
	w->records[0].time_ms = wall_ms(w) + 3 * 86400000ull;
	w->records[0].text = "future";
	assert_int_equal(ask_at(w, w->host, &request), TROUPE_OK);
	page = find(w, "text = future", NULL);
	record = found_at(page, 0);
	assert_in_range(wall_ms(w) - record->time_ms, 0, 1000);
	assert_int_equal(record->said_ms, w->records[0].time_ms);
	log__record__free_unpacked(record, NULL);
	log__query_reply__free_unpacked(page, NULL);
	page = find(w, "(any_time) text != future", NULL);
	assert_int_equal(page->n_found, 2);
	record = found_at(page, 0);
	assert_in_range(record->skew_ms, 3599000, 3601000);
	assert_false(record->has_said_ms);
	assert_in_range(record->time_ms - wall_ms(w), 3590000, 3600000);
	log__record__free_unpacked(record, NULL);
	record = found_at(page, 1);
	assert_int_equal(record->said_ms, 4000);
	assert_in_range(wall_ms(w) - record->time_ms, 990, 1500);
	log__record__free_unpacked(record, NULL);
	log__query_reply__free_unpacked(page, NULL);
}

static void test_refusals(void **state)
{
	struct world *w = *state;
	const struct troupe_host *mall = sim_actor(w->sim, "base/mall", "base", w, NULL);
	Log__AppendRequest request = LOG__APPEND_REQUEST__INIT;
	Log__QueryRequest query = LOG__QUERY_REQUEST__INIT;
	char longest[102] = "";

	ask(w->sim, mall, LOG_APPEND_ID, "log", &request, 0, &w->answer);
	assert_refused(&w->answer, TROUPE_PERMISSION_DENIED, "host.not_allowed");
	ask(w->sim, mall, LOG_QUERY_ID, "log", &query, 0, &w->answer);
	assert_refused(&w->answer, TROUPE_PERMISSION_DENIED, "host.not_allowed");
	ship_batch(w, "", 0);
	assert_refused(&w->answer, TROUPE_INVALID_ARGUMENT, "log.bad_batch");
	ship_batch(w, "three", 0); /* a host speaks for itself alone */
	assert_refused(&w->answer, TROUPE_PERMISSION_DENIED, "log.other_host");
	memset(longest, 'x', sizeof(longest) - 1);
	ship_batch(w, longest, 0);
	assert_refused(&w->answer, TROUPE_INVALID_ARGUMENT, "log.bad_batch");
	w->spool = 0;
	ship_batch(w, "one", 0);
	assert_refused(&w->answer, TROUPE_INVALID_ARGUMENT, "log.bad_batch");
	query.query = "levl = error";
	assert_int_equal(ask(w->sim, w->console, LOG_QUERY_ID, "log", &query, 0, &w->answer), TROUPE_OK);
	Log__QueryReply *reply = ask_unpack(&w->answer, &log__query_reply__descriptor);
	assert_non_null(reply->fault);
	assert_string_equal(reply->fault->help, "did you mean 'level'?");
	log__query_reply__free_unpacked(reply, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_once), T(test_faults), T(test_unknown), T(test_newest_first), T(test_indexes), T(test_oversized), T(test_clocks), T(test_refusals),
	};

	return cmocka_run_group_tests_name("logserver", tests, NULL, NULL);
}
