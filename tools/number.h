/* SPDX-License-Identifier: MIT */
/* Numbers on the command line. */
#ifndef TOOLS_NUMBER_H
#define TOOLS_NUMBER_H

#include <stdint.h>

/* number_read: a whole decimal number from `least` to `most`. 0, or -1 after printing what `option` of `command` takes. [main] */
int number_read(const char *command, const char *option, const char *text, uint64_t least, uint64_t most, uint64_t *ret_number);

#endif
