/* SPDX-License-Identifier: MIT */
/* The folder of key files: opened, locked, read, changed file by file, and what is said of them. */
#ifndef HOST_BUS_KEY_FOLDER_H
#define HOST_BUS_KEY_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "troupe/status.h"

#define KEY_NAME_MAX 200u /* bytes of a name */

/* An open folder, and the name that its files begin with. Close `fd`. */
struct key_folder {
	const char *state, *name;
	bool given; /* by the service manager: `state` is its folder */
	int fd;
	struct troupe_error *reterr;
};

/* key_refuse fills *folder->reterr about the file NAME+suffix and returns `error`; `help` is a format as printf's.
 * key_refuse_errno does so for an error of the system. [any] */
__attribute__((format(printf, 5, 6))) int key_refuse(const struct key_folder *folder, int error, const char *suffix,
						     const char *why, const char *help, ...);
int key_refuse_errno(const struct key_folder *folder, int error, const char *suffix);

/* key_folder_open opens STATE/keys; with `make` it is made if it is missing. 0, or -errno with *reterr. key_folder_lock
 * makes it and waits for its lock, which closing gives back. [any] */
int key_folder_open(struct key_folder *folder, const char *state, const char *name, bool make,
		    struct troupe_error *reterr);
int key_folder_lock(struct key_folder *folder, const char *state, const char *name, struct troupe_error *reterr);

/* key_file_read reads at most `size` bytes of a file: its length, or -errno without a word. key_file_write puts a file
 * in place of what is there, as a whole and on the disk: 0, or -errno with *folder->reterr. [any] */
int key_file_read(const struct key_folder *folder, const char *suffix, char *bytes, size_t size, struct stat *ret_stat);
int key_file_write(const struct key_folder *folder, const char *suffix, mode_t mode, const char *bytes, size_t len);

#endif
