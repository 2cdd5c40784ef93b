/* SPDX-License-Identifier: MIT */
/* When the rules are read: at the start of a reign, when the folder changes, when somebody asks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler.h"

#define SETTLE_MS 150u /* without a change after one: an editor may write several files, or one in several steps */

/*
 * wanted: whether what was read is to be tried. After the start of a reign what was in force stays, if the folder has not
 * changed since (a rollback lasts), or if another scheduler ran the world and our folder is only older than its. What is in
 * force is known from the history: the journal may not have been run again yet.
 */
static int wanted(struct scheduler *s, const uint8_t digest[WORLD_DIGEST_SIZE])
{
	struct rules *r = &s->rules;
	const struct generation *now = history_newest(r);
	int changed = !r->folder_known || memcmp(r->folder, digest, WORLD_DIGEST_SIZE) != 0;
	int first = !r->tried;

	if (r->forced || (first && now == NULL)) {
		return 1;
	}
	if (!changed || (now != NULL && memcmp(now->digest, digest, WORLD_DIGEST_SIZE) == 0)) {
		return 0;
	}
	for (uint32_t i = 0; first && r->inherited && i < r->history_len; i++) {
		if (memcmp(r->history[i].digest, digest, WORLD_DIGEST_SIZE) == 0) {
			log_line(s, TROUPE_LOG_WARNING, NULL, "the scripts in %s are older than generation %u, which stays in force; "
				 "a reload takes them", s->options->scripts, now->number);
			return 0;
		}
	}
	return 1;
}

static void on_files(void *instance, void *arg, int32_t status, const struct troupe_file *files, uint32_t len,
		     const char *text)
{
	struct scheduler *s = instance;
	struct rules *r = &s->rules;
	uint8_t digest[WORLD_DIGEST_SIZE];
	char problem[TEXT_LEN] = "";
	int take;

	(void)arg;
	r->reading = 0;
	if (s->stopped || !lease_held(s) || r->state != RULES_IDLE) {
		return;
	}
	r->next = (struct generation){ .files = len };
	snprintf(r->next.who, sizeof(r->next.who), "%s", r->who[0] != '\0' ? r->who : "a change of the folder");
	r->who[0] = '\0';
	if (status != TROUPE_OK) {
		snprintf(problem, sizeof(problem), "the scripts in %s cannot be read (%s)", s->options->scripts,
			 text != NULL ? text : "no reason given");
		rules_refuse(s, problem, "");
		return;
	}
	bundle_digest(files, len, digest);
	take = wanted(s, digest);
	memcpy(r->folder, digest, WORLD_DIGEST_SIZE);
	r->folder_known = 1;
	if (!take) {
		rules_mended(s, 1);
		rules_finished(s, 1);
		return;
	}
	memcpy(r->next.digest, digest, WORLD_DIGEST_SIZE);
	if (bundle_make(s, files, len, problem, sizeof(problem)) != 0) {
		rules_refuse(s, problem, "");
		return;
	}
	bundle_store(s);
}

void rules_read_now(struct scheduler *s)
{
	struct troupe_files files = { .size = sizeof(files),
				      .path = s->options->scripts,
				      .suffix = ".lua",
				      .on_files = on_files };
	struct rules *r = &s->rules;

	r->again = !rules_give_way(s);
	if (!r->again) {
		r->reading = 1;
		s->h->files(s->h, &files);
	}
}

static void on_settled(void *instance, void *arg)
{
	struct scheduler *s = instance;

	(void)arg;
	s->rules.settle = 0;
	if (lease_held(s) && s->phase != PHASE_LOAD) {
		rules_read_now(s);
	}
}

static void on_change(void *instance, void *arg)
{
	struct scheduler *s = instance;

	(void)arg;
	if (s->rules.settle != 0) {
		s->h->timer_stop(s->h, s->rules.settle);
		s->rules.settle = 0;
	}
	if (lease_held(s)) {
		s->rules.settle = s->h->timer_start(s->h, SETTLE_MS, on_settled, NULL);
	}
}

static int has_scripts(const struct scheduler *s)
{
	return s->options->scripts != NULL && s->options->scripts[0] != '\0';
}

void rules_begin(struct scheduler *s)
{
	struct rules *r = &s->rules;

	r->needed = has_scripts(s);
	r->tried = !r->needed;
	r->none[0] = '\0';
	r->inherited = s->lease.owner[0] != '\0' && strcmp(s->lease.owner, s->h->name) != 0;
	if (r->tried) {
		return;
	}
	if (s->options->watch && r->watch == 0) {
		r->watch = s->h->watch(s->h, s->options->scripts, on_change, NULL);
	}
	snprintf(r->who, sizeof(r->who), "the start");
	rules_read_now(s);
}

static int may_begin(struct scheduler *s, uint64_t request)
{
	const char *reason = !lease_held(s) || s->phase == PHASE_LOAD ? "world.not_here"
			     : !has_scripts(s)			      ? "world.no_scripts"
			     : !rules_give_way(s)		      ? "world.reloading"
								      : NULL;

	if (reason != NULL && request != 0) {
		proto_refuse(s->h, request, TROUPE_FAILED_PRECONDITION, reason);
	}
	return reason == NULL;
}

void rules_read(struct scheduler *s, uint64_t request, const char *who, int canary)
{
	struct rules *r = &s->rules;

	if (may_begin(s, request)) {
		r->request = request;
		r->forced = 1;
		r->canary = canary;
		snprintf(r->who, sizeof(r->who), "%s", who);
		rules_read_now(s);
	}
}

void rules_rollback(struct scheduler *s, uint64_t request, const char *who, uint32_t number)
{
	struct rules *r = &s->rules;
	const struct generation *to = NULL;

	if (!may_begin(s, request)) {
		return;
	}
	for (uint32_t i = history_from(s); number == 0 && i < r->history_len; i++) { /* the last that is another one */
		if (r->history[i].problem[0] == '\0' && memcmp(r->history[i].digest, r->now, WORLD_DIGEST_SIZE) != 0) {
			to = &r->history[i];
		}
	}
	to = number != 0 ? history_find(r, number) : to;
	if (to == NULL || to < &r->history[history_from(s)]) {
		proto_refuse(s->h, request, TROUPE_NOT_FOUND, "world.no_generation");
		return;
	}
	r->request = request;
	r->canary = 0;
	r->next = (struct generation){ .files = to->files };
	memcpy(r->next.digest, to->digest, WORLD_DIGEST_SIZE);
	snprintf(r->next.who, sizeof(r->next.who), "%.60s, back to %u", who, to->number);
	r->state = RULES_WAITING;
	r->turn++;
	rules_try(s);
}

void rules_end(struct scheduler *s)
{
	struct rules *r = &s->rules;
	uint64_t request = r->request;

	bundle_free(r);
	free(r->report);
	free(r->told);
	r->report = r->told = NULL;
	timer_clear(s, &r->settle);
	timer_clear(s, &r->timer);
	timer_clear(s, &r->retry);
	r->state = RULES_IDLE;
	r->request = 0;
	r->turn++;
	r->again = r->forced = r->tried = r->retrying = 0;
	if (request != 0 && !s->stopped) {
		proto_refuse(s->h, request, TROUPE_FAILED_PRECONDITION, "world.not_here");
	}
}

void rules_stop(struct scheduler *s)
{
	rules_end(s);
	if (s->rules.watch != 0) {
		s->h->watch_stop(s->h, s->rules.watch);
		s->rules.watch = 0;
	}
}
