/* SPDX-License-Identifier: MIT */
/* The envelope of a message on the wire, as troupe/message.h lays it out. */
#ifndef HOST_CORE_ENVELOPE_H
#define HOST_CORE_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "troupe/message.h"

/* A decoded envelope. */
struct envelope {
	uint8_t kind;	 /* enum troupe_message_kind */
	uint16_t status; /* enum troupe_status; 0 unless it is a reply */
	uint32_t method;
	uint64_t call;	 /* 0 in an event alone */
	uint64_t source, target;
	uint32_t timeout_ms;
	uint32_t body_len;
	uint8_t key[TROUPE_KEY_SIZE];
	uint8_t trace[TROUPE_TRACE_SIZE];
	uint64_t epoch;
	uint64_t account, actor, session;
};

/* What is wrong with an envelope. */
enum envelope_fault {
	ENVELOPE_FINE,
	ENVELOPE_SHORT,	  /* fewer bytes than the envelope, or than its body needs */
	ENVELOPE_VERSION, /* not TROUPE_ENVELOPE_VERSION */
	ENVELOPE_KIND,	  /* not an enum troupe_message_kind */
	ENVELOPE_STATUS,  /* not an enum troupe_status, or one where none belongs */
	ENVELOPE_CALL,	  /* an event with a call's id, or anything else without */
	ENVELOPE_BODY	  /* a body above TROUPE_BODY_MAX, a reason above TROUPE_REASON_MAX, or a cancel with one */
};

/* envelope_encode writes TROUPE_ENVELOPE_SIZE bytes. [any] */
void envelope_encode(const struct envelope *envelope, uint8_t *ret_bytes);

/*
 * envelope_decode reads an envelope and makes sure that its body follows within `len` bytes; *ret_envelope is written
 * when it is fine. The body starts at bytes + TROUPE_ENVELOPE_SIZE, the next message after it. Ids, method and what
 * the sender may claim are for the caller to judge. [any]
 */
enum envelope_fault envelope_decode(const uint8_t *bytes, size_t len, struct envelope *ret_envelope);

/* envelope_fault_text says what is wrong, for log lines. [any] */
const char *envelope_fault_text(enum envelope_fault fault);

#endif
