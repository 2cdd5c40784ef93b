/* SPDX-License-Identifier: MIT */
/* Reference pages made from the tables that the program itself works with. */
#include "docs.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codes.h"
#include "command.h"
#include "load.h"
#include "paths.h"
#include "plugin/commands.h"
#include "plugin/loader.h"

const char docs_usage[] = "usage: troupe api docs DIR\n"
			  "       troupe api options PLUGIN\n"
			  "\n"
			  "  troupe api docs docs/reference    writes options.md, commands.md and errors.md\n"
			  "  troupe api options frontend       prints the options as the plugin's README has them\n"
			  "\n"
			  "exit code: 0 done, 1 failed, 2 wrong usage\n";

/* A cell of a Markdown table. */
static void docs_cell(FILE *out, const char *text)
{
	fputs("| ", out);
	for (; text != NULL && *text != '\0'; text++) {
		if (*text == '|') {
			fputc('\\', out);
		}
		fputc(*text, out);
	}
	fputc(' ', out);
}

static void docs_rows(FILE *out, struct config_arena *arena, const char *prefix, const struct troupe_option *table,
		      uint32_t stride)
{
	const struct troupe_option *option = NULL;

	while ((option = options_next(table, stride, option)) != NULL) {
		const char *name = arena_print(arena, "%s%s", prefix, option->name);
		const char *fallback = (option->flags & TROUPE_OPTION_REQUIRED) != 0 ? "required"
				       : option->fallback != NULL ? arena_print(arena, "`%s`", option->fallback)
								  : "";

		docs_cell(out, arena_print(arena, "`%s`", name));
		docs_cell(out, options_type(option->type));
		docs_cell(out, fallback);
		docs_cell(out, options_range(arena, option));
		docs_cell(out, (option->flags & TROUPE_OPTION_LIVE) != 0 ? "live" : "restart");
		docs_cell(out, option->help);
		fputs("|\n", out);
		if (option->type == TROUPE_OPTION_BLOCK || option->type == TROUPE_OPTION_MAP) {
			const char *inner = arena_print(arena, option->type == TROUPE_OPTION_MAP ? "%s.NAME." : "%s.", name);

			docs_rows(out, arena, inner, option->fields, stride);
		}
	}
}

static void docs_table(FILE *out, struct config_arena *arena, const struct troupe_option *table, uint32_t stride)
{
	if (options_next(table, stride, NULL) == NULL) {
		fputs("None.\n", out);
		return;
	}
	fputs("| option | type | default | range | changes | what |\n|---|---|---|---|---|---|\n", out);
	docs_rows(out, arena, "", table, stride);
}

static void docs_list(FILE *out, const char *title, const char *const *list)
{
	for (uint32_t i = 0; list != NULL && list[i] != NULL; i++) {
		fprintf(out, "%s%s", i == 0 ? title : ", ", list[i]);
	}
	fputs(list != NULL && list[0] != NULL ? ".\n" : "", out);
}

/* A sentence that begins with a capital and ends with one full stop, however its writer left it. */
static void docs_sentence(FILE *out, const char *text)
{
	size_t len = text != NULL ? strlen(text) : 0;

	while (len > 0 && text[len - 1] == '.') {
		len--;
	}
	if (len > 0) {
		fprintf(out, "%c%.*s.", toupper((unsigned char)text[0]), (int)len - 1, text + 1);
	}
}

static void docs_options(FILE *out, struct config_arena *arena, const struct troupe_plugin *const *plugins)
{
	fputs("# Options\n\n"
	      "Made by `troupe api docs` from the program's tables. Durations and sizes are strings with a unit:\n"
	      "`\"50ms\"`, `\"2s\"`, `\"5m\"`, `\"1h\"`, `\"7d\"`; `\"64b\"`, `\"64kb\"`, `\"4mb\"`, `\"1gb\"`. `live` options\n"
	      "change with `troupe reload`, the others with a restart.\n\n"
	      "## cluster \"name\" { }\n\n",
	      out);
	docs_table(out, arena, cluster_table, sizeof(struct troupe_option));
	fputs("\n## host \"name\" { }\n\nWithout any host block one host runs everything.\n\n", out);
	docs_table(out, arena, host_table, sizeof(struct troupe_option));
	fputs("\n## Every instance\n\n", out);
	docs_table(out, arena, common_table, sizeof(struct troupe_option));
	for (; *plugins != NULL; plugins++) {
		fprintf(out, "\n## %s\n\n%s ", (*plugins)->name,
			(*plugins)->kind == TROUPE_PLUGIN_DRIVER ? "Database driver." : "Role.");
		docs_sentence(out, (*plugins)->summary);
		fputc('\n', out);
		docs_list(out, "Parts: ", (*plugins)->parts);
		docs_list(out, "Provides: ", (*plugins)->provides);
		docs_list(out, "Needs: ", (*plugins)->needs);
		docs_list(out, "Uses: ", (*plugins)->uses);
		fputc('\n', out);
		docs_table(out, arena, (*plugins)->options, (*plugins)->option_size);
	}
}

