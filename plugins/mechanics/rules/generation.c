/* SPDX-License-Identifier: MIT */
/* A reload: all scripts in a new generation, tried first, and taken over between two ticks or not at all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/internal.h"

#define TOLD_MAX 8u   /* errors of one reload that are shown */

struct generation *generation_new(uint32_t number, uint32_t set)
{
	struct generation *generation = calloc(1, sizeof(*generation));

	if (generation == NULL) {
		return NULL;
	}
	generation->kinds = calloc(KINDS_MAX, sizeof(*generation->kinds));
	if (generation->kinds == NULL) {
		free(generation);
		return NULL;
	}
	generation->number = number;
	generation->set = set;
	generation->kinds_len = KIND_FIRST;
	for (uint32_t i = 0; i < KINDS_MAX; i++) {
		generation->kinds[i].methods_ref = generation->kinds[i].state_ref = LUA_NOREF;
		generation->kinds[i].think = generation->kinds[i].on_spawn = NO_HANDLER;
		generation->kinds[i].on_hurt = generation->kinds[i].on_death = NO_HANDLER;
		generation->kinds[i].on_no_path = NO_HANDLER;
		generation->kinds[i].every = 5;
	}
	strcpy(generation->kinds[KIND_PLAYER].name, "avatar");
	strcpy(generation->kinds[KIND_DROP].name, "drop");
	generation->kinds[KIND_PLAYER].health = 100;
	return generation;
}

void generation_free(struct rules *r, struct generation *generation)
{
	if (generation == NULL) {
		return;
	}
	for (uint32_t i = 0; i < generation->kinds_len; i++) {
		handlers_free(r, &generation->kinds[i].methods);
		sandbox_unref(r->sandbox, generation->kinds[i].methods_ref);
		sandbox_unref(r->sandbox, generation->kinds[i].state_ref);
	}
	for (int i = 0; i < RULE_EVENTS; i++) {
		handlers_free(r, &generation->events[i]);
	}
	handlers_free(r, &generation->actions);
	handlers_free(r, &generation->defs);
	for (uint32_t i = 0; i < generation->zones.len; i++) {
		sandbox_unref(r->sandbox, ((struct rule_zone *)generation->zones.items)[i].self_ref);
	}
	list_free(&generation->skills);
	list_free(&generation->edits);
	list_free(&generation->items);
	list_free(&generation->zones);
	list_free(&generation->quests);
	list_free(&generation->beats);
	list_free(&generation->listeners);
	list_free(&generation->blocks);
	if (generation->set != 0) {
		sandbox_generation_close(r->sandbox, generation->set);
	}
	free(generation->kinds);
	free(generation);
}

/* --- taking over ---------------------------------------------------------------------------------- */

/* health_take: what is whole stays whole, what is hurt keeps what it has, at most what there is now. */
static void health_take(struct entities *w, uint32_t row, int32_t health)
{
	if (w->health[row] == w->health_max[row] || w->health[row] > health) {
		w->health[row] = health;
	}
	w->health_max[row] = health;
}

/* zones_take: regions are numbered anew; who is inside of one that stays has not entered it again. */
static void zones_take(struct entities *w, const struct generation *before, const struct generation *next)
{
	const struct rule_zone *old = before->zones.items, *new = next->zones.items;

	for (uint32_t row = 0; row < w->count; row++) {
		uint64_t inside = 0;

		if (w->extra[row] == NULL) {
			continue;
		}
		for (uint32_t i = 0; i < before->zones.len; i++) {
			const struct rule_zone *zone = (w->extra[row]->zones >> i & 1) != 0
							  ? defs_find(&next->zones, sizeof(*new), old[i].name)
							  : NULL;

			inside |= zone != NULL ? 1ull << (zone - new) : 0;
		}
		w->extra[row]->zones = inside;
	}
}

/* Entities stay; what was declared of their state goes over (state.c). Those of a kind that
 * there is no more leave the world. */
