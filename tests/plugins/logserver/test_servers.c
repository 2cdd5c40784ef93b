/* SPDX-License-Identifier: MIT */
/* Several log servers that answer as one. */
#include "rig.h"

/* `len` records of host "one" at one server and as many of "two" at another, in turns. */
static void spread(struct world *w, unsigned rounds, unsigned len)
{
	for (unsigned i = 0; i < rounds; i++) {
		for (int two = 0; two < 2; two++) {
			uint64_t spool = w->spool;

			use(w, two ? "meadow/logserver.l3" : "base/logserver.l2");
			w->spool = spool;
			if (i == 0) {
				hello(w, two ? "two" : "one", 0);
			}
			make(w, i * len + 1, len);
			put(w, two ? "two" : "one", len);
		}
		sim_run(w->sim, 1000);
	}
}

static void test_merge(void **state)
{
	struct world *w = *state;
	Log__QueryReply *page, *next = NULL;
	uint64_t last_ms = UINT64_MAX, seen = 0, pages = 0;

	spread(w, 5, 100);
	w->server = 0;
	assert_int_equal(how_many(w, ""), 1000);
	assert_int_equal(how_many(w, "host = two"), 500);
	/* pages that end in the middle of what one server has found */
	for (page = find(w, "(limit = 130)", NULL);; page = next) {
		for (size_t i = 0; i < page->n_found; i++) {
			Log__Record *record = found_at(page, i);

			assert_true(record->time_ms <= last_ms);
			last_ms = record->time_ms;
			log__record__free_unpacked(record, NULL);
			if (i > 0) {
				assert_true(memcmp(page->found[i - 1]->place.data, page->found[i]->place.data, 24) < 0);
			}
		}
		seen += page->n_found;
		pages++;
		if (!page->more) {
			break;
		}
		assert_int_equal(page->n_found, 130);
		next = find(w, "(limit = 130)", page);
		log__query_reply__free_unpacked(page, NULL);
	}
	log__query_reply__free_unpacked(page, NULL);
	assert_int_equal(seen, 1000);
	assert_int_equal(pages, 8);
	/* the same through another server */
	assert_says(command(w, "meadow/logserver.l3", "count", "(any_time)", NULL), "\"count\":1000");
	assert_says((const char *)w->answer.body, "\"partial\":false");
}

/* One server's answer ends early, for the size of its records: the other's are not shown beyond that. */
static void test_frontier(void **state)
{
	struct world *w = *state;
	static char big[8001];
	Log__QueryReply *page = NULL, *next;
	uint64_t last_ms = UINT64_MAX, seen = 0;
	int more = 1;

	memset(big, 'x', sizeof(big) - 1);
	for (int two = 0; two < 2; two++) {
		use(w, two ? "meadow/logserver.l3" : "base/logserver.l2");
		hello(w, two ? "two" : "one", 0);
		for (unsigned i = 0; i < 10; i++) {
			make(w, i * 10 + 1, 10);
			for (unsigned k = 0; k < 10; k++) {
				w->records[k].time_ms = WALL_MS - 1000 + i * 20 + k * 2 + (unsigned)two;
				w->records[k].text = two ? "small" : big;
			}
			put(w, two ? "two" : "one", 10);
		}
	}
	w->server = 0;
	for (; more; page = next) {
		next = find(w, "(limit = 1000)", page);
		more = next->more;
		for (size_t i = 0; i < next->n_found; i++) {
			Log__Record *record = found_at(next, i);

			assert_true(record->time_ms < last_ms);
			last_ms = record->time_ms;
			log__record__free_unpacked(record, NULL);
			seen++;
		}
		if (page != NULL) {
			log__query_reply__free_unpacked(page, NULL);
		}
	}
	log__query_reply__free_unpacked(page, NULL);
	assert_int_equal(seen, 200);
}

static void test_partial(void **state)
{
	struct world *w = *state;
	Log__QueryReply *page;

	spread(w, 1, 10);
	sim_faults(w->sim, &(struct sim_faults){ .restart_us = 100000000 });
	sim_crash(w->sim, "meadow/logserver.l3");
	assert_says(command(w, "base/logserver.l1", "count", "", NULL), "\"count\":10");
	assert_says((const char *)w->answer.body, "\"partial\":true,\"missing\":[\"meadow/logserver.l3\"]");
	w->server = 0;
	page = find(w, "", NULL);
	assert_int_equal(page->n_found, 10);
	assert_int_equal(page->n_missing, 1);
	assert_string_equal(page->missing[0], "meadow/logserver.l3");
	log__query_reply__free_unpacked(page, NULL);
	/* its database away: it says so itself */
	sim_db_down(w->sim, "log", 1);
	page = find(w, "", NULL);
	assert_int_equal(page->n_found, 0);
	assert_int_equal(page->n_missing, 3);
	log__query_reply__free_unpacked(page, NULL);
	assert_says(command(w, "base/logserver.l1", "where", "", NULL),
		    "\"missing\":[\"base/logserver.l1\",\"base/logserver.l2\",\"meadow/logserver.l3\"]");
	sim_db_down(w->sim, "log", 0);
}

