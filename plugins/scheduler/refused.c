/* SPDX-License-Identifier: MIT */
/* Rules that are not taken: who is told what is wrong with them, and a world that stands because it never had any. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler.h"

#define TEXT_MAX 16384u /* of all that is told of one refusal */
#define RETRY_MS 1000u	/* a world without rules looks for them again */

/* --- what failed ----------------------------------------------------------------------------------- */

static void copy(char *to, size_t size, const char *from, size_t len)
{
	snprintf(to, size, "%.*s", (int)len, from);
}

/* failures_read: of blocks "error[S0102]: text", "  --> file:line in ..."; what else there is in them is for people. */
static void failures_read(struct rules *r, const char *block)
{
	struct failure *failure = NULL;

	r->failures_len = 0;
	while (*block != '\0') {
		size_t len = strcspn(block, "\n");

		if (strncmp(block, "error[", 6) == 0 && r->failures_len < FAILURES_MAX) {
			failure = &r->failures[r->failures_len++];
			failure->at[0] = '\0';
			copy(failure->error, sizeof(failure->error), block, len);
		} else if (strncmp(block, "  --> ", 6) == 0 && failure != NULL && failure->at[0] == '\0') {
			copy(failure->at, sizeof(failure->at), block + 6, strcspn(block + 6, " \n"));
		}
		block += len + (block[len] == '\n');
	}
}

/* failure_text: without its code. */
static const char *failure_text(const struct failure *failure)
{
	const char *text = strstr(failure->error, "]: ");

	return text != NULL ? text + 3 : failure->error;
}

/* --- telling --------------------------------------------------------------------------------------- */

struct telling {
	char *text;
	size_t len;
};

static void put(struct telling *telling, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct telling *telling, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(telling->text + telling->len, TEXT_MAX - telling->len, format, args);
	va_end(args);
	telling->len += n > 0 ? (size_t)n : 0;
	telling->len = telling->len < TEXT_MAX ? telling->len : TEXT_MAX - 1;
}

/* tell: the whole of it as an answer, and line by line in the log, which shows the first code itself. */
static void tell(struct scheduler *s, const char *code, const char *title, const char *block, const char *help)
{
	struct rules *r = &s->rules;
	struct telling telling = { malloc(TEXT_MAX), 0 };
	const char *at;

	free(r->told);
	r->told = telling.text;
	if (telling.text == NULL) {
		log_line(s, TROUPE_LOG_ERROR, code, "%s", title);
		return;
	}
	put(&telling, "error[%s]: %s\n  = note: %s\n%s", code, title, r->next.problem, block);
	put(&telling, "%s  = help: %s\n", telling.text[telling.len - 1] == '\n' ? "" : "\n", help);
	for (at = strstr(telling.text, "]: ") + 3; *at != '\0'; code = NULL) {
		size_t len = strcspn(at, "\n");

		if (len > 0) {
			log_line(s, TROUPE_LOG_ERROR, code, "%.*s", (int)len, at);
		}
		at += len + (at[len] == '\n');
	}
}

/* told_already: the same is still wrong with a world that stands for it. */
static int told_already(const struct rules *r)
{
	const struct generation *last = r->history_len > 0 ? &r->history[r->history_len - 1] : NULL;

	return r->retrying && r->request == 0 && last != NULL && strcmp(last->problem, r->next.problem) == 0;
}

void rules_refuse(struct scheduler *s, const char *problem, const char *block)
{
	struct rules *r = &s->rules;
	char title[80];

	if (problem != r->next.problem) {
		snprintf(r->next.problem, sizeof(r->next.problem), "%s", problem);
	}
	if (told_already(r)) {
		rules_finished(s, 0);
		return;
	}
	r->wrong = 1;
	failures_read(r, block);
	metric_add(s, METRIC_RELOAD_REFUSED, 1);
	if (r->needed && !rules_any(s)) {
		const struct failure *first = &r->failures[0];

		snprintf(r->none, sizeof(r->none), "no rules: %.200s%s%.280s", r->failures_len > 0 ? first->at : r->next.problem,
			 r->failures_len > 0 ? ": " : "", r->failures_len > 0 ? failure_text(first) : "");
		tell(s, "R0005", "the world has no rules and does not begin", block, "fix and save; then it begins by itself");
	} else {
		snprintf(title, sizeof(title), "reload refused, generation %u keeps running", r->now_number);
		tell(s, "R0003", title, block, "fix and save; nothing was changed");
	}
	r->next.number = 0;
	r->next.since_ms = s->h->wall_ms(s->h);
	history_add(s, &r->next);
	rules_finished(s, 0);
}

/* --- paused ---------------------------------------------------------------------------------------- */

void rules_paused(struct scheduler *s, const Region__StageReply *reply)
{
	struct rules *r = &s->rules;

	if (!reply->loads) {
		return;
	}
	r->paused_len = 0;
	for (size_t i = 0; i < reply->n_paused && i < PAUSED_MAX; i++) {
		const Region__PausedRule *from = reply->paused[i];
		struct paused_rule *to = &r->paused[r->paused_len++];

		snprintf(to->rule, sizeof(to->rule), "%s", from->rule != NULL ? from->rule : "");
		snprintf(to->at, sizeof(to->at), "%s", from->at != NULL ? from->at : "");
		to->errors = from->errors;
	}
}

/* --- a world without rules ------------------------------------------------------------------------- */

int rules_any(const struct scheduler *s)
{
	return s->checkpoint.generation != 0 || history_newest(&s->rules) != NULL;
}

int rules_waits(const struct scheduler *s)
{
	const struct rules *r = &s->rules;

	return r->needed && r->state != RULES_READY && r->state != RULES_TAKEN && !rules_any(s);
}

static void on_retry(void *instance, void *arg)
{
	struct scheduler *s = instance;
	struct rules *r = &s->rules;

	(void)arg;
	r->retry = 0;
	if (s->stopped || !rules_waits(s)) {
		return;
	}
	if (r->state == RULES_IDLE && !r->reading) {
		r->retrying = 1;
		rules_read_now(s);
	} else {
		rules_wait(s);
	}
}

void rules_wait(struct scheduler *s)
{
	struct rules *r = &s->rules;

	if (s->phase == PHASE_RUN && s->restore_us == 0) {
		metric_set(s, METRIC_PAUSED, 1);
		tell_state(s);
		owners_tell_paused(s, beat_stands(s), s->paused ? NULL : "world.no_rules");
	}
	if (r->retry == 0) {
		r->retry = s->h->timer_start(s->h, RETRY_MS, on_retry, NULL);
	}
}

void rules_waited(struct scheduler *s)
{
	timer_clear(s, &s->rules.retry);
	s->rules.none[0] = '\0';
	beat_restart(s);
	metric_set(s, METRIC_PAUSED, beat_stands(s) != NULL);
	tell_state(s);
	restore_settings(s);
}

void rules_mended(struct scheduler *s, int tell)
{
	struct rules *r = &s->rules;

	if (!r->wrong || r->now_number == 0 || memcmp(r->folder, r->now, WORLD_DIGEST_SIZE) != 0) {
		return;
	}
	r->wrong = 0;
	r->failures_len = 0;
	if (tell) {
		log_line(s, TROUPE_LOG_NOTICE, NULL, "rules: the scripts are again those of generation %u, which runs", r->now_number);
	}
}
