/* SPDX-License-Identifier: MIT */
/* What the cases of the driver contract share: a store, and one-line commits and reads. */
#ifndef TESTS_CONTRACT_DRIVER_CASES_H
#define TESTS_CONTRACT_DRIVER_CASES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/contract/driver_contract.h"
#include "troupe/driver.h"

/* The store of one case. */
struct fixture {
	const struct driver_contract *contract;
	const struct troupe_plugin *plugin;
	const struct troupe_driver *driver;
	void *options, *store;
	char dir[256];
	struct troupe_error error;
};

/* What a read brought, up to its bound. */
struct found {
	uint32_t count, stop_after;
	struct {
		char key[64], value[64];
		uint32_t value_len;
		uint64_t version;
	} entries[64];
};

#define OP_PUT(k, v) { .kind = TROUPE_DB_PUT, .key = (k), .key_len = sizeof(k) - 1, .value = (v), .value_len = sizeof(v) - 1 }
#define OP_DELETE(k) { .kind = TROUPE_DB_DELETE, .key = (k), .key_len = sizeof(k) - 1 }
#define OP_ADD(k, d, f) { .kind = TROUPE_DB_ADD, .key = (k), .key_len = sizeof(k) - 1, .delta = (d), .floor = (f) }
#define CHECK(k, v) { .key = (k), .key_len = sizeof(k) - 1, .version = (v) }
#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

void fixture_open(struct fixture *f);
void fixture_reopen(struct fixture *f);

/* commit_one: one transaction in a group of its own; the call itself must succeed. */
struct troupe_db_result commit_one(struct fixture *f, const struct troupe_driver_tx *tx);
/* commit_op: the same with one op and nothing else. */
struct troupe_db_result commit_op(struct fixture *f, struct troupe_db_op op);
/* commit_group: several; the call must succeed. */
void commit_group(struct fixture *f, const struct troupe_driver_tx *txs, uint32_t count,
		  struct troupe_db_result *ret_results);

/* version_of: of the newest value at a key, 0 = absent. number_of: the number there; fails if it is none. */
uint64_t version_of(struct fixture *f, const char *key);
int64_t number_of(struct fixture *f, const char *key);
/* value_is: the newest value is this text. */
int value_is(struct fixture *f, const char *key, const char *text);
/* scan_all: of a snapshot or the newest (NULL), from <= key < to. */
struct found scan_all(struct fixture *f, void *snapshot, const char *from, const char *to, uint32_t stop_after);

/* The cases, in two files. Each list ends with an entry without name. */
struct driver_case {
	const char *name;
	void (*run)(struct fixture *f);
};
extern const struct driver_case driver_cases_commit[], driver_cases_read[];

#endif
