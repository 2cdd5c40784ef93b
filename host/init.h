/* SPDX-License-Identifier: MIT */
/* troupe init: a folder with a game to begin with. */
#ifndef HOST_INIT_H
#define HOST_INIT_H

extern const char init_usage[];

/* init_main runs the command and returns an exit code. */
int init_main(int argc, char **argv);

#endif
