/* SPDX-License-Identifier: MIT */
/* The query language: what is understood, what it finds, and how mistakes are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "date.h"
#include "query.h"
#include "troupe/host.h"

#define NOW_MS 1795245300000u /* 2026-11-21T07:15:00Z */
#define DAY_MS 86400000u

static struct query query;
static struct query_fault fault;

static Log__Record record(void)
{
	static uint8_t trace[TROUPE_TRACE_SIZE] = { 0xab, 0xcd };
	static Log__Field error = LOG__FIELD__INIT;
	static Log__Field *fields[] = { &error };
	Log__Record one = LOG__RECORD__INIT;

	error.name = "error";
	error.value = "Timeout of db";
	one.time_ms = NOW_MS - 3600000;
	one.level = TROUPE_LOG_WARNING;
	one.host = "front";
	one.part = "shard:meadow";
	one.role = "mall";
	one.instance = "meadow/mall";
	one.code = "S0101";
	one.account = 42;
	one.order = "o-1";
	one.trace.data = trace;
	one.trace.len = sizeof(trace);
	one.text = "Cannot sell the Lantern: 3 are gone";
	one.fields = fields;
	one.n_fields = 1;
	return one;
}

static void wants(const char *text, int wanted)
{
	Log__Record one = record();

	if (query_parse(text, NOW_MS, &query, &fault) != 0) {
		fail_msg("%s: %s", text, fault.text);
	}
	if (query_match(&query, &one) != wanted) {
		fail_msg("%s is %s", text, wanted ? "not found" : "found");
	}
}

static void refuses(const char *text, unsigned at, const char *part_of_text, const char *part_of_help)
{
	if (query_parse(text, NOW_MS, &query, &fault) == 0) {
		fail_msg("understood: %s", text);
	}
	if (fault.at != at || strstr(fault.text, part_of_text) == NULL || strstr(fault.help, part_of_help) == NULL) {
		fail_msg("%s: at %u: %s; %s", text, fault.at, fault.text, fault.help);
	}
}

static void test_fields(void **state)
{
	(void)state;
	wants("", 1);
	wants("level = warning", 1);
	wants("level >= warning", 1);
	wants("level > warning", 0);
	wants("level < warning", 0);
	wants("level <= error", 1);
	wants("level != warning", 0);
	wants("LEVEL>=Notice", 1);
	wants("part = shard:meadow", 1);
	wants("part = 'shard:meadow' and role=mall", 1);
	wants("role = mallet", 0);
	wants("role < mallet", 1);
	wants("instance = meadow/mall", 1);
	wants("host != front", 0);
	wants("account = 42", 1);
	wants("account > 41 and account <= 42", 1);
	wants("account = 43", 0);
	wants("order = o-1", 1);
	wants("trace = abcd0000000000000000000000000000", 1);
	wants("trace = ABCD0000000000000000000000000000", 1);
	wants("trace != abcd0000000000000000000000000000", 0);
	wants("trace = abcd0000000000000000000000000001", 0);
	wants("code like s01", 1);
	wants("text like \"the lantern\"", 1);
	wants("text like 'cannot%gone'", 1);
	wants("text like 'gone%cannot'", 0);
	wants("{error} like timeout", 1);
	wants("{error} = 'Timeout of db'", 1);
	wants("{nothing} = ''", 1);
	wants("{nothing} like x", 0);
}

static void test_joined(void **state)
{
	(void)state;
	wants("role = mall and level = error", 0);
	wants("role = mall or level = error", 1);
	/* `and` binds closer, whatever the order */
	wants("role = mall or level = error and account = 1", 1);
	wants("account = 1 and level = error or role = mall", 1);
}

static void test_times(void **state)
{
	(void)state;
	wants("time > 2 hours", 1);
	wants("time > 2hours", 1);
	wants("time > 59 minutes", 0);
	wants("time < 59m", 1);
	wants("time = today", 1);
	wants("time = yesterday", 0);
	wants("time >= yesterday", 1);
	wants("time > yesterday", 1);
	wants("time < now", 1);
	wants("time = 2026-11-21", 1);
	wants("time = 2026-11-21T06:15", 1);
	wants("time = 2026-11-21T06:16", 0);
	wants("time = '2026-11-21 06:15:00'", 1);
	wants("time = 2026-11-21 06:15:00.000Z", 1);
	wants("time = 2026-11-21T06:15:00.001Z", 0);
	wants("time != 2026-11-21", 0);
	wants("time >= 2026-11-21 and time < 2026-11-21T07:00 and role = mall", 1);
	wants("time > 1 week and time < 2 days", 0);
}

static void test_last_day(void **state)
{
	Log__Record old = record();

	(void)state;
	old.time_ms = NOW_MS - 2 * DAY_MS;
	assert_int_equal(query_parse("role = mall", NOW_MS, &query, &fault), 0);
	assert_int_equal(query.undated, 1);
	assert_false(query_match(&query, &old));
	assert_true(query_match_undated(&query, &old));
	assert_int_equal(query_parse("(any_time) role = mall", NOW_MS, &query, &fault), 0);
	assert_int_equal(query.undated, 0);
	assert_true(query_match(&query, &old));
	assert_int_equal(query_parse("role = mall and time > 3 days", NOW_MS, &query, &fault), 0);
	assert_int_equal(query.undated, 0);
	assert_true(query_match(&query, &old));
	/* only the group without a time is limited */
	assert_int_equal(query_parse("role = mall and time > 3 days or level = error", NOW_MS, &query, &fault), 0);
	assert_int_equal(query.undated, 1);
	assert_true(query_match(&query, &old));
	assert_int_equal(query.groups[1].from_ms, NOW_MS - DAY_MS);
	/* what a scan has to cover */
	assert_int_equal(query_parse("time >= 2026-11-20 and time <= yesterday", NOW_MS, &query, &fault), 0);
	assert_int_equal(query.groups[0].to_ms - query.groups[0].from_ms, DAY_MS);
}

