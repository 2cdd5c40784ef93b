/* SPDX-License-Identifier: MIT */
/* The table of commands, and what commands share. */
#include "command.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "bus/key_command.h"
#include "client/client.h"
#include "config/check.h"
#include "config/docs.h"
#include "config/limits.h"
#include "config/ports.h"
#include "config/words.h"
#include "control/client.h"
#include "control/tree.h"
#include "init.h"
#include "run.h"
#include "tools/tools.h"

const struct command commands[] = {
	{ "demo", "run the small game that comes with the program", demo_usage, demo_main, 0 },
	{ "init", "make a folder with a game to begin with", init_usage, init_main, 0 },
	{ "run", "run a host of a configuration", run_usage, run_main, 0 },
	{ "tree", "show the parts of a cluster, and what runs where", tree_usage, tree_main, 0 },
	{ "status", "show what a running host does", status_usage, operator_main, 0 },
	{ "stop", "end a running host", stop_usage, operator_main, 0 },
	{ "drain", "finish and stop an instance or a host", drain_usage, operator_main, 0 },
	{ "reload", "read configuration and scripts again", reload_usage, operator_main, 0 },
	{ "metrics", "print the metrics of a running host", metrics_usage, operator_main, 0 },
	{ "links", "show the links to other hosts", links_usage, operator_main, 0 },
	{ "log", "find and follow what all hosts have logged", log_usage, log_main, 0 },
	{ "client", "play, or run a script that plays", client_usage, client_main, 0 },
	{ "bots", "let many scripted players in, and measure", bots_usage, bots_main, 0 },
	{ "script test", "try the rules of a game without a server", script_test_usage, script_test_main, 0 },
	{ "record", "copy a running world into a file", record_usage, record_main, 0 },
	{ "replay", "run a recorded world again", replay_usage, replay_main, 0 },
	{ "bench commit", "measure the two ways to commit edits of blocks", bench_commit_usage, bench_commit_main, 0 },
	{ "check", "test a configuration without running it", check_usage, check_main, 0 },
	{ "key", "make, show or change the key of a host", key_usage, key_main, 0 },
	{ "limits", "say what a number of players needs", limits_usage, limits_main, 0 },
	{ "ports", "list every port of a configuration", ports_usage, ports_main, 0 },
	{ "explain", "say what an error code means", explain_usage, explain_main, 0 },
	{ "api lua", "print what scripts can call", api_lua_usage, api_lua_main, 1 },
	{ "api", "print reference pages", docs_usage, docs_main, 1 },
	{ NULL, NULL, NULL, NULL, 0 },
};

int command_option(int argc, char **argv, int *at, const char *name, const char **ret_value)
{
	const char *word = argv[*at];
	size_t len = strlen(name);

	if (strncmp(word, "--", 2) != 0 || strncmp(word + 2, name, len) != 0) {
		return 0;
	}
	if (word[len + 2] == '=') {
		*ret_value = word + len + 3;
		*at += 1;
		return 1;
	}
	if (word[len + 2] != '\0') {
		return 0;
	}
	if (*at + 1 >= argc) {
		fprintf(stderr, "troupe %s: --%s needs a value\n", argv[0], name);
		return -1;
	}
	*ret_value = argv[*at + 1];
	*at += 2;
	return 1;
}

int command_unknown(const char *command, const char *word, const char *const *known)
{
	struct words words;

	words_begin(&words, word);
	for (; known != NULL && *known != NULL; known++) {
		words_offer(&words, *known);
	}
	if (words.best != NULL) {
		fprintf(stderr, "troupe %s: unknown argument '%s'. Did you mean '%s'?\n", command, word, words.best);
	} else {
		fprintf(stderr, "troupe %s: unknown argument '%s'; try: troupe %s --help\n", command, word, command);
	}
	return EXIT_USAGE;
}

int command_not_found(const char *word)
{
	struct words words;

	words_begin(&words, word);
	for (const struct command *command = commands; command->name != NULL; command++) {
		if (!command->hidden) {
			words_offer(&words, command->name);
		}
	}
	words_offer(&words, "help");
	words_offer(&words, "version");
	if (words.best != NULL) {
		fprintf(stderr, "troupe: no command '%s'. Did you mean '%s'?\n", word, words.best);
	} else {
		fprintf(stderr, "troupe: no command '%s', and no host runs here whose roles might know it. Try: troupe help\n", word);
	}
	return EXIT_USAGE;
}
