/* SPDX-License-Identifier: MIT */
/* The scheduler role in a simulated host: owners of regions are played by the test, and watch what they are told. */
#ifndef TESTS_SCHEDULER_RIG_H
#define TESTS_SCHEDULER_RIG_H

#include "plugins/lib/asker.h"
#include "region.stub.h"
#include "tick.stub.h"
#include "worldkey/worldkey.h"

#define RIG_REGIONS 16u
#define RIG_TICKS 4096u
#define RIG_A "meadow/scheduler.a"
#define RIG_B "meadow/scheduler.b"

struct rig;

/* One owner. It does what a real one does as far as a scheduler can see, and fails the test where it is told what cannot be. */
struct fake {
	struct rig *rig;
	const struct troupe_host *h;
	char name[64];
	uint64_t timer, request, unanswered;
	uint64_t epoch, tick, last, told, saving;
	unsigned stage;		 /* of tick + 1: the last that ended */
	uint64_t asked_tick;	 /* the newest that it was asked for ... */
	unsigned asked_stage;	 /* ... and its stage */
	uint32_t version, db;
	uint8_t mine[RIG_REGIONS];
	uint64_t places[4];
	uint32_t regions;
	int in, durable, wants_done;
	uint32_t restores, agains, paused, lates;
	char reason[128], refusal[32]; /* for operators, for players */
	uint8_t rules[WORLD_DIGEST_SIZE], prepared[WORLD_DIGEST_SIZE];
	uint32_t generation, prepared_generation, prepares;
	uint32_t speed, speed_again; /* of the shape; when ticks were last run again */
	/* what it does wrong */
	uint32_t slow_ms;	 /* it takes so long for stage 1 */
	int dead;		 /* neither speaks nor answers */
	uint64_t die_tick;	 /* in this tick ... */
	unsigned die_stage;	 /* ... and stage; 4 = after its end */
	int draining, hangs_restore, refuses_rules, no_memory, refuses_restore, never_saves, pauses_rule;
	uint64_t journal;	 /* bytes that it adds in each tick, as it says */
	uint32_t unread;	 /* so often it cannot read rules that it is to prepare */
	uint32_t load[RIG_REGIONS];
};

struct rig {
	struct config *config;
	struct sim *sim;
	struct fake owners[4];
	uint32_t owners_len;
	char scripts[64];
	uint64_t told, first_told;	/* what players know */
	uint64_t epochs[RIG_TICKS];	/* the epoch in which a tick ran for the first time, once players know it */
	uint64_t began_us[RIG_TICKS];
	uint8_t journaled[RIG_TICKS];	/* by which owners, and durable */
	int hosts;			/* each of them has one of its own */
	uint64_t repeated;		/* stages asked for once more */
	uint64_t stale;			/* stages with an epoch that is over, refused */
	struct answer answer;
};

/* rig_open: a scheduler "a", with `more` after its database, a second one if `two`, all on hosts of their own if it is 2,
 * and `owners` owners. */
void rig_open(struct rig *rig, const char *more, int two, uint32_t owners);
void rig_close(struct rig *rig);
/* rig_owner: one more. */
struct fake *rig_owner(struct rig *rig, const char *name);
/* rig_run: lets time pass, in small steps, and checks what must always be so. */
void rig_run(struct rig *rig, uint64_t ms);
/* rig_until: runs until players know this tick; fails the test after `ms`. Returns how long it took. */
uint64_t rig_until(struct rig *rig, uint64_t tick, uint64_t ms);
/* rig_active: the one of both that runs the world; NULL = none. */
const char *rig_active(struct rig *rig);
/* rig_command: of the active one; the answer's text is in rig->answer. rig_number: a member of it. */
int32_t rig_command(struct rig *rig, const char *verb, const void *args);
int64_t rig_number(struct rig *rig, const char *key);
int rig_says(struct rig *rig, const char *text);
void rig_script(struct rig *rig, const char *name, const char *text);
/* rig_drain: the owner says that it drains. rig_alive: it speaks and answers again, as one that has just started. */
void rig_drain(struct fake *fake);
void rig_alive(struct fake *fake);
/* rig_put: the owner writes something under an epoch; returns how that ended. */
int32_t rig_put(struct fake *fake, const char *key, uint64_t epoch);
/* rig_keys: how many keys begin with this. */
uint32_t rig_keys(struct rig *rig, const char *prefix);

#endif
