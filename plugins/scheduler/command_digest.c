/* SPDX-License-Identifier: MIT */
/* What operators ask of the world's digest. */
#include <inttypes.h>
#include <stdio.h>

#include "command.h"

static void answer(struct scheduler *s, uint64_t request, uint64_t tick, uint64_t digest)
{
	struct json json = { 0 };
	char text[20];

	snprintf(text, sizeof(text), "%016" PRIx64, digest);
	json_open(&json, '{');
	command_put(&json, "tick", (int64_t)tick);
	command_put_text(&json, "digest", text);
	json_close(&json, '}');
	json_reply(&json, s->h, request);
}

static void on_kept(void *instance, void *arg, const struct troupe_db_result *result)
{
	(void)instance;
	(void)arg;
	(void)result; /* whoever asked has it; a recording may lack it */
}

/* keep: a recording of the world can be compared with it. */
static void keep(struct scheduler *s, uint64_t tick, uint64_t digest)
{
	struct worldkey key;
	uint8_t bytes[8];
	struct troupe_db_op op = { .kind = TROUPE_DB_PUT, .key = key.text, .value = bytes, .value_len = sizeof(bytes) };
	struct troupe_db_commit commit = { .size = sizeof(commit), .db = s->db, .ops = &op, .ops_len = 1, .fence = WORLD_FENCE,
					   .fence_epoch = s->lease.epoch, .on_done = on_kept };

	for (unsigned i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (uint8_t)(digest >> (8 * i));
	}
	worldkey(&key, WORLD_KEY_DIGEST, (unsigned long long)tick);
	op.key_len = key.len;
	s->h->db_commit(s->h, &commit);
}

void command_digest(struct scheduler *s, uint64_t tick, uint64_t digest)
{
	uint64_t request = s->digest_request;

	s->digest_request = 0;
	keep(s, tick, digest);
	if (request != 0) {
		answer(s, request, tick, digest);
	}
}

static void on_read(void *instance, void *arg, const struct troupe_db_page *page)
{
	struct scheduler *s = instance;
	uint64_t tick = (uint64_t)(uintptr_t)arg, request = s->digest_request, digest = 0;

	if (request == 0 || !s->paused || tick != s->beat.tick) {
		return; /* the world went on: the next tick answers, or has */
	}
	s->digest_request = 0;
	if (page->status != TROUPE_OK || page->count != 1 || page->values[0].value_len != 8) {
		proto_refuse(s->h, request, TROUPE_FAILED_PRECONDITION, "world.paused");
		return;
	}
	for (unsigned i = 0; i < 8; i++) {
		digest |= (uint64_t)((const uint8_t *)page->values[0].value)[i] << (8 * i);
	}
	answer(s, request, tick, digest);
}

/* read_kept: of the tick after which the world stands. Who ran it before kept it. */
static void read_kept(struct scheduler *s)
{
	struct worldkey key;
	struct troupe_db_check check = { .key = key.text };
	struct troupe_db_get get = { .size = sizeof(get), .db = s->db, .keys = &check, .keys_len = 1, .on_page = on_read,
				     .arg = (void *)(uintptr_t)s->beat.tick };

	worldkey(&key, WORLD_KEY_DIGEST, (unsigned long long)s->beat.tick);
	check.key_len = key.len;
	s->h->db_get(s->h, &get);
}

void command_digest_now(void *instance, const struct troupe_request *request, const void *args)
{
	struct scheduler *s = instance;

	(void)args;
	if (command_refused(s, request)) {
		return;
	}
	if (s->paused && s->has_digest && s->digest_tick == s->beat.tick) {
		answer(s, request->id, s->digest_tick, s->digest);
	} else if (s->digest_request != 0 || s->phase != PHASE_RUN || (beat_stands(s) != NULL && !s->paused)) {
		proto_refuse(s->h, request->id, TROUPE_FAILED_PRECONDITION,
			     s->digest_request != 0 ? "world.digesting" : "world.paused");
	} else {
		s->digest_request = request->id;
		if (s->paused) {
			read_kept(s);
		}
	}
}