static void test_where(void **state)
{
	struct world *w = *state;

	spread(w, 1, 10);
	assert_says(command(w, "base/logserver.l1", "where", "two", NULL),
		    "{\"hosts\":[{\"host\":\"two\",\"server\":\"meadow/logserver.l3\",\"records\":10,");
	assert_silent((const char *)w->answer.body, "\"one\"");
	assert_says(command(w, "base/logserver.l1", "where", "", NULL), "\"host\":\"one\",\"server\":\"base/logserver.l2\"");
	assert_says(command(w, "base/logserver.l1", "where", "three", NULL), "{\"hosts\":[],\"partial\":false");
	assert_says(command(w, "base/logserver.l1", "status", NULL, NULL),
		    "{\"server\":\"base/logserver.l2\",\"hosts\":1,\"records\":10,");
	assert_says(command(w, "base/logserver.l1", "retention", NULL, NULL), "\"server\":\"base/logserver.l2\",\"oldest\":\"2027-01-15T");
}

static void test_context(void **state)
{
	struct world *w = *state;
	uint8_t trace[TROUPE_TRACE_SIZE] = { 0xee };
	Log__QueryReply *page;
	unsigned context = 0;

	use(w, "base/logserver.l2");
	hello(w, "one", 0);
	make(w, 1, 20);
	for (unsigned i = 5; i < 8; i++) {
		w->records[i].has_trace = 1;
		w->records[i].trace.data = trace;
		w->records[i].trace.len = sizeof(trace);
	}
	w->records[6].level = TROUPE_LOG_ERROR;
	put(w, "one", 20);
	use(w, "meadow/logserver.l3");
	hello(w, "two", 0);
	w->records[6].level = TROUPE_LOG_INFO;
	put(w, "two", 20);
	w->server = 0;
	page = find(w, "level = error", NULL);
	assert_int_equal(page->n_found, 1);
	log__query_reply__free_unpacked(page, NULL);
	page = find(w, "(full_context) level = error", NULL);
	assert_int_equal(page->n_found, 6);
	for (size_t i = 0; i < page->n_found; i++) {
		context += page->found[i]->context;
	}
	assert_int_equal(context, 5);
	log__query_reply__free_unpacked(page, NULL);
	/* nothing has a trace: nothing is added */
	page = find(w, "(full_context) text = 'line 1'", NULL);
	assert_int_equal(page->n_found, 2);
	log__query_reply__free_unpacked(page, NULL);
}

static void test_tail(void **state)
{
	struct world *w = *state;
	char follows[512];
	const char *at;

	spread(w, 1, 10);
	at = strstr(command(w, "base/logserver.l1", "tail", "role = mall", NULL), "\"follows\":\"");
	assert_non_null(at);
	assert_says((const char *)w->answer.body, "\"records\":[]");
	snprintf(follows, sizeof(follows), "%s", at + strlen("\"follows\":\""));
	*strchr(follows, '"') = '\0';
	w->server = troupe_fnv64("meadow/logserver.l3", strlen("meadow/logserver.l3"));
	make(w, 11, 3);
	w->records[1].role = "account";
	put(w, "two", 3);
	w->server = troupe_fnv64("base/logserver.l2", strlen("base/logserver.l2"));
	make(w, 14, 1);
	put(w, "one", 1);
	command(w, "base/logserver.l1", "tail", "role = mall", follows);
	assert_says((const char *)w->answer.body, "\"line 11\"");
	assert_silent((const char *)w->answer.body, "\"line 12\"");
	assert_says((const char *)w->answer.body, "\"line 13\"");
	assert_says((const char *)w->answer.body, "\"line 14\"");
	assert_silent((const char *)w->answer.body, "\"line 10\"");
	assert_says((const char *)w->answer.body, "\"passed\":0");
	/* more than is kept for followers: that is told */
	for (unsigned i = 0; i < 10; i++) {
		sim_run(w->sim, 300);
		make(w, 1000 + i * 250, 250);
		put(w, "one", 250);
	}
	command(w, "base/logserver.l1", "tail", "role = mall", follows);
	assert_silent((const char *)w->answer.body, "\"passed\":0");
	assert_silent((const char *)w->answer.body, "\"line 14\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T3(test_merge), T3(test_frontier), T3(test_partial), T3(test_where), T3(test_context), T3(test_tail),
	};

	return cmocka_run_group_tests_name("servers", tests, NULL, NULL);
}
