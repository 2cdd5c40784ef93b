/* SPDX-License-Identifier: MIT */
/* What the program db_load writes, for the oracle that reads it. */
#ifndef TESTS_SUPPORT_DB_LOAD_H
#define TESTS_SUPPORT_DB_LOAD_H

#include <stdint.h>

/*
 * Commit `id` puts "e/ID" (ring: "e/" and ID mod LOAD_RING) and adds 1 to "count". Most have an idempotency key; the
 * others check that the entry is absent. So the count is the number of commits that happened, and each is seen.
 */
#define LOAD_TOGETHER 4u
#define LOAD_RING 50u
#define LOAD_VALUE 2000
#define LOAD_ENTRY "e/"
#define LOAD_COUNT "count"

static inline int load_is_keyed(uint32_t id)
{
	return id % 5 != 4;
}

/* One line: the members in this order, decimal, blanks between. */
struct load_line {
	uint32_t id;
	int32_t status; /* and the rest of struct troupe_db_result */
	uint32_t index;
	uint64_t version;
	uint32_t repeated;
	uint64_t took_us; /* ring: from asking to the answer */
};

#endif
