/* SPDX-License-Identifier: MIT */
/* How a world comes to run, whatever happened before: from the last checkpoint, through the journal, and on. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler.h"

/*
 * The steps
 *  1. An epoch of its own is written, unless nothing has run under the present one. From then on no owner of an earlier
 *     epoch adds to the journal.
 *  2. The journal above the checkpoint is read for its last tick and for the changes of rules in it. The last tick to run again
 *     is that one or the last that was begun, whichever is later: both belong to what may have been told.
 *  3. The regions are shared, and all owners load their part (region.restore).
 *  4. beat.c runs the ticks again, and then goes on.
 */

#define LOAD_MS 60000u	 /* how long an owner may take to load its part */
#define DELAY_MS 100u	 /* after a restore that failed; doubled each time up to ... */
#define DELAY_MAX_MS 3200u
#define PAGE_MAX 200u	 /* journal entries that are read at once */
#define JOURNAL "world/j/"

static void scan(struct scheduler *s, const char *from, uint32_t from_len, int after);

static void *turn_arg(const struct scheduler *s)
{
	return (void *)(uintptr_t)s->turn;
}

static int is_stale(const struct scheduler *s, const void *arg)
{
	return s->stopped || s->phase != PHASE_RESTORE || (uint64_t)(uintptr_t)arg != s->turn;
}

/* give_up: whatever is under way. */
static void give_up(struct scheduler *s)
{
	s->turn++;
	s->phase = PHASE_GATHER;
	beat_end(s);
	owners_cancel(s);
	checkpoint_drop(s);
	rules_interrupted(s);
	timer_clear(s, &s->restore_timer);
	s->gather_us = s->h->now_us(s->h);
	s->joined = s->hold = 0;
	metric_set(s, METRIC_PAUSED, 1);
}

void world_rests(struct scheduler *s)
{
	give_up(s);
	for (uint32_t i = 0; i < s->owners_len; i++) {
		s->owners[i]->in = s->owners[i]->listed = 0;
	}
	owners_count(s);
	tell_state(s);
}

/* --- changes of rules on the way ----------------------------------------------------------------- */

const struct control *restore_control(const struct scheduler *s, uint64_t tick)
{
	for (uint32_t i = 0; i < s->controls_len; i++) {
		if (s->controls[i].tick == tick) {
			return &s->controls[i];
		}
	}
	return NULL;
}

/* control_add: -1 if it cannot be read. */
static int control_add(struct scheduler *s, uint64_t tick, const struct troupe_db_value *value)
{
	struct control *control = &s->controls[s->controls_len];
	struct proto_arena arena;
	const Tick__Control *record;
	int fits;

	if (s->controls_len == CONTROLS_MAX) {
		metric_add(s, METRIC_FULL, 1); /* rules.c makes no more of them between two checkpoints */
		return -1;
	}
	proto_arena_init(&arena);
	record = (const Tick__Control *)proto_unpack(&tick__control__descriptor, value->value, value->value_len, &arena);
	fits = record != NULL && record->has_generation &&
	       record->rules.len == (record->generation != 0 ? WORLD_DIGEST_SIZE : 0u);
	if (fits) {
		*control = (struct control){ .tick = tick, .generation = record->generation };
		control->has_rules = record->generation != 0;
		if (control->has_rules) {
			memcpy(control->rules, record->rules.data, WORLD_DIGEST_SIZE);
		}
		s->controls_len++;
	}
	proto_arena_free(&arena);
	return fits ? 0 : -1;
}

/* damaged: ticks that are run again with other rules than the first time would be another world, so there is none. */
static void damaged(struct scheduler *s, uint64_t tick)
{
	s->turn++; /* nothing follows but another try, when an owner comes or goes */
	snprintf(s->damaged, sizeof(s->damaged), "the change of rules of tick %" PRIu64 " in database %s cannot be read", tick,
		 s->options->database);
	log_line(s, TROUPE_LOG_ERROR, "S0442", "region.damaged: %s: the world stands until a backup of the database is restored",
		 s->damaged);
	tell_state(s);
}

/* --- 3: owners load ------------------------------------------------------------------------------ */

static void run(struct scheduler *s)
{
	STRIKE("restore.loaded");
	s->phase = PHASE_RUN;
	s->beat.tick = s->checkpoint.tick;
	s->beat.stage = 0;
	beat_restart(s);
	beat_go(s);
}

static void on_restored(void *instance, void *arg, const struct troupe_reply *reply, const Region__RestoreReply *body)
{
	struct scheduler *s = instance;
	struct owner *owner = arg;
	char why[TEXT_LEN];

	(void)body;
	owner->call = 0;
	owner->heard_us = s->h->now_us(s->h);
	if (s->stopped || s->phase != PHASE_RESTORE) {
		return;
	}
	if (reply->status != TROUPE_OK) {
		snprintf(why, sizeof(why), "it could not load its regions: status %d %s", (int)reply->status, reply->reason);
		owner_lost(s, owner, why);
	} else if (--s->restore_missing == 0) {
		run(s);
	}
}

