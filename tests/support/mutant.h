/* SPDX-License-Identifier: MIT */
/* Included ahead of sources that can be built with planted mistakes; $TROUPE_MUTANT names the one that is made. */
#ifndef TESTS_SUPPORT_MUTANT_H
#define TESTS_SUPPORT_MUTANT_H

#include <stdlib.h>
#include <string.h>

static inline int mutant_is(const char *name)
{
	const char *wanted = getenv("TROUPE_MUTANT");

	return wanted != NULL && strcmp(wanted, name) == 0;
}

#define MUTANT(name) mutant_is(name)

#endif
