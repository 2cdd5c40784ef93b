/* SPDX-License-Identifier: MIT */
/* The beat of the world: one tick at a time, when it begins and ends, and what is told after it. */
#include <inttypes.h>
#include <stdio.h>

#include "scheduler.h"

#define SLOW_TICKS 20u	       /* after a tick that was left out the world is called slow for so long */
#define WARN_US 10000000u      /* T0020 looks at so much and comes at most so often */

static const char *const stage_names[STAGES] = { "entities", "edits", "movement" };

/* --- pacing --------------------------------------------------------------------------------------- */

static uint64_t period_us(const struct scheduler *s)
{
	return (uint64_t)s->settings.tick_ms * 1000u;
}

static void on_due(void *instance, void *arg)
{
	struct scheduler *s = instance;

	(void)arg;
	s->beat.timer = 0;
	beat_go(s);
}

/* due_next: what cannot be caught up is left out and counted: the world goes slower then, never two ticks at once. */
static void due_next(struct scheduler *s)
{
	struct beat *beat = &s->beat;
	uint64_t now_us = s->h->now_us(s->h), missed;

	metric_time(s, METRIC_LAG, now_us - beat->due_us);
	beat->due_us += period_us(s);
	if (now_us >= beat->due_us + period_us(s)) {
		missed = (now_us - beat->due_us) / period_us(s);
		beat->overruns += missed;
		beat->slow_until = beat->tick + 1 + SLOW_TICKS;
		beat->due_us += missed * period_us(s);
		metric_add(s, METRIC_OVERRUNS, (int64_t)missed);
	}
}

void beat_restart(struct scheduler *s)
{
	s->beat.due_us = s->beat.window_us = s->beat.second_us = s->h->now_us(s->h);
	s->beat.second_tick = s->beat.tick;
	s->beat.window_sum = s->beat.window_max = 0;
	s->beat.window_ticks = 0;
}

const char *beat_stands(const struct scheduler *s)
{
	if (s->phase == PHASE_RESTORE && s->damaged[0] != '\0') {
		return s->damaged;
	}
	if (s->phase != PHASE_RUN) {
		return s->phase == PHASE_RESTORE ? "the world is being restored" : "no owner of the world is ready";
	}
	if (s->db_away != AWAY_NOT) {
		return s->db_away == AWAY_FULL ? "the database has no room" : "the database does not answer";
	}
	if (s->paused) {
		return s->reason;
	}
	return !rules_waits(s) ? NULL : s->rules.none[0] != '\0' ? s->rules.none : "the first rules are being read";
}

void beat_record(struct scheduler *s, uint64_t tick)
{
	Tick__Beat record = TICK__BEAT__INIT;

	record.has_epoch = record.has_tick = record.has_told = record.has_paused = 1;
	record.epoch = s->lease.epoch;
	record.tick = tick;
	record.told = s->beat.told;
	record.paused = s->paused;
	record.reason = s->paused ? s->reason : NULL;
	lease_op(s, WORLD_KEY_TICK, &record.base);
	if (s->settings_new) {
		Region__Shape shape;

		s->settings_new = 0;
		lease_shape(s, &shape);
		lease_op(s, WORLD_KEY_SHAPE, &shape.base);
	}
}

/* --- the end of a tick ---------------------------------------------------------------------------- */

static void warn(struct scheduler *s, uint64_t now_us)
{
	struct beat *beat = &s->beat;
	uint64_t mean = beat->window_sum / (beat->window_ticks > 0 ? beat->window_ticks : 1);
	const struct owner *slowest = s->owners[0];
	uint32_t stage = 1, at = (uint32_t)(beat->counted % TIMES_LEN);

	for (uint32_t i = 1; i <= STAGES; i++) {
		stage = beat->times[i][at] > beat->times[stage][at] ? i : stage;
	}
	for (uint32_t i = 1; i < s->owners_len; i++) {
		slowest = s->owners[i]->took_us > slowest->took_us ? s->owners[i] : slowest;
	}
	if (mean > period_us(s)) {
		log_line(s, TROUPE_LOG_WARNING, "T0020", "tick %" PRIu64 " ms of %u ms for %u s, the slowest took %" PRIu64
			 " ms", mean / 1000, s->settings.tick_ms, WARN_US / 1000000u, beat->window_max / 1000);
		log_line(s, TROUPE_LOG_WARNING, NULL, "  = note: most of it in stage %s; the slowest owner is %s with %u entities",
			 stage_names[stage - 1], slowest->name, slowest->entities);
		log_line(s, TROUPE_LOG_WARNING, NULL, "  = help: another mechanics instance shares the work; or a longer tick");
	}
	beat->window_us = now_us;
	beat->window_sum = beat->window_max = 0;
	beat->window_ticks = 0;
}

