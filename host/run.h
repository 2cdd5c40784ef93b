/* SPDX-License-Identifier: MIT */
/* troupe run, troupe demo: a host from a configuration until it is told to stop. */
#ifndef HOST_RUN_H
#define HOST_RUN_H

extern const char run_usage[], demo_usage[];

/* run_main is `troupe run CONFIG ...`, demo_main `troupe demo`. Return an exit code. */
int run_main(int argc, char **argv);
int demo_main(int argc, char **argv);

#endif
