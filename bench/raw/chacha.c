/* SPDX-License-Identifier: MIT */
/* The raw side of a sealed frame: libsodium's ChaCha20-Poly1305 encrypts and decrypts in place, with nothing around it. */
#include <getopt.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../measure.h"

#define HEAD 32u
#define TAIL crypto_aead_chacha20poly1305_ietf_ABYTES
#define FRAMES_PER_LOOK 100

static int frame_run(uint8_t *frame, size_t len, const uint8_t *key, uint64_t counter)
{
	uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES] = { 0 };

	memcpy(nonce + 4, &counter, sizeof(counter));
	crypto_aead_chacha20poly1305_ietf_encrypt(frame + HEAD, NULL, frame + HEAD, len, frame, HEAD, NULL, nonce, key);
	return crypto_aead_chacha20poly1305_ietf_decrypt(frame + HEAD, NULL, NULL, frame + HEAD, len + TAIL, frame, HEAD,
							 nonce, key);
}

static int measure(uint64_t time_ns, size_t len)
{
	uint8_t key[crypto_aead_chacha20poly1305_ietf_KEYBYTES] = { 1 }, *frame = calloc(1, HEAD + len + TAIL);
	uint64_t began = clock_ns(), ended = began, frames = 0;
	int bad = frame == NULL || sodium_init() < 0;

	while (!bad && ended - began < time_ns) {
		for (int i = 0; i < FRAMES_PER_LOOK; i++) {
			bad |= frame_run(frame, len, key, frames++);
		}
		ended = clock_ns();
	}
	free(frame);
	if (bad) {
		fputs("chacha: a frame does not open\n", stderr);
		return 1;
	}
	printf("{\"frames_per_s\": %.1f, \"ns_per_frame\": %.1f}\n", (double)frames * 1e9 / (double)(ended - began),
	       (double)(ended - began) / (double)frames);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "time", required_argument, NULL, 't' },
		{ "len", required_argument, NULL, 'l' },
		{ NULL, 0, NULL, 0 },
	};
	uint64_t time_ns = 1000000000;
	long len = 200;
	int bad = 0, option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		bad |= option == 't'   ? seconds_parse(optarg, &time_ns)
		       : option == 'l' ? number_parse(optarg, 0, 1 << 20, &len)
				       : -1;
	}
	if (bad || optind < argc) {
		fputs("usage: chacha [--time S] [--len BYTES]\n", stderr);
		return 2;
	}
	return measure(time_ns, (size_t)len);
}
