/* SPDX-License-Identifier: MIT */
/* Lines of the log. */
#include "host/control/log_lines.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *string_of(const json_t *line, const char *name)
{
	const char *text = json_string_value(json_object_get(line, name));

	return text != NULL ? text : "";
}

static int64_t time_of(const json_t *line)
{
	return json_integer_value(json_object_get(line, "time_ms"));
}

size_t log_lines_add(struct log_lines *lines, const struct control_answer *answer)
{
	const json_t *list = control_answer_value(answer, "records");
	size_t kept = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *line = json_array_get(list, i);
		if (lines->len == lines->size) {
			size_t size = lines->size * 2 + 64;
			void **more = realloc(lines->lines, size * sizeof(*more));
			if (more == NULL) {
				break;
			}
			lines->lines = more;
			lines->size = size;
		}
		lines->lines[lines->len++] = json_incref(line);
		kept++;
	}
	return kept;
}

static int line_order(const void *a, const void *b)
{
	const json_t *x = *(void *const *)a, *y = *(void *const *)b;
	int64_t x_ms = time_of(x), y_ms = time_of(y);
	int order = x_ms < y_ms ? -1 : x_ms > y_ms;

	order = order != 0 ? order : strcmp(string_of(x, "host"), string_of(y, "host"));
	if (order == 0) {
		unsigned long long x_seq = strtoull(string_of(x, "seq"), NULL, 10);
		unsigned long long y_seq = strtoull(string_of(y, "seq"), NULL, 10);
		order = x_seq < y_seq ? -1 : x_seq > y_seq;
	}
	return order;
}

/* --- text ----------------------------------------------------------------------------------------- */

/* Characters that steer a terminal, or turn the order of others around, show what they are instead. */
static size_t harmful_len(const unsigned char *p)
{
	if (p[0] < ' ' || p[0] == 0x7f) {
		return 1;
	}
	if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f) {
		return 2; /* the C1 controls */
	}
	if (p[0] == 0xe2 && p[1] == 0x80 && (p[2] >= 0xa8 && p[2] <= 0xae)) {
		return 3; /* line and paragraph separators, embeddings and overrides of direction */
	}
	if (p[0] == 0xe2 && p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9) {
		return 3; /* isolates of direction */
	}
	return 0;
}

static void text_show(const char *text, FILE *out)
{
	const unsigned char *p = (const unsigned char *)text;

	while (*p != '\0') {
		size_t len = harmful_len(p);
		if (len == 0) {
			fputc(*p++, out);
			continue;
		}
		if (*p == '\n' || *p == '\t') {
			fputs(*p == '\n' ? "\\n" : "\\t", out);
		} else {
			for (size_t i = 0; i < len; i++) {
				fprintf(out, "\\x%02x", p[i]);
			}
		}
		p += len;
	}
}

static void member_show(const json_t *line, const char *name, FILE *out)
{
	const char *value = string_of(line, name);

	if (value[0] != '\0') {
		fprintf(out, " %s=", name);
		text_show(value, out);
	}
}

static void fields_show(const json_t *line, FILE *out)
{
	const char *name;
	json_t *value;

	json_object_foreach(json_object_get(line, "fields"), name, value) {
		fputs(" {", out);
		text_show(name, out);
		fputs("}=", out);
		text_show(json_string_value(value) != NULL ? json_string_value(value) : "", out);
	}
}

/* What has to be known to read the line right. */
static void remarks_show(const json_t *line, FILE *out)
{
	double skew = (double)json_integer_value(json_object_get(line, "skew_ms")) / 1000;
	json_int_t cut = json_integer_value(json_object_get(line, "cut_from"));

	if (skew != 0) {
		fprintf(out, " (its clock is %.1f s %s)", skew < 0 ? -skew : skew, skew < 0 ? "behind" : "ahead");
	}
	if (string_of(line, "said")[0] != '\0') {
		fprintf(out, " (it said %s)", string_of(line, "said"));
	}
	if (cut > 0) {
		fprintf(out, " (cut, it had %lld bytes)", (long long)cut);
	}
	if (json_is_true(json_object_get(line, "context"))) {
		fputs(" (of the same trace)", out);
	}
}

static void line_show(const json_t *line, FILE *out)
{
	const char *stamp = string_of(line, "time");
	const char *instance = string_of(line, "instance"), *code = string_of(line, "code");

	/* "2026-11-21T07:26:02.123Z" */
	fprintf(out, "%.10s %.12s %-7.7s ", stamp, strlen(stamp) > 11 ? stamp + 11 : "", string_of(line, "level"));
	text_show(string_of(line, "host"), out);
	fputc(' ', out);
	text_show(instance[0] != '\0' ? instance : "-", out);
	fputs(": ", out);
	if (code[0] != '\0') {
		fputc('[', out);
		text_show(code, out);
		fputs("] ", out);
	}
	text_show(string_of(line, "text"), out);
	member_show(line, "account", out);
	member_show(line, "order", out);
	member_show(line, "trace", out);
	fields_show(line, out);
	remarks_show(line, out);
	fputc('\n', out);
}

size_t log_lines_show(struct log_lines *lines, int64_t until_ms, bool json, FILE *out)
{
	size_t shown = 0;

	if (lines->len == 0) {
		return 0;
	}
	qsort(lines->lines, lines->len, sizeof(*lines->lines), line_order);
	while (shown < lines->len && time_of(lines->lines[shown]) <= until_ms) {
		json_t *line = lines->lines[shown++];
		if (json) {
			json_dumpf(line, out, JSON_COMPACT);
			fputc('\n', out);
		} else {
			line_show(line, out);
		}
		json_decref(line);
	}
	lines->len -= shown;
	memmove(lines->lines, lines->lines + shown, lines->len * sizeof(*lines->lines));
	return shown;
}

void log_lines_clear(struct log_lines *lines)
{
	for (size_t i = 0; i < lines->len; i++) {
		json_decref(lines->lines[i]);
	}
	free(lines->lines);
	*lines = (struct log_lines){ 0 };
}
