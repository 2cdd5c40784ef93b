/* SPDX-License-Identifier: MIT */
/* Reads the books of `bounce` instances while they are written, and judges them. */
#ifndef TESTS_BUS_BOOKS_H
#define TESTS_BUS_BOOKS_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/fixtures/bounce.h"

#define BOOKS_OPEN_MAX_US 10000000u /* no call may take longer */

struct books_call;

struct books {
	unsigned instances_len;
	int logs[BOUNCE_INSTANCES];
	uint32_t lives[BOUNCE_INSTANCES]; /* of the process that writes now */
	bool quiet[BOUNCE_INSTANCES];
	uint64_t ok_us[BOUNCE_INSTANCES][BOUNCE_INSTANCES]; /* when a call of that kind was sent that was done */
	struct books_call *calls; /* a hash table */
	uint64_t calls_len, calls_size;
	/* for the report */
	uint64_t sent, done, refused, unknown, away, cancelled, cut_off, executed, longest_us;
	uint64_t violations;
	char first[256];
};

/* books_open reads FOLDER/0.log, FOLDER/1.log ...: makes them. books_close releases all. */
void books_open(struct books *books, const char *folder, unsigned instances_len);
void books_close(struct books *books);
/* books_read takes what was written since. */
void books_read(struct books *books);
/* books_judge adds up, when all is quiet, what contradicts what. */
void books_judge(struct books *books);

#endif
