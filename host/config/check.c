/* SPDX-License-Identifier: MIT */
/* troupe check, troupe explain: looks at a configuration without running it. */
#include "check.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "codes.h"
#include "command.h"
#include "diag.h"
#include "effective.h"
#include "look.h"

const char check_usage[] =
	"usage: troupe check FILE [--host NAME] [--show-effective] [--json]\n"
	"\n"
	"  troupe check conf/standalone.lua                     everything at once, nothing is started\n"
	"  troupe check conf/standalone.lua --show-effective    every value and where it comes from\n"
	"\n"
	"Loads the plugins, lays out their options, resolves what roles need from each other, binds and\n"
	"closes addresses, looks at paths and compiles scripts.\n"
	"\n"
	"  --host NAME           look at what this host runs; all hosts without it\n"
	"  --offline             do not look at addresses, paths and scripts\n" LOOK_USAGE
	"\n"
	"exit code: 0 valid, 2 wrong usage, 3 invalid\n";

const char explain_usage[] = "usage: troupe explain CODE\n"
			     "\n"
			     "  troupe explain C0103      what the code of an error message means\n"
			     "  troupe explain            all codes\n"
			     "\n"
			     "exit code: 0 done, 2 no such code\n";

struct check_arguments {
	struct look look;
	int effective, offline;
};

static int check_arguments(int argc, char **argv, struct check_arguments *arguments)
{
	static const char *const known[] = { "--host", "--state", "--set", "--show-effective", "--json", "--offline",
					     "--help", NULL };
	int i = 1, r = 0;

	look_init(&arguments->look);
	while (i < argc && r == 0) {
		if (strcmp(argv[i], "--show-effective") == 0) {
			arguments->effective = 1;
			i++;
		} else if (strcmp(argv[i], "--offline") == 0) {
			arguments->offline = 1;
			i++;
		} else {
			r = look_argument(&arguments->look, argc, argv, &i, known);
		}
	}
	return r != 0 ? r : look_file(&arguments->look, "check");
}

int check_main(int argc, char **argv)
{
	struct check_arguments arguments = { 0 };
	struct diag_list *diags = diag_list_create();
	struct config *config = NULL;
	int r = check_arguments(argc, argv, &arguments);

	if (r != 0 || diags == NULL) {
		diag_list_free(diags);
		return r != 0 ? r : EXIT_FAILED;
	}
	if (config_load(&arguments.look.request, &config, diags) == 0 && !arguments.offline) {
		check_surroundings(config, diags);
	}
	uint32_t errors = diag_count(diags, DIAG_ERROR);

	if (config != NULL && arguments.effective) {
		diag_print_text(diags, stderr);
		if (arguments.look.json) {
			effective_print_json(config, stdout);
		} else {
			effective_print_text(config, stdout);
		}
	} else if (arguments.look.json) {
		diag_print_json(diags, stdout);
	} else {
		diag_print_text(diags, stderr);
		if (errors > 0) {
			fprintf(stderr, "%s: %u error%s\n", arguments.look.request.path, errors, errors > 1 ? "s" : "");
		} else {
			printf("%s: good; %u instances on %u host%s\n", arguments.look.request.path, config->instances_len,
			       config->hosts_len, config->hosts_len > 1 ? "s" : "");
		}
	}
	config_free(config);
	diag_list_free(diags);
	return errors > 0 ? EXIT_INVALID : EXIT_DONE;
}

int explain_main(int argc, char **argv)
{
	if (argc < 2) {
		for (const struct code *code = codes; code->code != NULL; code++) {
			printf("%s  %s\n", code->code, code->title);
		}
		return EXIT_DONE;
	}
	char upper[16];
	size_t len = 0;

	for (; argv[1][len] != '\0' && len < sizeof(upper) - 1; len++) {
		upper[len] = (char)toupper((unsigned char)argv[1][len]);
	}
	upper[len] = '\0';
	const struct code *code = codes_find(upper);

	if (code == NULL) {
		fprintf(stderr, "troupe explain: there is no code '%s'; all codes: troupe explain\n", argv[1]);
		return EXIT_USAGE;
	}
	printf("%s: %s\n%s\n", code->code, code->title, code->meaning);
	return EXIT_DONE;
}
