/* SPDX-License-Identifier: MIT */
/* Requests and answers as JSON. */
#include "host/control/json.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 32u
#define CELL_MAX 60u

struct control_answer {
	json_t *root;
};

static const char *string_of(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

/* --- requests ------------------------------------------------------------------------------------- */

static int words_copy(const json_t *list, struct control_request *request)
{
	size_t len = json_array_size(list);

	request->words = calloc(len + 1, sizeof(char *));
	for (size_t i = 0; request->words != NULL && i < len; i++) {
		const char *word = json_string_value(json_array_get(list, i));
		/* a NUL inside would cut it short */
		if (word == NULL || strlen(word) != json_string_length(json_array_get(list, i))) {
			return -EINVAL;
		}
		request->words[i] = strdup(word);
		if (request->words[i] == NULL) {
			return -ENOMEM;
		}
		request->words_len++;
	}
	return request->words != NULL ? 0 : -ENOMEM;
}

int control_request_parse(const char *line, size_t len, struct control_request *ret_request, const char **ret_why)
{
	json_error_t error;
	json_t *root = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
	const json_t *words = json_object_get(root, "words");
	const char *name = string_of(root, "operator");

	*ret_request = (struct control_request){ .id = (uint64_t)json_integer_value(json_object_get(root, "id")) };
	*ret_why = "a request is {\"id\":1,\"operator\":\"name\",\"words\":[\"status\"]}";
	int r = -EINVAL;
	if (name != NULL && name[0] != '\0' && strlen(name) < sizeof(ret_request->operator_name) &&
	    json_array_size(words) > 0 && json_array_size(words) <= CONTROL_WORDS_MAX) {
		snprintf(ret_request->operator_name, sizeof(ret_request->operator_name), "%s", name);
		ret_request->confirmed = json_is_true(json_object_get(root, "confirmed"));
		r = words_copy(words, ret_request);
	}
	json_decref(root);
	if (r < 0) {
		control_request_clear(ret_request);
	}
	return r;
}

void control_request_clear(struct control_request *request)
{
	for (unsigned i = 0; request->words != NULL && i < request->words_len; i++) {
		free(request->words[i]);
	}
	free(request->words);
	request->words = NULL;
	request->words_len = 0;
}

void control_request_write(struct text *out, const struct control_request *request)
{
	text_put(out, "{");
	text_member_number(out, "id", request->id);
	text_member(out, "operator", request->operator_name);
	text_put(out, ",\"words\":[");
	for (unsigned i = 0; i < request->words_len; i++) {
		text_put(out, i > 0 ? "," : "");
		text_json(out, request->words[i], 0);
	}
	text_format(out, "],\"confirmed\":%s}\n", request->confirmed ? "true" : "false");
}

bool control_json_valid(const char *text, size_t len)
{
	json_t *value = json_loadb(text, len, JSON_DECODE_ANY, NULL);

	json_decref(value);
	return value != NULL;
}

/* --- answers -------------------------------------------------------------------------------------- */

struct control_answer *control_answer_parse(const char *line, size_t len)
{
	struct control_answer *answer = calloc(1, sizeof(*answer));

	if (answer == NULL) {
		return NULL;
	}
	answer->root = json_loadb(line, len, 0, NULL);
	if (!json_is_integer(json_object_get(answer->root, "exit"))) {
		control_answer_free(answer);
		return NULL;
	}
	json_object_del(answer->root, "id");
	return answer;
}

void control_answer_free(struct control_answer *answer)
{
	if (answer != NULL) {
		json_decref(answer->root);
		free(answer);
	}
}

int control_answer_exit(const struct control_answer *answer)
{
	return (int)json_integer_value(json_object_get(answer->root, "exit"));
}

bool control_answer_wait(const struct control_answer *answer)
{
	return json_is_true(json_object_get(answer->root, "wait"));
}

const char *control_answer_string(const struct control_answer *answer, const char *name)
{
	return string_of(answer->root, name);
}

static void strings_each(const json_t *list, void (*fn)(void *arg, const char *word), void *arg)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *word = json_string_value(json_array_get(list, i));
		if (word != NULL) {
			fn(arg, word);
		}
	}
}

void control_answer_each(const struct control_answer *answer, const char *name, void (*fn)(void *arg, const char *word),
			 void *arg)
{
	strings_each(json_object_get(answer->root, name), fn, arg);
}

json_t *control_answer_value(const struct control_answer *answer, const char *name)
{
	return json_object_get(json_object_get(answer->root, "body"), name);
}

int64_t control_answer_number(const struct control_answer *answer, const char *name)
{
	return json_integer_value(control_answer_value(answer, name));
}

bool control_answer_true(const struct control_answer *answer, const char *name)
{
	return json_is_true(control_answer_value(answer, name));
}

void control_answer_strings(const struct control_answer *answer, const char *name, void (*fn)(void *arg, const char *word),
			    void *arg)
{
	strings_each(control_answer_value(answer, name), fn, arg);
}

const char *control_answer_member(const struct control_answer *answer, const char *name)
{
	return string_of(json_object_get(answer->root, "body"), name);
}

void control_answer_rows(const struct control_answer *answer, const char *name,
			 void (*fn)(void *arg, const struct control_row *row), void *arg)
{
	const json_t *list = json_object_get(json_object_get(answer->root, "body"), name);

	for (size_t i = 0; i < json_array_size(list); i++) {
		fn(arg, (const void *)json_array_get(list, i));
	}
}

const char *control_row_string(const struct control_row *row, const char *name)
{
	return string_of((const json_t *)(const void *)row, name);
}

