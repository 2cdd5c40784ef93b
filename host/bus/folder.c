/* SPDX-License-Identifier: MIT */
/* The folder of the sockets between the processes of one machine. */
#include "host/bus/folder.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int refuse(struct troupe_error *reterr, int error, const char *path, const char *what, const char *help)
{
	reterr->status = TROUPE_FAILED_PRECONDITION;
	snprintf(reterr->text, sizeof(reterr->text), "the folder for sockets, %.180s: %s", path, what);
	snprintf(reterr->help, sizeof(reterr->help), "%s", help);
	return error;
}

int folder_make(const char *path, struct troupe_error *reterr)
{
	char above[PATH_MAX];
	struct stat found, found_above;
	char *slash;

	if (snprintf(above, sizeof(above), "%s", path) >= (int)sizeof(above)) {
		return refuse(reterr, -ENAMETOOLONG, path, strerror(ENAMETOOLONG), "");
	}
	slash = strrchr(above, '/');
	if (slash != NULL && slash != above) {
		*slash = '\0';
		if (mkdir(above, 0700) < 0 && errno != EEXIST) {
			return refuse(reterr, -errno, above, strerror(errno), "name another in `cluster { sockets = ... }`");
		}
	}
	if (mkdir(path, 0700) < 0 && errno != EEXIST) {
		return refuse(reterr, -errno, path, strerror(errno), "name another in `cluster { sockets = ... }`");
	}
	if (lstat(path, &found) < 0) {
		return refuse(reterr, -errno, path, strerror(errno), "");
	}
	if (stat(slash != above ? above : "/", &found_above) < 0 ||
	    (found_above.st_uid != 0 && found_above.st_uid != geteuid())) {
		return refuse(reterr, -EACCES, above, "it is another user's", "name another in `cluster { sockets = ... }`");
	}
	if (!S_ISDIR(found.st_mode) || found.st_uid != geteuid() || (found.st_mode & 077) != 0) {
		return refuse(reterr, -EACCES, path, "it is not this user's alone",
			      "remove it, or chmod 700 it if it is yours");
	}
	return 0;
}
