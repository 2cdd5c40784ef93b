/* SPDX-License-Identifier: MIT */
/* `troupe client`: a player in the terminal, or one that follows a script. */
#include "client.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tasks.h"
#include "options.h"

const char client_usage[] =
	"usage: troupe client [--connect HOST:PORT] [--trace] [SCRIPT.lua [ARGUMENT...]]\n"
	"\n"
	"  troupe client                    play: type `help`, or `play NAME PASSWORD`\n"
	"  troupe client walk.lua ann       run a script; `player()` makes a player in it\n"
	"\n"
	"  --connect HOST:PORT   the account server (127.0.0.1:9340)\n"
	"  --trace               print every message and whom it went to or came from\n"
	"\n"
	"exit codes: 0 done, 1 the script failed or an answer was not what it expected, 2 wrong usage\n";

/* A typed line runs as a coroutine of its own, so that what others do is shown while it waits. NULL: nothing more comes. */
static int run_line(struct tasks *tasks, const char *line)
{
	lua_State *L = tasks_lua(tasks);

	lua_getglobal(L, "net");
	lua_getfield(L, -1, "typed");
	lua_remove(L, -2);
	lua_pushstring(L, line);
	tasks_start(tasks, 1, 0);
	lua_getglobal(L, "net");
	lua_getfield(L, -1, "quit");
	int quit = lua_toboolean(L, -1);

	lua_pop(L, 2);
	return quit;
}

static int interactive(struct tasks *tasks)
{
	static const char setup[] = "local me = interactive()\n"
				    "function net.typed(line)\n"
				    "	if not line then me:close() elseif not prompt(me, line) then net.quit = true end\n"
				    "end\n";
	char line[1024];
	size_t len = 0;
	int tty = isatty(STDIN_FILENO), quit = 0;

	if (tasks_load(tasks, NULL, setup) != 0) {
		return 1;
	}
	tasks_start(tasks, 0, 0);
	if (tty) {
		printf("type `help`, or `play NAME PASSWORD` to begin\n");
	}
	while (!quit) {
		ssize_t n;

		fflush(stdout);
		/* a script on standard input is followed line by line: the next one when the last has its answer */
		if (!tasks_step(tasks, -1, tty || tasks_running(tasks) == 0 ? STDIN_FILENO : -1)) {
			continue;
		}
		n = read(STDIN_FILENO, line + len, tty ? sizeof(line) - 1 - len : 1);
		if (n <= 0) {
			break;
		}
		len += (size_t)n;
		line[len] = '\0';
		for (char *end; !quit && (end = strchr(line, '\n')) != NULL;) {
			*end = '\0';
			quit = run_line(tasks, line);
			len -= (size_t)(end + 1 - line);
			memmove(line, end + 1, len + 1);
		}
		if (len == sizeof(line) - 1) {
			len = 0; /* nobody types a line that long */
		}
	}
	while (!tty && !quit && tasks_running(tasks) > 0) {
		tasks_step(tasks, -1, -1);
	}
	run_line(tasks, NULL); /* out of the world at once: who is only cut off is kept in it */
	while (tasks_running(tasks) > 0) {
		tasks_step(tasks, -1, -1);
	}
	return tasks_failed(tasks) > 0;
}

static int script(struct tasks *tasks, const char *path, int argc, char **argv)
{
	lua_State *L = tasks_lua(tasks);

	if (tasks_load(tasks, path, NULL) != 0) {
		return 1;
	}
	for (int i = 0; i < argc; i++) {
		lua_pushstring(L, argv[i]);
	}
	tasks_start(tasks, argc, 0);
	while (tasks_running(tasks) > 0 && tasks_failed(tasks) == 0) {
		tasks_step(tasks, -1, -1);
	}
	return tasks_failed(tasks) > 0;
}

int client_main(int argc, char **argv)
{
	struct client_options options = { 0 };
	struct tasks_settings settings = { 0 };
	struct tasks *tasks;
	int at = client_options_read(argc, argv, &options), result;

	if (at < 0) {
		return 2;
	}
	settings.trace = options.trace;
	tasks = tasks_create(&settings);
	if (tasks == NULL) {
		fprintf(stderr, "troupe client: no memory or no descriptors left\n");
		return 1;
	}
	client_options_apply(&options, tasks);
	result = at < argc ? script(tasks, argv[at], argc - at - 1, argv + at + 1) : interactive(tasks);
	tasks_free(tasks);
	return result;
}
