/* SPDX-License-Identifier: MIT */
/* The host's wrapper of libsodium. */
#include "host/bus/cipher.h"

#include <sodium.h>
#include <string.h>

_Static_assert(CIPHER_KEY == crypto_scalarmult_BYTES && CIPHER_KEY == crypto_scalarmult_SCALARBYTES &&
		       CIPHER_KEY == crypto_aead_chacha20poly1305_IETF_KEYBYTES &&
		       CIPHER_TAG == crypto_aead_chacha20poly1305_IETF_ABYTES && CIPHER_HASH == crypto_generichash_BYTES_MAX,
	       "the sizes are libsodium's");

int cipher_init(void)
{
	return sodium_init() < 0 ? -1 : 0;
}

void *cipher_alloc(size_t size)
{
	void *memory = cipher_init() == 0 ? sodium_malloc(size) : NULL;

	if (memory != NULL) {
		memset(memory, 0, size);
	}
	return memory;
}

void *cipher_free(void *memory)
{
	sodium_free(memory);
	return NULL;
}

void cipher_random(void *ret_bytes, size_t len)
{
	randombytes_buf(ret_bytes, len);
}

void cipher_wipe(void *bytes, size_t len)
{
	sodium_memzero(bytes, len);
}

bool cipher_same(const void *a, const void *b, size_t len)
{
	return sodium_memcmp(a, b, len) == 0;
}

void cipher_public(const uint8_t secret[CIPHER_KEY], uint8_t ret_public[CIPHER_KEY])
{
	crypto_scalarmult_base(ret_public, secret);
}

bool cipher_dh(const uint8_t secret[CIPHER_KEY], const uint8_t key[CIPHER_KEY], uint8_t ret_shared[CIPHER_KEY])
{
	return crypto_scalarmult(ret_shared, secret, key) == 0;
}

void cipher_key_print(const uint8_t key[CIPHER_KEY], char ret_text[CIPHER_KEY_TEXT])
{
	sodium_bin2base64(ret_text, CIPHER_KEY_TEXT, key, CIPHER_KEY, sodium_base64_VARIANT_ORIGINAL);
}

bool cipher_key_parse(const char *text, uint8_t ret_key[CIPHER_KEY])
{
	size_t len = 0;
	const char *end = NULL;

	return sodium_base642bin(ret_key, CIPHER_KEY, text, CIPHER_KEY_TEXT - 1, NULL, &len, &end,
				 sodium_base64_VARIANT_ORIGINAL) == 0 &&
	       len == CIPHER_KEY && end == text + CIPHER_KEY_TEXT - 1;
}

void cipher_hash(uint8_t *ret_hash, size_t ret_len, const uint8_t *key, size_t key_len,
		 const struct cipher_bytes *parts, unsigned parts_len)
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, key, key != NULL ? key_len : 0, ret_len);
	for (unsigned i = 0; i < parts_len; i++) {
		crypto_generichash_update(&state, parts[i].bytes, parts[i].len);
	}
	crypto_generichash_final(&state, ret_hash, ret_len);
	sodium_memzero(&state, sizeof(state));
}

static void nonce_make(uint64_t counter, uint8_t nonce[crypto_aead_chacha20poly1305_IETF_NPUBBYTES])
{
	memset(nonce, 0, 4);
	for (unsigned i = 0; i < 8; i++) {
		nonce[4 + i] = (uint8_t)(counter >> (8 * i));
	}
}

void cipher_seal(const uint8_t key[CIPHER_KEY], uint64_t counter, const void *ad, size_t ad_len, uint8_t *bytes,
		 size_t len)
{
	uint8_t nonce[crypto_aead_chacha20poly1305_IETF_NPUBBYTES];

	nonce_make(counter, nonce);
	crypto_aead_chacha20poly1305_ietf_encrypt(bytes, NULL, bytes, len, ad, ad_len, NULL, nonce, key);
}

bool cipher_open(const uint8_t key[CIPHER_KEY], uint64_t counter, const void *ad, size_t ad_len, uint8_t *bytes,
		 size_t len)
{
	uint8_t nonce[crypto_aead_chacha20poly1305_IETF_NPUBBYTES];

	if (len < CIPHER_TAG) {
		return false;
	}
	nonce_make(counter, nonce);
	return crypto_aead_chacha20poly1305_ietf_decrypt(bytes, NULL, NULL, bytes, len, ad, ad_len, nonce, key) == 0;
}
