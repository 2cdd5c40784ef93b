/* SPDX-License-Identifier: MIT */
/* Diagnostics: errors and warnings with code, place, source line and remedy, as text and as JSON. */
#ifndef HOST_CONFIG_DIAG_H
#define HOST_CONFIG_DIAG_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define DIAG_NOTES_MAX 4u
#define DIAG_ERRORS_MAX 200u /* what comes after them is counted only */

enum diag_level { DIAG_ERROR = 1, DIAG_WARNING = 2 };

/* One finding. All strings belong to the list that holds it. */
struct diag {
	enum diag_level level;
	const char *code;	/* "C0103", from the table in codes.c */
	const char *text;	/* what is wrong, one line */
	const char *file;	/* NULL = no place */
	uint32_t line;		/* from 1; 0 = the file as a whole */
	uint32_t column;	/* from 1, in bytes; 0 = no caret */
	uint32_t width;		/* of the caret's underline */
	uint32_t notes_len;
	const char *source;	/* the source line, or NULL */
	const char *label;	/* what stands beside the caret, or NULL */
	const char *notes[DIAG_NOTES_MAX];
	const char *help;	/* how to mend it, or NULL */
};

/* diag_list_create returns an empty list, NULL without memory. diag_list_free returns NULL; takes NULL. */
struct diag_list *diag_list_create(void);
struct diag_list *diag_list_free(struct diag_list *list);

/*
 * diag_add appends a finding and returns it, to be completed with the functions below. It never returns NULL:
 * past DIAG_ERRORS_MAX, or without memory, it counts and returns a scratch entry that is not shown.
 */
struct diag *diag_add(struct diag_list *list, enum diag_level level, const char *code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* diag_at says where: column and width 0 = no caret. `source` is the file's line, `source_len` bytes. */
void diag_at(struct diag_list *list, struct diag *diag, const char *file, uint32_t line, uint32_t column,
	     uint32_t width, const char *source, size_t source_len);
/* diag_label, diag_note, diag_help add their part; a note too many is dropped. */
void diag_label(struct diag_list *list, struct diag *diag, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void diag_note(struct diag_list *list, struct diag *diag, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void diag_help(struct diag_list *list, struct diag *diag, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* diag_count says how many of a level were added, also those past the bound. */
uint32_t diag_count(const struct diag_list *list, enum diag_level level);
/* diag_get returns finding `index`, in the order of adding, or NULL past the last. */
const struct diag *diag_get(const struct diag_list *list, uint32_t index);

/* diag_print_text writes all findings in the form a person reads. */
void diag_print_text(const struct diag_list *list, FILE *out);
/* diag_print_json writes one JSON object: {"version":1,"errors":N,"warnings":N,"diagnostics":[...]}. */
void diag_print_json(const struct diag_list *list, FILE *out);

#endif
