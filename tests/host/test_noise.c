/* SPDX-License-Identifier: MIT */
/* The handshake against a published vector, and what of it is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "host/bus/noise.h"

/*
 * The vector of Noise_KK_25519_ChaChaPoly_BLAKE2b in vectors/cacophony.txt of github.com/haskell-cryptography/cacophony
 * (public domain), as it is: messages 0 and 1 are the handshake, the others are sent by turns, the initiator first.
 */
static const char prologue_hex[] = "4a6f686e2047616c74";
static const char init_static[] = "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1";
static const char init_ephemeral[] = "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a";
static const char init_remote[] = "31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62";
static const char resp_static[] = "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893";
static const char resp_ephemeral[] = "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b";
static const char resp_remote[] = "6bc3822a2aa7f4e6981d6538692b3cdf3e6df9eea6ed269eb41d93c22757b75a";
static const char handshake_hash[] =
	"76dbc866183c8ee7363dbf0ebab8d6355010245f9817aa78359818a03a052586"
	"d7e8b4bb2ae5622a1a61212df90af04bb2b2cc189ce0e819ba0c4970c9f71805";
static const struct {
	const char *payload, *ciphertext;
} messages[] = {
	{ "4c756477696720766f6e204d69736573", "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944"
					       "f79a1d4b21fc3ea4a0c87213b8b4f0599d758682c26a3ae5e09195a3e742bc74" },
	{ "4d757272617920526f746862617264", "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843"
					     "e20b1bf85731f75d7e21b5d54baaa66341de4292c3d42571c1bd7e7f1abe38" },
	{ "462e20412e20486179656b", "25bfaa58833b07cdd6af7c07f2c51daac681a8ac0a02dd373259bd" },
	{ "4361726c204d656e676572", "ef586cff556dec8ef0053871ff0d4bf3f2c72e842487ec6d1da69f" },
	{ "4a65616e2d426170746973746520536179", "3265d50513550a354425d0218ba1e5f25d4994ce8990e6964398dba5982dbcbd85" },
	{ "457567656e2042f6686d20766f6e2042617765726b",
	  "f11c02d5c3223d7b9281b52e1b134962b91bc3bfbd1646354dab9fc19b66bf6c1e0a6f431e" },
};

static size_t unhex(const char *hex, uint8_t *ret_bytes)
{
	size_t len = strlen(hex) / 2;

	for (size_t i = 0; i < len; i++) {
		const char *digits = "0123456789abcdef";

		ret_bytes[i] = (uint8_t)((strchr(digits, hex[2 * i]) - digits) << 4 |
					 (strchr(digits, hex[2 * i + 1]) - digits));
	}
	return len;
}

struct sides {
	struct noise init, resp;
};

static void begin(struct sides *sides)
{
	uint8_t secret[NOISE_KEY], ephemeral[NOISE_KEY], peer[NOISE_KEY], prologue[64];
	size_t len = unhex(prologue_hex, prologue);

	unhex(init_static, secret);
	unhex(init_ephemeral, ephemeral);
	unhex(init_remote, peer);
	noise_begin(&sides->init, true, secret, ephemeral, peer, prologue, len);
	unhex(resp_static, secret);
	unhex(resp_ephemeral, ephemeral);
	unhex(resp_remote, peer);
	noise_begin(&sides->resp, false, secret, ephemeral, peer, prologue, len);
}

/* One message of the handshake, written by `from` and read by `to`, both as published. */
static void handshake(unsigned at, struct noise *from, struct noise *to)
{
	uint8_t payload[64], expected[128], message[128];
	size_t payload_len = unhex(messages[at].payload, payload), len = unhex(messages[at].ciphertext, expected);

	assert_int_equal(payload_len + NOISE_OVERHEAD, len);
	assert_true(noise_write(from, payload, payload_len, message));
	assert_memory_equal(message, expected, len);
	assert_true(noise_read(to, message, len));
	assert_memory_equal(message + NOISE_KEY, payload, payload_len);
}

static void vector(void **state)
{
	static const uint8_t zero[sizeof(struct noise)];
	uint8_t hash[CIPHER_HASH], keys[2][2][NOISE_KEY];
	struct sides sides;

	(void)state;
	begin(&sides);
	handshake(0, &sides.init, &sides.resp);
	handshake(1, &sides.resp, &sides.init);
	unhex(handshake_hash, hash);
	assert_memory_equal(sides.init.hash, hash, CIPHER_HASH);
	assert_memory_equal(sides.resp.hash, hash, CIPHER_HASH);
	noise_split(&sides.init, keys[0][0], keys[0][1]);
	noise_split(&sides.resp, keys[1][0], keys[1][1]);
	assert_memory_equal(&sides, zero, sizeof(struct noise));
	assert_memory_equal(keys[0][0], keys[1][1], NOISE_KEY);
	assert_memory_equal(keys[0][1], keys[1][0], NOISE_KEY);
	for (unsigned at = 2; at < sizeof(messages) / sizeof(messages[0]); at++) {
		unsigned side = at % 2;
		uint8_t bytes[128], expected[128], payload[64];
		size_t payload_len = unhex(messages[at].payload, payload);
		size_t len = unhex(messages[at].ciphertext, expected);

		memcpy(bytes, payload, payload_len);
		cipher_seal(keys[side][0], at / 2 - 1, NULL, 0, bytes, payload_len);
		assert_memory_equal(bytes, expected, len);
		assert_true(cipher_open(keys[!side][1], at / 2 - 1, NULL, 0, bytes, len));
		assert_memory_equal(bytes, payload, payload_len);
		assert_false(cipher_open(keys[!side][1], at / 2, NULL, 0, expected, len));
	}
}

/* Every byte of both messages, changed, and every length below. */
static void changed(void **state)
{
	uint8_t good[128], bytes[128];
	struct sides sides;

	(void)state;
	for (unsigned at = 0; at < 2; at++) {
		size_t len = unhex(messages[at].ciphertext, good);

		for (size_t i = 0; i < len; i++) {
			begin(&sides);
			if (at == 1) {
				handshake(0, &sides.init, &sides.resp);
			}
			memcpy(bytes, good, len);
			bytes[i] ^= 0x10;
			assert_false(noise_read(at == 0 ? &sides.resp : &sides.init, bytes, len));
			memcpy(bytes, good, len);
			begin(&sides);
			if (at == 1) {
				handshake(0, &sides.init, &sides.resp);
			}
			assert_false(noise_read(at == 0 ? &sides.resp : &sides.init, bytes, i));
		}
	}
}

/* Points whose product is zero for every secret would make a key that everybody knows. */
static void points(void **state)
{
	static const char *const points_hex[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	uint8_t point[NOISE_KEY], secret[NOISE_KEY], message[NOISE_OVERHEAD] = { 0 };
	struct noise noise;

	(void)state;
	unhex(init_static, secret);
	for (unsigned i = 0; i < sizeof(points_hex) / sizeof(points_hex[0]); i++) {
		struct sides sides;

		unhex(points_hex[i], point);
		noise_begin(&noise, true, secret, secret, point, NULL, 0);
		assert_false(noise_write(&noise, NULL, 0, message));
		begin(&sides);
		memcpy(message, point, NOISE_KEY);
		assert_false(noise_read(&sides.resp, message, sizeof(message)));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(vector),
		cmocka_unit_test(changed),
		cmocka_unit_test(points),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cipher_init() != 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
