/* SPDX-License-Identifier: MIT */
/* Checkpoints: a tick whose end all owners write down, the record that makes them count, and the end of what they replace. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler.h"

#define SAVING_US 30000000u /* after so long without all parts it is given up, and the next one is due */
#define BATCH 200u	    /* keys that are looked at and deleted at once */
#define CHUNK_PAGES 16u	    /* of the chunks' versions that are looked through after one checkpoint */

enum step { STEP_PAGES, STEP_JOURNAL, STEP_DIGESTS, STEP_RULES, STEP_CHUNKS, STEP_END };

static void clean(struct scheduler *s);

/* --- parts ---------------------------------------------------------------------------------------- */

static void ended(struct scheduler *s, int there)
{
	struct checkpoint *c = &s->checkpoint;
	void (*then[4])(struct scheduler *s);
	uint32_t len = c->then_len;
	uint64_t request = c->request;

	memcpy(then, c->then, sizeof(then));
	c->then_len = 0;
	c->request = 0;
	if (request != 0 && !there) {
		proto_refuse(s->h, request, TROUPE_FAILED_PRECONDITION, "world.no_checkpoint");
	} else if (request != 0) {
		struct json json = { 0 };

		json_open(&json, '{');
		json_key(&json, "tick");
		json_number(&json, (int64_t)c->tick);
		json_key(&json, "chunks");
		json_number(&json, (int64_t)c->chunks);
		json_key(&json, "bytes");
		json_number(&json, (int64_t)c->bytes);
		json_close(&json, '}');
		json_reply(&json, s->h, request);
	}
	for (uint32_t i = 0; i < len; i++) {
		then[i](s);
	}
}

int checkpoint_ask(struct scheduler *s)
{
	struct checkpoint *c = &s->checkpoint;

	if (c->saving != 0 || c->writing.tick != 0 || (!c->wanted && s->h->now_us(s->h) < c->due_us)) {
		return 0;
	}
	for (uint32_t i = 0; i < s->owners_len; i++) {
		s->owners[i]->saved = !s->owners[i]->in;
	}
	c->chunks = c->bytes = 0;
	return 1;
}

void checkpoint_mark(struct scheduler *s, uint64_t tick)
{
	struct checkpoint *c = &s->checkpoint;

	c->saving = tick;
	c->journal = s->journal_bytes;
	c->began_us = s->h->now_us(s->h);
	c->due_us = c->began_us + (uint64_t)s->options->checkpoint_ms * 1000u;
	c->wanted = 0;
	c->mark = (struct control){ .tick = tick, .generation = s->rules.now_number };
	memcpy(c->mark.rules, s->rules.now, WORLD_DIGEST_SIZE);
	checkpoint_check(s);
}

void checkpoint_on_saved(void *instance, const struct troupe_request *request, const Tick__Saved *body)
{
	struct scheduler *s = instance;
	struct checkpoint *c = &s->checkpoint;
	struct owner *owner = owner_find(s, request->from);
	uint64_t tick = c->saving != 0 ? c->saving : s->beat.save ? s->beat.tick + 1 : 0;

	if (!lease_held(s) || owner == NULL || body->epoch != s->lease.epoch || tick == 0 || body->tick != tick || owner->saved) {
		return;
	}
	owner->saved = 1;
	c->chunks += body->chunks;
	STRIKE("checkpoint.some_saved");
	c->bytes += body->bytes;
	checkpoint_check(s);
}

void checkpoint_now(struct scheduler *s, void (*then)(struct scheduler *s))
{
	struct checkpoint *c = &s->checkpoint;

	if (s->phase != PHASE_RUN || s->paused || rules_waits(s) || c->then_len == sizeof(c->then) / sizeof(c->then[0])) {
		then(s);
		return;
	}
	c->then[c->then_len++] = then;
	c->wanted = 1;
}

void checkpoint_drop(struct scheduler *s)
{
	s->checkpoint.saving = 0;
	s->checkpoint.wanted = 0;
	ended(s, 0);
}

/* --- the record ----------------------------------------------------------------------------------- */

