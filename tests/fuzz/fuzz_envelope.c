/* SPDX-License-Identifier: MIT */
/* The envelope between hosts: what is accepted lies within its bytes and encodes to the same bytes again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/envelope.h"
#include "troupe/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* check_bounds: what a receiver may rely on without looking again. */
static void check_bounds(const struct envelope *envelope, size_t len)
{
	int failed = envelope->kind == TROUPE_MESSAGE_REPLY && envelope->status != TROUPE_OK;

	if (envelope->body_len > len - TROUPE_ENVELOPE_SIZE || envelope->body_len > TROUPE_BODY_MAX ||
	    (failed && envelope->body_len > TROUPE_REASON_MAX) ||
	    (envelope->kind == TROUPE_MESSAGE_CANCEL && envelope->body_len > 0)) {
		abort();
	}
	if (envelope->kind < TROUPE_MESSAGE_CALL || envelope->kind > TROUPE_MESSAGE_CANCEL ||
	    envelope->status > TROUPE_UNAUTHENTICATED || (envelope->status != TROUPE_OK && !failed) ||
	    (envelope->call == 0) != (envelope->kind == TROUPE_MESSAGE_EVENT)) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t again[TROUPE_ENVELOPE_SIZE];
	struct envelope envelope, untouched;

	/* a frame holds many messages one after the other */
	for (size_t at = 0; at <= size;) {
		memset(&envelope, 0xa5, sizeof(envelope));
		untouched = envelope;

		enum envelope_fault fault = envelope_decode(data + at, size - at, &envelope);

		if (envelope_fault_text(fault) == NULL) {
			abort();
		}
		if (fault != ENVELOPE_FINE) {
			if (memcmp(&envelope, &untouched, sizeof(envelope)) != 0) {
				abort();
			}
			break;
		}
		check_bounds(&envelope, size - at);
		envelope_encode(&envelope, again);
		if (memcmp(again, data + at, TROUPE_ENVELOPE_SIZE) != 0) {
			abort();
		}
		/* one byte less than it needs is refused */
		if (envelope_decode(data + at, TROUPE_ENVELOPE_SIZE + envelope.body_len - 1, &envelope) != ENVELOPE_SHORT) {
			abort();
		}
		at += TROUPE_ENVELOPE_SIZE + envelope.body_len;
	}
	return 0;
}
