/* SPDX-License-Identifier: MIT */
/* Runs the cases of the driver contract, each in a store of its own. */
#include "tests/contract/driver_contract.h"

#include <stdio.h>
#include <unistd.h>

#include "tests/contract/driver_cases.h"
#include "tests/support/driver_load.h"

#define CASES_MAX 64

void fixture_open(struct fixture *f)
{
	struct troupe_driver_open open = { .size = sizeof(open), .name = "contract", .options = f->options };

	f->error.size = sizeof(f->error);
	if (f->driver->open(&open, &f->store, &f->error) != TROUPE_OK) {
		fail_msg("open: %s (%s)", f->error.text, f->error.help);
	}
}

void fixture_reopen(struct fixture *f)
{
	f->driver->close(f->store);
	f->store = NULL;
	fixture_open(f);
}

void commit_group(struct fixture *f, const struct troupe_driver_tx *txs, uint32_t count,
		  struct troupe_db_result *ret_results)
{
	memset(ret_results, 0xff, count * sizeof(*ret_results));
	if (f->driver->commit(f->store, txs, count, ret_results, &f->error) != TROUPE_OK) {
		fail_msg("commit: %s", f->error.text);
	}
}

struct troupe_db_result commit_one(struct fixture *f, const struct troupe_driver_tx *tx)
{
	struct troupe_db_result result;

	commit_group(f, tx, 1, &result);
	return result;
}

struct troupe_db_result commit_op(struct fixture *f, struct troupe_db_op op)
{
	return commit_one(f, &(struct troupe_driver_tx){ .ops = &op, .ops_len = 1 });
}

static int found_add(void *arg, const struct troupe_db_value *value)
{
	struct found *found = arg;

	assert_true(found->count < COUNT(found->entries));
	assert_true(value->key_len < sizeof(found->entries[0].key));
	assert_true(value->value_len < sizeof(found->entries[0].value));
	memcpy(found->entries[found->count].key, value->key, value->key_len);
	if (value->value_len > 0) {
		memcpy(found->entries[found->count].value, value->value, value->value_len);
	}
	found->entries[found->count].value_len = value->value_len;
	found->entries[found->count].version = value->version;
	return ++found->count == found->stop_after;
}

static struct found get_one(struct fixture *f, const char *key)
{
	struct troupe_db_check check = { .key = key, .key_len = (uint32_t)strlen(key) };
	struct found found = { 0 };

	assert_int_equal(f->driver->get(f->store, NULL, &check, 1, found_add, &found), TROUPE_OK);
	assert_int_equal(found.count, 1);
	return found;
}

uint64_t version_of(struct fixture *f, const char *key)
{
	return get_one(f, key).entries[0].version;
}

int64_t number_of(struct fixture *f, const char *key)
{
	struct found found = get_one(f, key);
	uint64_t number = 0;

	assert_int_equal(found.entries[0].value_len, 8);
	for (int i = 7; i >= 0; i--) {
		number = number << 8 | (uint8_t)found.entries[0].value[i];
	}
	return (int64_t)number;
}

int value_is(struct fixture *f, const char *key, const char *text)
{
	struct found found = get_one(f, key);

	return found.entries[0].version != 0 && strcmp(found.entries[0].value, text) == 0;
}

struct found scan_all(struct fixture *f, void *snapshot, const char *from, const char *to, uint32_t stop_after)
{
	struct found found = { .stop_after = stop_after };

	assert_int_equal(f->driver->scan(f->store, snapshot, from, (uint32_t)strlen(from), to, (uint32_t)strlen(to),
					 found_add, &found), TROUPE_OK);
	return found;
}

/* --- running ------------------------------------------------------------------------------------ */

static const struct driver_contract *running;
static const struct driver_case *cases[CASES_MAX];

static void case_run(void **state)
{
	const struct driver_case *test = *state;
	struct fixture f = { .contract = running };
	const char *tmp = getenv("TMPDIR");

	f.plugin = driver_load(NULL, running->plugin);
	assert_non_null(f.plugin);
	f.driver = f.plugin->driver;
	assert_non_null(f.driver);
	snprintf(f.dir, sizeof(f.dir), "%s/driver.XXXXXX", tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(f.dir));
	f.options = running->options(f.plugin, f.dir);
	fixture_open(&f);
	test->run(&f);
	f.driver->close(f.store);
	free(f.options);
	char command[300];

	snprintf(command, sizeof(command), "rm -rf '%s'", f.dir);
	assert_int_equal(system(command), 0);
}

int driver_contract_run(const struct driver_contract *contract)
{
	static struct CMUnitTest tests[CASES_MAX];
	const struct driver_case *lists[] = { driver_cases_commit, driver_cases_read };
	size_t count = 0;

	running = contract;
	for (size_t list = 0; list < 2; list++) {
		for (const struct driver_case *test = lists[list]; test->name != NULL && count < CASES_MAX; test++) {
			cases[count] = test;
			tests[count++] = (struct CMUnitTest){ .name = test->name, .test_func = case_run,
							      .initial_state = (void *)(uintptr_t)test };
		}
	}
	return _cmocka_run_group_tests(contract->plugin, tests, count, NULL, NULL);
}
