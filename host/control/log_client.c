/* SPDX-License-Identifier: MIT */
/* `troupe log`: what all hosts have logged, asked of one that runs here. */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/command.h"
#include "host/control/client.h"
#include "host/control/converse.h"
#include "host/control/log_lines.h"

#define LIMIT_MAX 1000u
#define POLL_MS 500
#define HELD_MS 1500 /* a line waits so long for older ones of other hosts */

const char log_usage[] =
	"usage: troupe log query [QUERY] | count [QUERY] | tail [QUERY] | where [HOST] | status | retention\n"
	"\n"
	"  troupe log query                                      the last 24 hours\n"
	"  troupe log query 'level >= warning and time > 2 days'\n"
	"  troupe log query '(limit = 50, full_context) order = o-17'\n"
	"  troupe log tail --all 'role = billing'                 what comes, of all hosts; Ctrl-C ends it\n"
	"  troupe log count 'text like \"timeout\" and time = yesterday'\n"
	"  troupe log where front                                 which log server holds that host\n"
	"\n"
	"  --all           tail: of all hosts, not only of the one that is asked\n"
	"  --lines N       tail: ends after N lines\n"
	"  --after PLACE   query: goes on behind a page\n"
	"  --state DIR, --host NAME, --timeout S    which host is asked, as in troupe status\n"
	"  --json          one JSON object a line\n"
	"\n"
	"fields: time level part role instance host account order trace code text {NAME}\n"
	"exit code: 0 done, 1 failed, 2 wrong usage, 4 no host runs there, 5 not allowed, 7 a log server did not answer\n";

struct log_client {
	struct operation operation;
	char folder[4096];
	char *words[CONTROL_WORDS_MAX + 1];
	char query[8192], after[128], follows[4096];
	bool all;
	unsigned long lines_max;
	struct log_lines lines;
};

/* --- arguments ------------------------------------------------------------------------------------ */

/* Takes what only `log` knows out of the command line; the rest is in client->words. 0, or an exit code. */
static int arguments(struct log_client *client, int argc, char **argv)
{
	char **rest = calloc((size_t)argc + 1, sizeof(char *));
	const char *value;
	int rest_len = 0, i = 0, r = 0;

	if (rest == NULL) {
		return EXIT_FAILED;
	}
	while (i < argc && r >= 0) {
		if (strcmp(argv[i], "--all") == 0) {
			client->all = true;
			i++;
		} else if ((r = command_option(argc, argv, &i, "lines", &value)) > 0) {
			client->lines_max = strtoul(value, NULL, 10);
		} else if (r == 0 && (r = command_option(argc, argv, &i, "after", &value)) > 0) {
			snprintf(client->after, sizeof(client->after), "%s", value);
		} else if (r == 0) {
			rest[rest_len++] = argv[i++];
		}
	}
	r = r < 0 ? EXIT_USAGE : operation_read(&client->operation, client->words, rest_len, rest);
	free(rest);
	return r;
}

/* The words behind the verb as one query. 0, or an exit code. */
static int query_join(struct log_client *client)
{
	size_t at = 0;

	for (unsigned i = 2; i < client->operation.request.words_len; i++) {
		if (client->words[i][0] == '-' && client->words[i][1] == '-') {
			return operation_fail(&client->operation, EXIT_USAGE, "unknown option", "try: troupe log --help");
		}
		at += (size_t)snprintf(client->query + at, sizeof(client->query) - at, "%s%s", i > 2 ? " " : "",
				       client->words[i]);
		if (at >= sizeof(client->query)) {
			return operation_fail(&client->operation, EXIT_USAGE, "the query is too long", "");
		}
	}
	return 0;
}

/* --- asking --------------------------------------------------------------------------------------- */

/* Shows where a query is wrong. */
static int fault_show(const struct log_client *client, const struct control_answer *answer)
{
	const char *help = control_answer_member(answer, "help");
	int64_t at = control_answer_number(answer, "at");

	if (client->operation.json) {
		control_answer_json(answer, stdout);
		return EXIT_USAGE;
	}
	fprintf(stderr, "troupe: %s\n  %s\n  ", control_answer_member(answer, "fault"), client->query);
	for (int64_t i = 0; i < at && client->query[i] != '\0'; i++) {
		/* one place for a character, whatever its length */
		if (((unsigned char)client->query[i] & 0xc0) != 0x80) {
			fputc(client->query[i] == '\t' ? '\t' : ' ', stderr);
		}
	}
	fprintf(stderr, "^\n%s%s", help != NULL ? help : "", help != NULL ? "\n" : "");
	return EXIT_USAGE;
}

