/* SPDX-License-Identifier: MIT */
/* One who asks a role in the simulator and waits for the answer. */
#ifndef TESTS_ASKER_H
#define TESTS_ASKER_H

#include "proto/proto.h"
#include "sim/sim.h"

struct answer {
	int done;
	int32_t status;
	char reason[TROUPE_REASON_MAX + 1];
	uint32_t len;
	uint8_t body[TROUPE_BODY_MAX + 1]; /* NUL-terminated: commands answer with text */
};

/* ask_start: sends; the answer comes while the simulator runs. `account` is the player it is for, 0 = nobody.
 * Clears the answer. */
void ask_start(const struct troupe_host *h, uint32_t method, const char *service, const void *message, uint64_t account,
	       struct answer *answer);
/* ask: sends and runs until the answer is there; returns its status. Fails the test if none comes in 20 s. */
int32_t ask(struct sim *sim, const struct troupe_host *h, uint32_t method, const char *service, const void *message,
	    uint64_t account, struct answer *answer);
/* ask_command: likewise for a command of an instance. */
int32_t ask_command(struct sim *sim, const char *instance, const char *verb, const void *args, struct answer *answer);
/* ask_unpack: the message in an answer; protobuf_c_message_free_unpacked releases it. Fails the test if it is none. */
void *ask_unpack(const struct answer *answer, const ProtobufCMessageDescriptor *type);
/* ask_fine: runs a check such as "verify" and fails the test, showing its text, unless it finds all well. */
void ask_fine(struct sim *sim, const char *instance, const char *verb);

/* assert_refused: the answer is this refusal. */
#define assert_refused(answer, want_status, want_reason)               \
	do {                                                           \
		assert_string_equal((answer)->reason, (want_reason));  \
		assert_int_equal((answer)->status, (want_status));     \
	} while (0)

#endif
