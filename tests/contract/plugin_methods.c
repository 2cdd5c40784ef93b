/* SPDX-License-Identifier: MIT */
/* The part of the suite about what a role is asked: methods, events and commands, well formed or not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin_rig.h"

/* What is sent as a body: whatever the message, `malformed` ones are none. */
static const struct body {
	const char *name, *bytes;
	uint32_t len;
	int malformed;
} bodies[] = {
	{ "nothing", "", 0, 0 },
	{ "a field of the future", "\x80\x7d\x01", 3, 0 },
	{ "no tags", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12, 1 },
	{ "a text that is cut off", "\x0a\x7fxx", 4, 1 },
	{ "a number that is cut off", "\x08\xff", 2, 1 },
	{ "tag 0", "\0\0\0\0", 4, 1 },
};

static void on_reply(void *instance, void *arg, const struct troupe_reply *reply, troupe_any_fn typed)
{
	struct answer *answer = arg;

	(void)instance;
	(void)typed;
	answer->done++;
	answer->status = reply->status;
	answer->len = 0;
	snprintf(answer->reason, sizeof(answer->reason), "%s", reply->reason != NULL ? reply->reason : "");
	if (reply->status == TROUPE_OK && reply->body_len > 0) {
		answer->len = reply->body_len;
		memcpy(answer->body, reply->body, reply->body_len);
	}
}

/* send: `answer` NULL = as an event. */
static void send(struct rig *rig, const struct troupe_host *from, uint32_t method, const struct body *body,
		 struct answer *answer)
{
	static const uint8_t key[TROUPE_KEY_SIZE] = { 1, 2, 3 };
	struct troupe_call call = {
		.size = sizeof(call),
		.method = method,
		.to = troupe_fnv64(rig->instance->name, strlen(rig->instance->name)),
		.key = key,
		.account = 7,
		.actor = 9,
		.session = 11,
		.timeout_ms = 10000,
		.on_reply = answer != NULL ? on_reply : NULL,
		.arg = answer,
	};
	uint8_t *bytes = NULL;

	if (body->len > 0) {
		call.body = from->buf_new(from, body->len, &bytes);
		memcpy(bytes, body->bytes, body->len);
	}
	if (answer != NULL) {
		answer->done = 0;
	}
	from->call(from, &call);
}

/* caller: an actor of this role beside the instance. */
static const struct troupe_host *caller(struct rig *rig, const char *role)
{
	static unsigned number;
	char name[128];

	snprintf(name, sizeof(name), "%.*s/%s.caller%u", (int)strcspn(rig->instance->name, "/"), rig->instance->name,
		 strcmp(role, "*") == 0 ? "anybody" : role, ++number);
	return sim_actor(rig->sim, name, rig->instance->part, rig, NULL);
}

/* one_way: the contract of the method has no answer; whoever waits for one waits in vain. */
static int one_way(const char *method)
{
	const char *topdir = getenv("top_srcdir") != NULL ? getenv("top_srcdir") : ".", *dot = strchr(method, '.');
	char path[512], line[512], rpc[128];
	int found = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/abi/proto/%.*s.proto", topdir, (int)(dot - method), method);
	snprintf(rpc, sizeof(rpc), "rpc %s(", dot + 1);
	file = fopen(path, "r");
	if (file == NULL) {
		fail_msg("%s: there is no such file", path);
	}
	while (!found && fgets(line, sizeof(line), file) != NULL) {
		found = strstr(line, rpc) != NULL && strstr(line, "returns (troupe.None)") != NULL;
	}
	fclose(file);
	return found;
}

static void method_bodies(struct rig *rig, const struct troupe_method *method, const struct troupe_host *from)
{
	struct answer *answer = &rig->answer;

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		send(rig, from, method->id, &bodies[i], answer);
		if (!sim_run_until(rig->sim, &answer->done, RIG_PATIENCE_MS)) {
			fail_msg("%s does not answer %s", method->name, bodies[i].name);
		}
		if (answer->status == TROUPE_DEADLINE_EXCEEDED) {
			fail_msg("%s does not answer %s in time", method->name, bodies[i].name);
		}
		if (bodies[i].malformed != (strcmp(answer->reason, "host.malformed") == 0)) {
			fail_msg("%s answers %s with %d '%s'", method->name, bodies[i].name, answer->status, answer->reason);
		}
		if (answer->status != TROUPE_OK && strchr(answer->reason, '.') == NULL) {
			fail_msg("%s refuses %s without a reason", method->name, bodies[i].name);
		}
		sim_run(rig->sim, 100);
		assert_int_equal(answer->done, 1);
	}
}

