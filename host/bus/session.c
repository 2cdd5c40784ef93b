/* SPDX-License-Identifier: MIT */
/* Sealed frames and the window over their counters. */
#include "host/bus/session.h"

#include <string.h>

void bytes_put(uint8_t *to, uint64_t value)
{
	for (unsigned i = 0; i < 8; i++) {
		to[i] = (uint8_t)(value >> (8 * i));
	}
}

uint64_t bytes_get(const uint8_t *from)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < 8; i++) {
		value |= (uint64_t)from[i] << (8 * i);
	}
	return value;
}

void seal_head_put(uint8_t *frame, const struct seal_head *head)
{
	memset(frame, 0, 8);
	frame[0] = head->type;
	frame[1] = SEAL_VERSION;
	bytes_put(frame + 8, head->session);
	bytes_put(frame + 16, head->sender);
	bytes_put(frame + 24, head->counter);
}

bool seal_head_get(const uint8_t *frame, size_t len, struct seal_head *ret_head)
{
	static const uint8_t zero[6];

	if (len < SEAL_HEAD + SEAL_TAIL || frame[0] < SEAL_FIRST || frame[0] > SEAL_ANSWER || frame[1] != SEAL_VERSION ||
	    memcmp(frame + 2, zero, sizeof(zero)) != 0) {
		return false;
	}
	*ret_head = (struct seal_head){
		.type = frame[0],
		.session = bytes_get(frame + 8),
		.sender = bytes_get(frame + 16),
		.counter = bytes_get(frame + 24),
	};
	return true;
}

size_t session_close(struct session *session, uint8_t type, uint64_t sender, uint8_t *frame, size_t len)
{
	struct seal_head head = { type, session->id, sender, session->sent++ };

	seal_head_put(frame, &head);
	cipher_seal(session->send, head.counter, frame, MUTANT("head_not_sealed") ? 0 : SEAL_HEAD, frame + SEAL_HEAD, len);
	return SEAL_HEAD + len + SEAL_TAIL;
}

static bool window_seen(const struct session *session, uint64_t counter)
{
	if (counter > session->top) {
		return false;
	}
	if (session->top - counter >= SEAL_WINDOW + (MUTANT("window_longer") ? 64 : 0)) {
		return true;
	}
	return (session->window[counter / 64 % SESSION_WORDS] >> (counter % 64) & 1) != 0;
}

static void window_add(struct session *session, uint64_t counter)
{
	if (counter > session->top) {
		uint64_t from = session->top / 64, words = counter / 64 - from;

		if (words > SESSION_WORDS) {
			words = SESSION_WORDS;
		}
		for (uint64_t i = 1; i <= words; i++) {
			session->window[(from + i) % SESSION_WORDS] = 0;
		}
		session->top = counter;
	}
	session->window[counter / 64 % SESSION_WORDS] |= (uint64_t)1 << (counter % 64);
}

enum session_fault session_open(struct session *session, uint64_t counter, uint8_t *frame, size_t len)
{
	if (window_seen(session, counter) && !MUTANT("no_window")) {
		return SESSION_REPLAYED;
	}
	if (!cipher_open(session->receive, counter, frame, MUTANT("head_not_sealed") ? 0 : SEAL_HEAD, frame + SEAL_HEAD,
			 len - SEAL_HEAD)) {
		return SESSION_FORGED;
	}
	window_add(session, counter);
	return SESSION_FINE;
}
