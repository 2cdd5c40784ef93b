/* SPDX-License-Identifier: MIT */
/* What a configuration needs from the machine: free addresses, writable folders, scripts that compile. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "load.h"
#include "listen.h"

#define SCRIPTS_MAX 1000u /* files of one folder that are compiled */

/* The inode of the socket that listens on a TCP port, from /proc/net/tcp and tcp6; 0 = not found. */
static unsigned long listener_inode(uint16_t port)
{
	static const char *const tables[] = { "/proc/net/tcp", "/proc/net/tcp6" };
	unsigned long found = 0;

	for (size_t i = 0; i < 2 && found == 0; i++) {
		FILE *file = fopen(tables[i], "re");
		char line[512];

		while (file != NULL && found == 0 && fgets(line, sizeof(line), file) != NULL) {
			unsigned local_port, state;
			unsigned long inode;

			/* sl local_address rem_address st queues tr:when retrnsmt uid timeout inode (proc(5)) */
			if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*d %*d %lu",
				   &local_port, &state, &inode) == 3 &&
			    state == 0x0a && local_port == port) {
				found = inode;
			}
		}
		if (file != NULL) {
			fclose(file);
		}
	}
	return found;
}

/* Whether a process has the socket of this inode open. Others' processes cannot be looked into: then no. */
static bool process_holds(const char *pid, unsigned long inode)
{
	char path[64], link[PATH_MAX], target[64], wanted[64];
	DIR *dir;
	struct dirent *entry;
	bool holds = false;

	snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
	snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);
	dir = opendir(path);
	while (dir != NULL && !holds && (entry = readdir(dir)) != NULL) {
		snprintf(link, sizeof(link), "%s/%s", path, entry->d_name);
		ssize_t len = readlink(link, target, sizeof(target) - 1);

		if (len > 0) {
			target[len] = '\0';
			holds = strcmp(target, wanted) == 0;
		}
	}
	if (dir != NULL) {
		closedir(dir);
	}
	return holds;
}

/* Who listens on a port: "troupe, pid 4121". False if it cannot be told. */
static bool listener_owner(uint16_t port, char *buf, size_t size)
{
	unsigned long inode = listener_inode(port);
	DIR *dir = inode != 0 ? opendir("/proc") : NULL;
	struct dirent *entry;
	bool found = false;

	while (dir != NULL && !found && (entry = readdir(dir)) != NULL) {
		char path[64], name[64] = "?";
		FILE *file;

		if (entry->d_name[0] < '1' || entry->d_name[0] > '9' || !process_holds(entry->d_name, inode)) {
			continue;
		}
		snprintf(path, sizeof(path), "/proc/%.20s/comm", entry->d_name);
		file = fopen(path, "re");
		if (file != NULL) {
			if (fgets(name, sizeof(name), file) != NULL) {
				name[strcspn(name, "\n")] = '\0';
			}
			fclose(file);
		}
		snprintf(buf, size, "%s, pid %.20s", name, entry->d_name);
		found = true;
	}
	if (dir != NULL) {
		closedir(dir);
	}
	return found;
}

static void check_listener(const struct options_listener *listener, struct diag_list *diags)
{
	struct listen_address address;
	struct sockaddr_storage sockaddr;
	char owner[128];
	int one = 1;

	if (listen_parse(listener->address, "127.0.0.1", &address) != NULL) {
		return;
	}
	socklen_t len = listen_sockaddr(&address, &sockaddr);
	int fd = socket(sockaddr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* As the host binds: a connection that lingers from an earlier run does not count. */
	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
	    bind(fd, (struct sockaddr *)&sockaddr, len) == 0 && listen(fd, 1) == 0) {
		close(fd);
		return;
	}
	int error = errno;
	struct diag *diag = diag_add(diags, DIAG_ERROR, "C0301", "cannot listen on %s: %s", listener->address,
				     error == EADDRINUSE ? "in use" : strerror(error));

	place_show(diags, diag, &listener->place);
	if (error == EADDRINUSE && listener_owner(address.port, owner, sizeof(owner))) {
		diag_note(diags, diag, "held by %s", owner);
	}
	diag_help(diags, diag, error == EADDRINUSE ? "stop what holds it, or set another port"
						    : "use an address of this machine and a port that you may bind");
	if (fd >= 0) {
		close(fd);
	}
}

/* The nearest folder that exists must be writable. Nothing is made. */
static void check_state(const struct config *config, struct diag_list *diags)
{
	char path[PATH_MAX];
	struct stat st;
	int r;

	snprintf(path, sizeof(path), "%s", config->state);
	while ((r = stat(path, &st)) < 0 && errno == ENOENT) {
		char *slash = strrchr(path, '/');

		if (slash == NULL || slash == path) {
			snprintf(path, sizeof(path), "/");
			r = stat(path, &st);
			break;
		}
		*slash = '\0';
	}
	errno = r == 0 && !S_ISDIR(st.st_mode) ? ENOTDIR : errno;
	if (r < 0 || !S_ISDIR(st.st_mode) || access(path, W_OK | X_OK) < 0) {
		struct diag *diag = diag_add(diags, DIAG_ERROR, "C0302", "cannot write the state folder %s: %s: %s",
					     config->state, path, strerror(errno));

		diag_help(diags, diag, "give its owner the right to write, or name another: --state DIR");
	}
}

static bool is_lua(const char *name)
{
	size_t len = strlen(name);

	return len > 4 && strcmp(name + len - 4, ".lua") == 0;
}

static int is_lua_entry(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && is_lua(entry->d_name);
}

static void check_source(const struct options_source *source, struct diag_list *diags)
{
	struct stat st;
	struct dirent **entries = NULL;

	if (stat(source->path, &st) < 0 || access(source->path, R_OK) < 0) {
		struct diag *diag = diag_add(diags, DIAG_ERROR, "C0304", "cannot read %s: %s", source->path,
					     strerror(errno));

		place_show(diags, diag, &source->place);
		diag_help(diags, diag, "a relative path starts at the folder of the configuration");
		return;
	}
	if (!S_ISDIR(st.st_mode)) {
		if (is_lua(source->path)) {
			script_compile(diags, source->path);
		}
		return;
	}
	int len = scandir(source->path, &entries, is_lua_entry, alphasort);

	for (int i = 0; i < len; i++) {
		char path[PATH_MAX];

		if ((unsigned)i < SCRIPTS_MAX &&
		    snprintf(path, sizeof(path), "%s/%s", source->path, entries[i]->d_name) < (int)sizeof(path)) {
			script_compile(diags, path);
		}
		free(entries[i]);
	}
	free(entries);
}

static bool is_local(const struct config *config, uint32_t instance)
{
	for (uint32_t i = 0; i < config->local_len; i++) {
		if (config->local[i] == &config->instances[instance]) {
			return true;
		}
	}
	return false;
}

void check_surroundings(const struct config *config, struct diag_list *diags)
{
	for (const struct options_listener *l = config->found->listeners; l != NULL; l = l->next) {
		if (is_local(config, l->owner)) {
			check_listener(l, diags);
		}
	}
	check_state(config, diags);
	for (const struct options_source *s = config->found->sources; s != NULL; s = s->next) {
		bool seen = false;

		/* Three mechanics with one folder of scripts: once is enough. */
		for (const struct options_source *t = config->found->sources; t != s && !seen; t = t->next) {
			seen = strcmp(s->path, t->path) == 0;
		}
		if (!seen && is_local(config, s->owner)) {
			check_source(s, diags);
		}
	}
}
