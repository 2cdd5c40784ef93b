/* SPDX-License-Identifier: MIT */
/* The seal on frames between two hosts: who sent it, that nobody read or changed it, and that it comes once. */
#ifndef HOST_BUS_SEAL_H
#define HOST_BUS_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Noise_KK_25519_ChaChaPoly_BLAKE2b (noiseprotocol.org, revision 34) makes a session: both static keys are known from
 * the configuration. The peer with the lower id starts; its message 1 is repeated by timer until message 2 comes. The
 * one with the higher id asks for it when it has no session. The session before stays valid until the first frame of
 * the new one opens, and opens frames after that. Data frames carry their session and a 64-bit counter, which is the
 * nonce, in clear and authenticated; a window of SEAL_WINDOW counters drops what was seen (RFC 6479). A session is
 * renewed after SEAL_REKEY_US or SEAL_REKEY_FRAMES, and dead after SEAL_DEAD_US; also when nothing came for
 * SEAL_QUIET_US although frames left, for then the peer may have lost it.
 *
 * A stranger costs the peer one keyed hash a frame, no curve operation and no memory, and changes nothing; nor does
 * somebody who replays what the hosts have sent. Handshakes with the peer itself are bounded to eight in a second.
 *
 * A sealed frame: SEAL_HEAD bytes in clear (type, version, session, the sender's id, counter), ciphertext, SEAL_TAIL
 * bytes of tag. One struct seal is one peer; everything is [loop] and depends only on what it is given, `now_us` (of
 * a clock that does not go back) too, and on random numbers. Nothing is allocated but in seal_new.
 */
#define SEAL_KEY 32u
#define SEAL_HEAD 32u
#define SEAL_TAIL 16u
#define SEAL_WINDOW 2048u
#define SEAL_REKEY_US (120u * 1000000ull)
#define SEAL_REKEY_FRAMES (1u << 20)
#define SEAL_DEAD_US (180u * 1000000ull)
#define SEAL_QUIET_US (2u * 1000000ull)
#define SEAL_RETRY_US 250000u	  /* between repeats of message 1, at first */
#define SEAL_RETRY_MAX_US 1000000u
#define SEAL_KEYS_MAX 2u	/* valid at once, so that keys can be rotated */

struct seal;

struct seal_setup {
	uint64_t self, peer; /* ids of the two hosts, unequal */
	/* The secret keys of this host and the public keys of the peer, the one to use first; read by seal_new. */
	uint8_t secrets[SEAL_KEYS_MAX][SEAL_KEY], peers[SEAL_KEYS_MAX][SEAL_KEY];
	unsigned secrets_len, peers_len;
	const void *prologue; /* what both sides have to agree on: the cluster's name */
	size_t prologue_len;
	/* send: puts a frame of the seal itself on the way; it may be lost. `frame` is borrowed; it must not call back. */
	void (*send)(void *arg, const uint8_t *frame, size_t len);
	void *arg;
};

/* seal_new copies the setup (its secrets into locked memory); NULL without memory, or for a setup with equal ids.
 * Keys that are none (key.h refuses them) never get a session. seal_free wipes; NULL is fine. Returns NULL. */
struct seal *seal_new(const struct seal_setup *setup, uint64_t now_us);
struct seal *seal_free(struct seal *seal);

/* seal_sender returns the id in clear of a frame's sender, to find its struct seal by; 0 = no frame of ours. */
uint64_t seal_sender(const uint8_t *frame, size_t len);

/*
 * seal_close seals the `len` bytes at frame + SEAL_HEAD in place; SEAL_TAIL bytes behind them are free. Returns the
 * length of the whole frame; 0: no session is up, nothing was done.
 */
size_t seal_close(struct seal *seal, uint8_t *frame, size_t len, uint64_t now_us);

/*
 * seal_open takes a frame that came. A handshake message is dealt with (and answered through `send`). Data are opened
 * in place: true, with where they are. False: there is nothing for the caller; what did not belong is counted.
 */
bool seal_open(struct seal *seal, uint8_t *frame, size_t len, uint64_t now_us, uint8_t **ret_data, size_t *ret_len);

/* seal_tick does what is due (start, repeat, renew, forget) and returns when to call it again, whatever is opened or
 * closed till then. The first call is due after seal_new. */
uint64_t seal_tick(struct seal *seal, uint64_t now_us);

/* seal_up: is there a session to send with? */
bool seal_up(const struct seal *seal);

/* seal_keys replaces the keys and the prologue, for a change of the configuration while running; sessions that live go
 * on until they are renewed, which is begun at once if anything has changed. The rest of the setup is not looked at. */
void seal_keys(struct seal *seal, const struct seal_setup *setup, uint64_t now_us);

/* Frames that were dropped, by reason, and what was done. */
struct seal_counts {
	uint64_t sealed, opened, sessions;
	uint64_t malformed; /* cut, of another version, not ours */
	uint64_t forged;    /* does not open: forged, changed, or from an unknown key */
	uint64_t replayed;  /* seen before, or older than the window */
	uint64_t stale;	    /* of a session or a handshake that has ended, or none */
	uint64_t throttled; /* handshakes put off because there were too many */
};
void seal_counts(const struct seal *seal, struct seal_counts *ret_counts);

#endif
