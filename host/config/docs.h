/* SPDX-License-Identifier: MIT */
/* Reference pages made from the tables that the program itself works with. */
#ifndef HOST_CONFIG_DOCS_H
#define HOST_CONFIG_DOCS_H

extern const char docs_usage[];

/* docs_main is `troupe api docs DIR` and `troupe api options PLUGIN`. Returns an exit code. */
int docs_main(int argc, char **argv);

#endif
