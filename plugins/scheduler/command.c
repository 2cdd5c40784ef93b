/* SPDX-License-Identifier: MIT */
/* What operators ask of the world as a whole. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

void command_put(struct json *json, const char *key, int64_t number)
{
	json_key(json, key);
	json_number(json, number);
}

void command_put_text(struct json *json, const char *key, const char *text)
{
	json_key(json, key);
	json_text(json, text);
}

int command_refused(struct scheduler *s, const struct troupe_request *request)
{
	if (lease_held(s) && s->phase != PHASE_LOAD) {
		return 0;
	}
	proto_refuse(s->h, request->id, TROUPE_FAILED_PRECONDITION, "world.not_here");
	return 1;
}

/* --- status -------------------------------------------------------------------------------------- */

static int time_order(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void put_times(const struct scheduler *s, struct json *json, const char *name, unsigned which)
{
	const struct beat *beat = &s->beat;
	uint32_t times[TIMES_LEN], len = beat->counted < TIMES_LEN ? (uint32_t)beat->counted : TIMES_LEN;
	char key[48], text[32];

	memcpy(times, beat->times[which], len * sizeof(times[0]));
	qsort(times, len, sizeof(times[0]), time_order);
	for (unsigned i = 0; i < 2; i++) {
		uint32_t us = len == 0 ? 0 : times[i == 0 ? len / 2 : len - 1 - len / 100];

		snprintf(key, sizeof(key), "%s_%s_ms", name, i == 0 ? "p50" : "p99");
		snprintf(text, sizeof(text), "%u.%03u", us / 1000, us % 1000);
		command_put_text(json, key, text);
	}
}

static const char *state_name(const struct scheduler *s)
{
	switch (s->lease.state) {
	case LEASE_STANDBY:
	case LEASE_TAKING:
		return "standing by";
	case LEASE_HELD:
		return s->phase == PHASE_RUN && s->rules.none[0] != '\0' && rules_waits(s) ? "no rules"
		       : beat_stands(s) != NULL ? "paused" : s->restore_us != 0 ? "restoring" : "running";
	case LEASE_REFUSED:
		return "refused";
	default:
		return "stopped";
	}
}

/* state_reason: who runs the world instead, or why nobody here does. */
static const char *state_reason(const struct scheduler *s)
{
	return s->lease.state == LEASE_STANDBY ? s->lease.owner : s->lease.state == LEASE_REFUSED ? s->lease.refused : "";
}

/* database_name: the instance that keeps the world, in words that a command may begin with. */
static const char *database_name(const struct scheduler *s)
{
	static const char prefix[] = "database.";
	struct troupe_peer peers[64];
	uint32_t n = s->h->peers(s->h, "database", peers, 64);

	for (uint32_t i = 0; i < n && i < 64; i++) {
		const char *name = strrchr(peers[i].name, '/');

		name = name != NULL ? name + 1 : peers[i].name;
		if (strncmp(name, prefix, sizeof(prefix) - 1) == 0 && strcmp(name + sizeof(prefix) - 1, s->options->database) == 0) {
			return peers[i].name;
		}
	}
	return "";
}

static void command_status(void *instance, const struct troupe_request *request, const void *args)
{
	struct scheduler *s = instance;
	const char *why = lease_held(s) ? beat_stands(s) : NULL;
	uint64_t entities = 0, avatars = 0;
	uint32_t in = 0;
	char text[48];
	struct json json = { 0 };

	(void)args;
	for (uint32_t i = 0; i < s->owners_len; i++) {
		in += s->owners[i]->in;
		entities += s->owners[i]->entities;
		avatars += s->owners[i]->avatars;
	}
	json_open(&json, '{');
	command_put_text(&json, "world", state_name(s));
	command_put_text(&json, "reason", why != NULL ? why : state_reason(s));
	command_put(&json, "tick", (int64_t)s->beat.tick);
	snprintf(text, sizeof(text), "%u.%02u", s->beat.rate / 100, s->beat.rate % 100);
	command_put_text(&json, "ticks_per_second", why == NULL ? text : "0.00");
	command_put(&json, "epoch", (int64_t)s->lease.epoch);
	command_put_text(&json, "database", database_name(s));
	command_put(&json, "owners", in);
	command_put(&json, "regions", s->regions);
	command_put(&json, "entities", (int64_t)entities);
	command_put(&json, "avatars", (int64_t)avatars);
	command_put(&json, "checkpoint", (int64_t)s->checkpoint.tick);
	command_put(&json, "checkpoint_age_ms",
		    s->checkpoint.at_us != 0 ? (int64_t)((s->h->now_us(s->h) - s->checkpoint.at_us) / 1000) : -1);
	command_put(&json, "generation", s->rules.now_number);
	command_put(&json, "restores", s->restores);
	command_put_text(&json, "last_restore", s->restore_why);
	command_put(&json, "late", (int64_t)s->beat.overruns);
	put_times(s, &json, "tick", 0);
	put_times(s, &json, "entities", 1);
	put_times(s, &json, "edits", 2);
	put_times(s, &json, "movement", 3);
	command_put_paused(s, &json);
	json_close(&json, '}');
	json_reply(&json, s->h, request->id);
}

static void command_regions(void *instance, const struct troupe_request *request, const void *args)
{
	struct scheduler *s = instance;
	int64_t corner = -s->options->size / 2;
	struct json json = { 0 };

	(void)args;
	if (command_refused(s, request)) {
		return;
	}
	json_open(&json, '[');
	for (uint32_t i = 0; i < s->regions; i++) {
		char text[48];

		snprintf(text, sizeof(text), "(%" PRId64 ", %" PRId64 ")", corner + (int64_t)(i % s->side) * s->options->region,
			 corner + (int64_t)(i / s->side) * s->options->region);
		json_open(&json, '{');
		command_put(&json, "region", i);
		command_put_text(&json, "from", text);
		command_put_text(&json, "owner", s->region_owner[i] != NULL ? s->region_owner[i]->name : "");
		command_put(&json, "entities", s->region_load[i]);
		command_put(&json, "avatars", s->region_avatars[i]);
		json_close(&json, '}');
	}
	json_close(&json, ']');
	json_reply(&json, s->h, request->id);
}

/* --- pause --------------------------------------------------------------------------------------- */

struct pause_args {
	const char *reason;
};

static void command_pause(void *instance, const struct troupe_request *request, const void *args)
{
	struct scheduler *s = instance;
	const struct pause_args *wanted = args;

	if (command_refused(s, request)) {
		return;
	}
	if (s->pause_request != 0) {
		proto_refuse(s->h, request->id, TROUPE_FAILED_PRECONDITION, "world.pausing");
		return;
	}
	s->pause_request = request->id;
	beat_pause(s, wanted->reason != NULL && wanted->reason[0] != '\0' ? wanted->reason : "by an operator");
}

static void answer_state(struct scheduler *s, uint64_t request)
{
	struct json json = { 0 };

	json_open(&json, '{');
	command_put_text(&json, "world", state_name(s));
	command_put(&json, "tick", (int64_t)s->beat.tick);
	json_close(&json, '}');
	json_reply(&json, s->h, request);
}

void command_paused(struct scheduler *s)
{
	uint64_t request = s->pause_request;

	s->pause_request = 0;
	if (request != 0) {
		answer_state(s, request);
	}
}

static void command_resume(void *instance, const struct troupe_request *request, const void *args)
{
	struct scheduler *s = instance;

	(void)args;
	if (command_refused(s, request)) {
		return;
	}
	command_paused(s);
	beat_resume(s);
	answer_state(s, request->id);
}

/* --- regions, checkpoints ------------------------------------------------------------------------ */

static void command_rebalance(void *instance, const struct troupe_request *request, const void *args)
{
	struct scheduler *s = instance;
	struct move move;
	struct json json = { 0 };

	(void)args;
	if (command_refused(s, request)) {
		return;
	}
	if (beat_stands(s) != NULL) {
		proto_refuse(s->h, request->id, TROUPE_FAILED_PRECONDITION, "world.paused");
		return;
	}
	json_open(&json, '[');
	if (s->move.from == NULL && balance_find(s, 0, &move)) {
		s->move = move;
		s->balanced_us = s->h->now_us(s->h);
	}
	if (s->move.from != NULL) {
		json_open(&json, '{');
		command_put(&json, "region", s->move.region);
		command_put_text(&json, "from", s->move.from->name);
		command_put_text(&json, "to", s->move.to->name);
		command_put(&json, "entities", s->region_load[s->move.region]);
		json_close(&json, '}');
	}
	json_close(&json, ']');
	json_reply(&json, s->h, request->id);
}

static void command_checkpoint(void *instance, const struct troupe_request *request, const void *args)
{
	struct scheduler *s = instance;

	(void)args;
	if (command_refused(s, request)) {
		return;
	}
	if (beat_stands(s) != NULL || s->checkpoint.request != 0) {
		proto_refuse(s->h, request->id, TROUPE_FAILED_PRECONDITION,
			     s->checkpoint.request != 0 ? "world.saving" : "world.paused");
		return;
	}
	s->checkpoint.request = request->id;
	s->checkpoint.wanted = 1;
}

void command_drop(struct scheduler *s)
{
	uint64_t *requests[] = { &s->pause_request, &s->digest_request };

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		if (*requests[i] != 0) {
			proto_refuse(s->h, *requests[i], TROUPE_FAILED_PRECONDITION, "world.not_here");
			*requests[i] = 0;
		}
	}
}