/* --- settings ------------------------------------------------------------------------------------ */

static struct settings settings_wanted(const struct scheduler *s)
{
	const struct scheduler_options *o = s->options;
	struct settings wanted = { (uint32_t)o->tick_ms, (uint32_t)o->quarantine, (uint32_t)o->max_entities,
				   (uint32_t)o->speed, (uint64_t)o->budget, "" };

	snprintf(wanted.commit, sizeof(wanted.commit), "%s", o->commit);
	return wanted;
}

static int settings_differ(const struct scheduler *s)
{
	struct settings a = s->settings, b = settings_wanted(s);

	return a.tick_ms != b.tick_ms || a.quarantine != b.quarantine || a.max_entities != b.max_entities ||
	       a.speed != b.speed || a.budget != b.budget || strcmp(a.commit, b.commit) != 0;
}

static void on_settings_saved(struct scheduler *s)
{
	s->hold = 0;
	if (s->phase == PHASE_RUN && s->checkpoint.tick == s->beat.tick) {
		restore_begin(s, "its settings have changed");
	} else {
		beat_go(s);
	}
}

/* Ticks that are run again must have the settings of the first time. So the world stands after a checkpoint until they are
 * taken over. */
void restore_settings(struct scheduler *s)
{
	if (s->phase == PHASE_RUN && s->restore_us == 0 && !s->paused && !s->hold && settings_differ(s)) {
		s->hold = 1;
		checkpoint_now(s, on_settings_saved);
	}
}

static void settings_take(struct scheduler *s)
{
	if (s->beat.last == s->checkpoint.tick && settings_differ(s)) {
		s->settings = settings_wanted(s);
		s->settings_new = 1;
	}
}

static void load(struct scheduler *s)
{
	Region__RestoreRequest request = REGION__RESTORE_REQUEST__INIT;
	Region__Assignment assignment;
	Region__Shape shape;

	if (owners_share(s) == 0) {
		world_rests(s);
		return;
	}
	s->epoch_used = 1;
	settings_take(s);
	lease_shape(s, &shape);
	owners_assignment(s, 0, &assignment);
	request.shape = &shape;
	request.assignment = &assignment;
	request.has_checkpoint = request.has_journal = request.has_told = request.has_generation = 1;
	request.checkpoint = s->checkpoint.tick;
	request.journal = s->beat.last;
	request.told = s->beat.told;
	request.generation = s->checkpoint.generation;
	request.has_rules = s->checkpoint.generation != 0;
	request.rules.data = s->checkpoint.rules;
	request.rules.len = WORLD_DIGEST_SIZE;
	s->restore_missing = 0;
	for (uint32_t i = 0; i < s->owners_len; i++) {
		struct owner *owner = s->owners[i];
		struct proto_to to = { .instance = owner->id, .timeout_ms = LOAD_MS };

		if (owner->listed) {
			s->restore_missing++;
			owner->call = region_restore(s->h, &request, &to, on_restored, owner);
			STRIKE("restore.some_asked");
		}
	}
	owners_assignment_free(&assignment);
}

/* --- 2: the journal ------------------------------------------------------------------------------ */

static void scanned(struct scheduler *s)
{
	uint64_t told = s->beat.told;

	s->beat.last = s->beat.last > s->beat.begun ? s->beat.last : s->beat.begun;
	s->beat.last = s->beat.last > s->checkpoint.tick ? s->beat.last : s->checkpoint.tick;
	s->beat.begun = s->beat.last;
	for (uint32_t i = 0; i < s->owners_len; i++) { /* what an owner has told is known to it before it is to the database */
		uint64_t tick = s->owners[i]->epoch != 0 ? s->owners[i]->tick : 0;

		told = tick > told && tick <= s->beat.last ? tick : told;
	}
	s->beat.told = told;
	rules_again(s, NULL);
	load(s);
}

static void on_scanned(void *instance, void *arg, const struct troupe_db_page *page)
{
	struct scheduler *s = instance;
	const struct troupe_db_value *value;
	uint64_t tick;

	if (is_stale(s, arg)) {
		return;
	}
	if (page->status != TROUPE_OK) {
		restore_begin(s, "the journal could not be read");
		return;
	}
	for (uint32_t i = 0; i < page->count; i++) {
		const char *key = page->values[i].key;
		uint32_t len = page->values[i].key_len, head = (uint32_t)strlen(JOURNAL);

		if (len < head + 17 || worldkey_number(key + head, len - head, &tick) != 0) {
			continue;
		}
		s->beat.last = tick > s->beat.last ? tick : s->beat.last;
		s->journal_bytes += page->values[i].value_len;
		if (len == head + 18 && key[len - 1] == '!' && control_add(s, tick, &page->values[i]) != 0) {
			damaged(s, tick);
			return;
		}
	}
	if (page->more && page->count > 0) {
		value = &page->values[page->count - 1];
		scan(s, value->key, value->key_len, 1);
	} else {
		scanned(s);
	}
}

