/* SPDX-License-Identifier: MIT */
/* The mechanics role and the scheduler in a simulated host: a front-end and an item store are played by the test. */
#ifndef TESTS_MECHANICS_RIG_H
#define TESTS_MECHANICS_RIG_H

#include "avatar.stub.h"
#include "frontend.stub.h"
#include "item.stub.h"
#include "proto/proto.h"
#include "sim/sim.h"
#include "world.stub.h"

#define RIG_NAME "meadow/mechanics.m1"
#define HEARD_MAX 4096u
#define RIG_AVATARS 1024u

/* One thing that the front-end was told. */
struct heard {
	uint64_t session, channel; /* one of them */
	uint32_t event;
	int droppable, add, remove; /* add, remove: a subscription */
	size_t len;
	uint8_t payload[2048];
};

struct rig {
	struct config *config;
	struct sim *sim;
	const struct troupe_host *fe, *store;
	char scripts[64];
	struct heard heard[HEARD_MAX];
	uint32_t heard_len, batches;
	uint64_t reentered, reenter_session;
	uint32_t moved; /* frontend.moved */
	uint32_t moves_taken;
	uint64_t moved_session;
	uint64_t moved_to;
	/* where each avatar is, as the last answer to enter said; 0 = RIG_NAME */
	uint64_t at[RIG_AVATARS], owner, entering;
	uint32_t hops; /* times that the last enter was sent on */
	/* the store */
	uint32_t saves, fence; /* fence: saves of epochs below it are refused */
	int store_silent, store_down, store_busy;
	uint32_t grants, grants_other; /* asked for; under another key than the first */
	uint8_t grant_key[16];
	double saved_x, saved_y;
	uint64_t saved_avatar, saved_epoch;
	uint8_t saved_state[4096];
	size_t saved_state_len;
	uint64_t account; /* of who asks; 0 = the avatar's number */
	/* the last answer */
	int answered, status;
	char reason[TROUPE_REASON_MAX + 1], text[4096];
	double x, y;
	uint64_t tick;
	uint32_t entities;
	char first_kind[64];
};

/* rig_open: a scheduler with these options (after database, map and scripts), mechanics blocks such as RIG_ONE, and one
 * script, which may be NULL. Returns when the world runs. */
#define RIG_ONE "mechanics \"m1\" { database = \"meadow\" }\n"
void rig_open(struct rig *rig, const char *world, const char *owners, const char *script);
/* rig_open_seed: the same with other luck. rig_begin: without waiting for the world. */
void rig_open_seed(struct rig *rig, const char *world, const char *owners, const char *script, uint64_t seed);
void rig_begin(struct rig *rig, const char *world, const char *owners, const char *script, uint64_t seed);
void rig_close(struct rig *rig);
/* rig_runs: waits until RIG_NAME has had a tick. */
void rig_runs(struct rig *rig);
/* rig_script: writes a file of the scripts' folder; NULL removes it. */
void rig_script(struct rig *rig, const char *name, const char *text);
/* rig_reload, rig_world: rig_pause: the commands `script reload`, `world status` and `world pause`; they return how it ended, what it says is in rig->text. */
int rig_reload(struct rig *rig);
int rig_world(struct rig *rig);
int rig_pause(struct rig *rig);
/* rig_repl: the command of RIG_NAME, likewise; `at` may be NULL. */
int rig_repl(struct rig *rig, const char *line, int write, const char *at);
/* rig_status: a number from the command `status`. */
long rig_status(struct rig *rig, const char *key);
long rig_status_of(struct rig *rig, const char *owner, const char *key);
/* rig_at: the instance that has the avatar. */
uint64_t rig_at(struct rig *rig, uint64_t avatar);

/* Each asks and waits for the answer; they return its status. session = 1000 + avatar unless given. */
int rig_enter(struct rig *rig, uint64_t avatar, const char *name, double x, double y, uint64_t epoch);
int rig_enter_as(struct rig *rig, uint64_t avatar, uint64_t session, uint64_t epoch);
int rig_leave(struct rig *rig, uint64_t avatar, uint64_t session);
int rig_lose(struct rig *rig, uint64_t avatar, uint64_t session);
/* rig_move: until it is answered, which is after a tick. rig_move_send does not wait; moves_taken counts answers without error. */
void rig_move_send(struct rig *rig, uint64_t avatar, uint64_t seq, double x, double y);
int rig_move(struct rig *rig, uint64_t avatar, uint64_t seq, double x, double y);
int rig_look(struct rig *rig, uint64_t avatar);
int rig_act(struct rig *rig, uint64_t avatar, const char *action, uint64_t target);
/* rig_act_key: an act under a key. rig_act_send does not wait: rig->answered says when there is an answer. */
int rig_act_key(struct rig *rig, uint64_t avatar, const char *action, uint64_t key);
void rig_act_send(struct rig *rig, uint64_t avatar, const char *action, uint64_t key);
int rig_chat(struct rig *rig, uint64_t avatar, const char *channel, const char *text);
int rig_echo(struct rig *rig, uint64_t avatar, const void *bytes, size_t len);

/* rig_lines: how many lines (ChatHeard or SystemMessage) with this text came to a session or channel. */
uint32_t rig_lines(struct rig *rig, uint32_t event, const char *text);

#endif
