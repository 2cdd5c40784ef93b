/* SPDX-License-Identifier: MIT */
/* The mechanics role: a flat world of entities, what players do in it, and the rules that scripts give it. */
#ifndef MECHANICS_MECHANICS_H
#define MECHANICS_MECHANICS_H

#include <stdint.h>

#include "lease.h"
#include "map/map.h"
#include "proto/proto.h"
#include "rules.h"
#include "world.h"
#include "world.stub.h"

/*
 * Conventions
 * 1. A tick has three stages, in this order: entities (rules run, the world is read), edits (blocks change: there are
 *    none yet), movement (wishes become positions). After it, what changed is told once to each front-end.
 * 2. What a rule wants is queued while it runs and done when it has ended well; a rule that fails wanted nothing.
 * 3. Everything that decides about the world uses the tick's number as time, the seed, and IEEE basic arithmetic: the same
 *    calls give the same world. Clocks are for pacing, limits of players, and figures.
 * 4. A cell's number is 1 + its place in the grid, in messages and as a channel; 0 is everywhere.
 */

#define FRONTENDS_MAX 16u
#define PEERS_MAX 512u	   /* instances of one role in all shards together */
#define AVATAR_NAME_MAX 63u
#define CHAT_MAX 256u	   /* characters */
#define TEXT_MAX 512u	   /* bytes of a line that rules say */
#define LOOK_MAX 500u	   /* entities in one answer, and in one CellSeen or Delta */
#define SAVES_MAX 64u	   /* saves under way at once, beside those of leaving players */
#define TIMES_LEN 256u	   /* durations of ticks that are remembered */
#define SAY_BYTES 96000u   /* a message to a front-end is sent when it has grown to this */

struct mechanics_options {
	int64_t size, cell, tick_ms, speed, save_ms, max_avatars, seed;
	int64_t budget, budget_ms, memory, quarantine, max_entities;
	int64_t watch;
	int64_t lease_ms, linger_ms;
	const char *scripts;
};

enum metric {
	METRIC_TICKS,
	METRIC_LATE,
	METRIC_TICK_TIME,
	METRIC_ENTITIES,
	METRIC_AVATARS,
	METRIC_MOVE_REFUSED,
	METRIC_CHAT_REFUSED,
	METRIC_ENTER_REFUSED,
	METRIC_SAVED,
	METRIC_SAVE_FAILED,
	METRIC_FENCED,
	METRIC_RULE_ERRORS,
	METRIC_QUARANTINED,
	METRIC_RELOADED,
	METRIC_RELOAD_REFUSED,
	METRIC_EFFECTS_FULL,
	METRIC_FULL,
	METRIC_COUNT
};

/* Who plays an avatar. Lives from enter to the end of the last save. */
struct player {
	uint64_t avatar, account, session, epoch;
	uint64_t seq;	       /* of the last move */
	uint64_t chat_us, move_us; /* when the next would be free of charge: a leaky bucket in time */
	double saved_x, saved_y, z;
	double save_x, save_y; /* what the save under way says */
	double x, y;	       /* once it is gone: where it stood last */
	struct player *gone_next, *gone_prev;
	uint32_t tries;	       /* saves that failed since the last that did not */
	uint64_t leave_request; /* answered when the last save has ended; 0 = nobody waits */
	struct frontend *frontend; /* NULL: its connection is lost, and it waits for a session that resumes */
	uint64_t lost_us;      /* since then */
	uint64_t lost_from;    /* with this front-end, if it was out of reach: 0 = it has said so itself, or was told */
	uint32_t at;	       /* place in mechanics.players */
	uint32_t cell;	       /* around which it sees; 0 = nothing yet */
	uint8_t saving, gone;  /* a save is under way; it left the world */
	uint8_t stale;	       /* a newer session owns it: it is not saved */
	uint8_t forgotten;     /* gone, and nothing about it is ours any more */
	uint8_t counted;       /* the save under way is one of SAVES_MAX */
	char name[AVATAR_NAME_MAX + 1];
};

/* One front-end: whom of its players sees which cell, and what it will be told after this tick. */
struct frontend {
	uint64_t id; /* 0 = free place */
	uint32_t players, missed;
	uint16_t *watch; /* for each cell: sessions that see it */
	struct say *say;
};

struct change {
	uint64_t id;
	uint32_t cell;
	uint8_t kind; /* enum change_kind, interest.c */
};

struct mechanics {
	const struct troupe_host *h;
	const struct mechanics_options *options;
	uint32_t metrics[METRIC_COUNT];

