/* SPDX-License-Identifier: MIT */
/* Loads a driver plugin for a test and lays out its options by their names. */
#ifndef TESTS_SUPPORT_DRIVER_LOAD_H
#define TESTS_SUPPORT_DRIVER_LOAD_H

#include "troupe/driver.h"

/* driver_load: the plugin `name` in the folder `plugins` (NULL = $TROUPE_PLUGINS); NULL and a line on stderr if it
 * cannot be loaded. It stays loaded. */
const struct troupe_plugin *driver_load(const char *plugins, const char *name);

/*
 * driver_options: the plugin's options with defaults, and then "name=value" for each further argument up to NULL; values
 * as in a config. Understands the types that drivers use: bool, int, size, string, path. Release with free(); the
 * strings given must outlive it. Ends the process when a name is unknown.
 */
void *driver_options(const struct troupe_plugin *plugin, ...);

#endif
