/* SPDX-License-Identifier: MIT */
/* Numbers drawn from a seed and a place, the same whatever is asked first. [any] */
#ifndef WORLD_SEED_H
#define WORLD_SEED_H

#include <stdint.h>

/* seed_mix: mixes two numbers into one (splitmix64's finalizer; Steele, Lea, Flood 2014). */
static inline uint64_t seed_mix(uint64_t a, uint64_t b)
{
	uint64_t z = a + (b + 1) * 0x9E3779B97F4A7C15u;

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
	return z ^ (z >> 31);
}

/* seed_key: a place in the plane as one number, for maps too. */
static inline uint64_t seed_key(int32_t x, int32_t y)
{
	return (uint64_t)(uint32_t)x << 32 | (uint32_t)y;
}

/* seed_at: a number for a place. `what` keeps the draws for different things apart. */
static inline uint64_t seed_at(uint64_t seed, uint32_t what, int32_t x, int32_t y)
{
	return seed_mix(seed_mix(seed, what), seed_key(x, y));
}

#endif