	struct world world;
	uint64_t tick, due_us, timer, late;
	uint64_t second_us;
	uint32_t times[TIMES_LEN];
	int draining, drained, stopped;
	int paused; /* the owner waits for its lease */
	struct lease lease;

	struct map by_avatar; /* avatar -> struct player in the world */
	struct player **players; /* in the world */
	uint32_t players_len, players_size, save_cursor, saves;
	uint32_t lost; /* of them wait for a session that resumes */
	struct player *gone; /* those that left and whose last save has not ended */

	struct frontend frontends[FRONTENDS_MAX];
	struct change *changes;
	uint32_t changes_len, changes_size;

	struct rules *rules;
};

/* --- mechanics.c ---------------------------------------------------------------------------------- */

void count(struct mechanics *m, enum metric metric);
/* clock_ns: monotonic, for figures and the last limit of scripts; never for what happens in the world. */
uint64_t clock_ns(void);
void log_line(struct mechanics *m, uint32_t level, const char *code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* owner_begin: this instance owns the world: it ticks and takes players. owner_goes_on: again, after a pause. owner_end:
 * no longer: who was in it is in another's world now, and nothing of it is saved. */
void owner_begin(struct mechanics *m);
void owner_goes_on(struct mechanics *m);
void owner_end(struct mechanics *m);

/* --- tick.c --------------------------------------------------------------------------------------- */

void tick_begin(struct mechanics *m);
void tick_end(struct mechanics *m);

/* --- players.c ------------------------------------------------------------------------------------ */

void players_on_enter(void *instance, const struct troupe_request *request, const World__EnterRequest *body);
void players_on_leave(void *instance, const struct troupe_request *request, const World__LeaveRequest *body);
/* players_tick: saves those whose turn it is. players_second: players of front-ends that are gone are lost; those who were
 * lost for too long leave. */
void players_tick(struct mechanics *m);
void players_second(struct mechanics *m);
/* players_drain: saves all; then tells the host that it is drained. */
void players_drain(struct mechanics *m);
/* players_forget: all of them leave, without a save and without a word. */
void players_forget(struct mechanics *m);
void players_free(struct mechanics *m);
/* player_of: who plays the actor of a request; NULL (answered with a refusal) if nobody does from there. */
struct player *player_of(struct mechanics *m, const struct troupe_request *request);

/* --- methods.c ------------------------------------------------------------------------------------ */

void method_look(void *instance, const struct troupe_request *request, const World__LookRequest *body);
void method_move(void *instance, const struct troupe_request *request, const World__MoveRequest *body);
void method_act(void *instance, const struct troupe_request *request, const World__ActRequest *body);
void method_echo(void *instance, const struct troupe_request *request, const World__EchoRequest *body);
void method_chat(void *instance, const struct troupe_request *request, const World__ChatRequest *body);

/* --- interest.c ----------------------------------------------------------------------------------- */

/* interest_appeared, interest_gone, interest_moved: notes for the messages after this tick. `ended`: it stands now. */
void interest_appeared(struct mechanics *m, uint64_t id, uint32_t cell);
void interest_gone(struct mechanics *m, uint64_t id, uint32_t cell);
void interest_moved(struct mechanics *m, uint64_t id, uint32_t cell, int ended);
/* interest_view: lets the player see the cells around `cell` (0 = none), told after this tick. */
void interest_view(struct mechanics *m, struct player *player, uint32_t cell);
/* interest_flush: tells each front-end what there is to tell. */
void interest_flush(struct mechanics *m);
/* interest_entity: fills a message from a row; the name is borrowed from the world. */
void interest_entity(const struct mechanics *m, uint32_t row, World__Entity *ret_entity);

/* --- say.c: what front-ends are told, gathered over a tick --------------------------------------- */

int say_open(const struct troupe_host *h, struct frontend *frontend);
/* say_free: what was not sent is let go. */
void say_free(const struct troupe_host *h, struct frontend *frontend);
void say_subscribe(struct mechanics *m, const struct player *player, uint64_t channel, int add);
void say_send(struct mechanics *m, const struct player *player, uint32_t event, const ProtobufCMessage *message);
/* say_publish: to those who listen to the channel, on front-ends where anybody does. */
void say_publish(struct mechanics *m, uint32_t channel, uint32_t event, const ProtobufCMessage *message, int droppable);
void say_flush(struct mechanics *m, struct frontend *frontend);

/* --- command.c ------------------------------------------------------------------------------------ */

extern const struct troupe_command mechanics_commands[];
/* command_reloaded: answers those who asked for a reload. */
void command_reloaded(struct mechanics *m, uint64_t request, int accepted);

#endif
