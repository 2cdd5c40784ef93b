/* SPDX-License-Identifier: MIT */
/* The operator's side of the control socket. */
#include "host/control/client.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/command.h"
#include "host/config/words.h"
#include "host/control/converse.h"
#include "host/control/running.h"
#include "host/control/socket.h"
#include "host/paths.h"

#define COMMON_USAGE \
	"  --state DIR     the state folder of the host (also: TROUPE_STATE); `data` without it\n" \
	"  --host NAME     the host, where several of that folder run; status, reload and links take all without it\n" \
	"  --json          the answer as one JSON object\n" \
	"  --timeout S     how long to wait for the host, 60 without it\n"
#define EXIT_USAGE_TEXT \
	"\n" \
	"exit code: 0 done, 1 failed, 2 wrong usage, 4 no host runs there, 5 not allowed\n"

const char status_usage[] = "usage: troupe status [--json]\n"
			    "\n"
			    "  troupe status                     what runs, in which state, and what waits for what\n"
			    "  troupe status --state /srv/game   of the host with that state folder\n"
			    "\n" COMMON_USAGE EXIT_USAGE_TEXT;

const char stop_usage[] = "usage: troupe stop [--now] [--yes]\n"
			  "\n"
			  "  troupe stop          finishes what is begun, ends the host, and waits for that\n"
			  "  troupe stop --yes    without asking, for scripts\n"
			  "  troupe stop --now    drops what is under way\n"
			  "\n" COMMON_USAGE EXIT_USAGE_TEXT;

const char drain_usage[] = "usage: troupe drain [INSTANCE] [--yes]\n"
			   "\n"
			   "  troupe drain meadow/frontend.fe1    takes nobody new, finishes, and stops that instance\n"
			   "  troupe drain                        the same for the whole host\n"
			   "\n" COMMON_USAGE EXIT_USAGE_TEXT;

const char reload_usage[] = "usage: troupe reload [INSTANCE]\n"
			    "\n"
			    "  troupe reload                        configuration, scripts and data of every instance\n"
			    "  troupe reload meadow/mechanics.m1    of one\n"
			    "\n"
			    "What is wrong is refused as a whole and the old keeps running. Options that only a restart\n"
			    "applies are named.\n"
			    "\n" COMMON_USAGE EXIT_USAGE_TEXT;

const char metrics_usage[] = "usage: troupe metrics [--page]\n"
			     "\n"
			     "  troupe metrics           all metrics as Prometheus text\n"
			     "  troupe metrics --page    what each of them means, as Markdown\n"
			     "\n" COMMON_USAGE EXIT_USAGE_TEXT;

const char links_usage[] = "usage: troupe links [--json]\n"
			   "\n"
			   "  troupe links                     the links of this host to the others: state, trip, traffic\n"
			   "  troupe links --state /srv/game   of the host with that state folder\n"
			   "\n"
			   "`forwarded` counts messages passed on between base and shards for that host, `dropped` frames\n"
			   "that it did not send or that came again, `refused` messages in a name that is not its own.\n"
			   "\n" COMMON_USAGE EXIT_USAGE_TEXT;

static int arguments(struct operation *operation, int argc, char **argv)
{
	const char *value;
	bool plain = false; /* after -- */
	int i = 0, r;

	while (i < argc) {
		if (!plain && strcmp(argv[i], "--") == 0) {
			plain = true;
			i++;
		} else if (!plain && strcmp(argv[i], "--json") == 0) {
			operation->json = true;
			i++;
		} else if (!plain && strcmp(argv[i], "--yes") == 0) {
			operation->yes = true;
			i++;
		} else if (!plain && ((r = command_option(argc, argv, &i, "state", &operation->state)) != 0 ||
				      (r = command_option(argc, argv, &i, "host", &operation->host)) != 0)) {
			if (r < 0) {
				return EXIT_USAGE;
			}
		} else if (!plain && (r = command_option(argc, argv, &i, "timeout", &value)) != 0) {
			char *end = NULL;
			operation->timeout_s = r > 0 ? strtol(value, &end, 10) : 0;
			if (r < 0 || *end != '\0' || operation->timeout_s < 1 || operation->timeout_s > 86400) {
				return r < 0 ? EXIT_USAGE :
					       operation_fail(operation, EXIT_USAGE, "--timeout takes seconds from 1 to 86400", "");
			}
		} else if (operation->request.words_len == CONTROL_WORDS_MAX) {
			return operation_fail(operation, EXIT_USAGE, "too many arguments", "");
		} else {
			operation->request.words[operation->request.words_len++] = argv[i++];
		}
	}
	return 0;
}

