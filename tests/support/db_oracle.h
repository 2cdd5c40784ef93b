/* SPDX-License-Identifier: MIT */
/* Runs db_load under faults and judges what it said by what the store then holds. */
#ifndef TESTS_SUPPORT_DB_ORACLE_H
#define TESTS_SUPPORT_DB_ORACLE_H

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "tests/support/db_load.h"
#include "troupe/status.h"

#define ORACLE_IDS 4096u

/* What is known about one commit. */
struct oracle_id {
	uint64_t version; /* of its first acknowledgement; 0 = none */
	uint8_t refused;  /* the last word was: it did not happen */
	uint8_t there;	  /* refused because its entry was there already */
	uint8_t unknown;  /* some word was: undecided */
	uint8_t seen;	  /* it is in the store */
};

struct oracle {
	struct oracle_id ids[ORACLE_IDS];
	uint32_t said; /* lines read */
	uint32_t violations;
	char first[256]; /* the first violation */
};

/* How db_load is run. */
struct oracle_run {
	const char *program;	  /* "db_load" or "db_load_mutant" */
	const char *driver;	  /* "driver_leveldb", or the mutant's */
	const char *plugins;	  /* its folder; NULL = $TROUPE_PLUGINS */
	const char *mutant;	  /* NULL = none */
	const char *store;	  /* folder of the store */
	const char *mode;	  /* "run", "ring" */
	uint32_t count;
	const char *calls, *what; /* of the fault; NULL = none */
	long at;
	const char *mark, *full;
};

/* oracle_spawn starts it; *ret_pipe is its output. Returns its pid, or -1. */
pid_t oracle_spawn(const struct oracle_run *run, int *ret_pipe);
/* oracle_read notes the lines of a pipe until it ends. */
void oracle_read(struct oracle *oracle, int pipe);
/* oracle_note notes one line. */
void oracle_note(struct oracle *oracle, const struct load_line *line);
/* oracle_run runs it to its end; returns its wait status. */
int oracle_run(struct oracle *oracle, const struct oracle_run *run);
/* oracle_judge opens the store, without faults, and adds up what contradicts what was said. */
void oracle_judge(struct oracle *oracle, const char *store);
/* oracle_violation notes one. */
void oracle_violation(struct oracle *oracle, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