static void take_over(struct rules *r, struct generation *next)
{
	struct entities *w = &r->e->all;
	struct generation *before = r->now;
	uint16_t number[KINDS_MAX] = { 0 };
	uint32_t removed = 0;

	number[KIND_DROP] = KIND_DROP;
	for (uint32_t i = KIND_FIRST; i < before->kinds_len; i++) {
		for (uint32_t n = KIND_FIRST; n < next->kinds_len; n++) {
			if (strcmp(before->kinds[i].name, next->kinds[n].name) == 0) {
				number[i] = (uint16_t)n;
			}
		}
	}
	for (uint32_t row = w->count; row-- > 0;) {
		uint16_t kind = number[w->kind[row]];

		if (w->kind[row] == KIND_PLAYER) {
			health_take(w, row, next->kinds[KIND_PLAYER].health);
			continue;
		}
		if (kind == 0) {
			struct output *out = output(r->e, OUTPUT_GONE, w->id[row]);

			if (out != NULL) {
				out->chunk = w->chunk_of[row];
			}
			entity_forget(r->e, row);
			removed++;
			continue;
		}
		entities_kind(w, row, kind);
		health_take(w, row, next->kinds[kind].health);
		next->kinds[kind].alive += (w->flags[row] & ENTITY_GHOST) == 0;
	}
	for (uint32_t i = 1; i < before->kinds_len; i++) {
		next->kinds[number[i]].total = number[i] != 0 ? before->kinds[i].total : 0;
	}
	for (uint32_t i = 0; i < before->kinds_len; i++) {
		if (i == KIND_PLAYER || number[i] != 0) {
			state_changes(r, &before->kinds[i], &next->kinds[number[i]], kind_word(before, i));
		}
	}
	zones_take(w, before, next);
	r->now = next;
	blocks_take(r);
	states_take(r, before, number);
	for (uint32_t row = 0; row < w->count; row++) {
		if ((w->flags[row] & ENTITY_GHOST) == 0) {
			speed_set(r, row);
		}
	}
	generation_free(r, before);
	if (removed > 0) {
		say_log(r->e, TROUPE_LOG_NOTICE, NULL, "%u entities left with their kinds, which generation %u does not have",
			 removed, next->number);
	}
}

/* --- trying --------------------------------------------------------------------------------------- */

struct report {
	uint32_t failed;
	char blocks[8192];
	size_t len;
};

static void report_add(struct report *report, uint32_t number, const struct sandbox_error *error)
{
	report->failed++;
	if (report->failed <= TOLD_MAX && report->len + 1024 < sizeof(report->blocks)) {
		report->len += error_block(error, number, "", report->blocks + report->len,
					   sizeof(report->blocks) - report->len - 1);
		report->blocks[report->len++] = '\n';
		report->blocks[report->len] = '\0';
	}
}

/* freeze: what functions share cannot change from here on: it would not be part of the world's state. */
static int freeze(struct rules *r, struct generation *next, struct sandbox_error *error)
{
	struct handlers *lists[HANDLER_LISTS];
	uint32_t n = handler_lists(next, lists), len = 0;
	int *refs = NULL, failed;

	for (uint32_t i = 0; i < n; i++) {
		len += lists[i]->len;
	}
	refs = malloc((len + 1) * sizeof(*refs));
	len = 0;
	for (uint32_t i = 0; refs != NULL && i < n; i++) {
		for (uint32_t at = 0; at < lists[i]->len; at++) {
			refs[len++] = lists[i]->items[at].ref;
		}
	}
	failed = sandbox_freeze(r->sandbox, next->set, refs, refs != NULL ? len : 0, error);
	free(refs);
	return failed;
}

static void try_all(struct rules *r, struct generation *next, const struct engine_file *files, uint32_t len,
		    struct report *report)
{
	struct sandbox_error error;

	for (uint32_t i = 0; i < len; i++) {
		if (sandbox_load(r->sandbox, next->set, files[i].name, files[i].text, files[i].len, &error) != 0) {
			report_add(report, next->number, &error);
		}
	}
	r->loading = next;
	r->when = WHEN_LOAD;
	r->subject = 0;
	for (uint32_t i = 0; i < len && report->failed == 0; i++) {
		if (sandbox_start(r->sandbox, next->set, files[i].name, &error) != 0) {
			report_add(report, next->number, &error);
			break; /* what requires it would fail for the same reason */
		}
	}
	r->loading = NULL;
	r->when = 0;
	if (report->failed == 0 && freeze(r, next, &error) != 0) {
		report_add(report, next->number, &error);
	}
}

int rules_try(struct rules *r, uint32_t number, const struct engine_file *files, uint32_t len, char *ret_report, size_t size)
{
	uint32_t set = sandbox_generation_open(r->sandbox);
	struct generation *next = set != 0 ? generation_new(number, set) : NULL;
	struct report *report = calloc(1, sizeof(*report));
	int ok = 0;

	if (next != NULL && report != NULL) {
		next->files = len;
		if (kinds_open(r, next) == 0) {
			try_all(r, next, files, len, report);
			ok = report->failed == 0 ? 1 : -(int)report->failed;
		}
	}
	if (ret_report != NULL && size > 0) {
		snprintf(ret_report, size, "%s", report != NULL ? report->blocks : "no memory for another generation\n");
	}
	if (next == NULL && set != 0) {
		sandbox_generation_close(r->sandbox, set);
	}
	free(report);
	generation_free(r, ok == 1 ? r->tried : next);
	r->tried = ok == 1 ? next : r->tried;
	return ok;
}

void rules_take(struct rules *r)
{
	if (r->tried != NULL) {
		take_over(r, r->tried);
		r->tried = NULL;
		r->sweeps = SWEEP_TICKS;
	}
}
