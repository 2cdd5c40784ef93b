/* SPDX-License-Identifier: MIT */
#include "worlds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"
#include "world/terrain.h"

#define PARTS_MAX 4096u

static void fail(const char *what)
{
	fprintf(stderr, "%s\n", what);
	exit(99);
}

static void line(void *arg, uint32_t level, const char *code, const char *text)
{
	(void)arg;
	(void)level;
	if (getenv("WORLDS_VERBOSE") != NULL) {
		fprintf(stderr, "# %s%s%s\n", code != NULL ? code : "", code != NULL ? ": " : "", text);
	}
}

static void rules(struct engine *e, const char *const *files, uint32_t generation)
{
	struct engine_file list[64];
	char report[4096] = "";
	uint32_t len = 0;

	for (; files[2 * len] != NULL; len++) {
		list[len] = (struct engine_file){ files[2 * len], files[2 * len + 1], strlen(files[2 * len + 1]) };
	}
	if (engine_rules_try(e, generation, list, len, report, sizeof(report)) != 1) {
		fail(report);
	}
	engine_rules_take(e);
}

void worlds_rules(struct worlds *w, const char *const *files, uint32_t generation)
{
	for (uint32_t i = 0; i < w->len; i++) {
		rules(w->engines[i], files, generation);
	}
}

/* --- coming and going ------------------------------------------------------------------------------- */

static void engines_open(struct worlds *w, const uint8_t *owners, const char *const *files, uint32_t generation)
{
	for (uint32_t i = 0; i < w->len; i++) {
		w->engines[i] = engine_open(&w->settings);
		if (w->engines[i] == NULL || engine_regions(w->engines[i]) > WORLDS_REGIONS_MAX) {
			fail("an engine does not open");
		}
		for (uint32_t region = 0; region < engine_regions(w->engines[i]); region++) {
			w->owners[region] = owners != NULL ? owners[region] : (uint8_t)(region % w->len);
		}
		engine_own(w->engines[i], w->owners, (uint8_t)i);
		w->engines[i]->edits.evaluate = w->evaluate;
		rules(w->engines[i], files, generation);
	}
}

void worlds_edits(struct worlds *w, void (*act)(struct engine *e), void (*evaluate)(void *arg, struct engine *e, struct claim *claim))
{
	w->act = act;
	w->evaluate = evaluate;
	for (uint32_t i = 0; i < w->len; i++) {
		w->engines[i]->edits.evaluate = evaluate;
	}
}

static void engines_close(struct worlds *w)
{
	for (uint32_t i = 0; i < w->len; i++) {
		w->engines[i] = engine_close(w->engines[i]);
	}
	w->next = NULL;
}

void worlds_open_as(struct worlds *w, uint32_t len, const struct engine_settings *settings, const uint8_t *owners,
		    const char *const *files, uint32_t generation)
{
	memset(w, 0, sizeof(*w));
	w->len = len;
	w->settings = *settings;
	w->settings.log = settings->log != NULL ? settings->log : line;
	engines_open(w, owners, files, generation);
}

void worlds_open(struct worlds *w, uint32_t len, const struct engine_shape *shape, const char *const *files)
{
	struct engine_settings settings = { .shape = *shape };

	worlds_open_as(w, len, &settings, NULL, files, 1);
}

static void pages_free(struct worlds *w)
{
	for (uint32_t i = 0; i < w->pages_len; i++) {
		free(w->pages[i].bytes);
	}
	for (uint32_t i = 0; i < w->chunks_len; i++) {
		free(w->chunks[i].bytes);
	}
	w->pages_len = w->chunks_len = 0;
	w->saved_bytes = 0;
}

void worlds_close(struct worlds *w)
{
	engines_close(w);
	pages_free(w);
	free(w->pages);
	free(w->chunks);
	w->pages = w->chunks = NULL;
}

/* --- ticks ------------------------------------------------------------------------------------------ */

struct parcel {
	Region__Exchange *message;
	uint32_t from, to;
};

static void shuffle(struct worlds *w, struct parcel *parcels, uint32_t len)
{
	for (uint32_t i = len; i > 1 && w->shuffle != 0; i--) {
		uint32_t other;
		struct parcel swap;

		w->shuffle = w->shuffle * 6364136223846793005u + 1442695040888963407u;
		other = (uint32_t)((w->shuffle >> 33) % i);
		swap = parcels[i - 1];
		parcels[i - 1] = parcels[other];
		parcels[other] = swap;
	}
}

/* exchange: what all have to say of the stage goes to all others, in any order. */
static void exchange(struct worlds *w)
{
	static struct parcel parcels[PARTS_MAX];
	Region__Exchange *messages[PARTS_MAX];
	uint32_t len = 0, messages_len = 0;

	for (uint32_t i = 0; i < w->len; i++) {
		uint32_t count;
		const struct engine_part *parts = engine_exchange(w->engines[i], 1, &count);

		for (uint32_t p = 0; p < count; p++) {
			Region__Exchange *message = region__exchange__unpack(NULL, parts[p].len, parts[p].bytes);

			w->bytes += parts[p].len;
			if (message == NULL || messages_len == PARTS_MAX || len + w->len > PARTS_MAX) {
				fail("an exchange cannot be unpacked, or there are too many");
			}
			messages[messages_len++] = message;
			for (uint32_t to = 0; to < w->len; to++) {
				if (to != i) {
					parcels[len++] = (struct parcel){ message, i, to };
				}
			}
		}
	}
	shuffle(w, parcels, len);
	for (uint32_t i = 0; i < len; i++) {
		if (engine_receive(w->engines[parcels[i].to], parcels[i].message) != 0) {
			fail("an exchange is refused");
		}
	}
	for (uint32_t i = 0; i < messages_len; i++) {
		region__exchange__free_unpacked(messages[i], NULL);
	}
}

