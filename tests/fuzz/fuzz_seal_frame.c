/* SPDX-License-Identifier: MIT */
/* A session that gets any frames: what was not sealed for it does not open, and of what was, each counter opens once, as a
 * plain list of those that came says. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/bus/session.h"

#define FRAME_MAX 256u
#define CAME_MAX 512u

static uint64_t came[CAME_MAX];
static unsigned came_len;

/* Should a true frame with this counter open? */
static bool is_new(uint64_t counter)
{
	uint64_t top = 0;

	for (unsigned i = 0; i < came_len; i++) {
		if (came[i] == counter) {
			return false;
		}
		top = came[i] > top ? came[i] : top;
	}
	return counter >= top || top - counter < SEAL_WINDOW;
}

static void give(struct session *session, const uint8_t *frame, size_t len, bool is_true)
{
	uint8_t *copy = malloc(len > 0 ? len : 1); /* of its own, so that a sanitizer sees a read too far */
	struct seal_head head;

	memcpy(copy, frame, len);
	if (seal_head_get(copy, len, &head)) {
		bool wanted = is_true && is_new(head.counter);
		enum session_fault fault = session_open(session, head.counter, copy, len);

		if ((fault == SESSION_FINE) != wanted) {
			abort();
		}
		if (wanted) {
			came[came_len++] = head.counter;
		}
	} else if (is_true) {
		abort();
	}
	free(copy);
}

/* A counter near those of interest: the last one, the window's end, the ends of the numbers. */
static uint64_t counter_of(const struct session *session, uint8_t kind, uint16_t value)
{
	switch (kind % 5) {
	case 0:
		return value;
	case 1:
		return session->top + value;
	case 2:
		return session->top - value;
	case 3:
		return session->top - SEAL_WINDOW - 4 + value % 8;
	default:
		return UINT64_MAX - value;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Steps of four bytes: what, which counter, two for a number; a frame's bytes follow. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct session one = { .id = 7 }, other = { .id = 7 };
	uint8_t frame[FRAME_MAX];

	memset(one.send, 1, sizeof(one.send));
	memset(other.receive, 1, sizeof(other.receive));
	came_len = 0;
	for (size_t at = 0; at + 4 <= size && came_len < CAME_MAX;) {
		uint8_t what = data[at] % 4, kind = data[at + 1];
		uint16_t value = (uint16_t)(data[at + 2] | data[at + 3] << 8);
		size_t len = data[at] / 4 % 32;

		at += 4;
		len = len < size - at ? len : size - at;
		if (what == 0) {
			give(&other, data + at, len * 8 < size - at ? len * 8 : size - at, false);
			at += len * 8 < size - at ? len * 8 : size - at;
			continue;
		}
		one.sent = counter_of(&other, kind, value);
		memcpy(frame + SEAL_HEAD, data + at, len);
		size_t frame_len = session_close(&one, SEAL_DATA, 9, frame, len);

		if (what == 1) {
			uint8_t mask = (uint8_t)(kind >> 3 | 1);

			frame[value % frame_len] ^= mask;
			give(&other, frame, frame_len, false);
			frame[value % frame_len] ^= mask;
		}
		give(&other, frame, frame_len, true);
		at += len;
	}
	return 0;
}
