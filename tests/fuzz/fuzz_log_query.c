/* SPDX-License-Identifier: MIT */
/* The query language of the log: a query is understood or its mistake is told, and matching never depends on the text. */
#include <stdlib.h>
#include <string.h>

#include "plugins/logserver/query.h"
#include "troupe/host.h"

#define NOW_MS 1795245300000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static Log__Record sample(void)
{
	static uint8_t trace[TROUPE_TRACE_SIZE] = { 1 };
	static Log__Field field, *fields[] = { &field };
	Log__Record record;

	log__record__init(&record);
	log__field__init(&field);
	field.name = (char *)"error";
	field.value = (char *)"timeout";
	record.time_ms = NOW_MS - 1000;
	record.level = TROUPE_LOG_WARNING;
	record.role = (char *)"mall";
	record.host = (char *)"one";
	record.account = 42;
	record.trace.data = trace;
	record.trace.len = sizeof(trace);
	record.text = (char *)"Cannot sell the lantern";
	record.fields = fields;
	record.n_fields = 1;
	return record;
}

static void understood(const struct query *query)
{
	const char *end = query->space + sizeof(query->space);
	uint32_t preds = 0;

	if (query->groups_len < 1 || query->groups_len > QUERY_GROUPS_MAX || query->preds_len > QUERY_PREDS_MAX ||
	    query->limit < 1 || query->limit > QUERY_LIMIT_MAX) {
		abort();
	}
	for (uint32_t i = 0; i < query->groups_len; i++) {
		if (query->groups[i].first != preds) {
			abort();
		}
		preds += query->groups[i].len;
	}
	if (preds != query->preds_len) {
		abort();
	}
	for (uint32_t i = 0; i < query->preds_len; i++) {
		const struct query_pred *pred = &query->preds[i];

		if (pred->field != FIELD_TIME && (pred->text < query->space || pred->text >= end)) {
			abort();
		}
		if (pred->field == FIELD_TIME && pred->number > pred->end) {
			abort();
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct query query, again;
	struct query_fault fault = { 0 };
	Log__Record record = sample();
	char *text = malloc(size + 1);

	memcpy(text, data, size);
	text[size] = '\0';
	if (query_parse(text, NOW_MS, &query, &fault) == 0) {
		understood(&query);
		if (query_match(&query, &record) && !query_match_undated(&query, &record)) {
			abort();
		}
		if (query_parse(text, NOW_MS, &again, &fault) != 0 || again.preds_len != query.preds_len) {
			abort();
		}
	} else if (fault.text[0] == '\0' || fault.at > strlen(text)) {
		abort();
	}
	free(text);
	return 0;
}
