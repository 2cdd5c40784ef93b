/* SPDX-License-Identifier: MIT */
/* Lines of scripts at which a replay stops, shows what is there, and asks what to do. */
#ifndef TOOLS_STOPS_H
#define TOOLS_STOPS_H

#include <stdint.h>

#include "engine/engine.h"
#include "recording.h"
#include "sandbox/sandbox.h"

#define STOPS_MAX 32u
#define STOPS_ALL UINT32_MAX
#define STOPS_SHOWN 10u /* stops that are shown, unless somebody answers a prompt or says how many */

struct stops {
	struct sandbox_line lines[STOPS_MAX];
	uint64_t reached[STOPS_MAX]; /* times */
	char names[STOPS_MAX][SANDBOX_NAME_MAX + 1];
	uint32_t len;
	uint32_t limit, shown;
	int asks;      /* a prompt at each stop */
	int next_tick; /* the first line in the next tick stops, too */
	int quits;     /* said so */
	struct engine *const *engines;
	uint32_t engines_len;
};

/* stops_add: SCRIPT:LINE of the command line. 0, or -1 after printing what is wrong with it. [main] */
int stops_add(struct stops *stops, const char *place);
/* stops_check: 0 if some rules in the recording have code at each line; else -1 after printing where the next code is. [main] */
int stops_check(const struct stops *stops, const struct recording *recording);
/* stops_open: the engines (borrowed) stop there from now on; with no stops nothing is done. [main] */
void stops_open(struct stops *stops, struct engine *const *engines, uint32_t len);
/* stops_tick: the next tick begins. [main] */
void stops_tick(struct stops *stops);
/* stops_report: how often each line was reached. [main] */
void stops_report(const struct stops *stops);

#endif
