/* SPDX-License-Identifier: MIT */
/* What the files of `troupe replay` share. */
#ifndef TOOLS_REPLAY_H
#define TOOLS_REPLAY_H

#include <stdint.h>

#include "engine/engine.h"
#include "recording.h"
#include "stops.h"

#define OWNERS_MAX 16u

struct replay {
	struct recording recording;
	struct engine *engines[OWNERS_MAX];
	uint32_t owners;
	uint64_t tick, last, until;
	int has_until, limited, digests, quiet, differs;
	struct stops stops;
	char again[512]; /* how to get here once more */
};

/* replay_bad: prints what is wrong with the recording; EXIT_INVALID. */
int replay_bad(const char *what);

/* replay_load: the engines, with the state and the rules of the checkpoint; an exit code. replay_rules: the bundle of this digest
 * is generation `number` in all engines from the next tick on; an exit code. */
int replay_load(struct replay *r);
int replay_rules(struct replay *r, ProtobufCBinaryData digest, uint32_t number);

#endif
