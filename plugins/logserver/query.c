/* SPDX-License-Identifier: MIT */
/* Parsing of queries. */
#include "query.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "date.h"
#include "troupe/host.h"

static const char *const field_names[] = { "time", "level", "part", "role", "instance", "host",
					   "account", "order", "trace", "code", "text", NULL };
static const char *const level_names[] = { "error", "warning", "notice", "info", "debug", NULL };
static const char *const op_names[] = { "<=", ">=", "!=", "<", ">", "=", NULL };
static const enum query_op ops[] = { OP_LESS_EQUAL, OP_MORE_EQUAL, OP_UNEQUAL, OP_LESS, OP_MORE, OP_EQUAL };

/* One reading of a text. */
struct reader {
	const char *text, *at;
	struct query *query;
	struct query_fault *fault;
	uint64_t now_ms;
};

static int index_of(const char *const *names, const char *word)
{
	for (int i = 0; names[i] != NULL; i++) {
		if (strcasecmp(names[i], word) == 0) {
			return i;
		}
	}
	return -1;
}

uint32_t query_level(const char *name)
{
	return (uint32_t)(index_of(level_names, name) + 1);
}

const char *query_level_name(uint32_t level)
{
	return level >= TROUPE_LOG_ERROR && level <= TROUPE_LOG_DEBUG ? level_names[level - 1] : "?";
}

/* --- faults --------------------------------------------------------------------------------------- */

__attribute__((format(printf, 4, 5))) static int fault(struct reader *r, const char *at, const char *help,
							const char *format, ...)
{
	va_list args;

	r->fault->at = (uint32_t)(at - r->text);
	va_start(args, format);
	vsnprintf(r->fault->text, sizeof(r->fault->text), format, args);
	va_end(args);
	snprintf(r->fault->help, sizeof(r->fault->help), "%s", help);
	return -1;
}

/* How many letters differ, roughly: those that are not in the same place counted from both ends. */
static size_t difference(const char *a, const char *b)
{
	size_t a_len = strlen(a), b_len = strlen(b), front = 0, back = 0;

	while (front < a_len && front < b_len && tolower((unsigned char)a[front]) == b[front]) {
		front++;
	}
	if (front == a_len && front > 1) {
		return 1; /* its beginning */
	}
	while (back < a_len - front && back < b_len - front &&
	       tolower((unsigned char)a[a_len - 1 - back]) == b[b_len - 1 - back]) {
		back++;
	}
	return (a_len > b_len ? a_len : b_len) - front - back;
}

/* "did you mean 'level'?", or the list of all. */
static void suggest(const char *const *names, const char *word, char *ret_help, size_t size)
{
	const char *best = NULL;
	size_t best_difference = 3, len = 0;

	for (int i = 0; names[i] != NULL; i++) {
		if (difference(word, names[i]) < best_difference) {
			best = names[i];
			best_difference = difference(word, best);
		}
	}
	if (best != NULL) {
		snprintf(ret_help, size, "did you mean '%s'?", best);
		return;
	}
	for (int i = 0; names[i] != NULL && len < size; i++) {
		len += (size_t)snprintf(ret_help + len, size - len, "%s%s", i > 0 ? ", " : "there are: ", names[i]);
	}
}

static int unknown(struct reader *r, const char *at, const char *what, const char *word, const char *const *names)
{
	char help[160];

	suggest(names, word, help, sizeof(help));
	return fault(r, at, help, "no %s '%.60s'", what, word);
}

/* --- words ---------------------------------------------------------------------------------------- */

static void skip(struct reader *r)
{
	while (isspace((unsigned char)*r->at)) {
		r->at++;
	}
}

static int is_word(char c)
{
	return c != '\0' && !isspace((unsigned char)c) && strchr("<>=!\"'(),{}", c) == NULL;
}

