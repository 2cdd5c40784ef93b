/* SPDX-License-Identifier: MIT */
/* What host and operator say to each other, one JSON object a line. The wrapper of jansson for this folder. */
#ifndef HOST_CONTROL_JSON_H
#define HOST_CONTROL_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "host/obs/text.h"

#define CONTROL_LINE_MAX (64u * 1024u) /* of a request */
#define CONTROL_ANSWER_MAX (9u * 1024u * 1024u)
#define CONTROL_WORDS_MAX 64u

/*
 * A request: {"id":1,"operator":"anna","words":["billing","show","17"],"confirmed":true}
 * words: the command line after `troupe`, without the options of the operator's own program.
 */
struct control_request {
	uint64_t id;
	char operator_name[64];
	bool confirmed; /* a dangerous command was confirmed */
	char **words;	/* NULL-terminated */
	unsigned words_len;
};

/* control_request_parse reads a line. Returns 0, to be released with control_request_clear, or -EINVAL and *ret_why. */
int control_request_parse(const char *line, size_t len, struct control_request *ret_request, const char **ret_why);
void control_request_clear(struct control_request *request);
/* control_request_write appends a request as a line. */
void control_request_write(struct text *out, const struct control_request *request);

/*
 * An answer: {"id":1,"exit":0,"body":...}, {"id":1,"exit":0,"text":"..."} or {"id":1,"exit":1,"error":"...",
 * "help":"...","detail":"lines of text"}; "confirm":"north" asks for that name to be typed; "wait":true says
 * that the work is done when the host hangs up.
 */
struct control_answer;

/* control_answer_parse reads a line; NULL if it is none. To be released with control_answer_free. */
struct control_answer *control_answer_parse(const char *line, size_t len);
void control_answer_free(struct control_answer *answer);
int control_answer_exit(const struct control_answer *answer);
bool control_answer_wait(const struct control_answer *answer);
/* control_answer_string returns "error", "help", "detail", "confirm" or "text"; NULL if there is none. */
const char *control_answer_string(const struct control_answer *answer, const char *name);
/* control_answer_each calls fn for each string of a list: "known" words. */
void control_answer_each(const struct control_answer *answer, const char *name, void (*fn)(void *arg, const char *word),
			 void *arg);
/* control_answer_member returns a string of the body, which is an object; NULL if there is none. control_answer_rows calls
 * fn for each object of a list in it; control_row_string reads one: NULL if there is none. */
const char *control_answer_member(const struct control_answer *answer, const char *name);
struct control_row;
void control_answer_rows(const struct control_answer *answer, const char *name,
			 void (*fn)(void *arg, const struct control_row *row), void *arg);
const char *control_row_string(const struct control_row *row, const char *name);
/* control_answer_number returns a number of the body, 0 if there is none; control_answer_true whether it is true;
 * control_answer_strings calls fn for each string of a list in it; control_answer_value returns any value of it, jansson's
 * own, borrowed. */
int64_t control_answer_number(const struct control_answer *answer, const char *name);
bool control_answer_true(const struct control_answer *answer, const char *name);
void control_answer_strings(const struct control_answer *answer, const char *name, void (*fn)(void *arg, const char *word),
			    void *arg);
struct json_t *control_answer_value(const struct control_answer *answer, const char *name);
/* control_answer_json writes the whole answer without its id, as one line. control_answer_show writes the body for people:
 * a list of flat objects as an aligned table, an object as lines `name: value` and a table for each list. */
void control_answer_json(const struct control_answer *answer, FILE *out);
void control_answer_show(const struct control_answer *answer, FILE *out);

/* control_json_valid: is this text of `len` bytes one JSON value? */
bool control_json_valid(const char *text, size_t len);

#endif
