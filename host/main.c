/* SPDX-License-Identifier: MIT */
/* The program: picks the command named on the command line. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "control/client.h"
#include "plugin/loader.h"

static void print_help(FILE *out)
{
	fputs("usage: troupe COMMAND [ARGUMENT...]\n\n", out);
	for (const struct command *command = commands; command->name != NULL; command++) {
		if (!command->hidden) {
			fprintf(out, "  %-10s %s\n", command->name, command->summary);
		}
	}
	fputs("\n  help       this list; troupe COMMAND --help says more\n"
	      "  version    the program's version\n",
	      out);
}

static const struct command *find(const char *name)
{
	for (const struct command *command = commands; command->name != NULL; command++) {
		if (strcmp(command->name, name) == 0) {
			return command;
		}
	}
	return NULL;
}

/* Words that no plugin's command may begin with. */
static bool is_command(const char *word)
{
	return find(word) != NULL || strcmp(word, "help") == 0 || strcmp(word, "version") == 0;
}

int main(int argc, char **argv)
{
	loader_reserve(is_command);
	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	const char *word = argv[1];

	if (strcmp(word, "--version") == 0 || strcmp(word, "version") == 0) {
		puts("troupe " PACKAGE_VERSION);
		return EXIT_DONE;
	}
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || (strcmp(word, "help") == 0 && argc == 2)) {
		print_help(stdout);
		return EXIT_DONE;
	}
	bool help = strcmp(word, "help") == 0;
	const struct command *command = find(help ? argv[2] : word);

	if (command == NULL) {
		/* a role's name, perhaps: a running host knows */
		return operator_role_main(argc - 1, argv + 1);
	}
	for (int i = 2; i < argc && !help; i++) {
		help = strcmp(argv[i], "--help") == 0;
	}
	if (help && command->usage != NULL) {
		fputs(command->usage, stdout);
		return EXIT_DONE;
	}
	return command->run(argc - 1, argv + 1);
}