/* Keeps `len` bytes of the text for as long as the query lives. */
static char *keep(struct reader *r, const char *from, size_t len)
{
	char *kept = r->query->space + r->query->space_len;

	memcpy(kept, from, len);
	kept[len] = '\0';
	r->query->space_len += (uint32_t)len + 1;
	return kept;
}

/* The next bare word, "" if something else comes. It is not kept: later words take its place. */
static const char *word(struct reader *r)
{
	const char *from;
	char *kept;

	skip(r);
	from = r->at;
	while (is_word(*r->at)) {
		r->at++;
	}
	kept = keep(r, from, (size_t)(r->at - from));
	r->query->space_len -= (uint32_t)(r->at - from) + 1;
	return kept;
}

static int take(struct reader *r, char c)
{
	skip(r);
	if (*r->at != c) {
		return 0;
	}
	r->at++;
	return 1;
}

/* A word or a quoted text, kept. */
static const char *constant(struct reader *r)
{
	const char *from, *kept;
	char quote;

	skip(r);
	from = r->at;
	quote = *from;
	if (quote == '"' || quote == '\'') {
		const char *end = strchr(from + 1, quote);

		if (end == NULL) {
			fault(r, from, "close it with the same quotation mark", "this text does not end");
			return NULL;
		}
		r->at = end + 1;
		return keep(r, from + 1, (size_t)(end - from) - 1);
	}
	kept = word(r);
	if (r->at == from) {
		fault(r, from, "write a word, or text between quotation marks", "a value is missing here");
		return NULL;
	}
	r->query->space_len += (uint32_t)(r->at - from) + 1;
	return kept;
}

/* --- constants of one field ----------------------------------------------------------------------- */

static int read_number(struct reader *r, const char *at, const char *text, uint64_t max, uint64_t *ret_number)
{
	char *end;

	errno = 0;
	*ret_number = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end != '\0' || errno != 0 || *ret_number > max) {
		return fault(r, at, "write digits alone", "'%.40s' is no number that fits here", text);
	}
	return 0;
}

