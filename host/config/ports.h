/* SPDX-License-Identifier: MIT */
/* troupe ports: every port that a configuration binds. */
#ifndef HOST_CONFIG_PORTS_H
#define HOST_CONFIG_PORTS_H

extern const char ports_usage[];

/* ports_main runs the command and returns an exit code. */
int ports_main(int argc, char **argv);

#endif
