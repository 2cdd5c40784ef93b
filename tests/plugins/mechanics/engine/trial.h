/* SPDX-License-Identifier: MIT */
/* A world in one engine and the same in several, tick by tick side by side: whatever happens to the several, nothing may differ. */
#ifndef TESTS_TRIAL_H
#define TESTS_TRIAL_H

#include <stdint.h>

/* What happens in a trial; all of it in a way that follows from the seed. */
struct trial {
	uint64_t seed;
	uint32_t ticks;
	uint32_t len;	/* engines; 0 = any number, another after each crash */
	int deal;	/* regions are dealt at random, not in turn */
	int moves;	/* regions change hands while the world runs */
	int crashes;	/* all engines die in the middle of a tick, and the world goes on from the last checkpoint */
	int shuffles;	/* exchanges arrive in any order */
	int reloads;	/* the rules change */
	int aborts;	/* calls of rules run out of time where they ran first */
};

struct trial_figures {
	uint64_t ticks, again, crashes, moves, aborts, handed, bytes, errors, heard, paused, edits, conflicts, hurts;
	uint32_t entities, avatars, ghosts;
};

/* trial_rules.c: files of the rules, and those that are loaded in the middle of a trial. */
extern const char *const trial_rules[2][3];
/* trial_run: "" or what differed, and when; good until the next call. The figures say that there was something to go wrong. */
const char *trial_run(const struct trial *trial, struct trial_figures *ret_figures);

#endif
