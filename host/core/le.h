/* SPDX-License-Identifier: MIT */
/* Little-endian numbers in bytes, as everything that leaves the process has them. */
#ifndef HOST_CORE_LE_H
#define HOST_CORE_LE_H

#include <stdint.h>

/* le_put writes the lowest `size` bytes (1 to 8) of a number. With a constant size it is one move. [any] */
static inline void le_put(uint8_t *to, uint64_t value, unsigned size)
{
	for (unsigned i = 0; i < size; i++) {
		to[i] = (uint8_t)(value >> (8 * i));
	}
}

/* le_get reads a number of `size` bytes. [any] */
static inline uint64_t le_get(const uint8_t *from, unsigned size)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < size; i++) {
		value |= (uint64_t)from[i] << (8 * i);
	}
	return value;
}

#endif
