/* SPDX-License-Identifier: MIT */
/* The operator's side of the control socket. */
#include "host/control/client.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/command.h"
#include "host/config/words.h"
#include "host/control/json.h"
#include "host/control/socket.h"
#include "host/paths.h"

#define TIMEOUT_S 60

#define COMMON_USAGE \
	"  --state DIR     the state folder of the host (also: TROUPE_STATE); `data` without it\n" \
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

/* What the operator's own program takes out of the command line. */
struct operation {
	struct control_request request;
	const char *state;
	bool json, yes;
	long timeout_s;
	int fd;
	struct text in; /* bytes after the last line */
};

static int fail(const struct operation *operation, int exit, const char *error, const char *help)
{
	if (operation->json) {
		struct text out;
		text_init(&out, 8192);
		text_format(&out, "{\"exit\":%d", exit);
		text_member(&out, "error", error);
		text_member(&out, "help", help);
		printf("%s}\n", out.bytes != NULL ? out.bytes : "{\"exit\":1");
		text_clear(&out);
	} else {
		fprintf(stderr, "troupe: %s%s%s\n", error, help[0] != '\0' ? "; " : "", help);
	}
	return exit;
}

/* The host asks the kernel who this is; all that it cannot know is who called sudo. */
static void operator_name(char *name, size_t size)
{
	const char *sudo = getenv("SUDO_USER");

	socket_operator(geteuid(), sudo != NULL && strlen(sudo) < size ? sudo : "", name, size);
}

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
		} else if (!plain && (r = command_option(argc, argv, &i, "state", &operation->state)) != 0) {
			if (r < 0) {
				return EXIT_USAGE;
			}
		} else if (!plain && (r = command_option(argc, argv, &i, "timeout", &value)) != 0) {
			char *end = NULL;
			operation->timeout_s = r > 0 ? strtol(value, &end, 10) : 0;
			if (r < 0 || *end != '\0' || operation->timeout_s < 1 || operation->timeout_s > 86400) {
				return r < 0 ? EXIT_USAGE :
					       fail(operation, EXIT_USAGE, "--timeout takes seconds from 1 to 86400", "");
			}
		} else if (operation->request.words_len == CONTROL_WORDS_MAX) {
			return fail(operation, EXIT_USAGE, "too many arguments", "");
		} else {
			operation->request.words[operation->request.words_len++] = argv[i++];
		}
	}
	return 0;
}

/* --- talking to the host -------------------------------------------------------------------------- */

static int unreachable(const struct operation *operation, int error)
{
	char text[PATH_MAX + 128], folder[PATH_MAX];
	const char *shown = realpath(operation->state, folder) != NULL ? folder : operation->state;

	if (error == EACCES || error == EPERM) {
		snprintf(text, sizeof(text), "the host of the state folder %s belongs to another user", shown);
		return fail(operation, EXIT_NOT_ALLOWED, text, "run this as that user");
	}
	snprintf(text, sizeof(text), "no host runs with the state folder %s", shown);
	return fail(operation, EXIT_UNREACHABLE, text, "start one with `troupe run`, or name its folder with --state DIR");
}

