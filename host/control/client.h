/* SPDX-License-Identifier: MIT */
/* The operator's side: commands that a running host carries out. */
#ifndef HOST_CONTROL_CLIENT_H
#define HOST_CONTROL_CLIENT_H

#include <stddef.h>

extern const char status_usage[], stop_usage[], drain_usage[], reload_usage[], metrics_usage[],
	links_usage[];

/* operator_main asks the host of the state folder to carry out argv and shows its answer. Returns an exit code. */
int operator_main(int argc, char **argv);

/* operator_role_main does so for a word that is no command of the program: `troupe ROLE VERB`, `troupe help ROLE`. When
 * no host runs and no plugin has that name, it is an unknown command. */
int operator_role_main(int argc, char **argv);

/* log_main is `troupe log`: query, tail, count, where, status, retention. */
extern const char log_usage[];
int log_main(int argc, char **argv);

struct operation;

/* operation_read takes the words and options of the command line, argv[0] first, into `operation` and `words` (CONTROL_WORDS_MAX
 * + 1 of them). 0, or an exit code after it has said what is wrong. */
int operation_read(struct operation *operation, char **words, int argc, char **argv);

/* operation_any writes the folder of a process that may be asked for the whole cluster: the host that --host names, else
 * the first that runs. 0, or an exit code after it has said what is wrong. */
int operation_any(const struct operation *operation, char *ret_folder, size_t size);

#endif
