/* SPDX-License-Identifier: MIT */
/* Who has a store open, for whoever finds it locked. */
#ifndef DRIVER_LEVELDB_OWNER_H
#define DRIVER_LEVELDB_OWNER_H

#include <stddef.h>

/* owner_note writes into the store's folder that this process has it open, as the database `name`. What keeps others out is
 * LevelDB's own lock, so it does not matter if this cannot be written. */
void owner_note(const char *folder, const char *name);

/* owner_tell writes "already owned by base/database.base (pid 123 on thishost)", as much of it as is known. Only for a folder
 * that another process has locked: closing its lock file would release a lock of ours. Returns `ret_text`. */
const char *owner_tell(const char *folder, char *ret_text, size_t size);

#endif
