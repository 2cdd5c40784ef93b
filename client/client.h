/* SPDX-License-Identifier: MIT */
/* The commands `troupe client` and `troupe bots`. */
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

/* client_main, bots_main: run the command; argv[0] is its name. Return an exit code of the program. [main] */
int client_main(int argc, char **argv);
int bots_main(int argc, char **argv);
extern const char client_usage[], bots_usage[];

#endif
