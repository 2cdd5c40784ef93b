/* SPDX-License-Identifier: MIT */
/* Rules as Lua text in one engine: what they do, what players are told, and what the log says. */
#ifndef TESTS_API_H
#define TESTS_API_H

#include <stddef.h>

#include "engine/engine.h"

struct api_rig {
	struct engine *e;
	uint64_t tick;
	char log[65536];
	size_t log_len;
	char report[4096];
	char told[4096];  /* to anybody, in all ticks: lines */
	char heard[4096]; /* near: lines */
	char answer[600]; /* of the last act */
	int32_t status;	  /* of it; -1 = not answered yet */
	uint32_t grants, changed; /* OUTPUT_GRANT, OUTPUT_BLOCK */
	uint64_t grant_key[2];
};

/* api_open: a flat world with these rules; 1 if they were accepted, else report says why not. */
int api_open(struct api_rig *rig, const char *rules);
void api_close(struct api_rig *rig);
void api_ticks(struct api_rig *rig, uint32_t ticks);
/* api_enter: a player, and a tick. api_act: an action at nothing, an entity (target), or a place (at, 3 numbers), and a tick. */
void api_enter(struct api_rig *rig, uint64_t avatar, double x, double y);
void api_act(struct api_rig *rig, uint64_t avatar, const char *action, uint64_t target, const double *at);
/* api_calls: how often the handlers ran whose name begins so. api_errors: failed calls. api_one: the first entity of a kind. */
uint32_t api_calls(struct api_rig *rig, const char *what);
uint64_t api_errors(struct api_rig *rig);
int api_one(struct api_rig *rig, const char *kind, struct sight *ret_sight);

#endif
