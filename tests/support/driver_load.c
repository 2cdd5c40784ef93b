/* SPDX-License-Identifier: MIT */
/* Loads a driver plugin for a test and lays out its options by their names. */
#include "tests/support/driver_load.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct troupe_plugin *driver_load(const char *plugins, const char *name)
{
	char path[4096];

	if (plugins == NULL) {
		plugins = getenv("TROUPE_PLUGINS");
	}
	snprintf(path, sizeof(path), "%s/%s.so", plugins != NULL ? plugins : "plugins/all", name);
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	const struct troupe_plugin *plugin = library != NULL ? dlsym(library, "troupe_entry") : NULL;

	if (plugin == NULL) {
		fprintf(stderr, "%s\n", dlerror());
	}
	return plugin;
}

static int64_t size_parse(const char *text)
{
	char *end;
	int64_t size = strtoll(text, &end, 10);

	if (strcmp(end, "kb") == 0) {
		size <<= 10;
	} else if (strcmp(end, "mb") == 0) {
		size <<= 20;
	} else if (strcmp(end, "gb") == 0) {
		size <<= 30;
	}
	return size;
}

static void option_set(uint8_t *options, const struct troupe_option *option, const char *text)
{
	int64_t number = option->type == TROUPE_OPTION_BOOL ? strcmp(text, "true") == 0 : size_parse(text);

	if (option->type == TROUPE_OPTION_STRING || option->type == TROUPE_OPTION_PATH) {
		memcpy(options + option->offset, &text, sizeof(text));
	} else {
		memcpy(options + option->offset, &number, sizeof(number));
	}
}

void *driver_options(const struct troupe_plugin *plugin, ...)
{
	uint8_t *options = calloc(1, plugin->driver->options_size);
	const struct troupe_option *option;
	const char *pair;
	va_list list;

	if (options == NULL) {
		abort();
	}
	for (option = plugin->options; option->name != NULL; option++) {
		if (option->fallback != NULL) {
			option_set(options, option, option->fallback);
		}
	}
	va_start(list, plugin);
	while ((pair = va_arg(list, const char *)) != NULL) {
		size_t len = strcspn(pair, "=");

		for (option = plugin->options; option->name != NULL; option++) {
			if (strlen(option->name) == len && memcmp(option->name, pair, len) == 0) {
				option_set(options, option, pair + len + 1);
				break;
			}
		}
		if (option->name == NULL) {
			fprintf(stderr, "%s has no option for \"%s\"\n", plugin->name, pair);
			abort();
		}
	}
	va_end(list);
	return options;
}
