/* SPDX-License-Identifier: MIT */
/* One value of one option: type, unit, range, and how it is shown. */
#ifndef HOST_CONFIG_OPTION_VALUE_H
#define HOST_CONFIG_OPTION_VALUE_H

#include <stdbool.h>

#include "options.h"

/* option_value checks a value and writes it at `target`; `origin` says where it came from. */
void option_value(const struct options_in *in, const struct troupe_option *option, void *target, const char *path,
		  const struct value *value, const char *origin);
/* option_wrong reports a value of the wrong type. */
void option_wrong(const struct options_in *in, const char *path, const struct value *value, const char *wanted);
/* option_origin notes what a value is and where it came from. */
void option_origin(const struct options_in *in, const char *path, const char *shown, const char *origin);

#endif
