/* SPDX-License-Identifier: MIT */
/* Where the program finds the files that belong to it, built in a tree or installed. */
#ifndef HOST_PATHS_H
#define HOST_PATHS_H

#include <stddef.h>

/*
 * paths_plugins writes the folder that holds the plugins into buf: $TROUPE_PLUGINS when set, else
 * plugins/all beside the running program when that exists (an uninstalled build), else the folder
 * plugins are installed to. Returns 0, or -ENAMETOOLONG (buf is then untouched).
 * Call before threads start: it reads the environment.
 */
int paths_plugins(char *buf, size_t size);

/*
 * paths_beside writes the path of `name` in the folder of the running program into buf.
 * Returns 0, -ENAMETOOLONG, or -errno of readlink (buf is then untouched).
 */
int paths_beside(const char *name, char *buf, size_t size);

/*
 * paths_credential writes the path of a file that the service manager gave this process by LoadCredential=
 * (systemd.exec(5)): `name` in $CREDENTIALS_DIRECTORY. 0, -ENOENT if there is none, -ENAMETOOLONG (buf is then
 * untouched). The manager keeps others from reading it, whatever its mode says.
 */
int paths_credential(const char *name, char *buf, size_t size);

/* paths_make_folder makes a folder and those above it; only the owner may look into the last. 0; -errno, also when it
 * is there and cannot be written. */
int paths_make_folder(const char *path);

#endif
