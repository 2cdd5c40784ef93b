/* SPDX-License-Identifier: MIT */
/* Which processes of a cluster run on this machine, found by their control sockets. */
#ifndef HOST_CONTROL_RUNNING_H
#define HOST_CONTROL_RUNNING_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#define RUNNING_MAX 128u /* processes of one state folder that are looked at */

/* One process: a host, or the one that a host started for an isolated instance. */
struct running {
	bool isolated;
	char name[160];	       /* the host's, "" for the only host of a configuration; or the instance's */
	char folder[PATH_MAX]; /* for socket_connect */
};

/*
 * running_list looks for processes whose control sockets answer: below `state`, the state folder or the folder that
 * $RUNTIME_DIRECTORY named. Hosts come in the order of their names, isolated instances behind their host. Returns the
 * list, to be released with free, and *ret_len; NULL when there is none, with *ret_error: ENOENT, ENOMEM, or EACCES
 * when another user's runs there. [main]
 */
struct running *running_list(const char *state, uint32_t *ret_len, int *ret_error);

#endif
