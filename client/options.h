/* SPDX-License-Identifier: MIT */
/* The command line that client and bots share. */
#ifndef CLIENT_OPTIONS_H
#define CLIENT_OPTIONS_H

#include "tasks.h"

struct client_options {
	char host[64];
	unsigned port;
	int trace, json, plain;
	const char *as;      /* client: the user to play as; NULL = nobody yet */
	unsigned count;	     /* bots */
	double seconds;	     /* bots: how long */
	double ramp_seconds; /* bots: over how long they come */
	const char *script;
};

/* client_options_read: the index of the first argument that is no option, or -1 after saying what is wrong. */
int client_options_read(int argc, char **argv, struct client_options *ret_options);
/* client_options_apply tells the scripts where the account server is. */
void client_options_apply(const struct client_options *options, struct tasks *tasks);

#endif