static void measure(struct scheduler *s)
{
	struct beat *beat = &s->beat;
	uint64_t now_us = s->h->now_us(s->h), took = moment_us(s, &beat->began);

	beat->times[0][beat->counted % TIMES_LEN] = took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
	beat->window_sum += took;
	beat->window_max = took > beat->window_max ? took : beat->window_max;
	beat->window_ticks++;
	if (now_us - beat->window_us >= WARN_US && s->owners_len > 0) {
		warn(s, now_us);
	}
	beat->counted++;
	if (now_us - beat->second_us >= 1000000u) {
		beat->rate = (uint32_t)((beat->tick - beat->second_tick) * 100000000u / (now_us - beat->second_us));
		beat->second_us = now_us;
		beat->second_tick = beat->tick;
		owners_count(s);
	}
}

static void tell_done(struct scheduler *s)
{
	Region__Done done = REGION__DONE__INIT;

	done.has_epoch = done.has_tick = done.has_late = 1;
	done.epoch = s->lease.epoch;
	done.tick = s->beat.tick;
	done.late = s->beat.tick < s->beat.slow_until;
	for (uint32_t i = 0; i < s->owners_len; i++) {
		struct proto_to to = { .instance = s->owners[i]->id };

		if (s->owners[i]->in) {
			region_done(s->h, &done, &to);
			STRIKE("tick.some_told");
		}
	}
}

static void on_pause_kept(struct scheduler *s, uint64_t turn)
{
	(void)turn;
	command_paused(s);
}

static void keep_pause(struct scheduler *s)
{
	if (lease_busy(s)) {
		lease_wait(s, keep_pause);
		return;
	}
	beat_record(s, s->beat.begun);
	lease_write(s, s->lease.epoch, on_pause_kept);
}

static void stand(struct scheduler *s)
{
	s->pause_wanted = 0;
	s->paused = 1;
	metric_set(s, METRIC_PAUSED, 1);
	log_line(s, TROUPE_LOG_NOTICE, NULL, "the world stands after tick %" PRIu64 ": %s", s->beat.tick, s->reason);
	owners_tell_paused(s, s->reason, NULL);
	tell_state(s);
	keep_pause(s);
	rules_stand(s);
}

/* journal_look: without checkpoints the journal grows until no owner can run it again: the world stands well before. */
static void journal_look(struct scheduler *s)
{
	char why[TEXT_LEN];

	if (s->beat.again || s->paused || s->pause_wanted || s->journal_bytes < JOURNAL_STOP) {
		return;
	}
	snprintf(why, sizeof(why), "%" PRIu64 " MB of the journal are in no checkpoint", s->journal_bytes >> 20);
	log_line(s, TROUPE_LOG_ERROR, "S0443", "the world is to stand: %s", why);
	log_line(s, TROUPE_LOG_ERROR, NULL, "  = note: no checkpoint has been written since tick %" PRIu64
		 "; the logs of the mechanics instances say why", s->checkpoint.tick);
	log_line(s, TROUPE_LOG_ERROR, NULL, "  = help: mend that (another mechanics instance makes their parts smaller), then `troupe "
		 "world resume`: it tries a checkpoint with the next tick");
	beat_pause(s, why);
}

