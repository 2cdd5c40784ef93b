/* SPDX-License-Identifier: MIT */
/* A reload: all scripts in a new generation, tried first, and taken over between two ticks or not at all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules_internal.h"

#define SETTLE_MS 30u /* after a change: an editor may write several files, or one in several steps */
#define TOLD_MAX 8u   /* errors of one reload that are shown */

struct generation *generation_new(struct rules *r, uint32_t number)
{
	struct generation *generation = calloc(1, sizeof(*generation));

	(void)r;
	if (generation == NULL) {
		return NULL;
	}
	generation->kinds = calloc(KINDS_MAX, sizeof(*generation->kinds));
	if (generation->kinds == NULL) {
		free(generation);
		return NULL;
	}
	generation->number = number;
	generation->kinds_len = 1;
	for (uint32_t i = 0; i < KINDS_MAX; i++) {
		generation->kinds[i].methods_ref = generation->kinds[i].state_ref = LUA_NOREF;
		generation->kinds[i].think = generation->kinds[i].on_spawn = -1;
		generation->kinds[i].every = 1;
	}
	strcpy(generation->kinds[0].name, "avatar");
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
	if (generation->number != 0) {
		sandbox_generation_close(r->sandbox, generation->number);
	}
	free(generation->kinds);
	free(generation);
}

/* --- taking over ---------------------------------------------------------------------------------- */

/* Entities stay; what was declared of their state goes over when it is next looked at (handle.c). Those of a kind that
 * there is no more leave the world. */
static void take_over(struct rules *r, struct generation *next)
{
	struct world *w = &r->m->world;
	struct generation *before = r->now;
	uint16_t number[KINDS_MAX] = { 0 };
	uint32_t removed = 0;

	for (uint32_t i = 1; i < before->kinds_len; i++) {
		for (uint32_t n = 1; n < next->kinds_len; n++) {
			if (strcmp(before->kinds[i].name, next->kinds[n].name) == 0) {
				number[i] = (uint16_t)n;
			}
		}
	}
	for (uint32_t row = w->count; row-- > 0;) {
		uint16_t kind = number[w->kind[row]];

		if (w->kind[row] == 0) {
			continue;
		}
		if (kind == 0) {
			interest_gone(r->m, w->id[row], w->cell_of[row]);
			rules_entity_gone(r, row);
			world_remove(w, row);
			removed++;
			continue;
		}
		w->kind[row] = kind;
		w->speed[row] = next->kinds[kind].speed * (double)r->m->options->tick_ms / 1000;
		next->kinds[kind].alive++;
	}
	r->now = next;
	generation_free(r, before);
	if (removed > 0) {
		log_line(r->m, TROUPE_LOG_NOTICE, NULL, "%u entities left with their kinds, which generation %u does not have",
			 removed, next->number);
	}
}

/* --- trying --------------------------------------------------------------------------------------- */

struct report {
	uint32_t failed;
	char code[8], first[224];
	char blocks[8192];
	size_t len;
};

static void report_add(struct report *report, const char *file, const struct sandbox_error *error)
{
	report->failed++;
	if (report->failed == 1) {
		snprintf(report->code, sizeof(report->code), "%s", error->code);
		snprintf(report->first, sizeof(report->first), "%s:%d: %.120s", error->file[0] != '\0' ? error->file : file,
			 error->line, error->message);
	}
	if (report->failed <= TOLD_MAX && report->len + 1024 < sizeof(report->blocks)) {
		report->len += sandbox_error_format(error, report->blocks + report->len,
						    sizeof(report->blocks) - report->len - 1);
		report->blocks[report->len++] = '\n';
		report->blocks[report->len] = '\0';
	}
}

/* file_label: what messages call a file: its folder's name and its own. */
static void file_label(const struct rules *r, const char *name, char *ret_label, size_t size)
{
	const char *folder = r->m->options->scripts;
	size_t len = strlen(folder), from;

	while (len > 0 && folder[len - 1] == '/') {
		len--;
	}
	for (from = len; from > 0 && folder[from - 1] != '/'; from--) {
	}
	snprintf(ret_label, size, "%.*s/%s", (int)(len - from), folder + from, name);
	if (strlen(ret_label) > SANDBOX_NAME_MAX) {
		snprintf(ret_label, size, "%s", name);
	}
}

static void try_all(struct rules *r, struct generation *next, const struct troupe_file *files, uint32_t len,
		    struct report *report)
{
	struct sandbox_error error;
	char label[512];

	for (uint32_t i = 0; i < len; i++) {
		file_label(r, files[i].name, label, sizeof(label));
		if (sandbox_load(r->sandbox, next->number, label, (const char *)files[i].bytes, files[i].len, &error) != 0) {
			report_add(report, label, &error);
		}
	}
	r->loading = next;
	for (uint32_t i = 0; i < len && report->failed == 0; i++) {
		file_label(r, files[i].name, label, sizeof(label));
		if (sandbox_start(r->sandbox, next->number, label, &error) != 0) {
			report_add(report, label, &error);
			break; /* what requires it would fail for the same reason */
		}
	}
	r->loading = NULL;
}

