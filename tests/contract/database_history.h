/* SPDX-License-Identifier: MIT */
/* A long row of commits, and whether what was told of each is what is stored. */
#ifndef TESTS_CONTRACT_DATABASE_HISTORY_H
#define TESTS_CONTRACT_DATABASE_HISTORY_H

#include "tests/contract/database_rig.h"

#define ITEMS_MAX (1u << 18)

/* One commit: puts an entry of its own, adds one to the history's count, and puts its number where the last stands. */
struct item {
	struct history *history;
	unsigned number, answers;
	int has_key; /* four of five have an idempotency key */
	struct troupe_db_result result;
	uint64_t stored; /* the version found in the end; 0 = it is not there */
};

/* Those of one user, some always under way. */
struct history {
	struct rig_user *user;
	char name;
	atomic_uint len, asked, ended;
	struct item items[ITEMS_MAX];
};

/* What became of them. */
struct verdict {
	unsigned ended[17]; /* by status */
	unsigned repeated, present;
};

/* history_init prepares `len` commits of a user, whose entries start with `name`. */
void history_init(struct history *history, struct rig_user *user, char name, unsigned len);
/* history_begin asks for the first; the others follow. history_wait returns when `count` have ended. */
void history_begin(struct history *history);
void history_wait(const struct history *history, unsigned count);
/* history_stop asks for few more, and returns when all have ended. */
void history_stop(struct history *history);
/* history_judge reads what is stored and fails the test unless each was told of once, and truly; what is there was done
 * once and in order; and of those with a key all is known. Adds to *verdict. */
void history_judge(struct history *history, struct verdict *verdict);

#endif
