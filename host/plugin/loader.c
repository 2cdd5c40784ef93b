/* SPDX-License-Identifier: MIT */
/* Loads plugins: finds the file, proves the descriptor step by step, and says why when it refuses. */
#include "loader.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <ltdl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "descriptor.h"

#define LOADER_ENTRY "troupe_entry"

struct loader_plugin {
	const struct troupe_plugin *plugin;
	char *path;
};

/* What is loaded, for the whole process: code is never unloaded, so this only grows. [main] */
static struct loader_plugin loader_plugins[LOADER_PLUGINS_MAX];
static uint32_t loader_len;
static int loader_ready;

const struct troupe_plugin *loader_get(uint32_t index, const char **ret_path)
{
	if (index >= loader_len) {
		return NULL;
	}
	if (ret_path != NULL) {
		*ret_path = loader_plugins[index].path;
	}
	return loader_plugins[index].plugin;
}

static int loader_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char **loader_names(const char *folder)
{
	DIR *dir = opendir(folder);
	size_t bytes = 0, count = 0;
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		bytes += strlen(entry->d_name) + 1;
		count++;
	}
	/* The folder may grow between the two rounds: what does not fit is left out. */
	char **names = malloc((count + 1) * sizeof(*names) + bytes);
	char *text = (char *)(names + count + 1);
	size_t len = 0;

	if (dir != NULL && names != NULL) {
		rewinddir(dir);
		while (len < count && (entry = readdir(dir)) != NULL) {
			size_t n = strlen(entry->d_name);

			if (n < 4 || strcmp(entry->d_name + n - 3, ".so") != 0 || n - 2 > bytes ||
			    strspn(entry->d_name, "abcdefghijklmnopqrstuvwxyz0123456789_") != n - 3) {
				continue;
			}
			memcpy(text, entry->d_name, n - 3);
			text[n - 3] = '\0';
			names[len++] = text;
			text += n - 2;
			bytes -= n - 2;
		}
	}
	if (dir != NULL) {
		closedir(dir);
	}
	if (names != NULL) {
		names[len] = NULL;
		qsort(names, len, sizeof(*names), loader_compare);
	}
	return names;
}

/* Opens the file through libltdl once plain dlopen has proven that it can be: lt_dlerror says "file not found" for
 * every reason, dlerror says the true one. */
static int loader_open(const char *path, const char *file, lt_dlhandle *ret_handle, struct loader_refusal *refusal)
{
	lt_dladvise advise;

	if (!loader_ready && lt_dlinit() != 0) {
		return refuse(refusal, "P0003", NULL, "libltdl does not start: %s", lt_dlerror());
	}
	loader_ready = 1;
	/* Not closed: the code is to stay, and closing would run its destructors. */
	if (dlopen(path, RTLD_NOW | RTLD_LOCAL) == NULL) {
		refuse(refusal, "P0003",
		       "install the library, or build the plugin with all that it uses (link with -Wl,-z,defs to see it then)",
		       "plugin %s cannot be loaded", file);
		snprintf(refusal->note, sizeof(refusal->note), "%s", dlerror());
		return -EINVAL;
	}
	if (lt_dladvise_init(&advise) != 0) {
		return refuse(refusal, "P0003", NULL, "plugin %s: %s", file, lt_dlerror());
	}
	lt_dladvise_local(&advise);
	lt_dladvise_resident(&advise);
	*ret_handle = lt_dlopenadvise(path, advise);
	lt_dladvise_destroy(&advise);
	if (*ret_handle == NULL) {
		return refuse(refusal, "P0003", NULL, "plugin %s: %s", file, lt_dlerror());
	}
	return 0;
}

/* How many bytes the file says that its descriptor has. */
static size_t loader_symbol_size(const void *symbol)
{
	Dl_info info;
	const ElfW(Sym) *entry = NULL;

	if (dladdr1(symbol, &info, (void **)&entry, RTLD_DL_SYMENT) == 0 || entry == NULL ||
	    info.dli_saddr != symbol) {
		return 0;
	}
	return entry->st_size;
}

static int loader_find(const char *folder, const char *name, char path[PATH_MAX], struct loader_refusal *refusal)
{
	char folder_path[PATH_MAX];
	size_t len = strlen(name);

	if (len == 0 || len > 64 || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != len) {
		return refuse(refusal, "P0002", "a plugin's name is made of a-z, 0-9 and _",
			      "`%.64s` is no name of a plugin", name);
	}
	/* A full path: a bare name would be looked for in LD_LIBRARY_PATH, /lib and others too. */
	if (realpath(folder, folder_path) == NULL) {
		return refuse(refusal, "P0001", "set TROUPE_PLUGINS to the folder that holds the plugins",
			      "there is no plugin folder %s: %s", folder, strerror(errno));
	}
	if (snprintf(path, PATH_MAX, "%s/%s.so", folder_path, name) >= PATH_MAX) {
		return refuse(refusal, "P0001", NULL, "the path of plugin %s is too long", name);
	}
	if (access(path, R_OK) != 0) {
		return refuse(refusal, "P0001",
			      "install it there, or set TROUPE_PLUGINS to the folder that holds the plugins",
			      "there is no plugin %s: %s", path, strerror(errno));
	}
	return 0;
}

int loader_load(const char *folder, const char *name, const struct troupe_plugin **ret_plugin,
		struct loader_refusal *ret_refusal)
{
	char path[PATH_MAX], file[80];
	lt_dlhandle handle;
	int r = loader_find(folder, name, path, ret_refusal);

	if (r < 0) {
		return r;
	}
	snprintf(file, sizeof(file), "%s.so", name);
	for (uint32_t i = 0; i < loader_len; i++) {
		if (strcmp(loader_plugins[i].path, path) == 0) {
			*ret_plugin = loader_plugins[i].plugin;
			return 0;
		}
		if (strcmp(loader_plugins[i].plugin->name, name) == 0) {
			refuse(ret_refusal, "P0011", "one process holds one plugin of a name: remove one of the files",
			       "plugin %s is loaded already", file);
			snprintf(ret_refusal->note, sizeof(ret_refusal->note), "version %s from %.200s; asked for %.200s",
				 loader_plugins[i].plugin->version, loader_plugins[i].path, path);
			return -EINVAL;
		}
	}
	if (loader_len == LOADER_PLUGINS_MAX) {
		return refuse(ret_refusal, "P0011", NULL, "plugin %s: %u plugins are loaded, no more fit", file,
			      LOADER_PLUGINS_MAX);
	}
	r = loader_open(path, file, &handle, ret_refusal);
	if (r < 0) {
		return r;
	}
	const void *symbol = lt_dlsym(handle, LOADER_ENTRY);

	if (symbol == NULL) {
		return refuse(ret_refusal, "P0004", "define: TROUPE_EXPORT const struct troupe_plugin troupe_entry = { ... };",
			      "plugin %s exports no " LOADER_ENTRY ": it is no plugin of this program", file);
	}
	r = descriptor_check(symbol, loader_symbol_size(symbol), file, name, ret_refusal);
	r = r == 0 ? commands_check(symbol, file, ret_refusal) : r;
	if (r < 0) {
		return r;
	}
	char *copy = strdup(path);

	if (copy == NULL) {
		return refuse(ret_refusal, "P0003", NULL, "plugin %s: no memory", file);
	}
	loader_plugins[loader_len++] = (struct loader_plugin){ symbol, copy };
	*ret_plugin = symbol;
	return 0;
}
