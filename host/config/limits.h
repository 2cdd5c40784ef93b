/* SPDX-License-Identifier: MIT */
/* troupe limits: what a number of players needs of a configuration and of this machine. */
#ifndef HOST_CONFIG_LIMITS_H
#define HOST_CONFIG_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"

extern const char limits_usage[];

/* limits_main runs the command and returns an exit code. */
int limits_main(int argc, char **argv);

#define LIMITS_MAX 512u

/* One bound that N players come near. */
struct limit {
	const char *of;	  /* "host front", "this machine", or an instance */
	const char *name; /* "open files", "max_clients" */
	uint64_t need, have;
	bool bytes;
	const char *raise; /* how, when it is too low */
};

/* What all hosts on this machine need together. */
struct limits_sum {
	uint64_t files, files_most; /* of all, and of the process that needs most */
	uint64_t memory, connections;
	uint64_t ports; /* connections from a TLS front on this machine to one listener: each has a port of its own */
};

struct limits {
	struct config_arena *arena; /* of the texts */
	struct limit list[LIMITS_MAX];
	uint32_t len;
	uint64_t ccu;
	struct limits_sum sum;
};

void limits_add(struct limits *limits, struct limit limit);
/* limits_of_roles adds the options that bound players, of all instances. */
void limits_of_roles(struct limits *limits, const struct config *config);
/* limits_of_host adds what one host needs, and adds it up for limits_of_machine, which comes last. */
void limits_of_host(struct limits *limits, const struct config *config, uint32_t host);
void limits_of_machine(struct limits *limits);

#endif
