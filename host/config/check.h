/* SPDX-License-Identifier: MIT */
/* troupe check, troupe explain: looks at a configuration without running it. */
#ifndef HOST_CONFIG_CHECK_H
#define HOST_CONFIG_CHECK_H

#include "config.h"

extern const char check_usage[], explain_usage[];

/* check_main is `troupe check FILE ...`; explain_main is `troupe explain CODE`. Return an exit code. */
int check_main(int argc, char **argv);
int explain_main(int argc, char **argv);

/*
 * check_surroundings tries what a loaded configuration needs from the machine: addresses are bound and closed again,
 * the state folder can be written, sources can be read and Lua among them compiles. Findings go to `diags`. [main]
 */
void check_surroundings(const struct config *config, struct diag_list *diags);

#endif