static const struct troupe_option pause_options[] = {
	{ .name = "reason", .help = "What players are told.", .type = TROUPE_OPTION_STRING,
	  .offset = offsetof(struct pause_args, reason), .max = 200 },
	{ 0 }
};

const struct troupe_command scheduler_commands[] = {
	{ .verb = "world status", .help = "The tick, how long its stages take, owners, checkpoint and rules; why it stands.",
	  .right = "read", .run = command_status },
	{ .verb = "world map", .help = "The regions as letters and digits: who owns them, where players are, and how much is in them.",
	  .right = "read", .run = command_map },
	{ .verb = "world pause", .help = "No tick begins until it is resumed; players are told the reason.", .right = "operate",
	  .args = pause_options, .args_size = sizeof(struct pause_args), .flags = TROUPE_COMMAND_CHANGES, .run = command_pause },
	{ .verb = "world resume", .help = "Ticks go on.", .right = "operate", .flags = TROUPE_COMMAND_CHANGES, .run = command_resume },
	{ .verb = "world digest", .help = "A digest of all that is in the world after the next tick, or after the last one while it stands.",
	  .right = "read", .run = command_digest_now },
	{ .verb = "world audit", .help = "Checks that every region has one owner and that nothing is kept of ticks that never were.",
	  .right = "read", .run = command_audit },
	{ .verb = "world rebalance", .help = "Moves the region that evens the owners' work most, now.", .right = "operate",
	  .flags = TROUPE_COMMAND_CHANGES, .run = command_rebalance },
	{ .verb = "world checkpoint", .help = "Writes a checkpoint with the next tick.", .right = "operate",
	  .flags = TROUPE_COMMAND_CHANGES, .run = command_checkpoint },
	{ .verb = "regions", .help = "Every region: its corner, who owns it, and what is in it.", .right = "read",
	  .flags = TROUPE_COMMAND_NOUN, .run = command_regions },
	{ .verb = "script list", .help = "The generations of rules: when, by whom, and with which result.", .right = "read",
	  .run = command_script_list },
	{ .verb = "script reload", .help = "Reads the rules again.", .right = "operate", .args = command_reload_options,
	  .args_size = sizeof(struct reload_args), .flags = TROUPE_COMMAND_CHANGES, .run = command_script_reload },
	{ .verb = "script rollback", .help = "Puts an earlier generation of rules in force again.", .right = "operate",
	  .args = command_rollback_options, .args_size = sizeof(struct rollback_args), .flags = TROUPE_COMMAND_CHANGES,
	  .run = command_script_rollback },
	{ 0 }
};
