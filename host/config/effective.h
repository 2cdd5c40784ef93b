/* SPDX-License-Identifier: MIT */
/* Every value of a configuration and where it came from. Secrets are not shown. */
#ifndef HOST_CONFIG_EFFECTIVE_H
#define HOST_CONFIG_EFFECTIVE_H

#include <stdio.h>

#include "config.h"

/* effective_print_text writes blocks as a configuration has them, each value with its origin as a comment. */
void effective_print_text(const struct config *config, FILE *out);
/* effective_print_json writes one object: {"version":1,"cluster":...,"hosts":[...],"instances":[...]}. */
void effective_print_json(const struct config *config, FILE *out);

#endif