static void test_options(void **state)
{
	(void)state;
	assert_int_equal(query_parse("", NOW_MS, &query, &fault), 0);
	assert_int_equal(query.limit, QUERY_LIMIT_DEFAULT);
	assert_int_equal(query_parse("(limit = 50, full_context) level = error", NOW_MS, &query, &fault), 0);
	assert_int_equal(query.limit, 50);
	assert_int_equal(query.full_context, 1);
	assert_int_equal(query_parse(" ( limit 7 ) ", NOW_MS, &query, &fault), 0);
	assert_int_equal(query.limit, 7);
	assert_int_equal(query.preds_len, 0);
}

static void test_faults(void **state)
{
	char many[QUERY_TEXT_MAX + 2];

	(void)state;
	refuses("levl = error", 0, "no field 'levl'", "did you mean 'level'?");
	refuses("color = red", 0, "no field 'color'", "there are: time, level");
	refuses("level = warn", 8, "no level 'warn'", "did you mean 'warning'?");
	refuses("level = loud", 8, "no level 'loud'", "error, warning");
	refuses("level error", 6, "comparison", "like");
	refuses("level =", 7, "value is missing", "");
	refuses("role = mall level = error", 12, "'and' or 'or'", "join");
	refuses("text = two words", 11, "'and' or 'or'", "quotation");
	refuses("role = mall and", 15, "missing at the end", "");
	refuses("text like \"open", 10, "does not end", "quotation");
	refuses("account = x1", 10, "no number", "digits");
	refuses("account = 18446744073709551616", 10, "no number", "digits");
	refuses("account like 4", 13, "like is for texts", "");
	refuses("trace = 12", 8, "32 hexadecimal", "copy");
	refuses("trace < abcd0000000000000000000000000000", 8, "no order", "=");
	refuses("time = 2 days", 7, "not exact enough", "younger");
	refuses("time > soon", 7, "no time", "for example");
	refuses("time > 2 fortnights", 7, "no age", "1 week");
	refuses("time > 2026-13-01", 7, "no such date", "");
	refuses("time > 2026-02-29", 7, "no such date", "");
	refuses("time > 2026-11-21T25:00", 7, "no such date", "");
	refuses("time > 2026-11-21T05:00+01:00", 7, "UTC", "");
	refuses("time >", 6, "missing", "");
	refuses("(limit = 0) role = x", 9, "limit takes a number", "50");
	refuses("(limit = 1001)", 9, "limit takes a number", "at most 1000");
	refuses("(limi = 5)", 1, "no option 'limi'", "did you mean 'limit'?");
	refuses("(limit = 5 role = x", 0, "do not end", "");
	refuses("{} = 1", 0, "name between", "");
	refuses("role = mall)", 11, "'and' or 'or'", "");
	refuses("= mall", 0, "a field should stand here", "");
	memset(many, 'x', sizeof(many) - 1);
	many[sizeof(many) - 1] = '\0';
	refuses(many, 0, "more than 4096 bytes", "");
	many[0] = '\0';
	for (unsigned i = 0; i <= QUERY_PREDS_MAX; i++) {
		strcat(many, i > 0 ? " and role=x" : "role=x");
	}
	refuses(many, (unsigned)strlen(many) - 6, "more than 64 comparisons", "");
	many[0] = '\0';
	for (unsigned i = 0; i <= QUERY_GROUPS_MAX; i++) {
		strcat(many, i > 0 ? " or role=x" : "role=x");
	}
	refuses(many, (unsigned)strlen(many) - 9, "or", "ask twice");
}

static void test_like(void **state)
{
	(void)state;
	assert_true(query_like("abc", ""));
	assert_true(query_like("", ""));
	assert_true(query_like("", "%"));
	assert_false(query_like("", "a"));
	assert_true(query_like("aXbXc", "a%c"));
	assert_true(query_like("abab", "ab%ab"));
	assert_false(query_like("aba", "ab%ab"));
	assert_true(query_like("aaa", "%a%%a%a%"));
	assert_false(query_like("aaa", "%a%%a%a%a"));
}

static void test_stamps(void **state)
{
	(void)state;
	assert_int_equal(date_rfc3339("2026-11-21T07:15:00Z"), NOW_MS);
	assert_int_equal(date_rfc3339("2026-11-21T08:15:00.5+01:00"), NOW_MS + 500);
	assert_int_equal(date_rfc3339("2026-11-21T01:45:00.123456789-05:30"), NOW_MS + 123);
	assert_int_equal(date_rfc3339("1970-01-01T00:00:00Z"), 0);
	assert_int_equal(date_rfc3339("2000-02-29T00:00:00Z"), 951782400000);
	assert_int_equal(date_rfc3339("2026-11-21"), -1);
	assert_int_equal(date_rfc3339("2026-11-21T07:15:00"), -1);
	assert_int_equal(date_rfc3339("2026-11-21T07:15:00Zx"), -1);
	assert_int_equal(date_rfc3339("1969-12-31T23:59:59Z"), -1);
	assert_int_equal(date_rfc3339(""), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields), cmocka_unit_test(test_joined),  cmocka_unit_test(test_times),
		cmocka_unit_test(test_last_day), cmocka_unit_test(test_options), cmocka_unit_test(test_faults),
		cmocka_unit_test(test_like),   cmocka_unit_test(test_stamps),
	};

	return cmocka_run_group_tests_name("query", tests, NULL, NULL);
}
