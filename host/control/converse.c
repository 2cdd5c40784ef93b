/* SPDX-License-Identifier: MIT */
/* One command of an operator and what a host answers. */
#include "host/control/converse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/command.h"
#include "host/config/words.h"
#include "host/control/socket.h"

#define TIMEOUT_S 60

/* The host asks the kernel who this is; all that it cannot know is who called sudo. */
static void operator_name(char *name, size_t size)
{
	const char *sudo = getenv("SUDO_USER");

	if (geteuid() == 0 && sudo != NULL && strlen(sudo) < size) {
		snprintf(name, size, "%s", sudo);
	} else {
		socket_user(name, size);
	}
}

void operation_init(struct operation *operation, char **words)
{
	*operation = (struct operation){ .state = getenv("TROUPE_STATE"), .timeout_s = TIMEOUT_S, .fd = -1 };
	operation->request.id = 1;
	operation->request.words = words;
	operator_name(operation->request.operator_name, sizeof(operation->request.operator_name));
	if (operation->state == NULL || operation->state[0] == '\0') {
		operation->state = "data";
	}
}

int operation_fail(const struct operation *operation, int exit, const char *error, const char *help)
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

/* Lines, without anything else that drives a terminal. */
static void detail_show(const char *detail)
{
	size_t len = detail != NULL ? strlen(detail) : 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)detail[i];

		fputc((c < ' ' && c != '\n' && c != '\t') || c == 0x7f ? ' ' : c, stderr);
	}
	if (len > 0 && detail[len - 1] != '\n') {
		fputc('\n', stderr);
	}
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
	detail_show(control_answer_string(answer, "detail"));
}

static int answer_show(struct operation *operation, const struct control_answer *answer)
{
	int exit = control_answer_exit(answer);

	if (exit == 0 && control_answer_wait(answer) && !wait_end(operation)) {
		return operation_fail(operation, EXIT_FAILED, "the host has not ended yet", "`troupe status` shows what it waits for");
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
		bool late = false;
		struct control_answer *answer = request_send(operation) ? answer_read(operation, &late) : NULL;
		if (answer == NULL) {
			return operation_fail(operation, EXIT_FAILED,
					      late ? "the host did not answer in time; the outcome is unknown"
						   : "the host hung up; the outcome is unknown",
					      late ? "--timeout waits longer" : "");
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
			return asked ? operation_fail(operation, EXIT_FAILED, "not confirmed, nothing was done", "")
				     : operation_fail(operation, EXIT_USAGE, "this needs to be confirmed, nothing was done",
						      "add --yes in scripts");
		}
		operation->request.confirmed = true;
	}
	return EXIT_FAILED;
}

static int operation_connect(struct operation *operation, const char *folder)
{
	struct timeval limit = { .tv_sec = operation->timeout_s };

	operation->fd = socket_connect(folder);
	if (operation->fd < 0) {
		return operation->fd;
	}
	setsockopt(operation->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(operation->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	return 0;
}

int operation_run(struct operation *operation, const char *folder)
{
	int r = operation_connect(operation, folder);

	if (r < 0) {
		return r;
	}
	r = converse(operation);
	close(operation->fd);
	text_clear(&operation->in);
	return r;
}

struct control_answer *operation_ask(const struct operation *operation, const char *folder, char **words,
				     unsigned words_len)
{
	struct operation asks = { .request = operation->request, .timeout_s = operation->timeout_s };
	struct control_answer *answer;
	bool late;

	asks.request.words = words;
	asks.request.words_len = words_len;
	if (operation_connect(&asks, folder) < 0) {
		return NULL;
	}
	answer = request_send(&asks) ? answer_read(&asks, &late) : NULL;
	close(asks.fd);
	text_clear(&asks.in);
	return answer;
}

int operation_refused(const struct operation *operation, const struct control_answer *answer)
{
	if (operation->json) {
		control_answer_json(answer, stdout);
	} else {
		refusal_show(answer);
	}
	return control_answer_exit(answer);
}