static void refused(struct rules *r, const struct report *report, uint32_t files)
{
	struct mechanics *m = r->m;

	r->refused++;
	count(m, METRIC_RELOAD_REFUSED);
	snprintf(r->problem, sizeof(r->problem), "%s", report->first);
	log_line(m, TROUPE_LOG_ERROR, "R0003", "reload refused, generation %u keeps running", r->now->number);
	log_line(m, TROUPE_LOG_ERROR, NULL, "  = note: %u of %u files failed: %s", report->failed, files, report->first);
	log_block(m, report->code, report->blocks);
	log_line(m, TROUPE_LOG_ERROR, NULL, "  = help: fix and save; nothing was changed");
}

static int generation_try(struct rules *r, const struct troupe_file *files, uint32_t len)
{
	uint32_t number = sandbox_generation_open(r->sandbox);
	struct generation *next = number != 0 ? generation_new(r, number) : NULL;
	struct report *report = calloc(1, sizeof(*report));

	if (next == NULL || report == NULL) {
		if (number != 0) {
			sandbox_generation_close(r->sandbox, number);
		}
		free(next);
		free(report);
		log_line(r->m, TROUPE_LOG_ERROR, "R0003",
			 "reload refused, generation %u keeps running: no memory for another", r->now->number);
		return 0;
	}
	next->files = len;
	try_all(r, next, files, len, report);
	if (report->failed > 0) {
		refused(r, report, len);
		generation_free(r, next);
		free(report);
		return 0;
	}
	free(report);
	take_over(r, next);
	sandbox_collect(r->sandbox, 0); /* what only the generation before held */
	r->accepted++;
	r->problem[0] = '\0';
	count(r->m, METRIC_RELOADED);
	log_line(r->m, TROUPE_LOG_NOTICE, NULL, "rules: generation %u runs, %u files of %s", number, len,
		 r->m->options->scripts);
	return 1;
}

/* --- reading -------------------------------------------------------------------------------------- */

static void read_now(struct rules *r);

static void answer(struct rules *r, int accepted)
{
	uint64_t request = r->request;

	r->request = 0;
	if (!r->tried) {
		r->tried = 1;
		lease_begin(r->m);
	}
	if (request != 0) {
		command_reloaded(r->m, request, accepted);
	}
}

static void on_files(void *instance, void *arg, int32_t status, const struct troupe_file *files, uint32_t len,
		     const char *text)
{
	struct mechanics *m = instance;
	struct rules *r = m->rules;
	uint64_t digest = troupe_fnv64("", 0);
	int accepted = 0;

	(void)arg;
	r->reading = 0;
	for (uint32_t i = 0; i < len; i++) {
		digest = world_mix(digest ^ troupe_fnv64(files[i].bytes, files[i].len),
				   troupe_fnv64(files[i].name, strlen(files[i].name)));
	}
	if (m->stopped) {
		return;
	}
	if (status != TROUPE_OK) {
		r->refused++;
		snprintf(r->problem, sizeof(r->problem), "%s: %s", m->options->scripts, text != NULL ? text : "not read");
		log_line(m, TROUPE_LOG_ERROR, "R0003",
			 "reload refused, generation %u keeps running: the scripts in %s cannot be read (%s)",
			 r->now->number, m->options->scripts, text != NULL ? text : "no reason given");
	} else if (r->forced || digest != r->digest) {
		r->digest = digest;
		accepted = generation_try(r, files, len);
	}
	r->forced = 0;
	answer(r, accepted);
	if (r->again) {
		read_now(r);
	}
}

static void read_now(struct rules *r)
{
	struct troupe_files files = { .size = sizeof(files),
				      .path = r->m->options->scripts,
				      .suffix = ".lua",
				      .on_files = on_files };

	r->again = r->reading;
	if (!r->reading) {
		r->reading = 1;
		r->m->h->files(r->m->h, &files);
	}
}

static void on_settled(void *instance, void *arg)
{
	struct mechanics *m = instance;

	(void)arg;
	m->rules->settle = 0;
	read_now(m->rules);
}

static void on_change(void *instance, void *arg)
{
	struct rules *r = ((struct mechanics *)instance)->rules;

	if (r->settle == 0) {
		r->settle = r->m->h->timer_start(r->m->h, SETTLE_MS, on_settled, arg);
	}
}

void rules_start(struct rules *r)
{
	struct mechanics *m = r->m;

	if (m->options->scripts == NULL || m->options->scripts[0] == '\0') {
		answer(r, 0);
		return;
	}
	if (m->options->watch) {
		r->watch = m->h->watch(m->h, m->options->scripts, on_change, NULL);
	}
	m->h->state(m->h, 0, 0, "reading the scripts");
	read_now(r);
}

void rules_read(struct rules *r, uint64_t request)
{
	if (r->request != 0 || r->m->options->scripts == NULL || r->m->options->scripts[0] == '\0') {
		if (request != 0) {
			proto_refuse(r->m->h, request, TROUPE_FAILED_PRECONDITION,
				     r->request != 0 ? "world.reloading" : "world.no_scripts");
		}
		return;
	}
	r->request = request;
	r->forced = 1;
	read_now(r);
}

void rules_stop(struct rules *r)
{
	if (r->watch != 0) {
		r->m->h->watch_stop(r->m->h, r->watch);
	}
	if (r->settle != 0) {
		r->m->h->timer_stop(r->m->h, r->settle);
	}
	r->watch = r->settle = 0;
}
