/* SPDX-License-Identifier: MIT */
/* Noise_KK_25519_ChaChaPoly_BLAKE2b. Names in comments are those of the specification. */
#include "host/bus/noise.h"

#include <string.h>

#define BLOCK 128u /* BLOCKLEN of BLAKE2b */

/* HMAC (RFC 2104) of two parts; Noise demands it although BLAKE2b has keys of its own. */
static void hmac(const uint8_t key[CIPHER_HASH], const void *a, size_t a_len, const void *b, size_t b_len,
		 uint8_t ret_mac[CIPHER_HASH])
{
	uint8_t inner[BLOCK], outer[BLOCK], digest[CIPHER_HASH];

	memset(inner, 0x36, BLOCK);
	memset(outer, 0x5c, BLOCK);
	for (unsigned i = 0; i < CIPHER_HASH; i++) {
		inner[i] ^= key[i];
		outer[i] ^= key[i];
	}
	cipher_hash(digest, CIPHER_HASH, NULL, 0,
		    (struct cipher_bytes[]){ { inner, BLOCK }, { a, a_len }, { b, b_len } }, 3);
	cipher_hash(ret_mac, CIPHER_HASH, NULL, 0, (struct cipher_bytes[]){ { outer, BLOCK }, { digest, CIPHER_HASH } },
		    2);
	cipher_wipe(inner, BLOCK);
	cipher_wipe(outer, BLOCK);
	cipher_wipe(digest, CIPHER_HASH);
}

/* HKDF with two outputs; ret_first may be `chain`. */
static void hkdf(const uint8_t chain[CIPHER_HASH], const void *input, size_t len, uint8_t ret_first[CIPHER_HASH],
		 uint8_t ret_second[CIPHER_HASH])
{
	uint8_t extracted[CIPHER_HASH];

	hmac(chain, input, len, "", 0, extracted);
	hmac(extracted, "\1", 1, "", 0, ret_first);
	hmac(extracted, ret_first, CIPHER_HASH, "\2", 1, ret_second);
	cipher_wipe(extracted, CIPHER_HASH);
}

/* MixHash */
static void mix_hash(struct noise *noise, const void *bytes, size_t len)
{
	cipher_hash(noise->hash, CIPHER_HASH, NULL, 0,
		    (struct cipher_bytes[]){ { noise->hash, CIPHER_HASH }, { bytes, len } }, 2);
}

/* MixKey(DH(secret, peer)) */
static bool mix_dh(struct noise *noise, const uint8_t secret[NOISE_KEY], const uint8_t peer[NOISE_KEY])
{
	uint8_t shared[NOISE_KEY], key[CIPHER_HASH];
	bool is_good = cipher_dh(secret, peer, shared);

	if (is_good) {
		hkdf(noise->chain, shared, sizeof(shared), noise->chain, key);
		memcpy(noise->key, key, NOISE_KEY);
	}
	cipher_wipe(shared, sizeof(shared));
	cipher_wipe(key, sizeof(key));
	return is_good;
}

/* The tokens behind e: es, ss in message 1; ee, se in message 2. */
static bool mix_tokens(struct noise *noise, bool is_first)
{
	const uint8_t *es_secret = noise->initiator ? noise->ephemeral : noise->secret;
	const uint8_t *es_peer = noise->initiator ? noise->peer : noise->peer_ephemeral;
	const uint8_t *se_secret = noise->initiator ? noise->secret : noise->ephemeral;
	const uint8_t *se_peer = noise->initiator ? noise->peer_ephemeral : noise->peer;

	if (is_first) {
		return mix_dh(noise, es_secret, es_peer) && mix_dh(noise, noise->secret, noise->peer);
	}
	return mix_dh(noise, noise->ephemeral, noise->peer_ephemeral) && mix_dh(noise, se_secret, se_peer);
}

void noise_begin(struct noise *noise, bool initiator, const uint8_t secret[NOISE_KEY],
		 const uint8_t ephemeral[NOISE_KEY], const uint8_t peer[NOISE_KEY], const void *prologue,
		 size_t prologue_len)
{
	static const char name[] = "Noise_KK_25519_ChaChaPoly_BLAKE2b";
	uint8_t own[NOISE_KEY];

	_Static_assert(sizeof(name) - 1 <= CIPHER_HASH, "a longer name would be hashed");
	memset(noise, 0, sizeof(*noise));
	noise->initiator = initiator;
	memcpy(noise->secret, secret, NOISE_KEY);
	memcpy(noise->ephemeral, ephemeral, NOISE_KEY);
	memcpy(noise->peer, peer, NOISE_KEY);
	memcpy(noise->hash, name, sizeof(name) - 1);
	memcpy(noise->chain, noise->hash, CIPHER_HASH);
	mix_hash(noise, prologue, prologue_len);
	cipher_public(secret, own);
	mix_hash(noise, initiator ? own : peer, NOISE_KEY);
	mix_hash(noise, initiator ? peer : own, NOISE_KEY);
}

bool noise_write(struct noise *noise, const void *payload, size_t len, uint8_t *ret_message)
{
	uint8_t *sealed = ret_message + NOISE_KEY;

	cipher_public(noise->ephemeral, ret_message);
	mix_hash(noise, ret_message, NOISE_KEY);
	if (!mix_tokens(noise, noise->initiator)) {
		return false;
	}
	if (len > 0) {
		memcpy(sealed, payload, len);
	}
	cipher_seal(noise->key, 0, noise->hash, CIPHER_HASH, sealed, len);
	mix_hash(noise, sealed, len + CIPHER_TAG);
	return true;
}

bool noise_read(struct noise *noise, uint8_t *message, size_t len)
{
	uint8_t before[CIPHER_HASH];

	if (len < NOISE_OVERHEAD) {
		return false;
	}
	memcpy(noise->peer_ephemeral, message, NOISE_KEY);
	mix_hash(noise, message, NOISE_KEY);
	if (!mix_tokens(noise, !noise->initiator)) {
		return false;
	}
	memcpy(before, noise->hash, CIPHER_HASH);
	mix_hash(noise, message + NOISE_KEY, len - NOISE_KEY);
	return cipher_open(noise->key, 0, before, CIPHER_HASH, message + NOISE_KEY, len - NOISE_KEY);
}

void noise_split(struct noise *noise, uint8_t ret_send[NOISE_KEY], uint8_t ret_receive[NOISE_KEY])
{
	uint8_t first[CIPHER_HASH], second[CIPHER_HASH];

	hkdf(noise->chain, "", 0, first, second);
	memcpy(ret_send, noise->initiator ? first : second, NOISE_KEY);
	memcpy(ret_receive, noise->initiator ? second : first, NOISE_KEY);
	cipher_wipe(first, sizeof(first));
	cipher_wipe(second, sizeof(second));
	cipher_wipe(noise, sizeof(*noise));
}
