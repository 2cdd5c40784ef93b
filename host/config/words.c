/* SPDX-License-Identifier: MIT */
/* The nearest known word to one that is not known. */
#include "words.h"

#include <ctype.h>
#include <string.h>

#define WORD_MAX 64u

/* Optimal string alignment distance: insert, delete, replace, swap of neighbours; case does not count. */
static size_t words_distance(const char *a, const char *b)
{
	size_t rows[3][WORD_MAX + 1];
	size_t a_len = strlen(a), b_len = strlen(b);

	if (a_len > WORD_MAX || b_len > WORD_MAX) {
		return WORD_MAX;
	}
	for (size_t j = 0; j <= b_len; j++) {
		rows[0][j] = j;
	}
	for (size_t i = 1; i <= a_len; i++) {
		size_t *now = rows[i % 3], *last = rows[(i - 1) % 3], *before = rows[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			int ai = tolower((unsigned char)a[i - 1]), bj = tolower((unsigned char)b[j - 1]);
			size_t best = last[j - 1] + (ai != bj);

			best = last[j] + 1 < best ? last[j] + 1 : best;
			best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
			if (i > 1 && j > 1 && ai == tolower((unsigned char)b[j - 2]) &&
			    tolower((unsigned char)a[i - 2]) == bj && before[j - 2] + 1 < best) {
				best = before[j - 2] + 1;
			}
			now[j] = best;
		}
	}
	return rows[a_len % 3][b_len];
}

void words_begin(struct words *words, const char *wanted)
{
	size_t len = strlen(wanted);

	words->wanted = wanted;
	words->best = NULL;
	words->distance = (len + 2) / 3 + 1;
}

void words_offer(struct words *words, const char *known)
{
	size_t distance = words_distance(words->wanted, known);

	if (distance < words->distance) {
		words->distance = distance;
		words->best = known;
	}
}
