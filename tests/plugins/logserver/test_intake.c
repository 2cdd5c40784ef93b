/* SPDX-License-Identifier: MIT */
/* Records that programs outside the cluster send. */
#include "rig.h"

static size_t frame(uint8_t *out, const char *json)
{
	size_t len = strlen(json);

	memset(out, 0, 8);
	out[0] = (uint8_t)len;
	out[1] = (uint8_t)(len >> 8);
	memcpy(out + 8, json, len);
	return 8 + len;
}

static void test_frames(void **state)
{
	struct world *w = *state;
	uint8_t bytes[4096];
	size_t len = 0, sent;
	uint64_t conn = sim_connect(w->sim, "base/logserver", 0, "10.0.0.7:1234");
	Log__QueryReply *page;
	Log__Record *record;

	len += frame(bytes, "{\"Lvl\":2,\"Msg\":\"it\\u001b[2J broke\\n2026 error fake\",\"Host\":\"pc\",\"Timestamp\":"
			    "\"2027-01-15T08:59:59.25+01:00\",\"Error\":\"timeout\",\"Data\":{\"n\":3,\"deep\":{\"a\":[1]}},\"Seq\":1}");
	len += frame(bytes + len, "{\"Lvl\":3,\"Msg\":\"fatal\",\"Host\":\"pc\",\"Seq\":2}");
	for (size_t i = 0; i < len; i++) {
		sim_bytes(w->sim, conn, bytes + i, 1);
	}
	sim_run(w->sim, 200);
	assert_true(sim_conn_open(w->sim, conn));
	const uint8_t *answer = sim_sent(w->sim, conn, &sent);
	assert_int_equal(sent, 8 + strlen("{\"Ack\":2}"));
	assert_memory_equal(answer + 8, "{\"Ack\":2}", strlen("{\"Ack\":2}"));
	page = find(w, "(any_time) role = client and host = pc", NULL);
	assert_int_equal(page->n_found, 2);
	record = found_at(page, 1);
	assert_string_equal(record->text, "it\x1b[2J broke\n2026 error fake");
	assert_string_equal(record->instance, "client:10.0.0.7");
	assert_int_equal(record->level, TROUPE_LOG_ERROR);
	assert_int_equal(record->time_ms, 1799999999250);
	assert_int_equal(record->n_fields, 3);
	log__record__free_unpacked(record, NULL);
	log__query_reply__free_unpacked(page, NULL);
	assert_int_equal(how_many(w, "(any_time) {error} = timeout and {n} = 3 and {deep} = '{\"a\":[1]}'"), 1);
	assert_int_equal(how_many(w, "(any_time) code = FATAL"), 1);
	/* what a command answers can be parsed as JSON by anybody: escapes stay escapes */
	assert_says(command(w, "base/logserver", "query", "(any_time) level = error and {n} = 3", NULL),
		    "it\\u001b[2J broke\\u000a2026 error fake");
}

static const char *const malformed[] = {
	"\xff\xff\xff\xff\xff\xff\xff\xff",	    /* a length of 2^64 - 1 */
	"\x00\x00\x00\x00\x00\x00\x00\x80",	    /* 2^63 */
	"\x01\x00\x01\x00\x00\x00\x00\x00",	    /* 65537 */
	"\x00\x00\x00\x00\x00\x00\x00\x00",	    /* nothing */
};

static const char *const no_records[] = {
	"nonsense", "[]", "{}", "{\"Msg\":1}", "{\"Msg\":\"x\",\"Lvl\":4}", "{\"Msg\":\"x\",\"Lvl\":\"info\"}",
	"{\"Msg\":\"x\",\"Timestamp\":\"noon\"}", "{\"Msg\":\"x\",\"Timestamp\":-1}", "{\"Msg\":\"x\",\"Seq\":0}",
	"{\"Msg\":\"x\"} tail", "{\"Msg\":\"a\",\"Msg\":\"b\"}", "{\"Msg\":\"\\u0000\"}", "{\"Msg\":\"\xff\"}",
};

static void test_bad_frames(void **state)
{
	struct world *w = *state;
	uint8_t bytes[256];
	uint64_t good = sim_connect(w->sim, "base/logserver", 0, "10.0.0.7:1");

	for (size_t i = 0; i < sizeof(malformed) / sizeof(*malformed); i++) {
		uint64_t conn = sim_connect(w->sim, "base/logserver", 0, "10.0.0.8:1");

		for (unsigned k = 0; k < 8; k++) {
			sim_bytes(w->sim, conn, malformed[i] + k, 1);
			sim_run(w->sim, 1);
		}
		assert_false(sim_conn_open(w->sim, conn));
	}
	for (size_t i = 0; i < sizeof(no_records) / sizeof(*no_records); i++) {
		uint64_t conn = sim_connect(w->sim, "base/logserver", 0, "10.0.0.8:1");

		sim_bytes(w->sim, conn, bytes, frame(bytes, no_records[i]));
		sim_run(w->sim, 1);
		if (sim_conn_open(w->sim, conn)) {
			fail_msg("taken: %s", no_records[i]);
		}
	}
	/* only those: others go on */
	assert_true(sim_conn_open(w->sim, good));
	sim_bytes(w->sim, good, bytes, frame(bytes, "{\"Msg\":\"fine\"}"));
	sim_run(w->sim, 100);
	assert_int_equal(how_many(w, ""), 1);
}

static void test_many_frames(void **state)
{
	struct world *w = *state;
	static uint8_t bytes[1 << 20];
	uint64_t conn = sim_connect(w->sim, "base/logserver", 0, "10.0.0.7:1");
	unsigned taken = 0;

	/* ten thousand, as fast as they are acknowledged */
	for (unsigned i = 0; i < 40; i++) {
		size_t len = 0, sent = 0;

		for (unsigned k = 0; k < 250; k++) {
			char json[96];

			snprintf(json, sizeof(json), "{\"Msg\":\"record %u\",\"Host\":\"pc%u\",\"Seq\":%u}", taken, k % 50, taken + 1);
			taken++;
			len += frame(bytes + len, json);
		}
		sim_bytes(w->sim, conn, bytes, len);
		sim_run(w->sim, 100);
		assert_true(sim_conn_open(w->sim, conn));
		sim_sent(w->sim, conn, &sent);
		assert_true(sent > 8);
		sim_taken(w->sim, conn, sent);
	}
	assert_int_equal(how_many(w, ""), 10000);
	/* without waiting for the database to come after: that connection ends, nothing else */
	sim_db_down(w->sim, "log", 1);
	for (unsigned i = 0; i < 10 && sim_conn_open(w->sim, conn); i++) {
		size_t len = 0;

		for (unsigned k = 0; k < 250; k++) {
			len += frame(bytes + len, "{\"Msg\":\"x\",\"Host\":\"flood\"}");
		}
		sim_bytes(w->sim, conn, bytes, len);
	}
	sim_run(w->sim, 1);
	assert_false(sim_conn_open(w->sim, conn));
	sim_db_down(w->sim, "log", 0);
	sim_run(w->sim, 1000);
	assert_true(sim_ready(w->sim, "base/logserver"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_frames), T(test_bad_frames), T(test_many_frames),
	};

	return cmocka_run_group_tests_name("intake", tests, NULL, NULL);
}
