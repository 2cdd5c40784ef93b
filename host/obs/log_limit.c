/* SPDX-License-Identifier: MIT */
/* Lines that repeat. */
#include "host/obs/log_limit.h"

#include <stdio.h>
#include <string.h>

static const char *or_empty(const char *string)
{
	return string != NULL ? string : "";
}

static uint64_t line_hash(const struct log_line *line)
{
	uint64_t hash = line->level;

	hash = hash * 31 + troupe_fnv64(or_empty(line->instance), strlen(or_empty(line->instance)));
	return hash * 31 + troupe_fnv64(line->text, strnlen(line->text, LIMIT_TEXT - 1));
}

/* Compared whole, so that texts chosen to have one hash only push each other out, and are written. */
static bool entry_is(const struct limit_entry *entry, const struct log_line *line)
{
	return entry->until_ms != 0 && entry->level == line->level &&
	       strncmp(entry->instance, or_empty(line->instance), sizeof(entry->instance) - 1) == 0 &&
	       strncmp(entry->text, line->text, sizeof(entry->text) - 1) == 0;
}

static bool head_admit(struct limit_table *table, const struct log_line *line, uint64_t now_ms, struct limit_entry *ret_told)
{
	struct limit_entry *entry = &table->entries[line_hash(line) % LIMIT_ENTRIES];

	if (entry_is(entry, line) && now_ms < entry->until_ms) {
		entry->repeats++;
		return false;
	}
	if (entry->until_ms != 0 && entry->repeats > 0) {
		*ret_told = *entry;
	}
	entry->until_ms = now_ms + LIMIT_WINDOW_MS;
	entry->repeats = 0;
	entry->level = line->level;
	snprintf(entry->instance, sizeof(entry->instance), "%s", or_empty(line->instance));
	snprintf(entry->part, sizeof(entry->part), "%s", or_empty(line->part));
	snprintf(entry->role, sizeof(entry->role), "%s", or_empty(line->role));
	snprintf(entry->code, sizeof(entry->code), "%s", or_empty(line->code));
	snprintf(entry->text, sizeof(entry->text), "%s", line->text);
	return true;
}

/* belongs: to the line before, as the place, the source and the notes of an error do. */
static bool belongs(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	return strncmp(text, "  ", 2) == 0 || (digits > 0 && strncmp(text + digits, " | ", 3) == 0);
}

bool limit_admit(struct limit_table *table, const struct log_line *line, uint64_t now_ms, struct limit_entry *ret_told)
{
	uint64_t instance = troupe_fnv64(or_empty(line->instance), strlen(or_empty(line->instance)));
	uint64_t *left_out = &table->left_out[instance % LIMIT_BLOCKS];

	ret_told->repeats = 0;
	if (belongs(line->text)) {
		return *left_out != instance;
	}
	bool admitted = head_admit(table, line, now_ms, ret_told);

	if (!admitted) {
		*left_out = instance;
	} else if (*left_out == instance) {
		*left_out = 0;
	}
	return admitted;
}

bool limit_over(struct limit_table *table, uint64_t now_ms, uint32_t *at, struct limit_entry *ret_told)
{
	for (; *at < LIMIT_ENTRIES; (*at)++) {
		struct limit_entry *entry = &table->entries[*at];
		if (entry->until_ms == 0 || now_ms < entry->until_ms) {
			continue;
		}
		entry->until_ms = 0;
		if (entry->repeats > 0) {
			*ret_told = *entry;
			(*at)++;
			return true;
		}
	}
	return false;
}
