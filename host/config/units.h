/* SPDX-License-Identifier: MIT */
/* Durations and sizes as people write them. */
#ifndef HOST_CONFIG_UNITS_H
#define HOST_CONFIG_UNITS_H

#include <stddef.h>
#include <stdint.h>

#define UNITS_TEXT_MAX 32u

/*
 * units_duration reads "50ms", "2s", "5m", "1h", "7d" into milliseconds; units_size reads "64b", "64kb",
 * "4mb", "1gb" (powers of 1024) into bytes. A whole number and a unit, nothing else; "0" needs none. Return 0,
 * -EINVAL (not of that form, unit missing or unknown) or -ERANGE (does not fit).
 */
int units_duration(const char *text, int64_t *ret_ms);
int units_size(const char *text, int64_t *ret_bytes);
/* units_integer reads a whole number, with a sign if need be. Same errors. */
int units_integer(const char *text, int64_t *ret_value);
/* units_print_duration, units_print_size write the value with the largest unit that divides it. Return buf. */
char *units_print_duration(int64_t ms, char buf[UNITS_TEXT_MAX]);
char *units_print_size(int64_t bytes, char buf[UNITS_TEXT_MAX]);

#endif
