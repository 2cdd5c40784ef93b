/* SPDX-License-Identifier: MIT */
/* What the seal is made of: X25519, BLAKE2b, ChaCha20-Poly1305, randomness. The host's wrapper of libsodium. */
#ifndef HOST_BUS_CIPHER_H
#define HOST_BUS_CIPHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CIPHER_KEY 32u	/* of X25519 and of ChaCha20-Poly1305 */
#define CIPHER_HASH 64u /* BLAKE2b-512 */
#define CIPHER_TAG 16u

/* Everything is [any]; cipher_init comes first and may be repeated: 0, or -1 if the system has no randomness. */
int cipher_init(void);

/* cipher_alloc returns `size` bytes (a multiple of 16) that are kept out of swap and core files, as far as
 * RLIMIT_MEMLOCK goes; filled with zeros; NULL without memory. cipher_free wipes them; NULL is fine. Returns NULL. */
void *cipher_alloc(size_t size);
void *cipher_free(void *memory);

void cipher_random(void *ret_bytes, size_t len);
/* cipher_wipe clears so that no compiler leaves it out. cipher_same compares in constant time. */
void cipher_wipe(void *bytes, size_t len);
bool cipher_same(const void *a, const void *b, size_t len);

/* cipher_public: the public key of a secret one (RFC 7748). cipher_dh: what two keys share; false if `key` is one of
 * the few points that make it zero for everybody. */
void cipher_public(const uint8_t secret[CIPHER_KEY], uint8_t ret_public[CIPHER_KEY]);
bool cipher_dh(const uint8_t secret[CIPHER_KEY], const uint8_t key[CIPHER_KEY], uint8_t ret_shared[CIPHER_KEY]);

/* The text of a key: base64 (RFC 4648), 44 characters that end with =. cipher_key_print writes it with NUL;
 * cipher_key_parse reads 44 bytes, false if they are none or another text of the same key. */
#define CIPHER_KEY_TEXT 45u
void cipher_key_print(const uint8_t key[CIPHER_KEY], char ret_text[CIPHER_KEY_TEXT]);
bool cipher_key_parse(const char *text, uint8_t ret_key[CIPHER_KEY]);

struct cipher_bytes {
	const void *bytes;
	size_t len;
};
/* cipher_hash: BLAKE2b (RFC 7693) of the parts one after the other, `ret_len` (16 to 64) bytes of it, keyed with
 * `key_len` (16 to 64) bytes; key NULL = without. */
void cipher_hash(uint8_t *ret_hash, size_t ret_len, const uint8_t *key, size_t key_len,
		 const struct cipher_bytes *parts, unsigned parts_len);

/*
 * ChaCha20-Poly1305 (RFC 8439) in place. The nonce is four zero bytes and the counter, little-endian, as Noise has it.
 * cipher_seal encrypts `len` bytes and puts the tag behind them. cipher_open takes `len` bytes with their tag; false:
 * they are not what was sealed, and of no use any more.
 */
void cipher_seal(const uint8_t key[CIPHER_KEY], uint64_t counter, const void *ad, size_t ad_len, uint8_t *bytes,
		 size_t len);
bool cipher_open(const uint8_t key[CIPHER_KEY], uint64_t counter, const void *ad, size_t ad_len, uint8_t *bytes,
		 size_t len);

#endif
