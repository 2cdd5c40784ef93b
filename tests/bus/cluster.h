/* SPDX-License-Identifier: MIT */
/* Three host processes that call each other over a relay, to be killed, stopped and cut off. */
#ifndef TESTS_BUS_CLUSTER_H
#define TESTS_BUS_CLUSTER_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#define CLUSTER_HOSTS 3u

struct cluster {
	char folder[64]; /* everything of it */
	bool forwarded;	 /* the first host leads calls between the others, which are not linked */
	pid_t hosts[CLUSTER_HOSTS], relay;
	FILE *orders;	 /* to the relay */
	char name[CLUSTER_HOSTS][16];
};

/* cluster_start makes the folder and starts the relay and all hosts. Ends the process with a message when it cannot. */
void cluster_start(struct cluster *cluster, bool forwarded, unsigned seed);
/* cluster_stop ends all hosts as an operator would; false: one did not end within 15 s, or failed. cluster_remove kills
 * what is left and removes the folder, unless $KEEP is set. */
bool cluster_stop(struct cluster *cluster);
void cluster_remove(struct cluster *cluster);

/* host_start and host_kill (-9); host_signal sends a signal. */
void host_start(struct cluster *cluster, unsigned host);
void host_kill(struct cluster *cluster, unsigned host);
void host_signal(const struct cluster *cluster, unsigned host, int signal);
/* relay_tell sends an order: "a-b drop 10". */
void relay_tell(struct cluster *cluster, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* cluster_check: NULL, or which process has ended by itself. */
const char *cluster_check(struct cluster *cluster);

#endif
