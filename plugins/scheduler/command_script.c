/* SPDX-License-Identifier: MIT */
/* What operators ask of the rules. */
#include <stddef.h>

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

void command_script_list(void *instance, const struct troupe_request *request, const void *args)
{
	struct scheduler *s = instance;
	struct json json = { 0 };

	(void)args;
	if (command_refused(s, request)) {
		return;
	}
	json_open(&json, '[');
	for (uint32_t i = 0; i < s->rules.history_len; i++) {
		const struct generation *one = &s->rules.history[i];
		char hex[2 * WORLD_DIGEST_SIZE + 1];

		worldkey_hex(one->digest, hex);
		json_open(&json, '{');
		command_put(&json, "generation", one->number);
		command_put_text(&json, "digest", hex);
		command_put(&json, "files", one->files);
		command_put(&json, "since_ms", one->since_ms);
		command_put_text(&json, "by", one->who);
		command_put_text(&json, "result", one->problem[0] != '\0'		     ? one->problem
						  : one->number == s->rules.now_number ? "in force"
										       : "replaced");
		json_close(&json, '}');
	}
	json_close(&json, ']');
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
		proto_refuse(s->h, request, TROUPE_FAILED_PRECONDITION, "world.reload_refused"); /* the log says why */
		return;
	}
	json_open(&json, '{');
	command_put(&json, "generation", waits ? s->rules.next.number : s->rules.now_number);
	command_put(&json, "files", s->rules.next.files);
	command_put(&json, "tick", (int64_t)s->beat.tick + waits);
	json_close(&json, '}');
	json_reply(&json, s->h, request);
}
