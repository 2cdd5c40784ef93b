/* SPDX-License-Identifier: MIT */
/* The client frame: whatever comes, reading it whole and byte by byte finds the same frames and stays inside. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/wire.h"

struct seen {
	uint64_t digest;
	size_t used;
	enum wire_result last;
};

/* one: reads the next frame if it is there, from a copy that ends where the bytes end. */
static int one(const uint8_t *bytes, size_t len, struct seen *seen)
{
	uint8_t *copy = calloc(1, len > 0 ? len : 1);
	struct wire_frame frame;

	if (len > 0) {
		memcpy(copy, bytes, len);
	}
	seen->last = wire_read(copy, len, WIRE_BEFORE_MAX, &frame);
	if (seen->last == WIRE_FRAME) {
		if (frame.len > len - WIRE_HEAD_SIZE || frame.body != copy + WIRE_HEAD_SIZE) {
			abort();
		}
		seen->digest = seen->digest * 31 + frame.event + frame.tag * 7u + troupe_fnv32(frame.body, frame.len);
		seen->used += WIRE_HEAD_SIZE + frame.len;
	}
	free(copy);
	return seen->last == WIRE_FRAME;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen whole = { 0 }, bytewise = { 0 };

	if (size > 20000) {
		return 0;
	}
	while (one(data + whole.used, size - whole.used, &whole)) {
	}
	for (size_t len = 0; len <= size; len++) {
		while (bytewise.last != WIRE_TOO_LONG && one(data + bytewise.used, len - bytewise.used, &bytewise)) {
		}
	}
	if (whole.used != bytewise.used || whole.digest != bytewise.digest || whole.last != bytewise.last) {
		abort();
	}
	return 0;
}
