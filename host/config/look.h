/* SPDX-License-Identifier: MIT */
/* What the commands that look at a configuration without running it have in common. */
#ifndef HOST_CONFIG_LOOK_H
#define HOST_CONFIG_LOOK_H

#include <stdbool.h>

#include "config.h"

#define LOOK_SETS_MAX 64u

struct look {
	struct config_request request;
	const char *sets[LOOK_SETS_MAX];
	bool json;
};

/* The lines of --help for look_option. */
#define LOOK_USAGE \
	"  --state DIR           the state folder, instead of the cluster's (also: TROUPE_STATE)\n" \
	"  --set OWNER.OPTION=VALUE  as for troupe run\n" \
	"  --json                one JSON object on standard output\n"

/* look_init begins: all hosts, the state folder of the environment. */
void look_init(struct look *look);

/*
 * look_argument takes --host, --state, --set and --json, and the file, at argv[*at], and moves *at past it. Returns 0, or
 * EXIT_USAGE after saying what is wrong; `known` (ends with NULL) are the options for "did you mean".
 */
int look_argument(struct look *look, int argc, char **argv, int *at, const char *const *known);

/* look_file says so when no file was named: 0 or EXIT_USAGE. */
int look_file(const struct look *look, const char *command);

/* look_load loads the configuration and prints what is wrong with it on standard error. NULL: EXIT_INVALID. */
struct config *look_load(const struct look *look);

#endif