static int unreachable(const struct operation *operation, int error)
{
	char text[PATH_MAX + 128], folder[PATH_MAX];
	const char *shown = realpath(operation->state, folder) != NULL ? folder : operation->state;

	if (error == EACCES || error == EPERM) {
		snprintf(text, sizeof(text), "the host of the state folder %s belongs to another user", shown);
		return operation_fail(operation, EXIT_NOT_ALLOWED, text, "run this as that user");
	}
	snprintf(text, sizeof(text), "no host runs with the state folder %s", shown);
	return operation_fail(operation, EXIT_UNREACHABLE, text, "start one with `troupe run`, or name its folder with --state DIR");
}

/* --- which host ----------------------------------------------------------------------------------- */

/* The names of hosts, or of the processes that know `word` when that is not NULL. */
static void names_put(struct text *out, const struct running *list, uint32_t len, const bool *only)
{
	bool first = true;

	for (uint32_t i = 0; i < len; i++) {
		if (only == NULL ? !list[i].isolated : only[i]) {
			text_format(out, "%s%s", first ? "" : ", ", list[i].name);
			first = false;
		}
	}
}

static int ask_which(const struct operation *operation, const struct running *list, uint32_t len, const bool *only)
{
	char text[2048];
	struct text out;

	text_init_fixed(&out, text, sizeof(text));
	text_put(&out, only == NULL ? "several hosts run here: " : "it runs in several processes: ");
	names_put(&out, list, len, only);
	return operation_fail(operation, EXIT_USAGE, text,
			      only == NULL ? "say which one with --host NAME"
					   : "name the instance in place of the role, or say --host NAME");
}

/* The folder of the only host of a configuration does not tell its name. */
static bool is_named(const struct operation *operation, const struct running *process)
{
	char status[] = "status", *words[] = { status, NULL };
	struct control_answer *answer;
	const char *name = process->name;
	bool named;

	if (name[0] != '\0') {
		return strcmp(name, operation->host) == 0;
	}
	answer = operation_ask(operation, process->folder, words, 1);
	name = answer != NULL ? control_answer_member(answer, "host") : NULL;
	named = name != NULL && strcmp(name, operation->host) == 0;
	control_answer_free(answer);
	return named;
}

/* Leaves in the list what --host names: that host and its isolated instances. Returns how many. */
static uint32_t list_narrow(const struct operation *operation, struct running *list, uint32_t len)
{
	uint32_t kept = 0;
	bool in = false;

	for (uint32_t i = 0; i < len; i++) {
		in = list[i].isolated ? in : is_named(operation, &list[i]);
		if (in) {
			list[kept++] = list[i];
		}
	}
	return kept;
}

static int host_missing(const struct operation *operation, const struct running *list, uint32_t len)
{
	char text[512], help[2048];
	struct text out;

	snprintf(text, sizeof(text), "no host %.64s runs with the state folder %.300s", operation->host, operation->state);
	text_init_fixed(&out, help, sizeof(help));
	text_put(&out, list[0].name[0] == '\0' ? "another one does: leave --host out" : "there run: ");
	names_put(&out, list, len, NULL);
	return operation_fail(operation, EXIT_UNREACHABLE, text, help);
}

/* Whether a plugin, and so a role perhaps, has this name; an instance's name has a slash. */
static bool may_be_role(const char *word)
{
	char folder[PATH_MAX], path[PATH_MAX + 64];

	if (strchr(word, '/') != NULL) {
		return true;
	}
	if (strlen(word) > 32 || paths_plugins(folder, sizeof(folder)) < 0) {
		return false;
	}
	snprintf(path, sizeof(path), "%s/%s.so", folder, word);
	return access(path, R_OK) == 0;
}

/* Finds the process that runs the role or instance `word`; when none does it is the first, whose answer then says so.
 * Returns EXIT_DONE, or what it returns after asking which of several. */
static int process_of(const struct operation *operation, const struct running *list, uint32_t len, char *word,
		      uint32_t *ret_index)
{
	char help[] = "help", *words[] = { help, word, NULL };
	bool knows[RUNNING_MAX] = { false };
	uint32_t count = 0;

	*ret_index = 0;
	for (uint32_t i = 0; i < len; i++) {
		struct control_answer *answer = operation_ask(operation, list[i].folder, words, 2);

		knows[i] = answer != NULL && control_answer_exit(answer) == EXIT_DONE;
		control_answer_free(answer);
		*ret_index = knows[i] && count == 0 ? i : *ret_index;
		count += knows[i];
	}
	/* a noun or a part, which any host finds its way from; but a role's instances are not alike */
	return count > 1 && may_be_role(word) ? ask_which(operation, list, len, knows) : EXIT_DONE;
}

