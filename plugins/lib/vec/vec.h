/* SPDX-License-Identifier: MIT */
/*
 * Vectors of two and three numbers, whole and real.
 *
 * 1. Everything is made of integers and of the basic operations of IEEE 754 (+ - * /), so that all machines agree on
 *    every bit; nothing here calls libm. [any]
 * 2. Whole numbers saturate: what would leave the range of int32_t (of int64_t for _dot) stays at its end.
 * 3. Real numbers follow IEEE 754 in add, sub, mul, scale and dot. Lengths are where a world decides, so they are always
 *    defined: a vector that holds a NaN has length 0, one that holds an infinity and no NaN has an infinite one, and a
 *    sum of squares above or below the range of double does not spoil the length. The unit vector of what has no direction
 *    (length 0 or infinite) is the zero vector: who asks for the way to go then stays.
 * 4. vec_div and vec_mod round down, so that -1 belongs to chunk -1: vec_div(-1, 25) = -1, vec_mod(-1, 25) = 24.
 */
#ifndef VEC_VEC_H
#define VEC_VEC_H

#include <stdint.h>

struct vec2i {
	int32_t x, y;
};
struct vec3i {
	int32_t x, y, z;
};
struct vec2f {
	double x, y;
};
struct vec3f {
	double x, y, z;
};

/* vec_add, vec_sub, vec_mul: of two whole numbers, saturating. */
static inline int32_t vec_saturate(int64_t a)
{
	return a > INT32_MAX ? INT32_MAX : a < INT32_MIN ? INT32_MIN : (int32_t)a;
}

static inline int32_t vec_add(int32_t a, int32_t b)
{
	return vec_saturate((int64_t)a + b);
}

static inline int32_t vec_sub(int32_t a, int32_t b)
{
	return vec_saturate((int64_t)a - b);
}

static inline int32_t vec_mul(int32_t a, int32_t b)
{
	return vec_saturate((int64_t)a * b);
}

/* vec_div: a / b rounded down; 0 when b is 0, INT32_MAX for INT32_MIN / -1. */
static inline int32_t vec_div(int32_t a, int32_t b)
{
	int64_t q;

	if (b == 0) {
		return 0;
	}
	q = (int64_t)a / b;
	return vec_saturate((int64_t)a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q);
}

/* vec_mod: what vec_div leaves, with the sign of b: 0 <= vec_mod(a, b) < b for b > 0; 0 when b is 0. */
static inline int32_t vec_mod(int32_t a, int32_t b)
{
	int64_t rest;

	if (b == 0) {
		return 0;
	}
	rest = (int64_t)a % b;
	return (int32_t)(rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest);
}

/* vec_root: the square root, correctly rounded, as sqrt() of IEEE 754; 0 for what has none (below 0, NaN). */
double vec_root(double a);

static inline struct vec2i vec2i_add(struct vec2i a, struct vec2i b)
{
	return (struct vec2i){ vec_add(a.x, b.x), vec_add(a.y, b.y) };
}

static inline struct vec2i vec2i_sub(struct vec2i a, struct vec2i b)
{
	return (struct vec2i){ vec_sub(a.x, b.x), vec_sub(a.y, b.y) };
}

/* _mul: member by member. */
static inline struct vec2i vec2i_mul(struct vec2i a, struct vec2i b)
{
	return (struct vec2i){ vec_mul(a.x, b.x), vec_mul(a.y, b.y) };
}

static inline struct vec2i vec2i_scale(struct vec2i a, int32_t by)
{
	return (struct vec2i){ vec_mul(a.x, by), vec_mul(a.y, by) };
}

/* _div, _mod: member by member, rounded down: the chunk of a cell and the cell in its chunk. */
static inline struct vec2i vec2i_div(struct vec2i a, int32_t by)
{
	return (struct vec2i){ vec_div(a.x, by), vec_div(a.y, by) };
}

static inline struct vec2i vec2i_mod(struct vec2i a, int32_t by)
{
	return (struct vec2i){ vec_mod(a.x, by), vec_mod(a.y, by) };
}

