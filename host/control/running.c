/* SPDX-License-Identifier: MIT */
/* Which processes of a cluster run on this machine, found by their control sockets. */
#include "host/control/running.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/control/socket.h"

struct look {
	struct running *list;
	uint32_t len;
	bool denied;
};

/* Returns whether the process of that folder answers and has been added. */
static bool look_at(struct look *look, const char *folder, const char *name, bool isolated)
{
	struct running *running = &look->list[look->len];
	int fd = look->len < RUNNING_MAX ? socket_connect(folder) : -ENOSPC;

	look->denied |= fd == -EACCES || fd == -EPERM;
	if (fd < 0 && fd != -EAGAIN) {
		return false;
	}
	if (fd >= 0) {
		close(fd);
	}
	running->isolated = isolated;
	snprintf(running->name, sizeof(running->name), "%s", name);
	snprintf(running->folder, sizeof(running->folder), "%s", folder);
	look->len++;
	return true;
}

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Calls `each` for every entry of a folder, in the order of names. */
static void look_through(struct look *look, const char *folder, const char *name,
			 void (*each)(struct look *look, const char *folder, const char *name))
{
	struct dirent **entries = NULL;
	int len = scandir(folder, &entries, visible, alphasort);

	for (int i = 0; i < len; i++) {
		char path[PATH_MAX], full[160];
		int path_len = snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		int full_len = snprintf(full, sizeof(full), "%s%s%s", name, name[0] != '\0' ? "/" : "", entries[i]->d_name);

		if (path_len < (int)sizeof(path) && full_len < (int)sizeof(full)) {
			each(look, path, full);
		}
		free(entries[i]);
	}
	free(entries);
}

static void each_instance(struct look *look, const char *folder, const char *name)
{
	look_at(look, folder, name, true);
}

static void each_part(struct look *look, const char *folder, const char *name)
{
	look_through(look, folder, name, each_instance);
}

static void each_host(struct look *look, const char *folder, const char *name)
{
	char path[PATH_MAX];

	if (look_at(look, folder, name, false) &&
	    snprintf(path, sizeof(path), "%s/isolated", folder) < (int)sizeof(path)) {
		look_through(look, path, "", each_part);
	}
}

struct running *running_list(const char *state, uint32_t *ret_len, int *ret_error)
{
	struct look look = { .list = calloc(RUNNING_MAX + 1, sizeof(*look.list)) };
	char path[PATH_MAX];

	*ret_len = 0;
	*ret_error = ENOMEM;
	if (look.list == NULL) {
		return NULL;
	}
	each_host(&look, state, "");
	if (snprintf(path, sizeof(path), "%s/hosts", state) < (int)sizeof(path)) {
		look_through(&look, path, "", each_host);
	}
	if (look.len == 0) {
		*ret_error = look.denied ? EACCES : ENOENT;
		free(look.list);
		return NULL;
	}
	*ret_len = look.len;
	*ret_error = 0;
	return look.list;
}
