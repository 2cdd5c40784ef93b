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
#include "terminal.h"

const char client_usage[] =
	"usage: troupe client [--as NAME] [--plain] [--connect HOST:PORT] [--trace] [SCRIPT.lua [ARGUMENT...]]\n"
	"\n"
	"  troupe client --as ann           play as ann on a map, after the password; `?` lists the keys\n"
	"  troupe client                    type `help`, or `play NAME PASSWORD`\n"
	"  troupe client walk.lua ann       run a script; `player()` makes a player in it\n"
	"\n"
	"  --plain               lines of text, no map; without colours with NO_COLOR=1\n"
	"  --connect HOST:PORT   the account server (127.0.0.1:9340)\n"
	"  --trace               print every message and whom it went to or came from\n"
	"\n"
	"exit codes: 0 done, 1 the script failed or an answer was not what it expected, 2 wrong usage\n";

/* A typed line runs as a coroutine of its own, so that what others do is shown while it waits. NULL: nothing more comes. */
static void run_line(struct tasks *tasks, const char *line)
{
	lua_State *L = tasks_lua(tasks);

	lua_getglobal(L, "net");
	lua_getfield(L, -1, "typed");
	lua_remove(L, -2);
	lua_pushstring(L, line);
	tasks_start(tasks, 1, 0);
}

static int flag(struct tasks *tasks, const char *name)
{
	lua_State *L = tasks_lua(tasks);

	lua_getglobal(L, "net");
	lua_getfield(L, -1, name);
	int set = lua_toboolean(L, -1);

	lua_pop(L, 2);
	return set;
}

/* Keys that were pressed while the map has the terminal. */
static void run_keys(struct tasks *tasks, const char *bytes, size_t len)
{
	lua_State *L = tasks_lua(tasks);

	lua_getglobal(L, "net");
	lua_getfield(L, -1, "keyed");
	lua_remove(L, -2);
	lua_pushlstring(L, bytes, len);
	tasks_start(tasks, 1, 1);
}

/* The player, who begins at once if he said as whom. Returns 0, or -1 after printing why. */
static int begin(struct tasks *tasks, const struct client_options *options, int tty)
{
	static const char setup[] = "local tty, user, password = ...\n"
				    "net.tty = tty\n"
				    "local me = interactive()\n"
				    "function net.typed(line)\n"
				    "	if not line then me:close() elseif not prompt(me, line) then net.quit = true end\n"
				    "end\n"
				    "if user then begin(me, user, password) end\n";
	char password[256];
	lua_State *L = tasks_lua(tasks);

	if (options->as != NULL && terminal_secret("password: ", password, sizeof(password)) != 0) {
		fprintf(stderr, "troupe client: no password\n");
		return -1;
	}
	if (tasks_load(tasks, NULL, setup) != 0) {
		return -1;
	}
	lua_pushboolean(L, tty);
	if (options->as != NULL) {
		lua_pushstring(L, options->as);
		lua_pushstring(L, password);
		explicit_bzero(password, sizeof(password));
	}
	tasks_start(tasks, options->as != NULL ? 3 : 1, 0);
	return 0;
}

/* The map is shown where it can be: in a terminal that moves its cursor. */
static int can_show(const struct client_options *options)
{
	const char *kind = getenv("TERM");

	return !options->plain && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && kind != NULL && kind[0] != '\0' &&
	       strcmp(kind, "dumb") != 0;
}

static int interactive(struct tasks *tasks, const struct client_options *options)
{
	char line[1024];
	size_t len = 0;
	int tty = isatty(STDIN_FILENO);

	if (begin(tasks, options, can_show(options)) != 0) {
		return 1;
	}
	if (tty && options->as == NULL) {
		printf("type `help`, or `play NAME PASSWORD` to begin\n");
	}
	while (!flag(tasks, "quit")) {
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
		if (terminal_is_open()) {
			run_keys(tasks, line, len);
			len = 0;
			continue;
		}
		for (char *end; !flag(tasks, "quit") && (end = strchr(line, '\n')) != NULL;) {
			*end = '\0';
			run_line(tasks, line);
			len -= (size_t)(end + 1 - line);
			memmove(line, end + 1, len + 1);
		}
		if (len == sizeof(line) - 1) {
			len = 0; /* nobody types a line that long */
		}
	}
	while (!tty && !flag(tasks, "quit") && tasks_running(tasks) > 0) {
		tasks_step(tasks, -1, -1);
	}
	terminal_close();
	run_line(tasks, NULL); /* out of the world at once: who is only cut off is kept in it */
	while (tasks_running(tasks) > 0) {
		tasks_step(tasks, -1, -1);
	}
	return tasks_failed(tasks) > 0 || flag(tasks, "failed");
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
	result = at < argc ? script(tasks, argv[at], argc - at - 1, argv + at + 1) : interactive(tasks, &options);
	tasks_free(tasks);
	return result;
}
