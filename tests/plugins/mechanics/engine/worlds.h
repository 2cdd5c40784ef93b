/* SPDX-License-Identifier: MIT */
/* One world in several engines, in one process: what the network does between owners is done by calls. */
#ifndef TESTS_WORLDS_H
#define TESTS_WORLDS_H

#include "engine/engine.h"

#define WORLDS_MAX 8u

struct worlds {
	struct engine *engines[WORLDS_MAX];
	uint32_t len;
	uint64_t tick;
};

/* worlds_open: a world in `len` engines with its regions dealt out in turn, and the rules of these files (name, text, ..., NULL);
 * fails the program if they are refused. */
void worlds_open(struct worlds *w, uint32_t len, const struct engine_shape *shape, const char *const *files);
void worlds_close(struct worlds *w);
/* worlds_tick: the next tick with these inputs, given to all engines. */
void worlds_tick(struct worlds *w, const Region__Input *const *inputs, uint32_t inputs_len);
/* worlds_digest: of the whole world. */
uint64_t worlds_digest(struct worlds *w);

#endif
