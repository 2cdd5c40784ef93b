/* SPDX-License-Identifier: MIT */
/* The nearest known word to one that is not known. */
#ifndef HOST_CONFIG_WORDS_H
#define HOST_CONFIG_WORDS_H

#include <stddef.h>

/* Keeps the best candidate seen so far. Start with words_begin. */
struct words {
	const char *wanted;
	const char *best; /* NULL until something is near enough; borrowed from words_offer */
	size_t distance;
};

/* words_begin starts a search for words near `wanted`, which is borrowed. */
void words_begin(struct words *words, const char *wanted);
/* words_offer considers one known word: near is one edit in three letters, two neighbours swapped is one edit. */
void words_offer(struct words *words, const char *known);

#endif
