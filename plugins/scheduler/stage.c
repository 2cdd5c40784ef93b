/* SPDX-License-Identifier: MIT */
/* The stages of a tick: what owners are asked in each, and what they answer. */
#include <inttypes.h>
#include <stdio.h>

#include "scheduler.h"

#ifdef TROUPE_STRIKE
static const char *const asked[] = { "stage1.some_asked", "stage2.some_asked", "stage3.some_asked" };
#endif

static void stage_ask(struct scheduler *s, struct owner *owner);

static void stage_end(struct scheduler *s)
{
	struct beat *beat = &s->beat;
	uint64_t took = moment_us(s, &beat->stage_began);

	beat->times[beat->stage][beat->counted % TIMES_LEN] = (uint32_t)took;
	metric_time(s, (enum metric)(METRIC_STAGE_1 + beat->stage - 1), took);
	if (beat->stage == STAGES) {
		beat->answered = 1;
		beat_maybe_end(s);
		return;
	}
	beat->stage++;
	stage_send(s);
}

static void take_answer(struct scheduler *s, struct owner *owner, const Region__StageReply *body)
{
	struct beat *beat = &s->beat;

	owner->heard_us = s->h->now_us(s->h);
	owner->took_us = body->took_us;
	if (beat->stage == STAGES) {
		owner->entities = body->entities;
		owner->avatars = body->avatars;
		beat->digest_sum += body->digest;
		s->journal_bytes += body->journal;
		balance_loads(s, owner, body);
		rules_paused(s, body);
	}
	STRIKE("stage.answered");
	if (--beat->missing == 0) {
		stage_end(s);
	}
}

static int waits_for_database(const struct scheduler *s)
{
	return s->db_away != AWAY_NOT || !s->beat.durable;
}

static void on_stage(void *instance, void *arg, const struct troupe_reply *reply, const Region__StageReply *body)
{
	struct scheduler *s = instance;
	struct owner *owner = arg;
	char why[TEXT_LEN];

	owner->call = 0;
	if (s->stopped || s->phase != PHASE_RUN) {
		return;
	}
	if (reply->status == TROUPE_OK) {
		take_answer(s, owner, body);
		return;
	}
	snprintf(why, sizeof(why), "stage %u of tick %" PRIu64 " ended with status %d %s", s->beat.stage, s->beat.tick + 1,
		 (int)reply->status, reply->reason);
	if (reply->status == TROUPE_DEADLINE_EXCEEDED && waits_for_database(s) && owner_speaks(s, owner)) {
		stage_ask(s, owner); /* and so does it */
	} else if (reply->status == TROUPE_FAILED_PRECONDITION && s->failures < 3) {
		owner->heard_us = s->h->now_us(s->h);
		restore_begin(s, why); /* it is there, but not where we think it is */
	} else {
		owner_lost(s, owner, why);
	}
}

/* stage_decide: what comes with the end of this tick. */
static void stage_decide(struct scheduler *s)
{
	struct beat *beat = &s->beat;

	if (beat->stage == STAGES && !beat->again) {
		beat->save = checkpoint_ask(s);
		beat->digest = s->pause_wanted || s->digest_request != 0;
		beat->moves = !beat->save && owners_next(s);
	}
}

/* stage_fill: what this stage of this tick says beside its numbers; the same as often as it is asked. */
static void stage_fill(struct scheduler *s, Region__StageRequest *request, Region__Assignment *next)
{
	const struct beat *beat = &s->beat;

	if (beat->stage == 1 && beat->rules) {
		const struct control *control = restore_control(s, beat->tick + 1);

		request->has_rules = request->has_generation = 1;
		request->rules.data = beat->again ? (uint8_t *)control->rules : s->rules.next.digest;
		request->rules.len = beat->again && !control->has_rules ? 0 : WORLD_DIGEST_SIZE;
		request->generation = beat->again ? control->generation : s->rules.next.number;
	}
	if (beat->stage != STAGES) {
		return;
	}
	request->has_save = request->has_digest = 1;
	request->save = beat->save;
	request->digest = beat->digest;
	if (beat->moves) {
		owners_assignment(s, 1, next);
		request->next = next;
	}
}

static void stage_ask(struct scheduler *s, struct owner *owner)
{
	struct proto_to to = { .instance = owner->id, .timeout_ms = (uint32_t)s->options->lease_ms };
	Region__StageRequest request = REGION__STAGE_REQUEST__INIT;
	Region__Assignment next = REGION__ASSIGNMENT__INIT;

	request.has_epoch = request.has_tick = request.has_stage = request.has_again = 1;
	request.epoch = s->lease.epoch;
	request.tick = s->beat.tick + 1;
	request.stage = s->beat.stage;
	request.again = s->beat.again;
	stage_fill(s, &request, &next);
	owner->call = region_stage(s->h, &request, &to, on_stage, owner);
	if (request.next != NULL) {
		owners_assignment_free(&next);
	}
}

void stage_send(struct scheduler *s)
{
	struct beat *beat = &s->beat;

	stage_decide(s);
	beat->stage_began = moment_now(s);
	beat->missing = 0;
	for (uint32_t i = 0; i < s->owners_len; i++) {
		beat->missing += s->owners[i]->in;
	}
	for (uint32_t i = 0; i < s->owners_len; i++) {
		if (s->owners[i]->in) {
			stage_ask(s, s->owners[i]);
			STRIKE(beat->stage == STAGES && beat->moves ? "move.some_asked" : asked[beat->stage - 1]);
		}
	}
	STRIKE("stage.all_asked");
}
