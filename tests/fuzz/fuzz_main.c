/* SPDX-License-Identifier: MIT */
/* Stands in for libFuzzer: runs a target over each file named, and over a few hundred small changes of it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED_MAX (1u << 20)
#define CHANGES 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* xorshift64 (Marsaglia, 2003): the same changes on every machine. */
static uint64_t state = 88172645463325252u;

static size_t below(size_t bound)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return bound > 0 ? state % bound : 0;
}

/* A copy of exactly `size` bytes, so that a sanitizer sees a read past the end. */
static void run(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size > 0 ? size : 1);

	if (copy == NULL) {
		abort();
	}
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static size_t change(uint8_t *data, size_t size)
{
	size_t at = below(size);

	if (size == 0) {
		return 0;
	}
	switch (below(5)) {
	case 0:
		data[at] = (uint8_t)below(256);
		return size;
	case 1:
		data[at] ^= (uint8_t)(1u << below(8));
		return size;
	case 2:
		return at;
	case 3:
		memmove(data + at, data + at + 1, size - at - 1);
		return size - 1;
	default:
		memcpy(data + at, data + below(size), 1);
		return size;
	}
}

int main(int argc, char **argv)
{
	uint8_t *seed = malloc(SEED_MAX), *data = malloc(SEED_MAX);

	if (seed == NULL || data == NULL) {
		return 1;
	}
	for (int i = 1; i < argc; i++) {
		FILE *file = fopen(argv[i], "rb");

		if (file == NULL) {
			perror(argv[i]);
			return 1;
		}
		size_t size = fread(seed, 1, SEED_MAX, file);

		fclose(file);
		run(seed, size);
		for (int n = 0; n < CHANGES; n++) {
			size_t len = size;

			memcpy(data, seed, size);
			for (size_t times = 1 + below(4); times > 0; times--) {
				len = change(data, len);
			}
			run(data, len);
		}
	}
	free(seed);
	free(data);
	return 0;
}
