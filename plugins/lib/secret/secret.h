/* SPDX-License-Identifier: MIT */
/* Password hashes, digests of secrets and their comparison: the plugins' wrapper of libsodium. */
#ifndef SECRET_SECRET_H
#define SECRET_SECRET_H

#include <stddef.h>
#include <stdint.h>

#define SECRET_HASH_SIZE 32u	 /* BLAKE2b-256 */
#define SECRET_PASSWORD_MAX 128u /* bytes of the text form of a password hash, with NUL */

/* What one password hash costs: Argon2id, RFC 9106. One lane, since libsodium has no other. */
struct secret_cost {
	uint64_t memory; /* bytes, at least 8 KiB */
	uint64_t ops;	 /* passes over the memory, at least 1 */
};

/* secret_init: before anything else here; may be repeated. 0, or -1 if the system has no randomness. [any] */
int secret_init(void);

/* secret_password_hash: the text form of a new salted hash (crypto_pwhash_str). 0, or -1 without memory.
 * Takes as long as `cost` says: in a job. [job] */
int secret_password_hash(const struct secret_cost *cost, const char *password, size_t len,
			 char ret_hash[SECRET_PASSWORD_MAX]);

/* secret_password_verify: 1 if it is the password of `hash`, else 0. [job] */
int secret_password_verify(const char *hash, const char *password, size_t len);

/* secret_password_old: 1 if `hash` was made at another cost than this. [any] */
int secret_password_old(const struct secret_cost *cost, const char *hash);

/* secret_hash: BLAKE2b-256, without key: for secrets that are random already, such as tickets. [any] */
void secret_hash(const void *bytes, size_t len, uint8_t ret_hash[SECRET_HASH_SIZE]);

/* secret_short: SipHash-2-4 with `key`: for tables whose keys strangers choose. [any] */
uint64_t secret_short(const uint8_t key[16], const void *bytes, size_t len);

/* secret_same: compares in constant time. secret_wipe: clears so that no compiler leaves it out. [any] */
int secret_same(const void *a, const void *b, size_t len);
void secret_wipe(void *bytes, size_t len);

#endif
