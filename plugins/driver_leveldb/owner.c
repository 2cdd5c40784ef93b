/* SPDX-License-Identifier: MIT */
/* Who has a store open, for whoever finds it locked. */
#include "owner.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define OWNER_MAX 160

static FILE *owner_open(const char *folder, const char *mode)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof(path), "%s/OWNER", folder) < (int)sizeof(path) ? fopen(path, mode) : NULL;
}

void owner_note(const char *folder, const char *name)
{
	char machine[HOST_NAME_MAX + 1] = "";
	FILE *file = owner_open(folder, "we");

	if (file == NULL) {
		return;
	}
	gethostname(machine, sizeof(machine) - 1);
	fprintf(file, "%.63s (pid %ld on %.63s)\n", name, (long)getpid(), machine);
	fclose(file);
}

/* lock_pid: who holds LevelDB's lock, 0 if the system does not tell, as with an owner on another machine. */
static pid_t lock_pid(const char *folder)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[PATH_MAX];
	int fd = snprintf(path, sizeof(path), "%s/LOCK", folder) < (int)sizeof(path) ? open(path, O_RDWR | O_CLOEXEC) : -1;
	pid_t pid = 0;

	if (fd >= 0) {
		if (fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK) {
			pid = lock.l_pid;
		}
		close(fd);
	}
	return pid;
}

const char *owner_tell(const char *folder, char *ret_text, size_t size)
{
	char owner[OWNER_MAX] = "";
	FILE *file = owner_open(folder, "re");
	pid_t pid = lock_pid(folder);

	if (file != NULL) {
		if (fgets(owner, sizeof(owner), file) == NULL) {
			owner[0] = '\0';
		}
		owner[strcspn(owner, "\n")] = '\0';
		fclose(file);
	}
	if (owner[0] != '\0') {
		snprintf(ret_text, size, "already owned by %s", owner);
	} else if (pid > 0) {
		snprintf(ret_text, size, "already owned by the process with pid %ld", (long)pid);
	} else {
		snprintf(ret_text, size, "already owned by another process");
	}
	return ret_text;
}