static int host_connect(struct operation *operation)
{
	struct timeval limit = { .tv_sec = operation->timeout_s };

	operation->fd = socket_connect(operation->state);
	if (operation->fd < 0) {
		return operation->fd;
	}
	setsockopt(operation->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(operation->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	return 0;
}

static bool request_send(struct operation *operation)
{
	struct text line;
	size_t at = 0;

	text_init(&line, CONTROL_LINE_MAX);
	control_request_write(&line, &operation->request);
	while (!line.failed && at < line.len) {
		ssize_t sent = send(operation->fd, line.bytes + at, line.len - at, MSG_NOSIGNAL);
		if (sent <= 0) {
			break;
		}
		at += (size_t)sent;
	}
	bool whole = !line.failed && at == line.len;
	text_clear(&line);
	return whole;
}

/* NULL: the host hung up, said nonsense, or was silent too long; *ret_late tells the last apart. */
static struct control_answer *answer_read(struct operation *operation, bool *ret_late)
{
	char bytes[65536];
	const char *end;

	*ret_late = false;
	text_clear(&operation->in);
	text_init(&operation->in, CONTROL_ANSWER_MAX);
	do {
		ssize_t got = recv(operation->fd, bytes, sizeof(bytes), 0);
		if (got <= 0) {
			*ret_late = got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
			return NULL;
		}
		text_add(&operation->in, bytes, (size_t)got);
		if (operation->in.failed) {
			return NULL;
		}
		end = memchr(operation->in.bytes, '\n', operation->in.len);
	} while (end == NULL);
	return control_answer_parse(operation->in.bytes, (size_t)(end - operation->in.bytes));
}

/* Waits until the host hangs up. */
static bool wait_end(struct operation *operation)
{
	char bytes[256];
	ssize_t got;

	while ((got = recv(operation->fd, bytes, sizeof(bytes), 0)) > 0) {
	}
	return got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

/* --- the answer ----------------------------------------------------------------------------------- */

static bool confirmed(const struct control_answer *answer)
{
	const char *name = control_answer_string(answer, "confirm");
	char line[256];

	fprintf(stderr, "%s.\ntype \"%s\" to do it: ", control_answer_string(answer, "what"), name);
	fflush(stderr);
	if (fgets(line, sizeof(line), stdin) == NULL) {
		return false;
	}
	line[strcspn(line, "\n")] = '\0';
	return strcmp(line, name) == 0;
}

static void offer(void *arg, const char *word)
{
	words_offer(arg, word);
}

static void refusal_show(const struct control_answer *answer)
{
	const char *error = control_answer_string(answer, "error"), *help = control_answer_string(answer, "help");
	const char *word = control_answer_string(answer, "word");

	fprintf(stderr, "troupe: %s", error != NULL ? error : "the host refused and did not say why");
	if (word != NULL) {
		struct words words;
		words_begin(&words, word);
		for (const struct command *command = commands; command->name != NULL; command++) {
			if (!command->hidden && strncmp(error, "no command or role", 18) == 0) {
				words_offer(&words, command->name);
			}
		}
		control_answer_each(answer, "known", offer, &words);
		if (words.best != NULL) {
			fprintf(stderr, ". Did you mean '%s'?", words.best);
		} else {
			fputs("; `troupe help` lists what there is", stderr);
		}
	} else if (help != NULL && help[0] != '\0') {
		fprintf(stderr, "; %s", help);
	}
	fputc('\n', stderr);
}

static int answer_show(struct operation *operation, const struct control_answer *answer)
{
	int exit = control_answer_exit(answer);

	if (exit == 0 && control_answer_wait(answer) && !wait_end(operation)) {
		return fail(operation, EXIT_FAILED, "the host has not ended yet", "`troupe status` shows what it waits for");
	}
	if (operation->json) {
		control_answer_json(answer, stdout);
	} else if (exit == 0) {
		control_answer_show(answer, stdout);
	} else {
		refusal_show(answer);
	}
	return exit;
}

/* Sends the request and asks for the name to be typed if the host wants that. */
static int converse(struct operation *operation)
{
	operation->request.confirmed = operation->yes;
	for (int round = 0; round < 2; round++) {
		bool late;
		struct control_answer *answer = request_send(operation) ? answer_read(operation, &late) : NULL;
		if (answer == NULL) {
			return late ? fail(operation, EXIT_FAILED, "the host did not answer in time; the outcome is unknown",
					   "--timeout waits longer") :
				      fail(operation, EXIT_FAILED, "the host hung up; the outcome is unknown", "");
		}
		if (control_answer_string(answer, "confirm") == NULL || round == 1) {
			int exit = answer_show(operation, answer);
			control_answer_free(answer);
			return exit;
		}
		bool asked = isatty(STDIN_FILENO) && !operation->json;
		bool sure = asked && confirmed(answer);
		control_answer_free(answer);
		if (!sure) {
			return asked ? fail(operation, EXIT_FAILED, "not confirmed, nothing was done", "") :
				       fail(operation, EXIT_USAGE, "this needs to be confirmed, nothing was done",
					    "add --yes in scripts");
		}
		operation->request.confirmed = true;
	}
	return EXIT_FAILED;
}

static void operation_init(struct operation *operation, char **words)
{
	*operation = (struct operation){ .state = getenv("TROUPE_STATE"), .timeout_s = TIMEOUT_S, .fd = -1 };
	operation->request.id = 1;
	operation->request.words = words;
	operator_name(operation->request.operator_name, sizeof(operation->request.operator_name));
	if (operation->state == NULL || operation->state[0] == '\0') {
		operation->state = "data";
	}
}

static int operation_run(struct operation *operation)
{
	int exit = converse(operation);

	close(operation->fd);
	text_clear(&operation->in);
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
	r = host_connect(&operation);
	return r < 0 ? unreachable(&operation, -r) : operation_run(&operation);
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

int operator_role_main(int argc, char **argv)
{
	char *words[CONTROL_WORDS_MAX + 1], help[] = "help";
	struct operation operation;

	operation_init(&operation, words);
	int r = arguments(&operation, argc, argv);
	if (r != 0) {
		return r;
	}
	if (operation.request.words_len == 2 && strcmp(words[1], "--help") == 0) {
		words[1] = help;
	}
	r = host_connect(&operation);
	if (r < 0) {
		const char *role = strcmp(argv[0], "help") == 0 && argc > 1 ? argv[1] : argv[0];
		return may_be_role(role) ? unreachable(&operation, -r) : command_not_found(role);
	}
	return operation_run(&operation);
}
