/* SPDX-License-Identifier: MIT */
/* Finds words in a script's text that scripts may not use. */
#include <string.h>

#include "internal.h"

static int is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* long_bracket: for "[==[" at p, returns the end of the bracketed text; else p. */
static const char *long_bracket(const char *p, const char *end)
{
	const char *q = p + 1;
	while (q < end && *q == '=') {
		q++;
	}
	if (q >= end || *q != '[') {
		return p;
	}
	size_t level = (size_t)(q - p - 1);
	for (q++; q < end; q++) {
		if (*q == ']' && (size_t)(end - q) >= level + 2 && q[level + 1] == ']' &&
		    strspn(q + 1, "=") >= level) {
			return q + level + 2;
		}
	}
	return end;
}

/* Skips white space and comments. */
static const char *skip_blank(const char *p, const char *end)
{
	while (p < end) {
		if (*p == ' ' || (*p >= '\t' && *p <= '\r')) {
			p++;
		} else if (p + 1 < end && p[0] == '-' && p[1] == '-') {
			const char *q = p + 2 < end && p[2] == '[' ? long_bracket(p + 2, end) : p + 2;
			if (q == p + 2) {
				while (q < end && *q != '\n' && *q != '\r') {
					q++;
				}
			}
			p = q;
		} else {
			break;
		}
	}
	return p;
}

static const char *skip_text(const char *p, const char *end)
{
	char quote = *p++;
	while (p < end && *p != quote) {
		p += *p == '\\' && p + 1 < end ? 2 : 1;
	}
	return p < end ? p + 1 : end;
}

/*
 * `_ENV` would let a file step around its environment, and wrong code is made for some uses of it by Lua 5.4.4;
 * `<close>` runs code while an error unwinds. Both are told from texts and comments, so the words are free there.
 */
const char *forbidden_find(const char *p, const char *end, const char **ret_word)
{
	char before = 0;
	while ((p = skip_blank(p, end)) < end) {
		if (*p == '"' || *p == '\'') {
			p = skip_text(p, end);
			before = 0;
		} else if (*p == '[' && long_bracket(p, end) != p) {
			p = long_bracket(p, end);
			before = 0;
		} else if (is_word(*p)) {
			const char *word = p;
			while (p < end && is_word(*p)) {
				p++;
			}
			size_t n = (size_t)(p - word);
			const char *after = skip_blank(p, end);
			if (n == 4 && memcmp(word, "_ENV", 4) == 0) {
				*ret_word = "_ENV";
				return word;
			}
			if (n == 5 && memcmp(word, "close", 5) == 0 && before == '<' && after < end && *after == '>') {
				*ret_word = "<close>";
				return word;
			}
			before = 0;
		} else {
			before = *p++;
		}
	}
	return NULL;
}
