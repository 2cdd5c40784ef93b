/* SPDX-License-Identifier: MIT */
/* Which records a query wants. */
#include <ctype.h>
#include <string.h>

#include "query.h"
#include "troupe/message.h"

/* The part of a pattern up to its next %. */
static size_t piece_len(const char *pattern)
{
	return strcspn(pattern, "%");
}

static const char *find(const char *text, const char *piece, size_t len)
{
	for (; *text != '\0'; text++) {
		if (strncasecmp(text, piece, len) == 0) {
			return text;
		}
	}
	return len == 0 ? text : NULL;
}

int query_like(const char *text, const char *pattern)
{
	/* each piece behind the one before it: the first place found leaves the most for what follows */
	while (*pattern != '\0') {
		size_t len = piece_len(pattern);

		text = find(text, pattern, len);
		if (text == NULL) {
			return 0;
		}
		text += len;
		pattern += len;
		pattern += *pattern == '%';
	}
	return 1;
}

static int decide(enum query_op op, int order)
{
	switch (op) {
	case OP_LESS: return order < 0;
	case OP_LESS_EQUAL: return order <= 0;
	case OP_MORE: return order > 0;
	case OP_MORE_EQUAL: return order >= 0;
	case OP_EQUAL: return order == 0;
	default: return order != 0;
	}
}

static int compare(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int match_text(const struct query_pred *pred, const char *text)
{
	text = text != NULL ? text : "";
	return pred->op == OP_LIKE ? query_like(text, pred->text) : decide(pred->op, strcmp(text, pred->text));
}

static int match_time(const struct query_pred *pred, uint64_t ms)
{
	switch (pred->op) {
	case OP_LESS: return ms < pred->number;
	case OP_LESS_EQUAL: return ms < pred->end;
	case OP_MORE: return ms >= pred->end;
	case OP_MORE_EQUAL: return ms >= pred->number;
	case OP_EQUAL: return ms >= pred->number && ms < pred->end;
	default: return ms < pred->number || ms >= pred->end;
	}
}

static const char *shown(const Log__Record *record, const char *name)
{
	for (size_t i = 0; i < record->n_fields; i++) {
		if (record->fields[i]->name != NULL && strcmp(record->fields[i]->name, name) == 0) {
			return record->fields[i]->value;
		}
	}
	return NULL;
}

static int match_pred(const struct query_pred *pred, const Log__Record *record)
{
	switch (pred->field) {
	case FIELD_TIME: return match_time(pred, record->time_ms);
	/* a higher number is of less weight */
	case FIELD_LEVEL: return decide(pred->op, compare(pred->number, record->level));
	case FIELD_ACCOUNT: return decide(pred->op, compare(record->account, pred->number));
	case FIELD_TRACE:
		return (record->trace.len == TROUPE_TRACE_SIZE &&
			memcmp(record->trace.data, pred->text, TROUPE_TRACE_SIZE) == 0) == (pred->op == OP_EQUAL);
	case FIELD_PART: return match_text(pred, record->part);
	case FIELD_ROLE: return match_text(pred, record->role);
	case FIELD_INSTANCE: return match_text(pred, record->instance);
	case FIELD_HOST: return match_text(pred, record->host);
	case FIELD_ORDER: return match_text(pred, record->order);
	case FIELD_CODE: return match_text(pred, record->code);
	case FIELD_TEXT: return match_text(pred, record->text);
	default: return match_text(pred, shown(record, pred->name));
	}
}

static int match_group(const struct query *query, const struct query_group *group, const Log__Record *record, int dated)
{
	if (dated && (record->time_ms < group->from_ms || record->time_ms >= group->to_ms)) {
		return 0;
	}
	for (uint32_t i = group->first; i < group->first + group->len; i++) {
		const struct query_pred *pred = &query->preds[i];

		if ((dated || pred->field != FIELD_TIME) && !match_pred(pred, record)) {
			return 0;
		}
	}
	return 1;
}

static int match(const struct query *query, const Log__Record *record, int dated)
{
	for (uint32_t i = 0; i < query->groups_len; i++) {
		if (match_group(query, &query->groups[i], record, dated)) {
			return 1;
		}
	}
	return 0;
}

int query_match(const struct query *query, const Log__Record *record)
{
	return match(query, record, 1);
}

int query_match_undated(const struct query *query, const Log__Record *record)
{
	return match(query, record, 0);
}
