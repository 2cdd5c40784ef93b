/* SPDX-License-Identifier: MIT */
/* The commands in plugins' tables: how they are spelled, and that no two are spelled alike. */
#include "commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "descriptor.h"

static bool (*commands_reserved)(const char *word); /* [main] */

void loader_reserve(bool (*is_taken)(const char *word))
{
	commands_reserved = is_taken;
}

const struct troupe_command *commands_at(const struct troupe_plugin *plugin, unsigned index)
{
	const struct troupe_command *command;

	if (plugin->commands == NULL) {
		return NULL;
	}
	command = (const void *)((const char *)plugin->commands + (size_t)index * plugin->command_size);
	return command->verb != NULL ? command : NULL;
}

size_t commands_noun(const struct troupe_command *command)
{
	size_t len = strcspn(command->verb, " ");

	return command->verb[len] == ' ' || (command->flags & TROUPE_COMMAND_NOUN) != 0 ? len : 0;
}

bool commands_has_noun(const struct troupe_command *command, const char *noun)
{
	size_t len = commands_noun(command);

	return len != 0 && strlen(noun) == len && strncmp(command->verb, noun, len) == 0;
}

unsigned commands_match(const struct troupe_command *command, char *const *words, unsigned words_len)
{
	size_t len = strcspn(command->verb, " ");

	if (words_len == 0 || strlen(words[0]) != len || strncmp(command->verb, words[0], len) != 0) {
		return 0;
	}
	if (command->verb[len] == '\0') {
		return 1;
	}
	return words_len > 1 && strcmp(command->verb + len + 1, words[1]) == 0 ? 2 : 0;
}

const struct troupe_command *commands_find(const struct troupe_plugin *plugin, char *const *words, unsigned words_len)
{
	const struct troupe_command *command;

	for (unsigned i = 0; (command = commands_at(plugin, i)) != NULL; i++) {
		if (commands_match(command, words, words_len) != 0) {
			return command;
		}
	}
	return NULL;
}

void commands_name(char *out, size_t size, const struct troupe_plugin *plugin, const struct troupe_command *command)
{
	bool noun = commands_noun(command) != 0;

	snprintf(out, size, "%s%s%s", noun ? "" : plugin->name, noun ? "" : " ", command->verb);
}

/* Whether a command with a noun can be taken for one of `other`. */
static bool is_taken(const struct troupe_command *command, const struct troupe_plugin *other)
{
	size_t len = commands_noun(command);
	const struct troupe_command *one;
	bool lone = command->verb[len] == '\0';
	bool named = strlen(other->name) == len && strncmp(other->name, command->verb, len) == 0;

	for (unsigned i = 0; (one = commands_at(other, i)) != NULL; i++) {
		if ((commands_noun(one) != 0 && strcmp(one->verb, command->verb) == 0) ||
		    (named && !lone && strcmp(one->verb, command->verb + len + 1) == 0)) {
			return true;
		}
	}
	return named && lone;
}

static int check_against(const struct troupe_plugin *plugin, const struct troupe_plugin *other, const char *file,
			 struct loader_refusal *refusal)
{
	const struct troupe_command *command;

	for (unsigned i = 0; (command = commands_at(plugin, i)) != NULL; i++) {
		if (commands_noun(command) != 0 && is_taken(command, other)) {
			return refuse(refusal, "P0015", "give it another noun, or run only one of the two plugins",
				      "plugin %s: `troupe %s` of plugin %s is a command of plugin %s too", file, command->verb,
				      plugin->name, other->name);
		}
	}
	return 0;
}

int commands_check(const struct troupe_plugin *plugin, const char *file, struct loader_refusal *ret_refusal)
{
	const struct troupe_command *command;
	const struct troupe_plugin *other;
	char noun[80];

	for (unsigned i = 0; (command = commands_at(plugin, i)) != NULL; i++) {
		snprintf(noun, sizeof(noun), "%.*s", (int)commands_noun(command), command->verb);
		if (noun[0] != '\0' && commands_reserved != NULL &&
		    (commands_reserved(noun) || commands_reserved(command->verb))) {
			return refuse(ret_refusal, "P0015", "give it another noun",
				      "plugin %s, command `%s`: `troupe %s` is a command of the program", file, command->verb,
				      commands_reserved(noun) ? noun : command->verb);
		}
	}
	for (uint32_t i = 0; (other = loader_get(i, NULL)) != NULL; i++) {
		if (check_against(plugin, other, file, ret_refusal) < 0 ||
		    check_against(other, plugin, file, ret_refusal) < 0) {
			return -EINVAL;
		}
	}
	return 0;
}
