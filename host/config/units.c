/* SPDX-License-Identifier: MIT */
/* Durations and sizes as people write them. */
#include "units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct unit {
	const char *name;
	int64_t factor;
};

/* From the smallest, which must be 1, to the largest. */
static const struct unit durations[] = {
	{ "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 }, { NULL, 0 },
};
static const struct unit sizes[] = {
	{ "b", 1 }, { "kb", 1024 }, { "mb", 1048576 }, { "gb", 1073741824 }, { NULL, 0 },
};

/* Reads digits; *ret_rest is what follows them. */
static int units_digits(const char *text, int64_t *ret_value, const char **ret_rest)
{
	int64_t value = 0;
	const char *p = text;

	if (*p < '0' || *p > '9') {
		return -EINVAL;
	}
	for (; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *p - '0', &value)) {
			return -ERANGE;
		}
	}
	*ret_value = value;
	*ret_rest = p;
	return 0;
}

static int units_read(const char *text, const struct unit *units, int64_t *ret_value)
{
	int64_t value;
	const char *rest;
	int r = units_digits(text, &value, &rest);

	if (r < 0) {
		return r;
	}
	if (*rest == '\0' && value == 0) {
		*ret_value = 0;
		return 0;
	}
	for (; units->name != NULL; units++) {
		if (strcmp(rest, units->name) == 0) {
			if (__builtin_mul_overflow(value, units->factor, &value)) {
				return -ERANGE;
			}
			*ret_value = value;
			return 0;
		}
	}
	return -EINVAL;
}

int units_duration(const char *text, int64_t *ret_ms)
{
	return units_read(text, durations, ret_ms);
}

int units_size(const char *text, int64_t *ret_bytes)
{
	return units_read(text, sizes, ret_bytes);
}

int units_integer(const char *text, int64_t *ret_value)
{
	int64_t value;
	const char *rest;
	int minus = text[0] == '-';
	int r = units_digits(text + minus, &value, &rest);

	if (r < 0) {
		return r;
	}
	if (*rest != '\0') {
		return -EINVAL;
	}
	*ret_value = minus ? -value : value;
	return 0;
}

static char *units_print(int64_t value, const struct unit *units, char buf[UNITS_TEXT_MAX])
{
	const struct unit *best = units;

	for (; units->name != NULL && value != 0; units++) {
		if (value % units->factor == 0) {
			best = units;
		}
	}
	snprintf(buf, UNITS_TEXT_MAX, "%" PRId64 "%s", value / best->factor, best->name);
	return buf;
}

char *units_print_duration(int64_t ms, char buf[UNITS_TEXT_MAX])
{
	return units_print(ms, durations, buf);
}

char *units_print_size(int64_t bytes, char buf[UNITS_TEXT_MAX])
{
	return units_print(bytes, sizes, buf);
}
