/* SPDX-License-Identifier: MIT */
/* What the commands that look at a configuration without running it have in common. */
#include "look.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "diag.h"

void look_init(struct look *look)
{
	*look = (struct look){ .request = { .all_hosts = 1, .state = getenv("TROUPE_STATE") } };
	look->request.sets = look->sets;
}

int look_argument(struct look *look, int argc, char **argv, int *at, const char *const *known)
{
	struct config_request *request = &look->request;
	const char *value = NULL;
	int r;

	if (strcmp(argv[*at], "--json") == 0) {
		look->json = true;
		(*at)++;
		return 0;
	}
	if ((r = command_option(argc, argv, at, "host", &request->host)) != 0 ||
	    (r = command_option(argc, argv, at, "state", &request->state)) != 0) {
		return r < 0 ? EXIT_USAGE : 0;
	}
	if ((r = command_option(argc, argv, at, "set", &value)) != 0) {
		if (r < 0 || request->sets_len == LOOK_SETS_MAX) {
			return EXIT_USAGE;
		}
		look->sets[request->sets_len++] = value;
		return 0;
	}
	if (argv[*at][0] == '-' || request->path != NULL) {
		return command_unknown(argv[0], argv[*at], known);
	}
	request->path = argv[(*at)++];
	return 0;
}

int look_file(const struct look *look, const char *command)
{
	if (look->request.path != NULL) {
		return 0;
	}
	fprintf(stderr, "troupe %s: which file? For example: troupe %s conf/standalone.lua\n", command, command);
	return EXIT_USAGE;
}

struct config *look_load(const struct look *look)
{
	struct diag_list *diags = diag_list_create();
	struct config *config = NULL;

	if (diags != NULL) {
		config_load(&look->request, &config, diags);
		diag_print_text(diags, stderr);
	}
	diag_list_free(diags);
	return config;
}
