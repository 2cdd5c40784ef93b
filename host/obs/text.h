/* SPDX-License-Identifier: MIT */
/* Text that grows up to a bound, with JSON quoting: for answers, pages and log lines. */
#ifndef HOST_OBS_TEXT_H
#define HOST_OBS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Start with text_init. When memory or `max` ends, `failed` is set and what follows is left out. */
struct text {
	char *bytes; /* NUL-terminated, or NULL while empty */
	size_t len, size, max;
	bool failed;
	bool fixed; /* `bytes` is the caller's and does not grow */
};

/* text_init: an empty text of at most `max` bytes that grows; text_init_fixed: one that lives in `space`. */
void text_init(struct text *text, size_t max);
void text_init_fixed(struct text *text, char *space, size_t size);
/* text_clear releases a growing one. */
void text_clear(struct text *text);

/* text_add appends `len` bytes, text_put a string, text_format as printf does. */
void text_add(struct text *text, const char *bytes, size_t len);
void text_put(struct text *text, const char *string);
void text_format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * text_json appends a JSON string with its quotes, from at most `max` bytes of `string` (0 = all of it; NULL = null).
 * Bytes that are no UTF-8 become U+FFFD, control characters are escaped (RFC 8259).
 */
void text_json(struct text *text, const char *string, size_t max);
/* text_utf8 appends the same bytes as text_json would quote, without quotes and escapes. */
void text_utf8(struct text *text, const char *string, size_t max);
/* text_member appends `"name":"value"`, with a comma before it unless the object has just begun; NULL = null. */
void text_member(struct text *text, const char *name, const char *value);
/* text_member_number appends `"name":123`. */
void text_member_number(struct text *text, const char *name, uint64_t value);

#endif
