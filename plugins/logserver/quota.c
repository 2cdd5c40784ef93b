/* SPDX-License-Identifier: MIT */
/* A bound for each instance that logs, so that one that floods pushes nobody else's records out. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "logserver.h"

#define SOURCES_MAX 4096u
#define BURST_S 10	 /* seconds' worth that may come at once */
#define TELL_MS 10000u
#define TELL_MAX 10u	 /* sources that one round of lines names */

/*
 * A bucket of tokens, a thousand for each record. It fills by the time that the records carry, not by when they come:
 * a host that was cut off for an hour may bring that hour's records at once.
 */
struct source {
	uint64_t last_ms;
	int64_t tokens;
	uint64_t untold; /* over the quota since the last line about it */
	char name[160];
};

static uint64_t source_id(const Log__Record *record)
{
	const char *instance = record->instance != NULL ? record->instance : "";
	uint64_t id = troupe_fnv64(record->host, strlen(record->host)) * 31 + troupe_fnv64(instance, strlen(instance));

	return id > 1 ? id : 2;
}

/* Those that have nothing to be told make room: each begins with a full bucket when it comes again. */
static void sources_forget(struct logserver *ls)
{
	struct map kept = { 0 };
	struct map_entry *entry;
	uint32_t at = 0;

	while ((entry = map_next(&ls->sources, &at)) != NULL) {
		const struct source *source = entry->value;

		if (source->untold == 0 || map_put(&kept, entry->key, entry->value) != 0) {
			free(entry->value);
		}
	}
	map_free(&ls->sources);
	ls->sources = kept;
}

static struct source *source_of(struct logserver *ls, uint64_t id, const Log__Record *record)
{
	struct source *source = map_get(&ls->sources, id);

	if (source != NULL) {
		return source;
	}
	if (ls->sources.count >= SOURCES_MAX) {
		sources_forget(ls);
	}
	source = ls->sources.count < SOURCES_MAX ? calloc(1, sizeof(*source)) : NULL;
	if (source == NULL || map_put(&ls->sources, id, source) != 0) {
		free(source);
		return NULL;
	}
	source->tokens = ls->options->quota * BURST_S * 1000;
	source->last_ms = record->time_ms;
	snprintf(source->name, sizeof(source->name), "%s on host %s",
		 record->instance != NULL && record->instance[0] != '\0' ? record->instance : "what has no name", record->host);
	return source;
}

uint64_t quota_admit(struct logserver *ls, const Log__Record *record)
{
	int64_t quota = ls->options->quota, full = quota * BURST_S * 1000;
	uint64_t id = source_id(record);
	struct source *source = quota > 0 ? source_of(ls, id, record) : NULL;

	if (source == NULL) {
		return 1; /* no bound, or no memory: rather too many */
	}
	if (record->time_ms > source->last_ms) {
		uint64_t ms = record->time_ms - source->last_ms;

		source->tokens = ms > BURST_S * 1000 ? full : source->tokens + (int64_t)ms * quota;
		source->tokens = source->tokens < full ? source->tokens : full;
		source->last_ms = record->time_ms;
	}
	if (source->tokens < 1000) {
		source->untold++;
		return 0;
	}
	source->tokens -= 1000;
	return id;
}

void quota_refund(struct logserver *ls, uint64_t id)
{
	struct source *source = map_get(&ls->sources, id);

	if (source != NULL) {
		source->tokens += 1000;
	}
}

static void on_time(void *instance, void *arg)
{
	(void)arg;
	quota_start(instance);
	quota_tell(instance);
}

void quota_tell(struct logserver *ls)
{
	struct map_entry *entry;
	uint32_t at = 0, told = 0;

	while ((entry = map_next(&ls->sources, &at)) != NULL && told < TELL_MAX) {
		struct source *source = entry->value;
		struct troupe_log line = { .size = sizeof(line), .level = TROUPE_LOG_WARNING, .code = "S0801" };
		char text[320];

		if (source->untold == 0) {
			continue;
		}
		snprintf(text, sizeof(text), "%s logs too much: %" PRIu64 " of its records were dropped; its quota is %" PRId64
			 " a second", source->name, source->untold, ls->options->quota);
		line.text = text;
		source->untold = 0;
		told++;
		ls->h->log(ls->h, &line);
	}
}

void quota_start(struct logserver *ls)
{
	ls->quota_timer = ls->h->timer_start(ls->h, TELL_MS, on_time, NULL);
}

void quota_free(struct logserver *ls)
{
	struct map_entry *entry;
	uint32_t at = 0;

	while ((entry = map_next(&ls->sources, &at)) != NULL) {
		free(entry->value);
	}
	map_free(&ls->sources);
}
