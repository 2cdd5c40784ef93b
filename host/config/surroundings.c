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

#include "host/net/address.h"
#include "check.h"
#include "load.h"

#define SCRIPTS_MAX 1000u /* files of one folder that are compiled */

static void check_listener(const struct options_listener *listener, struct diag_list *diags)
{
	struct troupe_error error = { .size = sizeof(error) };
	struct net_address address;

	if (net_address_parse(listener->address, NULL, &address, &error) != TROUPE_OK) {
		return;
	}
	int fd = net_address_listen(&address, listener->address, NULL, &error);
	if (fd >= 0) {
		close(fd);
		return;
	}
	struct diag *diag = diag_add(diags, DIAG_ERROR, "C0301", "%s", error.text);

	place_show(diags, diag, &listener->place);
	diag_help(diags, diag, "%s%s", error.help,
		  strstr(error.text, ": in use by ") != NULL ? "; if it is this one that runs: troupe check --offline" : "");
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