void control_answer_json(const struct control_answer *answer, FILE *out)
{
	json_dumpf(answer->root, out, JSON_COMPACT);
	fputc('\n', out);
}

/* --- for people ------------------------------------------------------------------------------------ */

/* "17", "0.146": what cannot be written as a number of JSON, or not with these digits, is a string. */
static bool is_number(const char *text)
{
	size_t whole = strspn(text, "0123456789"), rest = whole;

	if (text[whole] == '.') {
		rest += 1 + strspn(text + whole + 1, "0123456789");
	}
	return whole > 0 && text[rest] == '\0' && text[rest - 1] != '.';
}

/* The value as one cell; `number` tells whether it is put to the right. */
static void cell_text(const json_t *value, char cell[CELL_MAX * 4 + 4], bool *number)
{
	char *dumped = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	const char *text = json_is_string(value) ? json_string_value(value) :
			   value == NULL || json_is_null(value) || dumped == NULL ? "" : dumped;

	*number = json_is_number(value) || is_number(text);
	if (json_is_boolean(value)) {
		text = json_is_true(value) ? "yes" : "no";
	}
	snprintf(cell, CELL_MAX * 4 + 4, "%s", text);
	for (char *p = cell; *p != '\0'; p++) {
		/* a terminal must not be driven by data */
		*p = (unsigned char)*p < ' ' || *p == 0x7f ? ' ' : *p;
	}
	free(dumped);
}

/* Columns on a screen: bytes that begin a character. Wide ones count as one. */
static int shown_width(const char *text)
{
	int width = 0;

	for (; *text != '\0'; text++) {
		width += ((unsigned char)*text & 0xc0) != 0x80;
	}
	return width;
}

struct column {
	const char *name;
	int width;
	bool numbers; /* all its cells are, but for empty ones */
	bool filled;
};

static size_t columns_find(const json_t *rows, struct column *columns)
{
	size_t len = 0;

	for (size_t row = 0; row < json_array_size(rows); row++) {
		const char *name;
		json_t *value;
		json_object_foreach(json_array_get(rows, row), name, value) {
			char cell[CELL_MAX * 4 + 4];
			bool number;
			size_t at = 0;
			while (at < len && strcmp(columns[at].name, name) != 0) {
				at++;
			}
			if (at == len && len == COLUMNS_MAX) {
				continue;
			}
			if (at == len) {
				columns[len++] = (struct column){ name, shown_width(name), true, false };
			}
			cell_text(value, cell, &number);
			columns[at].numbers &= number || cell[0] == '\0';
			columns[at].filled |= cell[0] != '\0';
			columns[at].width = shown_width(cell) > columns[at].width ? shown_width(cell) : columns[at].width;
		}
	}
	return len;
}

static void cell_put(struct text *line, const char *cell, const struct column *column)
{
	int pad = column->width - shown_width(cell);
	bool right = column->numbers && column->filled;

	text_format(line, "%*s%s%*s", right ? pad : 0, "", cell, right ? 2 : pad + 2, "");
}

/* Without the blanks at its end. */
static void line_show(struct text *line, FILE *out)
{
	size_t len = line->len;

	while (len > 0 && line->bytes[len - 1] == ' ') {
		len--;
	}
	fprintf(out, "%.*s\n", (int)len, len > 0 ? line->bytes : "");
	text_clear(line);
}

static void table_show(const json_t *rows, FILE *out)
{
	struct column columns[COLUMNS_MAX];
	size_t len = columns_find(rows, columns);
	struct text line;

	if (json_array_size(rows) == 0) {
		fputs("none\n", out);
		return;
	}
	text_init(&line, CONTROL_LINE_MAX);
	for (size_t i = 0; i < len; i++) {
		cell_put(&line, columns[i].name, &columns[i]);
	}
	line_show(&line, out);
	for (size_t row = 0; row < json_array_size(rows); row++) {
		text_init(&line, CONTROL_LINE_MAX);
		for (size_t i = 0; i < len; i++) {
			char cell[CELL_MAX * 4 + 4];
			bool number;
			cell_text(json_object_get(json_array_get(rows, row), columns[i].name), cell, &number);
			cell_put(&line, cell, &columns[i]);
		}
		line_show(&line, out);
	}
}

static bool is_table(const json_t *value)
{
	for (size_t i = 0; i < json_array_size(value); i++) {
		if (!json_is_object(json_array_get(value, i))) {
			return false;
		}
	}
	return json_is_array(value);
}

static void object_show(const json_t *object, FILE *out)
{
	const char *name;
	json_t *value;
	char cell[CELL_MAX * 4 + 4];
	bool number, first = true;

	json_object_foreach((json_t *)(uintptr_t)object, name, value) {
		if (!is_table(value)) {
			cell_text(value, cell, &number);
			fprintf(out, "%s: %s\n", name, cell);
			first = false;
		}
	}
	json_object_foreach((json_t *)(uintptr_t)object, name, value) {
		if (is_table(value)) {
			fprintf(out, "%s%s:\n", first ? "" : "\n", name);
			table_show(value, out);
			first = false;
		}
	}
}

void control_answer_show(const struct control_answer *answer, FILE *out)
{
	const json_t *body = json_object_get(answer->root, "body");
	char cell[CELL_MAX * 4 + 4];
	bool number;

	if (string_of(answer->root, "text") != NULL) {
		fputs(string_of(answer->root, "text"), out);
	} else if (is_table(body)) {
		table_show(body, out);
	} else if (json_is_object(body)) {
		object_show(body, out);
	} else if (body != NULL) {
		cell_text(body, cell, &number);
		fprintf(out, "%s\n", cell);
	}
}
