/* SPDX-License-Identifier: MIT */
/* The commands in plugins' tables: how they are spelled, and that no two are spelled alike. */
#ifndef HOST_PLUGIN_COMMANDS_H
#define HOST_PLUGIN_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>

#include "loader.h"

/* commands_at returns the index-th command of a plugin, or NULL past the last. [any] */
const struct troupe_command *commands_at(const struct troupe_plugin *plugin, unsigned index);

/* commands_noun returns the length of the noun that a command begins with, 0 if it has none: then it follows a role's
 * name. [any] */
size_t commands_noun(const struct troupe_command *command);
/* commands_has_noun: does the command begin with this noun? [any] */
bool commands_has_noun(const struct troupe_command *command, const char *noun);

/* commands_match returns how many of these words spell the command's verb (with its noun): 1 or 2; 0 if they do not.
 * [any] */
unsigned commands_match(const struct troupe_command *command, char *const *words, unsigned words_len);
/* commands_find returns the plugin's command that the words begin with, or NULL. [any] */
const struct troupe_command *commands_find(const struct troupe_plugin *plugin, char *const *words, unsigned words_len);

/* commands_name writes what stands behind `troupe` for it: "billing grant", "world pause". [any] */
void commands_name(char *out, size_t size, const struct troupe_plugin *plugin, const struct troupe_command *command);

/* commands_check: is each noun of this plugin free? Not taken by the program (loader_reserve), by another plugin's name
 * that has the verb, or by the same command of another plugin. 0, or -EINVAL and *ret_refusal. [main] */
int commands_check(const struct troupe_plugin *plugin, const char *file, struct loader_refusal *ret_refusal);

#endif