static void scan(struct scheduler *s, const char *from, uint32_t from_len, int after)
{
	static const char to[] = "world/j0"; /* behind all that begin with world/j/ */
	struct troupe_db_scan request = { .size = sizeof(request),
					  .db = s->db,
					  .from = from,
					  .from_len = from_len,
					  .to = to,
					  .to_len = sizeof(to) - 1,
					  .limit = PAGE_MAX,
					  .after = (uint32_t)after,
					  .on_page = on_scanned,
					  .arg = turn_arg(s) };

	s->h->db_scan(s->h, &request);
}

static void scan_begin(struct scheduler *s)
{
	struct worldkey key;

	s->controls_len = 0;
	s->journal_bytes = s->checkpoint.journal = 0;
	s->beat.last = 0;
	worldkey(&key, WORLD_KEY_JOURNAL_OF, (unsigned long long)s->checkpoint.tick + 1);
	scan(s, key.text, key.len, 0);
}

/* --- 1: an epoch --------------------------------------------------------------------------------- */

static void on_epoch(struct scheduler *s, uint64_t turn)
{
	STRIKE("restore.epoch_written");
	if (turn == s->turn && s->phase == PHASE_RESTORE) {
		s->epoch_used = 0;
		scan_begin(s);
	}
}

static void epoch(struct scheduler *s)
{
	if (s->phase != PHASE_RESTORE) {
		return;
	}
	if (lease_busy(s)) {
		lease_wait(s, epoch);
	} else if (s->epoch_used) {
		lease_write(s, s->lease.epoch + 1, on_epoch);
	} else {
		scan_begin(s);
	}
}

static void on_delayed(void *instance, void *arg)
{
	struct scheduler *s = instance;

	(void)arg;
	s->restore_timer = 0;
	epoch(s);
}

void restore_begin(struct scheduler *s, const char *why)
{
	uint64_t delay_ms = s->failures > 1 ? (uint64_t)DELAY_MS << (s->failures < 7 ? s->failures : 7) : 0;
	int again = s->phase == PHASE_RUN || s->phase == PHASE_RESTORE;

	give_up(s);
	s->damaged[0] = '\0';
	s->failures += (uint32_t)again;
	s->restores++;
	metric_add(s, METRIC_RESTORES, 1);
	snprintf(s->restore_why, sizeof(s->restore_why), "%s", why);
	if (s->restore_us == 0) {
		s->restore_us = s->h->now_us(s->h);
		s->restore_began = moment_now(s);
	}
	for (uint32_t i = 0; i < s->owners_len; i++) {
		if (!s->owners[i]->draining) {
			s->phase = PHASE_RESTORE;
		}
	}
	if (s->phase != PHASE_RESTORE) {
		log_line(s, TROUPE_LOG_WARNING, NULL, "the world stands, no owner of it is ready: %s", why);
		world_rests(s);
		return;
	}
	log_line(s, TROUPE_LOG_NOTICE, NULL, "the world is restored from tick %" PRIu64 ": %s", s->checkpoint.tick, why);
	if (delay_ms > 0) {
		s->restore_timer = s->h->timer_start(s->h, delay_ms < DELAY_MAX_MS ? delay_ms : DELAY_MAX_MS, on_delayed, NULL);
	} else {
		epoch(s);
	}
}

void restore_ended(struct scheduler *s)
{
	uint64_t took_us = moment_us(s, &s->restore_began);

	s->restore_us = 0;
	s->restored = 1;
	metric_time(s, METRIC_RESTORE_TIME, took_us);
	log_line(s, TROUPE_LOG_NOTICE, NULL, "the world is at tick %" PRIu64 ", %" PRIu64 " ticks after its checkpoint, after %" PRIu64
		 " ms", s->beat.tick, s->beat.tick - s->checkpoint.tick, took_us / 1000);
	beat_restart(s);
	metric_set(s, METRIC_PAUSED, beat_stands(s) != NULL);
	tell_state(s);
	if (s->paused) {
		owners_tell_paused(s, s->reason, NULL);
	} else if (s->rules.none[0] != '\0' && rules_waits(s)) {
		owners_tell_paused(s, s->rules.none, "world.no_rules");
	}
	rules_restored(s);
	restore_settings(s);
	owners_joined(s); /* who came while this went on */
}
