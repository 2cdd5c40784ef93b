/* SPDX-License-Identifier: MIT */
/* Room on the disk: a file that is given up so that a full store can still be opened again. */
#ifndef DRIVER_LEVELDB_SPACE_H
#define DRIVER_LEVELDB_SPACE_H

#include <stdint.h>

#include "troupe/status.h"

/*
 * Opening a LevelDB store rewrites its log as a table, which takes room of the log's size. On a full disk that
 * room comes from the reserve file. While the reserve is missing the disk counts as full; it is made again as
 * soon as there is room for it and `margin` more. One thread, that of the store's writer.
 */
struct space {
	char *folder;
	int64_t reserve; /* bytes of the reserve file */
	int64_t margin;	 /* bytes that must be free beside it */
	int full;
};

/* space_open: makes the folder and those above it, and the reserve file if there is room. */
int32_t space_open(struct space *space, const char *folder, int64_t reserve, int64_t margin,
		   struct troupe_error *reterr);
void space_close(struct space *space);
/* space_ready: 1 if there is room for writes; tries to make the reserve file if it is missing. */
int space_ready(struct space *space);
/* space_give_up: removes the reserve file; the disk counts as full from now on. */
void space_give_up(struct space *space);

#endif
