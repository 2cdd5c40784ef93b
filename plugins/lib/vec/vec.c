/* SPDX-License-Identifier: MIT */
/* Roots and lengths of vectors. */
#include "vec/vec.h"

#include <string.h>

#define FRACTION 52u
#define HIDDEN_BIT ((uint64_t)1 << FRACTION)
#define INFINITE 0x7FF0000000000000u /* the bits of +infinity; NaNs are above */

static uint64_t bits_of(double a)
{
	uint64_t bits;

	memcpy(&bits, &a, sizeof(bits));
	return bits;
}

static double of_bits(uint64_t bits)
{
	double a;

	memcpy(&a, &bits, sizeof(a));
	return a;
}

/*
 * a = m * 2^e with e even and 2^52 <= m < 2^54. The root's 53 bits and one more for rounding are s = floor(sqrt(m * 2^54)).
 * Newton's method on m brings a value at most a few units beside s, and whole numbers decide the rest. The squares
 * compared have 108 bits but differ by less than 2^63, so that their lowest 64 bits tell which one is greater.
 */
double vec_root(double a)
{
	uint64_t bits = bits_of(a), m = bits & (HIDDEN_BIT - 1), s;
	int32_t e = (int32_t)(bits >> FRACTION) - 1075;
	double x, root;

	if (!(a > 0) || bits >= INFINITE) {
		return a > 0 ? a : 0;
	}
	if (bits < HIDDEN_BIT) { /* a number so small that it has no hidden bit: give it one */
		for (e++; m < HIDDEN_BIT; e--) {
			m <<= 1;
		}
	} else {
		m |= HIDDEN_BIT;
	}
	if (e & 1) {
		m <<= 1;
		e--;
	}
	x = (double)m / (double)HIDDEN_BIT; /* 1 <= x < 4 */
	root = (x + 1) / 2;
	for (int i = 0; i < 5; i++) { /* off by 1/4 at most at first; the error's square each time */
		root = (root + x / root) / 2;
	}
	s = (uint64_t)(root * (double)(HIDDEN_BIT << 1));
	while ((int64_t)(s * s - (m << 54)) > 0) {
		s--;
	}
	while ((int64_t)((s + 1) * (s + 1) - (m << 54)) <= 0) {
		s++;
	}
	s = (s + 1) >> 1; /* never halfway: a root of 54 bits would have a square of more than 53 */
	/* the root is s * 2^(e/2 - 26) */
	return (double)s / (double)HIDDEN_BIT * of_bits((uint64_t)(e / 2 + 26 + 1023) << FRACTION);
}

static int64_t saturate(__int128 a)
{
	return a > INT64_MAX ? INT64_MAX : a < INT64_MIN ? INT64_MIN : (int64_t)a;
}

int64_t vec2i_dot(struct vec2i a, struct vec2i b)
{
	return saturate((__int128)((int64_t)a.x * b.x) + (int64_t)a.y * b.y);
}

int64_t vec3i_dot(struct vec3i a, struct vec3i b)
{
	return saturate((__int128)((int64_t)a.x * b.x) + (int64_t)a.y * b.y + (int64_t)a.z * b.z);
}

static double absolute(double a)
{
	return a < 0 ? -a : a;
}

/* scale_of: the power of two by which the numbers are divided so that their squares stay in range; 0 = no length. */
static double scale_of(double x, double y, double z)
{
	double most = absolute(x);

	most = absolute(y) > most ? absolute(y) : most;
	most = absolute(z) > most ? absolute(z) : most;
	if (x != x || y != y || z != z || most == 0) {
		return 0;
	}
	if (most > 0x1p500) {
		return 0x1p600;
	}
	return most < 0x1p-400 ? 0x1p-600 : 1;
}

double vec3f_len(struct vec3f a)
{
	double scale = scale_of(a.x, a.y, a.z);

	if (scale == 0) {
		return 0;
	}
	a = (struct vec3f){ a.x / scale, a.y / scale, a.z / scale };
	return vec_root(a.x * a.x + a.y * a.y + a.z * a.z) * scale;
}

double vec2f_len(struct vec2f a)
{
	return vec3f_len((struct vec3f){ a.x, a.y, 0 });
}

double vec2f_dist(struct vec2f a, struct vec2f b)
{
	return vec2f_len(vec2f_sub(a, b));
}

double vec3f_dist(struct vec3f a, struct vec3f b)
{
	return vec3f_len(vec3f_sub(a, b));
}

double vec2i_len(struct vec2i a)
{
	return vec3f_len((struct vec3f){ a.x, a.y, 0 });
}

double vec3i_len(struct vec3i a)
{
	return vec3f_len((struct vec3f){ a.x, a.y, a.z });
}

double vec2i_dist(struct vec2i a, struct vec2i b)
{
	return vec2f_dist((struct vec2f){ a.x, a.y }, (struct vec2f){ b.x, b.y });
}

double vec3i_dist(struct vec3i a, struct vec3i b)
{
	return vec3f_dist((struct vec3f){ a.x, a.y, a.z }, (struct vec3f){ b.x, b.y, b.z });
}

struct vec3f vec3f_unit(struct vec3f a)
{
	double scale = scale_of(a.x, a.y, a.z), len;

	if (scale == 0) {
		return (struct vec3f){ 0, 0, 0 };
	}
	a = (struct vec3f){ a.x / scale, a.y / scale, a.z / scale };
	len = vec3f_len(a);
	if (bits_of(len) == INFINITE) {
		return (struct vec3f){ 0, 0, 0 };
	}
	return (struct vec3f){ a.x / len, a.y / len, a.z / len };
}

struct vec2f vec2f_unit(struct vec2f a)
{
	struct vec3f unit = vec3f_unit((struct vec3f){ a.x, a.y, 0 });

	return (struct vec2f){ unit.x, unit.y };
}
