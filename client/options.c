/* SPDX-License-Identifier: MIT */
/* The command line that client and bots share. */
#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int wrong(const char *command, const char *why, const char *word)
{
	fprintf(stderr, "troupe %s: %s '%s'; see troupe %s --help\n", command, why, word, command);
	return -1;
}

static int read_address(const char *text, struct client_options *options)
{
	const char *colon = strrchr(text, ':');
	char *end;

	if (colon == NULL || colon == text || (size_t)(colon - text) >= sizeof(options->host)) {
		return -1;
	}
	memcpy(options->host, text, (size_t)(colon - text));
	options->host[colon - text] = '\0';
	options->port = (unsigned)strtoul(colon + 1, &end, 10);
	return *end == '\0' && options->port > 0 && options->port < 65536 ? 0 : -1;
}

static int read_value(const char *name, const char *value, struct client_options *options)
{
	char *end = "";

	if (strcmp(name, "--connect") == 0) {
		return read_address(value, options);
	} else if (strcmp(name, "--count") == 0) {
		options->count = (unsigned)strtoul(value, &end, 10);
	} else if (strcmp(name, "--seconds") == 0) {
		options->seconds = strtod(value, &end);
	} else if (strcmp(name, "--as") == 0) {
		options->as = value;
	} else if (strcmp(name, "--ramp") == 0) {
		options->ramp_seconds = strtod(value, &end);
	} else {
		options->script = value;
	}
	return *end == '\0' ? 0 : -1;
}

int client_options_read(int argc, char **argv, struct client_options *ret_options)
{
	static const char *const valued[] = { "--connect", "--as", "--count", "--seconds", "--ramp", "--script", NULL };
	int bots = strcmp(argv[0], "bots") == 0, at = 1;

	strcpy(ret_options->host, "127.0.0.1");
	ret_options->port = 9340;
	ret_options->count = 10;
	ret_options->seconds = 10;
	ret_options->ramp_seconds = 1;
	for (; at < argc && argv[at][0] == '-'; at++) {
		int i = 0;

		if (strcmp(argv[at], "--trace") == 0) {
			ret_options->trace = 1;
			continue;
		}
		if (!bots && strcmp(argv[at], "--plain") == 0) {
			ret_options->plain = 1;
			continue;
		}
		if (bots && strcmp(argv[at], "--json") == 0) {
			ret_options->json = 1;
			continue;
		}
		while (valued[i] != NULL && strcmp(argv[at], valued[i]) != 0) {
			i++;
		}
		if (valued[i] == NULL || (i == 1 && bots) || (i > 1 && !bots)) {
			return wrong(argv[0], "no option", argv[at]);
		}
		if (at + 1 == argc) {
			return wrong(argv[0], "a value is missing after", argv[at]);
		}
		if (read_value(argv[at], argv[at + 1], ret_options) != 0) {
			return wrong(argv[0], "not a value for that option:", argv[at + 1]);
		}
		at++;
	}
	return at;
}

void client_options_apply(const struct client_options *options, struct tasks *tasks)
{
	lua_State *L = tasks_lua(tasks);

	lua_getglobal(L, "net");
	lua_pushstring(L, options->host);
	lua_setfield(L, -2, "host");
	lua_pushinteger(L, options->port);
	lua_setfield(L, -2, "port");
	lua_pop(L, 1);
}
