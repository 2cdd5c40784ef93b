/* SPDX-License-Identifier: MIT */
/* The generations of rules that were in force or refused: for rollbacks, and for whoever asks. */
#include <stdio.h>
#include <string.h>

#include "scheduler.h"

const struct generation *history_newest(const struct rules *r)
{
	uint32_t at = r->history_len;

	while (at > 0 && r->history[at - 1].problem[0] != '\0') {
		at--;
	}
	return at > 0 ? &r->history[at - 1] : NULL;
}

const struct generation *history_find(const struct rules *r, uint32_t number)
{
	for (uint32_t i = 0; i < r->history_len; i++) {
		if (r->history[i].number == number && r->history[i].problem[0] == '\0') {
			return &r->history[i];
		}
	}
	return NULL;
}

void history_add(struct scheduler *s, const struct generation *generation)
{
	struct rules *r = &s->rules;

	if (r->history_len == HISTORY_MAX) {
		memmove(&r->history[0], &r->history[1], (HISTORY_MAX - 1) * sizeof(r->history[0]));
		r->history_len--;
	}
	r->history[r->history_len++] = *generation;
	r->trim = 1;
}

uint32_t history_from(const struct scheduler *s)
{
	const struct rules *r = &s->rules;
	uint32_t at = r->history_len;
	int64_t kept = 0;

	while (at > 0 && kept < s->options->keep) {
		at--;
		kept += r->history[at].problem[0] == '\0';
	}
	return at;
}

int rules_keeps(const struct scheduler *s, const char *hex)
{
	const struct rules *r = &s->rules;
	char mine[2 * WORLD_DIGEST_SIZE + 1];

	for (uint32_t i = history_from(s); i < r->history_len; i++) {
		worldkey_hex(r->history[i].digest, mine);
		if (strcmp(mine, hex) == 0) {
			return 1;
		}
	}
	worldkey_hex(s->checkpoint.rules, mine);
	if (strcmp(mine, hex) == 0) {
		return 1;
	}
	worldkey_hex(r->next.digest, mine);
	if (r->state != RULES_IDLE && strcmp(mine, hex) == 0) {
		return 1;
	}
	worldkey_hex(r->now, mine);
	return strcmp(mine, hex) == 0;
}

void rules_load(struct scheduler *s, const Tick__Generations *kept)
{
	struct rules *r = &s->rules;

	r->history_len = 0;
	r->last_number = s->checkpoint.generation;
	for (size_t i = 0; kept != NULL && i < kept->n_generations; i++) {
		const Tick__Generation *from = kept->generations[i];
		struct generation to = { .number = from->generation, .files = from->files, .since_ms = from->since_ms };

		if (from->rules.len == WORLD_DIGEST_SIZE) {
			memcpy(to.digest, from->rules.data, WORLD_DIGEST_SIZE);
			snprintf(to.who, sizeof(to.who), "%s", from->who != NULL ? from->who : "");
			history_add(s, &to);
			r->last_number = to.number > r->last_number ? to.number : r->last_number;
		}
	}
	r->folder_known = kept != NULL && kept->has_folder && kept->folder.len == WORLD_DIGEST_SIZE;
	if (r->folder_known) {
		memcpy(r->folder, kept->folder.data, WORLD_DIGEST_SIZE);
	}
}

void history_record(struct scheduler *s)
{
	struct rules *r = &s->rules;
	Tick__Generations record = TICK__GENERATIONS__INIT;
	Tick__Generation all[HISTORY_MAX + 1], *list[HISTORY_MAX + 1];
	uint32_t from = history_from(s);

	for (uint32_t i = from; i <= r->history_len; i++) {
		struct generation *one = i < r->history_len ? &r->history[i] : &r->next;
		Tick__Generation *to = &all[record.n_generations];

		if (one->problem[0] != '\0') {
			continue;
		}
		tick__generation__init(to);
		to->has_generation = to->has_rules = to->has_since_ms = to->has_files = 1;
		to->generation = one->number;
		to->rules.data = one->digest;
		to->rules.len = WORLD_DIGEST_SIZE;
		to->since_ms = one->since_ms;
		to->files = one->files;
		to->who = one->who;
		list[record.n_generations++] = to;
	}
	record.generations = list;
	record.has_folder = r->folder_known;
	record.folder.data = r->folder;
	record.folder.len = WORLD_DIGEST_SIZE;
	lease_op(s, WORLD_KEY_RULES, &record.base);
}
