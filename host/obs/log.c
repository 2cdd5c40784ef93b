/* SPDX-License-Identifier: MIT */
/* The log. */
#include "host/obs/log.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const level_name[] = { "", "error", "warning", "notice", "info", "debug" };

void log_write(const struct log_line *line)
{
	char text[1024];
	size_t len = 0;

	for (const char *p = line->text; *p != '\0' && len < sizeof(text) - 1; p++) {
		text[len++] = (unsigned char)*p < ' ' ? ' ' : *p;
	}
	text[len] = '\0';
	fprintf(stderr, "%s: %s: %s%s%s\n", level_name[line->level <= 5 ? line->level : 0],
		line->instance != NULL ? line->instance : "troupe", line->code != NULL ? line->code : "",
		line->code != NULL ? ": " : "", text);
}

void log_text(uint32_t level, const char *instance, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_write(&(struct log_line){ .level = level, .instance = instance, .text = text });
}