static void begin(struct worlds *w, const Region__Input *const *inputs, uint32_t inputs_len)
{
	for (uint32_t i = 0; i < w->len; i++) {
		engine_begin(w->engines[i], w->tick + 1);
		for (uint32_t n = 0; n < inputs_len; n++) {
			engine_input(w->engines[i], inputs[n]);
		}
	}
}

/* stage_run: the first `ran` engines run a stage. */
static void stage_run(struct worlds *w, unsigned stage, uint32_t ran)
{
	for (uint32_t i = 0; i < ran; i++) {
		if (stage == 3 && w->next != NULL) {
			engine_own(w->engines[i], w->next, (uint8_t)i);
		}
		engine_stage(w->engines[i], stage);
		if (stage == 1 && w->act != NULL) {
			w->act(w->engines[i]);
		}
	}
}

void worlds_tick(struct worlds *w, const Region__Input *const *inputs, uint32_t inputs_len)
{
	begin(w, inputs, inputs_len);
	for (unsigned stage = 1; stage <= 3; stage++) {
		do {
			stage_run(w, stage, w->len);
			exchange(w);
		} while (engine_again(w->engines[0]));
	}
	for (uint32_t i = 0; i < w->len; i++) {
		engine_end(w->engines[i]);
	}
	w->tick++;
	if (w->next != NULL) {
		memcpy(w->owners, w->next, engine_regions(w->engines[0]));
		w->next = NULL;
	}
}

void worlds_break(struct worlds *w, const Region__Input *const *inputs, uint32_t inputs_len, unsigned stage, uint32_t ran)
{
	begin(w, inputs, inputs_len);
	for (unsigned n = 1; n < stage; n++) {
		do {
			stage_run(w, n, w->len);
			exchange(w);
		} while (engine_again(w->engines[0]));
	}
	stage_run(w, stage, ran);
}

void worlds_move(struct worlds *w, const uint8_t *owners)
{
	w->next = owners;
}

/* --- checkpoints ------------------------------------------------------------------------------------ */

static void page_keep(void *arg, uint32_t region, uint32_t number, const uint8_t *bytes, size_t len)
{
	struct worlds *w = arg;

	(void)region;
	(void)number;
	if (len > 200u * 1024u) {
		fail("a page is too large");
	}
	if (w->pages_len == w->pages_size) {
		w->pages_size = w->pages_size == 0 ? 64 : w->pages_size * 2;
		w->pages = realloc(w->pages, w->pages_size * sizeof(*w->pages));
	}
	w->pages[w->pages_len] = (struct worlds_page){ malloc(len > 0 ? len : 1), len, 0, 0 };
	memcpy(w->pages[w->pages_len++].bytes, bytes, len);
	w->saved_bytes += len;
}

/* chunks_keep: all engines have all changed blocks. */
static void chunks_keep(struct worlds *w)
{
	struct terrain *t = engine_terrain(w->engines[0]);
	struct terrain_place place;

	for (uint32_t at = 0; terrain_next(t, TERRAIN_EDITED, &at, &place);) {
		struct worlds_page *chunk;

		if (w->chunks_len == w->chunks_size) {
			w->chunks_size = w->chunks_size == 0 ? 64 : w->chunks_size * 2;
			w->chunks = realloc(w->chunks, w->chunks_size * sizeof(*w->chunks));
		}
		chunk = &w->chunks[w->chunks_len++];
		*chunk = (struct worlds_page){ .cx = place.cx, .cy = place.cy };
		if (terrain_pack(t, place.cx, place.cy, &chunk->bytes, &chunk->len, NULL) != 0) {
			fail("a chunk cannot be packed");
		}
	}
}

void worlds_save(struct worlds *w)
{
	pages_free(w);
	w->saved = w->tick;
	chunks_keep(w);
	for (uint32_t i = 0; i < w->len; i++) {
		engine_save(w->engines[i], page_keep, w);
	}
}

void worlds_load(struct worlds *w, uint32_t len, const uint8_t *owners, const char *const *files, uint32_t generation)
{
	engines_close(w);
	w->len = len;
	engines_open(w, owners, files, generation);
	w->tick = w->saved;
	for (uint32_t i = 0; i < w->len; i++) {
		for (uint32_t n = 0; n < w->chunks_len; n++) {
			const struct worlds_page *chunk = &w->chunks[n];

			if (terrain_put_packed(engine_terrain(w->engines[i]), chunk->cx, chunk->cy, chunk->bytes, chunk->len) != 0) {
				fail("a chunk is refused");
			}
		}
		for (uint32_t n = 0; n < w->pages_len; n++) {
			Region__Page *page = region__page__unpack(NULL, w->pages[n].len, w->pages[n].bytes);

			if (page == NULL || engine_load(w->engines[i], page) != 0) {
				fail("a page is refused");
			}
			region__page__free_unpacked(page, NULL);
		}
		engine_loaded(w->engines[i], w->saved);
	}
}

uint64_t worlds_digest(struct worlds *w)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < w->len; i++) {
		sum += engine_digest(w->engines[i]);
	}
	return sum;
}