static void on_written(struct scheduler *s, uint64_t turn)
{
	struct checkpoint *c = &s->checkpoint;
	uint32_t kept = 0;

	STRIKE("checkpoint.head_written");
	(void)turn; /* it counts, whatever happened meanwhile */
	c->tick = c->writing.tick;
	s->journal_bytes -= c->journal < s->journal_bytes ? c->journal : s->journal_bytes;
	c->generation = c->writing.generation;
	memcpy(c->rules, c->writing.rules, WORLD_DIGEST_SIZE);
	c->writing.tick = 0;
	c->saving = 0;
	c->at_us = s->h->now_us(s->h);
	for (uint32_t i = 0; i < s->controls_len; i++) {
		if (s->controls[i].tick > c->tick) {
			s->controls[kept++] = s->controls[i];
		}
	}
	s->controls_len = kept;
	metric_add(s, METRIC_CHECKPOINTS, 1);
	metric_time(s, METRIC_CHECKPOINT_TIME, c->at_us - c->began_us);
	if (!c->deleting) {
		c->deleting = 1;
		c->step = STEP_PAGES;
		c->cursor_len = 0;
		clean(s);
	}
	ended(s, 1);
}

void checkpoint_check(struct scheduler *s)
{
	struct checkpoint *c = &s->checkpoint;
	Tick__Checkpoint record = TICK__CHECKPOINT__INIT;

	if (c->saving == 0 || c->writing.tick != 0 || !lease_held(s) || s->phase != PHASE_RUN) {
		return;
	}
	for (uint32_t i = 0; i < s->owners_len; i++) {
		if (s->owners[i]->in && !s->owners[i]->saved && !MUTANT("head_first")) {
			if (s->h->now_us(s->h) - c->began_us > SAVING_US) {
				log_line(s, TROUPE_LOG_WARNING, NULL, "no checkpoint of tick %" PRIu64 ": %s has not written its part "
					 "in %u s", c->saving, s->owners[i]->name, SAVING_US / 1000000u);
				checkpoint_drop(s);
			}
			return;
		}
	}
	if (lease_busy(s)) {
		return; /* lease.c asks again when it is not */
	}
	c->writing = c->mark;
	record.has_tick = record.has_generation = 1;
	record.tick = c->mark.tick;
	record.generation = c->mark.generation;
	record.has_rules = c->mark.generation != 0;
	record.rules.data = c->mark.rules;
	record.rules.len = WORLD_DIGEST_SIZE;
	STRIKE("checkpoint.head_unwritten");
	lease_op(s, WORLD_KEY_CHECKPOINT, &record.base);
	lease_write(s, s->lease.epoch, on_written);
}

/* --- what it replaced ----------------------------------------------------------------------------- */

static void on_deleted(void *instance, void *arg, const struct troupe_db_result *result)
{
	struct scheduler *s = instance;

	(void)arg;
	STRIKE("checkpoint.old_deleted");
	if (s->stopped || !lease_held(s) || result->status == TROUPE_FAILED_PRECONDITION) {
		s->checkpoint.deleting = 0;
	} else {
		clean(s); /* what did not go now goes after the next checkpoint */
	}
}

/* old_chunk: the version before this one, if this one is not above the checkpoint either: the newest of a chunk stays. */
static int old_chunk(struct scheduler *s, const char *key, uint32_t len, struct troupe_db_op *ret_op, char *ret_key)
{
	struct checkpoint *c = &s->checkpoint;
	uint64_t tick;
	int old = 0;

	if (len < 17 || len >= sizeof(c->previous) || worldkey_number(key + len - 16, 16, &tick) != 0) {
		return 0;
	}
	if (c->previous_len == len && memcmp(c->previous, key, len - 16) == 0 && tick <= c->tick) {
		memcpy(ret_key, c->previous, len);
		*ret_op = (struct troupe_db_op){ .kind = TROUPE_DB_DELETE, .key = ret_key, .key_len = len };
		old = 1;
	}
	memcpy(c->previous, key, len);
	c->previous_len = len;
	return old;
}

static int old_bundle(const struct scheduler *s, const char *key, uint32_t len)
{
	char hex[2 * WORLD_DIGEST_SIZE + 1];
	uint32_t head = (uint32_t)strlen("world/s/");

	if (len < head + 2 * WORLD_DIGEST_SIZE) {
		return 0;
	}
	memcpy(hex, key + head, sizeof(hex) - 1);
	hex[sizeof(hex) - 1] = '\0';
	return !rules_keeps(s, hex);
}

