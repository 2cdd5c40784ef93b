/* SPDX-License-Identifier: MIT */
/* What people are told when a rule fails, and how often. */
#include <stdio.h>
#include <string.h>

#include "rules/internal.h"
#include "rules/show.h"

#define TOLD_A_SECOND 20u /* blocks in a second of the world, of all handlers together */
#define AGAIN_AFTER 60u	  /* seconds of the world: the same error of a handler is told again then, with how often it came */

/* log_block: a message of several lines, line by line: the log keeps to one line each, and shows the code itself. */
void log_block(struct engine *e, const char *code, const char *block)
{
	const char *text = strncmp(block, "error[", 6) == 0 ? strstr(block, "]: ") : NULL;

	if (code != NULL && text != NULL) {
		block = text + 3;
	}
	while (*block != '\0') {
		size_t len = strcspn(block, "\n");

		if (len > 0) {
			say_log(e, TROUPE_LOG_ERROR, code, "%.*s", (int)len, block);
		}
		code = NULL;
		block += len + (block[len] == '\n');
	}
}

/* names: 1 if the message speaks of the method that stands at `at`, as ":set". */
static int names(const char *message, const char *at)
{
	size_t len = 1 + strspn(at + 1, "abcdefghijklmnopqrstuvwxyz_");
	const char *found = message;

	while ((found = strchr(found, ':')) != NULL && strncmp(found, at, len) != 0) {
		found++;
	}
	return found != NULL;
}

/* caret: under the function that the message speaks of: "w:set" and the like, as it stands in the line. */
static void caret(struct text *text, const struct sandbox_error *error)
{
	const char *source = error->source, *at = NULL;
	char line[16];

	if (strcmp(error->code, "S0412") == 0 || strcmp(error->code, "S0413") == 0 || strcmp(error->code, "S0118") == 0 ||
	    strcmp(error->code, "S0119") == 0) {
		for (at = source; (at = strchr(at, ':')) != NULL; at++) { /* the first call of a method in the line */
			if (at > source && ((at[1] >= 'a' && at[1] <= 'z') || at[1] == '_')) {
				break;
			}
		}
	}
	if (at == NULL || (strcmp(error->code, "S0412") != 0 && !names(error->message, at))) {
		return;
	}
	show_put(text, "%*s |%*s", snprintf(line, sizeof(line), "%d", error->line), "", (int)(at + 1 - source) + 1, "");
	for (at++; (*at >= 'a' && *at <= 'z') || *at == '_'; at++) {
		show_put(text, "^");
	}
	show_put(text, "\n");
}

size_t error_block(const struct sandbox_error *error, uint32_t generation, const char *notes, char *buf, size_t size)
{
	struct text text = { buf, size, 0 };

	show_put(&text, "error[%s]: %s\n", error->code, error->message);
	if (error->file[0] != '\0') {
		show_put(&text, "  --> %s", error->file);
		if (error->line > 0) {
			show_put(&text, ":%d", error->line);
		}
		show_put(&text, " in %s, gen %u\n", error->what, generation);
	}
	if (error->source[0] != '\0') {
		show_put(&text, "%d | %s\n", error->line, error->source);
		caret(&text, error);
	}
	show_put(&text, "%s", notes);
	if (error->help[0] != '\0') {
		show_put(&text, "  = help: %s\n", error->help);
	}
	return text.len;
}

static uint64_t seconds(const struct rules *r)
{
	return r->e->tick * r->e->shape.tick_ms / 1000;
}

/* tellable: 1 if one more block may be told in this second. */
static int tellable(struct rules *r)
{
	if (r->told_second != seconds(r)) {
		r->told_second = seconds(r);
		r->told_len = 0;
	}
	return r->told_len++ < TOLD_A_SECOND;
}

/* notes: about whom it was, and how often it came since it was last told. */
static void notes(const struct rules *r, const struct handler *handler, char *buf, size_t size)
{
	struct text text = { buf, size, 0 };
	uint32_t row = r->subject != 0 ? entities_row(&r->e->all, r->subject) : NO_ROW;

	buf[0] = '\0';
	if (row != NO_ROW) {
		show_put(&text, "  = note: entity %llu (%s) at (%.1f, %.1f, %.1f), tick %llu\n", (unsigned long long)r->subject,
		    kind_word(r->now, r->e->all.kind[row]), r->e->all.x[row], r->e->all.y[row], r->e->all.z[row],
		    (unsigned long long)r->e->tick);
	} else {
		show_put(&text, "  = note: tick %llu\n", (unsigned long long)r->e->tick);
	}
	if (handler->untold > 0) {
		show_put(&text, "  = note: %u more in %llu s\n", handler->untold,
		    (unsigned long long)((r->e->tick - handler->told_at) * r->e->shape.tick_ms / 1000));
	}
}

/* blamed: the player whose call it was, or who asked for the edit (then also a monster); 0 if it counts each time. */
static uint64_t blamed(const struct rules *r, const struct sandbox_error *error)
{
	uint32_t row = r->subject != 0 ? entities_row(&r->e->all, r->subject) : NO_ROW;

	if (error->kind == SANDBOX_BUDGET || error->kind == SANDBOX_CLOCK || error->kind == SANDBOX_MEMORY) {
		return 0;
	}
	if (r->claim != NULL) {
		return r->claim->ask->actor;
	}
	return row != NO_ROW && r->e->all.kind[row] == KIND_PLAYER ? r->subject : 0;
}

void error_failed(struct rules *r, struct handler *handler, const struct sandbox_error *error)
{
	char block[3072], place[512], about[1024];
	uint64_t digest, since = r->e->tick - handler->told_at;

	r->errors++;
	if (in_tick(r)) {
		pause_count(r, handler, blamed(r, error));
	}
	snprintf(place, sizeof(place), "%s:%d %s", error->file, error->line, error->message);
	digest = troupe_fnv64(place, strlen(place));
	if ((digest == handler->logged && since * r->e->shape.tick_ms < AGAIN_AFTER * 1000u) || !tellable(r)) {
		handler->untold++; /* the same again is only counted */
		r->errors_untold++;
		return;
	}
	notes(r, handler, about, sizeof(about));
	if (error->help[0] == '\0' && error->line > 0 && r->e->settings.again != NULL) {
		size_t len = strlen(about);

		snprintf(about + len, sizeof(about) - len, "  = help: %s --break %s:%d\n", r->e->settings.again, error->file, error->line);
	}
	handler->logged = digest;
	handler->told_at = r->e->tick;
	handler->untold = 0;
	r->errors_told++;
	error_block(error, r->now->number, about, block, sizeof(block));
	log_block(r->e, error->code, block);
}
