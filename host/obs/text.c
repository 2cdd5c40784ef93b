/* SPDX-License-Identifier: MIT */
/* Text that grows. */
#include "host/obs/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void text_init(struct text *text, size_t max)
{
	*text = (struct text){ .max = max };
}

void text_init_fixed(struct text *text, char *space, size_t size)
{
	*text = (struct text){ .bytes = space, .size = size, .max = size, .fixed = true };
	space[0] = '\0';
}

void text_clear(struct text *text)
{
	if (!text->fixed) {
		free(text->bytes);
	}
	*text = (struct text){ 0 };
}

/* Room for `more` bytes and a NUL. */
static bool text_reserve(struct text *text, size_t more)
{
	size_t size = text->size != 0 ? text->size : 512;

	if (text->failed || more >= text->max || text->len + more >= text->max) {
		text->failed = true;
		return false;
	}
	while (size <= text->len + more) {
		size *= 2;
	}
	if (size > text->size) {
		char *bytes = text->fixed ? NULL : realloc(text->bytes, size);
		if (bytes == NULL) {
			text->failed = true;
			return false;
		}
		text->bytes = bytes;
		text->size = size;
	}
	return true;
}

void text_add(struct text *text, const char *bytes, size_t len)
{
	if (text_reserve(text, len)) {
		memcpy(text->bytes + text->len, bytes, len);
		text->len += len;
		text->bytes[text->len] = '\0';
	}
}

void text_put(struct text *text, const char *string)
{
	text_add(text, string, strlen(string));
}

void text_format(struct text *text, const char *format, ...)
{
	va_list args, again;

	va_start(args, format);
	va_copy(again, args);
	int len = vsnprintf(NULL, 0, format, args);
	if (len >= 0 && text_reserve(text, (size_t)len)) {
		vsnprintf(text->bytes + text->len, (size_t)len + 1, format, again);
		text->len += (size_t)len;
	}
	va_end(again);
	va_end(args);
}

/* The length of the UTF-8 sequence at `p`, of at most `left` bytes; 0 if it is none (RFC 3629, table 3-7 of Unicode). */
static size_t utf8_len(const unsigned char *p, size_t left)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t len;

	if (p[0] < 0x80) {
		return 1;
	}
	if (p[0] < 0xc2 || p[0] > 0xf4) {
		return 0;
	}
	len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (p[0] == 0xe0) {
		low = 0xa0;
	} else if (p[0] == 0xed) {
		high = 0x9f;
	} else if (p[0] == 0xf0) {
		low = 0x90;
	} else if (p[0] == 0xf4) {
		high = 0x8f;
	}
	if (len > left || p[1] < low || p[1] > high) {
		return 0;
	}
	for (size_t i = 2; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80) {
			return 0;
		}
	}
	return len;
}

static void json_ascii(struct text *text, unsigned char byte)
{
	switch (byte) {
	case '"':
		text_put(text, "\\\"");
		return;
	case '\\':
		text_put(text, "\\\\");
		return;
	case '\n':
		text_put(text, "\\n");
		return;
	case '\t':
		text_put(text, "\\t");
		return;
	default:
		if (byte < 0x20 || byte == 0x7f) {
			text_format(text, "\\u%04x", byte);
		} else {
			text_add(text, (const char *)&byte, 1);
		}
	}
}

/* Each character of at most `max` bytes of `string` (0 = all); what is no UTF-8 becomes U+FFFD. */
static void utf8_each(struct text *text, const char *string, size_t max, bool quote)
{
	const unsigned char *p = (const unsigned char *)string;
	size_t left = max != 0 ? strnlen(string, max) : strlen(string);

	while (left > 0) {
		size_t len = utf8_len(p, left);
		if (len == 0) {
			text_put(text, "\xef\xbf\xbd");
			len = 1;
		} else if (len == 1 && quote) {
			json_ascii(text, *p);
		} else {
			text_add(text, (const char *)p, len);
		}
		p += len;
		left -= len;
	}
}

void text_json(struct text *text, const char *string, size_t max)
{
	if (string == NULL) {
		text_put(text, "null");
		return;
	}
	text_put(text, "\"");
	utf8_each(text, string, max, true);
	text_put(text, "\"");
}

void text_utf8(struct text *text, const char *string, size_t max)
{
	utf8_each(text, string, max, false);
}

static void member_begin(struct text *text, const char *name)
{
	if (text->len > 0 && text->bytes[text->len - 1] != '{') {
		text_put(text, ",");
	}
	text_json(text, name, 0);
	text_put(text, ":");
}

void text_member(struct text *text, const char *name, const char *value)
{
	member_begin(text, name);
	text_json(text, value, 0);
}

void text_member_number(struct text *text, const char *name, uint64_t value)
{
	member_begin(text, name);
	text_format(text, "%llu", (unsigned long long)value);
}
