/* SPDX-License-Identifier: MIT */
/* One who asks a role in the simulator and waits for the answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "plugins/lib/asker.h"

static void on_reply(void *instance, void *arg, const struct troupe_reply *reply, troupe_any_fn typed)
{
	struct answer *answer = arg;

	(void)instance;
	(void)typed;
	answer->done = 1;
	answer->status = reply->status;
	snprintf(answer->reason, sizeof(answer->reason), "%s", reply->reason != NULL ? reply->reason : "");
	answer->len = reply->body_len;
	if (answer->len > 0) {
		memcpy(answer->body, reply->body, answer->len);
	}
	answer->body[answer->len] = 0;
}

void ask_start(const struct troupe_host *h, uint32_t method, const char *service, const void *message, uint64_t account,
	       struct answer *answer)
{
	struct proto_to to = { .account = account, .timeout_ms = 10000 };

	answer->done = 0;
	proto_call(h, method, service, message, &to, on_reply, NULL, answer);
}

int32_t ask(struct sim *sim, const struct troupe_host *h, uint32_t method, const char *service, const void *message,
	    uint64_t account, struct answer *answer)
{
	ask_start(h, method, service, message, account, answer);
	assert_true(sim_run_until(sim, &answer->done, 20000));
	return answer->status;
}

int32_t ask_command(struct sim *sim, const char *instance, const char *verb, const void *args, struct answer *answer)
{
	answer->done = 0;
	sim_command(sim, instance, verb, args, on_reply, answer);
	assert_true(sim_run_until(sim, &answer->done, 20000));
	return answer->status;
}

void *ask_unpack(const struct answer *answer, const ProtobufCMessageDescriptor *type)
{
	void *message;

	assert_int_equal(answer->status, TROUPE_OK);
	message = protobuf_c_message_unpack(type, NULL, answer->len, answer->body);
	assert_non_null(message);
	return message;
}

void ask_fine(struct sim *sim, const char *instance, const char *verb)
{
	static struct answer answer;

	assert_int_equal(ask_command(sim, instance, verb, NULL, &answer), TROUPE_OK);
	if (strstr((const char *)answer.body, "\"ok\":true") == NULL) {
		fail_msg("%s %s: %s", instance, verb, (const char *)answer.body);
	}
}