/* One command to a log server; NULL and *ret_exit when there is nothing to be used. */
static struct control_answer *ask(struct log_client *client, char *verb, char *first, char *second, int *ret_exit)
{
	static char service[] = "log";
	char *words[] = { service, verb, first, second, NULL };
	unsigned len = second != NULL && second[0] != '\0' ? 4 : first != NULL ? 3 : 2;
	struct control_answer *answer = operation_ask(&client->operation, client->folder, words, len);

	*ret_exit = EXIT_FAILED;
	if (answer == NULL) {
		operation_fail(&client->operation, EXIT_FAILED, "the host did not answer", "--timeout waits longer");
		return NULL;
	}
	if (control_answer_exit(answer) != EXIT_DONE) {
		*ret_exit = operation_refused(&client->operation, answer);
	} else if (control_answer_member(answer, "fault") != NULL) {
		*ret_exit = fault_show(client, answer);
	} else {
		*ret_exit = control_answer_true(answer, "partial") ? EXIT_PARTLY : EXIT_DONE;
		return answer;
	}
	control_answer_free(answer);
	return NULL;
}

static void missing_show(void *arg, const char *name)
{
	(void)arg;
	fprintf(stderr, "partial: %s did not answer\n", name);
}

static void notice_show(void *arg, const char *text)
{
	(void)arg;
	fprintf(stderr, "%s\n", text);
}

static void remarks_show(const struct log_client *client, const struct control_answer *answer)
{
	if (!client->operation.json) {
		control_answer_strings(answer, "notices", notice_show, NULL);
		control_answer_strings(answer, "missing", missing_show, NULL);
	}
}

/* --- query ---------------------------------------------------------------------------------------- */

/* What a page does not show: as the last line of JSON, or in words. */
static void end_show(const struct log_client *client, const struct control_answer *answer, size_t shown)
{
	const char *next = control_answer_true(answer, "more") ? control_answer_member(answer, "next") : NULL;

	if (client->operation.json) {
		printf("{\"end\":true,\"lines\":%zu,\"partial\":%s,\"more\":%s", shown,
		       control_answer_true(answer, "partial") ? "true" : "false", next != NULL ? "true" : "false");
		printf(next != NULL ? ",\"next\":\"%s\"}\n" : "}\n", next);
		return;
	}
	remarks_show(client, answer);
	if (next != NULL) {
		fprintf(stderr, "there may be more before %s: raise the limit in front, (limit = %u), or add --after %s\n",
			control_answer_member(answer, "reached"), LIMIT_MAX, next);
	}
}

static int run_query(struct log_client *client)
{
	char verb[] = "query";
	struct control_answer *answer = NULL;
	int exit = EXIT_FAILED, worst = EXIT_DONE;
	size_t shown, want = 1;

	/* an answer may be too small for all lines that are wanted */
	for (bool more = true; more && client->lines.len < want;) {
		struct control_answer *page = ask(client, verb, client->query, client->after, &exit);
		if (page == NULL) {
			if (answer != NULL) {
				control_answer_free(answer);
			}
			log_lines_clear(&client->lines);
			return exit;
		}
		if (answer != NULL) {
			control_answer_free(answer);
		}
		answer = page;
		size_t got = log_lines_add(&client->lines, answer);
		want = (size_t)control_answer_number(answer, "limit");
		worst = exit != EXIT_DONE ? exit : worst;
		more = control_answer_true(answer, "more") && got > 0;
		snprintf(client->after, sizeof(client->after), "%s",
			 control_answer_member(answer, "next") != NULL ? control_answer_member(answer, "next") : "");
	}
	shown = log_lines_show(&client->lines, INT64_MAX, client->operation.json, stdout);
	end_show(client, answer, shown);
	control_answer_free(answer);
	log_lines_clear(&client->lines);
	return worst;
}

/* --- count, where, status, retention --------------------------------------------------------------- */

static int run_count(struct log_client *client)
{
	char verb[] = "count";
	int exit;
	struct control_answer *answer = ask(client, verb, client->query, NULL, &exit);

	if (answer == NULL) {
		return exit;
	}
	if (client->operation.json) {
		control_answer_json(answer, stdout);
	} else {
		printf("%" PRId64 "\n", control_answer_number(answer, "count"));
		remarks_show(client, answer);
		if (control_answer_true(answer, "more")) {
			fprintf(stderr, "time ran out: counted back to %s\n", control_answer_member(answer, "reached"));
		}
	}
	control_answer_free(answer);
	return exit;
}

static int run_table(struct log_client *client)
{
	int exit;
	struct control_answer *answer = ask(client, client->words[1], client->words[2], NULL, &exit);

	if (answer == NULL) {
		return exit;
	}
	if (client->operation.json) {
		control_answer_json(answer, stdout);
	} else {
		control_answer_show(answer, stdout);
	}
	control_answer_free(answer);
	return exit;
}

