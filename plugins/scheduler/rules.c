/* SPDX-License-Identifier: MIT */
/* The rules of the world: read from a folder, kept in the database by digest, tried by all owners, and in force from one
 * tick on for all of them, or not at all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler.h"

#define TRY_MS 30000u	       /* how long owners may take to compile and try */
#define REPORT_BYTES 8192u

/* --- the end of a candidate ----------------------------------------------------------------------- */

void rules_finished(struct scheduler *s, int accepted)
{
	struct rules *r = &s->rules;
	uint64_t request = r->request;

	bundle_free(r);
	free(r->report);
	r->report = NULL;
	r->state = RULES_IDLE;
	r->request = 0;
	r->turn++;
	r->forced = r->retrying = 0;
	r->tried = 1;
	if (request != 0) {
		command_reloaded(s, request, accepted);
	}
	if (r->again && !r->reading) {
		rules_read_now(s);
	}
	if (rules_waits(s)) {
		rules_wait(s);
	}
}

/* --- trying --------------------------------------------------------------------------------------- */

static void try_rest(struct scheduler *s);

static void judged(struct scheduler *s)
{
	struct rules *r = &s->rules;
	int waited = rules_waits(s);

	if (r->refused > 0) {
		rules_refuse(s, r->next.problem, r->report != NULL ? r->report : "");
	} else if (r->canary) {
		r->canary = 0;
		try_rest(s);
	} else {
		r->state = RULES_READY; /* the next tick takes it */
		if (waited) {
			rules_waited(s);
		}
		rules_stand(s);
		beat_go(s);
	}
}

void rules_stand(struct scheduler *s)
{
	struct rules *r = &s->rules;

	if (r->state != RULES_READY || !s->paused) {
		return;
	}
	log_line(s, TROUPE_LOG_NOTICE, NULL, "rules: generation %u is accepted, and runs as soon as the world goes on",
		 r->next.number);
	if (r->request != 0) {
		command_reloaded(s, r->request, 1);
		r->request = 0;
	}
}

int rules_give_way(struct scheduler *s)
{
	struct rules *r = &s->rules;

	if (r->state == RULES_READY && s->paused) {
		r->state = RULES_IDLE;
		r->turn++;
		bundle_free(r);
	}
	return r->state == RULES_IDLE && !r->reading;
}

static void on_prepared(void *instance, void *arg, const struct troupe_reply *reply, const Region__PrepareReply *body)
{
	struct scheduler *s = instance;
	struct owner *owner = arg;
	struct rules *r = &s->rules;

	owner->trial = 0;
	if (s->stopped || r->state != RULES_TRYING) {
		return;
	}
	if (reply->status == TROUPE_UNAVAILABLE) {
		owner_lost(s, owner, "it went while it tried new rules");
		return;
	}
	if (reply->status != TROUPE_OK || !body->accepted) {
		r->refused++;
		if (reply->status != TROUPE_OK) {
			snprintf(r->next.problem, sizeof(r->next.problem), "%s did not try them: status %d %s", owner->name,
				 (int)reply->status, reply->reason);
			r->folder_known = 0; /* they may be good */
		} else if (r->report == NULL) {
			snprintf(r->next.problem, sizeof(r->next.problem), "%u of %u files failed", body->failed, body->files);
			r->report = strndup(body->problem != NULL ? body->problem : "", REPORT_BYTES);
		}
	}
	if (--r->missing == 0) {
		judged(s);
	}
}

static void try_one(struct scheduler *s, struct owner *owner)
{
	Region__PrepareRequest request = REGION__PREPARE_REQUEST__INIT;
	struct proto_to to = { .instance = owner->id, .timeout_ms = TRY_MS };
	struct rules *r = &s->rules;

	request.has_rules = request.has_generation = 1;
	request.rules.data = r->next.digest;
	request.rules.len = WORLD_DIGEST_SIZE;
	request.generation = r->next.number;
	r->missing++;
	owner->trial = region_prepare(s->h, &request, &to, on_prepared, owner);
}

static void try_rest(struct scheduler *s)
{
	s->rules.missing = 0;
	for (uint32_t i = 0; i < s->owners_len; i++) {
		if (s->owners[i]->in) {
			try_one(s, s->owners[i]);
		}
	}
}

void rules_try(struct scheduler *s)
{
	struct rules *r = &s->rules;

	if (r->state != RULES_WAITING || s->phase != PHASE_RUN || s->restore_us != 0) {
		return;
	}
	r->state = RULES_TRYING;
	r->refused = r->missing = 0;
	r->next.number = r->last_number + 1;
	for (uint32_t i = 0; r->canary && i < s->owners_len; i++) {
		if (s->owners[i]->in) {
			try_one(s, s->owners[i]);
			return;
		}
	}
	try_rest(s);
}

