/* SPDX-License-Identifier: MIT */
/* `troupe api lua`: what scripts can call, from the tables that the calls themselves are checked by. */
#include <stdio.h>
#include <string.h>

#include "host/command.h"
#include "rules/api.h"
#include "tools.h"

const char api_lua_usage[] = "usage: troupe api lua [--types | --json]\n"
			     "\n"
			     "  troupe api lua            prints the reference as docs/reference/lua.md has it\n"
			     "  troupe api lua --types    prints types for editors (LuaCATS): game.d.lua\n"
			     "  troupe api lua --json     prints all of it for programs\n"
			     "\n"
			     "exit code: 0 done, 1 failed, 2 wrong usage\n";

int api_lua_main(int argc, char **argv)
{
	if (argc == 1) {
		api_markdown(stdout);
	} else if (argc == 2 && strcmp(argv[1], "--types") == 0) {
		api_types(stdout);
	} else if (argc == 2 && strcmp(argv[1], "--json") == 0) {
		api_json(stdout);
	} else {
		fputs(api_lua_usage, stderr);
		return EXIT_USAGE;
	}
	return ferror(stdout) ? EXIT_FAILED : EXIT_DONE;
}
