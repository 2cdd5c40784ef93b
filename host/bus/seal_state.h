/* SPDX-License-Identifier: MIT */
/* What seal.c and handshake.c share. */
#ifndef HOST_BUS_SEAL_STATE_H
#define HOST_BUS_SEAL_STATE_H

#include "host/bus/noise.h"
#include "host/bus/seal.h"
#include "host/bus/session.h"

#define SEAL_MAC 16u
#define SEAL_FIRST_LEN (SEAL_HEAD + NOISE_OVERHEAD + SEAL_MAC)
#define SEAL_SECOND_LEN (SEAL_HEAD + NOISE_OVERHEAD + 8 + SEAL_MAC)
#define SEAL_POKE_LEN (SEAL_HEAD + SEAL_MAC)
#define SEAL_EMPTY_LEN (SEAL_HEAD + SEAL_TAIL)

/* One of the own keys and one of the peer's. */
struct seal_pair {
	uint8_t own, peer;	   /* indices into the setup */
	uint8_t mac[CIPHER_KEY]; /* keys the codes of handshake frames; of what the two static keys share */
};

/* A bound on how often: the moment at which all of the burst is there again. */
typedef uint64_t seal_bucket;

struct seal {
	struct seal_setup setup; /* prologue NULL: `context` is made of it */
	uint8_t context[CIPHER_HASH];
	struct seal_pair pairs[SEAL_KEYS_MAX * SEAL_KEYS_MAX];
	unsigned pairs_len, pair; /* the one in use */
	bool starts;		  /* the lower id */
	bool renew;		  /* the keys have changed since the session began */

	/* `next` is the responder's, until a frame of it comes; the one before is `former`, which only opens. */
	struct session current, former, next;
	uint64_t unanswered_us; /* since when frames have left and none come; 0 = none has left */
	uint64_t probe_us;	/* the next probe */

	uint64_t challenge; /* the number that message 1 has to carry: the responder's own, or as the initiator heard */
	uint64_t attempt;   /* initiator: the session that message 1 asks for; 0 = none */
	unsigned answered;  /* for how many repeats it stays with the pair, since the peer has shown to know it */
	uint64_t due_us;    /* the next repeat */
	unsigned tries;
	struct noise noise;		   /* after message 1 */
	uint8_t first[SEAL_FIRST_LEN];	   /* the message 1 to repeat */
	uint8_t second[SEAL_SECOND_LEN]; /* the message 2 that answers the message 1 of `next` */

	seal_bucket handshakes, answers, pokes;
	struct seal_counts counts;
};

/* handshake_keys takes the keys and the prologue; false if they are those it has. */
bool handshake_keys(struct seal *seal, const struct seal_setup *setup);
/* handshake_tick starts, repeats, pokes; seal->due_us is when to call it again, if it has anything to do. */
void handshake_tick(struct seal *seal, uint64_t now_us);
/* The messages of a handshake, of the right length. */
void handshake_first(struct seal *seal, const struct seal_head *head, uint8_t *frame, uint64_t now_us);
void handshake_second(struct seal *seal, const struct seal_head *head, uint8_t *frame, uint64_t now_us);
void handshake_poke(struct seal *seal, const struct seal_head *head, const uint8_t *frame, uint64_t now_us);

/* seal_session makes `session` the one that sends. seal_empty sends a frame without content under it. */
void seal_session(struct seal *seal, struct session *session);
void seal_empty(struct seal *seal, enum seal_type type, uint64_t now_us);

#endif