void rules_interrupted(struct scheduler *s)
{
	struct rules *r = &s->rules;

	if (r->state == RULES_TRYING || r->state == RULES_READY) {
		r->state = RULES_WAITING;
	}
	r->prepared = 0;
}

void rules_restored(struct scheduler *s)
{
	struct rules *r = &s->rules;

	if (r->state == RULES_TAKEN && r->now_number == r->next.number) {
		rules_taken(s);
	} else if (r->state == RULES_TAKEN) {
		r->state = RULES_WAITING; /* that tick never was */
	}
	rules_try(s);
}

/* --- taking over ---------------------------------------------------------------------------------- */

int rules_take(struct scheduler *s, uint64_t tick)
{
	Tick__Control control = TICK__CONTROL__INIT;
	struct rules *r = &s->rules;
	struct worldkey key;

	if (r->state != RULES_READY || s->controls_len == CONTROLS_MAX) {
		return 0;
	}
	r->state = RULES_TAKEN;
	r->next.since_ms = s->h->wall_ms(s->h);
	control.has_rules = control.has_generation = 1;
	control.rules.data = r->next.digest;
	control.rules.len = WORLD_DIGEST_SIZE;
	control.generation = r->next.number;
	worldkey(&key, WORLD_KEY_CONTROL, (unsigned long long)tick);
	lease_op(s, key.text, &control.base);
	history_record(s);
	return 1;
}

static void in_force(struct scheduler *s, uint32_t number, const uint8_t digest[WORLD_DIGEST_SIZE])
{
	struct rules *r = &s->rules;

	memcpy(r->now, digest, WORLD_DIGEST_SIZE);
	r->paused_len = number != r->now_number ? 0 : r->paused_len;
	r->now_number = number;
	r->last_number = number > r->last_number ? number : r->last_number;
	metric_set(s, METRIC_GENERATION, number);
}

void rules_taken(struct scheduler *s)
{
	struct rules *r = &s->rules;

	in_force(s, r->next.number, r->next.digest);
	rules_mended(s, 0);
	history_add(s, &r->next);
	metric_add(s, METRIC_RELOADED, 1);
	log_line(s, TROUPE_LOG_NOTICE, NULL, "rules: generation %u runs, %u files, by %s", r->next.number, r->next.files,
		 r->next.who);
	if (s->controls_len < CONTROLS_MAX) { /* journaled: what is kept in mind until the next checkpoint */
		s->controls[s->controls_len] = (struct control){ .tick = s->beat.tick, .generation = r->next.number };
		s->controls_len++;
	}
	rules_finished(s, 1);
}

void rules_again(struct scheduler *s, const struct control *control)
{
	if (control == NULL) {
		in_force(s, s->checkpoint.generation, s->checkpoint.rules);
	} else {
		in_force(s, control->generation, control->rules);
	}
}

static void on_again_prepared(void *instance, void *arg, const struct troupe_reply *reply, const Region__PrepareReply *body)
{
	struct scheduler *s = instance;
	struct owner *owner = arg;
	char why[TEXT_LEN];

	owner->trial = 0;
	if (s->stopped || s->phase != PHASE_RUN) {
		return;
	}
	if (reply->status != TROUPE_OK || !body->accepted) {
		snprintf(why, sizeof(why), "%s does not take rules that were in force: %s", owner->name,
			 reply->status != TROUPE_OK ? reply->reason : "refused");
		if (reply->status == TROUPE_FAILED_PRECONDITION && s->failures < 3) {
			owner->heard_us = s->h->now_us(s->h);
			restore_begin(s, why); /* it is there, but could not read them, or is not where we think it is */
		} else {
			owner_lost(s, owner, why);
		}
	} else if (--s->rules.missing == 0) {
		s->rules.prepared = s->beat.tick + 1;
		beat_go(s);
	}
}

int rules_prepare(struct scheduler *s, const struct control *control)
{
	Region__PrepareRequest request = REGION__PREPARE_REQUEST__INIT;

	if (control == NULL || s->rules.prepared == control->tick) {
		return 1;
	}
	request.has_rules = request.has_generation = 1;
	request.rules.data = (uint8_t *)control->rules;
	request.rules.len = WORLD_DIGEST_SIZE;
	request.generation = control->generation;
	s->rules.missing = 0;
	for (uint32_t i = 0; i < s->owners_len; i++) {
		struct owner *owner = s->owners[i];
		struct proto_to to = { .instance = owner->id, .timeout_ms = TRY_MS };

		if (owner->in) {
			s->rules.missing++;
			owner->trial = region_prepare(s->h, &request, &to, on_again_prepared, owner);
		}
	}
	return 0;
}
