/* SPDX-License-Identifier: MIT */
/* One world in several engines, in one process: what the network does between owners is done by calls. */
#ifndef TESTS_WORLDS_H
#define TESTS_WORLDS_H

#include "engine/engine.h"

#define WORLDS_MAX 8u
#define WORLDS_REGIONS_MAX 1024u

struct claim;

struct worlds_page {
	uint8_t *bytes;
	size_t len;
	int32_t cx, cy; /* of a chunk */
};

struct worlds {
	struct engine *engines[WORLDS_MAX];
	uint32_t len;
	uint64_t tick;
	uint8_t owners[WORLDS_REGIONS_MAX]; /* by region */
	uint64_t shuffle; /* not 0: exchanges arrive in an order that depends on it */
	uint64_t bytes;	  /* of all exchanges, each once */
	struct engine_settings settings;
	const uint8_t *next; /* owners from the end of the next tick on */
	void (*evaluate)(void *arg, struct engine *e, struct claim *claim); /* see worlds_edits */
	void (*act)(struct engine *e);
	/* the last checkpoint */
	struct worlds_page *pages;
	uint32_t pages_len, pages_size;
	struct worlds_page *chunks; /* whose blocks had changed */
	uint32_t chunks_len, chunks_size;
	uint64_t saved; /* its tick */
	size_t saved_bytes;
};

/* worlds_open: a world in `len` engines with its regions dealt out in turn, and the rules of these files (name, text, ..., NULL);
 * fails the program if they are refused. worlds_open_as: with settings, and owners by region (NULL = in turn). */
void worlds_open(struct worlds *w, uint32_t len, const struct engine_shape *shape, const char *const *files);
void worlds_open_as(struct worlds *w, uint32_t len, const struct engine_settings *settings, const uint8_t *owners,
		    const char *const *files, uint32_t generation);
void worlds_close(struct worlds *w);
/* worlds_edits: edits without scripts: `act` is called at the end of each engine's stage 1, `evaluate` for each edit of its. */
void worlds_edits(struct worlds *w, void (*act)(struct engine *e), void (*evaluate)(void *arg, struct engine *e, struct claim *claim));
/* worlds_rules: other rules from the next tick on. */
void worlds_rules(struct worlds *w, const char *const *files, uint32_t generation);
/* worlds_tick: the next tick with these inputs, given to all engines. worlds_break: the same up to an engine's death in a stage:
 * some have run it, some have not; all that is left then is the checkpoint. */
void worlds_tick(struct worlds *w, const Region__Input *const *inputs, uint32_t inputs_len);
void worlds_break(struct worlds *w, const Region__Input *const *inputs, uint32_t inputs_len, unsigned stage, uint32_t ran);
/* worlds_move: regions have these owners from the end of the next tick on. */
void worlds_move(struct worlds *w, const uint8_t *owners);
/* worlds_save: a checkpoint of this tick. worlds_load: the world as it was then, in `len` new engines. */
void worlds_save(struct worlds *w);
void worlds_load(struct worlds *w, uint32_t len, const uint8_t *owners, const char *const *files, uint32_t generation);
/* worlds_digest: of the whole world. */
uint64_t worlds_digest(struct worlds *w);

#endif
