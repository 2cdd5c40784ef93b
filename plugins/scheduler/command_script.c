/* SPDX-License-Identifier: MIT */
/* What operators ask of the rules. */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

#include "command.h"

const struct troupe_option command_reload_options[] = {
	{ .name = "canary", .help = "Whether one owner tries them before the others do.", .type = TROUPE_OPTION_BOOL,
	  .offset = offsetof(struct reload_args, canary) },
	{ 0 }
};

const struct troupe_option command_rollback_options[] = {
	{ .name = "generation", .help = "Which one; without it the last that was another.", .type = TROUPE_OPTION_INT,
	  .offset = offsetof(struct rollback_args, generation), .min = 0, .max = UINT32_MAX },
	{ 0 }
};

/* when: UTC, as in the log without its fractions. */
static void when(int64_t ms, char *text, size_t size)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;

	if (gmtime_r(&seconds, &tm) == NULL || strftime(text, size, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
		text[0] = '\0';
	}
}

/* age: "12s", "5m", "3h", "2d". */
static void age(int64_t ms, char *text, size_t size)
{
	int64_t seconds = ms > 0 ? ms / 1000 : 0;

	if (seconds < 120) {
		snprintf(text, size, "%" PRId64 "s", seconds);
	} else if (seconds < 120 * 60) {
		snprintf(text, size, "%" PRId64 "m", seconds / 60);
	} else if (seconds < 48 * 3600) {
		snprintf(text, size, "%" PRId64 "h", seconds / 3600);
	} else {
		snprintf(text, size, "%" PRId64 "d", seconds / 86400);
	}
}

static void put_generation(const struct scheduler *s, struct json *json, const struct generation *one)
{
	char hex[2 * WORLD_DIGEST_SIZE + 1], since[32], old[32];

	worldkey_hex(one->digest, hex);
	when(one->since_ms, since, sizeof(since));
	age(s->h->wall_ms(s->h) - one->since_ms, old, sizeof(old));
	json_open(json, '{');
	json_key(json, "generation");
	if (one->number != 0) {
		json_number(json, one->number);
	} else {
		json_raw(json, "null", 4); /* it was refused */
	}
	command_put(json, "files", one->files);
	command_put_text(json, "since", since);
	command_put_text(json, "age", old);
	command_put_text(json, "by", one->who);
	command_put_text(json, "result", one->problem[0] != '\0'	      ? one->problem
					 : one->number == s->rules.now_number ? "in force"
									      : "replaced");
	command_put_text(json, "digest", hex);
	json_close(json, '}');
}

static void put_failures(const struct rules *r, struct json *json)
{
	json_key(json, "failed");
	json_open(json, '[');
	for (uint32_t i = 0; i < r->failures_len; i++) {
		json_open(json, '{');
		command_put_text(json, "at", r->failures[i].at);
		command_put_text(json, "error", r->failures[i].error);
		json_close(json, '}');
	}
	json_close(json, ']');
}

void command_put_paused(const struct scheduler *s, struct json *json)
{
	json_key(json, "paused_rules");
	json_open(json, '[');
	for (uint32_t i = 0; i < s->rules.paused_len; i++) {
		json_open(json, '{');
		command_put_text(json, "rule", s->rules.paused[i].rule);
		command_put_text(json, "at", s->rules.paused[i].at);
		command_put(json, "errors", s->rules.paused[i].errors);
		json_close(json, '}');
	}
	json_close(json, ']');
}

void command_script_list(void *instance, const struct troupe_request *request, const void *args)
{
	struct scheduler *s = instance;
	struct json json = { 0 };

	(void)args;
	if (command_refused(s, request)) {
		return;
	}
	json_open(&json, '{');
	json_key(&json, "generations");
	json_open(&json, '[');
	for (uint32_t i = 0; i < s->rules.history_len; i++) {
		put_generation(s, &json, &s->rules.history[i]);
	}
	json_close(&json, ']');
	put_failures(&s->rules, &json);
	command_put_paused(s, &json);
	json_close(&json, '}');
	json_reply(&json, s->h, request->id);
}

static const char *who(const struct troupe_request *request)
{
	return request->operator_name != NULL && request->operator_name[0] != '\0' ? request->operator_name : "an operator";
}

void command_script_reload(void *instance, const struct troupe_request *request, const void *args)
{
	const struct reload_args *wanted = args;

	rules_read(instance, request->id, who(request), wanted != NULL && wanted->canary);
}

void command_script_rollback(void *instance, const struct troupe_request *request, const void *args)
{
	const struct rollback_args *wanted = args;

	rules_rollback(instance, request->id, who(request), (uint32_t)wanted->generation);
}

void command_reloaded(struct scheduler *s, uint64_t request, int accepted)
{
	struct json json = { 0 };
	int waits = s->rules.state == RULES_READY; /* for the world to go on */

	if (!accepted) {
		proto_refuse_text(s->h, request, TROUPE_FAILED_PRECONDITION, "world.reload_refused",
				  s->rules.told != NULL ? s->rules.told : "");
		return;
	}
	json_open(&json, '{');
	command_put(&json, "generation", waits ? s->rules.next.number : s->rules.now_number);
	command_put(&json, "files", s->rules.next.files);
	command_put(&json, "tick", (int64_t)s->beat.tick + waits);
	json_close(&json, '}');
	json_reply(&json, s->h, request);
}
