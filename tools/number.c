/* SPDX-License-Identifier: MIT */
#include "number.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

int number_read(const char *command, const char *option, const char *text, uint64_t least, uint64_t most, uint64_t *ret_number)
{
	char *end;
	uint64_t number;

	errno = 0;
	number = strtoull(text, &end, 10);
	if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && number >= least && number <= most) {
		*ret_number = number;
		return 0;
	}
	fprintf(stderr, "troupe %s: %s takes a number from %" PRIu64 " to %" PRIu64 ", not `%s`\n", command, option, least, most, text);
	return -1;
}