/* --- tail ----------------------------------------------------------------------------------------- */

/* Limits the query to the host that is asked. 0, or an exit code. */
static int own_host(struct log_client *client)
{
	char status[] = "status", *words[] = { status, NULL }, rest[sizeof(client->query)];
	struct control_answer *answer = operation_ask(&client->operation, client->folder, words, 1);
	const char *host = answer != NULL ? control_answer_member(answer, "host") : NULL;
	int len = 0;

	snprintf(rest, sizeof(rest), "%s", client->query);
	if (strstr(rest, " or ") != NULL || rest[0] == '(') {
		/* `and` binds closer: it cannot simply be put in front */
		if (answer != NULL) {
			control_answer_free(answer);
		}
		return operation_fail(&client->operation, EXIT_USAGE, "tail of one host takes no `or` and no options",
				      "add --all, and host = NAME where it belongs");
	}
	if (host != NULL) {
		len = snprintf(client->query, sizeof(client->query), "host = \"%s\"%s%s", host, rest[0] != '\0' ? " and " : "",
			       rest);
	}
	if (answer != NULL) {
		control_answer_free(answer);
	}
	return len > 0 && (size_t)len < sizeof(client->query) ? 0 : EXIT_FAILED;
}

static void passed_show(const struct log_client *client, const struct control_answer *answer)
{
	int64_t passed = control_answer_number(answer, "passed");

	if (passed > 0 && !client->operation.json) {
		fprintf(stderr, "%" PRId64 " lines came faster than they could be shown; `troupe log query` finds them\n",
			passed);
	}
}

/* Ctrl-C: what waits for older lines is still shown. */
static volatile sig_atomic_t ended;

static void on_signal(int number)
{
	(void)number;
	ended = 1;
}

static int run_tail(struct log_client *client)
{
	char verb[] = "tail";
	size_t shown = 0;
	bool told = false;
	int exit = client->all ? 0 : own_host(client);
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	while (exit == EXIT_DONE || exit == EXIT_PARTLY) {
		struct control_answer *answer = ask(client, verb, client->query, client->follows, &exit);
		if (answer == NULL) {
			exit = ended ? EXIT_DONE : exit;
			break;
		}
		const char *follows = control_answer_member(answer, "follows");
		snprintf(client->follows, sizeof(client->follows), "%s", follows != NULL ? follows : "");
		log_lines_add(&client->lines, answer);
		shown += log_lines_show(&client->lines, control_answer_number(answer, "now_ms") - HELD_MS,
					client->operation.json, stdout);
		passed_show(client, answer);
		if (exit == EXIT_PARTLY && !told) {
			remarks_show(client, answer);
		}
		told = exit == EXIT_PARTLY;
		control_answer_free(answer);
		if (fflush(stdout) != 0 || ferror(stdout)) {
			break;
		}
		if (ended || (client->lines_max > 0 && shown >= client->lines_max)) {
			break;
		}
		nanosleep(&(struct timespec){ .tv_nsec = POLL_MS * 1000000 }, NULL);
	}
	log_lines_show(&client->lines, INT64_MAX, client->operation.json, stdout);
	log_lines_clear(&client->lines);
	return exit;
}

/* --- the command ---------------------------------------------------------------------------------- */

static int run(struct log_client *client)
{
	static const char *const verbs[] = { "query", "count", "tail", "where", "status", "retention", NULL };
	const char *verb = client->words[1];
	int exit = 0;

	if (strcmp(verb, "query") == 0 || strcmp(verb, "count") == 0 || strcmp(verb, "tail") == 0) {
		exit = query_join(client);
	} else if (strcmp(verb, "where") != 0 && strcmp(verb, "status") != 0 && strcmp(verb, "retention") != 0) {
		return command_unknown("log", verb, verbs);
	} else if (client->operation.request.words_len > (strcmp(verb, "where") == 0 ? 3 : 2)) {
		return operation_fail(&client->operation, EXIT_USAGE, "too many arguments", "try: troupe log --help");
	}
	if (exit == 0) {
		exit = operation_any(&client->operation, client->folder, sizeof(client->folder));
	}
	if (exit != 0) {
		return exit;
	}
	switch (verb[0]) {
	case 'q': return run_query(client);
	case 'c': return run_count(client);
	case 't': return run_tail(client);
	default: return run_table(client);
	}
}

int log_main(int argc, char **argv)
{
	struct log_client *client = calloc(1, sizeof(*client));
	int exit = client != NULL ? arguments(client, argc, argv) : EXIT_FAILED;

	if (exit == 0 && client->operation.request.words_len < 2) {
		fputs(log_usage, stderr);
		exit = EXIT_USAGE;
	}
	exit = exit == 0 ? run(client) : exit;
	free(client);
	return exit;
}
