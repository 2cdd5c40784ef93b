/* SPDX-License-Identifier: MIT */
/* The plugins' wrapper of libsodium. */
#include "secret/secret.h"

#include <sodium.h>
#include <string.h>

_Static_assert(SECRET_PASSWORD_MAX >= crypto_pwhash_argon2id_STRBYTES, "room for the text form");
_Static_assert(crypto_shorthash_BYTES == 8 && crypto_shorthash_KEYBYTES == 16, "SipHash-2-4");

int secret_init(void)
{
	return sodium_init() < 0 ? -1 : 0;
}

int secret_password_hash(const struct secret_cost *cost, const char *password, size_t len,
			 char ret_hash[SECRET_PASSWORD_MAX])
{
	return crypto_pwhash_argon2id_str(ret_hash, password, len, cost->ops, (size_t)cost->memory);
}

int secret_password_verify(const char *hash, const char *password, size_t len)
{
	return crypto_pwhash_argon2id_str_verify(hash, password, len) == 0;
}

int secret_password_old(const struct secret_cost *cost, const char *hash)
{
	return crypto_pwhash_argon2id_str_needs_rehash(hash, cost->ops, (size_t)cost->memory) != 0;
}

void secret_hash(const void *bytes, size_t len, uint8_t ret_hash[SECRET_HASH_SIZE])
{
	crypto_generichash(ret_hash, SECRET_HASH_SIZE, bytes, len, NULL, 0);
}

uint64_t secret_short(const uint8_t key[16], const void *bytes, size_t len)
{
	uint8_t out[crypto_shorthash_BYTES];
	uint64_t value;

	crypto_shorthash(out, bytes, len, key);
	memcpy(&value, out, sizeof(value));
	return value;
}

int secret_same(const void *a, const void *b, size_t len)
{
	return sodium_memcmp(a, b, len) == 0;
}

void secret_wipe(void *bytes, size_t len)
{
	sodium_memzero(bytes, len);
}