/* choose: which of a page's keys go; returns how many. `keys` is room for those that are not in the page itself. */
static uint32_t choose(struct scheduler *s, const struct troupe_db_page *page, struct troupe_db_op *ops, char (*keys)[128])
{
	struct checkpoint *c = &s->checkpoint;
	uint32_t len = 0;

	for (uint32_t i = 0; i < page->count; i++) {
		const struct troupe_db_value *value = &page->values[i];

		if (c->step == STEP_CHUNKS) {
			len += (uint32_t)old_chunk(s, value->key, value->key_len, &ops[len], keys[len]);
		} else if (c->step != STEP_RULES || old_bundle(s, value->key, value->key_len)) {
			ops[len++] = (struct troupe_db_op){ .kind = TROUPE_DB_DELETE,
							    .key = value->key,
							    .key_len = value->key_len };
		}
	}
	return len;
}

static void step_end(struct checkpoint *c)
{
	c->step++;
	c->cursor_len = c->previous_len = c->pages = 0;
}

static void on_page(void *instance, void *arg, const struct troupe_db_page *page)
{
	struct scheduler *s = instance;
	struct checkpoint *c = &s->checkpoint;
	struct troupe_db_op ops[BATCH];
	char keys[BATCH][128];
	struct troupe_db_commit commit = { .size = sizeof(commit), .db = s->db, .ops = ops, .fence = WORLD_FENCE,
					   .fence_epoch = s->lease.epoch, .on_done = on_deleted };
	const struct troupe_db_value *last;

	(void)arg;
	if (s->stopped || !lease_held(s) || page->status != TROUPE_OK || page->count > BATCH) {
		c->deleting = 0;
		return;
	}
	commit.ops_len = choose(s, page, ops, keys);
	last = page->count > 0 ? &page->values[page->count - 1] : NULL;
	c->pages++;
	if (page->more && last != NULL && last->key_len < sizeof(c->cursor)) {
		memcpy(c->cursor, last->key, last->key_len);
		c->cursor_len = last->key_len;
	} else {
		step_end(c);
	}
	if (commit.ops_len > 0) {
		s->h->db_commit(s->h, &commit);
	} else {
		clean(s);
	}
}

/* range: from where to where the step looks. */
static void range(const struct scheduler *s, struct worldkey *from, struct worldkey *to)
{
	const struct checkpoint *c = &s->checkpoint;

	switch (c->step) {
	case STEP_PAGES:
		worldkey(from, "world/c/");
		worldkey(to, WORLD_KEY_CHECKPOINT_OF, (unsigned long long)c->tick);
		break;
	case STEP_JOURNAL:
		worldkey(from, "world/j/");
		worldkey(to, WORLD_KEY_JOURNAL_OF, (unsigned long long)c->tick + 1);
		break;
	case STEP_DIGESTS:
		worldkey(from, "world/d/");
		worldkey(to, WORLD_KEY_DIGEST, (unsigned long long)c->tick);
		break;
	case STEP_RULES:
		worldkey(from, "world/s/");
		worldkey(to, "world/s0");
		break;
	default:
		worldkey(from, "world/k/");
		worldkey(to, "world/k0");
		break;
	}
}

/*
 * Chunks are many, and each checkpoint replaces few: after each a bounded part of them is looked through, from where the
 * one before ended. `cursor` is kept for that in `chunks_at`.
 */
static void clean(struct scheduler *s)
{
	struct checkpoint *c = &s->checkpoint;
	struct worldkey from, to;
	struct troupe_db_scan scan = { .size = sizeof(scan), .db = s->db, .limit = BATCH, .on_page = on_page };

	if (c->step == STEP_RULES && !s->rules.trim) {
		step_end(c);
	}
	if (c->step == STEP_CHUNKS && c->pages == 0 && c->chunks_at_len > 0) {
		memcpy(c->cursor, c->chunks_at, c->chunks_at_len);
		c->cursor_len = c->chunks_at_len;
	}
	if (c->step == STEP_CHUNKS && c->pages >= CHUNK_PAGES) {
		memcpy(c->chunks_at, c->cursor, c->cursor_len);
		c->chunks_at_len = c->cursor_len;
		step_end(c);
	} else if (c->step == STEP_END) {
		c->chunks_at_len = 0;
	}
	if (c->step == STEP_END) {
		c->deleting = 0;
		s->rules.trim = 0;
		return;
	}
	range(s, &from, &to);
	scan.from = c->cursor_len > 0 ? c->cursor : from.text;
	scan.from_len = c->cursor_len > 0 ? c->cursor_len : from.len;
	scan.to = to.text;
	scan.to_len = to.len;
	/* the last chunk's key again: the version after it says whether it may go */
	scan.after = c->cursor_len > 0 && !(c->step == STEP_CHUNKS && c->previous_len == 0);
	s->h->db_scan(s->h, &scan);
}
