/* SPDX-License-Identifier: MIT */
/* The envelope: where each field lies, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/envelope.h"

static const struct envelope sample = {
	.kind = TROUPE_MESSAGE_REPLY,
	.status = 9,
	.method = 0x04030201,
	.call = 0x1817161514131211,
	.source = 0x2827262524232221,
	.target = 0x3837363534333231,
	.timeout_ms = 0x44434241,
	.body_len = 3,
	.key = { 0x50, 0x51, [15] = 0x5f },
	.trace = { 0x60, 0x61, [15] = 0x6f },
	.epoch = 0x7877767574737271,
	.account = 0x8887868584838281,
	.actor = 0x9897969594939291,
	.session = 0xa8a7a6a5a4a3a2a1,
};

/* The bytes, written by hand from the table in troupe/message.h. */
static const uint8_t sample_bytes[TROUPE_ENVELOPE_SIZE + 3] = {
	1, 2, 9, 0, 1, 2, 3, 4, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18,
	0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38,
	0x41, 0x42, 0x43, 0x44, 3, 0, 0, 0, 0x50, 0x51, [55] = 0x5f, [56] = 0x60, 0x61, [71] = 0x6f,
	[72] = 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88,
	0x91, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8,
	'w', 'h', 'y',
};

static void layout(void **state)
{
	uint8_t bytes[TROUPE_ENVELOPE_SIZE];
	struct envelope back;

	(void)state;
	envelope_encode(&sample, bytes);
	assert_memory_equal(bytes, sample_bytes, sizeof(bytes));
	memset(&back, 0xee, sizeof(back));
	assert_int_equal(envelope_decode(sample_bytes, sizeof(sample_bytes), &back), ENVELOPE_FINE);
	assert_int_equal(back.kind, sample.kind);
	assert_int_equal(back.status, sample.status);
	assert_true(back.method == sample.method && back.call == sample.call);
	assert_true(back.source == sample.source && back.target == sample.target);
	assert_true(back.timeout_ms == sample.timeout_ms && back.body_len == sample.body_len);
	assert_memory_equal(back.key, sample.key, sizeof(back.key));
	assert_memory_equal(back.trace, sample.trace, sizeof(back.trace));
	assert_true(back.epoch == sample.epoch && back.account == sample.account);
	assert_true(back.actor == sample.actor && back.session == sample.session);
}

struct fault_case {
	const char *name;
	enum envelope_fault fault;
	uint8_t kind;
	uint32_t status;
	uint64_t call;
	uint32_t body_len;
	uint8_t version;
};

static void faults(void **state)
{
	static const struct fault_case cases[] = {
		{ "a call", ENVELOPE_FINE, TROUPE_MESSAGE_CALL, 0, 1, 0, 1 },
		{ "a call with a long body", ENVELOPE_FINE, TROUPE_MESSAGE_CALL, 0, 1, TROUPE_BODY_MAX, 1 },
		{ "a longer body", ENVELOPE_BODY, TROUPE_MESSAGE_CALL, 0, 1, TROUPE_BODY_MAX + 1, 1 },
		{ "the longest length", ENVELOPE_BODY, TROUPE_MESSAGE_CALL, 0, 1, UINT32_MAX, 1 },
		{ "a long reason", ENVELOPE_FINE, TROUPE_MESSAGE_REPLY, 16, 1, TROUPE_REASON_MAX, 1 },
		{ "a longer reason", ENVELOPE_BODY, TROUPE_MESSAGE_REPLY, 16, 1, TROUPE_REASON_MAX + 1, 1 },
		{ "a cancel with a body", ENVELOPE_BODY, TROUPE_MESSAGE_CANCEL, 0, 1, 1, 1 },
		{ "an unknown status", ENVELOPE_STATUS, TROUPE_MESSAGE_REPLY, 17, 1, 0, 1 },
		{ "a call with a status", ENVELOPE_STATUS, TROUPE_MESSAGE_CALL, 1, 1, 0, 1 },
		{ "kind 0", ENVELOPE_KIND, 0, 0, 1, 0, 1 },
		{ "kind 5", ENVELOPE_KIND, 5, 0, 1, 0, 1 },
		{ "an event", ENVELOPE_FINE, TROUPE_MESSAGE_EVENT, 0, 0, 0, 1 },
		{ "an event with a call's id", ENVELOPE_CALL, TROUPE_MESSAGE_EVENT, 0, 1, 0, 1 },
		{ "a reply to nothing", ENVELOPE_CALL, TROUPE_MESSAGE_REPLY, 0, 0, 0, 1 },
		{ "version 0", ENVELOPE_VERSION, TROUPE_MESSAGE_CALL, 0, 1, 0, 0 },
		{ "version 2", ENVELOPE_VERSION, TROUPE_MESSAGE_CALL, 0, 1, 0, 2 },
	};
	size_t len = TROUPE_ENVELOPE_SIZE + TROUPE_BODY_MAX;
	uint8_t *bytes = calloc(1, len);

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct fault_case *c = &cases[i];
		struct envelope envelope = { .kind = c->kind, .status = (uint16_t)c->status, .call = c->call,
					     .body_len = c->body_len };
		print_message("# %s\n", c->name);
		envelope_encode(&envelope, bytes);
		bytes[0] = c->version;
		assert_int_equal(envelope_decode(bytes, len, &envelope), c->fault);
		assert_non_null(envelope_fault_text(c->fault));
	}
	free(bytes);
}

/* Every prefix is cut off, whatever it holds; each is in memory of its own, so that a sanitizer sees a read too far. */
static void prefixes(void **state)
{
	struct envelope envelope;

	(void)state;
	for (size_t len = 0; len < sizeof(sample_bytes); len++) {
		uint8_t *bytes = malloc(len + 1);
		uint8_t *exact = realloc(bytes, len > 0 ? len : 1);
		memcpy(exact, sample_bytes, len);
		assert_int_equal(envelope_decode(exact, len, &envelope), ENVELOPE_SHORT);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layout),
		cmocka_unit_test(faults),
		cmocka_unit_test(prefixes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