void plugin_methods_test(void **state)
{
	struct rig *rig = rig_open(*state);
	const struct troupe_host *nobody = caller(rig, "nobody-is-called-so");

	for (const struct troupe_method *m = rig->plugin->methods; m != NULL && m->name != NULL; m++) {
		if (!one_way(m->name)) {
			method_bodies(rig, m, caller(rig, m->allow[0]));
		}
		if (strcmp(m->allow[0], "*") != 0) {
			send(rig, nobody, m->id, &bodies[0], &rig->answer);
			assert_true(sim_run_until(rig->sim, &rig->answer.done, RIG_PATIENCE_MS));
			assert_refused(&rig->answer, TROUPE_PERMISSION_DENIED, "host.not_allowed");
		}
	}
	send(rig, nobody, 12345, &bodies[0], &rig->answer);
	assert_true(sim_run_until(rig->sim, &rig->answer.done, RIG_PATIENCE_MS));
	assert_refused(&rig->answer, TROUPE_UNIMPLEMENTED, "host.no_method");
	assert_true(sim_ready(rig->sim, rig->instance->name));
	rig_close(rig);
}

/* Nobody waits for an answer: a role that gives one anyway, or takes the 0 for a request, is found by the sanitizers. */
void plugin_events_test(void **state)
{
	struct rig *rig = rig_open(*state);

	for (const struct troupe_method *m = rig->plugin->methods; m != NULL && m->name != NULL; m++) {
		const struct troupe_host *from = caller(rig, m->allow[0]);

		for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
			send(rig, from, m->id, &bodies[i], NULL);
		}
	}
	sim_run(rig->sim, 12000);
	assert_true(sim_ready(rig->sim, rig->instance->name));
	rig_close(rig);
}

/* --- commands ------------------------------------------------------------------------------------- */

/* args_fill lays out a table: defaults where there are, else the least that is allowed. */
static void args_fill(const struct troupe_option *option, uint8_t *args, const char *text)
{
	for (; option != NULL && option->name != NULL; option++) {
		const char *fallback = option->fallback;

		if (option->type == TROUPE_OPTION_STRING || option->type == TROUPE_OPTION_PATH) {
			const char *value = fallback != NULL ? fallback
					    : (option->flags & TROUPE_OPTION_REQUIRED) == 0
						    ? ""
						    : text + strlen(text) - (size_t)(option->min > 0 ? option->min : 1);

			memcpy(args + option->offset, &value, sizeof(value));
		} else if (option->type <= TROUPE_OPTION_SIZE) {
			int64_t value = fallback != NULL ? strcmp(fallback, "true") == 0 ? 1 : strtoll(fallback, NULL, 10)
							 : option->min;

			memcpy(args + option->offset, &value, sizeof(value));
		} else {
			fail_msg("the suite cannot make up an argument of the type of %s", option->name);
		}
	}
}

void plugin_commands_test(void **state)
{
	static const char text[] = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";
	struct rig *rig = rig_open(*state);
	struct answer *answer = &rig->answer;

	for (const struct troupe_command *c = rig->plugin->commands; c != NULL && c->verb != NULL; c++) {
		uint8_t *args = test_calloc(1, c->args_size + 8);

		args_fill(c->args, args, text);
		answer->done = 0;
		sim_command(rig->sim, rig->instance->name, c->verb, args, on_reply, answer);
		if (!sim_run_until(rig->sim, &answer->done, RIG_PATIENCE_MS)) {
			fail_msg("%s %s does not answer", rig->plugin->name, c->verb);
		}
		if (answer->status == TROUPE_OK) {
			json_error_t error;
			json_t *json = json_loadb((const char *)answer->body, answer->len, JSON_REJECT_DUPLICATES, &error);

			if (json == NULL) {
				fail_msg("%s %s answers what is no JSON: %s: %.*s", rig->plugin->name, c->verb, error.text,
					 (int)answer->len, (const char *)answer->body);
			}
			json_decref(json);
		} else if (strchr(answer->reason, '.') == NULL) {
			fail_msg("%s %s is refused without a reason", rig->plugin->name, c->verb);
		}
		sim_run(rig->sim, 1000);
		assert_int_equal(answer->done, 1);
		test_free(args);
	}
	rig_close(rig);
}
