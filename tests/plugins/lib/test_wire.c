/* SPDX-License-Identifier: MIT */
/* Client frames: bounds, one byte at a time, and heads that go out as they come in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wire/wire.h"

struct frame_case {
	const char *name;
	const uint8_t bytes[12];
	size_t len;
	uint32_t body_max;
	enum wire_result result;
	uint16_t event, tag;
	uint32_t body_len;
};

static const struct frame_case cases[] = {
	{ "nothing", { 0 }, 0, 4096, WIRE_MORE, 0, 0, 0 },
	{ "seven bytes of a head", { 3, 0, 0, 0, 0, 0, 0 }, 7, 4096, WIRE_MORE, 0, 0, 0 },
	{ "length 0", { 3, 0, 9, 0, 0, 0, 0, 0 }, 8, 4096, WIRE_FRAME, 3, 9, 0 },
	{ "two bytes of body", { 3, 0, 0, 1, 2, 0, 0, 0, 8, 1 }, 10, 4096, WIRE_FRAME, 3, 256, 2 },
	{ "half a body", { 3, 0, 0, 1, 2, 0, 0, 0, 8 }, 9, 4096, WIRE_MORE, 0, 0, 0 },
	{ "more than the frame", { 3, 0, 0, 1, 1, 0, 0, 0, 8, 1, 7 }, 11, 4096, WIRE_FRAME, 3, 256, 1 },
	{ "length 0xFFFFFFFF", { 255, 255, 255, 255, 255, 255, 255, 255 }, 8, 65536, WIRE_TOO_LONG, 65535, 65535,
	  0xFFFFFFFF },
	{ "one above the bound", { 10, 0, 1, 0, 1, 16, 0, 0 }, 8, 4096, WIRE_TOO_LONG, 10, 1, 4097 },
	{ "at the bound, no body yet", { 10, 0, 1, 0, 0, 16, 0, 0 }, 8, 4096, WIRE_MORE, 0, 0, 0 },
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct frame_case *c = &cases[i];
		struct wire_frame frame;
		enum wire_result result = wire_read(c->bytes, c->len, c->body_max, &frame);

		if (result != c->result) {
			fail_msg("%s: got %d", c->name, (int)result);
		}
		if (result != WIRE_MORE && (frame.event != c->event || frame.tag != c->tag || frame.len != c->body_len)) {
			fail_msg("%s: event %u tag %u len %u", c->name, frame.event, frame.tag, frame.len);
		}
	}
}

static void test_one_byte_at_a_time(void **state)
{
	uint8_t bytes[WIRE_HEAD_SIZE + 300];
	struct wire_frame frame;

	(void)state;
	wire_head(bytes, 0x1234, 0xABCD, 300);
	memset(bytes + WIRE_HEAD_SIZE, 7, 300);
	for (size_t len = 0; len < sizeof(bytes); len++) {
		assert_int_equal(wire_read(bytes, len, 300, &frame), WIRE_MORE);
	}
	assert_int_equal(wire_read(bytes, sizeof(bytes), 300, &frame), WIRE_FRAME);
	assert_int_equal(frame.event, 0x1234);
	assert_int_equal(frame.tag, 0xABCD);
	assert_ptr_equal(frame.body, bytes + WIRE_HEAD_SIZE);
}

/* The head as the manual gives it: event 10, tag 7, 5 bytes. */
static void test_head(void **state)
{
	static const uint8_t wanted[] = { 0x0a, 0x00, 0x07, 0x00, 0x05, 0x00, 0x00, 0x00 };
	uint8_t head[WIRE_HEAD_SIZE];

	(void)state;
	wire_head(head, 10, 7, 5);
	assert_memory_equal(head, wanted, sizeof(wanted));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_one_byte_at_a_time),
		cmocka_unit_test(test_head),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
