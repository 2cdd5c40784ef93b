/* SPDX-License-Identifier: MIT */
/* troupe key: makes, shows and changes the keys of hosts. */
#ifndef HOST_BUS_KEY_COMMAND_H
#define HOST_BUS_KEY_COMMAND_H

extern const char key_usage[];

/* key_main is `troupe key new|show|drop NAME`. Returns an exit code. */
int key_main(int argc, char **argv);

#endif
