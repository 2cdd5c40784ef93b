/* SPDX-License-Identifier: MIT */
/* Who lives in the worlds that are measured: rabbits, and where they stand. */
#ifndef BENCH_CROWD_H
#define BENCH_CROWD_H

#include <stdint.h>

/* crowd_rules: "rabbit", as the sample's rabbits and butterflies: a look around four times a second, a walk every few seconds. */
extern const char crowd_rules[];

/* crowd_share: the next number of a row that `seed` begins, from 0 up to but not 1, the same in each run (a linear congruential
 * generator: Knuth, The Art of Computer Programming, volume 2, 3.3.4). */
double crowd_share(uint32_t *seed);

#endif