static int read_trace(struct reader *r, const char *at, struct query_pred *pred)
{
	uint8_t bytes[TROUPE_TRACE_SIZE];
	const char *text = pred->text;

	if (pred->op != OP_EQUAL && pred->op != OP_UNEQUAL) {
		return fault(r, at, "compare it with = or !=", "traces have no order");
	}
	if (strlen(text) != 2 * TROUPE_TRACE_SIZE || strspn(text, "0123456789abcdefABCDEF") != strlen(text)) {
		return fault(r, at, "copy it from a line of the log", "a trace is 32 hexadecimal digits");
	}
	for (unsigned i = 0; i < TROUPE_TRACE_SIZE; i++) {
		const char digits[3] = { text[2 * i], text[2 * i + 1], '\0' };

		bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	pred->text = keep(r, (const char *)bytes, sizeof(bytes));
	return 0;
}

static int read_time(struct reader *r, struct query_pred *pred)
{
	struct date date;
	const char *from, *why, *help;
	char quote;

	skip(r);
	from = r->at;
	quote = *from == '"' || *from == '\'' ? *r->at++ : '\0';
	if (pred->op == OP_LIKE) {
		return fault(r, from, "compare it with < or >", "a time is not like something");
	}
	if (date_parse(&r->at, r->now_ms, &date, &why, &help) != 0) {
		return fault(r, from, help, "%s", why);
	}
	if (quote != '\0' && *r->at++ != quote) {
		return fault(r, from, "close it with the same quotation mark", "this time does not end");
	}
	if (date.relative && (pred->op == OP_EQUAL || pred->op == OP_UNEQUAL)) {
		return fault(r, from, "use > for what is younger, < for what is older", "an age is not exact enough for =");
	}
	pred->number = date.from_ms;
	pred->end = date.to_ms;
	return 0;
}

static int read_value(struct reader *r, struct query_pred *pred)
{
	const char *at;
	uint64_t number;

	if (pred->field == FIELD_TIME) {
		return read_time(r, pred);
	}
	skip(r);
	at = r->at;
	pred->text = constant(r);
	if (pred->text == NULL) {
		return -1;
	}
	if (pred->field == FIELD_TRACE) {
		return read_trace(r, at, pred);
	}
	if (pred->field != FIELD_LEVEL && pred->field != FIELD_ACCOUNT) {
		return 0;
	}
	if (pred->op == OP_LIKE) {
		return fault(r, at, "compare it with =, < or >", "like is for texts");
	}
	if (pred->field == FIELD_LEVEL) {
		number = query_level(pred->text);
		if (number == 0) {
			return unknown(r, at, "level", pred->text, level_names);
		}
	} else if (read_number(r, at, pred->text, UINT64_MAX, &number) != 0) {
		return -1;
	}
	pred->number = number;
	return 0;
}

/* --- the query ------------------------------------------------------------------------------------ */

static int read_field(struct reader *r, struct query_pred *pred)
{
	const char *at, *name;
	int field;

	skip(r);
	at = r->at;
	if (take(r, '{')) {
		const char *end = strchr(r->at, '}');

		if (end == NULL || end == r->at) {
			return fault(r, at, "for example: {error} like \"timeout\"", "a name between { and } is missing");
		}
		pred->field = FIELD_SHOWN;
		pred->name = keep(r, r->at, (size_t)(end - r->at));
		r->at = end + 1;
		return 0;
	}
	name = word(r);
	if (r->at == at) {
		return fault(r, at, "for example: level >= warning", *at == '\0' ? "a field is missing at the end" :
										   "a field should stand here");
	}
	field = index_of(field_names, name);
	if (field < 0) {
		return unknown(r, at, "field", name, field_names);
	}
	pred->field = (enum query_field)field;
	return 0;
}

static int read_op(struct reader *r, struct query_pred *pred)
{
	const char *at;

	skip(r);
	at = r->at;
	for (int i = 0; op_names[i] != NULL; i++) {
		if (strncmp(at, op_names[i], strlen(op_names[i])) == 0) {
			r->at += strlen(op_names[i]);
			pred->op = ops[i];
			return 0;
		}
	}
	if (strcasecmp(word(r), "like") != 0) {
		return fault(r, at, "there are: < <= > >= = != like", "a comparison should stand here");
	}
	pred->op = OP_LIKE;
	return 0;
}

static int read_option(struct reader *r, int *ret_any_time)
{
	static const char *const names[] = { "limit", "full_context", "any_time", NULL };
	const char *at, *name;
	uint64_t limit;

	skip(r);
	at = r->at;
	name = word(r);
	switch (index_of(names, name)) {
	case 0:
		take(r, '=');
		skip(r);
		at = r->at;
		if (read_number(r, at, word(r), QUERY_LIMIT_MAX, &limit) != 0 || limit == 0) {
			char help[80];

			snprintf(help, sizeof(help), "for example: (limit = 50); at most %u", QUERY_LIMIT_MAX);
			return fault(r, at, help, "limit takes a number");
		}
		r->query->limit = (uint32_t)limit;
		return 0;
	case 1:
		r->query->full_context = 1;
		return 0;
	case 2:
		*ret_any_time = 1;
		return 0;
	default:
		return r->at == at ? fault(r, at, "options stand in front: (limit = 50, full_context)",
					   "an option should stand here") :
				     unknown(r, at, "option", name, names);
	}
}

static int read_options(struct reader *r, int *ret_any_time)
{
	const char *at;

	skip(r);
	at = r->at;
	if (!take(r, '(')) {
		return 0;
	}
	do {
		if (read_option(r, ret_any_time) != 0) {
			return -1;
		}
	} while (take(r, ','));
	return take(r, ')') ? 0 : fault(r, at, "options stand in front: (limit = 50, full_context)",
					"these options do not end with )");
}

static int read_pred(struct reader *r)
{
	struct query *query = r->query;
	struct query_pred *pred = &query->preds[query->preds_len];

	skip(r);
	if (query->preds_len == QUERY_PREDS_MAX) {
		return fault(r, r->at, "ask twice", "more than %u comparisons", QUERY_PREDS_MAX);
	}
	*pred = (struct query_pred){ 0 };
	if (read_field(r, pred) != 0 || read_op(r, pred) != 0 || read_value(r, pred) != 0) {
		return -1;
	}
	query->preds_len++;
	query->groups[query->groups_len - 1].len++;
	return 0;
}

/* The times that a group is about, from what it says of them. */
static void group_date(const struct query *query, struct query_group *group, int *ret_dated)
{
	group->from_ms = 0;
	group->to_ms = UINT64_MAX;
	for (uint32_t i = group->first; i < group->first + group->len; i++) {
		const struct query_pred *pred = &query->preds[i];
		uint64_t from = 0, to = UINT64_MAX;

		if (pred->field != FIELD_TIME) {
			continue;
		}
		*ret_dated = 1;
		switch (pred->op) {
		case OP_LESS: to = pred->number; break;
		case OP_LESS_EQUAL: to = pred->end; break;
		case OP_MORE: from = pred->end; break;
		case OP_MORE_EQUAL: from = pred->number; break;
		case OP_EQUAL: from = pred->number, to = pred->end; break;
		default: break;
		}
		group->from_ms = from > group->from_ms ? from : group->from_ms;
		group->to_ms = to < group->to_ms ? to : group->to_ms;
	}
}

static void dates_set(struct query *query, uint64_t now_ms, int any_time)
{
	for (uint32_t i = 0; i < query->groups_len; i++) {
		int dated = any_time;

		group_date(query, &query->groups[i], &dated);
		if (!dated) {
			query->undated = 1;
			query->groups[i].from_ms = now_ms > QUERY_DEFAULT_MS ? now_ms - QUERY_DEFAULT_MS : 0;
		}
	}
}

static int read_preds(struct reader *r)
{
	static const char *const joints[] = { "and", "or", NULL };
	struct query *query = r->query;

	for (;;) {
		const char *at, *joint;

		if (read_pred(r) != 0) {
			return -1;
		}
		skip(r);
		at = r->at;
		if (*at == '\0') {
			return 0;
		}
		joint = word(r);
		switch (index_of(joints, joint)) {
		case 0:
			break;
		case 1:
			if (query->groups_len == QUERY_GROUPS_MAX) {
				return fault(r, at, "ask twice", "more than %u times or", QUERY_GROUPS_MAX - 1);
			}
			query->groups[query->groups_len++] = (struct query_group){ .first = query->preds_len };
			break;
		default:
			return fault(r, at, "join comparisons with and, or; put a value of several words between quotation marks",
				     "'and' or 'or' should stand here");
		}
	}
}

int query_parse(const char *text, uint64_t now_ms, struct query *ret_query, struct query_fault *ret_fault)
{
	struct reader r = { .text = text, .at = text, .query = ret_query, .fault = ret_fault, .now_ms = now_ms };
	int any_time = 0;

	ret_query->preds_len = ret_query->full_context = ret_query->undated = ret_query->space_len = 0;
	ret_query->limit = QUERY_LIMIT_DEFAULT;
	ret_query->groups_len = 1;
	ret_query->groups[0] = (struct query_group){ 0 };
	if (strlen(text) > QUERY_TEXT_MAX) {
		return fault(&r, text, "ask for less", "a query of more than %u bytes", QUERY_TEXT_MAX);
	}
	if (read_options(&r, &any_time) != 0) {
		return -1;
	}
	skip(&r);
	if (*r.at != '\0' && read_preds(&r) != 0) {
		return -1;
	}
	dates_set(ret_query, now_ms, any_time);
	return 0;
}
