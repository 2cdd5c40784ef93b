/* SPDX-License-Identifier: MIT */
/* A reign, from taking the lease to losing it: what the database knows of the world is read first. */
#include "scheduler.h"

#include <stdio.h>
#include <string.h>

#define RETRY_MS 100u

static void load(struct scheduler *s);

static void on_load_later(void *instance, void *arg)
{
	struct scheduler *s = instance;

	(void)arg;
	s->restore_timer = 0;
	load(s);
}

static void load_beat(struct scheduler *s, const Tick__Beat *beat)
{
	if (beat == NULL) {
		return;
	}
	s->beat.begun = beat->tick;
	s->beat.told = beat->told;
	s->paused = beat->paused;
	snprintf(s->reason, sizeof(s->reason), "%s", beat->reason != NULL ? beat->reason : "");
}

static void load_checkpoint(struct scheduler *s, const Tick__Checkpoint *record)
{
	struct checkpoint *c = &s->checkpoint;

	memset(c, 0, sizeof(*c));
	c->due_us = s->h->now_us(s->h) + (uint64_t)s->options->checkpoint_ms * 1000u;
	if (record == NULL) {
		return;
	}
	c->tick = record->tick;
	c->generation = record->has_rules && record->rules.len == WORLD_DIGEST_SIZE ? record->generation : 0;
	if (c->generation != 0) {
		memcpy(c->rules, record->rules.data, WORLD_DIGEST_SIZE);
	}
}

static void on_loaded(void *instance, void *arg, const struct troupe_db_page *page)
{
	static const ProtobufCMessageDescriptor *const types[3] = { &tick__beat__descriptor, &tick__checkpoint__descriptor,
								    &tick__generations__descriptor };
	struct scheduler *s = instance;
	struct proto_arena arena;
	ProtobufCMessage *records[3] = { NULL };
	int damaged = 0;

	if (s->stopped || s->phase != PHASE_LOAD || s->turn != (uint64_t)(uintptr_t)arg) {
		return;
	}
	if (page->status != TROUPE_OK || page->count != 3) {
		s->restore_timer = s->h->timer_start(s->h, RETRY_MS, on_load_later, NULL);
		return;
	}
	proto_arena_init(&arena);
	for (int i = 0; i < 3; i++) {
		const struct troupe_db_value *value = &page->values[i];

		records[i] = value->version != 0 ? proto_unpack(types[i], value->value, value->value_len, &arena) : NULL;
		damaged |= value->version != 0 && records[i] == NULL;
	}
	if (damaged) {
		log_line(s, TROUPE_LOG_ERROR, "S0442", "the world's records in database %s cannot be read: restore a backup of it",
			 s->options->database);
		s->h->state(s->h, 0, 0, "the world's records cannot be read");
	} else {
		load_beat(s, (const Tick__Beat *)records[0]);
		load_checkpoint(s, (const Tick__Checkpoint *)records[1]);
		rules_load(s, (const Tick__Generations *)records[2]);
		s->phase = PHASE_GATHER;
		tell_state(s);
		rules_begin(s);
		owners_begin(s);
	}
	proto_arena_free(&arena);
}

static void load(struct scheduler *s)
{
	static const char *const names[3] = { WORLD_KEY_TICK, WORLD_KEY_CHECKPOINT, WORLD_KEY_RULES };
	struct troupe_db_check keys[3] = { 0 };
	struct troupe_db_get get = { .size = sizeof(get), .db = s->db, .keys = keys, .keys_len = 3, .on_page = on_loaded,
				     .arg = (void *)(uintptr_t)s->turn };

	for (int i = 0; i < 3; i++) {
		keys[i].key = names[i];
		keys[i].key_len = (uint32_t)strlen(names[i]);
	}
	s->h->db_get(s->h, &get);
}

void reign_begin(struct scheduler *s)
{
	s->turn++;
	s->phase = PHASE_LOAD;
	s->hold = 0;
	memset(&s->beat, 0, sizeof(s->beat));
	s->paused = s->pause_wanted = s->epoch_used = s->restored = s->has_digest = 0;
	s->failures = 0;
	s->restore_began = moment_now(s);
	s->restore_us = s->balanced_us = s->h->now_us(s->h);
	metric_set(s, METRIC_PAUSED, 1);
	load(s);
}

void reign_end(struct scheduler *s)
{
	s->turn++;
	s->phase = PHASE_NONE;
	beat_end(s);
	checkpoint_drop(s);
	rules_end(s);
	owners_end(s);
	command_drop(s);
	timer_clear(s, &s->restore_timer);
	s->restore_us = 0;
	s->db_away = AWAY_NOT;
	metric_set(s, METRIC_PAUSED, 0);
}
