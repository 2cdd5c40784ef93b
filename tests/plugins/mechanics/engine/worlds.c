/* SPDX-License-Identifier: MIT */
#include "worlds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void line(void *arg, uint32_t level, const char *code, const char *text)
{
	(void)arg;
	if (getenv("WORLDS_VERBOSE") != NULL || level <= 1) {
		fprintf(stderr, "# %s%s%s\n", code != NULL ? code : "", code != NULL ? ": " : "", text);
	}
}

static void rules(struct engine *e, const char *const *files)
{
	struct engine_file list[64];
	char report[4096] = "";
	uint32_t len = 0;

	for (; files[2 * len] != NULL; len++) {
		list[len] = (struct engine_file){ files[2 * len], files[2 * len + 1], strlen(files[2 * len + 1]) };
	}
	if (!engine_rules_try(e, 1, list, len, report, sizeof(report))) {
		fprintf(stderr, "%s", report);
		exit(99);
	}
	engine_rules_take(e);
}

void worlds_open(struct worlds *w, uint32_t len, const struct engine_shape *shape, const char *const *files)
{
	struct engine_settings settings = { .shape = *shape, .log = line };
	uint8_t *owners = NULL;

	memset(w, 0, sizeof(*w));
	w->len = len;
	for (uint32_t i = 0; i < len; i++) {
		w->engines[i] = engine_open(&settings);
		if (w->engines[i] == NULL) {
			fprintf(stderr, "an engine does not open\n");
			exit(99);
		}
		if (owners == NULL) {
			owners = malloc(engine_regions(w->engines[0]));
			for (uint32_t region = 0; region < engine_regions(w->engines[0]); region++) {
				owners[region] = (uint8_t)(region % len);
			}
		}
		engine_own(w->engines[i], owners, (uint8_t)i);
		rules(w->engines[i], files);
	}
	free(owners);
}

void worlds_close(struct worlds *w)
{
	for (uint32_t i = 0; i < w->len; i++) {
		w->engines[i] = engine_close(w->engines[i]);
	}
}

static void exchange(struct worlds *w)
{
	for (uint32_t i = 0; i < w->len; i++) {
		uint32_t count;
		const struct engine_part *parts = engine_exchange(w->engines[i], 1, &count);

		for (uint32_t p = 0; p < count; p++) {
			Region__Exchange *message = region__exchange__unpack(NULL, parts[p].len, parts[p].bytes);

			for (uint32_t to = 0; to < w->len; to++) {
				if (to != i && (message == NULL || engine_receive(w->engines[to], message) != 0)) {
					fprintf(stderr, "an exchange is refused\n");
					exit(99);
				}
			}
			region__exchange__free_unpacked(message, NULL);
		}
	}
}

void worlds_tick(struct worlds *w, const Region__Input *const *inputs, uint32_t inputs_len)
{
	w->tick++;
	for (uint32_t i = 0; i < w->len; i++) {
		engine_begin(w->engines[i], w->tick);
		for (uint32_t n = 0; n < inputs_len; n++) {
			engine_input(w->engines[i], inputs[n]);
		}
	}
	for (unsigned stage = 1; stage <= 3; stage++) {
		do {
			for (uint32_t i = 0; i < w->len; i++) {
				engine_stage(w->engines[i], stage);
			}
			exchange(w);
		} while (engine_again(w->engines[0]));
	}
	for (uint32_t i = 0; i < w->len; i++) {
		engine_end(w->engines[i]);
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