/* tick_end: its answers are there and it is durable. */
static void tick_end(struct scheduler *s)
{
	struct beat *beat = &s->beat;

	beat->tick++;
	beat->stage = 0;
	beat->told = beat->told > beat->tick ? beat->told : beat->tick;
	STRIKE("tick.durable");
	tell_done(s);
	STRIKE(beat->again ? "again.told" : "tick.told");
	if (beat->again) {
		metric_add(s, METRIC_AGAIN, 1);
	} else {
		metric_add(s, METRIC_TICKS, 1);
		s->failures = 0;
		measure(s);
	}
	if (beat->rules && beat->again) {
		rules_again(s, restore_control(s, beat->tick));
	} else if (beat->rules) {
		rules_taken(s);
	}
	if (beat->moves) {
		STRIKE("move.done");
		owners_moved(s);
	}
	if (beat->save) {
		STRIKE("checkpoint.begun");
		checkpoint_mark(s, beat->tick);
	}
	if (beat->digest) {
		s->digest = beat->digest_sum;
		s->digest_tick = beat->tick;
		s->has_digest = 1;
		command_digest(s, beat->tick, beat->digest_sum);
	}
	if (s->pause_wanted && beat->digest) {
		stand(s);
	}
	journal_look(s);
	if (!beat->again) {
		balance_tick(s);
	}
	beat_go(s);
}

void beat_maybe_end(struct scheduler *s)
{
	if (s->beat.stage == STAGES && s->beat.answered && s->beat.durable) {
		tick_end(s);
	}
}

/* --- its beginning -------------------------------------------------------------------------------- */

static void on_durable(struct scheduler *s, uint64_t turn)
{
	STRIKE("tick.lease_written");
	if (turn == s->turn && s->beat.stage != 0) {
		s->beat.durable = 1;
		beat_maybe_end(s);
	}
}

static void tick_begin(struct scheduler *s)
{
	struct beat *beat = &s->beat;

	if (lease_busy(s)) {
		lease_wait(s, beat_go);
		return;
	}
	if (beat->tick < beat->last && !rules_prepare(s, restore_control(s, beat->tick + 1))) {
		return;
	}
	beat->again = beat->tick < beat->last;
	beat->stage = 1;
	beat->save = beat->digest = beat->moves = beat->rules = beat->answered = 0;
	beat->digest_sum = 0;
	beat->began = moment_now(s);
	beat->durable = beat->again;
	s->epoch_used = 1;
	if (beat->again) {
		beat->rules = restore_control(s, beat->tick + 1) != NULL;
	} else {
		due_next(s);
		beat->begun = beat->tick + 1;
		beat->rules = rules_take(s, beat->begun);
		beat_record(s, beat->begun);
		STRIKE("tick.lease_unwritten");
		lease_write(s, s->lease.epoch, on_durable);
	}
	stage_send(s);
}

void beat_go(struct scheduler *s)
{
	struct beat *beat = &s->beat;
	uint64_t now_us = s->h->now_us(s->h);

	if (s->phase != PHASE_RUN || beat->stage != 0 || s->stopped) {
		return;
	}
	if (beat->tick < beat->last) {
		tick_begin(s);
		return;
	}
	if (s->restore_us != 0) {
		restore_ended(s);
	}
	if (s->phase != PHASE_RUN || s->paused || rules_waits(s) || (s->hold && s->checkpoint.saving != 0)) {
		return;
	}
	timer_clear(s, &beat->timer);
	if (now_us < beat->due_us) {
		beat->timer = s->h->timer_start(s->h, (beat->due_us - now_us + 999) / 1000, on_due, NULL);
	} else {
		tick_begin(s);
	}
}

void beat_end(struct scheduler *s)
{
	timer_clear(s, &s->beat.timer);
	s->beat.stage = 0;
	s->beat.missing = 0;
}

void beat_pause(struct scheduler *s, const char *reason)
{
	snprintf(s->reason, sizeof(s->reason), "%s", reason);
	if (s->paused) {
		owners_tell_paused(s, s->reason, NULL);
		keep_pause(s);
	} else if (s->phase != PHASE_RUN || rules_waits(s)) {
		stand(s);
	} else {
		s->pause_wanted = 1; /* with the tick after this, so that its digest is known */
	}
}

void beat_resume(struct scheduler *s)
{
	if (s->pause_wanted || s->paused) {
		log_line(s, TROUPE_LOG_NOTICE, NULL, "the world goes on after tick %" PRIu64, s->beat.tick);
	}
	s->pause_wanted = s->paused = 0;
	metric_set(s, METRIC_PAUSED, beat_stands(s) != NULL);
	tell_state(s);
	beat_restart(s);
	if (!lease_busy(s) && s->phase != PHASE_LOAD) {
		beat_record(s, s->beat.begun); /* a scheduler after us does not stand either */
		lease_write(s, s->lease.epoch, NULL);
	}
	restore_settings(s);
	beat_go(s);
}
