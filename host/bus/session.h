/* SPDX-License-Identifier: MIT */
/* One session of the seal: two keys, a counter for what is sent, and a window over what came. */
#ifndef HOST_BUS_SESSION_H
#define HOST_BUS_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/bus/cipher.h"
#include "host/bus/seal.h"

/* Tests build the seal with a MUTANT that plants mistakes which they must find. */
#ifndef MUTANT
#define MUTANT(name) 0
#endif

/* The clear head of every frame of the seal, little-endian; it is authenticated.
 *   0 type   1 version   2 zero (6)   8 session (8)   16 sender (8)   24 counter (8) */
enum seal_type {
	SEAL_FIRST = 1, /* message 1 of Noise; session: a new random number, counter: the responder's challenge */
	SEAL_SECOND,	/* message 2 */
	SEAL_POKE,	/* please start, or start again; session: the refused message 1, or 0; counter: a challenge */
	SEAL_DATA,
	SEAL_PROBE,  /* sealed nothing that wants an answer */
	SEAL_ANSWER, /* that answer */
};
#define SEAL_VERSION 1u

struct seal_head {
	uint8_t type;
	uint64_t session, sender, counter;
};
/* seal_head_put writes SEAL_HEAD bytes. */
void seal_head_put(uint8_t *frame, const struct seal_head *head);
/* seal_head_get: false if the `len` bytes are no frame of this version or too short to be any. */
bool seal_head_get(const uint8_t *frame, size_t len, struct seal_head *ret_head);

/* Eight bytes, little-endian. */
void bytes_put(uint8_t *to, uint64_t value);
uint64_t bytes_get(const uint8_t *from);

/* The window is RFC 6479's: a ring of words, of which the one being filled is not relied upon. */
#define SESSION_WORDS (SEAL_WINDOW / 64 + 1)

struct session {
	uint64_t id;	  /* 0 = none */
	uint64_t born_us; /* when the handshake was done */
	uint64_t sent;	  /* the next counter */
	uint64_t top;	  /* the greatest counter that came */
	uint64_t window[SESSION_WORDS];
	uint8_t send[CIPHER_KEY], receive[CIPHER_KEY];
};

/* session_close seals the `len` bytes behind the head; returns the length of the whole frame. */
size_t session_close(struct session *session, uint8_t type, uint64_t sender, uint8_t *frame, size_t len);

enum session_fault { SESSION_FINE, SESSION_REPLAYED, SESSION_FORGED };
/* session_open opens a whole frame in place: `len` - SEAL_HEAD - SEAL_TAIL bytes behind the head. A frame that does
 * not open changes nothing. */
enum session_fault session_open(struct session *session, uint64_t counter, uint8_t *frame, size_t len);

#endif
