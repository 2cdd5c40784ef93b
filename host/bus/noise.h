/* SPDX-License-Identifier: MIT */
/* The handshake Noise_KK_25519_ChaChaPoly_BLAKE2b: two who know each other's static key agree on a pair of keys. */
#ifndef HOST_BUS_NOISE_H
#define HOST_BUS_NOISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/bus/cipher.h"

/*
 * noiseprotocol.org, revision 34, chapters 5 and 7.5. The initiator writes message 1 (e, es, ss), the responder reads
 * it and writes message 2 (e, ee, se), the initiator reads that, and both split. Everything is [any] and depends only
 * on what it is given; a struct noise holds secrets: wipe it with cipher_wipe when it is not split.
 */
#define NOISE_KEY CIPHER_KEY
#define NOISE_OVERHEAD (CIPHER_KEY + CIPHER_TAG) /* bytes of a message beside its payload */

struct noise {
	uint8_t chain[CIPHER_HASH], hash[CIPHER_HASH]; /* ck and h; after both messages h names the handshake */
	uint8_t key[CIPHER_KEY];		       /* k; each is used once, so that its counter is always 0 */
	uint8_t secret[CIPHER_KEY], ephemeral[CIPHER_KEY];
	uint8_t peer[CIPHER_KEY], peer_ephemeral[CIPHER_KEY];
	bool initiator;
};

/* noise_begin: `secret` is one's own static key, `ephemeral` a random secret for this handshake alone, `peer` the
 * other's public static key; the prologue is what both have to agree on. */
void noise_begin(struct noise *noise, bool initiator, const uint8_t secret[NOISE_KEY],
		 const uint8_t ephemeral[NOISE_KEY], const uint8_t peer[NOISE_KEY], const void *prologue,
		 size_t prologue_len);

/* noise_write makes the own message with `len` bytes of payload: len + NOISE_OVERHEAD bytes at ret_message. False:
 * the peer's key is none. */
bool noise_write(struct noise *noise, const void *payload, size_t len, uint8_t *ret_message);

/* noise_read takes the other's message of `len` bytes and decrypts its payload, len - NOISE_OVERHEAD bytes at
 * message + NOISE_KEY, in place. False: it is not from that peer; then `noise` is of no use any more. */
bool noise_read(struct noise *noise, uint8_t *message, size_t len);

/* noise_split: the key to send with and the key to receive with; wipes `noise`. */
void noise_split(struct noise *noise, uint8_t ret_send[NOISE_KEY], uint8_t ret_receive[NOISE_KEY]);

#endif
