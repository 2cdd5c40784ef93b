/* SPDX-License-Identifier: MIT */
/* Where the program finds the files that belong to it, built in a tree or installed. */
#include "paths.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int copy(const char *path, char *buf, size_t size)
{
	size_t len = strlen(path);

	if (len >= size) {
		return -ENAMETOOLONG;
	}
	memcpy(buf, path, len + 1);
	return 0;
}

int paths_beside(const char *name, char *buf, size_t size)
{
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (len < 0) {
		return -errno;
	}
	path[len] = '\0';
	char *slash = strrchr(path, '/');
	size_t dir_len = slash != NULL ? (size_t)(slash - path) + 1 : 0;
	size_t name_len = strlen(name);

	if (dir_len + name_len >= sizeof(path)) {
		return -ENAMETOOLONG;
	}
	memcpy(path + dir_len, name, name_len + 1);
	return copy(path, buf, size);
}

int paths_credential(const char *name, char *buf, size_t size)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	char path[PATH_MAX];

	if (folder == NULL || folder[0] != '/') {
		return -ENOENT;
	}
	if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path)) {
		return -ENAMETOOLONG;
	}
	return access(path, R_OK) == 0 ? copy(path, buf, size) : -ENOENT;
}

int paths_plugins(char *buf, size_t size)
{
	char path[PATH_MAX];
	const char *set = getenv("TROUPE_PLUGINS");

	if (set != NULL && set[0] != '\0') {
		return copy(set, buf, size);
	}
	if (paths_beside("plugins/all", path, sizeof(path)) == 0 && access(path, X_OK) == 0) {
		return copy(path, buf, size);
	}
	return copy(TROUPE_MODULEDIR, buf, size);
}

int paths_make_folder(const char *path)
{
	char part[PATH_MAX];

	if (snprintf(part, sizeof(part), "%s", path) >= (int)sizeof(part)) {
		return -ENAMETOOLONG;
	}
	for (char *p = part + 1; *p != '\0'; p++) {
		if (*p == '/') {
			*p = '\0';
			if (mkdir(part, 0755) < 0 && errno != EEXIST) {
				return -errno;
			}
			*p = '/';
		}
	}
	if (mkdir(part, 0700) < 0 && errno != EEXIST) {
		return -errno;
	}
	return access(part, W_OK | X_OK) < 0 ? -errno : 0;
}
