/* SPDX-License-Identifier: MIT */
/* The folder of the sockets between the processes of one machine. */
#ifndef HOST_BUS_FOLDER_H
#define HOST_BUS_FOLDER_H

#include "troupe/role.h"

/*
 * folder_make makes the folder and the one above it where they are missing, for this user alone, and refuses one that
 * others may enter: whoever can put a socket there could stand in the way (not more: frames are sealed). 0, or -errno
 * with *reterr. [main]
 */
int folder_make(const char *path, struct troupe_error *reterr);

#endif
