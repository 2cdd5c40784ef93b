/* SPDX-License-Identifier: MIT */
/* Diagnostics: errors and warnings with code, place, source line and remedy, as text and as JSON. */
#include "diag.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"

#define DIAG_LINE_MAX 160u /* bytes of a source line that are shown */

struct diag_list {
	struct config_arena *arena;
	struct diag items[DIAG_ERRORS_MAX];
	struct diag scratch;
	uint32_t len, errors, warnings;
};

struct diag_list *diag_list_create(void)
{
	struct diag_list *list = calloc(1, sizeof(*list));

	if (list != NULL) {
		list->arena = arena_create();
	}
	return list;
}

struct diag_list *diag_list_free(struct diag_list *list)
{
	if (list != NULL) {
		arena_free(list->arena);
		free(list);
	}
	return NULL;
}

/* Formats into the list's memory; control bytes of a foreign text become '?', so one finding stays one line. */
static const char *diag_text(struct diag_list *list, const char *format, va_list args)
{
	char text[1024];
	int len = vsnprintf(text, sizeof(text), format, args);

	if (len < 0) {
		return "";
	}
	for (char *p = text; *p != '\0'; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f) {
			*p = '?';
		}
	}
	return arena_copy(list->arena, text, strlen(text));
}

struct diag *diag_add(struct diag_list *list, enum diag_level level, const char *code, const char *format, ...)
{
	va_list args;

	*(level == DIAG_ERROR ? &list->errors : &list->warnings) += 1;
	if (list->len == DIAG_ERRORS_MAX) {
		memset(&list->scratch, 0, sizeof(list->scratch));
		/* Full of notes, so that completing it costs nothing. */
		list->scratch.notes_len = DIAG_NOTES_MAX;
		return &list->scratch;
	}
	struct diag *diag = &list->items[list->len++];

	memset(diag, 0, sizeof(*diag));
	va_start(args, format);
	diag->level = level;
	diag->code = code;
	diag->text = diag_text(list, format, args);
	va_end(args);
	return diag;
}

/* Keeps a copy of the source line that prints in one line. */
static void diag_source(struct diag_list *list, struct diag *diag, uint32_t column, uint32_t width, const char *source,
			size_t source_len)
{
	size_t len = source_len < DIAG_LINE_MAX ? source_len : DIAG_LINE_MAX;
	char *copy = arena_copy(list->arena, source, len);

	/* A tab would move the caret away from its column. */
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)copy[i] < 0x20 || copy[i] == 0x7f) {
			copy[i] = ' ';
		}
	}
	while (len > 0 && copy[len - 1] == ' ') {
		copy[--len] = '\0';
	}
	diag->source = copy;
	diag->column = column <= len ? column : 0;
	diag->width = column + width > len + 1 ? (uint32_t)(len + 1 > column ? len + 1 - column : 1) : width;
}

static bool diag_same(const struct diag *a, const struct diag *b)
{
	return a->line == b->line && a->column == b->column && strcmp(a->code, b->code) == 0 &&
	       strcmp(a->text, b->text) == 0 && a->file != NULL && b->file != NULL && strcmp(a->file, b->file) == 0;
}

void diag_at(struct diag_list *list, struct diag *diag, const char *file, uint32_t line, uint32_t column,
	     uint32_t width, const char *source, size_t source_len)
{
	if (diag == &list->scratch) {
		return;
	}
	diag->file = file != NULL ? arena_copy(list->arena, file, strlen(file)) : NULL;
	diag->line = line;
	if (source != NULL && column <= DIAG_LINE_MAX) {
		diag_source(list, diag, column, width, source, source_len);
	}
	/* A block in a loop would say the same for every round. What is dropped stays writable until the next add. */
	for (uint32_t i = 0; i + 1 < list->len && diag == &list->items[list->len - 1]; i++) {
		if (diag_same(&list->items[i], diag)) {
			*(diag->level == DIAG_ERROR ? &list->errors : &list->warnings) -= 1;
			list->len--;
			break;
		}
	}
}

void diag_label(struct diag_list *list, struct diag *diag, const char *format, ...)
{
	va_list args;

	if (diag == &list->scratch) {
		return;
	}
	va_start(args, format);
	diag->label = diag_text(list, format, args);
	va_end(args);
}

void diag_note(struct diag_list *list, struct diag *diag, const char *format, ...)
{
	va_list args;

	if (diag->notes_len == DIAG_NOTES_MAX) {
		return;
	}
	va_start(args, format);
	diag->notes[diag->notes_len++] = diag_text(list, format, args);
	va_end(args);
}

void diag_help(struct diag_list *list, struct diag *diag, const char *format, ...)
{
	va_list args;

	if (diag == &list->scratch) {
		return;
	}
	va_start(args, format);
	diag->help = diag_text(list, format, args);
	va_end(args);
}

uint32_t diag_count(const struct diag_list *list, enum diag_level level)
{
	return level == DIAG_ERROR ? list->errors : list->warnings;
}

const struct diag *diag_get(const struct diag_list *list, uint32_t index)
{
	return index < list->len ? &list->items[index] : NULL;
}

/* How many characters the first `bytes` bytes of a UTF-8 text show. */
static int diag_characters(const char *text, uint32_t bytes)
{
	int count = 0;

	for (uint32_t i = 0; i < bytes && text[i] != '\0'; i++) {
		count += ((unsigned char)text[i] & 0xc0) != 0x80;
	}
	return count;
}

static void diag_print_one(const struct diag *diag, FILE *out)
{
	char number[16];

	fprintf(out, "%s[%s]: %s\n", diag->level == DIAG_ERROR ? "error" : "warning", diag->code, diag->text);
	if (diag->file != NULL && diag->line > 0) {
		fprintf(out, "  --> %s:%u\n", diag->file, diag->line);
	} else if (diag->file != NULL) {
		fprintf(out, "  --> %s\n", diag->file);
	}
	snprintf(number, sizeof(number), "%u", diag->line);
	if (diag->source != NULL) {
		fprintf(out, "%s | %s\n", number, diag->source);
		if (diag->column > 0) {
			int before = diag_characters(diag->source, diag->column - 1);
			int under = diag_characters(diag->source + diag->column - 1, diag->width);

			fprintf(out, "%*s | %*s", (int)strlen(number), "", before, "");
			for (int i = 0; i < (under > 0 ? under : 1); i++) {
				fputc('^', out);
			}
			fprintf(out, "%s%s\n", diag->label != NULL ? " " : "", diag->label != NULL ? diag->label : "");
		}
	}
	if (diag->label != NULL && (diag->source == NULL || diag->column == 0)) {
		fprintf(out, "  = note: %s\n", diag->label);
	}
	for (uint32_t i = 0; i < diag->notes_len; i++) {
		fprintf(out, "  = note: %s\n", diag->notes[i]);
	}
	if (diag->help != NULL) {
		fprintf(out, "  = help: %s\n", diag->help);
	}
}

void diag_print_text(const struct diag_list *list, FILE *out)
{
	for (uint32_t i = 0; i < list->len; i++) {
		diag_print_one(&list->items[i], out);
	}
	if (list->errors + list->warnings > list->len) {
		fprintf(out, "... and %u more\n", list->errors + list->warnings - list->len);
	}
}