static int process_run(struct operation *operation, const struct running *process)
{
	int r = operation_run(operation, process->folder);

	return r < 0 ? unreachable(operation, -r) : r;
}

/* One host after the other; the first failure is the exit code. */
static int each_host(struct operation *operation, const struct running *list, uint32_t len)
{
	int exit = EXIT_DONE;

	for (uint32_t i = 0; i < len; i++) {
		if (list[i].isolated) {
			continue;
		}
		if (!operation->json && strcmp(operation->request.words[0], "status") != 0) {
			printf("%shost %s:\n", i > 0 ? "\n" : "", list[i].name);
		} else if (!operation->json && i > 0) {
			putchar('\n');
		}
		int r = process_run(operation, &list[i]);

		exit = exit == EXIT_DONE ? r : exit;
		fflush(stdout);
	}
	return exit;
}

static int operate_among(struct operation *operation, struct running *list, uint32_t len, char *word)
{
	const char *verb = operation->request.words[0];
	uint32_t all = len, hosts = 0, index = 0;

	if (operation->host != NULL && (len = list_narrow(operation, list, len)) == 0) {
		return host_missing(operation, list, all);
	}
	for (uint32_t i = 0; i < len; i++) {
		hosts += !list[i].isolated;
	}
	if (word != NULL && len > 1) {
		int exit = process_of(operation, list, len, word, &index);

		if (exit != EXIT_DONE) {
			return exit;
		}
	} else if (hosts > 1) {
		bool all_at_once = strcmp(verb, "status") == 0 || strcmp(verb, "reload") == 0 || strcmp(verb, "links") == 0;

		return all_at_once ? each_host(operation, list, len) : ask_which(operation, list, len, NULL);
	}
	return process_run(operation, &list[index]);
}

/* Carries the operation out where it belongs. `word` is the role or instance that it is for, or NULL: a host itself. */
static int operate(struct operation *operation, char *word)
{
	uint32_t len;
	int error;
	struct running *list = running_list(operation->state, &len, &error);

	if (list == NULL) {
		return unreachable(operation, error);
	}
	int exit = operate_among(operation, list, len, word);

	free(list);
	return exit;
}

int operator_main(int argc, char **argv)
{
	char *words[CONTROL_WORDS_MAX + 1];
	struct operation operation;

	operation_init(&operation, words);
	int r = arguments(&operation, argc, argv);
	if (r != 0) {
		return r;
	}
	return operate(&operation, operation.request.words_len > 1 && words[1][0] != '-' ? words[1] : NULL);
}

int operator_role_main(int argc, char **argv)
{
	char *words[CONTROL_WORDS_MAX + 1], help[] = "help";
	struct operation operation;
	uint32_t len;
	int error;

	operation_init(&operation, words);
	int r = arguments(&operation, argc, argv);
	if (r != 0) {
		return r;
	}
	for (unsigned i = 1; i < operation.request.words_len; i++) {
		if (strcmp(words[i], "--help") == 0) {
			words[1] = help;
			operation.request.words_len = 2;
		}
	}
	char *role = strcmp(words[0], "help") == 0 && operation.request.words_len > 1 ? words[1] : words[0];
	struct running *list = running_list(operation.state, &len, &error);

	if (list == NULL && !may_be_role(role)) {
		return command_not_found(role);
	}
	free(list);
	return operate(&operation, role);
}

int operation_read(struct operation *operation, char **words, int argc, char **argv)
{
	operation_init(operation, words);
	return arguments(operation, argc, argv);
}

int operation_any(const struct operation *operation, char *ret_folder, size_t size)
{
	uint32_t all, len;
	int error, exit = EXIT_DONE;
	struct running *list = running_list(operation->state, &all, &error);

	if (list == NULL) {
		return unreachable(operation, error);
	}
	len = operation->host != NULL ? list_narrow(operation, list, all) : all;
	if (len == 0) {
		exit = host_missing(operation, list, all);
	} else {
		snprintf(ret_folder, size, "%s", list[0].folder);
	}
	free(list);
	return exit;
}
