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
			fprintf(out, "  %-11s %s\n", command->name, command->summary);
		}
	}
	fputs("\n  help       this list; troupe COMMAND --help says more\n"
	      "  version    the program's version\n",
	      out);
}

/* find: the command of these words; a name of two words goes before one of one. *ret_words says how many it took. */
static const struct command *find(const char *first, const char *second, int *ret_words)
{
	size_t len = strlen(first);

	for (const struct command *command = commands; second != NULL && command->name != NULL; command++) {
		if (strncmp(command->name, first, len) == 0 && command->name[len] == ' ' &&
		    strcmp(command->name + len + 1, second) == 0) {
			*ret_words = 2;
			return command;
		}
	}
	*ret_words = 1;
	for (const struct command *command = commands; command->name != NULL; command++) {
		if (strcmp(command->name, first) == 0) {
			return command;
		}
	}
	return NULL;
}

/* Words that no plugin's command may begin with. */
static bool is_command(const char *word)
{
	int words;

	return find(word, NULL, &words) != NULL || strcmp(word, "help") == 0 || strcmp(word, "version") == 0;
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
	int words, first = help ? 2 : 1;
	const struct command *command = find(argv[first], first + 1 < argc ? argv[first + 1] : NULL, &words);

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
	return command->run(argc - words, argv + words);
}
