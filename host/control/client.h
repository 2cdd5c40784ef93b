/* SPDX-License-Identifier: MIT */
/* The operator's side: commands that a running host carries out. */
#ifndef HOST_CONTROL_CLIENT_H
#define HOST_CONTROL_CLIENT_H

extern const char status_usage[], stop_usage[], drain_usage[], reload_usage[], metrics_usage[],
	links_usage[];

/* operator_main asks the host of the state folder to carry out argv and shows its answer. Returns an exit code. */
int operator_main(int argc, char **argv);

/* operator_role_main does so for a word that is no command of the program: `troupe ROLE VERB`, `troupe help ROLE`. When
 * no host runs and no plugin has that name, it is an unknown command. */
int operator_role_main(int argc, char **argv);

#endif
