/* SPDX-License-Identifier: MIT */
/* Finds who listens on a port, so that "in use" can say by whom. */
#include "host/net/address.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATE_LISTEN 0x0au /* linux/include/net/tcp_states.h: TCP_LISTEN */

/* Returns the inode of a listening socket from /proc/net/tcp or tcp6 (proc_net_tcp.txt of the kernel), or 0. */
static unsigned long inode_find(const char *path, uint16_t port)
{
	FILE *file = fopen(path, "re");
	char line[512];
	unsigned long found = 0;

	if (file == NULL) {
		return 0;
	}
	while (found == 0 && fgets(line, sizeof(line), file) != NULL) {
		unsigned local_port, state;
		unsigned long inode;
		if (sscanf(line, " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*u %*u %lu", &local_port,
			   &state, &inode) == 3 &&
		    local_port == port && state == STATE_LISTEN) {
			found = inode;
		}
	}
	fclose(file);
	return found;
}

static bool process_holds(const char *pid, const char *wanted)
{
	char path[64 + 256], target[64];
	struct dirent *entry;
	bool holds = false;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
	folder = opendir(path);
	if (folder == NULL) {
		return false;
	}
	while (!holds && (entry = readdir(folder)) != NULL) {
		snprintf(path, sizeof(path), "/proc/%.20s/fd/%.20s", pid, entry->d_name);
		ssize_t len = readlink(path, target, sizeof(target) - 1);
		if (len > 0) {
			target[len] = '\0';
			holds = strcmp(target, wanted) == 0;
		}
	}
	closedir(folder);
	return holds;
}

static void process_name(const char *pid, char *name, size_t size)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
	file = fopen(path, "re");
	if (file == NULL || fgets(name, (int)size, file) == NULL) {
		snprintf(name, size, "a process");
	}
	if (file != NULL) {
		fclose(file);
	}
	name[strcspn(name, "\n")] = '\0';
}

bool net_address_holder(uint16_t port, char *ret_text, size_t size)
{
	unsigned long inode = inode_find("/proc/net/tcp", port);
	char wanted[64], name[32];
	struct dirent *entry;
	bool found = false;
	DIR *folder;

	if (inode == 0) {
		inode = inode_find("/proc/net/tcp6", port);
	}
	if (inode == 0) {
		return false;
	}
	snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);
	folder = opendir("/proc");
	if (folder == NULL) {
		return false;
	}
	while (!found && (entry = readdir(folder)) != NULL) {
		if (!isdigit((unsigned char)entry->d_name[0]) || !process_holds(entry->d_name, wanted)) {
			continue;
		}
		found = true;
		process_name(entry->d_name, name, sizeof(name));
		snprintf(ret_text, size, "%s, pid %s", name, entry->d_name);
	}
	closedir(folder);
	return found;
}