static void docs_verbs(FILE *out, struct config_arena *arena, const struct troupe_plugin *plugin)
{
	const struct troupe_command *command = plugin->commands;

	for (; command != NULL && command->verb != NULL;
	     command = (const void *)((const char *)command + plugin->command_size)) {
		const struct troupe_option *arg = NULL;
		char name[160];

		commands_name(name, sizeof(name), plugin, command);
		fprintf(out, "\n### troupe %s", name);
		while ((arg = options_next(command->args, plugin->option_size, arg)) != NULL) {
			fprintf(out, (arg->flags & TROUPE_OPTION_REQUIRED) != 0 ? " %s" : " [%s]", arg->name);
		}
		fputs("\n\n", out);
		docs_sentence(out, command->help);
		fprintf(out, " Right: `%s`.%s%s\n", command->right,
			(command->flags & TROUPE_COMMAND_CHANGES) != 0 ? " Changes something and is audited." : "",
			(command->flags & TROUPE_COMMAND_DANGEROUS) != 0 ? " Asks before it acts." : "");
		if (options_next(command->args, plugin->option_size, NULL) != NULL) {
			fputc('\n', out);
			docs_table(out, arena, command->args, plugin->option_size);
		}
	}
}

static void docs_commands(FILE *out, struct config_arena *arena, const struct troupe_plugin *const *plugins)
{
	fputs("# Commands\n\nMade by `troupe api docs` from the program's tables.\n\n"
	      "Exit codes: 0 done; 1 failed; 2 wrong usage; 3 configuration or script invalid; 4 host not reachable;\n"
	      "5 not allowed; 6 precondition changed; 7 partly done; 10 there are changes. A signal ends with 128 + its\n"
	      "number.\n",
	      out);
	for (const struct command *command = commands; command->name != NULL; command++) {
		if (!command->hidden) {
			fprintf(out, "\n## troupe %s\n\n", command->name);
			docs_sentence(out, command->summary);
			fputc('\n', out);
			if (command->usage != NULL) {
				fprintf(out, "\n```\n%s```\n", command->usage);
			}
		}
	}
	for (; *plugins != NULL; plugins++) {
		if ((*plugins)->commands != NULL && (*plugins)->commands->verb != NULL) {
			fprintf(out, "\n## Commands of %s\n", (*plugins)->name);
			docs_verbs(out, arena, *plugins);
		}
	}
}

static void docs_errors(FILE *out)
{
	fputs("# Error codes\n\nMade by `troupe api docs` from the program's tables. A code never changes its meaning;\n"
	      "`troupe explain CODE` shows its entry.\n",
	      out);
	for (const struct code *code = codes; code->code != NULL; code++) {
		fprintf(out, "\n## %s: %s\n\n%s\n", code->code, code->title, code->meaning);
	}
}

static FILE *docs_open(const char *folder, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "we");

	if (file == NULL) {
		fprintf(stderr, "troupe api: cannot write %s: %s\n", path, strerror(errno));
	}
	return file;
}

static int docs_close(FILE *file)
{
	int failed = ferror(file);

	return fclose(file) != 0 || failed ? EXIT_FAILED : EXIT_DONE;
}

static int docs_write(const char *folder, struct config_arena *arena, const struct troupe_plugin *const *plugins)
{
	FILE *file = docs_open(folder, "options.md");
	int r = EXIT_FAILED;

	if (file != NULL) {
		docs_options(file, arena, plugins);
		r = docs_close(file);
	}
	if (r == EXIT_DONE && (file = docs_open(folder, "commands.md")) != NULL) {
		docs_commands(file, arena, plugins);
		r = docs_close(file);
	}
	if (r == EXIT_DONE && file != NULL && (file = docs_open(folder, "errors.md")) != NULL) {
		docs_errors(file);
		r = docs_close(file);
	}
	return file == NULL ? EXIT_FAILED : r;
}

/* Loads every plugin of the folder, or the one of this name. Ends with NULL; NULL after a message. */
static const struct troupe_plugin **docs_plugins(struct config_arena *arena, const char *only)
{
	char folder[PATH_MAX];
	char **names = paths_plugins(folder, sizeof(folder)) == 0 ? loader_names(folder) : NULL;
	const struct troupe_plugin **plugins = NULL;
	struct loader_refusal refusal;
	uint32_t len = 0;

	while (names != NULL && names[len] != NULL) {
		len++;
	}
	plugins = arena_alloc(arena, ((size_t)len + 2) * sizeof(*plugins));
	len = 0;
	if (only != NULL && loader_load(folder, only, &plugins[len++], &refusal) < 0) {
		fprintf(stderr, "troupe api: %s\n", refusal.text);
		plugins = NULL;
	}
	for (uint32_t i = 0; only == NULL && plugins != NULL && names != NULL && names[i] != NULL; i++) {
		if (loader_load(folder, names[i], &plugins[len++], &refusal) < 0) {
			fprintf(stderr, "troupe api: %s\n", refusal.text);
			plugins = NULL;
		}
	}
	free(names);
	return plugins;
}

int docs_main(int argc, char **argv)
{
	bool pages = argc == 3 && strcmp(argv[1], "docs") == 0;

	if (!pages && !(argc == 3 && strcmp(argv[1], "options") == 0)) {
		fputs(docs_usage, stderr);
		return EXIT_USAGE;
	}
	struct config_arena *arena = arena_create();
	const struct troupe_plugin **plugins = docs_plugins(arena, pages ? NULL : argv[2]);
	int r = EXIT_FAILED;

	if (plugins != NULL && pages) {
		r = docs_write(argv[2], arena, plugins);
	} else if (plugins != NULL) {
		docs_table(stdout, arena, plugins[0]->options, plugins[0]->option_size);
		r = EXIT_DONE;
	}
	arena_free(arena);
	return r;
}