static inline struct vec3i vec3i_add(struct vec3i a, struct vec3i b)
{
	return (struct vec3i){ vec_add(a.x, b.x), vec_add(a.y, b.y), vec_add(a.z, b.z) };
}

static inline struct vec3i vec3i_sub(struct vec3i a, struct vec3i b)
{
	return (struct vec3i){ vec_sub(a.x, b.x), vec_sub(a.y, b.y), vec_sub(a.z, b.z) };
}

static inline struct vec3i vec3i_mul(struct vec3i a, struct vec3i b)
{
	return (struct vec3i){ vec_mul(a.x, b.x), vec_mul(a.y, b.y), vec_mul(a.z, b.z) };
}

static inline struct vec3i vec3i_scale(struct vec3i a, int32_t by)
{
	return (struct vec3i){ vec_mul(a.x, by), vec_mul(a.y, by), vec_mul(a.z, by) };
}

static inline struct vec3i vec3i_div(struct vec3i a, int32_t by)
{
	return (struct vec3i){ vec_div(a.x, by), vec_div(a.y, by), vec_div(a.z, by) };
}

static inline struct vec3i vec3i_mod(struct vec3i a, int32_t by)
{
	return (struct vec3i){ vec_mod(a.x, by), vec_mod(a.y, by), vec_mod(a.z, by) };
}

static inline struct vec2f vec2f_add(struct vec2f a, struct vec2f b)
{
	return (struct vec2f){ a.x + b.x, a.y + b.y };
}

static inline struct vec2f vec2f_sub(struct vec2f a, struct vec2f b)
{
	return (struct vec2f){ a.x - b.x, a.y - b.y };
}

static inline struct vec2f vec2f_mul(struct vec2f a, struct vec2f b)
{
	return (struct vec2f){ a.x * b.x, a.y * b.y };
}

static inline struct vec2f vec2f_scale(struct vec2f a, double by)
{
	return (struct vec2f){ a.x * by, a.y * by };
}

static inline double vec2f_dot(struct vec2f a, struct vec2f b)
{
	return a.x * b.x + a.y * b.y;
}

static inline struct vec3f vec3f_add(struct vec3f a, struct vec3f b)
{
	return (struct vec3f){ a.x + b.x, a.y + b.y, a.z + b.z };
}

static inline struct vec3f vec3f_sub(struct vec3f a, struct vec3f b)
{
	return (struct vec3f){ a.x - b.x, a.y - b.y, a.z - b.z };
}

static inline struct vec3f vec3f_mul(struct vec3f a, struct vec3f b)
{
	return (struct vec3f){ a.x * b.x, a.y * b.y, a.z * b.z };
}

static inline struct vec3f vec3f_scale(struct vec3f a, double by)
{
	return (struct vec3f){ a.x * by, a.y * by, a.z * by };
}

static inline double vec3f_dot(struct vec3f a, struct vec3f b)
{
	return a.x * b.x + a.y * b.y + a.z * b.z;
}

/* _dot: saturates at the ends of int64_t (only three products near 2^62 reach them). */
int64_t vec2i_dot(struct vec2i a, struct vec2i b);
int64_t vec3i_dot(struct vec3i a, struct vec3i b);

/* _len, _dist: the length, and that of the difference (which does not saturate). */
double vec2i_len(struct vec2i a);
double vec3i_len(struct vec3i a);
double vec2i_dist(struct vec2i a, struct vec2i b);
double vec3i_dist(struct vec3i a, struct vec3i b);
double vec2f_len(struct vec2f a);
double vec3f_len(struct vec3f a);
double vec2f_dist(struct vec2f a, struct vec2f b);
double vec3f_dist(struct vec3f a, struct vec3f b);

/* _unit: the vector of length 1 in the same direction; the zero vector if it has none. */
struct vec2f vec2f_unit(struct vec2f a);
struct vec3f vec3f_unit(struct vec3f a);

#endif
