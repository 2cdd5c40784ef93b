/* SPDX-License-Identifier: MIT */
/* The envelope on the wire. */
#include "host/core/envelope.h"

#include <string.h>

#include "troupe/status.h"
#include "host/core/le.h"

void envelope_encode(const struct envelope *envelope, uint8_t *to)
{
	le_put(to, TROUPE_ENVELOPE_VERSION, 1);
	le_put(to + 1, envelope->kind, 1);
	le_put(to + 2, envelope->status, 2);
	le_put(to + 4, envelope->method, 4);
	le_put(to + 8, envelope->call, 8);
	le_put(to + 16, envelope->source, 8);
	le_put(to + 24, envelope->target, 8);
	le_put(to + 32, envelope->timeout_ms, 4);
	le_put(to + 36, envelope->body_len, 4);
	memcpy(to + 40, envelope->key, TROUPE_KEY_SIZE);
	memcpy(to + 56, envelope->trace, TROUPE_TRACE_SIZE);
	le_put(to + 72, envelope->epoch, 8);
	le_put(to + 80, envelope->account, 8);
	le_put(to + 88, envelope->actor, 8);
	le_put(to + 96, envelope->session, 8);
}

static enum envelope_fault check(const struct envelope *envelope, size_t len)
{
	bool is_reply = envelope->kind == TROUPE_MESSAGE_REPLY;
	uint32_t body_max = is_reply && envelope->status != TROUPE_OK	 ? TROUPE_REASON_MAX
			    : envelope->kind == TROUPE_MESSAGE_CANCEL ? 0
								       : TROUPE_BODY_MAX;

	if (envelope->kind < TROUPE_MESSAGE_CALL || envelope->kind > TROUPE_MESSAGE_CANCEL) {
		return ENVELOPE_KIND;
	}
	if (envelope->status > (is_reply ? TROUPE_UNAUTHENTICATED : TROUPE_OK)) {
		return ENVELOPE_STATUS;
	}
	if ((envelope->call == 0) != (envelope->kind == TROUPE_MESSAGE_EVENT)) {
		return ENVELOPE_CALL;
	}
	if (envelope->body_len > body_max) {
		return ENVELOPE_BODY;
	}
	return len - TROUPE_ENVELOPE_SIZE < envelope->body_len ? ENVELOPE_SHORT : ENVELOPE_FINE;
}

enum envelope_fault envelope_decode(const uint8_t *bytes, size_t len, struct envelope *ret_envelope)
{
	struct envelope envelope;
	enum envelope_fault fault;

	if (len < TROUPE_ENVELOPE_SIZE) {
		return ENVELOPE_SHORT;
	}
	if (bytes[0] != TROUPE_ENVELOPE_VERSION) {
		return ENVELOPE_VERSION;
	}
	envelope = (struct envelope){
		.kind = bytes[1],
		.status = (uint16_t)le_get(bytes + 2, 2),
		.method = (uint32_t)le_get(bytes + 4, 4),
		.call = le_get(bytes + 8, 8),
		.source = le_get(bytes + 16, 8),
		.target = le_get(bytes + 24, 8),
		.timeout_ms = (uint32_t)le_get(bytes + 32, 4),
		.body_len = (uint32_t)le_get(bytes + 36, 4),
		.epoch = le_get(bytes + 72, 8),
		.account = le_get(bytes + 80, 8),
		.actor = le_get(bytes + 88, 8),
		.session = le_get(bytes + 96, 8),
	};
	memcpy(envelope.key, bytes + 40, TROUPE_KEY_SIZE);
	memcpy(envelope.trace, bytes + 56, TROUPE_TRACE_SIZE);
	fault = check(&envelope, len);
	if (fault == ENVELOPE_FINE) {
		*ret_envelope = envelope;
	}
	return fault;
}

const char *envelope_fault_text(enum envelope_fault fault)
{
	static const char *const text[] = {
		[ENVELOPE_FINE] = "nothing is wrong",
		[ENVELOPE_SHORT] = "it is cut off",
		[ENVELOPE_VERSION] = "its version is not 1",
		[ENVELOPE_KIND] = "it is no call, reply, event or cancel",
		[ENVELOPE_STATUS] = "its status does not exist or does not belong there",
		[ENVELOPE_CALL] = "its call id does not fit its kind",
		[ENVELOPE_BODY] = "its body is too long",
	};

	return text[fault];
}
